// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "hash.h"
#include "tests/unit/small.h"

#define BASE    0x1000ull /* guest address of everything */
#define DRIVER  64u       /* offsets of the areas */
#define DEVICE  96u
#define DATA    0x200u
#define WRITE   4u /* writable bytes of each chain */
#define WRAP    0x8000u
#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

static struct small_config cfg;
static struct small_model s;
static struct vq q;
static _Alignas(16) uint8_t ram[0x400];
static const struct vmem_map map = {1, {{BASE, sizeof(ram), ram}}};
static struct vmem mem;

/* Little-endian, as this machine is; the driver's own accesses. */
static uint16_t get(uint32_t off)
{
	uint16_t v;
	memcpy(&v, ram + off, 2);
	return v;
}

static void put(uint32_t off, uint32_t v, uint32_t n)
{
	memcpy(ram + off, &v, n);
}

static uint32_t slot(uint16_t pos)
{
	return cfg.packed ? pos & (WRAP - 1) : (uint32_t)pos % cfg.size;
}

static uint16_t forward(uint16_t pos, uint32_t n)
{
	if (!cfg.packed)
		return (uint16_t)(pos + n);
	for (; n; n--)
		pos = slot(pos) + 1 == cfg.size ? (uint16_t)(~pos & WRAP) : (uint16_t)(pos + 1);
	return pos;
}

static void drop(uint8_t *list, uint8_t *n, uint32_t at)
{
	(*n)--;
	for (uint32_t i = at; i < *n; i++)
		list[i] = list[i + 1];
}

/* -- the driver */

static void put_desc(uint32_t i, uint8_t id, bool last, uint16_t half0, uint16_t half1)
{
	put(16 * i, (uint32_t)BASE + DATA + 16u * id + (last ? 8 : 0), 4);
	put(16 * i + 4, 0, 4);
	put(16 * i + 8, last ? WRITE : 8, 4);
	put(16 * i + 12, half0, 2);
	put(16 * i + 14, half1, 2);
}

static uint16_t desc_flags(bool last)
{
	return last ? VRING_DESC_F_WRITE : VRING_DESC_F_NEXT;
}

/* Takes free descriptors, lowest first; the first is the head, and so the id. */
static uint8_t post_split(uint32_t n)
{
	uint8_t at[SMALL_SIZE_MAX] = {0}, k = 0;
	for (uint8_t i = 0; k < n; i++)
		if (!s.desc_owner[i])
			at[k++] = i;
	for (k = 0; k < n; k++) {
		bool last = k + 1u == n;
		s.desc_owner[at[k]] = (uint8_t)(at[0] + 1);
		put_desc(at[k], at[0], last, desc_flags(last), last ? 0 : at[k + 1]);
	}
	put(DRIVER + 4 + 2 * slot(s.avail), at[0], 2);
	put(DRIVER + 2, (uint16_t)(s.avail + 1), 2);
	return at[0];
}

static uint8_t post_packed(uint32_t n)
{
	uint8_t id = 0;
	while (s.life[id] != CHAIN_FREE)
		id++;
	for (uint32_t k = n; k-- > 0;) {
		uint16_t pos = forward(s.avail, k);
		uint16_t flags = desc_flags(k + 1 == n) | (pos & WRAP ? F_AVAIL : F_USED);
		put_desc(slot(pos), id, k + 1 == n, id, flags);
	}
	return id;
}

static bool post(uint32_t n)
{
	if (n > s.nfree ||
	    n + s.unkicked > cfg.size) /* a driver counts what it kicks for in ring sizes at most */
		return false;
	uint8_t id = cfg.packed ? post_packed(n) : post_split(n);
	s.avail = forward(s.avail, cfg.packed ? n : 1);
	s.life[id] = CHAIN_POSTED;
	s.ndesc[id] = (uint8_t)n;
	s.nfree = (uint8_t)(s.nfree - n);
	s.posted[s.nposted++] = s.unused[s.nunused++] = id;
	s.unkicked = (uint8_t)(s.unkicked + n);
	return true;
}

/* As Linux decides it: with slots, and counted back from the newest one. */
static bool packed_wants_kick(void)
{
	uint16_t flags = get(DEVICE + 2), off_wrap = get(DEVICE);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	uint16_t new = (uint16_t)slot(s.avail), event = off_wrap &(WRAP - 1), added = 0;
	for (uint16_t p = s.kicked; p != s.avail; p = forward(p, 1))
		added++;
	if ((off_wrap ^ s.avail) & WRAP)
		event = (uint16_t)(event - cfg.size);
	return vring_need_event(event, new, (uint16_t)(new - added));
}

static bool split_wants_kick(void)
{
	if (cfg.event_idx)
		return vring_need_event(get(DEVICE + 4 + 8u * cfg.size), s.avail, s.kicked);
	return !(get(DEVICE) & VRING_USED_F_NO_NOTIFY);
}

static bool kick(void)
{
	if (!s.unkicked)
		return false;
	s.kick |= cfg.packed ? packed_wants_kick() : split_wants_kick();
	s.kicked = s.avail;
	s.unkicked = 0;
	return true;
}

static bool used_is_there(void)
{
	if (!cfg.packed)
		return get(DEVICE + 2) != s.seen;
	uint16_t want = s.seen & WRAP ? F_AVAIL | F_USED : 0;
	return (get(16 * slot(s.seen) + 14) & (F_AVAIL | F_USED)) == want;
}

static void take_back(uint32_t nth)
{
	uint8_t id = s.unused[nth];
	assert_int_equal(s.life[id], CHAIN_DONE);
	s.life[id] = CHAIN_FREE;
	s.armed = false; /* for another place than where we stand now */
	s.nfree = (uint8_t)(s.nfree + s.ndesc[id]);
	s.seen = forward(s.seen, cfg.packed ? s.ndesc[id] : 1);
	for (uint32_t i = 0; i < cfg.size; i++)
		if (s.desc_owner[i] == id + 1u)
			s.desc_owner[i] = 0;
	drop(s.unused, &s.nunused, nth);
}

/* Every entry names a chain that was completed, once, with the length it was completed with; with IN_ORDER it
 * covers all that are older, and those were written whole. */
static bool reap(void)
{
	if (s.driver_sleeps || !used_is_there())
		return false;
	uint32_t at = cfg.packed ? 16 * slot(s.seen) + 8 : DEVICE + 4 + 8 * slot(s.seen);
	uint32_t id = get(cfg.packed ? at + 4 : at), len = get(cfg.packed ? at : at + 4), nth = 0;
	assert_true(id < cfg.size);
	while (nth < s.nunused && s.unused[nth] != id)
		nth++;
	assert_true(nth < s.nunused);
	assert_int_equal(len, s.written[id]);
	for (uint32_t i = 0; cfg.in_order && i < nth; i++) {
		assert_int_equal(s.written[s.unused[0]], WRITE);
		take_back(0);
	}
	take_back(cfg.in_order ? 0 : nth);
	return true;
}

static bool suppress(void)
{
	if (s.driver_sleeps)
		return false;
	s.armed = false;
	if (cfg.packed)
		put(DRIVER + 2, VRING_PACKED_EVENT_FLAG_DISABLE, 2);
	else if (cfg.event_idx)
		put(DRIVER + 4 + 2u * cfg.size, (uint16_t)(s.seen - 1), 2);
	else
		put(DRIVER, VRING_AVAIL_F_NO_INTERRUPT, 2);
	return true;
}

static bool arm(void)
{
	if (s.driver_sleeps)
		return false;
	s.armed = true;
	if (cfg.packed) {
		put(DRIVER, s.seen, 2);
		put(DRIVER + 2, cfg.event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE,
		    2);
	} else if (cfg.event_idx) {
		put(DRIVER + 4 + 2u * cfg.size, s.seen, 2);
	} else {
		put(DRIVER, 0, 2);
	}
	return true;
}

/* The last look before sleeping; what was armed must be where the driver stands. */
static bool look(void)
{
	if (s.driver_sleeps || !s.armed)
		return false;
	s.armed = false;
	s.driver_sleeps = !used_is_there();
	return true;
}

static bool wake_driver(void)
{
	if (!s.irq)
		return false;
	s.irq = s.driver_sleeps = false;
	return true;
}

/* -- the device */

static bool wake_device(void)
{
	if (!s.kick)
		return false;
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
	vq_complete(&q, &mem, tok, s.written[tok.id]);
	return true;
}

/* -- a driver's steps between the accesses of a device's */

static bool post_and_kick(void)
{
	return post(1) && kick();
}

static bool arm_and_look(void)
{
	return arm() && look();
}

static bool post_one(void)
{
	return post(1);
}

static bool (*const between[])(void) = {post_one, post_and_kick, kick, reap,
					suppress, arm,           look, arm_and_look};

#define BETWEEN (sizeof(between) / sizeof(between[0]))
#define POINTS  7u /* accesses and fences of one publish or resume, at most */

static struct {
	uint32_t countdown;
	bool (*what)(void);
	bool done;
} hook;

static void point(void)
{
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
}

static const struct vmem_tap hook_tap = {.before = hook_before, .fence = hook_fence};

/* Variant 0: nothing comes between. Else the step is possible only where the driver's was. */
static bool with_hook(bool (*step)(void), uint32_t variant)
{
	hook.done = false;
	hook.what = variant ? between[(variant - 1) / POINTS] : NULL;
	hook.countdown = variant ? (variant - 1) % POINTS : 0;
	if (variant)
		vmem_set_tap(&mem, &hook_tap, NULL);
	bool ok = step();
	if (variant)
		vmem_set_tap(&mem, NULL, NULL);
	return ok && (!variant || hook.done);
}

static bool publish(void)
{
	if (q.next_used == q.published)
		return false;
	s.irq |= vq_publish(&q, &mem);
	return true;
}

static bool resume(void)
{
	if (s.device_sleeps)
		return false;
	s.device_sleeps = !vq_kicks_resume(&q, &mem);
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

bool small_step(uint32_t step, uint32_t variant)
{
	static bool (*const plain[SMALL_STEPS])(void) = {
		[1] = kick,        [2] = reap,        [3] = suppress, [4] = arm,   [5] = look,
		[6] = wake_driver, [7] = wake_device, [8] = pop,      [12] = unpop};
	switch (step) {
	case 0:
		return variant < 2 ? post(variant + 1) : cfg.size > 2 && post(cfg.size);
	case 9:
		return complete(variant);
	case 10:
		return with_hook(publish, variant);
	case 11:
		return with_hook(resume, variant);
	default:
		return plain[step]();
	}
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
	assert_false(s.driver_sleeps && !s.irq && used_is_there());
}

/* Whatever each side may do now; true: something moved. */
static bool drain_round(void)
{
	bool moved = kick() | wake_driver() | wake_device();
	while (pop())
		moved = true;
	while (complete(0))
		moved = true;
	moved |= publish();
	if (!s.device_sleeps)
		moved |= resume();
	while (reap())
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

void small_start(const struct small_config *c)
{
	uint64_t features = (uint64_t)c->packed << VIRTIO_F_RING_PACKED |
			    (uint64_t)c->in_order << VIRTIO_F_IN_ORDER |
			    (uint64_t)c->event_idx << VIRTIO_RING_F_EVENT_IDX;
	uint16_t from = c->packed ? WRAP : 65534;
	cfg = *c;
	memset(ram, 0, sizeof(ram));
	memset(&s, 0, sizeof(s));
	vmem_init(&mem, &map);
	vq_init(&q, c->size);
	q.size = c->size;
	q.area[VQ_DESC] = gpa(BASE);
	q.area[VQ_DRIVER] = gpa(BASE + DRIVER);
	q.area[VQ_DEVICE] = gpa(BASE + DEVICE);
	assert_int_equal(vq_enable(&q, &mem, features), OFFENCE_NONE);
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

/* An index, seen from the driver's: how far behind it is; further than all that is in the ring is past.
 * Positions of a packed ring are few anyway. */
static uint64_t relative(uint16_t pos)
{
	uint16_t behind = (uint16_t)(s.avail - pos);
	return cfg.packed ? pos : behind < cfg.size + 2 ? behind : cfg.size + 2u;
}

static uint64_t hash_vq(uint64_t h)
{
	h = hash_u64(h, relative(q.next_avail) << 48 | relative(q.seen_avail) << 32 |
				relative(q.next_used) << 16 | relative(q.published));
	h = hash_u64(h, (uint64_t)q.kicks_off << 32 |
				(uint64_t)(q.next_used == q.published ? 0 : q.used_flags) << 16 | q.inflight);
	for (uint32_t i = 0; cfg.in_order && i < q.inflight; i++) {
		uint16_t id = q.order[(q.oldest + i) % q.size];
		h = hash_u64(h, (uint64_t)id << 40 | (uint64_t)q.wait[id].done << 32 | q.wait[id].bytes);
	}
	if (q.batch.open)
		h = hash_u64(h, relative(q.batch.at) << 32 | (uint64_t)q.batch.id << 16 | q.batch.len);
	return h;
}

/* Where a side wants to be told, as far as it says so. */
static uint64_t hash_event(uint64_t h, uint32_t area, uint32_t entry_len)
{
	uint16_t flags = get(cfg.packed ? area + 2 : area);
	if (cfg.packed)
		return hash_u64(h, (uint64_t)flags << 16 |
					   (flags == VRING_PACKED_EVENT_FLAG_DESC ? get(area) : 0));
	uint16_t event = get(area + 4 + entry_len * cfg.size);
	return hash_u64(h, (uint64_t)flags << 16 | (cfg.event_idx ? relative(event) : 0));
}

uint64_t small_hash(void)
{
	uint64_t h = hash_event(hash_event(hash_vq(HASH_SEED), DRIVER, 2), DEVICE, 8);
	h = hash_u64(h, relative(s.kicked) << 48 | relative(s.seen) << 32 | slot(s.avail) << 8 |
				(cfg.packed ? s.avail >> 15 : 0));
	for (uint32_t id = 0; id < cfg.size; id++)
		h = hash_u64(h, s.life[id] == CHAIN_FREE
					? 0
					: (uint64_t)s.life[id] << 32 | (uint64_t)s.ndesc[id] << 16 |
						  (s.life[id] == CHAIN_DONE ? s.written[id] : 0));
	h = hash_bytes(h, s.desc_owner, sizeof(s.desc_owner));
	h = hash_bytes(h, s.posted, s.nposted);
	h = hash_bytes(h, s.unused, cfg.in_order ? s.nunused : 0);
	h = hash_u64(h, (uint64_t)s.unkicked << 8 | (uint64_t)s.irq << 4 | (uint64_t)s.kick << 3 |
				(uint64_t)s.armed << 2 | (uint64_t)s.driver_sleeps << 1 | s.device_sleeps);
	for (uint32_t i = 0; i < s.ninflight; i++)
		h = hash_u64(h, s.inflight[i].id);
	return hash_u64(h, s.ninflight && s.inflight[s.ninflight - 1].seq == q.seq);
}
