// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "machine.h"
#include "machine_byte.h"
#include "program_text.h"
#include "textout.h"

bool program_text_device(struct program_text_options *o, const char *name)
{
	o->chosen = !strcmp(name, "device");
	o->id = 0;
	for (uint16_t id = 1; id < 64 && !o->id; id++)
		if (sim_type(id) && !strcmp(sim_type(id)->name, name))
			o->id = id;
	return o->id || o->chosen;
}

/* As many as the program uses, or as many as its machine has. */
static struct machine_kind machine_of(const uint8_t *bytes, size_t n, const struct program_text_options *o)
{
	struct machine_kind k = {.ndevices = 1, .id = {o->id, o->id, o->id, o->id}};
	struct op op;
	if (o->chosen)
		k = machine_byte_read(n ? bytes[0] : 0);
	for (size_t at = 0; at < n && !o->chosen && !o->one_device;
	     at += op_program_decode(bytes + at, n - at, &op))
		k.ndevices = (bytes[at] >> 6) + 1u > k.ndevices ? (bytes[at] >> 6) + 1u : k.ndevices;
	k.offer |= o->packed ? (uint64_t)1 << VIRTIO_F_RING_PACKED : 0;
	return k;
}

static void put_devices(FILE *file, const struct machine_kind *k)
{
	for (uint32_t i = 0; i < k->ndevices; i++)
		fprintf(file, "device %s%u\n", sim_type(k->id[i])->name, i);
	for (uint32_t i = 0; k->offer && i < k->ndevices; i++)
		fprintf(file, "%s%u offer features=0x%" PRIx64 "\n", sim_type(k->id[i])->name, i, k->offer);
}

bool program_text(FILE *file, const uint8_t *bytes, size_t n, const struct program_text_options *o)
{
	struct textout out = {.file = file, .comments = o->comments};
	struct machine_kind k = machine_of(bytes, n, o);
	size_t used;
	struct op op;
	put_devices(file, &k);
	for (size_t at = o->chosen && n; at < n; at += used) {
		used = op_program_decode(bytes + at, n - at, &op);
		op.dev = (uint8_t)(op.dev % k.ndevices);
		textout_op(&out, &op, k.id);
	}
	return textout_close(&out);
}
