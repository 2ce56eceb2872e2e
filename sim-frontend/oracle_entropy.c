// SPDX-License-Identifier: BSD-2-Clause
/* The content of entropy: what the source gave, each byte once, and nothing else is touched. */
#include "hash.h"
#include "oracle_int.h"
#include "oracle_sectors.h"

#define CANARY 0xc5

static void paint(struct content *c, const struct content_piece *p)
{
	ram_touch(c->ram, p->at, p->len);
	for (uint32_t at = 0, n; at < p->len; at += n) {
		n = p->len - at;
		uint8_t *host = ram_at(c->ram, gpa_add(p->at, at), &n);
		memset(host, CANARY, n);
	}
}

void entropy_paint(struct content *c, const struct content_slot *s)
{
	for (uint32_t i = 0; i < s->npieces; i++)
		paint(c, &s->piece[i]);
}

void content_source(struct content *c, uint64_t at, uint32_t n)
{
	if (!n)
		return;
	if (c->nchunks == CONTENT_CHUNKS_MAX) /* the oldest was dropped with its request */
		memmove(&c->chunk[0], &c->chunk[1], --c->nchunks * sizeof(c->chunk[0]));
	c->chunk[c->nchunks++] = (struct content_chunk){at, n};
}

struct reader {
	const struct content_slot *slot;
	uint32_t piece, at;
};

/* The next n <= 8 bytes of what the device wrote. */
static uint64_t next_bytes(const struct content *c, struct reader *r, uint32_t n)
{
	uint64_t v = 0;
	for (uint32_t done = 0, part; done < n && r->piece < r->slot->npieces; done += part, r->at += part) {
		const struct content_piece *p = &r->slot->piece[r->piece];
		part = p->len - r->at < n - done ? p->len - r->at : n - done;
		ram_read(c->ram, gpa_add(p->at, r->at), (uint8_t *)&v + done, part);
		if (r->at + part == p->len) {
			r->piece++;
			r->at = 0 - part;
		}
	}
	return v;
}

static bool holds_chunk(const struct content *c, const struct content_slot *s, const struct content_chunk *k)
{
	struct reader r = {.slot = s};
	for (uint32_t i = 0; i < k->n; i += 8) {
		uint32_t n = k->n - i < 8 ? k->n - i : 8;
		uint64_t want = hash_u64(HASH_SEED, k->at + i);
		if (n < 8)
			want &= (1ull << 8 * n) - 1;
		if (next_bytes(c, &r, n) != want)
			return false;
	}
	return true;
}

static bool claim_chunk(struct content *c, const struct content_slot *s, uint32_t len)
{
	for (uint32_t i = 0; i < c->nchunks; i++) {
		if (c->chunk[i].n != len || !holds_chunk(c, s, &c->chunk[i]))
			continue;
		memmove(&c->chunk[i], &c->chunk[i + 1], (--c->nchunks - i) * sizeof(c->chunk[0]));
		return true;
	}
	return false;
}

/* Only what lies behind the used length. */
static bool is_untouched(const struct content *c, const struct content_slot *s, uint32_t used_len)
{
	uint32_t start = 0;
	for (uint32_t i = 0; i < s->npieces; start += s->piece[i++].len) {
		uint32_t skip = used_len > start ? used_len - start : 0;
		for (uint32_t at = skip, n; at < s->piece[i].len; at += n) {
			n = s->piece[i].len - at;
			const uint8_t *p = ram_at(c->ram, gpa_add(s->piece[i].at, at), &n);
			if (p[0] != CANARY || memcmp(p, p + 1, n - 1) != 0)
				return false;
		}
	}
	return true;
}

void entropy_judge(struct content *c, const struct content_slot *s, uint32_t used_len)
{
	uint32_t room = 0;
	for (uint32_t i = 0; i < s->npieces; i++)
		room += s->piece[i].len;
	if (used_len > room) /* the used ring's oracle has it */
		return;
	if (!used_len && room)
		oracle_cry(c->oracle, ORACLE_CONTENT, "rng.op.1",
			   "an answer without a random byte, and there is room for %u", room);
	else if (used_len && !claim_chunk(c, s, used_len))
		oracle_cry(c->oracle, ORACLE_CONTENT, "rng.op.1",
			   "%u bytes are said to be random, but the source never gave them", used_len);
	else if (!is_untouched(c, s, used_len))
		oracle_cry(c->oracle, ORACLE_CONTENT, "rng.op.1",
			   "bytes were stored beyond the %u that the used length tells", used_len);
}
