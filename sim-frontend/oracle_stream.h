// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_stream: the byte streams of a console's ports, part of the content oracle: each is complete and in order,
 * both ways; nothing comes twice, and no port is asked for input that the guest has not opened.
 *
 * Every byte follows from its stream and its place in it, so nothing is kept to compare with. A stream begins anew
 * where bytes may be lost: with a reset of the device or of the queue, and after its port was away, as soon as
 * nothing of the time before is under way.
 *
 * Legal, though odd: input in more buffers than it needs; output in pieces; buffers that come back empty. A guest
 * that changes memory behind the driver's back is not followed until its device is reset.
 */
#ifndef RINGSIDE_ORACLE_STREAM_H
#define RINGSIDE_ORACLE_STREAM_H

#include "devices/console.h"
#include "oracle.h"
#include "oracle_content.h"
#include "ram.h"

#define STREAM_NONE       UINT8_MAX /* no port: a control queue, or one that is not in use */
#define STREAM_SLOTS_MAX  1056      /* chains that the driver has posted, all queues; 0 is none */
#define STREAM_PIECES_MAX 12

/* Bytes so far, since the stream began. */
struct stream_port {
	uint64_t sent, taken; /* output: by the driver; by the backend */
	uint64_t given, got;  /* input: by the backend; by the driver */
	bool unsure;          /* output: some of it may have been dropped */
};

/* A chain on its way. */
struct stream_slot {
	uint16_t queue;
	uint8_t port;    /* or STREAM_NONE */
	uint8_t npieces; /* to be written */
	struct content_piece piece[STREAM_PIECES_MAX];
};

struct stream {
	struct oracle *oracle;
	struct ram *ram;
	bool trusted;
	struct stream_port port[CONSOLE_PORTS_MAX];
	uint16_t nfree, fresh;
	uint16_t free[STREAM_SLOTS_MAX];
	struct stream_slot slot[STREAM_SLOTS_MAX];
};

void stream_init(struct stream *, struct oracle *, struct ram *);
void stream_restart(struct stream *); /* a fresh device */
/* The guest does what is not followed; and no longer does, as the device was reset. */
void stream_distrust(struct stream *);
void stream_trust(struct stream *);

/* -- chains ---------------------------------------------------------------------------------------------- */
/* Whose writable half are these pieces. Returns a number for the calls below; 0: it is not looked at. */
uint16_t stream_posted(struct stream *, uint16_t queue, uint8_t port, const struct content_piece *,
		       uint32_t npieces);
/* Copies out the first n bytes that were written. False: they are not known. */
bool stream_bytes(const struct stream *, uint16_t slot, void *, uint32_t n);
/* The chain comes back, a receive buffer of a port with n bytes of input in it. */
void stream_got(struct stream *, uint16_t slot, uint32_t n);
/* It never does: a reset came first. */
void stream_dropped(struct stream *, uint16_t slot);

/* -- output ---------------------------------------------------------------------------------------------- */
/* The driver has something to send, and nothing of this port is under way (idle) or some is; there: the host has
 * the port. */
void stream_begin(struct stream *, uint16_t port, bool there, bool idle);
/* It sends n bytes, and writes them to memory. */
void stream_send(struct stream *, uint16_t port, gpa_t, uint32_t n);
/* The backend is asked to take what lies in a request. */
void stream_taken(struct stream *, const struct console_io *);
/* The port goes: output that was sent may be dropped. */
void stream_cut(struct stream *, uint16_t port);
/* The queue was reset: what was sent, or given, and has not arrived does not. */
void stream_reset(struct stream *, uint16_t port, bool output);

/* -- input ----------------------------------------------------------------------------------------------- */
/* A request is made for a port; open: the guest has it open. */
void stream_asked(struct stream *, uint16_t port, bool open);
/* The backend fills the first n bytes of a request. */
void stream_give(struct stream *, const struct console_io *, uint32_t n);

/* Nothing is under way: all that was sent and given has arrived. */
void stream_quiet(struct stream *, uint16_t port);

#endif
