// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/unit/nic.h"

#define COMMAND_AT 0x88000ull
#define ACK_AT     0x8f000ull
#define NO_ACK     0xee

static const uint8_t own[6] = {2, 0, 0, 0, 0, 1};

/* -- the wire -------------------------------------------------------------------------------------------- */

static uint8_t byte_of(uint32_t i, uint8_t seed)
{
	return (uint8_t)(seed + i * 7 + (i >> 8) * 13); /* as fill() has it */
}

static void move(struct wire *w, struct net_io *io)
{
	uint32_t at = 0;
	for (uint16_t i = 0; i < io->nspans; i++)
		for (size_t k = 0; k < io->span[i].len; k++, at++) {
			uint8_t *p = (uint8_t *)io->span[i].base + k;
			if (io->type == NET_IO_TX)
				w->sent[at] = *p;
			else
				*p = byte_of(at, w->seed);
		}
	assert_int_equal(at, io->len);
}

static void finish(struct wire *w, struct net_io *io, enum net_result result)
{
	if (result == NET_DONE)
		move(w, io);
	net_io_done(w->net, io, result);
}

/* What core promises a backend. */
static void check_io(const struct wire *w, const struct net_io *io)
{
	const struct net_header *h = &io->header;
	assert_true(io->len >= 14 && io->len <= NET_FRAME_MAX);
	assert_true(io->pair < w->net->options.pairs);
	assert_true(h->hdr_len <= io->len);
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		assert_true(h->csum_start + h->csum_offset + 2u <= io->len);
	else
		assert_int_equal(h->gso_type | h->csum_start | h->csum_offset, 0);
	for (uint16_t i = 0; i < io->nspans; i++)
		assert_true(io->span[i].len > 0);
	for (uint32_t i = 0; i < w->nheld; i++)
		assert_int_not_equal(w->held[i]->id, io->id);
}

static void submit(void *ctx, struct net_io *io)
{
	struct wire *w = ctx;
	check_io(w, io);
	*(io->type == NET_IO_TX ? &w->nsent : &w->nreceived) += 1;
	w->last = *io;
	if (w->hold)
		w->held[w->nheld++] = io;
	else
		finish(w, io, w->result);
}

static void drain(void *ctx)
{
	struct wire *w = ctx;
	w->ndrains++;
	while (w->nheld)
		finish(w, w->held[--w->nheld], w->result);
}

static void wake(void *ctx, uint16_t pair)
{
	struct wire *w = ctx;
	w->wakes[pair]++;
}

static void tune(void *ctx, const struct net_tuning *t)
{
	struct wire *w = ctx;
	w->ntunes++;
	w->tuning = *t;
}

void nic_finish(struct nic *n, uint32_t i, enum net_result result)
{
	struct wire *w = &n->wire;
	assert_true(i < w->nheld);
	struct net_io *io = w->held[i];
	w->nheld--;
	memmove(&w->held[i], &w->held[i + 1], (w->nheld - i) * sizeof(w->held[0]));
	finish(w, io, result);
}

void nic_finish_all(struct nic *n)
{
	while (n->wire.nheld)
		nic_finish(n, 0, NET_DONE);
	net_publish(&n->net);
}

/* -- the machine ----------------------------------------------------------------------------------------- */

struct nic *nic_new(const struct net_options *o, uint32_t can)
{
	struct nic *n = malloc(sizeof(*n)); /* net_init must do with anything */
	assert_non_null(n);
	memset(n, 0xa5, sizeof(*n));
	memset(&n->wire, 0, offsetof(struct wire, last));
	n->on_packed = false;
	guest_init(&n->g);
	n->wire.net = &n->net;
	const struct net_backend backend = {submit, drain, wake, tune, can, &n->wire};
	net_init(&n->net, &n->g.mem, &guest_host, &n->g, &backend, o);
	mmio_init(&n->mmio, &n->net.vdev);
	return n;
}

void nic_free(struct nic *n)
{
	guest_free(&n->g);
	free(n);
}

static void enable(struct nic *n, uint16_t i, uint16_t size)
{
	uint64_t base = 0x2000 + 0x2000ull * i;
	uint16_t most = n->net.vdev.queue[i].size_max;
	if (size > most)
		size = most;
	if (n->on_packed) {
		packed_init(&n->packed[i], &n->g, base, size);
		const struct packed *p = &n->packed[i];
		const struct ring areas = {
			.size = size, .desc = p->desc, .avail = p->driver, .used = p->device};
		queue_enable(&n->mmio, i, &areas);
		return;
	}
	ring_init(&n->ring[i], &n->g, base, size);
	put16(&n->g, ring_used_event(&n->ring[i]), 0);
	put16(&n->g, ring_avail_event(&n->ring[i]), 0);
	queue_enable(&n->mmio, i, &n->ring[i]);
}

void nic_boot(struct nic *n, uint64_t without, uint16_t size)
{
	uint64_t accepted = offered(&n->mmio) & ~without;
	n->on_packed = accepted & BIT(VIRTIO_F_RING_PACKED);
	assert_int_equal(negotiate(&n->mmio, accepted), S_AGREED);
	for (uint16_t i = 0; i < n->net.vdev.nqueues; i++)
		enable(n, i, size);
	set(&n->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
	assert_int_equal(reg(&n->mmio, VIRTIO_MMIO_STATUS), S_LIVE);
	n->control = accepted & NF(MQ) ? 2 * n->net.options.pairs : 2;
}

struct nic *nic_booted(uint64_t without, uint16_t size)
{
	struct net_options o = {.pairs = 1};
	memcpy(o.mac, own, sizeof(own));
	struct nic *n = nic_new(&o, CAN_NET);
	nic_boot(n, without, size);
	return n;
}

/* -- queues ---------------------------------------------------------------------------------------------- */

uint16_t nic_post(struct nic *n, uint16_t queue, const struct buf *b, uint16_t nbufs)
{
	if (n->on_packed)
		return packed_post(&n->packed[queue], b, nbufs);
	return ring_post(&n->ring[queue], b, nbufs);
}

bool nic_take(struct nic *n, uint16_t queue, uint32_t *id, uint32_t *len)
{
	struct packed_used u;
	if (!n->on_packed)
		return ring_take(&n->ring[queue], id, len);
	if (!packed_take(&n->packed[queue], &u))
		return false;
	*id = u.id;
	*len = u.len;
	return true;
}

void nic_kick(struct nic *n, uint16_t queue)
{
	set(&n->mmio, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

void nic_used(struct nic *n, uint16_t queue, const uint32_t *len, uint16_t nchains)
{
	uint32_t id, got;
	for (uint16_t i = 0; i < nchains; i++) {
		assert_true(nic_take(n, queue, &id, &got));
		assert_int_equal(got, len[i]);
	}
	assert_false(nic_take(n, queue, &id, &got));
}

/* -- frames ---------------------------------------------------------------------------------------------- */

void nic_header(struct nic *n, uint64_t a, const struct net_header *h)
{
	static const struct net_header plain;
	const uint8_t *p = (const uint8_t *)(h ? h : &plain);
	for (uint32_t i = 0; i < sizeof(*h); i++)
		*at(&n->g, a + i) = p[i];
	put16(&n->g, a + 10, 0xbeef);
}

void nic_send(struct nic *n, uint32_t len, uint8_t seed, const struct net_header *h)
{
	struct buf b = {DATA, HDR + len, false};
	nic_header(n, DATA, h);
	fill(&n->g, DATA + HDR, len, seed);
	nic_post(n, TX, &b, 1);
	nic_kick(n, TX);
}

void nic_sent(struct nic *n, uint32_t len, uint8_t seed)
{
	assert_int_equal(n->wire.last.type, NET_IO_TX);
	assert_int_equal(n->wire.last.len, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(n->wire.sent[i], byte_of(i, seed));
}

void nic_post_rx(struct nic *n, uint64_t a, uint32_t len)
{
	struct buf b = {a, len, true};
	nic_post(n, RX, &b, 1);
}

struct net_frame nic_frame(uint32_t len)
{
	struct net_frame f = {.len = len};
	memcpy(f.head, own, sizeof(own));
	return f;
}

enum net_answer nic_arrive_at(struct nic *n, uint16_t pair, const struct net_frame *f)
{
	return net_receive(&n->net, pair, f);
}

enum net_answer nic_arrive(struct nic *n, uint32_t len)
{
	struct net_frame f = nic_frame(len);
	return net_receive(&n->net, 0, &f);
}

/* -- control --------------------------------------------------------------------------------------------- */

uint8_t nic_command(struct nic *n, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	struct buf b[2] = {{COMMAND_AT, 2 + len, false}, {ACK_AT, 3, true}};
	const uint8_t *p = data;
	uint32_t id, used;
	*at(&n->g, COMMAND_AT) = class;
	*at(&n->g, COMMAND_AT + 1) = cmd;
	for (uint32_t i = 0; i < len; i++)
		*at(&n->g, COMMAND_AT + 2 + i) = p[i];
	for (uint32_t i = 0; i < 3; i++)
		*at(&n->g, ACK_AT + i) = NO_ACK;
	nic_post(n, n->control, b, 2);
	nic_kick(n, n->control);
	assert_true(nic_take(n, n->control, &id, &used));
	assert_int_equal(used, 1);
	assert_int_equal(*at(&n->g, ACK_AT + 1), NO_ACK);
	assert_int_equal(*at(&n->g, ACK_AT + 2), NO_ACK);
	return *at(&n->g, ACK_AT);
}

uint8_t nic_command_byte(struct nic *n, uint8_t class, uint8_t cmd, uint8_t value)
{
	return nic_command(n, class, cmd, &value, 1);
}

/* -- saving ---------------------------------------------------------------------------------------------- */

uint8_t *nic_saved(struct nic *n, size_t *len)
{
	*len = mmio_save(&n->mmio, NULL, 0);
	uint8_t *bytes = malloc(*len);
	assert_non_null(bytes);
	assert_in_range(*len, 1, STATE_LEN_MAX);
	assert_int_equal(mmio_save(&n->mmio, bytes, *len), *len);
	return bytes;
}

void nic_fresh(struct nic *n)
{
	const struct net_options o = n->net.options;
	const struct net_backend backend = n->net.backend;
	uint64_t more = n->net.vdev.offered & VDEV_FEATURES_MORE;
	for (uint32_t i = 0; i < n->wire.nheld; i++) {
		const struct net_req *r = &n->net.req[n->wire.held[i]->id];
		for (uint16_t k = 0; k < r->io.nspans; k++)
			vmem_unpin(&n->g.mem, r->io.type == NET_IO_RX ? VMEM_STORE : VMEM_LOAD,
				   r->span_gpa[k], r->io.span[k], 0);
	}
	n->wire.nheld = 0;
	memset(&n->net, 0xa5, sizeof(n->net));
	net_init(&n->net, &n->g.mem, &guest_host, &n->g, &backend, &o);
	vdev_offer(&n->net.vdev, more);
	memset(&n->mmio, 0xa5, sizeof(n->mmio));
	mmio_init(&n->mmio, &n->net.vdev);
}

static void assert_saves_as(struct nic *n, const uint8_t *bytes, size_t len)
{
	size_t again;
	uint8_t *b = nic_saved(n, &again);
	assert_int_equal(again, len);
	assert_memory_equal(b, bytes, len);
	free(b);
}

void nic_replace(struct nic *n)
{
	size_t len;
	uint8_t *bytes = nic_saved(n, &len);
	uint64_t hash = mmio_hash(&n->mmio);
	bool hold = n->wire.hold;
	nic_fresh(n);
	assert_true(mmio_load(&n->mmio, bytes, len));
	assert_int_equal(mmio_hash(&n->mmio), hash);
	assert_saves_as(n, bytes, len);
	n->wire.hold = true; /* what was held is held again */
	vdev_resume(&n->net.vdev);
	n->wire.hold = hold;
	assert_int_equal(mmio_hash(&n->mmio), hash);
	assert_saves_as(n, bytes, len);
	free(bytes);
}
