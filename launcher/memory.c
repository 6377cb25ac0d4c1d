/* The count of allocations that failed: see memory.h. */
#include "memory.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t refusals;

void *memory_checked(void *allocated)
{
	if (!allocated)
		atomic_fetch_add(&refusals, 1);
	return allocated;
}

uint64_t memory_refusals(void)
{
	return atomic_load(&refusals);
}
