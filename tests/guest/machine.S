// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tiny freestanding guests for tests/e2e/machine.sh: 32-bit code behind a PVH note, as small as a guest can be.
 * One source, one program per -DTEST_name; each checks one way in which the machine is left.
 */
	.code32
	.section .note.pvh, "a", @note
	.align	4
	.long	4, 4, 18		/* name and descriptor lengths, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start

#define COM1	      0x3f8
#define SLEEP_CONTROL 0x600
#define RESET	      0x602
#define SLP_EN_S5     0x34		/* SLP_EN, SLP_TYP 5 */

	.text
	.globl	start
start:
	mov	$stack_top, %esp	/* the boot protocol gives no stack */
	cmpl	$0x336ec578, (%ebx)	/* start info: the magic */
	jne	fault
	mov	$hello, %esi
	call	puts
#if defined(TEST_poweroff)
	mov	24(%ebx), %esi		/* start info: the command line */
	call	puts
	mov	$newline, %esi
	call	puts
	call	power_off
#elif defined(TEST_reset)
	mov	$RESET, %dx
	mov	$1, %al
	outb	%al, %dx
#elif defined(TEST_bios)
	/* As Linux reboots through the BIOS: back to real mode, and a jump to where a PC restarts. */
	mov	$real, %esi
	mov	$0x8000, %edi
	mov	$real_end - real, %ecx
	rep movsb
	lgdt	gdt_pointer
	ljmp	$8, $0x8000
	.code16
real:	mov	%cr0, %eax
	and	$0xfe, %al		/* PE off */
	mov	%eax, %cr0
	ljmp	$0xffff, $0
real_end:
	.code32
#elif defined(TEST_fault)
	jmp	fault
#elif defined(TEST_echo)
	/* Raises RTS, then echoes lines with a polled UART until a dot comes. */
	mov	$COM1 + 4, %dx
	mov	$2, %al
	outb	%al, %dx
1:	mov	$COM1 + 5, %dx
	inb	%dx, %al
	test	$1, %al
	jz	1b
	mov	$COM1, %dx
	inb	%dx, %al
	outb	%al, %dx
	cmp	$'.', %al
	jne	1b
	call	power_off
#elif defined(TEST_echoirq)
	/* The same with the FIFO on, woken from HLT by the port's interrupt: I/O APIC pin 4, vector 0x30, edge. */
	mov	$handler, %eax		/* interrupt gate 0x30: selector LAYOUT_SEL_CODE32, present */
	mov	%ax, idt + 0x30 * 8
	movw	$0x20, idt + 0x30 * 8 + 2
	movw	$0x8e00, idt + 0x30 * 8 + 4
	shr	$16, %eax
	mov	%ax, idt + 0x30 * 8 + 6
	lidt	idt_pointer
	movl	$0x1ff, 0xfee000f0	/* local APIC on */
	movl	$0x18, 0xfec00000
	movl	$0x30, 0xfec00010	/* pin 4: vector 0x30, fixed, edge, unmasked */
	movl	$0x19, 0xfec00000
	movl	$0, 0xfec00010
	mov	$COM1 + 2, %dx
	mov	$0xc1, %al		/* FIFO, trigger level 14 */
	outb	%al, %dx
	mov	$COM1 + 1, %dx
	mov	$1, %al			/* tell received data */
	outb	%al, %dx
	mov	$COM1 + 4, %dx
	mov	$2, %al			/* RTS */
	outb	%al, %dx
1:	sti
	hlt
	jmp	1b
handler:
	mov	$COM1 + 5, %dx
	inb	%dx, %al
	test	$1, %al
	jz	2f
	mov	$COM1, %dx
	inb	%dx, %al
	outb	%al, %dx
	cmp	$'.', %al
	jne	handler
	call	power_off
2:	movl	$0, 0xfee000b0		/* end of interrupt */
	mov	$stack_top, %esp	/* some machines' KVM interprets guests and lacks iret: what was interrupted */
	jmp	1b			/* is the loop above, at its start */
#elif defined(TEST_flood)
	mov	$COM1, %dx
1:	outb	%al, %dx
	jmp	1b
#elif defined(TEST_ports)
	/* Ports and addresses where nothing is read all ones. */
	mov	$0x60, %dx
	inl	%dx, %eax
	cmp	$-1, %eax
	jne	fault
	mov	0xdffff000, %eax
	cmp	$-1, %eax
	jne	fault
	movl	$1, 0xdffff000
	/* A sleep type that is not S5, or without SLP_EN, does nothing. */
	mov	$SLEEP_CONTROL, %dx
	mov	$0x2c, %al
	outb	%al, %dx
	mov	$0x14, %al
	outb	%al, %dx
	mov	$RESET, %dx
	mov	$0x80, %al
	outb	%al, %dx
	/* The RSDP is where the start info says. */
	mov	32(%ebx), %eax
	cmpl	$0x20445352, (%eax)	/* "RSD " */
	jne	fault
	call	power_off
#elif defined(TEST_initrd)
	/* Prints the initrd: a text that the test wrote. */
	cmpl	$1, 12(%ebx)
	jne	fault
	mov	16(%ebx), %eax
	mov	(%eax), %esi		/* module: address, length */
	mov	8(%eax), %ecx
	mov	$COM1, %dx
	rep outsb
	call	power_off
#elif defined(TEST_smpoff) || defined(TEST_smpreset) || defined(TEST_smpfault)
	/*
	 * Starts all other processors at 0x8000, by INIT and SIPI. The second of them to come ends the machine, while this one
	 * and the first run on.
	 */
	mov	$other, %esi
	mov	$0x8000, %edi
	mov	$other_end - other, %ecx
	rep movsb
	movl	$0x1ff, 0xfee000f0	/* local APIC on */
	movl	$0xc4500, 0xfee00300	/* INIT, to all but this one */
	movl	$0xc4608, 0xfee00300	/* SIPI, vector 8 */
1:	pause
	jmp	1b
	.code16
other:	xor	%ax, %ax
	mov	%ax, %ds
	inc	%ax
	lock xadd %ax, 0x8ff0
	cmp	$1, %ax
1:	jne	1b
	mov	$COM1, %dx
	mov	$'2', %al
	outb	%al, %dx
	mov	$10, %al
	outb	%al, %dx
#ifdef TEST_smpoff
	mov	$SLEEP_CONTROL, %dx
	mov	$SLP_EN_S5, %al
	outb	%al, %dx
#elif defined(TEST_smpreset)
	mov	$RESET, %dx
	mov	$1, %al
	outb	%al, %dx
#endif
	lidt	0x8ff8			/* limit 0: no handler */
	ud2
other_end:
	.code32
#elif defined(TEST_hang)
	cli
1:	hlt
	jmp	1b
#elif defined(TEST_spin)
1:	jmp	1b
#endif
fault:	/* No IDT: the exception becomes a triple fault. */
	ud2

puts:	/* esi: text */
	mov	$COM1, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	ret

power_off:
	mov	$SLEEP_CONTROL, %dx
	mov	$SLP_EN_S5, %al
	outb	%al, %dx
	jmp	fault			/* not reached */

	.section .rodata
hello:	.asciz	"hello from the guest\n"
newline: .asciz "\n"

	.data
	.balign	8
gdt:	.quad	0, 0x00009b000000ffff	/* 8: 16-bit code, base 0, limit 64 KiB */
gdt_pointer:
	.word	15
	.long	gdt
idt_pointer:
	.word	0x31 * 8 - 1
	.long	idt

	.bss
	.balign	8
idt:	.skip	0x31 * 8
	.skip	256
stack_top:
