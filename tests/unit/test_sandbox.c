// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* gettid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define PAGE     4096
#define NO_FD    (-1)
#define DID_ALL  77 /* the child's status when nothing stopped it */
#define NOT_THAT 78

static const char *const name[SANDBOX_THREADS] = {"vCPU 3", "main", "saver"};

/* What a confined child has left behind. */
static int status;
static char said[512];

static unsigned needs; /* of the next child */
static int proc_fd;    /* what the kernel tells of the child's thread, opened while that was allowed */

static void child(enum sandbox_thread thread, int stderr_fd, void (*act)(void))
{
	char err[ERR_MAX];

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL); /* cmocka would hear of a crash */
	proc_fd = open("/proc/thread-self/status", O_RDONLY);
	dup2(stderr_fd, STDERR_FILENO);
	if (sandbox_prepare(err) || sandbox_enter(thread, needs, name[thread], err)) {
		dprintf(STDERR_FILENO, "%s", err);
		_exit(NOT_THAT);
	}
	act();
	_exit(DID_ALL);
}

/* Runs act in a child of its own, confined as such a thread. */
static void confined(enum sandbox_thread thread, void (*act)(void))
{
	int ends[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(thread, ends[1], act);
	close(ends[1]);
	while (len < sizeof(said) - 1 && (n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* -- what is forbidden ----------------------------------------------------------------------------------- */

static void do_open(void)
{
	open("/dev/null", O_RDONLY);
}

static void do_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void do_exec(void)
{
	execl("/bin/true", "true", NULL);
}

static void do_fork(void)
{
	fork();
}

static void do_io_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void do_register(void)
{
	syscall(SYS_io_uring_register, NO_FD, 0, NULL, 0);
}

static void do_code(void)
{
	if (mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		_exit(NOT_THAT);
}

static void do_make_code(void)
{
	mprotect(said, 1, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void do_kill(void)
{
	kill(1, 0);
}

static void do_tgkill(void)
{
	syscall(SYS_tgkill, 1, 1, 0);
}

static void do_setuid(void)
{
	setuid(0);
}

static void do_create_vm(void)
{
	ioctl(NO_FD, KVM_CREATE_VM, 0);
}

static void do_type(void)
{
	ioctl(STDIN_FILENO, TIOCSTI, "x"); /* types on our terminal, for the shell to read */
}

static void do_unknown(void)
{
	syscall(1000);
}

static void do_run(void)
{
	ioctl(NO_FD, KVM_RUN, 0);
}

static void do_wait(void)
{
	struct epoll_event event;

	epoll_wait(NO_FD, &event, 1, 0);
}

static void do_close(void)
{
	close(NO_FD);
}

struct forbidden {
	void (*act)(void);
	const char *call; /* what the message says */
};

static const struct forbidden for_all[] = {
	{do_open, "openat(0x"},
	{do_socket, "socket(0x2, 0x1, 0x0)"},
	{do_exec, "execve("},
	{do_fork, "clone("},
	{do_io_uring, "io_uring_setup(0x1, 0x0,"},
	{do_register, "io_uring_register("},
	{do_code, "mmap(0x0, 0x1000, 0x5)"},
	{do_make_code, "mprotect("},
	{do_kill, "kill(0x1, 0x0,"},
	{do_tgkill, "tgkill(0x1, 0x1, 0x0)"},
	{do_setuid, "setuid(0x0,"},
	{do_create_vm, "ioctl(0xffffffff, 0xae01, 0x0)"},
	{do_type, "ioctl(0x0, 0x5412,"},
	{do_unknown, "0x3e8("},
};
static const struct forbidden for_vcpu[] = {{do_wait, "epoll_wait("}, {do_close, "close("}};
static const struct forbidden for_main[] = {{do_run, "ioctl(0xffffffff, 0xae80,"}};

static void is_forbidden(enum sandbox_thread thread, const struct forbidden *f)
{
	char want[128];

	snprintf(want, sizeof(want), "ringside-vmm: sandbox: the thread %s made the system call %s",
		 name[thread], f->call);
	confined(thread, f->act);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != SANDBOX_STATUS ||
	    strncmp(said, want, strlen(want)) || !strchr(said, '\n') || strchr(said, '\n')[1])
		fail_msg("status 0x%x, not one line that begins \"%s\": %s", (unsigned)status, want, said);
}

static void a_forbidden_call_ends_the_process(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_THREADS; t++)
		for (size_t i = 0; i < sizeof(for_all) / sizeof(for_all[0]); i++)
			if (t != SANDBOX_SAVER || for_all[i].act != do_open)
				is_forbidden((enum sandbox_thread)t, &for_all[i]);
}

/* The saver opens files, and has nothing to do with the guest. */
static void the_saver_opens_files_and_no_more(void **state)
{
	(void)state;
	needs = ~0u;
	is_forbidden(SANDBOX_SAVER, &(struct forbidden){do_run, "ioctl("});
	is_forbidden(SANDBOX_SAVER, &(struct forbidden){do_wait, "epoll_wait("});
	needs = 0;
	confined(SANDBOX_SAVER, do_open);
	assert_int_equal(WEXITSTATUS(status), DID_ALL);
}

static void each_thread_has_its_own_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(for_vcpu) / sizeof(for_vcpu[0]); i++) {
		is_forbidden(SANDBOX_VCPU, &for_vcpu[i]);
		confined(SANDBOX_MAIN, for_vcpu[i].act);
		assert_int_equal(WEXITSTATUS(status), DID_ALL);
	}
	for (size_t i = 0; i < sizeof(for_main) / sizeof(for_main[0]); i++) {
		is_forbidden(SANDBOX_MAIN, &for_main[i]);
		confined(SANDBOX_VCPU, for_main[i].act);
		assert_int_equal(WEXITSTATUS(status), DID_ALL);
	}
}

/* 32-bit calls have other numbers, and would not be what the list says. */
static void do_other_abi(void)
{
	int rc = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
}

static void another_abi_is_no_way_out(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_THREADS; t++) {
		confined((enum sandbox_thread)t, do_other_abi);
		assert_true(WIFSIGNALED(status));
	}
}

/* -- what is allowed ------------------------------------------------------------------------------------- */

static void do_allowed(void)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *large = malloc(1 << 22), *larger = realloc(large, 1 << 24);

	if (p == MAP_FAILED || mprotect(p, PAGE, PROT_READ) || munmap(p, PAGE) || !larger)
		_exit(NOT_THAT);
	free(larger);
	if (write(STDERR_FILENO, "allowed", 7) != 7 || syscall(SYS_tgkill, getpid(), gettid(), 0))
		_exit(NOT_THAT);
}

static void what_is_needed_is_allowed(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_SAVER; t++) {
		confined((enum sandbox_thread)t, do_allowed);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != DID_ALL || strcmp(said, "allowed"))
			fail_msg("%s: status 0x%x: %s", name[t], (unsigned)status, said);
	}
}

/* -- what is allowed where the command line asks for it ---------------------------------------------------- */

static void do_pause(void)
{
	nanosleep(&(struct timespec){0, 1000}, NULL);
}

static void do_netlink(void)
{
	socket(AF_NETLINK, SOCK_RAW, 0);
}

static void do_unlink(void)
{
	unlinkat(NO_FD, "no such file", 0);
}

static void do_pwrite(void)
{
	if (pwrite(NO_FD, "", 1, 0) == 1)
		_exit(NOT_THAT);
}

static void do_chip(void)
{
	ioctl(NO_FD, KVM_GET_IRQCHIP, NULL);
}

static void do_tap(void)
{
	ioctl(NO_FD, TUNSETQUEUE, NULL);
}

static void needs_are_asked_for(void **state)
{
	static const struct {
		unsigned need;            /* any of them is enough */
		struct forbidden without; /* and allowed with it */
		bool vcpu;                /* there, too */
	} table[] = {
		{SANDBOX_DISK, {do_pause, "clock_nanosleep("}, true},
		{SANDBOX_USER_NET, {do_socket, "socket("}, true},
		{SANDBOX_TAP, {do_tap, "ioctl("}, true},
		{SANDBOX_CONTROL | SANDBOX_PORT, {do_unlink, "unlinkat("}, false},
		{SANDBOX_RECORD, {do_pwrite, "pwrite64("}, true},
		{SANDBOX_SAVE, {do_chip, "ioctl("}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int t = 0; t < SANDBOX_SAVER; t++) {
			needs = ~table[i].need;
			is_forbidden((enum sandbox_thread)t, &table[i].without);
			needs = table[i].need;
			if (t == SANDBOX_VCPU && !table[i].vcpu) {
				is_forbidden(SANDBOX_VCPU, &table[i].without);
				continue;
			}
			confined((enum sandbox_thread)t, table[i].without.act);
			if (WEXITSTATUS(status) != DID_ALL)
				fail_msg("%s: %s", name[t], said);
		}
	needs = SANDBOX_USER_NET;
	for (int t = 0; t < SANDBOX_SAVER; t++)
		is_forbidden((enum sandbox_thread)t, &(struct forbidden){do_netlink, "socket(0x10,"});
	needs = 0;
}

/* What libslirp asks of a name server fe80::1%lo: it gets no answer, and goes on. */
static void do_scope(void)
{
	if (if_nametoindex("lo"))
		_exit(NOT_THAT);
}

static void do_flags(void)
{
	if (fcntl(STDERR_FILENO, F_GETFL) < 0)
		_exit(NOT_THAT);
}

static void what_is_refused_ends_nothing(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_SAVER; t++) {
		needs = 0;
		is_forbidden((enum sandbox_thread)t, &(struct forbidden){do_scope, "socket("});
		needs = SANDBOX_USER_NET;
		confined((enum sandbox_thread)t, do_scope);
		if (WEXITSTATUS(status) != DID_ALL)
			fail_msg("%s: %s", name[t], said);
	}
	needs = SANDBOX_DISK;
	confined(SANDBOX_MAIN, do_flags); /* an image that grew by half a sector of its disk */
	assert_int_equal(WEXITSTATUS(status), DID_ALL);
	needs = 0;
}

/* -- the lent file ----------------------------------------------------------------------------------------- */

static char lent[] = "/tmp/ringside-lent.XXXXXX";

static bool reads(const char *path, const char *want)
{
	char text[8] = "";
	struct stat st;
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return fd > STDERR_FILENO && n == (ssize_t)strlen(want) && !strcmp(text, want) && !stat(path, &st) &&
	       st.st_size == n;
}

/* Twice, as a copy goes on where the one before ended; by another string, as a library has its own. */
static void do_read_lent(void)
{
	char copy[sizeof(lent)];

	memcpy(copy, lent, sizeof(lent));
	for (int i = 0; i < 2; i++)
		if (!reads(copy, "text"))
			_exit(NOT_THAT);
}

static void do_write_lent(void)
{
	int fd = open(lent, O_RDWR);

	if (fd >= 0 && write(fd, "x", 1) == 1)
		_exit(NOT_THAT);
}

static void one_file_is_lent(void **state)
{
	int fd = mkstemp(lent);

	(void)state;
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	sandbox_lend(lent);
	unlink(lent); /* whatever happens to its name, as where the root folder is another one */
	for (int t = 0; t < SANDBOX_SAVER; t++) {
		needs = 0;
		is_forbidden((enum sandbox_thread)t, &for_all[0]);
		needs = SANDBOX_USER_NET;
		is_forbidden((enum sandbox_thread)t, &for_all[0]); /* another file */
		confined((enum sandbox_thread)t, do_read_lent);
		if (WEXITSTATUS(status) != DID_ALL)
			fail_msg("%s: status 0x%x: %s", name[t], (unsigned)status, said);
		confined((enum sandbox_thread)t, do_write_lent);
		assert_int_equal(WEXITSTATUS(status),
				 DID_ALL); /* it is lent for reading, whatever is asked for */
	}
	needs = 0;
}

/* A trap of ours or a fault is still what ends the process, and not the sandbox. */
static void do_crash(void)
{
	raise(SIGILL);
}

static void a_crash_stays_a_crash(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_SAVER; t++) {
		confined((enum sandbox_thread)t, do_crash);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
	}
}

/* The text is made when it is read. */
static void do_tell_status(void)
{
	char text[4096];
	ssize_t n = read(proc_fd, text, sizeof(text));

	for (char *line = text; n > 0 && line < text + n; line = strchr(line, '\n') + 1)
		if (!strncmp(line, "NoNewPrivs:\t1\n", 14) || !strncmp(line, "Seccomp:\t2\n", 11))
			if (write(STDERR_FILENO, line, 1) < 0)
				return;
}

static void no_new_privileges(void **state)
{
	(void)state;
	for (int t = 0; t < SANDBOX_SAVER; t++) {
		confined((enum sandbox_thread)t, do_tell_status);
		assert_int_equal(WEXITSTATUS(status), DID_ALL);
		assert_string_equal(said, "NS");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forbidden_call_ends_the_process),
		cmocka_unit_test(the_saver_opens_files_and_no_more),
		cmocka_unit_test(each_thread_has_its_own_list),
		cmocka_unit_test(another_abi_is_no_way_out),
		cmocka_unit_test(what_is_needed_is_allowed),
		cmocka_unit_test(needs_are_asked_for),
		cmocka_unit_test(what_is_refused_ends_nothing),
		cmocka_unit_test(one_file_is_lent),
		cmocka_unit_test(a_crash_stays_a_crash),
		cmocka_unit_test(no_new_privileges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
