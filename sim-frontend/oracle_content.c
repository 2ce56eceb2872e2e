// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "oracle_int.h"
#include "oracle_sectors.h"

#define STAMP_MAX (UINT32_MAX - 16)
#define NO_STATUS 0xff /* none that a device gives */

enum kind {
	KIND_OTHER,
	KIND_READ,
	KIND_WRITE,
	KIND_ZEROES,
	KIND_DISCARD,
	KIND_FLUSH,
	KIND_IDENT,
	KIND_ENTROPY
};

/* -- lives ----------------------------------------------------------------------------------------------- */

void content_init(struct content *c, struct oracle *o, struct ram *r, const struct vdev *v, bool disk)
{
	c->oracle = o;
	c->ram = r;
	c->vdev = v;
	c->disk = disk;
}

/* All that was known of sectors is another era's, without a look at any. */
static void new_era(struct content *c)
{
	if (++c->era == 0) { /* once in four thousand million */
		memset(c->sector, 0, sizeof(c->sector));
		c->era = 1;
	}
	c->top = 0;
}

void content_restart(struct content *c, uint64_t sectors)
{
	new_era(c);
	c->trusted = true;
	c->unknown = false;
	c->now = c->quiet = 1;
	c->version = VERSION_FIRST;
	c->stable = c->cache_set = c->doubted = c->nwrites = 0;
	c->shrunk = sectors;
	c->nfree = 0;
	c->fresh = 1;
	c->oldest_read = c->newest_read = 0;
	c->ident_len = c->nchunks = 0;
}

void content_distrust(struct content *c)
{
	if (!c->trusted)
		return;
	new_era(c);
	c->trusted = false;
	c->unknown = true;
}

void content_trust(struct content *c)
{
	if (c->trusted)
		return;
	new_era(c);
	c->trusted = true;
	c->doubted = c->now;
	c->ident_len = c->nchunks = 0;
}

/* Another moment. Before the stamps run out everything is forgotten. */
static uint32_t tick(struct content *c)
{
	if (c->now >= STAMP_MAX || c->version >= VERSION_DISCARD - 1) {
		new_era(c);
		c->unknown = true;
		c->now = c->quiet = 1;
		c->version = VERSION_FIRST;
		c->stable = c->cache_set = c->doubted = 0;
	}
	return ++c->now;
}

/* -- slots ----------------------------------------------------------------------------------------------- */

static uint16_t slot_get(struct content *c)
{
	if (c->nfree)
		return c->free[--c->nfree];
	return c->fresh < CONTENT_SLOTS_MAX ? c->fresh++ : 0;
}

static bool is_write(const struct content_slot *s)
{
	return s->kind >= KIND_WRITE && s->kind <= KIND_DISCARD;
}

static void read_begins(struct content *c, uint16_t i)
{
	struct content_slot *s = &c->slot[i];
	s->older = c->newest_read;
	s->newer = 0;
	if (c->newest_read)
		c->slot[c->newest_read].newer = i;
	else
		c->oldest_read = i;
	c->newest_read = i;
}

static void read_ends(struct content *c, uint16_t i)
{
	const struct content_slot *s = &c->slot[i];
	if (s->older)
		c->slot[s->older].newer = s->newer;
	else
		c->oldest_read = s->newer;
	if (s->newer)
		c->slot[s->newer].older = s->older;
	else
		c->newest_read = s->older;
}

static void slot_put(struct content *c, uint16_t i)
{
	if (c->slot[i].kind == KIND_READ)
		read_ends(c, i);
	else if (is_write(&c->slot[i]))
		c->nwrites--;
	c->free[c->nfree++] = i;
}

/* -- posting --------------------------------------------------------------------------------------------- */

static void add_range(struct content_slot *s, uint64_t sector, uint64_t n)
{
	if (sector >= SIMDISK_SECTORS_KEPT || s->nranges == CONTENT_RANGES_MAX)
		return;
	if (n > SIMDISK_SECTORS_KEPT - sector)
		n = SIMDISK_SECTORS_KEPT - sector;
	s->range[s->nranges++] = (struct content_range){sector, (uint32_t)n};
}

static void add_ranges(struct content_slot *s, const struct content_request *q)
{
	struct virtio_blk_discard_write_zeroes w;
	for (uint32_t at = sizeof(struct virtio_blk_outhdr); at + sizeof(w) <= q->bytes_len;
	     at += sizeof(w)) {
		memcpy(&w, q->bytes + at, sizeof(w));
		add_range(s, w.sector, w.num_sectors);
	}
}

static uint32_t lengths(const struct content_request *q, uint32_t from, uint32_t to)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++)
		n += q->piece[i].len;
	return n;
}

static enum kind kind_of(uint32_t type)
{
	static const uint8_t kind[] = {
		[VIRTIO_BLK_T_IN] = KIND_READ,         [VIRTIO_BLK_T_OUT] = KIND_WRITE,
		[VIRTIO_BLK_T_FLUSH] = KIND_FLUSH,     [VIRTIO_BLK_T_GET_ID] = KIND_IDENT,
		[VIRTIO_BLK_T_DISCARD] = KIND_DISCARD, [VIRTIO_BLK_T_WRITE_ZEROES] = KIND_ZEROES,
	};
	return type < sizeof(kind) ? kind[type] : KIND_OTHER;
}

static bool may_write(const struct content *c)
{
	return !(c->vdev->offered >> VIRTIO_BLK_F_RO & 1);
}

static void describe_blk(struct content_slot *s, const struct content_request *q)
{
	struct virtio_blk_outhdr h;
	uint32_t writable = lengths(q, q->nread, q->npieces);
	if (q->bytes_len < sizeof(h))
		return;
	memcpy(&h, q->bytes, sizeof(h));
	s->kind = (uint8_t)kind_of(h.type);
	if (s->kind == KIND_WRITE)
		s->data_len = lengths(q, 0, q->nread) - q->bytes_len;
	else if (s->kind == KIND_READ || s->kind == KIND_IDENT)
		s->data_len = writable ? writable - 1 : 0;
	if (s->kind == KIND_WRITE || s->kind == KIND_READ)
		add_range(s, h.sector, (s->data_len + 511u) / 512);
	else if (s->kind == KIND_DISCARD || s->kind == KIND_ZEROES)
		add_ranges(s, q);
}

/* A read that stores nothing must not find what an earlier one left there. */
static void poison(struct content *c, const struct content_slot *s, const struct content_request *q)
{
	static const uint64_t mark = 0xf5f5f5f5f5f5f5f5ull;
	static const uint8_t status = NO_STATUS;
	const struct content_piece *last = &q->piece[q->npieces - 1];
	for (uint32_t i = q->nread; s->kind == KIND_READ && i < q->npieces; i++) {
		for (uint32_t at = 0, n = q->piece[i].len; at < n; at += 512) {
			if (n - at >= sizeof(mark))
				ram_put(c->ram, gpa_add(q->piece[i].at, at), &mark, sizeof(mark));
			else
				ram_put(c->ram, gpa_add(q->piece[i].at, at), &mark, n - at);
		}
	}
	if (q->has_status && q->npieces > q->nread && last->len)
		ram_put(c->ram, gpa_add(last->at, last->len - 1), &status, 1);
}

static void remember_pieces(struct content *c, struct content_slot *s, const struct content_request *q)
{
	s->npieces = 0;
	if (s->kind != KIND_READ && s->kind != KIND_IDENT && s->kind != KIND_ENTROPY)
		return;
	if (q->npieces - q->nread > CONTENT_PIECES_MAX) {
		s->era = 0; /* not judged */
		return;
	}
	for (uint32_t i = q->nread; i < q->npieces; i++)
		s->piece[s->npieces++] = q->piece[i];
	if (s->kind == KIND_ENTROPY)
		entropy_paint(c, s);
}

static void write_begins(struct content *c, struct content_slot *s)
{
	if (!c->nwrites++)
		c->quiet = c->now - 1;
	s->version = c->version++;
	if (s->kind != KIND_WRITE)
		s->version |= VERSION_ZEROES | (s->kind == KIND_DISCARD ? VERSION_DISCARD : 0);
	for (uint32_t i = 0; may_write(c) && c->trusted && i < s->nranges; i++)
		for (uint32_t k = 0; k < s->range[i].n; k++)
			sector_begin(c, sector_of(c, s->range[i].sector + k), s->version);
}

uint16_t content_posted(struct content *c, const struct content_request *q)
{
	uint16_t i = oracle_is_silent(c->oracle) ? 0 : slot_get(c);
	struct content_slot *s = &c->slot[i];
	if (!i)
		return 0;
	s->posted = tick(c);
	s->era = c->trusted ? c->era : 0;
	s->kind = KIND_OTHER;
	s->nranges = 0;
	s->data_len = 0;
	if (c->disk)
		describe_blk(s, q);
	else
		s->kind = KIND_ENTROPY;
	remember_pieces(c, s, q);
	if (s->kind == KIND_READ)
		read_begins(c, i);
	else if (is_write(s))
		write_begins(c, s);
	if (c->disk)
		poison(c, s, q);
	return i;
}

void content_fill(struct content *c, uint16_t slot, gpa_t a, uint32_t off, uint32_t n)
{
	const struct content_slot *s = &c->slot[slot];
	uint64_t first = s->nranges ? s->range[0].sector : 0;
	for (uint32_t part; n; n -= part, off += part, a = gpa_add(a, part)) {
		uint32_t at = off % PATTERN_LEN;
		part = n < PATTERN_LEN - at ? n : PATTERN_LEN - at;
		uint8_t *p = ram_at(c->ram, a, &part);
		uint32_t version = is_write(s) ? s->version : VERSION_FIRST;
		pattern_part_make(sector_pattern(first + off / PATTERN_LEN, version), p, at, part);
	}
}

/* -- answers --------------------------------------------------------------------------------------------- */

/* True: the first n bytes of what the device wrote are `visit`'s liking. */
static bool each_byte(struct content *c, const struct content_slot *s, uint32_t n,
		      bool (*visit)(struct content *, const struct content_slot *, const uint8_t *,
				    uint32_t off, uint32_t n))
{
	uint32_t off = 0;
	for (uint32_t i = 0; i < s->npieces && off < n; i++) {
		for (uint32_t at = 0, part; at < s->piece[i].len && off < n; at += part, off += part) {
			uint32_t room = PATTERN_LEN - off % PATTERN_LEN;
			part = s->piece[i].len - at;
			part = part < room ? part : room;
			part = part < n - off ? part : n - off;
			const uint8_t *p = ram_at(c->ram, gpa_add(s->piece[i].at, at), &part);
			if (!visit(c, s, p, off, part))
				return false;
		}
	}
	return true;
}

static bool judge_sector(struct content *c, const struct content_slot *s, const uint8_t *p, uint32_t off,
			 uint32_t n)
{
	uint64_t sector = s->range[0].sector + off / PATTERN_LEN;
	if (sector >= SIMDISK_SECTORS_KEPT || sector_allows(c, sector, s->posted, p, off % PATTERN_LEN, n))
		return true;
	const struct content_sector *r = &c->sector[sector];
	const char *clause = r->was_cut ? "blk.op.11" : r->alt[0].version & VERSION_ZEROES ? "blk.op.8" : "";
	oracle_cry(c->oracle, ORACLE_CONTENT, clause,
		   "sector %llu: bytes were read at %u that none of %u possible versions holds there",
		   (unsigned long long)sector, off % PATTERN_LEN, r->nlive);
	return false;
}

static bool judge_ident(struct content *c, const struct content_slot *s, const uint8_t *p, uint32_t off,
			uint32_t n)
{
	(void)s;
	for (uint32_t i = off; i < off + n; i++) {
		if (i >= c->ident_len)
			c->ident[c->ident_len++] = p[i - off];
		if (c->ident[i] == p[i - off])
			continue;
		oracle_cry(c->oracle, ORACLE_CONTENT, "",
			   "byte %u of the device's identification was 0x%02x and is 0x%02x", i, c->ident[i],
			   p[i - off]);
		return false;
	}
	return true;
}

/* Written through, all the time (5.2.6.2, cases 1 and 2): nothing older comes back after a power cut. */
static bool stable_write(const struct content *c, const struct content_slot *s)
{
	const struct vdev *v = c->vdev;
	uint8_t image[VDEV_CONFIG_MAX] = {0};
	if (!(v->offered >> VIRTIO_BLK_F_FLUSH & 1))
		return false;
	if (!(v->accepted >> VIRTIO_BLK_F_FLUSH & 1))
		return true;
	if (!(v->accepted >> VIRTIO_BLK_F_CONFIG_WCE & 1) || !c->cache_set || c->cache_set > s->posted)
		return false;
	v->ops->config_read((struct vdev *)(uintptr_t)v, image);
	return !image[offsetof(struct virtio_blk_config, wce)];
}

static void write_ends(struct content *c, const struct content_slot *s, bool ok)
{
	bool whole = s->kind != KIND_WRITE || s->data_len % PATTERN_LEN == 0;
	bool settles = ok && whole && s->kind != KIND_DISCARD && s->era == c->era;
	bool for_good = settles && stable_write(c, s);
	for (uint32_t i = 0; may_write(c) && i < s->nranges; i++) {
		for (uint32_t k = 0; k < s->range[i].n; k++) {
			struct content_sector *r = sector_of(c, s->range[i].sector + k);
			if (s->era != c->era)
				sector_anything(c, r);
			else if (settles)
				sector_settle(c, r, s->version, s->posted, for_good);
			else
				sector_end(c, r, s->version);
		}
	}
}

static void judge(struct content *c, const struct content_slot *s)
{
	if (s->kind == KIND_READ && s->nranges && s->data_len % PATTERN_LEN == 0)
		each_byte(c, s, s->data_len, judge_sector);
	else if (s->kind == KIND_IDENT)
		each_byte(c, s, s->data_len < CONTENT_IDENT_LEN ? s->data_len : CONTENT_IDENT_LEN,
			  judge_ident);
	else if (s->kind == KIND_FLUSH && s->posted > c->stable)
		c->stable = s->posted;
	else if (s->kind == KIND_WRITE && s->data_len && !may_write(c))
		oracle_cry(c->oracle, ORACLE_CONTENT, "blk.op.3",
			   "a write to a read-only disk is answered OK (%u bytes)", s->data_len);
}

/* -- the end of a request -------------------------------------------------------------------------------- */

void content_answered(struct content *c, uint16_t slot, uint32_t used_len, int status)
{
	struct content_slot *s = &c->slot[slot];
	bool ok = status == VIRTIO_BLK_S_OK;
	if (!slot)
		return;
	tick(c);
	if (is_write(s) && c->trusted)
		write_ends(c, s, ok);
	if (s->era == c->era && s->kind == KIND_ENTROPY)
		entropy_judge(c, s, used_len);
	else if (s->era == c->era && ok)
		judge(c, s);
	slot_put(c, slot);
}

void content_dropped(struct content *c, uint16_t slot)
{
	const struct content_slot *s = &c->slot[slot];
	if (!slot)
		return;
	tick(c);
	if (is_write(s) && c->trusted)
		write_ends(c, s, false);
	slot_put(c, slot);
}

/* -- the host -------------------------------------------------------------------------------------------- */

void content_resized(struct content *c, uint64_t sectors)
{
	for (uint64_t i = sectors; i < c->top; i++)
		if (c->sector[i].era == c->era)
			sector_anything(c, &c->sector[i]);
	if (sectors < c->shrunk)
		c->shrunk = sectors;
}

void content_config_written(struct content *c)
{
	c->cache_set = tick(c);
}

void content_power_cut(struct content *c)
{
	tick(c);
	for (uint32_t i = 0; i < c->top; i++)
		if (c->sector[i].era == c->era)
			sector_power_cut(c, &c->sector[i]);
	c->stable = c->now;
}
