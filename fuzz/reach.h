// SPDX-License-Identifier: BSD-2-Clause
/*
 * reach: what the kept programs must reach, by name, and which of them do. The list is made of the code's own tables and
 * of what the devices answer when they are asked (reach_list.c); what happens is seen at the doors (reach.c). Nothing in
 * core or in the simulator knows of it.
 */
#ifndef RINGSIDE_FUZZ_REACH_H
#define RINGSIDE_FUZZ_REACH_H

#include "machine.h"

enum reach_kind {
	REACH_OP,           /* an op that may stand in a program */
	REACH_OFFENCE,      /* enum offence */
	REACH_READ,         /* a register of the transport, by its offset, */
	REACH_WRITE,        /* where it may be */
	REACH_CONFIG_READ,  /* a field of a device's configuration, by its offset, */
	REACH_CONFIG_WRITE, /* where it may be */
	REACH_ACCEPTED,     /* a feature that a device offers was accepted, */
	REACH_DECLINED,     /* and was not */
	REACH_REQUEST,      /* a request was answered as it should be: REACH_REQUEST_*, of a disk its type */
	REACH_COMMAND,      /* of a network device: class << 8 | command, done */
	REACH_SAID,         /* of a console: an event's number << 1 | value, by the driver, */
	REACH_TOLD,         /* by the device */
	REACH_PORT,         /* of a console: enum port_change */
	REACH_PORT_KIND,    /* a port that was added, REACH_PORT_* */
};

enum { REACH_REQUEST_SEND, REACH_REQUEST_ROOM };
enum { REACH_PORT_TERMINAL = 1, REACH_PORT_OPEN, REACH_PORT_NAMED };

#define REACH_NAME_MAX 96

struct reach_item {
	enum reach_kind kind;
	uint16_t device; /* virtio id; 0: of any */
	uint32_t value;
	char name[REACH_NAME_MAX];
	uint32_t nprograms; /* that reached it */
	uint32_t seen;      /* the latest of them, as counted */
	char first[72];     /* the first of them */
};

#define REACH_ITEMS_MAX 512u

struct reach {
	uint32_t n;
	struct reach_item item[REACH_ITEMS_MAX];
	const char *program; /* that is under way */
};

extern struct reach reach; /* one for the process: who is called in its place has no context */

/* A run of the program that is under way has come there. Nothing where nobody asks for it. */
void reach_here(enum reach_kind, uint16_t device, uint32_t value);
/* All that is to be reached with these machines, one for each type of device, one device each. Uses them. */
void reach_list(struct machine *const *, uint32_t n);

#endif
