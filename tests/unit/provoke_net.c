// SPDX-License-Identifier: BSD-2-Clause
/* A network device on the machine's memory and host, and how a guest commits its offences there. */
#include "devices/net.h"
#include "tests/unit/provoke.h"

#define DATA    0x20000ull
#define ACK     0x28000ull
#define NO_ACK  0xee
#define HDR     12u
#define RX      0
#define TX      1
#define CONTROL 2

static struct net net;
static struct mmio nx;
static struct ring rings[3];
static struct guest *g;

static void submit(void *ctx, struct net_io *io)
{
	net_io_done(ctx, io, NET_DONE);
}

static void drain(void *ctx)
{
	(void)ctx;
}

static void wake(void *ctx, uint16_t pair)
{
	(void)ctx;
	(void)pair;
}

static void tune(void *ctx, const struct net_tuning *t)
{
	(void)ctx;
	(void)t;
}

static void boot(uint64_t without)
{
	assert_int_equal(negotiate(&nx, offered(&nx) & ~without), S_AGREED);
	for (uint16_t i = 0; i < 3; i++) {
		ring_init(&rings[i], g, 0x8000 + 0x1000ull * i, 8);
		queue_enable(&nx, i, &rings[i]);
	}
	set(&nx, VIRTIO_MMIO_STATUS, S_LIVE);
}

static void post_on(uint16_t queue, const struct buf *b, uint16_t n)
{
	ring_post(&rings[queue], b, n);
	set(&nx, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* A zeroed header and frame, which is sent; of the header's bytes two are as given. */
static void send(uint32_t len, uint8_t flags, uint8_t csum_start)
{
	struct buf b = {DATA, len, false};
	memset(at(g, DATA), 0, len);
	*at(g, DATA) = flags;
	*at(g, DATA + 6) = csum_start;
	post_on(TX, &b, 1);
}

static void tx_header(void)
{
	send(HDR - 1, 0, 0);
}

static void tx_size(void)
{
	send(HDR + 13, 0, 0);
}

static void tx_offload(void)
{
	boot(BIT(VIRTIO_NET_F_CSUM));
	send(HDR + 60, VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
}

static void tx_csum(void)
{
	send(HDR + 60, VIRTIO_NET_HDR_F_NEEDS_CSUM, 59);
}

static void tx_writable(void)
{
	struct buf b[] = {{DATA, HDR + 60, false}, {DATA + 100, 1, true}};
	memset(at(g, DATA), 0, HDR);
	post_on(TX, b, 2);
}

/* A buffer for a frame that arrives then. */
static void receive(const struct buf *b, uint16_t n, enum net_answer answer)
{
	const struct net_frame f = {.len = 60, .head = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	post_on(RX, b, n);
	assert_int_equal(net_receive(&net, 0, &f), answer);
}

static void rx_readable(void)
{
	const struct buf b[] = {{DATA, 1, false}, {DATA + 16, 100, true}};
	receive(b, 2, NET_TAKEN);
}

static void rx_size(void)
{
	const struct buf b = {DATA, HDR - 1, true};
	receive(&b, 1, NET_LATER);
}

/* Class, command, and data of two equal bytes; of all that, so many bytes. */
static void command(uint8_t class, uint8_t cmd, uint8_t data, uint32_t len, bool ack)
{
	const struct buf b[] = {{DATA, len, false}, {ACK, ack, true}};
	const uint8_t bytes[] = {class, cmd, data, data};
	memcpy(at(g, DATA), bytes, sizeof(bytes));
	*at(g, ACK) = NO_ACK;
	post_on(CONTROL, b, 2);
}

static void ctrl_no_ack(void)
{
	command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1, 4, false);
}

static void ctrl_header(void)
{
	command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1, 1, true);
}

static void ctrl_feature(void)
{
	command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 1, 4, true);
}

static void ctrl_data(void)
{
	command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1, 2, true);
}

static void ctrl_value(void)
{
	command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 0xff, 4, true);
}

static void (*const how[OFFENCE_COUNT])(void) = {
	[OFFENCE_NET_TX_HEADER] = tx_header,     [OFFENCE_NET_TX_SIZE] = tx_size,
	[OFFENCE_NET_TX_OFFLOAD] = tx_offload,   [OFFENCE_NET_TX_CSUM] = tx_csum,
	[OFFENCE_NET_TX_WRITABLE] = tx_writable, [OFFENCE_NET_RX_READABLE] = rx_readable,
	[OFFENCE_NET_RX_SIZE] = rx_size,         [OFFENCE_NET_CTRL_NO_ACK] = ctrl_no_ack,
	[OFFENCE_NET_CTRL_HEADER] = ctrl_header, [OFFENCE_NET_CTRL_FEATURE] = ctrl_feature,
	[OFFENCE_NET_CTRL_DATA] = ctrl_data,     [OFFENCE_NET_CTRL_VALUE] = ctrl_value,
};

bool provoke_net(struct machine *m, enum offence o)
{
	static const struct net_options options = {.pairs = 1};
	const struct net_backend backend = {submit, drain, wake, tune, NET_CAN_TX_CSUM, &net};
	if (!how[o])
		return false;
	g = &m->g;
	net_init(&net, &g->mem, &guest_host, g, &backend, &options);
	mmio_init(&nx, &net.vdev);
	boot(0);
	how[o]();
	enum offence_reaction reaction = offence_info(o)->reaction;
	bool broken = reg(&nx, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
	assert_int_equal(broken, reaction == OFFENCE_BREAK);
	assert_int_equal(g->config_irqs, broken);
	assert_int_equal(ring_used_idx(&rings[RX]) + ring_used_idx(&rings[TX]) +
				 ring_used_idx(&rings[CONTROL]),
			 !broken);
	if (reaction == OFFENCE_STATUS)
		assert_int_equal(*at(g, ACK), VIRTIO_NET_ERR);
	return true;
}
