// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where the tiny guest begins (tiny.c tells what it is): entry behind a PVH note, descriptor tables, interrupt stubs, and the
 * way out of a test case that failed. 32-bit code, no paging: KVM may interpret it (docs/boot-test.md), so only plain instructions.
 */
	.section .note.pvh, "a", @note
	.align	4
	.long	4, 4, 18		/* name and descriptor lengths, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start

	.text
	.globl	start
start:
	cli
	cld
	mov	$stack_top, %esp
	lgdt	gdt_pointer		/* the boot protocol promises flat segments, not that their table stays */
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	push	%ebx			/* start info */
	call	tiny_main
	ud2

/* bool guard(void (*fn)(void)): runs fn; false when it ended early, by bail(). Not to be nested. */
	.globl	guard
guard:
	push	%ebx
	push	%esi
	push	%edi
	push	%ebp
	mov	20(%esp), %eax
	mov	%esp, guard_esp
	call	*%eax
	mov	$1, %eax
	jmp	1f
	.globl	bail
bail:
	cli
	mov	guard_esp, %esp
	xor	%eax, %eax
1:	pop	%ebp
	pop	%edi
	pop	%esi
	pop	%ebx
	ret

/* One stub of 16 bytes for each vector from 0 to STUBS-1; the first 32 are exceptions. */
	.balign	16
	.globl	stubs
stubs:
	.set	vector, 0
	.rept	64
	.balign	16
	push	$vector
	jmp	interrupt
	.set	vector, vector + 1
	.endr

/*
 * KVM's interpreter has no IRET in protected mode, so the flags and the address are put in the order in which POPF and RET take
 * them: eip, cs, eflags becomes (nothing), eflags, eip. Same privilege level, same segment.
 */
interrupt:
	pusha
	push	32(%esp)
	call	on_vector
	add	$4, %esp
	popa
	add	$4, %esp		/* the vector */
	push	%eax
	mov	4(%esp), %eax
	xchg	%eax, 12(%esp)
	mov	%eax, 8(%esp)
	pop	%eax
	lea	4(%esp), %esp
	popf
	ret

	.section .rodata
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 8: code */
	.quad	0x00cf93000000ffff	/* 16: data */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.balign	16
guard_esp:
	.skip	16
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
