// SPDX-License-Identifier: BSD-2-Clause
/*
 * A virtqueue alone, with a tiny device and no driver around it: the input is what the guest has in memory, and what
 * the device does. An input:
 *
 *   u8 what    bits 0-3 packed, EVENT_IDX, INDIRECT_DESC, IN_ORDER; bit 4: nobody watches the accesses (the fast paths)
 *   u16 size, 3 times u16: where the areas lie in memory
 *   then steps: u8 step (modulo their number), and what it needs
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "target.h"
#include "tiny.h"

#define STEPS_MAX 512
enum { POKE, POP, POP_BACK, COMPLETE, PUBLISH, STOP, RESUME, RESET, STEPS };

static const uint8_t *in, *end;

static uint32_t take(uint32_t bytes)
{
	uint32_t v = 0;
	for (uint32_t i = 0; i < bytes; i++)
		v |= (uint32_t)(in < end ? *in++ : 0) << 8 * i;
	return v;
}

static void start(void)
{
	uint32_t what = take(1);
	struct tiny_ring r = {.size = (uint16_t)take(2), .watched = !(what & 16)};
	for (int i = 0; i <= VQ_DEVICE; i++)
		r.area[i] = gpa(TINY_GPA + take(2));
	r.features = (uint64_t)(what & 1) << VIRTIO_F_RING_PACKED |
		     (uint64_t)(what >> 1 & 1) << VIRTIO_RING_F_EVENT_IDX |
		     (uint64_t)(what >> 2 & 1) << VIRTIO_RING_F_INDIRECT_DESC |
		     (uint64_t)(what >> 3 & 1) << VIRTIO_F_IN_ORDER;
	tiny_start(&r);
}

static void poke(void)
{
	uint32_t at = take(2), n = take(1) % 33;
	while (n--)
		tiny_poke(at++, (uint8_t)take(1));
}

static void complete(void)
{
	uint32_t which = take(1), written = take(2);
	tiny_complete(which, written);
}

/* False: the guest broke a rule, so that the device asks for a reset. */
static bool step(void)
{
	uint32_t what = take(1) % STEPS;
	switch (what) {
	case POKE:
		poke();
		return true;
	case POP:
	case POP_BACK:
		return tiny_pop(what == POP_BACK);
	case COMPLETE:
		complete();
		return true;
	case PUBLISH:
		tiny_publish();
		return true;
	case STOP:
	case RESUME:
		tiny_kicks(what == RESUME);
		return true;
	default:
		tiny_reset();
		return true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_begin(tiny_hash);
	in = bytes;
	end = n ? bytes + n : bytes;
	start();
	for (int i = 0; i < STEPS_MAX && in < end && tiny_ready() && step(); i++)
		;
	return 0;
}
