/* The path patterns of one subject. Exact paths and whole directories are found by one table look-up for each
 * component of the path asked about, however many there are; other patterns are tried in turn, the youngest first, and
 * only those younger than what was found. */
#ifndef PTWRAP_POLICY_PATHINDEX_H
#define PTWRAP_POLICY_PATHINDEX_H

#include "policy/glob.h"
#include "policy/links.h"

struct path_index {
	struct path_entry *entries; /* exact paths and directories, each once */
	uint32_t count, capacity;
	struct index index;
	struct glob_entry *globs; /* the oldest first */
	uint32_t glob_count, glob_capacity;
};

/* The glob must live as long as the index. Failures are remembered in the store. */
void path_index_add(struct path_index *paths, struct store *store, const struct glob *glob, struct verdict_source source);

/* path: as policy.h has it; "" and "/" are the root. */
void path_index_search(const struct path_index *paths, struct bytes path, struct search *search);

/* The same for a text that is no path (an abstract socket's name): it has no components. */
void path_index_search_name(const struct path_index *paths, struct bytes name, struct search *search);

void path_index_free(struct path_index *paths);

#endif
