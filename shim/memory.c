/* Bytes moved and compared. memcpy and its kin stand here because the compiler may call them for
 * what looks like an assignment; they are hidden, no program ever sees them. Must never call out. */
#include "memory.h"

#include <stdint.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

/* Most of what is copied here is shorter than what `rep movsb` takes to begin. */
void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	unsigned char *next = to;
	const unsigned char *source = from;
	for (; len >= sizeof(word); len -= sizeof(word), next += sizeof(word), source += sizeof(word))
		*(word *)next = *(const word *)source;
	while (len-- > 0)
		*next++ = *source++;
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

/* Bytes up to the first that begins a word. */
static size_t unaligned(const char *string)
{
	return -(uintptr_t)string % sizeof(word);
}

/* An aligned word lies in one page, so that none is read where no byte of the string lies. */
size_t memory_string_len(const char *string, size_t max)
{
	size_t len = 0, head = unaligned(string);
	for (; len < head && len < max; len++)
		if (!string[len])
			return len;
	for (; len < max; len += sizeof(word)) {
		word value = *(const word *)(string + len);
		word zeros = (value - 0x0101010101010101U) & ~value & 0x8080808080808080U;
		if (!zeros)
			continue;
		len += (size_t)__builtin_ctzll(zeros) / 8;
		break;
	}
	return len < max ? len : max;
}
