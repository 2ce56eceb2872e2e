// SPDX-License-Identifier: BSD-2-Clause
/*
 * mutate: changes a program op by op, where a fuzzer that knows bytes alone would break most of what it
 * touches. Valid requests come often, broken ones seldom, so that the I/O code is reached again and again.
 */
#ifndef RINGSIDE_FUZZ_MUTATE_H
#define RINGSIDE_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes the program in place; returns its new length, at most max. The same seed changes the same program
 * alike. */
size_t mutate_program(uint8_t *, size_t n, size_t max, uint64_t seed);

#endif
