// SPDX-License-Identifier: BSD-2-Clause
/*
 * state: a device's saved state as bytes, and the same bytes as a device again.
 *
 * Numbers are written one by one, little-endian, so that the bytes are the same on every build. What is read
 * is not trusted: whoever reads checks each value as if the guest had written it (state_need). An error
 * sticks, in both directions, so that nobody has to look before the end; until then reads give 0.
 *
 *   magic u32 | version u16 | kind u16 | length of all u32 | ... | crc32c u32 of all before it
 *
 * A type's part is written by its `save` and read by its `load` (vdev.h), in the same order. Any change to
 * what is written is a new STATE_VERSION: bytes of another version are refused.
 */
#ifndef RINGSIDE_STATE_H
#define RINGSIDE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_MAGIC   0x56535352u /* "RSSV" */
#define STATE_VERSION 1u
#define STATE_LEN_MAX (1u << 20) /* bytes; no device has more to tell */

enum state_kind { STATE_MMIO = 1 }; /* a device on that transport */

/* Writes up to room bytes to buf, and goes on counting: so an empty one tells how much room is needed. */
struct state_out {
	uint8_t *buf;
	size_t room, len; /* bytes; len may be larger */
};

void state_begin(struct state_out *, void *buf, size_t room, enum state_kind);
/* Returns the length of all: what is in buf is complete where that is no more than its room. */
size_t state_end(struct state_out *);
void state_put(struct state_out *, const void *, size_t n);
void state_put_u8(struct state_out *, uint8_t);
void state_put_bool(struct state_out *, bool);
void state_put_u16(struct state_out *, uint16_t);
void state_put_u32(struct state_out *, uint32_t);
void state_put_u64(struct state_out *, uint64_t);

struct state_in {
	const uint8_t *buf;
	size_t len, at;
	bool bad; /* these bytes are refused */
};

/* False: these are no such bytes, or damaged ones, or of another version or kind. */
bool state_open(struct state_in *, const void *buf, size_t len, enum state_kind);
/* True: all was read, and nothing was wrong. */
bool state_close(const struct state_in *);
/* Refuses the bytes where ok is false. Returns whether they are still good. */
bool state_need(struct state_in *, bool ok);
void state_get(struct state_in *, void *, size_t n); /* zeroes once the bytes are bad */
/* The next n bytes must be these. */
void state_match(struct state_in *, const void *, size_t n);
uint8_t state_get_u8(struct state_in *);
bool state_get_bool(struct state_in *); /* 0 or 1, nothing else */
uint16_t state_get_u16(struct state_in *);
uint32_t state_get_u32(struct state_in *);
uint64_t state_get_u64(struct state_in *);

#endif
