// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/unit/guest.h"

static void interrupt(void *ctx, uint16_t source)
{
	struct guest *g = ctx;
	if (source == HOST_SOURCE_CONFIG)
		g->config_irqs++;
	else
		g->irqs[source]++;
}

static void again(void *ctx, uint16_t queue)
{
	struct guest *g = ctx;
	g->again |= 1u << queue;
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static void offence(void *ctx, enum offence o)
{
	struct guest *g = ctx;
	assert_in_range(o, OFFENCE_NONE + 1, OFFENCE_COUNT - 1);
	g->offences[o]++;
	g->offences_all++;
}

const struct host guest_host = {
	.interrupt = interrupt, .again = again, .clock_ns = clock_ns, .offence = offence};

void guest_init(struct guest *g)
{
	static const uint64_t range[3][2] = {{LOW, LOW_END}, {NEXT, NEXT_END}, {HIGH, HIGH_END}};
	memset(g, 0, sizeof(*g));
	g->map.nregions = 3;
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t len = range[i][1] - range[i][0];
		g->ram[i] = malloc(len);
		assert_non_null(g->ram[i]);
		memset(g->ram[i], RAM_FILL, len);
		g->map.region[i] = (struct vmem_region){range[i][0], len, g->ram[i]};
	}
	vmem_init(&g->mem, &g->map);
}

void guest_free(struct guest *g)
{
	for (uint32_t i = 0; i < 3; i++)
		free(g->ram[i]);
}

uint8_t *at(struct guest *g, uint64_t a)
{
	for (uint32_t i = 0; i < g->map.nregions; i++) {
		const struct vmem_region *r = &g->map.region[i];
		if (a - r->gpa < r->len)
			return r->host + (a - r->gpa);
	}
	fail_msg("test bug: 0x%llx is not guest memory", (unsigned long long)a);
	return NULL;
}

/* Little-endian, byte by byte: values may cross from one region to the next. */
static uint64_t get(struct guest *g, uint64_t a, uint32_t n)
{
	uint64_t v = 0;
	for (uint32_t i = n; i-- > 0;)
		v = v << 8 | *at(g, a + i);
	return v;
}

static void put(struct guest *g, uint64_t a, uint64_t v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		*at(g, a + i) = (uint8_t)(v >> 8 * i);
}

uint16_t get16(struct guest *g, uint64_t a)
{
	return (uint16_t)get(g, a, 2);
}

uint32_t get32(struct guest *g, uint64_t a)
{
	return (uint32_t)get(g, a, 4);
}

void put16(struct guest *g, uint64_t a, uint16_t v)
{
	put(g, a, v, 2);
}

void put32(struct guest *g, uint64_t a, uint32_t v)
{
	put(g, a, v, 4);
}

void put64(struct guest *g, uint64_t a, uint64_t v)
{
	put(g, a, v, 8);
}

static uint8_t pattern(uint32_t i, uint8_t seed)
{
	return (uint8_t)(seed + i * 7 + (i >> 8) * 13);
}

void fill(struct guest *g, uint64_t a, uint32_t n, uint8_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		*at(g, a + i) = pattern(i, seed);
}

bool filled(struct guest *g, uint64_t a, uint32_t n, uint8_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		if (*at(g, a + i) != pattern(i, seed))
			return false;
	return true;
}

bool untouched(struct guest *g, uint64_t a, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (*at(g, a + i) != RAM_FILL)
			return false;
	return true;
}

/* -- the tap --------------------------------------------------------------------------------------------- */

static void log_event(struct taplog *t, struct event e, const void *data)
{
	assert_true(t->n < EVENTS_MAX);
	if (data)
		memcpy(&e.value, data, e.n < 8 ? e.n : 8);
	t->ev[t->n++] = e;
}

static void before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	struct taplog *t = ctx;
	struct event e = {kind == VMEM_LOAD ? EV_LOAD : EV_STORE, what, a.v, n, 0};
	if (t->before)
		t->before(t, &e);
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	log_event(ctx, (struct event){kind == VMEM_LOAD ? EV_LOAD : EV_STORE, what, a.v, n, 0}, data);
}

static void *pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct taplog *t = ctx;
	uint8_t *lent = t->pool ? arena_get(&t->arena, n) : host;
	if (!lent)
		return NULL;
	log_event(t, (struct event){EV_PIN, VMEM_PAYLOAD, a.v, n, 0}, NULL);
	t->pinned++;
	if (lent != host && kind == VMEM_LOAD)
		memcpy(lent, host, n);
	else if (lent != host)
		memset(lent, 0xee, n); /* shows up in the guest when more is copied back than was stored */
	return lent;
}

static void unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		  uint32_t stored)
{
	struct taplog *t = ctx;
	(void)host;
	(void)lent;
	assert_true(stored <= n && (kind == VMEM_STORE || stored == 0));
	log_event(t, (struct event){EV_UNPIN, VMEM_PAYLOAD, a.v, stored, 0}, NULL);
	assert_true(t->pinned > 0);
	t->pinned--;
}

static void unpinned(void *ctx, void *lent, uint32_t n)
{
	struct taplog *t = ctx;
	if (t->pool)
		arena_put(&t->arena, lent, n);
}

static void fence(void *ctx)
{
	log_event(ctx, (struct event){.op = EV_FENCE}, NULL);
}

const struct vmem_tap taplog_tap = {before, after, pin, unpin, unpinned, fence};

struct taplog *taplog_new(struct guest *g, uint32_t lend_blocks)
{
	struct taplog *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	if (lend_blocks) {
		t->pool = malloc(512 * (size_t)lend_blocks);
		assert_non_null(t->pool);
		arena_init(&t->arena, t->pool, 512, lend_blocks);
	}
	t->g = g;
	vmem_set_tap(&g->mem, &taplog_tap, t);
	return t;
}

void taplog_free(struct taplog *t)
{
	assert_int_equal(t->pinned, 0);
	vmem_set_tap(&t->g->mem, NULL, NULL);
	free(t->pool);
	free(t);
}

uint32_t taplog_count(const struct taplog *t, enum event_op op, enum vmem_for what)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->n; i++)
		n += t->ev[i].op == op && (op == EV_FENCE || t->ev[i].what == what);
	return n;
}

uint32_t taplog_find(const struct taplog *t, enum event_op op, enum vmem_for what, uint32_t nth)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->ev[i].op == op && (op == EV_FENCE || t->ev[i].what == what) && nth-- == 0)
			return i;
	fail_msg("no such access: op %d for %d", op, what);
	return 0;
}
