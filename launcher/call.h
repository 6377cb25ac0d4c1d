/* One system call of one task, from its entry to its record: numbers from the ptrace stop, and
 * what a report needs of the task's memory and descriptors.
 *
 * A call belongs to one tracee, or for a while to one helper thread that gathers for it
 * (helpers.h); never to two at once. */
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

struct call {
	struct event event;  /* kind EVENT_SYSCALL; attachments hold offsets until call_event */
	struct strbuf data;  /* what the attachments point into */
	const struct syscall_desc *desc; /* NULL: a number nobody knows */
	size_t argv_count;   /* execve: strings in argv, cut ones included */
	uint64_t ip;         /* instruction pointer at the entry, behind the call instruction */
	uint64_t left_ns;    /* when it was over */
	bool hidden;         /* followed, but not to be reported */
	struct call *next;   /* for free lists */
};

/* A call with nothing in it, from a list of used ones where possible. NULL without memory. Only
 * the tracer thread makes and returns calls. */
struct call *call_create(void);
void call_release(struct call *call);

/* Adds bytes to the call. Too many attachments: dropped, and the last one marked truncated. */
void call_attach(struct call *call, enum attach_kind kind, unsigned arg, unsigned index,
		 struct bytes bytes, bool truncated);

/* The attachment of that kind and argument, with its bytes in place; false: there is none. */
bool call_find(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes);

/* The finished event, its slices in place until the call is changed or released. */
const struct event *call_event(struct call *call);

#endif
