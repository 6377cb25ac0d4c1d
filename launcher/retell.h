/* From a message of the shim's to the call as the kernel view would have recorded it; and what calls,
 * whoever saw them, do to the descriptors and the working directory of their task.
 *
 * Where a name is needed that was not told, it comes from what is known of the task's descriptors
 * (writers.h); where links must be followed, that is done now, a moment after the call: what has gone
 * by then has no target, or the one that its name made likely (follow.h). A base that is not known makes a path without its absolute form. Recorder
 * thread only. */
#ifndef PTWRAP_RETELL_H
#define PTWRAP_RETELL_H

#include "call.h"
#include "redact.h"
#include "shimfile.h"
#include "writers.h"

/* Once, before all others: resolves names of the call table. */
void retell_init(void);

/* Fills `call` (reset here) with a RING_SYSCALL of the task, and moves its descriptors on. False: a number
 * that no table has, or a call that only the kernel view tells of: no shim of ours wrote that. *unknown_base: a path's place is not known. */
bool retell_call(struct writer *writer, const struct told *told, struct call *call, bool *unknown_base);

/* The absolute form of the path argument of a call of the task's, an execve that was announced. */
void retell_place(const struct writer *writer, struct call *call, unsigned index);

/* The same for a call that never came back, or whose end a signal's stop showed (ret -EINTR or ERESTART*):
 * no pointers are followed. path: of its path argument, if somebody has told it. *is_whole: no path is missing.
 * The event's t_ns and dur_ns are the caller's to set. */
bool retell_flight(const struct writer *writer, const struct ring_flight *flight, struct bytes path, struct call *call,
		   bool *is_whole);

/* What else a message says, as an event that points into it; false: nothing to be recorded. The shim's own
 * file (NULL: none) is no library of the program's. */
bool retell_meta(const struct writer *writer, const struct told *told, const struct redactor *redactor,
		 const struct shimfile *shim, struct event *event);

/* A call of the kernel view's is over: what it showed of the task's descriptors is the truth. */
void retell_learn(struct writer *writer, const struct event_syscall *syscall, uint64_t end_ns);

/* The same of whoever's call: one that gave files other names, or took them away, does so for all who have them
 * open. settle(until_ns) is called before any name is changed. */
void retell_moves(const struct event_syscall *syscall, void (*settle)(uint64_t until_ns), uint64_t until_ns);

#endif
