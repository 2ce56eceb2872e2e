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
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "forge.h"
#include "must.h"
#include "program.h"
#include "target.h"
#include "trace/op.h"

#define OPS_MAX 256

enum { OWN_BYTES = 4, UNSEALED = 8, OFFER_PACKED = 16 };

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	fprintf(stderr, "\nORACLE %s%s%s: op %" PRIu64 ", device %s%u: %s\n", v->oracle,
		*v->clause ? " " : "", v->clause, m->op, d->type->name, d->nr, v->what);
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

static void run(struct machine *m, const uint8_t *p, size_t n)
{
	for (int i = 0; n && i < OPS_MAX; i++) {
		struct op op;
		size_t used = op_program_decode(p, n, &op);
		m->no_saves = forge_waits(m->device[0].vdev);
		program_step(m, &op);
		p += used;
		n -= used;
	}
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
	target_begin(forge_hash);
	machine_reset(m);
	p += n != 0;
	n -= n != 0;
	size_t before = part(&p, &n, 1);
	run(m, p, before);
	p += before;
	n -= before;
	size_t state = part(&p, &n, what & OWN_BYTES ? 1 : 3);
	forge_load(d, &(struct forge){
			      .own = what & OWN_BYTES, .sealed = !(what & UNSEALED), .bytes = p, .n = state});
	for (uint16_t q = 0; q < d->vdev->nqueues; q++)
		machine_run(d, q);
	run(m, p + state, n - state);
	program_quiesce(m);
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0);
	must(m->lend.arena.free == LEND_BLOCKS);
	return 0;
}
