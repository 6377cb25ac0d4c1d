/* A ptwrap inside a ptwrap: what is audited already cannot be audited by another, and needs not be. The inner one says so in a
 * line, with the reports that it does not write, and becomes COMMAND. */
#ifndef PTWRAP_NESTED_H
#define PTWRAP_NESTED_H

#include "options.h"

#include <signal.h>
#include <stdbool.h>

/* Is this process audited by a ptwrap? Of one outside its pid namespace the kernel says nothing: that one answers a call
 * that no kernel knows, if it has a filter. */
bool nested_is_audited(void);

/* Becomes COMMAND, with that signal mask; or ends, with the status that tells why not, after a line. */
_Noreturn void nested_run(const struct options *options, const sigset_t *mask);

#endif
