// SPDX-License-Identifier: BSD-2-Clause
/* The oracles of a network device hear of what happens to it. */
#include <stddef.h>

#include "judges.h"
#include "sim_net.h"

/* What its driver must find in the configuration: by what it has set itself, and by what the host did. */
static void config(struct sim_device *d)
{
	const struct filter *f = &d->judges->frames.filter;
	struct oracle_status *s = &d->judges->status;
	uint16_t status = (uint16_t)((f->link_up ? VIRTIO_NET_S_LINK_UP : 0) |
				     (f->announce ? VIRTIO_NET_S_ANNOUNCE : 0));
	enum status_fixed known = f->known ? STATUS_VALUE : STATUS_FREE;
	if (!(d->vdev->offered >> VIRTIO_NET_F_STATUS & 1))
		status = 0;
	oracle_status_expect(s, offsetof(struct virtio_net_config, mac), f->mac, sizeof(f->mac), known);
	oracle_status_expect(s, offsetof(struct virtio_net_config, status), &status, sizeof(status), known);
}

/* What nobody changes (net.cfg.4, net.cfg.12): all behind the status. */
static void fixed_config(struct sim_device *d)
{
	const struct net_options *o = sim_net_options(d);
	const struct virtio_net_config c = {.max_virtqueue_pairs =
						    d->vdev->offered >> VIRTIO_NET_F_MQ & 1 ? o->pairs : 0,
					    .mtu = o->mtu,
					    .speed = o->speed_mbit,
					    .duplex = o->speed_mbit ? 1 : 0};
	const uint32_t from = offsetof(struct virtio_net_config, max_virtqueue_pairs);
	oracle_status_expect(&d->judges->status, from, (const uint8_t *)&c + from,
			     offsetof(struct virtio_net_config, duplex) + 1 - from, STATUS_VALUE);
}

static void restart(struct sim_device *d)
{
	struct frames *f = &d->judges->frames;
	frames_init(f, d->oracle, &d->machine->ram, d->vdev);
	frames_restart(f, sim_net_options(d));
	config(d);
	fixed_config(d);
}

static void trust(struct judges *j, bool trusted)
{
	if (trusted)
		frames_trust(&j->frames);
	else
		frames_distrust(&j->frames);
}

static void write_ends(struct judges *j, uint64_t off)
{
	frames_write_ends(&j->frames, off);
}

static void status(struct judges *j, gpa_t a, uint8_t byte)
{
	frames_acked(&j->frames, a, byte);
}

static void refused(struct judges *j)
{
	j->frames.nrefused++;
}

static void quiet(struct sim_device *d)
{
	frames_quiet(&d->judges->frames);
}

const struct judge_type judge_net = {.restart = restart,
				     .trust = trust,
				     .write_ends = write_ends,
				     .config = config,
				     .status = status,
				     .refused = refused,
				     .quiet = quiet};
