// SPDX-License-Identifier: BSD-2-Clause
/* Frames that the driver sends. */
#include "tests/unit/nic.h"

#define FRAME 60u
#define CSUM  VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TCP4  VIRTIO_NET_HDR_GSO_TCPV4
#define TCP6  VIRTIO_NET_HDR_GSO_TCPV6
#define UDP   VIRTIO_NET_HDR_GSO_UDP_L4
#define ECN   VIRTIO_NET_HDR_GSO_ECN

static struct nic *n;

static int setup(void **state)
{
	(void)state;
	n = nic_booted(0, 64);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nic_free(n);
	return 0;
}

static void used_once(void)
{
	nic_used(n, TX, (const uint32_t[]){0}, 1);
}

static void sends_frames_of_every_size(void **state)
{
	(void)state;
	for (uint32_t len = 14; len < 70000; len += len < 1600 ? 1 : 997) {
		uint32_t before = n->wire.nsent;
		bool fits = len <= NET_FRAME_MAX;
		nic_send(n, len, (uint8_t)len, NULL);
		assert_int_equal(n->wire.nsent, before + fits);
		if (fits)
			nic_sent(n, len, (uint8_t)len);
		used_once();
	}
	nic_send(n, NET_FRAME_MAX, 1, NULL);
	nic_sent(n, NET_FRAME_MAX, 1);
	used_once();
}

/* interop 7, 13: header and frame cut anywhere, in up to three pieces, with empty ones between. */
static void any_layout(void **state)
{
	(void)state;
	uint32_t all = HDR + 20;
	nic_header(n, DATA, NULL);
	fill(&n->g, DATA + HDR, 20, 9);
	for (uint32_t a = 0; a <= all; a++)
		for (uint32_t b = a; b <= all; b++) {
			struct buf bufs[] = {{DATA, a, false},
					     {DATA + a, 0, false},
					     {DATA + a, b - a, false},
					     {DATA + b, all - b, false},
					     {DATA, 0, false}};
			uint32_t before = n->wire.nsent;
			nic_post(n, TX, bufs, 5);
			nic_kick(n, TX);
			assert_int_equal(n->wire.nsent, before + 1);
			nic_sent(n, 20, 9);
			used_once();
		}
	assert_int_equal(n->g.offences_all, 0);
}

static void a_byte_in_each_descriptor(void **state)
{
	(void)state;
	struct buf b[VQ_SEGS_MAX];
	for (uint32_t i = 0; i < VQ_SEGS_MAX; i++) {
		*at(&n->g, DATA + 3 * i) = i < HDR ? 0 : (uint8_t)i;
		b[i] = (struct buf){DATA + 3 * i, 1, false};
	}
	ring_post_indirect(&n->ring[TX], 0x40000, b, VQ_SEGS_MAX);
	nic_kick(n, TX);
	assert_int_equal(n->wire.last.nspans, VQ_SEGS_MAX - HDR);
	for (uint32_t i = HDR; i < VQ_SEGS_MAX; i++)
		assert_int_equal(n->wire.sent[i - HDR], i);
	used_once();
}

/* interop 14; both halves of a frame, and of its header, lie in other regions. */
static void frames_across_regions(void **state)
{
	(void)state;
	for (uint64_t a = LOW_END - 40; a <= LOW_END; a++) {
		struct buf b = {a, HDR + 60, false};
		nic_header(n, a, NULL);
		fill(&n->g, a + HDR, 60, 3);
		nic_post(n, TX, &b, 1);
		nic_kick(n, TX);
		nic_sent(n, 60, 3);
		used_once();
	}
}

static void too_short_or_too_long(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < HDR + 14; len++) {
		struct buf b = {DATA, len, false};
		nic_post(n, TX, &b, 1);
		nic_kick(n, TX);
		used_once();
	}
	assert_int_equal(n->g.offences[OFFENCE_NET_TX_HEADER], HDR);
	assert_int_equal(n->g.offences[OFFENCE_NET_TX_SIZE], 14);
	nic_send(n, NET_FRAME_MAX + 1, 1, NULL);
	used_once();
	assert_int_equal(n->g.offences[OFFENCE_NET_TX_SIZE], 15);
	assert_int_equal(n->wire.nsent, 0);
}

static void writable_buffers_are_left_alone(void **state)
{
	(void)state;
	struct buf b[] = {{DATA, HDR + 20, false}, {DATA + 100, 50, true}};
	nic_header(n, DATA, NULL);
	nic_post(n, TX, b, 2);
	nic_kick(n, TX);
	assert_int_equal(n->g.offences[OFFENCE_NET_TX_WRITABLE], 1);
	assert_int_equal(n->wire.last.len, 20);
	assert_true(untouched(&n->g, DATA + 100, 50));
	used_once();
}

/* -- headers --------------------------------------------------------------------------------------------- */

/* Sends a frame of FRAME bytes; the offence, or NONE where it went out. */
static enum offence offence_of(const struct net_header *h)
{
	uint32_t sent = n->wire.nsent;
	memset(n->g.offences, 0, sizeof(n->g.offences));
	nic_send(n, FRAME, 1, h);
	used_once();
	enum offence o = n->g.offences[OFFENCE_NET_TX_OFFLOAD] ? OFFENCE_NET_TX_OFFLOAD
			 : n->g.offences[OFFENCE_NET_TX_CSUM]  ? OFFENCE_NET_TX_CSUM
							       : OFFENCE_NONE;
	assert_int_equal(n->wire.nsent, sent + !o);
	return o;
}

/* What arrives at the backend of a header that is sent; all of it must be legal. */
static struct net_header arrives(struct net_header h)
{
	assert_int_equal(offence_of(&h), OFFENCE_NONE);
	return n->wire.last.header;
}

static void same(struct net_header a, struct net_header b)
{
	assert_memory_equal(&a, &b, sizeof(a));
}

static void headers_reach_the_backend(void **state)
{
	(void)state;
	struct net_header none = {0}, csum = {.flags = CSUM, .csum_start = 34, .csum_offset = 6};
	same(arrives(none), none);
	same(arrives(csum), csum);
	static const uint8_t types[] = {TCP4, TCP6, UDP, TCP4 | ECN, TCP6 | ECN};
	for (uint32_t i = 0; i < sizeof(types); i++) {
		struct net_header gso = csum;
		gso.gso_type = types[i];
		gso.gso_size = 10;
		gso.hdr_len = 54;
		same(arrives(gso), gso);
		gso.hdr_len = 9999; /* net.tx.7: a hint, which must not reach beyond the frame */
		assert_int_equal(arrives(gso).hdr_len, FRAME);
	}
}

/* net.tx.1, net.tx.2: what is unknown or means nothing is not there. */
static void what_means_nothing_is_cleared(void **state)
{
	(void)state;
	struct net_header none = {0};
	for (uint32_t flags = 0; flags < 256; flags++) {
		struct net_header h = {(uint8_t)flags, 0, 20, 10, 1, 2}, csum = {CSUM, 0, 0, 0, 1, 2};
		same(arrives(h), flags & CSUM ? csum : none);
	}
	same(arrives((struct net_header){.gso_type = ECN}), none);
}

static void checksum_within_the_frame(void **state)
{
	(void)state;
	for (uint32_t start = 0; start < 70; start++)
		for (uint32_t off = 0; off < 70; off++) {
			struct net_header h = {
				.flags = CSUM, .csum_start = (uint16_t)start, .csum_offset = (uint16_t)off};
			assert_int_equal(offence_of(&h),
					 start + off + 2 <= FRAME ? OFFENCE_NONE : OFFENCE_NET_TX_CSUM);
		}
	struct net_header h = {.flags = CSUM, .csum_start = 65535, .csum_offset = 65535};
	assert_int_equal(offence_of(&h), OFFENCE_NET_TX_CSUM);
}

/* drv.net.tx.22, and types that do not exist. */
static void segmentation_asked_for_in_part(void **state)
{
	(void)state;
	for (uint32_t type = 1; type < 256; type++) {
		bool known = type == TCP4 || type == TCP6 || type == UDP || type == (TCP4 | ECN) ||
			     type == (TCP6 | ECN) || type == ECN;
		struct net_header h = {.flags = CSUM, .gso_type = (uint8_t)type, .gso_size = 1};
		assert_int_equal(offence_of(&h), known ? OFFENCE_NONE : OFFENCE_NET_TX_OFFLOAD);
		h.gso_size = 0;
		assert_int_equal(offence_of(&h), type == ECN ? OFFENCE_NONE : OFFENCE_NET_TX_OFFLOAD);
		h.gso_size = 1;
		h.flags = 0;
		assert_int_equal(offence_of(&h), type == ECN ? OFFENCE_NONE : OFFENCE_NET_TX_OFFLOAD);
	}
}

/* drv.net.tx.3, drv.net.tx.5 to .9: each offload without its feature. */
static void offloads_that_were_not_negotiated(void **state)
{
	(void)state;
	const struct {
		uint64_t feature;
		uint8_t type;
	} t[] = {{NF(CSUM), 0},
		 {NF(HOST_TSO4), TCP4},
		 {NF(HOST_TSO6), TCP6},
		 {NF(HOST_USO), UDP},
		 {NF(HOST_ECN), TCP4 | ECN},
		 {NF(HOST_ECN), TCP6 | ECN},
		 {NF(HOST_TSO4), TCP4 | ECN}};
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct net_header h = {.flags = CSUM, .gso_type = t[i].type, .gso_size = 8};
		nic_boot(n, t[i].feature, 64);
		assert_int_equal(offence_of(&h), OFFENCE_NET_TX_OFFLOAD);
		nic_boot(n, 0, 64);
		assert_int_equal(offence_of(&h), OFFENCE_NONE);
	}
}

/* -- flow ------------------------------------------------------------------------------------------------ */

/* A frame that the wire loses is used like any other. */
static void failed_transmission(void **state)
{
	(void)state;
	n->wire.result = NET_FAILED;
	nic_send(n, FRAME, 1, NULL);
	used_once();
}

static void completes_in_any_order(void **state)
{
	(void)state;
	n->wire.hold = true;
	for (int i = 0; i < 4; i++)
		nic_send(n, FRAME, 1, NULL);
	nic_finish(n, 2, NET_DONE);
	nic_finish(n, 0, NET_FAILED);
	nic_used(n, TX, NULL, 0); /* not before they are published */
	net_publish(&n->net);
	uint32_t id, len;
	assert_true(nic_take(n, TX, &id, &len));
	assert_int_equal(id, 2);
	assert_true(nic_take(n, TX, &id, &len));
	assert_int_equal(id, 0);
	nic_used(n, TX, NULL, 0);
	nic_finish_all(n);
	nic_used(n, TX, (const uint32_t[]){0, 0}, 2);
}

/* Back-pressure: NET_TX_MAX are at the backend, the rest waits in the ring, and a completion fetches it. */
static void stalls_and_goes_on(void **state)
{
	(void)state;
	const struct net_options o = {.pairs = 3};
	nic_free(n);
	n = nic_new(&o, 0);
	nic_boot(n, 0, 128);
	n->wire.hold = true;
	nic_header(n, DATA, NULL);
	struct buf b = {DATA, HDR + FRAME, false};
	for (uint16_t queue = 1; queue <= 3; queue += 2) {
		for (int i = 0; i < 128; i++)
			nic_post(n, queue, &b, 1);
		nic_kick(n, queue);
	}
	assert_int_equal(n->wire.nheld, NET_TX_MAX);
	nic_kick(n, 3);
	assert_int_equal(n->wire.nheld, NET_TX_MAX);
	nic_post_rx(n, DATA + 0x1000, 2000);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN); /* reception goes on */
	nic_finish(n, 0, NET_DONE);
	net_publish(&n->net);
	assert_int_equal(n->g.again, 1u << 3);
	run_again(&n->g, &n->net.vdev);
	assert_int_equal(n->wire.nheld, NET_TX_MAX + 1);
	while (n->wire.nheld) {
		nic_finish_all(n);
		run_again(&n->g, &n->net.vdev);
	}
	assert_int_equal(n->wire.nsent, 256);
}

/* Nothing is lent: then the frame waits for what is in flight, or is lost where nothing is. */
static void no_room_to_lend(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 4); /* of 512 bytes */
	n->wire.hold = true;
	nic_send(n, 1200, 1, NULL);
	nic_send(n, 1200, 1, NULL);
	assert_int_equal(n->wire.nheld, 1);
	nic_finish_all(n);
	run_again(&n->g, &n->net.vdev);
	assert_int_equal(n->wire.nheld, 1);
	nic_finish_all(n);
	nic_used(n, TX, (const uint32_t[]){0, 0}, 2);
	nic_send(n, 3000, 1, NULL); /* would never fit */
	assert_int_equal(n->wire.nheld, 0);
	used_once();
	assert_int_equal(t->pinned, 0);
	taplog_free(t);
}

/* Queues whose pair is not in use send too, as of the first pair. */
static void pairs_that_are_not_in_use(void **state)
{
	(void)state;
	const struct net_options o = {.pairs = 3};
	const uint8_t two[] = {2, 0};
	struct buf b = {DATA, HDR + FRAME, false};
	nic_free(n);
	n = nic_new(&o, 0);
	nic_boot(n, 0, 16);
	nic_header(n, DATA, NULL);
	for (uint16_t pair = 0, queue = TX; pair < 3; pair++, queue += 2) {
		nic_post(n, queue, &b, 1);
		nic_kick(n, queue);
		assert_int_equal(n->wire.last.pair, 0);
	}
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, two, 2),
			 VIRTIO_NET_OK);
	for (uint16_t pair = 0, queue = TX; pair < 3; pair++, queue += 2) {
		nic_post(n, queue, &b, 1);
		nic_kick(n, queue);
		assert_int_equal(n->wire.last.pair, pair == 1);
	}
	assert_int_equal(n->wire.nsent, 6);
}

/* The header is fetched once, its 12 bytes and no more, and num_buffers means nothing. */
static void header_is_fetched_once(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 0);
	nic_send(n, FRAME, 1, NULL);
	assert_int_equal(taplog_count(t, EV_LOAD, VMEM_HEADER), 1);
	assert_int_equal(t->ev[taplog_find(t, EV_LOAD, VMEM_HEADER, 0)].n, HDR);
	taplog_free(t);
}

/* On a packed ring and in order, with completions backwards. */
static void packed_and_in_order(void **state)
{
	(void)state;
	nic_free(n);
	const struct net_options o = {.pairs = 1};
	n = nic_new(&o, 0);
	vdev_offer(&n->net.vdev, BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER));
	nic_boot(n, 0, 16);
	n->wire.hold = true;
	for (int i = 0; i < 3; i++)
		nic_send(n, FRAME, 1, NULL);
	nic_finish(n, 2, NET_DONE);
	nic_finish(n, 1, NET_DONE);
	net_publish(&n->net);
	nic_used(n, TX, NULL, 0);
	nic_finish_all(n);
	struct packed_used u;
	assert_true(packed_take(&n->packed[TX], &u));
	assert_int_equal(u.id, 2); /* one entry for all three */
	assert_int_equal(u.len, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(sends_frames_of_every_size),
		T(any_layout),
		T(a_byte_in_each_descriptor),
		T(frames_across_regions),
		T(too_short_or_too_long),
		T(writable_buffers_are_left_alone),
		T(headers_reach_the_backend),
		T(what_means_nothing_is_cleared),
		T(checksum_within_the_frame),
		T(segmentation_asked_for_in_part),
		T(offloads_that_were_not_negotiated),
		T(failed_transmission),
		T(completes_in_any_order),
		T(stalls_and_goes_on),
		T(no_room_to_lend),
		T(pairs_that_are_not_in_use),
		T(header_is_fetched_once),
		T(packed_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
