/* One `syscall` instruction and its neighbours: can they make room for a jump? */
#ifndef PTWRAP_ARCH_X86_64_SITES_H
#define PTWRAP_ARCH_X86_64_SITES_H

#include "arch/x86_64_text.h"
#include "patch.h"

enum { X86_JUMP_BYTES = 7 };

/* Calls that are like no other, by number. */
enum {
	X86_CALL_MUNMAP = 11,
	X86_CALL_RT_SIGRETURN = 15,
	X86_CALL_CLONE = 56,
	X86_CALL_FORK = 57,
	X86_CALL_VFORK = 58,
	X86_CALL_CLONE3 = 435
};

/* Offsets in the text: start <= call < resume <= end. What lies outside [call, resume) is moved. */
struct x86_site {
	size_t call, resume;
	size_t start, end;
	int64_t number; /* -1: not known */
};

/* Plans the site at this offset, where a `syscall` begins; nothing before `floor` is touched. The outcome is
 * as if there were room for its trampoline. */
enum patch_outcome x86_site_plan(const struct x86_text *text, size_t at, size_t floor, struct x86_site *site);

#endif
