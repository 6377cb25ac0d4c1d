/* System calls, and the data of the kernel's that the shim handles. Results are the kernel's own:
 * a value, or -errno; errno itself is never touched. The machine-specific part of the shim.
 *
 * What is called, when, and with which extra registers is settled in ptwrap/abi.h. */
#ifndef PTWRAP_SHIM_KERNEL_H
#define PTWRAP_SHIM_KERNEL_H

#include <stdint.h>

#if defined(__x86_64__)
static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#else
#error "the shim knows x86_64 only"
#endif

/* siginfo_t of a signal queued with a value, as the kernel reads it. */
struct kernel_siginfo {
	int32_t signo, error, code, padding;
	int32_t pid;
	uint32_t uid;
	uint64_t value;
	uint8_t rest[128 - 32];
};

_Static_assert(sizeof(struct kernel_siginfo) == 128, "SI_MAX_SIZE");

#endif
