// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guest/tiny.h"

#define COM1          0x3f8
#define SLEEP_CONTROL 0x600
#define SLEEP_S5      0x34 /* SLP_EN, SLP_TYP 5 */
#define LAPIC         0xfee00000u
#define LAPIC_ID      0x20
#define LAPIC_TPR     0x80
#define LAPIC_EOI     0xb0
#define LAPIC_SVR     0xf0
#define IOAPIC        0xfec00000u
#define IOAPIC_DATA   0x10
#define IOAPIC_PINS   0x10 /* first redirection register, two for each pin */
#define STUBS         64
#define PATIENCE      (1ull << 34) /* ticks: four to eight seconds */

/* PVH boot protocol; Linux exports no header for it. */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct memmap {
	uint64_t addr, len;
	uint32_t type, reserved;
};

struct gate {
	uint16_t low, selector, flags, high;
};

extern const uint8_t stubs[], image_end[];
static struct gate idt[STUBS];
static const char *cmdline;
static uint32_t ram_limit, heap, heap_first;
static uint64_t patience_end;

/* -- console -------------------------------------------------------------------------------------------- */

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

void put_text(const char *text)
{
	for (; *text; text++)
		outb(COM1, (uint8_t)*text);
}

void put_hex(uint32_t v)
{
	put_text("0x");
	int shift = 28;
	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		outb(COM1, (uint8_t) "0123456789abcdef"[v >> shift & 15]);
}

void put_dec(uint32_t v)
{
	char text[11];
	unsigned at = sizeof(text) - 1;
	text[at] = 0;
	do
		text[--at] = (char)('0' + v % 10);
	while (v /= 10);
	put_text(text + at);
}

void power_off(void)
{
	outb(SLEEP_CONTROL, SLEEP_S5);
	__asm__ volatile("cli\n1: pause\n jmp 1b");
	__builtin_unreachable();
}

/* -- command line --------------------------------------------------------------------------------------- */

static uint32_t parse(const char *p)
{
	uint32_t v = 0, base = 10;
	if (p[0] == '0' && p[1] == 'x') {
		base = 16;
		p += 2;
	}
	for (;; p++) {
		uint32_t digit = *p >= 'a' ? (uint32_t)(*p - 'a' + 10) : (uint32_t)(*p - '0');
		if (digit >= base)
			return v;
		v = v * base + digit;
	}
}

uint32_t option(const char *name, uint32_t if_absent)
{
	for (const char *p = cmdline; *p;) {
		const char *n = name;
		for (; *n && *p == *n; n++)
			p++;
		if (!*n && (*p == '=' || *p == ' ' || *p == 0))
			return *p == '=' ? parse(p + 1) : 1;
		while (*p && *p != ' ')
			p++;
		while (*p == ' ')
			p++;
	}
	return if_absent;
}

/* -- memory --------------------------------------------------------------------------------------------- */

/* By words, as each step of a repeated instruction may cost KVM a microsecond or two. */
void *memset(void *to, int value, size_t n)
{
	void *p = to;
	size_t words = n / 4, rest = n % 4;
	__asm__ volatile("rep stosl" : "+D"(p), "+c"(words) : "a"((uint8_t)value * 0x01010101u) : "memory");
	__asm__ volatile("rep stosb" : "+D"(p), "+c"(rest) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;
	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *alloc(uint32_t len)
{
	void *at = (void *)heap;
	if (len > ram_limit / 2 - heap)
		FAIL("the guest's memory is used up");
	heap += (len + PAGE_LEN - 1) & ~(PAGE_LEN - 1);
	return memset(at, 0, len);
}

void alloc_reset(void)
{
	heap = heap_first;
}

uint32_t ram_end(void)
{
	return ram_limit;
}

/* -- time ----------------------------------------------------------------------------------------------- */

uint64_t ticks(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void idle(void)
{
	uint64_t end = ticks() + (1u << 21);
	while (ticks() < end)
		__asm__ volatile("pause");
}

void patience_begin(void)
{
	patience_end = ticks() + PATIENCE;
}

bool patience_over(void)
{
	__asm__ volatile("pause" ::: "memory");
	return ticks() > patience_end;
}

/* -- interrupts ----------------------------------------------------------------------------------------- */

static volatile uint32_t *word(uint32_t addr)
{
	return (volatile uint32_t *)addr;
}

void irq_route(uint32_t gsi, uint8_t vector)
{
	*word(IOAPIC) = IOAPIC_PINS + 2 * gsi + 1;
	*word(IOAPIC + IOAPIC_DATA) = *word(LAPIC + LAPIC_ID); /* in bits 24 to 31 of both */
	*word(IOAPIC) = IOAPIC_PINS + 2 * gsi;
	*word(IOAPIC + IOAPIC_DATA) = vector;
}

void irq_on(void)
{
	__asm__ volatile("sti; nop" ::: "memory");
}

void irq_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

void irq_done(void)
{
	*word(LAPIC + LAPIC_EOI) = 0;
}

static void load_idt(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint32_t base;
	} pointer = {sizeof(idt) - 1, (uint32_t)idt};
	for (uint32_t i = 0; i < STUBS; i++) {
		uint32_t at = (uint32_t)stubs + 16 * i;
		idt[i] = (struct gate){(uint16_t)at, 8, 0x8e00, (uint16_t)(at >> 16)};
	}
	__asm__ volatile("lidt %0" : : "m"(pointer), "m"(idt));
	*word(LAPIC + LAPIC_TPR) = 0;
	*word(LAPIC + LAPIC_SVR) = 0x1ff; /* enabled */
}

void machine_init(const struct start_info *info)
{
	const struct memmap *map = (const struct memmap *)(uint32_t)info->memmap;
	cmdline = (const char *)(uint32_t)info->cmdline;
	for (uint32_t i = 0; i < info->memmap_entries; i++)
		if (map[i].type == 1 && map[i].addr <= 0x100000 && map[i].addr + map[i].len > 0x100000)
			ram_limit = (uint32_t)(map[i].addr + map[i].len);
	heap = heap_first = ((uint32_t)image_end + PAGE_LEN - 1) & ~(PAGE_LEN - 1);
	load_idt();
}
