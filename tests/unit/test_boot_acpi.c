// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "boot/acpi.h"
#include "boot/aml.h"
#include "boot/layout.h"

#define HEADER_LEN 36

static uint8_t tables[LAYOUT_ACPI_MAX];

static void build_for(unsigned count, unsigned cpus)
{
	struct acpi_virtio virtio[LAYOUT_VIRTIO_MAX];
	struct acpi_machine machine = {virtio, count, cpus};
	char err[ERR_MAX];

	for (unsigned i = 0; i < LAYOUT_VIRTIO_MAX; i++)
		virtio[i] = (struct acpi_virtio){(uint32_t)(LAYOUT_MMIO + i * LAYOUT_MMIO_STEP),
						 (uint32_t)LAYOUT_MMIO_STEP, LAYOUT_GSI_VIRTIO_FIRST + i};
	memset(tables, 0, sizeof(tables));
	assert_int_equal(acpi_build(&machine, tables, sizeof(tables), LAYOUT_ACPI, err), 0);
}

static void build(unsigned count)
{
	build_for(count, 1);
}

static uint64_t number(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, p, len);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

/* A table at a guest address, as an operating system would find and check it. */
static const uint8_t *table_at(uint64_t gpa, const char *signature, uint32_t *len)
{
	const uint8_t *t = tables + (gpa - LAYOUT_ACPI);

	assert_in_range(gpa, LAYOUT_ACPI, LAYOUT_ACPI + sizeof(tables) - HEADER_LEN);
	assert_memory_equal(t, signature, 4);
	*len = (uint32_t)number(t + 4, 4);
	assert_in_range(*len, HEADER_LEN, sizeof(tables) - (gpa - LAYOUT_ACPI));
	assert_int_equal(sum(t, *len), 0);
	return t;
}

/* From the RSDP on, as Linux goes. index: of the XSDT's entry. */
static const uint8_t *find(const char *signature, unsigned index, uint32_t *len)
{
	const uint8_t *xsdt;
	uint32_t xsdt_len;

	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	xsdt = table_at(number(tables + 24, 8), "XSDT", &xsdt_len);
	assert_int_equal(xsdt_len, HEADER_LEN + 2 * 8);
	return table_at(number(xsdt + HEADER_LEN + index * 8, 8), signature, len);
}

static const uint8_t *find_dsdt(uint32_t *len)
{
	uint32_t fadt_len;

	return table_at(number(find("FACP", 0, &fadt_len) + 140, 8), "DSDT", len);
}

static void fadt_is_hardware_reduced(void **state)
{
	uint32_t len;
	const uint8_t *f;

	(void)state;
	build(1);
	f = find("FACP", 0, &len);
	assert_int_equal(len, 276);
	assert_int_equal(number(f + 112, 4) & (1u << 20 | 1u << 10), 1u << 20 | 1u << 10);
	assert_int_equal(f[116], 1); /* reset register: system I/O */
	assert_int_equal(number(f + 120, 8), LAYOUT_PORT_RESET);
	assert_int_equal(f[128], LAYOUT_RESET_VALUE);
	assert_int_equal(number(f + 248, 8), LAYOUT_PORT_SLEEP_CONTROL);
	assert_int_equal(number(f + 260, 8), LAYOUT_PORT_SLEEP_STATUS);
}

/* The processors' ids are what CPUID says of each, from 0 on. */
static void madt_tells_processors_and_one_ioapic(void **state)
{
	uint32_t len;
	const uint8_t *m;

	(void)state;
	for (unsigned cpus = 1; cpus <= LAYOUT_CPUS_MAX; cpus++) {
		build_for(0, cpus);
		m = find("APIC", 1, &len);
		assert_int_equal(len, 56 + cpus * 8);
		assert_int_equal(number(m + 36, 4), LAYOUT_LAPIC);
		assert_int_equal(number(m + 40, 4), 0); /* no PC/AT PICs */
		assert_int_equal(m[44], 1);
		assert_int_equal(number(m + 48, 4), LAYOUT_IOAPIC);
		for (unsigned i = 0; i < cpus; i++) {
			uint8_t lapic[] = {0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0};

			assert_memory_equal(m + 56 + i * 8, lapic, sizeof(lapic));
		}
	}
}

/* How often the bytes occur: devices, ranges and interrupts can be counted without a parser. */
static unsigned count(const uint8_t *p, uint32_t len, const void *what, uint32_t n)
{
	unsigned found = 0;

	for (uint32_t i = 0; i + n <= len; i++)
		found += !memcmp(p + i, what, n);
	return found;
}

static void dsdt_describes_each_device(void **state)
{
	uint32_t len;
	const uint8_t *d;

	(void)state;
	for (unsigned n = 0; n <= LAYOUT_VIRTIO_MAX; n++) {
		build(n);
		d = find_dsdt(&len);
		assert_int_equal(count(d, len, "LNRO0005", 9), n);
		assert_int_equal(count(d, len, "\x5b\x82", 2), n + 1);
		for (unsigned i = 0; i < n; i++) {
			uint32_t memory[2] = {(uint32_t)(LAYOUT_MMIO + i * LAYOUT_MMIO_STEP),
					      (uint32_t)LAYOUT_MMIO_STEP};
			uint8_t irq[] = {0x89, 6, 0, 3, 1, (uint8_t)(LAYOUT_GSI_VIRTIO_FIRST + i), 0, 0, 0};

			assert_int_equal(count(d, len, memory, sizeof(memory)), 1);
			assert_int_equal(count(d, len, irq, sizeof(irq)), 1);
		}
	}
}

/* Any size of buffer: all of it, or an error; not a byte past the end (exact heap blocks, for ASan). */
static void small_buffers_are_refused(void **state)
{
	struct acpi_virtio virtio = {0xd0000000, 0x1000, 5};
	struct acpi_machine machine = {&virtio, 1, 2};
	char err[ERR_MAX];
	int rc = -1;
	size_t max = 1;

	(void)state;
	for (; rc && max < 4096; max++) {
		uint8_t *buf = malloc(max);

		rc = acpi_build(&machine, buf, max, LAYOUT_ACPI, err);
		free(buf);
	}
	assert_int_equal(rc, 0);
	assert_in_range(max, 600, 1000);
}

static void write_table(const char *folder, const char *name, const uint8_t *t, uint32_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.aml", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(t, 1, len, f), len);
	fclose(f);
}

/* Intel's own disassembler reads every table; and its compiler takes the DSDT's text back without a
 * complaint. */
static void iasl_reads_them(void **state)
{
	char folder[] = "/tmp/ringside-acpi.XXXXXX", command[2048];
	uint32_t len;
	const uint8_t *t;

	(void)state;
	assert_non_null(mkdtemp(folder));
	build_for(3, 5);
	t = find_dsdt(&len);
	write_table(folder, "DSDT", t, len);
	t = find("FACP", 0, &len);
	write_table(folder, "FACP", t, len);
	t = find("APIC", 1, &len);
	write_table(folder, "APIC", t, len);
	t = table_at(number(tables + 24, 8), "XSDT", &len);
	write_table(folder, "XSDT", t, len);
	snprintf(command, sizeof(command),
		 "cd %s && PATH=$PATH:/usr/sbin && command -v iasl >/dev/null && iasl -d *.aml >log 2>&1 && "
		 "! grep -iE 'error|warning|checksum|invalid' log && iasl -p again DSDT.dsl >log2 2>&1 && "
		 "grep -q '0 Errors, 0 Warnings' log2 && test $(grep -c LNRO0005 DSDT.dsl) = 3",
		 folder);
	if (system(command))
		fail_msg("iasl (package acpica-tools) is missing or complains; see %s", folder);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void long_packages_get_their_length(void **state)
{
	static uint8_t buf[8192];
	struct aml a = {.buf = buf, .max = sizeof(buf)};
	size_t scope = aml_open_scope(&a, "\\_SB_");

	(void)state;
	for (int i = 0; i < 600; i++)
		aml_name_int(&a, "NUMB", 2);
	aml_close(&a, scope);
	assert_false(a.full);
	assert_int_equal(buf[1] >> 6, 2); /* two more bytes of length */
	assert_int_equal((buf[1] & 0xf) | buf[2] << 4 | buf[3] << 12, a.len - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fadt_is_hardware_reduced),
		cmocka_unit_test(madt_tells_processors_and_one_ioapic),
		cmocka_unit_test(dsdt_describes_each_device),
		cmocka_unit_test(small_buffers_are_refused),
		cmocka_unit_test(iasl_reads_them),
		cmocka_unit_test(long_packages_get_their_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
