// SPDX-License-Identifier: BSD-2-Clause
/* What a console's guest sends and asks for, and what is typed at it. */
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>
#include <string.h>

#include "sim_console.h"
#include "sim_int.h"
#include "trace/remake.h"

#define EMERGENCY   (VIRTIO_MMIO_CONFIG + offsetof(struct virtio_console_config, emerg_wr))
#define FLOOD_HOLD  64u
#define FLOOD_LEN   2400u
#define MESSAGE_MAX 64u /* a buffer that any message fits */

enum { SAY_OPEN, SAY_READY, SAY_DEVICE_READY }; /* driver_console.c */

/* -- plans ----------------------------------------------------------------------------------------------- */

/* Lengths of what is sent, and of receive buffers. */
static void draw_plan(struct sim *s, struct sim_device_plan *d)
{
	static const uint16_t len[16] = {1,   64,  100,  0,    7,    512,  300,  4096,
					 255, 256, 1000, 4097, 2048, 8192, 3000, 17};
	struct rand *r = &s->plan->rand;
	uint32_t few = rand_bits(r, 1);
	for (int i = 0; i < 8; i++)
		d->len[i] = len[rand_bits(r, few ? 2 : 4)];
}

/* All queues, or those of port 0, or as many as come. */
static uint8_t draw_queues(struct sim *s, uint32_t dev)
{
	const struct vdev *v = s->machine.device[dev].vdev;
	uint32_t n = v->nqueues, bits = rand_bits(&s->plan->rand, 2);
	if (!vdev_has(v, VIRTIO_CONSOLE_F_MULTIPORT) && bits)
		return 2;
	return (uint8_t)(bits < 3 ? n : 1 + rand_below(&s->plan->rand, n));
}

/* -- the guest ------------------------------------------------------------------------------------------- */

/* A good driver takes nothing back but an open. */
static void message(struct sim *s, uint32_t dev, uint64_t shape)
{
	uint32_t bits = rand_bits(&s->plan->rand, 12), type = SAY_OPEN, none = bits & 3 ? 0 : 1;
	if ((bits >> 2 & 3) == 3)
		type = SAY_READY;
	else if (!(bits >> 2 & 7))
		type = SAY_DEVICE_READY;
	if (type != SAY_OPEN && s->plan->guest == SIM_GUEST_GOOD)
		none = 0;
	if (s->plan->guest == SIM_GUEST_HOSTILE && !(bits >> 5 & 3))
		type = bits >> 7 & 7;
	const uint64_t arg[5] = {3, type, bits >> 10 & 3, none, shape};
	sim_op5(s, OP_POST, dev, arg);
}

static void post(struct sim *s, uint32_t dev, uint32_t queue)
{
	struct rand *r = &s->plan->rand;
	const struct sim_device_plan *p = &s->plan->device[dev];
	const struct vdev *v = s->machine.device[dev].vdev;
	uint32_t bits = rand_bits(r, 14), len = p->len[bits & 7], shape = 0;
	bool control = queue >> 1 == 1 && vdev_has(v, VIRTIO_CONSOLE_F_MULTIPORT);
	if (p->shape_mask && rand_bits(r, 1))
		shape = rand_bits(r, 16) & p->shape_mask;
	if (control && queue & 1) {
		message(s, dev, shape);
		return;
	}
	if (!(bits >> 3 & 7))
		len = bits >> 6 & 127;
	if (control && (s->plan->guest == SIM_GUEST_GOOD || bits >> 13))
		len = len < MESSAGE_MAX ? MESSAGE_MAX : len;
	const uint64_t arg[5] = {queue, !(queue & 1), 0, len, shape};
	sim_op5(s, OP_POST, dev, arg);
}

/* -- the host -------------------------------------------------------------------------------------------- */

/* More output than can be lent while the host takes nothing, so that some goes in pieces. */
static void flood(struct sim *s, uint32_t dev)
{
	const uint32_t n = s->machine.device[dev].vdev->nqueues, some = rand_bits(&s->plan->rand, 3);
	s->count.fault[SIM_FAULT_HOLD]++;
	sim_op(s, OP_HOLD, dev, FLOOD_HOLD, 0, 0, 0);
	for (uint32_t queue = 1; queue < n; queue += queue == 1 ? 4 : 2) {
		const uint64_t arg[5] = {queue, 0, 0, FLOOD_LEN + some, SHAPE_SEGS | SHAPE_UNEVEN};
		for (uint32_t i = 0; i < CONSOLE_TX_MAX; i++)
			sim_op5(s, OP_POST, dev, arg);
		sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	}
}

static void input(struct sim *s, uint32_t dev)
{
	static const uint16_t len[8] = {1, 10, 80, 300, 1, 4096, 5000, 65535};
	uint32_t bits = rand_bits(&s->plan->rand, 16), n = len[bits & 7];
	bool floods = s->plan->faults >> SIM_FAULT_HOLD & 1 && !s->plan->twice;
	if (floods && !(bits >> 4 & 15)) {
		flood(s, dev);
		return;
	}
	if (bits >> 3 & 1)
		n = bits >> 8;
	sim_op(s, OP_INPUT, dev, bits >> 4 & 3 ? bits >> 4 & 1 : bits >> 6 & 3, n, 0, 0);
}

static void change_port(struct sim *s, uint32_t dev)
{
	static const char *const name[4] = {"", "log", "agent 0 of the host",
					    "a-name-of-thirty-one-characters"};
	uint32_t bits = rand_bits(&s->plan->rand, 10);
	const char *text = name[bits >> 8 & 3];
	struct op op = {.arg = {bits & 3 ? 1 + (bits & 1) : 0, bits >> 2 & 3, bits >> 6 & 3}};
	sim_op3_data(s, OP_PORT, dev, op.arg, text, op.arg[1] == PORT_ADDED ? (uint32_t)strlen(text) : 0);
}

static void host(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 16), faults = s->plan->faults;
	if (bits & 1 && faults >> SIM_FAULT_HOTPLUG & 1) {
		s->count.fault[SIM_FAULT_HOTPLUG]++;
		change_port(s, dev);
	} else if (bits & 2 && faults >> SIM_FAULT_RESIZE & 1) {
		s->count.fault[SIM_FAULT_RESIZE]++;
		sim_op(s, OP_TERMINAL, dev, bits >> 2 & 255, bits >> 10, 0, 0);
	} else { /* the guest's, in an emergency: at any time */
		sim_op(s, OP_WRITE, dev, EMERGENCY, 4, bits, 0);
	}
}

const struct sim_kind sim_kind_console = {
	.id = VIRTIO_ID_CONSOLE,
	.area = CLAUSE_CONSOLE,
	.rare = CONSOLE_FLAG_CLOSED,
	.draw = draw_plan,
	.queues = draw_queues,
	.post = post,
	.input = input,
	.host = host,
};
