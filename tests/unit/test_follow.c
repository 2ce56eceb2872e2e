// SPDX-License-Identifier: BSD-2-Clause
/* What a trace tells about its queues: each test is a piece of a trace as text, and what follow makes of it. */
#include "follow.h"
#include "trace/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/virtio_ids.h>

static const struct trace_head head = {
	.nregions = 1,
	.region = {{.gpa = 0, .len = 0x10000}},
	.ndevices = 3,
	.device = {{.id = VIRTIO_ID_BLOCK, .nqueues = 2, .queue_size_max = {8, 8}},
		   {.id = VIRTIO_ID_RNG, .nqueues = 1},
		   {.id = VIRTIO_ID_NET, .nqueues = 2}},
};

static char told[4096];

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
	va_list args;
	size_t n = strlen(told);
	va_start(args, format);
	vsnprintf(told + n, sizeof(told) - n, format, args);
	va_end(args);
}

static void on_began(void *ctx, struct follow_request *r)
{
	const struct follow *f = *(struct follow **)ctx;
	tell("%u: began dev %u queue %u slot %u\n", (unsigned)f->nr, r->dev, r->queue, r->slot);
}

static void on_ended(void *ctx, const struct follow_request *r, enum follow_end how)
{
	static const char *const word[] = {"open", "used", "batch", "dropped"};
	const struct follow *f = *(struct follow **)ctx;
	tell("%u: %s id %u x%u [%u %u %u %u %u] %s, status %d, used %u\n", (unsigned)f->nr, word[how], r->id,
	     r->ndesc, (unsigned)r->published, (unsigned)r->popped, (unsigned)r->submitted, (unsigned)r->done,
	     (unsigned)r->ended, r->name, r->status, r->used_len);
}

static void on_queue(void *ctx, uint8_t dev, uint16_t queue)
{
	const struct follow *f = *(struct follow **)ctx;
	const struct follow_queue *q = &f->device[dev].queue[queue];
	tell("%u: dev %u queue %u %s\n", (unsigned)f->nr, dev, queue, q->ready ? "ready" : "gone");
}

static const struct follow_events events = {on_began, on_ended, on_queue};

/* Follows the lines of a text, and tells what it sees. */
static void follow(const char *text)
{
	static const uint16_t ids[OP_DEV_MAX] = {VIRTIO_ID_BLOCK, VIRTIO_ID_RNG, VIRTIO_ID_NET};
	static struct follow *f;
	char err[200];
	uint8_t data[256];
	*told = 0;
	f = follow_create(&head, &events, &f, err, sizeof(err));
	assert_non_null(f);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		struct op op;
		bool blank;
		size_t at;
		const char *wrong =
			op_parse(line, strcspn(line, "\n"), ids, 3, &op, data, sizeof(data), &blank, &at);
		if (wrong)
			fail_msg("%s at %u: %.60s", wrong, (unsigned)at, line);
		assert_true(follow_op(f, &op));
	}
	follow_end(f);
	follow_destroy(f);
}

#define ASSERT_TOLD(text, wanted)                  \
	do {                                       \
		follow(text);                      \
		assert_string_equal(told, wanted); \
	} while (0)

/* A queue of 4 entries: table at 0x1000, available ring at 0x1100, used ring at 0x1200; five ops, ready at the fifth. */
#define READY(dev)                                                                                  \
	dev " write reg=0x38 size=4 value=4\n" dev " write reg=0x80 size=4 value=0x1000\n" dev      \
	    " write reg=0x90 size=4 value=0x1100\n" dev " write reg=0xa0 size=4 value=0x1200\n" dev \
	    " write reg=0x44 size=4 value=1\n"
#define ACCEPT(high) "blk0 write reg=0x24 size=4 value=1\nblk0 write reg=0x20 size=4 value=" high "\n"
#define IDX(n)       "blk0 load for=avail_idx gpa=0x1102 data=0" #n "00\n"
#define ENTRY(at, n) "blk0 load for=avail_entry gpa=0x110" #at " data=0" #n "00\n"
#define DESC(n)      "blk0 load for=desc gpa=0x10" #n "0 data=00200000000000001000000000000000\n"
#define USED(at, n)  "blk0 store for=used_entry gpa=0x12" #at " data=0" #n "00000001020000\n"

static void a_split_request_begins_where_it_is_seen(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") IDX(0) "blk0 run queue=0\n" IDX(1) ENTRY(4, 2) /* ops 6 to 9 */
		    "blk0 load for=desc gpa=0x1020 data=00300000000000002000000004000000\n"
		    "blk0 load for=indirect gpa=0x3000 "
		    "data=0020000000000000100000000100010000400000000000000102000002000000\n"
		    "blk0 submit id=7 type=read sector=9 len=512 spans=1\n"
		    "blk0 done id=7 bytes=512\n"
		    "blk0 store for=status gpa=0x4200 data=00\n" USED(
			    04, 2) "blk0 store for=used_idx gpa=0x1202 data=0100\n",
		    "5: dev 0 queue 0 ready\n"
		    "8: began dev 0 queue 0 slot 0\n"
		    "15: used id 2 x1 [8 9 12 13 15] read sector 9, 512 bytes, status 0, used 513\n");
}

static void the_guest_s_own_store_comes_before_the_device_s_look(void **state)
{
	(void)state;
	/* Of an index only the byte that changed is stored; the two requests stand before the device takes one. */
	ASSERT_TOLD(READY("blk0") "blk0 poke gpa=0x1104 data=0100\n"
				  "blk0 poke gpa=0x1102 data=02\n"
				  "blk0 write reg=0x50 size=4 value=0\n" IDX(2) ENTRY(4, 1) DESC(1),
		    "5: dev 0 queue 0 ready\n"
		    "7: began dev 0 queue 0 slot 0\n"
		    "7: began dev 0 queue 0 slot 1\n"
		    "11: open id 1 x1 [7 10 0 0 11] 16 bytes to read, 0 to write, status -1, used 0\n"
		    "11: open id 0 x0 [7 0 0 0 11] not taken, status -1, used 0\n");
}

static void requests_overlap_and_end_in_any_order(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") IDX(2) ENTRY(4, 0) DESC(0) "blk0 submit id=1 type=read len=1\n" ENTRY(6, 3)
			    DESC(3) "blk0 submit id=0 type=flush\n"
				    "blk0 done id=0\n" USED(04, 3) "blk0 done id=1\n" USED(0c, 0),
		    "5: dev 0 queue 0 ready\n"
		    "6: began dev 0 queue 0 slot 0\n"
		    "6: began dev 0 queue 0 slot 1\n"
		    "14: used id 3 x1 [6 10 12 13 14] flush, status -1, used 513\n"
		    "16: used id 0 x1 [6 7 9 15 16] read sector 0, 1 byte, status -1, used 513\n");
}

static void an_entry_ends_its_batch_in_order(void **state)
{
	(void)state;
	/* IN_ORDER is bit 35. */
	ASSERT_TOLD(ACCEPT("8") READY("blk0") IDX(3) ENTRY(4, 0) ENTRY(6, 1) ENTRY(8, 2) USED(04, 1),
		    "7: dev 0 queue 0 ready\n"
		    "8: began dev 0 queue 0 slot 0\n"
		    "8: began dev 0 queue 0 slot 1\n"
		    "8: began dev 0 queue 0 slot 2\n"
		    "12: batch id 0 x1 [8 9 0 0 12] 0 bytes to read, 0 to write, status -1, used 0\n"
		    "12: used id 1 x1 [8 10 0 0 12] 0 bytes to read, 0 to write, status -1, used 513\n"
		    "12: open id 2 x1 [8 11 0 0 12] 0 bytes to read, 0 to write, status -1, used 0\n");
}

static void what_is_given_back_is_taken_again(void **state)
{
	(void)state;
	/* Both were taken, and given back; then only the first is. */
	ASSERT_TOLD(READY("blk0") IDX(2) ENTRY(4, 0) DESC(0) ENTRY(6, 1) DESC(1) ENTRY(4, 0) DESC(0)
			    USED(04, 0),
		    "5: dev 0 queue 0 ready\n"
		    "6: began dev 0 queue 0 slot 0\n"
		    "6: began dev 0 queue 0 slot 1\n"
		    "13: used id 0 x1 [6 11 0 0 13] 16 bytes to read, 0 to write, status -1, used 513\n"
		    "13: open id 1 x0 [6 0 0 0 13] not taken, status -1, used 0\n");
}

static void an_index_that_is_too_far_ahead_publishes_nothing(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") IDX(5) "blk0 offence offence=avail-jump\n", "5: dev 0 queue 0 ready\n");
}

static void resets_and_breaks_drop_what_is_live(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") IDX(2) ENTRY(4, 0) "blk0 offence offence=chain-loop\n" IDX(
			    3) "blk0 write reg=0x70 size=3 value=0\n" /* no such access */
			       "blk0 write reg=0x70 size=4 value=0\n" IDX(4),
		    "5: dev 0 queue 0 ready\n"
		    "6: began dev 0 queue 0 slot 0\n"
		    "6: began dev 0 queue 0 slot 1\n"
		    "8: dropped id 0 x1 [6 7 0 0 8] 0 bytes to read, 0 to write, status -1, used 0\n"
		    "8: dropped id 0 x0 [6 0 0 0 8] not taken, status -1, used 0\n"
		    "9: began dev 0 queue 0 slot 2\n"
		    "11: dropped id 0 x0 [9 0 0 0 11] not taken, status -1, used 0\n"
		    "11: dev 0 queue 0 gone\n");
	ASSERT_TOLD(READY("blk0") IDX(1) "blk0 write reg=0x44 size=4 value=0\n" IDX(2),
		    "5: dev 0 queue 0 ready\n"
		    "6: began dev 0 queue 0 slot 0\n"
		    "7: dropped id 0 x0 [6 0 0 0 7] not taken, status -1, used 0\n"
		    "7: dev 0 queue 0 gone\n");
	/* A layout that the device refuses makes no queue, and neither does one without a size. */
	ASSERT_TOLD(READY("blk0") "blk0 offence offence=queue-layout\n" IDX(1),
		    "5: dev 0 queue 0 ready\n6: dev 0 queue 0 gone\n");
	ASSERT_TOLD("blk0 write reg=0x44 size=4 value=1\n" IDX(1), "");
}

static void what_a_live_queue_is_told_does_not_move_it(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") "blk0 write reg=0x90 size=4 value=0x5000\n" IDX(1),
		    "5: dev 0 queue 0 ready\n7: began dev 0 queue 0 slot 0\n"
		    "7: open id 0 x0 [7 0 0 0 7] not taken, status -1, used 0\n");
}

#define SIZE(n)  "blk0 write reg=0x38 size=4 value=" #n "\n"
#define AGAIN    "blk0 write reg=0x44 size=4 value=1\n"
#define RESETS   ACCEPT("0x100")
#define AGREE    "blk0 write reg=0x70 size=4 value=8\n"
#define QRESET   "blk0 write reg=0xc0 size=4 value=1\n"
#define READY_AT "5: dev 0 queue 0 ready\n"

/* What the device refuses, or has not, changes nothing. */
static void what_is_refused_does_not_count(void **state)
{
	(void)state;
	/* sizes: the ring has 4 entries for all of them */
	ASSERT_TOLD(SIZE(4) SIZE(0) SIZE(3) SIZE(65536) AGAIN, READY_AT);
	ASSERT_TOLD(SIZE(0) AGAIN, "");
	ASSERT_TOLD(SIZE(16) AGAIN, ""); /* more than this one has */
	/* a queue's reset, without RING_RESET and with it */
	ASSERT_TOLD(READY("blk0") QRESET, READY_AT);
	ASSERT_TOLD(RESETS READY("blk0") QRESET, "7: dev 0 queue 0 ready\n8: dev 0 queue 0 gone\n");
	/* features, after FEATURES_OK; before it, as that was refused */
	ASSERT_TOLD(AGREE RESETS READY("blk0") QRESET, "8: dev 0 queue 0 ready\n");
	ASSERT_TOLD(AGREE "blk0 offence offence=features-version\n" RESETS READY("blk0") QRESET,
		    "9: dev 0 queue 0 ready\n10: dev 0 queue 0 gone\n");
}

/* Disabled or reset a queue has no size any more; one that was refused has. */
static void a_queue_that_is_gone_is_set_up_anew(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") "blk0 write reg=0x44 size=4 value=0\n" AGAIN,
		    READY_AT "6: dev 0 queue 0 gone\n");
	ASSERT_TOLD(RESETS SIZE(4) QRESET AGAIN, "");
	ASSERT_TOLD(READY("blk0") "blk0 offence offence=queue-layout\n" AGAIN,
		    READY_AT "6: dev 0 queue 0 gone\n7: dev 0 queue 0 ready\n");
}

static void devices_and_queues_are_told_apart(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") "rng1 write reg=0x30 size=4 value=0\n"
				  "rng1 write reg=0x38 size=4 value=4\n"
				  "rng1 write reg=0x90 size=4 value=0x2100\n"
				  "rng1 write reg=0xa0 size=4 value=0x2200\n"
				  "rng1 write reg=0x44 size=4 value=1\n"
				  "blk0 write reg=0x30 size=4 value=9999\n" /* no such queue */
		    READY("blk0") "rng1 load for=avail_idx gpa=0x2102 data=0100\n"
				  "rng1 load for=avail_entry gpa=0x2104 data=0100\n"
				  "rng1 submit id=0 len=64 spans=1\n"
				  "rng1 store for=used_entry gpa=0x2204 data=0100000040000000\n",
		    "5: dev 0 queue 0 ready\n"
		    "10: dev 1 queue 0 ready\n"
		    "17: began dev 1 queue 0 slot 0\n"
		    "20: used id 1 x1 [17 18 19 0 20] 64 bytes, status -1, used 64\n");
}

/* Packed, RING_PACKED is bit 34; the ring at 0x1000. AVAIL is bit 7, USED bit 15. */
#define FLAGS(slot, flags) "blk0 load for=avail_idx gpa=0x10" #slot "e data=" flags "\n"
#define FIRST(slot, id)    "blk0 load for=desc gpa=0x10" #slot "0 data=0020000000000000100000000" #id "00\n"
#define MORE(slot, id, flags) \
	"blk0 load for=desc gpa=0x10" #slot "0 data=0020000000000000100000000" #id "00" flags "\n"
#define PUT(slot, id) "blk0 store for=used_entry gpa=0x10" #slot "8 data=010000000" #id "00\n"

static void a_packed_chain_takes_slots_and_the_ring_goes_round(void **state)
{
	(void)state;
	ASSERT_TOLD(ACCEPT("4") READY("blk0")                                          /* ops 1 to 7 */
		    FLAGS(0, "8100") FIRST(0, 0) MORE(1, 0, "8100") MORE(2, 1, "8200") /* three slots, id 1 */
		    FLAGS(3, "8000") FIRST(3, 2) PUT(0, 1) PUT(3, 2) FLAGS(0, "8280")  /* as it was used */
		    FLAGS(0, "0280") FIRST(0, 3) FLAGS(1, "8100") FLAGS(1, "0080"),    /* the round after */
		    "7: dev 0 queue 0 ready\n"
		    "8: began dev 0 queue 0 slot 0\n"
		    "12: began dev 0 queue 0 slot 3\n"
		    "14: used id 1 x3 [8 9 0 0 14] 32 bytes to read, 16 to write, status -1, used 1\n"
		    "15: used id 2 x1 [12 13 0 0 15] 16 bytes to read, 0 to write, status -1, used 1\n"
		    "17: began dev 0 queue 0 slot 0\n"
		    "20: began dev 0 queue 0 slot 1\n"
		    "20: open id 3 x1 [17 18 0 0 20] 0 bytes to read, 16 to write, status -1, used 0\n"
		    "20: open id 0 x0 [20 0 0 0 20] not taken, status -1, used 0\n");
}

/* A ring of four slots that chains of four fill, and one of them is given back: each round has the other wrap counter. */
static void a_chain_may_fill_the_packed_ring(void **state)
{
	(void)state;
	ASSERT_TOLD(ACCEPT("4") READY("blk0") FLAGS(0, "8100") FIRST(0, 0) MORE(1, 0, "8100")
			    MORE(2, 0, "8100") MORE(3, 0, "8000") FLAGS(0, "8100") FIRST(0, 0)
				    MORE(1, 0, "8100") MORE(2, 0, "8100") MORE(3, 0, "8000") PUT(0, 0)
					    FLAGS(0, "8100") FLAGS(0, "0180"),
		    "7: dev 0 queue 0 ready\n"
		    "8: began dev 0 queue 0 slot 0\n"
		    "18: used id 0 x4 [8 14 0 0 18] 64 bytes to read, 0 to write, status -1, used 1\n"
		    "20: began dev 0 queue 0 slot 0\n"
		    "20: open id 0 x0 [20 0 0 0 20] not taken, status -1, used 0\n");
}

static void packed_lists_are_seen_as_the_guest_stores_them(void **state)
{
	(void)state;
	ASSERT_TOLD(ACCEPT("4") READY("blk0") "blk0 poke gpa=0x102e data=8000\n" /* not yet the first */
					      "blk0 poke gpa=0x101e data=82\n"
					      "blk0 poke gpa=0x100e data=8100\n" FLAGS(0, "8100") FIRST(0, 0),
		    "7: dev 0 queue 0 ready\n"
		    "10: began dev 0 queue 0 slot 0\n"
		    "10: began dev 0 queue 0 slot 2\n"
		    "12: open id 0 x1 [10 12 0 0 12] 16 bytes to read, 0 to write, status -1, used 0\n"
		    "12: open id 0 x0 [10 0 0 0 12] not taken, status -1, used 0\n");
}

/* A received frame may take several buffers, which are one request at the backend; what is sent is one chain each. */
static void a_frame_takes_several_buffers(void **state)
{
	(void)state;
#define NET_READY        READY("net2")
#define NET_ENTRY(at, n) "net2 load for=avail_entry gpa=0x110" #at " data=0" #n "00\n"
	ASSERT_TOLD(NET_READY "net2 load for=avail_idx gpa=0x1102 data=0300\n" NET_ENTRY(4, 0) NET_ENTRY(
			    6, 1) "net2 submit id=5 type=1 len=2000\n"
				  "net2 done id=5 nested=1\n"
				  "net2 store for=used_entry gpa=0x1204 data=0000000000040000\n"
				  "net2 store for=used_entry gpa=0x120c data=0100000000030000\n" NET_ENTRY(
					  8, 2) "net2 submit id=5 type=0 len=60\n",
		    "5: dev 2 queue 0 ready\n"
		    "6: began dev 2 queue 0 slot 0\n"
		    "6: began dev 2 queue 0 slot 1\n"
		    "6: began dev 2 queue 0 slot 2\n"
		    "11: used id 0 x1 [6 7 9 10 11] rx 2000 bytes, status -1, used 1024\n"
		    "12: used id 1 x1 [6 8 9 10 12] rx 2000 bytes, status -1, used 768\n"
		    "14: open id 2 x1 [6 13 14 0 14] tx 60 bytes, status -1, used 0\n");
}

/* Anything may stand in a trace that somebody wrote. */
static void nonsense_is_passed_over(void **state)
{
	(void)state;
	ASSERT_TOLD(READY("blk0") "blk0 store for=used_entry gpa=0x1204 data=0900000000000000\n"
				  "blk0 store for=used_entry gpa=0x1204 data=09\n"
				  "blk0 store for=used_entry gpa=0xffffffffffffffff data=0900000000000000\n"
				  "blk0 load for=avail_entry gpa=0x1104 data=01\n"
				  "blk0 load for=avail_idx gpa=0xfffffffffffffffe data=01000200\n"
				  "blk0 load for=desc gpa=0x1000 data=0102\n"
				  "blk0 load for=indirect gpa=0x1000 data=0102\n"
				  "blk0 submit id=0x10000\n"
				  "blk0 done id=0x10000\n"
				  "blk0 irq source=99\n"
				  "blk0 run queue=99\n"
				  "blk0 offence offence=9999\n"
				  "blk0 write reg=0x50 size=4 value=0xffffffff\n",
		    "5: dev 0 queue 0 ready\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_split_request_begins_where_it_is_seen),
		cmocka_unit_test(the_guest_s_own_store_comes_before_the_device_s_look),
		cmocka_unit_test(requests_overlap_and_end_in_any_order),
		cmocka_unit_test(an_entry_ends_its_batch_in_order),
		cmocka_unit_test(what_is_given_back_is_taken_again),
		cmocka_unit_test(an_index_that_is_too_far_ahead_publishes_nothing),
		cmocka_unit_test(resets_and_breaks_drop_what_is_live),
		cmocka_unit_test(what_a_live_queue_is_told_does_not_move_it),
		cmocka_unit_test(what_is_refused_does_not_count),
		cmocka_unit_test(a_queue_that_is_gone_is_set_up_anew),
		cmocka_unit_test(devices_and_queues_are_told_apart),
		cmocka_unit_test(a_packed_chain_takes_slots_and_the_ring_goes_round),
		cmocka_unit_test(a_chain_may_fill_the_packed_ring),
		cmocka_unit_test(packed_lists_are_seen_as_the_guest_stores_them),
		cmocka_unit_test(a_frame_takes_several_buffers),
		cmocka_unit_test(nonsense_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
