/* --check: is a policy well-formed, which of its rules can never decide, and what would it answer. */
#ifndef PTWRAP_POLICY_CHECK_H
#define PTWRAP_POLICY_CHECK_H

#include <stddef.h>
#include <stdio.h>

/* What is to be checked, as words of the command line. A question is "[for PROGRAM]... SUBJECT OBJECT". */
struct check {
	const char *const *files, *const *rules, *const *questions;
	size_t file_count, rule_count, question_count;
};

/* A line each on `out`: how many rules there are, each pattern that can never decide, each answer. 0, or -1 after one
 * line on standard error for what is malformed (a policy, or a question). */
int check_run(const struct check *check, FILE *out);

#endif
