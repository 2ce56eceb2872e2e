// SPDX-License-Identifier: BSD-2-Clause
/*
 * The snapshot oracle: a device that loses something when it is saved, or does something when it is loaded, is
 * told of by this oracle and no other; and whatever else happens around a save is legal.
 */
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

static void on_violation(struct machine *machine, struct sim_device *dev, const struct violation *v)
{
	(void)machine;
	(void)dev;
	cry = *v;
	cries++;
}

static struct blk *blk(void)
{
	return (struct blk *)(void *)d->vdev;
}

/* A fresh device is one with a bug. */
static void renew(struct sim_device *dev)
{
	real->renew(dev);
	dev->vdev->ops = &broken;
}

static void make(uint16_t id)
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

static int setup(void **state)
{
	(void)state;
	make(VIRTIO_ID_BLOCK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	d->type = real;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t e)
{
	const struct op op = {.code = code, .arg = {a, b, c, e}};
	program_step(&m, &op);
}

enum { IN, OUT, FLUSH };

static void request(uint64_t kind, uint64_t sector)
{
	step(OP_POST, 0, kind, sector, kind == FLUSH ? 0 : 512);
}

static void hold_three(void)
{
	step(OP_HOLD, 8, 0, 0, 0);
	request(OUT, 1);
	request(IN, 1);
	request(FLUSH, 0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 3);
}

/* From now on fresh devices have the bug. */
static void break_it(void)
{
	type.renew = renew;
	d->type = &type;
}

static void assert_cry(const char *check)
{
	assert_int_equal(cries, 1);
	assert_string_equal(cry.oracle, "snapshot");
	assert_string_equal(cry.clause, "");
	assert_non_null(strstr(cry.what, check));
}

static void save_cries(const char *check)
{
	break_it();
	step(OP_SAVE, 0, 0, 0, 0);
	assert_cry(check);
	program_quiesce(&m); /* and the run goes on */
	assert_int_equal(d->backend.nheld, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
}

/* -- devices with a bug ----------------------------------------------------------------------------------- */

static const struct vdev_ops *good(void)
{
	static struct vdev_ops ops;
	if (!ops.id)
		ops = broken;
	return &ops;
}

static void load_nothing(struct vdev *v, struct state_in *in)
{
	(void)v;
	in->at = in->len - v->ops->config_len;
}

static void own_bytes_refused(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.load = load_nothing; /* nobody claims the chains in flight */
	save_cries("refuses the bytes");
	assert_int_equal(d->vdev->status, 0);
	request(IN, 1); /* the driver begins anew */
	step(OP_KICK, 0, 0, 0, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(cries, 1);
}

static void load_unstalled(struct vdev *v, struct state_in *in)
{
	good()->load(v, in);
	((struct blk *)(void *)v)->stalled ^= 1;
}

static void state_lost(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.load = load_unstalled;
	save_cries("another state");
}

static void load_freed(struct vdev *v, struct state_in *in)
{
	good()->load(v, in);
	((struct blk *)(void *)v)->freed ^= 1;
}

/* What the hash does not see, the bytes do. */
static void hidden_state_lost(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.load = load_freed;
	save_cries("other bytes");
}

static void resume_nothing(struct vdev *v)
{
	(void)v;
}

static void requests_forgotten(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_nothing;
	break_it();
	step(OP_SAVE, 0, 0, 0, 0);
	assert_cry("is not submitted again");
	assert_int_equal(d->backend.nheld, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
}

static void resume_twice(struct vdev *v)
{
	good()->resume(v);
	struct blk *b = (struct blk *)(void *)v;
	b->backend.submit(b->backend.ctx, &b->req[1].io);
}

static void request_repeated(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_twice;
	save_cries("again twice");
}

static void resume_more(struct vdev *v)
{
	good()->resume(v);
	struct blk *b = (struct blk *)(void *)v;
	b->req[7].io = (struct blk_io){.id = 7, .type = BLK_IO_FLUSH};
	b->backend.submit(b->backend.ctx, &b->req[7].io);
}

static void request_invented(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_more;
	save_cries("request 7 is submitted, which was not in flight");
}

static void load_async(struct vdev *v, struct state_in *in)
{
	good()->load(v, in);
	blk()->req[0].io.sync = true;
}

static void request_changed(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.load = load_async;
	break_it();
	step(OP_SAVE, 0, 0, 0, 0);
	assert_cry("other bytes"); /* seen before it is even submitted */
}

static void resume_other(struct vdev *v)
{
	blk()->req[0].io.sync = true;
	good()->resume(v);
}

static void request_changed_late(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_other;
	save_cries("request 0 is submitted again as another one");
}

static void resume_loudly(struct vdev *v)
{
	good()->resume(v);
	v->host->interrupt(v->host_ctx, 0);
}

static void interrupts_when_loaded(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_loudly;
	uint64_t before = m.stats.interrupts;
	break_it();
	step(OP_SAVE, 0, 0, 0, 0);
	assert_cry("the device interrupts the guest");
	assert_int_equal(m.stats.interrupts, before);
}

static void resume_looking(struct vdev *v)
{
	good()->resume(v);
	vdev_waiting(v, 0);
}

static void looks_when_loaded(void **state)
{
	(void)state;
	good();
	hold_three();
	broken.resume = resume_looking;
	save_cries("loads from guest memory");
}

/* Switched off, it says nothing, and the run goes on all the same. */
static void switched_off(void **state)
{
	(void)state;
	good();
	hold_three();
	oracle_switch(d->oracle, "snapshot", false);
	broken.load = load_nothing;
	break_it();
	step(OP_SAVE, 0, 0, 0, 0);
	assert_int_equal(cries, 0);
	assert_int_equal(d->vdev->status, 0);
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* -- what is legal ---------------------------------------------------------------------------------------- */

static void save_is_silent(void)
{
	uint64_t hash = machine_hash(&m), interrupts = m.stats.interrupts;
	uint32_t held = d->backend.nheld, lent = m.lend.arena.free, again = d->again;
	step(OP_SAVE, 0, 0, 0, 0);
	assert_int_equal(cries, 0);
	assert_int_equal(machine_hash(&m), hash);
	assert_int_equal(m.stats.interrupts, interrupts);
	assert_int_equal(d->backend.nheld, held);
	assert_int_equal(m.lend.arena.free, lent);
	assert_int_equal(d->again, again);
}

static void save_at_any_time(void **state)
{
	(void)state;
	save_is_silent(); /* a device that nobody spoke to yet */
	step(OP_NEGOTIATE, 0, 0, 0, 0);
	save_is_silent();
	step(OP_QUEUE, 0, 8, 0, 0);
	save_is_silent();
	step(OP_DRIVER_OK, 0, 0, 0, 0);
	save_is_silent();
	request(OUT, 1);
	save_is_silent(); /* published, and not kicked */
	step(OP_KICK, 0, 0, 0, 0);
	save_is_silent();
	step(OP_REAP, 0, 0, 0, 0);
	hold_three();
	save_is_silent();
	step(OP_DONE, 1, 0, 0, 0);
	save_is_silent(); /* staged, and not published */
	step(OP_FLUSHED, 0, 0, 0, 0);
	step(OP_RESIZE, 8, 0, 0, 0);
	save_is_silent();
	step(OP_RESIZE, 0, 0, 0, 0); /* an empty disk, and requests in flight for it */
	save_is_silent();
	step(OP_RESET, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* The guest broke the device, with requests in flight. */
static void broken_device(void **state)
{
	(void)state;
	hold_three();
	step(OP_PUBLISH, 0, 4000, 0, 0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_true(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	save_is_silent();
	step(OP_DONE, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* A copy that was lent for a write is lent on, whatever the guest has stored to its buffer since. */
static void lent_copies_stay(void **state)
{
	(void)state;
	step(OP_HOLD, 1, 0, 0, 0);
	request(OUT, 5);
	step(OP_KICK, 0, 0, 0, 0);
	const struct blk_io *io = d->backend.held[0];
	uint8_t *lent = io->span[0].base, first = lent[0];
	gpa_t at = blk()->req[io->id].span_gpa[0];
	uint8_t other = (uint8_t)(first + 1);
	const struct op poke = {.code = OP_POKE, .arg = {at.v}, .data = &other, .len = 1};
	program_step(&m, &poke);
	save_is_silent();
	io = d->backend.held[0];
	assert_ptr_equal(io->span[0].base, lent);
	assert_int_equal(lent[0], first);
}

/* With nobody watching, memory itself is lent; when somebody begins to watch, what is out stays what it is. */
static void lent_memory_stays(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ORACLE_COUNT; i++)
		oracle_switch(d->oracle, oracle_name(i), false);
	machine_choose_tap(d);
	step(OP_HOLD, 2, 0, 0, 0);
	request(OUT, 5);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
	oracle_switch(d->oracle, "snapshot", true);
	machine_choose_tap(d);
	request(IN, 6);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_not_equal(m.lend.arena.free, LEND_BLOCKS);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
}

/* Delays and faults are the backend's, and go on. */
static void backend_goes_on(void **state)
{
	(void)state;
	step(OP_DELAY, 2, 5000, 0, 0);
	request(IN, 1);
	request(IN, 2);
	step(OP_KICK, 0, 0, 0, 0);
	step(OP_FAULT, 1, BLK_IO_ERROR, 0, 0);
	save_is_silent();
	step(OP_TICK, 4000, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 2);
	save_is_silent();
	step(OP_TICK, 4000, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(m.stats.failed, 1);
	assert_int_equal(cries, 0);
}

/* What waits for its moment inside of the device waits on; a save that does so comes once the device has
 * returned. */
static void moments(void **state)
{
	(void)state;
	step(OP_WHEN, POINT_SUBMIT, WHEN_ANY, 0, 0);
	step(OP_SAVE, 0, 0, 0, 0);
	step(OP_WHEN, POINT_SUBMIT, WHEN_ANY, 1, 0);
	request(OUT, 1);
	step(OP_SAVE, 0, 0, 0, 0);
	request(OUT, 2);
	assert_int_equal(m.stats.saves, 1);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.stats.saves, 2);
	request(OUT, 3);
	step(OP_KICK, 0, 0, 0, 0);
	program_quiesce(&m);
	assert_int_equal(m.stats.requests, 3);
	assert_int_equal(cries, 0);
}

/* The entropy device: some failed, and wait for the next run. */
static void entropy(void **state)
{
	(void)state;
	machine_destroy(&m);
	make(VIRTIO_ID_RNG);
	step(OP_HOLD, 4, 0, 0, 0);
	for (int i = 0; i < 4; i++)
		step(OP_POST, 0, 0, 0, 512);
	step(OP_KICK, 0, 0, 0, 0);
	save_is_silent();
	step(OP_DONE, 1, BLK_IO_ERROR, 0, 0);
	save_is_silent();
	step(OP_DONE, 0, 0, 7, 0);
	save_is_silent();
	step(OP_FLUSHED, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* Left out, a save is nothing: so that runs with and without can be compared. */
static void left_out(void **state)
{
	(void)state;
	m.no_saves = true;
	step(OP_SAVE, 0, 0, 0, 0);
	assert_int_equal(m.stats.saves, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(own_bytes_refused),
		T(state_lost),
		T(hidden_state_lost),
		T(requests_forgotten),
		T(request_repeated),
		T(request_invented),
		T(request_changed),
		T(request_changed_late),
		T(interrupts_when_loaded),
		T(looks_when_loaded),
		T(switched_off),
		T(save_at_any_time),
		T(broken_device),
		T(lent_copies_stay),
		T(lent_memory_stays),
		T(backend_goes_on),
		T(moments),
		T(entropy),
		T(left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
