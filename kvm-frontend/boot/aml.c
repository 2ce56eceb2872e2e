// SPDX-License-Identifier: BSD-2-Clause
#include "aml.h"
#include <string.h>

#define OP_ZERO       0x00
#define OP_ONE        0x01
#define OP_NAME       0x08
#define OP_BYTE       0x0a
#define OP_DWORD      0x0c
#define OP_STRING     0x0d
#define OP_SCOPE      0x10
#define OP_BUFFER     0x11
#define OP_PACKAGE    0x12
#define OP_EXT        0x5b
#define OP_EXT_DEVICE 0x82

#define RES_IO          0x47 /* small, 7 bytes follow */
#define RES_MEM32_FIXED 0x86
#define RES_EXT_IRQ     0x89
#define RES_END_TAG     0x79
#define IO_DECODE16     0x01
#define MEM_READ_WRITE  0x01
#define IRQ_CONSUMER    0x01
#define IRQ_EDGE        0x02 /* active high and exclusive are the zero bits */

/* A package length is written in its three-byte form throughout: it can be filled in when the end is known.
 */
#define PKG_LEN_BYTES 3

void aml_bytes(struct aml *a, const void *data, size_t len)
{
	if (a->full || len > a->max - a->len) {
		a->full = true;
		return;
	}
	memcpy(a->buf + a->len, data, len);
	a->len += len;
}

void aml_u8(struct aml *a, uint8_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_u16(struct aml *a, uint16_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

void aml_u32(struct aml *a, uint32_t v)
{
	aml_bytes(a, &v, sizeof(v));
}

static void aml_op_name(struct aml *a, uint8_t op, const char *name)
{
	aml_u8(a, op);
	aml_bytes(a, name, strlen(name));
}

static size_t aml_open(struct aml *a)
{
	size_t mark = a->len;

	aml_bytes(a, "\0\0\0", PKG_LEN_BYTES);
	return mark;
}

void aml_close(struct aml *a, size_t mark)
{
	size_t len = a->len - mark;

	if (a->full)
		return;
	a->buf[mark] = (uint8_t)(0x80 | (len & 0xf));
	a->buf[mark + 1] = (uint8_t)(len >> 4);
	a->buf[mark + 2] = (uint8_t)(len >> 12);
}

size_t aml_open_scope(struct aml *a, const char *name)
{
	size_t mark;

	aml_u8(a, OP_SCOPE);
	mark = aml_open(a);
	aml_bytes(a, name, strlen(name));
	return mark;
}

size_t aml_open_device(struct aml *a, const char *name)
{
	size_t mark;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_DEVICE);
	mark = aml_open(a);
	aml_bytes(a, name, strlen(name));
	return mark;
}

static void aml_int(struct aml *a, uint32_t value)
{
	if (value <= 1) {
		aml_u8(a, value ? OP_ONE : OP_ZERO);
	} else if (value <= 0xff) {
		aml_u8(a, OP_BYTE);
		aml_u8(a, (uint8_t)value);
	} else {
		aml_u8(a, OP_DWORD);
		aml_u32(a, value);
	}
}

void aml_name_int(struct aml *a, const char *name, uint32_t value)
{
	aml_op_name(a, OP_NAME, name);
	aml_int(a, value);
}

void aml_name_string(struct aml *a, const char *name, const char *text)
{
	aml_op_name(a, OP_NAME, name);
	aml_u8(a, OP_STRING);
	aml_bytes(a, text, strlen(text) + 1);
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_name_eisa(struct aml *a, const char *name, const char *id)
{
	/* Three letters of five bits each, then four hex digits, all of it big endian. */
	uint16_t letters = (uint16_t)((id[0] & 0x1f) << 10 | (id[1] & 0x1f) << 5 | (id[2] & 0x1f));

	aml_op_name(a, OP_NAME, name);
	aml_u8(a, OP_DWORD);
	aml_u8(a, (uint8_t)(letters >> 8));
	aml_u8(a, (uint8_t)letters);
	aml_u8(a, (uint8_t)(hex_digit(id[3]) << 4 | hex_digit(id[4])));
	aml_u8(a, (uint8_t)(hex_digit(id[5]) << 4 | hex_digit(id[6])));
}

void aml_name_package(struct aml *a, const char *name, const uint8_t *values, uint8_t n)
{
	size_t mark;

	aml_op_name(a, OP_NAME, name);
	aml_u8(a, OP_PACKAGE);
	mark = aml_open(a);
	aml_u8(a, n);
	for (uint8_t i = 0; i < n; i++)
		aml_int(a, values[i]);
	aml_close(a, mark);
}

/* Buffer (length) {bytes}: the length is an integer of its own, kept as a dword so that it can be filled in.
 */
size_t aml_open_crs(struct aml *a)
{
	size_t mark;

	aml_op_name(a, OP_NAME, "_CRS");
	aml_u8(a, OP_BUFFER);
	mark = aml_open(a);
	aml_u8(a, OP_DWORD);
	aml_u32(a, 0);
	return mark;
}

void aml_memory32_fixed(struct aml *a, uint32_t base, uint32_t len)
{
	aml_u8(a, RES_MEM32_FIXED);
	aml_u16(a, 9);
	aml_u8(a, MEM_READ_WRITE);
	aml_u32(a, base);
	aml_u32(a, len);
}

void aml_io(struct aml *a, uint16_t base, uint8_t len)
{
	aml_u8(a, RES_IO);
	aml_u8(a, IO_DECODE16);
	aml_u16(a, base); /* least and greatest base, alignment */
	aml_u16(a, base);
	aml_u8(a, 1);
	aml_u8(a, len);
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
	aml_u8(a, RES_EXT_IRQ);
	aml_u16(a, 6);
	aml_u8(a, IRQ_CONSUMER | IRQ_EDGE);
	aml_u8(a, 1);
	aml_u32(a, gsi);
}

void aml_close_crs(struct aml *a, size_t mark)
{
	uint32_t len;

	aml_u8(a, RES_END_TAG);
	aml_u8(a, 0); /* checksum: 0 means "not given" */
	if (a->full)
		return;
	len = (uint32_t)(a->len - mark - PKG_LEN_BYTES - 5);
	memcpy(a->buf + mark + PKG_LEN_BYTES + 1, &len, sizeof(len));
	aml_close(a, mark);
}
