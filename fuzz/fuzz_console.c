// SPDX-License-Identifier: BSD-2-Clause
/* Whole programs (driver ops, registers, guest stores, completions, what the host does) against a console. */
#include <linux/virtio_ids.h>

#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run(VIRTIO_ID_CONSOLE, bytes, n);
	return 0;
}
