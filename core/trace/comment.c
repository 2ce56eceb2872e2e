// SPDX-License-Identifier: BSD-2-Clause
/* What an op means beyond its fields. Comments are for people: they are never read back. */
#include "devices/blk.h"
#include "host.h"
#include "trace/names.h"
#include "trace/remake.h"
#include "trace/varint.h"
#include "vmem.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define COMMENT_COLUMN  56
#define DESCS_SHOWN     4
#define TEXT_SHOWN      32 /* bytes */
#define VIOLATION_SHOWN 300

static uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void put(struct fmt *f, const char *label, uint64_t v)
{
	fmt_text(f, label);
	fmt_dec(f, v);
}

/* In quotes; what is no printable ASCII shows as a dot. */
static void put_text(struct fmt *f, const uint8_t *p, uint32_t n)
{
	if (!n)
		return;
	fmt_char(f, '"');
	for (uint32_t i = 0; i < n && i < TEXT_SHOWN; i++)
		fmt_char(f, p[i] >= ' ' && p[i] <= '~' && p[i] != '"' ? (char)p[i] : '.');
	fmt_char(f, '"');
}

static void comment_config(struct fmt *f, uint64_t off, uint16_t id)
{
	const char *text = name_config(id, off);

	fmt_text(f, "Config ");
	if (text)
		fmt_text(f, text);
	else
		fmt_hex(f, off, 1);
}

static void comment_register(struct fmt *f, const struct op *op, uint16_t id)
{
	uint64_t reg = op->arg[0], value = op->arg[2];
	const char *text = name_of(name_registers, reg);

	if (reg >= VIRTIO_MMIO_CONFIG) {
		comment_config(f, reg - VIRTIO_MMIO_CONFIG, id);
		return;
	}
	fmt_text(f, text ? text : "no such register");
	if (reg == VIRTIO_MMIO_STATUS && !value && op->code == OP_WRITE) {
		fmt_text(f, " reset");
	} else if (reg == VIRTIO_MMIO_STATUS) {
		fmt_char(f, ' ');
		name_bits(f, name_status, value);
	} else if (reg == VIRTIO_MMIO_INTERRUPT_STATUS || reg == VIRTIO_MMIO_INTERRUPT_ACK) {
		fmt_char(f, ' ');
		name_bits(f, name_isr, value);
	} else if (reg == VIRTIO_MMIO_DEVICE_ID && op->code == OP_READ) {
		fmt_char(f, ' ');
		fmt_text(f, name_device((uint16_t)value));
	}
}

static void comment_buffer(struct fmt *f, const uint8_t *p)
{
	fmt_text(f, "addr=");
	fmt_hex(f, varint_load64(p), 1);
	put(f, " len=", varint_load32(p + 8));
}

/*
 * An op does not tell which ring it is about. A packed ring's descriptor is known by flags where a split one
 * has `next`: WRITE alone and no flags of the other layout (in a table), or USED, which no next reaches.
 */
static bool looks_packed(uint16_t third, uint16_t fourth)
{
	return fourth >> VRING_PACKED_DESC_F_USED || (third == 0 && fourth == VRING_DESC_F_WRITE);
}

static void comment_descs(struct fmt *f, const struct op *op)
{
	const uint8_t *p = op->data;
	uint32_t n = op->len / 16;

	if (op->len == VMEM_DESC_BUT_FLAGS) {
		comment_buffer(f, p);
		put(f, " id=", load16(p + 12));
	}
	for (uint32_t i = 0; i < n && i < DESCS_SHOWN; i++, p += 16) {
		uint16_t third = load16(p + 12), fourth = load16(p + 14);
		if (i)
			fmt_text(f, "; ");
		comment_buffer(f, p);
		fmt_char(f, ' ');
		if (looks_packed(third, fourth)) {
			name_bits(f, name_slot_flags, fourth);
			put(f, " id=", third);
		} else {
			name_bits(f, name_desc_flags, third);
			put(f, " next=", fourth);
		}
	}
	if (n > DESCS_SHOWN)
		fmt_text(f, "; ...");
}

static void put_range(struct fmt *f, uint64_t sector, uint64_t sectors, uint32_t flags)
{
	put(f, "range sector=", sector);
	put(f, " sectors=", sectors);
	if (flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)
		fmt_text(f, " unmap");
}

/*
 * A block request's header, or one of the ranges behind it: both have 16 bytes, and a line does not know what
 * came before it. What begins with a request type is taken for a header.
 */
static void comment_blk_header(struct fmt *f, const struct op *op)
{
	const uint8_t *p = op->data;
	const char *text = name_of(name_blk_types, varint_load64(p));

	if (op->len != 16)
		return;
	if (text) {
		fmt_text(f, text);
		put(f, " sector=", varint_load64(p + 8));
		return;
	}
	put_range(f, varint_load64(p), varint_load32(p + 8), varint_load32(p + 12));
	put(f, ", or request type ", varint_load32(p));
}

/* The ranges of a discard or write-zeroes request stand in the data: sector, sectors, unmap. */
static void comment_submit(struct fmt *f, const struct op *op, uint16_t id)
{
	const uint8_t *p = op->data;

	if (id == VIRTIO_ID_CONSOLE)
		put(f, "port ", op->arg[2]);
	if (id != VIRTIO_ID_BLOCK)
		return;
	if (op->arg[4] & 1)
		fmt_text(f, op->len >= 16 ? "write-through, " : "write-through");
	for (uint32_t i = 0; i < op->len / 16 && i < DESCS_SHOWN; i++, p += 16) {
		if (i)
			fmt_text(f, "; ");
		put_range(f, varint_load64(p), varint_load32(p + 8), varint_load32(p + 12));
	}
}

static void comment_done(struct fmt *f, const struct op *op, uint16_t id)
{
	if (id == VIRTIO_ID_BLOCK && op->arg[1] == BLK_IO_ERROR)
		fmt_text(f, "I/O error");
	else if (id == VIRTIO_ID_BLOCK && op->arg[1] == BLK_UNSUPPORTED)
		fmt_text(f, "unsupported");
}

static void comment_blk_status(struct fmt *f, const struct op *op)
{
	const char *text = name_of(name_blk_status, op->data[0]);

	fmt_text(f, text ? text : "unknown status");
}

/* By its place: a slot of a packed ring is aligned to 16, and an index or a used element is never there. */
static bool comment_slot(struct fmt *f, const struct op *op)
{
	uint64_t off = op->arg[1] % 16;

	if (op->arg[0] == VMEM_USED_ENTRY && off == 8 && (op->len == 6 || op->len == 8)) {
		put(f, "len=", varint_load32(op->data));
		put(f, " id=", load16(op->data + 4));
		if (op->len == 6)
			return true;
		fmt_char(f, ' ');
		name_bits(f, name_slot_flags, load16(op->data + 6));
		return true;
	}
	if ((op->arg[0] != VMEM_AVAIL_IDX && op->arg[0] != VMEM_USED_IDX) || off != 14 || op->len != 2)
		return false;
	name_bits(f, name_slot_flags, load16(op->data));
	return true;
}

static void comment_ring(struct fmt *f, const struct op *op)
{
	static const char *const labels[] = {
		[VMEM_AVAIL_IDX] = "idx=",
		[VMEM_AVAIL_ENTRY] = "head=",
		[VMEM_USED_IDX] = "idx=",
		[VMEM_EVENT] = "value=",
	};

	if (comment_slot(f, op))
		return;
	if (op->len == 2 && op->arg[0] <= VMEM_EVENT && labels[op->arg[0]])
		put(f, labels[op->arg[0]], load16(op->data));
	if (op->len == 8 && op->arg[0] == VMEM_USED_ENTRY) {
		put(f, "id=", varint_load32(op->data));
		put(f, " len=", varint_load32(op->data + 4));
	}
}

/* A message of the driver's is a header, one of the device's a payload: no other bytes of a console's are. */
static void comment_control(struct fmt *f, const struct op *op)
{
	const uint8_t *p = op->data;
	uint16_t event = load16(p + 4);
	const char *text = name_of(name_console_events, event);

	fmt_text(f, text ? text : "unknown event");
	put(f, " port=", varint_load32(p));
	put(f, " value=", load16(p + 6));
	if (event == VIRTIO_CONSOLE_RESIZE && op->len == 12) {
		put(f, " ", load16(p + 8));
		put(f, ",", load16(p + 10));
	} else if (event == VIRTIO_CONSOLE_PORT_NAME) {
		fmt_char(f, ' ');
		put_text(f, p + 8, op->len - 8);
	}
}

static void comment_access(struct fmt *f, const struct op *op, uint16_t id)
{
	bool blk = id == VIRTIO_ID_BLOCK, console = id == VIRTIO_ID_CONSOLE;

	if (op->arg[0] == VMEM_DESC || op->arg[0] == VMEM_INDIRECT)
		comment_descs(f, op);
	else if (op->arg[0] == VMEM_HEADER && blk && op->len >= 16)
		comment_blk_header(f, op);
	else if ((op->arg[0] == VMEM_HEADER || op->arg[0] == VMEM_PAYLOAD) && console && op->len >= 8)
		comment_control(f, op);
	else if (op->arg[0] == VMEM_STATUS && blk && op->len == 1)
		comment_blk_status(f, op);
	else
		comment_ring(f, op);
}

static void comment_offence(struct fmt *f, uint64_t number)
{
	static const struct {
		const char *what, *clause;
	} table[] = {
		{"", ""},
#define OFFENCE(NAME, text, reaction, clause, what) {what, clause},
#include "offence.def"
#undef OFFENCE
	};

	if (number >= sizeof(table) / sizeof(table[0]))
		return;
	fmt_text(f, table[number].what);
	if (!*table[number].clause)
		return;
	fmt_text(f, " (");
	fmt_text(f, table[number].clause);
	fmt_char(f, ')');
}

static void comment_irq(struct fmt *f, uint64_t source)
{
	if (source == HOST_SOURCE_CONFIG)
		fmt_text(f, "configuration change");
	else
		put(f, "used buffers, queue ", source);
}

static void comment_port(struct fmt *f, const struct op *op)
{
	static const char *const what[] = {[PORT_REMOVED] = "removed",
					   [PORT_ADDED] = "added",
					   [PORT_CLOSED] = "closed",
					   [PORT_OPENED] = "opened"};

	if (op->arg[1] > PORT_OPENED)
		return;
	fmt_text(f, what[op->arg[1]]);
	if (op->arg[1] != PORT_ADDED)
		return;
	fmt_text(f, op->arg[2] & PORT_TERMINAL ? ", a terminal" : "");
	fmt_text(f, op->arg[2] & PORT_OPEN ? ", open" : "");
	if (op->len)
		fmt_text(f, ", ");
	put_text(f, op->data, op->len);
}

static void comment_byte(struct fmt *f, uint64_t byte)
{
	const uint8_t c[1] = {(uint8_t)byte};

	put_text(f, c, sizeof(c));
}

/* Oracle, clause and message, as text: the NULs between them show as spaces, and where there is no clause as one. */
static void comment_violation(struct fmt *f, const struct op *op)
{
	for (uint32_t i = 0; i < op->len && i < VIOLATION_SHOWN; i++) {
		uint8_t c = op->data[i];
		if (c || (i && op->data[i - 1]))
			fmt_char(f, c >= ' ' && c <= '~' ? (char)c : c ? '.' : ' ');
	}
}

static void comment_text(struct fmt *f, const struct op *op, uint16_t id)
{
	size_t start = f->len;

	if (id == VIRTIO_ID_NET)
		comment_net(f, op);
	if (f->len != start)
		return;
	switch (op->code) {
	case OP_WRITE:
	case OP_READ:
		comment_register(f, op, id);
		break;
	case OP_LOAD:
	case OP_STORE:
		comment_access(f, op, id);
		break;
	case OP_CHAIN:
		comment_descs(f, op);
		break;
	case OP_NEGOTIATE:
	case OP_OFFER:
		name_features(f, id, op->arg[0]);
		break;
	case OP_IRQ:
		comment_irq(f, op->arg[0]);
		break;
	case OP_OFFENCE:
		comment_offence(f, op->arg[0]);
		break;
	case OP_SUBMIT:
		comment_submit(f, op, id);
		break;
	case OP_DONE:
		comment_done(f, op, id);
		break;
	case OP_PORT:
		comment_port(f, op);
		break;
	case OP_EMERGENCY:
		comment_byte(f, op->arg[0]);
		break;
	case OP_RESTORED:
		put(f, "the device's saved state, bytes: ", op->len);
		break;
	case OP_VIOLATION:
		comment_violation(f, op);
		break;
	case OP_PIN:
		if (!op->arg[3])
			fmt_text(f, "not now");
		break;
	}
}

void op_comment(struct fmt *f, const struct op *op, uint16_t id)
{
	size_t start = f->len, body;

	do
		fmt_char(f, ' ');
	while (f->len < COMMENT_COLUMN);
	fmt_text(f, "# ");
	body = f->len;
	comment_text(f, op, id);
	if (f->len == body)
		f->len = start; /* nothing to say */
}
