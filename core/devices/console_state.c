// SPDX-License-Identifier: BSD-2-Clause
/* Saving the console with its requests in flight, and submitting those again. */
#include "devices/console_int.h"

static const struct console *const_console_of(const struct vdev *d)
{
	return (const struct console *)(const void *)d;
}

/* The slot, out of these, of the oldest request; some bit is set. */
static uint16_t oldest(const struct console *c, uint64_t slots)
{
	uint16_t found = (uint16_t)__builtin_ctzll(slots);
	for (uint16_t i = found; i < CONSOLE_INFLIGHT_MAX; i++)
		if (slots >> i & 1 && c->req[i].nr < c->req[found].nr)
			found = i;
	return found;
}

/* -- saving ---------------------------------------------------------------------------------------------- */

enum {
	THERE = 1,
	TERMINAL = 2,
	HOST_OPEN = 4,
	KNOWN = 8,
	EVER = 16,
	GONE = 32,
	READY = 64,
	OPEN = 128,
	TOLD_OPEN = 256,
	WAITS = 512,
	ALL_FLAGS = 1023
};

static void save_cut(const struct vq_chain *ch, struct state_out *out)
{
	vdev_save_tok(out, ch->tok);
	state_put_u16(out, ch->nread);
	for (uint16_t i = 0; i < ch->nread; i++) {
		state_put_u32(out, ch->seg[i].len);
		state_put_u64(out, ch->seg[i].addr.v);
	}
}

static void save_port(const struct console *c, uint16_t port, struct state_out *out)
{
	const struct console_port_options *o = &c->options.port[port];
	const struct console_port *p = &c->port[port];
	state_put_u16(out,
		      (uint16_t)((o->there ? THERE : 0) | (o->console ? TERMINAL : 0) |
				 (o->open ? HOST_OPEN : 0) | (p->known ? KNOWN : 0) | (p->ever ? EVER : 0) |
				 (p->gone ? GONE : 0) | (p->ready ? READY : 0) | (p->open ? OPEN : 0) |
				 (p->told_open ? TOLD_OPEN : 0) | (p->waits ? WAITS : 0)));
	state_put(out, o->name, sizeof(o->name));
	state_put_u8(out, p->tell);
	state_put_u32(out, p->sent);
	if (p->sent)
		save_cut(&c->cut[port], out);
}

/* A chain that is cut is named once, with its port. */
static void save_request(const struct console_req *r, struct state_out *out)
{
	state_put_u16(out, r->io.id);
	state_put_u16(out, r->queue);
	state_put_bool(out, r->last);
	state_put_u32(out, r->io.len);
	if (r->last)
		vdev_save_tok(out, r->tok);
	state_put_u16(out, r->io.nspans);
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		state_put_u32(out, (uint32_t)r->io.span[i].len);
		state_put_u64(out, r->span_gpa[i].v);
	}
}

void console_save(const struct vdev *d, struct state_out *out)
{
	const struct console *c = const_console_of(d);
	state_put_u16(out, c->options.cols);
	state_put_u16(out, c->options.rows);
	state_put_bool(out, c->driver_ready);
	state_put_u32(out, c->stalled);
	state_put_u32(out, c->staged);
	state_put_bool(out, c->freed);
	for (uint16_t i = 0; i < c->options.nports; i++)
		save_port(c, i, out);
	uint8_t nbusy = 0;
	for (uint64_t left = c->busy; left; left &= left - 1)
		nbusy++;
	state_put_u8(out, nbusy);
	for (uint64_t left = c->busy; left;) {
		uint16_t id = oldest(c, left);
		left &= ~(1ull << id);
		save_request(&c->req[id], out);
	}
}

/* -- loading --------------------------------------------------------------------------------------------- */

static void load_cut(struct console *c, uint16_t port, struct state_in *in)
{
	struct vq_chain *ch = &c->cut[port];
	uint64_t sum = 0;
	ch->tok = vdev_load_tok(&c->vdev, in, tx_queue(port), 0);
	ch->nwrite = 0;
	ch->write_len = 0;
	ch->nread = state_get_u16(in);
	if (!state_need(in, ch->nread <= VQ_SEGS_MAX))
		return;
	for (uint16_t i = 0; i < ch->nread; i++) {
		ch->seg[i].len = state_get_u32(in);
		ch->seg[i].addr = vdev_load_gpa(&c->vdev, in, ch->seg[i].len);
		sum += ch->seg[i].len;
	}
	ch->read_len = (uint32_t)sum;
	state_need(in, sum <= UINT32_MAX && c->port[port].sent < sum);
}

/* What a driver can not have come to, or only by way of MULTIPORT. */
static bool flags_fit(const struct console *c, uint16_t port, uint32_t f)
{
	bool talked = f & (READY | OPEN | TOLD_OPEN);
	if ((f & ~(uint32_t)ALL_FLAGS) || (!port && !(f & THERE)) || (!(f & THERE) && (f & WAITS)))
		return false;
	if ((f & (KNOWN | EVER)) && !multiport(c))
		return false;
	if (!(f & THERE) && (f & (KNOWN | GONE)) == KNOWN) /* the driver would never hear that it is gone */
		return false;
	return (!(f & KNOWN) || (f & EVER)) && (!(f & GONE) || (f & KNOWN)) &&
	       (!talked || ((f & KNOWN) && !(f & GONE)));
}

/* A port of ours may have been pulled out when it was saved; one that we do not have can not have been there. */
static void load_port(struct console *c, uint16_t port, struct state_in *in)
{
	struct console_port_options *o = &c->options.port[port];
	struct console_port *p = &c->port[port];
	uint32_t f = state_get_u16(in);
	state_need(in, flags_fit(c, port, f) && (o->there || !(f & THERE)) && o->console == !!(f & TERMINAL));
	o->there = f & THERE;
	o->open = f & HOST_OPEN;
	p->known = f & KNOWN;
	p->ever = f & EVER;
	p->gone = f & GONE;
	p->ready = f & READY;
	p->told_open = f & TOLD_OPEN;
	/* Ours, which was told to wait, is woken in any case. */
	p->waits = o->there && ((f & WAITS) || p->waits);
	p->open = f & OPEN;
	state_match(in, o->name, sizeof(o->name));
	p->tell = state_get_u8(in);
	state_need(in, p->tell < 2 * CONSOLE_TELL_SIZE);
	p->sent = state_get_u32(in);
	if (p->sent && state_need(in, o->there))
		load_cut(c, port, in);
}

static void load_spans(struct console *c, struct console_req *r, struct state_in *in)
{
	uint64_t sum = 0;
	r->io.nspans = state_get_u16(in);
	if (!state_need(in, r->io.nspans <= CONSOLE_SPANS_MAX))
		return;
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		uint32_t len = state_get_u32(in);
		r->io.span[i] = (struct vspan){NULL, len};
		r->span_gpa[i] = vdev_load_gpa(&c->vdev, in, len);
		state_need(in, len);
		sum += len;
	}
	state_need(in, sum && sum == r->io.len);
}

/* One more of its kind may be out. An input request is its queue's latest chain, and may go back. */
static bool fits(const struct console *c, const struct console_req *r)
{
	const struct console_port *p = &c->port[r->io.port];
	const struct vq *q = &c->vdev.queue[r->queue];
	if (!c->options.port[r->io.port].there)
		return false;
	if (r->io.type == CONSOLE_IO_TX)
		return p->ntx < CONSOLE_TX_MAX && (r->last || r->io.len <= p->sent);
	return !p->rx && r->last && r->io.len <= CONSOLE_BYTES_MAX &&
	       (!vdev_live(&c->vdev) || (q->inflight == 1 && r->tok.seq == q->latest));
}

static void load_request(struct console *c, struct state_in *in)
{
	uint16_t id = state_get_u16(in), queue = state_get_u16(in);
	bool last = state_get_bool(in);
	if (!state_need(in, id < CONSOLE_INFLIGHT_MAX && !(c->busy >> id & 1) && queue < c->vdev.nqueues &&
				    queue != CTRL_RX && queue != CTRL_TX))
		return;
	struct console_req *r = &c->req[id];
	struct console_port *p = &c->port[port_of(queue)];
	r->io.id = id;
	r->io.type = queue & 1 ? CONSOLE_IO_TX : CONSOLE_IO_RX;
	r->io.port = port_of(queue);
	r->queue = queue;
	r->last = last;
	r->io.len = state_get_u32(in);
	if (last)
		r->tok = vdev_load_tok(&c->vdev, in, queue, queue & 1 ? 0 : r->io.len);
	load_spans(c, r, in);
	if (in->bad || !state_need(in, fits(c, r)))
		return;
	if (queue & 1)
		p->ntx++;
	else
		p->rx = true;
	r->nr = c->nsubmits++;
	c->busy |= 1ull << id;
	c->unsent |= 1ull << id;
}

void console_load(struct vdev *d, struct state_in *in)
{
	struct console *c = console_of(d);
	uint32_t queues = (1u << d->nqueues) - 1;
	c->own = c->options;
	c->own_waits = 0;
	for (uint16_t i = 0; i < c->options.nports; i++)
		c->own_waits |= (uint32_t)c->port[i].waits << i;
	c->loaded = true;
	c->options.cols = state_get_u16(in);
	c->options.rows = state_get_u16(in);
	c->driver_ready = state_get_bool(in);
	c->stalled = state_get_u32(in);
	c->staged = state_get_u32(in);
	c->freed = state_get_bool(in);
	state_need(in, !((c->stalled | c->staged) & ~queues));
	for (uint16_t i = 0; i < c->options.nports && !in->bad; i++)
		load_port(c, i, in);
	for (uint8_t n = state_get_u8(in); n && !in->bad; n--)
		load_request(c, in);
}

void console_unload(struct console *c)
{
	if (c->loaded)
		c->options = c->own;
	for (uint16_t i = 0; c->loaded && i < c->options.nports; i++)
		c->port[i].waits = c->own_waits >> i & 1;
	c->loaded = false;
}

/* -- doing it again -------------------------------------------------------------------------------------- */

void console_forget_unsent(struct console *c, uint32_t queues)
{
	for (uint16_t i = 0; i < CONSOLE_INFLIGHT_MAX && c->unsent; i++) {
		struct console_req *r = &c->req[i];
		if (!(c->unsent >> i & 1) || !(queues >> r->queue & 1))
			continue;
		c->unsent &= ~(1ull << i);
		r->io.nspans = 0;
		console_io_done(c, &r->io, 0);
	}
}

/* False: no room now; the request is as it was. */
static bool lend_again(struct console *c, struct console_req *r)
{
	struct vq_seg seg[CONSOLE_SPANS_MAX];
	uint16_t n = r->io.nspans;
	uint32_t len = r->io.len;
	for (uint16_t i = 0; i < n; i++)
		seg[i] = (struct vq_seg){r->span_gpa[i], (uint32_t)r->io.span[i].len};
	struct vq_cursor data = {seg, seg + n, 0, len};
	bool lent = console_pin(c, r, &data, len), others = c->busy & ~c->unsent & ~(1ull << r->io.id);
	if (lent && (r->io.len == len || !others))
		return true;
	console_unpin(c, r, 0);
	for (uint16_t i = 0; i < n; i++) {
		r->span_gpa[i] = seg[i].addr;
		r->io.span[i] = (struct vspan){NULL, seg[i].len};
	}
	r->io.nspans = n;
	r->io.len = len;
	return false;
}

void console_send(struct console *c)
{
	while (c->unsent) {
		uint16_t id = oldest(c, c->unsent);
		struct console_req *r = &c->req[id];
		c->unsent &= ~(1ull << id);
		if (!lend_again(c, r)) {
			c->unsent |= 1ull << id;
			console_stall(c, r->queue);
			return;
		}
		c->backend.submit(c->backend.ctx, &r->io);
	}
}

void console_resume(struct vdev *d)
{
	struct console *c = console_of(d);
	uint64_t before = c->busy;
	c->loaded = false;
	for (uint16_t i = 0; i < c->options.nports; i++)
		if (c->port[i].open)
			c->backend.opened(c->backend.ctx, i, true);
	console_send(c);
	if (c->busy != before) /* else what was staged when it was saved still waits for its publisher */
		console_publish(c);
}
