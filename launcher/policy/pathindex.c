/* Look-up of paths: see pathindex.h. Nothing is allocated by a search, so any number of threads may search.
 *
 * The hash of a path is made byte by byte (FNV-1a): on the way to the whole path's it has that of each directory
 * above. */
#include "policy/pathindex.h"

enum { FNV_START = 0x811c9dc5, FNV_FACTOR = 0x01000193, TREE_MARK = 0x5bd1e995 };

struct path_entry {
	const uint16_t *tokens;
	uint32_t len;
	bool tree; /* the directory and all beneath it */
	struct verdict_link *chain;
};

struct glob_entry {
	const struct glob *glob;
	struct verdict_source source;
};

struct path_key {
	struct bytes text;
	bool tree;
};

static uint32_t hash_byte(uint32_t hash, char c)
{
	return (hash ^ (unsigned char)c) * (uint32_t)FNV_FACTOR;
}

/* Of a directory the hash is another than of the path itself. The low bits choose the place: they are mixed. */
static uint32_t hash_finish(uint32_t hash, bool tree)
{
	hash ^= tree ? (uint32_t)TREE_MARK : 0;
	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	return hash ^ hash >> 13;
}

static bool has_key(const void *context, uint32_t position, const void *key)
{
	const struct path_entry *entry = &((const struct path_index *)context)->entries[position];
	const struct path_key *wanted = key;
	if (entry->tree != wanted->tree || entry->len != wanted->text.len)
		return false;
	for (uint32_t i = 0; i < entry->len; i++)
		if (entry->tokens[i] != (unsigned char)wanted->text.data[i])
			return false;
	return true;
}

static bool has_tokens(const void *context, uint32_t position, const void *key)
{
	const struct path_entry *entry = &((const struct path_index *)context)->entries[position], *wanted = key;
	return entry->tree == wanted->tree && entry->len == wanted->len &&
	       (entry->len == 0 || memcmp(entry->tokens, wanted->tokens, entry->len * sizeof *entry->tokens) == 0);
}

static void add_literal(struct path_index *paths, struct store *store, const struct glob *glob, struct verdict_source source)
{
	struct path_entry key = { .tokens = glob->tokens, .len = glob->literal, .tree = glob->len > glob->literal };
	uint32_t hash = FNV_START;
	for (uint32_t i = 0; i < key.len; i++)
		hash = hash_byte(hash, (char)key.tokens[i]);
	hash = hash_finish(hash, key.tree);
	uint32_t at = index_find(&paths->index, hash, has_tokens, paths, &key);
	if (at == INDEX_NONE) {
		if (!store_grow(store, &paths->entries, paths->count, &paths->capacity, sizeof *paths->entries))
			return;
		at = paths->count++;
		paths->entries[at] = key;
		store->failed |= !index_add(&paths->index, hash, at);
	}
	links_add(&paths->entries[at].chain, store, source);
}

void path_index_add(struct path_index *paths, struct store *store, const struct glob *glob, struct verdict_source source)
{
	if (glob->literal == glob->len || glob_is_tree(glob)) {
		add_literal(paths, store, glob, source);
		return;
	}
	if (!store_grow(store, &paths->globs, paths->glob_count, &paths->glob_capacity, sizeof *paths->globs))
		return;
	paths->globs[paths->glob_count++] = (struct glob_entry){ .glob = glob, .source = source };
}

static void search_key(const struct path_index *paths, struct path_key key, uint32_t hash, struct search *search)
{
	search->steps++;
	uint32_t at = index_find(&paths->index, hash_finish(hash, key.tree), has_key, paths, &key);
	if (at != INDEX_NONE)
		links_search(paths->entries[at].chain, search);
}

static void search_globs(const struct path_index *paths, struct bytes text, struct search *search)
{
	for (uint32_t i = paths->glob_count; i > 0; i--) {
		const struct glob_entry *entry = &paths->globs[i - 1];
		if (entry->source.rule + 1 <= search->found)
			return;
		search->steps++;
		if (source_holds(entry->source, search->domain) && glob_matches(entry->glob, text)) {
			search->found = entry->source.rule + 1;
			return;
		}
	}
}

void path_index_search(const struct path_index *paths, struct bytes path, struct search *search)
{
	uint32_t hash = FNV_START;
	if (path.len == 1 && path.data[0] == '/')
		path.len = 0;
	for (size_t i = 0; paths->count && i <= path.len; i++) {
		bool end = i == path.len;
		if (end || path.data[i] == '/')
			search_key(paths, (struct path_key){ bytes_of(path.data, i), true }, hash, search);
		if (end)
			search_key(paths, (struct path_key){ path, false }, hash, search);
		else
			hash = hash_byte(hash, path.data[i]);
	}
	search_globs(paths, path, search);
}

void path_index_search_name(const struct path_index *paths, struct bytes name, struct search *search)
{
	uint32_t hash = FNV_START;
	for (size_t i = 0; i < name.len; i++)
		hash = hash_byte(hash, name.data[i]);
	search_key(paths, (struct path_key){ name, false }, hash, search);
	search_globs(paths, name, search);
}

void path_index_free(struct path_index *paths)
{
	index_free(&paths->index);
}
