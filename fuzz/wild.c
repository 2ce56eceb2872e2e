// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ring.h>
#include <string.h>

#include "driver.h"
#include "edge.h"
#include "wild.h"

/* A ring of DRIVER_QUEUE_SIZE entries, with room for events: its parts, and in steps of what the next one follows. */
#define SPLIT_AVAIL  (16u * DRIVER_QUEUE_SIZE)
#define SPLIT_USED   (SPLIT_AVAIL + 4u + 2u * DRIVER_QUEUE_SIZE + 4u)
#define SPLIT_LEN    (SPLIT_USED + 4u + 8u * DRIVER_QUEUE_SIZE + 2u)
#define PACKED_EVENT (16u * DRIVER_QUEUE_SIZE)
#define PACKED_LEN   (PACKED_EVENT + 8u)

#define BUFFERS_OFTEN 8u  /* blocks of buffers that are used again and again */
#define TABLE_BLOCK   64u /* tables of descriptors are made in the block of that number */
#define GAP           8u  /* between the buffers of a chain */
#define DESCS_MAX     4u  /* of a chain that is made */

static uint8_t bytes[OP_PROGRAM_DATA_MAX]; /* an op's data */

/* -- numbers and addresses ------------------------------------------------------------------------------- */

uint64_t wild_number(struct draws *d, uint64_t bound)
{
	uint64_t v = draw(d, 8), kind = draw(d, 16), power = 1ull << draw(d, 64);
	if (kind >= 15)
		v = draw(d, UINT64_MAX);
	else if (kind >= 13)
		v = ~v;
	else if (kind >= 10)
		v = power + kind - 11;
	return bound ? v % bound : v;
}

uint64_t wild_ring(bool packed, uint64_t queue, uint32_t part)
{
	static const uint32_t at[2][3] = {{0, SPLIT_AVAIL, SPLIT_USED}, {0, PACKED_EVENT, PACKED_EVENT + 4}};
	uint64_t step = heap_round(packed ? PACKED_LEN : SPLIT_LEN);
	return (queue & 1 ? RAM_HIGH : RAM_LOW) + queue / 2 * step + at[packed][part];
}

uint64_t wild_buffer(uint32_t n)
{
	return RAM_LOW + RAM_RINGS_LEN + (uint64_t)n * HEAP_BLOCK_LEN;
}

static uint64_t some_ring(struct draws *d, bool packed, uint32_t part)
{
	return wild_ring(packed, draw(d, 2) ? 0 : draw(d, 8), part);
}

static uint64_t edge(struct draws *d)
{
	uint64_t at = edge_nth((uint32_t)draw(d, EDGES));
	return draw(d, 2) ? at : at - draw(d, 512);
}

uint64_t wild_address(struct draws *d)
{
	switch (draw(d, 8)) {
	case 0:
	case 1:
	case 2:
		return some_ring(d, draw(d, 4) == 0, (uint32_t)draw(d, 3)) + draw(d, draw(d, 2) ? 16 : 256);
	case 3:
	case 4:
		return wild_buffer((uint32_t)draw(d, BUFFERS_OFTEN)) + draw(d, 64);
	case 5:
	case 6:
		return edge(d);
	default:
		return draw(d, 2) ? RAM_LOW + draw(d, 1u << 17) : draw(d, UINT64_MAX);
	}
}

/* -- descriptors ----------------------------------------------------------------------------------------- */

/* What is readable comes first and has 16 bytes, as headers have; what is writable ends with one byte, as statuses do. Any
 * device finds something in it. */
static void good_chain(struct draws *d, struct vring_desc *desc, uint32_t n, uint64_t head)
{
	uint64_t at = wild_buffer((uint32_t)draw(d, BUFFERS_OFTEN));
	uint32_t nread = (uint32_t)draw(d, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		bool last = i + 1 == n, header = i == 0 && nread, status = last && i && draw(d, 2);
		desc[i].addr = at;
		desc[i].len = header ? 16 : status ? 1 : 16u << draw(d, 8);
		desc[i].flags =
			(uint16_t)((i < nread ? 0 : VRING_DESC_F_WRITE) | (last ? 0 : VRING_DESC_F_NEXT));
		desc[i].next = (uint16_t)(last ? 0 : head + i + 1);
		at += desc[i].len + GAP;
	}
}

/* A table that a store may have made, or what there is: the ring's own descriptors. */
static uint64_t table(struct draws *d)
{
	return draw(d, 2) ? wild_buffer(TABLE_BLOCK) : some_ring(d, false, VQ_DESC) + 16 * draw(d, 8);
}

/* One thing of one descriptor of a chain is not as it should be. */
static void spoil(struct draws *d, struct vring_desc *desc, uint32_t n, uint64_t head)
{
	struct vring_desc *one = &desc[draw(d, n)];
	switch (draw(d, 8)) {
	case 0:
		one->addr = edge(d);
		break;
	case 1:
		one->addr = wild_address(d);
		break;
	case 2:
		one->len = (uint32_t)wild_number(d, 0);
		break;
	case 3:
		one->len = 0;
		break;
	case 4: /* a loop */
		one = &desc[n - 1];
		one->flags |= VRING_DESC_F_NEXT;
		one->next = (uint16_t)(head + draw(d, n));
		break;
	case 5: /* WRITE ahead of what is readable, lists that end or go on, and flags that there are not */
		one->flags ^= (uint16_t)(1u << draw(d, draw(d, 2) ? 3 : 16));
		break;
	case 6:
		one->next = (uint16_t)wild_number(d, 0);
		one->flags |= VRING_DESC_F_NEXT;
		break;
	default:
		one->flags = (uint16_t)(VRING_DESC_F_INDIRECT | (draw(d, 4) ? 0 : one->flags));
		one->addr = table(d);
		one->len = (uint32_t)(16 * (1 + draw(d, 3)) + (draw(d, 4) ? 0 : draw(d, 16)));
		break;
	}
}

/* A packed ring's have the id where a split one's have their flags, and flags behind it. */
static void put_descs(const struct vring_desc *desc, uint32_t n, bool packed)
{
	for (uint32_t i = 0; i < n; i++) {
		struct vring_desc one = desc[i];
		if (packed) {
			one.flags = desc[i].next;
			one.next = desc[i].flags;
		}
		memcpy(bytes + 16 * i, &one, sizeof(one));
	}
}

static void get_descs(struct vring_desc *desc, uint32_t n, bool packed)
{
	for (uint32_t i = 0; i < n; i++) {
		struct vring_desc one;
		memcpy(&one, bytes + 16 * i, sizeof(one));
		desc[i] = one;
		if (packed) {
			desc[i].flags = one.next;
			desc[i].next = one.flags;
		}
	}
}

/* So many descriptors as data, good or bad in one way. */
static void make_descs(struct draws *d, bool packed, struct op *op, uint64_t head)
{
	struct vring_desc desc[DESCS_MAX];
	uint32_t n = 1 + (uint32_t)draw(d, draw(d, 4) ? DESCS_MAX - 1 : DESCS_MAX);
	good_chain(d, desc, n, head);
	if (draw(d, 2))
		spoil(d, desc, n, head);
	put_descs(desc, n, packed);
	op->data = bytes;
	op->len = 16 * n;
}

void wild_chain(struct draws *d, bool packed, struct op *op)
{
	op->arg[1] = draw(d, 8) ? draw(d, draw(d, 2) ? 4 : DRIVER_QUEUE_SIZE) : wild_number(d, 65536);
	make_descs(d, packed, op, op->arg[1]);
}

/* -- stores ---------------------------------------------------------------------------------------------- */

static void put_number(struct draws *d, struct op *op, uint64_t at, uint32_t n)
{
	uint64_t v = wild_number(d, 0);
	memcpy(bytes, &v, sizeof(v));
	op->arg[0] = at;
	op->data = bytes;
	op->len = n;
}

/* Flags, an index, an entry or an event of a ring's other parts. */
static void poke_ring(struct draws *d, bool packed, struct op *op)
{
	static const uint16_t word[2][4] = {{0, 2, 4, 4 + 2 * DRIVER_QUEUE_SIZE},  /* available */
					    {0, 2, 4, 4 + 8 * DRIVER_QUEUE_SIZE}}; /* used */
	uint32_t part = VQ_DRIVER + (uint32_t)draw(d, 2);
	uint64_t at = some_ring(d, packed, part), which = draw(d, 4);
	at += packed ? 2 * (which & 1) : word[part - VQ_DRIVER][which];
	if (!packed && which == 2)
		at += 2 * draw(d, 8);
	put_number(d, op, at, 2);
}

void wild_poke(struct draws *d, bool packed, struct op *op)
{
	static const uint8_t field_at[4] = {0, 8, 12, 14}, field_len[4] = {8, 4, 2, 2};
	uint64_t slot = some_ring(d, packed, VQ_DESC) + 16 * draw(d, 8), f = draw(d, 4);
	switch (draw(d, 8)) {
	case 0: /* whole descriptors */
		make_descs(d, packed, op, draw(d, 8));
		op->arg[0] = draw(d, 2) ? wild_buffer(TABLE_BLOCK) : slot;
		break;
	case 1: /* a field of one */
		put_number(d, op, slot + field_at[f], field_len[f]);
		break;
	case 2:
	case 3:
		poke_ring(d, packed, op);
		break;
	case 4: /* a header: a type, or what else it has */
	case 5:
		put_number(d, op, wild_buffer((uint32_t)draw(d, BUFFERS_OFTEN)) + 4 * draw(d, 4),
			   4u << draw(d, 2));
		break;
	default:
		put_number(d, op, wild_address(d), 1 + (uint32_t)draw(d, 8));
		break;
	}
}

/* -- changes --------------------------------------------------------------------------------------------- */

static void change_bytes(struct draws *d, struct op *op, uint32_t unit)
{
	uint32_t n = unit > 1 ? unit : 1 + (uint32_t)draw(d, 8);
	if (draw(d, 4) == 0 && op->len + n <= sizeof(bytes)) {
		memset(bytes + op->len, (int)wild_number(d, 256), n);
		op->len += n;
	} else if (draw(d, 3) == 0) {
		op->len -= n < op->len ? n : op->len;
	} else {
		uint64_t v = wild_number(d, 0);
		uint32_t size = 1u << draw(d, 4), at = (uint32_t)draw(d, op->len) & ~(size - 1);
		memcpy(bytes + at, &v, size < op->len - at ? size : op->len - at);
	}
}

void wild_change(struct draws *d, bool packed, struct op *op)
{
	struct vring_desc desc[OP_PROGRAM_DATA_MAX / 16];
	uint32_t n = op->len / 16;
	if (op->len)
		memcpy(bytes, op->data, op->len);
	op->data = bytes;
	if (op->code == OP_CHAIN && n && draw(d, 2)) {
		get_descs(desc, n, packed);
		spoil(d, desc, n, op->arg[1]);
		put_descs(desc, n, packed);
	} else if (op->len) {
		change_bytes(d, op, op->code == OP_CHAIN ? 16 : 1);
	} else {
		op->len = 1 + (uint32_t)draw(d, 16);
		memset(bytes, (int)wild_number(d, 256), op->len);
	}
}
