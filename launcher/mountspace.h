/* Is a file reached through a mount that the tree has a right to, as far as rules on paths go: one of the task's own mount
 * namespace, or of ptwrap's, in which paths mean what rules say of them?
 *
 * Under such rules the tree mounts nothing (policycalls.def), so in namespaces of its making names are what they were. But
 * through /proc/PID/root, or a descriptor, a directory of some other process's namespace can be reached, where a mount may
 * show what a rule knows by another name.
 *
 * Mounts found once are remembered by their unique ids. Thread-safe. Needs Linux 6.11; before, all are taken for known.
 * Source: statmount(2), statx(2), ioctl_nsfs(2). */
#ifndef PTWRAP_MOUNTSPACE_H
#define PTWRAP_MOUNTSPACE_H

#include <stdbool.h>
#include <sys/types.h>

bool mountspace_knows(pid_t tid, int fd);

/* Is the mount that the path leads to one that was found to be? False: it has to be asked. *status: what is there, as far as
 * stx_mask says (STATX_INO); NULL: of no interest. */
struct statx;
bool mountspace_has_met(const char *path, struct statx *status);

/* The mount that fd lies on counts as known: what COMMAND is given open may be of the namespace that it was started from. In
 * the launcher, before the forks. */
void mountspace_trust(int fd);

#endif
