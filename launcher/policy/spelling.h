/* How a learned rule spells a path: by components, escaped, with stars for what changes from run to run and with variables.
 *
 * A name changes where it was made and deleted (or renamed) by the run itself, or made directly in $TMPDIR, and has a
 * stretch of letters and digits in it as mkstemp(3) and its kin make them up. The stretch is a star then, but for what all
 * such names of the directory begin with (of a single one: its first two letters). Numbers in /proc and /dev/pts are stars too.
 *
 * Reads the environment and links when it is made. */
#ifndef PTWRAP_POLICY_SPELLING_H
#define PTWRAP_POLICY_SPELLING_H

#include "policy/needs.h"
#include "policy/pathtree.h"
#include "strbuf.h"

enum spelling_variable { SPELLING_PWD, SPELLING_HOME, SPELLING_TMPDIR, SPELLING_VARIABLES };

struct spelling {
	struct store *store;
	const struct needs *needs;
	struct strbuf values[SPELLING_VARIABLES]; /* links resolved; no bytes: not of use */
	struct shape *shapes;                     /* made-up names that differ in their stretch only */
	uint32_t shape_count, shape_capacity;
	struct index shape_index;
};

struct spelling spelling_of(const struct needs *needs, struct store *store);
void spelling_free(struct spelling *spelling);

/* Bytes of which each stands for itself, as the language has them. Appended. */
void spelling_escape(struct bytes text, struct strbuf *out);

/* The branch of an absolute path. NULL without memory. */
struct branch *spelling_plant(const struct spelling *spelling, struct path_tree *tree, struct bytes path);

/* The branch's path from the root, with variables; `tail` behind it. Appended. */
void spelling_write(const struct spelling *spelling, const struct branch *branch, const char *tail, struct strbuf *out);

#endif
