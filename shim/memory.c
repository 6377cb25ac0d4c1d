/* Bytes moved and compared. memcpy and its kin stand here because the compiler may call them for
 * what looks like an assignment; they are hidden, no program ever sees them. Must never call out. */
#include "memory.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	void *next = to;
	__asm__ volatile("rep movsb" : "+D"(next), "+S"(from), "+c"(len) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	if ((char *)to <= (const char *)from || (char *)to >= (const char *)from + len)
		return memcpy(to, from, len);
	char *last = to;
	const char *source = from;
	while (len-- > 0)
		*(volatile char *)(last + len) = source[len];
	return to;
}

void *memset(void *to, int value, size_t len)
{
	void *next = to;
	__asm__ volatile("rep stosb" : "+D"(next), "+c"(len) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *left = a, *right = b;
	for (; len > 0; left++, right++, len--)
		if (*left != *right)
			return *left - *right;
	return 0;
}

size_t memory_string_len(const char *string, size_t max)
{
	size_t len = 0;
	while (len < max && string[len])
		len++;
	return len;
}
