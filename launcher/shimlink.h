/* The supervisor's end of the shim's hello (include/ptwrap/abi.h): which calls are the shim's own, the
 * ring of each process image, and what came through it. Tracer thread only.
 *
 * Nothing a process says here can hurt but its own report: the window in which calls are taken for
 * the shim's is open once an image, from injection to its own last call. */
#ifndef PTWRAP_SHIMLINK_H
#define PTWRAP_SHIMLINK_H

#include "call.h"
#include "tracee.h"

#include <signal.h>

/* A call at its entry: is it the shim's own, to be run (or answered, which this does) unreported? */
bool shimlink_serve_call(struct process *process, pid_t tid, const struct call *call);

/* Is it the dynamic loader's doing with the shim's file, gathered already? */
bool shimlink_is_loading(const struct process *process, const struct call *call);

/* Is it a name of a ring's file (ringfile.h)? */
bool shimlink_is_ring(struct bytes path);

/* Is it the shim's opening of its ring's file, gathered already? */
bool shimlink_opens_ring(const struct call *call);

/* A signal at its delivery: is it the hello of a shim without a filter, to be dropped? */
bool shimlink_serve_signal(struct process *process, pid_t tid, const siginfo_t *info);

/* Is the call FASTPATH_DRAIN_NUMBER, at its entry? Then the ring of the process is emptied, or soon will be,
 * and the call answered. */
bool shimlink_serve_drain(struct process *process, pid_t tid, const struct call *call);

/* At an exec that was not seen as a call: what the thread has announced of it through its ring, as the call
 * that it was, without what only the new image tells (ledger.c adds it). NULL: nothing. */
struct call *shimlink_announced_exec(const struct tracee *tracee);

/* A signal stops a thread that is in a call of the shim's, and makes it return `ret`: recorded, and not to be
 * told again. False: it is in none. */
bool shimlink_serve_interruption(const struct tracee *tracee, int64_t ret, uint64_t t_ns);

/* The image was replaced by execve: its ring goes, and that of the new one comes (stream, given away; or
 * NULL), or may come (injected). */
void shimlink_new_image(struct process *process, bool injected, struct stream *stream);

#endif
