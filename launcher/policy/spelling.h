/* How a learned rule spells a path: by components, escaped, with stars for what changes from run to run and with variables.
 *
 * A name changes where it was made and deleted (or renamed) by the run itself, or made directly in $TMPDIR, and has a
 * stretch of letters and digits in it as mkstemp(3) and its kin make them up. The stretch is a star then, but for what all
 * such names of the directory begin with (of a single one: its first two letters). Numbers in /proc and /dev/pts are stars too.
 *
 * Secrets (redact.h) are not written: one that is the value of a variable stands as ${NAME}, any other as a star, which does
 * not reach beyond a slash.
 *
 * Reads the environment, and links when it is made. */
#ifndef PTWRAP_POLICY_SPELLING_H
#define PTWRAP_POLICY_SPELLING_H

#include "policy/needs.h"
#include "policy/pathtree.h"
#include "strbuf.h"

enum spelling_variable { SPELLING_PWD, SPELLING_HOME, SPELLING_TMPDIR, SPELLING_VARIABLES };

struct redactor;

struct spelling {
	struct store *store;
	const struct needs *needs;
	const struct redactor *redactor;          /* NULL: nothing is secret */
	struct strbuf values[SPELLING_VARIABLES]; /* links resolved; no bytes: not of use */
	struct strbuf spelled[SPELLING_VARIABLES]; /* as a path has them */
	struct shape *shapes;                     /* made-up names that differ in their stretch only */
	uint32_t shape_count, shape_capacity;
	struct index shape_index;
};

struct spelling spelling_of(const struct needs *needs, const struct redactor *redactor, struct store *store);
void spelling_free(struct spelling *spelling);

/* Bytes of which each stands for itself, as the language has them, but for secrets. Appended. True: a star hides one. */
bool spelling_escape(const struct spelling *spelling, struct bytes text, struct strbuf *out);

/* The branch of an absolute path. NULL without memory. */
struct branch *spelling_plant(const struct spelling *spelling, struct path_tree *tree, struct bytes path);

/* The same for a path that was spelled before: NUL stands for a star, and nothing else becomes one but secrets. */
struct branch *spelling_plant_again(const struct spelling *spelling, struct path_tree *tree, struct bytes path);

/* The branch's path from the root, with variables; `tail` behind it. Appended. True: a star hides a secret. */
bool spelling_write(const struct spelling *spelling, const struct branch *branch, const char *tail, struct strbuf *out);

#endif
