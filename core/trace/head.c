// SPDX-License-Identifier: BSD-2-Clause
#include "trace/file.h"
#include "trace/varint.h"

/* A place in a buffer that is written or read; `bad` sticks, so that it is asked for once, at the end. */
struct head_out {
	uint8_t *p, *end;
	bool bad;
};

struct head_in {
	const uint8_t *p, *end;
	bool bad;
};

static void put(struct head_out *o, uint64_t v)
{
	if ((size_t)(o->end - o->p) < VARINT_MAX)
		o->bad = true;
	else
		o->p = varint_put(o->p, v);
}

static void put_bytes(struct head_out *o, const void *data, size_t n)
{
	put(o, n);
	if (o->bad || n > (size_t)(o->end - o->p)) {
		o->bad = true;
		return;
	}
	memcpy(o->p, data, n);
	o->p += n;
}

/* Reads a value of at most max. */
static uint64_t get(struct head_in *in, uint64_t max)
{
	const uint8_t *next;
	uint64_t v = 0;

	next = in->bad ? NULL : varint_get(in->p, in->end, &v);
	if (!next || v > max) {
		in->bad = true;
		return 0;
	}
	in->p = next;
	return v;
}

static size_t get_bytes(struct head_in *in, void *out, size_t max)
{
	size_t n = (size_t)get(in, max);

	if (n > (size_t)(in->end - in->p)) {
		in->bad = true;
		return 0;
	}
	memcpy(out, in->p, n);
	in->p += n;
	return n;
}

static size_t build_len(const struct trace_head *h)
{
	size_t n = 0;

	while (n < sizeof(h->build) - 1 && h->build[n])
		n++;
	return n;
}

static void put_device(struct head_out *o, const struct trace_device *d)
{
	put(o, d->id);
	put(o, d->transport);
	put(o, d->features);
	put(o, d->nqueues);
	for (uint32_t i = 0; i < d->nqueues; i++)
		put(o, d->queue_size_max[i]);
	put_bytes(o, d->config, d->config_len);
	put_bytes(o, d->ident, d->ident_len);
}

static bool head_fits(const struct trace_head *h)
{
	if (h->nregions > VMEM_REGIONS_MAX || h->ndevices > OP_DEV_MAX)
		return false;
	for (uint32_t i = 0; i < h->ndevices; i++) {
		const struct trace_device *d = &h->device[i];

		if (d->nqueues > TRACE_QUEUES_MAX || d->config_len > TRACE_CONFIG_MAX)
			return false;
	}
	return true;
}

size_t trace_put_head(uint8_t *out, size_t max, const struct trace_head *h)
{
	struct head_out o = {out, out + max, !head_fits(h)};

	if (o.bad)
		return 0;
	put_bytes(&o, h->build, build_len(h));
	put(&o, h->payload);
	put(&o, h->nregions);
	for (uint32_t i = 0; i < h->nregions; i++) {
		put(&o, h->region[i].gpa);
		put(&o, h->region[i].len);
	}
	put(&o, h->ndevices);
	for (uint32_t i = 0; i < h->ndevices; i++)
		put_device(&o, &h->device[i]);
	return o.bad ? 0 : (size_t)(o.p - out);
}

static void get_device(struct head_in *in, struct trace_device *d)
{
	d->id = (uint16_t)get(in, UINT16_MAX);
	d->transport = (uint16_t)get(in, UINT16_MAX);
	d->features = get(in, UINT64_MAX);
	d->nqueues = (uint16_t)get(in, TRACE_QUEUES_MAX);
	for (uint32_t i = 0; i < d->nqueues; i++)
		d->queue_size_max[i] = (uint16_t)get(in, UINT16_MAX);
	d->config_len = (uint16_t)get_bytes(in, d->config, sizeof(d->config));
	d->ident_len = (uint8_t)get_bytes(in, d->ident, sizeof(d->ident));
}

bool trace_get_head(const uint8_t *in, size_t n, struct trace_head *h)
{
	struct head_in i = {in, in + n, false};

	memset(h, 0, sizeof(*h));
	h->build[get_bytes(&i, h->build, sizeof(h->build) - 1)] = 0;
	h->payload = (uint8_t)get(&i, TRACE_PAYLOAD_FULL);
	h->nregions = (uint32_t)get(&i, VMEM_REGIONS_MAX);
	for (uint32_t r = 0; r < h->nregions; r++) {
		h->region[r].gpa = get(&i, UINT64_MAX);
		h->region[r].len = get(&i, UINT64_MAX);
	}
	h->ndevices = (uint32_t)get(&i, OP_DEV_MAX);
	for (uint32_t d = 0; d < h->ndevices; d++)
		get_device(&i, &h->device[d]);
	return !i.bad && i.p == i.end;
}
