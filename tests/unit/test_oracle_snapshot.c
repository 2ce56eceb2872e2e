// SPDX-License-Identifier: BSD-2-Clause
/*
 * The snapshot oracle: a device that loses something when it is saved, or does something when it is loaded, is
 * told of by this oracle and no other; what is legal stands in
 * test_oracle_snapshot_legal.c.
 */
#include "tests/unit/snapshot.h"

/* A fresh device is one with a bug. */
static void renew(struct sim_device *dev)
{
	real->renew(dev);
	dev->vdev->ops = &broken;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(own_bytes_refused),  T(state_lost),           T(hidden_state_lost),
		T(requests_forgotten), T(request_repeated),     T(request_invented),
		T(request_changed),    T(request_changed_late), T(interrupts_when_loaded),
		T(looks_when_loaded),  T(switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
