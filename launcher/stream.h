/* What comes out of the ring of one process image, in causal order.
 *
 *   ring --gather (any thread)--> fresh --collect (recorder)--> ready, sorted --tell (recorder)--> events
 *
 * `fresh`, the ring and the announcements are under the stream's lock, which is held for as long as
 * copying takes; `ready` is the recorder's own. The tracer gathers where it cannot wait for the
 * recorder: when the ring is full. Of a few messages the room is given back only once they have been
 * told: should the supervisor be killed before, the launcher finds them in the ring (and one killed in
 * between has told some twice, rather than not at all).
 *
 * The order is that of effect: a call that opens something has its effect when it returns, one that
 * closes when it begins; so what a descriptor meant when it was used follows from the order alone.
 * A message is in the ring before its thread goes on to anything else. So once an item of the tracer's
 * is there, everything that came before it in its thread can be collected; and what had its effect
 * before a collecting began has nothing before it, in its thread, that this collecting did not find:
 * later messages, which may have gone to a lane that was looked at after theirs, must wait.
 *
 * References: one of each process of the tracer's that maps the ring, one of each task of the recorder's
 * (writers.h), one of each item on its way. */
#ifndef PTWRAP_STREAM_H
#define PTWRAP_STREAM_H

#include "ringfile.h"
#include "ringread.h"
#include "strbuf.h"
#include "ticks.h"

struct stream;

/* A message, out of the ring. Its slices live until the stream is told again. */
struct told {
	uint64_t key_ns;         /* when it had its effect: the order; 0: what is not a call */
	uint64_t begin_ns, end_ns;
	struct ring_message message;
};

/* An execve that was about to be made. */
struct announcement {
	uint32_t thread, number, argc;
	uint64_t t_ticks;
	uint64_t args[4];
	bool cut;          /* path or first is not whole */
	struct strbuf path, first;
};

/* Takes the ring over, and the file it lies in (NULL: a memfd). owner, pid: of the process whose image it
 * is. NULL without memory (nothing is taken then). */
struct stream *stream_create(struct ringread *ring, struct ringfile *file, uint32_t owner, int32_t pid);

/* The same with the ring of that file. NULL: the file is removed. */
struct stream *stream_of_file(struct ringfile *file, uint32_t owner, int32_t pid);
struct stream *stream_share(struct stream *stream); /* NULL is allowed; any thread */
void stream_release(struct stream *stream);         /* the last one closes; NULL is allowed */

uint32_t stream_owner(const struct stream *stream);
int32_t stream_owner_pid(const struct stream *stream);

/* ---- any thread ---- */

/* Takes everything out of the ring. waiting: a thread that waits at a stop, and so has no message in
 * the making that it could complete; 0: none. How many messages there were. */
size_t stream_gather(struct stream *stream, uint32_t waiting);

/* Takes everything out of the ring, for nobody: nothing is recorded any more. */
void stream_drop(struct stream *stream, uint32_t waiting);

/* Messages that were gathered, and wait for the recorder. */
size_t stream_backlog(struct stream *stream);

/* Moves the thread's announcement out, to be freed with announcement_free; false: it has announced nothing
 * since its last execve failed. The thread waits at its exec. Nothing is taken out of the ring. */
bool stream_take_announcement(struct stream *stream, uint32_t thread, struct announcement *out);
void announcement_free(struct announcement *announcement);

/* The call that a thread is in, or was in when it died: ringread_flight, ringread_flight_end and
 * ringread_flight_tell. */
bool stream_flight(struct stream *stream, uint32_t thread, struct ring_flight *flight);
void stream_flight_end(struct stream *stream, uint32_t thread);
bool stream_flight_tell(struct stream *stream, uint32_t thread, bool whole, struct ring_flight *flight);

/* ---- the recorder ---- */

/* Gathers, calibrates, and makes all of it ready with the times that the stamps say. How many came new. */
size_t stream_collect(struct stream *stream, struct ticks *ticks);

/* A thread that writes here has ended: what it left half-written is passed over from now on. Or it is new:
 * an old one of the same number is not meant any more. */
void stream_thread_ended(struct stream *stream, uint32_t thread);
void stream_thread_began(struct stream *stream, uint32_t thread);

/* Nobody who maps the ring is left. */
void stream_all_ended(struct stream *stream);

enum telling {
	TELLING_TAKEN, /* and not to be kept */
	TELLING_KEPT,  /* for another time */
	TELLING_DONE,  /* kept, and so are all behind it */
};

/* Offers what is ready, in order. */
void stream_tell(struct stream *stream,
		 enum telling (*tell)(void *context, struct stream *stream, const struct told *told),
		 void *context);
size_t stream_ready(const struct stream *stream);

struct ringread_counters stream_counters(struct stream *stream);

/* The recorder's notes about a stream: whatever it needs, no more. */
struct stream_notes {
	struct stream *next_live, **previous_live; /* every stream that a task writes to */
	struct stream *next_busy;
	bool is_busy;       /* in the list of those to be looked at each round */
	unsigned quiet;     /* rounds with little in a row */
	unsigned writers;   /* tasks */
	uint64_t garbage, dropped; /* noted already */
	bool forged;        /* the same, of calls that no shim tells of */
};
struct stream_notes *stream_notes(struct stream *stream);

#endif
