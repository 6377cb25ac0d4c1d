/* Secrets: which environment values must never be written, and masking them.
 *
 * A redactor knows globs on names of environment variables (interface.md: --redact), and learns
 * the values of variables whose names match. A learned value is written "***" wherever it
 * occurs. A value shorter than 8 bytes, or one that names an existing path, is masked in the
 * environment only. Not thread-safe: in the supervisor the recorder alone learns and masks
 * (redactor_find_paths apart). */
#ifndef PTWRAP_REDACT_H
#define PTWRAP_REDACT_H

#include "bytes.h"
#include "strbuf.h"

struct redactor;

/* With the built-in globs *TOKEN*, *SECRET*, *PASSW*, *_KEY (names match without regard to
 * case). NULL: no memory. */
struct redactor *redactor_create(void);
void redactor_destroy(struct redactor *redactor);

/* One more glob ('*' and '?') on names. 0 or -ENOMEM. */
int redactor_add_pattern(struct redactor *redactor, const char *glob);

/* Learns the values of the variables in a string vector of NAME=VALUE. 0 or -ENOMEM. */
int redactor_learn(struct redactor *redactor, struct bytes environment);

/* The same in two steps, for an environment of the tree: a path in it may lead to a file system that
 * the tree itself serves, and asking for it block. redactor_find_paths asks: it appends, as a string
 * vector, what would be learned and names an existing path; any thread may call it at any time.
 * redactor_learn_knowing learns, with that answer. */
void redactor_find_paths(const struct redactor *redactor, struct bytes environment, struct strbuf *paths);
int redactor_learn_knowing(struct redactor *redactor, struct bytes environment, struct bytes paths);

/* There may be a secret that it could not learn, for want of memory: all text is masked from now on. Any thread. */
void redactor_be_blind(struct redactor *redactor);
bool redactor_is_blind(const struct redactor *redactor); /* NULL: no */

/* For a fork to come: what the child learns, the parent learns too when it catches up, which it may at any time;
 * blindness as well. Before that call nothing is shared. 0 or -ENOMEM. */
int redactor_share(struct redactor *redactor);
void redactor_catch_up(struct redactor *redactor);

/* Does a name in it match, so that there may be something to learn? Any thread. */
bool redactor_concerns(const struct redactor *redactor, struct bytes environment);

/* How many values it has learned. */
size_t redactor_known(const struct redactor *redactor);

/* True if anything would be masked in `text`. */
bool redactor_matches(const struct redactor *redactor, struct bytes text);

/* The first stretch of learned values at or behind `from`, for who has a mask of his own; not for one that is blind.
 * NULL knows none. */
bool redactor_find(const struct redactor *redactor, struct bytes text, size_t from, size_t *start, size_t *end);

/* `text` with every learned value replaced by "***": `text` itself when there is none, else
 * malloc'ed memory that *owned is set to and the caller frees (*owned NULL: nothing to free).
 * Without memory the whole text becomes "***". */
struct bytes redactor_mask(const struct redactor *redactor, struct bytes text, char **owned);

/* For text that was cut off at its end, masked already: without the first bytes of a learned value,
 * four or more, that the cut may have left there. */
struct bytes redactor_drop_begun(const struct redactor *redactor, struct bytes text);

/* The same as redactor_mask for a string vector of NAME=VALUE, where values of matching names are masked whole. */
struct bytes redactor_mask_environment(const struct redactor *redactor, struct bytes environment,
				       char **owned);

#endif
