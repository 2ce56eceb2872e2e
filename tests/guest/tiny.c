// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tiny guest: a virtio driver without an operating system, which drives the mmio windows through real
 * vCPU exits, in orders and with features that no stock kernel uses. tests/e2e/tiny.sh runs it;
 * docs/boot-test.md tells where.
 *
 * It prints one line for each case (tiny_cases.def) on COM1, `ok NAME` or `not ok NAME: why`, and ahead of
 * what the host must report `offence NAME`; then `end`, and powers off. On its command line:
 *   - sectors=N, ro_sectors=N: sizes of the first disk and of the second, which is read-only
 *   - grown=N: the first disk's size after the host was asked to make it larger (`please resize`)
 *   - only=N: the N-th case alone
 *   - work=N: N rounds of a load in the place of the cases (tiny_work.c)
 *   - stay: requests for ever instead of the power-off
 *   - windows=ADDRESS step=BYTES gsi=N count=N: where the windows are, in another machine
 */
#include "tests/guest/tiny_blk.h"

static const char *context_what;
static uint32_t context_value;
static const char *case_name;

/* -- verdicts ------------------------------------------------------------------------------------------- */

void context(const char *what, uint32_t value)
{
	context_what = what;
	context_value = value;
}

static void put_where(const char *file, unsigned line)
{
	put_text(" (");
	for (const char *p = file; *p; p++)
		if (*p == '/')
			file = p + 1;
	put_text(file);
	put_text(":");
	put_dec(line);
	if (context_what) {
		put_text(", ");
		put_text(context_what);
		put_text(" ");
		put_dec(context_value);
	}
	put_text(")\n");
}

static void put_not_ok(void)
{
	put_text("not ok ");
	put_text(case_name);
	put_text(": ");
}

void fail_at(const char *file, unsigned line, const char *what)
{
	put_not_ok();
	put_text(what);
	put_where(file, line);
	bail();
}

void fail_eq_at(const char *file, unsigned line, const char *what, uint32_t got, uint32_t want)
{
	put_not_ok();
	put_text(what);
	put_text(" is ");
	put_hex(got);
	put_text(", not ");
	put_hex(want);
	put_where(file, line);
	bail();
}

void announce(const char *offence)
{
	put_text("offence ");
	put_text(offence);
	put_text("\n");
}

/* -- cases ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define CASE(name) {#name, case_##name},
#include "tests/guest/tiny_cases.def"
#undef CASE
};

static void reset_all(void)
{
	for (unsigned i = 0; i < ndevices; i++)
		dev_reset(&devices[i]);
	alloc_reset();
}

static void run_case(unsigned i)
{
	case_name = cases[i].name;
	context(NULL, 0);
	if (!guard(reset_all) || !guard(cases[i].run))
		return;
	put_text("ok ");
	put_text(case_name);
	put_text("\n");
}

static void stay(void)
{
	struct blk b;
	reset_all();
	blk_open(&b, 0, 16);
	for (uint32_t i = 0;; i++)
		blk_works(&b, i % 64);
}

void tiny_main(const struct start_info *);
void tiny_main(const struct start_info *info)
{
	unsigned n = sizeof(cases) / sizeof(cases[0]);
	machine_init(info);
	dev_probe();
	put_text("begin\n");
	case_name = "work";
	if (option("work", 0))
		guard(work);
	if (option("only", 0))
		run_case(option("only", 0) - 1);
	for (unsigned i = 0; i < n && !option("only", 0) && !option("work", 0); i++)
		run_case(i);
	if (option("stay", 0))
		guard(stay);
	put_text("end\n");
	power_off();
}
