// SPDX-License-Identifier: BSD-2-Clause
/*
 * Saving the network device anywhere and going on with a fresh one: nothing that the guest or the host sees is any
 * different. A tale is a long row of drawn steps; it is told once as it is, and again with a device that was saved
 * and loaded after one of the steps, or after each. And: what can not be loaded, and does no harm.
 */
#include <stdlib.h>

#include "hash.h"
#include "tests/unit/nic.h"
#include "trace/op.h"

#define STEPS 60
#define SIZE  16u
#define ROOM  0x30000ull

static struct nic *n;
static struct taplog *tap;
static uint64_t tape;

static const struct net_options options = {.mac = {2, 0, 0, 0, 0, 1}, .pairs = 2};

static uint32_t draw(uint32_t most)
{
	tape = tape * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(tape >> 33) % most;
}

/* -- a tale ---------------------------------------------------------------------------------------------- */

static void boot(void)
{
	uint64_t without = draw(2) ? BIT(VIRTIO_F_IN_ORDER) : 0;
	nic_boot(n, without | (draw(3) ? 0 : NF(MRG_RXBUF)), SIZE);
}

static void begin(uint64_t seed, uint32_t lend)
{
	tape = seed;
	n = nic_new(&options, CAN_NET);
	vdev_offer(&n->net.vdev, BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_RING_RESET));
	tap = lend ? taplog_new(&n->g, lend) : NULL;
	boot();
}

static void end(void)
{
	set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
	if (tap)
		taplog_free(tap);
	tap = NULL;
	nic_free(n);
}

static bool full(uint16_t queue)
{
	return n->ring[queue].idx - (uint32_t)ring_used_idx(&n->ring[queue]) > SIZE - 3;
}

static void send_some(uint16_t queue)
{
	uint32_t len = tap ? 500 : 14 + draw(3000); /* lent copies are all of one size */
	const struct buf b[] = {{DATA, HDR, false}, {DATA + 0x100, len, false}};
	if (full(queue))
		return;
	nic_header(n, DATA, NULL);
	nic_post(n, queue, b, 2);
	if (draw(4))
		nic_kick(n, queue);
}

static void room_for_some(uint16_t queue)
{
	const struct buf b = {ROOM + 0x400u * draw(16), tap ? HDR + 500 : draw(1000), true};
	if (full(queue))
		return;
	nic_post(n, queue, &b, 1);
	if (draw(4))
		nic_kick(n, queue);
}

static void command(void)
{
	uint64_t offloads = draw(2) ? n->net.usable & NF(GUEST_CSUM) : 0;
	uint8_t pairs[] = {(uint8_t)(1 + draw(2)), 0}, vlan[] = {(uint8_t)draw(4), 1};
	uint8_t macs[] = {1, 0, 0, 0, 2, 9, 9, 9, 9, (uint8_t)draw(9), 0, 0, 0, 0};
	switch (draw(5)) {
	case 0:
		nic_command(n, VIRTIO_NET_CTRL_MQ, 0, pairs, 2);
		break;
	case 1:
		nic_command(n, VIRTIO_NET_CTRL_VLAN, (uint8_t)draw(2), vlan, 2);
		break;
	case 2:
		nic_command(n, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, macs, sizeof(macs));
		break;
	case 3:
		nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &offloads, 8);
		break;
	default:
		nic_command_byte(n, VIRTIO_NET_CTRL_RX, (uint8_t)draw(2), (uint8_t)draw(2));
	}
}

static void host_acts(void)
{
	if (draw(2))
		net_set_link(&n->net, draw(3));
	else if (draw(2))
		net_announce(&n->net);
	else
		nic_command(n, VIRTIO_NET_CTRL_ANNOUNCE, 0, NULL, 0);
}

static void arrive(void)
{
	struct net_frame f = nic_frame(tap ? 500 : 14 + draw(2000));
	n->wire.seed++;
	nic_arrive_at(n, (uint16_t)draw(2), &f);
}

static void step(void)
{
	switch (draw(16)) {
	case 0:
	case 1:
		send_some((uint16_t)(1 + 2 * draw(2)));
		break;
	case 2:
	case 3:
	case 4:
		room_for_some((uint16_t)(2 * draw(2)));
		break;
	case 5:
	case 6:
	case 7:
		arrive();
		break;
	case 8:
	case 9:
		if (n->wire.nheld) /* staged, and not published yet */
			nic_finish(n, draw(n->wire.nheld), draw(4) ? NET_DONE : NET_FAILED);
		break;
	case 10:
		net_publish(&n->net);
		break;
	case 11:
		n->wire.hold = draw(4);
		run_again(&n->g, &n->net.vdev);
		break;
	case 12:
	case 13:
		command();
		break;
	case 14:
		host_acts();
		break;
	default:
		if (!draw(5))
			boot();
	}
}

static uint64_t look(uint64_t h)
{
	const struct wire *w = &n->wire;
	h = hash_u64(h, mmio_hash(&n->mmio));
	for (uint16_t i = 0; i < 5; i++)
		h = hash_u64(h, (uint64_t)n->g.irqs[i] << 32 | ring_used_idx(&n->ring[i]));
	h = hash_u64(h, (uint64_t)n->g.again << 32 | n->g.offences_all << 8 | n->g.config_irqs);
	for (uint32_t i = 0; i < w->nheld; i++)
		h = hash_u64(h, (uint64_t)w->held[i]->len << 32 | (uint64_t)w->held[i]->pair << 16 |
					w->held[i]->id);
	h = hash_u64(h, (uint64_t)w->wakes[0] << 32 | w->wakes[1]);
	return hash_u64(h, (uint64_t)w->tuning.offloads << 32 | w->tuning.pairs << 1 | w->tuning.announced);
}

/* save_at: after that step; STEPS: never; -1: after each. */
static uint64_t tell(uint64_t seed, uint32_t lend, int save_at)
{
	uint64_t h = HASH_SEED;
	begin(seed, lend);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (save_at == i || save_at < 0)
			nic_replace(n);
		h = look(h);
	}
	for (uint32_t i = 0; i < n->g.map.nregions; i++)
		h = hash_bytes(h, n->g.map.region[i].host, n->g.map.region[i].len);
	end();
	return h;
}

static void saved_anywhere(uint32_t lend, uint64_t seeds)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		uint64_t want = tell(seed, lend, STEPS);
		for (int at = -1; at < STEPS; at += seed == 1 ? 1 : 7)
			assert_int_equal(tell(seed, lend, at), want);
	}
}

static void saved_anywhere_from_memory(void **state)
{
	(void)state;
	saved_anywhere(0, 6);
}

static void saved_anywhere_with_lent_copies(void **state)
{
	(void)state;
	saved_anywhere(3, 6);
}

/* -- what a loader can not do at once ---------------------------------------------------------------------- */

/* Four frames to be sent and a merged one that arrives, all at the backend. */
static uint8_t *busy_one(size_t *len)
{
	n = nic_new(&options, CAN_NET);
	nic_boot(n, 0, SIZE);
	n->wire.hold = true;
	for (uint32_t i = 0; i < 4; i++)
		nic_send(n, 400, 7, NULL);
	nic_post_rx(n, ROOM, HDR + 100);
	nic_post_rx(n, ROOM + 0x1000, 400);
	assert_int_equal(nic_arrive(n, 400), NET_TAKEN);
	assert_int_equal(n->wire.nheld, 5);
	return nic_saved(n, len);
}

static void settle(void)
{
	do {
		nic_finish_all(n);
		run_again(&n->g, &n->net.vdev);
	} while (n->wire.nheld);
}

/* Saved where nobody lends copies, loaded where few can be lent: the rest waits its turn, in its order. */
static void loaded_where_less_can_be_lent(void **state)
{
	(void)state;
	size_t len;
	uint8_t *bytes = busy_one(&len);
	nic_fresh(n);
	tap = taplog_new(&n->g, 2);
	assert_true(mmio_load(&n->mmio, bytes, len));
	vdev_resume(&n->net.vdev);
	assert_int_equal(n->wire.nheld, 2);
	assert_true(n->wire.held[0]->id == 0 && n->wire.held[1]->id == 1);
	nic_replace(n); /* all of it is in flight still */
	assert_int_equal(n->wire.nheld, 2);
	nic_send(n, 60, 9, NULL); /* after those that wait */
	settle();
	nic_used(n, TX, (const uint32_t[]){0, 0, 0, 0, 0}, 5);
	nic_used(n, RX, (const uint32_t[]){HDR + 100, 300}, 2);
	assert_int_equal(get16(&n->g, ROOM + 10), 2);
	nic_sent(n, 60, 9);
	assert_int_equal(tap->pinned, 0);
	free(bytes);
	end();
}

/* None of them can be lent, ever: frames are lost, buffers come back empty. */
static void loaded_where_nothing_can_be_lent(void **state)
{
	(void)state;
	size_t len;
	uint8_t *bytes = busy_one(&len);
	nic_fresh(n);
	tap = taplog_new(&n->g, 1);
	while (arena_get(&tap->arena, 1))
		;
	assert_true(mmio_load(&n->mmio, bytes, len));
	vdev_resume(&n->net.vdev);
	assert_int_equal(n->wire.nheld, 0);
	nic_used(n, TX, (const uint32_t[]){0, 0, 0, 0}, 4);
	nic_used(n, RX, (const uint32_t[]){0, 0}, 2);
	free(bytes);
	end();
}

static void reset_before_all_were_sent(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		size_t len;
		free(busy_one(&len));
		net_set_link(&n->net, false);
		uint8_t *bytes = nic_saved(n, &len);
		nic_fresh(n);
		tap = taplog_new(&n->g, 2);
		assert_true(mmio_load(&n->mmio, bytes, len));
		assert_true(n->net.unplugged);
		if (how)
			vdev_resume(&n->net.vdev);
		if (how < 2) {
			set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
			assert_int_equal(n->net.inflight, 0);
		} else {
			set(&n->mmio, VIRTIO_MMIO_QUEUE_SEL, TX);
			set(&n->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
			settle();
			nic_used(n, TX, NULL, 0);
			nic_used(n, RX, (const uint32_t[]){HDR + 100, 300}, 2);
		}
		assert_int_equal(n->net.unplugged, how > 0); /* the host's, unless the guest went on */
		assert_int_equal(tap->pinned, 0);
		free(bytes);
		end();
	}
}

static void broken_device_stays_broken(void **state)
{
	(void)state;
	size_t len;
	free(busy_one(&len));
	ring_publish(&n->ring[TX], SIZE);
	nic_kick(n, TX);
	nic_finish(n, 2, NET_DONE);
	nic_replace(n);
	assert_int_equal(n->wire.nheld, 4);
	settle();
	nic_used(n, TX, NULL, 0);
	nic_used(n, RX, NULL, 0);
	end();
}

/* -- what is refused ------------------------------------------------------------------------------------- */

static void seal(uint8_t *bytes, size_t len)
{
	uint32_t crc = crc32c(0, bytes, len - 4);
	memcpy(bytes + len - 4, &crc, 4);
}

/* Each byte changed in some ways, with a sum that fits: loaded or refused, the device can be reset and used. */
static void damaged_bytes_do_no_harm(void **state)
{
	(void)state;
	size_t len;
	static const uint8_t flip[] = {1, 0x80, 0xff};
	uint8_t *bytes = busy_one(&len), *bad = malloc(len);
	assert_non_null(bad);
	uint32_t refused = 0;
	for (size_t i = 12; i < 3 * (len - 4); i++) {
		memcpy(bad, bytes, len);
		bad[i / 3] ^= flip[i % 3];
		seal(bad, len);
		nic_fresh(n);
		if (mmio_load(&n->mmio, bad, len))
			vdev_resume(&n->net.vdev);
		else
			refused++;
		assert_true(n->net.pairs >= 1 && n->net.pairs <= 2);
		nic_arrive(n, 60);
		settle();
		set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
	}
	assert_in_range(refused, 500, 3 * len);
	free(bad);
	free(bytes);
	end();
}

/* A frame waits at our backend for a driver: whatever is loaded or refused, its pair is woken when there is one. */
static void who_waits_is_not_forgotten(void **state)
{
	(void)state;
	size_t len;
	uint8_t *bytes = busy_one(&len), *bad = malloc(len);
	assert_non_null(bad);
	for (size_t i = 12; i < len - 4; i++) {
		memcpy(bad, bytes, len);
		bad[i] ^= 0xff;
		seal(bad, len);
		nic_fresh(n);
		assert_int_equal(nic_arrive(n, 60), NET_LATER);
		set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
		uint64_t before = mmio_hash(&n->mmio);
		if (!mmio_load(&n->mmio, bad, len))
			assert_int_equal(mmio_hash(&n->mmio), before);
		assert_true(n->net.waiting & 1);
		set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
		assert_true(n->net.waiting & 1);
	}
	free(bad);
	free(bytes);
	end();
}

static void another_address_is_refused(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		size_t len;
		uint8_t *bytes = busy_one(&len);
		if (how == 1)
			n->net.options.mac[5]++;
		if (how == 2)
			n->net.options.mtu = 1500;
		nic_fresh(n);
		assert_int_equal(mmio_load(&n->mmio, bytes, len), how == 0);
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
		cmocka_unit_test(loaded_where_nothing_can_be_lent),
		cmocka_unit_test(reset_before_all_were_sent),
		cmocka_unit_test(broken_device_stays_broken),
		cmocka_unit_test(damaged_bytes_do_no_harm),
		cmocka_unit_test(who_waits_is_not_forgotten),
		cmocka_unit_test(another_address_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
