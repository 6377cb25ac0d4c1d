/* Where redirected calls come through: between a trampoline (launcher/arch) and the kernel.
 *
 * In:   rax, rdi, rsi, rdx, r10, r8, r9 as at a syscall instruction; rcx: where the library resumes; r11:
 *       the trampoline's tail, which leads there. Came by a jump: no return address, red zone in use.
 * Out:  rax the result, rcx and r11 as they came in, everything else but flags untouched, by a jump
 *       to r11. Vector registers are never touched (the C code is compiled for general registers).
 *       While C code runs rbp holds the frame's address (it is compiled not to use rbp), so that a
 *       fault there, at a program's bad pointer or for want of memory for the ring, can be recovered
 *       from: the supervisor keeps the signal to itself (launcher/fastpath.c) and leads to hook_fault.
 *
 * Unwinding: at each instruction behind the frame's making the caller is the library at `resume`, with
 * its stack pointer behind frame and red zone. The frames are marked as a signal's, so that unwinders
 * look `resume` itself up, and not the instruction before it. In a trampoline: see there. */
#include "frame.h"

#include "ptwrap/fastpath.h"

#define WHOLE (FRAME_BYTES + FRAME_RED_ZONE)

/* DWARF's numbers: rsp 7, rip 16, rcx 2, rbp 6. */
.macro in_frame
	.cfi_def_cfa 7, WHOLE
	.cfi_offset 16, FRAME_RESUME - WHOLE
.endm

	.section .exempt, "ax", @progbits
	.globl hook_exempt
	.hidden hook_exempt
	.type hook_exempt, @function
hook_exempt:
	.cfi_startproc simple
	.cfi_signal_frame
	in_frame
	syscall
	jmp hook_back
	.cfi_endproc
	.size hook_exempt, . - hook_exempt

	.balign 8, 0xcc
	.globl exempt_leaf
	.hidden exempt_leaf
	.type exempt_leaf, @function
exempt_leaf:
	.cfi_startproc
	syscall
	ret
	.cfi_endproc
	.size exempt_leaf, . - exempt_leaf
	.balign 16, 0xcc

	.text
	.globl hook_entry
	.hidden hook_entry
	.type hook_entry, @function
hook_entry:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa 7, 0
	.cfi_register 16, 2
	lea -WHOLE(%rsp), %rsp
	.cfi_def_cfa 7, WHOLE
	mov %rcx, FRAME_RESUME(%rsp)
	in_frame
	mov %r11, FRAME_TAIL(%rsp)
	movl $0, FRAME_PUT_OFF(%rsp)
	mov %eax, %eax /* the kernel looks at the number's low half only */
	cmp $FASTPATH_NUMBERS, %eax
	jae plain
	cmpb $0, FASTPATH_PRIVATE(%rax)
	je plain
	mov %rdi, 0(%rsp)
	mov %rsi, 8(%rsp)
	mov %rdx, 16(%rsp)
	mov %r10, 24(%rsp)
	mov %r8, 32(%rsp)
	mov %r9, 40(%rsp)
	mov %rax, FRAME_NUMBER(%rsp)
	mov %rbp, FRAME_RBP(%rsp)
	.cfi_offset 6, FRAME_RBP - WHOLE
	mov %rsp, %rbp
	mov %rbx, FRAME_RBX(%rsp)
	mov %r12, FRAME_R12(%rsp)
	mov %r13, FRAME_R13(%rsp)
	mov %r14, FRAME_R14(%rsp)
	mov %r15, FRAME_R15(%rsp)
	movq $FRAME_BEFORE, FRAME_STAGE(%rsp)
	mov %rsp, %rdi
	call hook_before
	cmp $1, %eax
chosen:
	mov FRAME_RBP(%rsp), %rbp
	.cfi_same_value 6
	mov 0(%rsp), %rdi
	mov 8(%rsp), %rsi
	mov 16(%rsp), %rdx
	mov 24(%rsp), %r10
	mov 32(%rsp), %r8
	mov 40(%rsp), %r9
	mov FRAME_NUMBER(%rsp), %rax
	je hook_exempt
	ja done
plain:
	syscall
leave:
	mov FRAME_RESUME(%rsp), %rcx
	mov FRAME_TAIL(%rsp), %r11
	lea WHOLE(%rsp), %rsp
	.cfi_def_cfa 7, 0
	.cfi_register 16, 2
	jmp *%r11
	in_frame
	.globl hook_back
	.hidden hook_back
hook_back:
	mov %rax, FRAME_RESULT(%rsp)
done:
	mov %rbp, FRAME_RBP(%rsp)
	.cfi_offset 6, FRAME_RBP - WHOLE
	mov %rsp, %rbp
	movq $FRAME_AFTER, FRAME_STAGE(%rsp)
	.globl hook_staged
	.hidden hook_staged
hook_staged:
	mov %rsp, %rdi
	call hook_after
restore:
	mov FRAME_RBP(%rsp), %rbp
	.cfi_same_value 6
	cmpl $0, FRAME_PUT_OFF(%rsp)
	jne give
given:
	mov 0(%rsp), %rdi
	mov 8(%rsp), %rsi
	mov 16(%rsp), %rdx
	mov 24(%rsp), %r10
	mov 32(%rsp), %r8
	mov 40(%rsp), %r9
	mov FRAME_RESULT(%rsp), %rax
	jmp leave
/* The supervisor has put a signal off until here (launcher/act_redirected.c): it gives it for this trap. */
give:
	int3
	.globl hook_given
	.hidden hook_given
hook_given:
	jmp given
/* A fault in the C code: the supervisor has put the frame's address from rbp into rsp and leads here. */
	.globl hook_fault
	.hidden hook_fault
hook_fault:
	.cfi_offset 6, FRAME_RBP - WHOLE
	mov FRAME_RBX(%rsp), %rbx
	mov FRAME_R12(%rsp), %r12
	mov FRAME_R13(%rsp), %r13
	mov FRAME_R14(%rsp), %r14
	mov FRAME_R15(%rsp), %r15
	mov %rsp, %rdi
	cmpq $FRAME_GUARDED, FRAME_STAGE(%rsp)
	je guarded_fault
	cmpq $FRAME_BEFORE, FRAME_STAGE(%rsp)
	jne 1f
	call hook_before_fault
	cmp $1, %eax
	jmp chosen
1:	call hook_after_fault
	jmp restore
	.cfi_endproc
	.size hook_entry, . - hook_entry

/* bool guarded_call(void (*work)(const void *), const void *argument): false if it met a fault. For what the shim does
 * outside of a redirected call; the frame is like that of one. */
	.globl guarded_call
	.hidden guarded_call
	.type guarded_call, @function
guarded_call:
	.cfi_startproc
	push %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset 6, 0
	sub $FRAME_BYTES, %rsp
	.cfi_adjust_cfa_offset FRAME_BYTES
	mov %rsp, %rbp
	mov %rbx, FRAME_RBX(%rsp)
	mov %r12, FRAME_R12(%rsp)
	mov %r13, FRAME_R13(%rsp)
	mov %r14, FRAME_R14(%rsp)
	mov %r15, FRAME_R15(%rsp)
	movq $FRAME_GUARDED, FRAME_STAGE(%rsp)
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	mov $1, %eax
guarded_end:
	movq $0, FRAME_STAGE(%rsp)
	add $FRAME_BYTES, %rsp
	.cfi_adjust_cfa_offset -FRAME_BYTES
	pop %rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_adjust_cfa_offset FRAME_BYTES + 8
guarded_fault: /* from hook_fault */
	xor %eax, %eax
	jmp guarded_end
	.cfi_endproc
	.size guarded_call, . - guarded_call

/* long exempt_call(number, a, b, c, d, e, f): the kernel's result. For the shim's own calls. */
	.globl exempt_call
	.hidden exempt_call
	.type exempt_call, @function
exempt_call:
	.cfi_startproc
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	jmp exempt_leaf
	.cfi_endproc
	.size exempt_call, . - exempt_call

/* From the loader's entry (launcher/early.c): rbp points to struct fastpath_early, r8 is a descriptor of
 * the shim's file. The stack pointer lies below that struct. */
	.globl early_entry
	.hidden early_entry
	.type early_entry, @function
early_entry:
	.cfi_startproc simple
	.cfi_undefined 16
	mov %rbp, %rdi
	mov %r8, %rsi
	call early_map
	test %rax, %rax
	js failed
	mov 0(%rbp), %rsp
	mov 8(%rbp), %rax
	xor %ebx, %ebx
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %ebp, %ebp
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	jmp *%rax
failed:
	mov %rax, %rsi
	mov $2, %edi
	mov $FASTPATH_FAILED_NUMBER, %eax
	syscall
	ud2
	.cfi_endproc
	.size early_entry, . - early_entry

/* Room for the trampolines. Their frame is the site's own but for the instruction pointer. Where the library resumes is in no
 * register at most of their instructions, so a DWARF expression (DWARF 5, 2.5 and 6.4.2.3) finds it: from the instruction
 * pointer back to the trampoline's head, which is the place that holds the address 16 bytes behind itself; there the resuming
 * place as linked and the address of the library's load address. */
#define CFA_VAL_EXPRESSION 0x16
#define RIP 16
#define OP_DEREF 0x06
#define OP_CONST1U 0x08
#define OP_CONST1S 0x09
#define OP_DUP 0x12
#define OP_OVER 0x14
#define OP_SWAP 0x16
#define OP_AND 0x1a
#define OP_MINUS 0x1c
#define OP_PLUS 0x22
#define OP_PLUS_UCONST 0x23
#define OP_BRA 0x28
#define OP_EQ 0x29
#define OP_SKIP 0x2f
#define OP_BREG16 0x80
#define OP_DEREF_SIZE 0x94

	.section .trampolines, "ax", @progbits
	.balign 4096
	.globl trampolines
	.hidden trampolines
trampolines:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa 7, 0
	.cfi_escape CFA_VAL_EXPRESSION, RIP, 32, \
		OP_BREG16, 0, OP_CONST1S, -8, OP_AND, \
		OP_DUP, OP_DEREF, OP_OVER, OP_PLUS_UCONST, 16, OP_EQ, OP_BRA, 6, 0, \
		OP_CONST1U, 8, OP_MINUS, OP_SKIP, -15, -1, \
		OP_PLUS_UCONST, 8, OP_DUP, OP_PLUS_UCONST, 4, OP_DEREF_SIZE, 4, OP_DEREF, OP_SWAP, OP_DEREF_SIZE, 4, OP_PLUS
	.space FASTPATH_TRAMPOLINES, 0xcc
	.cfi_endproc
	.globl trampolines_end
	.hidden trampolines_end
trampolines_end:

	.section .note.GNU-stack, "", @progbits
