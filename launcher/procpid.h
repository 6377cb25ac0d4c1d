/* The directories of processes in any /proc that a walk meets, whatever pid namespace it numbers.
 *
 * Told by descriptors, not names. Thread-safe, but for the list of ptwrap's own processes, which the
 * tracer changes while nobody walks. */
#ifndef PTWRAP_PROCPID_H
#define PTWRAP_PROCPID_H

#include "procfs.h"

#include <stdbool.h>

/* That process is ptwrap's own. */
void procpid_add_own(pid_t pid);
void procpid_remove_own(pid_t pid);

/* Is it, by the number that ptwrap knows it by; by the one that it has in that pid namespace (a link of ns/pid)? */
bool procpid_is_own(pid_t pid);
bool procpid_is_own_in(const char *name_space, pid_t pid);

/* Is it the root of a /proc? */
bool procpid_is_root(int fd);

/* Is the directory of a process, process_fd, that of a process of ptwrap's? Of the process that has the task tid? */
bool procpid_is_ours(int process_fd);
bool procpid_is_of(int process_fd, pid_t tid);

/* Does fd, which lies in a /proc, lie in the directory of a process of ptwrap's? Told by its name: rather once
 * too often. */
bool procpid_leads_to_ours(int fd);

/* Where "self", or "thread-self", leads in the /proc at proc_fd for the task tid: "123", "123/task/124". -ENOENT:
 * it is not to be seen there. */
int procpid_self(int proc_fd, pid_t tid, bool thread, char out[PROCFS_PATH]);

/* The number by which that /proc lists the process; -ENOENT. */
pid_t procpid_number(int proc_fd, pid_t tid);

/* fs.protected_symlinks */
bool procpid_protects_links(void);

#endif
