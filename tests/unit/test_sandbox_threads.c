// SPDX-License-Identifier: BSD-2-Clause
/* The sandbox and threads: each confines itself, and can do what a thread does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define DID_ALL  77 /* the child's status */
#define NOT_THAT 78

static int status;

static void *idle(void *arg)
{
	return arg;
}

/* Waves of large blocks in a thread that is not the first, as libslirp has them for connections. */
static void *waves(void *arg)
{
	char err[ERR_MAX];
	void *block[16];

	if (sandbox_enter(SANDBOX_VCPU, SANDBOX_USER_NET, "vCPU 0", err))
		return NULL;
	for (int wave = 0; wave < 16; wave++) {
		for (int i = 0; i < 16; i++)
			memset(block[i] = malloc(100000), wave, 100000);
		for (int i = 16; i-- > 0;)
			free(block[i]);
	}
	return arg;
}

static void memory_comes_and_goes_in_every_thread(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		char err[ERR_MAX];
		pthread_t thread;
		void *did;

		_exit(sandbox_prepare(err) || pthread_create(&thread, NULL, waves, err) ||
				      pthread_join(thread, &did) || !did
			      ? NOT_THAT
			      : DID_ALL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), DID_ALL);
}

/* A thread confines itself, and no other one. */
static void *confine_vcpu(void *arg)
{
	char err[ERR_MAX];

	return sandbox_enter(SANDBOX_VCPU, 0, "vCPU 0", err) ? NULL : arg;
}

static int from_thread_to_thread(void)
{
	char err[ERR_MAX];
	pthread_t thread;
	void *did;

	if (sandbox_prepare(err) || pthread_create(&thread, NULL, confine_vcpu, err) ||
	    pthread_join(thread, &did) || !did || open("/dev/null", O_RDONLY) < 0 ||
	    pthread_create(&thread, NULL, idle, NULL) || pthread_join(thread, NULL))
		return NOT_THAT;
	return DID_ALL;
}

static void other_threads_stay_free(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(from_thread_to_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), DID_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_and_goes_in_every_thread),
		cmocka_unit_test(other_threads_stay_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
