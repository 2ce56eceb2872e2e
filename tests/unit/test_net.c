// SPDX-License-Identifier: BSD-2-Clause
/* The network device's features, configuration, host actions and life; frames are in test_net_tx.c, test_net_rx.c. */
#include "tests/unit/nic.h"

#define ALL_OFFLOADS                                                                               \
	(NF(CSUM) | NF(HOST_TSO4) | NF(HOST_TSO6) | NF(HOST_ECN) | NF(HOST_USO) | NF(GUEST_CSUM) | \
	 NF(GUEST_TSO4) | NF(GUEST_TSO6) | NF(GUEST_ECN) | NF(GUEST_USO4) | NF(GUEST_USO6))
#define ALWAYS                                                                                        \
	(NF(MRG_RXBUF) | NF(STATUS) | NF(CTRL_VQ) | NF(CTRL_RX) | NF(CTRL_RX_EXTRA) | NF(CTRL_VLAN) | \
	 NF(CTRL_MAC_ADDR) | NF(GUEST_ANNOUNCE) | NF(CTRL_GUEST_OFFLOADS))
#define COMMON (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

#define CONFIG_LEN 17u
#define STATUS_AT  6u
#define PAIRS_AT   8u
#define MTU_AT     10u
#define SPEED_AT   12u
#define DUPLEX_AT  16u

static const struct net_options rich = {
	.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .pairs = 3, .speed_mbit = 10000};

static uint64_t offers(uint32_t can, const struct net_options *o)
{
	static struct net net; /* a whole machine for each would take its time */
	static struct vmem mem;
	const struct net_backend backend = {.can = can};
	net_init(&net, &mem, &guest_host, NULL, &backend, o);
	return (uint64_t)vdev_get_features(&net.vdev, 1) << 32 | vdev_get_features(&net.vdev, 0);
}

static uint32_t config(struct nic *n, uint32_t off, uint32_t size)
{
	return (uint32_t)mmio_read(&n->mmio, VIRTIO_MMIO_CONFIG + off, size);
}

static void offers_what_it_has(void **state)
{
	(void)state;
	const struct net_options poor = {.pairs = 1};
	assert_int_equal(offers(0, &poor), COMMON | ALWAYS);
	assert_int_equal(offers(CAN_NET, &poor), COMMON | ALWAYS | ALL_OFFLOADS);
	assert_int_equal(offers(CAN_NET, &rich),
			 COMMON | ALWAYS | ALL_OFFLOADS | NF(MAC) | NF(MTU) | NF(MQ) | NF(SPEED_DUPLEX));
}

/* feat.1, over all that backends can do, and every feature that may be left out alone or with another one. */
static bool has_requirements(uint64_t f)
{
	const uint64_t needs_ctrl = NF(CTRL_RX) | NF(CTRL_RX_EXTRA) | NF(CTRL_VLAN) | NF(CTRL_MAC_ADDR) |
				    NF(GUEST_ANNOUNCE) | NF(MQ) | NF(CTRL_GUEST_OFFLOADS);
	return ((f & NF(CSUM)) || !(f & (NF(HOST_TSO4) | NF(HOST_TSO6) | NF(HOST_USO)))) &&
	       ((f & NF(GUEST_CSUM)) ||
		!(f & (NF(GUEST_TSO4) | NF(GUEST_TSO6) | NF(GUEST_USO4) | NF(GUEST_USO6)))) &&
	       ((f & (NF(HOST_TSO4) | NF(HOST_TSO6))) || !(f & NF(HOST_ECN))) &&
	       ((f & (NF(GUEST_TSO4) | NF(GUEST_TSO6))) || !(f & NF(GUEST_ECN))) &&
	       ((f & NF(CTRL_VQ)) || !(f & needs_ctrl)) && ((f & NF(STATUS)) || !(f & NF(GUEST_ANNOUNCE)));
}

static void offers_no_feature_without_what_it_needs(void **state)
{
	(void)state;
	for (uint32_t can = 0; can <= CAN_NET; can++)
		assert_true(has_requirements(offers(can, &rich)));
	for (uint32_t a = 0; a < 64; a++)
		for (uint32_t b = a; b < 64; b++) {
			struct net_options o = rich;
			o.without = BIT(a) | BIT(b);
			if (o.without & COMMON)
				continue;
			uint64_t f = offers(CAN_NET, &o);
			assert_true(has_requirements(f));
			assert_int_equal(f & o.without, 0);
		}
}

/* A driver that accepts a feature without what that needs is not refused; it does without the feature. */
static void accepted_without_what_it_needs(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	nic_boot(n, NF(CSUM) | NF(GUEST_CSUM), 16);
	struct net_header tso = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				 .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				 .gso_size = 100,
				 .csum_start = 20,
				 .csum_offset = 2};
	nic_send(n, 200, 1, &tso);
	assert_int_equal(n->wire.nsent, 0);
	assert_int_equal(n->g.offences[OFFENCE_NET_TX_OFFLOAD], 1);
	assert_int_equal(n->wire.tuning.offloads, 0);
	nic_boot(n, NF(CTRL_VQ), 16);
	assert_int_equal(n->net.control, 0);
	nic_boot(n, NF(STATUS), 16);
	net_announce(&n->net);
	assert_int_equal(n->g.config_irqs, 0);
	nic_free(n);
}

/* -- queues ---------------------------------------------------------------------------------------------- */

static uint32_t count_queues(struct nic *n)
{
	uint32_t i = 0;
	for (;; i++) {
		set(&n->mmio, VIRTIO_MMIO_QUEUE_SEL, i);
		if (!reg(&n->mmio, VIRTIO_MMIO_QUEUE_NUM_MAX))
			return i;
	}
}

static uint32_t size_of_queue(struct nic *n, uint32_t i)
{
	set(&n->mmio, VIRTIO_MMIO_QUEUE_SEL, i);
	return reg(&n->mmio, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void queues(void **state)
{
	(void)state;
	for (uint16_t pairs = 1; pairs <= NET_PAIRS_MAX; pairs++) {
		struct net_options o = rich;
		o.pairs = pairs;
		struct nic *n = nic_new(&o, 0);
		assert_int_equal(count_queues(n), 2 * pairs + 1);
		assert_int_equal(size_of_queue(n, 2u * pairs), NET_CTRL_SIZE);
		assert_int_equal(size_of_queue(n, 2u * pairs - 1), NET_QUEUE_SIZE);
		nic_free(n);
		o.queue_size = 16;
		o.without = NF(CTRL_VQ); /* and MQ with it */
		n = nic_new(&o, 0);
		assert_int_equal(count_queues(n), 2);
		assert_int_equal(size_of_queue(n, 0), 16);
		nic_free(n);
	}
}

/* 5.1.2: a driver that does not know of MQ finds the control queue behind the first pair. */
static void control_queue_without_mq(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	nic_boot(n, NF(MQ), 16);
	assert_int_equal(n->control, 2);
	assert_int_equal(nic_command_byte(n, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1),
			 VIRTIO_NET_OK);
	struct buf b = {DATA, HDR + 60, false};
	nic_post(n, 3, &b, 1); /* nobody's queue */
	nic_kick(n, 3);
	assert_int_equal(n->wire.nsent, 0);
	nic_boot(n, 0, 16);
	assert_int_equal(n->control, 6);
	assert_int_equal(nic_command_byte(n, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1),
			 VIRTIO_NET_OK);
	nic_free(n);
}

/* -- configuration space --------------------------------------------------------------------------------- */

/* net.cfg.4, net.cfg.12: what neither the host nor the driver can change. */
static void fixed_fields(struct nic *n)
{
	assert_int_equal(config(n, PAIRS_AT, 2), 3);
	assert_int_equal(config(n, MTU_AT, 2), 1500);
	assert_int_equal(config(n, SPEED_AT, 4), 10000);
	assert_int_equal(config(n, DUPLEX_AT, 1), 1);
}

/* Whatever makes a new generation. */
static void fields_that_never_change(void **state)
{
	(void)state;
	static const uint8_t mac[] = {2, 1, 1, 1, 1, 1};
	struct nic *n = nic_new(&rich, CAN_NET);
	nic_boot(n, 0, 16);
	uint32_t gen = n->net.vdev.config_gen;
	fixed_fields(n);
	net_announce(&n->net);
	fixed_fields(n);
	nic_command(n, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0);
	fixed_fields(n);
	nic_command(n, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6);
	assert_int_equal(config(n, 1, 1), 1);
	fixed_fields(n);
	net_set_link(&n->net, false);
	fixed_fields(n);
	set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
	fixed_fields(n);
	net_set_link(&n->net, true);
	fixed_fields(n);
	assert_true(n->net.vdev.config_gen > gen + 3);
	nic_free(n);
}

static void configuration(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(config(n, i, 1), rich.mac[i]);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP);
	fixed_fields(n);
	assert_int_equal(n->g.offences_all, 0);
	nic_free(n);
	struct net_options o = {.pairs = 1, .without = NF(STATUS)};
	n = nic_new(&o, 0);
	for (uint32_t i = 0; i < CONFIG_LEN; i++)
		assert_int_equal(config(n, i, 1), 0);
	nic_free(n);
}

/* interop 12: any width anywhere is answered; drv.net.cfg.1: nothing can be written. */
static void odd_accesses_to_the_configuration(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	uint8_t image[32] = {0};
	for (uint32_t i = 0; i < CONFIG_LEN; i++)
		image[i] = (uint8_t)config(n, i, 1);
	for (uint32_t off = 0; off < CONFIG_LEN + 4; off++)
		for (uint32_t size = 1; size <= 8; size++) {
			uint64_t want = 0, got = mmio_read(&n->mmio, VIRTIO_MMIO_CONFIG + off, size);
			for (uint32_t i = size; i-- > 0;)
				want = want << 8 | (off + i < CONFIG_LEN ? image[off + i] : 0);
			assert_int_equal(got, want);
			mmio_write(&n->mmio, VIRTIO_MMIO_CONFIG + off, size, 0x55);
			assert_int_equal(config(n, off, 1), off < CONFIG_LEN ? image[off] : 0);
		}
	nic_free(n);
}

/* -- host actions ---------------------------------------------------------------------------------------- */

static void link_goes_down_and_up(void **state)
{
	(void)state;
	struct nic *n = nic_booted(0, 16);
	uint32_t gen = n->net.vdev.config_gen;
	net_set_link(&n->net, true); /* it is */
	assert_int_equal(n->g.config_irqs, 0);
	net_set_link(&n->net, false);
	assert_int_equal(n->g.config_irqs, 1);
	assert_int_not_equal(n->net.vdev.config_gen, gen);
	assert_int_equal(config(n, STATUS_AT, 2), 0);
	nic_post_rx(n, DATA, 2000);
	assert_int_equal(nic_arrive(n, 60), NET_DROPPED);
	nic_send(n, 60, 1, NULL);
	nic_used(n, TX, (const uint32_t[]){0}, 1); /* used, as if it had been sent */
	assert_int_equal(n->wire.nsent + n->wire.nreceived, 0);
	net_set_link(&n->net, true);
	assert_int_equal(n->g.config_irqs, 2);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_send(n, 60, 1, NULL);
	assert_int_equal(n->wire.nsent, 1);
	nic_free(n);
}

/* The link is the host's: it stays through a reset. */
static void link_survives_a_reset(void **state)
{
	(void)state;
	struct nic *n = nic_booted(0, 16);
	net_set_link(&n->net, false);
	nic_boot(n, 0, 16);
	assert_int_equal(config(n, STATUS_AT, 2), 0);
	nic_post_rx(n, DATA, 2000);
	assert_int_equal(nic_arrive(n, 60), NET_DROPPED);
	nic_free(n);
}

/* Frames that wait when the link goes down are forgotten, so the backend is told to ask. */
static void link_down_wakes_those_who_wait(void **state)
{
	(void)state;
	struct nic *n = nic_booted(0, 16);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	net_set_link(&n->net, false);
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 60), NET_DROPPED);
	nic_free(n);
}

static void announcement(void **state)
{
	(void)state;
	struct nic *n = nic_booted(0, 16);
	assert_false(n->wire.tuning.announced);
	net_announce(&n->net);
	assert_int_equal(n->g.config_irqs, 1);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
			 VIRTIO_NET_OK);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP);
	assert_true(n->wire.tuning.announced);
	assert_int_equal(n->g.config_irqs, 1);
	net_announce(&n->net);
	assert_false(n->wire.tuning.announced);
	nic_boot(n, 0, 16);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP);
	nic_boot(n, NF(GUEST_ANNOUNCE), 16);
	net_announce(&n->net);
	assert_int_equal(config(n, STATUS_AT, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(n->g.config_irqs, 2);
	nic_free(n);
}

/* -- what the backend hears ------------------------------------------------------------------------------ */

static void tuning_at_driver_ok(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	assert_int_equal(n->wire.ntunes, 0);
	nic_boot(n, NF(GUEST_TSO6) | NF(GUEST_USO4), 16);
	assert_int_equal(n->wire.ntunes, 1);
	assert_int_equal(n->wire.tuning.pairs, 1);
	assert_int_equal(n->wire.tuning.offloads,
			 NET_CAN_RX_CSUM | NET_CAN_RX_TSO4 | NET_CAN_RX_ECN | NET_CAN_RX_USO6);
	nic_free(n);
}

/* -- its life -------------------------------------------------------------------------------------------- */

/* Nothing that a driver has set is left for the next one; the state hash says so too. */
static void reset_forgets_the_driver(void **state)
{
	(void)state;
	struct nic *n = nic_new(&rich, CAN_NET);
	nic_boot(n, 0, 16);
	uint64_t fresh = vdev_hash(&n->net.vdev);
	const uint8_t macs[] = {1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 1, 0, 0, 0, 3, 9, 9, 9, 9, 9};
	const uint8_t vlan[] = {7, 0}, pairs[] = {3, 0}, mac[] = {2, 1, 1, 1, 1, 1}, offloads[8] = {0};
	uint64_t seen = fresh;
	const struct {
		uint8_t class, cmd;
		const void *data;
		uint32_t len;
	} cmds[] = {{VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, "\1", 1},
		    {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, macs, sizeof(macs)},
		    {VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6},
		    {VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, vlan, 2},
		    {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs, 2},
		    {VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, offloads, 8}};
	for (uint32_t i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		assert_int_equal(nic_command(n, cmds[i].class, cmds[i].cmd, cmds[i].data, cmds[i].len),
				 VIRTIO_NET_OK);
		assert_int_not_equal(vdev_hash(&n->net.vdev), seen);
		seen = vdev_hash(&n->net.vdev);
	}
	assert_int_equal(config(n, 1, 1), 1);
	uint32_t gen = n->net.vdev.config_gen;
	nic_boot(n, 0, 16);
	assert_int_equal(config(n, 1, 1), 0); /* its own address again, which is a change */
	assert_int_not_equal(n->net.vdev.config_gen, gen);
	n->net.vdev.config_gen = 0;
	assert_int_equal(vdev_hash(&n->net.vdev), fresh);
	nic_free(n);
}

static void reset_with_frames_in_flight(void **state)
{
	(void)state;
	for (int by_queue = 0; by_queue < 2; by_queue++) {
		struct nic *n = nic_booted(0, 16);
		struct taplog *t = taplog_new(&n->g, 64);
		n->wire.hold = true;
		nic_post_rx(n, DATA + 0x1000, 200);
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
		nic_send(n, 60, 1, NULL);
		assert_int_equal(n->wire.nheld, 2);
		memset(at(&n->g, DATA + 0x1000), RAM_FILL, 200);
		if (by_queue) {
			set(&n->mmio, VIRTIO_MMIO_QUEUE_SEL, RX);
			set(&n->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
			nic_used(n, TX, (const uint32_t[]){0}, 1); /* the other queue goes on */
		} else {
			set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
			nic_used(n, TX, NULL, 0);
		}
		assert_int_equal(n->wire.ndrains, 1);
		assert_int_equal(t->pinned, 0);
		assert_true(untouched(&n->g, DATA + 0x1000, 200));
		nic_used(n, RX, NULL, 0);
		taplog_free(t);
		nic_free(n);
	}
}

/* A device that the guest has broken neither sends nor receives, and what waits is for the next driver. */
static void broken_device(void **state)
{
	(void)state;
	struct nic *n = nic_booted(0, 16);
	nic_post_rx(n, DATA, 2000);
	ring_publish(&n->ring[TX], 99);
	nic_kick(n, TX);
	assert_int_equal(reg(&n->mmio, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	nic_used(n, RX, NULL, 0);
	nic_boot(n, 0, 16);
	assert_int_equal(n->wire.wakes[0], 1); /* at DRIVER_OK all queues are looked at */
	nic_post_rx(n, DATA, 2000);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_it_has),
		cmocka_unit_test(offers_no_feature_without_what_it_needs),
		cmocka_unit_test(accepted_without_what_it_needs),
		cmocka_unit_test(queues),
		cmocka_unit_test(control_queue_without_mq),
		cmocka_unit_test(configuration),
		cmocka_unit_test(fields_that_never_change),
		cmocka_unit_test(odd_accesses_to_the_configuration),
		cmocka_unit_test(link_goes_down_and_up),
		cmocka_unit_test(link_survives_a_reset),
		cmocka_unit_test(link_down_wakes_those_who_wait),
		cmocka_unit_test(announcement),
		cmocka_unit_test(tuning_at_driver_ok),
		cmocka_unit_test(reset_forgets_the_driver),
		cmocka_unit_test(reset_with_frames_in_flight),
		cmocka_unit_test(broken_device),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
