// SPDX-License-Identifier: BSD-2-Clause
/*
 * ports: the host's ends of a console's ports (console_host.h) with a real event loop, and in place of the device one
 * that lends buffers and remembers what came. `path` is free for each test: a socket, a file.
 */
#ifndef RINGSIDE_TESTS_PORTS_H
#define RINGSIDE_TESTS_PORTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>

#include "console_host.h"

#define PORTS_WAIT_MS 5000
#define PORTS_GOT_MAX (1u << 20)

/* What the device of the test knows of a port. Under the lock while the loop runs. */
struct port_seen {
	uint32_t room; /* bytes that it takes now */
	bool waits;    /* it said 0: it will call wake */
	uint8_t *got;  /* input */
	uint32_t ngot;
	int open; /* -1: was not told */
	unsigned opens;
	uint32_t answered, lost; /* output requests; bytes of them that were not taken */
};

struct ports {
	struct loop loop;
	struct console_host host;
	struct console_backend backend;
	struct port_seen port[CONSOLE_PORTS_MAX];
	char err[ERR_MAX], dir[40], path[64];
};

extern struct ports ports;

int ports_create(void **state); /* as cmocka's setup and teardown */
int ports_destroy(void **state);
void ports_run(void); /* the loop, on a thread of its own */
void ports_stop(void);
void ports_lock(void);
void ports_unlock(void);
void ports_sleep_ms(long ms);
/* The guest takes so many bytes more. */
void ports_make_room(uint16_t nr, uint32_t n);
/* The guest sends n > 2 bytes, in three pieces. */
void ports_send(struct console_io *, uint16_t nr, const void *data, uint32_t n);
int ports_client(void); /* of the socket at ports.path */
void ports_expect(int fd, const char *text);

/* Waits until it is so; under the lock. */
#define PORTS_UNTIL(what)                                             \
	do {                                                          \
		int left = PORTS_WAIT_MS;                             \
		for (ports_lock(); !(what) && left--; ports_lock()) { \
			ports_unlock();                               \
			ports_sleep_ms(1);                            \
		}                                                     \
		ports_unlock();                                       \
		assert_true(left > 0);                                \
	} while (0)

#endif
