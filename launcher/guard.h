/* ptwrap's own processes, which the tree under a policy may not touch: no signal, no tracing, no limits, no look
 * at their memory. Only what names one of them is refused; what reaches a process group or all processes reaches
 * them as it does natively, and if they die of it, so does the tree. Tracer thread only. */
#ifndef PTWRAP_GUARD_H
#define PTWRAP_GUARD_H

#include "filter.h"
#include "tracee.h"

/* Launcher and supervisor are; holders are added as they come (procpid.h). */
void guard_init(void);

/* Is the call (JUDGED_TARGET, JUDGED_TARGET_FD) aimed at one of them? */
bool guard_refuses(const struct tracee *tracee, const struct judged_call *row);

/* Does it take a descriptor from a process? */
bool guard_takes(const struct judged_call *row);

/* Does it write to the memory of a process outside the tree, or take a descriptor from one? */
bool guard_leaves_tree(const struct tracee *tracee, const struct judged_call *row);

/* Does another task get another root directory when this one does (CLONE_FS), or may it? */
bool guard_shares_root(const struct tracee *tracee);

#endif
