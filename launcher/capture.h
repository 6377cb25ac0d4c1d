/* Gathering what a call's arguments lead to, by the captures of the call table.
 *
 * Reads memory, /proc and names of the tree, so each function may block where the tree itself
 * serves memory or files: the tracer thread then leaves them to a helper (helpers.h). The task
 * must be in a ptrace stop. A failed read leaves the attachment out; nothing fails. */
#ifndef PTWRAP_CAPTURE_H
#define PTWRAP_CAPTURE_H

#include "call.h"

/* Once, before the first call: resolves names of the call table. */
void capture_init(void);

/* At the entry: the call's desc, abi, number and args are set. */
void capture_enter(const struct place *place, struct call *call);

/* At the exit: ret is set too. */
void capture_leave(const struct place *place, struct call *call);

/* The call is over, whatever came of it: what it may have changed can be remembered again. */
void capture_over(struct call *call);

/* Does it look at what the last component's link leads to, not at a link? */
bool capture_follows(const struct call *call);

#endif
