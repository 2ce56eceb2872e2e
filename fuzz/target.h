// SPDX-License-Identifier: BSD-2-Clause
/* target: what all fuzz targets share: machines that are made once, a finding that ends the process, a report at
 * the end. */
#ifndef RINGSIDE_FUZZ_TARGET_H
#define RINGSIDE_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Runs one program against the device of that virtio id. */
void target_run(uint16_t device_id, const uint8_t *, size_t);
/* Runs one program on the machine that its first byte tells (machine_byte.h). */
void target_run_chosen(const uint8_t *, size_t);
/* For a fuzzer, before the first run: `save` ops, which are dear, do nothing in most programs; which ones is told
 * by their bytes. Elsewhere each save is done, so what is found without them is found again. */
void target_sample(void);
void target_name(const char *path); /* of the program to run next, for the message of a finding */
bool target_chooses(void);          /* programs begin with the byte that tells their machine */
uint16_t target_device(void);       /* else: the virtio id of what they run against; 0: nothing yet */
uint64_t target_hash(void);         /* of what the latest run came to: nearly never 0 */
/* A run begins of a target whose inputs do not run on the machines here: hash tells what it came to, and is called seldom. */
void target_begin(uint64_t (*hash)(void));
/* So far, for whoever measures. Requests are what the device took, whoever published it. */
struct target_count {
	uint64_t runs, ops, requests, offences;
};
struct target_count target_count(void);

#endif
