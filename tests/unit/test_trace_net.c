// SPDX-License-Identifier: BSD-2-Clause
/* What a trace tells of a network device: its head, its ops as text, and the device that is made of them again. */
#include <linux/virtio_ids.h>

#include "tests/unit/nic.h"
#include "trace/names.h"
#include "trace/recorder.h"
#include "trace/text.h"

static const uint16_t ids[OP_DEV_MAX] = {VIRTIO_ID_NET};

/* -- the head -------------------------------------------------------------------------------------------- */

/* Describes a device, makes one of that, and describes it again. */
static bool again(const struct net_options *o, uint32_t can, bool unplugged, struct trace_device *t)
{
	static struct net net, back;
	static const struct net_backend none;
	struct net_options options;
	struct net_backend backend = {0}, made = none;
	struct trace_device second;
	struct guest g;
	bool out;
	guest_init(&g);
	backend.can = can;
	net_init(&net, &g.mem, &guest_host, &g, &backend, o);
	vdev_offer(&net.vdev, BIT(VIRTIO_F_RING_PACKED));
	net_set_link(&net, !unplugged);
	remake_describe(&net.vdev, t);
	assert_true(remake_net(t, &options, &made, &out));
	assert_int_equal(out, unplugged);
	net_init(&back, &g.mem, &guest_host, &g, &made, &options);
	net_set_link(&back, !out);
	bool same = remake_limits(t, &back.vdev);
	remake_describe(&back.vdev, &second);
	assert_memory_equal(t, &second, sizeof(second));
	assert_int_equal(vdev_hash(&net.vdev), vdev_hash(&back.vdev));
	guest_free(&g);
	return same;
}

static void devices_are_made_again(void **state)
{
	(void)state;
	struct trace_device t;
	const struct net_options poor = {.pairs = 1}, rich = {.mac = {2, 0, 0, 0, 0, 1},
							      .mtu = 1500,
							      .pairs = NET_PAIRS_MAX,
							      .queue_size = 32,
							      .speed_mbit = 10000};
	assert_true(again(&poor, 0, false, &t));
	assert_true(again(&rich, CAN_NET, true, &t));
	for (uint32_t bit = 0; bit < 64; bit++) {
		struct net_options o = rich;
		o.without = BIT(bit);
		assert_true(again(&o, CAN_NET & (uint32_t)(bit * 0x9e3779b9u), bit & 1, &t));
	}
}

static void what_is_no_network_device(void **state)
{
	(void)state;
	const struct net_options o = {.pairs = 3};
	struct net_options options;
	struct net_backend backend;
	struct trace_device t;
	bool out;
	again(&o, CAN_NET, false, &t);
	for (uint16_t n = 0; n <= TRACE_QUEUES_MAX; n++) {
		t.nqueues = n;
		assert_int_equal(remake_net(&t, &options, &backend, &out), n == 7);
	}
	t.nqueues = 7;
	for (uint32_t pairs = 0; pairs < 300; pairs++) {
		t.config[8] = (uint8_t)pairs;
		t.config[9] = (uint8_t)(pairs >> 8);
		assert_int_equal(remake_net(&t, &options, &backend, &out), pairs == 3);
	}
	t.config_len = 0;
	assert_false(remake_net(&t, &options, &backend, &out));
}

/* -- frames ---------------------------------------------------------------------------------------------- */

static void frames_come_back(void **state)
{
	(void)state;
	for (uint32_t len = 14; len < 40; len++) {
		struct net_frame f = {.header = {1, 2, 3, 4, 5, 6}, .len = len}, back;
		uint8_t data[REMAKE_FRAME_MAX];
		for (uint32_t i = 0; i < NET_HEAD_MAX && i < len; i++)
			f.head[i] = (uint8_t)(i + 1);
		struct op op = {.code = OP_FRAME, .arg = {0, len}, .data = data};
		op.len = remake_frame_data(&f, data);
		back = remake_frame(&op);
		assert_int_equal(back.len, f.len);
		assert_memory_equal(&back.header, &f.header, sizeof(f.header));
		assert_memory_equal(back.head, f.head, sizeof(f.head));
		for (; op.len; op.len--) /* broken off: the rest is zero */
			back = remake_frame(&op);
		assert_int_equal(back.head[0], op.len > 10);
	}
}

/* -- text ------------------------------------------------------------------------------------------------ */

static void assert_text(const struct op *op, const char *want, const char *comment)
{
	char line[OP_TEXT_MAX(600)], plain[OP_TEXT_MAX(600)];
	assert_true(op_print(op, ids, false, plain, sizeof(plain)));
	assert_string_equal(plain, want);
	assert_true(op_print(op, ids, true, line, sizeof(line)));
	const char *hash = strstr(line, "# ");
	assert_string_equal(hash ? hash + 2 : "", comment);
}

#define BYTES(...) .data = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__})

static void ops_are_decoded(void **state)
{
	(void)state;
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_HEADER, 0},
				 BYTES(1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0, 9, 9)},
		    "net0 load for=header gpa=0x0 data=01813600b405220010000909",
		    "frame NEEDS_CSUM at 34+16 TCPV4|ECN size=1460");
	assert_text(&(struct op){.code = OP_STORE,
				 .arg = {VMEM_HEADER, 0},
				 BYTES(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1)},
		    "net0 store for=header gpa=0x0 data=020000000000000000000301",
		    "frame in buffers=259 DATA_VALID");
	assert_text(&(struct op){.code = OP_LOAD, .arg = {VMEM_HEADER, 0}, BYTES(1, 1)},
		    "net0 load for=header gpa=0x0 data=0101", "MAC ADDR_SET, or a number");
	assert_text(&(struct op){.code = OP_LOAD, .arg = {VMEM_HEADER, 0}, BYTES(1)},
		    "net0 load for=header gpa=0x0 data=01", "");
	assert_text(&(struct op){.code = OP_STORE, .arg = {VMEM_STATUS, 1}, BYTES(1)},
		    "net0 store for=status gpa=0x1 data=01", "ERR");
	assert_text(&(struct op){.code = OP_FRAME,
				 .arg = {1, 60},
				 BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xff, 0, 0, 1)},
		    "net0 frame pair=1 len=60 data=000000000000000000000200ff000001", "to 02:00:ff:00:00:01");
	assert_text(&(struct op){.code = OP_FRAME}, "net0 frame pair=0 len=0", "to 00:00:00:00:00:00");
	assert_text(&(struct op){.code = OP_SUBMIT, .arg = {3, 1, 2, 60, 0, 1}},
		    "net0 submit id=3 type=rx sector=2 len=60 flags=0x0 spans=1", "pair 2");
	assert_text(&(struct op){.code = OP_SUBMIT,
				 .arg = {3, 0, 0, 60, 0, 1},
				 BYTES(1, 0, 0, 0, 0, 0, 8, 0, 2, 0)},
		    "net0 submit id=3 type=tx sector=0 len=60 flags=0x0 spans=1 data=01000000000008000200",
		    "pair 0 NEEDS_CSUM at 8+2");
	assert_text(&(struct op){.code = OP_POST, .arg = {2, 2, 0x401, 1}},
		    "net0 post queue=2 type=command sector=1025 len=1 shape=0x0", "unknown command");
	assert_text(&(struct op){.code = OP_POST, .arg = {2, 2, 0x400, 1}},
		    "net0 post queue=2 type=command sector=1024 len=1 shape=0x0", "MQ VQ_PAIRS_SET");
	assert_text(&(struct op){.code = OP_ANSWER, .arg = {1}}, "net0 answer value=1", "later");
	assert_text(&(struct op){.code = OP_ANSWER, .arg = {3}}, "net0 answer value=3", "");
	assert_text(&(struct op){.code = OP_TUNE, .arg = {2, 0x60, 1}},
		    "net0 tune pairs=2 offloads=0x60 announced=1", "RX_CSUM|RX_TSO4, has announced itself");
	assert_text(&(struct op){.code = OP_WAKE, .arg = {2}}, "net0 wake which=2", "pair 2");
	assert_text(&(struct op){.code = OP_DONE, .arg = {1, 1, 0, 1}},
		    "net0 done id=1 result=1 bytes=0 nested=1", "failed");
	assert_text(&(struct op){.code = OP_READ, .arg = {0x108, 2, 3}},
		    "net0 read reg=0x108 size=2 value=0x3", "Config max_virtqueue_pairs");
	assert_text(&(struct op){.code = OP_NEGOTIATE, .arg = {1 | BIT(17) | BIT(56)}},
		    "net0 negotiate without=0x100000000020001", "CSUM|CTRL_VQ|HOST_USO");
	assert_text(&(struct op){.code = OP_OFFENCE, .arg = {OFFENCE_NET_TX_SIZE}},
		    "net0 offence offence=net-tx-size", offence_info(OFFENCE_NET_TX_SIZE)->what);
}

/* No data is too short, too long or too odd for a comment. */
static void any_bytes_are_told(void **state)
{
	(void)state;
	uint32_t seed = 1;
	uint8_t data[40];
	char line[OP_TEXT_MAX(sizeof(data))];
	for (int code = 0; code < 256; code++)
		for (uint32_t round = 0; op_info((uint8_t)code)->text && round < 200; round++) {
			for (uint32_t i = 0; i < sizeof(data); i++)
				data[i] = (uint8_t)((seed = seed * 1103515245u + 12345) >> 16);
			struct op op = {.code = (uint8_t)code, .arg = {round % 12, seed >> 8 & 3, seed >> 4}};
			op.len = op_info((uint8_t)code)->has_data ? round % sizeof(data) : 0;
			op.data = op.len ? data : NULL;
			assert_true(op_print(&op, ids, true, line, sizeof(line)) > 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_are_made_again), cmocka_unit_test(what_is_no_network_device),
		cmocka_unit_test(frames_come_back),       cmocka_unit_test(ops_are_decoded),
		cmocka_unit_test(any_bytes_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
