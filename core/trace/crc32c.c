// SPDX-License-Identifier: BSD-2-Clause
#include "trace/op.h"
#include "trace/varint.h"

/*
 * crc32c, eight bytes a step. A crc is linear over the bits of its input, so each table is made of the eight
 * values for single bits, and those follow from each other by one division step: the compiler does all of it.
 */
#define POLY    0x82f63b78u /* Castagnoli, bits reversed */
#define STEP(c) (((c) >> 1) ^ ((c)&1 ? POLY : 0))

/* P<8t+b>: what bit 7-b of a byte becomes after the byte and t further zero bytes. */
#define EIGHT(t, prev)                                                                                   \
	P##t##0 = STEP(prev), P##t##1 = STEP(P##t##0), P##t##2 = STEP(P##t##1), P##t##3 = STEP(P##t##2), \
	P##t##4 = STEP(P##t##3), P##t##5 = STEP(P##t##4), P##t##6 = STEP(P##t##5), P##t##7 = STEP(P##t##6)
enum {
	EIGHT(0, 1u), /* one step from a lone lowest bit gives the polynomial */
	EIGHT(1, P07),
	EIGHT(2, P17),
	EIGHT(3, P27),
	EIGHT(4, P37),
	EIGHT(5, P47),
	EIGHT(6, P57),
	EIGHT(7, P67),
};

#define BIT(i, b, p) ((i) & (b) ? (uint32_t)(p) : 0u)
#define ENTRY(t, i)                                                                               \
	(BIT(i, 128, P##t##0) ^ BIT(i, 64, P##t##1) ^ BIT(i, 32, P##t##2) ^ BIT(i, 16, P##t##3) ^ \
	 BIT(i, 8, P##t##4) ^ BIT(i, 4, P##t##5) ^ BIT(i, 2, P##t##6) ^ BIT(i, 1, P##t##7))
#define ROW4(t, i)  ENTRY(t, i), ENTRY(t, (i) + 1), ENTRY(t, (i) + 2), ENTRY(t, (i) + 3)
#define ROW16(t, i) ROW4(t, i), ROW4(t, (i) + 4), ROW4(t, (i) + 8), ROW4(t, (i) + 12)
#define ROW64(t, i) ROW16(t, i), ROW16(t, (i) + 16), ROW16(t, (i) + 32), ROW16(t, (i) + 48)
#define TABLE(t)                                                        \
	{                                                               \
		ROW64(t, 0), ROW64(t, 64), ROW64(t, 128), ROW64(t, 192) \
	}

static const uint32_t table[8][256] = {
	TABLE(0), TABLE(1), TABLE(2), TABLE(3), TABLE(4), TABLE(5), TABLE(6), TABLE(7),
};

static uint32_t crc_eight(uint32_t crc, const uint8_t *p)
{
	uint32_t a = crc ^ varint_load32(p), b = varint_load32(p + 4);

	return table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^ table[5][a >> 16 & 0xff] ^ table[4][a >> 24] ^
	       table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^ table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8)
		crc = crc_eight(crc, p);
	for (; n; n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
