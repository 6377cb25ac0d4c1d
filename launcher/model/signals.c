/* Folded signals: see signals.h. */
#include "model/signals.h"

#include <stdlib.h>

void signals_init(struct signals *signals, struct store *store)
{
	signals->store = store;
}

void signals_free(struct signals *signals)
{
	index_free(&signals->index);
}

static bool same_signal(const void *context, uint32_t position, const void *key)
{
	const struct signal_entry *known = &((const struct signals *)context)->list[position];
	const struct signal_entry *wanted = key;
	return known->process == wanted->process && known->number == wanted->number &&
	       known->from == wanted->from && known->fatal == wanted->fatal;
}

static uint32_t hash_signal(const struct signal_entry *entry)
{
	const uint32_t key[] = { entry->process, entry->from, (uint32_t)entry->number, entry->fatal };
	return store_hash(key, sizeof key);
}

struct signal_entry signals_entry_of(const struct event *event)
{
	return (struct signal_entry){ .at_ns = event->t_ns, .count = 1, .process = event->process,
				      .from = event->signal.from, .number = event->signal.number,
				      .fatal = event->signal.fatal };
}

void signals_add(struct signals *signals, const struct signal_entry *entry)
{
	uint32_t hash = hash_signal(entry);
	uint32_t found = index_find(&signals->index, hash, same_signal, signals, entry);
	if (found != INDEX_NONE) {
		struct signal_entry *known = &signals->list[found];
		known->count += entry->count;
		known->at_ns = entry->at_ns < known->at_ns ? entry->at_ns : known->at_ns;
		return;
	}
	if (!store_grow(signals->store, &signals->list, signals->count, &signals->capacity,
			sizeof *signals->list))
		return;
	signals->store->failed |= !index_add(&signals->index, hash, signals->count);
	signals->list[signals->count++] = *entry;
}

static int compare_signals(const void *a, const void *b)
{
	const struct signal_entry *left = a, *right = b;
	if (left->at_ns != right->at_ns)
		return left->at_ns < right->at_ns ? -1 : 1;
	if (left->process != right->process)
		return left->process < right->process ? -1 : 1;
	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return left->fatal - right->fatal;
}

void signals_finish(struct signals *signals)
{
	if (signals->count > 1)
		qsort(signals->list, signals->count, sizeof *signals->list, compare_signals);
}

/* A process dies once, so the time of a fatal entry is that of its only delivery. */
bool signals_is_fatal(const struct signals *signals, const struct event *event)
{
	uint32_t low = 0, high = signals->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (signals->list[middle].at_ns < event->t_ns)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < signals->count && signals->list[low].at_ns == event->t_ns; low++)
		if (signals->list[low].fatal && signals->list[low].process == event->process &&
		    signals->list[low].number == event->signal.number)
			return true;
	return false;
}
