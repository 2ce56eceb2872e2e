// SPDX-License-Identifier: BSD-2-Clause
#include "oracle.h"
#include "tests/unit/small_int.h"

struct small_config cfg;
struct small_model s;
_Alignas(16) uint8_t ram[0x400];
struct vq q;
static const struct vmem_map map = {1, {{BASE, sizeof(ram), ram}}};
static struct vmem mem;
static struct oracle *oracle; /* NULL: nobody judges */

/*
 * -- the ring's oracles: one entry of the device lasts from its wake-up until it sleeps; what it does in its
 * sleep (a completion) is one by itself
 */

static void step_begins(void)
{
	if (oracle && s.device_sleeps)
		oracle_enter(oracle);
}

static void step_ends(void)
{
	if (oracle && s.device_sleeps)
		oracle_leave(oracle);
}

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	fail_msg("oracle %s: %s", v->oracle, v->what);
}

/* -- the device */

static bool wake_device(void)
{
	if (!s.kick)
		return false;
	step_begins();
	s.kick = s.device_sleeps = false;
	vq_kicks_stop(&q, &mem);
	return true;
}

/* What was posted first is popped first, as it was posted; EMPTY only where nothing is. */
static bool pop(void)
{
	struct vq_chain c;
	if (s.device_sleeps)
		return false;
	enum vq_err e = vq_pop(&q, &mem, &c);
	if (!s.nposted) {
		assert_int_equal(e, VQ_EMPTY);
		return false;
	}
	assert_int_equal(e, VQ_OK);
	uint8_t id = s.posted[0];
	assert_int_equal(c.tok.id, id);
	assert_int_equal(c.nread + c.nwrite, s.ndesc[id]);
	assert_int_equal(c.nwrite, 1);
	assert_int_equal(c.write_len, WRITE);
	assert_int_equal(c.seg[c.nread].addr.v, BASE + DATA + 16u * id + 8);
	assert_int_equal(c.tok.ndesc, cfg.packed ? s.ndesc[id] : 1);
	drop(s.posted, &s.nposted, 0);
	s.life[id] = CHAIN_POPPED;
	s.inflight[s.ninflight++] = c.tok;
	return true;
}

static bool unpop(void)
{
	if (s.device_sleeps || !s.ninflight || s.inflight[s.ninflight - 1].seq != q.seq)
		return false;
	struct vq_tok tok = s.inflight[--s.ninflight];
	vq_unpop(&q, tok);
	if (oracle) { /* what is given back is taken again in a later entry */
		oracle_leave(oracle);
		oracle_enter(oracle);
	}
	memmove(s.posted + 1, s.posted, s.nposted++);
	s.posted[0] = (uint8_t)tok.id;
	s.life[tok.id] = CHAIN_POSTED;
	return true;
}

/* The variant tells which one in flight; with IN_ORDER also whether only in part. Works while the device
 * sleeps too. */
static bool complete(uint32_t variant)
{
	uint32_t nth = variant % SMALL_SIZE_MAX;
	bool part = variant >= SMALL_SIZE_MAX;
	if (nth >= s.ninflight || (part && !cfg.in_order))
		return false;
	struct vq_tok tok = s.inflight[nth];
	s.ninflight--;
	for (uint32_t i = nth; i < s.ninflight; i++)
		s.inflight[i] = s.inflight[i + 1];
	s.life[tok.id] = CHAIN_DONE;
	s.written[tok.id] = part ? 1 : WRITE;
	step_begins();
	assert_true(vmem_write(&mem, VMEM_PAYLOAD, gpa(BASE + DATA + 16u * tok.id + 8), "data",
			       s.written[tok.id]));
	vq_complete(&q, &mem, tok, s.written[tok.id]);
	step_ends();
	return true;
}

/* -- a driver's steps between the accesses of a device's */

static bool post_and_kick(void)
{
	return drv_post(1) && drv_kick();
}

static bool arm_and_look(void)
{
	return drv_arm() && drv_look();
}

static bool post_one(void)
{
	return drv_post(1);
}

static bool has_room(void)
{
	return s.nfree && s.unkicked < cfg.size;
}

static bool is_unkicked(void)
{
	return s.unkicked;
}

static bool is_awake(void)
{
	return !s.driver_sleeps;
}

static bool is_armed(void)
{
	return s.armed && !s.driver_sleeps;
}

/* What the driver does, and whether it could at all: nothing that the device does meanwhile changes that. */
static const struct {
	bool (*what)(void), (*can)(void);
} between[] = {
	{post_one, has_room}, {post_and_kick, has_room}, {drv_kick, is_unkicked},
	{drv_reap, is_awake}, {drv_suppress, is_awake},  {drv_arm, is_awake},
	{drv_look, is_armed}, {arm_and_look, is_awake},
};

#define BETWEEN (sizeof(between) / sizeof(between[0]))
#define POINTS  7u /* accesses and fences of one publish or resume, at most */

static struct {
	uint32_t countdown;
	bool (*what)(void);
	bool done;
	uint32_t passed; /* points, in the latest step */
} hook;

static void point(void)
{
	hook.passed++;
	if (hook.what && !hook.done && hook.countdown-- == 0)
		hook.done = hook.what();
}

static void hook_before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	(void)ctx;
	(void)kind;
	(void)what;
	(void)a;
	(void)n;
	point();
}

static void hook_fence(void *ctx)
{
	(void)ctx;
	point();
	if (oracle)
		oracle_fence(oracle);
}

static void hook_after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n,
		       const void *data)
{
	(void)ctx;
	if (oracle && kind == VMEM_LOAD)
		oracle_load(oracle, what, a, n, data);
	else if (oracle)
		oracle_store(oracle, what, a, n, data);
}

static const struct vmem_tap hook_tap = {.before = hook_before, .after = hook_after, .fence = hook_fence};

/* Variant 0, which comes first: nothing comes between, and the points are counted. Else the step counts only
 * where the driver's was possible at that point. */
static enum small_done with_hook(bool (*step)(void), uint32_t variant)
{
	uint32_t nth = variant ? (variant - 1) % POINTS : 0, who = variant ? (variant - 1) / POINTS : 0;
	if (variant && ((nth >= hook.passed && !oracle) || !between[who].can()))
		return SMALL_NO;
	uint32_t points = hook.passed;
	hook.done = false;
	hook.what = variant ? between[who].what : NULL;
	hook.countdown = nth;
	hook.passed = 0;
	vmem_set_tap(&mem, &hook_tap, NULL);
	bool ok = step();
	hook.what = NULL;
	if (!oracle)
		vmem_set_tap(&mem, NULL, NULL);
	if (variant)
		hook.passed = points;
	if (ok && (!variant || hook.done))
		return SMALL_DONE;
	return ok ? SMALL_SPOILT : SMALL_NO;
}

static bool publish(void)
{
	if (q.next_used == q.published)
		return false;
	step_begins();
	bool due = vq_publish(&q, &mem);
	if (due && oracle)
		oracle_interrupt(oracle, 0);
	s.irq |= due;
	step_ends();
	return true;
}

static bool resume(void)
{
	if (s.device_sleeps)
		return false;
	s.device_sleeps = !vq_kicks_resume(&q, &mem);
	step_ends();
	if (!s.device_sleeps)
		vq_kicks_stop(&q, &mem);
	return true;
}

/* -- steps */

uint32_t small_variants(uint32_t step)
{
	static const uint8_t variants[SMALL_STEPS] = {
		[0] = 3, [9] = 2 * SMALL_SIZE_MAX, [10] = 1 + BETWEEN * POINTS, [11] = 1 + BETWEEN * POINTS};
	return variants[step] ? variants[step] : 1;
}

enum small_done small_step(uint32_t step, uint32_t variant)
{
	bool ok;
	static bool (*const plain[SMALL_STEPS])(void) = {
		[1] = drv_kick, [2] = drv_reap, [3] = drv_suppress, [4] = drv_arm,
		[5] = drv_look, [6] = drv_wake, [7] = wake_device,  [12] = unpop};
	switch (step) {
	case 0:
		ok = variant < 2 ? drv_post(variant + 1) : cfg.size > 2 && drv_post(cfg.size);
		break;
	case 8:
		ok = pop();
		return ok ? SMALL_DONE : SMALL_SPOILT; /* a look may leave the index that it saw behind */
	case 9:
		ok = complete(variant);
		break;
	case 10:
		return with_hook(publish, variant);
	case 11:
		return with_hook(resume, variant);
	default:
		ok = plain[step]();
	}
	return ok ? SMALL_DONE : SMALL_NO;
}

void small_check(void)
{
	uint32_t popped = 0, done = 0;
	for (uint32_t id = 0; id < cfg.size; id++) {
		popped += s.life[id] == CHAIN_POPPED;
		done += s.life[id] == CHAIN_DONE;
	}
	assert_int_equal(popped, s.ninflight);
	assert_int_equal(s.nunused, s.nposted + popped + done);
	assert_true(q.inflight >= popped && q.inflight <= popped + (cfg.in_order ? done : 0));
	/* No kick and no interrupt is lost: whoever sleeps has nothing to do, or is about to be woken. */
	assert_false(s.device_sleeps && !s.kick && s.nposted && !s.unkicked);
	assert_false(s.driver_sleeps && !s.irq && drv_sees_used());
}

/* Whatever each side may do now; true: something moved. */
static bool drain_round(void)
{
	bool moved = drv_kick();
	moved |= drv_wake();
	moved |= wake_device();
	while (pop())
		moved = true;
	while (complete(0))
		moved = true;
	moved |= publish();
	if (!s.device_sleeps)
		moved |= resume();
	while (drv_reap())
		moved = true;
	if (!s.driver_sleeps)
		moved |= arm_and_look();
	return moved;
}

void small_drain(void)
{
	for (int rounds = 0; drain_round(); rounds++)
		assert_true(rounds < 50);
	assert_int_equal(s.nunused, 0);
	assert_int_equal(s.nfree, cfg.size);
	assert_int_equal(q.inflight, 0);
	assert_int_equal(q.next_avail, s.avail);
	assert_int_equal(q.published, s.avail);
}

/* -- the whole as a value */

static uint64_t features_of(const struct small_config *c)
{
	return (uint64_t)c->packed << VIRTIO_F_RING_PACKED | (uint64_t)c->in_order << VIRTIO_F_IN_ORDER |
	       (uint64_t)c->event_idx << VIRTIO_RING_F_EVENT_IDX;
}

static void start(const struct small_config *c, uint16_t from)
{
	oracle = NULL;
	cfg = *c;
	memset(ram, 0, sizeof(ram));
	memset(&s, 0, sizeof(s));
	vmem_init(&mem, &map);
	vq_init(&q, c->size);
	q.size = c->size;
	q.area[VQ_DESC] = gpa(BASE);
	q.area[VQ_DRIVER] = gpa(BASE + DRIVER);
	q.area[VQ_DEVICE] = gpa(BASE + DEVICE);
	assert_int_equal(vq_enable(&q, &mem, features_of(c)), OFFENCE_NONE);
	s.avail = s.kicked = s.seen = q.next_avail = q.seen_avail = q.next_used = q.published = from;
	s.nfree = (uint8_t)c->size;
	s.device_sleeps = true;
	if (c->packed)
		return;
	put(DRIVER + 2, from, 2);
	put(DEVICE + 2, from, 2);
	put(DRIVER + 4 + 2u * c->size, from, 2);
	put(DEVICE + 4 + 8u * c->size, from, 2);
}

void small_start(const struct small_config *c)
{
	start(c, c->packed ? WRAP : 65534);
}

void small_start_judged(const struct small_config *c)
{
	const struct oracle_config config = {
		.nqueues = 1, .queue_size_max = {SMALL_SIZE_MAX}, .report = on_violation};
	start(c, c->packed ? WRAP : 0);
	oracle = oracle_create(&config);
	assert_non_null(oracle);
	oracle_features(oracle, features_of(c));
	oracle_queue_ready(oracle, 0, q.area[VQ_DESC], q.area[VQ_DRIVER], q.area[VQ_DEVICE], c->size);
	vmem_set_tap(&mem, &hook_tap, NULL);
}

void small_end_judged(void)
{
	gpa_t at;
	small_drain();
	assert_true(oracle_watch(oracle, 0, &at));
	oracle_quiet(oracle, 0, get((uint32_t)(at.v - BASE)));
	oracle_destroy(oracle);
	oracle = NULL;
	vmem_set_tap(&mem, NULL, NULL);
}

void small_save(struct small *to)
{
	memcpy(to->ring, ram, sizeof(to->ring));
	memcpy(to->vq, &q, sizeof(to->vq));
	memcpy(to->live, q.live, sizeof(to->live));
	memcpy(to->order, q.order, sizeof(to->order));
	memcpy(to->wait, q.wait, sizeof(to->wait));
	to->model = s;
}

void small_load(const struct small *from)
{
	memcpy(ram, from->ring, sizeof(from->ring));
	memcpy(&q, from->vq, sizeof(from->vq));
	memcpy(q.live, from->live, sizeof(from->live));
	memcpy(q.order, from->order, sizeof(from->order));
	memcpy(q.wait, from->wait, sizeof(from->wait));
	s = from->model;
}
