// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_mmio.h>

#include "compat.h"
#include "hash.h"
#include "transport/mmio.h"

#define MAGIC   0x74726976u /* "virt" */
#define VERSION 2u

void mmio_init(struct mmio *m, struct vdev *dev)
{
	*m = (struct mmio){.dev = dev};
}

uint64_t mmio_hash(const struct mmio *m)
{
	uint64_t h =
		hash_u64(vdev_hash(m->dev), (uint64_t)m->device_features_sel << 32 | m->driver_features_sel);
	return hash_u64(h, (uint64_t)m->queue_sel << 32 | m->shm_sel);
}

static uint32_t refuse(struct mmio *m, enum offence o)
{
	vdev_offend(m->dev, o);
	return 0;
}

static uint32_t read_register(struct mmio *m, uint32_t off)
{
	struct vdev *d = m->dev;
	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return d->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return MMIO_VENDOR_ID;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return vdev_get_features(d, m->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return vdev_queue_size_max(d, m->queue_sel);
	case VIRTIO_MMIO_QUEUE_READY:
		return vdev_queue_ready(d, m->queue_sel);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return vdev_isr(d);
	case VIRTIO_MMIO_STATUS:
		return d->status;
	case VIRTIO_MMIO_QUEUE_RESET: /* a reset is over before the write that asks for it returns */
		return 0;
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory region, whatever shm_sel says: 4.2.2 asks for -1 */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return d->config_gen;
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
	case VIRTIO_MMIO_DRIVER_FEATURES:
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
	case VIRTIO_MMIO_QUEUE_SEL:
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_NOTIFY:
	case VIRTIO_MMIO_INTERRUPT_ACK:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
	case VIRTIO_MMIO_SHM_SEL:
		return refuse(m, OFFENCE_REG_WRITE_ONLY);
	default:
		return refuse(m, OFFENCE_REG_UNKNOWN);
	}
}

/* The six halves of a queue's three addresses; false: not one of them. */
static bool write_queue_area(struct mmio *m, uint32_t off, uint32_t value)
{
	enum vq_area area;
	switch (off & ~4u) {
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		area = VQ_DESC;
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		area = VQ_DRIVER;
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		area = VQ_DEVICE;
		break;
	default:
		return false;
	}
	vdev_set_queue_area(m->dev, m->queue_sel, area, off & 4, value);
	return true;
}

/* Any other value than 1 means nothing. Without RING_RESET there is no such register. */
static void write_queue_reset(struct mmio *m, uint32_t value)
{
	if (!vdev_has(m->dev, VIRTIO_F_RING_RESET))
		refuse(m, OFFENCE_REG_UNKNOWN);
	else if (value == 1)
		vdev_reset_queue(m->dev, m->queue_sel);
}

static void write_register(struct mmio *m, uint32_t off, uint32_t value)
{
	struct vdev *d = m->dev;
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		vdev_accept_features(d, m->driver_features_sel, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		vdev_set_queue_size(d, m->queue_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		vdev_set_queue_ready(d, m->queue_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		vdev_notify(d, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		vdev_isr_ack(d, value);
		break;
	case VIRTIO_MMIO_STATUS:
		vdev_set_status(d, value);
		if (value == 0)
			mmio_init(m, d);
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		write_queue_reset(m, value);
		break;
	case VIRTIO_MMIO_SHM_SEL:
		m->shm_sel = value;
		break;
	case VIRTIO_MMIO_MAGIC_VALUE:
	case VIRTIO_MMIO_VERSION:
	case VIRTIO_MMIO_DEVICE_ID:
	case VIRTIO_MMIO_VENDOR_ID:
	case VIRTIO_MMIO_DEVICE_FEATURES:
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
	case VIRTIO_MMIO_INTERRUPT_STATUS:
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
	case VIRTIO_MMIO_CONFIG_GENERATION:
		refuse(m, OFFENCE_REG_READ_ONLY);
		break;
	default:
		if (!write_queue_area(m, off, value))
			refuse(m, OFFENCE_REG_UNKNOWN);
	}
}

uint64_t mmio_read(struct mmio *m, uint64_t off, uint32_t size)
{
	uint64_t value = 0;
	if (off >= VIRTIO_MMIO_CONFIG && size <= sizeof(value)) {
		vdev_config_read(m->dev, off - VIRTIO_MMIO_CONFIG, &value, size);
		return value;
	}
	if (size != 4 || (off & 3))
		return refuse(m, OFFENCE_REG_WIDTH);
	return read_register(m, (uint32_t)off);
}

void mmio_write(struct mmio *m, uint64_t off, uint32_t size, uint64_t value)
{
	if (off >= VIRTIO_MMIO_CONFIG && size <= sizeof(value))
		vdev_config_write(m->dev, off - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size != 4 || (off & 3))
		refuse(m, OFFENCE_REG_WIDTH);
	else
		write_register(m, (uint32_t)off, (uint32_t)value);
}

size_t mmio_save(const struct mmio *m, void *buf, size_t room)
{
	struct state_out out;
	state_begin(&out, buf, room, STATE_MMIO);
	state_put_u32(&out, m->device_features_sel);
	state_put_u32(&out, m->driver_features_sel);
	state_put_u32(&out, m->queue_sel);
	state_put_u32(&out, m->shm_sel);
	vdev_save(m->dev, &out);
	return state_end(&out);
}

bool mmio_load(struct mmio *m, const void *buf, size_t len)
{
	struct state_in in;
	state_need(&in, state_open(&in, buf, len, STATE_MMIO));
	m->device_features_sel = state_get_u32(&in);
	m->driver_features_sel = state_get_u32(&in);
	m->queue_sel = state_get_u32(&in);
	m->shm_sel = state_get_u32(&in);
	if (vdev_load(m->dev, &in))
		return true;
	mmio_init(m, m->dev);
	return false;
}
