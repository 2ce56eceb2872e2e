// SPDX-License-Identifier: BSD-2-Clause
/* A save at any moment of a device that has no bug: nobody cries, and the run goes on as if nothing had been. */
#include "tests/unit/snapshot.h"

/* -- what is legal ---------------------------------------------------------------------------------------- */

static void save_is_silent(void)
{
	uint64_t hash = machine_hash(&m), interrupts = m.stats.interrupts;
	uint32_t held = d->backend.nheld, lent = m.lend.arena.free, again = d->again;
	step(OP_SAVE, 0, 0, 0, 0);
	assert_int_equal(cries, 0);
	assert_int_equal(machine_hash(&m), hash);
	assert_int_equal(m.stats.interrupts, interrupts);
	assert_int_equal(d->backend.nheld, held);
	assert_int_equal(m.lend.arena.free, lent);
	assert_int_equal(d->again, again);
}

static void save_at_any_time(void **state)
{
	(void)state;
	save_is_silent(); /* a device that nobody spoke to yet */
	step(OP_NEGOTIATE, 0, 0, 0, 0);
	save_is_silent();
	step(OP_QUEUE, 0, 8, 0, 0);
	save_is_silent();
	step(OP_DRIVER_OK, 0, 0, 0, 0);
	save_is_silent();
	request(OUT, 1);
	save_is_silent(); /* published, and not kicked */
	step(OP_KICK, 0, 0, 0, 0);
	save_is_silent();
	step(OP_REAP, 0, 0, 0, 0);
	hold_three();
	save_is_silent();
	step(OP_DONE, 1, 0, 0, 0);
	save_is_silent(); /* staged, and not published */
	step(OP_FLUSHED, 0, 0, 0, 0);
	step(OP_RESIZE, 8, 0, 0, 0);
	save_is_silent();
	step(OP_RESIZE, 0, 0, 0, 0); /* an empty disk, and requests in flight for it */
	save_is_silent();
	step(OP_RESET, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* The guest broke the device, with requests in flight. */
static void broken_device(void **state)
{
	(void)state;
	hold_three();
	step(OP_PUBLISH, 0, 4000, 0, 0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_true(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	save_is_silent();
	step(OP_DONE, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* A copy that was lent for a write is lent on, whatever the guest has stored to its buffer since. */
static void lent_copies_stay(void **state)
{
	(void)state;
	step(OP_HOLD, 1, 0, 0, 0);
	request(OUT, 5);
	step(OP_KICK, 0, 0, 0, 0);
	const struct blk_io *io = d->backend.held[0];
	uint8_t *lent = io->span[0].base, first = lent[0];
	gpa_t at = blk()->req[io->id].span_gpa[0];
	uint8_t other = (uint8_t)(first + 1);
	const struct op poke = {.code = OP_POKE, .arg = {at.v}, .data = &other, .len = 1};
	program_step(&m, &poke);
	save_is_silent();
	io = d->backend.held[0];
	assert_ptr_equal(io->span[0].base, lent);
	assert_int_equal(lent[0], first);
}

/* With nobody watching, memory itself is lent; when somebody begins to watch, what is out stays what it is. */
static void lent_memory_stays(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ORACLE_COUNT; i++)
		oracle_switch(d->oracle, oracle_name(i), false);
	machine_choose_tap(d);
	step(OP_HOLD, 2, 0, 0, 0);
	request(OUT, 5);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
	oracle_switch(d->oracle, "snapshot", true);
	machine_choose_tap(d);
	request(IN, 6);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_not_equal(m.lend.arena.free, LEND_BLOCKS);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
	assert_int_equal(m.lend.arena.free, LEND_BLOCKS);
}

/* Delays and faults are the backend's, and go on. */
static void backend_goes_on(void **state)
{
	(void)state;
	step(OP_DELAY, 2, 5000, 0, 0);
	request(IN, 1);
	request(IN, 2);
	step(OP_KICK, 0, 0, 0, 0);
	step(OP_FAULT, 1, BLK_IO_ERROR, 0, 0);
	save_is_silent();
	step(OP_TICK, 4000, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 2);
	save_is_silent();
	step(OP_TICK, 4000, 0, 0, 0);
	assert_int_equal(d->backend.nheld, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(m.stats.failed, 1);
	assert_int_equal(cries, 0);
}

/* What waits for its moment inside of the device waits on; a save that does so comes once the device has
 * returned. */
static void moments(void **state)
{
	(void)state;
	step(OP_WHEN, POINT_SUBMIT, WHEN_ANY, 0, 0);
	step(OP_SAVE, 0, 0, 0, 0);
	step(OP_WHEN, POINT_SUBMIT, WHEN_ANY, 1, 0);
	request(OUT, 1);
	step(OP_SAVE, 0, 0, 0, 0);
	request(OUT, 2);
	assert_int_equal(m.stats.saves, 1);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.stats.saves, 2);
	request(OUT, 3);
	step(OP_KICK, 0, 0, 0, 0);
	program_quiesce(&m);
	assert_int_equal(m.stats.requests, 3);
	assert_int_equal(cries, 0);
}

/* The entropy device: some failed, and wait for the next run. */
static void entropy(void **state)
{
	(void)state;
	machine_destroy(&m);
	make(VIRTIO_ID_RNG);
	step(OP_HOLD, 4, 0, 0, 0);
	for (int i = 0; i < 4; i++)
		step(OP_POST, 0, 0, 0, 512);
	step(OP_KICK, 0, 0, 0, 0);
	save_is_silent();
	step(OP_DONE, 1, BLK_IO_ERROR, 0, 0);
	save_is_silent();
	step(OP_DONE, 0, 0, 7, 0);
	save_is_silent();
	step(OP_FLUSHED, 0, 0, 0, 0);
	save_is_silent();
	program_quiesce(&m);
	assert_int_equal(cries, 0);
}

/* Left out, a save is nothing: so that runs with and without can be compared. */
static void left_out(void **state)
{
	(void)state;
	m.no_saves = true;
	step(OP_SAVE, 0, 0, 0, 0);
	assert_int_equal(m.stats.saves, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(save_at_any_time), T(broken_device), T(lent_copies_stay), T(lent_memory_stays),
		T(backend_goes_on),  T(moments),       T(entropy),          T(left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
