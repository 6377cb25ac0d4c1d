/* What COMMAND is given open before any rule is asked: a policy judges opens, not what is open already. */
#ifndef PTWRAP_INHERITED_H
#define PTWRAP_INHERITED_H

#include "policy/policy.h"

/* Calls `each` with a line for each descriptor that COMMAND will inherit and that the policy would not have let it open, or
 * cannot speak of: sockets, with rules on net. The mounts that they lie on are known from then on (mountspace.h). In the
 * launcher, before the forks. */
void inherited_list(const struct policy *policy, void (*each)(const char *line));

#endif
