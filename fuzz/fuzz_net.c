// SPDX-License-Identifier: BSD-2-Clause
/* Whole programs (driver ops, registers, guest stores, frames, completions) against the network device. */
#include <linux/virtio_ids.h>

#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run(VIRTIO_ID_NET, bytes, n);
	return 0;
}
