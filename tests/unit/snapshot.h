// SPDX-License-Identifier: BSD-2-Clause
/* snapshot: a machine of one device for the tests of what a save does: requests that its backend holds, and who cries. */
#ifndef RINGSIDE_TESTS_SNAPSHOT_H
#define RINGSIDE_TESTS_SNAPSHOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "devices/blk.h"
#include "devices/rng.h"
#include "driver.h"
#include "machine_save.h"
#include "program.h"
#include "trace/op.h"

static struct machine m;
static struct sim_device *d;
static const struct sim_type *real;
static struct vdev_ops broken; /* the device's own, but for one of them */
static struct sim_type type;
static struct violation cry;
static uint32_t cries;

static inline void on_violation(struct machine *machine, struct sim_device *dev, const struct violation *v)
{
	(void)machine;
	(void)dev;
	cry = *v;
	cries++;
}

static inline struct blk *blk(void)
{
	return (struct blk *)(void *)d->vdev;
}

static inline void make(uint16_t id)
{
	memset(&m, 0, sizeof(m));
	assert_true(machine_create(&m));
	const struct device_options plain = {0};
	assert_true(machine_add(&m, id, &plain));
	m.violation = on_violation;
	d = &m.device[0];
	real = d->type;
	type = *real;
	broken = *d->vdev->ops;
	machine_reset(&m);
	cries = 0;
}

static inline int setup(void **state)
{
	(void)state;
	make(VIRTIO_ID_BLOCK);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	d->type = real;
	machine_destroy(&m);
	return 0;
}

static inline void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t e)
{
	const struct op op = {.code = code, .arg = {a, b, c, e}};
	program_step(&m, &op);
}

enum { IN, OUT, FLUSH };

static inline void request(uint64_t kind, uint64_t sector)
{
	step(OP_POST, 0, kind, sector, kind == FLUSH ? 0 : 512);
}

static inline void hold_three(void)
{
	step(OP_HOLD, 8, 0, 0, 0);
	request(OUT, 1);
	request(IN, 1);
	request(FLUSH, 0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
