/* The tables that the supervisor fills in, and where this copy lies: see fast.h. */
#include "fast.h"

extern const char image_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

__attribute__((section(".tables"), aligned(4096))) const volatile struct fastpath_tables fast_tables = { 0 };

bool fast_is_here(void)
{
	return (uintptr_t)image_start == FASTPATH_TEXT;
}
