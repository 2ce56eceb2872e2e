// SPDX-License-Identifier: BSD-2-Clause
#include "lift_blk.h"

#include <linux/virtio_blk.h>
#include <string.h>

#include "devices/blk.h"
#include "machine.h"

struct op lift_blk_make(const struct trace_device *t)
{
	uint64_t f = t->features;
	uint64_t flags = (f >> VIRTIO_BLK_F_RO & 1 ? DEVICE_READ_ONLY : 0u) |
			 (f >> VIRTIO_BLK_F_FLUSH & 1 ? 0u : DEVICE_NO_FLUSH) |
			 (f >> VIRTIO_BLK_F_DISCARD & 1 ? 0u : DEVICE_NO_DISCARD) |
			 (f >> VIRTIO_BLK_F_WRITE_ZEROES & 1 ? 0u : DEVICE_NO_WRITE_ZEROES);
	return (struct op){.code = OP_MAKE, .arg = {flags}};
}

static uint64_t post_type(uint32_t type)
{
	static const uint32_t types[] = {VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,
					 VIRTIO_BLK_T_FLUSH,   VIRTIO_BLK_T_GET_ID,
					 VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
	uint64_t i = 0;
	while (i < sizeof(types) / sizeof(types[0]) && types[i] != type)
		i++;
	return i;
}

bool lift_blk_post(const struct lift_options *o, const struct lift_chain *c, struct op *post)
{
	struct virtio_blk_outhdr h;
	uint64_t len = 0;
	if (c->header_len < sizeof(h))
		return false;
	memcpy(&h, c->header, sizeof(h));
	if (h.type == VIRTIO_BLK_T_IN)
		len = c->write_len ? c->write_len - 1 : 0;
	else if (h.type == VIRTIO_BLK_T_OUT)
		len = c->read_len > sizeof(h) ? c->read_len - sizeof(h) : 0;
	len = len < o->data_max ? len : o->data_max;
	uint64_t sector = h.sector % (o->sectors - len / BLK_SECTOR_LEN);
	*post = (struct op){.code = OP_POST,
			    .arg = {c->queue, post_type(h.type), sector, len, lift_shape(c, len)}};
	return true;
}

/* The driver asks for one byte more than it is told. */
bool lift_rng_post(const struct lift_options *o, const struct lift_chain *c, struct op *post)
{
	uint64_t len = c->write_len < o->data_max ? c->write_len : o->data_max;
	len -= len > 0;
	*post = (struct op){.code = OP_POST, .arg = {c->queue, 0, 0, len, lift_shape(c, len)}};
	return true;
}
