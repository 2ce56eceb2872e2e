// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "devices/rng.h"
#include "forge.h"
#include "must.h"
#include "poison.h"

#define ZONE 64u /* behind a state, bytes that nobody may touch */

bool forge_waits(const struct vdev *d)
{
	switch (d->ops->id) {
	case VIRTIO_ID_BLOCK:
		return ((const struct blk *)(const void *)d)->nunsent;
	case VIRTIO_ID_RNG:
		return ((const struct rng *)(const void *)d)->unsent;
	case VIRTIO_ID_CONSOLE:
		return ((const struct console *)(const void *)d)->unsent;
	default:
		return ((const struct net *)(const void *)d)->nunsent;
	}
}

static void patch(uint8_t *state, size_t len, const uint8_t *p, size_t n)
{
	for (; n >= 3; p += 3, n -= 3)
		state[(size_t)(p[0] | p[1] << 8) % len] = p[2];
}

static void seal(uint8_t *state, size_t len)
{
	if (len < 16)
		return;
	uint32_t head[3] = {STATE_MAGIC, STATE_VERSION | STATE_MMIO << 16, (uint32_t)len};
	memcpy(state, head, sizeof(head));
	uint32_t crc = crc32c(0, state, len - 4);
	memcpy(state + len - 4, &crc, 4);
}

/* Nobody else may enter meanwhile: what the program wants done at a moment in it waits. */
static void resume(struct sim_device *d)
{
	d->inside = true;
	vdev_resume(d->vdev);
	d->inside = false;
}

static const struct machine *latest;

uint64_t forge_hash(void)
{
	return machine_hash(latest);
}

/* Exactly as long as it says: one byte too far is seen, where there are sanitizers. */
void forge_load(struct sim_device *d, const struct forge *f)
{
	size_t saved = mmio_save(&d->mmio, NULL, 0), len = f->own ? f->n : saved;
	static _Alignas(8) uint8_t state[STATE_LEN_MAX + ZONE];
	latest = d->machine;
	must(saved && saved <= STATE_LEN_MAX && len <= STATE_LEN_MAX);
	if (f->own) {
		memcpy(state, f->bytes, f->n);
	} else {
		mmio_save(&d->mmio, state, len);
		patch(state, len, f->bytes, f->n);
	}
	if (f->sealed)
		seal(state, len);
	poison(state + len, ZONE);
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0);
	uint64_t reset = mmio_hash(&d->mmio);
	if (mmio_load(&d->mmio, state, len))
		resume(d);
	else
		must(mmio_hash(&d->mmio) == reset);
	unpoison(state + len, ZONE);
}
