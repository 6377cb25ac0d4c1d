/* The memory of one model: an arena that is freed as a whole, names kept once, and a hash index.
 *
 * Running out of memory is remembered in store.failed, not reported at each call: whoever gets a
 * NULL drops what it wanted to add, and model_read looks once. Not thread-safe. */
#ifndef PTWRAP_MODEL_STORE_H
#define PTWRAP_MODEL_STORE_H

#include "bytes.h"

#include <stdint.h>

/* A hash index over an array that somebody else keeps: hashes and positions, no keys. */
struct index {
	struct index_slot *slots;
	uint32_t capacity, count;
};

/* Is the element at `position` of the array in `context` the one with that key? */
typedef bool index_same(const void *context, uint32_t position, const void *key);

enum { INDEX_NONE = UINT32_MAX };

/* Bytes kept once per model, so equal names are equal pointers. */
struct name {
	struct file *file; /* of the files part: the entry with this key, or NULL */
	uint32_t hash, len;
	char data[]; /* NUL-terminated; may hold NULs */
};

struct store {
	struct arena_block *blocks;
	char *free;
	size_t free_bytes;
	struct name **names;
	uint32_t name_count, name_capacity;
	struct index name_index;
	bool failed;
};

/* Zeroed memory, aligned for any object, that lives as long as the store. NULL without memory. */
void *store_alloc(struct store *store, size_t size);

/* Makes room for one more element: *array (a pointer to any object pointer) holds `count`
 * elements of `element` bytes, and grows by doubling. False without memory. */
bool store_grow(struct store *store, void *array, uint32_t count, uint32_t *capacity,
		size_t element);

/* The name made of these bytes; NULL without memory. */
struct name *store_name(struct store *store, struct bytes bytes);

/* The same, or NULL where no such name was ever made. */
struct name *store_find_name(const struct store *store, struct bytes bytes);

void store_free(struct store *store);

uint32_t store_hash(const void *data, size_t len);

/* The position with that hash for which `same` holds; INDEX_NONE if there is none. */
uint32_t index_find(const struct index *index, uint32_t hash, index_same *same,
		    const void *context, const void *key);

/* Adds a position that index_find does not know. False without memory. */
bool index_add(struct index *index, uint32_t hash, uint32_t position);
void index_free(struct index *index);

/* No bytes for NULL. */
static inline struct bytes name_bytes(const struct name *name)
{
	return name ? bytes_of(name->data, name->len) : bytes_of(NULL, 0);
}

#endif
