/* System calls of the whole tree by name, and what each number means to the other parts: the one
 * look-up that an event pays for. Per-process counters are proctree's. */
#ifndef PTWRAP_MODEL_CALLS_H
#define PTWRAP_MODEL_CALLS_H

#include "event.h"
#include "model/errnos.h"

struct file_call;
struct network_call;
struct syscall_desc;

struct call_total {
	const char *name; /* x86_64's, i386's and x32's calls of a name count together */
	uint64_t calls, errors, total_ns, max_ns;
	struct errno_count *errnos;
};

/* What is known of a call by its ABI and number. */
struct call_kind {
	uint32_t total;                     /* position in calls.totals */
	const struct syscall_desc *desc;    /* NULL: a number nobody knows */
	const struct file_call *file;       /* NULL: it has nothing to do with files */
	const struct network_call *network; /* NULL: nor with sockets */
};

enum { CALLS_ABIS = 3, CALLS_NUMBERS = 1024 };

struct calls {
	struct store *store;
	struct call_total *totals; /* by name, once model_read has returned */
	uint32_t count, capacity;
	struct index index;
	struct call_kind *kinds[CALLS_ABIS][CALLS_NUMBERS]; /* made as they are met */
};

void calls_init(struct calls *calls, struct store *store);
void calls_free(struct calls *calls);

/* Counts the call; what it is, or NULL without memory. */
const struct call_kind *calls_add(struct calls *calls, const struct event_syscall *syscall);

/* After the last event. Per-process counters hold positions of totals: they are translated by
 * `moved`, which has room for calls->count elements. */
void calls_sort(struct calls *calls, uint32_t *moved);

#endif
