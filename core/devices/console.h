// SPDX-License-Identifier: BSD-2-Clause
/*
 * console: the virtio console device (virtio 1.4, 5.3): port 0, and with MULTIPORT named ports and a control
 * protocol.
 *
 * Bytes are never touched here: buffers are lent to a backend, one stream each way for each port.
 *
 * Output (guest to host): a chain becomes one CONSOLE_IO_TX, in the order of the ring; the backend takes all of
 * its bytes before it completes it, and as long as it likes: that is the back-pressure.
 *
 * Input (host to guest): the backend has n bytes for a port and asks console_input for room. It gets a buffer
 * lent as one CONSOLE_IO_RX, nested in that call, of n bytes or fewer. Where none is posted, or the port is not
 * open in the guest, the answer is 0: the bytes wait at the backend, whose `wake` is called once there is room.
 */
#ifndef RINGSIDE_CONSOLE_H
#define RINGSIDE_CONSOLE_H

#include <linux/virtio_console.h>

#include "vdev.h"

#define CONSOLE_PORTS_MAX    7 /* queues: 0 and 1 of port 0, 2 and 3 control, then two for each port */
#define CONSOLE_QUEUE_SIZE   64
#define CONSOLE_INFLIGHT_MAX 64    /* requests at the backend, all ports together */
#define CONSOLE_NAME_MAX     32    /* bytes of a port's name, its NUL included */
#define CONSOLE_BYTES_MAX    4096u /* of one input request */
#define CONSOLE_SPANS_MAX    (VQ_SEGS_MAX + VMEM_REGIONS_MAX)

/* The order is part of the trace format. */
enum console_io_type { CONSOLE_IO_TX, CONSOLE_IO_RX };

struct console_io {
	uint16_t id;  /* 0 .. CONSOLE_INFLIGHT_MAX-1 */
	uint8_t type; /* enum console_io_type */
	uint16_t port;
	uint32_t len; /* bytes, the sum of all spans */
	uint16_t nspans;
	struct vspan span[CONSOLE_SPANS_MAX];
};

struct console_backend {
	void (*submit)(void *ctx, struct console_io *);
	void (*drain)(
		void *ctx); /* returns when every submitted request has been answered by console_io_done */
	void (*wake)(void *ctx,
		     uint16_t port); /* after console_input's 0: there is room now; not from inside */
	void (*opened)(void *ctx, uint16_t port, bool open); /* the guest opened the port, or closed it */
	void (*emergency)(void *ctx, uint8_t byte); /* EMERG_WRITE (5.3.4), before anything else works */
	void *ctx;
};

struct console_port_options {
	bool there;                  /* port 0 always is; others may be added later */
	bool console;                /* CONSOLE_PORT: it is a terminal, not a plain stream */
	bool open;                   /* the host's side of it is */
	char name[CONSOLE_NAME_MAX]; /* "": none */
};

struct console_options {
	uint16_t cols, rows; /* of port 0 */
	uint16_t nports;     /* max_nr_ports, 1 .. CONSOLE_PORTS_MAX; above 1 offers MULTIPORT */
	uint16_t queue_size; /* 0: CONSOLE_QUEUE_SIZE */
	uint64_t without;    /* feature bits not to offer */
	struct console_port_options port[CONSOLE_PORTS_MAX];
};

struct console_req {
	struct console_io io;
	gpa_t span_gpa[CONSOLE_SPANS_MAX];
	uint16_t queue;
	struct vq_tok tok;
};

struct console {
	struct vdev vdev; /* first: a struct vdev * of this type is a struct console * */
	struct console_backend backend;
	struct console_options options;
};

/* The backend's table is copied. Options are the host's own and must be right. */
void console_init(struct console *, struct vmem *, const struct host *, void *host_ctx,
		  const struct console_backend *, const struct console_options *);
/* bytes: RX: how many leading bytes of the spans were stored; TX: io->len, or fewer where the rest is lost. */
void console_io_done(struct console *, struct console_io *, uint32_t bytes);
/* After a batch of console_io_done outside of submit. */
void console_publish(struct console *);
/* The backend has n bytes (n > 0) for a port. Returns how many of them it was lent room for: 0: keep them, wake
 * comes. Publishes. */
uint32_t console_input(struct console *, uint16_t port, uint32_t n);
/* The terminal has another size: SIZE (configuration interrupt), or RESIZE with MULTIPORT. */
void console_resize(struct console *, uint16_t cols, uint16_t rows);
/* Hot plug (MULTIPORT). Port 0 stays. What is in flight on a port that is removed is drained first. */
void console_port_add(struct console *, uint16_t port, const struct console_port_options *);
void console_port_remove(struct console *, uint16_t port);
/* The host's side of a port was opened or closed: the guest is told. */
void console_port_open(struct console *, uint16_t port, bool open);

#endif
