/* The recorder: the one thread of the supervisor that reads the rings and appends to the recording.
 *
 * The tracer hands over what it saw, in order, and goes on; encoding, redaction, names of calls that the
 * shims told, and the shims' messages themselves are this thread's work (ledger.h). The queue is
 * bounded: when it is full the tracer waits. What is handed over dies with the supervisor until it is
 * appended, some milliseconds later; what is appended is committed (recording.h); what still lies in a
 * ring the launcher reads (salvage.h).
 *
 * It is woken rarely: the first item after a pause wakes it, then it lets more come for COLLECT_NS
 * before it works, unless the queue is half full or somebody waits. While rings are busily written it
 * reads them every HOT_NS, all others every LEDGER_LOOK_NS. With neither items nor rings it sleeps.
 *
 * The functions below are the tracer thread's. Once recorder_finish has returned they drop what they
 * are given, and rings are emptied for nobody. */
#ifndef PTWRAP_RECORDER_H
#define PTWRAP_RECORDER_H

#include "ledger.h"

enum {
	RECORDER_QUEUE = 4096,            /* items, a power of two */
	RECORDER_COLLECT_NS = 2000000,
	RECORDER_HOT_NS = 200000,
	RECORDER_BACKLOG = 4096,          /* messages out of one full ring before its writers wait */
};

/* Starts the thread. Where that fails, each item is worked off as it is handed over. */
void recorder_start(const struct ledger_setup *setup);

/* Hands over an event: one of the kinds without great fields (all but START, EXEC, SYSCALL). Its slices
 * are copied. For one about a task (tid), what its shim told before is recorded before. */
void recorder_event(const struct event *event);

/* The birth of a task (event EVENT_FORK or EVENT_THREAD): parent_tid made tid, which calls itself
 * `thread`, and shares what `shares` (enum writer_shares) says. Before the task runs. */
void recorder_birth(const struct event *event, pid_t parent_tid, pid_t tid, uint32_t thread, unsigned shares);

/* A call that is over; the call is given away. */
void recorder_call(struct call *call);

/* A new image. head: whom it is about, and when. call: the execve, finished, or NULL; its t_ticks set
 * where it was announced through the ring. stream: of the new image, or NULL; a reference is taken.
 * image and call are given away. thread: how the task calls itself now. */
void recorder_exec(const struct event *head, pid_t former_tid, uint32_t thread, struct image *image,
		   struct call *call, struct stream *stream);

/* A ring that the process of `head` offered; a reference is taken. */
void recorder_adopt(const struct event *head, uint32_t thread, struct stream *stream);

/* The root directory of the process of `head` (its task tid) is that one now; no bytes: ptwrap's own. */
void recorder_root(const struct event *head, struct bytes root, bool other_mounts);

/* A signal ended the call that the task of `head` was in, at head's time, with that result; it was told
 * in its flight (stream_flight_tell). */
void recorder_interrupted(const struct event *head, const struct ring_flight *flight, int64_t ret);

/* --verify: the last call of head's task, by the kernel's view, ends with another result than was seen. */
void recorder_result(const struct event *head, int64_t ret);

/* Gives up the tracer's reference. NULL is allowed. */
void recorder_release(struct stream *stream);

/* A ring has no room (full), or will soon have none. Full: comes back when it is empty. thread: who waits
 * for it, as it calls itself. */
void recorder_drain_now(struct stream *stream, bool full, uint32_t thread);

/* Names that earlier calls went through are about to change: comes back when all that the shims have told until
 * now is made whole. */
void recorder_settle(uint64_t t_ns);

/* Hands over EVENT_END, whose losses the recorder fills in, and comes back when everything is
 * appended. */
void recorder_finish(const struct event *end);

#endif
