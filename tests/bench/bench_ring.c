// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the checked, tappable way to a ring costs. One operation: the guest publishes a chain of three
 * descriptors, the device pops and walks it, completes it, publishes, and asks whether the driver wants an
 * interrupt; the guest takes the used entry. Through vq on a split and on a packed ring, and on a split one
 * by raw pointers as a device would that trusts its guest: the same ordering (acquire, release, fence), and
 * no checks at all. The guest's half of both split ones is the same code.
 */
#include "tests/bench/bench_net.h"

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
	struct vring_packed_desc *slot; /* packed: these two, and off_wrap */
	struct vring_packed_desc_event *driver;
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

struct packed {
	struct checked b;
	uint16_t next, seen; /* slots */
	bool wrap, seen_wrap;
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
	g->avail->ring[SIZE] = 15; /* used_event */
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

/* -- packed --------------------------------------------------------------------------------------------- */

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

static inline void packed_move(uint16_t *slot, bool *wrap, uint32_t n)
{
	uint32_t to = *slot + n;
	if (to >= SIZE) {
		to -= SIZE;
		*wrap = !*wrap;
	}
	*slot = (uint16_t)to;
}

/* Fills the next slot but for its flags, which it returns. */
static inline uint16_t packed_fill(struct packed *p, uint64_t addr, uint32_t len, uint16_t id, uint32_t flags)
{
	struct vring_packed_desc *d = &p->b.g.slot[p->next];
	d->addr = addr;
	d->len = len;
	d->id = id;
	flags |= p->wrap ? F_AVAIL : F_USED;
	packed_move(&p->next, &p->wrap, 1);
	return (uint16_t)flags;
}

/* The same request, its first descriptor available last. */
static inline void packed_publish(struct packed *p)
{
	struct guest *g = &p->b.g;
	uint32_t at = g->idx & (SIZE - 1), head = 4 * (at & 63);
	uint64_t data = BASE + DATA_AT;
	struct vring_packed_desc *first = &g->slot[p->next], *d;
	uint16_t flags = packed_fill(p, data + 16 * head, 16, 0, VRING_DESC_F_NEXT);
	d = &g->slot[p->next];
	d->flags = packed_fill(p, data + 4096 * at % 65536, 4096, 0, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	d = &g->slot[p->next];
	d->flags = packed_fill(p, data + head, 1, (uint16_t)head, VRING_DESC_F_WRITE);
	__atomic_store_n(&first->flags, flags, __ATOMIC_RELEASE);
	g->idx++;
}

static inline void packed_reap(struct packed *p)
{
	struct guest *g = &p->b.g;
	struct vring_packed_desc *d = &g->slot[p->seen];
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	bench_check((flags & (F_AVAIL | F_USED)) == (p->seen_wrap ? F_AVAIL | F_USED : 0), "no used entry");
	g->sum += d->len;
	packed_move(&p->seen, &p->seen_wrap, 3);
	if ((++g->seen & 15) == 0) { /* wants to hear of the 16th from here */
		uint16_t slot = p->seen;
		bool wrap = p->seen_wrap;
		packed_move(&slot, &wrap, 45);
		g->driver->off_wrap = (uint16_t)(slot | wrap << VRING_PACKED_EVENT_F_WRAP_CTR);
	}
}

static void packed_run(void *ctx, uint32_t n)
{
	struct packed *p = ctx;
	struct checked *b = &p->b;
	struct vq_chain c;
	while (n--) {
		packed_publish(p);
		bench_check(vq_pop(&b->q, &b->mem, &c) == VQ_OK, "pop failed");
		for (uint32_t i = 0; i < (uint32_t)c.nread + c.nwrite; i++)
			b->g.sum += c.seg[i].addr.v + c.seg[i].len;
		vq_complete(&b->q, &b->mem, c.tok, c.write_len);
		b->g.interrupts += vq_publish(&b->q, &b->mem);
		packed_reap(p);
	}
}

/* -- raw pointers --------------------------------------------------------------------------------------- */

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

static void checked_init(struct checked *b, uint64_t features)
{
	guest_init(&b->g);
	b->map = (struct vmem_map){1, {{BASE, RAM_LEN, b->g.ram}}};
	vmem_init(&b->mem, &b->map);
	b->q.size_max = b->q.size = SIZE;
	b->q.area[VQ_DESC] = gpa(BASE);
	b->q.area[VQ_DRIVER] = gpa(BASE + AVAIL_AT);
	b->q.area[VQ_DEVICE] = gpa(BASE + USED_AT);
	features |= 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC;
	bench_check(vq_enable(&b->q, &b->mem, features) == OFFENCE_NONE, "the ring is not accepted");
}

static void packed_init(struct packed *p)
{
	struct guest *g = &p->b.g;
	checked_init(&p->b, 1ull << VIRTIO_F_RING_PACKED);
	p->wrap = p->seen_wrap = true;
	g->slot = (struct vring_packed_desc *)(void *)g->ram;
	g->driver = (struct vring_packed_desc_event *)(void *)(g->ram + AVAIL_AT);
	g->driver->off_wrap = 45 | 1u << VRING_PACKED_EVENT_F_WRAP_CTR;
	g->driver->flags = VRING_PACKED_EVENT_FLAG_DESC;
}

int main(void)
{
	static struct checked split;
	static struct packed packed;
	static struct raw raw;
	static struct nic tx, alone, rx;
	checked_init(&split, 0);
	packed_init(&packed);
	guest_init(&raw.g);
	nic_init(&tx, 1);
	nic_init(&alone, 1);
	nic_init(&rx, 0);
	struct bench b[] = {{.name = "split-3desc", .run = checked_run, .ctx = &split},
			    {.name = "packed-3desc", .run = packed_run, .ctx = &packed},
			    {.name = "split-3desc-raw", .run = raw_run, .ctx = &raw},
			    {.name = "net-tx-64B", .run = nic_send_bursts, .ctx = &tx},
			    {.name = "net-tx-64B-alone", .run = nic_send_alone, .ctx = &alone},
			    {.name = "net-rx-64B", .run = nic_receive, .ctx = &rx}};
	const int nbenches = sizeof(b) / sizeof(b[0]);
	bench_measure(b, nbenches, 10000);
	bench_check(split.g.sum == raw.g.sum && split.g.sum == packed.b.g.sum, "they did not do the same");
	bench_check(split.g.interrupts == raw.g.interrupts && split.g.interrupts == packed.b.g.interrupts,
		    "they did not send the same interrupts");
	bench_check(tx.frames == rx.frames && alone.frames == rx.frames && tx.interrupts == rx.interrupts &&
			    tx.sum == 0 && rx.sum == rx.frames * (12ull + NIC_FRAME),
		    "frames were lost");
	for (int i = 0; i < nbenches; i++)
		bench_print(b[i].name, bench_median(b[i].ns, BENCH_ROUNDS), "ns");
	free(split.g.ram);
	free(packed.b.g.ram);
	free(raw.g.ram);
	free(tx.ram);
	free(alone.ram);
	free(rx.ram);
	return 0;
}
