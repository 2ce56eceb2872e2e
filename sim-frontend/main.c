// SPDX-License-Identifier: BSD-2-Clause
#include "cmd.h"
#include "trace/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
};

static const struct command commands[] = {
	{"show", cmd_show, "print a trace or a program as text, decoded"},
	{"assemble", cmd_assemble, "make a trace or a program from its text"},
	{"run", cmd_run, "run a program against fresh simulated devices"},
	{"sim", cmd_sim, "seeded guests and hosts against simulated devices, judged step by step"},
	{"shrink", cmd_shrink, "make a failing program short and plain"},
	{"triage", cmd_triage, "put failing programs into buckets, and make one of each short"},
	{"lift", cmd_lift, "turn a recorded guest into programs for the simulator"},
	{"replay", cmd_replay, "give a trace to fresh devices and compare what they do"},
	{"export", cmd_export, "draw a trace: for Perfetto, for a browser, for Wireshark"},
	{"clauses", cmd_clauses, "print which rules of the specification are checked, tested or missing"},
	{"diff", cmd_diff, "find the first op in which two traces differ"},
};

static const char intro[] =
	"ringside: virtio devices without a machine.\n"
	"\n"
	"A trace (.vtrace) is what passed the doors of a real guest's devices: register accesses, loads and\n"
	"stores of guest memory, interrupts, requests to a backend (disk, network, terminal). A program is "
	"a\n"
	"short list of things to do to a device. Both have a text form, one op a line, that can be read,\n"
	"compared and edited.\n"
	"\n"
	"Commands (ringside COMMAND --help tells more):\n";

static const char examples[] =
	"\n"
	"Try:\n"
	"  ringside sim --seconds 10                     # finds something? it tells which file to run\n"
	"  ringside run find.txt --record find.vtrace    # the same again, step by step\n"
	"  ringside shrink find.txt -o small\n"
	"  ringside replay boot.vtrace                   # recorded by ringside-vmm --record\n"
	"  ringside show boot.vtrace | less\n"
	"\n"
	"Exit status: 0 all well; 1 the answer is no (traces differ, a replay diverged, a violation was\n"
	"found; shrink: nothing fails); 2 bad usage or file.\n";

static int help(void)
{
	fputs(intro, stdout);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].about);
	fputs(examples, stdout);
	return EXIT_SUCCESS;
}

static int version(void)
{
	printf("ringside %s, trace formats %u to %u\n", RINGSIDE_VERSION, TRACE_VERSION, TRACE_VERSION_LAST);
	return EXIT_SUCCESS;
}

/* Nobody takes what was not written for an answer. */
static int finish(int status)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (status != EXIT_USAGE) /* else it has been told already */
		fail("cannot write standard output: %s", errno ? strerror(errno) : "an earlier write failed");
	return status ? status : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return fail("no command given; see ringside --help");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return finish(help());
	if (!strcmp(argv[1], "--version"))
		return version();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return finish(commands[i].run(argc - 1, argv + 1));
	return fail("no such command: %s; see ringside --help", argv[1]);
}
