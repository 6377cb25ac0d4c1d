/* The tables that the supervisor fills in, and where this copy lies: see fast.h. */
#include "fast.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MREMAP_MAYMOVE
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#endif

extern const char image_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

__attribute__((section(".tables"), aligned(4096))) const volatile struct fastpath_tables fast_tables = { 0 };

bool fast_is_here(void)
{
	return (uintptr_t)image_start == FASTPATH_TEXT;
}

bool fast_move_text(uint64_t offset, uint64_t len, uint64_t address)
{
	uint64_t mapped_len = fast_private()->mapped_len;
	if (offset > mapped_len || len > mapped_len - offset)
		return false;
	long moved = exempt_call(SYS_mremap, (long)(FASTPATH_TEXT + offset), (long)len, (long)len,
				 MREMAP_MAYMOVE | MREMAP_FIXED, (long)address, 0);
	return (uint64_t)moved == address;
}
