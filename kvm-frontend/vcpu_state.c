// SPDX-License-Identifier: BSD-2-Clause
#include "vcpu_state.h"
#include "boot/layout.h"
#include "boot/tables.h"
#include "cpuid.h"
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

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

static int set_cpuid(const struct vcpu_place *p, char err[ERR_MAX])
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));
	bool deadline = ioctl(p->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	int rc = 0;

	if (!cpuid)
		return err_set(err, "out of memory");
	cpuid->nent = CPUID_MAX;
	if (ioctl(p->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		rc = err_set(err, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	else if (!cpuid_has_kvm(cpuid))
		rc = err_set(
			err,
			"this KVM has no paravirtual clock, without which the guest cannot tell the time");
	else if (!cpuid_fix(cpuid, p->nr, p->cpus, deadline))
		rc = err_set(err, "this KVM tells more of its processor than there is room for");
	else if (ioctl(p->fd, KVM_SET_CPUID2, cpuid))
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

int vcpu_state_init(const struct vcpu_place *p, const struct boot_image *image, char err[ERR_MAX])
{
	if (set_cpuid(p, err) || set_msrs(p->fd, err))
		return -1;
	if (p->nr)
		return 0; /* waits to be started: the guest tells it where */
	return set_sregs(p->fd, image, err) || set_regs(p->fd, image, err) ? -1 : 0;
}
