// SPDX-License-Identifier: BSD-2-Clause
/*
 * poison: tells AddressSanitizer, where the program is linked with it, which bytes nobody may touch. The
 * harness itself is compiled without sanitizers (it must be fast), so their presence is found at run time, by
 * weak symbols.
 */
#ifndef RINGSIDE_POISON_H
#define RINGSIDE_POISON_H

#include <stddef.h>

extern void __asan_poison_memory_region(const volatile void *, size_t) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));

static inline void poison(const void *p, size_t n)
{
	if (__asan_poison_memory_region)
		__asan_poison_memory_region(p, n);
}

static inline void unpoison(const void *p, size_t n)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(p, n);
}

#endif
