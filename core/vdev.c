// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ring.h>

#include "hash.h"
#include "vdev.h"

#define STATUS_KNOWN                                                                        \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)
#define FEATURES_COMMON \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX)

void vdev_init(struct vdev *d, const struct vdev_ops *ops, struct vmem *mem, const struct host *host,
	       void *host_ctx, uint64_t features)
{
	memset(d, 0, offsetof(struct vdev, queue));
	d->ops = ops;
	d->mem = mem;
	d->host = host;
	d->host_ctx = host_ctx;
	d->offered = features | FEATURES_COMMON;
	d->nqueues = ops->nqueues;
	for (uint16_t i = 0; i < d->nqueues; i++)
		vq_init(&d->queue[i], ops->queue_size_max[i]);
}

/*
 * None of these is offered unless the frontend asks.
 *   RING_PACKED, IN_ORDER  kept by vq
 *   NOTIFICATION_DATA      a kick's value varies: a frontend that matches kicks by their value must take
 *                          them itself
 *   RING_RESET             a reset is over when the register write returns, as the type's queue_reset waits
 *                          for what is in flight
 *   ORDER_PLATFORM         nothing to do: our loads and stores are a processor's, ordered against the
 *                          driver's with or without it. A driver that accepts it uses dearer barriers; there
 *                          for guests that insist on it.
 *   ACCESS_PLATFORM        the addresses we get are guest physical ones, and all of the guest's memory is
 *                          ours to use, so by rfeat.3 there is no reason for it. A frontend has one where
 *                          the guest shares only part of its memory (encrypted guests): then drivers place
 *                          their buffers in that part.
 */
void vdev_offer(struct vdev *d, uint64_t features)
{
	core_check(!(features & ~VDEV_FEATURES_MORE));
	d->offered |= features;
}

void vdev_limit_queue(struct vdev *d, uint16_t queue, uint16_t size_max)
{
	d->queue[queue].size_max = size_max;
}

static void interrupt(struct vdev *d, uint32_t cause, uint16_t source)
{
	__atomic_fetch_or(&d->isr, cause, __ATOMIC_SEQ_CST);
	d->host->interrupt(d->host_ctx, source);
}

void vdev_isr_ack(struct vdev *d, uint32_t bits)
{
	if (bits & ~(VDEV_ISR_QUEUE | VDEV_ISR_CONFIG))
		vdev_offend(d, OFFENCE_ACK_BITS);
	__atomic_fetch_and(&d->isr, ~bits, __ATOMIC_SEQ_CST);
}

/* status.3: the driver of a live device must hear of it. A device that is not live yet just shows the bit. */
static void break_device(struct vdev *d)
{
	bool tell = vdev_live(d);
	d->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (tell)
		interrupt(d, VDEV_ISR_CONFIG, HOST_SOURCE_CONFIG);
}

void vdev_offend(struct vdev *d, enum offence o)
{
	d->host->offence(d->host_ctx, o);
	if (offence_info(o)->reaction == OFFENCE_BREAK)
		break_device(d);
}

/* -- features -------------------------------------------------------------------------------------------- */

uint32_t vdev_get_features(const struct vdev *d, uint32_t word)
{
	return word < 2 ? (uint32_t)(d->offered >> (32 * word)) : 0;
}

/* The specification knows of 128 bits; of words that are far beyond those only a reset takes anything back. */
static void accept_beyond(struct vdev *d, uint32_t word, uint32_t bits)
{
	uint8_t mark = (uint8_t)(1u << (word < 9 ? word - 2 : 7));
	if (bits) {
		d->accepted_beyond |= mark;
		vdev_offend(d, OFFENCE_FEATURES_UNKNOWN);
	} else if (word < 9) {
		d->accepted_beyond &= (uint8_t)~mark;
	}
}

/* The driver writes halves separately and in any order; Linux since 6.17 also writes words beyond 64 bits, as
 * 0. */
void vdev_accept_features(struct vdev *d, uint32_t word, uint32_t bits)
{
	if (d->status & VIRTIO_CONFIG_S_FEATURES_OK) {
		vdev_offend(d, OFFENCE_FEATURES_LATE);
	} else if (word < 2) {
		uint32_t shift = 32 * word;
		d->accepted = (d->accepted & ~(0xffffffffull << shift)) | (uint64_t)bits << shift;
	} else {
		accept_beyond(d, word, bits);
	}
}

/* feat.2: what we can not live with shows as FEATURES_OK that does not stick. */
static bool features_fit(struct vdev *d)
{
	if (d->accepted_beyond || (d->accepted & ~d->offered)) {
		vdev_offend(d, OFFENCE_FEATURES_UNKNOWN);
		return false;
	}
	if (!vdev_has(d, VIRTIO_F_VERSION_1)) {
		vdev_offend(d, OFFENCE_FEATURES_VERSION);
		return false;
	}
	return true;
}

/* -- status ---------------------------------------------------------------------------------------------- */

/*
 * The status is 0 first, so that completions which the type's reset drains know that they must not reach the
 * guest any more; the driver can not see it before we return.
 */
static void reset(struct vdev *d)
{
	d->status = 0;
	d->ops->reset(d);
	for (uint16_t i = 0; i < d->nqueues; i++)
		vq_reset(&d->queue[i]);
	d->accepted = 0;
	d->accepted_beyond = 0;
	__atomic_store_n(&d->isr, 0, __ATOMIC_SEQ_CST);
}

/*
 * Queues that were enabled before the features were settled are checked once more with them. Then all queues
 * are looked at: some drivers kick before DRIVER_OK and would wait forever.
 */
static void driver_ok(struct vdev *d)
{
	for (uint16_t i = 0; i < d->nqueues; i++) {
		struct vq *q = &d->queue[i];
		if (q->ready && vq_enable(q, d->mem, d->accepted)) {
			vq_reset(q);
			vdev_offend(d, OFFENCE_QUEUE_LAYOUT);
		}
	}
	if (d->ops->driver_ok)
		d->ops->driver_ok(d);
	for (uint16_t i = 0; i < d->nqueues; i++)
		vdev_run(d, i);
}

void vdev_set_status(struct vdev *d, uint32_t value)
{
	if (value == 0) {
		reset(d);
		return;
	}
	uint8_t want = (uint8_t)(value & STATUS_KNOWN), old = d->status;
	if ((old & STATUS_KNOWN) & ~want) {
		vdev_offend(d, OFFENCE_STATUS_CLEARED);
		return;
	}
	uint8_t rising = want & (uint8_t)~old;
	if ((rising & VIRTIO_CONFIG_S_FEATURES_OK) && !features_fit(d))
		rising &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	bool agreed = (old | rising) & VIRTIO_CONFIG_S_FEATURES_OK;
	if ((rising & VIRTIO_CONFIG_S_DRIVER_OK) && !agreed) {
		vdev_offend(d, OFFENCE_STATUS_ORDER);
		rising &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	}
	d->status |= rising;
	if (rising & VIRTIO_CONFIG_S_DRIVER_OK)
		driver_ok(d);
}

/* -- queues ---------------------------------------------------------------------------------------------- */

/* The queue, or NULL and an offence. */
static struct vq *find_queue(struct vdev *d, uint32_t queue)
{
	if (queue < d->nqueues)
		return &d->queue[queue];
	vdev_offend(d, OFFENCE_QUEUE_NONE);
	return NULL;
}

/* A queue whose registers may be written now, or NULL and an offence. */
static struct vq *idle_queue(struct vdev *d, uint32_t queue)
{
	struct vq *q = find_queue(d, queue);
	if (q && q->ready) {
		vdev_offend(d, OFFENCE_QUEUE_LIVE);
		return NULL;
	}
	return q;
}

uint16_t vdev_queue_size_max(struct vdev *d, uint32_t queue)
{
	return queue < d->nqueues ? d->queue[queue].size_max
				  : 0; /* asking is how a driver counts them: no offence */
}

void vdev_set_queue_size(struct vdev *d, uint32_t queue, uint32_t size)
{
	struct vq *q = idle_queue(d, queue);
	if (!q)
		return;
	bool any_size = vdev_has(d, VIRTIO_F_RING_PACKED);
	if (size == 0 || size > q->size_max || (!any_size && (size & (size - 1))))
		vdev_offend(d, OFFENCE_QUEUE_SIZE);
	else
		q->size = (uint16_t)size;
}

void vdev_set_queue_area(struct vdev *d, uint32_t queue, enum vq_area area, bool high, uint32_t value)
{
	struct vq *q = idle_queue(d, queue);
	if (!q)
		return;
	uint32_t shift = high ? 32 : 0;
	uint64_t other = q->area[area].v & ~(0xffffffffull << shift);
	q->area[area] = gpa(other | (uint64_t)value << shift);
}

/* Nothing of the queue may be in flight once it is not ready: its registers, and its memory, are the driver's
 * again. */
static void disable_queue(struct vdev *d, uint16_t queue)
{
	d->queue[queue].ready = false; /* so that what the type drains ends unpublished */
	if (d->ops->queue_reset)
		d->ops->queue_reset(d, queue);
	vq_reset(&d->queue[queue]);
}

/*
 * On a live device the queue is run at once, like every queue at DRIVER_OK. Drivers need not clear the event field that
 * the device owns (drv.split.availnotif.1 asks for the flags alone): one that finds some older wish there would not kick.
 */
static void enable_queue(struct vdev *d, uint16_t queue)
{
	enum offence bad = vq_enable(&d->queue[queue], d->mem, d->accepted);
	if (bad)
		vdev_offend(d, bad);
	else
		vdev_run(d, queue);
}

void vdev_set_queue_ready(struct vdev *d, uint32_t queue, uint32_t value)
{
	struct vq *q = find_queue(d, queue);
	if (!q)
		return;
	if (!(value & 1)) {
		if (q->ready)
			disable_queue(d, (uint16_t)queue);
	} else if (!q->ready) {
		enable_queue(d, (uint16_t)queue);
	}
}

void vdev_reset_queue(struct vdev *d, uint32_t queue)
{
	struct vq *q = find_queue(d, queue);
	if (q && q->ready)
		disable_queue(d, (uint16_t)queue);
	else if (q)
		vq_reset(q); /* its registers go back to their defaults too (vqreset.2) */
}

/*
 * With NOTIFICATION_DATA the queue stands in the lower half, and above it how far the driver has come: a hint
 * that may be old or wrong, so the ring decides.
 */
void vdev_notify(struct vdev *d, uint32_t value)
{
	uint32_t queue = vdev_has(d, VIRTIO_F_NOTIFICATION_DATA) ? value & 0xffff : value;
	struct vq *q = find_queue(d, queue);
	if (!q)
		return;
	if (!(d->status & VIRTIO_CONFIG_S_DRIVER_OK))
		vdev_offend(d, OFFENCE_KICK_EARLY);
	else if (!q->ready)
		vdev_offend(d, OFFENCE_KICK_NOT_READY);
	else
		vdev_run(d, (uint16_t)queue);
}

void vdev_run(struct vdev *d, uint16_t queue)
{
	if (queue < d->nqueues && vdev_live(d) && d->queue[queue].ready)
		d->ops->kick(d, queue);
}

bool vdev_waiting(struct vdev *d, uint16_t queue)
{
	return vdev_live(d) && d->queue[queue].ready && vq_waiting(&d->queue[queue], d->mem);
}

bool vdev_serve(struct vdev *d, uint16_t queue,
		bool (*start)(struct vdev *, uint16_t, const struct vq_chain *))
{
	struct vq *q = &d->queue[queue];
	struct vq_chain c;
	vq_kicks_stop(q, d->mem);
	for (uint32_t budget = q->size;;) {
		for (; budget && vdev_pop(d, queue, &c); budget--) {
			if (start(d, queue, &c))
				continue;
			vq_unpop(q, c.tok);
			return false;
		}
		if (budget && vdev_live(d) && d->linger && d->linger(d->host_ctx, queue))
			continue;
		if (!vdev_live(d) || !vq_kicks_resume(q, d->mem))
			return true;
		if (!budget) { /* one queue can not keep the device to itself */
			d->host->again(d->host_ctx, queue);
			return true;
		}
	}
}

void vdev_publish(struct vdev *d, uint16_t queue)
{
	if (vdev_live(d) && d->queue[queue].ready && vq_publish(&d->queue[queue], d->mem))
		interrupt(d, VDEV_ISR_QUEUE, queue);
}

/* -- configuration space --------------------------------------------------------------------------------- */

void vdev_config_read(struct vdev *d, uint64_t off, void *out, uint32_t n)
{
	uint8_t image[VDEV_CONFIG_MAX] = {0};
	memset(out, 0, n);
	if (off > d->ops->config_len || n > d->ops->config_len - off)
		vdev_offend(d, OFFENCE_CONFIG_RANGE);
	if (off >= d->ops->config_len)
		return;
	uint64_t left = d->ops->config_len - off;
	d->ops->config_read(d, image);
	memcpy(out, image + off, n < left ? n : left);
}

void vdev_config_write(struct vdev *d, uint64_t off, const void *in, uint32_t n)
{
	if (off > d->ops->config_len || n > d->ops->config_len - off)
		vdev_offend(d, OFFENCE_CONFIG_RANGE);
	else if (!d->ops->config_write || !d->ops->config_write(d, (uint32_t)off, in, n))
		vdev_offend(d, OFFENCE_CONFIG_READ_ONLY);
}

void vdev_config_changed(struct vdev *d)
{
	d->config_gen++;
	if (vdev_live(d))
		interrupt(d, VDEV_ISR_CONFIG, HOST_SOURCE_CONFIG);
}

/* -- state hash ------------------------------------------------------------------------------------------ */

/* Chains that wait for their turn, oldest first, and the used entry that grows. */
static uint64_t hash_order(uint64_t h, const struct vq *q)
{
	for (uint32_t i = 0; i < q->inflight; i++) {
		uint16_t id = q->order[(q->oldest + i) % q->size];
		const struct vq_wait *w = &q->wait[id];
		h = hash_u64(h, (uint64_t)id << 48 | (uint64_t)w->done << 47 | (uint64_t)w->whole << 46 |
					w->bytes);
	}
	const struct vq_batch *b = &q->batch;
	return b->open ? hash_u64(h, (uint64_t)b->id << 48 | (uint64_t)b->at << 32 | b->len) : h;
}

static uint64_t hash_queue(uint64_t h, const struct vq *q)
{
	for (int i = 0; i < 3; i++)
		h = hash_u64(h, q->area[i].v);
	h = hash_u64(h, (uint64_t)q->size << 16 | q->size_max);
	h = hash_u64(h, (uint64_t)q->next_avail << 48 | (uint64_t)q->next_used << 32 |
				(uint64_t)q->published << 16 | q->inflight);
	h = hash_u64(h, (uint64_t)q->ready | (uint64_t)q->event_idx << 1 | (uint64_t)q->indirect << 2 |
				(uint64_t)q->kicks_off << 3 | (uint64_t)q->packed << 4 |
				(uint64_t)q->in_order << 5);
	return q->in_order ? hash_order(h, q) : h;
}

uint64_t vdev_hash(const struct vdev *d)
{
	uint64_t h = hash_u64(HASH_SEED, d->ops->id);
	h = hash_u64(h, d->offered);
	h = hash_u64(h, d->accepted);
	h = hash_u64(h, (uint64_t)d->config_gen << 32 | (uint64_t)d->accepted_beyond << 16 |
				(uint64_t)vdev_isr(d) << 8 | d->status);
	for (uint16_t i = 0; i < d->nqueues; i++)
		h = hash_queue(h, &d->queue[i]);
	return d->ops->hash ? d->ops->hash(d, h) : h;
}
