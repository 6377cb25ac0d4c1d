/* The fast path's data in this process, and its own way to the kernel. To be used only where the early
 * mapping is in place: in what redirected calls run, and in the constructor once it knows. */
#ifndef PTWRAP_SHIM_FAST_H
#define PTWRAP_SHIM_FAST_H

#include "ptwrap/fastpath.h"
#include "ptwrap/ring.h"

#include <stdbool.h>

/* In the shim's file; the supervisor writes it. */
extern const volatile struct fastpath_tables fast_tables __attribute__((visibility("hidden")));

static inline struct fastpath_private *fast_private(void)
{
	return (struct fastpath_private *)FASTPATH_PRIVATE;
}

static inline struct ring *fast_ring(void)
{
	return (struct ring *)FASTPATH_RING;
}

/* Is this very copy of the shim the one that was mapped early? */
bool fast_is_here(void);

/* Does work(argument). False: it met a fault, and is half done; the fast path being there, the supervisor has led
 * out of it. */
bool guarded_call(void (*work)(const void *argument), const void *argument);

/* A call of the shim's own, by the instruction that the filter lets pass: the kernel's result. */
long exempt_call(long number, long a, long b, long c, long d, long e, long f);

/* Moves a prepared text, of that offset in the shim's file, from where the file is mapped to the address: no call that a policy
 * would have to look at, as mmap is. False: it is not there, or not any more. */
bool fast_move_text(uint64_t offset, uint64_t len, uint64_t address);

static inline uint64_t fast_ticks(void)
{
	uint32_t low = 0, high = 0;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#endif
