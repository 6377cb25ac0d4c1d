/* What /proc says of a tracee: links, ids, descriptors. readlink(2) here walks names that the
 * kernel holds in memory: it never enters the file system a path lies on, so the tracer thread may
 * call all of this. Thread-safe. */
#ifndef PTWRAP_PROCFS_H
#define PTWRAP_PROCFS_H

#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* "/proc/TID/NAME", the longest NAME being "fd/4294967295". */
enum { PROCFS_PATH = 64, PROCFS_LINK = 4096 };
void procfs_path(char path[PROCFS_PATH], pid_t tid, const char *name);
void procfs_fd_path(char path[PROCFS_PATH], pid_t tid, int fd); /* "/proc/TID/fd/N" */

/* Where /proc/TID/NAME (cwd, exe, root, ns/mnt) points: its length, not NUL-terminated; -errno. */
ssize_t procfs_link(pid_t tid, const char *name, char *out, size_t size);

/* Its state, as proc_pid_stat(5) has it: 'R', 't', ...; 0: it cannot be told. */
char procfs_state(pid_t tid);

/* How the kernel names descriptor fd of tid: a path, "socket:[1]", ... Its length, or -errno. */
ssize_t procfs_fd_link(pid_t tid, int fd, char *out, size_t size);

/* Appends the name of a root directory or mount namespace that is not ptwrap's own, nothing for its
 * own. Is it another mount namespace? */
bool procfs_root(pid_t tid, struct strbuf *out);

/* Some task is about to have another root directory, mounts, user or pid namespace than ptwrap, or may have had for long: before
 * that procfs_root answers without asking. */
void procfs_roots_move(void);
bool procfs_roots_are_own(void);

/* Appends "N=NAME" strings, a string vector by number, for each open descriptor. 0 or -errno. */
int procfs_fds(pid_t tid, struct strbuf *out);

/* Tgid and PPid from /proc/TID/status. 0 or -errno. */
int procfs_family(pid_t tid, pid_t *tgid, pid_t *ppid);

/* How the task numbers itself: its id in the innermost of its pid namespaces; tid where that is not told. */
pid_t procfs_inner_tid(pid_t tid);

/* All of /proc/TID/status, appended. 0 or -errno. */
int procfs_status(pid_t tid, struct strbuf *out);

/* All of /proc/TID/cmdline, a string vector, appended. 0 or -errno. */
int procfs_cmdline(pid_t tid, struct strbuf *out);

/* The task's name: its length, not NUL-terminated; -errno. */
enum { PROCFS_COMM = 16 };
ssize_t procfs_comm(pid_t tid, char comm[PROCFS_COMM]);

/* The task's effective ids as ptwrap's user namespace numbers them. 0 or -errno. */
int procfs_effective_ids(pid_t tid, uint32_t *uid, uint32_t *gid);

/* A number of /proc/TID/status by its key ("SigIgn:", base 16). 0 or -errno. */
int procfs_status_field(pid_t tid, const char *key, int base, uint64_t *value);

/* The same of /proc/TID/NAME; the key may stand at its beginning. */
int procfs_file_field(pid_t tid, const char *name, const char *key, int base, uint64_t *value);

/* /proc/TID/stat: a descriptor to close, or -errno; and the CPU that the task ran on last (field 39), or -errno. */
int procfs_open_stat(pid_t tid);
int procfs_cpu(int stat_fd);

/* How many tasks run or want to on this machine, the caller included: from an open /proc/loadavg. 0: not known. */
unsigned procfs_running(int loadavg_fd);

#endif
