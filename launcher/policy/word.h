/* The words of a policy's line, and what they stand for once variables and escapes are replaced.
 *
 * Words are parted by blanks; "#" at the beginning of a word starts a comment. A backslash makes the byte behind it
 * one like any other (a blank, "*", "$", "#", "\"), and \xHH is the byte with that number. $NAME and ${NAME} are
 * variables of ptwrap's environment; stars in their values are no stars. $TMPDIR is /tmp where it is unset; $PWD is the working
 * directory, by its name in the environment if that still leads there. */
#ifndef PTWRAP_POLICY_WORD_H
#define PTWRAP_POLICY_WORD_H

#include "bytes.h"
#include "policy/fault.h"

#include <stdint.h>

enum { WORD_BYTES = 256 };

struct word {
	struct bytes text; /* as written */
	uint32_t column;   /* of its first byte, from 1 */
};

/* The word at *at or behind it, and *at moved behind that. False at the line's end or at a comment. */
bool word_next(struct bytes line, size_t *at, struct word *word);

/* The word as text, for messages and for comparing with the language's own words; cut where it is longer. */
const char *word_text(const struct word *word, char text[WORD_BYTES]);

bool word_is(const struct word *word, const char *text);

/* What it stands for, as tokens of glob.h: bytes, GLOB_STAR and GLOB_ANY. Freed by the caller. */
struct tokens {
	uint16_t *data;
	size_t len, capacity;
	bool failed; /* no memory */
};

int word_expand(const struct word *word, struct tokens *tokens, struct fault *fault);
void tokens_add(struct tokens *tokens, uint16_t token);
void tokens_free(struct tokens *tokens);

#endif
