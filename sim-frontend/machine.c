// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>

#include "driver.h"
#include "hash.h"
#include "judges.h"
#include "machine.h"
#include "machine_save.h"
#include "mark.h"
#include "written.h"

#define AGAINS_MAX 64 /* runs that a device may ask for before the guest gets its turn */

/* -- host callbacks -------------------------------------------------------------------------------------- */

static void on_interrupt(void *ctx, uint16_t source)
{
	struct sim_device *d = ctx;
	struct machine *m = d->machine;
	if (machine_save_noise(d, "interrupts the guest"))
		return;
	if (d->recorder)
		recorder_irq(d->recorder, source);
	uint64_t wasted = oracle_wasted(d->oracle);
	oracle_interrupt(d->oracle, source);
	m->stats.interrupts++;
	m->stats.wasted += oracle_wasted(d->oracle) - wasted;
	oracle_status_interrupt(&d->judges->status, source);
	if (m->events && m->events->interrupt)
		m->events->interrupt(m->events_ctx, d, source);
}

static void on_again(void *ctx, uint16_t queue)
{
	struct sim_device *d = ctx;
	if (machine_save_noise(d, "asks to be run again"))
		return;
	if (d->recorder)
		recorder_again(d->recorder, queue);
	oracle_again(d->oracle, queue);
	d->again |= 1u << queue;
}

/* No wall clock: time passes by being asked for. */
static uint64_t on_clock(void *ctx)
{
	struct sim_device *d = ctx;
	machine_point(d, POINT_CLOCK, WHEN_ANY);
	return d->machine->clock_ns += 1000;
}

static void on_offence(void *ctx, enum offence o)
{
	struct sim_device *d = ctx;
	struct machine *m = d->machine;
	if (machine_save_noise(d, "reports an offence"))
		return;
	if (d->recorder)
		recorder_offence(d->recorder, o);
	m->stats.offences++;
	m->stats.offence[o]++;
	if (!m->lawless)
		oracle_status_offence(&d->judges->status, o);
	if (m->events && m->events->offence)
		m->events->offence(m->events_ctx, d, o);
}

const struct host machine_host = {on_interrupt, on_again, on_clock, on_offence};

/* -- making one ------------------------------------------------------------------------------------------ */

bool machine_create(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	m->save = machine_save_create();
	if (!m->save || !ram_create(&m->ram) || !lend_create(&m->lend)) {
		machine_destroy(m);
		return false;
	}
	heap_init(&m->heap_rings, RAM_LOW, RAM_RINGS_LEN, RAM_LOW);
	heap_init(&m->heap_low, RAM_LOW + RAM_RINGS_LEN, 2 * RAM_LOW_LEN - RAM_RINGS_LEN, RAM_MID);
	heap_init(&m->heap_high, RAM_HIGH, RAM_HIGH_LEN, 1ull << 32);
	return true;
}

/* Not inlined: a debugger stops here, in the midst of what the device does (ringside replay --gdb). */
__attribute__((noinline)) void machine_violation(void *ctx, const struct violation *v)
{
	struct sim_device *d = ctx;
	if (d->recorder)
		mark_put(d->recorder, d->machine->op, v);
	if (d->machine->violation)
		d->machine->violation(d->machine, d, v);
}

static bool owes(void *ctx, uint16_t queue)
{
	const struct sim_device *d = ctx;
	return d->type->owes(d, queue);
}

static struct oracle *make_oracle(struct sim_device *d)
{
	struct oracle_config c = {
		.nqueues = d->vdev->ops->nqueues, .report = machine_violation, .used = judges_used, .ctx = d};
	c.status_byte = d->type->id == VIRTIO_ID_BLOCK;
	c.status = &d->vdev->status;
	c.lawless = &d->machine->lawless;
	c.owes = d->type->owes ? owes : NULL;
	memcpy(c.queue_size_max, d->vdev->ops->queue_size_max, sizeof(c.queue_size_max));
	return oracle_create(&c);
}

static void fresh(struct sim_device *d, const struct device_options *o)
{
	backend_reset(&d->backend);
	d->made = *o;
	d->type->init(d, o);
	vdev_offer(d->vdev, o->offer);
	mmio_init(&d->mmio, d->vdev);
	oracle_restart(d->oracle);
	judges_restart(d);
	d->again = 0;
	d->save = NULL;
	d->wild = d->inside = false;
	machine_no_races(d);
	d->kicked = 0;
}

bool machine_add(struct machine *m, uint16_t device_id, const struct device_options *o)
{
	const struct sim_type *type = sim_type(device_id);
	struct sim_device *d = &m->device[m->ndevices];
	if (!type || m->ndevices == MACHINE_DEVICES_MAX)
		return false;
	memset(d, 0, sizeof(*d));
	d->machine = m;
	d->type = type;
	d->nr = (uint8_t)m->ndevices++;
	d->options = *o;
	vmem_init(&d->mem, &m->ram.map);
	if (!type->create(d))
		return false;
	type->init(d, o);
	d->oracle = make_oracle(d);
	d->driver = driver_create(d);
	if (!d->oracle || !d->driver || !judges_create(d))
		return false;
	fresh(d, o);
	return true;
}

void machine_destroy(struct machine *m)
{
	for (uint32_t i = 0; i < m->ndevices; i++) {
		struct sim_device *d = &m->device[i];
		driver_destroy(d->driver);
		oracle_destroy(d->oracle);
		judges_destroy(d);
		d->type->destroy(d);
	}
	free(m->save);
	m->save = NULL;
	lend_destroy(&m->lend);
	ram_destroy(&m->ram);
	m->ndevices = 0;
}

void machine_reset(struct machine *m)
{
	for (uint32_t i = 0; i < m->ndevices; i++) {
		driver_restart(m->device[i].driver);
		fresh(&m->device[i], &m->device[i].options);
	}
	/* What a driver lost track of, because the program took its ring from it, must not outlast the run.
	 */
	heap_reset(&m->heap_rings);
	heap_reset(&m->heap_low);
	heap_reset(&m->heap_high);
	lend_reset(&m->lend);
	ram_reset(&m->ram);
	m->op = m->clock_ns = 0;
	m->waiting = NULL;
	m->nlate = 0;
	m->lawless = false;
	m->stats.runs++;
}

static void note(struct sim_device *d, const char *text)
{
	const struct machine *m = d->machine;
	if (m->events && m->events->note)
		m->events->note(m->events_ctx, d, text);
}

void machine_make(struct sim_device *d, const struct device_options *o)
{
	if (d->recorder) { /* a trace's device is the one in its head */
		note(d, "a device that is recorded stays as it is");
		return;
	}
	machine_write(d, 0x070, 4, 0); /* Status: nothing in flight, nothing pinned */
	driver_restart(d->driver);
	fresh(d, o);
}

uint64_t machine_hash(const struct machine *m)
{
	uint64_t h = ram_hash(&m->ram, HASH_SEED);
	for (uint32_t i = 0; i < m->ndevices; i++)
		h = hash_u64(h, mmio_hash(&m->device[i].mmio));
	return h;
}

/* -- entries into a device ------------------------------------------------------------------------------- */

static void enter(struct sim_device *d)
{
	d->inside = true;
	oracle_enter(d->oracle);
}

static void leave(struct sim_device *d)
{
	oracle_leave(d->oracle);
	d->inside = false;
	if (d->recorder && recorder_state_due(d->recorder->rec))
		recorder_state(d->recorder, mmio_hash(&d->mmio));
}

static void run_queue(struct sim_device *d, uint16_t queue)
{
	d->again &= ~(1u << queue);
	oracle_runs(d->oracle, queue);
	enter(d);
	machine_record_guest(d);
	if (d->recorder)
		recorder_run(d->recorder, queue);
	vdev_run(d->vdev, queue);
	leave(d);
	oracle_status_leave(&d->judges->status);
}

bool machine_is_locked(const struct sim_device *d)
{
	const struct machine *m = d->machine;
	bool locked = d->inside;
	for (uint32_t i = 0; d->recorder && i < m->ndevices; i++)
		locked |= m->device[i].inside;
	return locked;
}

static bool catch_up(struct sim_device *d)
{
	if (!d->kicked)
		return false;
	uint16_t queue = (uint16_t)__builtin_ctz(d->kicked);
	d->kicked &= ~(1u << queue);
	run_queue(d, queue);
	return true;
}

static void run_kicked(struct sim_device *d)
{
	struct machine *m = d->machine;
	bool more = true;
	for (int i = 0; more && i < AGAINS_MAX; i++) {
		more = catch_up(d);
		for (uint32_t k = 0; d->recorder && k < m->ndevices; k++)
			more |= catch_up(&m->device[k]);
	}
}

/* The entry is over; who was notified meanwhile runs now. */
static inline void over(struct sim_device *d)
{
	if (d->kicked || d->recorder)
		run_kicked(d);
}

/* Another processor's register write, while the device works: kicks are coalesced as an ioeventfd does, an
 * acknowledgement needs no lock. */
static void write_inside(struct sim_device *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (off == VIRTIO_MMIO_INTERRUPT_ACK && !d->recorder) {
		oracle_write_begins(d->oracle, d->vdev, off, size, value);
		mmio_write(&d->mmio, off, size, value);
		oracle_status_write_ends(&d->judges->status, off, size, value);
	} else if (off == VIRTIO_MMIO_QUEUE_NOTIFY && (value & 0xffff) < d->vdev->nqueues) {
		d->kicked |= 1u << (value & 0xffff);
	}
}

void machine_write(struct sim_device *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (machine_is_locked(d)) {
		write_inside(d, off, size, value);
		return;
	}
	oracle_write_begins(d->oracle, d->vdev, off, size, value);
	judges_write_begins(d->judges, off, size, value);
	enter(d);
	machine_record_guest(d);
	if (d->recorder)
		recorder_write(d->recorder, off, size, value);
	mmio_write(&d->mmio, off, size, value);
	leave(d);
	oracle_write_ends(d->oracle, d->vdev, off, size, value);
	judges_write_ends(d->judges, off, size, value);
	over(d);
}

uint64_t machine_read(struct sim_device *d, uint64_t off, uint32_t size)
{
	struct machine *m = d->machine;
	/* Another processor's look at a register in the middle of the work changes nothing, and is no input.
	 */
	bool record = d->recorder && !machine_is_locked(d);
	if (record)
		recorder_read_begin(d->recorder);
	uint64_t value = mmio_read(&d->mmio, off, size);
	CHECK_WRITTEN(&value, sizeof(value));
	if (record)
		recorder_read(d->recorder, off, size, value);
	if (off >= VIRTIO_MMIO_CONFIG)
		judges_read_config(d);
	if (!d->inside || off == VIRTIO_MMIO_INTERRUPT_STATUS)
		oracle_status_read(&d->judges->status, off, size, value);
	if (m->events && m->events->read)
		m->events->read(m->events_ctx, d, off, size, value);
	return value;
}

void machine_run(struct sim_device *d, uint16_t queue)
{
	if (machine_is_locked(d)) {
		d->kicked |= 1u << (queue % VDEV_QUEUES_MAX);
		return;
	}
	run_queue(d, queue);
	over(d);
}

/* An entry that is neither a register access nor a run. */
static void entry(struct sim_device *d, void (*what)(struct sim_device *, const struct op *),
		  const struct op *op)
{
	enter(d);
	machine_record_guest(d);
	what(d, op);
	leave(d);
	oracle_status_leave(&d->judges->status);
	over(d);
}

void machine_input(struct sim_device *d, const struct op *op)
{
	if (d->type->input)
		entry(d, d->type->input, op);
}

bool machine_pending(const struct sim_device *d)
{
	return d->type->pending && d->type->pending(d);
}

static void more(struct sim_device *d, const struct op *op)
{
	(void)op;
	d->type->more(d);
}

void machine_agains(struct sim_device *d)
{
	for (int i = 0; !machine_is_locked(d) && i < AGAINS_MAX; i++) {
		if (d->again)
			machine_run(d, (uint16_t)__builtin_ctz(d->again));
		else if (machine_pending(d))
			entry(d, more, NULL);
		else
			break;
	}
}

void machine_submit(struct sim_device *d, void *request)
{
	const struct machine *m = d->machine;
	machine_point(d, POINT_SUBMIT, WHEN_ANY);
	if (!backend_keep(&d->backend, request, m->clock_ns))
		d->type->finish(d, request, backend_verdict(&d->backend));
	else if (m->events && m->events->held)
		m->events->held(m->events_ctx, d, d->backend.nheld);
	if (d->recorder)
		recorder_leave(d->recorder, false);
}

void machine_drain(void *ctx)
{
	struct sim_device *d = ctx;
	if (d->recorder)
		recorder_enter_drain(d->recorder);
	while (d->backend.nheld)
		d->type->finish(d, backend_take(&d->backend, 0), backend_verdict(&d->backend));
	if (d->recorder)
		recorder_leave(d->recorder, true);
}

void machine_done(struct sim_device *d, uint32_t held, struct verdict v)
{
	enter(d);
	machine_record_guest(d);
	d->type->finish(d, backend_take(&d->backend, held), v);
	leave(d);
	oracle_status_leave(&d->judges->status);
	over(d);
}

void machine_publish(struct sim_device *d)
{
	enter(d);
	machine_record_guest(d);
	if (d->recorder)
		recorder_flushed(d->recorder);
	d->type->publish(d);
	leave(d);
	oracle_status_leave(&d->judges->status);
	over(d);
}

void machine_wind(struct sim_device *d, uint16_t queue, uint16_t n)
{
	if (d->recorder) {
		note(d, "a queue that is recorded starts at its beginning");
		return;
	}
	struct vq *q = &d->vdev->queue[queue];
	/* A race may have made the device take what the driver never published. */
	bool fresh = vdev_queue_ready(d->vdev, queue) && !q->next_avail && !q->next_used && !q->inflight;
	if (!fresh || !driver_wind(d->driver, queue, n))
		return;
	q->next_avail = q->seen_avail = q->next_used = q->published = n;
	oracle_queue_wound(d->oracle, queue, n);
}

static void tick_device(struct sim_device *d)
{
	struct backend *b = &d->backend;
	uint32_t i = backend_due(b, d->machine->clock_ns);
	if (i == b->nheld)
		return;
	for (; i < b->nheld; i = backend_due(b, d->machine->clock_ns))
		machine_done(d, i, backend_verdict(b));
	machine_publish(d);
	machine_agains(d);
}

void machine_tick(struct machine *m, uint64_t ns)
{
	m->clock_ns += ns;
	for (uint32_t i = 0; i < m->ndevices; i++)
		tick_device(&m->device[i]);
}

void machine_power_cut(struct sim_device *d, uint64_t seed)
{
	struct backend *b = &d->backend;
	if (d->type->power_cut)
		d->type->power_cut(d, seed);
	b->faults = b->nheld; /* how the reset's drain ends them: nothing more is transferred */
	b->fault = (struct verdict){BLK_IO_ERROR, BACKEND_ALL};
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0);
	driver_forget(d->driver);
	content_power_cut(&d->judges->content);
	b->hold = b->delay = b->faults = 0;
}

void machine_resize(struct sim_device *d, uint64_t sectors)
{
	if (!d->type->resize)
		return;
	enter(d);
	oracle_config_changes(d->oracle);
	machine_record_guest(d);
	if (d->recorder)
		recorder_resize(d->recorder, sectors);
	d->type->resize(d, sectors);
	judges_resized(d, sectors);
	leave(d);
	oracle_status_leave(&d->judges->status);
	over(d);
}
