// SPDX-License-Identifier: BSD-2-Clause
/*
 * mutate: changes a program op by op, where a fuzzer that knows bytes alone would break most of what it
 * touches. Valid requests come often, broken ones seldom, so that the I/O code is reached again and again.
 */
#ifndef RINGSIDE_FUZZ_MUTATE_H
#define RINGSIDE_FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUTATE_BYTES_MAX 65536u

/* What is made from now on is for a device of that virtio id; 0: for any. */
void mutate_for(uint16_t device_id);
/* What is changed from now on begins with the byte that tells its machine (machine_byte.h), and what is made is for the
 * devices of that. Programs keep the byte they have, nearly always; one that is empty gets any. */
void mutate_for_chosen(void);
size_t mutate_ahead(void); /* so many bytes stand ahead of the ops */
/* Changes the program in place; returns its new length, at most max. The same seed changes the same program
 * alike. */
size_t mutate_program(uint8_t *, size_t n, size_t max, uint64_t seed);
/* Some ops of b between, or in the place of, some of a. out: room for max bytes. Returns its length. */
size_t mutate_cross(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t max,
		    uint64_t seed);
/* How many of the bytes are whole ops: at most max, an op whose end is missing is left out (but the only one). */
size_t mutate_whole(const uint8_t *, size_t n, size_t max);

/*
 * Makes a program shorter as long as it does what it did: ops are left out, half of them first, down to single
 * ones. Until done: next gives the program to try (at most as long as the best one), tell hears whether it did the
 * same.
 */
struct mutate_trim {
	uint8_t best[MUTATE_BYTES_MAX];
	size_t len;
	uint32_t at, chunk; /* the ops to leave out next */
};
void mutate_trim_begin(struct mutate_trim *, const uint8_t *, size_t n);
bool mutate_trim_done(const struct mutate_trim *);
size_t mutate_trim_next(struct mutate_trim *, uint8_t *out);
void mutate_trim_tell(struct mutate_trim *, bool same);

#endif
