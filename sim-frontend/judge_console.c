// SPDX-License-Identifier: BSD-2-Clause
/* What is said of a console: its streams, its control protocol, its configuration. */
#include <stddef.h>

#include "driver.h"
#include "judges.h"
#include "sim_console.h"

static void config(struct sim_device *d)
{
	const struct control *c = &d->judges->control;
	struct oracle_status *s = &d->judges->status;
	const uint16_t size[2] = {c->cols, c->rows};
	const uint32_t nports = c->nports;
	bool sized = d->vdev->offered >> VIRTIO_CONSOLE_F_SIZE & 1;
	bool many = d->vdev->offered >> VIRTIO_CONSOLE_F_MULTIPORT & 1;
	oracle_status_expect(s, 0, size, sizeof(size), sized ? STATUS_VALUE : STATUS_FREE);
	oracle_status_expect(s, offsetof(struct virtio_console_config, max_nr_ports), &nports, sizeof(nports),
			     many ? STATUS_VALUE : STATUS_FREE);
}

static void restart(struct sim_device *d)
{
	struct judges *j = d->judges;
	stream_init(&j->stream, d->oracle, &d->machine->ram);
	stream_restart(&j->stream);
	control_init(&j->control, d->oracle, d->vdev);
	control_restart(&j->control, sim_console_options(d));
	config(d);
}

/* What is live, or set up, goes on unknown until it is reset. */
static void trust(struct judges *j, bool trusted)
{
	const struct vdev *v = j->control.vdev;
	bool fresh = v && !(v->status & VIRTIO_CONFIG_S_DRIVER_OK);
	for (uint16_t i = 0; fresh && i < v->nqueues; i++)
		fresh = !v->queue[i].ready;
	if (!trusted) {
		stream_distrust(&j->stream);
		control_trust(&j->control, false);
	} else if (fresh) {
		stream_trust(&j->stream);
		control_trust(&j->control, true);
	}
}

static void config_write(struct judges *j, uint64_t off, uint32_t n, uint64_t value)
{
	control_write_begins(&j->control, off, n, value);
}

static void config_written(struct judges *j)
{
	control_write_ends(&j->control);
}

/* Some device may have been sent to do what no driver asks for: then nobody can say what it owes. */
static bool is_wild(const struct machine *m)
{
	bool wild = m->hostile;
	for (uint32_t i = 0; i < m->ndevices; i++)
		wild |= m->device[i].wild;
	return wild;
}

static void quiet(struct sim_device *d)
{
	if (is_wild(d->machine) || !driver_is_live(d->driver) || !vdev_live(d->vdev))
		return;
	for (uint16_t i = 0; i < sim_console_options(d)->nports; i++)
		stream_quiet(&d->judges->stream, i);
	if (driver_listens(d->driver))
		control_quiet(&d->judges->control);
}

const struct judge_type judge_console = {
	.restart = restart,
	.trust = trust,
	.config = config,
	.config_write = config_write,
	.config_written = config_written,
	.quiet = quiet,
};
