// SPDX-License-Identifier: BSD-2-Clause
/*
 * A small builder of AML, ACPI's byte code (ACPI 6.5, chapter 20): just what a table of devices needs.
 *
 * It writes into a buffer of the caller and never past it: when the buffer is full, `full` is set and the
 *rest is dropped, so one check at the end is enough. Things that contain others are opened and closed:
 *
 *	size_t scope = aml_open_scope(&a, "\\_SB_");
 *	...
 *	aml_close(&a, scope);
 *
 * Names are four characters ("COM1", "_HID"), for a scope with a leading backslash.
 */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *buf;
	size_t len, max;
	bool full;
};

void aml_bytes(struct aml *, const void *data, size_t len);
void aml_u8(struct aml *, uint8_t);
void aml_u16(struct aml *, uint16_t);
void aml_u32(struct aml *, uint32_t);

size_t aml_open_scope(struct aml *, const char *name);
size_t aml_open_device(struct aml *, const char *name);
void aml_close(struct aml *, size_t mark);

/* Name (name, value) for the kinds of value in use. id: seven characters such as "PNP0501". */
void aml_name_int(struct aml *, const char *name, uint32_t value);
void aml_name_string(struct aml *, const char *name, const char *text);
void aml_name_eisa(struct aml *, const char *name, const char *id);
void aml_name_package(struct aml *, const char *name, const uint8_t *values, uint8_t n);

/* Name (_CRS, ResourceTemplate () {...}): open, resources, close. */
size_t aml_open_crs(struct aml *);
void aml_memory32_fixed(struct aml *, uint32_t base, uint32_t len);
void aml_io(struct aml *, uint16_t base, uint8_t len);
void aml_interrupt(struct aml *, uint32_t gsi); /* edge, active high, exclusive */
void aml_close_crs(struct aml *, size_t mark);

#endif
