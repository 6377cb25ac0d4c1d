/* What becomes of the tracer's items: the recorder's work, apart from its thread and queue (recorder.h).
 *
 * Items come in the tracer's order, which is right for each task; messages of the shims come when a ring
 * is read. Together they are put into the order of cause and effect of each process:
 *
 *   round:  begin    the time is noted: the horizon. Rings that are busily written are read
 *           take     for each item that is there by now: its process's ring is read; what had its effect
 *                    before the item's time is told, then the item is recorded
 *           end      what had its effect before the horizon is told; the rest waits for the next round
 *
 * What had its effect before the horizon began after everything that its thread had done before, which was
 * handed over, or written, by then: no item, and no message, can come any more that belongs before
 * it. A task's birth is handed over before the task first runs: whoever has told something before the
 * horizon and is not known at the end of the round never will be.
 *
 * One thread at a time. Nothing fails: what cannot be kept is counted by the recording. */
#ifndef PTWRAP_LEDGER_H
#define PTWRAP_LEDGER_H

#include "call.h"
#include "event.h"
#include "filter.h"
#include "image.h"
#include "recording.h"
#include "stream.h"

#include <stdatomic.h>

enum item_kind {
	ITEM_EVENT,  /* plain */
	ITEM_BIRTH,  /* EVENT_FORK or EVENT_THREAD, and what the new task shares */
	ITEM_CALL,   /* of the kernel view */
	ITEM_FLIGHT, /* a call of the shim's that a signal interrupted */
	ITEM_RESULT, /* of the kernel view's last call another result, for who compares */
	ITEM_EXEC,
	ITEM_ADOPT,  /* a ring that a process offered */
	ITEM_ROOT,   /* a process's root directory is another */
	ITEM_LOOK,   /* a ring is filling up */
	ITEM_SETTLE, /* all rings are to be read: names are about to change */
	ITEM_FORGET, /* a reference to a stream is given up */
	ITEM_END,    /* EVENT_END */
};

/* As much of an event as the plain kinds have; its slices point into `text`. */
enum { ITEM_EVENT_BYTES = offsetof(struct event, exit) + sizeof(struct event_exit) };

struct item {
	uint8_t kind; /* enum item_kind */
	_Alignas(struct event *) char event[ITEM_EVENT_BYTES]; /* for other kinds: whom it is about, and when */
	char *text;   /* malloc'ed, or NULL */
	union {
		struct {
			int32_t parent_tid, tid;
			uint32_t thread;  /* tid as the task sees itself */
			unsigned shares;  /* enum writer_shares */
		} birth;
		struct call *call;
		struct {
			struct ring_flight flight;
			int64_t ret;
		} interrupted;
		struct {
			struct image *image;
			struct call *call;     /* the execve, NULL: not to be recorded */
			struct stream *stream; /* of the new image, NULL: none */
			int32_t former_tid;    /* of the thread that made the call */
			uint32_t thread;
			bool is_awaited;       /* counted in ledger_secrets */
		} exec;
		struct {
			struct stream *stream;
			uint32_t thread;
		} ring;
		bool other_mounts; /* ITEM_ROOT; the root is `text` */
	};
};

/* For the launcher, in shared memory: does it know less than what the supervisor masks? */
struct ledger_secrets {
	_Atomic uint64_t known;   /* values in the supervisor's redactor */
	_Atomic uint64_t awaited; /* images whose environments, with such names in them, are yet to be learned */
};

struct ledger_setup {
	struct recording *recording;
	struct redactor *redactor;       /* NULL: nothing is secret */
	const struct selection *selection;
	const struct shimfile *shim;     /* NULL: none */
	uint64_t start_ns;
	bool tells_tracers;              /* programs that import ptrace are noted: nothing else is seen of what they are refused */
	bool verify;                     /* the kernel view's record of the shim's calls comes too */
	void (*appended)(void);          /* after each event; NULL */
	struct ledger_secrets *secrets;  /* NULL: nobody asks */
};

void ledger_begin(const struct ledger_setup *setup);

/* A ring of which nothing is heard is looked at so often: with the flusher's interval (supervisor.c) less than 0.5 s. */
enum { LEDGER_LOOK_NS = 200000000 };

void ledger_round_begin(void);
void ledger_take(struct item *item); /* and frees what it holds */

void ledger_round_end(void);

/* Should another round come soon? Some ring is busily written, or holds what came after the horizon. */
bool ledger_is_hot(void);

/* Is there a ring that a task may write? Then another round is due within LEDGER_LOOK_NS. */
bool ledger_has_rings(void);

/* Frees what an item holds, unrecorded. */
void item_drop(struct item *item);

#endif
