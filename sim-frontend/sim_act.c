// SPDX-License-Identifier: BSD-2-Clause
/* What a good guest does, and what its host does to it. */
#include <linux/virtio_mmio.h>

#include "sim_int.h"

/* Of a benchmark: sixteen requests a notification, or as many as the buffers' memory has room for. */
#define PLAIN_BATCH 16u
#define PLAIN_ROOM  (2 * RAM_LOW_LEN - 0x4000u)
#define PLAIN_EXTRA 64u /* header, status, gaps */

static uint32_t draw_queue(struct sim *s, uint32_t dev)
{
	uint32_t n = s->plan->device[dev].nqueues;
	return n > 1 ? rand_below(&s->plan->rand, n) : 0;
}

/* -- requests -------------------------------------------------------------------------------------------- */

void sim_post(struct sim *s, uint32_t dev, uint32_t queue)
{
	struct rand *r = &s->plan->rand;
	const struct sim_device_plan *p = &s->plan->device[dev];
	if (p->kind->post) {
		p->kind->post(s, dev, queue);
		return;
	}
	uint32_t bits = rand_bits(r, 22), shape = 0;
	if (p->shape_mask && rand_bits(r, 1))
		shape = rand_bits(r, 16) & p->shape_mask;
	uint64_t arg[5] = {queue, p->type[bits & 7], (bits >> 6) & (p->sectors - 1), p->len[bits >> 3 & 7],
			   shape};
	sim_op5(s, OP_POST, dev, arg);
}

static uint32_t plain_batch(uint32_t len)
{
	uint32_t n = PLAIN_ROOM / (len + PLAIN_EXTRA);
	return n < PLAIN_BATCH ? n : PLAIN_BATCH;
}

static void post(struct sim *s, uint32_t dev)
{
	uint32_t queue = draw_queue(s, dev), bits = rand_bits(&s->plan->rand, 8);
	uint32_t n = 1 + (bits & (s->plan->device[dev].batch - 1u));
	if (s->plan->plain)
		n = plain_batch(s->options.request_len);
	for (; n; n--)
		sim_post(s, dev, queue);
	if (s->plan->twice || s->plan->plain)
		bits = UINT32_MAX;
	if (bits >> 3 & 7)
		sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	if (bits >> 6)
		sim_op(s, OP_REAP, dev, queue, 0, 0, 0);
}

static void wish(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 8);
	uint32_t mode = bits & 3, ahead = bits >> 4;
	sim_op(s, OP_NOTIFY, dev, draw_queue(s, dev), mode == 3 ? 0 : mode, mode == 2 ? ahead : 0, 0);
}

/* Reads what any driver may read at any time. */
static void look(struct sim *s, uint32_t dev)
{
	static const uint16_t reg[8] = {
		VIRTIO_MMIO_STATUS,          VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_CONFIG_GENERATION,
		VIRTIO_MMIO_DEVICE_FEATURES, VIRTIO_MMIO_QUEUE_NUM_MAX,    VIRTIO_MMIO_QUEUE_READY,
		VIRTIO_MMIO_MAGIC_VALUE,     VIRTIO_MMIO_DEVICE_ID};
	uint32_t bits = rand_bits(&s->plan->rand, 12);
	if (bits & 1)
		sim_op(s, OP_READ, dev, reg[bits >> 1 & 7], 4, 0, 0);
	else
		sim_op(s, OP_READ, dev, VIRTIO_MMIO_CONFIG + (bits >> 4 & 63), 1u << (bits >> 1 & 3), 0, 0);
}

/* -- the other processor --------------------------------------------------------------------------------- */

/* Where the ring protocols meet: most are drawn here. */
static void draw_moment(struct rand *r, uint64_t *point, uint64_t *what, uint64_t *nth)
{
	static const uint8_t hot[8][2] = {
		{POINT_AFTER_LOAD, VMEM_EVENT},
		{POINT_BEFORE_LOAD, VMEM_EVENT},
		{POINT_FENCE, WHEN_ANY},
		{POINT_AFTER_LOAD, VMEM_AVAIL_IDX},
		{POINT_AFTER_STORE, VMEM_EVENT},
		{POINT_BEFORE_STORE, VMEM_USED_IDX},
		{POINT_AFTER_STORE, VMEM_USED_IDX},
		{POINT_BEFORE_STORE, VMEM_EVENT},
	};
	uint32_t bits = rand_bits(r, 16);
	*nth = bits & 1 ? 0 : bits >> 1 & 3;
	*point = hot[bits >> 3 & 7][0];
	*what = hot[bits >> 3 & 7][1];
	if (bits >> 6 & 3)
		return;
	*point = bits >> 8 & 7;
	*what = bits >> 11 & 1 ? WHEN_ANY : rand_below(r, VMEM_FOR_COUNT);
	*nth = bits >> 12;
}

/* While the device works the guest publishes and notifies, or takes what is used, or asks for other
 * notifications; or whatever is drawn next happens then, by the guest or its host, to this device or another. */
static void when(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 8), queue = draw_queue(s, dev),
		 other = bits & 3 ? queue : draw_queue(s, dev);
	uint64_t point, what, nth;
	draw_moment(r, &point, &what, &nth);
	bool posts = bits >> 2 & 1, whatever = rand_bits(r, 3) == 0;
	if (bits >> 3 & 1)
		sim_post(s, dev, queue);
	sim_op(s, OP_WHEN, dev, point, what, nth, 0);
	if (whatever)
		return;
	if (posts)
		sim_post(s, dev, other);
	else
		sim_op(s, OP_REAP, dev, other, 0, 0, 0);
	if (posts && bits >> 4 & 3) { /* at the same moment */
		sim_op(s, OP_WHEN, dev, point, what, nth, 0);
		sim_op(s, OP_KICK, dev, other, 0, 0, 0);
	} else if (bits >> 4 & 1) {
		sim_op(s, OP_WHEN, dev, point, what, nth, 0);
		wish(s, dev);
	}
	sim_post(s, dev, queue);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	if (bits >> 6)
		sim_op(s, OP_REAP, dev, queue, 0, 0, 0);
}

/* -- what the host does ---------------------------------------------------------------------------------- */

static void count(struct sim *s, enum sim_fault f)
{
	s->count.fault[f]++;
}

static void fault(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	enum sim_fault f = SIM_FAULT_EIO + rand_bits(r, 2);
	uint32_t n = rand_bits(r, 2) + 1, bytes = rand_bits(r, 1) ? rand_bits(r, 13) : rand_bits(r, 3);
	if (!(s->plan->faults >> f & 1))
		return;
	count(s, f);
	if (f == SIM_FAULT_EIO)
		sim_op(s, OP_FAULT, dev, n, BLK_IO_ERROR, 0, 0);
	else if (f == SIM_FAULT_UNSUPPORTED)
		sim_op(s, OP_FAULT, dev, n, BLK_UNSUPPORTED, 0, 0);
	else
		sim_op(s, OP_FAULT, dev, n, f == SIM_FAULT_SHORT ? BLK_DONE : BLK_IO_ERROR, bytes, 0);
}

static void hold(struct sim *s, uint32_t dev)
{
	uint32_t n = 1u << rand_bits(&s->plan->rand, 3);
	if (s->machine.device[dev].backend.hold > 64)
		return;
	count(s, SIM_FAULT_HOLD);
	sim_op(s, OP_HOLD, dev, n, 0, 0, 0);
}

/* Some of what is held completes. */
static void done(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	const struct backend *b = &s->machine.device[dev].backend;
	uint32_t bits = rand_bits(r, 8);
	bool reorder = s->plan->faults >> SIM_FAULT_REORDER & bits & 1;
	for (uint32_t n = 1 + (bits >> 1 & 3); n && b->nheld; n--) {
		uint32_t id = reorder ? rand_below(r, b->nheld) : 0;
		s->count.fault[SIM_FAULT_REORDER] += id != 0;
		sim_op(s, OP_DONE, dev, id, 0, 0, 0);
	}
	if (bits >> 3)
		sim_op(s, OP_FLUSHED, dev, 0, 0, 0, 0);
}

static void delay(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 12);
	count(s, SIM_FAULT_DELAY);
	sim_op(s, OP_DELAY, dev, 1u << (bits & 3), 1000ull << (bits >> 2 & 15), 0, 0);
}

static void tick(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 16);
	sim_op(s, OP_TICK, dev, (1000ull << (bits & 15)) + bits, 0, 0, 0);
}

static void power(struct sim *s, uint32_t dev)
{
	count(s, SIM_FAULT_POWER);
	sim_op(s, OP_POWER_CUT, dev, rand_u64(&s->plan->rand), 0, 0, 0);
	sim_start(s, dev);
}

static void resize_once(struct sim *s, uint32_t dev)
{
	static const uint64_t sectors[4] = {1024, 8, 2048, 1};
	count(s, SIM_FAULT_RESIZE);
	sim_op(s, OP_RESIZE, dev, sectors[rand_bits(&s->plan->rand, 2)], 0, 0, 0);
}

/* Also while the driver sets the device up: it has read the capacity, and is not there to be told yet. */
static void resize(struct sim *s, uint32_t dev)
{
	if (!s->machine.device[dev].type->resize)
		return;
	if (rand_bits(&s->plan->rand, 1)) {
		resize_once(s, dev);
		return;
	}
	sim_op(s, OP_NEGOTIATE, dev, 0, 0, 0, 0);
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_CONFIG, 4, 0, 0);
	resize_once(s, dev);
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_CONFIG, 4, 0, 0);
	sim_start(s, dev);
}

/* The device goes on as another one, loaded from its bytes. Nobody must see that. */
static void save(struct sim *s, uint32_t dev)
{
	sim_op(s, OP_SAVE, dev, 0, 0, 0, 0);
}

/* For a device that has no outside: more requests. */
static void input(struct sim *s, uint32_t dev)
{
	const struct sim_kind *k = s->plan->device[dev].kind;
	(k->input ? k->input : post)(s, dev);
}

static void host(struct sim *s, uint32_t dev)
{
	const struct sim_kind *k = s->plan->device[dev].kind;
	if (k->host)
		k->host(s, dev);
}

/* -- another life ---------------------------------------------------------------------------------------- */

static void restart(struct sim *s, uint32_t dev)
{
	if (rand_once(&s->plan->rand, 1))
		sim_op(s, OP_RESET, dev, 0, 0, 0, 0);
	if (rand_once(&s->plan->rand, 2))
		sim_set_up(s, dev);
	else
		sim_start(s, dev);
}

static void new_queue(struct sim *s, uint32_t dev)
{
	const struct vdev *v = s->machine.device[dev].vdev;
	if (!s->plan->twice && vdev_has(v, VIRTIO_F_RING_RESET) && rand_bits(&s->plan->rand, 1))
		sim_op(s, OP_QUEUE_RESET, dev, draw_queue(s, dev), 0, 0, 0);
	uint32_t queue = draw_queue(s, dev), size = s->plan->twice ? 64 : rand_bits(&s->plan->rand, 6);
	sim_op(s, OP_QUEUE, dev, queue, size, 0, 0);
}

void sim_act(struct sim *s, enum sim_act a, uint32_t dev)
{
	static void (*const acts[SIM_ACTS])(struct sim *, uint32_t) = {
		[ACT_POST] = post,       [ACT_SLOPPY] = sim_sloppy, [ACT_DELAY] = delay,
		[ACT_TICK] = tick,       [ACT_POWER] = power,       [ACT_WHEN] = when,
		[ACT_WISH] = wish,       [ACT_LOOK] = look,         [ACT_FAULT] = fault,
		[ACT_HOLD] = hold,       [ACT_DONE] = done,         [ACT_RESIZE] = resize,
		[ACT_RESTART] = restart, [ACT_QUEUE] = new_queue,   [ACT_SAVE] = save,
		[ACT_INPUT] = input,     [ACT_HOST] = host,
	};
	if (acts[a])
		acts[a](s, dev);
	else if (a == ACT_KICK || a == ACT_REAP || a == ACT_RUN)
		sim_op(s,
		       a == ACT_KICK   ? OP_KICK
		       : a == ACT_REAP ? OP_REAP
				       : OP_RUN,
		       dev, draw_queue(s, dev), 0, 0, 0);
	else
		sim_hostile(s, a, dev);
}
