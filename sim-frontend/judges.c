// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "judges.h"
#include "oracle_int.h"
#include "pages.h"

bool judges_create(struct sim_device *d)
{
	struct judges *j = pages_take(sizeof(*j));
	d->judges = j;
	if (j)
		j->type = d->type->judge;
	if (!j)
		return false;
	oracle_status_init(&j->status, d->oracle, &d->mmio, d->vdev);
	oracle_backend_init(&j->backend, d->oracle, d->vdev);
	content_init(&j->content, d->oracle, &d->machine->ram, d->vdev, d->type->id == VIRTIO_ID_BLOCK);
	return true;
}

void judges_destroy(struct sim_device *d)
{
	pages_give(d->judges, sizeof(*d->judges));
}

static void set_trust(struct judges *j, bool trusted)
{
	if (trusted)
		content_trust(&j->content);
	else
		content_distrust(&j->content);
	if (j->type->trust)
		j->type->trust(j, trusted);
}

static uint64_t size_of(const struct sim_device *d)
{
	return d->made.sectors ? d->made.sectors : SIM_SECTORS_DEFAULT;
}

/* -- disks ----------------------------------------------------------------------------------------------- */

/* What the driver must find in the configuration of a disk. */
static void expect_blk(struct sim_device *d, uint64_t sectors)
{
	static const uint8_t zero[3];
	struct oracle_status *s = &d->judges->status;
	oracle_status_expect(s, 0, &sectors, sizeof(sectors), STATUS_VALUE);
	oracle_status_expect(s, offsetof(struct virtio_blk_config, unused), zero, 1, STATUS_PADDING);
	oracle_status_expect(s, offsetof(struct virtio_blk_config, unused1), zero, 3, STATUS_PADDING);
}

static void restart_blk(struct sim_device *d)
{
	expect_blk(d, size_of(d));
}

static void status_blk(struct judges *j, gpa_t a, uint8_t byte)
{
	oracle_backend_status(&j->backend, a.v, byte);
}

const struct judge_type judge_blk = {.restart = restart_blk, .status = status_blk};
const struct judge_type judge_rng = {0};

/* -- any device ------------------------------------------------------------------------------------------ */

void judges_restart(struct sim_device *d)
{
	struct judges *j = d->judges;
	oracle_status_restart(&j->status);
	oracle_backend_restart(&j->backend, size_of(d));
	if (j->type->restart)
		j->type->restart(d);
	judges_trust(d);
	content_restart(&j->content, size_of(d));
	if (d->machine->hostile)
		set_trust(j, false);
}

void judges_distrust(struct sim_device *d)
{
	struct machine *m = d->machine;
	m->hostile |= 1u << d->nr;
	for (uint32_t i = 0; i < m->ndevices; i++)
		set_trust(m->device[i].judges, false);
}

void judges_trust(struct sim_device *d)
{
	struct machine *m = d->machine;
	m->hostile &= ~(1u << d->nr);
	for (uint32_t i = 0; !m->hostile && i < m->ndevices; i++)
		if (m->device[i].judges)
			set_trust(m->device[i].judges, true);
}

void judges_resized(struct sim_device *d, uint64_t sectors)
{
	content_resized(&d->judges->content, sectors);
	oracle_backend_resized(&d->judges->backend, sectors);
	expect_blk(d, sectors);
	d->judges->status.config_event = true;
}

void judges_quiet(struct sim_device *d)
{
	if (d->judges->type->quiet)
		d->judges->type->quiet(d);
}

void judges_write_begins(struct judges *j, uint64_t off, uint32_t size, uint64_t value)
{
	oracle_status_write_begins(&j->status, off, size, value);
	if (off >= VIRTIO_MMIO_CONFIG && j->type->config_write)
		j->type->config_write(j, off - VIRTIO_MMIO_CONFIG, size, value);
}

void judges_write_ends(struct judges *j, uint64_t off, uint32_t size, uint64_t value)
{
	oracle_status_write_ends(&j->status, off, size, value);
	if (size == 4 && j->type->write_ends)
		j->type->write_ends(j, off);
	bool resets =
		off == VIRTIO_MMIO_STATUS || off == VIRTIO_MMIO_QUEUE_READY || off == VIRTIO_MMIO_QUEUE_RESET;
	if ((size == 4 && resets) || off >= VIRTIO_MMIO_CONFIG)
		oracle_backend_write_ends(&j->backend, off, value);
	if (off >= VIRTIO_MMIO_CONFIG)
		content_config_written(&j->content);
	if (off >= VIRTIO_MMIO_CONFIG && j->type->config_written)
		j->type->config_written(j);
}

void judges_used(void *ctx, uint64_t serial, uint32_t len)
{
	struct sim_device *d = ctx;
	if (d->judges)
		oracle_backend_used(&d->judges->backend, serial, len);
}
