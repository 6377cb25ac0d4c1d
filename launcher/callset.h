/* A set of system calls, and the words of strace's selection language by which one is named. */
#ifndef PTWRAP_CALLSET_H
#define PTWRAP_CALLSET_H

#include "syscall.h"

enum { CALL_SET_NUMBERS = 8 * 64, CALL_SET_ABIS = 2, CALL_WORD_MAX = 256 };

struct call_set {
	uint8_t bits[CALL_SET_ABIS][CALL_SET_NUMBERS / 8]; /* by enum event_abi: ABI_X86_64, ABI_I386 */
	bool unnamed; /* calls that no table names */
};

static inline bool call_bits_have(const uint8_t bits[], uint32_t number)
{
	return number < CALL_SET_NUMBERS && bits[number / 8] & (1u << number % 8);
}

static inline void call_bits_add(uint8_t bits[], uint32_t number)
{
	if (number < CALL_SET_NUMBERS)
		bits[number / 8] |= (uint8_t)(1u << number % 8);
}

/* Adds what one word names: ( name | number | "/" regex | "%" class | class | "all" | "none" ) [ "@64" | "@32" ].
 * optional: a word that names nothing is no error. 0, or -1 with a line for the user in error (what is wrong, did you
 * mean). */
int call_set_add(struct call_set *set, const char *word, bool optional, char *error, size_t error_size);

void call_set_add_all(struct call_set *set);

#endif
