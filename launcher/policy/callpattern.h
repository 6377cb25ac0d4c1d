/* Patterns of `syscall` rules: strace's words for calls (callset.h), @groups, and "*" for every call. */
#ifndef PTWRAP_POLICY_CALLPATTERN_H
#define PTWRAP_POLICY_CALLPATTERN_H

#include "callset.h"
#include "policy/fault.h"
#include "policy/word.h"

int call_pattern_make(struct call_set *set, const struct word *word, const struct tokens *tokens, struct fault *fault);

bool call_set_covers(const struct call_set *wide, const struct call_set *narrow);

/* Does a group have the call of that name? */
bool call_is_grouped(struct bytes name);

/* The group at that position, NULL behind the last: its name, then its calls, then NULL. */
const char *const *call_group_at(size_t position);

#endif
