/* CHECK(condition, format, ...): counts a check and, if it does not hold, a failure, of which the first twenty are told on
 * standard error. For one program of one file: both counters are its own. */
#ifndef PTWRAP_TESTS_UNIT_CHECK_H
#define PTWRAP_TESTS_UNIT_CHECK_H

#include <stdio.h>

static long failures, checks;

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 20) {                                             \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
		}                                                                                  \
	} while (0)

#endif
