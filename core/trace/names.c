// SPDX-License-Identifier: BSD-2-Clause
#include "trace/names.h"
#include "compat.h"
#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "host.h"
#include "vmem.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

const struct name name_devices[] = {
#define DEVICE(name, id) {id, #name},
#include "devices/list.def"
#undef DEVICE
	{0, NULL},
};

/* As the specification's table calls them. */
const struct name name_registers[] = {
	{VIRTIO_MMIO_MAGIC_VALUE, "MagicValue"},
	{VIRTIO_MMIO_VERSION, "Version"},
	{VIRTIO_MMIO_DEVICE_ID, "DeviceID"},
	{VIRTIO_MMIO_VENDOR_ID, "VendorID"},
	{VIRTIO_MMIO_DEVICE_FEATURES, "DeviceFeatures"},
	{VIRTIO_MMIO_DEVICE_FEATURES_SEL, "DeviceFeaturesSel"},
	{VIRTIO_MMIO_DRIVER_FEATURES, "DriverFeatures"},
	{VIRTIO_MMIO_DRIVER_FEATURES_SEL, "DriverFeaturesSel"},
	{VIRTIO_MMIO_QUEUE_SEL, "QueueSel"},
	{VIRTIO_MMIO_QUEUE_NUM_MAX, "QueueSizeMax"},
	{VIRTIO_MMIO_QUEUE_NUM, "QueueSize"},
	{VIRTIO_MMIO_QUEUE_READY, "QueueReady"},
	{VIRTIO_MMIO_QUEUE_NOTIFY, "QueueNotify"},
	{VIRTIO_MMIO_INTERRUPT_STATUS, "InterruptStatus"},
	{VIRTIO_MMIO_INTERRUPT_ACK, "InterruptACK"},
	{VIRTIO_MMIO_STATUS, "Status"},
	{VIRTIO_MMIO_QUEUE_DESC_LOW, "QueueDescLow"},
	{VIRTIO_MMIO_QUEUE_DESC_HIGH, "QueueDescHigh"},
	{VIRTIO_MMIO_QUEUE_AVAIL_LOW, "QueueDriverLow"},
	{VIRTIO_MMIO_QUEUE_AVAIL_HIGH, "QueueDriverHigh"},
	{VIRTIO_MMIO_QUEUE_USED_LOW, "QueueDeviceLow"},
	{VIRTIO_MMIO_QUEUE_USED_HIGH, "QueueDeviceHigh"},
	{VIRTIO_MMIO_SHM_SEL, "SHMSel"},
	{VIRTIO_MMIO_SHM_LEN_LOW, "SHMLenLow"},
	{VIRTIO_MMIO_SHM_LEN_HIGH, "SHMLenHigh"},
	{VIRTIO_MMIO_SHM_BASE_LOW, "SHMBaseLow"},
	{VIRTIO_MMIO_SHM_BASE_HIGH, "SHMBaseHigh"},
	{VIRTIO_MMIO_QUEUE_RESET, "QueueReset"},
	{VIRTIO_MMIO_CONFIG_GENERATION, "ConfigGeneration"},
	{0, NULL},
};

const struct name name_status[] = {
	{VIRTIO_CONFIG_S_ACKNOWLEDGE, "ACKNOWLEDGE"},
	{VIRTIO_CONFIG_S_DRIVER, "DRIVER"},
	{VIRTIO_CONFIG_S_FEATURES_OK, "FEATURES_OK"},
	{VIRTIO_CONFIG_S_DRIVER_OK, "DRIVER_OK"},
	{VIRTIO_CONFIG_S_NEEDS_RESET, "DEVICE_NEEDS_RESET"},
	{VIRTIO_CONFIG_S_FAILED, "FAILED"},
	{0, NULL},
};

const struct name name_isr[] = {
	{VIRTIO_MMIO_INT_VRING, "USED"}, {VIRTIO_MMIO_INT_CONFIG, "CONFIG"}, {0, NULL}};

const struct name name_desc_flags[] = {
	{VRING_DESC_F_NEXT, "NEXT"},
	{VRING_DESC_F_WRITE, "WRITE"},
	{VRING_DESC_F_INDIRECT, "INDIRECT"},
	{0, NULL},
};

const struct name name_slot_flags[] = {
	{VRING_DESC_F_NEXT, "NEXT"},
	{VRING_DESC_F_WRITE, "WRITE"},
	{VRING_DESC_F_INDIRECT, "INDIRECT"},
	{1 << VRING_PACKED_DESC_F_AVAIL, "AVAIL"},
	{1 << VRING_PACKED_DESC_F_USED, "USED"},
	{0, NULL},
};

const struct name name_blk_types[] = {
	{VIRTIO_BLK_T_IN, "IN"},
	{VIRTIO_BLK_T_OUT, "OUT"},
	{VIRTIO_BLK_T_FLUSH, "FLUSH"},
	{VIRTIO_BLK_T_GET_ID, "GET_ID"},
	{VIRTIO_BLK_T_DISCARD, "DISCARD"},
	{VIRTIO_BLK_T_WRITE_ZEROES, "WRITE_ZEROES"},
	{VIRTIO_BLK_T_SECURE_ERASE, "SECURE_ERASE"},
	{0, NULL},
};

const struct name name_blk_status[] = {
	{VIRTIO_BLK_S_OK, "OK"},
	{VIRTIO_BLK_S_IOERR, "IOERR"},
	{VIRTIO_BLK_S_UNSUPP, "UNSUPP"},
	{0, NULL},
};

static const struct name kinds[] = {{VMEM_LOAD, "load"}, {VMEM_STORE, "store"}, {0, NULL}};

static const struct name fors[] = {
	{VMEM_AVAIL_IDX, "avail_idx"},
	{VMEM_AVAIL_ENTRY, "avail_entry"},
	{VMEM_DESC, "desc"},
	{VMEM_INDIRECT, "indirect"},
	{VMEM_USED_ENTRY, "used_entry"},
	{VMEM_USED_IDX, "used_idx"},
	{VMEM_EVENT, "event"},
	{VMEM_HEADER, "header"},
	{VMEM_STATUS, "status"},
	{VMEM_PAYLOAD, "payload"},
	{VMEM_FOR_COUNT, "any"}, /* of OP_WHEN */
	{0, NULL},
};
_Static_assert(sizeof(fors) / sizeof(fors[0]) == VMEM_FOR_COUNT + 2, "name the new purpose");

/* Moments in a device's work (OP_WHEN); sim-frontend/machine.h has the same numbers. */
static const struct name points[] = {
	{0, "before_load"}, {1, "after_load"}, {2, "before_store"}, {3, "after_store"}, {4, "fence"},
	{5, "submit"},      {6, "completion"}, {7, "clock"},        {0, NULL},
};

static const struct name offences[] = {
	{OFFENCE_NONE, "none"},
#define OFFENCE(NAME, text, ...) {OFFENCE_##NAME, text},
#include "offence.def"
#undef OFFENCE
	{0, NULL},
};

/* What a driver posts (OP_POST) and what a backend is asked for (OP_SUBMIT) are numbered differently. */
static const struct name blk_posts[] = {
	{0, "in"},      {1, "out"},          {2, "flush"},       {3, "get_id"},
	{4, "discard"}, {5, "write_zeroes"}, {6, "unsupported"}, {0, NULL},
};
static const struct name blk_submits[] = {
	{BLK_IO_READ, "read"},
	{BLK_IO_WRITE, "write"},
	{BLK_IO_FLUSH, "flush"},
	{BLK_IO_DISCARD, "discard"},
	{BLK_IO_WRITE_ZEROES, "write_zeroes"},
	{0, NULL},
};

static const struct name console_posts[] = {{0, "send"}, {1, "room"}, {0, NULL}};
static const struct name console_submits[] = {{CONSOLE_IO_TX, "tx"}, {CONSOLE_IO_RX, "rx"}, {0, NULL}};

static const struct name net_posts[] = {{0, "send"}, {1, "room"}, {2, "command"}, {0, NULL}};
static const struct name net_submits[] = {{NET_IO_TX, "tx"}, {NET_IO_RX, "rx"}, {0, NULL}};

static const struct name ring_features[] = {
	{VIRTIO_F_NOTIFY_ON_EMPTY, "NOTIFY_ON_EMPTY"},
	{VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT"},
	{VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC"},
	{VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX"},
	{VIRTIO_F_VERSION_1, "VERSION_1"},
	{VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM"},
	{VIRTIO_F_RING_PACKED, "RING_PACKED"},
	{VIRTIO_F_IN_ORDER, "IN_ORDER"},
	{VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM"},
	{VIRTIO_F_SR_IOV, "SR_IOV"},
	{VIRTIO_F_NOTIFICATION_DATA, "NOTIFICATION_DATA"},
	{VIRTIO_F_RING_RESET, "RING_RESET"},
	{0, NULL},
};

static const struct name blk_features[] = {
	{VIRTIO_BLK_F_SIZE_MAX, "SIZE_MAX"},
	{VIRTIO_BLK_F_SEG_MAX, "SEG_MAX"},
	{VIRTIO_BLK_F_GEOMETRY, "GEOMETRY"},
	{VIRTIO_BLK_F_RO, "RO"},
	{VIRTIO_BLK_F_BLK_SIZE, "BLK_SIZE"},
	{VIRTIO_BLK_F_FLUSH, "FLUSH"},
	{VIRTIO_BLK_F_TOPOLOGY, "TOPOLOGY"},
	{VIRTIO_BLK_F_CONFIG_WCE, "CONFIG_WCE"},
	{VIRTIO_BLK_F_MQ, "MQ"},
	{VIRTIO_BLK_F_DISCARD, "DISCARD"},
	{VIRTIO_BLK_F_WRITE_ZEROES, "WRITE_ZEROES"},
	{VIRTIO_BLK_F_SECURE_ERASE, "SECURE_ERASE"},
	{0, NULL},
};

static const struct name console_features[] = {
	{VIRTIO_CONSOLE_F_SIZE, "SIZE"},
	{VIRTIO_CONSOLE_F_MULTIPORT, "MULTIPORT"},
	{VIRTIO_CONSOLE_F_EMERG_WRITE, "EMERG_WRITE"},
	{0, NULL},
};

const struct name name_console_events[] = {
	{VIRTIO_CONSOLE_DEVICE_READY, "DEVICE_READY"},
	{VIRTIO_CONSOLE_PORT_ADD, "PORT_ADD"},
	{VIRTIO_CONSOLE_PORT_REMOVE, "PORT_REMOVE"},
	{VIRTIO_CONSOLE_PORT_READY, "PORT_READY"},
	{VIRTIO_CONSOLE_CONSOLE_PORT, "CONSOLE_PORT"},
	{VIRTIO_CONSOLE_RESIZE, "RESIZE"},
	{VIRTIO_CONSOLE_PORT_OPEN, "PORT_OPEN"},
	{VIRTIO_CONSOLE_PORT_NAME, "PORT_NAME"},
	{0, NULL},
};

#define NET(feature)                             \
	{                                        \
		VIRTIO_NET_F_##feature, #feature \
	}
static const struct name net_features[] = {
	NET(CSUM),
	NET(GUEST_CSUM),
	NET(CTRL_GUEST_OFFLOADS),
	NET(MTU),
	NET(MAC),
	NET(GUEST_TSO4),
	NET(GUEST_TSO6),
	NET(GUEST_ECN),
	NET(GUEST_UFO),
	NET(HOST_TSO4),
	NET(HOST_TSO6),
	NET(HOST_ECN),
	NET(HOST_UFO),
	NET(MRG_RXBUF),
	NET(STATUS),
	NET(CTRL_VQ),
	NET(CTRL_RX),
	NET(CTRL_VLAN),
	NET(CTRL_RX_EXTRA),
	NET(GUEST_ANNOUNCE),
	NET(MQ),
	NET(CTRL_MAC_ADDR),
	NET(NOTF_COAL),
	NET(GUEST_USO4),
	NET(GUEST_USO6),
	NET(HOST_USO),
	NET(HASH_REPORT),
	NET(RSS),
	NET(RSC_EXT),
	NET(STANDBY),
	NET(SPEED_DUPLEX),
	{0, NULL},
};
#undef NET

#define BLK(field)                                                \
	{                                                         \
		offsetof(struct virtio_blk_config, field), #field \
	}
static const struct name blk_config[] = {
	BLK(capacity),
	BLK(size_max),
	BLK(seg_max),
	BLK(geometry),
	BLK(blk_size),
	BLK(physical_block_exp),
	BLK(alignment_offset),
	BLK(min_io_size),
	BLK(opt_io_size),
	BLK(wce),
	BLK(num_queues),
	BLK(max_discard_sectors),
	BLK(max_discard_seg),
	BLK(discard_sector_alignment),
	BLK(max_write_zeroes_sectors),
	BLK(max_write_zeroes_seg),
	BLK(write_zeroes_may_unmap),
	{0, NULL},
};

#define CONSOLE(field)                                                \
	{                                                             \
		offsetof(struct virtio_console_config, field), #field \
	}
static const struct name console_config[] = {
	CONSOLE(cols), CONSOLE(rows), CONSOLE(max_nr_ports), CONSOLE(emerg_wr), {0, NULL},
};

#define NET(field)                                                \
	{                                                         \
		offsetof(struct virtio_net_config, field), #field \
	}
static const struct name net_config[] = {
	NET(mac), NET(status), NET(max_virtqueue_pairs), NET(mtu), NET(speed), NET(duplex), {0, NULL},
};

const char *name_of(const struct name *t, uint64_t value)
{
	for (; t->text; t++)
		if (t->value == value)
			return t->text;
	return NULL;
}

const char *name_device(uint16_t id)
{
	const char *text = name_of(name_devices, id);

	return text ? text : "dev";
}

const struct name *name_values(uint8_t code, enum op_format format, uint16_t id)
{
	if (format == OP_FOR)
		return fors;
	if (format == OP_KIND)
		return kinds;
	if (format == OP_POINT)
		return points;
	if (format == OP_OFF)
		return offences;
	if (format == OP_TYPE && id == VIRTIO_ID_BLOCK)
		return code == OP_POST ? blk_posts : blk_submits;
	if (format == OP_TYPE && id == VIRTIO_ID_CONSOLE)
		return code == OP_POST ? console_posts : console_submits;
	if (format == OP_TYPE && id == VIRTIO_ID_NET)
		return code == OP_POST ? net_posts : net_submits;
	return NULL;
}

const char *name_config(uint16_t id, uint64_t off)
{
	if (id == VIRTIO_ID_BLOCK)
		return name_of(blk_config, off);
	if (id == VIRTIO_ID_CONSOLE)
		return name_of(console_config, off);
	if (id == VIRTIO_ID_NET)
		return name_of(net_config, off);
	return NULL;
}

static void bit_separator(struct fmt *f, size_t start)
{
	if (f->len != start)
		fmt_char(f, '|');
}

void name_bits(struct fmt *f, const struct name *t, uint64_t bits)
{
	size_t start = f->len;

	for (; t->text; t++) {
		if (!(bits & t->value))
			continue;
		bit_separator(f, start);
		fmt_text(f, t->text);
		bits &= ~t->value;
	}
	if (!bits && f->len != start)
		return;
	bit_separator(f, start);
	if (bits)
		fmt_hex(f, bits, 1);
	else
		fmt_char(f, '0');
}

void name_features(struct fmt *f, uint16_t id, uint64_t bits)
{
	size_t start = f->len;

	for (unsigned i = 0; i < 64; i++) {
		const char *text = name_of(ring_features, i);

		if (!(bits >> i & 1))
			continue;
		if (!text && id == VIRTIO_ID_BLOCK)
			text = name_of(blk_features, i);
		if (!text && id == VIRTIO_ID_CONSOLE)
			text = name_of(console_features, i);
		if (!text && id == VIRTIO_ID_NET)
			text = name_of(net_features, i);
		bit_separator(f, start);
		if (text)
			fmt_text(f, text);
		else
			fmt_dec(f, i);
	}
}
