// SPDX-License-Identifier: BSD-2-Clause
/*
 * What real guest drivers do that trips devices, once for each device and ring: the cases of test_interop.c (which has them
 * for a disk on split rings, with what is a disk's alone), named by case, device and ring. A disk, an entropy device, a
 * network card and a console do the same by one request each, whose answer is known; what a network card and a console
 * receive comes besides. The oracles watch every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>

#include "driver.h"
#include "program.h"
#include "tests/unit/silent.h"

#define EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define PACKED    (1ull << VIRTIO_F_RING_PACKED)
#define CONTROL   4     /* a network card's queue for commands */
#define IN_TABLE  0x40u /* shape: one entry of the ring for each request */

/* A request on `queue` of so many bytes has used length `used`; on queue 0 a buffer takes what arrives. */
static const struct kind {
	const char *name;
	uint16_t id, queue;
	uint32_t len, used;
	bool receives;
} kinds[] = {
	{"blk", VIRTIO_ID_BLOCK, 0, 512, 513, false},
	{"rng", VIRTIO_ID_RNG, 0, 64, 65, false},
	{"net", VIRTIO_ID_NET, 1, 600, 0, true},
	{"console", VIRTIO_ID_CONSOLE, 1, 600, 0, true},
};

struct place {
	const struct kind *kind;
	bool packed;
};

static struct machine m;
static struct sim_device *const d = &m.device[0];
static const struct kind *kind;
static bool packed;
static uint32_t nused[VDEV_QUEUES_MAX], used_len[VDEV_QUEUES_MAX], interrupts;

static void on_used(void *ctx, struct sim_device *dev, uint16_t queue, uint16_t id, uint32_t len,
		    uint32_t type, int status)
{
	(void)ctx, (void)dev, (void)id, (void)type;
	assert_true(status <= 0);
	nused[queue]++;
	used_len[queue] = len;
}

static void on_interrupt(void *ctx, struct sim_device *dev, uint16_t source)
{
	(void)ctx, (void)dev;
	interrupts += source == kind->queue;
}

static const struct machine_events events = {.used = on_used, .interrupt = on_interrupt};

static int setup(void **state)
{
	const struct place *p = *state;
	kind = p->kind;
	packed = p->packed;
	silent_create(&m, &events);
	assert_true(machine_add(&m, kind->id, &(struct device_options){.offer = packed ? PACKED : 0}));
	machine_reset(&m);
	memset(nused, 0, sizeof(nused));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c)
{
	program_step(&m, &(struct op){.code = code, .arg = {a, b, c}});
}

static void set(uint32_t reg, uint32_t value)
{
	machine_write(d, reg, 4, value);
}

static uint32_t get(uint32_t reg)
{
	return (uint32_t)machine_read(d, reg, 4);
}

static void post(uint32_t len, uint32_t shape)
{
	program_step(&m, &(struct op){.code = OP_POST, .arg = {kind->queue, 0, 0, len, shape}});
}

static uint32_t kick_and_reap(void)
{
	uint32_t before = nused[kind->queue];
	step(OP_KICK, kind->queue, 0, 0);
	step(OP_REAP, kind->queue, 0, 0);
	return nused[kind->queue] - before;
}

/* A request from beginning to end. */
static void expect(uint32_t shape)
{
	post(kind->len, shape);
	assert_int_equal(kick_and_reap(), 1);
	if (kind->id == VIRTIO_ID_RNG && shape) /* it may give less: one piece at a time */
		assert_in_range(used_len[0], 1, kind->used);
	else
		assert_int_equal(used_len[kind->queue], kind->used);
}

static void start(uint64_t without, uint64_t size)
{
	step(OP_NEGOTIATE, without, 0, 0);
	step(OP_QUEUE, kind->queue, size, 0);
	step(OP_DRIVER_OK, 0, 0, 0);
}

/* Frames for the card's own address; a console's bytes. */
static void arrives(uint32_t len)
{
	static const uint8_t head[16] = {[10] = 2, [15] = 1};
	if (kind->id == VIRTIO_ID_NET)
		program_step(
			&m,
			&(struct op){.code = OP_FRAME, .arg = {0, len}, .data = head, .len = sizeof(head)});
	else
		step(OP_INPUT, 0, len, 0);
}

/* A buffer of so many bytes, and what of it is used by what arrives then. */
static uint32_t receive(uint32_t room, uint32_t len, uint32_t shape)
{
	uint32_t before = nused[0];
	program_step(&m, &(struct op){.code = OP_POST, .arg = {0, 1, 0, room, shape}});
	step(OP_KICK, 0, 0, 0);
	arrives(len);
	step(OP_REAP, 0, 0, 0);
	assert_int_equal(nused[0], before + 1);
	return used_len[0];
}

/* -- the cases of test_interop.c ---------------------------------------------------------------------------- */

/* Where no event index was negotiated, what lies behind the rings is the driver's. */
static void case_1_no_room_for_event_fields(void **state)
{
	uint32_t mine = 0x5ea55ea5, now;
	(void)state;
	start(EVENT_IDX, 16);
	gpa_t behind = gpa_add(d->vdev->queue[kind->queue].area[VQ_DEVICE], packed ? 4 : 4 + 8 * 16);
	assert_true(ram_write(&m.ram, behind, &mine, packed ? 4 : 2));
	for (int i = 0; i < 40; i++)
		expect(0);
	assert_true(ram_read(&m.ram, behind, &now, 4));
	assert_int_equal(now & 0xffff, mine & 0xffff);
}

static void case_2_queue_sizes(void **state)
{
	(void)state;
	uint32_t max = d->vdev->queue[kind->queue].size_max;
	for (uint32_t size = 4; size <= max; size = packed ? 2 * size - 1 : 2 * size) {
		start(0, size);
		assert_int_equal(d->vdev->queue[kind->queue].size, size);
		for (uint32_t i = 0; i < size + 3; i++)
			expect(0);
	}
	step(OP_NEGOTIATE, 0, 0, 0);
	set(VIRTIO_MMIO_QUEUE_SEL, kind->queue);
	set(VIRTIO_MMIO_QUEUE_NUM, 8);
	set(VIRTIO_MMIO_QUEUE_NUM, 2 * max); /* ignored, and told as an offence */
	assert_int_equal(d->vdev->queue[kind->queue].size, 8);
	assert_int_equal(m.stats.offence[OFFENCE_QUEUE_SIZE], 1);
}

static void case_3_kick_before_driver_ok(void **state)
{
	(void)state;
	step(OP_NEGOTIATE, 0, 0, 0);
	step(OP_QUEUE, kind->queue, 16, 0);
	step(OP_EARLY, 0, 0, 0);
	post(kind->len, 0);
	post(kind->len, 0);
	step(OP_KICK, kind->queue, 0, 0);
	assert_int_equal(m.stats.offence[OFFENCE_KICK_EARLY], 1);
	assert_int_equal(d->vdev->queue[kind->queue].inflight, 0);
	step(OP_DRIVER_OK, 0, 0, 0); /* nobody kicks again */
	step(OP_REAP, kind->queue, 0, 0);
	assert_int_equal(nused[kind->queue], 2);
	program_quiesce(&m);
}

/* In every operation: saved, loaded and reset, with a request in flight; the others are run and notified too. */
static void case_4_only_one_queue(void **state)
{
	(void)state;
	start(kind->id == VIRTIO_ID_CONSOLE ? 1ull << VIRTIO_CONSOLE_F_MULTIPORT : 0, 8);
	expect(0);
	step(OP_SAVE, 0, 0, 0);
	expect(0);
	step(OP_HOLD, 1, 0, 0);
	post(kind->len, 0);
	step(OP_KICK, kind->queue, 0, 0);
	step(OP_SAVE, 0, 0, 0);
	for (uint16_t queue = 0; queue < d->vdev->nqueues; queue++) {
		assert_int_equal(d->vdev->queue[queue].ready, queue == kind->queue);
		step(OP_RUN, queue, 0, 0);
		set(VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	}
	if (kind->receives)
		arrives(100); /* there is no buffer, and no queue for one */
	step(OP_DONE, 0, 0, 0);
	step(OP_FLUSHED, 0, 0, 0);
	step(OP_REAP, kind->queue, 0, 0);
	assert_int_equal(nused[kind->queue], 3);
	assert_int_equal(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	step(OP_RESET, 0, 0, 0);
	assert_int_equal(get(VIRTIO_MMIO_STATUS), 0);
}

/* From firmware to kernel, which may want another ring. */
static void case_5_another_generation(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		start((i & 1 ? EVENT_IDX : INDIRECT) | (i & 2 ? PACKED : 0), 4u << i);
		expect(i & 1 ? IN_TABLE : 0);
		step(OP_RESET, 0, 0, 0);
		assert_int_equal(get(VIRTIO_MMIO_STATUS), 0);
		assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		for (uint32_t queue = 0; queue < d->vdev->nqueues; queue++) {
			set(VIRTIO_MMIO_QUEUE_SEL, queue);
			assert_int_equal(get(VIRTIO_MMIO_QUEUE_READY), 0);
		}
	}
}

/* What was in flight must not reach the new driver's memory: ownership and content watch. */
static void case_6_reset_in_flight(void **state)
{
	(void)state;
	start(0, 16);
	step(OP_HOLD, 4, 0, 0);
	for (int i = 0; i < 4; i++)
		post(kind->len, IN_TABLE);
	step(OP_KICK, kind->queue, 0, 0);
	assert_true(d->backend.nheld > 0);
	start(0, 16);
	assert_int_equal(d->backend.nheld, 0);
	for (int i = 0; i < 8; i++)
		expect(IN_TABLE);
	assert_int_equal(nused[kind->queue], 8);
}

static void case_7_any_layout_8_exact_length(void **state)
{
	(void)state;
	start(0, 0);
	for (uint32_t shape = 0; shape < 65536; shape += 151)
		expect(shape);
	for (uint32_t shape = 0; kind->receives && shape < 65536; shape += 613)
		assert_int_equal(receive(4096, 100, shape), kind->id == VIRTIO_ID_NET ? 112 : 100);
}

/* NetKVM removes the card where an acknowledgement's used length is not 1. */
static void case_8_answer_of_a_command(void **state)
{
	(void)state;
	start(0, 16);
	for (uint64_t command = 0; command < 6; command++) { /* who gets what: class 0 */
		step(OP_POST, CONTROL, 0, command);
		step(OP_KICK, CONTROL, 0, 0);
		step(OP_REAP, CONTROL, 0, 0);
		assert_int_equal(nused[CONTROL], command + 1);
		assert_int_equal(used_len[CONTROL], 1);
	}
}

/* Tables longer than the queue, odd segments; without INDIRECT_DESC a table breaks the device, as documented. */
static void case_9_windows_layouts(void **state)
{
	(void)state;
	start(0, 4);
	expect(0x47 | SHAPE_UNEVEN);
	expect(0x57 | SHAPE_UNEVEN);
	start(INDIRECT, 16);
	step(OP_BREAK, BREAK_INDIRECT, 0, 0);
	post(kind->len, 0);
	step(OP_KICK, kind->queue, 0, 0);
	assert_int_equal(m.stats.offence[OFFENCE_INDIRECT_FEATURE], 1);
	assert_true(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	start(0, 16);
	expect(IN_TABLE);
}

static void case_10_polled_interrupts(void **state)
{
	(void)state;
	start(0, 16);
	post(kind->len, 0);
	step(OP_KICK, kind->queue, 0, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_QUEUE);
	set(VIRTIO_MMIO_INTERRUPT_ACK, VDEV_ISR_QUEUE);
	assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	step(OP_REAP, kind->queue, 0, 0);
	assert_int_equal(nused[kind->queue], 1);
}

static void case_11_feature_subsets(void **state)
{
	uint64_t offered = d->vdev->offered;
	(void)state;
	for (uint32_t bit = 0; bit < 41; bit++) {
		if (bit == VIRTIO_F_VERSION_1)
			continue;
		start(1ull << bit, 16);
		if (offered >> bit & 1)
			assert_int_equal(d->vdev->accepted >> bit & 1, 0);
		expect(IN_TABLE);
	}
	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, 3);
	set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	set(VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(get(VIRTIO_MMIO_STATUS), 3);
}

static void case_12_config_reads(void **state)
{
	uint8_t image[8];
	(void)state;
	for (int live = 0; live < 2; live++) {
		for (uint32_t off = 0; off < 64; off++)
			for (uint32_t size = 1; size <= 8; size *= 2) {
				uint64_t v = machine_read(d, VIRTIO_MMIO_CONFIG + off, size);
				for (uint32_t i = 0; i < size; i++)
					image[i] = (uint8_t)machine_read(d, VIRTIO_MMIO_CONFIG + off + i, 1);
				assert_memory_equal(&v, image, size);
			}
		start(0, 16);
	}
	expect(0);
}

static void case_13_empty_and_oversize(void **state)
{
	(void)state;
	start(0, 64);
	for (uint32_t shape = SHAPE_EMPTY; shape < 65536; shape = (shape + 163) | SHAPE_EMPTY)
		expect(shape);
	if (kind->receives)
		assert_int_equal(receive(8000, 100, SHAPE_EMPTY), kind->id == VIRTIO_ID_NET ? 112 : 100);
}

static void case_14_end_of_memory(void **state)
{
	(void)state;
	start(0, 64);
	for (uint32_t i = 0; i < 128; i++)
		expect((i & 3) << SHAPE_PLACE_SHIFT | (i >> 2 & 3) << SHAPE_ALIGN_SHIFT | SHAPE_RIGHT |
		       IN_TABLE | i >> 4);
}

/* Filled to the last entry before the only kick, up to and over the indices' wrap. */
static void case_15_full_rings(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 8; size = packed ? size + 1 : 2 * size) {
		start(0, size);
		if (!packed)
			step(OP_WIND, kind->queue, 65500, 0);
		for (uint32_t round = 0; round < 80; round++) {
			for (uint32_t i = 0; i < size; i++)
				post(kind->len, IN_TABLE);
			assert_int_equal(kick_and_reap(), size);
		}
	}
}

static void case_15_polling_driver(void **state)
{
	(void)state;
	start(EVENT_IDX, 8);
	step(OP_NOTIFY, kind->queue, WISH_NONE, 0);
	interrupts = 0;
	for (int i = 0; i < 100; i++)
		expect(0);
	assert_int_equal(interrupts, 0);
}

/* It stops posting buffers: what arrives waits, and comes with the next ones, tiny as they may be. */
static void case_15_starved(void **state)
{
	(void)state;
	start(0, 16);
	receive(2048, 64, 0);
	for (int i = 0; i < 4; i++)
		arrives(64);
	uint32_t before = nused[0];
	for (int i = 0; i < 12; i++)
		program_step(&m, &(struct op){.code = OP_POST, .arg = {0, 1, 0, 90, 0}});
	step(OP_KICK, 0, 0, 0);
	step(OP_REAP, 0, 0, 0);
	assert_true(nused[0] > before);
	program_quiesce(&m);
}

/* -- all of them -------------------------------------------------------------------------------------------- */

static bool any(const struct kind *k)
{
	return k != NULL;
}

static bool receives(const struct kind *k)
{
	return k->receives;
}

static bool has_commands(const struct kind *k)
{
	return k->id == VIRTIO_ID_NET;
}

#define CASE(name, whose)          \
	{                          \
#name, name, whose \
	}
static const struct {
	const char *name;
	CMUnitTestFunction run;
	bool (*whose)(const struct kind *);
} cases[] = {
	CASE(case_1_no_room_for_event_fields, any),
	CASE(case_2_queue_sizes, any),
	CASE(case_3_kick_before_driver_ok, any),
	CASE(case_4_only_one_queue, any),
	CASE(case_5_another_generation, any),
	CASE(case_6_reset_in_flight, any),
	CASE(case_7_any_layout_8_exact_length, any),
	CASE(case_8_answer_of_a_command, has_commands),
	CASE(case_9_windows_layouts, any),
	CASE(case_10_polled_interrupts, any),
	CASE(case_11_feature_subsets, any),
	CASE(case_12_config_reads, any),
	CASE(case_13_empty_and_oversize, any),
	CASE(case_14_end_of_memory, any),
	CASE(case_15_full_rings, any),
	CASE(case_15_polling_driver, any),
	CASE(case_15_starved, receives),
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define NTESTS    (LENGTH(cases) * LENGTH(kinds) * 2)

int main(void)
{
	static struct place places[LENGTH(kinds)][2];
	static char names[NTESTS][80];
	static struct CMUnitTest tests[NTESTS];
	size_t n = 0;
	for (size_t k = 0; k < LENGTH(kinds); k++)
		for (size_t ring = 0; ring < 2; ring++) {
			places[k][ring] = (struct place){&kinds[k], ring};
			for (size_t i = 0; i < LENGTH(cases); i++) {
				if (!cases[i].whose(&kinds[k]))
					continue;
				snprintf(names[n], sizeof(names[n]), "%s: %s, %s", cases[i].name,
					 kinds[k].name, ring ? "packed" : "split");
				tests[n] = (struct CMUnitTest){names[n], cases[i].run, setup, teardown,
							       &places[k][ring]};
				n++;
			}
		}
	return _cmocka_run_group_tests("interop", tests, n, NULL, NULL);
}
