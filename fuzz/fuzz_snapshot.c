// SPDX-License-Identifier: BSD-2-Clause
/*
 * A device is loaded from bytes that no device saved, and used. An input:
 *
 *   u8 what    bits 0-1 which device (disk, entropy, console, network); bit 2: the state is the input's own bytes, else what the device
 *              saved, patched;
 *              bit 3: its checksum is left as it is; bit 4: packed rings are offered
 *   u8 n       a program of n bytes brings the device, its rings and its backend somewhere
 *   u8 m       patches of 3 bytes each (u16 where, u8 what is there), or m bytes of state
 *   the rest   a program that goes on
 *
 * The specification can not judge a device that never was, so of the oracles only the one for what is still lent
 * after a reset is on; bytes that are refused must leave the device as after a reset.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "devices/rng.h"
#include "program.h"
#include "target.h"
#include "trace/op.h"

#define OPS_MAX 256

enum { OWN_BYTES = 4, UNSEALED = 8, OFFER_PACKED = 16 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	(void)m;
	(void)d;
	(void)v;
	abort();
}

static struct machine *machine_of(uint8_t what)
{
	static struct machine machines[8];
	static const uint16_t ids[4] = {VIRTIO_ID_BLOCK, VIRTIO_ID_RNG, VIRTIO_ID_CONSOLE, VIRTIO_ID_NET};
	struct machine *m = &machines[(what & 3) | (what & OFFER_PACKED) >> 2];
	struct device_options o = {.offer = what & OFFER_PACKED ? 1ull << VIRTIO_F_RING_PACKED : 0};
	if (m->ndevices)
		return m;
	must(machine_create(m) && machine_add(m, ids[what & 3], &o));
	m->violation = on_violation;
	for (unsigned i = 0; i < ORACLE_COUNT; i++)
		oracle_switch(m->device[0].oracle, oracle_name(i), i == ORACLE_RESOURCES);
	return m;
}

/* Requests that were loaded wait for room: the backend does not know of them, which machine_save could not tell from
 * requests that are invented. */
static bool waits(const struct vdev *d)
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

static void run(struct machine *m, const uint8_t *p, size_t n)
{
	for (int i = 0; n && i < OPS_MAX; i++) {
		struct op op;
		size_t used = op_program_decode(p, n, &op);
		m->no_saves = waits(m->device[0].vdev);
		program_step(m, &op);
		p += used;
		n -= used;
	}
}

static size_t patch(uint8_t *state, size_t len, const uint8_t *p, size_t n)
{
	for (; n >= 3; p += 3, n -= 3)
		state[(size_t)(p[0] | p[1] << 8) % len] = p[2];
	return len;
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

/* Exactly as long as it says, so that one byte too far is seen. */
static void load(struct sim_device *d, uint8_t what, const uint8_t *p, size_t n)
{
	size_t saved = mmio_save(&d->mmio, NULL, 0), len = what & OWN_BYTES ? n : saved;
	uint8_t *state = malloc(len ? len : 1);
	must(state && saved <= STATE_LEN_MAX);
	if (what & OWN_BYTES)
		memcpy(state, p, n);
	else
		patch(state, mmio_save(&d->mmio, state, len), p, n);
	if (!(what & UNSEALED))
		seal(state, len);
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0);
	uint64_t reset = mmio_hash(&d->mmio);
	if (mmio_load(&d->mmio, state, len))
		resume(d);
	else
		must(mmio_hash(&d->mmio) == reset);
	free(state);
}

static size_t part(const uint8_t **p, size_t *n, size_t unit)
{
	size_t len = *n ? **p * unit : 0;
	*p += *n != 0;
	*n -= *n != 0;
	return len < *n ? len : *n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t what = n ? p[0] : 0;
	struct machine *m = machine_of(what);
	struct sim_device *d = &m->device[0];
	machine_reset(m);
	p += n != 0;
	n -= n != 0;
	size_t before = part(&p, &n, 1);
	run(m, p, before);
	p += before;
	n -= before;
	size_t state = part(&p, &n, what & OWN_BYTES ? 1 : 3);
	load(d, what, p, state);
	for (uint16_t q = 0; q < d->vdev->nqueues; q++)
		machine_run(d, q);
	run(m, p + state, n - state);
	program_quiesce(m);
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0);
	must(m->lend.arena.free == LEND_BLOCKS);
	return 0;
}
