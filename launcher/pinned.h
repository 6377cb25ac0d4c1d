/* Pinned memory: what ptwrap puts there a tracee can read, and nobody of the tree can write, unmap or move.
 *
 * A path or an address in a program's own memory can be changed by another thread between the moment when
 * it is judged and the moment when the kernel reads it. So the kernel is given a copy in pinned memory:
 * one memfd, sealed against every writer but ptwrap's own mapping (F_SEAL_FUTURE_WRITE), mapped read-only
 * and shared into each process, where mseal(2) forbids to unmap, move or replace it. A tracee's own mapping of it
 * cannot be made writable, not even through /proc/PID/mem.
 *
 * pinned_begin to pinned_step: the first time that a process needs it, its task is made to map it:
 *
 *   seccomp-stop of a call of its own    all registers kept; signals blocked; the call becomes pidfd_open(holder)
 *   exit-stop                            back before the call instruction, with the next call in the registers:
 *   ...                                  pidfd_getfd, mmap, close_range, mseal
 *   last exit-stop                       is the memfd what is mapped there? Registers and signal mask as they were,
 *                                        before the call instruction: it makes its own call again
 *
 * All arguments are in registers, so no other thread can change what these calls do; it may only exchange the
 * descriptors between two of them, which shows at the end. Signals that come meanwhile stay pending.
 * What is mapped there is looked at in each address space before its first use, and that it is sealed: a program may keep the
 * mapping from its child, or give it one that is not, and a filter of its own may have answered for mseal. Where the kernel does
 * not show a seal, the one is believed that the process itself, without such a filter, was made to set. A task that is alone in
 * its address space stands still meanwhile, so there is nobody whom a seal would hinder: what is mapped is then enough, for that
 * call, and to see that is cheaper: most processes make few such calls.
 *
 * A slot of the memory is one call's, from its entry to its exit. All processes of the tree can read all slots.
 *
 * Tracer thread only. Needs Linux 6.10 (mseal). Source: memfd_create(2), fcntl(2) (file sealing), mseal(2),
 * pidfd_getfd(2), ptrace(2). */
#ifndef PTWRAP_PINNED_H
#define PTWRAP_PINNED_H

#include "identity.h"
#include "stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pinned_space;   /* an address space, as far as it concerns this; shared by those who share the memory */
struct pinned_process; /* a task being made to map it */
struct pinned_slot;

enum { PINNED_SLOT_BYTES = 2048, PINNED_PATH_BYTES = 256 };

/* Once, in the tracer thread, when it has its table of descriptors (holder.h). 0; -ENOSYS: this kernel cannot. */
int pinned_init(void);

/* Nothing is mapped there yet. NULL without memory. */
struct pinned_space *pinned_space_new(void);

/* That of a new process: the same memory (vfork, CLONE_VM), or a copy of it. */
struct pinned_space *pinned_space_share(struct pinned_space *space);
struct pinned_space *pinned_space_copy(const struct pinned_space *space);
void pinned_space_release(struct pinned_space *space);

enum pinned_answer {
	PINNED_READY,   /* it is mapped */
	PINNED_RUNNING, /* resume the task by RESUME_SYSCALL (by RESUME_LISTEN in a group-stop), come again at its next stop */
	PINNED_AGAIN,   /* it is mapped (or, with PINNED_TRIES, it is not), and the task will make its own call again: resume it by RESUME_CONT */
	PINNED_FAILED,  /* it cannot be mapped. At pinned_begin nothing was changed; later the task stands behind its call, which
	                 * has not been made and returns EPERM */
	PINNED_HOSTILE, /* it stands at the entry of a call that it was not made to make: it must not be let go on */
};

enum pinned_how {
	PINNED_TRIES = 1,    /* where it cannot be mapped the task makes its call all the same; asked for once an address space */
	PINNED_FILTERED = 2, /* a filter of the program's own may answer calls in the kernel's place */
	PINNED_ALONE = 4,    /* no other task has that address space, a suspended one (vfork) included */
};

/* how: PINNED_*. At the seccomp-stop of a call of the task's. Not where a seccomp filter of its own might kill it for these calls. PINNED_RUNNING: *process is under way, for pinned_step. */
enum pinned_answer pinned_begin(struct pinned_space *space, pid_t tid, const struct identity *as, unsigned how,
				struct pinned_process **process);

/* At each stop of it after that. Anything but PINNED_RUNNING: *at is freed. */
enum pinned_answer pinned_step(struct pinned_process **at, const struct stop *stop);

/* The task has ended meanwhile. */
void pinned_abandon(struct pinned_process **process);

/* A new image may map the memory itself, at FASTPATH_PINNED (shim/early.c): from this descriptor of the tracer's (-1: there is
 * none), and be seen to have done so, while its task is alone: that it is sealed is left to be seen, or done. */
int pinned_fd(void);
bool pinned_was_mapped(struct pinned_space *space, pid_t tid);

/* Puts a path that everybody may know where such an image finds it: its address there, or 0. It stands until 511 others have been
 * put. */
uint64_t pinned_put_path(const char *path, unsigned *number);
bool pinned_path_stands(unsigned number); /* and for some time to come: half of those */

/* A slot of a space that is ready, empty; NULL: all are taken. */
struct pinned_slot *pinned_take(const struct pinned_space *space);
void pinned_give_back(struct pinned_slot *slot);

/* Puts len bytes behind what is there: their address in the tracee, or 0 where there is no room. */
uint64_t pinned_put(struct pinned_slot *slot, const void *data, size_t len);

#endif
