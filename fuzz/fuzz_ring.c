// SPDX-License-Identifier: BSD-2-Clause
/*
 * A virtqueue alone, without a device or a driver around it: the input is what the guest has in memory, and what the
 * device does. An input:
 *
 *   u8 what    bits 0-3 packed, EVENT_IDX, INDIRECT_DESC, IN_ORDER; bit 4: nobody watches the accesses (the fast paths)
 *   u16 size, 3 times u16: where the areas lie in memory
 *   then steps: u8 step (modulo their number), and what it needs
 *
 * Every chain that is popped lies in memory and adds up; nothing is stored but in the ring's own areas.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "target.h"
#include "vq.h"

enum { LOW = 0x10000, LOW_LEN = 0x4000, HIGH_LEN = 0x1000, HELD_MAX = 32, STEPS_MAX = 512 };
enum { POKE, POP, POP_BACK, COMPLETE, PUBLISH, STOP, RESUME, RESET, STEPS };

static uint8_t *low, *high; /* one behind the other for the guest, each on its own for ASan */
static struct vmem mem;
static struct vq vq;
static struct vq_chain chain;
static struct {
	struct vq_tok tok;
	uint32_t write_len;
} held[HELD_MAX];
static uint32_t nheld;
static const uint8_t *in, *end;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint32_t take(uint32_t bytes)
{
	uint32_t v = 0;
	for (uint32_t i = 0; i < bytes; i++)
		v |= (uint32_t)(in < end ? *in++ : 0) << 8 * i;
	return v;
}

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

static void start(void)
{
	static struct vmem_map map = {
		.nregions = 2,
		.region = {{.gpa = LOW, .len = LOW_LEN}, {.gpa = LOW + LOW_LEN, .len = HIGH_LEN}}};
	static const struct vmem_tap tap = {.after = after};
	if (!low) {
		must((low = malloc(LOW_LEN)) && (high = malloc(HIGH_LEN)));
		map.region[0].host = low;
		map.region[1].host = high;
	}
	memset(low, 0, LOW_LEN);
	memset(high, 0, HIGH_LEN);
	vmem_init(&mem, &map);
	uint32_t what = take(1);
	vmem_set_tap(&mem, what & 16 ? NULL : &tap, NULL);
	vq_init(&vq, VQ_SIZE_MAX);
	vq.size = (uint16_t)take(2);
	for (int i = 0; i < 3; i++)
		vq.area[i] = gpa(LOW + take(2));
	nheld = 0;
	uint64_t features = (uint64_t)(what & 1) << VIRTIO_F_RING_PACKED |
			    (uint64_t)(what >> 1 & 1) << VIRTIO_RING_F_EVENT_IDX |
			    (uint64_t)(what >> 2 & 1) << VIRTIO_RING_F_INDIRECT_DESC |
			    (uint64_t)(what >> 3 & 1) << VIRTIO_F_IN_ORDER;
	if (vq.size <= VQ_SIZE_MAX)
		vq_enable(&vq, &mem, features);
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

static bool pop(bool back)
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

static void complete(void)
{
	uint32_t i = take(1), written = take(2);
	if (!nheld)
		return;
	i %= nheld;
	vq_complete(&vq, &mem, held[i].tok, written < held[i].write_len ? written : held[i].write_len);
	held[i] = held[--nheld];
}

static void poke(void)
{
	uint32_t at = take(2) % (LOW_LEN + HIGH_LEN), n = take(1) % 33;
	while (n--) {
		*(at < LOW_LEN ? low + at : high + (at - LOW_LEN)) = (uint8_t)take(1);
		at = (at + 1) % (LOW_LEN + HIGH_LEN);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	in = bytes;
	end = n ? bytes + n : bytes;
	start();
	for (int i = 0; i < STEPS_MAX && in < end && vq.ready; i++) {
		switch (take(1) % STEPS) {
		case POKE:
			poke();
			break;
		case POP:
			if (!pop(false))
				return 0;
			break;
		case POP_BACK:
			if (!pop(true))
				return 0;
			break;
		case COMPLETE:
			complete();
			break;
		case PUBLISH:
			vq_publish(&vq, &mem);
			break;
		case STOP:
			vq_kicks_stop(&vq, &mem);
			break;
		case RESUME:
			vq_kicks_resume(&vq, &mem);
			break;
		default:
			vq_reset(&vq);
			break;
		}
	}
	return 0;
}
