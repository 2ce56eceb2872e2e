// SPDX-License-Identifier: BSD-2-Clause
/*
 * vmem: guest memory as a device sees it.
 *
 * The guest writes this memory while we read it. Three rules follow, and this module is where they are kept:
 *   - a guest address is a gpa_t, a struct, so that it can neither be dereferenced nor mixed up with an
 * integer;
 *   - every range is checked whole, at every access, against the regions (nothing is cached but the regions);
 *   - what is needed from memory is copied out once, and what was checked is what is used.
 *
 * A `struct vmem_map` (the regions) is shared by all devices of a machine. A `struct vmem` is one device's
 * view of it, with a tap of its own. Not thread-safe by itself: whoever runs a device holds that device's
 * lock.
 */
#ifndef RINGSIDE_VMEM_H
#define RINGSIDE_VMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A guest physical address, in bytes. */
typedef struct {
	uint64_t v;
} gpa_t;

static inline gpa_t gpa(uint64_t v)
{
	return (gpa_t){v};
}

/* Callers add only offsets into a range that was checked, or wrap and are refused by the next check. */
static inline gpa_t gpa_add(gpa_t a, uint64_t n)
{
	return (gpa_t){a.v + n};
}

/* A piece of host memory; the layout of struct iovec, which the frontends assert. */
struct vspan {
	void *base;
	size_t len; /* bytes */
};

#define VMEM_REGIONS_MAX 8

struct vmem_region {
	uint64_t gpa;  /* bytes, a multiple of 8 */
	uint64_t len;  /* bytes, a multiple of 8, not 0; gpa + len does not wrap */
	uint8_t *host; /* aligned to 8 */
};

/* Sorted by gpa and disjoint; regions may touch, and an access may then cross from one to the next. */
struct vmem_map {
	uint32_t nregions;
	struct vmem_region region[VMEM_REGIONS_MAX];
};

enum vmem_kind { VMEM_LOAD, VMEM_STORE };

/* What an access is for. The order is part of the trace format: append only. */
enum vmem_for {
	VMEM_AVAIL_IDX,   /* driver's index of the available ring */
	VMEM_AVAIL_ENTRY, /* one entry of it */
	VMEM_DESC,        /* descriptor table entry */
	VMEM_INDIRECT,    /* indirect table entry */
	VMEM_USED_ENTRY,  /* one entry of the used ring */
	VMEM_USED_IDX,    /* device's index of the used ring */
	VMEM_EVENT,       /* notification suppression: flags, used_event, avail_event */
	VMEM_HEADER,      /* request header, and parameters such as discard ranges */
	VMEM_STATUS,      /* request status byte */
	VMEM_PAYLOAD,     /* everything else in a buffer */
	VMEM_FOR_COUNT
};

/*
 * The tap observes and perturbs; it never replaces translation or checks, so that the checks which run in
 * production are the ones that are fuzzed, recorded and replayed. Any member may be NULL.
 */
struct vmem_tap {
	/* Just ahead of an access whose range was checked; may change guest memory (a race, a replayed load).
	 */
	void (*before)(void *ctx, enum vmem_kind, enum vmem_for, gpa_t, uint32_t n);
	/* Just after it, with the bytes that were loaded or stored. */
	void (*after)(void *ctx, enum vmem_kind, enum vmem_for, gpa_t, uint32_t n, const void *data);
	/*
	 * A range is about to be lent to a backend. Returns host to lend guest memory itself, another buffer
	 * of n bytes to lend a copy (for VMEM_LOAD the tap fills it from host), or NULL: not now.
	 */
	void *(*pin)(void *ctx, enum vmem_kind, gpa_t, uint32_t n, void *host);
	/*
	 * The range comes back; the backend stored its first `stored` bytes (0 for VMEM_LOAD). A lent copy is
	 * copied to host by vmem, exactly that many bytes, after `unpin` has looked at it (or filled it:
	 * replay) and before `unpinned`, which may free it.
	 */
	void (*unpin)(void *ctx, enum vmem_kind, gpa_t, uint32_t n, void *host, void *lent, uint32_t stored);
	void (*unpinned)(void *ctx, void *lent, uint32_t n);
	/* A full fence: a point at which another processor's stores may become visible. */
	void (*fence)(void *ctx);
};

/* Rings lie close together, and so do buffers, but not in the same region as often as not. */
enum vmem_side { VMEM_RINGS, VMEM_BUFFERS, VMEM_SIDES };

static inline enum vmem_side vmem_side_of(enum vmem_for what)
{
	return what == VMEM_INDIRECT || what >= VMEM_HEADER ? VMEM_BUFFERS : VMEM_RINGS;
}

/*
 * The region that one side accessed last (at first the largest), reached inline. len is 0 while a tap is set, so
 * that one compare checks both "in that region" and "nobody watches".
 */
struct vmem_near {
	uint64_t gpa, len;
	uint8_t *host;
	const struct vmem_region *region;
};

struct vmem {
	struct vmem_near near[VMEM_SIDES];
	const struct vmem_map *map;
	const struct vmem_tap *tap;
	void *tap_ctx;
};

void vmem_init(struct vmem *, const struct vmem_map *);
void vmem_set_tap(struct vmem *, const struct vmem_tap *, void *ctx); /* NULL takes it away */

/* True where every byte of the map's rules holds; frontends check their map once. */
bool vmem_map_valid(const struct vmem_map *);

bool vmem_covers_slow(struct vmem *, gpa_t, uint64_t len);
bool vmem_read_slow(struct vmem *, enum vmem_for, gpa_t, void *, uint32_t);
bool vmem_write_slow(struct vmem *, enum vmem_for, gpa_t, const void *, uint32_t);
bool vmem_load16_slow(struct vmem *, enum vmem_for, gpa_t, uint16_t *);
bool vmem_store16_slow(struct vmem *, enum vmem_for, gpa_t, uint16_t);
uint32_t vmem_pin_slow(struct vmem *, enum vmem_kind, gpa_t, uint32_t len, struct vspan *);
void vmem_unpin_slow(struct vmem *, enum vmem_kind, gpa_t, struct vspan, uint32_t stored);

/* Host address of n bytes (n > 0) that lie in that side's near region, or NULL: take the slow path. */
static inline uint8_t *vmem_near(const struct vmem *m, enum vmem_side side, gpa_t a, uint64_t n)
{
	const struct vmem_near *near = &m->near[side];
	uint64_t off = a.v - near->gpa;
	return off < near->len && n <= near->len - off ? near->host + off : NULL;
}

/* Keeps the compiler from fetching again from guest memory what was just copied out of it (a double fetch).
 */
static inline void vmem_copied(void)
{
	__asm__ volatile("" ::: "memory");
}

/* True when all of [a, a+len) is guest memory. An empty range is, wherever it lies. */
static inline bool vmem_covers(struct vmem *m, gpa_t a, uint64_t len)
{
	return (len && vmem_near(m, VMEM_BUFFERS, a, len)) || vmem_covers_slow(m, a, len);
}

/*
 * Copies n bytes out of or into guest memory, in no particular order. False: some byte is not guest memory,
 * and then nothing was copied. The range may cross from one region to the next.
 */
static inline bool vmem_read(struct vmem *m, enum vmem_for what, gpa_t a, void *out, uint32_t n)
{
	const uint8_t *host = n ? vmem_near(m, vmem_side_of(what), a, n) : NULL;
	if (!host)
		return vmem_read_slow(m, what, a, out, n);
	memcpy(out, host, n);
	vmem_copied();
	return true;
}

static inline bool vmem_write(struct vmem *m, enum vmem_for what, gpa_t a, const void *in, uint32_t n)
{
	uint8_t *host = n ? vmem_near(m, vmem_side_of(what), a, n) : NULL;
	if (!host)
		return vmem_write_slow(m, what, a, in, n);
	memcpy(host, in, n);
	vmem_copied();
	return true;
}

/* A ring's descriptor as it lies in memory, little-endian; both layouts have this shape. half: split: flags,
 * next; packed: id, flags. */
struct vmem_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t half[2];
};

#define VMEM_DESC_LEN 16u
#define VMEM_DESC_BUT_FLAGS \
	14u /* of a packed descriptor whose flags were polled: they are not fetched again */

/*
 * vmem_read for a descriptor's first n bytes (one of the two above; the rest becomes 0), field by field, each
 * once: a driver on this processor has just stored them one by one, and a load of 16 bytes would wait until
 * all those stores have reached the cache (15 ns each).
 */
static inline bool __attribute__((always_inline))
vmem_read_desc(struct vmem *m, enum vmem_for what, gpa_t a, struct vmem_desc *out, uint32_t n)
{
	const uint8_t *host = vmem_near(m, vmem_side_of(what), a, n);
	struct vmem_desc d = {
		0}; /* so that no other function sees the address of *out: its fields may live in registers */
	if (!host) {
		if (!vmem_read_slow(m, what, a, &d, n))
			return false;
		*out = d;
		return true;
	}
	memcpy(&out->addr, host, 8);
	memcpy(&out->len, host + 8, 4);
	memcpy(&out->half[0], host + 12, 2);
	out->half[1] = 0;
	if (n == VMEM_DESC_LEN)
		memcpy(&out->half[1], host + 14, 2);
	vmem_copied();
	return true;
}

/* Acquire: what the driver wrote before this value is seen by every later load. False: not memory, or odd. */
static inline bool vmem_load16(struct vmem *m, enum vmem_for what, gpa_t a, uint16_t *out)
{
	const uint8_t *host = a.v & 1 ? NULL : vmem_near(m, vmem_side_of(what), a, 2);
	if (!host)
		return vmem_load16_slow(m, what, a, out);
	*out = __atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_ACQUIRE);
	return true;
}

/* Release: whoever sees this value sees everything stored before it. */
static inline bool vmem_store16(struct vmem *m, enum vmem_for what, gpa_t a, uint16_t v)
{
	uint8_t *host = a.v & 1 ? NULL : vmem_near(m, vmem_side_of(what), a, 2);
	if (!host)
		return vmem_store16_slow(m, what, a, v);
	__atomic_store_n((uint16_t *)(void *)host, v, __ATOMIC_RELEASE);
	return true;
}

/*
 * Full fence: between publishing used entries and sampling the driver's event index, and between asking for
 * kicks and looking at the ring once more (else both sides may sleep). A locked instruction: clang's fence is
 * mfence, which costs 20 ns more.
 */
static inline void vmem_fence(const struct vmem *m)
{
#if defined(__x86_64__)
	__asm__ volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
	if (m->tap && m->tap->fence)
		m->tap->fence(m->tap_ctx);
}

/* The longest pin. Lent copies and trace records are bounded by it, and it holds with and without a tap. */
#define VMEM_PIN_MAX (1u << 18)

/*
 * Lends guest memory to a backend, which alone touches payload bytes. Pins as much of [a, a+len) as lies in
 * one region, at most VMEM_PIN_MAX (len > 0), and returns how many bytes that is; call again for the rest. 0:
 * not guest memory, or the tap's bounded arena is full (check vmem_covers first, then 0 means "later"). Each
 * pin is unpinned once, with the same kind and address; `stored` tells how many leading bytes the backend
 * stored: 0 on error, then nothing is copied back.
 */
static inline uint32_t vmem_pin(struct vmem *m, enum vmem_kind kind, gpa_t a, uint32_t len, struct vspan *out)
{
	uint8_t *host = len && len <= VMEM_PIN_MAX ? vmem_near(m, VMEM_BUFFERS, a, len) : NULL;
	if (!host)
		return vmem_pin_slow(m, kind, a, len, out);
	*out = (struct vspan){host, len};
	return len;
}

static inline void vmem_unpin(struct vmem *m, enum vmem_kind kind, gpa_t a, struct vspan span,
			      uint32_t stored)
{
	if (m->tap) /* else guest memory itself was lent */
		vmem_unpin_slow(m, kind, a, span, stored);
}

#endif
