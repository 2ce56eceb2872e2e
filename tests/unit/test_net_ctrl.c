// SPDX-License-Identifier: BSD-2-Clause
/* The control queue, and what passes the filters that it sets. */
#include "tests/unit/nic.h"

#define OK  VIRTIO_NET_OK
#define ERR VIRTIO_NET_ERR

#define RX_CLASS  VIRTIO_NET_CTRL_RX
#define MAC       VIRTIO_NET_CTRL_MAC
#define VLAN      VIRTIO_NET_CTRL_VLAN
#define TABLE_SET VIRTIO_NET_CTRL_MAC_TABLE_SET

static struct nic *n;

static int setup(void **state)
{
	(void)state;
	const struct net_options o = {.mac = {2, 0, 0, 0, 0, 1}, .pairs = 3};
	n = nic_new(&o, CAN_NET);
	nic_boot(n, 0, 64);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nic_free(n);
	return 0;
}

/* -- commands as chains ---------------------------------------------------------------------------------- */

/* The command {0, 0, 1}: promiscuous; in pieces, with its answer in pieces too. */
static void any_layout(void **state)
{
	(void)state;
	const uint64_t c = DATA, a = DATA + 0x100;
	*at(&n->g, c) = RX_CLASS;
	*at(&n->g, c + 1) = VIRTIO_NET_CTRL_RX_PROMISC;
	for (uint32_t cut = 0; cut <= 3; cut++)
		for (uint32_t room = 1; room < 4; room++) {
			struct buf b[] = {{c, cut, false}, {c, 0, false},   {c + cut, 3 - cut, false},
					  {a, 0, true},    {a, room, true}, {a + 8, 8, true}};
			uint8_t on = (cut + room) & 1;
			*at(&n->g, c + 2) = on;
			memset(at(&n->g, a), RAM_FILL, 16);
			nic_post(n, n->control, b, 6);
			nic_kick(n, n->control);
			nic_used(n, n->control, (const uint32_t[]){1}, 1); /* interop 8 */
			assert_int_equal(*at(&n->g, a), OK);
			assert_true(untouched(&n->g, a + 1, 15));
			assert_int_equal(n->net.filter.modes, on);
		}
	assert_int_equal(n->g.offences_all, 0);
}

static void no_answer_possible(void **state)
{
	(void)state;
	struct buf b = {DATA, 3, false};
	nic_post(n, n->control, &b, 1);
	nic_kick(n, n->control);
	assert_int_equal(n->g.offences[OFFENCE_NET_CTRL_NO_ACK], 1);
	assert_int_equal(reg(&n->mmio, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	nic_used(n, n->control, NULL, 0);
}

static void shorter_than_its_header(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 2; len++) {
		struct buf b[] = {{DATA, len, false}, {DATA + 16, 1, true}};
		nic_post(n, n->control, b, 2);
		nic_kick(n, n->control);
		assert_int_equal(*at(&n->g, DATA + 16), ERR);
	}
	nic_used(n, n->control, (const uint32_t[]){1, 1}, 2);
	assert_int_equal(n->g.offences[OFFENCE_NET_CTRL_HEADER], 2);
}

/* Every class and command: what we do not know is answered, changes nothing, and is no offence. */
static void unknown_commands(void **state)
{
	(void)state;
	static const uint8_t known[] = {6, 2, 2, 1, 1, 1}; /* commands of each class */
	const uint8_t zeroes[16] = {0};
	uint64_t hash = vdev_hash(&n->net.vdev) ^ 1;
	for (uint32_t class = 0; class < 256; class ++)
		for (uint32_t cmd = class < 6 ? known[class] : 0; cmd < 256; cmd++) {
			assert_int_equal(nic_command(n, (uint8_t) class, (uint8_t)cmd, zeroes, 16), ERR);
			uint64_t h = vdev_hash(&n->net.vdev);
			assert_int_not_equal(h, hash); /* the ring moves on */
			hash = h;
		}
	assert_int_equal(n->g.offences_all, 0);
	struct net_filter nothing = {.mac = {2, 0, 0, 0, 0, 1}, .mac_known = true};
	assert_memory_equal(&n->net.filter, &nothing, sizeof(nothing));
	assert_int_equal(n->net.pairs, 1);
}

static const struct {
	uint8_t class, cmd;
	uint64_t feature;
	uint32_t len; /* of data that all zeroes answer OK to, or ERR */
} commands[] = {
	{RX_CLASS, VIRTIO_NET_CTRL_RX_PROMISC, NF(CTRL_RX), 1},
	{RX_CLASS, VIRTIO_NET_CTRL_RX_ALLMULTI, NF(CTRL_RX), 1},
	{RX_CLASS, VIRTIO_NET_CTRL_RX_ALLUNI, NF(CTRL_RX_EXTRA), 1},
	{RX_CLASS, VIRTIO_NET_CTRL_RX_NOMULTI, NF(CTRL_RX_EXTRA), 1},
	{RX_CLASS, VIRTIO_NET_CTRL_RX_NOUNI, NF(CTRL_RX_EXTRA), 1},
	{RX_CLASS, VIRTIO_NET_CTRL_RX_NOBCAST, NF(CTRL_RX_EXTRA), 1},
	{MAC, TABLE_SET, NF(CTRL_RX), 8},
	{MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, NF(CTRL_MAC_ADDR), 6},
	{VLAN, VIRTIO_NET_CTRL_VLAN_ADD, NF(CTRL_VLAN), 2},
	{VLAN, VIRTIO_NET_CTRL_VLAN_DEL, NF(CTRL_VLAN), 2},
	{VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NF(GUEST_ANNOUNCE), 0},
	{VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, NF(MQ), 2},
	{VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, NF(CTRL_GUEST_OFFLOADS), 8},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* With too little data for it; with what it needs, and more; and without its feature. */
static void data_and_features_of_commands(void **state)
{
	(void)state;
	const uint8_t zeroes[16] = {0};
	for (uint32_t i = 0; i < NCOMMANDS; i++) {
		uint8_t class = commands[i].class, cmd = commands[i].cmd;
		nic_boot(n, 0, 64);
		n->g.offences[OFFENCE_NET_CTRL_DATA] = n->g.offences[OFFENCE_NET_CTRL_FEATURE] = 0;
		for (uint32_t len = 0; len < commands[i].len; len++)
			assert_int_equal(nic_command(n, class, cmd, zeroes, len), ERR);
		assert_int_equal(n->g.offences[OFFENCE_NET_CTRL_DATA], commands[i].len);
		uint8_t want = class == VIRTIO_NET_CTRL_MQ ? ERR : OK; /* of no pair at all */
		assert_int_equal(nic_command(n, class, cmd, zeroes, commands[i].len), want);
		assert_int_equal(nic_command(n, class, cmd, zeroes, 16), want);
		nic_boot(n, commands[i].feature, 64);
		assert_int_equal(nic_command(n, class, cmd, zeroes, 16), ERR);
		assert_int_equal(n->g.offences[OFFENCE_NET_CTRL_FEATURE], 1);
	}
}

static void values_out_of_range(void **state)
{
	(void)state;
	const uint8_t group[] = {1, 2, 3, 4, 5, 6};
	assert_int_equal(nic_command(n, MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, group, 6), ERR);
	for (uint32_t pairs = 0; pairs < 8; pairs++) {
		const uint8_t data[] = {(uint8_t)pairs, 0};
		assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_MQ, 0, data, 2),
				 pairs >= 1 && pairs <= 3 ? OK : ERR);
	}
	assert_int_equal(nic_command(n, VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\xff\x0f", 2), OK);
	assert_int_equal(nic_command(n, VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\0\x10", 2), ERR);
	assert_int_equal(n->g.offences[OFFENCE_NET_CTRL_VALUE], 7);
	assert_int_equal(n->net.pairs, 3);
}

static void pairs_are_told_to_the_backend(void **state)
{
	(void)state;
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_MQ, 0, "\2", 2), OK);
	assert_int_equal(n->wire.tuning.pairs, 2);
	assert_int_equal(n->wire.ntunes, 2);
}

/* drv.net.offloads.1; without GUEST_CSUM all others are off too. */
static void offloads(void **state)
{
	(void)state;
	const uint64_t mine = NF(GUEST_CSUM) | NF(GUEST_TSO4) | NF(GUEST_TSO6) | NF(GUEST_ECN) |
			      NF(GUEST_USO4) | NF(GUEST_USO6);
	for (uint32_t bit = 0; bit < 64; bit++) {
		uint64_t set = BIT(bit) | NF(GUEST_CSUM);
		assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &set, 8),
				 mine & BIT(bit) ? OK : ERR);
	}
	uint64_t set = NF(GUEST_CSUM) | NF(GUEST_TSO4);
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &set, 8), OK);
	assert_int_equal(n->wire.tuning.offloads, NET_CAN_RX_CSUM | NET_CAN_RX_TSO4);
	set = NF(GUEST_TSO4);
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &set, 8), OK);
	assert_int_equal(n->wire.tuning.offloads, 0);
	nic_boot(n, NF(GUEST_TSO4), 64);
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, &set, 8), ERR);
}

/* -- filters --------------------------------------------------------------------------------------------- */

static const uint8_t own[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 2},
		     third[6] = {2, 0, 0, 0, 0, 3}, group[6] = {1, 0, 0x5e, 0, 0, 1},
		     group2[6] = {1, 0, 0x5e, 0, 0, 2}, everybody[6] = {255, 255, 255, 255, 255, 255};

/* A frame to that address, with that VLAN tag (or none, 0xffff), gets through. */
static bool tagged_passes(const uint8_t *mac, uint16_t tag)
{
	struct net_frame f = {.len = 60};
	memcpy(f.head, mac, 6);
	if (tag != 0xffff) {
		f.head[12] = 0x81;
		f.head[14] = (uint8_t)(0xa0 | tag >> 8); /* priority and drop eligible mean nothing here */
		f.head[15] = (uint8_t)tag;
	}
	nic_post_rx(n, DATA, 200);
	enum net_answer a = nic_arrive_at(n, 0, &f);
	uint32_t id, len;
	assert_int_not_equal(a, NET_LATER);
	assert_int_equal(nic_take(n, RX, &id, &len), a == NET_TAKEN);
	return a == NET_TAKEN;
}

static bool passes(const uint8_t *mac)
{
	return tagged_passes(mac, 0xffff);
}

static void mode(uint8_t cmd, uint8_t on)
{
	assert_int_equal(nic_command_byte(n, RX_CLASS, cmd, on), OK);
}

/* net.mac.1, net.mac.4 */
static void filters_after_reset(void **state)
{
	(void)state;
	assert_true(passes(own));
	assert_true(passes(everybody));
	assert_false(passes(other));
	assert_false(passes(group));
	assert_true(tagged_passes(own, 0xffff));
	assert_false(tagged_passes(own, 5));
}

/* net.filter.1 to .13 */
static void modes(void **state)
{
	(void)state;
	static const struct {
		uint8_t cmd;
		bool own, other, group, everybody;
	} t[] = {
		{VIRTIO_NET_CTRL_RX_PROMISC, true, true, true, true},
		{VIRTIO_NET_CTRL_RX_ALLMULTI, true, false, true, true},
		{VIRTIO_NET_CTRL_RX_ALLUNI, true, true, false, true},
		{VIRTIO_NET_CTRL_RX_NOMULTI, true, false, false, true},
		{VIRTIO_NET_CTRL_RX_NOUNI, false, false, false, true},
		{VIRTIO_NET_CTRL_RX_NOBCAST, true, false, false, false},
	};
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		mode(t[i].cmd, 1);
		assert_int_equal(passes(own), t[i].own);
		assert_int_equal(passes(other), t[i].other);
		assert_int_equal(passes(group), t[i].group);
		assert_int_equal(passes(everybody), t[i].everybody);
		mode(t[i].cmd, 0);
		assert_true(passes(own));
		assert_false(passes(other));
	}
	/* what is kept out stays out, whatever is let in; but promiscuous is above all */
	for (uint8_t cmd = VIRTIO_NET_CTRL_RX_ALLMULTI; cmd <= VIRTIO_NET_CTRL_RX_NOBCAST; cmd++)
		mode(cmd, 1);
	assert_false(passes(own) || passes(other) || passes(group) || passes(everybody));
	mode(VIRTIO_NET_CTRL_RX_PROMISC, 1);
	assert_true(passes(own) && passes(other) && passes(group) && passes(everybody));
	assert_true(tagged_passes(other, 77));
}

static uint32_t table(uint8_t *out, const uint8_t *mac, uint32_t count)
{
	const uint8_t le[4] = {(uint8_t)count, (uint8_t)(count >> 8), 0, 0};
	memcpy(out, le, 4);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(out + 4 + 6 * i, mac, 6);
		out[4 + 6 * i + 5] = (uint8_t)(mac[5] + i);
	}
	return 4 + 6 * count;
}

static uint8_t set_tables(const uint8_t *unicast, uint32_t nunicast, const uint8_t *multicast,
			  uint32_t nmulticast)
{
	static uint8_t data[8 + 6 * 512];
	uint32_t len = table(data, unicast, nunicast);
	len += table(data + len, multicast, nmulticast);
	return nic_command(n, MAC, TABLE_SET, data, len);
}

static void tables(void **state)
{
	(void)state;
	assert_int_equal(set_tables(other, 1, group, 1), OK);
	assert_true(passes(other) && passes(group) && passes(own) && passes(everybody));
	assert_false(passes(third) || passes(group2));
	assert_int_equal(set_tables(other, 2, group, 0), OK); /* another table, not more of them */
	assert_true(passes(third));
	assert_false(passes(group));
	assert_int_equal(set_tables(other, NET_MACS_MAX, group, NET_MACS_MAX), OK);
	const uint8_t last[6] = {2, 0, 0, 0, 0, 2 + NET_MACS_MAX - 1},
		      beyond[6] = {2, 0, 0, 0, 0, 2 + NET_MACS_MAX};
	assert_true(passes(last));
	assert_false(passes(beyond));
	assert_int_equal(set_tables(other, NET_MACS_MAX + 1, group, 0), OK); /* too many: all of that kind */
	assert_true(passes(beyond));
	assert_false(passes(group));
	assert_int_equal(set_tables(other, 0, group, NET_MACS_MAX + 1), OK);
	assert_true(passes(group2));
	assert_false(passes(other));
}

/* A table that says more than it holds changes nothing, neither of the two. */
static void broken_tables(void **state)
{
	(void)state;
	assert_int_equal(set_tables(other, 1, group, 1), OK);
	uint8_t data[32] = {0};
	uint32_t len = table(data, third, 1);
	data[len] = 3; /* and then no address */
	assert_int_equal(nic_command(n, MAC, TABLE_SET, data, len + 4), ERR);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(nic_command(n, MAC, TABLE_SET, data, sizeof(data)), ERR);
	assert_true(passes(other) && passes(group));
	assert_false(passes(third));
}

/* net.mac.3: it is another address from now on. */
static void another_address(void **state)
{
	(void)state;
	uint32_t gen = n->net.vdev.config_gen;
	assert_int_equal(nic_command(n, MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6), OK);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(mmio_read(&n->mmio, VIRTIO_MMIO_CONFIG + i, 1), other[i]);
	assert_int_not_equal(n->net.vdev.config_gen, gen);
	assert_int_equal(n->g.config_irqs, 0);
	assert_true(passes(other));
	assert_false(passes(own));
}

/* A device that does not know the driver's address lets all of them pass, until it is told. */
static void address_unknown(void **state)
{
	(void)state;
	nic_boot(n, NF(MAC), 64);
	assert_true(passes(own) && passes(other));
	assert_false(passes(group));
	assert_int_equal(nic_command(n, MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, third, 6), OK);
	assert_true(passes(third));
	assert_false(passes(own));
}

/* Without CTRL_RX there is no way to ask for more, so everything passes. */
static void without_ctrl_rx(void **state)
{
	(void)state;
	nic_boot(n, NF(CTRL_RX), 64);
	assert_true(passes(own) && passes(other) && passes(group) && passes(everybody));
	mode(VIRTIO_NET_CTRL_RX_NOMULTI, 1);
	assert_false(passes(group));
}

static void vlans(void **state)
{
	(void)state;
	for (uint32_t tag = 0; tag < 4096; tag += 585)
		assert_int_equal(nic_command(n, VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &tag, 2), OK);
	for (uint16_t tag = 0; tag < 4096; tag += 65)
		assert_int_equal(tagged_passes(own, tag), tag % 585 == 0);
	uint16_t tag = 585;
	assert_int_equal(nic_command(n, VLAN, VIRTIO_NET_CTRL_VLAN_DEL, &tag, 2), OK);
	assert_false(tagged_passes(own, 585));
	assert_false(tagged_passes(other, 1170)); /* the address counts too */
	nic_boot(n, NF(CTRL_VLAN), 64);
	assert_true(tagged_passes(own, 585)); /* net.vlan.1 */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(any_layout),
		T(no_answer_possible),
		T(shorter_than_its_header),
		T(unknown_commands),
		T(data_and_features_of_commands),
		T(values_out_of_range),
		T(pairs_are_told_to_the_backend),
		T(offloads),
		T(filters_after_reset),
		T(modes),
		T(tables),
		T(broken_tables),
		T(another_address),
		T(address_unknown),
		T(without_ctrl_rx),
		T(vlans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
