// SPDX-License-Identifier: BSD-2-Clause
/* Whole programs (driver ops, registers, guest stores, completions) against the block device. */
#include <linux/virtio_ids.h>

#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run(VIRTIO_ID_BLOCK, bytes, n);
	return 0;
}
