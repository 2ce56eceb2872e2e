// SPDX-License-Identifier: BSD-2-Clause
/* Frames that arrive: into one buffer, or merged from several. test_net_wait.c has those that must wait. */
#include "tests/unit/nic.h"

#define CSUM   VIRTIO_NET_HDR_F_NEEDS_CSUM
#define VALID  VIRTIO_NET_HDR_F_DATA_VALID
#define PLACE  0x400u /* bytes from one buffer to the next */
#define RXBUFS 0x20000ull

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

static void again(uint64_t without)
{
	nic_boot(n, without, 64);
}

static uint64_t place(uint32_t i)
{
	return RXBUFS + (uint64_t)PLACE * i;
}

/* The header at an address: nothing but so many buffers. */
static void plain_header(uint64_t a, uint16_t nbuffers)
{
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(*at(&n->g, a + i), 0);
	assert_int_equal(get16(&n->g, a + 10), nbuffers);
}

static uint8_t byte_of(uint32_t i)
{
	return (uint8_t)(n->wire.seed + i * 7 + (i >> 8) * 13);
}

/* -- into one buffer ------------------------------------------------------------------------------------- */

static void frames_of_every_size(void **state)
{
	(void)state;
	for (int merge = 0; merge < 2; merge++) {
		again(merge ? 0 : NF(MRG_RXBUF));
		for (uint32_t len = 14; len <= NET_FRAME_MAX; len += len < 1600 ? 1 : 4919) {
			n->wire.seed++;
			memset(at(&n->g, RXBUFS), RAM_FILL, 70000);
			nic_post_rx(n, RXBUFS, 70000);
			assert_int_equal(nic_arrive(n, len), NET_TAKEN);
			nic_used(n, RX, (const uint32_t[]){HDR + len}, 1);
			plain_header(RXBUFS, 1);
			assert_true(filled(&n->g, RXBUFS + HDR, len, n->wire.seed));
			assert_true(untouched(&n->g, RXBUFS + HDR + len, 100));
		}
	}
}

/* net.rxbuf.2: one buffer, exactly as large as it must be, or it is not used, and waits for a smaller frame. */
static void buffer_of_the_right_size(void **state)
{
	(void)state;
	again(NF(MRG_RXBUF));
	nic_post_rx(n, RXBUFS, HDR + 60);
	assert_int_equal(nic_arrive(n, 61), NET_DROPPED);
	nic_used(n, RX, NULL, 0);
	assert_true(untouched(&n->g, RXBUFS, HDR + 61));
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
	assert_int_equal(n->g.offences_all, 0);
}

/* interop 7, 13: the buffer in pieces cut anywhere, with empty ones between. */
static void any_layout(void **state)
{
	(void)state;
	uint32_t all = HDR + 20;
	for (uint32_t a = 0; a <= all; a++)
		for (uint32_t b = a; b <= all; b++) {
			struct buf bufs[] = {{place(0), a, true},
					     {place(1), 0, true},
					     {place(2), b - a, true},
					     {place(3), all - b + 5, true}};
			n->wire.seed++;
			nic_post(n, RX, bufs, 4);
			assert_int_equal(nic_arrive(n, 20), NET_TAKEN);
			nic_used(n, RX, (const uint32_t[]){all}, 1);
			for (uint32_t i = 0; i < all; i++) {
				uint64_t p = i < a   ? place(0) + i
					     : i < b ? place(2) + i - a
						     : place(3) + i - b;
				uint8_t want = i >= HDR ? byte_of(i - HDR) : i == 10;
				assert_int_equal(*at(&n->g, p), want);
			}
		}
	assert_int_equal(n->g.offences_all, 0);
}

/* interop 14 */
static void buffers_across_regions(void **state)
{
	(void)state;
	for (uint64_t a = LOW_END - 40; a <= LOW_END; a++) {
		nic_post_rx(n, a, HDR + 60);
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
		nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
		plain_header(a, 1);
		assert_true(filled(&n->g, a + HDR, 60, 0));
	}
	nic_post_rx(n, HIGH_END - HDR - 60, HDR + 60);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
}

static void readable_part_is_left_alone(void **state)
{
	(void)state;
	struct buf b[] = {{place(0), 50, false}, {place(1), 100, true}};
	nic_post(n, RX, b, 2);
	assert_int_equal(nic_arrive(n, 20), NET_TAKEN);
	assert_int_equal(n->g.offences[OFFENCE_NET_RX_READABLE], 1);
	assert_true(untouched(&n->g, place(0), 50));
	nic_used(n, RX, (const uint32_t[]){HDR + 20}, 1);
}

/* -- buffers that are too small -------------------------------------------------------------------------- */

/* drv.net.rxbuf.3: they hold no header, and without MRG_RXBUF no frame at all; none may be in the way. */
static void useless_buffers_go_back(void **state)
{
	(void)state;
	for (int merge = 0; merge < 2; merge++) {
		uint32_t least = merge ? HDR : HDR + 14;
		again(merge ? 0 : NF(MRG_RXBUF));
		n->g.offences[OFFENCE_NET_RX_SIZE] = 0;
		for (uint32_t len = 0; len < least; len++)
			nic_post_rx(n, place(0), len);
		nic_post_rx(n, place(1), 100);
		assert_int_equal(nic_arrive(n, 20), NET_TAKEN);
		uint32_t used[HDR + 15] = {0};
		used[least] = HDR + 20;
		nic_used(n, RX, used, (uint16_t)(least + 1));
		assert_int_equal(n->g.offences[OFFENCE_NET_RX_SIZE], least);
		assert_true(untouched(&n->g, place(0), least));
		plain_header(place(1), 1);
	}
}

/* No more than a ring's worth at a time, though the driver may post on. */
static bool post_more;

static void post_while_used(struct taplog *t, const struct event *e)
{
	if (!post_more || e->op != EV_LOAD || e->what != VMEM_AVAIL_IDX)
		return;
	t->before = NULL;
	for (int i = 0; i < 64; i++)
		nic_post_rx(n, place(0), 1);
	t->before = post_while_used;
}

static void useless_buffers_for_ever(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 0);
	t->before = post_while_used;
	post_more = true;
	assert_int_equal(nic_arrive(n, 20), NET_LATER);
	post_more = false;
	assert_int_equal(n->g.offences[OFFENCE_NET_RX_SIZE], 64);
	assert_int_equal(n->g.again, 1u << RX);
	run_again(&n->g, &n->net.vdev);
	assert_int_equal(n->wire.wakes[0], 1);
	taplog_free(t);
}

/* -- merged ---------------------------------------------------------------------------------------------- */

/* net.rx.2 to .4: a frame of len bytes in buffers of these sizes, each in a place of its own. */
static void merged(uint32_t len, const uint32_t *size, uint16_t nsizes)
{
	uint32_t used[64] = {0}, left = HDR + len, at_byte = 0;
	uint16_t nused = 0;
	n->wire.seed++;
	for (uint16_t i = 0; i < nsizes; i++) {
		memset(at(&n->g, place(i)), RAM_FILL, PLACE);
		nic_post_rx(n, place(i), size[i]);
	}
	for (; left; nused++) {
		used[nused] = size[nused] < left ? size[nused] : left;
		left -= used[nused];
	}
	assert_int_equal(nic_arrive(n, len), NET_TAKEN);
	nic_used(n, RX, used, nused);
	plain_header(place(0), nused);
	for (uint16_t i = 0; i < nused; i++) {
		for (uint32_t k = i ? 0 : HDR; k < used[i]; k++)
			assert_int_equal(*at(&n->g, place(i) + k), byte_of(at_byte++));
		assert_true(untouched(&n->g, place(i) + used[i], PLACE - used[i]));
	}
	assert_int_equal(at_byte, len);
	assert_int_equal(n->wire.last.len, len);
}

static void merged_from_buffers_of_all_sizes(void **state)
{
	(void)state;
	uint32_t size[64], seed = 1;
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t sum = 0, len, nsizes = 0;
		while (nsizes < 24 && (sum < HDR + 14 || (seed >> 20) % 4)) {
			seed = seed * 1103515245u + 12345;
			uint32_t most = (seed >> 8) % 3 ? 40 : 700;
			size[nsizes] = (seed >> 12) % most;
			if (nsizes == 0)
				size[0] += HDR;
			sum += size[nsizes++];
		}
		if (sum < HDR + 14)
			size[nsizes - 1] += HDR + 14, sum += HDR + 14;
		len = 14 + (seed >> 4) % (sum - HDR - 13);
		again(0);
		merged(len, size, (uint16_t)nsizes);
	}
}

/* The header alone in the first buffer; empty and tiny ones in the middle. */
static void merged_from_odd_buffers(void **state)
{
	(void)state;
	merged(60, (const uint32_t[]){HDR, 60}, 2);
	again(0);
	merged(60, (const uint32_t[]){HDR, 59, 1}, 3);
	again(0);
	merged(60, (const uint32_t[]){HDR + 10, 0, 1, 0, 49}, 5);
	again(0);
	merged(20, (const uint32_t[]){HDR + 20, 5}, 2);
	assert_int_equal(n->g.offences_all, 0);
}

/* As many buffers as there may be; with one more the frame is dropped, and they stay with the driver's ring. */
static void merged_from_too_many(void **state)
{
	(void)state;
	const struct net_options o = {.pairs = 1};
	nic_free(n);
	n = nic_new(&o, 0);
	nic_boot(n, 0, 128);
	for (uint32_t i = 0; i < NET_BUFFERS_MAX + 5; i++)
		nic_post_rx(n, place(i % 64), HDR);
	assert_int_equal(nic_arrive(n, HDR * (NET_BUFFERS_MAX - 1) + 1), NET_DROPPED);
	nic_used(n, RX, NULL, 0);
	assert_int_equal(nic_arrive(n, HDR * (NET_BUFFERS_MAX - 1)), NET_TAKEN);
	assert_int_equal(get16(&n->g, place(0) + 10), NET_BUFFERS_MAX);
}

/* More pieces of memory than a request can have: dropped, and smaller frames go on. */
static void too_many_pieces(void **state)
{
	(void)state;
	struct buf b[VQ_SEGS_MAX];
	for (uint32_t i = 0; i < VQ_SEGS_MAX; i++)
		b[i] = (struct buf){place(0) + 2 * i, 1, true};
	for (uint32_t i = 0; i < 3; i++)
		ring_post_indirect(&n->ring[RX], 0x40000 + 0x1000 * i, b, VQ_SEGS_MAX);
	assert_int_equal(nic_arrive(n, 3 * VQ_SEGS_MAX - HDR), NET_DROPPED);
	assert_int_equal(nic_arrive(n, VQ_SEGS_MAX - HDR), NET_TAKEN);
	nic_used(n, RX, (const uint32_t[]){VQ_SEGS_MAX}, 1);
}

/* P17: header, then payload, and the used index last, by one store for all buffers. */
static void buffers_are_given_back_together(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 64);
	nic_post_rx(n, place(0), HDR + 10);
	nic_post_rx(n, place(1), 100);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	uint32_t header = taplog_find(t, EV_STORE, VMEM_HEADER, 0);
	assert_int_equal(t->ev[header].n, HDR);
	assert_int_equal(taplog_count(t, EV_STORE, VMEM_HEADER), 1);
	assert_int_equal(taplog_count(t, EV_STORE, VMEM_USED_IDX), 1);
	assert_true(header < taplog_find(t, EV_STORE, VMEM_USED_ENTRY, 0));
	assert_true(taplog_find(t, EV_STORE, VMEM_USED_ENTRY, 1) <
		    taplog_find(t, EV_STORE, VMEM_USED_IDX, 0));
	assert_int_equal(t->pinned, 0);
	assert_true(filled(&n->g, place(0) + HDR, 10, 0));
	taplog_free(t);
}

/* P07: on a packed ring, each buffer of several slots, merged; in order too, where one entry tells of all. */
static void merged_on_a_packed_ring(void **state)
{
	(void)state;
	for (int in_order = 0; in_order < 2; in_order++) {
		const struct net_options o = {.pairs = 1};
		nic_free(n);
		n = nic_new(&o, 0);
		vdev_offer(&n->net.vdev, BIT(VIRTIO_F_RING_PACKED) | (in_order ? BIT(VIRTIO_F_IN_ORDER) : 0));
		nic_boot(n, 0, 7);
		for (uint32_t round = 0; round < 40; round++) {
			struct packed *p = &n->packed[RX];
			struct buf b[] = {{place(0), 20, true}, {place(1), 20, true}, {place(2), 20, true}};
			struct buf more[] = {{place(3), 20, true}, {place(4), 20, true}};
			uint16_t first = packed_post(p, b, 3), second = packed_post(p, more, 2);
			assert_int_equal(nic_arrive(n, 60 - HDR + 30), NET_TAKEN);
			struct packed_used u;
			assert_true(packed_take(p, &u));
			if (!in_order) {
				assert_int_equal(u.id, first);
				assert_int_equal(u.len, 60);
				assert_true(packed_take(p, &u));
			} else {
				p->seen = packed_step(p, p->seen, 3); /* it skips the first one */
			}
			assert_int_equal(u.id, second);
			assert_int_equal(u.len, 30);
			assert_int_equal(get16(&n->g, place(0) + 10), 2);
			if (in_order)
				assert_true(p->seen == p->next);
		}
	}
}

/* -- which frames ---------------------------------------------------------------------------------------- */

/* net.cfg.5 */
static void no_frames_beyond_the_mtu(void **state)
{
	(void)state;
	const struct net_options o = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 100, .pairs = 1};
	nic_free(n);
	n = nic_new(&o, CAN_NET);
	again(NF(CTRL_VLAN));
	struct net_frame f = nic_frame(114);
	nic_post_rx(n, RXBUFS, 4000);
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_TAKEN);
	nic_post_rx(n, RXBUFS, 4000);
	f.len++;
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_DROPPED);
	f.header.gso_type = VIRTIO_NET_HDR_GSO_ECN;
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_DROPPED);
	f.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	f.header.flags = CSUM;
	f.header.gso_size = 60;
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_TAKEN);
	nic_post_rx(n, RXBUFS, 4000);
	f.header = (struct net_header){0};
	f.head[12] = 0x81; /* a VLAN tag does not count */
	f.len = 118;
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_TAKEN);
	nic_post_rx(n, RXBUFS, 4000);
	f.len++;
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_DROPPED);
	again(NF(MTU) | NF(CTRL_VLAN));
	nic_post_rx(n, RXBUFS, 4000);
	assert_int_equal(nic_arrive_at(n, 0, &f), NET_TAKEN);
}

/* Arrives with a header; -1: dropped. Else the header in guest memory is h, which may have been changed. */
static bool arrives(struct net_header *h)
{
	struct net_frame f = nic_frame(60);
	f.header = *h;
	nic_post_rx(n, RXBUFS, 200);
	enum net_answer a = nic_arrive_at(n, 0, &f);
	memcpy(h, at(&n->g, RXBUFS), sizeof(*h));
	if (a == NET_TAKEN) {
		nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
		assert_memory_equal(h, &n->wire.last.header, sizeof(*h));
	}
	return a == NET_TAKEN;
}

/* net.rx.5 to .9, .21, .22: only what was negotiated. */
static void offloads_of_received_frames(void **state)
{
	(void)state;
	const struct {
		uint64_t feature;
		struct net_header h;
	} t[] = {
		{NF(GUEST_CSUM), {.flags = CSUM, .csum_start = 10, .csum_offset = 3}},
		{NF(GUEST_TSO4),
		 {.flags = CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 5, .hdr_len = 40}},
		{NF(GUEST_TSO6), {.flags = CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 5}},
		{NF(GUEST_USO4) | NF(GUEST_USO6),
		 {.flags = CSUM, .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 5}},
		{NF(GUEST_ECN),
		 {.flags = CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
		  .gso_size = 5}},
	};
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct net_header h = t[i].h;
		again(0);
		assert_true(arrives(&h));
		assert_memory_equal(&h, &t[i].h, sizeof(h));
		again(t[i].feature);
		h = t[i].h;
		assert_false(arrives(&h));
		uint64_t off = n->net.usable & 0;
		again(0);
		assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &off, 8), VIRTIO_NET_OK);
		h = t[i].h;
		assert_false(arrives(&h)); /* negotiated, and switched off */
	}
}

/* What makes no sense is the backend's mistake and dropped; hints that were not negotiated are taken out. */
static void headers_of_received_frames(void **state)
{
	(void)state;
	struct net_header h = {.flags = CSUM, .csum_start = 50, .csum_offset = 9};
	assert_false(arrives(&h));
	h = (struct net_header){.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 5};
	assert_false(arrives(&h));
	h = (struct net_header){.flags = CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4};
	assert_false(arrives(&h));
	h = (struct net_header){.flags = 0xff & ~CSUM, .csum_start = 3};
	assert_true(arrives(&h));
	assert_int_equal(h.flags, VALID);
	assert_int_equal(h.csum_start, 0);
	again(NF(GUEST_CSUM));
	h = (struct net_header){.flags = VALID};
	assert_true(arrives(&h));
	assert_int_equal(h.flags, 0);
	assert_int_equal(n->g.offences_all, 0);
}

/* -- failures -------------------------------------------------------------------------------------------- */

/* The buffers come back empty, in one piece with nothing said about their bytes. */
static void failed_reception(void **state)
{
	(void)state;
	n->wire.result = NET_FAILED;
	nic_post_rx(n, place(0), HDR + 10);
	nic_post_rx(n, place(1), 100);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_used(n, RX, (const uint32_t[]){0, 0}, 2);
	assert_true(untouched(&n->g, place(0) + HDR, 10));
	n->wire.result = NET_DONE;
	nic_post_rx(n, place(0), 100);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
}

static void completes_in_any_order(void **state)
{
	(void)state;
	n->wire.hold = true;
	for (uint32_t i = 0; i < 4; i++) {
		nic_post_rx(n, place(i), 100);
		assert_int_equal(nic_arrive(n, 20 + i), NET_TAKEN);
	}
	nic_finish(n, 3, NET_DONE);
	nic_finish(n, 1, NET_FAILED);
	net_publish(&n->net);
	nic_used(n, RX, (const uint32_t[]){HDR + 23, 0}, 2);
	nic_finish_all(n);
	nic_used(n, RX, (const uint32_t[]){HDR + 20, HDR + 22}, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(frames_of_every_size),
		T(buffer_of_the_right_size),
		T(any_layout),
		T(buffers_across_regions),
		T(readable_part_is_left_alone),
		T(useless_buffers_go_back),
		T(useless_buffers_for_ever),
		T(merged_from_buffers_of_all_sizes),
		T(merged_from_odd_buffers),
		T(merged_from_too_many),
		T(too_many_pieces),
		T(buffers_are_given_back_together),
		T(merged_on_a_packed_ring),
		T(no_frames_beyond_the_mtu),
		T(offloads_of_received_frames),
		T(headers_of_received_frames),
		T(failed_reception),
		T(completes_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
