// SPDX-License-Identifier: BSD-2-Clause
/*
 * console_host: what the ports of a console (devices/console.h) are joined to on the host. Port 0 has a
 * terminal (terminal.h), or nothing; each named port has
 *
 *   a socket  that we listen on: one client at a time, the next one waits until the first has gone. The guest is
 *             told of both. What the guest sends while there is no client is lost;
 *   a file    that output is appended to.
 *
 * Nothing waits and nothing grows: output stays in the guest's buffers until it is taken, and of the input
 * PORT_INPUT_MAX bytes of a port are read in advance; so a slow side slows the other one down.
 *
 * console_host_* are called with the device's lock held, the backend's functions by the device itself; the
 * loop's callbacks take the lock through the door.
 */
#ifndef KVM_CONSOLE_HOST_H
#define KVM_CONSOLE_HOST_H

#include "boot/err.h"
#include "devices/console.h"
#include "listener.h"
#include "loop.h"
#include "terminal.h"

#define PORT_INPUT_MAX 4096

/* The way to the device, for calls that do not come from it. */
struct console_door {
	void (*enter)(void *ctx); /* takes the lock */
	void (*leave)(void *ctx); /* lets go of it, after a batch of the following */
	void (*done)(void *ctx, struct console_io *, uint32_t bytes); /* also from inside submit and drain */
	uint32_t (*input)(void *ctx, uint16_t port, uint32_t n);
	void (*open)(void *ctx, uint16_t port, bool open);
	void (*publish)(void *ctx);
};

struct console_host;

struct port_host {
	struct console_host *host;
	uint16_t nr;
	bool there;
	struct terminal terminal; /* of a socket or a file only the stream */
	struct loop_fd *in, *out; /* out: where it is another descriptor */
	struct listener listener;
	/* to the guest */
	bool deaf;             /* nothing will come any more, from this client */
	bool waits;            /* the device has no room, and will call wake */
	unsigned first, count; /* of data: read, not yet passed on */
	uint8_t data[PORT_INPUT_MAX];
	/* from the guest */
	unsigned ntx;
	uint32_t sent; /* bytes of the first one */
	struct console_io *tx[CONSOLE_TX_MAX];
};

struct console_host {
	const struct console_door *door;
	void *ctx; /* the door's */
	struct loop *loop;
	int wake_fd;
	struct loop_fd *wake;
	uint32_t woken; /* bit per port: look whether its input can go on */
	struct port_host port[CONSOLE_PORTS_MAX];
};

int console_host_create(struct console_host *, struct loop *, const struct console_door *, void *ctx,
			char err[ERR_MAX]);
/* After a failed create, too. What is in flight was drained before. */
void console_host_destroy(struct console_host *);
struct console_backend console_host_backend(struct console_host *);

/* Port 0's; where: as terminal_open takes it. It is raw from here on. */
int console_host_terminal(struct console_host *, const char *where, char err[ERR_MAX]);
/* The others'. what: the option, for messages. */
int console_host_listen(struct console_host *, uint16_t port, const char *what, const char *path,
			char err[ERR_MAX]);
int console_host_append(struct console_host *, uint16_t port, const char *what, const char *path,
			char err[ERR_MAX]);
/* The device has drained the port. */
void console_host_remove(struct console_host *, uint16_t port);
/* A port is pulled out (likewise drained), and put in again: its client goes and the next one waits; a file stays. */
void console_host_unplug(struct console_host *, uint16_t port);
void console_host_plug(struct console_host *, uint16_t port);
/* Whether its host's side is open as long as nobody connects. */
static inline bool console_host_is_open(const struct console_host *h, uint16_t port)
{
	return h->port[port].listener.fd < 0;
}

/* After the guest: writes what is in flight while somebody reads it. True: something was answered. */
bool console_host_flush(struct console_host *);

/* -- between the parts ----------------------------------------------------------------------------------- */
/* Joins the port to what its stream is now. -1 with errno. */
int port_join(struct port_host *);
void port_leave(struct port_host *);          /* and closes the stream */
void port_pump(struct port_host *);           /* whatever can go on, both ways */
void port_ask_for_a_look(struct port_host *); /* on the loop's thread, soon */
void port_drain(struct port_host *);          /* what is in flight ends, and what was not written is lost */
/* port_socket.c: the client has gone when nothing comes any more and nothing can be sent. */
void port_look_after_client(struct port_host *);
void port_take_client(struct port_host *); /* the next one, where there is none; on the loop's thread */

#endif
