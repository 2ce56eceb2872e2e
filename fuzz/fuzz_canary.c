// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whether a fuzzer that is put together as these are finds anything: programs for a disk that has a bug. What the backend
 * answers to the device passes through here, as the linker is told (rules.mk: --wrap), and a transfer that failed is
 * called a success. It takes a program that makes the backend fail, and then asks it for something: seconds, from nothing.
 * Without that it is fuzz_blk.
 */
#include <linux/virtio_ids.h>

#include "devices/blk.h"
#include "target.h"

void __real_blk_io_done(struct blk *, struct blk_io *, enum blk_result, uint32_t bytes);
void __wrap_blk_io_done(struct blk *, struct blk_io *, enum blk_result, uint32_t bytes);

void __wrap_blk_io_done(struct blk *b, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	if (result == BLK_IO_ERROR && io->len)
		result = BLK_DONE, bytes = io->len;
	__real_blk_io_done(b, io, result, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run(VIRTIO_ID_BLOCK, bytes, n);
	return 0;
}
