/* The working directories of tasks, remembered.
 *
 * Every call with a relative name (and every one that passes AT_FDCWD) asks for its task's working
 * directory, and the answer is nearly always that of before. /proc/TID/cwd is the truth; what it said is
 * taken to hold until a call of the tree that may change it begins, not while such a call is under way,
 * and never longer than WORKDIR_MAX_NS, since processes outside the tree rename directories too.
 * Where some of those calls are not seen one must be said to be under way always. Thread-safe. */
#ifndef PTWRAP_WORKDIR_H
#define PTWRAP_WORKDIR_H

#include <sys/types.h>

enum { WORKDIR_MAX_NS = 10000000 };

/* Where tid's working directory is, as the kernel names it: the length, not NUL-terminated; -errno. */
ssize_t workdir_link(pid_t tid, char *out, size_t size);

/* A call that may change some task's working directory, or its name, is about to begin; is over. */
void workdir_change_begins(void);
void workdir_change_ended(void);

/* tid is a new task now; child is one, made by parent, and began where that is. */
void workdir_forget(pid_t tid);
void workdir_inherit(pid_t child, pid_t parent);

#endif
