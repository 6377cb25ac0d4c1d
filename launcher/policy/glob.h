/* Patterns as sequences of tokens: bytes, and what a star stands for. Values; who makes one owns its tokens. */
#ifndef PTWRAP_POLICY_GLOB_H
#define PTWRAP_POLICY_GLOB_H

#include "bytes.h"

#include <stdint.h>

enum glob_token {
	GLOB_STAR = 256, /* one star: bytes other than '/' */
	GLOB_ANY,        /* two stars within a component: any bytes */
	GLOB_DIRS,       /* two stars between slashes, with both: a '/', perhaps whole components, each with its '/' */
	GLOB_TAIL,       /* a slash and two stars at the end: nothing, or a '/' and any bytes */
};

enum { GLOB_TOKENS_MAX = 8192 };

struct glob {
	const uint16_t *tokens;
	uint32_t len;
	uint32_t literal; /* bytes before the first token that is none; len: the whole is literal */
};

/* The literal beginning is counted here. */
struct glob glob_of(const uint16_t *tokens, size_t len);

bool glob_matches(const struct glob *glob, struct bytes text);

/* Does `wide` match everything that `narrow` matches? May say no where it does, never yes where it does not. */
bool glob_covers(const struct glob *wide, const struct glob *narrow);

/* Can it match something beneath the directory (no bytes: the root)? */
bool glob_reaches_below(const struct glob *glob, struct bytes directory);

/* Does it match beneath `to` all that it matches beneath `from`? May say no where it does. */
bool glob_moves_along(const struct glob *glob, struct bytes from, struct bytes to);

bool glob_equal(const struct glob *a, const struct glob *b);

/* Literal but for one GLOB_TAIL at its end? */
static inline bool glob_is_tree(const struct glob *glob)
{
	return glob->literal + 1 == glob->len && glob->tokens[glob->literal] == GLOB_TAIL;
}

#endif
