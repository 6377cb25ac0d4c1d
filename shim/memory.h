/* The few things of <string.h> that the shim needs: there is no libc beneath it. */
#ifndef PTWRAP_SHIM_MEMORY_H
#define PTWRAP_SHIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* Length of a string, at most max. */
size_t memory_string_len(const char *string, size_t max);

#endif
