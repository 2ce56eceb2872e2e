// SPDX-License-Identifier: BSD-2-Clause
#include "vmem.h"

void vmem_init(struct vmem *m, const struct vmem_map *map)
{
	memset(m, 0, sizeof(*m));
	m->map = map;
	vmem_set_tap(m, NULL, NULL);
}

static void vmem_stay_near(struct vmem *m, enum vmem_side side, const struct vmem_region *r)
{
	m->near[side] = (struct vmem_near){r->gpa, m->tap ? 0 : r->len, r->host, r};
}

void vmem_set_tap(struct vmem *m, const struct vmem_tap *tap, void *ctx)
{
	const struct vmem_region *largest = &m->map->region[0];
	for (uint32_t i = 1; i < m->map->nregions; i++)
		if (m->map->region[i].len > largest->len)
			largest = &m->map->region[i];
	m->tap = tap;
	m->tap_ctx = ctx;
	for (uint32_t side = 0; side < VMEM_SIDES; side++)
		vmem_stay_near(m, side, largest);
}

bool vmem_map_valid(const struct vmem_map *map)
{
	uint64_t end = 0;
	if (map->nregions == 0 || map->nregions > VMEM_REGIONS_MAX)
		return false;
	for (uint32_t i = 0; i < map->nregions; i++) {
		const struct vmem_region *r = &map->region[i];
		bool wraps = r->gpa + r->len < r->gpa;
		if (r->len == 0 || ((r->gpa | r->len | (uintptr_t)r->host) & 7) || wraps ||
		    (i && r->gpa < end))
			return false;
		end = r->gpa + r->len;
	}
	return true;
}

/* The region that holds the byte at a, or NULL. */
static const struct vmem_region *vmem_find(const struct vmem *m, gpa_t a)
{
	for (uint32_t i = 0; i < m->map->nregions; i++) {
		const struct vmem_region *r = &m->map->region[i];
		if (a.v - r->gpa < r->len)
			return r;
	}
	return NULL;
}

/* The same; it is nearly always the one that this side accessed last. */
static inline const struct vmem_region *vmem_region_at(const struct vmem *m, enum vmem_side side, gpa_t a)
{
	const struct vmem_region *r = m->near[side].region;
	return a.v - r->gpa < r->len ? r : vmem_find(m, a);
}

/* How many of n bytes from a lie in region r, which holds a. */
static uint32_t vmem_part(const struct vmem_region *r, gpa_t a, uint32_t n)
{
	uint64_t left = r->len - (a.v - r->gpa);
	return left < n ? (uint32_t)left : n;
}

bool vmem_covers_slow(struct vmem *m, gpa_t a, uint64_t len)
{
	while (len) {
		const struct vmem_region *r = vmem_region_at(m, VMEM_BUFFERS, a);
		if (!r)
			return false;
		vmem_stay_near(m, VMEM_BUFFERS, r);
		uint64_t left = r->len - (a.v - r->gpa);
		if (len <= left)
			return true;
		len -= left;
		a = gpa_add(a, left); /* not 0: no region reaches the last address (vmem_map_valid) */
	}
	return true;
}

static void tap_before(const struct vmem *m, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	if (m->tap && m->tap->before)
		m->tap->before(m->tap_ctx, kind, what, a, n);
}

static void tap_after(const struct vmem *m, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n,
		      const void *p)
{
	if (m->tap && m->tap->after)
		m->tap->after(m->tap_ctx, kind, what, a, n, p);
}

/* Where n > 0 bytes lie in one region, which then is near for that access's side. NULL: not. */
static inline uint8_t *vmem_whole(struct vmem *m, enum vmem_for what, gpa_t a, uint32_t n)
{
	enum vmem_side side = vmem_side_of(what);
	const struct vmem_region *r = vmem_region_at(m, side, a);
	if (!r || n == 0 || n > r->len - (a.v - r->gpa))
		return NULL;
	if (r != m->near[side].region)
		vmem_stay_near(m, side, r);
	return r->host + (a.v - r->gpa);
}

/* What vmem_read and vmem_write do where the range is not whole: it crosses regions, is empty, or no memory.
 */
static bool read_across(struct vmem *m, enum vmem_for what, gpa_t a, uint8_t *out, uint32_t n)
{
	if (n == 0 || !vmem_covers_slow(m, a, n))
		return n == 0;
	tap_before(m, VMEM_LOAD, what, a, n);
	for (uint32_t done = 0, part; done < n; done += part) {
		const struct vmem_region *r = vmem_find(m, gpa_add(a, done));
		part = vmem_part(r, gpa_add(a, done), n - done);
		memcpy(out + done, r->host + (a.v + done - r->gpa), part);
	}
	vmem_copied();
	tap_after(m, VMEM_LOAD, what, a, n, out);
	return true;
}

static bool write_across(struct vmem *m, enum vmem_for what, gpa_t a, const uint8_t *in, uint32_t n)
{
	if (n == 0 || !vmem_covers_slow(m, a, n))
		return n == 0;
	tap_before(m, VMEM_STORE, what, a, n);
	for (uint32_t done = 0, part; done < n; done += part) {
		const struct vmem_region *r = vmem_find(m, gpa_add(a, done));
		part = vmem_part(r, gpa_add(a, done), n - done);
		memcpy(r->host + (a.v + done - r->gpa), in + done, part);
	}
	vmem_copied();
	tap_after(m, VMEM_STORE, what, a, n, in);
	return true;
}

bool vmem_read_slow(struct vmem *m, enum vmem_for what, gpa_t a, void *out, uint32_t n)
{
	const uint8_t *whole = vmem_whole(m, what, a, n);
	if (!whole)
		return read_across(m, what, a, out, n);
	tap_before(m, VMEM_LOAD, what, a, n);
	if (n == 16) /* a descriptor, a header: a copy of known size costs a third under sanitizers */
		memcpy(out, whole, 16);
	else
		memcpy(out, whole, n);
	vmem_copied();
	tap_after(m, VMEM_LOAD, what, a, n, out);
	return true;
}

bool vmem_write_slow(struct vmem *m, enum vmem_for what, gpa_t a, const void *in, uint32_t n)
{
	uint8_t *whole = vmem_whole(m, what, a, n);
	if (!whole)
		return write_across(m, what, a, in, n);
	tap_before(m, VMEM_STORE, what, a, n);
	memcpy(whole, in, n);
	vmem_copied();
	tap_after(m, VMEM_STORE, what, a, n, in);
	return true;
}

/* An even address whose two bytes lie in one region (regions are multiples of 8), or NULL. */
static uint8_t *vmem_host16(struct vmem *m, enum vmem_for what, gpa_t a)
{
	return a.v & 1 ? NULL : vmem_whole(m, what, a, 2);
}

bool vmem_load16_slow(struct vmem *m, enum vmem_for what, gpa_t a, uint16_t *out)
{
	const uint8_t *host = vmem_host16(m, what, a);
	if (!host)
		return false;
	tap_before(m, VMEM_LOAD, what, a, 2);
	*out = __atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_ACQUIRE);
	tap_after(m, VMEM_LOAD, what, a, 2, out);
	return true;
}

bool vmem_store16_slow(struct vmem *m, enum vmem_for what, gpa_t a, uint16_t v)
{
	uint8_t *host = vmem_host16(m, what, a);
	if (!host)
		return false;
	tap_before(m, VMEM_STORE, what, a, 2);
	__atomic_store_n((uint16_t *)(void *)host, v, __ATOMIC_RELEASE);
	tap_after(m, VMEM_STORE, what, a, 2, &v);
	return true;
}

uint32_t vmem_pin_slow(struct vmem *m, enum vmem_kind kind, gpa_t a, uint32_t len, struct vspan *out)
{
	const struct vmem_region *r = len ? vmem_region_at(m, VMEM_BUFFERS, a) : NULL;
	if (!r)
		return 0;
	uint32_t n = vmem_part(r, a, len < VMEM_PIN_MAX ? len : VMEM_PIN_MAX);
	void *host = r->host + (a.v - r->gpa);
	void *lent = m->tap && m->tap->pin ? m->tap->pin(m->tap_ctx, kind, a, n, host) : host;
	if (!lent)
		return 0;
	*out = (struct vspan){lent, n};
	return n;
}

void vmem_unpin_slow(struct vmem *m, enum vmem_kind kind, gpa_t a, struct vspan span, uint32_t stored)
{
	const struct vmem_region *r = vmem_region_at(m, VMEM_BUFFERS, a);
	uint8_t *host = r->host + (a.v - r->gpa); /* it was pinned, so r is there: regions never change */
	uint32_t n = (uint32_t)span.len;
	if (m->tap->unpin)
		m->tap->unpin(m->tap_ctx, kind, a, n, host, span.base, stored);
	if (span.base != host && kind == VMEM_STORE)
		memcpy(host, span.base, stored);
	if (m->tap->unpinned)
		m->tap->unpinned(m->tap_ctx, span.base, n);
}
