// SPDX-License-Identifier: BSD-2-Clause
#include "acpi.h"
#include "aml.h"
#include "layout.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define OEM_ID       "RINGSD"
#define OEM_TABLE_ID "RINGSIDE"
#define CREATOR_ID   "RSVM"
#define TABLE_ALIGN  16

/* Wire structures, ACPI 6.5 chapter 5. */
struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_gpa, length;
	uint64_t xsdt_gpa;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct gas { /* generic address structure */
	uint8_t space, width, offset, access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint8_t legacy_power[63]; /* sci_int up to century: all zero on a hardware-reduced machine */
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_revision;
	uint64_t x_facs, x_dsdt;
	struct gas x_power[8]; /* event and control blocks: none */
	struct gas sleep_control, sleep_status;
	char hypervisor[8];
} __attribute__((packed));

struct madt {
	struct header header;
	uint32_t lapic_gpa, flags;
	struct {
		uint8_t type, length, id, reserved;
		uint32_t gpa, gsi_base;
	} __attribute__((packed)) ioapic;
	struct {
		uint8_t type, length, processor_uid, apic_id;
		uint32_t flags;
	} __attribute__((packed)) lapic[LAYOUT_CPUS_MAX];
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "rsdp");
_Static_assert(sizeof(struct header) == 36, "header");
_Static_assert(sizeof(struct fadt) == 276, "fadt");
_Static_assert(sizeof(struct madt) == 56 + LAYOUT_CPUS_MAX * 8, "madt");

#define FADT_REVISION      6
#define FADT_WBINVD        (1u << 0)
#define FADT_PWR_BUTTON    (1u << 4) /* set: there is no fixed power button */
#define FADT_SLP_BUTTON    (1u << 5)
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HW_REDUCED    (1u << 20)
#define BOOT_NO_VGA        (1u << 2)
#define BOOT_NO_CMOS_RTC   (1u << 5)
#define GAS_SYSTEM_IO      1
#define MADT_LAPIC         0
#define MADT_IOAPIC        1
#define MADT_LAPIC_ENABLED 1

/* Where the next table goes. */
struct place {
	uint8_t *buf;
	size_t len, max;
	uint64_t gpa;
	bool full;
};

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

static void header_init(struct header *h, const char *signature, size_t len, uint8_t revision)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (uint32_t)len;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = 1;
}

/* Copies a table to the next aligned place and answers its guest address. */
static uint64_t place(struct place *p, const void *table, size_t len)
{
	uint64_t gpa = p->gpa + p->len;

	if (p->full || len > p->max - p->len) {
		p->full = true;
		return 0;
	}
	memcpy(p->buf + p->len, table, len);
	p->len += (len + TABLE_ALIGN - 1) & ~(size_t)(TABLE_ALIGN - 1);
	if (p->len > p->max)
		p->len = p->max;
	return gpa;
}

static uint64_t place_table(struct place *p, void *table, size_t len)
{
	struct header *h = table;

	h->checksum = 0;
	h->checksum = checksum(table, len);
	return place(p, table, len);
}

static void add_com1(struct aml *a)
{
	size_t device = aml_open_device(a, "COM1"), crs;

	aml_name_eisa(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", 1);
	crs = aml_open_crs(a);
	aml_io(a, LAYOUT_PORT_COM1, LAYOUT_PORT_COM1_LEN);
	aml_interrupt(a, LAYOUT_GSI_COM1);
	aml_close_crs(a, crs);
	aml_close(a, device);
}

static void add_virtio(struct aml *a, unsigned uid, const struct acpi_virtio *v)
{
	char name[5] = {'V', 'I', (char)('0' + uid / 10 % 10), (char)('0' + uid % 10), 0};
	size_t device = aml_open_device(a, name), crs;

	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_int(a, "_UID", uid);
	aml_name_int(a, "_CCA", 1);
	crs = aml_open_crs(a);
	aml_memory32_fixed(a, v->base, v->len);
	aml_interrupt(a, v->gsi);
	aml_close_crs(a, crs);
	aml_close(a, device);
}

/* The sleep type goes into the sleep control register when the guest powers off. */
static void add_s5(struct aml *a)
{
	static const uint8_t s5[] = {LAYOUT_SLP_TYP_S5, 0, 0, 0};

	aml_name_package(a, "\\_S5_", s5, sizeof(s5));
}

/* The DSDT's size is not known before: it is built where it will stay. */
static uint64_t place_dsdt(struct place *p, const struct acpi_machine *machine)
{
	struct aml a = {.buf = p->buf + p->len, .max = p->max - p->len, .full = p->full};
	struct header h;
	size_t scope;

	memset(&h, 0, sizeof(h));
	aml_bytes(&a, &h, sizeof(h));
	scope = aml_open_scope(&a, "\\_SB_");
	add_com1(&a);
	for (unsigned i = 0; i < machine->virtio_count; i++)
		add_virtio(&a, i, &machine->virtio[i]);
	aml_close(&a, scope);
	add_s5(&a);
	if (a.full) {
		p->full = true;
		return 0;
	}
	header_init(&h, "DSDT", a.len, 2);
	memcpy(a.buf, &h, sizeof(h));
	return place_table(p, a.buf, a.len);
}

static uint64_t place_fadt(struct place *p, uint64_t dsdt)
{
	struct fadt f;

	memset(&f, 0, sizeof(f));
	header_init(&f.header, "FACP", sizeof(f), FADT_REVISION);
	f.boot_arch = BOOT_NO_VGA | BOOT_NO_CMOS_RTC;
	f.flags = FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG_SUP | FADT_HW_REDUCED;
	f.reset_reg = (struct gas){GAS_SYSTEM_IO, 8, 0, 1, LAYOUT_PORT_RESET};
	f.reset_value = LAYOUT_RESET_VALUE;
	f.x_dsdt = dsdt;
	f.sleep_control = (struct gas){GAS_SYSTEM_IO, 8, 0, 1, LAYOUT_PORT_SLEEP_CONTROL};
	f.sleep_status = (struct gas){GAS_SYSTEM_IO, 8, 0, 1, LAYOUT_PORT_SLEEP_STATUS};
	memcpy(f.hypervisor, OEM_TABLE_ID, sizeof(f.hypervisor));
	return place_table(p, &f, sizeof(f));
}

static uint64_t place_madt(struct place *p, unsigned cpus)
{
	struct madt m;
	size_t len = offsetof(struct madt, lapic) + cpus * sizeof(m.lapic[0]);

	memset(&m, 0, sizeof(m));
	header_init(&m.header, "APIC", len, 5);
	m.lapic_gpa = (uint32_t)LAYOUT_LAPIC;
	m.ioapic.type = MADT_IOAPIC;
	m.ioapic.length = sizeof(m.ioapic);
	m.ioapic.gpa = (uint32_t)LAYOUT_IOAPIC;
	for (unsigned i = 0; i < cpus; i++) {
		m.lapic[i].type = MADT_LAPIC;
		m.lapic[i].length = sizeof(m.lapic[i]);
		m.lapic[i].processor_uid = m.lapic[i].apic_id = (uint8_t)i;
		m.lapic[i].flags = MADT_LAPIC_ENABLED;
	}
	return place_table(p, &m, len);
}

static uint64_t place_xsdt(struct place *p, uint64_t fadt, uint64_t madt)
{
	struct {
		struct header header;
		uint64_t tables[2];
	} __attribute__((packed)) x = {.tables = {fadt, madt}};

	header_init(&x.header, "XSDT", sizeof(x), 1);
	return place_table(p, &x, sizeof(x));
}

static void write_rsdp(uint8_t *buf, uint64_t xsdt)
{
	struct rsdp r = {.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '}, .revision = 2};

	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	r.length = sizeof(r);
	r.xsdt_gpa = xsdt;
	r.checksum = checksum(&r, 20); /* the part that ACPI 1.0 knew */
	r.checksum_all = checksum(&r, sizeof(r));
	memcpy(buf, &r, sizeof(r));
}

int acpi_build(const struct acpi_machine *machine, uint8_t *buf, size_t max, uint64_t gpa, char err[ERR_MAX])
{
	struct place p = {.buf = buf, .max = max, .gpa = gpa};
	struct rsdp none;
	uint64_t dsdt, fadt, madt, xsdt;

	memset(&none, 0, sizeof(none));
	place(&p, &none, sizeof(none));
	dsdt = place_dsdt(&p, machine);
	fadt = place_fadt(&p, dsdt);
	madt = place_madt(&p, machine->cpus);
	xsdt = place_xsdt(&p, fadt, madt);
	if (p.full)
		return err_set(err, "no room for the ACPI tables: %zu bytes are not enough", max);
	write_rsdp(buf, xsdt);
	return 0;
}
