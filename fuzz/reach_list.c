// SPDX-License-Identifier: BSD-2-Clause
/*
 * What there is to be reached. Nothing of it is counted by hand where the code can be asked: ops.def, offence.def, the names of
 * registers, fields, events and commands, which trace listings use; which features a device offers when it is made in each
 * of the ways in which programs can make one; and whether a register may be read or written, by trying.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>

#include "program.h"
#include "reach.h"
#include "trace/names.h"

#define MAKE_FLAGS 256 /* OP_MAKE's bound */

static char *add(enum reach_kind kind, uint16_t device, uint32_t value)
{
	if (reach.n == REACH_ITEMS_MAX) {
		fprintf(stderr, "reach: more than %u items: raise REACH_ITEMS_MAX\n", REACH_ITEMS_MAX);
		exit(2);
	}
	reach.item[reach.n] = (struct reach_item){.kind = kind, .device = device, .value = value};
	return reach.item[reach.n++].name;
}

#define need(kind, device, value, ...) snprintf(add(kind, device, value), REACH_NAME_MAX, __VA_ARGS__)

static void need_ops(void)
{
	for (uint8_t code = 0; code < 0x40; code++)
		if (op_info(code)->text)
			need(REACH_OP, 0, code, "op %s", op_info(code)->text);
}

/* What the simulator's memory is too small for: so many segments do not hold 4 GiB. tests/unit/test_offences.c has it. */
_Static_assert((uint64_t)VQ_SEGS_MAX *(2 * RAM_LOW_LEN + RAM_HIGH_LEN) < 1ull << 32,
	       "chain-bytes can be reached");

static void need_offences(void)
{
	for (uint32_t o = 1; o < OFFENCE_COUNT; o++)
		if (o != OFFENCE_CHAIN_BYTES)
			need(REACH_OFFENCE, 0, o, "offence %s", offence_info((enum offence)o)->name);
}

/* -- registers ------------------------------------------------------------------------------------------- */

/* A driver that has all the transport can offer. */
static void bring_up(struct machine *m)
{
	const struct op offer = {.code = OP_OFFER, .arg = {VDEV_FEATURES_MORE}},
			negotiate = {.code = OP_NEGOTIATE};
	machine_reset(m);
	program_step(m, &offer);
	program_step(m, &negotiate);
}

static bool refused(struct machine *m, uint8_t access, uint64_t off, uint32_t size)
{
	const struct op op = {.code = access, .arg = {off, size}};
	const uint64_t *n = m->stats.offence;
	bring_up(m);
	memset(m->stats.offence, 0, sizeof(m->stats.offence));
	program_step(m, &op);
	return n[OFFENCE_REG_UNKNOWN] || n[OFFENCE_REG_READ_ONLY] || n[OFFENCE_REG_WRITE_ONLY] ||
	       n[OFFENCE_CONFIG_RANGE] || n[OFFENCE_CONFIG_READ_ONLY];
}

static void need_register(struct machine *m, uint32_t off)
{
	const char *text = name_of(name_registers, off);
	bool read = !refused(m, OP_READ, off, 4), write = !refused(m, OP_WRITE, off, 4);
	if ((read || write) && !text) {
		fprintf(stderr, "reach: register 0x%x has no name in core/trace/names.c\n", off);
		exit(2);
	}
	if (read)
		need(REACH_READ, 0, off, "register %s is read", text);
	if (write)
		need(REACH_WRITE, 0, off, "register %s is written", text);
}

static void need_config(struct machine *m)
{
	const struct sim_device *d = &m->device[0];
	uint16_t id = d->type->id;
	for (uint32_t off = 0; off < d->vdev->ops->config_len; off++) {
		const char *text = name_config(id, off);
		bool writable = false;
		for (uint32_t size = 1; size <= 8; size *= 2)
			writable |= !refused(m, OP_WRITE, VIRTIO_MMIO_CONFIG + off, size);
		if (text)
			need(REACH_CONFIG_READ, id, off, "%s config %s is read", d->type->name, text);
		if (writable)
			need(REACH_CONFIG_WRITE, id, off, "%s config %s is written", d->type->name,
			     text ? text : "?");
	}
}

/* -- features, requests ---------------------------------------------------------------------------------- */

static uint64_t all_offered(struct machine *m)
{
	const struct op more = {.code = OP_OFFER, .arg = {VDEV_FEATURES_MORE}};
	uint64_t offered = 0;
	for (uint32_t flags = 0; flags < MAKE_FLAGS; flags++) {
		const struct op make = {.code = OP_MAKE, .arg = {flags}};
		machine_reset(m);
		program_step(m, &make);
		program_step(m, &more);
		offered |= m->device[0].vdev->offered;
	}
	return offered;
}

static void need_features(struct machine *m)
{
	const struct sim_type *t = m->device[0].type;
	uint64_t offered = all_offered(m);
	for (uint32_t bit = 0; bit < 64; bit++) {
		char name[32]; /* the longest in names.c has 20 */
		struct fmt f = {name, sizeof(name), 0};
		if (!(offered >> bit & 1))
			continue;
		name_features(&f, t->id, 1ull << bit);
		fmt_end(&f);
		need(REACH_ACCEPTED, t->id, bit, "%s feature %s is accepted", t->name, name);
		need(REACH_DECLINED, t->id, bit, "%s feature %s is offered and not accepted", t->name, name);
	}
}

static void need_console(void)
{
	static const char *const change[] = {"removed", "added", "closed", "opened"};
	for (const struct name *e = name_console_events; e->text; e++) {
		uint32_t key = (uint32_t)e->value << 1;
		bool both = e->value == VIRTIO_CONSOLE_PORT_OPEN;
		bool said = e->value == VIRTIO_CONSOLE_DEVICE_READY ||
			    e->value == VIRTIO_CONSOLE_PORT_READY || both;
		for (uint32_t on = 0; said && on < 2; on++)
			need(REACH_SAID, VIRTIO_ID_CONSOLE, key | on, "console driver says %s %u", e->text,
			     on);
		for (uint32_t on = 0; both && on < 2; on++)
			need(REACH_TOLD, VIRTIO_ID_CONSOLE, key | on, "console device tells %s %u", e->text,
			     on);
		if (!said)
			need(REACH_TOLD, VIRTIO_ID_CONSOLE, key, "console device tells %s", e->text);
	}
	for (uint32_t i = 0; i <= PORT_OPENED; i++)
		need(REACH_PORT, VIRTIO_ID_CONSOLE, i, "console port is %s", change[i]);
	need(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_TERMINAL, "console port is added as a terminal");
	need(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_OPEN, "console port is added open");
	need(REACH_PORT_KIND, VIRTIO_ID_CONSOLE, REACH_PORT_NAMED, "console port is added with a name");
}

static void need_requests(const struct sim_type *t)
{
	const struct name *types = name_values(OP_POST, OP_TYPE, t->id);
	for (; t->id == VIRTIO_ID_BLOCK && types->text; types++)
		need(REACH_REQUEST, t->id, (uint32_t)types->value, "%s request %s is answered", t->name,
		     types->text);
	if (t->id == VIRTIO_ID_NET || t->id == VIRTIO_ID_CONSOLE)
		need(REACH_REQUEST, t->id, REACH_REQUEST_SEND, "%s sends", t->name);
	if (t->id != VIRTIO_ID_BLOCK)
		need(REACH_REQUEST, t->id, REACH_REQUEST_ROOM, "%s receives", t->name);
	for (const struct name *c = name_net_commands; t->id == VIRTIO_ID_NET && c->text; c++)
		need(REACH_COMMAND, t->id, (uint32_t)c->value, "net command %s is done", c->text);
	if (t->id == VIRTIO_ID_CONSOLE)
		need_console();
}

void reach_list(struct machine *const *m, uint32_t n)
{
	need_ops();
	need_offences();
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4)
		need_register(m[0], off);
	for (uint32_t i = 0; i < n; i++) {
		need_config(m[i]);
		need_features(m[i]);
		need_requests(m[i]->device[0].type);
	}
}
