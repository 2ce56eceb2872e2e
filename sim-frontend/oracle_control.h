// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_control: the console's control protocol (5.3.6.2) and its emergency writes (5.3.4): what the driver was
 * told, in its order, held against what the host did. Part of the oracles of content, liveness and the backend.
 *
 *   told   nothing before DEVICE_READY; ports are added before and removed after all else that is said of them,
 *          each once, and none beyond max_nr_ports (con.mport.1, con.mport.2); of a port whose driver never said
 *          PORT_READY nothing else is said; messages are whole, of kinds that a device sends, names are the port's
 *   due    at quiescence, where the driver has posted buffers: which ports there are, which of them are open or
 *          terminals, their names, the size, and to the backend which the guest has open
 *   bytes  each emergency write came out at once, its lower byte (con.init.1, con.init.2)
 *
 * Legal, though odd: what was overtaken is not told (a port that came and went); what is told twice; a port of
 * which things are told though the driver has just taken its PORT_READY back, or knows another one of that number.
 */
#ifndef RINGSIDE_ORACLE_CONTROL_H
#define RINGSIDE_ORACLE_CONTROL_H

#include "devices/console.h"
#include "oracle.h"
#include "trace/remake.h"

#define CONTROL_NAMES_MAX 4 /* of one port, that are remembered */
#define CONTROL_LEN_MAX   (sizeof(struct virtio_console_control) + CONSOLE_NAME_MAX)

struct control_port {
	/* the host's */
	struct console_port_options host;
	uint32_t nnames; /* that it has had */
	uint64_t name[CONTROL_NAMES_MAX];
	bool opened; /* the backend was told that the guest has it open */
	/* the driver's, since it was reset */
	bool ever_ready; /* it said PORT_READY, of this port or another of its number */
	bool known, ready, open;
	bool heard_open, heard_terminal, heard_name, heard_size;
};

struct control {
	struct oracle *oracle;
	const struct vdev *vdev;
	bool distrusted;          /* the guest does what is not followed */
	bool lost;                /* messages were, with their queue; until the device is reset */
	bool began, driver_ready; /* the driver has said DEVICE_READY; what it said last */
	uint16_t nports, cols, rows, heard_cols, heard_rows;
	bool rows_first;
	bool emergency_due; /* a byte was written, and has to come out */
	uint8_t emergency;
	struct control_port port[CONSOLE_PORTS_MAX];
};

void control_init(struct control *, struct oracle *, const struct vdev *);
void control_restart(struct control *, const struct console_options *); /* a fresh device */
void control_trust(struct control *, bool);                             /* as stream_distrust, stream_trust */

/* -- the host -------------------------------------------------------------------------------------------- */
void control_terminal(struct control *, uint16_t cols, uint16_t rows);
void control_port(struct control *, uint16_t port, enum port_change, const struct console_port_options *);

/* -- the device ------------------------------------------------------------------------------------------ */
void control_opened(struct control *, uint16_t port, bool open);
void control_emergency(struct control *, uint8_t byte);

/* -- the driver ------------------------------------------------------------------------------------------ */
void control_forget(struct control *); /* it was reset */
void control_lost(struct control *);   /* a control queue was */
/* It has sent a message. */
void control_says(struct control *, const struct virtio_console_control *);
/* It takes n bytes of one; CONTROL_LEN_MAX of them are looked at. */
void control_hears(struct control *, const uint8_t *, uint32_t n);
/* Around a write of n bytes of the configuration at off. */
void control_write_begins(struct control *, uint64_t off, uint32_t n, uint64_t value);
void control_write_ends(struct control *);

/* Nothing is under way, and the driver owes nothing; it has buffers posted for more messages. */
void control_quiet(struct control *);

#endif
