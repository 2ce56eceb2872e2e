// SPDX-License-Identifier: BSD-2-Clause
/* Sockets with a name: what becomes of the name, and what happens when there is no descriptor left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "listener.h"

#define WAIT_MS 5000

static char dir[] = "/tmp/ringside-listener.XXXXXX";
static struct sockaddr_un at;
static struct loop loop;
static struct listener l;
static atomic_uint calls, served;

static int setup(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", dir);
	atomic_store(&calls, 0);
	atomic_store(&served, 0);
	l = LISTENER_NONE;
	return loop_create(&loop);
}

static int teardown(void **state)
{
	(void)state;
	listener_close(&l);
	loop_destroy(&loop);
	return rmdir(dir); /* nothing is left in it */
}

static void on_client(void *ctx)
{
	int fd;

	(void)ctx;
	calls++;
	while ((fd = listener_accept(&l)) >= 0) {
		served++;
		close(fd);
	}
}

static void open_it(const char *path, bool privately)
{
	char err[ERR_MAX];

	if (listener_open(&l, "--it", path, privately, 4, &loop, on_client, NULL, err))
		fail_msg("%s", err);
}

static mode_t mode(void)
{
	struct stat st;

	assert_int_equal(stat(at.sun_path, &st), 0);
	return st.st_mode & 0777;
}

static void for_its_owner_alone_or_not(void **state)
{
	mode_t before = umask(022);

	(void)state;
	open_it(at.sun_path, true);
	assert_int_equal(mode(), 0600);
	listener_close(&l);
	open_it(at.sun_path, false);
	assert_int_equal(mode(), 0755);
	assert_int_equal(umask(before), 022);
}

/* Its folder stays what it was, whatever is the root or the working folder at the end. */
static void its_name_goes_wherever_we_are(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(chdir(dir), 0);
	open_it("socket", true);
	assert_int_equal(mode(), 0600);
	assert_int_equal(chdir("/"), 0);
	listener_close(&l);
	assert_int_equal(access(at.sun_path, F_OK), -1);
	assert_int_equal(fchdir(here), 0);
	close(here);
}

static void *run(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

static int client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void await(atomic_uint *what, unsigned n)
{
	for (int ms = 0; atomic_load(what) < n && ms < WAIT_MS; ms++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	assert_true(atomic_load(what) >= n);
}

/* The loop does not go round and round; with the next client the one before is served, too. */
static void out_of_descriptors(void **state)
{
	struct rlimit before, none;
	pthread_t thread;
	int first, second = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	open_it(at.sun_path, false);
	assert_int_equal(pthread_create(&thread, NULL, run, &loop), 0);
	first = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(first, (const struct sockaddr *)&at, sizeof(at)), 0);
	await(&calls, 1);
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	assert_true(atomic_load(&calls) < 10);
	assert_int_equal(atomic_load(&served), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(connect(second, (const struct sockaddr *)&at, sizeof(at)), 0);
	await(&served, 2);
	loop_stop(&loop);
	pthread_join(thread, NULL);
	close(first);
	close(second);
}

/* A file in the way stays, and so does a socket that somebody listens at; what a killed process left does not. */
static void what_is_there_already(void **state)
{
	struct listener other;
	char err[ERR_MAX], want[ERR_MAX];

	(void)state;
	snprintf(want, sizeof(want), "--it: %s is there already, and in use or no socket; take another path",
		 at.sun_path);
	close(open(at.sun_path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listener_open(&l, "--it", at.sun_path, false, 4, &loop, on_client, NULL, err), -1);
	assert_string_equal(err, want);
	listener_close(&l);
	assert_int_equal(unlink(at.sun_path), 0);
	open_it(at.sun_path, false);
	assert_int_equal(listener_open(&other, "--it", at.sun_path, false, 4, &loop, on_client, NULL, err),
			 -1);
	assert_string_equal(err, want);
	listener_close(&other);
	close(client()); /* it is still there */
	close(l.fd);
	l.fd = -1;
	l.name[0] = 0;
	listener_close(&l);
	assert_int_equal(access(at.sun_path, F_OK), 0);
	open_it(at.sun_path, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(for_its_owner_alone_or_not),
		TEST(its_name_goes_wherever_we_are),
		TEST(out_of_descriptors),
		TEST(what_is_there_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
