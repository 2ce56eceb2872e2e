// SPDX-License-Identifier: BSD-2-Clause
#include "devices/console.h"
#include "tests/unit/provoke.h"

#define BUFFER  0x20000ull
#define MESSAGE 0x21000ull

static struct console con;
static struct mmio x;
static struct ring ring[4];

static void submit(void *ctx, struct console_io *io)
{
	(void)ctx;
	console_io_done(&con, io, io->len);
}

static void drain(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
}

static void opened(void *ctx, uint16_t port, bool open)
{
	(void)ctx;
	(void)port;
	(void)open;
}

static void emergency(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

/* A console beside the machine's disk, whose driver accepts `multiport` or not. */
static void boot(struct machine *m, bool multiport)
{
	const struct console_backend backend = {submit, drain, drain, opened, emergency, NULL};
	const struct console_options options = {.nports = 2};
	console_init(&con, &m->g.mem, &guest_host, &m->g, &backend, &options);
	mmio_init(&x, &con.vdev);
	assert_int_equal(negotiate(&x, offered(&x) & ~(multiport ? 0 : BIT(VIRTIO_CONSOLE_F_MULTIPORT))),
			 S_AGREED);
	for (uint16_t i = 0; i < 4; i++) {
		ring_init(&ring[i], &m->g, 0x8000 + 0x1000ull * i, 8);
		queue_enable(&x, i, &ring[i]);
	}
	set(&x, VIRTIO_MMIO_STATUS, S_LIVE);
}

/* The device uses what was posted, writes n bytes of it, and goes on. */
static void used(uint16_t queue, uint32_t n)
{
	uint32_t id, len;
	assert_true(ring_take(&ring[queue], &id, &len));
	assert_int_equal(len, n);
	assert_int_equal(reg(&x, VIRTIO_MMIO_STATUS), S_LIVE);
}

static void put(uint16_t queue, uint32_t readable, uint32_t writable)
{
	const struct buf b[2] = {{MESSAGE, readable, false}, {BUFFER, writable, true}};
	ring_post(&ring[queue], b, 2);
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

static void say(struct machine *m, uint32_t id, uint16_t event, uint32_t n)
{
	put32(&m->g, MESSAGE, id);
	put16(&m->g, MESSAGE + 4, event);
	put16(&m->g, MESSAGE + 6, 1);
	put(3, n, 0);
	used(3, 0);
}

void provoke_console_readable(struct machine *m)
{
	boot(m, false);
	put(0, 4, 4);
	assert_int_equal(console_input(&con, 0, 8), 4);
	used(0, 4);
}

void provoke_console_writable(struct machine *m)
{
	boot(m, false);
	put(1, 4, 4);
	used(1, 0);
}

void provoke_console_empty(struct machine *m)
{
	boot(m, false);
	put(0, 0, 0);
	assert_int_equal(console_input(&con, 0, 8), 0);
	used(0, 0);
}

void provoke_console_room(struct machine *m)
{
	boot(m, true);
	put(2, 0, 7);
	say(m, 0, VIRTIO_CONSOLE_DEVICE_READY, 8);
	used(2, 0);
}

void provoke_console_short(struct machine *m)
{
	boot(m, true);
	say(m, 0, VIRTIO_CONSOLE_DEVICE_READY, 7);
}

void provoke_console_event(struct machine *m)
{
	boot(m, true);
	say(m, 0, VIRTIO_CONSOLE_PORT_ADD, 8);
}

void provoke_console_port(struct machine *m)
{
	boot(m, true);
	say(m, 0xffffffff, VIRTIO_CONSOLE_PORT_READY, 8);
}
