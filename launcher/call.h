/* One system call of one task, from its entry to its record: numbers from the ptrace stop, and
 * what a report needs of the task's memory and descriptors.
 *
 * A call belongs to one tracee, or for a while to one helper thread that gathers for it
 * (helpers.h), at last to the recorder (recorder.h); never to two at once. */
#ifndef PTWRAP_CALL_H
#define PTWRAP_CALL_H

#include "event.h"
#include "resolve.h"
#include "strbuf.h"
#include "syscall.h"

enum {
	CALL_BUFFER_BYTES = 32, /* of a buffer's contents, as strace shows */
	CALL_ARGV_BYTES = 64 * 1024,
	CALL_ARRAY_BYTES = 2048,
};

struct judged;

/* What a call stands for that has its arguments in memory (narrow.h). */
struct meant {
	bool is_known;
	uint32_t number;
	uint64_t args[6];
	const struct syscall_desc *desc;
};

struct call {
	struct event event;  /* kind EVENT_SYSCALL; attachments hold offsets until call_event */
	struct strbuf data;  /* what the attachments point into */
	const struct syscall_desc *desc; /* NULL: a number nobody knows */
	size_t argv_count;   /* execve: strings in argv, cut ones included */
	uint64_t ip;         /* instruction pointer at the entry, behind the call instruction */
	uint64_t sp;         /* stack pointer then */
	uint64_t left_ns;    /* when it was over */
	uint64_t t_ticks;    /* told by the shim: its entry (ticks.h), of which event.t_ns is to be made; or 0 */
	bool hidden;         /* followed, but not to be reported */
	bool loads_shim;     /* the open of the shim's file by a loader */
	bool moves_links;    /* what earlier look-ups went through will be another, or gone: a link, a directory */
	bool made_otherwise; /* by the shim, in another way than the program asked for */
	bool expected;       /* the shim will tell of it too: to be compared (verify.h) */
	bool target_is_unknown; /* where the links of its path led could not be told any more */
	bool names_are_untold;  /* names of its descriptors or of its base could not be told any more */
	bool path_is_unread;    /* it was cut off before its path was */
	struct meant meant;    /* it is told as that one, once it is over; until then it is what was made */
	struct judged *judged; /* what a policy judges it by (judged.h) */
	bool is_judged;      /* a policy looks at it; with judged NULL it was not gathered, and is refused */
	bool is_raced;       /* what it has mapped is looked at again when it is over */
	bool at_filter;      /* entered by the filter's stop, not before it */
	uint8_t changes;     /* what others remember and it may change while it is under way (capture.c) */
	struct call *next;   /* for free lists */
};

/* A call with nothing in it, from a list of used ones where possible. NULL without memory. Any thread
 * may make and return calls. */
struct call *call_create(void);
void call_release(struct call *call);

/* Empties one, for another use. */
void call_reset(struct call *call);

/* The call as it was made becomes the one that was meant, if that is known, and the reverse. */
void call_exchange_meant(struct call *call);

/* Paths of the call are seen from that root (SYSCALL_OTHER_ROOT); no bytes: from ptwrap's own. */
void call_set_root(struct call *call, struct bytes root);

/* Takes attachments away. */
void call_detach(struct call *call, enum attach_kind kind, unsigned arg);

/* Adds bytes to the call. Too many attachments: dropped, and the last one marked truncated. */
void call_attach(struct call *call, enum attach_kind kind, unsigned arg, unsigned index,
		 struct bytes bytes, bool truncated);

/* The attachment of that kind and argument, with its bytes in place; false: there is none. */
bool call_find(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes);

/* The same; false too if some of it was cut off. */
bool call_find_whole(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes);

/* The finished event, its slices in place until the call is changed or released. */
const struct event *call_event(struct call *call);

#endif
