/* The tree of needed paths: see pathtree.h. */
#include "policy/pathtree.h"

#include <stdlib.h>

enum { SIBLINGS = 4, LEAST_DEPTH = 2 };

void users_add(struct user **users, struct store *store, const struct name *name)
{
	for (; *users; users = &(*users)->next)
		if ((*users)->name == name)
			return;
	struct user *user = store_alloc(store, sizeof *user);
	if (user)
		user->name = name;
	*users = user;
}

static void users_add_all(struct user **users, struct store *store, const struct user *more)
{
	for (; more; more = more->next)
		users_add(users, store, more->name);
}

struct path_tree path_tree_on(struct store *store)
{
	return (struct path_tree){ .store = store };
}

void path_tree_free(struct path_tree *tree)
{
	index_free(&tree->index);
}

struct place_of_branch {
	const struct branch *parent;
	const struct name *part;
};

static bool is_there(const void *context, uint32_t position, const void *key)
{
	const struct path_tree *tree = context;
	const struct place_of_branch *wanted = key;
	return tree->all[position]->parent == wanted->parent && tree->all[position]->part == wanted->part;
}

static struct branch *grow(struct path_tree *tree, struct branch *parent, const struct name *part, uint32_t hash)
{
	struct branch *branch = store_alloc(tree->store, sizeof *branch);
	if (!branch || !store_grow(tree->store, &tree->all, tree->count, &tree->capacity, sizeof(struct branch *)))
		return NULL;
	if (!index_add(&tree->index, hash, tree->count)) {
		tree->store->failed = true;
		return NULL;
	}
	tree->all[tree->count++] = branch;
	*branch = (struct branch){ .part = part, .parent = parent, .next = parent->first };
	parent->first = branch;
	return branch;
}

struct branch *path_tree_reach(struct path_tree *tree, struct branch *parent, struct bytes part)
{
	struct place_of_branch place = { .parent = parent, .part = parent ? store_name(tree->store, part) : NULL };
	if (!place.part)
		return NULL;
	uintptr_t key[] = { (uintptr_t)parent, (uintptr_t)place.part };
	uint32_t hash = store_hash(key, sizeof key), at = index_find(&tree->index, hash, is_there, tree, &place);
	return at != INDEX_NONE ? tree->all[at] : grow(tree, parent, place.part, hash);
}

static void gather_users(struct path_tree *tree, struct branch *into, const struct branch *from)
{
	for (const struct branch *child = from->first; child; child = child->next) {
		users_add_all(&into->users, tree->store, child->users);
		gather_users(tree, into, child);
	}
}

/* Is anything in it needed? */
static bool fold(struct path_tree *tree, struct branch *branch, unsigned depth, bool kept)
{
	unsigned siblings = 0;
	kept |= branch->kept_below;
	for (struct branch *child = branch->first; child; child = child->next)
		siblings += fold(tree, child, depth + 1, kept);
	bool many = siblings >= SIBLINGS && depth >= LEAST_DEPTH && !kept && !branch->kept;
	if (many || branch->whole) {
		branch->whole = true;
		gather_users(tree, branch, branch);
	}
	return siblings || branch->needed || branch->whole;
}

/* Does a star of `wide` stand for what `narrow` has in its place, be it a star? */
static bool part_covers(const char *wide, const char *narrow)
{
	for (; *wide && *wide != '*'; wide++, narrow++) {
		if (*wide != *narrow)
			return false;
		if (*wide == '\\' && *++wide != *++narrow) /* a star behind it is none */
			return false;
	}
	if (!*wide)
		return !*narrow;
	for (;; narrow++) {
		if (part_covers(wide + 1, narrow))
			return true;
		if (!*narrow)
			return false;
	}
}

/* Files of the same directory that are needed by a wider name too. */
static void absorb_files(struct path_tree *tree, struct branch *wide)
{
	for (struct branch *file = wide->parent->first; file; file = file->next) {
		if (file == wide || !file->needed || file->first || file->whole || !part_covers(wide->part->data, file->part->data))
			continue;
		file->needed = false;
		users_add_all(&wide->users, tree->store, file->users);
	}
}

static void absorb_all(struct path_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++)
		if (tree->all[i]->needed && strchr(tree->all[i]->part->data, '*'))
			absorb_files(tree, tree->all[i]);
}

static bool is_library(const struct branch *branch)
{
	const struct name *part = branch->part;
	const char *mark = memmem(part->data, part->len, ".so", 3);
	return branch->needed && !branch->first && mark && (!mark[3] || mark[3] == '.');
}

void path_tree_fold_libraries(struct path_tree *tree)
{
	static const char libraries[] = "*.so*";
	for (uint32_t i = 0, count = tree->count; i < count; i++) {
		unsigned siblings = 0;
		for (struct branch *child = tree->all[i]->first; child; child = child->next)
			siblings += is_library(child) ? (strcmp(child->part->data, libraries) == 0 ? SIBLINGS : 1) : 0;
		struct branch *all = siblings >= SIBLINGS ?
			path_tree_reach(tree, tree->all[i], bytes_of(libraries, sizeof libraries - 1)) : NULL;
		if (all)
			all->needed = true;
	}
	absorb_all(tree);
}

void path_tree_fold(struct path_tree *tree)
{
	absorb_all(tree);
	fold(tree, &tree->root, 0, false);
}
