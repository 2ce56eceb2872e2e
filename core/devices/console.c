// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "devices/console_int.h"
#include "hash.h"

_Static_assert(CONSOLE_PORTS_MAX *(CONSOLE_TX_MAX + 1) <= CONSOLE_INFLIGHT_MAX &&
		       2 * CONSOLE_PORTS_MAX + 2 <= VDEV_QUEUES_MAX,
	       "every port has its share of the slots, and its queues");

/* -- requests at the backend ----------------------------------------------------------------------------- */

/* There is one: each port has its share. */
static struct console_req *slot_get(struct console *c)
{
	core_check(~c->busy != 0);
	uint16_t id = (uint16_t)__builtin_ctzll(~c->busy);
	c->busy |= 1ull << id;
	c->req[id].io.id = id;
	return &c->req[id];
}

static void slot_put(struct console *c, const struct console_req *r)
{
	c->busy &= ~(1ull << r->io.id);
}

static enum vmem_kind kind_of(const struct console_req *r)
{
	return r->io.type == CONSOLE_IO_RX ? VMEM_STORE : VMEM_LOAD;
}

/* Fewer bytes where there is no room for so many and no other request will make any: "later" would be never. */
static uint32_t pin_some(struct console *c, struct console_req *r, gpa_t at, uint32_t n)
{
	struct vspan *span = &r->io.span[r->io.nspans];
	bool only = (c->busy & ~c->unsent) == 1ull << r->io.id && r->io.nspans == 0;
	uint32_t got = vmem_pin(c->vdev.mem, kind_of(r), at, n, span);
	for (n /= 2; !got && n && only; n /= 2)
		got = vmem_pin(c->vdev.mem, kind_of(r), at, n, span);
	return got;
}

bool console_pin(struct console *c, struct console_req *r, struct vq_cursor *cur, uint32_t n)
{
	gpa_t at;
	r->io.len = 0;
	r->io.nspans = 0;
	while (r->io.nspans < CONSOLE_SPANS_MAX) {
		uint32_t part = vq_take(cur, n - r->io.len, &at);
		uint32_t got = part ? pin_some(c, r, at, part) : 0;
		cur->off -= part - got;
		cur->left += part - got;
		if (!got)
			break;
		r->span_gpa[r->io.nspans++] = at;
		r->io.len += got;
	}
	return r->io.len != 0;
}

void console_unpin(struct console *c, struct console_req *r, uint32_t stored)
{
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		uint32_t here = stored < r->io.span[i].len ? stored : (uint32_t)r->io.span[i].len;
		vmem_unpin(c->vdev.mem, kind_of(r), r->span_gpa[i], r->io.span[i], here);
		stored -= here;
	}
}

void console_stall(struct console *c, uint16_t queue)
{
	c->stalled |= 1u << queue;
	if (!(c->busy & ~c->unsent))
		c->vdev.host->again(c->vdev.host_ctx, queue);
}

/* False, with nothing taken: no room now. */
static bool submit(struct console *c, uint16_t queue, const struct vq_tok tok, struct vq_cursor *cur,
		   uint32_t n)
{
	struct console_req *r = slot_get(c);
	struct console_port *p = &c->port[port_of(queue)];
	r->io.type = queue & 1 ? CONSOLE_IO_TX : CONSOLE_IO_RX;
	r->io.port = port_of(queue);
	r->queue = queue;
	r->tok = tok;
	if (!console_pin(c, r, cur, n)) {
		slot_put(c, r);
		console_stall(c, queue);
		return false;
	}
	r->nr = c->nsubmits++;
	r->last = r->io.type == CONSOLE_IO_RX || !cur->left;
	if (r->io.type == CONSOLE_IO_RX) {
		p->rx = true;
	} else {
		p->ntx++;
		p->sent = cur->left ? p->sent + r->io.len : 0;
	}
	c->backend.submit(c->backend.ctx, &r->io);
	return true;
}

void console_complete(struct console *c, uint16_t queue, struct vq_tok tok, uint32_t written)
{
	vdev_complete(&c->vdev, queue, tok, written);
	c->staged |= 1u << queue;
}

/*
 * After a reset of the device or the queue, or once the device needs one, the buffers are no longer ours. An
 * input request that got nothing was the queue's latest, as there is one at a time: its buffer goes back.
 */
void console_io_done(struct console *c, struct console_io *io, uint32_t bytes)
{
	struct console_req *r = &c->req[io->id];
	struct console_port *p = &c->port[io->port];
	bool rx = io->type == CONSOLE_IO_RX;
	core_check(&r->io == io && c->busy >> io->id & 1 && bytes <= io->len);
	bool wanted = vdev_live(&c->vdev) && c->vdev.queue[r->queue].ready;
	console_unpin(c, r, rx && wanted ? bytes : 0);
	slot_put(c, r);
	if (rx)
		p->rx = false;
	else
		p->ntx--;
	if (wanted && rx && !bytes)
		vq_unpop(&c->vdev.queue[r->queue], r->tok);
	else if (wanted && r->last)
		console_complete(c, r->queue, r->tok, rx ? bytes : 0);
	c->freed = true;
}

void console_publish(struct console *c)
{
	uint32_t staged = c->staged, stalled = c->freed ? c->stalled : 0;
	c->staged = 0;
	for (uint16_t i = 0; staged; i++, staged >>= 1)
		if (staged & 1)
			vdev_publish(&c->vdev, i);
	c->stalled &= ~stalled;
	c->freed = false;
	for (uint16_t i = 0; stalled; i++, stalled >>= 1)
		if (stalled & 1)
			c->vdev.host->again(c->vdev.host_ctx, i);
}

/* -- input: to the guest --------------------------------------------------------------------------------- */

static bool takes_input(const struct console *c, uint16_t port)
{
	const struct console_port *p = &c->port[port];
	bool open = multiport(c) ? p->open : port == 0; /* one that is gone, or is not there, is not open */
	return open && vdev_live(&c->vdev) && c->vdev.queue[rx_queue(port)].ready;
}

bool console_pop_room(struct console *c, uint16_t queue, struct vq_chain *ch)
{
	struct vq *q = &c->vdev.queue[queue];
	for (uint32_t budget = q->size; budget; budget--) {
		if (!vdev_pop(&c->vdev, queue, ch)) {
			if (vdev_live(&c->vdev) && vq_kicks_resume(q, c->vdev.mem))
				continue;
			return false;
		}
		if (ch->read_len)
			vdev_offend(&c->vdev, OFFENCE_CONSOLE_READABLE);
		if (ch->write_len)
			return true;
		vdev_offend(&c->vdev, OFFENCE_CONSOLE_EMPTY);
		console_complete(c, queue, ch->tok, 0);
	}
	c->vdev.host->again(c->vdev.host_ctx, queue);
	return false;
}

/* Returns how many bytes were lent room for. */
static uint32_t lend_room(struct console *c, uint16_t port, uint32_t n)
{
	struct vq_chain ch;
	uint16_t queue = rx_queue(port);
	if (c->port[port].rx)
		console_stall(c, queue);
	if (c->port[port].rx || !takes_input(c, port) || !console_pop_room(c, queue, &ch))
		return 0;
	struct vq_cursor out = vq_writer(&ch);
	if (!submit(c, queue, ch.tok, &out, n < CONSOLE_BYTES_MAX ? n : CONSOLE_BYTES_MAX)) {
		vq_unpop(&c->vdev.queue[queue], ch.tok);
		return 0;
	}
	return ch.write_len - out.left;
}

uint32_t console_input(struct console *c, uint16_t port, uint32_t n)
{
	core_check(port < c->options.nports && n > 0);
	uint32_t lent = lend_room(c, port, n);
	c->port[port].waits = lent == 0 && c->options.port[port].there;
	console_publish(c);
	return lent;
}

void console_offer_room(struct console *c, uint16_t port)
{
	struct console_port *p = &c->port[port];
	struct vq *q = &c->vdev.queue[rx_queue(port)];
	if (!p->waits || !takes_input(c, port))
		return;
	if (p->rx) { /* its completion comes back to this */
		console_stall(c, rx_queue(port));
		return;
	}
	if (!vq_waiting(q, c->vdev.mem) && !vq_kicks_resume(q, c->vdev.mem))
		return;
	p->waits = false;
	c->backend.wake(c->backend.ctx, port);
}

static void run_rx(struct console *c, uint16_t queue)
{
	uint16_t port = port_of(queue);
	c->stalled &= ~(1u << queue);
	if (c->port[port].waits)
		console_offer_room(c, port);
	else /* more buffers are of no interest until those that there are have been used */
		vq_kicks_stop(&c->vdev.queue[queue], c->vdev.mem);
}

/* -- output: from the guest ------------------------------------------------------------------------------ */

/* False: no room now. */
static bool start_tx(struct vdev *d, uint16_t queue, const struct vq_chain *ch)
{
	struct console *c = console_of(d);
	uint16_t port = port_of(queue);
	struct console_port *p = &c->port[port];
	struct vq_cursor in = vq_reader(ch);
	if (p->sent || p->ntx == CONSOLE_TX_MAX)
		return false;
	if (ch->read_len && c->options.port[port].there) {
		if (!submit(c, queue, ch->tok, &in, in.left))
			return false;
	} else {
		console_complete(c, queue, ch->tok, 0);
	}
	if (ch->write_len)
		vdev_offend(d, OFFENCE_CONSOLE_WRITABLE);
	if (p->sent)
		c->cut[port] = *ch;
	return true;
}

/* The next piece of a chain that is cut, once the one before is done. */
static void send_piece(struct console *c, uint16_t queue)
{
	uint16_t port = port_of(queue);
	struct vq_cursor in = vq_reader(&c->cut[port]);
	vq_skip(&in, c->port[port].sent);
	(void)submit(c, queue, c->cut[port].tok, &in, in.left);
}

static void run_tx(struct console *c, uint16_t queue)
{
	struct console_port *p = &c->port[port_of(queue)];
	uint32_t bit = 1u << queue;
	c->stalled &= ~bit;
	if (p->sent && p->ntx == 0)
		send_piece(c, queue);
	if (p->sent || !vdev_serve(&c->vdev, queue, start_tx) || p->sent)
		c->stalled |= bit;
}

/* -- the device ------------------------------------------------------------------------------------------ */

/* Without MULTIPORT there are no queues but those of port 0, whatever the driver has set up. */
static void kick(struct vdev *d, uint16_t queue)
{
	struct console *c = console_of(d);
	if (queue >= CTRL_RX && !multiport(c))
		return;
	if (c->unsent)
		console_send(c);
	if (c->unsent) /* nothing overtakes it */
		console_stall(c, queue);
	else if (queue == CTRL_RX)
		vq_kicks_stop(&d->queue[queue], d->mem);
	else if (queue == CTRL_TX)
		(void)vdev_serve(d, queue, ctrl_take);
	else if (queue & 1)
		run_tx(c, queue);
	else
		run_rx(c, queue);
	if (!c->unsent && (queue == CTRL_RX || queue == CTRL_TX))
		ctrl_tell(c);
	console_publish(c);
}

static void drain(struct console *c, uint16_t port)
{
	struct console_port *p = &c->port[port];
	if (p->ntx || p->rx)
		c->backend.drain(c->backend.ctx, port);
	for (uint64_t out = c->busy & ~c->unsent; out; out &= out - 1)
		core_check(c->req[__builtin_ctzll(out)].io.port != port);
}

static void queue_reset(struct vdev *d, uint16_t queue)
{
	struct console *c = console_of(d);
	console_forget_unsent(c, 1u << queue);
	if (queue != CTRL_RX && queue != CTRL_TX) {
		uint16_t port = port_of(queue);
		if (queue & 1 ? c->port[port].ntx : c->port[port].rx)
			drain(c, port);
		if (queue & 1)
			c->port[port].sent = 0;
	}
	c->stalled &= ~(1u << queue);
	c->staged &= ~(1u << queue);
	console_publish(c); /* what the drain completed for the port's other queue */
}

/* Who waits for room goes on waiting. */
static void reset(struct vdev *d)
{
	struct console *c = console_of(d);
	console_forget_unsent(c, UINT32_MAX);
	for (uint16_t i = 0; i < c->options.nports; i++) {
		drain(c, i);
		c->port[i].sent = 0;
	}
	core_check(c->busy == 0);
	c->stalled = c->staged = 0;
	c->freed = false;
	ctrl_reset(c);
	console_unload(c);
}

static uint64_t hash_port(const struct console_port *p, const struct console_port_options *o, uint64_t h)
{
	h = hash_u64(h, (uint64_t)p->sent << 32 | (uint64_t)p->ntx << 24 | (uint64_t)p->tell << 16 |
				(uint64_t)o->there << 10 | (uint64_t)o->console << 9 |
				(uint64_t)o->open << 8 | (uint64_t)p->rx << 7 | (uint64_t)p->waits << 6 |
				(uint64_t)p->told_open << 5 | (uint64_t)p->open << 4 |
				(uint64_t)p->ready << 3 | (uint64_t)p->gone << 2 | (uint64_t)p->ever << 1 |
				p->known);
	return hash_bytes(h, o->name, sizeof(o->name));
}

static uint64_t hash(const struct vdev *d, uint64_t h)
{
	const struct console *c = (const struct console *)(const void *)d;
	bool size =
		console_offers(c, VIRTIO_CONSOLE_F_SIZE); /* else no guest sees it, and no trace tells it */
	uint64_t cols_rows = (uint64_t)c->options.cols << 48 | (uint64_t)c->options.rows << 32;
	h = hash_u64(h, (size ? cols_rows : 0) | c->stalled);
	h = hash_u64(hash_u64(h, c->busy), c->driver_ready);
	for (uint16_t i = 0; i < c->options.nports; i++)
		h = hash_port(&c->port[i], &c->options.port[i], h);
	return h;
}

#define Q CONSOLE_QUEUE_SIZE
static const struct vdev_ops ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.nqueues = 2 * CONSOLE_PORTS_MAX + 2,
	.config_len = sizeof(struct virtio_console_config),
	.queue_size_max = {Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q},
	.kick = kick,
	.queue_reset = queue_reset,
	.reset = reset,
	.config_read = console_config_read,
	.config_write = console_config_write,
	.hash = hash,
	.save = console_save,
	.load = console_load,
	.resume = console_resume,
};
#undef Q

static uint64_t features(const struct console_options *o)
{
	uint64_t f = 1ull << VIRTIO_CONSOLE_F_SIZE | 1ull << VIRTIO_CONSOLE_F_EMERG_WRITE;
	if (o->nports > 1)
		f |= 1ull << VIRTIO_CONSOLE_F_MULTIPORT;
	return f & ~o->without;
}

void console_init(struct console *c, struct vmem *mem, const struct host *host, void *host_ctx,
		  const struct console_backend *backend, const struct console_options *options)
{
	core_check(options->nports >= 1 && options->nports <= CONSOLE_PORTS_MAX);
	memset((char *)c + sizeof(c->vdev), 0, offsetof(struct console, cut) - sizeof(c->vdev));
	c->backend = *backend;
	c->options = *options;
	c->options.port[0].there = true;
	vdev_init(&c->vdev, &ops, mem, host, host_ctx, features(options));
	if (!console_offers(c, VIRTIO_CONSOLE_F_MULTIPORT))
		c->options.nports = 1;
	c->vdev.nqueues = (uint16_t)(c->options.nports > 1 ? 2 * c->options.nports + 2 : 2);
	for (uint16_t i = 0; options->queue_size && i < c->vdev.nqueues; i++)
		vdev_limit_queue(&c->vdev, i, options->queue_size);
}

/* -- what the host does ---------------------------------------------------------------------------------- */

void console_resize(struct console *c, uint16_t cols, uint16_t rows)
{
	c->options.cols = cols;
	c->options.rows = rows;
	if (console_offers(c, VIRTIO_CONSOLE_F_SIZE))
		vdev_config_changed(&c->vdev);
	if (ctrl_tells_size(c))
		c->port[0].tell |= CONSOLE_TELL_SIZE;
	ctrl_tell(c);
	console_publish(c);
}

void console_port_add(struct console *c, uint16_t port, const struct console_port_options *options)
{
	core_check(port > 0 && port < c->options.nports && !c->options.port[port].there);
	c->options.port[port] = *options;
	c->options.port[port].there = true;
	ctrl_tell(c);
	console_publish(c);
}

void console_port_remove(struct console *c, uint16_t port)
{
	core_check(port > 0 && port < c->options.nports && c->options.port[port].there);
	struct console_port *p = &c->port[port];
	uint16_t queue = tx_queue(port);
	console_forget_unsent(c, 1u << queue | 1u << rx_queue(port));
	drain(c, port);
	c->options.port[port].there = false;
	p->waits = false;
	if (p->sent && vdev_live(&c->vdev)) /* the rest of it is lost */
		console_complete(c, queue, c->cut[port].tok, 0);
	p->sent = 0;
	ctrl_forget(c, port);
	ctrl_tell(c);
	c->vdev.host->again(c->vdev.host_ctx, queue); /* gives back what the driver has sent meanwhile */
	console_publish(c);
}

void console_port_open(struct console *c, uint16_t port, bool open)
{
	core_check(port < c->options.nports);
	struct console_port *p = &c->port[port];
	if (c->options.port[port].open == open)
		return;
	c->options.port[port].open = open;
	if (open)
		p->tell |= CONSOLE_TELL_OPEN;
	else
		p->tell =
			(uint8_t)((p->tell & ~CONSOLE_TELL_OPEN) | (p->told_open ? CONSOLE_TELL_CLOSED : 0));
	ctrl_tell(c);
	console_publish(c);
}
