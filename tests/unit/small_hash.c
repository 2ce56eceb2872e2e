// SPDX-License-Identifier: BSD-2-Clause
/*
 * When two states of a small ring are the same: when nothing that can happen from here on tells them apart.
 * So it does not matter which ids chains have (only their age, and where they stand), nor which descriptors
 * they took in a split ring, nor sequence numbers, nor how long ago an event index was passed.
 *
 * Where the ring stands does matter: at its end positions wrap. Split indices are moved by whole rounds, so
 * that the end of the ring is where 16 bits end (small_rewind): each wrap is both.
 */
#include "hash.h"
#include "tests/unit/small_int.h"

/* -- indices of split rings */

static void move(uint32_t off, uint16_t by)
{
	put(off, (uint16_t)(get(off) + by), 2);
}

void small_rewind(void)
{
	uint16_t by = (uint16_t)(slot(s.seen) - cfg.size - s.seen);
	if (cfg.packed || !by)
		return;
	uint16_t *const index[] = {&s.avail,      &s.kicked,    &s.seen,      &q.next_avail,
				   &q.seen_avail, &q.next_used, &q.published, &q.batch.at};
	for (size_t i = 0; i < sizeof(index) / sizeof(index[0]); i++)
		*index[i] = (uint16_t)(*index[i] + by);
	move(DRIVER + 2, by);
	move(DEVICE + 2, by);
	if (!cfg.event_idx)
		return;
	move(DRIVER + 4 + 2u * cfg.size, by);
	move(DEVICE + 4 + 8u * cfg.size, by);
}

/* -- what is in the ring */

/* With IN_ORDER the age counts: all that no used entry stands for yet, oldest first. */
static uint64_t hash_by_age(uint64_t h)
{
	for (uint32_t i = (uint32_t)s.nunused - s.nposted - q.inflight; i < s.nunused; i++) {
		uint8_t id = s.unused[i];
		uint32_t written = s.life[id] == CHAIN_DONE ? s.written[id] : 0;
		h = hash_u64(h, (uint64_t)s.life[id] << 32 | (uint64_t)s.ndesc[id] << 16 | written);
	}
	return hash_u64(h, (uint64_t)q.batch.open << 1 | q.batch.whole);
}

/* Lengths in order of the ring; of what is in flight, how many of each length. */
static uint64_t hash_by_place(uint64_t h)
{
	uint64_t posted = 1, inflight = 0;
	for (uint32_t i = 0; i < s.nposted; i++)
		posted = posted << 4 | s.ndesc[s.posted[i]];
	for (uint32_t i = 0; i < s.ninflight; i++)
		inflight += 1ull << 8 * s.ndesc[s.inflight[i].id];
	return hash_u64(hash_u64(h, posted), inflight);
}

/* How many chains a used entry stands for, the oldest of them the nth: with IN_ORDER all up to the one it
 * names. */
static uint32_t covers(uint32_t nth, uint32_t id)
{
	uint32_t n = 1;
	while (cfg.in_order && s.unused[nth + n - 1] != id)
		n++;
	return n;
}

/* Used entries that the driver has not taken, staged ones too: how many chains and descriptors each gives
 * back. */
static uint64_t hash_used(uint64_t h)
{
	uint32_t nth = 0;
	for (uint16_t pos = s.seen; pos != q.next_used;) {
		bool staged = !q.batch.open || pos != q.batch.at;
		uint32_t id = get(cfg.packed ? 16 * slot(pos) + 12 : DEVICE + 4 + 8 * slot(pos));
		uint32_t n = covers(nth, staged ? id : q.batch.id), ndesc = 0;
		for (uint32_t i = 0; i < n; i++)
			ndesc += s.ndesc[cfg.in_order ? s.unused[nth + i] : id];
		pos = forward(pos, cfg.packed ? ndesc : n);
		h = hash_u64(h, (uint64_t)n << 8 | ndesc);
		nth += n;
	}
	return h;
}

/* -- who wants to be told of what */

/* How far it is from one index or position to a later one. */
static uint64_t ahead(uint16_t from, uint16_t to)
{
	uint32_t n = 0;
	if (!cfg.packed)
		return (uint16_t)(to - from);
	for (; from != to; n++)
		from = forward(from, 1);
	return n;
}

/*
 * The driver's: due with the next entry, or passed, since it names the place where the driver stands. In a
 * packed ring that place comes again after two rounds: then there is one interrupt too many, and nobody
 * minds.
 */
static uint64_t interrupts_wanted(void)
{
	uint16_t flags = get(cfg.packed ? DRIVER + 2 : DRIVER);
	if (cfg.packed ? flags != VRING_PACKED_EVENT_FLAG_DESC : !cfg.event_idx)
		return flags;
	return get(cfg.packed ? DRIVER : DRIVER + 4 + 2u * cfg.size) == q.published ? 4 : 5;
}

/* The device's: due with the next kick, with the next chain, or passed. */
static uint64_t kicks_wanted(void)
{
	uint16_t flags = get(cfg.packed ? DEVICE + 2 : DEVICE);
	if (cfg.packed ? flags != VRING_PACKED_EVENT_FLAG_DESC : !cfg.event_idx)
		return flags;
	if (get(cfg.packed ? DEVICE : DEVICE + 4 + 8u * cfg.size) == s.avail)
		return 4;
	return s.unkicked && drv_wants_kick() ? 5 : 6;
}

static uint64_t hash_place(uint64_t h)
{
	h = hash_u64(h, ahead(s.seen, q.published) << 48 | ahead(s.seen, q.next_used) << 32 |
				ahead(s.seen, q.next_avail) << 16 | ahead(s.seen, s.avail));
	return cfg.packed ? h : hash_u64(h, ahead(s.seen, q.seen_avail));
}

uint64_t small_hash(bool place)
{
	uint64_t h = cfg.in_order ? hash_by_age(HASH_SEED) : hash_by_place(HASH_SEED);
	bool can_unpop = s.ninflight && s.inflight[s.ninflight - 1].seq == q.seq;
	h = hash_place(hash_used(h));
	h = hash_u64(h, interrupts_wanted() << 32 | kicks_wanted());
	h = hash_u64(h, (uint64_t)s.unkicked << 8 | (uint64_t)q.kicks_off << 5 | (uint64_t)s.irq << 4 |
				(uint64_t)s.kick << 3 | (uint64_t)s.armed << 2 |
				(uint64_t)s.driver_sleeps << 1 | s.device_sleeps);
	h = hash_u64(h, can_unpop ? s.ndesc[s.inflight[s.ninflight - 1].id] : 0);
	return place ? hash_u64(h, s.seen) : h;
}
