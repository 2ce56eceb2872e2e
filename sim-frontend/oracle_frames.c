// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "hash.h"
#include "pattern.h"
#include "oracle_frames_int.h"

/* -- bytes ----------------------------------------------------------------------------------------------- */

/* The first eight bytes of a frame that is sent are its number. */
static struct pattern pattern_of(uint64_t serial, uint32_t chunk)
{
	return (struct pattern){serial + chunk * 0x9e3779b97f4a7c15ull, hash_u64(HASH_SEED, serial) | 1};
}

/* n bytes from `off` on, all in one chunk. */
static uint32_t part_of(uint32_t off, uint32_t n)
{
	uint32_t room = PATTERN_LEN - off % PATTERN_LEN;
	return n < room ? n : room;
}

static void make(uint64_t serial, uint32_t off, uint8_t *p, uint32_t n)
{
	for (uint32_t part; n; n -= part, off += part, p += part) {
		part = part_of(off, n);
		pattern_part_make(pattern_of(serial, off / PATTERN_LEN), p, off % PATTERN_LEN, part);
	}
}

static bool same(uint64_t serial, uint32_t off, const uint8_t *p, uint32_t n)
{
	bool ok = true;
	for (uint32_t part; n && ok; n -= part, off += part, p += part) {
		part = part_of(off, n);
		ok = pattern_part_same(pattern_of(serial, off / PATTERN_LEN), p, off % PATTERN_LEN, part);
	}
	return ok;
}

/* How many of n bytes at `off` are the head's. */
static uint32_t of_head(const struct frames_frame *f, uint32_t off, uint32_t n)
{
	uint32_t head = f->frame.len < NET_HEAD_MAX ? f->frame.len : NET_HEAD_MAX;
	uint32_t left = off < head ? head - off : 0;
	return n < left ? n : left;
}

void frames_make(const struct frames_frame *f, uint32_t off, uint8_t *p, uint32_t n)
{
	uint32_t head = of_head(f, off, n);
	memcpy(p, f->frame.head + (head ? off : 0), head);
	make(f->serial, off + head, p + head, n - head);
}

bool frames_is(const struct frames_frame *f, uint32_t off, const uint8_t *p, uint32_t n)
{
	uint32_t head = of_head(f, off, n);
	return !memcmp(p, f->frame.head + (head ? off : 0), head) &&
	       same(f->serial, off + head, p + head, n - head);
}

/* -- lives ----------------------------------------------------------------------------------------------- */

void frames_init(struct frames *f, struct oracle *o, struct ram *r, const struct vdev *v)
{
	f->oracle = o;
	f->ram = r;
	f->vdev = v;
}

static void begin_rx(struct frames_rx *x, bool lost)
{
	x->head = x->ngiven = x->left = x->at = x->nposted = 0;
	x->lost = lost;
}

static void begin_all(struct frames *f, bool lost)
{
	f->era++;
	for (int i = 0; i < NET_PAIRS_MAX; i++)
		begin_rx(&f->rx[i], lost);
	memset(f->last, 0, sizeof(f->last));
}

void frames_restart(struct frames *f, const struct net_options *o)
{
	f->trusted = true;
	f->nfree = 0;
	f->fresh = 1;
	f->nrefused = f->nlinks = 0;
	f->serial = 0;
	f->settled = f->unsure = false;
	begin_all(f, false);
	filter_restart(&f->filter, o);
}

void frames_distrust(struct frames *f)
{
	if (!f->trusted)
		return;
	f->trusted = f->filter.known = false;
	f->unsure = true;
	begin_all(f, true);
}

static bool is_live(const struct frames *f)
{
	return f->vdev->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* What is live goes on unknown until it is reset. */
void frames_trust(struct frames *f)
{
	if (f->trusted)
		return;
	f->trusted = true;
	if (is_live(f))
		return;
	f->unsure = false;
	begin_all(f, false);
	filter_reset(&f->filter);
}

/* Before any queue is run. */
static void settle_features(struct frames *f)
{
	if (f->settled || !is_live(f))
		return;
	f->settled = true;
	filter_driver_ok(&f->filter, f->vdev->accepted);
}

void frames_told(struct frames *f, const struct net_tuning *t)
{
	settle_features(f);
	f->filter.told = *t;
}

void frames_write_ends(struct frames *f, uint64_t off)
{
	bool status = off == VIRTIO_MMIO_STATUS;
	if (!status && off != VIRTIO_MMIO_QUEUE_READY && off != VIRTIO_MMIO_QUEUE_RESET)
		return;
	if (status && !f->vdev->status) {
		begin_all(f, !f->trusted);
		filter_reset(&f->filter);
		f->filter.known = f->trusted;
		f->unsure = !f->trusted;
		f->settled = false;
	} else if (status) {
		settle_features(f);
	}
	for (uint16_t i = 0; i < NET_PAIRS_MAX && 2 * i < f->vdev->nqueues; i++)
		if (!f->vdev->queue[2 * i].ready)
			begin_rx(&f->rx[i], !f->trusted);
}

/* -- the driver ------------------------------------------------------------------------------------------ */

static void describe_send(const struct frames *f, struct frames_slot *s, const struct frames_request *q)
{
	memset(&s->header, 0, sizeof(s->header));
	memcpy(&s->header, q->bytes, q->bytes_len < sizeof(s->header) ? q->bytes_len : sizeof(s->header));
	s->len = q->data_len;
	s->good = q->bytes_len == HEADER_LEN && s->len >= 14 && s->len <= NET_FRAME_MAX;
	s->nrefused = f->nrefused;
	s->nlinks = f->nlinks;
}

static void describe_room(struct frames *f, struct frames_slot *s, const struct frames_request *q)
{
	struct frames_rx *x = &f->rx[q->queue / 2];
	s->len = 0;
	s->npieces = 0;
	for (uint32_t i = q->nread; i < q->npieces; i++) {
		s->len += q->piece[i].len;
		if (s->npieces < FRAMES_PIECES_MAX)
			s->piece[s->npieces++] = q->piece[i];
		else
			s->era = 0;
	}
	x->room[x->nposted++ % FRAMES_ROOM_MAX] = s->len;
}

uint16_t frames_posted(struct frames *f, const struct frames_request *q)
{
	uint16_t i = 0;
	if (!oracle_is_silent(f->oracle) && (f->nfree || f->fresh < FRAMES_SLOTS_MAX))
		i = f->nfree ? f->free[--f->nfree] : f->fresh++;
	struct frames_slot *s = &f->slot[i];
	s->kind = (uint8_t)q->kind;
	s->queue = q->queue;
	s->era = i && f->trusted ? f->era : 0;
	s->sent = s->good = false;
	s->serial = ++f->serial;
	s->command = q->command;
	if (q->kind == FRAMES_SEND)
		describe_send(f, s, q);
	else if (q->kind == FRAMES_ROOM)
		describe_room(f, s, q);
	else
		s->ack = q->npieces > q->nread ? q->piece[q->nread].at : gpa(UINT64_MAX);
	if (!i && q->kind == FRAMES_ROOM)
		f->rx[q->queue / 2].lost = true;
	return i;
}

void frames_fill(struct frames *f, uint16_t slot, gpa_t a, uint32_t off, uint32_t n)
{
	for (uint32_t part; n; n -= part, off += part, a = gpa_add(a, part)) {
		part = n;
		uint8_t *p = ram_at(f->ram, a, &part);
		if (!p)
			return;
		make(f->slot[slot].serial, off, p, part);
	}
}

static void drop(struct frames *f, uint16_t slot)
{
	f->slot[slot].kind = FRAMES_OTHER;
	if (slot)
		f->free[f->nfree++] = slot;
}

void frames_dropped(struct frames *f, uint16_t slot)
{
	drop(f, slot);
}

/* A frame that was used without being sent must have been wrong, or the host must have lost it. */
static void judge_sent(struct frames *f, const struct frames_slot *s)
{
	bool good = s->good && f->filter.known && filter_header_fits(&f->filter, &s->header, s->len, true);
	bool excused = s->nrefused != f->nrefused || s->nlinks != f->nlinks || !f->filter.link_up;
	if (good && !s->sent && !excused)
		CRY(f, "net.cfg.6", "queue %u: a frame of %u bytes was used, and never sent", s->queue,
		    s->len);
}

void frames_answered(struct frames *f, uint16_t slot, uint32_t used_len)
{
	const struct frames_slot *s = &f->slot[slot];
	if (!slot)
		return;
	if (s->era == f->era && s->kind == FRAMES_SEND)
		judge_sent(f, s);
	else if (s->era != f->era && s->kind == FRAMES_ROOM)
		f->rx[s->queue / 2].lost = true;
	else if (s->kind == FRAMES_ROOM &&
		 f->vdev->queue[s->queue].ready) /* else what was given is forgotten */
		frames_receive(f, s, used_len);
	drop(f, slot);
}

/* -- the backend ----------------------------------------------------------------------------------------- */

/* The frame that a request's first bytes name; 0: none. */
static uint16_t find_sent(const struct frames *f, const struct net_io *io)
{
	uint64_t serial;
	uint8_t first[sizeof(serial)] = {0};
	for (uint32_t at = 0, i = 0; at < sizeof(first); i++)
		for (size_t k = 0; k < io->span[i].len && at < sizeof(first); k++)
			first[at++] = ((const uint8_t *)io->span[i].base)[k];
	memcpy(&serial, first, sizeof(serial));
	for (uint16_t i = 1; i < f->fresh; i++)
		if (f->slot[i].kind == FRAMES_SEND && f->slot[i].serial == serial && f->slot[i].era == f->era)
			return i;
	return 0;
}

static void check_offloads(struct frames *f, const struct net_io *io)
{
	const struct net_header *h = &io->header;
	if (!f->filter.known)
		return;
	if (!filter_header_fits(&f->filter, h, io->len, true) || h->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM ||
	    h->hdr_len > io->len)
		oracle_cry(f->oracle, ORACLE_BACKEND, h->flags & 1 ? "" : "net.tx.2",
			   "a frame is submitted with offloads that were not negotiated or make no sense "
			   "(flags 0x%x, gso_type 0x%x, csum at %u+%u of %u bytes)",
			   h->flags, h->gso_type, h->csum_start, h->csum_offset, io->len);
}

void frames_sent(struct frames *f, const struct net_io *io)
{
	if (oracle_is_silent(f->oracle))
		return;
	check_offloads(f, io);
	if (!f->trusted)
		return;
	uint16_t i = io->len >= 14 ? find_sent(f, io) : 0;
	struct frames_slot *s = &f->slot[i];
	uint32_t at = 0;
	bool whole = i && s->len == io->len;
	for (uint16_t k = 0; whole && k < io->nspans; at += (uint32_t)io->span[k++].len)
		whole = same(s->serial, at, io->span[k].base, (uint32_t)io->span[k].len);
	if (!i && f->unsure)
		return;
	if (!i || !whole)
		CRY(f, "", "a frame of %u bytes is sent that is not one of the driver's", io->len);
	else if (s->sent)
		CRY(f, "", "queue %u: a frame of %u bytes is sent twice", s->queue, io->len);
	else if (s->serial < f->last[s->queue])
		CRY(f, "", "queue %u: a frame is sent after one that was posted later", s->queue);
	else if (!frames_header_says(&io->header, &s->header))
		CRY(f, "",
		    "queue %u: a frame is sent with another header (flags 0x%x, gso_type 0x%x) than the "
		    "driver's (0x%x, 0x%x)",
		    s->queue, io->header.flags, io->header.gso_type, s->header.flags, s->header.gso_type);
	if (i) {
		s->sent = true;
		f->last[s->queue] = s->serial;
	}
}

static bool in_order(const struct frames *f)
{
	return f->vdev->accepted >> VIRTIO_F_IN_ORDER & 1;
}

static void put(struct frames_rx *x, const struct frames_frame *frame, bool done)
{
	if (x->ngiven == FRAMES_GIVEN_MAX) {
		x->lost = true;
		return;
	}
	x->given[(x->head + x->ngiven++) % FRAMES_GIVEN_MAX] = (struct frames_given){done, *frame};
}

void frames_asked(struct frames *f, const struct net_io *io, const struct frames_frame *frame)
{
	if (oracle_is_silent(f->oracle))
		return;
	if (f->filter.known && io->pair >= f->filter.pairs)
		oracle_cry(f->oracle, ORACLE_BACKEND, f->filter.pairs == 1 ? "net.mq.1" : "net.mq.2",
			   "a frame is received on pair %u, and %u are in use", io->pair, f->filter.pairs);
	if (io->len != frame->frame.len)
		oracle_cry(f->oracle, ORACLE_BACKEND, "", "room for %u bytes is lent for a frame of %u",
			   io->len, frame->frame.len);
	if (in_order(f))
		put(&f->rx[io->pair], frame, false);
}

/* IN_ORDER: what has failed is none. */
static void settle(struct frames_rx *x, uint64_t serial, bool ok)
{
	uint32_t i = 0;
	while (i < x->ngiven && x->given[(x->head + i) % FRAMES_GIVEN_MAX].f.serial != serial)
		i++;
	if (i == x->ngiven)
		return;
	x->given[(x->head + i) % FRAMES_GIVEN_MAX].done = ok;
	if (ok)
		return;
	for (; i + 1 < x->ngiven; i++)
		x->given[(x->head + i) % FRAMES_GIVEN_MAX] = x->given[(x->head + i + 1) % FRAMES_GIVEN_MAX];
	x->ngiven--;
}

void frames_given(struct frames *f, const struct net_io *io, const struct frames_frame *frame, bool ok,
		  bool wanted)
{
	struct frames_rx *x = &f->rx[io->pair];
	if (!wanted || oracle_is_silent(f->oracle))
		return;
	if (in_order(f))
		settle(x, frame->serial, ok);
	else if (ok)
		put(x, frame, true);
}

/* -- what the device says -------------------------------------------------------------------------------- */

void frames_answer(struct frames *f, uint16_t pair, const struct net_frame *frame, enum net_answer answer,
		   bool looked)
{
	const char *why = "";
	bool live = is_live(f) && !(f->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET), any = false;
	if (!f->filter.known || !f->trusted)
		return;
	bool wanted = filter_wants(&f->filter, frame, &why),
	     fits = filter_header_fits(&f->filter, &frame->header, frame->len, false);
	for (uint16_t i = 0; i < f->filter.pairs; i++)
		any |= f->vdev->queue[2 * i].ready;
	if (!live && answer != NET_LATER)
		CRY(f, "", "a frame for pair %u is not kept for a driver that is not ready", pair);
	else if (live && answer == NET_TAKEN && !f->filter.link_up)
		CRY(f, "", "a frame is received, and the cable is out");
	else if (live && answer == NET_TAKEN && !wanted)
		CRY(f, why, "a frame of %u bytes is received that the driver does not want", frame->len);
	else if (live && answer == NET_TAKEN && !fits)
		CRY(f, "net.rx.21", "a frame is received with offloads that the driver does not take");
	else if (live && answer == NET_DROPPED && wanted && fits && any && f->filter.link_up && !looked)
		CRY(f, why, "a frame of %u bytes for pair %u is dropped that the driver wants", frame->len,
		    pair);
}

void frames_acked(struct frames *f, gpa_t a, uint8_t status)
{
	const char *clause, *wrong;
	for (uint16_t i = 1; f->trusted && f->filter.known && i < f->fresh; i++) {
		const struct frames_slot *s = &f->slot[i];
		if (s->kind != FRAMES_COMMAND || s->era != f->era || s->ack.v != a.v)
			continue;
		wrong = filter_answered(&f->filter, &s->command, status, &clause);
		if (wrong)
			CRY(f, clause, "command %u %u (value %u): %s", s->command.class, s->command.cmd,
			    s->command.value, wrong);
		return;
	}
}

void frames_link(struct frames *f, bool up)
{
	f->nlinks++;
	f->filter.link_up = up;
}

bool frames_announce(struct frames *f)
{
	bool asks = is_live(f) && !(f->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET) &&
		    f->filter.usable >> VIRTIO_NET_F_GUEST_ANNOUNCE & 1;
	f->filter.announce |= asks;
	f->filter.announced &= !asks;
	return asks;
}

/* -- in the end ------------------------------------------------------------------------------------------ */

bool frames_room(const struct frames *f, uint16_t pair, uint32_t len)
{
	const struct frames_rx *x = &f->rx[pair];
	bool merge = f->filter.usable >> VIRTIO_NET_F_MRG_RXBUF & 1;
	uint32_t i = oracle_taken_of(f->oracle, (uint16_t)(2 * pair)),
		 least = merge ? HEADER_LEN : HEADER_LEN + 14;
	uint64_t sum = 0;
	if (!f->trusted || !f->filter.known || x->nposted - i > FRAMES_ROOM_MAX)
		return false;
	while (i != x->nposted && x->room[i % FRAMES_ROOM_MAX] < least)
		i++;
	for (uint32_t n = 0; i != x->nposted && n < MERGED_MAX; n++, i++)
		sum += x->room[i % FRAMES_ROOM_MAX];
	return sum >= HEADER_LEN + (uint64_t)len || (!merge && sum);
}

/* A device that needs a reset gives no buffers back. */
void frames_quiet(struct frames *f)
{
	bool judged = f->trusted && !(f->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	for (uint16_t i = 0; judged && i < NET_PAIRS_MAX; i++) {
		const struct frames_rx *x = &f->rx[i];
		if (!x->lost && x->ngiven)
			CRY(f, "",
			    "queue %u: %u frames were taken from the backend and never reached the driver",
			    2 * i, x->ngiven);
	}
}
