/* Totals by system call: see calls.h. */
#include "model/calls.h"

#include "model/files.h"
#include "model/network.h"
#include "syscall.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNKNOWN_MAX = 4096 /* names for numbers that nobody knows, then one for all others */ };

void calls_init(struct calls *calls, struct store *store)
{
	calls->store = store;
}

void calls_free(struct calls *calls)
{
	index_free(&calls->index);
}

static bool same_total(const void *context, uint32_t position, const void *key)
{
	return strcmp(((const struct calls *)context)->totals[position].name, key) == 0;
}

static uint32_t find_total(struct calls *calls, const char *name)
{
	uint32_t hash = store_hash(name, strlen(name));
	uint32_t found = index_find(&calls->index, hash, same_total, calls, name);
	if (found != INDEX_NONE)
		return found;
	if (!store_grow(calls->store, &calls->totals, calls->count, &calls->capacity,
			sizeof *calls->totals))
		return INDEX_NONE;
	calls->totals[calls->count] = (struct call_total){ .name = name };
	calls->store->failed |= !index_add(&calls->index, hash, calls->count);
	return calls->count++;
}

static const char *name_of_unknown(struct calls *calls, uint32_t number)
{
	char text[24] = "syscall_unknown";
	if (calls->count < UNKNOWN_MAX)
		snprintf(text, sizeof text, "syscall_%#x", number);
	const struct name *name = store_name(calls->store, bytes_of_string(text));
	return name ? name->data : NULL;
}

static bool fill_kind(struct calls *calls, struct call_kind *kind, enum event_abi abi,
		      uint32_t number)
{
	kind->desc = syscall_lookup(abi, number);
	const char *name = kind->desc ? kind->desc->name : name_of_unknown(calls, number);
	if (!name)
		return false;
	kind->total = find_total(calls, name);
	if (kind->desc) {
		kind->file = file_call_by_name(name);
		kind->network = network_call_by_name(name);
	}
	return kind->total != INDEX_NONE;
}

static const struct call_kind *kind_of(struct calls *calls, unsigned abi, uint32_t number,
				       struct call_kind *scratch)
{
	uint32_t slot = abi == ABI_X32 ? number & ~0x40000000u : number;
	if (abi >= CALLS_ABIS || slot >= CALLS_NUMBERS)
		return fill_kind(calls, scratch, abi, number) ? scratch : NULL;
	struct call_kind **known = &calls->kinds[abi][slot];
	if (*known)
		return *known;
	struct call_kind *kind = store_alloc(calls->store, sizeof *kind);
	if (!kind || !fill_kind(calls, kind, abi, number))
		return NULL;
	return *known = kind;
}

static void count(struct calls *calls, struct call_total *total, const struct event_syscall *syscall)
{
	int error = syscall->flags & SYSCALL_NO_RETURN ? 0 : errno_of(syscall->ret);
	total->calls++;
	total->total_ns += syscall->dur_ns;
	if (syscall->dur_ns > total->max_ns)
		total->max_ns = syscall->dur_ns;
	if (!error)
		return;
	total->errors++;
	errnos_add(calls->store, &total->errnos, error, 1);
}

const struct call_kind *calls_add(struct calls *calls, const struct event_syscall *syscall)
{
	static _Thread_local struct call_kind scratch;
	scratch = (struct call_kind){ 0 };
	const struct call_kind *kind = kind_of(calls, syscall->abi, syscall->number, &scratch);
	if (kind)
		count(calls, &calls->totals[kind->total], syscall);
	return kind;
}

static int compare_names(const void *a, const void *b, void *context)
{
	const struct call_total *totals = context;
	return strcmp(totals[*(const uint32_t *)a].name, totals[*(const uint32_t *)b].name);
}

void calls_sort(struct calls *calls, uint32_t *moved)
{
	uint32_t *order = store_alloc(calls->store, calls->count * sizeof *order);
	struct call_total *sorted = store_alloc(calls->store, calls->count * sizeof *sorted);
	if (!order || !sorted)
		return;
	for (uint32_t i = 0; i < calls->count; i++)
		order[i] = i;
	qsort_r(order, calls->count, sizeof *order, compare_names, calls->totals);
	for (uint32_t i = 0; i < calls->count; i++) {
		sorted[i] = calls->totals[order[i]];
		errnos_sort(&sorted[i].errnos);
		moved[order[i]] = i;
	}
	calls->totals = sorted;
}
