// SPDX-License-Identifier: BSD-2-Clause
/*
 * Swarm: what one run may do at all. A run with everything switched on at once finds little: faults hide each
 * other, and a queue that is reset all the time never gets deep. So each run draws which devices, features,
 * shapes, faults and behaviours it has, and how often each.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "sim_int.h"

#define STEPS_LOG_MIN 4 /* 16 to 1024 acts */
#define STEPS_LOG_MAX 10

/* -- acts ------------------------------------------------------------------------------------------------ */

/* How often each act is drawn where the run has it, in 64ths; what is left over are posts. */
static const uint8_t weight[SIM_ACTS] = {
	[ACT_KICK] = 4, [ACT_REAP] = 6,   [ACT_WISH] = 4,   [ACT_LOOK] = 2,    [ACT_FAULT] = 4,
	[ACT_HOLD] = 4, [ACT_DONE] = 8,   [ACT_RESIZE] = 1, [ACT_RESTART] = 1, [ACT_QUEUE] = 1,
	[ACT_RUN] = 2,  [ACT_SLOPPY] = 8, [ACT_DELAY] = 4,  [ACT_POWER] = 1,   [ACT_TICK] = 4,
	[ACT_WHEN] = 6, [ACT_BREAK] = 8,  [ACT_RACE] = 6,   [ACT_CHAIN] = 4,   [ACT_PUBLISH] = 4,
	[ACT_POKE] = 4, [ACT_WRITE] = 4,  [ACT_SAVE] = 3,   [ACT_INPUT] = 8,   [ACT_HOST] = 2,
};

/* False: this run's guest or host does not do such a thing. */
static bool may(const struct sim_plan *p, enum sim_act a)
{
	const uint32_t failing = 1u << SIM_FAULT_EIO | 1u << SIM_FAULT_ENOSPC | 1u << SIM_FAULT_SHORT |
				 1u << SIM_FAULT_UNSUPPORTED;
	if (p->twice && (a == ACT_WHEN || a == ACT_HOLD || a == ACT_DONE || a == ACT_DELAY || a == ACT_POWER))
		return false;
	if (a == ACT_INPUT || a == ACT_HOST)
		return p->inputs;
	if (a == ACT_SLOPPY)
		return p->guest != SIM_GUEST_GOOD;
	if (a > ACT_GOOD_LAST)
		return p->guest == SIM_GUEST_HOSTILE;
	if (a == ACT_FAULT)
		return p->faults & failing;
	if (a == ACT_HOLD || a == ACT_DONE)
		return p->faults >> SIM_FAULT_HOLD & 1;
	if (a == ACT_DELAY)
		return p->faults >> SIM_FAULT_DELAY & 1;
	if (a == ACT_POWER)
		return p->faults >> SIM_FAULT_POWER & 1;
	if (a == ACT_RESIZE)
		return p->faults >> SIM_FAULT_RESIZE & 1;
	return true;
}

/* The table may be full before all have their places: so who comes first is drawn. */
static void draw_turns(struct sim_plan *p)
{
	uint32_t n = 0, first = rand_below(&p->rand, SIM_ACTS);
	for (uint32_t i = 0; i < SIM_ACTS; i++) {
		enum sim_act a = (enum sim_act)((first + i) % SIM_ACTS);
		uint32_t times = weight[a];
		bool always =
			a == ACT_SLOPPY || a == ACT_REAP || a == ACT_DONE || a == ACT_TICK || a == ACT_INPUT;
		if (a == ACT_POST || !may(p, a) || (!always && rand_once(&p->rand, 1)))
			continue;
		if (rand_once(&p->rand, 2))
			times *= 2;
		while (times-- && n < SIM_TURNS - 16)
			p->turn[n++] = (uint8_t)a;
	}
	while (n < SIM_TURNS)
		p->turn[n++] = ACT_POST;
}

/* -- requests -------------------------------------------------------------------------------------------- */

static void draw_requests(struct sim *s, struct sim_device_plan *d)
{
	static const uint16_t len[8] = {512, 512, 1024, 1536, 2048, 4096, 8192, 0};
	struct rand *r = &s->plan->rand;
	uint32_t kinds = rand_bits(r, 2); /* of requests */
	for (int i = 0; i < 8; i++) {
		d->type[i] = (uint8_t)(kinds == 0        ? i & 1
				       : rand_bits(r, 1) ? rand_bits(r, 1)
							 : rand_bits(r, 3));
		d->len[i] = len[rand_bits(r, kinds == 1 ? 1 : 3)];
		if (s->options.request_len)
			d->len[i] = (uint16_t)s->options.request_len;
	}
	d->sectors = 1u << rand_bits(r, 4);
	if (d->sectors > 256 && rand_bits(r, 1))
		d->sectors >>= 8;
	d->shape_mask = rand_once(r, 2) ? 0 : (uint16_t)rand_bits(r, 16);
	if (d->shape_mask && rand_bits(r, 1))
		d->shape_mask |= 3 << SHAPE_TABLE_SHIFT;
	d->batch = (uint8_t)(1u << rand_bits(r, 2));
	if (s->options.request_len) {
		for (int i = 0; i < 8; i++)
			d->type[i] = i & 1;
		d->sectors = 256;
		d->shape_mask = 0;
	}
	if (s->plan->twice) /* both rings have room for them */
		d->batch = 2;
	if (d->kind->draw)
		d->kind->draw(s, d);
}

static enum sim_guest draw_guest(struct sim *s)
{
	uint32_t x = rand_bits(&s->plan->rand, 3);
	if (s->plan->twice)
		return SIM_GUEST_GOOD;
	if (s->options.guest != SIM_GUEST_MIX)
		return s->options.guest;
	return x < 4 ? SIM_GUEST_GOOD : x < 5 ? SIM_GUEST_SLOPPY : SIM_GUEST_HOSTILE;
}

static void draw_devices(struct sim *s)
{
	struct sim_plan *p = s->plan;
	uint32_t n = s->machine.ndevices, many = rand_bits(&p->rand, 2) == 0, first = rand_below(&p->rand, n);
	p->ndevices = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct sim_device_plan *d = &p->device[i];
		bool room = p->ndevices < (i < first ? SIM_ON - 1 : SIM_ON);
		d->on = i == first || (many && room && rand_bits(&p->rand, 1));
		if (!d->on)
			continue;
		p->device_of_turn[p->ndevices++] = (uint8_t)i;
		draw_requests(s, d);
	}
	for (uint32_t i = p->ndevices; i < SIM_ON; i++)
		p->device_of_turn[i] = p->device_of_turn[i - p->ndevices];
}

void sim_draw_plan(struct sim *s)
{
	struct sim_plan *p = s->plan;
	uint32_t log2 = STEPS_LOG_MIN + rand_below(&p->rand, STEPS_LOG_MAX - STEPS_LOG_MIN);
	p->plain = s->options.request_len;
	p->twice = s->options.ring == SIM_RING_BOTH;
	p->inputs = false;
	for (uint32_t i = 0; i < s->machine.ndevices; i++)
		p->inputs |= p->device[i].kind->input != NULL;
	if (p->twice)
		log2 = STEPS_LOG_MIN + (log2 & 1);
	p->guest = draw_guest(s);
	p->ring = rand_bits(&p->rand, 1) ? SIM_RING_SPLIT : SIM_RING_PACKED;
	if (s->options.ring != SIM_RING_ANY)
		p->ring = p->twice ? SIM_RING_SPLIT : s->options.ring;
	p->faults = rand_once(&p->rand, 2) ? 0 : s->options.faults & rand_bits(&p->rand, SIM_FAULTS);
	p->steps = (1u << log2) + rand_bits(&p->rand, log2);
	draw_turns(p);
	if (p->plain) {
		p->ring = SIM_RING_SPLIT;
		p->steps = SIM_OPS_MAX;
		memset(p->turn, ACT_POST, sizeof(p->turn));
	}
	draw_devices(s);
}

/* -- a device of its own kind ---------------------------------------------------------------------------- */

static uint64_t draw_sectors(struct rand *r)
{
	static const uint64_t sectors[8] = {0, 0, 1, 8, 63, 2048, 1ull << 32, (1ull << 55) - 1};
	return sectors[rand_bits(r, 3)];
}

/* 0: the type's own. */
static uint32_t draw_size(const struct sim_plan *p, struct rand *r, enum sim_ring ring)
{
	if (p->plain)
		return 128;
	if (p->twice) /* both have room for two of the longest chains, and memory for all rings */
		return 64;
	uint32_t log2 = rand_bits(r, 4);
	if (ring == SIM_RING_PACKED && log2 && rand_bits(r, 1)) /* need not be a power of two */
		return rand_bits(r, log2 > 8 ? 8 : log2);
	return log2 > 8 ? 0 : 1u << log2;
}

static void make(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	const struct sim_kind *k = s->plan->device[dev].kind;
	uint32_t flags = rand_bits(r, 1) ? 0 : rand_bits(r, 8);
	if (rand_bits(r, 2))
		flags &= ~k->rare;
	uint64_t size = k->size ? k->size(r) : draw_sectors(r);
	sim_op(s, OP_MAKE, dev, flags, size, rand_once(r, 2) ? draw_size(s->plan, r, SIM_RING_SPLIT) : 0, 0);
}

/* Features of rings and transports. */
static void offer(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint64_t any = VDEV_FEATURES_MORE & ~(1ull << VIRTIO_F_RING_PACKED);
	any = rand_bits(r, 1) ? any & rand_u64(r) : 0;
	if (s->plan->ring == SIM_RING_PACKED)
		any |= 1ull << VIRTIO_F_RING_PACKED;
	if (any || s->plan->twice)
		sim_op(s, OP_OFFER, dev, any, 0, 0, 0);
}

/* Feature bits that a driver need not accept. */
static uint64_t draw_without(struct rand *r)
{
	uint64_t rings = 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC;
	uint64_t any = rand_u64(r) & ~(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED);
	switch (rand_bits(r, 3)) {
	case 0:
		return any;
	case 1:
		return any & rand_u64(r);
	case 2:
		return ~(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED);
	case 3:
	case 4:
		return any & rings;
	default:
		return 0;
	}
}

void sim_start(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	struct sim_device *d = &s->machine.device[dev];
	struct sim_device_plan *p = &s->plan->device[dev];
	sim_op(s, OP_NEGOTIATE, dev, s->plan->plain ? 0 : draw_without(r), 0, 0, 0);
	if (p->kind->queues)
		p->nqueues = p->kind->queues(s, dev);
	else
		p->nqueues = (uint8_t)(rand_bits(r, 1) ? 1 : 1 + rand_below(r, d->vdev->nqueues));
	for (uint32_t q = 0; q < p->nqueues; q++)
		sim_op(s, OP_QUEUE, dev, q, draw_size(s->plan, r, s->plan->ring), 0, 0);
	sim_op(s, OP_DRIVER_OK, dev, 0, 0, 0, 0);
	for (uint32_t q = 0; s->plan->ring == SIM_RING_SPLIT && !s->plan->twice && q < p->nqueues; q++)
		if (rand_bits(r, 1)) /* soon at the wrap */
			sim_op(s, OP_WIND, dev, q, UINT16_MAX - rand_bits(r, 6), 0, 0);
}

void sim_set_up(struct sim *s, uint32_t dev)
{
	if (!s->plan->plain && rand_bits(&s->plan->rand, 1))
		make(s, dev);
	if (!s->plan->plain)
		offer(s, dev);
	sim_start(s, dev);
}
