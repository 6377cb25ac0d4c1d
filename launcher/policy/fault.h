/* What is wrong with a policy, and where: one line for the user, "FILE:LINE:COLUMN: reason". The first one counts. */
#ifndef PTWRAP_POLICY_FAULT_H
#define PTWRAP_POLICY_FAULT_H

#include <stddef.h>
#include <stdint.h>

struct fault {
	char *text;
	size_t size;
	const char *file;
	uint32_t line;
};

/* Returns -1. column: from 1, in bytes. */
int fault_set(struct fault *fault, uint32_t column, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with the guess of what was meant, NULL: none. */
int fault_unknown(struct fault *fault, uint32_t column, const char *what, const char *word, const char *nearest);

int fault_memory(struct fault *fault);

#endif
