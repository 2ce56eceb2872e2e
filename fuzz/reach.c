// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs the kept programs and tells by name what none of them reaches (reach.h). What happens is seen where it passes: the
 * linker leads the calls of a few functions through here (--wrap, fuzz/rules.mk), so what is tested is built as always.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "judges.h"
#include "program.h"
#include "reach.h"
#include "sim_net.h"

static const uint16_t ids[] = {
#define DEVICE(name, id) id,
#include "devices/list.def"
#undef DEVICE
};
#define NTYPES (sizeof(ids) / sizeof(ids[0]))

struct reach reach;
static struct machine *machines[NTYPES], *machine;
static uint32_t nprograms;

void reach_here(enum reach_kind kind, uint16_t device, uint32_t value)
{
	for (uint32_t k = 0; reach.program && k < reach.n; k++) {
		struct reach_item *i = &reach.item[k];
		if (i->value != value || i->kind != kind || i->device != device)
			continue;
		if (!i->nprograms)
			snprintf(i->first, sizeof(i->first), "%s", reach.program);
		i->nprograms += i->seen != nprograms;
		i->seen = nprograms;
		return;
	}
}

/* -- what passes ----------------------------------------------------------------------------------------- */

void __real_mmio_write(struct mmio *, uint64_t, uint32_t, uint64_t);
void __wrap_mmio_write(struct mmio *, uint64_t, uint32_t, uint64_t);
uint64_t __real_mmio_read(struct mmio *, uint64_t, uint32_t);
uint64_t __wrap_mmio_read(struct mmio *, uint64_t, uint32_t);
void __real_control_says(struct control *, const struct virtio_console_control *);
void __wrap_control_says(struct control *, const struct virtio_console_control *);
void __real_control_hears(struct control *, const uint8_t *, uint32_t);
void __wrap_control_hears(struct control *, const uint8_t *, uint32_t);
void __real_control_port(struct control *, uint16_t, enum port_change, const struct console_port_options *);
void __wrap_control_port(struct control *, uint16_t, enum port_change, const struct console_port_options *);
const char *__real_filter_answered(struct filter *, const struct filter_command *, uint8_t, const char **);
const char *__wrap_filter_answered(struct filter *, const struct filter_command *, uint8_t, const char **);

/* The driver has settled what it accepts. */
static void features(uint16_t id, uint64_t offered, uint64_t accepted, bool agreed)
{
	for (uint32_t bit = 0; bit < 64; bit++)
		if (offered >> bit & 1 && (agreed || !(accepted >> bit & 1)))
			reach_here(accepted >> bit & 1 ? REACH_ACCEPTED : REACH_DECLINED, id, bit);
}

static void config(enum reach_kind kind, uint16_t id, uint64_t off, uint32_t size)
{
	for (uint32_t i = 0; i < size && i < 8; i++)
		reach_here(kind, id, (uint32_t)(off - VIRTIO_MMIO_CONFIG + i));
}

void __wrap_mmio_write(struct mmio *m, uint64_t off, uint32_t size, uint64_t value)
{
	const struct vdev *d = m->dev;
	uint64_t accepted = d->accepted;
	bool asks = off == VIRTIO_MMIO_STATUS && size == 4 && value & VIRTIO_CONFIG_S_FEATURES_OK &&
		    !(d->status & VIRTIO_CONFIG_S_FEATURES_OK);
	if (off >= VIRTIO_MMIO_CONFIG)
		config(REACH_CONFIG_WRITE, d->ops->id, off, size);
	else if (size == 4)
		reach_here(REACH_WRITE, 0, (uint32_t)off);
	__real_mmio_write(m, off, size, value);
	if (asks)
		features(d->ops->id, d->offered, accepted, d->status & VIRTIO_CONFIG_S_FEATURES_OK);
}

uint64_t __wrap_mmio_read(struct mmio *m, uint64_t off, uint32_t size)
{
	if (off >= VIRTIO_MMIO_CONFIG)
		config(REACH_CONFIG_READ, m->dev->ops->id, off, size);
	else if (size == 4)
		reach_here(REACH_READ, 0, (uint32_t)off);
	return __real_mmio_read(m, off, size);
}

void __wrap_control_says(struct control *c, const struct virtio_console_control *m)
{
	reach_here(REACH_SAID, VIRTIO_ID_CONSOLE, (uint32_t)m->event << 1 | (m->value != 0));
	__real_control_says(c, m);
}

/* Only PORT_OPEN says something by its value. */
void __wrap_control_hears(struct control *c, const uint8_t *bytes, uint32_t n)
{
	struct virtio_console_control m = {0};
	if (n >= sizeof(m)) {
		memcpy(&m, bytes, sizeof(m));
		bool on = m.event == VIRTIO_CONSOLE_PORT_OPEN && m.value;
		reach_here(REACH_TOLD, VIRTIO_ID_CONSOLE, (uint32_t)m.event << 1 | on);
	}
	__real_control_hears(c, bytes, n);
}

void __wrap_control_port(struct control *c, uint16_t port, enum port_change what,
			 const struct console_port_options *o)
{
	reach_here(REACH_PORT, VIRTIO_ID_CONSOLE, what);
	if (what == PORT_ADDED && o->console)
		reach_here(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_TERMINAL);
	if (what == PORT_ADDED && o->open)
		reach_here(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_OPEN);
	if (what == PORT_ADDED && o->name[0])
		reach_here(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_NAMED);
	__real_control_port(c, port, what, o);
}

const char *__wrap_filter_answered(struct filter *f, const struct filter_command *c, uint8_t ack,
				   const char **clause)
{
	if (ack == VIRTIO_NET_OK && !c->broken)
		reach_here(REACH_COMMAND, VIRTIO_ID_NET, (uint32_t)c->class << 8 | c->cmd);
	return __real_filter_answered(f, c, ack, clause);
}

static void offence(void *ctx, struct sim_device *d, enum offence o)
{
	(void)ctx;
	(void)d;
	reach_here(REACH_OFFENCE, 0, o);
}

/* Which request it was; false: one that does not count by itself. */
static bool request(const struct sim_device *d, uint16_t queue, uint32_t type, uint32_t *what)
{
	*what = REACH_REQUEST_ROOM;
	if (d->type->id == VIRTIO_ID_BLOCK)
		*what = type;
	else if (d->type->id == VIRTIO_ID_NET)
		*what = sim_net_queue(d, queue, d->vdev->accepted) == NET_QUEUE_TX ? REACH_REQUEST_SEND
										   : REACH_REQUEST_ROOM;
	else if (d->type->id == VIRTIO_ID_CONSOLE && queue & 1)
		*what = REACH_REQUEST_SEND;
	return d->type->id != VIRTIO_ID_CONSOLE || queue < 2 || queue > 3;
}

static void used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		 int status)
{
	uint32_t what;
	bool unknown = d->type->id == VIRTIO_ID_BLOCK && type == 6; /* none of these: UNSUPP is right */
	(void)ctx;
	(void)id;
	if (request(d, queue, type, &what) && (status <= 0 || unknown) && (len || what != REACH_REQUEST_ROOM))
		reach_here(REACH_REQUEST, d->type->id, what);
}

static const struct machine_events events = {.offence = offence, .used = used};

/* -- the programs ---------------------------------------------------------------------------------------- */

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	(void)m;
	(void)d;
	fprintf(stderr, "reach: %s: %s: %s\n", reach.program ? reach.program : "the list", v->oracle,
		v->what);
	exit(2);
}

static void run(void *ctx, const char *path, const uint8_t *bytes, size_t n)
{
	struct op op;
	(void)ctx;
	reach.program = path;
	nprograms++;
	for (size_t at = 0; at < n;) {
		at += op_program_decode(bytes + at, n - at, &op);
		reach_here(REACH_OP, 0, op.code);
	}
	program_run(machine, bytes, n);
	reach.program = NULL;
}

static bool make(void)
{
	for (uint32_t i = 0; i < NTYPES; i++) {
		const struct device_options none = {0};
		machines[i] = calloc(1, sizeof(**machines));
		if (!machines[i] || !machine_create(machines[i]) || !machine_add(machines[i], ids[i], &none))
			return false;
		machines[i]->violation = on_violation;
		machines[i]->events = &events;
	}
	reach_list(machines, NTYPES);
	return true;
}

/* The type that a folder of programs is named by. */
static bool choose(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	for (uint32_t i = 0; i < NTYPES; i++) {
		machine = machines[i];
		if (!strcmp(name, machine->device[0].type->name))
			return true;
	}
	fprintf(stderr, "reach: %s: no type of device is called %s\n", path, name);
	return false;
}

static int tell(bool list)
{
	uint32_t missing = 0;
	for (uint32_t k = 0; k < reach.n; k++) {
		const struct reach_item *i = &reach.item[k];
		missing += !i->nprograms;
		if (list)
			printf("%5u %s\t%s\n", i->nprograms, i->name, i->first);
		else if (!i->nprograms)
			printf("FAIL reach: no kept program reaches: %s\n", i->name);
	}
	if (!missing && !list)
		printf("PASS reach (%u things, by %u programs)\n", reach.n, nprograms);
	return missing != 0;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	if (argc < 2 + list || !strcmp(argv[1], "--help")) {
		printf("usage: reach [--list] DIRECTORY...\nRuns the programs of each directory, which is "
		       "named by a type of device "
		       "(build/corpus/blk), and tells what none of\nthem reaches. --list: how many programs "
		       "reach each thing, and "
		       "the first of them. Status 1: something is not reached.\n");
		return argc < 2 + list ? 2 : 0;
	}
	if (!make())
		return 2;
	for (int i = 1 + list; i < argc; i++)
		if (!choose(argv[i]) || files_each(argv[i], run, NULL) < 0)
			return 2;
	return tell(list);
}
