// SPDX-License-Identifier: BSD-2-Clause
/*
 * The machine under the tiny guest, and what a test case is made of. One processor, 32-bit, no paging: a
 * pointer is a guest physical address. Interrupts are off but between irq_on and irq_off.
 */
#ifndef TINY_H
#define TINY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_LEN 4096u /* bytes */

/* -- verdicts: a case that finds something wrong prints it and ends at once, from however deep ---------- */
bool guard(void (*fn)(void));
_Noreturn void bail(void);
_Noreturn void fail_at(const char *file, unsigned line, const char *what);
_Noreturn void fail_eq_at(const char *file, unsigned line, const char *what, uint32_t got, uint32_t want);
/* Tells in which round of a loop something failed; NULL when the loop is over. */
void context(const char *what, uint32_t value);
/* In this case the host must report this offence (core/offence.def); tests/guest/tiny-run.sh compares. */
void announce(const char *offence);

#define FAIL(what) fail_at(__FILE__, __LINE__, what)
#define EXPECT(condition)                 \
	do {                              \
		if (!(condition))         \
			FAIL(#condition); \
	} while (0)
#define EXPECT_EQ(got, want)                                               \
	do {                                                               \
		uint32_t got_ = (uint32_t)(got), want_ = (uint32_t)(want); \
		if (got_ != want_)                                         \
			fail_eq_at(__FILE__, __LINE__, #got, got_, want_); \
	} while (0)

/* -- machine -------------------------------------------------------------------------------------------- */
struct start_info; /* PVH's hvm_start_info */
void machine_init(const struct start_info *);
_Noreturn void power_off(void);
void put_text(const char *);
void put_hex(uint32_t);
void put_dec(uint32_t);
/* NAME=NUMBER on the command line, decimal or 0x...; otherwise if_absent. A bare NAME is 1. */
uint32_t option(const char *name, uint32_t if_absent);
uint32_t ram_end(void); /* the first address behind the RAM that begins at 1 MiB */

/* len zeroed bytes in pages of their own, until the next case; never near the end of RAM. */
void *alloc(uint32_t len);
void alloc_reset(void);
void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);

uint64_t ticks(void);
/* Spins for a moment (about a millisecond), so that what should not happen has time to. */
void idle(void);
/* Begins, and asks about, the time that anything may take: some seconds. */
void patience_begin(void);
bool patience_over(void);

/* Routes an I/O APIC pin (edge, active high) to this vector; on_vector gets it. */
void irq_route(uint32_t gsi, uint8_t vector);
void irq_on(void);
void irq_off(void);
void irq_done(void); /* end of interrupt */

void work(void); /* tiny_work.c */

#define CASE(name) void case_##name(void);
#include "tests/guest/tiny_cases.def"
#undef CASE

static inline void barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

#endif
