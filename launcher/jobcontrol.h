/* Stopping as COMMAND stops: to a shell's job control ptwrap is COMMAND.
 *
 * ptwrap stops itself by the signal that stopped COMMAND, and is continued by a SIGCONT from outside, which the relay forwards like
 * others, or by the supervisor when it sees that somebody continued COMMAND alone. A shell as COMMAND has a process group
 * of its own, which unwrapped would be ptwrap's: then the terminal, which belonged to that group at the stop, is given back to
 * it. Launcher's thread only. */
#ifndef PTWRAP_JOBCONTROL_H
#define PTWRAP_JOBCONTROL_H

#include "supervisor.h"

#include <stdbool.h>
#include <sys/types.h>

/* If COMMAND, a child, is stopped: stops this process alike, and returns once it was continued. False: it is not. */
bool jobcontrol_stop(pid_t command, struct control *control);

/* Has COMMAND, with a group of its own, left one that it would lead unwrapped? Then what is for this process's group is
 * for COMMAND too. */
bool jobcontrol_is_apart(pid_t command);

#endif
