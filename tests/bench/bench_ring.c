// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the checked, tappable way to a split ring costs. One operation: the guest publishes a chain of three
 * descriptors, the device pops and walks it, completes it, publishes, and asks whether the driver wants an
 * interrupt; the guest takes the used entry. Once through vq, once by raw pointers as a device would that
 * trusts its guest: the same ordering (acquire, release, fence), and no checks at all. The guest's half is
 * the same code.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "tests/bench/bench.h"
#include "vq.h"

#define SIZE     256u
#define BASE     0x100000ull /* guest address of RAM */
#define RAM_LEN  (1u << 20)
#define AVAIL_AT (16u * SIZE)
#define USED_AT  (AVAIL_AT + 8u + 2u * SIZE)
#define DATA_AT  0x10000u

struct guest {
	uint8_t *ram;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t idx, seen;
	uint64_t sum; /* what the device saw of the chains */
	uint32_t interrupts;
};

struct checked {
	struct guest g;
	struct vmem_map map;
	struct vmem mem;
	struct vq q;
};

struct raw {
	struct guest g;
	uint16_t next_avail, seen_avail, next_used, published;
};

static void guest_init(struct guest *g)
{
	g->ram = aligned_alloc(4096, RAM_LEN);
	bench_check(g->ram != NULL, "out of memory");
	memset(g->ram, 0, RAM_LEN);
	g->desc = (struct vring_desc *)(void *)g->ram;
	g->avail = (struct vring_avail *)(void *)(g->ram + AVAIL_AT);
	g->used = (struct vring_used *)(void *)(g->ram + USED_AT);
}

/* A block request's shape: header, 4 KiB of data, status. */
static inline void guest_publish(struct guest *g)
{
	uint32_t at = g->idx & (SIZE - 1), head = 4 * (at & 63);
	uint64_t data = BASE + DATA_AT;
	g->desc[head] = (struct vring_desc){data + 16 * head, 16, VRING_DESC_F_NEXT, (uint16_t)(head + 1)};
	g->desc[head + 1] = (struct vring_desc){data + 4096 * at % 65536, 4096,
						VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, (uint16_t)(head + 2)};
	g->desc[head + 2] = (struct vring_desc){data + head, 1, VRING_DESC_F_WRITE, 0};
	g->avail->ring[at] = (uint16_t)head;
	__atomic_store_n(&g->avail->idx, ++g->idx, __ATOMIC_RELEASE);
}

/* The driver wants an interrupt for every 16th entry. */
static inline void guest_reap(struct guest *g)
{
	bench_check(__atomic_load_n(&g->used->idx, __ATOMIC_ACQUIRE) == (uint16_t)(g->seen + 1),
		    "used index is wrong");
	g->sum += g->used->ring[g->seen & (SIZE - 1)].len;
	g->seen++;
	g->avail->ring[SIZE] = g->seen | 15; /* used_event */
}

static void checked_run(void *ctx, uint32_t n)
{
	struct checked *b = ctx;
	struct vq_chain c;
	while (n--) {
		guest_publish(&b->g);
		bench_check(vq_pop(&b->q, &b->mem, &c) == VQ_OK, "pop failed");
		for (uint32_t i = 0; i < (uint32_t)c.nread + c.nwrite; i++)
			b->g.sum += c.seg[i].addr.v + c.seg[i].len;
		vq_complete(&b->q, &b->mem, c.tok, c.write_len);
		b->g.interrupts += vq_publish(&b->q, &b->mem);
		guest_reap(&b->g);
	}
}

static inline void raw_fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* As vq_pop, into the same struct: the chain as addresses and lengths. */
static bool raw_pop(struct raw *b, struct vq_chain *c)
{
	const struct guest *g = &b->g;
	if (b->next_avail == b->seen_avail) {
		b->seen_avail = __atomic_load_n(&g->avail->idx, __ATOMIC_ACQUIRE);
		if (b->next_avail == b->seen_avail)
			return false;
	}
	c->tok.id = g->avail->ring[b->next_avail++ & (SIZE - 1)];
	c->nread = c->nwrite = 0;
	c->read_len = c->write_len = 0;
	for (const struct vring_desc *d = &g->desc[c->tok.id];; d = &g->desc[d->next]) {
		c->seg[c->nread + c->nwrite] = (struct vq_seg){gpa(d->addr), d->len};
		if (d->flags & VRING_DESC_F_WRITE) {
			c->nwrite++;
			c->write_len += d->len;
		} else {
			c->nread++;
			c->read_len += d->len;
		}
		if (!(d->flags & VRING_DESC_F_NEXT))
			return true;
	}
}

static void raw_complete(struct raw *b, uint32_t id, uint32_t len)
{
	b->g.used->ring[b->next_used++ & (SIZE - 1)] = (struct vring_used_elem){id, len};
}

static bool raw_publish(struct raw *b)
{
	uint16_t before = b->published;
	b->published = b->next_used;
	__atomic_store_n(&b->g.used->idx, b->published, __ATOMIC_RELEASE);
	raw_fence();
	uint16_t event = __atomic_load_n(&b->g.avail->ring[SIZE], __ATOMIC_ACQUIRE);
	return vring_need_event(event, b->published, before);
}

static void raw_run(void *ctx, uint32_t n)
{
	struct raw *b = ctx;
	struct vq_chain c;
	while (n--) {
		guest_publish(&b->g);
		bench_check(raw_pop(b, &c), "pop failed");
		for (uint32_t i = 0; i < (uint32_t)c.nread + c.nwrite; i++)
			b->g.sum += c.seg[i].addr.v + c.seg[i].len;
		raw_complete(b, c.tok.id, c.write_len);
		b->g.interrupts += raw_publish(b);
		guest_reap(&b->g);
	}
}

static void checked_init(struct checked *b)
{
	guest_init(&b->g);
	b->map = (struct vmem_map){1, {{BASE, RAM_LEN, b->g.ram}}};
	vmem_init(&b->mem, &b->map);
	b->q.size_max = b->q.size = SIZE;
	b->q.area[VQ_DESC] = gpa(BASE);
	b->q.area[VQ_DRIVER] = gpa(BASE + AVAIL_AT);
	b->q.area[VQ_DEVICE] = gpa(BASE + USED_AT);
	uint64_t features = 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC;
	bench_check(vq_enable(&b->q, &b->mem, features) == OFFENCE_NONE, "the ring is not accepted");
}

int main(void)
{
	static struct checked checked;
	static struct raw raw;
	checked_init(&checked);
	guest_init(&raw.g);
	struct bench b[2] = {{.name = "split-3desc", .run = checked_run, .ctx = &checked},
			     {.name = "split-3desc-raw", .run = raw_run, .ctx = &raw}};
	bench_measure(b, 2, 10000);
	bench_check(checked.g.sum == raw.g.sum && checked.g.interrupts == raw.g.interrupts,
		    "the two did not do the same");
	for (int i = 0; i < 2; i++)
		bench_print(b[i].name, bench_median(b[i].ns, BENCH_ROUNDS), "ns");
	free(checked.g.ram);
	free(raw.g.ram);
	return 0;
}
