// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/small_int.h"

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

uint16_t forward(uint16_t pos, uint32_t n)
{
	if (!cfg.packed)
		return (uint16_t)(pos + n);
	for (; n; n--)
		pos = slot(pos) + 1 == cfg.size ? (uint16_t)(~pos & WRAP) : (uint16_t)(pos + 1);
	return pos;
}

static void put_desc(uint32_t i, uint8_t id, bool last, uint16_t half0, uint16_t half1)
{
	put(16 * i, (uint32_t)BASE + DATA + 16u * id + (last ? 8 : 0), 4);
	put(16 * i + 4, 0, 4);
	put(16 * i + 8, last ? WRITE : 8, 4);
	put(16 * i + 12, half0, 2);
	put(16 * i + 14, half1, 2);
}

static uint16_t desc_flags(bool last)
{
	return last ? VRING_DESC_F_WRITE : VRING_DESC_F_NEXT;
}

/* Takes free descriptors, lowest first; the first is the head, and so the id. */
static uint8_t post_split(uint32_t n)
{
	uint8_t at[SMALL_SIZE_MAX] = {0};
	uint32_t k = 0;
	for (uint32_t i = 0; k < n; i++)
		if (!s.desc_owner[i])
			at[k++] = (uint8_t)i;
	for (k = 0; k < n; k++) {
		bool last = k + 1u == n;
		s.desc_owner[at[k]] = (uint8_t)(at[0] + 1);
		put_desc(at[k], at[0], last, desc_flags(last), last ? 0 : at[k + 1]);
	}
	put(DRIVER + 4 + 2 * slot(s.avail), at[0], 2);
	put(DRIVER + 2, (uint16_t)(s.avail + 1), 2);
	return at[0];
}

static uint8_t post_packed(uint32_t n)
{
	uint8_t id = 0;
	while (s.life[id] != CHAIN_FREE)
		id++;
	for (uint32_t k = n; k-- > 0;) {
		uint16_t pos = forward(s.avail, k);
		uint16_t flags = desc_flags(k + 1 == n) | (pos & WRAP ? F_AVAIL : F_USED);
		put_desc(slot(pos), id, k + 1 == n, id, flags);
	}
	return id;
}

bool drv_post(uint32_t n)
{
	if (n > s.nfree ||
	    n + s.unkicked > cfg.size) /* a driver counts what it kicks for in ring sizes at most */
		return false;
	uint8_t id = cfg.packed ? post_packed(n) : post_split(n);
	s.avail = forward(s.avail, cfg.packed ? n : 1);
	s.life[id] = CHAIN_POSTED;
	s.ndesc[id] = (uint8_t)n;
	s.nfree = (uint8_t)(s.nfree - n);
	s.posted[s.nposted++] = s.unused[s.nunused++] = id;
	s.unkicked = (uint8_t)(s.unkicked + n);
	return true;
}

/* As Linux decides it: with slots, and counted back from the newest one. */
static bool packed_wants_kick(void)
{
	uint16_t flags = get(DEVICE + 2), off_wrap = get(DEVICE);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	uint16_t new = (uint16_t)slot(s.avail), event = off_wrap &(WRAP - 1), added = 0;
	for (uint16_t p = s.kicked; p != s.avail; p = forward(p, 1))
		added++;
	if ((off_wrap ^ s.avail) & WRAP)
		event = (uint16_t)(event - cfg.size);
	return vring_need_event(event, new, (uint16_t)(new - added));
}

static bool split_wants_kick(void)
{
	if (cfg.event_idx)
		return vring_need_event(get(DEVICE + 4 + 8u * cfg.size), s.avail, s.kicked);
	return !(get(DEVICE) & VRING_USED_F_NO_NOTIFY);
}

bool drv_wants_kick(void)
{
	return cfg.packed ? packed_wants_kick() : split_wants_kick();
}

bool drv_kick(void)
{
	if (!s.unkicked)
		return false;
	s.kick |= drv_wants_kick();
	s.kicked = s.avail;
	s.unkicked = 0;
	return true;
}

bool drv_sees_used(void)
{
	if (!cfg.packed)
		return get(DEVICE + 2) != s.seen;
	uint16_t want = s.seen & WRAP ? F_AVAIL | F_USED : 0;
	return (get(16 * slot(s.seen) + 14) & (F_AVAIL | F_USED)) == want;
}

static void take_back(uint32_t nth)
{
	uint8_t id = s.unused[nth];
	assert_int_equal(s.life[id], CHAIN_DONE);
	s.life[id] = CHAIN_FREE;
	s.armed = false; /* for another place than where we stand now */
	s.nfree = (uint8_t)(s.nfree + s.ndesc[id]);
	s.seen = forward(s.seen, cfg.packed ? s.ndesc[id] : 1);
	for (uint32_t i = 0; i < cfg.size; i++)
		if (s.desc_owner[i] == id + 1u)
			s.desc_owner[i] = 0;
	drop(s.unused, &s.nunused, nth);
}

/* Every entry names a chain that was completed, once, with the length it was completed with; with IN_ORDER it
 * covers all that are older, and those were written whole. */
bool drv_reap(void)
{
	if (s.driver_sleeps || !drv_sees_used())
		return false;
	uint32_t at = cfg.packed ? 16 * slot(s.seen) + 8 : DEVICE + 4 + 8 * slot(s.seen);
	uint32_t id = get(cfg.packed ? at + 4 : at), len = get(cfg.packed ? at : at + 4), nth = 0;
	assert_true(id < cfg.size);
	while (nth < s.nunused && s.unused[nth] != id)
		nth++;
	assert_true(nth < s.nunused);
	assert_int_equal(len, s.written[id]);
	for (uint32_t i = 0; cfg.in_order && i < nth; i++) {
		assert_int_equal(s.written[s.unused[0]], WRITE);
		take_back(0);
	}
	take_back(cfg.in_order ? 0 : nth);
	return true;
}

bool drv_suppress(void)
{
	if (s.driver_sleeps)
		return false;
	s.armed = false;
	if (cfg.packed)
		put(DRIVER + 2, VRING_PACKED_EVENT_FLAG_DISABLE, 2);
	else if (cfg.event_idx)
		put(DRIVER + 4 + 2u * cfg.size, (uint16_t)(s.seen - 1), 2);
	else
		put(DRIVER, VRING_AVAIL_F_NO_INTERRUPT, 2);
	return true;
}

bool drv_arm(void)
{
	if (s.driver_sleeps)
		return false;
	s.armed = true;
	if (cfg.packed) {
		put(DRIVER, s.seen, 2);
		put(DRIVER + 2, cfg.event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE,
		    2);
	} else if (cfg.event_idx) {
		put(DRIVER + 4 + 2u * cfg.size, s.seen, 2);
	} else {
		put(DRIVER, 0, 2);
	}
	return true;
}

/* The last look before sleeping; what was armed must be where the driver stands. */
bool drv_look(void)
{
	if (s.driver_sleeps || !s.armed)
		return false;
	s.armed = false;
	s.driver_sleeps = !drv_sees_used();
	return true;
}

bool drv_wake(void)
{
	if (!s.irq)
		return false;
	s.irq = s.driver_sleeps = false;
	return true;
}
