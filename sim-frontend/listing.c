// SPDX-License-Identifier: BSD-2-Clause
#include "listing.h"
#include "twice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

/* -- devices --------------------------------------------------------------------------------------------- */

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

#define HAS(t, bit) ((t)->features >> (bit)&1)

/* What a device line asks for. */
static struct device_options options_of(const struct trace_device *t, uint8_t given)
{
	static const uint32_t queues[5] = {0, 1, 0, 3, 2};
	struct device_options o = {0};
	if ((given & TRACE_GIVEN_CONFIG) && t->id == VIRTIO_ID_BLOCK)
		o.sectors = little(t->config, 8);
	if (given & TRACE_GIVEN_QUEUES) {
		o.flags |= queues[t->nqueues < 5 ? t->nqueues : 0] << DEVICE_QUEUES_SHIFT;
		o.queue_size = t->queue_size_max[0];
	}
	if (given & TRACE_GIVEN_FEATURES)
		o.offer = t->features & VDEV_FEATURES_MORE;
	if (!(given & TRACE_GIVEN_FEATURES) || t->id != VIRTIO_ID_BLOCK)
		return o;
	o.without = ~t->features;
	o.flags |= HAS(t, VIRTIO_BLK_F_RO) ? DEVICE_READ_ONLY : 0;
	o.flags |= HAS(t, VIRTIO_BLK_F_FLUSH) ? 0 : DEVICE_NO_FLUSH;
	o.flags |= HAS(t, VIRTIO_BLK_F_DISCARD) ? 0 : DEVICE_NO_DISCARD;
	o.flags |= HAS(t, VIRTIO_BLK_F_WRITE_ZEROES) ? 0 : DEVICE_NO_WRITE_ZEROES;
	return o;
}

/* The device must be what its line says, or what was run would not be what was asked for. */
static bool check_made(const char *path, uint32_t i, const struct vdev *v, const struct trace_device *t,
		       uint8_t given, char *err, size_t max)
{
	if ((given & TRACE_GIVEN_FEATURES) && v->offered != t->features) {
		snprintf(err, max,
			 "%s: device %u can not be made with features 0x%" PRIx64 "; 0x%" PRIx64 " can", path,
			 i, t->features, v->offered);
		return false;
	}
	if ((given & TRACE_GIVEN_QUEUES) &&
	    (v->nqueues != t->nqueues || v->queue[0].size_max != t->queue_size_max[0])) {
		snprintf(err, max,
			 "%s: device %u can not be made with these queues; %u of up to %u entries can", path,
			 i, v->nqueues, v->queue[0].size_max);
		return false;
	}
	return true;
}

bool listing_devices(struct machine *m, const struct trace_text *t, const char *path, char *err, size_t max)
{
	for (uint32_t i = 0; i < t->head.ndevices; i++) {
		const struct trace_device *d = &t->head.device[i];
		struct device_options o = options_of(d, t->given[i]);
		if (!sim_type(d->id)) {
			snprintf(err, max, "%s: device %u: no device of virtio id %u is known", path, i,
				 d->id);
			return false;
		}
		if (!machine_add(m, d->id, &o)) {
			snprintf(err, max, "%s: device %u can not be made: out of memory or too many devices",
				 path, i);
			return false;
		}
		if (!check_made(path, i, m->device[i].vdev, d, t->given[i], err, max))
			return false;
	}
	return true;
}

/* -- reading --------------------------------------------------------------------------------------------- */

static bool add(struct listing *l, const struct op *op)
{
	if (l->nops == l->max) {
		uint32_t max = l->max ? 2 * l->max : 64;
		struct op *grown = realloc(l->op, max * sizeof(*grown));
		if (!grown)
			return false;
		l->op = grown;
		l->max = max;
	}
	uint8_t *data = op->len ? malloc(op->len) : NULL;
	if (op->len && !data)
		return false;
	if (data)
		memcpy(data, op->data, op->len);
	l->op[l->nops] = *op;
	l->op[l->nops++].data = data;
	return true;
}

static bool read_ops(struct listing *l, struct textfile *t, const char *name, char *err, size_t max)
{
	struct op op;
	l->text = t->text;
	l->found = twice_oracle(t->found);
	memcpy(l->ids, t->ids, sizeof(l->ids));
	if (t->text.trace) {
		snprintf(err, max, "%s is a recorded trace, not a program: see ringside replay", name);
		return false;
	}
	while (textfile_next(t, &op)) {
		if (add(l, &op))
			continue;
		snprintf(err, max, "%s: out of memory", name);
		return false;
	}
	snprintf(err, max, "%s", t->error);
	return !*t->error;
}

static bool read_all(struct listing *l, struct textfile *t, bool open, const char *name, char *err,
		     size_t max)
{
	memset(l, 0, sizeof(*l));
	if (!open) {
		snprintf(err, max, "%s", t->error);
		return false;
	}
	bool good = read_ops(l, t, name, err, max);
	textfile_close(t);
	if (!good)
		listing_free(l);
	return good;
}

bool listing_read(struct listing *l, const char *path, char *err, size_t max)
{
	struct textfile t;
	bool open = textfile_open(&t, path);
	return read_all(l, &t, open, path, err, max);
}

bool listing_parse(struct listing *l, const char *name, const char *text, char *err, size_t max)
{
	struct textfile t;
	/* A reader may not write, so the cast is safe; an empty text is no file to fmemopen. */
	FILE *f = fmemopen((void *)(uintptr_t)(*text ? text : "\n"), *text ? strlen(text) : 1, "r");
	if (!f) {
		snprintf(err, max, "%s: %s", name, strerror(errno));
		return false;
	}
	bool open = textfile_take(&t, name, f);
	return read_all(l, &t, open, name, err, max);
}

void listing_free(struct listing *l)
{
	for (uint32_t i = 0; i < l->nops; i++)
		free((void *)(uintptr_t)l->op[i].data);
	free(l->op);
	l->op = NULL;
	l->nops = l->max = 0;
}

/* -- printing -------------------------------------------------------------------------------------------- */

/* What stood there of a device's line; without all of it, what the others say is the default. */
static void print_device(FILE *f, const struct trace_text *t, uint32_t i)
{
	const struct trace_device *d = &t->head.device[i];
	fprintf(f, "device %s%u", sim_type(d->id)->name, i);
	if (t->given[i] & TRACE_GIVEN_FEATURES)
		fprintf(f, " features=0x%" PRIx64, d->features);
	for (uint32_t q = 0; (t->given[i] & TRACE_GIVEN_QUEUES) && q < d->nqueues; q++)
		fprintf(f, "%s%u", q ? "," : " queues=", d->queue_size_max[q]);
	for (uint32_t k = 0; (t->given[i] & TRACE_GIVEN_CONFIG) && k < d->config_len; k++)
		fprintf(f, "%s%02x", k ? "" : " config=", d->config[k]);
	fputc('\n', f);
}

/* Left out is 0, so a line without its zeroes says the same, and what matters stands out. */
static void print_op(FILE *f, const struct op *op, const uint16_t *ids)
{
	char line[OP_TEXT_MAX(OP_PROGRAM_DATA_MAX)];
	if (!op_print(op, ids, false, line, sizeof(line)))
		return;
	for (const char *word = line; *word;) {
		size_t n = strcspn(word, " "), equals = strcspn(word, "=");
		const char *value = word + equals + 1;
		size_t zero = equals < n && !strncmp(value, "0x", 2) ? 2 + strspn(value + 2, "0") : 1;
		if (equals >= n || *value != '0' || equals + 1 + zero != n)
			fprintf(f, "%s%.*s", word == line ? "" : " ", (int)n, word);
		word += n + (word[n] == ' ');
	}
	fputc('\n', f);
}

/* One plain disk is what a program without device lines is about. */
bool listing_print(const struct listing *l, FILE *f)
{
	const struct trace_head *h = &l->text.head;
	bool plain = h->ndevices == 1 && h->device[0].id == VIRTIO_ID_BLOCK && !l->text.given[0];
	for (uint32_t i = 0; !plain && i < h->ndevices; i++)
		print_device(f, &l->text, i);
	for (uint32_t i = 0; i < l->nops; i++)
		print_op(f, &l->op[i], l->ids);
	return !ferror(f);
}
