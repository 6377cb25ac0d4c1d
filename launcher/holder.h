/* Holders: processes through whose /proc/PID/fd a tracee reaches descriptors of ptwrap's.
 *
 * A name like "/proc/HOLDER/fd/7" leads to the very file that descriptor 7 stands for, whatever anyone
 * does to names meanwhile. The kernel lets a task go through such a link only if it could look at that process:
 * of the same user and group, in no other user namespace, dumpable, and with no capability that the task
 * lacks; and it must see it in its /proc. So there is one for each user, group, user namespace and pid
 * namespace met, made when first needed, where ptwrap may (setns, setresuid).
 *
 * A holder shares the tracer thread's table of descriptors, in which therefore nothing precious may stand
 * (holder_begin), but nothing else: it has no memory but one page of code, no capability, no signal but
 * SIGKILL, and sleeps. What the tracer opens is reachable at once, with no wake-up.
 *
 * Tracer thread only. Source: ptrace(2) (access mode checks), proc(5), namespaces(7). */
#ifndef PTWRAP_HOLDER_H
#define PTWRAP_HOLDER_H

#include "identity.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct holder;

enum { HOLDER_NAME_BYTES = 384 }; /* "/proc/PID/fd/N/", and a name of 255 bytes */

/* The calling thread gets a table of descriptors of its own, with the `keep` listed in it and /dev/null as the
 * standard ones; threads made by it later share it. 0 or -errno. */
int holder_begin(const int *keep, size_t count);

/* The holder for that task, held until holder_release; as: who it is. for_attach: by its real ids, which count
 * when a descriptor is fetched (pidfd_getfd(2)). NULL: there can be none. */
struct holder *holder_take(pid_t tid, const struct identity *as, bool for_attach);
void holder_release(struct holder *holder);

/* How a task that is of that user and group, and in ptwrap's own root and namespaces, would name descriptor fd of the tracer's:
 * a guess, where such a holder has been taken before; else "". */
void holder_guess(uid_t uid, gid_t gid, int fd, char *out, size_t size);

/* How the task names descriptor fd, or `name` (may be "") in the directory that it is. own_root: the task's root and
 * mounts are ptwrap's. 0; -errno: it sees no /proc with that holder in it. */
int holder_name(const struct holder *holder, pid_t tid, bool own_root, int fd, const char *name,
		char out[HOLDER_NAME_BYTES]);

/* Its pid as the task itself would name it. */
pid_t holder_inner_pid(const struct holder *holder);

/* A child of ptwrap's has ended: true if it was a holder; it will be made anew. */
bool holder_has_ended(pid_t pid);

/* Ends them all. */
void holder_end(void);

#endif
