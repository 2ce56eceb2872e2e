// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* getresuid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privilege.h"

static char err[ERR_MAX];

static void user_is(const char *text, uid_t uid, gid_t gid)
{
	struct privilege p;

	if (privilege_prepare(&p, text, NULL, err))
		fail_msg("%s: %s", text, err);
	assert_true(p.change_user);
	assert_int_equal(p.uid, uid);
	assert_int_equal(p.gid, gid);
	privilege_close(&p);
}

static void refused(const char *user, const char *root, const char *word)
{
	struct privilege p;

	err[0] = 0;
	assert_int_equal(privilege_prepare(&p, user, root, err), -1);
	if (!strstr(err, word) || strchr(err, '\n'))
		fail_msg("\"%s\" is no clear line with \"%s\"", err, word);
	privilege_close(&p);
}

static void users_are_looked_up(void **state)
{
	char text[512];

	(void)state;
	user_is("root", 0, 0);
	user_is("0", 0, 0);
	user_is("root:7", 0, 7);
	user_is("12345678:7", 12345678, 7); /* numbers need no entry */
	user_is("12345678:root", 12345678, 0);
	refused("nobody-of-that-name", NULL, "no user \"nobody-of-that-name\"");
	refused("12345678", NULL, "write 12345678:GID");
	refused("root:nobody-of-that-name", NULL, "no group \"nobody-of-that-name\"");
	refused("root:", NULL, "write NAME, UID or UID:GID");
	refused(":root", NULL, "write NAME, UID or UID:GID");
	refused("4294967295:0", NULL, "no user");
	refused("0:4294967295", NULL, "no group");
	refused("18446744073709551616:0", NULL, "no user");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	refused(text, NULL, "write NAME, UID or UID:GID");
}

static void root_folders_are_looked_up(void **state)
{
	struct privilege p;

	(void)state;
	refused(NULL, "/no/such/folder", "--chroot /no/such/folder: No such file");
	refused(NULL, "/proc/self/status", "is no folder");
	assert_int_equal(privilege_prepare(&p, NULL, "/proc", err), 0);
	assert_true(p.root_fd > 2);
	assert_false(p.change_user);
	privilege_close(&p);
	assert_int_equal(p.root_fd, -1);
	assert_int_equal(privilege_prepare(&p, NULL, NULL, err), 0);
	assert_int_equal(privilege_drop(&p, err), 0); /* nothing to do */
}

/* In a child: answers which step went wrong, 0 for none. */
static int drop(const char *folder)
{
	struct privilege p;
	uid_t uid[3];
	gid_t gid[3];
	struct stat st;

	if (privilege_prepare(&p, "12345:23456", folder, err) || privilege_drop(&p, err))
		return 1;
	if (getresuid(&uid[0], &uid[1], &uid[2]) || uid[0] != 12345 || uid[1] != 12345 || uid[2] != 12345)
		return 2;
	if (getresgid(&gid[0], &gid[1], &gid[2]) || gid[0] != 23456 || gid[1] != 23456 || gid[2] != 23456)
		return 3;
	if (getgroups(0, NULL) != 0)
		return 4;
	if (stat("/mark", &st) || stat("mark", &st) || !stat("/etc/passwd", &st) ||
	    !stat("../../etc/passwd", &st))
		return 5;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 6;
	return p.root_fd == -1 ? 0 : 7;
}

static void root_gives_it_all_up(void **state)
{
	char folder[] = "/tmp/ringside-chroot.XXXXXX", mark[64];
	int status;
	pid_t pid;
	FILE *f;

	(void)state;
	if (geteuid())
		skip();
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(mark, sizeof(mark), "%s/mark", folder);
	f = fopen(mark, "w");
	assert_non_null(f);
	fclose(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(drop(folder));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(mark);
	rmdir(folder);
	assert_int_equal(status, 0);
}

/* Who is not root may do neither. Answers which step went wrong, 0 for none. */
static int try_as_nobody(void)
{
	struct privilege p;

	if (geteuid() == 0 && (setresgid(12345, 12345, 12345) || setresuid(12345, 12345, 12345)))
		return 1;
	if (privilege_prepare(&p, "23456:23456", NULL, err) || !privilege_drop(&p, err) ||
	    !strstr(err, "--user: only root"))
		return 2;
	if (privilege_prepare(&p, NULL, "/", err) || !privilege_drop(&p, err) ||
	    !strstr(err, "--chroot: only root"))
		return 3;
	privilege_close(&p);
	return 0;
}

static void only_root_may(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(try_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_looked_up),
		cmocka_unit_test(root_folders_are_looked_up),
		cmocka_unit_test(root_gives_it_all_up),
		cmocka_unit_test(only_root_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
