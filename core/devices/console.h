// SPDX-License-Identifier: BSD-2-Clause
/*
 * console: the virtio console device (virtio 1.4, 5.3): port 0, and with MULTIPORT named ports and a control
 * protocol (console_ctrl.c).
 *
 * Bytes are never touched here: buffers are lent to a backend, one stream each way for each port.
 *
 * Output (guest to host): a chain becomes one CONSOLE_IO_TX, in the order of the ring; the backend takes all of
 * its bytes before it completes it, and as long as it likes: that is the back-pressure. At most CONSOLE_TX_MAX
 * of a port are out, so that a port that is stopped leaves room for the others. A chain that can not be lent
 * whole is lent in pieces, one after the other; bytes for a port that is not there are lost.
 *
 * Input (host to guest): the backend has n bytes for a port and asks console_input for room. It gets a buffer
 * lent as one CONSOLE_IO_RX, nested in that call, of n bytes or fewer. Where none is posted, the port is not
 * open in the guest, or the port's last CONSOLE_IO_RX is still out, the answer is 0: the bytes wait at the
 * backend, whose `wake` is called once there is room, be it after a reset. With MULTIPORT a port is open from
 * the driver's PORT_OPEN on; without it port 0 is open while the device is live, and `opened` is not called.
 *
 * What the driver must be told in control messages is kept as state of each port, never as a queue: it waits
 * for buffers without growing, and what was overtaken meanwhile (a port that came and went) is not told. A
 * port that was closed and opened again since is told as both.
 *
 * Saving: what the guest knows of the terminal's size and of the ports is saved, and the requests; the ports must
 * be the same at the loader, which tells afterwards (console_resize, console_port_open) what is another thing now.
 * vdev_resume tells the backend which ports the guest has open and submits the requests anew, under their ids. An input request that the backend has nothing for is answered with 0 bytes.
 * Output that the saver's backend had taken, but not answered, is sent again. Where less can be lent than by the
 * saver, the rest of such a request is lost.
 */
#ifndef RINGSIDE_CONSOLE_H
#define RINGSIDE_CONSOLE_H

#include <linux/virtio_console.h>

#include "vdev.h"

#define CONSOLE_PORTS_MAX    7 /* queues: 0 and 1 of port 0, 2 and 3 control, then two for each port */
#define CONSOLE_QUEUE_SIZE   64
#define CONSOLE_INFLIGHT_MAX 64    /* requests at the backend, all ports together */
#define CONSOLE_TX_MAX       8     /* of them: output of one port */
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
	/* Returns when every request of that port has been answered by console_io_done; output that nobody takes
	 * now is lost. */
	void (*drain)(void *ctx, uint16_t port);
	void (*wake)(void *ctx,
		     uint16_t port); /* after console_input's 0: there is room now; not from inside */
	/* The guest opened the port, or closed it (a reset does too). */
	void (*opened)(void *ctx, uint16_t port, bool open);
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
	/* The message RESIZE has rows before columns, as Linux and OpenBSD read it, against 5.3.6.2. */
	bool rows_first;
	uint64_t without; /* feature bits not to offer */
	struct console_port_options port[CONSOLE_PORTS_MAX];
};

struct console_req {
	struct console_io io;
	gpa_t span_gpa[CONSOLE_SPANS_MAX];
	uint16_t queue;
	bool last;   /* the chain is used when this is done; false: TX, and there are more pieces */
	uint64_t nr; /* of its submission: their order */
	struct vq_tok tok;
};

/* What the driver must be told of a port that is ready, in this order. */
enum console_tell {
	CONSOLE_TELL_TERMINAL = 1, /* CONSOLE_PORT */
	CONSOLE_TELL_NAME = 2,     /* PORT_NAME */
	CONSOLE_TELL_CLOSED = 4,   /* PORT_OPEN 0 */
	CONSOLE_TELL_OPEN = 8,     /* PORT_OPEN 1 */
	CONSOLE_TELL_SIZE = 16,    /* RESIZE */
};

struct console_port {
	/* MULTIPORT, as far as the driver has got; all of it ends with a reset. */
	bool known;     /* it was told PORT_ADD, and not yet PORT_REMOVE */
	bool ever;      /* it was told PORT_ADD: what it still says of the port is no offence */
	bool gone;      /* it must hear PORT_REMOVE before anything else */
	bool ready;     /* it said PORT_READY */
	bool open;      /* it said PORT_OPEN */
	bool told_open; /* it was told PORT_OPEN */
	uint8_t tell;   /* enum console_tell */

	bool waits;    /* console_input answered 0: the backend waits for wake */
	bool rx;       /* a CONSOLE_IO_RX is out */
	uint8_t ntx;   /* so many CONSOLE_IO_TX are */
	uint32_t sent; /* bytes of cut[port] that were lent so far; 0: no chain is in pieces */
};

struct console {
	struct vdev vdev; /* first: a struct vdev * of this type is a struct console * */
	struct console_backend backend;
	struct console_options options; /* as they are now: size and ports change */
	struct console_port port[CONSOLE_PORTS_MAX];
	bool driver_ready; /* DEVICE_READY: it takes control messages */
	bool freed;        /* a completion made room since stalled queues were last woken */
	uint32_t stalled;  /* bit per queue: waits for a completion */
	uint32_t staged;   /* bit per queue: has completions to publish */
	uint64_t busy;     /* bit per slot */
	uint64_t unsent;   /* of them: loaded, and not lent nor at the backend yet */
	uint64_t nsubmits; /* requests, in the device's life */
	bool loaded;       /* and not resumed yet: a reset brings `own` back */
	struct console_options own;
	uint32_t own_waits; /* bit per port: and our backend waited before */
	/* Not initialised where not in use. */
	struct vq_chain cut[CONSOLE_PORTS_MAX];
	struct console_req req[CONSOLE_INFLIGHT_MAX];
};

/* The backend's table is copied. Options are the host's own and must be right. */
void console_init(struct console *, struct vmem *, const struct host *, void *host_ctx,
		  const struct console_backend *, const struct console_options *);
/* bytes: RX: how many leading bytes of the spans were stored; 0: none after all, the buffer stays the next one.
 * TX: io->len, or fewer where the rest is lost. */
void console_io_done(struct console *, struct console_io *, uint32_t bytes);
/* After a batch of console_io_done outside of submit. */
void console_publish(struct console *);
/* The backend has n bytes (n > 0) for a port. Returns how many of them it was lent room for: 0: keep them, wake
 * comes. Publishes. */
uint32_t console_input(struct console *, uint16_t port, uint32_t n);
/* The terminal has another size: configuration interrupt, and with MULTIPORT the message RESIZE too. */
void console_resize(struct console *, uint16_t cols, uint16_t rows);
/* Hot plug (options.nports is the limit; without MULTIPORT the guest does not see it). Port 0 stays. What is in
 * flight on a port that is removed is drained first; `opened` is not called. */
void console_port_add(struct console *, uint16_t port, const struct console_port_options *);
void console_port_remove(struct console *, uint16_t port);
/* The host's side of a port was opened or closed: the guest is told. */
void console_port_open(struct console *, uint16_t port, bool open);

#endif
