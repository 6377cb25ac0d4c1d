/* Environments and their differences: see environment.h. */
#include "model/environment.h"

#include <stdlib.h>

void environments_init(struct environments *environments, struct store *store)
{
	environments->store = store;
}

void environments_free(struct environments *environments)
{
	index_free(&environments->index);
}

struct bytes environment_name(const struct name *variable)
{
	const char *equals = variable->len > 1 ?
		memchr(variable->data + 1, '=', variable->len - 1) : NULL;
	return bytes_of(variable->data, equals ? (size_t)(equals - variable->data) : variable->len);
}

struct bytes environment_value(const struct name *variable)
{
	size_t name = environment_name(variable).len;
	return name < variable->len ?
		bytes_of(variable->data + name + 1, variable->len - name - 1) : bytes_of(NULL, 0);
}

/* A variable and where it stood. */
struct placed {
	const struct name *variable;
	uint32_t position;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *left = a, *right = b;
	int order = bytes_compare(environment_name(left->variable), environment_name(right->variable));
	return order ? order : (left->position > right->position) - (left->position < right->position);
}

static uint32_t count_strings(struct bytes vector)
{
	uint32_t count = 0;
	struct bytes string;
	while (bytes_next_string(&vector, &string))
		count++;
	return count;
}

/* The variables by name, doubles taken out; their number. */
static uint32_t place_variables(struct store *store, struct bytes vector, struct placed *placed)
{
	uint32_t count = 0, kept = 0;
	struct bytes string;
	while (bytes_next_string(&vector, &string)) {
		const struct name *variable = store_name(store, string);
		if (!variable)
			continue;
		placed[count] = (struct placed){ variable, count };
		count++;
	}
	if (count > 1)
		qsort(placed, count, sizeof *placed, compare_placed);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || !bytes_equal(environment_name(placed[i].variable),
					   environment_name(placed[kept - 1].variable)))
			placed[kept++] = placed[i];
	return kept;
}

static bool same_environment(const void *context, uint32_t position, const void *key)
{
	const struct environment *known = ((const struct environments *)context)->list[position];
	const struct environment *wanted = key;
	return known->count == wanted->count &&
	       memcmp(known->variables, wanted->variables,
		      known->count * sizeof *known->variables) == 0;
}

static const struct environment *keep(struct environments *environments,
				      const struct environment *made)
{
	uint32_t found = index_find(&environments->index, made->hash, same_environment, environments,
				    made);
	if (found != INDEX_NONE)
		return environments->list[found];
	size_t size = sizeof *made + made->count * sizeof *made->variables;
	struct environment *kept = store_alloc(environments->store, size);
	if (!kept || !store_grow(environments->store, &environments->list, environments->count,
				 &environments->capacity, sizeof *environments->list))
		return NULL;
	memcpy(kept, made, size);
	environments->store->failed |=
		!index_add(&environments->index, made->hash, environments->count);
	return environments->list[environments->count++] = kept;
}

const struct environment *environments_add(struct environments *environments, struct bytes vector)
{
	uint32_t count = count_strings(vector);
	struct placed *placed = calloc(count + 1, sizeof *placed);
	struct environment *made = calloc(1, sizeof *made + count * sizeof *made->variables);
	const struct environment *kept = NULL;
	if (placed && made) {
		made->count = place_variables(environments->store, vector, placed);
		for (uint32_t i = 0; i < made->count; i++)
			made->variables[i] = placed[i].variable;
		made->hash = store_hash(made->variables, made->count * sizeof *made->variables);
		kept = keep(environments, made);
	}
	environments->store->failed |= !kept;
	free(placed);
	free(made);
	return kept;
}

void environment_compare(const struct environment *before, const struct environment *after,
			 enum environment_change wanted,
			 void (*each)(void *context, const struct name *variable), void *context)
{
	uint32_t i = 0, j = 0;
	while (i < before->count || j < after->count) {
		int order = i == before->count ? 1 :
			    j == after->count ? -1 :
			    bytes_compare(environment_name(before->variables[i]),
					  environment_name(after->variables[j]));
		enum environment_change change = order < 0 ? ENVIRONMENT_REMOVED :
						 order > 0 ? ENVIRONMENT_ADDED : ENVIRONMENT_CHANGED;
		bool same = order == 0 && before->variables[i] == after->variables[j];
		if (change == wanted && !same)
			each(context, order < 0 ? before->variables[i] : after->variables[j]);
		i += order <= 0;
		j += order >= 0;
	}
}
