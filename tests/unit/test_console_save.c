// SPDX-License-Identifier: BSD-2-Clause
/*
 * Saving the console anywhere and going on with a fresh one: nothing that the guest or the host sees is any
 * different. A tale is a long row of drawn steps; it is told once as it is, and again with a device that was saved
 * and loaded after one of the steps, or after each. And: what can not be loaded, and does no harm.
 */
#include <stdlib.h>

#include "hash.h"
#include "tests/unit/tty.h"
#include "trace/op.h"

#define STEPS 60

static struct tty *t;
static struct taplog *tap;
static uint64_t tape;

static uint32_t draw(uint32_t n)
{
	tape = tape * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(tape >> 33) % n;
}

/* -- a tale ---------------------------------------------------------------------------------------------- */

static void boot(void)
{
	tty_boot(t, draw(2) ? BIT(VIRTIO_F_IN_ORDER) : 0);
	tty_ctrl_room(t, SIZE, 64);
	tty_say(t, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t i = 0; i < 2; i++) {
		tty_say(t, i, VIRTIO_CONSOLE_PORT_READY, 1);
		tty_say(t, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
}

static void begin(uint64_t seed, uint32_t lend)
{
	tape = seed;
	t = tty_new(&tty_multi);
	vdev_offer(&t->con.vdev, BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_RING_RESET));
	tap = lend ? taplog_new(&t->g, lend) : NULL;
	boot();
}

static void end(void)
{
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	if (tap)
		taplog_free(tap);
	tap = NULL;
	tty_free(t);
}

static void send_some(void)
{
	uint16_t port = (uint16_t)draw(3), queue = tty_tx(port);
	/* Lent copies are all of one size: else those of the fresh device lie closer together. */
	const struct buf b[] = {{DATA, tap ? 512 : draw(3000), false}, {DATA, tap ? 512 : 600, false}};
	if (t->ring[queue].idx - ring_used_idx(&t->ring[queue]) > SIZE - 4)
		return;
	ring_post(&t->ring[queue], b, (uint16_t)(1 + draw(2)));
	if (draw(4))
		tty_kick(t, queue);
}

static void room_for_some(void)
{
	uint16_t port = (uint16_t)draw(3), queue = tty_rx(port);
	if (t->ring[queue].idx - ring_used_idx(&t->ring[queue]) > SIZE - 4)
		return;
	tty_room(t, port, DATA + 0x2000 + 0x400u * draw(16), tap ? 512 : draw(700));
	if (draw(4))
		tty_kick(t, queue);
}

static void talk(void)
{
	static const uint16_t event[] = {VIRTIO_CONSOLE_DEVICE_READY, VIRTIO_CONSOLE_PORT_READY,
					 VIRTIO_CONSOLE_PORT_OPEN, VIRTIO_CONSOLE_PORT_OPEN};
	uint32_t free = SIZE - (t->ring[CTRL_RX].idx - (uint32_t)ring_used_idx(&t->ring[CTRL_RX]));
	if (draw(2) && free)
		tty_ctrl_room(t, 1 + draw(free < 4 ? free : 4), 64);
	tty_say(t, draw(4), event[draw(4)], (uint16_t)draw(4) != 0);
}

static void change_ports(void)
{
	const struct console_port_options o = {.open = draw(2), .name = "two"};
	if (draw(3))
		console_port_open(&t->con, (uint16_t)draw(2), draw(2));
	else if (!t->con.options.port[2].there)
		console_port_add(&t->con, 2, &o);
	else {
		t->port[2].open = false;
		t->port[2].unread = 0;
		t->port[2].waiting = false;
		console_port_remove(&t->con, 2);
	}
}

static void step(void)
{
	switch (draw(16)) {
	case 0:
	case 1:
	case 2:
		send_some();
		break;
	case 3:
	case 4:
		room_for_some();
		break;
	case 5:
	case 6:
		talk();
		break;
	case 7:
	case 8:
		tty_type(t, (uint16_t)draw(2), tap ? 512 : 1 + draw(1000));
		break;
	case 9:
	case 10:
		t->most = draw(4) ? UINT32_MAX : draw(300); /* staged, and not published yet */
		if (t->nheld)
			tty_finish(t, draw(t->nheld));
		break;
	case 11:
		console_publish(&t->con);
		break;
	case 12:
		t->hold = draw(4);
		tty_settle(t);
		break;
	case 13:
		change_ports();
		break;
	case 14:
		console_resize(&t->con, (uint16_t)draw(100), 25);
		break;
	default:
		if (!draw(5)) {
			boot();
		}
	}
}

static uint64_t look(uint64_t h)
{
	h = hash_u64(h, mmio_hash(&t->mmio));
	for (uint16_t i = 0; i < 8; i++)
		h = hash_u64(h, (uint64_t)t->g.irqs[i] << 32 | ring_used_idx(&t->ring[i]));
	h = hash_u64(h, (uint64_t)t->g.again << 32 | t->g.offences_all << 8 | t->g.config_irqs);
	for (uint32_t i = 0; i < t->nheld; i++)
		h = hash_u64(h, t->held[i]->id);
	for (int i = 0; i < 3; i++)
		h = hash_u64(h, (uint64_t)t->port[i].open << 63 | (uint64_t)t->port[i].nout << 32 |
					t->port[i].typed);
	return h;
}

static uint64_t memory(uint64_t h)
{
	for (uint32_t i = 0; i < t->g.map.nregions; i++)
		h = hash_bytes(h, t->g.map.region[i].host, t->g.map.region[i].len);
	for (int i = 0; i < 3; i++)
		h = hash_bytes(h, t->port[i].out, t->port[i].nout);
	return h;
}

/* save_at: after that step; STEPS: never; -1: after each. */
static uint64_t tell(uint64_t seed, uint32_t lend, int save_at)
{
	uint64_t h = HASH_SEED;
	begin(seed, lend);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (save_at == i || save_at < 0)
			tty_replace(t);
		h = look(h);
	}
	h = memory(h);
	end();
	return h;
}

static void saved_anywhere(uint32_t lend, uint64_t seeds)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		uint64_t want = tell(seed, lend, STEPS);
		for (int at = -1; at < STEPS; at++)
			assert_int_equal(tell(seed, lend, at), want);
	}
}

static void saved_anywhere_from_memory(void **state)
{
	(void)state;
	saved_anywhere(0, 4);
}

static void saved_anywhere_with_lent_copies(void **state)
{
	(void)state;
	saved_anywhere(5, 4);
}

/* -- what a loader can not do at once ---------------------------------------------------------------------- */

static void start(uint32_t lend)
{
	t = tty_new(&tty_multi);
	tap = lend ? taplog_new(&t->g, lend) : NULL;
	tty_boot(t, 0);
	tty_open_ports(t);
	t->hold = true;
}

static uint8_t *busy_one(size_t *n)
{
	fill(&t->g, DATA, 6000, 1);
	for (uint32_t i = 0; i < 4; i++)
		tty_send(t, 1, DATA + 500 * i, 500);
	tty_send(t, 0, DATA, 500);
	tty_room(t, 0, DATA + 0x4000, 100);
	tty_type(t, 0, 80);
	assert_int_equal(t->nheld, 6);
	return tty_saved(t, n);
}

/* Saved where nobody lends copies, loaded where few can be lent: the rest waits its turn. */
static void loaded_where_less_can_be_lent(void **state)
{
	(void)state;
	size_t n;
	start(0);
	uint8_t *bytes = busy_one(&n);
	tty_fresh(t);
	tap = taplog_new(&t->g, 2);
	assert_true(mmio_load(&t->mmio, bytes, n));
	vdev_resume(&t->con.vdev);
	assert_int_equal(t->nheld, 2);
	tty_replace(t); /* all of it is in flight still */
	assert_int_equal(t->nheld, 2);
	while (t->nheld) {
		tty_finish(t, 0);
		tty_settle(t);
	}
	assert_int_equal(t->port[1].nout, 2000);
	assert_memory_equal(t->port[1].out, at(&t->g, DATA), 2000);
	assert_int_equal(t->port[0].nout, 500);
	assert_int_equal(tty_used(t, 0), 80);
	for (int i = 0; i < 4; i++)
		assert_int_equal(tty_used(t, 5), 0);
	free(bytes);
	end();
}

static void reset_before_all_were_sent(void **state)
{
	(void)state;
	for (int resumed = 0; resumed < 2; resumed++) {
		size_t n;
		start(0);
		console_resize(&t->con, 99, 9);
		uint8_t *bytes = busy_one(&n);
		t->con.options.cols = 80;
		tty_fresh(t);
		tap = taplog_new(&t->g, 2);
		assert_true(mmio_load(&t->mmio, bytes, n));
		assert_int_equal(t->con.options.cols, 99);
		if (resumed)
			vdev_resume(&t->con.vdev);
		set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(t->con.busy, 0);
		assert_int_equal(tap->arena.free, 2);
		assert_int_equal(t->con.options.cols, resumed ? 99 : 80);
		free(bytes);
		end();
	}
}

/* The port's other queue, and other ports, are left alone; a port that goes gives its chains back. */
static void ends_before_all_were_sent(void **state)
{
	(void)state;
	for (int remove = 0; remove < 2; remove++) {
		size_t n;
		start(0);
		uint8_t *bytes = busy_one(&n);
		tty_fresh(t);
		tap = taplog_new(&t->g, 1);
		assert_true(mmio_load(&t->mmio, bytes, n));
		vdev_resume(&t->con.vdev);
		assert_int_equal(t->nheld, 1);
		if (remove) {
			console_port_remove(&t->con, 1);
			t->port[1].open = false;
			for (int i = 0; i < 4; i++)
				assert_int_equal(tty_used(t, 5), 0);
		} else {
			set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, 1);
			set(&t->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
		}
		tty_settle(t);
		while (t->nheld) {
			tty_finish(t, 0);
			tty_settle(t);
		}
		assert_int_equal(t->port[1].nout, remove ? 500 : 2000);
		assert_int_equal(t->port[0].nout, remove ? 500 : 0);
		assert_int_equal(tty_used(t, 0), 80);
		free(bytes);
		end();
	}
}

static void broken_device_stays_broken(void **state)
{
	(void)state;
	size_t n;
	start(0);
	free(busy_one(&n));
	ring_publish(&t->ring[1], SIZE);
	tty_kick(t, 1);
	tty_finish(t, 2);
	tty_replace(t);
	assert_int_equal(t->nheld, 5);
	while (t->nheld)
		tty_finish(t, 0);
	tty_settle(t);
	assert_true(tty_idle(t, 0) && tty_idle(t, 5));
	end();
}

/* -- what is refused ------------------------------------------------------------------------------------- */

static void seal(uint8_t *bytes, size_t n)
{
	uint32_t crc = crc32c(0, bytes, n - 4);
	memcpy(bytes + n - 4, &crc, 4);
}

/* Each byte changed in some ways, with a sum that fits: loaded or refused, the device can be reset and used, and
 * a refused one has its own size. */
static void damaged_bytes_do_no_harm(void **state)
{
	(void)state;
	size_t n;
	static const uint8_t flip[] = {1, 0x80, 0xff};
	start(0);
	t->con.options.cols = 80;
	struct taplog *two = taplog_new(&t->g, 2);
	tty_send(t, 1, DATA, 10);
	tty_send(t, 1, DATA, 5000); /* in pieces */
	tty_finish(t, 0);
	tty_settle(t);
	vmem_set_tap(&t->g.mem, NULL, NULL);
	uint8_t *bytes = tty_saved(t, &n), *bad = malloc(n);
	assert_int_not_equal(t->con.port[1].sent, 0);
	assert_non_null(bad);
	t->nheld = 0;
	uint32_t refused = 0;
	for (size_t i = 12; i < 3 * (n - 4); i++) {
		memcpy(bad, bytes, n);
		bad[i / 3] ^= flip[i % 3];
		seal(bad, n);
		tty_fresh(t);
		tty_type(t, 0, 1); /* there is no room yet: it waits, whatever is loaded */
		uint64_t before = mmio_hash(&t->mmio);
		if (mmio_load(&t->mmio, bad, n)) {
			vdev_resume(&t->con.vdev);
		} else {
			assert_true(mmio_hash(&t->mmio) == before);
			refused++;
		}
		assert_true(t->con.port[0].waits);
		while (t->nheld) {
			tty_finish(t, 0);
			tty_settle(t);
		}
		set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
		t->port[0].nout = t->port[1].nout = t->port[2].nout = 0;
		t->port[0].waiting = false;
		t->port[0].unread = 0;
	}
	assert_in_range(refused, 500, 3 * n);
	free(bad);
	free(bytes);
	free(two->pool);
	free(two);
	end();
}

/* It is pulled out of the fresh device too, and can be put in again. */
static void port_that_was_pulled_out(void **state)
{
	(void)state;
	struct console_port_options o;
	size_t n;
	start(0);
	o = t->con.options.port[1];
	console_port_remove(&t->con, 1);
	uint8_t *bytes = tty_saved(t, &n);
	t->con.options.port[1].there = true;
	tty_fresh(t);
	tty_type(t, 1, 1); /* it waits */
	assert_true(mmio_load(&t->mmio, bytes, n));
	assert_false(t->con.options.port[1].there || t->con.port[1].waits);
	vdev_resume(&t->con.vdev);
	console_port_add(&t->con, 1, &o);
	assert_true(t->con.options.port[1].there);
	free(bytes);
	end();
}

/* Another's ports are not ours. */
static void foreign_ports(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		size_t n;
		start(0);
		uint8_t *bytes = tty_saved(t, &n);
		if (how == 1)
			t->con.options.port[1].name[0] = 'f';
		if (how == 2)
			t->con.options.port[0].console = false;
		if (how == 3)
			t->con.options.port[1].there = false;
		t->con.options.port[1].open = false; /* but that may change */
		tty_fresh(t);
		assert_int_equal(mmio_load(&t->mmio, bytes, n), how == 0);
		assert_int_equal(t->con.options.port[1].open, how == 0);
		if (how == 0)
			vdev_resume(&t->con.vdev);
		free(bytes);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_anywhere_from_memory),
		cmocka_unit_test(saved_anywhere_with_lent_copies),
		cmocka_unit_test(loaded_where_less_can_be_lent),
		cmocka_unit_test(reset_before_all_were_sent),
		cmocka_unit_test(ends_before_all_were_sent),
		cmocka_unit_test(broken_device_stays_broken),
		cmocka_unit_test(damaged_bytes_do_no_harm),
		cmocka_unit_test(port_that_was_pulled_out),
		cmocka_unit_test(foreign_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
