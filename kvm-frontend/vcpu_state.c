// SPDX-License-Identifier: BSD-2-Clause
#include "vcpu_state.h"
#include "boot/layout.h"
#include "boot/tables.h"
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID_MAX 256

#define CPUID1_X2APIC       (1u << 21) /* ecx */
#define CPUID1_TSC_DEADLINE (1u << 24)
#define CPUID1_HYPERVISOR   (1u << 31)
#define CPUID1_HTT          (1u << 28) /* edx */
#define CPUID_KVM_SIGNATURE 0x40000000

#define CR0_PE       UINT64_C(0x00000001)
#define CR0_ET       UINT64_C(0x00000010)
#define CR0_NE       UINT64_C(0x00000020)
#define CR0_WP       UINT64_C(0x00010000)
#define CR0_PG       UINT64_C(0x80000000)
#define CR4_PAE      UINT64_C(0x20)
#define EFER_LME     UINT64_C(0x100)
#define EFER_LMA     UINT64_C(0x400)
#define RFLAGS_FIXED UINT64_C(0x2)

#define MSR_MISC_ENABLE   0x1a0
#define MISC_FAST_STRING  1
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE       (1u << 11)
#define MTRR_WRITE_BACK   6

/*
 * KVM answers with the host's topology, told by whichever processor asked. Ours has one thread, one core,
 * APIC id 0; a guest that sees two different ids for itself complains or maps interrupts wrongly.
 */
static void fix_topology(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0x1:
		e->ebx = (e->ebx & 0x0000ffff) | 1u << 16; /* APIC id 0, one logical processor */
		e->edx &= ~CPUID1_HTT;
		break;
	case 0x4: /* Intel: cores and threads that share a cache, less one */
		e->eax &= 0x3fff;
		break;
	case 0xb: /* extended topologies, Intel's and AMD's: no level is valid, x2APIC id 0 */
	case 0x1f:
	case 0x80000026:
		e->eax = e->ebx = e->edx = 0;
		break;
	case 0x80000008: /* AMD: number of cores, less one */
		e->ecx &= ~0xf0ffu;
		break;
	case 0x8000001d: /* AMD: threads that share a cache, less one */
		e->eax &= 0x3fff;
		break;
	case 0x8000001e: /* AMD: extended APIC, core and node ids */
		e->eax = e->ebx = e->ecx = 0;
		break;
	default:
		break;
	}
}

static bool fix_cpuid(int kvm_fd, struct kvm_cpuid2 *cpuid)
{
	bool kvmclock = false;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		fix_topology(e);
		if (e->function == CPUID_KVM_SIGNATURE)
			kvmclock = true;
		if (e->function != 0x1)
			continue;
		/* The local APIC is KVM's, so both are there whatever the processor has. KVM tells the
		 * deadline timer by a capability of its own, as it depends on that. */
		e->ecx |= CPUID1_X2APIC | CPUID1_HYPERVISOR;
		if (ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= CPUID1_TSC_DEADLINE;
	}
	return kvmclock;
}

static int set_cpuid(int kvm_fd, int vcpu_fd, char err[ERR_MAX])
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));
	int rc = 0;

	if (!cpuid)
		return err_set(err, "out of memory");
	cpuid->nent = CPUID_MAX;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		rc = err_set(err, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	else if (!fix_cpuid(kvm_fd, cpuid))
		rc = err_set(
			err,
			"this KVM has no paravirtual clock, without which the guest cannot tell the time");
	else if (ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid))
		rc = err_set(err, "KVM_SET_CPUID2: %s", strerror(errno));
	free(cpuid);
	return rc;
}

/* What firmware would have done: memory is write-back by default (else Linux runs uncached), fast strings are
 * on. */
static int set_msrs(int vcpu_fd, char err[ERR_MAX])
{
	union {
		struct kvm_msrs msrs;
		uint8_t room[sizeof(struct kvm_msrs) + 2 * sizeof(struct kvm_msr_entry)];
	} u;

	memset(&u, 0, sizeof(u));
	u.msrs.nmsrs = 2;
	u.msrs.entries[0].index = MSR_MISC_ENABLE;
	u.msrs.entries[0].data = MISC_FAST_STRING;
	u.msrs.entries[1].index = MSR_MTRR_DEF_TYPE;
	u.msrs.entries[1].data = MTRR_ENABLE | MTRR_WRITE_BACK;
	if (ioctl(vcpu_fd, KVM_SET_MSRS, &u.msrs) != 2)
		return err_set(err, "KVM_SET_MSRS: %s", strerror(errno));
	return 0;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code64)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !code64,
		.s = 1,
		.l = code64,
		.g = 1,
	};
}

static void set_segments(struct kvm_sregs *s, bool long_mode)
{
	struct kvm_segment data = segment(LAYOUT_SEL_DATA, 3, false);

	s->cs = segment(long_mode ? LAYOUT_SEL_CODE64 : LAYOUT_SEL_CODE32, 11, long_mode);
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){.limit = 0x67, .selector = LAYOUT_SEL_TSS, .type = 11, .present = 1};
	s->gdt.base = LAYOUT_GDT;
	s->gdt.limit = TABLES_GDT_LEN - 1;
	s->idt.base = 0;
	s->idt.limit = 0; /* no handler yet: an exception is a triple fault, told as such */
}

static int set_sregs(int vcpu_fd, const struct boot_image *image, char err[ERR_MAX])
{
	bool long_mode = image->kind == BOOT_LINUX64;
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &s))
		return err_set(err, "KVM_GET_SREGS: %s", strerror(errno));
	set_segments(&s, long_mode);
	s.cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (long_mode) {
		s.cr0 |= CR0_WP | CR0_PG;
		s.cr3 = LAYOUT_PAGE_TABLES;
		s.cr4 = CR4_PAE;
		s.efer = EFER_LME | EFER_LMA;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &s))
		return err_set(err, "KVM_SET_SREGS: %s", strerror(errno));
	return 0;
}

static int set_regs(int vcpu_fd, const struct boot_image *image, char err[ERR_MAX])
{
	struct kvm_regs regs;

	memset(&regs, 0, sizeof(regs));
	regs.rip = image->entry;
	regs.rflags = RFLAGS_FIXED;
	if (image->kind == BOOT_LINUX64)
		regs.rsi = LAYOUT_BOOT_PARAMS;
	else
		regs.rbx = LAYOUT_START_INFO;
	if (ioctl(vcpu_fd, KVM_SET_REGS, &regs))
		return err_set(err, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

int vcpu_state_init(int kvm_fd, int vcpu_fd, const struct boot_image *image, char err[ERR_MAX])
{
	if (set_cpuid(kvm_fd, vcpu_fd, err) || set_msrs(vcpu_fd, err) || set_sregs(vcpu_fd, image, err))
		return -1;
	return set_regs(vcpu_fd, image, err);
}
