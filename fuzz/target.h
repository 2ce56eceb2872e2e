// SPDX-License-Identifier: BSD-2-Clause
/* target: what all fuzz targets share: one machine with one device, a finding that ends the process, a report
 * at the end. */
#ifndef RINGSIDE_FUZZ_TARGET_H
#define RINGSIDE_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Runs one program against the device of that virtio id. */
void target_run(uint16_t device_id, const uint8_t *, size_t);
/* For a fuzzer, before the first run: `save` ops, which are dear, do nothing in most programs; which ones is told
 * by their bytes. Elsewhere each save is done, so what is found without them is found again. */
void target_sample(void);
void target_name(const char *path); /* of the program to run next, for the message of a finding */
uint16_t target_device(void);       /* the virtio id of what programs run against; 0: nothing yet */
uint64_t target_hash(void);         /* of the machine as the latest run left it */
/* So far, for whoever measures. Requests are what the device took, whoever published it. */
struct target_count {
	uint64_t runs, ops, requests, offences;
};
struct target_count target_count(void);

#endif
