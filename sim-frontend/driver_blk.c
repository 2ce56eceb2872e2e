// SPDX-License-Identifier: BSD-2-Clause
/* The model driver of a disk, and of an entropy device: what their requests say, and the oracle of their data. */
#include <linux/virtio_blk.h>

#include "driver_int.h"

/* What a type number of a program means (core/trace/ops.def). */
enum { SAY_IN, SAY_OUT, SAY_FLUSH, SAY_GET_ID, SAY_DISCARD, SAY_WRITE_ZEROES, SAY_UNKNOWN };

static const uint32_t wire_type[8] = {
	VIRTIO_BLK_T_IN,
	VIRTIO_BLK_T_OUT,
	VIRTIO_BLK_T_FLUSH,
	VIRTIO_BLK_T_GET_ID,
	VIRTIO_BLK_T_DISCARD,
	VIRTIO_BLK_T_WRITE_ZEROES,
	0x7f,
	VIRTIO_BLK_T_SECURE_ERASE,
};

static void put_bytes(struct plan *p, const void *bytes, uint32_t n)
{
	memcpy(p->bytes + p->bytes_len, bytes, n);
	p->bytes_len += n;
}

/* Ranges next to each other from the sector on, so that they are legal unless told otherwise. */
static void put_ranges(struct driver *g, struct plan *p, const struct driver_request *q, uint64_t sectors)
{
	uint32_t n = g->how == BREAK_RANGES ? (uint32_t)(g->value % 20) : 1 + q->len / 512 % 16;
	for (uint32_t i = 0; i < n; i++) {
		struct virtio_blk_discard_write_zeroes w = {.num_sectors = 1 + q->len % 8};
		w.sector = (q->sector + 8ull * i) % (sectors > 8 ? sectors - 8 : 1);
		if (q->type == SAY_WRITE_ZEROES)
			w.flags = i & 1;
		if (g->how == BREAK_RANGE_SECTOR && g->at % n == i)
			w.sector = g->value;
		if (g->how == BREAK_RANGE_LENGTH && g->at % n == i)
			w.num_sectors = (uint32_t)g->value;
		if (g->how == BREAK_RANGE_FLAGS && g->at % n == i)
			w.flags = (uint32_t)g->value;
		put_bytes(p, &w, sizeof(w));
	}
}

/* Whole sectors inside of the capacity. */
static uint32_t data_len(const struct driver_request *q, uint64_t sectors, uint64_t *sector)
{
	uint64_t n = q->len ? (q->len + 511u) / 512 : 1;
	n = n > DRIVER_DATA_MAX / 512 ? 1 + n % (DRIVER_DATA_MAX / 512) : n;
	n = n > sectors ? sectors : n;
	*sector = q->sector <= sectors - n ? q->sector : q->sector % (sectors - n + 1);
	return (uint32_t)n * 512;
}

static bool say_blk(struct driver *g, struct plan *p, uint16_t queue, const struct driver_request *q,
		    struct wording *c)
{
	(void)queue;
	uint64_t sectors = g->capacity, sector = 0;
	uint32_t n = data_len(q, sectors, &sector);
	if (g->how == BREAK_SIZE)
		n += 1 + (uint32_t)g->value % 511;
	uint32_t type = g->how == BREAK_TYPE ? (uint32_t)g->value : wire_type[q->type % 8];
	put_pair(p->bytes, type, g->how == BREAK_SECTOR ? sectors + g->value : sector);
	p->bytes_len = sizeof(struct virtio_blk_outhdr);
	if (q->type == SAY_IN)
		c->write_data = n;
	else if (q->type == SAY_OUT)
		c->read_data = n;
	else if (q->type == SAY_GET_ID)
		c->write_data = q->len ? q->len % 64 : 20;
	else if (q->type == SAY_DISCARD || q->type == SAY_WRITE_ZEROES)
		put_ranges(g, p, q, sectors);
	p->has_status = true;
	return true;
}

static bool say_rng(struct driver *g, struct plan *p, uint16_t queue, const struct driver_request *q,
		    struct wording *c)
{
	static const uint8_t extra[8];
	(void)queue;
	if (g->how == BREAK_EXTRA_READ)
		put_bytes(p, extra, sizeof(extra));
	c->write_data = 1 + q->len % DRIVER_DATA_MAX;
	return true;
}

/* -- content --------------------------------------------------------------------------------------------- */

static struct content *content_of(const struct driver *g)
{
	return &g->device->judges->content;
}

static uint16_t posted(struct driver *g, uint16_t queue, const struct plan *p)
{
	if (oracle_is_silent(g->device->oracle))
		return 0;
	const struct content_request q = {.bytes = p->bytes,
					  .bytes_len = p->bytes_len,
					  .piece = p->piece,
					  .nread = p->nread,
					  .npieces = p->npieces,
					  .has_status = p->has_status};
	(void)queue;
	return content_posted(content_of(g), &q);
}

static void fill(struct driver *g, uint16_t content, gpa_t a, uint32_t off, uint32_t n)
{
	content_fill(content_of(g), content, a, off, n);
}

static void answered(struct driver *g, uint16_t content, uint32_t used_len, int status)
{
	content_answered(content_of(g), content, used_len, status);
}

static void dropped(struct driver *g, uint16_t content)
{
	content_dropped(content_of(g), content);
}

const struct driver_type driver_blk = {
	.say = say_blk, .posted = posted, .fill = fill, .answered = answered, .dropped = dropped};
const struct driver_type driver_rng = {
	.say = say_rng, .posted = posted, .fill = fill, .answered = answered, .dropped = dropped};
