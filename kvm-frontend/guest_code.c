// SPDX-License-Identifier: BSD-2-Clause
#include "guest_code.h"
#include <errno.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define TABLES_AT 0x0u /* PML4, PDPT, eight page directories of 2 MiB pages */
#define CODE_AT   0xa000u
#define MAIL_AT   0xb000u
#define ALL_LEN   0x40000u
#define PAGE      0x1000u
#define PRESENT   3u    /* and writable */
#define LARGE     0x80u /* a page of 2 MiB */

_Static_assert(MAIL_AT + sizeof(struct guest_mail) <= ALL_LEN, "the mailbox fits");
_Static_assert(offsetof(struct guest_mail, data) == 32 && LAYOUT_PORT_INTERPRETER == 0x608,
	       "the code knows both");

/* rbx: the mailbox. Plain instructions only: where the processor has no virtualisation KVM interprets them.
 */
__asm__(".pushsection .rodata\n"
	".globl guest_code_begin, guest_code_len\n"
	"guest_code_begin:\n"
	".Lnext:	mov	$0x608, %dx\n"
	"	outb	%al, (%dx)\n"
	"	mov	8(%rbx), %rdi\n"
	"	mov	16(%rbx), %rcx\n"
	"	mov	24(%rbx), %rax\n"
	"	cmpl	$1, (%rbx)\n"
	"	je	.Lwrite\n"
	"	ja	.Lread\n"
	"	lea	32(%rbx), %rsi\n"
	"	rep movsb\n"
	"	jmp	.Lnext\n"
	".Lwrite:	cmp	$2, %ecx\n"
	"	jb	1f\n"
	"	je	2f\n"
	"	cmp	$4, %ecx\n"
	"	je	4f\n"
	"	mov	%rax, (%rdi)\n"
	"	jmp	.Lnext\n"
	"1:	mov	%al, (%rdi)\n"
	"	jmp	.Lnext\n"
	"2:	mov	%ax, (%rdi)\n"
	"	jmp	.Lnext\n"
	"4:	mov	%eax, (%rdi)\n"
	"	jmp	.Lnext\n"
	".Lread:	xor	%eax, %eax\n"
	"	cmp	$2, %ecx\n"
	"	jb	1f\n"
	"	je	2f\n"
	"	cmp	$4, %ecx\n"
	"	je	4f\n"
	"	mov	(%rdi), %rax\n"
	"	jmp	9f\n"
	"1:	mov	(%rdi), %al\n"
	"	jmp	9f\n"
	"2:	mov	(%rdi), %ax\n"
	"	jmp	9f\n"
	"4:	mov	(%rdi), %eax\n"
	"9:	mov	%rax, 24(%rbx)\n"
	"	jmp	.Lnext\n"
	"guest_code_end:\n"
	".balign 8\n"
	"guest_code_len:	.quad guest_code_end - guest_code_begin\n"
	".popsection\n");
extern const uint8_t guest_code_begin[];
extern const uint64_t guest_code_len;

static void write_tables(uint8_t *base)
{
	uint64_t *table = (uint64_t *)(void *)(base + TABLES_AT);
	uint64_t here = LAYOUT_INTERPRETER + TABLES_AT, large = LAYOUT_INTERPRETER_REACH >> 21;

	table[0] = (here + PAGE) | PRESENT;
	for (uint64_t i = 0; i < large / 512; i++)
		table[512 + i] = (here + (2 + i) * PAGE) | PRESENT;
	for (uint64_t i = 0; i < large; i++)
		table[1024 + i] = i << 21 | LARGE | PRESENT;
}

static int set_registers(int vcpu_fd, char err[ERR_MAX])
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = LAYOUT_INTERPRETER + CODE_AT, .rbx = LAYOUT_INTERPRETER + MAIL_AT, .rflags = 2};

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &s))
		return err_set(err, "KVM_GET_SREGS: %s", strerror(errno));
	s.cr3 = LAYOUT_INTERPRETER + TABLES_AT;
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &s) || ioctl(vcpu_fd, KVM_SET_REGS, &r))
		return err_set(err, "KVM_SET_SREGS: %s", strerror(errno));
	return 0;
}

struct guest_mail *guest_code_create(struct vmm *vmm, char err[ERR_MAX])
{
	uint8_t *base = mmap(NULL, ALL_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.slot = vmm->map.nregions,
		.guest_phys_addr = LAYOUT_INTERPRETER,
		.memory_size = ALL_LEN,
		.userspace_addr = (uintptr_t)base,
	};

	if (base == MAP_FAILED) {
		err_set(err, "out of memory");
		return NULL;
	}
	write_tables(base);
	memcpy(base + CODE_AT, guest_code_begin, guest_code_len);
	if (ioctl(vmm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot))
		err_set(err, "KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
	else if (!set_registers(vmm->vcpu[0].fd, err))
		return (struct guest_mail *)(void *)(base + MAIL_AT);
	munmap(base, ALL_LEN);
	return NULL;
}

void guest_code_destroy(struct guest_mail *mail)
{
	if (mail)
		munmap((uint8_t *)mail - MAIL_AT, ALL_LEN);
}
