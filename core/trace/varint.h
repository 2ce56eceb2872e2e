// SPDX-License-Identifier: BSD-2-Clause
/*
 * Varints (LEB128): seven bits a byte, the lowest first, the top bit set in all bytes but the last. Internal
 * to core/trace. Longer forms of a small value are accepted; a value of more than 64 bits is not.
 */
#ifndef RINGSIDE_TRACE_VARINT_H
#define RINGSIDE_TRACE_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_MAX 10 /* bytes of the longest */

/* Little-endian, unaligned. By memcpy: clang does not make one load of eight bytes and shifts. */
static inline uint32_t varint_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
}

static inline uint64_t varint_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(v) : v;
}

/* Byte by byte: the end of a buffer, and values of over 56 bits. NULL: cut short, or over 64 bits. */
static const uint8_t *__attribute__((noinline, unused))
varint_get_slow(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; p < end; shift += 7) {
		uint64_t b = *p++;

		if (shift == 63 && b > 1) /* or it ends here: there is no eleventh byte */
			return NULL;
		v |= (b & 0x7f) << shift;
		if (b < 0x80) {
			*out = v;
			return p;
		}
	}
	return NULL;
}

/*
 * Reads one value at p; returns what follows it, NULL when it does not end before `end`. One byte is by far
 * the most common, and a predicted branch lets the next field start early. Of the others none branches on its
 * length where eight bytes can be loaded: mispredicted, that costs more than all the rest of the decoding.
 */
static inline const uint8_t *__attribute__((always_inline))
varint_get(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t w, stop;

	if (p < end && *p < 0x80) {
		*out = *p;
		return p + 1;
	}
	if (end - p < 8)
		return varint_get_slow(p, end, out);
	w = varint_load64(p);
	stop = ~w & 0x8080808080808080u; /* the lowest set bit ends the value */
	if (!stop)
		return varint_get_slow(p, end, out);
	w &= stop ^ (stop - 1);
	w = (w & 0x007f007f007f007fu) | (w & 0x7f007f007f007f00u) >> 1;
	w = (w & 0x00003fff00003fffu) | (w & 0x3fff00003fff0000u) >> 2;
	w = (w & 0x000000000fffffffu) | (w & 0x0fffffff00000000u) >> 4;
	*out = w;
	return p + ((unsigned)__builtin_ctzll(stop) + 1) / 8;
}

static inline size_t varint_len(uint64_t v)
{
	return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

static inline uint8_t *varint_put(uint8_t *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*out++ = (uint8_t)(v | 0x80);
	*out++ = (uint8_t)v;
	return out;
}

#endif
