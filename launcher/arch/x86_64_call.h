/* System calls in a stopped task's registers. x86_64, and i386 programs on it. */
#ifndef PTWRAP_X86_64_CALL_H
#define PTWRAP_X86_64_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

/* Numbers of calls that i386 numbers otherwise; those from 424 on are the same everywhere. */
enum { X86_I386_CLOSE = 6, X86_I386_MMAP2 = 192 };

enum { X86_CALL_INSTRUCTION_BYTES = 2 }; /* syscall; int $0x80; and behind sysenter stands an int $0x80 (vdso) */

static inline unsigned long long *x86_64_argument(struct user_regs_struct *registers, bool is_i386, unsigned index)
{
	unsigned long long *const native[] = { &registers->rdi, &registers->rsi, &registers->rdx,
					       &registers->r10, &registers->r8,  &registers->r9 };
	unsigned long long *const i386[] = { &registers->rbx, &registers->rcx, &registers->rdx,
					     &registers->rsi, &registers->rdi, &registers->rbp };
	return is_i386 ? i386[index] : native[index];
}

/* At an entry: the task makes that call instead. */
static inline void x86_64_set_call(struct user_regs_struct *registers, bool is_i386, uint32_t number,
				   const uint64_t args[6])
{
	registers->orig_rax = number;
	for (unsigned i = 0; i < 6; i++)
		*x86_64_argument(registers, is_i386, i) = args[i];
}

/* At an exit: the task makes the call of orig_rax, from the same instruction. */
static inline void x86_64_repeat_call(struct user_regs_struct *registers)
{
	registers->rax = registers->orig_rax;
	registers->rip -= X86_CALL_INSTRUCTION_BYTES;
}

/* At an exit: what the call returned. */
static inline void x86_64_set_result(struct user_regs_struct *registers, int64_t result)
{
	registers->rax = (unsigned long long)result;
	registers->orig_rax = (unsigned long long)-1; /* never begun again */
}

#endif
