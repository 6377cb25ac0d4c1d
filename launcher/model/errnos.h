/* How often each errno was seen: a short list, one for each call and each network peer. */
#ifndef PTWRAP_MODEL_ERRNOS_H
#define PTWRAP_MODEL_ERRNOS_H

#include "model/store.h"

struct errno_count {
	struct errno_count *next; /* by name, once model_read has returned */
	int number;
	const char *name; /* "ENOENT"; "errno 4000" for one without a name */
	uint64_t count;
};

void errnos_add(struct store *store, struct errno_count **list, int number, uint64_t count);
void errnos_sort(struct errno_count **list);

/* The errno of a call's result; 0 where it did not fail. */
static inline int errno_of(int64_t ret)
{
	return ret < 0 && ret >= -4095 ? (int)-ret : 0;
}

#endif
