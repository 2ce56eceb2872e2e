// SPDX-License-Identifier: BSD-2-Clause
/*
 * What ringside-vmm does with somebody else's kernel and initrd before the guest runs: the bzImage and ELF
 * loaders, initrd placement, the command line, boot information and ACPI tables, on arbitrary files and options.
 *
 * An input: 8 bytes of options, 16 bits that say how long the initrd is, then the kernel; what is missing is zero; the initrd
 * is made of that many zeroes. Memory is only as large as the options say, with redzones around it.
 */
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/layout.h"
#include "hash.h"
#include "target.h"

#define LOW_MAX     (LAYOUT_MEMORY_MIN + (8u << 20))
#define OPTIONS_LEN 10u
#define CMDLINE_MAX 4096u
#define DEVICES_MAX 32u

static uint8_t *low; /* LOW_MAX bytes */
static uint8_t initrd[65536], acpi[LAYOUT_ACPI_MAX];
static struct boot_image image;
static int refused; /* by the loader of that number; 0: by none */

/* Exactly as long as it says, at the end of the block: what goes on is seen. Nobody reads what it holds, so it is
 * not cleared. */
static struct boot_ram ram_of(const uint8_t *o)
{
	uint64_t len = LAYOUT_MEMORY_MIN + (uint64_t)(o[0] & 15) * (512u << 10);
	if (!low)
		low = malloc(LOW_MAX);
	if (!low)
		exit(2);
	return (struct boot_ram){
		.base = low + LOW_MAX - len, .low_len = len, .high_len = (uint64_t)o[1] << 20};
}

static void tables(const uint8_t *o)
{
	static struct acpi_virtio device[DEVICES_MAX];
	char err[ERR_MAX];
	struct acpi_machine m = {.virtio = device, .virtio_count = o[2] % (DEVICES_MAX + 1)};
	for (unsigned i = 0; i < m.virtio_count; i++)
		device[i] =
			(struct acpi_virtio){(uint32_t)(LAYOUT_MMIO + i * LAYOUT_MMIO_STEP), o[3], o[4] + i};
	size_t max = (size_t)o[5] << 9;
	if (acpi_build(&m, acpi, max < sizeof(acpi) ? max : sizeof(acpi), LAYOUT_ACPI, err) == 0 &&
	    memcmp(acpi, "RSD PTR ", 8) != 0)
		abort();
}

static uint64_t hash(void)
{
	uint64_t h = hash_u64(hash_bytes(HASH_SEED, acpi, sizeof(acpi)), (uint64_t)refused);
	h = hash_u64(hash_u64(h, image.entry), image.end);
	return hash_u64(hash_u64(h, image.initrd_gpa), image.initrd_len);
}

/* The number of the loader that refused it, from 1. */
static int load(const struct boot_ram *ram, const uint8_t *o, const uint8_t *kernel, size_t n)
{
	static char cmdline[CMDLINE_MAX + 1];
	char err[ERR_MAX];
	uint64_t initrd_len = (uint64_t)o[8] | (uint64_t)o[9] << 8;
	uint32_t chars = (uint32_t)o[6] << 4;
	if (boot_load_kernel(ram, kernel, n, &image, err))
		return 1;
	if (initrd_len && boot_load_initrd(ram, initrd, initrd_len, &image, err))
		return 2;
	memset(cmdline, 'a', chars);
	cmdline[chars] = 0;
	return boot_load_cmdline(ram, cmdline, &image, err) ? 3 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t options[OPTIONS_LEN] = {0};
	size_t given = n < OPTIONS_LEN ? n : OPTIONS_LEN;
	target_begin(hash);
	if (given)
		memcpy(options, bytes, given);
	struct boot_ram ram = ram_of(options);
	tables(options);
	memset(&image, 0, sizeof(image));
	refused = load(&ram, options, given ? bytes + given : options, n - given);
	if (refused)
		return 0;
	boot_write_info(&ram, &image);
	/* What the vCPU starts with lies in the memory that it has. */
	if (image.entry >= ram.low_len || image.end > ram.low_len ||
	    image.initrd_gpa + image.initrd_len > ram.low_len)
		abort();
	return 0;
}
