/* See x86_64_sleeper.h. Nothing here may touch memory, the stack included. */
#include <asm/unistd.h>

#define PAGE 4096
#define MEMORY_END 0x7ffffffff000
#define PR_SET_DUMPABLE 4
#define PR_SET_PTRACER 0x59616d61

	.section .text.x86_64_sleep, "ax", @progbits
	.balign PAGE
	.globl x86_64_sleep
	.hidden x86_64_sleep
	.type x86_64_sleep, @function
x86_64_sleep:
	mov	%edi, %r12d
	mov	%rsi, %r14
	mov	%rdx, %r15
	lea	x86_64_sleep(%rip), %r13

	xor	%edi, %edi
	mov	%r13, %rsi
	mov	$__NR_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	2f

	lea	PAGE(%r13), %rdi
	mov	%r14, %rsi
	sub	%rdi, %rsi
	mov	$__NR_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	2f

	mov	%r15, %rdi
	movabs	$MEMORY_END, %rsi
	sub	%rdi, %rsi
	mov	$__NR_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	2f

	mov	$PR_SET_PTRACER, %edi	/* EINVAL without Yama */
	mov	$-1, %rsi
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$__NR_prctl, %eax
	syscall

	mov	$PR_SET_DUMPABLE, %edi
	mov	$1, %esi
	mov	$__NR_prctl, %eax
	syscall
	test	%rax, %rax
	jnz	2f

	mov	%r12d, %edi
	mov	%r13, %rsi
	mov	$1, %edx
	mov	$__NR_write, %eax
	syscall

1:	mov	$__NR_pause, %eax
	syscall
	jmp	1b

2:	mov	$1, %edi
	mov	$__NR_exit, %eax
	syscall
	ud2
	.balign PAGE
	.size x86_64_sleep, . - x86_64_sleep

	.section .note.GNU-stack, "", @progbits
