// SPDX-License-Identifier: BSD-2-Clause
/* ringside sim: seeded guests and hosts against the devices, until something is found or the time is over. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clauses.h"
#include "cmd.h"
#include "sim_file.h"
#include "sim_jobs.h"
#include "sim_tell.h"

#define SECONDS_DEFAULT 10
#define ORACLES_MAX     16

static const char *device = "all", *seed, *seed_from, *steps, *seconds, *ring = "any", *faults = "all";
static const char *guest = "mix", *oracle[ORACLES_MAX], *jobs = "1", *out;

static const struct usage usage = {
	.command = "sim",
	.operands = "",
	.about = "Runs seeded guests and hosts against simulated devices and judges each step by the "
		 "specification.\n"
		 "What is found is written as a program that `ringside run` shows again. Ends with 0, with 1 "
		 "where\n"
		 "something was found, with 2 for wrong options; Ctrl-C ends with the summary.",
	.option =
		{
			{.name = "--device",
			 .value_name = "blk|rng|net|console|all",
			 .value = &device,
			 .help = "default all: one of each type"},
			{.name = "--seed", .value_name = "N", .value = &seed, .help = "default: drawn"},
			{.name = "--seed-from",
			 .value_name = "GIT-COMMIT",
			 .value = &seed_from,
			 .help = "the seed comes from a commit's hash"},
			{.name = "--steps",
			 .value_name = "N",
			 .value = &steps,
			 .help = "so many ops; the same seed and steps give the same hash"},
			{.name = "--seconds",
			 .value_name = "N",
			 .value = &seconds,
			 .help = "default 10 where no steps are given; 0: until Ctrl-C"},
			{.name = "--ring",
			 .value_name = "split|packed|both|any",
			 .value = &ring,
			 .help = "both: each legal program on each, and the answers compared"},
			{.name = "--faults",
			 .value_name = "LIST|none|all",
			 .value = &faults,
			 .help = "eio,enospc,short,...; all is the default"},
			{.name = "--guest",
			 .value_name = "good|sloppy|hostile|mix",
			 .value = &guest,
			 .help = "default mix"},
			{.name = "--oracle",
			 .value_name = "-NAME",
			 .value = oracle,
			 .times = ORACLES_MAX,
			 .help = "without this oracle (-all: without any); may be repeated"},
			{.name = "--jobs",
			 .value_name = "N",
			 .value = &jobs,
			 .help = "processes, each with a seed of its own"},
			{.name = "--out",
			 .value_name = "DIR",
			 .value = &out,
			 .help = "where findings are written; default build/sim, or here"},
		},
};

/* -- options --------------------------------------------------------------------------------------------- */

static bool word(const char *option, const char *text, const char *const *words, uint32_t n, uint32_t *value)
{
	char all[200] = "";
	for (uint32_t i = 0; i < n; i++) {
		if (!strcmp(text, words[i])) {
			*value = i;
			return true;
		}
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", words[i]);
	}
	fail("sim: option %s: no such thing as %s (%s)", option, text, all);
	return false;
}

static bool take_faults(uint32_t *bits)
{
	const char *names[SIM_FAULTS], *p = faults;
	char name[32];
	uint32_t f;
	for (uint32_t i = 0; i < SIM_FAULTS; i++)
		names[i] = sim_fault_name(i);
	*bits = strcmp(faults, "all") ? 0 : (1u << SIM_FAULTS) - 1;
	if (*bits || !strcmp(faults, "none"))
		return true;
	for (size_t n; *p; p += n + (p[n] != 0)) {
		n = strcspn(p, ",");
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		if (!word("--faults", name, names, SIM_FAULTS, &f))
			return false;
		*bits |= 1u << f;
	}
	return true;
}

static bool take_oracles(uint32_t *off)
{
	const char *names[ORACLE_COUNT + 1];
	uint32_t o;
	for (uint32_t i = 0; i < ORACLE_COUNT; i++)
		names[i] = oracle_name(i);
	names[ORACLE_COUNT] = "all";
	for (int i = 0; i < ORACLES_MAX && oracle[i]; i++) {
		if (oracle[i][0] != '-') {
			fail("sim: option --oracle: all judge; -%s leaves that one out", oracle[i]);
			return false;
		}
		if (!word("--oracle", oracle[i] + 1, names, ORACLE_COUNT + 1, &o))
			return false;
		*off |= o < ORACLE_COUNT ? 1u << o : (1u << ORACLE_COUNT) - 1;
	}
	return true;
}

/* The hash as text, so that each commit is tried with a seed of its own that anybody can say again. */
static bool take_commit(const char *text, uint64_t *value)
{
	size_t n = strspn(text, "0123456789abcdef");
	if (n < 7 || text[n]) {
		fail("sim: option --seed-from: expected a commit's hash (git rev-parse HEAD), got '%s'",
		     text);
		return false;
	}
	*value = hash_bytes(HASH_SEED, text, n);
	return true;
}

static bool take_seed(uint64_t *value)
{
	unsigned long long n;
	if (seed && seed_from) {
		fail("sim: --seed and --seed-from: only one of them");
		return false;
	}
	if (seed_from)
		return take_commit(seed_from, value);
	if (seed) {
		bool good = cli_number("--seed", seed, UINT64_MAX, &n);
		*value = n;
		return good;
	}
	if (getrandom(value, sizeof(*value), 0) != sizeof(*value)) {
		fail("sim: no random seed: %s; give one with --seed", strerror(errno));
		return false;
	}
	return true;
}

/* Of these none at all makes no sense. */
static bool take_some(const char *option, const char *text, unsigned long long max, unsigned long long *n)
{
	if (!cli_number(option, text, max, n))
		return false;
	if (!*n)
		fail("sim: option %s: expected at least 1", option);
	return *n;
}

static bool take_numbers(struct sim_jobs *j)
{
	unsigned long long n;
	if (!take_some("--jobs", jobs, SIM_JOBS_MAX, &n))
		return false;
	j->njobs = (uint32_t)n;
	if (steps && !take_some("--steps", steps, UINT64_MAX, &n))
		return false;
	j->steps = steps ? n : 0;
	if (seconds && !cli_number("--seconds", seconds, 1u << 30, &n))
		return false;
	j->seconds = seconds ? (double)n : steps ? 0 : SECONDS_DEFAULT;
	return true;
}

static bool take_options(struct sim_jobs *j)
{
#define DEVICE(name, id) #name,
	static const char *const devices[] = {
		"all",
#include "devices/list.def"
	};
#undef DEVICE
#define DEVICE(name, id) id,
	static const uint16_t ids[] = {
		0,
#include "devices/list.def"
	};
#undef DEVICE
	static const char *const guests[] = {"mix", "good", "sloppy", "hostile"};
	static const char *const rings[] = {"any", "split", "packed", "both"};
	struct sim_options *o = &j->options;
	uint32_t n;
	if (!word("--device", device, devices, sizeof(ids) / sizeof(ids[0]), &n))
		return false;
	o->device_id = ids[n];
	if (!word("--guest", guest, guests, 4, &n))
		return false;
	o->guest = n;
	if (!word("--ring", ring, rings, 4, &n))
		return false;
	o->ring = n;
	if (o->ring == SIM_RING_BOTH && o->guest > SIM_GUEST_GOOD) {
		fail("sim: --ring both compares the answers to legal programs: --guest good");
		return false;
	}
	return take_faults(&o->faults) && take_oracles(&o->oracles_off) && take_seed(&o->seed) &&
	       take_numbers(j);
}

static const char *directory(void)
{
	struct stat s;
	if (out)
		return out;
	return stat("build", &s) == 0 && S_ISDIR(s.st_mode) ? "build/sim" : ".";
}

/* -- telling --------------------------------------------------------------------------------------------- */

static void tell_options(const struct sim_jobs *j)
{
	printf("sim: seed 0x%" PRIx64 ", device %s, guest %s, ring %s, faults %s, jobs %u, ", j->options.seed,
	       device, guest, ring, faults, j->njobs);
	if (j->steps)
		printf("steps %" PRIu64 ", ", j->steps);
	if (j->seconds > 0)
		printf("seconds %.0f, ", j->seconds);
	printf("oracles all");
	for (int i = 0; i < ORACLES_MAX && oracle[i]; i++)
		printf(" %s", oracle[i]);
	printf(", out %s\n", directory());
	fflush(stdout);
}

/* Nothing is wrong with the simulator where a device is not deterministic. */
static void tell_again(const struct sim_jobs *j)
{
	bool not_ours = !strcmp(j->violation.v.oracle, oracle_name(ORACLE_DETERMINISM));
	if (j->same_again)
		printf("the same again in a fresh process; ");
	else if (not_ours)
		printf("a fresh process gives %s: it takes the runs before it, so this seed and these "
		       "options; ",
		       j->again);
	else
		printf("NONDETERMINISM: the same ops in a fresh process give %s; ", j->again);
}

static int tell_violation(const struct sim_jobs *j)
{
	const struct sim_violation *v = &j->violation;
	char path[512];
	if (!v->v.oracle)
		return EXIT_SUCCESS;
	bool written = sim_file_write(directory(), &j->options, j->log, v, path, sizeof(path));
	int error = errno;
	uint16_t ids[MACHINE_DEVICES_MAX];
	sim_device_ids(&j->options, ids);
	printf("VIOLATION %s%s%s at op %" PRIu64 " of %u, %s%u: %s\n", v->v.oracle, *v->v.clause ? " " : "",
	       v->v.clause, v->op, j->log->nops, sim_type(ids[v->dev])->name, v->dev, v->v.what);
	clause_print(stdout, v->v.clause);
	printf("run seed 0x%" PRIx64 "; ", j->log->seed);
	tell_again(j);
	if (written)
		printf("written: %s\n", path);
	else
		printf("cannot be written into %s: %s\n", directory(), strerror(error));
	return EXIT_FAILURE;
}

int cmd_sim(int argc, char **argv)
{
	static struct sim_jobs j;
	struct sim_tell tell = {.terminal = isatty(STDOUT_FILENO)};
	int n = cli_parse(&usage, argc, argv);
	if (n < 0)
		return cli_status(n);
	if (!take_options(&j))
		return EXIT_USAGE;
	if (!sim_file_can_write(directory()))
		return fail("sim: findings cannot be written into %s: %s; give a directory with --out",
			    directory(), strerror(errno));
	tell_options(&j);
	j.progress = sim_tell_progress;
	j.ctx = &tell;
	if (!sim_jobs_run(&j))
		return fail("sim: no processes: %s", strerror(errno));
	sim_tell_summary(&tell, &j.count, j.took);
	return tell_violation(&j);
}
