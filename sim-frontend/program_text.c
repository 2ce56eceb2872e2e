// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "machine.h"
#include "program_text.h"
#include "textout.h"

uint16_t program_text_device(const char *name)
{
	for (uint16_t id = 1; id < 64; id++)
		if (sim_type(id) && !strcmp(sim_type(id)->name, name))
			return id;
	return 0;
}

static void put_devices(FILE *file, const uint8_t *bytes, size_t n, const struct program_text_options *o)
{
	const char *name = sim_type(o->id)->name;
	uint8_t last = 0;
	struct op op;
	for (size_t at = 0; at < n && !o->one_device; at += op_program_decode(bytes + at, n - at, &op))
		last = bytes[at] >> 6 > last ? bytes[at] >> 6 : last;
	for (int i = 0; i <= last; i++)
		fprintf(file, "device %s%d\n", name, i);
	for (int i = 0; o->packed && i <= last; i++)
		fprintf(file, "%s%d offer features=0x%" PRIx64 "\n", name, i,
			(uint64_t)1 << VIRTIO_F_RING_PACKED);
}

bool program_text(FILE *file, const uint8_t *bytes, size_t n, const struct program_text_options *o)
{
	struct textout out = {.file = file, .comments = o->comments};
	const uint16_t ids[OP_DEV_MAX] = {o->id, o->id, o->id, o->id};
	size_t used;
	struct op op;
	put_devices(file, bytes, n, o);
	for (size_t at = 0; at < n; at += used) {
		used = op_program_decode(bytes + at, n - at, &op);
		op.dev = o->one_device ? 0 : op.dev;
		textout_op(&out, &op, ids);
	}
	return textout_close(&out);
}
