/* Arena, names and hash index of a model: see store.h. Must never move what it gave out. */
#include "model/store.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 256 * 1024, ALIGNMENT = 16, FIRST_SLOTS = 64 };

struct arena_block {
	struct arena_block *next;
	char data[] __attribute__((aligned(ALIGNMENT)));
};

struct index_slot {
	uint32_t hash, position;
};

static bool add_block(struct store *store, size_t size)
{
	struct arena_block *block = calloc(1, sizeof *block + size);
	if (!block) {
		store->failed = true;
		return false;
	}
	block->next = store->blocks;
	store->blocks = block;
	store->free = block->data;
	store->free_bytes = size;
	return true;
}

/* A piece too large to share a block gets one of its own, behind the one in use. */
static void *alloc_alone(struct store *store, size_t size)
{
	char *kept = store->free;
	size_t kept_bytes = store->free_bytes;
	if (!add_block(store, size))
		return NULL;
	void *piece = store->free;
	store->free = kept;
	store->free_bytes = kept_bytes;
	return piece;
}

void *store_alloc(struct store *store, size_t size)
{
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > BLOCK_BYTES / 4)
		return alloc_alone(store, size);
	if (size > store->free_bytes && !add_block(store, BLOCK_BYTES))
		return NULL;
	void *piece = store->free;
	store->free += size;
	store->free_bytes -= size;
	return piece;
}

bool store_grow(struct store *store, void *array, uint32_t count, uint32_t *capacity,
		size_t element)
{
	if (count < *capacity)
		return true;
	uint32_t larger = *capacity ? *capacity * 2 : 4;
	void *old;
	memcpy(&old, array, sizeof old);
	void *grown = larger > count ? store_alloc(store, larger * element) : NULL;
	if (!grown) {
		store->failed = true;
		return false;
	}
	if (count)
		memcpy(grown, old, count * element);
	memcpy(array, &grown, sizeof grown);
	*capacity = larger;
	return true;
}

uint32_t store_hash(const void *data, size_t len)
{
	const uint64_t factor = 0x9e3779b97f4a7c15ULL;
	const char *at = data;
	uint64_t hash = len * factor;
	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	uint64_t tail = 0;
	if (len)
		memcpy(&tail, at, len);
	hash = (hash ^ tail) * factor;
	return (uint32_t)(hash >> 32);
}

uint32_t index_find(const struct index *index, uint32_t hash, index_same *same,
		    const void *context, const void *key)
{
	if (!index->capacity)
		return INDEX_NONE;
	uint32_t mask = index->capacity - 1;
	for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
		const struct index_slot *slot = &index->slots[at];
		if (slot->position == INDEX_NONE)
			return INDEX_NONE;
		if (slot->hash == hash && same(context, slot->position, key))
			return slot->position;
	}
}

static void put_slot(struct index *index, struct index_slot slot)
{
	uint32_t mask = index->capacity - 1;
	uint32_t at = slot.hash & mask;
	while (index->slots[at].position != INDEX_NONE)
		at = (at + 1) & mask;
	index->slots[at] = slot;
}

static bool index_enlarge(struct index *index)
{
	uint32_t old_capacity = index->capacity;
	struct index_slot *old = index->slots;
	uint32_t capacity = old_capacity ? old_capacity * 2 : FIRST_SLOTS;
	struct index_slot *slots = malloc(capacity * sizeof *slots);
	if (!slots)
		return false;
	memset(slots, 0xff, capacity * sizeof *slots);
	index->slots = slots;
	index->capacity = capacity;
	for (uint32_t i = 0; i < old_capacity; i++)
		if (old[i].position != INDEX_NONE)
			put_slot(index, old[i]);
	free(old);
	return true;
}

bool index_add(struct index *index, uint32_t hash, uint32_t position)
{
	if ((uint64_t)index->count * 4 >= (uint64_t)index->capacity * 3 && !index_enlarge(index))
		return false;
	put_slot(index, (struct index_slot){ hash, position });
	index->count++;
	return true;
}

void index_free(struct index *index)
{
	free(index->slots);
	*index = (struct index){ 0 };
}

static bool name_is(const void *context, uint32_t position, const void *key)
{
	const struct store *store = context;
	return bytes_equal(name_bytes(store->names[position]), *(const struct bytes *)key);
}

struct name *store_find_name(const struct store *store, struct bytes bytes)
{
	uint32_t found = index_find(&store->name_index, store_hash(bytes.data, bytes.len), name_is,
				    store, &bytes);
	return found == INDEX_NONE ? NULL : store->names[found];
}

struct name *store_name(struct store *store, struct bytes bytes)
{
	uint32_t hash = store_hash(bytes.data, bytes.len);
	uint32_t found = index_find(&store->name_index, hash, name_is, store, &bytes);
	if (found != INDEX_NONE)
		return store->names[found];
	struct name *name = store_alloc(store, sizeof *name + bytes.len + 1);
	if (!name || !store_grow(store, &store->names, store->name_count, &store->name_capacity,
				 sizeof *store->names))
		return NULL;
	name->hash = hash;
	name->len = (uint32_t)bytes.len;
	if (bytes.len)
		memcpy(name->data, bytes.data, bytes.len);
	if (!index_add(&store->name_index, hash, store->name_count)) {
		store->failed = true;
		return NULL;
	}
	store->names[store->name_count++] = name;
	return name;
}

void store_free(struct store *store)
{
	struct arena_block *next;
	for (struct arena_block *block = store->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	index_free(&store->name_index);
	*store = (struct store){ 0 };
}
