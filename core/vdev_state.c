// SPDX-License-Identifier: BSD-2-Clause
/* Saving a device and loading it. */
#include <linux/virtio_ring.h>

#include "vdev.h"

#define STATUS_ALL                                                                          \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)

/* -- for the types --------------------------------------------------------------------------------------- */

void vdev_save_tok(struct state_out *out, struct vq_tok tok)
{
	state_put_u16(out, tok.id);
	state_put_u16(out, tok.ndesc);
	state_put_u32(out, tok.seq);
}

struct vq_tok vdev_load_tok(struct vdev *d, struct state_in *in, uint16_t queue, uint32_t write_len)
{
	struct vq_tok tok;
	tok.id = state_get_u16(in);
	tok.ndesc = state_get_u16(in);
	tok.seq = state_get_u32(in);
	state_need(in, !in->bad && queue < d->nqueues && vq_claim(&d->queue[queue], tok, write_len));
	return tok;
}

gpa_t vdev_load_gpa(const struct vdev *d, struct state_in *in, uint64_t len)
{
	gpa_t a = gpa(state_get_u64(in));
	state_need(in, vmem_covers(d->mem, a, len));
	return a;
}

/* -- the device ------------------------------------------------------------------------------------------ */

/* What the frontend decided when it made the device. */
static void save_kind(const struct vdev *d, struct state_out *out)
{
	state_put_u16(out, d->ops->id);
	state_put_u64(out, d->offered);
	state_put_u32(out, d->ops->config_len);
	state_put_u16(out, d->nqueues);
	for (uint16_t i = 0; i < d->nqueues; i++)
		state_put_u16(out, d->queue[i].size_max);
}

static void match_kind(const struct vdev *d, struct state_in *in)
{
	state_need(in, state_get_u16(in) == d->ops->id);
	state_need(in, state_get_u64(in) == d->offered);
	state_need(in, state_get_u32(in) == d->ops->config_len);
	state_need(in, state_get_u16(in) == d->nqueues);
	for (uint16_t i = 0; i < d->nqueues; i++)
		state_need(in, state_get_u16(in) == d->queue[i].size_max);
}

/* As the driver sees it. */
static void config_image(struct vdev *d, uint8_t *image)
{
	memset(image, 0, VDEV_CONFIG_MAX);
	if (d->ops->config_read)
		d->ops->config_read(d, image);
}

/* The configuration space stands at the end: what the type has loaded is part of it. */
void vdev_save(struct vdev *d, struct state_out *out)
{
	uint8_t image[VDEV_CONFIG_MAX];
	save_kind(d, out);
	state_put_u64(out, d->accepted);
	state_put_u8(out, d->accepted_beyond);
	state_put_u32(out, d->config_gen);
	state_put_u8(out, (uint8_t)vdev_isr(d));
	state_put_u8(out, d->status);
	for (uint16_t i = 0; i < d->nqueues; i++)
		vq_save(&d->queue[i], out);
	if (d->ops->save)
		d->ops->save(d, out);
	config_image(d, image);
	state_put(out, image, d->ops->config_len);
}

/* Before FEATURES_OK the driver may have written anything. */
static bool features_fit(const struct vdev *d)
{
	if (!(d->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return !(d->status & VIRTIO_CONFIG_S_DRIVER_OK);
	return !d->accepted_beyond && !(d->accepted & ~d->offered) && vdev_has(d, VIRTIO_F_VERSION_1);
}

static void load_registers(struct vdev *d, struct state_in *in, uint32_t *config_gen)
{
	d->accepted = state_get_u64(in);
	d->accepted_beyond = state_get_u8(in);
	*config_gen = state_get_u32(in);
	uint8_t isr = state_get_u8(in), status = state_get_u8(in);
	state_need(in, !(isr & ~(VDEV_ISR_QUEUE | VDEV_ISR_CONFIG)) && !(status & ~STATUS_ALL));
	d->status = status;
	__atomic_store_n(&d->isr, isr, __ATOMIC_SEQ_CST);
	state_need(in, features_fit(d));
}

/* A ring that is in use is of the kind that was negotiated; before that nothing can be in flight. */
static bool queue_fits(const struct vdev *d, const struct vq *q)
{
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return !q->inflight;
	return !q->ready || (q->packed == vdev_has(d, VIRTIO_F_RING_PACKED) &&
			     q->event_idx == vdev_has(d, VIRTIO_RING_F_EVENT_IDX) &&
			     q->indirect == vdev_has(d, VIRTIO_RING_F_INDIRECT_DESC) &&
			     q->in_order == vdev_has(d, VIRTIO_F_IN_ORDER));
}

static void load_queues(struct vdev *d, struct state_in *in)
{
	for (uint16_t i = 0; i < d->nqueues && !in->bad; i++) {
		vq_load(&d->queue[i], d->mem, in);
		state_need(in, queue_fits(d, &d->queue[i]));
	}
}

static void load_type(struct vdev *d, struct state_in *in)
{
	uint8_t image[VDEV_CONFIG_MAX];
	if (d->ops->load)
		d->ops->load(d, in);
	for (uint16_t i = 0; i < d->nqueues; i++)
		state_need(in, vq_claimed(&d->queue[i], vdev_live(d)));
	config_image(d, image);
	state_match(in, image, d->ops->config_len);
}

bool vdev_load(struct vdev *d, struct state_in *in)
{
	vdev_set_status(d, 0);
	uint32_t config_gen = d->config_gen, before = config_gen;
	match_kind(d, in);
	if (!in->bad)
		load_registers(d, in, &config_gen);
	if (!in->bad)
		load_queues(d, in);
	if (!in->bad)
		load_type(d, in);
	bool good = state_close(in);
	if (!good) {
		vdev_set_status(d, 0);
		config_gen = before; /* nobody has read what was refused */
	}
	d->config_gen = config_gen;
	return good;
}

void vdev_resume(struct vdev *d)
{
	if (d->ops->resume)
		d->ops->resume(d);
}
