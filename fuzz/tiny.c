// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "hash.h"
#include "must.h"
#include "tiny.h"

enum { LOW_LEN = 0x4000, HIGH_LEN = TINY_LEN - LOW_LEN, HELD_MAX = 32 };

static uint8_t *low, *high; /* one behind the other for the guest, each on its own for ASan */
static struct vmem mem;
static struct vq vq;
static struct vq_chain chain;
static struct {
	struct vq_tok tok;
	uint32_t write_len;
} held[HELD_MAX];
static uint32_t nheld;

static bool inside(gpa_t a, uint32_t n, enum vq_area area, uint32_t len)
{
	return a.v >= vq.area[area].v && a.v + n <= vq.area[area].v + len;
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	(void)ctx;
	(void)what;
	(void)data;
	if (kind == VMEM_STORE)
		must(vq.packed ? inside(a, n, VQ_DESC, 16u * vq.size) || inside(a, n, VQ_DEVICE, 4)
			       : inside(a, n, VQ_DEVICE, 6 + 8u * vq.size));
}

void tiny_start(const struct tiny_ring *r)
{
	static struct vmem_map map = {
		.nregions = 2,
		.region = {{.gpa = TINY_GPA, .len = LOW_LEN}, {.gpa = TINY_GPA + LOW_LEN, .len = HIGH_LEN}}};
	static const struct vmem_tap tap = {.after = after};
	if (!low) {
		must((low = malloc(LOW_LEN)) && (high = malloc(HIGH_LEN)));
		map.region[0].host = low;
		map.region[1].host = high;
	}
	memset(low, 0, LOW_LEN);
	memset(high, 0, HIGH_LEN);
	vmem_init(&mem, &map);
	vmem_set_tap(&mem, r->watched ? &tap : NULL, NULL);
	vq_init(&vq, VQ_SIZE_MAX);
	vq.size = r->size;
	memcpy(vq.area, r->area, sizeof(vq.area));
	nheld = 0;
	if (vq.size <= VQ_SIZE_MAX)
		vq_enable(&vq, &mem, r->features);
}

bool tiny_ready(void)
{
	return vq.ready;
}

void tiny_poke(uint32_t at, uint8_t value)
{
	at %= TINY_LEN;
	*(at < LOW_LEN ? low + at : high + (at - LOW_LEN)) = value;
}

static void check_chain(void)
{
	uint64_t sum[2] = {0};
	must(chain.nread + chain.nwrite <= VQ_SEGS_MAX && vq.inflight <= vq.size);
	for (uint32_t i = 0; i < (uint32_t)chain.nread + chain.nwrite; i++) {
		must(vmem_covers(&mem, chain.seg[i].addr, chain.seg[i].len));
		sum[i >= chain.nread] += chain.seg[i].len;
	}
	must(sum[0] == chain.read_len && sum[1] == chain.write_len);
}

bool tiny_pop(bool back)
{
	enum vq_err err = nheld < HELD_MAX ? vq_pop(&vq, &mem, &chain) : VQ_EMPTY;
	if (err == VQ_OFFENCE)
		must(vq.offence != OFFENCE_NONE);
	if (err != VQ_OK)
		return err == VQ_EMPTY;
	check_chain();
	if (back)
		vq_unpop(&vq, chain.tok);
	else
		held[nheld].write_len = chain.write_len, held[nheld++].tok = chain.tok;
	return true;
}

void tiny_complete(uint32_t which, uint32_t written)
{
	if (!nheld)
		return;
	uint32_t i = which % nheld;
	vq_complete(&vq, &mem, held[i].tok, written < held[i].write_len ? written : held[i].write_len);
	held[i] = held[--nheld];
}

void tiny_publish(void)
{
	vq_publish(&vq, &mem);
}

void tiny_kicks(bool on)
{
	if (on)
		vq_kicks_resume(&vq, &mem);
	else
		vq_kicks_stop(&vq, &mem);
}

void tiny_reset(void)
{
	vq_reset(&vq);
}

uint64_t tiny_hash(void)
{
	uint64_t h = hash_bytes(hash_bytes(HASH_SEED, low, LOW_LEN), high, HIGH_LEN);
	h = hash_u64(h, (uint64_t)vq.next_avail << 32 | (uint64_t)vq.next_used << 16 | vq.published);
	h = hash_u64(h, (uint64_t)vq.seq << 16 | vq.inflight);
	h = hash_u64(h, (uint64_t)vq.offence << 8 | (uint64_t)vq.ready << 1 | vq.kicks_off);
	for (uint32_t i = 0; i < nheld; i++)
		h = hash_u64(h, held[i].write_len);
	return h;
}
