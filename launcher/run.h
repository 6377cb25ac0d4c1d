/* The launcher's two errands: a run from the command line to the reports, and reports alone. */
#ifndef PTWRAP_RUN_H
#define PTWRAP_RUN_H

#include "options.h"

#include <signal.h>

/* Runs COMMAND, with that signal mask, under audit and ends as it ended, or with 125, 126 or 127
 * (interface.md section 2). */
_Noreturn void run_command(const struct options *options, const sigset_t *mask);

/* --read: the exit status. */
int run_read(const struct options *options);

#endif
