// SPDX-License-Identifier: BSD-2-Clause
/*
 * vdev: what every virtio device is, above every transport and below every device type: the status machine,
 * feature negotiation, queue enabling, configuration space, interrupt status, and the reactions to a guest's
 * offences.
 *
 * Transports (transport/) call the first half, device types (devices/) the second; a frontend calls vdev_run
 * and owns the lock that all of it is called under. Nothing here allocates: a device is one struct, embedded
 * in its type's.
 */
#ifndef RINGSIDE_VDEV_H
#define RINGSIDE_VDEV_H

#include <linux/virtio_config.h>

#include "compat.h"
#include "host.h"
#include "vmem.h"
#include "vq.h"

#define VDEV_QUEUES_MAX 16
#define VDEV_CONFIG_MAX 256 /* bytes */

#define VDEV_ISR_QUEUE  1u /* used buffer notification */
#define VDEV_ISR_CONFIG 2u /* configuration change notification */

struct vdev;

/* One per device type, const. Members may be NULL but kick and reset. */
struct vdev_ops {
	const char *name;
	uint16_t id; /* virtio device id */
	uint16_t nqueues;
	uint32_t config_len;
	uint16_t queue_size_max[VDEV_QUEUES_MAX];
	/* The driver is ready (DRIVER_OK) and its features are settled; comes before any queue is run. */
	void (*driver_ok)(struct vdev *);
	/* The queue is ready and the device live; process a bounded amount, call host->again for the rest. */
	void (*kick)(struct vdev *, uint16_t queue);
	/* Returns with none of the queue's chains in flight; those end unpublished. */
	void (*queue_reset)(struct vdev *, uint16_t queue);
	/* Returns with no I/O in flight and nothing pinned. The device is not live any more when it is
	 * called. */
	void (*reset)(struct vdev *);
	/* Fills all config_len bytes (image comes zeroed). */
	void (*config_read)(struct vdev *, uint8_t *image);
	/* False: not a writable field, or not a legal value. */
	bool (*config_write)(struct vdev *, uint32_t off, const uint8_t *, uint32_t n);
	/* Folds what the type keeps beyond struct vdev into a state hash. */
	uint64_t (*hash)(const struct vdev *, uint64_t h);
	/*
	 * Saving and loading what the type keeps beyond struct vdev; NULL where that is nothing. See "saving"
	 * below. save: also while requests are at the backend, which goes on with them. load: the same
	 * values in the same order, each checked (state_need); struct vdev is loaded already. It lends
	 * nothing and submits nothing, and leaves, whether or not it was content, what reset can clear.
	 * resume: what was in flight is lent and submitted (again), in the order of the first time, under the
	 * same ids.
	 */
	void (*save)(const struct vdev *, struct state_out *);
	void (*load)(struct vdev *, struct state_in *);
	void (*resume)(struct vdev *);
};

struct vdev {
	const struct vdev_ops *ops;
	const struct host *host;
	void *host_ctx;
	struct vmem *mem;
	/*
	 * NULL, or a frontend's, set before the guest runs: a queue was found empty and kicks are still off.
	 * True: look once more (vdev_waiting said so); the frontend may have waited a little, submitted and
	 * published. Depends on the time, so not while recording.
	 */
	bool (*linger)(void *host_ctx, uint16_t queue);
	uint64_t offered, accepted; /* feature bits */
	uint8_t accepted_beyond; /* bits above 63, which no device offers, are accepted in words 2 + i; 7: in a later one */
	uint32_t config_gen;
	uint32_t isr; /* VDEV_ISR_*; atomic: a transport may acknowledge without the device's lock */
	uint16_t nqueues;
	uint8_t status;
	struct vq queue[VDEV_QUEUES_MAX];
};

/* Features of rings and transports that a frontend may add to any device with vdev_offer; vdev.c tells what
 * each asks of us. */
#define VDEV_FEATURES_MORE                                                                               \
	(1ull << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_F_IN_ORDER | 1ull << VIRTIO_F_NOTIFICATION_DATA | \
	 1ull << VIRTIO_F_RING_RESET | 1ull << VIRTIO_F_ORDER_PLATFORM | 1ull << VIRTIO_F_ACCESS_PLATFORM)

/* -- making one: `features` are the device type's; VERSION_1, INDIRECT_DESC and EVENT_IDX are added here - */
void vdev_init(struct vdev *, const struct vdev_ops *, struct vmem *, const struct host *, void *host_ctx,
	       uint64_t features);
/* Before the guest runs: offers more, out of VDEV_FEATURES_MORE. What a type has of its own its options leave
 * out, as those features need each other (feat.1). */
void vdev_offer(struct vdev *, uint64_t features);
/* Lowers a queue's size limit, before the guest runs. */
void vdev_limit_queue(struct vdev *, uint16_t queue, uint16_t size_max);

/* -- for transports -------------------------------------------------------------------------------------- */
uint32_t vdev_get_features(const struct vdev *, uint32_t word); /* 32 bits each; 0 beyond */
void vdev_accept_features(struct vdev *, uint32_t word, uint32_t bits);
/* Writes the status register (2.1): 0 resets, and has taken effect when this returns. */
void vdev_set_status(struct vdev *, uint32_t);
void vdev_set_queue_size(struct vdev *, uint32_t queue, uint32_t size);
void vdev_set_queue_area(struct vdev *, uint32_t queue, enum vq_area, bool high, uint32_t value);
/* 1: with that size and these areas, and on a live device the queue is run. 0: forgets both, with nothing in flight any more. */
void vdev_set_queue_ready(struct vdev *, uint32_t queue, uint32_t value);
static inline bool vdev_queue_ready(const struct vdev *d, uint32_t queue)
{
	return queue < d->nqueues && d->queue[queue].ready;
}
uint16_t vdev_queue_size_max(struct vdev *, uint32_t queue); /* 0: no such queue */
/*
 * Resets one queue (2.6.1): nothing of it is in flight and it is not ready when this returns; the rest of the
 * device goes on. The transport has seen to it that RING_RESET was negotiated.
 */
void vdev_reset_queue(struct vdev *, uint32_t queue);
/* The driver's kick, where the transport itself runs the queue: a queue, or with NOTIFICATION_DATA a word
 * that holds one. */
void vdev_notify(struct vdev *, uint32_t value);
/* Bytes beyond the configuration space read as 0 and swallow writes. */
void vdev_config_read(struct vdev *, uint64_t off, void *, uint32_t n);
void vdev_config_write(struct vdev *, uint64_t off, const void *, uint32_t n);
static inline uint32_t vdev_isr(const struct vdev *d)
{
	return __atomic_load_n(&d->isr, __ATOMIC_SEQ_CST);
}
void vdev_isr_ack(struct vdev *, uint32_t bits);
void vdev_offend(struct vdev *, enum offence);

/* -- for frontends --------------------------------------------------------------------------------------- */
/* Runs a queue's handler: after an ioeventfd or host->again. Spurious runs are harmless. */
void vdev_run(struct vdev *, uint16_t queue);
/* For linger: something is available by now. */
bool vdev_waiting(struct vdev *, uint16_t queue);
/* The device's whole visible state, the same on every build. */
uint64_t vdev_hash(const struct vdev *);

/* -- for device types ------------------------------------------------------------------------------------ */
/* DRIVER_OK, and no reset needed. When it is false, nothing more may reach the guest. */
static inline bool vdev_live(const struct vdev *d)
{
	return (d->status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET)) ==
	       VIRTIO_CONFIG_S_DRIVER_OK;
}
static inline bool vdev_has(const struct vdev *d, unsigned feature)
{
	return d->accepted >> feature & 1;
}
/*
 * Takes what is available on a queue, a ring's worth at most (then host->again), and hands each chain to
 * start, which answers it or remembers its token; false from start means "no room now", and the chain goes
 * back. Kicks are off meanwhile, and stay off when there was no room: false then, and the device runs the
 * queue again once it has some. Publish afterwards.
 */
bool vdev_serve(struct vdev *, uint16_t queue,
		bool (*start)(struct vdev *, uint16_t queue, const struct vq_chain *));
/* False: nothing there, or the guest broke a rule and the device with it. */
static inline bool vdev_pop(struct vdev *d, uint16_t queue, struct vq_chain *c)
{
	struct vq *q = &d->queue[queue];
	if (!vdev_live(d))
		return false;
	enum vq_err err = vq_pop(q, d->mem, c);
	if (err == VQ_OFFENCE)
		vdev_offend(d, q->offence);
	return err == VQ_OK;
}

static inline void vdev_complete(struct vdev *d, uint16_t queue, struct vq_tok tok, uint32_t written)
{
	vq_complete(&d->queue[queue], d->mem, tok, written);
}

/* Publishes what is staged and interrupts where that is due. */
void vdev_publish(struct vdev *, uint16_t queue);
/* Configuration changed by the host: new generation, configuration interrupt. */
void vdev_config_changed(struct vdev *);

/* -- saving ----------------------------------------------------------------------------------------------- */
/*
 * A device's state goes into bytes and becomes a device again, here or in another process, later: with the
 * same guest memory, the same features offered, queue limits and configuration. Frontends call the
 * transport's pair (mmio_save, mmio_load), which calls these, and then vdev_resume. Never from inside of an
 * entry into the device (from its backend, its host or its tap).
 *
 * vdev_save changes nothing, so requests may be at the backend, which goes on with them: they are in the
 * bytes as well, and are done once more by whoever loads those. So a request may be carried out twice, and
 * types make sure that this does no harm as long as the saver's backend has ended when the loader's begins:
 * disk requests are idempotent, and the guest has not touched the buffers in between.
 *
 * vdev_load resets the device first, and again when it refuses the bytes, or some are left: then it is as after a reset.
 */
void vdev_save(struct vdev *, struct state_out *);
bool vdev_load(struct vdev *, struct state_in *);
/* After a load that was content: submits again what was in flight, and publishes what is answered at once. */
void vdev_resume(struct vdev *);

/* For the types: a chain in flight, by its token. write_len: at most so much will be told in vdev_complete. */
void vdev_save_tok(struct state_out *, struct vq_tok);
struct vq_tok vdev_load_tok(struct vdev *, struct state_in *, uint16_t queue, uint32_t write_len);
/* len bytes of guest memory. */
gpa_t vdev_load_gpa(const struct vdev *, struct state_in *, uint64_t len);

#endif
