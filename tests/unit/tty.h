// SPDX-License-Identifier: BSD-2-Clause
/*
 * tty: a machine with one console whose backend lives in memory: it keeps what the guest sends, types numbered
 * bytes, and can hold and shorten.
 *
 * Guest memory: the ring of queue i at 0x2000 + i * 0x1000; the driver's control buffers at CTRL_AT (64 bytes
 * each), its messages at SAY_AT; data wherever a test says.
 */
#ifndef RINGSIDE_TESTS_TTY_H
#define RINGSIDE_TESTS_TTY_H

#include "devices/console.h"
#include "tests/unit/disk.h"

#define CTRL_RX 2
#define CTRL_TX 3
#define SIZE    16 /* entries of each queue */
#define CTRL_AT 0x30000ull
#define SAY_AT  0x34000ull
#define DATA    0x20000ull

struct tty_port {
	uint8_t *out; /* what the guest has sent */
	uint32_t nout;
	uint32_t typed;  /* bytes that were given to the guest; byte i of them is tty_byte(i) */
	uint32_t unread; /* bytes that wait here for room */
	bool waiting;    /* the device said 0; wake must come before it is asked again */
	bool open;
	uint32_t wakes, opens, drains;
};

struct tty {
	struct guest g;
	struct console con;
	struct mmio mmio;
	struct ring ring[VDEV_QUEUES_MAX];
	struct tty_port port[CONSOLE_PORTS_MAX];
	bool hold;     /* keep requests in held[] */
	uint32_t most; /* bytes that one request moves */
	struct console_io *held[CONSOLE_INFLIGHT_MAX];
	uint32_t nheld, nsubmits;
	uint8_t emergency[8];
	uint32_t nemergency;
	uint32_t ctrl_posted; /* control buffers */
};

/* One port without MULTIPORT; three ports, of which 0 is a terminal, 1 is named "log" and 2 is not there. */
extern const struct console_options tty_single, tty_multi;

struct tty *tty_new(const struct console_options *);
void tty_free(struct tty *);
/* Negotiates all that is offered but `without`, sets up every queue, DRIVER_OK. */
void tty_boot(struct tty *, uint64_t without);
void tty_kick(struct tty *, uint16_t queue);
uint16_t tty_rx(uint16_t port); /* its queues */
uint16_t tty_tx(uint16_t port);
/* The backend gets n more bytes, and gives away what it can. */
void tty_type(struct tty *, uint16_t port, uint32_t n);
uint8_t tty_byte(uint32_t i);
/* Answers the i-th held request; tty_settle publishes. */
void tty_finish(struct tty *, uint32_t i);
/* Saves the device, and goes on with a fresh one that has loaded it: nobody can tell. */
void tty_replace(struct tty *);
/* The device's state as bytes, to be freed. */
uint8_t *tty_saved(struct tty *, size_t *n);
/* The device is gone with what it lent; a fresh one with the same options is there, not booted. */
void tty_fresh(struct tty *);
/* Publishes, runs what the device asked for, and gives away what waited for room, until nothing moves. */
void tty_settle(struct tty *);

/* Posts n bytes of output at addr and kicks; a buffer for input, without. */
uint16_t tty_send(struct tty *, uint16_t port, uint64_t addr, uint32_t n);
uint16_t tty_room(struct tty *, uint16_t port, uint64_t addr, uint32_t n);
/* The next used entry of a queue; its length. Fails where there is none. */
uint32_t tty_used(struct tty *, uint16_t queue);
bool tty_idle(struct tty *, uint16_t queue); /* there is none */

/* The driver posts n control buffers of that length, and kicks. */
void tty_ctrl_room(struct tty *, uint32_t n, uint32_t len);
/* The driver says something. */
void tty_say(struct tty *, uint32_t id, uint16_t event, uint16_t value);
/* The next message that the driver gets; what follows its header is `more`, of so many bytes. */
void tty_hears(struct tty *, uint32_t id, uint16_t event, uint16_t value, const void *more, uint32_t n);
void tty_hears_nothing(struct tty *);
/* The usual way of a driver up to open ports 0 and 1, all messages taken; some control buffers stay posted. */
void tty_open_ports(struct tty *);

#endif
