/* Patterns of paths in the one form in which they are compared: absolute, no empty components, stars as glob.h has
 * them, the root as no bytes at all. */
#ifndef PTWRAP_POLICY_PATHPATTERN_H
#define PTWRAP_POLICY_PATHPATTERN_H

#include "model/store.h"
#include "policy/glob.h"
#include "policy/word.h"
#include "strbuf.h"

struct path_pattern {
	struct glob written;
	struct glob resolved; /* where the links of its beginning lead; equal to written where they lead nowhere else */
};

/* From the tokens of a word, of which the first `skip` are no part of the path. The tokens of the result live in the
 * store. Reads links; -1 with the fault set for a pattern that no path can match. */
int path_pattern_make(struct path_pattern *pattern, const struct tokens *tokens, size_t skip, const struct word *word,
		      struct store *store, struct fault *fault);

/* Is each name of the narrow one matched under some name of the wide one? */
bool path_pattern_covers(const struct path_pattern *wide, const struct path_pattern *narrow);

/* The path with its links resolved as far as it exists, "/" as no bytes; the rest as it stands. For an absolute path. */
void path_resolve(const char *path, struct strbuf *out);

#endif
