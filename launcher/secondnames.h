/* Files that have a second name from before COMMAND began, by mounts: rules that know a file by one of its names do not hold for
 * the other. Hard links cannot be listed; a write to a file that has some is told by the judge. */
#ifndef PTWRAP_SECONDNAMES_H
#define PTWRAP_SECONDNAMES_H

#include "policy/policy.h"

/* Calls `each` with a line for each place beneath which files have another name, of which the policy says otherwise. In the
 * launcher, before the forks. Source: proc(5), mountinfo. */
void secondnames_list(const struct policy *policy, void (*each)(const char *line));

#endif
