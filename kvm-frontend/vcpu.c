// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* pthread_timedjoin_np */
#include "vcpu.h"
#include "pio.h"
#include "sandbox.h"
#include "vcpu_state.h"
#include "vmm.h"
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KICK_SIGNAL   SIGRTMIN /* SIGUSR1 is for people */
#define KICK_AGAIN_NS 10000000
#define PAUSE_TRIES   500 /* kicks: 5 s */
#define INSN_LEN_MAX  15
#define RESET_RIP     0xfff0
#define RESET_CS      0xf000

static void on_kick(int sig)
{
	(void)sig; /* all it does is to interrupt a system call */
}

int vcpu_create(struct vcpu *vcpu, struct vmm *vmm, unsigned nr, unsigned cpus,
		const struct boot_image *image, char err[ERR_MAX])
{
	int run_len = ioctl(vmm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	vcpu->vmm = vmm;
	vcpu->nr = nr;
	sem_init(&vcpu->ready, 0, 0);
	vcpu->fd = ioctl(vmm->vm_fd, KVM_CREATE_VCPU, nr);
	if (vcpu->fd < 0 || run_len < (int)sizeof(struct kvm_run))
		return err_set(err, "KVM_CREATE_VCPU: %s", strerror(errno));
	run = mmap(NULL, (size_t)run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return err_set(err, "cannot map the vCPU: %s", strerror(errno));
	vcpu->run = run;
	vcpu->run_len = (size_t)run_len;
	return vcpu_state_init(&(struct vcpu_place){vmm->kvm_fd, vcpu->fd, nr, cpus}, image, err);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_len);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	if (vcpu->vmm)
		sem_destroy(&vcpu->ready);
	vcpu->run = NULL;
	vcpu->fd = -1;
}

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count * run->io.size; i++) {
		uint16_t port = (uint16_t)(run->io.port + i % run->io.size);

		if (run->io.direction == KVM_EXIT_IO_OUT)
			pio_write(vcpu->vmm, port, data[i]);
		else
			data[i] = pio_read(vcpu->vmm, port);
	}
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, sizeof(value));
		if (run->mmio.len < sizeof(value))
			value &= (UINT64_C(1) << run->mmio.len * 8) - 1;
		mmio_bus_write(&vcpu->vmm->mmio, run->mmio.phys_addr, run->mmio.len, value);
	} else {
		value = mmio_bus_read(&vcpu->vmm->mmio, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &value, sizeof(value));
	}
}

/* The bytes at the instruction pointer, through the guest's own page tables; 0 where that fails. */
static unsigned fetch_insn(struct vcpu *vcpu, uint64_t linear, uint8_t out[INSN_LEN_MAX])
{
	unsigned n = 0;

	for (; n < INSN_LEN_MAX; n++) {
		struct kvm_translation tr = {.linear_address = linear + n};
		struct vmem mem;

		vmem_init(&mem, &vcpu->vmm->map);
		if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) || !tr.valid ||
		    !vmem_read(&mem, VMEM_PAYLOAD, (gpa_t){tr.physical_address}, &out[n], 1))
			break;
	}
	return n;
}

/* "vCPU 1, rip 0x..., instruction 0f c7 ...": where the guest was, for the message that ends the machine. */
static void where(struct vcpu *vcpu, char text[ERR_MAX])
{
	uint8_t insn[INSN_LEN_MAX];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	unsigned n;
	int len = snprintf(text, ERR_MAX, "vCPU %u, rip ", vcpu->nr);

	/* KVM on AMD resets a vCPU that shut down, and what led to it is gone. */
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) ||
	    (regs.rip == RESET_RIP && sregs.cs.selector == RESET_CS)) {
		snprintf(text + len, (size_t)(ERR_MAX - len), "unknown");
		return;
	}
	len += snprintf(text + len, (size_t)(ERR_MAX - len), "0x%llx, instruction", regs.rip);
	n = fetch_insn(vcpu, sregs.cs.base + regs.rip, insn);
	for (unsigned i = 0; i < n; i++)
		len += snprintf(text + len, (size_t)(ERR_MAX - len), " %02x", insn[i]);
	if (n == 0)
		snprintf(text + len, (size_t)(ERR_MAX - len), " not readable");
}

static void exit_shutdown(struct vcpu *vcpu)
{
	char text[ERR_MAX];

	where(vcpu, text);
	vmm_end(vcpu->vmm, VMM_TRIPLE_FAULT, "the guest ended in a triple fault (%.200s)", text);
}

static void exit_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	char text[ERR_MAX];

	where(vcpu, text);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		vmm_end(vcpu->vmm, VMM_KVM_ERROR, "KVM cannot emulate a guest instruction (%.180s)", text);
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		vmm_end(vcpu->vmm, VMM_KVM_ERROR, "KVM internal error %u (%.180s)", run->internal.suberror,
			text);
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		vmm_end(vcpu->vmm, VMM_KVM_ERROR,
			"KVM cannot enter the guest, hardware reason 0x%llx (%.160s)",
			run->fail_entry.hardware_entry_failure_reason, text);
	else
		vmm_end(vcpu->vmm, VMM_KVM_ERROR, "KVM exit %u that this program does not know (%.180s)",
			run->exit_reason, text);
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		exit_shutdown(vcpu);
		break;
	default:
		exit_error(vcpu);
		break;
	}
}

/*
 * Waits while the machine is paused. What it left KVM for is over only once it has entered again (an access to a
 * register may come in pieces); immediate_exit sees to it that no instruction follows.
 */
static void park(struct vcpu *vcpu)
{
	struct vmm *vmm = vcpu->vmm;

	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	while (!ioctl(vcpu->fd, KVM_RUN, 0))
		handle_exit(vcpu);
	pthread_mutex_lock(&vmm->pause_lock);
	vcpu->parked = true;
	pthread_cond_broadcast(&vmm->pause_cond);
	while (atomic_load(&vmm->pausing))
		pthread_cond_wait(&vmm->pause_cond, &vmm->pause_lock);
	vcpu->parked = false;
	pthread_mutex_unlock(&vmm->pause_lock);
}

static void get_ready(struct vcpu *vcpu)
{
	char name[16];
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	snprintf(name, sizeof(name), "vCPU %u", vcpu->nr);
	vcpu->confined = !vcpu->vmm->sandboxed ||
			 !sandbox_enter(SANDBOX_VCPU, vcpu->vmm->sandbox_needs, name, vcpu->why);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;

	get_ready(vcpu);
	sem_post(&vcpu->ready);
	pthread_mutex_lock(&vcpu->vmm->gate);
	pthread_mutex_unlock(&vcpu->vmm->gate);
	while (atomic_load(&vcpu->vmm->ended) == VMM_RUNNING) {
		if (atomic_load(&vcpu->vmm->pausing))
			park(vcpu);
		else if (!ioctl(vcpu->fd, KVM_RUN, 0))
			handle_exit(vcpu);
		else if (errno == EINTR) /* perhaps somebody wanted a pause, and gave up */
			__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		else if (errno != EAGAIN)
			vmm_end(vcpu->vmm, VMM_KVM_ERROR, "KVM_RUN: %s", strerror(errno));
	}
	return NULL;
}

static int start(struct vcpu *vcpu, char err[ERR_MAX])
{
	int rc = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);

	if (rc)
		return err_set(err, "cannot start the thread of vCPU %u: %s", vcpu->nr, strerror(rc));
	vcpu->started = true;
	while (sem_wait(&vcpu->ready))
		; /* only a signal ends it early */
	return vcpu->confined ? 0 : err_set(err, "%s", vcpu->why);
}

int vcpus_start(struct vcpu *vcpu, unsigned n, char err[ERR_MAX])
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_kick; /* without SA_RESTART */
	sigaction(KICK_SIGNAL, &action, NULL);
	for (unsigned i = 0; i < n; i++)
		if (start(&vcpu[i], err))
			return -1;
	return 0;
}

static void kick_again_at(struct timespec *until)
{
	clock_gettime(CLOCK_REALTIME, until);
	until->tv_nsec += KICK_AGAIN_NS;
	if (until->tv_nsec >= 1000000000) {
		until->tv_sec++;
		until->tv_nsec -= 1000000000;
	}
}

/*
 * immediate_exit closes the gap between looking at `ended` and entering the guest. The same gap lies ahead of
 * a write to a console that nobody reads; there only a second kick helps.
 */
static void join(struct vcpu *vcpu)
{
	struct timespec until;

	do {
		pthread_kill(vcpu->thread, KICK_SIGNAL);
		kick_again_at(&until);
	} while (pthread_timedjoin_np(vcpu->thread, NULL, &until) == ETIMEDOUT);
	vcpu->started = false;
}

/* Those that are not parked are kicked; how many there are. Under the lock. */
static unsigned kick_the_others(struct vcpu *vcpu, unsigned n)
{
	unsigned others = 0;

	for (unsigned i = 0; i < n; i++) {
		if (vcpu[i].parked)
			continue;
		__atomic_store_n(&vcpu[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(vcpu[i].thread, KICK_SIGNAL);
		others++;
	}
	return others;
}

int vcpus_pause(struct vcpu *vcpu, unsigned n, char err[ERR_MAX])
{
	struct vmm *vmm = vcpu->vmm;
	struct timespec until;
	unsigned others;

	pthread_mutex_lock(&vmm->pause_lock);
	atomic_store(&vmm->pausing, true);
	for (unsigned i = 0; (others = kick_the_others(vcpu, n)) && i < PAUSE_TRIES; i++) {
		if (atomic_load(&vmm->ended) != VMM_RUNNING)
			break;
		kick_again_at(&until);
		pthread_cond_timedwait(&vmm->pause_cond, &vmm->pause_lock, &until);
	}
	pthread_mutex_unlock(&vmm->pause_lock);
	if (!others)
		return 0;
	vcpus_resume(vcpu);
	return err_set(err,
		       atomic_load(&vmm->ended) != VMM_RUNNING
			       ? "the machine ends"
			       : "%u vCPUs do not stop: does somebody read what the guest prints?",
		       others);
}

void vcpus_resume(struct vcpu *vcpu)
{
	struct vmm *vmm = vcpu->vmm;

	pthread_mutex_lock(&vmm->pause_lock);
	atomic_store(&vmm->pausing, false);
	pthread_cond_broadcast(&vmm->pause_cond);
	pthread_mutex_unlock(&vmm->pause_lock);
}

void vcpus_stop(struct vcpu *vcpu, unsigned n)
{
	/* All leave the guest before one is waited for: what they do after the end is nothing. */
	for (unsigned i = 0; i < n; i++) {
		if (!vcpu[i].started)
			continue;
		__atomic_store_n(&vcpu[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(vcpu[i].thread, KICK_SIGNAL);
	}
	for (unsigned i = 0; i < n; i++)
		if (vcpu[i].started)
			join(&vcpu[i]);
}
