// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "judges.h"

bool judges_create(struct sim_device *d)
{
	struct judges *j = calloc(1, sizeof(*j));
	d->judges = j;
	if (!j)
		return false;
	content_init(&j->content, d->oracle, &d->machine->ram, d->vdev, d->type->id == VIRTIO_ID_BLOCK);
	return true;
}

void judges_destroy(struct sim_device *d)
{
	free(d->judges);
}

void judges_restart(struct sim_device *d)
{
	struct judges *j = d->judges;
	judges_trust(d);
	content_restart(&j->content, d->made.sectors ? d->made.sectors : SIM_SECTORS_DEFAULT);
	if (d->machine->hostile)
		content_distrust(&j->content);
}

void judges_distrust(struct sim_device *d)
{
	struct machine *m = d->machine;
	m->hostile |= 1u << d->nr;
	for (uint32_t i = 0; i < m->ndevices; i++)
		content_distrust(&m->device[i].judges->content);
}

void judges_trust(struct sim_device *d)
{
	struct machine *m = d->machine;
	m->hostile &= ~(1u << d->nr);
	for (uint32_t i = 0; !m->hostile && i < m->ndevices; i++)
		if (m->device[i].judges)
			content_trust(&m->device[i].judges->content);
}
