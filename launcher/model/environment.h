/* Environments of program images, each variable and each whole environment kept once, and the
 * difference of two. Knows nothing of secrets: what is recorded is already masked. */
#ifndef PTWRAP_MODEL_ENVIRONMENT_H
#define PTWRAP_MODEL_ENVIRONMENT_H

#include "model/store.h"

struct environment {
	uint32_t hash, count;
	const struct name *variables[]; /* "NAME=VALUE", by NAME's bytes, each NAME once */
};

struct environments {
	struct store *store;
	const struct environment **list;
	uint32_t count, capacity;
	struct index index;
};

enum environment_change { ENVIRONMENT_ADDED, ENVIRONMENT_CHANGED, ENVIRONMENT_REMOVED };

void environments_init(struct environments *environments, struct store *store);

/* The environment with these variables (a string vector); of a NAME that stands there twice, the
 * first, as getenv(3) finds it. NULL without memory. */
const struct environment *environments_add(struct environments *environments, struct bytes vector);
void environments_free(struct environments *environments);

/* The part before the first '=' that is not the first byte; all of it where there is none. */
struct bytes environment_name(const struct name *variable);
struct bytes environment_value(const struct name *variable);

/* Calls `each` with every variable of that kind of change, by name: the new variable, for
 * ENVIRONMENT_REMOVED the old one. */
void environment_compare(const struct environment *before, const struct environment *after,
			 enum environment_change wanted,
			 void (*each)(void *context, const struct name *variable), void *context);

#endif
