// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* REG_RDI, AT_EMPTY_PATH */
#include "sandbox.h"
#include "terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED
#endif
#endif

#define NAMES_MAX   512 /* numbers of system calls */
#define ARGS_SHOWN  3
#define MESSAGE_MAX 256

/* -- a forbidden call ------------------------------------------------------------------------------------ */

/* A signal handler has no other way to find these. libseccomp allocates a name, so all are made beforehand. */
static char *names[NAMES_MAX];
static _Thread_local char self[16]; /* this thread's name */

struct message {
	char text[MESSAGE_MAX];
	size_t len;
};

static void put(struct message *m, const char *text)
{
	for (; *text && m->len < sizeof(m->text); text++)
		m->text[m->len++] = *text;
}

static void put_hex(struct message *m, uint64_t value)
{
	char text[19], *at = text + sizeof(text) - 1;

	*at = 0;
	do
		*--at = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	*--at = 'x';
	*--at = '0';
	put(m, at);
}

static void tell(const struct message *m)
{
	if (write(STDERR_FILENO, m->text, m->len) < 0)
		return; /* nobody listens; the exit status tells */
}

static void end(unsigned nr, const greg_t *regs)
{
	const greg_t args[ARGS_SHOWN] = {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX]};
	struct message m = {.len = 0};

	terminal_restore();
	put(&m, "ringside-vmm: sandbox: the thread ");
	put(&m, self);
	put(&m, " made the system call ");
	if (nr < NAMES_MAX && names[nr])
		put(&m, names[nr]);
	else
		put_hex(&m, nr);
	for (int i = 0; i < ARGS_SHOWN; i++) {
		put(&m, i ? ", " : "(");
		put_hex(&m, (uint64_t)args[i]);
	}
	put(&m, "), which is not on its list; ended (docs/sandbox.md)\n");
	tell(&m);
	_exit(SANDBOX_STATUS);
}

/* The file that is lent. A copy has its place in the file in common with it, and so with the copies before. */
static struct {
	const char *path; /* NULL: none is */
	int fd;
} lent = {NULL, -1};

void sandbox_lend(const char *path)
{
	if (lent.path)
		return;
	lent.fd = open(path, O_RDONLY | O_CLOEXEC);
	lent.path = path;
}

static int copy_lent(void)
{
	int fd = fcntl(lent.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	return fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd;
}

/* True: the call was about the lent file, and *result is what it answers. */
static bool ask_lent(unsigned nr, const greg_t *regs, greg_t *result)
{
	const char *path = (const char *)regs[REG_RSI]; /* of both calls */

	if (!lent.path || !path || (nr != SYS_openat && nr != SYS_newfstatat) || strcmp(path, lent.path))
		return false;
	if (nr == SYS_openat)
		*result = copy_lent();
	else
		*result = fstat(lent.fd, (struct stat *)regs[REG_RDX]) ? -errno : 0;
	return true;
}

/* SIGSYS: the kernel did not make the call. Only what may be done in a signal handler, and by every thread. */
static void on_forbidden(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;

	(void)sig;
	if (!ask_lent((unsigned)info->si_syscall, regs, &regs[REG_RAX]))
		end((unsigned)info->si_syscall, regs);
	errno = saved;
}

int sandbox_prepare(char err[ERR_MAX])
{
	struct sigaction action;

#ifdef M_ARENA_MAX
	/* Where malloc has an arena for each thread, it opens a file of /proc when one that is not main's shrinks. */
	mallopt(M_ARENA_MAX, 1);
#endif

	for (int nr = 0; nr < NAMES_MAX; nr++)
		if (!names[nr])
			names[nr] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_forbidden;
	action.sa_flags = SA_SIGINFO;
	sigfillset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) ? err_set(err, "sigaction: %s", strerror(errno)) : 0;
}

/* -- builds with AddressSanitizer ------------------------------------------------------------------------- */

#ifdef SANDBOX_SANITIZED
#include <sanitizer/lsan_interface.h>

/* To look for leaks at the end, a process of its own opens and traces everything: not in a sandbox. */
int __lsan_is_turned_off(void)
{
	return self[0] != 0;
}
#endif

/* -- the lists ------------------------------------------------------------------------------------------- */

#define VCPU  (1u << SANDBOX_VCPU)
#define MAIN  (1u << SANDBOX_MAIN)
#define BOTH  (VCPU | MAIN)
#define SAVER (1u << SANDBOX_SAVER)
#define ALL   (BOTH | SAVER)

#define ALWAYS   0u
#define DISK     SANDBOX_DISK
#define USER_NET SANDBOX_USER_NET
#define TAP      SANDBOX_TAP
#define PORT     SANDBOX_PORT
#define CONTROL  SANDBOX_CONTROL
#define RECORD   SANDBOX_RECORD
#define SAVE     SANDBOX_SAVE

struct rule {
	unsigned threads, need;
	uint32_t action;
	int call;
	unsigned arg_count; /* 0: whatever the arguments */
	unsigned arg;
	uint64_t mask, value;
};

static int add_rules(scmp_filter_ctx filter, enum sandbox_thread thread, unsigned needs)
{
#define CALL(threads, need, call, why) {threads, need, SCMP_ACT_ALLOW, SCMP_SYS(call), 0, 0, 0, 0},
#define CALL_ARG(threads, need, call, arg, mask, value, why) \
	{threads, need, SCMP_ACT_ALLOW, SCMP_SYS(call), 1, arg, mask, value},
#define REFUSED(threads, need, call, arg, mask, value, why) \
	{threads, need, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(call), 1, arg, mask, value},
#define IOCTL(threads, need, request, why) CALL_ARG(threads, need, ioctl, 1, UINT32_MAX, request, why)
	const struct rule rules[] = {
#include "sandbox_calls.def"
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];

		if ((r->threads & 1u << thread) && (r->need == ALWAYS || (r->need & needs)))
			rc = seccomp_rule_add(filter, r->action, r->call, r->arg_count,
					      SCMP_CMP(r->arg, SCMP_CMP_MASKED_EQ, r->mask, r->value));
	}
	return rc;
}

int sandbox_enter(enum sandbox_thread thread, unsigned needs, const char *name, char err[ERR_MAX])
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc;

	if (!filter)
		return err_set(err, "sandbox: out of memory");
	snprintf(self, sizeof(self), "%s", name);
	rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = seccomp_syscall_priority(filter, SCMP_SYS(ioctl), UINT8_MAX); /* for KVM_RUN */
	if (!rc)
		rc = add_rules(filter, thread, needs);
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc)
		return err_set(err, "the sandbox: %s; a kernel without seccomp filters needs --sandbox off",
			       strerror(-rc));
	return 0;
}
