// SPDX-License-Identifier: BSD-2-Clause
/*
 * A plain main for a fuzz target: runs program files under any compiler, so that the corpus is a test. Every program is run
 * twice, and must come out the same; and not all of them may, since then nothing would be compared. The second time nothing
 * may be allocated: the linker sends malloc and its like through here (rules.mk: --wrap). A program
 * that ends the process (a trap, a sanitizer) is named in the last line.
 */
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "target.h"

#define PROGRAMS_MANY 8 /* as many do not all come to the same */

void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);

static int different;
static uint64_t allocated;
static uint64_t nprograms, end; /* so far; what the latest one came to */
static bool ends_differ;

void *__wrap_malloc(size_t n)
{
	allocated++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocated++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	allocated++;
	return __real_realloc(p, n);
}

static void wrong(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	different = 1;
}

static const char *running;

#pragma weak __sanitizer_set_death_callback /* where there is a sanitizer */

static void say(const char *words)
{
	if (write(STDERR_FILENO, words, strlen(words)) < 0)
		return; /* it ends anyway */
}

static void name_it(void)
{
	if (!running)
		return;
	say(running);
	say(": this program ended the player\n");
}

static void on_signal(int signal)
{
	name_it();
	raise(signal); /* its own way: once a handler was called, there is none */
}

/* Where a sanitizer has a handler, it is left to that. */
static void watch(void)
{
	static const int ends[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
	struct sigaction to = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, now;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &now) && !(now.sa_flags & SA_SIGINFO) &&
		    now.sa_handler == SIG_DFL)
			sigaction(ends[i], &to, NULL);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(name_it);
}

static void run(void *ctx, const char *path, const uint8_t *bytes, size_t n)
{
	(void)ctx;
	target_name(path);
	running = path;
	LLVMFuzzerTestOneInput(bytes, n);
	uint64_t first = target_hash(), before = allocated;
	LLVMFuzzerTestOneInput(bytes, n);
	running = NULL;
	if (allocated != before)
		wrong(path, "different: the second run allocates");
	if (target_hash() != first)
		wrong(path, "two runs end in different states");
	ends_differ |= nprograms++ && first != end;
	end = first;
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help")) {
		printf("usage: %s FILE|DIRECTORY...\nRuns fuzzer programs, each twice; stops at what an "
		       "oracle or a sanitizer finds.\n",
		       argv[0]);
		return argc < 2 ? 2 : 0;
	}
	watch();
	for (int i = 1; i < argc; i++) {
		int n = files_each(argv[i], run, NULL);
		if (n < 0)
			return 2;
		if (!different)
			printf("PASS %s (%d programs)\n", argv[i], n);
	}
	if (nprograms >= PROGRAMS_MANY && !ends_differ)
		wrong(argv[1], "all programs end in one state: different ones would not be told apart");
	return different;
}
