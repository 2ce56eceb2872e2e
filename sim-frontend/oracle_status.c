// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "oracle_filter.h"
#include "oracle_int.h"
#include "oracle_status.h"

#define CRY(s, clause, ...) oracle_cry((s)->oracle, ORACLE_STATUS, clause, __VA_ARGS__)
#define HAS(word, bit)      ((word) >> (bit)&1)
#define ISR_ALL             (VDEV_ISR_QUEUE | VDEV_ISR_CONFIG)
#define STATUS_BEGUN        (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

void oracle_status_init(struct oracle_status *s, struct oracle *o, struct mmio *m, struct vdev *v)
{
	s->oracle = o;
	s->mmio = m;
	s->vdev = v;
}

/* Configuration bytes may be others from now on. */
static void forget_seen(struct oracle_status *s)
{
	if (s->any_seen)
		memset(s->seen, 0, sizeof(s->seen));
	s->any_seen = false;
}

/* As after a reset. */
static void clear(struct oracle_status *s)
{
	forget_seen(s);
	s->open = s->used_stored = s->told = s->config_event = s->live = s->beyond_unsure = false;
	s->beyond = 0;
	s->status = 0;
	s->feature_sel = s->offered_sel = s->queue_sel = 0;
	s->accepted = 0;
	s->isr = s->ready = s->resetting = 0;
}

void oracle_status_restart(struct oracle_status *s)
{
	clear(s);
	s->offered = s->vdev->offered;
	s->agreed = 0;
	for (uint32_t i = 0; i < s->vdev->nqueues; i++)
		s->queue_max[i] = vdev_queue_size_max(s->vdev, i);
	memset(s->fixed, 0, s->vdev->ops->config_len);
}

void oracle_status_expect(struct oracle_status *s, uint32_t off, const void *bytes, uint32_t n,
			  enum status_fixed how)
{
	memcpy(s->expect + off, bytes, n);
	memset(s->fixed + off, (int)how, n);
}

static uint32_t ready_now(const struct oracle_status *s)
{
	uint32_t ready = 0;
	for (uint32_t i = 0; i < s->vdev->nqueues; i++)
		ready |= (uint32_t)vdev_queue_ready(s->vdev, i) << i;
	return ready;
}

/* What a write to a register that enables no queue costs does not grow with their number: of all but the selected one it is
 * looked at with the next that does. */
static uint32_t ready_now_but(const struct oracle_status *s, uint32_t bit)
{
	bool now = vdev_queue_ready(s->vdev, s->queue_sel);
	return (s->ready & ~bit) | (now ? bit : 0);
}

static void reopen(struct oracle_status *s)
{
	s->open = s->live && s->ready;
}

/* -- memory and interrupts ------------------------------------------------------------------------------- */

/* Looking at an index is no harm before DRIVER_OK; taking what it says is. */
void oracle_status_touch(struct oracle_status *s, enum vmem_for what)
{
	if (s->live && !s->ready)
		CRY(s, "mmio.7", "guest memory is touched (kind %u) while no queue is ready", what);
	else if (!s->live && what != VMEM_AVAIL_IDX && what != VMEM_EVENT)
		CRY(s, "status.1", "guest memory is touched (kind %u) before DRIVER_OK", what);
}

/* Some event that was not acknowledged is forgotten. */
static void check_kept(struct oracle_status *s, const char *when)
{
	uint32_t lost = s->isr & ~vdev_isr(s->vdev);
	if (!lost)
		return;
	CRY(s, "mmio.3", "InterruptStatus lost bits 0x%x, which were not acknowledged, %s", lost, when);
	s->isr &= ~lost;
}

static void check_source(struct oracle_status *s, uint16_t source)
{
	if (source == HOST_SOURCE_CONFIG) {
		if (!s->live)
			CRY(s, "reset.2", "a configuration interrupt comes before DRIVER_OK");
		s->told |= !!(s->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	} else if (!s->live) {
		CRY(s, "status.1", "queue %u: a used buffer notification comes before DRIVER_OK", source);
	} else if (!HAS(s->ready, source)) {
		CRY(s, "vqreset.1", "queue %u: a used buffer notification comes while it is not ready",
		    source);
	}
}

void oracle_status_interrupt(struct oracle_status *s, uint16_t source)
{
	uint32_t bit = source == HOST_SOURCE_CONFIG ? VDEV_ISR_CONFIG : VDEV_ISR_QUEUE;
	check_source(s, source);
	check_kept(s, "when an interrupt came");
	if (!(vdev_isr(s->vdev) & bit))
		CRY(s, "mmio.3", "an interrupt comes without its bit %u in InterruptStatus", bit);
	else
		s->isr |= bit;
}

/* -- status ---------------------------------------------------------------------------------------------- */

static void check_needs_reset(struct oracle_status *s)
{
	uint8_t now = s->vdev->status;
	if (!(now & ~s->status & VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	s->config_event = true;
	if ((now & VIRTIO_CONFIG_S_DRIVER_OK) && !s->told)
		CRY(s, "status.3", "DEVICE_NEEDS_RESET is set without a configuration interrupt");
	s->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Where the driver wrote no status. */
static void check_status_kept(struct oracle_status *s)
{
	check_needs_reset(s);
	if (s->vdev->status == s->status)
		return;
	CRY(s, "", "the status was 0x%02x and is 0x%02x, which nobody wrote", s->status, s->vdev->status);
	s->status = s->vdev->status;
}

void oracle_status_leave(struct oracle_status *s)
{
	check_status_kept(s);
	check_kept(s, "while the device worked");
}

static void check_reset(struct oracle_status *s)
{
	uint32_t ready = ready_now(s);
	if (s->vdev->status)
		CRY(s, "reset.1", "the status is 0x%02x after a reset", s->vdev->status);
	else if (vdev_isr(s->vdev))
		CRY(s, "mmio.5", "InterruptStatus is 0x%x after a reset", vdev_isr(s->vdev));
	else if (ready)
		CRY(s, "mmio.5", "queues are still ready after a reset (bits 0x%x)", ready);
	clear(s);
}

/* No feature without those that it needs: of ours only a network device's need others. */
static bool is_valid(const struct oracle_status *s)
{
	bool net = s->vdev->ops->id == VIRTIO_ID_NET;
	return !(s->accepted & ~s->offered) && (!net || filter_usable(s->accepted) == s->accepted);
}

/* All that a device offers fits together, and so does what it accepted before; a valid part of it should, too. */
static bool must_accept(const struct oracle_status *s, uint8_t value)
{
	return (value & STATUS_BEGUN) == STATUS_BEGUN && !(s->status & ~value) && !s->beyond &&
	       HAS(s->accepted, VIRTIO_F_VERSION_1) &&
	       (s->accepted == s->offered || s->accepted == s->agreed || is_valid(s));
}

static void check_features(struct oracle_status *s, uint8_t value)
{
	bool had = s->status & VIRTIO_CONFIG_S_FEATURES_OK;
	bool has = s->vdev->status & VIRTIO_CONFIG_S_FEATURES_OK;
	bool bad = (s->accepted & ~s->offered) || (s->beyond & 0x7f) || (s->beyond && !s->beyond_unsure);
	if (!had && has && bad)
		CRY(s, "feat.2",
		    "FEATURES_OK stays although features 0x%llx are accepted that are not offered",
		    (unsigned long long)(s->accepted & ~s->offered));
	else if (!had && !has && must_accept(s, value))
		CRY(s, s->accepted == s->agreed ? "feat.4" : "feat.2",
		    "FEATURES_OK does not stay for features 0x%llx", (unsigned long long)s->accepted);
	else if (has && s->vdev->accepted != s->accepted)
		CRY(s, "feat.2", "features 0x%llx are in force, but the driver accepted 0x%llx",
		    (unsigned long long)s->vdev->accepted, (unsigned long long)s->accepted);
	if (has && !had)
		s->agreed = s->accepted;
}

/* The driver has begun: now it is the time to look at what is offered. */
static void check_offer(struct oracle_status *s)
{
	uint64_t f = s->offered;
	if (!HAS(f, VIRTIO_F_VERSION_1))
		CRY(s, "rfeat.1", "VERSION_1 is not offered");
	else if (s->vdev->ops->id == VIRTIO_ID_BLOCK && HAS(f, VIRTIO_BLK_F_CONFIG_WCE) &&
		 !HAS(f, VIRTIO_BLK_F_FLUSH))
		CRY(s, "blk.init.1", "CONFIG_WCE is offered without FLUSH");
}

static void check_status_write(struct oracle_status *s, uint8_t value)
{
	uint8_t now = s->vdev->status, old = s->status;
	uint8_t appeared = now & (uint8_t) ~(old | value | VIRTIO_CONFIG_S_NEEDS_RESET);
	uint8_t vanished = old & (uint8_t)~now & (value | VIRTIO_CONFIG_S_NEEDS_RESET);
	if (appeared || vanished)
		CRY(s, "", "status 0x%02x was written over 0x%02x, and it is 0x%02x", value, old, now);
	if (!old)
		check_offer(s);
	check_features(s, value);
	check_needs_reset(s);
	s->status = now;
	s->live = now & VIRTIO_CONFIG_S_DRIVER_OK;
	s->ready &= ready_now(s); /* queues are looked at again with DRIVER_OK */
}

/* With FEATURES_OK, which has to be there or to come, the device may go live in this write. */
static bool may_agree(const struct oracle_status *s, uint8_t value)
{
	bool bad = s->beyond || (s->accepted & ~s->offered);
	return (s->status | (bad ? 0 : value)) & VIRTIO_CONFIG_S_FEATURES_OK;
}

/* -- writes ---------------------------------------------------------------------------------------------- */

void oracle_status_write_begins(struct oracle_status *s, uint64_t off, uint32_t size, uint64_t value)
{
	if (size != 4)
		return;
	if (off == VIRTIO_MMIO_STATUS && (value & VIRTIO_CONFIG_S_DRIVER_OK))
		s->live |= may_agree(s, (uint8_t)value); /* queues may be served before the write returns */
	else if (off == VIRTIO_MMIO_QUEUE_READY)
		s->ready_before = s->ready;
	else
		return;
	if (off == VIRTIO_MMIO_QUEUE_READY && (value & 1) && s->queue_sel < VDEV_QUEUES_MAX)
		s->ready |= 1u << s->queue_sel;
	reopen(s);
}

static void accept(struct oracle_status *s, uint32_t bits)
{
	uint32_t shift = 32 * s->feature_sel;
	if (s->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	if (s->feature_sel < 2)
		s->accepted = (s->accepted & ~(0xffffffffull << shift)) | (uint64_t)bits << shift;
	else if (bits)
		s->beyond |= (uint8_t)(1u << (s->feature_sel < 9 ? s->feature_sel - 2 : 7));
	else if (s->feature_sel < 9)
		s->beyond &= (uint8_t) ~(1u << (s->feature_sel - 2));
	else
		s->beyond_unsure = true;
}

/* A queue whose reset is over has no state of its own any more: it can not be enabled again as it was. */
static void check_reset_queue(struct oracle_status *s)
{
	if (s->queue_sel >= s->vdev->nqueues || mmio_read(s->mmio, VIRTIO_MMIO_QUEUE_RESET, 4))
		return;
	const struct vq *q = &s->vdev->queue[s->queue_sel];
	bool kept = q->size;
	for (int i = 0; i < AREAS; i++)
		kept |= q->area[i].v != 0;
	if (kept)
		CRY(s, "vqreset.2", "queue %u: its size or addresses are still there after its reset",
		    s->queue_sel);
}

/* Which queues may differ, and what the written one must be. */
static void check_ready(struct oracle_status *s, uint64_t off, uint32_t value, uint32_t before)
{
	uint32_t bit = s->queue_sel < VDEV_QUEUES_MAX ? 1u << s->queue_sel : 0;
	bool reset =
		off == VIRTIO_MMIO_QUEUE_RESET && value == 1 && HAS(s->vdev->accepted, VIRTIO_F_RING_RESET);
	bool may = off == VIRTIO_MMIO_QUEUE_READY || reset;
	uint32_t now = may ? ready_now(s) : ready_now_but(s, bit);
	if (!may)
		bit = 0;
	if ((now ^ before) & ~bit)
		CRY(s, "", "queues became ready or unready (bits 0x%x) by a write to register 0x%03x",
		    (now ^ before) & ~bit, (unsigned)off);
	else if (off == VIRTIO_MMIO_QUEUE_READY && value == 0 && (now & bit))
		CRY(s, "", "queue %u: QueueReady is 1 after 0 was written", s->queue_sel);
	else if (off == VIRTIO_MMIO_QUEUE_READY && value == 1 && (before & ~now & bit))
		CRY(s, "", "queue %u: QueueReady is 0 after 1 was written to a queue that was ready",
		    s->queue_sel);
	s->ready = now;
	if (reset)
		check_reset_queue(s);
	if (reset)
		s->resetting |= bit;
	else if (now & bit)
		s->resetting &= ~bit;
}

static void acknowledge(struct oracle_status *s, uint32_t bits)
{
	s->isr &= ~bits;
	if (vdev_isr(s->vdev) & bits & ISR_ALL)
		CRY(s, "mmio.3", "InterruptStatus is 0x%x after 0x%x was acknowledged", vdev_isr(s->vdev),
		    bits);
	if (bits & VDEV_ISR_QUEUE)
		s->used_stored = false;
	if (bits & VDEV_ISR_CONFIG)
		s->config_event = false;
}

static void select_or_accept(struct oracle_status *s, uint64_t off, uint32_t value)
{
	if (off == VIRTIO_MMIO_QUEUE_SEL)
		s->queue_sel = value;
	else if (off == VIRTIO_MMIO_DEVICE_FEATURES_SEL)
		s->offered_sel = value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES_SEL)
		s->feature_sel = value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES)
		accept(s, value);
}

static void register_written(struct oracle_status *s, uint64_t off, uint32_t value)
{
	uint32_t before = s->ready;
	if (off == VIRTIO_MMIO_STATUS) {
		if (value == 0)
			check_reset(s);
		else
			check_status_write(s, (uint8_t)value);
	} else {
		select_or_accept(s, off, value);
		check_status_kept(s);
	}
	if (off == VIRTIO_MMIO_DRIVER_FEATURES && (s->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    s->vdev->accepted != s->accepted)
		CRY(s, "feat.2", "features changed to 0x%llx after FEATURES_OK",
		    (unsigned long long)s->vdev->accepted);
	if (off == VIRTIO_MMIO_QUEUE_READY) /* write_begins has set the bit */
		before = s->ready_before;
	if (off != VIRTIO_MMIO_STATUS)
		check_ready(s, off, value, before);
	check_kept(s, "by a register write");
}

void oracle_status_write_ends(struct oracle_status *s, uint64_t off, uint32_t size, uint64_t value)
{
	if (off == VIRTIO_MMIO_INTERRUPT_ACK && size == 4) { /* may come in the midst of anything */
		acknowledge(s, (uint32_t)value);
		check_kept(s, "by an acknowledgement of others");
		return;
	}
	if (off == VIRTIO_MMIO_QUEUE_NOTIFY) { /* the hot one changes nothing */
		oracle_status_leave(s);
		return;
	}
	if (off >= VIRTIO_MMIO_CONFIG || off == VIRTIO_MMIO_STATUS || off == VIRTIO_MMIO_DRIVER_FEATURES)
		forget_seen(s);
	if (size == 4 && off < VIRTIO_MMIO_CONFIG)
		register_written(s, off, (uint32_t)value);
	else
		oracle_status_leave(s);
	reopen(s);
}

/* -- reads ----------------------------------------------------------------------------------------------- */

static void check_config_byte(struct oracle_status *s, uint32_t at, uint8_t v)
{
	if (s->fixed[at] && s->expect[at] != v)
		CRY(s, s->fixed[at] == STATUS_PADDING ? "blk.init.3" : "",
		    "configuration byte %u reads 0x%02x and must be 0x%02x", at, v, s->expect[at]);
	else if (s->seen[at] && s->value[at] != v)
		CRY(s, "mmio.6", "configuration byte %u was 0x%02x and is 0x%02x in the same generation", at,
		    s->value[at], v);
	s->seen[at] = 1;
	s->any_seen = true;
	s->value[at] = v;
}

static void config_read(struct oracle_status *s, uint64_t off, uint32_t size, uint64_t value)
{
	uint32_t generation = (uint32_t)mmio_read(s->mmio, VIRTIO_MMIO_CONFIG_GENERATION, 4);
	if (generation != s->generation)
		forget_seen(s);
	s->generation = generation;
	for (uint32_t i = 0; i < size && off + i < s->vdev->ops->config_len && off + i < VDEV_CONFIG_MAX; i++)
		check_config_byte(s, (uint32_t)off + i, (uint8_t)(value >> 8 * i));
}

static void check_constant(struct oracle_status *s, uint64_t off, uint32_t value, uint32_t want,
			   const char *clause)
{
	if (value != want)
		CRY(s, clause, "register 0x%03x reads 0x%x, and must read 0x%x", (unsigned)off, value, want);
}

static void interrupt_status_read(struct oracle_status *s, uint32_t value)
{
	uint32_t may =
		s->isr | (s->used_stored ? VDEV_ISR_QUEUE : 0) | (s->config_event ? VDEV_ISR_CONFIG : 0);
	if (s->isr & ~value)
		CRY(s, "mmio.3", "InterruptStatus reads 0x%x, but events 0x%x were not acknowledged", value,
		    s->isr);
	else if (value & ~may)
		CRY(s, "mmio.4", "InterruptStatus reads 0x%x, but only events 0x%x took place", value, may);
}

static void queue_reset_read(struct oracle_status *s, uint32_t value)
{
	uint32_t bit = s->queue_sel < VDEV_QUEUES_MAX ? 1u << s->queue_sel : 0;
	if (!HAS(s->vdev->accepted, VIRTIO_F_RING_RESET))
		return;
	if (value && !(s->resetting & bit))
		CRY(s, s->ready & bit ? "mmio.9" : "mmio.8",
		    "queue %u: QueueReset reads %u, but no reset is under way", s->queue_sel, value);
	else if (!value && (s->resetting & bit) && (ready_now(s) & bit))
		CRY(s, "mmio.12", "queue %u: the reset is over, but the queue is still ready", s->queue_sel);
	if (!value)
		s->resetting &= ~bit;
}

static void queue_register_read(struct oracle_status *s, uint64_t off, uint32_t value)
{
	bool there = s->queue_sel < s->vdev->nqueues;
	if (off == VIRTIO_MMIO_QUEUE_NUM_MAX)
		check_constant(s, off, value, there ? s->queue_max[s->queue_sel] : 0, "");
	else if (off == VIRTIO_MMIO_QUEUE_READY)
		check_constant(s, off, value, there ? HAS(s->ready, s->queue_sel) : 0, "mmio.5");
	else if (off == VIRTIO_MMIO_QUEUE_RESET)
		queue_reset_read(s, value);
}

void oracle_status_read(struct oracle_status *s, uint64_t off, uint32_t size, uint64_t value)
{
	uint32_t v = (uint32_t)value;
	if (off >= VIRTIO_MMIO_CONFIG) {
		config_read(s, off - VIRTIO_MMIO_CONFIG, size, value);
		return;
	}
	if (size != 4)
		return;
	switch (off) {
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		interrupt_status_read(s, v);
		break;
	case VIRTIO_MMIO_MAGIC_VALUE:
		check_constant(s, off, v, 0x74726976, "mmio.1");
		break;
	case VIRTIO_MMIO_VERSION:
		check_constant(s, off, v, 2, "mmio.2");
		break;
	case VIRTIO_MMIO_DEVICE_ID:
		check_constant(s, off, v, s->vdev->ops->id, "");
		break;
	case VIRTIO_MMIO_VENDOR_ID:
		check_constant(s, off, v, MMIO_VENDOR_ID, "");
		break;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		check_constant(s, off, v,
			       s->offered_sel < 2 ? (uint32_t)(s->offered >> 32 * s->offered_sel) : 0, "");
		break;
	case VIRTIO_MMIO_STATUS:
		check_constant(s, off, v, s->status, "");
		break;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		check_constant(s, off, v, UINT32_MAX, "");
		break;
	default:
		queue_register_read(s, off, v);
	}
}
