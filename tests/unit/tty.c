// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/unit/tty.h"

#define OUT_MAX (1u << 18)

const struct console_options tty_single = {.cols = 80, .rows = 25, .nports = 1};
const struct console_options tty_multi = {
	.cols = 80,
	.rows = 25,
	.nports = 3,
	.port = {{.console = true, .open = true}, {.there = true, .open = true, .name = "log"}},
};

uint16_t tty_rx(uint16_t port)
{
	return (uint16_t)(port ? 2 * port + 2 : 0);
}

uint16_t tty_tx(uint16_t port)
{
	return (uint16_t)(tty_rx(port) + 1);
}

uint8_t tty_byte(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
}

/* -- the backend ----------------------------------------------------------------------------------------- */

static uint32_t fill_input(struct tty_port *p, const struct vspan *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)s->base)[i] = tty_byte(p->typed++);
	return n;
}

static void finish(struct tty *t, struct console_io *io)
{
	struct tty_port *p = &t->port[io->port];
	uint32_t n = io->len < t->most ? io->len : t->most, done = 0;
	for (uint16_t i = 0; i < io->nspans; i++) {
		uint32_t part = io->span[i].len < n - done ? (uint32_t)io->span[i].len : n - done;
		if (io->type == CONSOLE_IO_RX) {
			done += fill_input(p, &io->span[i], part);
			continue;
		}
		assert_true(p->nout + part <= OUT_MAX);
		memcpy(p->out + p->nout, io->span[i].base, part);
		p->nout += part;
		done += part;
	}
	if (io->type == CONSOLE_IO_RX)
		p->unread -= done;
	console_io_done(&t->con, io, done);
}

/* What core promises a backend. */
static void check_io(const struct tty *t, const struct console_io *io)
{
	uint64_t sum = 0;
	for (uint16_t i = 0; i < io->nspans; i++) {
		assert_true(io->span[i].len > 0);
		sum += io->span[i].len;
	}
	assert_int_equal(sum, io->len);
	assert_true(io->len > 0 && io->id < CONSOLE_INFLIGHT_MAX && io->port < t->con.options.nports);
	if (io->type == CONSOLE_IO_RX)
		assert_true(io->len <= CONSOLE_BYTES_MAX && io->len <= t->port[io->port].unread);
	for (uint32_t i = 0; i < t->nheld; i++) {
		assert_int_not_equal(t->held[i]->id, io->id);
		if (io->type == CONSOLE_IO_RX)
			assert_false(t->held[i]->type == CONSOLE_IO_RX && t->held[i]->port == io->port);
	}
}

static void submit(void *ctx, struct console_io *io)
{
	struct tty *t = ctx;
	t->nsubmits++;
	check_io(t, io);
	if (t->hold)
		t->held[t->nheld++] = io;
	else
		finish(t, io);
}

static void drain(void *ctx, uint16_t port)
{
	struct tty *t = ctx;
	t->port[port].drains++;
	for (uint32_t i = 0; i < t->nheld;)
		if (t->held[i]->port == port)
			tty_finish(t, i);
		else
			i++;
}

static void wake(void *ctx, uint16_t port)
{
	struct tty *t = ctx;
	assert_true(t->port[port].waiting);
	t->port[port].waiting = false;
	t->port[port].wakes++;
}

static void opened(void *ctx, uint16_t port, bool open)
{
	struct tty *t = ctx;
	assert_int_not_equal(t->port[port].open, open);
	t->port[port].open = open;
	t->port[port].opens++;
}

static void emergency(void *ctx, uint8_t byte)
{
	struct tty *t = ctx;
	t->emergency[t->nemergency++ % 8] = byte;
}

static bool give_away(struct tty *t, uint16_t port)
{
	struct tty_port *p = &t->port[port];
	uint32_t before = t->nsubmits;
	while (p->unread && !p->waiting) {
		uint32_t lent = console_input(&t->con, port, p->unread);
		p->waiting = lent == 0;
		if (t->hold)
			break;
	}
	return t->nsubmits != before;
}

void tty_type(struct tty *t, uint16_t port, uint32_t n)
{
	t->port[port].unread += n;
	give_away(t, port);
}

void tty_finish(struct tty *t, uint32_t i)
{
	struct console_io *io = t->held[i];
	t->nheld--;
	memmove(&t->held[i], &t->held[i + 1], (t->nheld - i) * sizeof(t->held[0]));
	finish(t, io);
}

void tty_settle(struct tty *t)
{
	bool moved = true;
	while (moved) {
		console_publish(&t->con);
		run_again(&t->g, &t->con.vdev);
		moved = false;
		for (uint16_t i = 0; i < t->con.options.nports; i++)
			moved |= give_away(t, i);
		moved |= t->g.again != 0;
	}
}

/* -- the machine ----------------------------------------------------------------------------------------- */

struct tty *tty_new(const struct console_options *o)
{
	const struct console_backend backend = {submit, drain, wake, opened, emergency, NULL};
	struct tty *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	guest_init(&t->g);
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++) {
		t->port[i].out = malloc(OUT_MAX);
		assert_non_null(t->port[i].out);
	}
	t->most = UINT32_MAX;
	memset(&t->con, 0xa5, sizeof(t->con)); /* console_init must do with that */
	struct console_backend b = backend;
	b.ctx = t;
	console_init(&t->con, &t->g.mem, &guest_host, &t->g, &b, o);
	mmio_init(&t->mmio, &t->con.vdev);
	return t;
}

void tty_free(struct tty *t)
{
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_true(t->con.busy == 0);
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++) {
		assert_false(t->port[i].open);
		free(t->port[i].out);
	}
	guest_free(&t->g);
	free(t);
}

uint8_t *tty_saved(struct tty *t, size_t *n)
{
	*n = mmio_save(&t->mmio, NULL, 0);
	uint8_t *bytes = malloc(*n);
	assert_non_null(bytes);
	assert_in_range(*n, 1, STATE_LEN_MAX);
	assert_int_equal(mmio_save(&t->mmio, bytes, *n), *n);
	return bytes;
}

void tty_fresh(struct tty *t)
{
	const struct console_options o = t->con.options;
	const struct console_backend backend = t->con.backend;
	uint64_t more = t->con.vdev.offered & VDEV_FEATURES_MORE;
	for (uint32_t i = 0; i < t->nheld; i++) {
		const struct console_req *r = &t->con.req[t->held[i]->id];
		for (uint16_t k = 0; k < r->io.nspans; k++)
			vmem_unpin(&t->g.mem, r->io.type == CONSOLE_IO_RX ? VMEM_STORE : VMEM_LOAD,
				   r->span_gpa[k], r->io.span[k], 0);
	}
	t->nheld = 0;
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++)
		t->port[i].open = false;
	memset(&t->con, 0xa5, sizeof(t->con));
	console_init(&t->con, &t->g.mem, &guest_host, &t->g, &backend, &o);
	vdev_offer(&t->con.vdev, more);
	memset(&t->mmio, 0xa5, sizeof(t->mmio));
	mmio_init(&t->mmio, &t->con.vdev);
}

static void assert_saves_as(struct tty *t, const uint8_t *bytes, size_t n)
{
	size_t again;
	uint8_t *b = tty_saved(t, &again);
	assert_int_equal(again, n);
	assert_memory_equal(b, bytes, n);
	free(b);
}

void tty_replace(struct tty *t)
{
	size_t n;
	uint8_t *bytes = tty_saved(t, &n);
	uint64_t hash = mmio_hash(&t->mmio);
	bool hold = t->hold;
	tty_fresh(t);
	assert_true(mmio_load(&t->mmio, bytes, n));
	assert_int_equal(mmio_hash(&t->mmio), hash);
	assert_saves_as(t, bytes, n);
	t->hold = true; /* what was held is held again */
	vdev_resume(&t->con.vdev);
	t->hold = hold;
	assert_int_equal(mmio_hash(&t->mmio), hash);
	assert_saves_as(t, bytes, n);
	free(bytes);
}

void tty_boot(struct tty *t, uint64_t without)
{
	assert_int_equal(negotiate(&t->mmio, offered(&t->mmio) & ~without), S_AGREED);
	for (uint16_t i = 0; i < t->con.vdev.nqueues; i++) {
		ring_init(&t->ring[i], &t->g, 0x2000 + 0x1000ull * i, SIZE);
		put16(&t->g, ring_used_event(&t->ring[i]), 0);
		queue_enable(&t->mmio, i, &t->ring[i]);
	}
	t->ctrl_posted = 0;
	set(&t->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
}

void tty_kick(struct tty *t, uint16_t queue)
{
	set(&t->mmio, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

uint16_t tty_send(struct tty *t, uint16_t port, uint64_t addr, uint32_t n)
{
	const struct buf b = {addr, n, false};
	uint16_t head = ring_post(&t->ring[tty_tx(port)], &b, 1);
	tty_kick(t, tty_tx(port));
	return head;
}

uint16_t tty_room(struct tty *t, uint16_t port, uint64_t addr, uint32_t n)
{
	const struct buf b = {addr, n, true};
	return ring_post(&t->ring[tty_rx(port)], &b, 1);
}

uint32_t tty_used(struct tty *t, uint16_t queue)
{
	uint32_t id, len;
	assert_true(ring_take(&t->ring[queue], &id, &len));
	return len;
}

bool tty_idle(struct tty *t, uint16_t queue)
{
	return ring_used_idx(&t->ring[queue]) == t->ring[queue].seen;
}

/* -- control --------------------------------------------------------------------------------------------- */

void tty_ctrl_room(struct tty *t, uint32_t n, uint32_t len)
{
	for (; n; n--) {
		const struct buf b = {CTRL_AT + 64 * (t->ctrl_posted++ % SIZE), len, true};
		ring_post(&t->ring[CTRL_RX], &b, 1);
	}
	tty_kick(t, CTRL_RX);
}

static void put_message(struct tty *t, uint32_t id, uint16_t event, uint16_t value)
{
	put32(&t->g, SAY_AT, id);
	put16(&t->g, SAY_AT + 4, event);
	put16(&t->g, SAY_AT + 6, value);
}

void tty_say(struct tty *t, uint32_t id, uint16_t event, uint16_t value)
{
	const struct buf b = {SAY_AT, 8, false};
	put_message(t, id, event, value);
	ring_post(&t->ring[CTRL_TX], &b, 1);
	tty_kick(t, CTRL_TX);
	assert_int_equal(tty_used(t, CTRL_TX), 0);
}

void tty_hears(struct tty *t, uint32_t id, uint16_t event, uint16_t value, const void *more, uint32_t n)
{
	uint64_t a = CTRL_AT + 64 * (t->ring[CTRL_RX].seen % SIZE);
	assert_int_equal(tty_used(t, CTRL_RX), 8 + n);
	assert_int_equal(get32(&t->g, a), id);
	assert_int_equal(get16(&t->g, a + 4), event);
	assert_int_equal(get16(&t->g, a + 6), value);
	assert_true(n == 0 || !memcmp(at(&t->g, a + 8), more, n));
}

void tty_hears_nothing(struct tty *t)
{
	assert_true(tty_idle(t, CTRL_RX));
}

void tty_open_ports(struct tty *t)
{
	const uint16_t size[2] = {t->con.options.cols, t->con.options.rows};
	tty_ctrl_room(t, SIZE, 64);
	tty_say(t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	tty_hears(t, 0, VIRTIO_CONSOLE_PORT_ADD, 0, NULL, 0);
	tty_hears(t, 1, VIRTIO_CONSOLE_PORT_ADD, 0, NULL, 0);
	tty_say(t, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	tty_hears(t, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL, 0);
	tty_hears(t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0);
	tty_hears(t, 0, VIRTIO_CONSOLE_RESIZE, 0, size, 4);
	tty_say(t, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	tty_hears(t, 1, VIRTIO_CONSOLE_PORT_NAME, 0, "log", 3);
	tty_hears(t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0);
	tty_say(t, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tty_say(t, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tty_hears_nothing(t);
}
