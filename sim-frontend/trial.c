// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "program.h"
#include "trial.h"
#include "trial_report.h"
#include "twice.h"

#define SECONDS_MAX 2 /* of processor time, for one try */

extern char __asan_poison_memory_region[] __attribute__((weak));
extern char __msan_unpoison[] __attribute__((weak));

struct trials {
	struct machine machine; /* first */
	struct trace_text text; /* what its devices were made from */
	bool made, dirty;       /* dirty: a try ended in the midst of something */
	bool forked;
	struct outcome *verdict;
	volatile uint64_t *op; /* the op under way; shared with children */
	sigjmp_buf out;
};

/* Of the try under way in this process: for the signal handler. */
static struct trials *current;

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGPROF};

static bool sanitized(void)
{
	return __asan_poison_memory_region || __msan_unpoison;
}

/* -- the environment ------------------------------------------------------------------------------------- */

/* Addresses instead of names in reports: a hundred times faster. */
void trials_prepare(char **argv)
{
	static const char *const names[] = {"ASAN_OPTIONS", "MSAN_OPTIONS", "UBSAN_OPTIONS"};
	if (!sanitized() || getenv("RINGSIDE_TRIALS"))
		return;
	setenv("RINGSIDE_TRIALS", "1", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char all[1024];
		const char *old = getenv(names[i]);
		snprintf(all, sizeof(all), "%s%ssymbolize=0:print_stacktrace=1:handle_sigill=1",
			 old ? old : "", old ? ":" : "");
		setenv(names[i], all, 1);
	}
	execv("/proc/self/exe", argv); /* where that fails, it is slow */
}

/* -- how a try ends -------------------------------------------------------------------------------------- */

static void violated(struct trials *t, const struct sim_device *d, const struct violation *v, uint64_t op)
{
	struct outcome *out = t->verdict;
	out->failed = true;
	out->op = op;
	snprintf(out->check, sizeof(out->check), "%s %s: %s", v->oracle, v->clause, v->check);
	snprintf(out->what, sizeof(out->what), "%s%s%s at op %llu, %s%u: %s", v->oracle,
		 *v->clause ? " " : "", v->clause, (unsigned long long)op, d->type->name, d->nr, v->what);
}

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	struct trials *t = (struct trials *)(void *)m;
	violated(t, d, v, m->op);
	siglongjmp(t->out, 1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct trials *t = current;
	uintptr_t at = 0;
	(void)info;
#if defined(__x86_64__)
	at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#else
	(void)context;
#endif
	if (!t)
		_exit(128 + number);
	report_signal(number, at, t->machine.op, t->verdict);
	siglongjmp(t->out, 1);
}

static void catch_signals(struct trials *t, bool on)
{
	static uint8_t stack[65536];
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	current = on ? t : NULL;
	if (!on)
		act = (struct sigaction){.sa_handler = SIG_DFL};
	sigaltstack(&alternative, NULL);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &act, NULL);
}

static void set_timer(int seconds)
{
	struct itimerval v = {.it_value = {.tv_sec = seconds}};
	setitimer(ITIMER_PROF, &v, NULL);
}

/* -- one try --------------------------------------------------------------------------------------------- */

static bool same_device(const struct trace_device *a, const struct trace_device *b)
{
	return a->id == b->id && a->transport == b->transport && a->features == b->features &&
	       a->nqueues == b->nqueues && a->config_len == b->config_len && a->ident_len == b->ident_len &&
	       !memcmp(a->queue_size_max, b->queue_size_max, sizeof(a->queue_size_max)) &&
	       !memcmp(a->config, b->config, sizeof(a->config)) &&
	       !memcmp(a->ident, b->ident, sizeof(a->ident));
}

static bool same_devices(const struct trials *t, const struct listing *l)
{
	const struct trace_text *a = &t->text, *b = &l->text;
	bool same = t->made && !t->dirty && a->head.ndevices == b->head.ndevices &&
		    !memcmp(a->given, b->given, sizeof(a->given));
	for (uint32_t i = 0; same && i < a->head.ndevices; i++)
		same = same_device(&a->head.device[i], &b->head.device[i]);
	return same;
}

/* A machine with the listing's devices; made anew where they changed, or where nobody knows what the last try
 * left. */
static bool ready(struct trials *t, const struct listing *l, struct outcome *v)
{
	if (same_devices(t, l)) {
		machine_reset(&t->machine);
		return true;
	}
	if (t->made)
		machine_destroy(&t->machine);
	t->made = machine_create(&t->machine);
	t->dirty = false;
	t->text = l->text;
	t->machine.violation = on_violation;
	if (t->made && listing_devices(&t->machine, &l->text, "program", v->what, sizeof(v->what)))
		return true;
	if (!t->made)
		snprintf(v->what, sizeof(v->what), "out of memory");
	t->dirty = true;
	return false;
}

static void run_here(struct trials *t, const struct listing *l, struct outcome *v)
{
	t->verdict = v;
	if (sigsetjmp(t->out, 0)) {
		t->dirty = true;
		return;
	}
	for (uint32_t i = 0; i < l->nops; i++) {
		*t->op = i + 1;
		program_step(&t->machine, &l->op[i]);
	}
	*t->op = l->nops + 1ull;
	program_quiesce(&t->machine);
	if (!twice_differs(&t->machine, l->op, l->nops, l->found))
		return;
	const struct violation differs = twice_violation(l->found);
	violated(t, &t->machine.device[0], &differs, l->nops + 1ull);
}

static void run_guarded(struct trials *t, const struct listing *l, struct outcome *v)
{
	set_timer(SECONDS_MAX);
	run_here(t, l, v);
	set_timer(0);
}

/* The child's end of it: its verdict, or whatever its death tells. */
static _Noreturn void be_child(struct trials *t, const struct listing *l, int result, int report)
{
	struct outcome v = {0};
	dup2(report, STDERR_FILENO);
	dup2(report, STDOUT_FILENO);
	if (!sanitized()) /* a sanitizer tells more by itself */
		catch_signals(t, true);
	run_guarded(t, l, &v);
	ssize_t n = write(result, &v, sizeof(v));
	_exit(n != sizeof(v));
}

static bool run_in_child(struct trials *t, const struct listing *l, struct outcome *v)
{
	int result[2], status = 0, report = memfd_create("report", MFD_CLOEXEC);
	if (report < 0 || pipe(result)) {
		fprintf(stderr, "ringside: no room for a child process\n");
		exit(2);
	}
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		be_child(t, l, result[1], report);
	if (child < 0)
		snprintf(v->what, sizeof(v->what), "no child process to run it in: %s", strerror(errno));
	close(result[1]);
	bool told = read(result[0], v, sizeof(*v)) == sizeof(*v);
	close(result[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	if (!told && child > 0)
		report_death(status, report, *t->op, v);
	close(report);
	return child > 0;
}

bool trials_run(struct trials *t, const struct listing *l, struct outcome *v)
{
	memset(v, 0, sizeof(*v));
	if (!ready(t, l, v))
		return false;
	if (t->forked)
		return run_in_child(t, l, v);
	catch_signals(t, true);
	run_guarded(t, l, v);
	catch_signals(t, false);
	return true;
}

/* -- making one ------------------------------------------------------------------------------------------ */

struct trials *trials_create(void)
{
	struct trials *t = calloc(1, sizeof(*t));
	void *page = mmap(NULL, sizeof(*t->op), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!t || page == MAP_FAILED) {
		free(t);
		return NULL;
	}
	t->op = page;
	t->forked = sanitized();
	return t;
}

void trials_destroy(struct trials *t)
{
	if (!t)
		return;
	if (t->made)
		machine_destroy(&t->machine);
	munmap((void *)(uintptr_t)t->op, sizeof(*t->op));
	free(t);
}

void trials_fork(struct trials *t)
{
	t->forked = true;
}

void trials_stay(struct trials *t)
{
	t->forked = sanitized();
}
