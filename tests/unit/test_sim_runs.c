// SPDX-License-Identifier: BSD-2-Clause
/* Seeded runs: what they write down is a legal program, and its text does the same again, also where no device
 * is saved on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_ids.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "listing.h"
#include "program.h"
#include "sim.h"
#include "sim_file.h"

#define RUNS 150

static struct sim s;
static struct sim_log log_of_run;

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	fail_msg("%s at op %llu, %s%u: %s", v->oracle, (unsigned long long)m->op, d->type->name, d->nr,
		 v->what);
}

/* The log as text, read back and run by somebody else. */
static uint64_t hash_of_text(bool no_saves)
{
	static struct machine m;
	struct listing l = {.op = log_of_run.op, .nops = log_of_run.nops}, again;
	char *text = NULL, err[512] = "";
	size_t n;
	FILE *f = open_memstream(&text, &n);
	l.text.head.ndevices = sim_device_ids(&s.options, l.ids);
	for (uint32_t i = 0; i < l.text.head.ndevices; i++)
		l.text.head.device[i].id = l.ids[i];
	assert_true(listing_print(&l, f));
	fclose(f);
	if (!listing_parse(&again, "log", text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(again.nops, l.nops);
	assert_true(machine_create(&m) && listing_devices(&m, &again.text, "log", err, sizeof(err)));
	m.violation = on_violation;
	m.no_saves = no_saves;
	for (uint32_t i = 0; i < again.nops; i++)
		program_step(&m, &again.op[i]);
	program_quiesce(&m);
	uint64_t h = machine_hash(&m);
	machine_destroy(&m);
	listing_free(&again);
	free(text);
	return h;
}

static void logs_are_programs(void **state)
{
	struct sim_options o = {.faults = (1u << SIM_FAULTS) - 1};
	(void)state;
	assert_true(sim_create(&s, &o, &log_of_run));
	for (uint64_t n = 0; n < RUNS; n++) {
		if (!sim_run(&s, sim_nth_seed(1, n)))
			fail_msg("run %llu: %s: %s", (unsigned long long)n, s.violation.v.oracle,
				 s.violation.v.what);
		uint64_t h = machine_hash(&s.machine);
		for (uint32_t i = 0; i < log_of_run.nops; i++)
			assert_int_equal(op_beyond(&log_of_run.op[i]), -1);
		assert_true(hash_of_text(n & 1) == h);
	}
	sim_destroy(&s);
}

/* A device whose fresh copy is the same in all that it says of itself, and has a backend that fails once. */
static void (*real_renew)(struct sim_device *);

static void renew_badly(struct sim_device *d)
{
	real_renew(d);
	d->backend.faults = 1;
	d->backend.fault = (struct verdict){BLK_IO_ERROR, 0};
}

static void difference_that_a_save_makes(void **state)
{
	struct sim_options o = {.guest = SIM_GUEST_GOOD, .device_id = VIRTIO_ID_BLOCK};
	bool found = false;
	(void)state;
	assert_true(sim_create(&s, &o, &log_of_run));
	struct sim_type bad = *s.machine.device[0].type;
	real_renew = bad.renew;
	bad.renew = renew_badly;
	s.machine.device[0].type = &bad;
	for (uint64_t n = 0; !found && n < 20; n++) {
		found = !sim_run(&s, n); /* a small seed is done twice */
		assert_false(s.machine.no_saves);
	}
	assert_true(found);
	assert_string_equal(s.violation.v.oracle, "snapshot");
	assert_int_equal(s.violation.op, log_of_run.nops + 1);
	sim_destroy(&s);
}

/* A finding is written whole or not at all: where there is no room (here: for a file longer than nothing), this is said. */
static void finding_without_room(void **state)
{
	struct sim_options o = {.device_id = VIRTIO_ID_BLOCK};
	struct sim_violation v = {.v = {.oracle = "work", .clause = "", .what = "too much"}, .op = 1};
	struct rlimit before, none;
	char dir[] = "/tmp/finding-XXXXXX", path[64];
	(void)state;
	assert_true(sim_create(&s, &o, &log_of_run));
	assert_true(sim_run(&s, 1));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	bool written = sim_file_write(dir, &o, &log_of_run, &v, path, sizeof(path));
	int error = errno;
	setrlimit(RLIMIT_FSIZE, &before);
	assert_false(written);
	assert_int_equal(error, EFBIG);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_true(sim_file_write(dir, &o, &log_of_run, &v, path, sizeof(path)));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	sim_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(logs_are_programs),
					   cmocka_unit_test(difference_that_a_save_makes),
					   cmocka_unit_test(finding_without_room)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
