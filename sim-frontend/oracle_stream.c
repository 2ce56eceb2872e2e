// SPDX-License-Identifier: BSD-2-Clause
#include "oracle_stream.h"
#include "oracle_int.h"

#define CRY(s, ...) oracle_cry((s)->oracle, ORACLE_CONTENT, "", __VA_ARGS__)

enum { OUTPUT, INPUT };

/* Neighbours differ, and so do streams; the period is far beyond what is ever under way. */
static uint8_t byte_of(uint16_t port, int way, uint64_t i)
{
	return (uint8_t)(i * 167 + (i >> 8) * 59 + (i >> 16) * 17 + port * 31u + (way == INPUT ? 97 : 0));
}

/* Up to 256 bytes from i on, made at once: a byte at a time, they are a sixth of a fuzzer's time. Returns how many. */
static uint32_t make_bytes(uint8_t *out, uint32_t n, uint16_t port, int way, uint64_t i)
{
	uint8_t low = (uint8_t)i, first = byte_of(port, way, i - low);
	n = n < 256u - low ? n : 256u - low;
	for (uint32_t k = 0; k < n; k++)
		out[k] = (uint8_t)(first + (uint8_t)(low + k) * 167);
	return n;
}

static void put_bytes(uint8_t *out, uint32_t n, uint16_t port, int way, uint64_t *i)
{
	for (uint32_t part; n; n -= part, out += part, *i += part)
		part = make_bytes(out, n, port, way, *i);
}

/* How many of n bytes are those from i on. */
static uint32_t same_bytes(const uint8_t *bytes, uint32_t n, uint16_t port, int way, uint64_t i)
{
	uint8_t want[256];
	uint32_t good = 0;
	while (good < n) {
		uint32_t part = make_bytes(want, n - good, port, way, i + good);
		if (memcmp(want, bytes + good, part) != 0)
			break;
		good += part;
	}
	while (good < n && bytes[good] == byte_of(port, way, i + good))
		good++;
	return good;
}

/* -- lives ----------------------------------------------------------------------------------------------- */

void stream_init(struct stream *s, struct oracle *o, struct ram *ram)
{
	s->oracle = o;
	s->ram = ram;
}

static void begin_all(struct stream *s)
{
	memset(s->port, 0, sizeof(s->port));
	s->trusted = true;
}

void stream_restart(struct stream *s)
{
	begin_all(s);
	s->nfree = 0;
	s->fresh = 1;
}

void stream_distrust(struct stream *s)
{
	s->trusted = false;
}

void stream_trust(struct stream *s)
{
	if (!s->trusted)
		begin_all(s);
}

void stream_reset(struct stream *s, uint16_t port, bool output)
{
	struct stream_port *p = &s->port[port];
	if (output) {
		p->taken = p->sent;
		p->unsure = false;
	} else {
		p->got = p->given;
	}
}

/* -- chains ---------------------------------------------------------------------------------------------- */

uint16_t stream_posted(struct stream *s, uint16_t queue, uint8_t port, const struct content_piece *piece,
		       uint32_t npieces)
{
	uint16_t i = 0;
	if (npieces > STREAM_PIECES_MAX)
		return 0;
	if (s->nfree)
		i = s->free[--s->nfree];
	else if (s->fresh < STREAM_SLOTS_MAX)
		i = s->fresh++;
	s->slot[i].queue = queue;
	s->slot[i].port = port;
	s->slot[i].npieces = (uint8_t)npieces;
	memcpy(s->slot[i].piece, piece, npieces * sizeof(*piece));
	return i;
}

bool stream_bytes(const struct stream *s, uint16_t slot, void *out, uint32_t n)
{
	const struct stream_slot *b = &s->slot[slot];
	uint8_t *to = out;
	for (uint32_t i = 0; slot && i < b->npieces && n; i++) {
		uint32_t part = n < b->piece[i].len ? n : b->piece[i].len;
		if (part && !ram_read(s->ram, b->piece[i].at, to, part))
			return false;
		to += part;
		n -= part;
	}
	return n == 0;
}

/* -- output ---------------------------------------------------------------------------------------------- */

void stream_begin(struct stream *s, uint16_t port, bool there, bool idle)
{
	if (idle && s->port[port].unsure)
		stream_reset(s, port, true);
	if (!there)
		stream_cut(s, port);
}

void stream_send(struct stream *s, uint16_t port, gpa_t a, uint32_t n)
{
	struct stream_port *p = &s->port[port];
	for (uint32_t part; n; n -= part, a = gpa_add(a, part)) {
		part = n;
		uint8_t *host = ram_at(s->ram, a, &part);
		put_bytes(host, part, port, OUTPUT, &p->sent);
	}
}

void stream_taken(struct stream *s, const struct console_io *io)
{
	struct stream_port *p = &s->port[io->port];
	uint64_t good = p->taken;
	bool same = true;
	if (!s->trusted || p->unsure)
		return;
	if (io->len > p->sent - p->taken)
		CRY(s, "port %u: %u bytes of output come, but only %llu more were sent", io->port, io->len,
		    (unsigned long long)(p->sent - p->taken));
	for (uint16_t i = 0; i < io->nspans && same; i++) {
		uint32_t n = (uint32_t)io->span[i].len,
			 here = same_bytes(io->span[i].base, n, io->port, OUTPUT, good);
		good += here;
		same = here == n;
	}
	if (!same)
		CRY(s, "port %u: byte %llu of the output is not what was sent there", io->port,
		    (unsigned long long)good);
	p->taken += io->len;
}

void stream_cut(struct stream *s, uint16_t port)
{
	s->port[port].unsure = true;
}

/* -- input ----------------------------------------------------------------------------------------------- */

void stream_asked(struct stream *s, uint16_t port, bool open)
{
	if (!open && s->trusted)
		CRY(s, "port %u: input is asked for, and the guest has not opened it", port);
}

void stream_give(struct stream *s, const struct console_io *io, uint32_t n)
{
	struct stream_port *p = &s->port[io->port];
	for (uint16_t i = 0; i < io->nspans && n; i++) {
		uint8_t *at = io->span[i].base;
		uint32_t part = n < io->span[i].len ? n : (uint32_t)io->span[i].len;
		put_bytes(at, part, io->port, INPUT, &p->given);
		n -= part;
	}
}

/* How many of n bytes at a are the next ones. */
static uint32_t found(struct stream *s, struct stream_port *p, uint8_t port, gpa_t a, uint32_t n)
{
	uint32_t good = 0, part;
	for (uint32_t done = 0; done < n; done += part, p->got += part) {
		part = n - done;
		const uint8_t *host = ram_at(s->ram, gpa_add(a, done), &part);
		if (good == done)
			good += same_bytes(host, part, port, INPUT, p->got);
	}
	return good;
}

static void judge_input(struct stream *s, const struct stream_slot *b, uint32_t n)
{
	struct stream_port *p = &s->port[b->port];
	uint64_t from = p->got, good = 0;
	bool same = true;
	if (n > p->given - p->got)
		CRY(s, "port %u: %u bytes of input come, but only %llu more were given", b->port, n,
		    (unsigned long long)(p->given - p->got));
	for (uint32_t i = 0, part; i < b->npieces && n; i++, n -= part) {
		part = n < b->piece[i].len ? n : b->piece[i].len;
		uint32_t here = found(s, p, b->port, b->piece[i].at, part);
		good += same ? here : 0;
		same = same && here == part;
	}
	if (!same)
		CRY(s, "port %u: byte %llu of the input is not what was given", b->port,
		    (unsigned long long)(from + good));
}

void stream_got(struct stream *s, uint16_t slot, uint32_t n)
{
	if (!slot)
		return;
	if (s->trusted && !(s->slot[slot].queue & 1) && s->slot[slot].port != STREAM_NONE)
		judge_input(s, &s->slot[slot], n);
	stream_dropped(s, slot);
}

void stream_dropped(struct stream *s, uint16_t slot)
{
	if (slot)
		s->free[s->nfree++] = slot;
}

/* -- in the end ------------------------------------------------------------------------------------------ */

void stream_quiet(struct stream *s, uint16_t port)
{
	const struct stream_port *p = &s->port[port];
	if (!s->trusted)
		return;
	if (p->sent != p->taken && !p->unsure)
		CRY(s, "port %u: %llu bytes of output never came", port,
		    (unsigned long long)(p->sent - p->taken));
	if (p->given != p->got)
		CRY(s, "port %u: %llu bytes of input were given, and %llu arrived", port,
		    (unsigned long long)p->given, (unsigned long long)p->got);
}
