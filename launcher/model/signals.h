/* Signals at their delivery; equal ones are one entry. */
#ifndef PTWRAP_MODEL_SIGNALS_H
#define PTWRAP_MODEL_SIGNALS_H

#include "event.h"
#include "model/store.h"

struct signal_entry {
	uint64_t at_ns; /* the first of them */
	uint64_t count;
	uint32_t process, from; /* from 0: not of the tree */
	int32_t number;
	bool fatal;
};

struct signals {
	struct store *store;
	struct signal_entry *list; /* by time, then process, once model_read has returned */
	uint32_t count, capacity;
	struct index index;
};

void signals_init(struct signals *signals, struct store *store);
void signals_add(struct signals *signals, const struct signal_entry *entry);

/* What an EVENT_SIGNAL says. A delivery that proves fatal only later says no such thing. */
struct signal_entry signals_entry_of(const struct event *event);

void signals_finish(struct signals *signals);

/* Did the process die of this very delivery? Once finished. */
bool signals_is_fatal(const struct signals *signals, const struct event *event);
void signals_free(struct signals *signals);

#endif
