/* The recording (.ptw): an append-only, framed, versioned file of events.
 *
 * Writing. One struct recording lives in memory shared by launcher and supervisor
 * (recording_create before the forks). The supervisor's threads append: encoded, redacted, into
 * a circular buffer inside it; what has been appended is committed. A thread of the
 * supervisor flushes what is committed with pwrite(2) at the offset it belongs to, so the
 * launcher may flush the same bytes again once the supervisor is dead: idempotent, nothing
 * committed is ever lost by the death of either. A full buffer makes the appender flush itself.
 *
 * Order. Events stand in the order of their appending, which is not that of their times: a call is
 * appended when it is over, under the time of its entry, and what processes record themselves is
 * drained in batches, so that calls of several processes interleave and some stand behind their
 * process's exec or exit. Who reads must go by t_ns. Two things hold: an image's EVENT_EXEC stands
 * before what that image tells, and what the tracer saw stands in the order in which it saw it.
 *
 * Reading. struct recording_reader decodes from a descriptor, one event at a time, distrusting
 * every byte; used by the reports at exit and by --read alike. */
#ifndef PTWRAP_RECORDING_H
#define PTWRAP_RECORDING_H

#include "event.h"

#include <stdint.h>

struct recording;
struct redactor;

/* Makes the shared buffer for a recording that goes to `fd` (kept, not owned; -1: to nowhere).
 * max_bytes bounds the file, 0: no bound. NULL and errno on failure. */
struct recording *recording_create(int fd, uint64_t max_bytes);

/* Gives up this process's part of it; the file stays as it is. NULL is fine. */
void recording_destroy(struct recording *recording);

/* Appends one event, with every secret that `redactor` (may be NULL) knows masked. Thread-safe
 * within the supervisor. Never fails: what cannot be kept is counted (recording_lost). May
 * block for a write to the file when the buffer is full. */
void recording_append(struct recording *recording, const struct event *event,
		      const struct redactor *redactor);

/* Writes what is committed. 0, or -errno of the first write that ever failed (also given to
 * later callers: a recording with a hole is worth nothing behind it). Any process may call it,
 * one at a time. */
int recording_flush(struct recording *recording);

/* As recording_flush, for the launcher after the supervisor's death: needs no lock. */
int recording_flush_orphaned(struct recording *recording);

/* Bytes committed and not yet flushed. */
uint64_t recording_pending(const struct recording *recording);

/* Counts one that could not even be made. Any thread. */
void recording_lose(struct recording *recording);

/* Events that were not kept, in all, but for those that recording_truncated counts. */
uint64_t recording_lost(const struct recording *recording);

/* What --max-size cut so far, a string vector "syscall=12" written to out; its length. */
size_t recording_truncated(const struct recording *recording, char *out, size_t size);

enum recording_status {
	RECORDING_EVENT,     /* *event is the next one */
	RECORDING_WHOLE,     /* the end, and EVENT_END was seen */
	RECORDING_UNFINISHED,/* the end after a whole record, but no EVENT_END: the writer died */
	RECORDING_CUT,       /* the file ends inside a record */
	RECORDING_CORRUPT,   /* bytes that no writer makes, or a wrong check sum */
	RECORDING_FOREIGN,   /* not a recording, or of a version this program does not know */
	RECORDING_IO_ERROR,  /* read(2) failed; errno says why */
};

struct recording_reader;

/* Reads the recording at `fd` (not owned, seekable or not) from its beginning. NULL: no memory. */
struct recording_reader *recording_reader_open(int fd);

/* The next event, or why there is none. The event's slices live until the next call. */
enum recording_status recording_reader_next(struct recording_reader *reader, struct event *event);

void recording_reader_close(struct recording_reader *reader);

#endif
