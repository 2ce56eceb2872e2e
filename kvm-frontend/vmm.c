// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* sigabbrev_np */
#include "vmm.h"
#include "control.h"
#include "guest_run.h"
#include "load.h"
#include "memory.h"
#include "sandbox.h"
#include "vm_save.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define KVM_DEVICE       "/dev/kvm"
#define STATUS_TRIPLE    3
#define STATUS_KVM       4
#define STATUS_SIGNALLED 128

static int open_kvm(struct vmm *vmm, char err[ERR_MAX])
{
	int version;

	vmm->kvm_fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (vmm->kvm_fd < 0 && (errno == EACCES || errno == EPERM))
		return err_set(err, "no permission to open " KVM_DEVICE
				    "; add your user to the group that owns it (kvm)");
	if (vmm->kvm_fd < 0)
		return err_set(err,
			       "cannot open " KVM_DEVICE
			       ": %s; load the kvm module, or switch virtualisation on in "
			       "the firmware",
			       strerror(errno));
	version = ioctl(vmm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return err_set(err, KVM_DEVICE " is no KVM, or has another version of its interface (%d)",
			       version);
	return 0;
}

static int check_extensions(int kvm_fd, unsigned cpus, char err[ERR_MAX])
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{KVM_CAP_IRQCHIP, "in-kernel interrupt controllers"},
		{KVM_CAP_IRQ_ROUTING, "interrupt routing"},
		{KVM_CAP_IRQFD, "irqfd"},
		{KVM_CAP_IOEVENTFD, "ioeventfd"},
		{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
		{KVM_CAP_USER_MEMORY, "user memory"},
	};

	int most;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(kvm_fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return err_set(err, "this host's KVM is too old: it lacks %s", needed[i].name);
	most = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (most > 0 && cpus > (unsigned)most)
		return err_set(err, "--cpus: %u are more than this host's KVM gives: %d", cpus, most);
	return 0;
}

/*
 * GSIs go to the I/O APIC alone. KVM's own table sends the first 16 to the old PIC too, and as nobody
 * initialises that one on a hardware-reduced machine, it would answer with the vectors of processor
 * exceptions.
 */
static int route_gsis(int vm_fd, char err[ERR_MAX])
{
	union {
		struct kvm_irq_routing table;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			     LAYOUT_GSI_COUNT * sizeof(struct kvm_irq_routing_entry)];
	} u;

	memset(&u, 0, sizeof(u));
	u.table.nr = LAYOUT_GSI_COUNT;
	for (uint32_t i = 0; i < LAYOUT_GSI_COUNT; i++) {
		struct kvm_irq_routing_entry *entry = &u.table.entries[i];

		entry->gsi = i;
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		entry->u.irqchip.pin = i;
	}
	if (ioctl(vm_fd, KVM_SET_GSI_ROUTING, &u.table))
		return err_set(err, "KVM_SET_GSI_ROUTING: %s", strerror(errno));
	return 0;
}

static int create_vm(struct vmm *vmm, char err[ERR_MAX])
{
	uint64_t identity = LAYOUT_KVM_IDENTITY;

	do
		vmm->vm_fd = ioctl(vmm->kvm_fd, KVM_CREATE_VM, 0);
	while (vmm->vm_fd < 0 && errno == EINTR);
	if (vmm->vm_fd < 0)
		return err_set(err, "KVM_CREATE_VM: %s", strerror(errno));
	/* Both must come before the first vCPU; only KVM on Intel uses them. */
	if (ioctl(vmm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) ||
	    ioctl(vmm->vm_fd, KVM_SET_TSS_ADDR, LAYOUT_KVM_TSS))
		return err_set(err, "KVM_SET_TSS_ADDR: %s", strerror(errno));
	if (ioctl(vmm->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return err_set(err, "KVM_CREATE_IRQCHIP: %s", strerror(errno));
	if (route_gsis(vmm->vm_fd, err))
		return -1;
	return memory_attach(&vmm->map, vmm->vm_fd, err);
}

static void on_signal(void *ctx)
{
	struct vmm *vmm = ctx;
	struct signalfd_siginfo info;

	if (read(vmm->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		vm_save_now(vmm);
		return;
	}
	vmm->signal = (int)info.ssi_signo;
	vmm_end(vmm, VMM_SIGNAL, "ended by SIG%s", sigabbrev_np(vmm->signal));
}

/* All threads block the signals; the loop reads them, so that they end the machine in order. */
static int catch_signals(struct vmm *vmm, char err[ERR_MAX])
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGUSR1);
	signal(SIGPIPE, SIG_IGN); /* a console that is closed is an error of write(), not our end */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_set(err, "sigprocmask: %s", strerror(errno));
	vmm->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (vmm->signal_fd < 0 || !loop_add_fd(&vmm->loop, vmm->signal_fd, on_signal, vmm))
		return err_set(err, "signalfd: %s", strerror(errno));
	return 0;
}

static int quit_command(void *ctx, unsigned words, char *word[], char err[ERR_MAX])
{
	if (words != 1)
		return err_set(err, "%s takes nothing more", word[0]);
	vmm_end(ctx, VMM_QUIT, NULL);
	return 0;
}

/* The ways for a person to talk to the machine and to the guest. */
static int open_consoles(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	if (o->control) {
		vmm->control = control_create(o->control, &vmm->loop, err);
		if (!vmm->control)
			return -1;
		control_add(vmm->control, "quit", "end the machine at once, as Ctrl-A x does", quit_command,
			    vmm);
	}
	return com1_open(&vmm->com1, &vmm->loop, o->serial, &vmm->ended, err);
}

/* What the threads will have to do: enum sandbox_need. */
static unsigned needs(const struct options *o)
{
	unsigned needs = (o->disk_count ? SANDBOX_DISK : 0u) | (o->control ? SANDBOX_CONTROL : 0u) |
			 (o->record ? SANDBOX_RECORD : 0u) | (o->save[0] ? SANDBOX_SAVE : 0u) |
			 (o->port_count ? SANDBOX_PORT : 0u);

	for (unsigned i = 0; i < o->net_count; i++)
		needs |= o->nets[i].tap[0] ? SANDBOX_TAP : SANDBOX_USER_NET;
	return needs;
}

int vmm_create(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	struct boot_ram ram;
	uint64_t memory_len;

	memset(vmm, 0, sizeof(*vmm));
	vmm->kvm_fd = vmm->vm_fd = vmm->signal_fd = vmm->com1_irq_fd = vmm->privilege.root_fd = -1;
	pthread_mutex_init(&vmm->gate, NULL);
	pthread_mutex_init(&vmm->pause_lock, NULL);
	pthread_cond_init(&vmm->pause_cond, NULL);
	vmm->cpus = o->cpus;
	for (unsigned i = 0; i < LAYOUT_CPUS_MAX; i++)
		vmm->vcpu[i].fd = -1;
	vmm->sandboxed = !o->no_sandbox;
	vmm->sandbox_needs = needs(o);
	if (loop_create(&vmm->loop))
		return err_set(err, "epoll: %s", strerror(errno));
	if (privilege_prepare(&vmm->privilege, o->user, o->chroot, err) ||
	    vm_save_prepare(vmm, o, &memory_len, err))
		return -1;
	if (o->guest_program)
		vmm->guest = guest_run_create(vmm, o->guest_program, err);
	if (o->guest_program ? !vmm->guest : memory_create(&vmm->map, memory_len, err) != 0)
		return -1;
	ram = memory_boot_ram(&vmm->map);
	if (!vmm->guest && !vmm->restore && load_guest(o, &ram, &vmm->image, err))
		return -1;
	if (open_kvm(vmm, err) || check_extensions(vmm->kvm_fd, vmm->cpus, err) || create_vm(vmm, err) ||
	    catch_signals(vmm, err))
		return -1;
	return vmm->guest ? 0 : open_consoles(vmm, o, err);
}

int vmm_add_device(struct vmm *vmm, const struct mmio_ops *ops, void *ctx, struct acpi_virtio *out,
		   char err[ERR_MAX])
{
	unsigned n = vmm->slot_count;

	if (n == LAYOUT_VIRTIO_MAX)
		return err_set(err, "too many devices: each has an interrupt of its own, and there are %d",
			       LAYOUT_VIRTIO_MAX);
	*out = (struct acpi_virtio){
		.base = (uint32_t)(LAYOUT_MMIO + n * LAYOUT_MMIO_STEP),
		.len = (uint32_t)LAYOUT_MMIO_STEP,
		.gsi = LAYOUT_GSI_VIRTIO_FIRST + n,
	};
	if (mmio_bus_add(&vmm->mmio, out->base, out->len, ops, ctx))
		return err_set(err, "no room on the MMIO bus for device %u", n);
	vmm->slots[vmm->slot_count++] = *out;
	return 0;
}

int vmm_irq_fd(struct vmm *vmm, uint32_t gsi)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi};

	if (fd >= 0 && ioctl(vmm->vm_fd, KVM_IRQFD, &irqfd)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int vmm_ioeventfd(struct vmm *vmm, uint64_t gpa, uint32_t len, uint64_t datamatch, int fd, bool add)
{
	struct kvm_ioeventfd ioeventfd = {
		.datamatch = datamatch,
		.addr = gpa,
		.len = len,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | (add ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vmm->vm_fd, KVM_IOEVENTFD, &ioeventfd) ? -1 : 0;
}

static int create_vcpus(struct vmm *vmm, char err[ERR_MAX])
{
	for (unsigned i = 0; i < vmm->cpus; i++)
		if (vcpu_create(&vmm->vcpu[i], vmm, i, vmm->cpus, &vmm->image, err))
			return -1;
	return 0;
}

/*
 * Everything is open. What is given up here is given up for good; -1 with some of it done is no matter, since
 * the process ends then.
 */
static int confine(struct vmm *vmm, char err[ERR_MAX])
{
	if (privilege_drop(&vmm->privilege, err) || sandbox_prepare(err) ||
	    vcpus_start(vmm->vcpu, vmm->cpus, err))
		return -1;
	return vmm->sandboxed ? sandbox_enter(SANDBOX_MAIN, vmm->sandbox_needs, "main", err) : 0;
}

/* No guest instruction runs before all threads are there and confined. */
static int start_vcpus(struct vmm *vmm, char err[ERR_MAX])
{
	int rc;

	pthread_mutex_lock(&vmm->gate);
	rc = confine(vmm, err);
	if (rc)
		vmm_end(vmm, VMM_HOST_ERROR, NULL);
	pthread_mutex_unlock(&vmm->gate);
	return rc;
}

/* A program has no firmware tables and no console, and its vCPU is in long mode from the first instruction
 * on. */
static int start_program(struct vmm *vmm, char err[ERR_MAX])
{
	vmm->image.kind = BOOT_LINUX64;
	if (create_vcpus(vmm, err) || guest_run_start(vmm->guest, err))
		return -1;
	return start_vcpus(vmm, err);
}

int vmm_start(struct vmm *vmm, char err[ERR_MAX])
{
	struct acpi_machine machine = {vmm->slots, vmm->slot_count, vmm->cpus};
	struct boot_ram ram = memory_boot_ram(&vmm->map);

	if (vmm->guest)
		return start_program(vmm, err);
	if (!vmm->restore && acpi_build(&machine, ram.base + LAYOUT_ACPI, LAYOUT_ACPI_MAX, LAYOUT_ACPI, err))
		return -1;
	vmm->com1_irq_fd = vmm_irq_fd(vmm, LAYOUT_GSI_COM1);
	if (vmm->com1_irq_fd < 0)
		return err_set(err, "KVM_IRQFD: %s", strerror(errno));
	if (create_vcpus(vmm, err) || (vmm->restore && vm_restore(vmm, err)) ||
	    com1_start(&vmm->com1, vmm->com1_irq_fd, err))
		return -1;
	return start_vcpus(vmm, err);
}

void vmm_end(struct vmm *vmm, enum vmm_end end, const char *fmt, ...)
{
	int running = VMM_RUNNING;
	va_list ap;

	/* message is written by the one who wins, and read after both threads are through. */
	if (atomic_compare_exchange_strong(&vmm->ended, &running, (int)end) && fmt) {
		va_start(ap, fmt);
		vsnprintf(vmm->message, sizeof(vmm->message), fmt, ap);
		va_end(ap);
	}
	loop_stop(&vmm->loop);
}

static int exit_status(const struct vmm *vmm)
{
	switch (atomic_load(&vmm->ended)) {
	case VMM_POWER_OFF:
	case VMM_RESET:
	case VMM_QUIT:
		return 0;
	case VMM_TRIPLE_FAULT:
		return STATUS_TRIPLE;
	case VMM_SIGNAL:
		return STATUS_SIGNALLED + vmm->signal;
	default:
		return STATUS_KVM;
	}
}

int vmm_run(struct vmm *vmm)
{
	if (loop_run(&vmm->loop))
		vmm_end(vmm, VMM_HOST_ERROR, "epoll: %s", strerror(errno));
	vmm_end(vmm, VMM_QUIT, NULL); /* only where nobody else said why the loop ended: Ctrl-A x */
	vcpus_stop(vmm->vcpu, vmm->cpus);
	if (!vmm->guest)
		com1_stop(&vmm->com1);
	if (vmm->message[0])
		fprintf(stderr, "ringside-vmm: %s\n", vmm->message);
	return vmm->guest ? guest_run_report(vmm->guest, exit_status(vmm)) : exit_status(vmm);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vmm_destroy(struct vmm *vmm)
{
	vcpus_stop(vmm->vcpu, vmm->cpus);
	com1_close(&vmm->com1);
	control_destroy(vmm->control);
	for (unsigned i = 0; i < vmm->cpus; i++)
		vcpu_destroy(&vmm->vcpu[i]);
	close_fd(&vmm->com1_irq_fd);
	close_fd(&vmm->signal_fd);
	close_fd(&vmm->vm_fd);
	close_fd(&vmm->kvm_fd);
	loop_destroy(&vmm->loop);
	memory_destroy(&vmm->map);
	privilege_close(&vmm->privilege);
	vm_save_destroy(vmm);
	pthread_mutex_destroy(&vmm->gate);
	pthread_mutex_destroy(&vmm->pause_lock);
	pthread_cond_destroy(&vmm->pause_cond);
	guest_run_destroy(vmm->guest);
	vmm->guest = NULL;
}
