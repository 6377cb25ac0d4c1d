/* Paths that a run needs, as a tree by component, folded to directories where many siblings occur.
 *
 * Components are texts of the policy's language: escaped, and a star stands for names that change from run to run
 * (spelling.h). Memory is the store's; without it what was to be added is missing, and the store says so. */
#ifndef PTWRAP_POLICY_PATHTREE_H
#define PTWRAP_POLICY_PATHTREE_H

#include "model/store.h"

/* Who needs something, each once. */
struct user {
	const struct name *name;
	struct user *next;
};

void users_add(struct user **users, struct store *store, const struct name *name);

struct branch {
	const struct name *part;
	struct branch *parent, *first, *next;
	bool needed;     /* itself, */
	bool whole;      /* and all that is beneath it */
	bool kept;       /* never folded to */
	bool kept_below; /* nor anything beneath it */
	bool veiled;     /* a star of its own hides a secret */
	struct user *users;
};

struct path_tree {
	struct store *store;
	struct branch root;
	struct branch **all;
	uint32_t count, capacity;
	struct index index;
};

struct path_tree path_tree_on(struct store *store);
void path_tree_free(struct path_tree *tree);

/* The branch of that name, made where it is missing. NULL without memory, or for NULL. */
struct branch *path_tree_reach(struct path_tree *tree, struct branch *parent, struct bytes part);

/* What is not kept becomes whole where enough of its names are needed. Not the root and what is directly beneath it. */
void path_tree_fold(struct path_tree *tree);

/* Shared libraries of one directory, where there are enough, become one needed branch. */
void path_tree_fold_libraries(struct path_tree *tree);

#endif
