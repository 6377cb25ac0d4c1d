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

/* A signal at its delivery: is it the hello of a shim without a filter, to be dropped? */
bool shimlink_serve_signal(struct process *process, pid_t tid, const siginfo_t *info);

/* Records what the image's shim has written so far. At the image's end: before it goes. */
void shimlink_drain(struct process *process, uint64_t t_ns);

/* The image was replaced by execve: its ring goes, a new one may come (injected). */
void shimlink_new_image(struct process *process, bool injected);

#endif
