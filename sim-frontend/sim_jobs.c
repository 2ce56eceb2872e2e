// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim_jobs.h"

#define LOOK_NS    20000000 /* how often the workers are looked at */
#define EXIT_FOUND 100      /* a worker's status; a sanitizer's is another */
#define HUNG_AFTER 60.0     /* seconds in which a worker executed no op */

/* What a worker and its watcher share. */
struct job {
	struct sim_log log;
	struct sim_count count; /* as of the latest run's end */
	struct sim_violation violation;
	volatile bool stop;
	/* -- the watcher's */
	pid_t pid; /* 0: has ended */
	uint64_t steps;
	uint64_t seen; /* runs and ops when it was last seen to move */
	double seen_at;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* -- workers -------------------------------------------------------------------------------------------- */

static struct sim *make_sim(const struct sim_options *o, struct job *job)
{
	struct sim *s = calloc(1, sizeof(*s));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* the watcher tells us, also where the whole group was signalled */
	signal(SIGTERM, SIG_IGN);
	if (s && sim_create(s, o, &job->log))
		return s;
	fprintf(stderr, "ringside: sim: out of memory\n");
	_exit(2);
}

static _Noreturn void work(const struct sim_options *o, struct job *job)
{
	struct sim *s = make_sim(o, job);
	bool calm = true;
	for (uint64_t n = 0; calm && !job->stop; n++) {
		calm = sim_run(s, sim_nth_seed(o->seed, n));
		job->count = s->count;
		if (job->steps && s->count.machine.ops >= job->steps)
			break;
	}
	job->violation = s->violation;
	_exit(calm ? 0 : EXIT_FOUND);
}

/* The job's log, once more, by a process that did nothing else. */
static _Noreturn void work_again(const struct sim_options *o, struct job *job)
{
	struct sim *s = make_sim(o, job);
	bool calm = sim_again(s);
	job->violation = s->violation;
	_exit(calm ? 0 : EXIT_FOUND);
}

static bool start(struct job *job, const struct sim_options *o,
		  void (*what)(const struct sim_options *, struct job *))
{
	fflush(NULL);
	job->violation.v.oracle = NULL;
	job->seen_at = now();
	pid_t pid = fork();
	if (pid == 0) {
		what(o, job);
		_exit(EXIT_FOUND); /* not reached */
	}
	job->pid = pid > 0 ? pid : 0; /* in memory that the worker sees too: only ours to write */
	return pid > 0;
}

/* -- watching -------------------------------------------------------------------------------------------- */

static void found(struct job *job, const char *oracle, const char *what, const char *name)
{
	struct sim_violation *v = &job->violation;
	v->v.oracle = oracle;
	v->v.clause = "";
	v->op = job->log.nops;
	v->dev = job->log.nops ? job->log.op[job->log.nops - 1].dev : 0;
	v->hash = 0;
	snprintf(v->v.what, sizeof(v->v.what), what, name);
}

/* A worker has ended: by itself, or by what the devices did. */
static void ended(struct job *job, int status)
{
	job->pid = 0;
	if (WIFSIGNALED(status))
		found(job, "crash", "the process was killed: %s", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) && WEXITSTATUS(status) != EXIT_FOUND)
		found(job, "crash", "%s", "a sanitizer ended the process; its report stands above");
}

static void look(struct job *job)
{
	int status;
	uint64_t moved = job->count.machine.ops + job->count.again + job->log.nops;
	if (!job->pid)
		return;
	if (waitpid(job->pid, &status, WNOHANG) == job->pid) {
		ended(job, status);
		return;
	}
	if (moved != job->seen) {
		job->seen = moved;
		job->seen_at = now();
	} else if (now() - job->seen_at > HUNG_AFTER) {
		kill(job->pid, SIGKILL);
		waitpid(job->pid, &status, 0);
		job->pid = 0;
		found(job, "hang", "%s", "the op does not end");
	}
}

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
}

static struct sim_count sum(const struct job *jobs, uint32_t n)
{
	struct sim_count c = jobs[0].count;
	for (uint32_t i = 1; i < n; i++)
		sim_count_add(&c, &jobs[i].count);
	return c;
}

/* Until all have ended; one finding, a signal or the time ends the others. */
static void watch(struct sim_jobs *j, struct job *jobs)
{
	double begun = now();
	for (bool busy = true; busy;) {
		bool stop = interrupted || (j->seconds > 0 && now() - begun >= j->seconds);
		busy = false;
		for (uint32_t i = 0; i < j->njobs; i++) {
			look(&jobs[i]);
			busy |= jobs[i].pid != 0;
			stop |= jobs[i].violation.v.oracle && !jobs[i].pid;
		}
		for (uint32_t i = 0; stop && i < j->njobs; i++)
			jobs[i].stop = true;
		j->count = sum(jobs, j->njobs);
		j->took = now() - begun;
		if (busy)
			wait_a_little();
		if (j->progress)
			j->progress(j->ctx, &j->count, j->took);
	}
}

/* A finding that does not come again from its own log is none of the devices'. */
static void confirm(struct sim_jobs *j, struct job *job)
{
	struct sim_violation first = job->violation;
	if (!start(job, &j->options, work_again))
		return;
	while (job->pid) {
		look(job);
		wait_a_little();
	}
	const struct sim_violation *v = &job->violation;
	j->same_again = v->v.oracle && !strcmp(v->v.oracle, first.v.oracle) && v->op == first.op &&
			v->hash == first.hash && !strcmp(v->v.what, first.v.what);
	snprintf(j->again, sizeof(j->again), "%s%s%s", v->v.oracle ? v->v.oracle : "nothing",
		 v->v.oracle ? ": " : "", v->v.oracle ? v->v.what : "");
	j->violation = first;
	j->log = &job->log;
}

bool sim_jobs_run(struct sim_jobs *j)
{
	struct sigaction act = {.sa_handler = on_signal}, old[2];
	size_t len = j->njobs * sizeof(struct job);
	struct job *jobs = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (jobs == MAP_FAILED)
		return false;
	sigaction(SIGINT, &act, &old[0]);
	sigaction(SIGTERM, &act, &old[1]);
	bool good = true;
	for (uint32_t i = 0; good && i < j->njobs; i++) {
		struct sim_options o = j->options;
		o.seed = i ? sim_nth_seed(~o.seed, i) : o.seed;
		jobs[i].steps = j->steps ? (j->steps + j->njobs - 1) / j->njobs : 0;
		good = start(&jobs[i], &o, work);
	}
	int error = errno;
	if (!good)
		interrupted = 1;
	watch(j, jobs);
	for (uint32_t i = 0; i < j->njobs && !j->violation.v.oracle; i++)
		if (jobs[i].violation.v.oracle)
			confirm(j, &jobs[i]);
	sigaction(SIGINT, &old[0], NULL);
	sigaction(SIGTERM, &old[1], NULL);
	errno = error;
	return good;
}
