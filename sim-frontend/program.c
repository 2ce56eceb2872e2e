// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "driver.h"
#include "judges.h"
#include "program.h"

#define TIME_MAX_NS (1ull << 40) /* of one step; so that the clock never wraps */
#define FEEDS_MAX   64           /* buffers that a driver posts for what waits, */
#define FEED_LEN    4096         /* and their bytes */
#define TURNS_MAX   256          /* of what driver and device have to tell each other */
#define QUIESCE_MAX 8            /* rounds; each ends what the one before made possible */

/* -- driver ops ------------------------------------------------------------------------------------------ */

/* The guest does what no driver does. It may have sent this device anywhere in memory, onto another one's
 * rings too; and what it left there may be found long after a reset. */
static void go_wild(struct machine *m)
{
	m->lawless = true;
	for (uint32_t i = 0; i < m->ndevices; i++)
		machine_set_wild(&m->device[i], true);
}

/* Some device may still do what it was sent to do. */
static bool is_wild(const struct machine *m)
{
	bool wild = false;
	for (uint32_t i = 0; i < m->ndevices; i++)
		wild |= m->device[i].wild;
	return wild;
}

static uint16_t queue_of(const struct op *op)
{
	return (uint16_t)(op->arg[0] % OP_PROGRAM_QUEUES_MAX);
}

/* One that the device has. Nearly always it is named so, and a division is a hundredth of what a request costs. */
static uint16_t own_queue_of(const struct sim_device *d, const struct op *op)
{
	uint32_t queue = queue_of(op), n = d->vdev->nqueues;
	return (uint16_t)(queue < n ? queue : queue % n);
}

static void do_post(struct sim_device *d, const struct op *op)
{
	struct driver_request r = {(uint32_t)op->arg[1] & 7, (uint32_t)op->arg[2], (uint32_t)op->arg[3],
				   (uint32_t)op->arg[4]};
	driver_post(d->driver, own_queue_of(d, op), &r);
}

static void do_kick(struct sim_device *d, const struct op *op)
{
	machine_agains(d);
	driver_kick(d->driver, queue_of(op));
}

static void do_reap(struct sim_device *d, const struct op *op)
{
	machine_agains(d);
	driver_reap(d->driver, queue_of(op));
}

static void do_negotiate(struct sim_device *d, const struct op *op)
{
	/* the device is reset, whatever was done */
	machine_set_wild(d, d->nraces || driver_is_told(d->driver));
	driver_negotiate(d->driver, op->arg[0]);
	if (!d->wild)
		judges_trust(d);
}

static void do_queue(struct sim_device *d, const struct op *op)
{
	driver_set_up(d->driver, queue_of(op), (uint32_t)op->arg[1]);
}

static void do_driver_ok(struct sim_device *d, const struct op *op)
{
	(void)op;
	driver_ok(d->driver);
}

static void do_reset(struct sim_device *d, const struct op *op)
{
	(void)op;
	driver_reset(d->driver);
}

static void do_chain(struct sim_device *d, const struct op *op)
{
	go_wild(d->machine);
	judges_distrust(d);
	driver_chain(d->driver, own_queue_of(d, op), (uint16_t)op->arg[1], op->data, op->len / 16);
}

static void do_break(struct sim_device *d, const struct op *op)
{
	go_wild(d->machine);
	driver_break(d->driver, (uint32_t)op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
}

static void do_hold(struct sim_device *d, const struct op *op)
{
	d->backend.hold = (uint32_t)op->arg[0];
}

static void do_fault(struct sim_device *d, const struct op *op)
{
	d->backend.faults = (uint32_t)op->arg[0];
	d->backend.fault = (struct verdict){(uint32_t)op->arg[1] % BLK_RESULTS, (uint32_t)op->arg[2]};
}

static void do_race(struct sim_device *d, const struct op *op)
{
	struct race r = {(uint32_t)op->arg[0], (uint32_t)op->arg[2], (enum vmem_for)op->arg[1], op->arg[3]};
	go_wild(d->machine);
	judges_distrust(d);
	machine_race(d, &r);
}

static void do_delay(struct sim_device *d, const struct op *op)
{
	d->backend.delay = (uint32_t)op->arg[0];
	d->backend.delay_ns = op->arg[1] % TIME_MAX_NS;
}

static void do_wind(struct sim_device *d, const struct op *op)
{
	machine_wind(d, queue_of(op), (uint16_t)op->arg[1]);
}

static void do_early(struct sim_device *d, const struct op *op)
{
	(void)op;
	driver_early(d->driver);
}

static void do_tick(struct sim_device *d, const struct op *op)
{
	machine_tick(d->machine, op->arg[0] % TIME_MAX_NS);
}

static void do_power_cut(struct sim_device *d, const struct op *op)
{
	machine_set_wild(d, d->nraces || driver_is_told(d->driver)); /* a reset too */
	machine_power_cut(d, op->arg[0]);
}

/* The op that follows waits. */
static void do_when(struct sim_device *d, const struct op *op)
{
	d->machine->waiting = d;
	d->machine->next.point = (enum point)(op->arg[0] % POINTS);
	d->machine->next.what = (uint32_t)op->arg[1];
	d->machine->next.nth = (uint32_t)op->arg[2];
}

static void do_publish(struct sim_device *d, const struct op *op)
{
	go_wild(d->machine);
	judges_distrust(d);
	driver_publish(d->driver, own_queue_of(d, op), (uint16_t)op->arg[1], (uint16_t)op->arg[2]);
}

static void do_notify(struct sim_device *d, const struct op *op)
{
	driver_wish(d->driver, queue_of(op), (enum driver_wish)op->arg[1], (uint16_t)op->arg[2]);
}

static void do_make(struct sim_device *d, const struct op *op)
{
	struct device_options o = {
		.flags = (uint32_t)op->arg[0], .sectors = op->arg[1], .queue_size = (uint32_t)op->arg[2]};
	o.offer = d->made.offer;
	machine_make(d, &o);
}

static void do_offer(struct sim_device *d, const struct op *op)
{
	struct device_options o = d->made;
	o.offer = op->arg[0] & VDEV_FEATURES_MORE;
	machine_make(d, &o);
}

static void do_queue_reset(struct sim_device *d, const struct op *op)
{
	driver_reset_queue(d->driver, queue_of(op));
}

/* -- inputs by hand -------------------------------------------------------------------------------------- */

/* The model driver shares the device with the program: it must know what was done behind its back. */
static void do_write(struct sim_device *d, const struct op *op)
{
	uint64_t reg = op->arg[0], size = op->arg[1];
	uint32_t queue = d->mmio.queue_sel;
	if (reg < VIRTIO_MMIO_CONFIG || !d->type->config_is_tame)
		go_wild(d->machine);
	if (reg < VIRTIO_MMIO_CONFIG && reg != VIRTIO_MMIO_INTERRUPT_ACK)
		judges_distrust(d);
	machine_write(d, reg, (uint32_t)size, op->arg[2]);
	if (size != 4)
		return;
	if (reg == VIRTIO_MMIO_STATUS && d->vdev->status == 0)
		driver_forget(d->driver);
	else if ((reg == VIRTIO_MMIO_QUEUE_READY || reg == VIRTIO_MMIO_QUEUE_RESET) &&
		 queue < VDEV_QUEUES_MAX && !vdev_queue_ready(d->vdev, queue))
		driver_forget_queue(d->driver, (uint16_t)queue);
}

static void do_read(struct sim_device *d, const struct op *op)
{
	machine_read(d, op->arg[0], (uint32_t)op->arg[1]);
}

static void do_run(struct sim_device *d, const struct op *op)
{
	machine_run(d, queue_of(op));
}

static void do_done(struct sim_device *d, const struct op *op)
{
	uint32_t bytes = op->arg[2] && op->arg[2] < BACKEND_ALL ? (uint32_t)op->arg[2] : BACKEND_ALL;
	if (d->backend.nheld)
		machine_done(d, (uint32_t)(op->arg[0] % d->backend.nheld),
			     (struct verdict){(uint32_t)op->arg[1] % BLK_RESULTS, bytes});
}

static void do_flushed(struct sim_device *d, const struct op *op)
{
	(void)op;
	machine_publish(d);
	machine_agains(d);
}

static void do_save(struct sim_device *d, const struct op *op)
{
	(void)op;
	machine_save(d);
}

static void do_resize(struct sim_device *d, const struct op *op)
{
	machine_resize(d, op->arg[0]);
}

static void do_input(struct sim_device *d, const struct op *op)
{
	machine_input(d, op);
	machine_agains(d);
}

static void do_poke(struct sim_device *d, const struct op *op)
{
	go_wild(d->machine);
	for (uint32_t i = 0; i < d->machine->ndevices; i++)
		judges_distrust(&d->machine->device[i]);
	if (op->len)
		ram_write(&d->machine->ram, gpa(op->arg[0]), op->data, op->len);
}

static void (*const steps[64])(struct sim_device *, const struct op *) = {
	[OP_POST] = do_post,           [OP_KICK] = do_kick,           [OP_REAP] = do_reap,
	[OP_NEGOTIATE] = do_negotiate, [OP_QUEUE] = do_queue,         [OP_DRIVER_OK] = do_driver_ok,
	[OP_RESET] = do_reset,         [OP_CHAIN] = do_chain,         [OP_BREAK] = do_break,
	[OP_HOLD] = do_hold,           [OP_FAULT] = do_fault,         [OP_RACE] = do_race,
	[OP_PUBLISH] = do_publish,     [OP_NOTIFY] = do_notify,       [OP_MAKE] = do_make,
	[OP_WRITE] = do_write,         [OP_READ] = do_read,           [OP_RUN] = do_run,
	[OP_DONE] = do_done,           [OP_FLUSHED] = do_flushed,     [OP_RESIZE] = do_resize,
	[OP_WHEN] = do_when,           [OP_DELAY] = do_delay,         [OP_EARLY] = do_early,
	[OP_TICK] = do_tick,           [OP_POWER_CUT] = do_power_cut, [OP_POKE] = do_poke,
	[OP_OFFER] = do_offer,         [OP_WIND] = do_wind,           [OP_QUEUE_RESET] = do_queue_reset,
	[OP_SAVE] = do_save,           [OP_FRAME] = do_input,         [OP_LINK] = do_input,
	[OP_ANNOUNCE] = do_input,      [OP_INPUT] = do_input,         [OP_TERMINAL] = do_input,
	[OP_PORT] = do_input,
};

static void execute(struct machine *m, const struct op *op)
{
	if (op->code < sizeof(steps) / sizeof(steps[0]) && steps[op->code])
		steps[op->code](&m->device[op->dev % m->ndevices], op);
}

/* What another processor can do while the device works without waiting for its lock. */
static bool at_once(const struct sim_device *d, const struct op *op)
{
	switch (op->code) {
	case OP_POST:
	case OP_CHAIN:
	case OP_PUBLISH:
		return driver_is_ready(d->driver, own_queue_of(d, op));
	case OP_KICK:
	case OP_REAP:
	case OP_NOTIFY:
	case OP_POKE:
	case OP_RUN:
	case OP_BREAK:
	case OP_HOLD:
	case OP_DELAY:
	case OP_FAULT:
	case OP_NOP:
		return true;
	default:
		return false;
	}
}

/* Time that passes ends requests of any device. */
static bool must_wait(const struct machine *m, const struct sim_device *d, const struct op *op)
{
	bool locked = machine_is_locked(d);
	for (uint32_t i = 0; op->code == OP_TICK && i < m->ndevices; i++)
		locked |= machine_is_locked(&m->device[i]);
	return locked && !at_once(d, op);
}

static void nested(struct machine *m, const struct op *op)
{
	struct sim_device *d = &m->device[op->dev % m->ndevices];
	if (must_wait(m, d, op)) {
		machine_later(d, op);
		return;
	}
	if (m->events && m->events->nested)
		m->events->nested(m->events_ctx, op);
	execute(m, op);
}

/* Not before the op under way is over: it may be in the midst of setting the device up. */
static void late(struct machine *m)
{
	struct when w;
	for (int i = 0; i < MACHINE_WHENS_MAX && machine_take_late(m, &w); i++)
		nested(m, &w.op);
}

void program_step(struct machine *m, const struct op *op)
{
	struct sim_device *d = m->waiting;
	m->op++;
	m->stats.ops++;
	m->waiting = NULL;
	m->nested = nested;
	if (!d || op->code == OP_WHEN || machine_when(d, &m->next, op))
		execute(m, op);
	if (m->nlate)
		late(m);
}

/* -- the end --------------------------------------------------------------------------------------------- */

/* Backends answer, and the device runs where it asked for it. */
static void settle(struct sim_device *d)
{
	for (int round = 0;
	     round == 0 || (round < QUIESCE_MAX && (d->backend.nheld || d->again || machine_pending(d)));
	     round++) {
		while (d->backend.nheld)
			machine_done(d, 0, backend_verdict(&d->backend));
		machine_publish(d);
		machine_agains(d);
	}
}

/* The word that says whether something is available, as it stands in memory; false: nobody can tell. */
static bool watched(const struct sim_device *d, uint16_t queue, uint16_t *word)
{
	gpa_t at;
	return oracle_watch(d->oracle, queue, &at) && ram_read(&d->machine->ram, at, word, sizeof(*word));
}

static void judge(struct sim_device *d)
{
	uint16_t word;
	for (uint16_t q = 0; vdev_live(d->vdev) && q < d->vdev->nqueues; q++)
		if (watched(d, q, &word))
			oracle_quiet(d->oracle, q, word);
}

/* True: no queue has anything that the device did not take. */
static bool all_taken(const struct sim_device *d)
{
	uint16_t word;
	for (uint16_t q = 0; q < d->vdev->nqueues; q++)
		if (watched(d, q, &word) && oracle_waits(d->oracle, q, word))
			return false;
	return true;
}

/* What waits for more buffers gets in when they come, and the device is told of them where it asked for it. */
static void feed(struct sim_device *d)
{
	static const struct driver_request buffer = {.type = 1, .len = FEED_LEN};
	uint16_t queue;
	for (int i = 0; i < FEEDS_MAX && d->type->hungry && d->type->hungry(d, &queue); i++) {
		driver_reap(d->driver, queue); /* the ring may be full of what is used */
		if (!driver_feed(d->driver, queue, &buffer))
			return;
		settle(d);
		judge(d);
	}
}

/* A driver that notifies where the device asked for it must need nothing else: else a kick was lost. */
static void quiesce_by_driver(struct sim_device *d)
{
	for (uint16_t q = 0; q < d->vdev->nqueues; q++)
		if (driver_is_up(d->driver, q))
			driver_kick(d->driver, q);
	settle(d);
	judge(d);
	for (int i = 0; i < TURNS_MAX && driver_converse(d->driver); i++) {
		settle(d);
		judge(d);
	}
	feed(d);
}

/* How many chains the device has taken, on all queues. */
static uint32_t taken(const struct sim_device *d)
{
	uint32_t n = 0;
	for (uint16_t q = 0; q < d->vdev->nqueues; q++)
		n += d->vdev->queue[q].next_avail;
	return n;
}

/*
 * Whatever the program did, queues that are run again must be done at last. Not always at once: what one
 * queue stores may be another one's available ring, where the guest made it so.
 */
static void quiesce_by_force(struct sim_device *d)
{
	uint32_t before;
	settle(d);
	for (int round = 0; round < QUIESCE_MAX; round++) {
		before = taken(d);
		for (uint16_t q = 0; q < d->vdev->nqueues; q++)
			if (vdev_queue_ready(d->vdev, q))
				machine_run(d, q);
		settle(d);
		if (all_taken(d) || taken(d) == before) {
			judge(d);
			return;
		}
	}
}

/* Ahead of all judging: one device may wait for what another one holds, as they share what can be lent. */
static void end_faults(struct machine *m)
{
	for (uint32_t i = 0; i < m->ndevices; i++) {
		struct sim_device *d = &m->device[i];
		d->backend.hold = d->backend.delay = d->backend.faults = 0;
		machine_no_races(d);
	}
	for (uint32_t i = 0; i < m->ndevices; i++)
		settle(&m->device[i]);
}

void program_quiesce(struct machine *m)
{
	bool wild = is_wild(m);
	m->op++;
	m->waiting = NULL;
	end_faults(m);
	for (uint32_t i = 0; i < m->ndevices; i++) {
		struct sim_device *d = &m->device[i];
		if (wild || !driver_is_live(d->driver))
			quiesce_by_force(d);
		else
			quiesce_by_driver(d);
		for (uint16_t q = 0; q < d->vdev->nqueues; q++)
			if (driver_is_up(d->driver, q))
				driver_reap(d->driver, q);
		judges_quiet(d);
	}
}

void program_run(struct machine *m, const uint8_t *bytes, size_t n)
{
	machine_reset(m);
	for (int i = 0; n && i < PROGRAM_OPS_MAX; i++) {
		struct op op;
		size_t used = op_program_decode(bytes, n, &op);
		program_step(m, &op);
		bytes += used;
		n -= used;
	}
	program_quiesce(m);
}
