/* Matching of patterns: see glob.h. Pure; no recursion, and time at most the product of both lengths.
 *
 * After a mismatch only the last star that was met is made to take more, and when that cannot be, the last of the
 * tokens that cross slashes: what stands before it has matched as early as it can, and a later match of that would leave
 * nothing to the tokens behind that they cannot reach anyway.
 *
 * To tell whether one pattern covers another, the narrow one is the text: its stars are symbols that only stars
 * of the wide one may swallow. */
#include "policy/glob.h"

#include <limits.h>

enum { SYMBOL_END = UINT_MAX };

/* What is matched: bytes, or another pattern. */
struct subject {
	const char *bytes;
	const uint16_t *tokens; /* NULL: bytes */
	size_t len;
};

/* Where to go on once something behind it did not match. */
struct retry {
	bool set;
	uint16_t token;
	size_t pattern, subject;
};

struct glob glob_of(const uint16_t *tokens, size_t len)
{
	struct glob glob = { .tokens = tokens, .len = (uint32_t)len };
	while (glob.literal < len && tokens[glob.literal] < GLOB_STAR)
		glob.literal++;
	return glob;
}

static unsigned symbol_at(const struct subject *subject, size_t at)
{
	if (at >= subject->len)
		return SYMBOL_END;
	if (subject->tokens)
		return subject->tokens[at];
	return subject->bytes ? (unsigned char)subject->bytes[at] : SYMBOL_END;
}

static bool begins_directory(unsigned symbol)
{
	return symbol == '/' || symbol == GLOB_DIRS;
}

/* Lets the token take more, up to where it may end. */
static bool extend(struct retry *retry, const struct subject *subject)
{
	if (!retry->set)
		return false;
	unsigned symbol = symbol_at(subject, retry->subject);
	if (retry->token == GLOB_STAR && (begins_directory(symbol) || (symbol > GLOB_STAR && symbol < SYMBOL_END)))
		return false;
	if (retry->token == GLOB_DIRS)
		while (symbol != SYMBOL_END && !begins_directory(symbol))
			symbol = symbol_at(subject, ++retry->subject);
	if (symbol == SYMBOL_END)
		return false;
	retry->subject++;
	return true;
}

static bool tail_matches(unsigned symbol)
{
	return symbol == SYMBOL_END || begins_directory(symbol) || symbol == GLOB_TAIL;
}

static bool matches(const struct glob *glob, const struct subject *subject)
{
	struct retry star = { .set = false }, across = { .set = false };
	size_t p = 0, s = 0;
	for (;;) {
		unsigned token = p < glob->len ? glob->tokens[p] : SYMBOL_END, symbol = symbol_at(subject, s);
		if (symbol == SYMBOL_END && token == SYMBOL_END)
			return true;
		if (token == GLOB_TAIL && tail_matches(symbol))
			return true;
		if (token == GLOB_STAR) {
			star = (struct retry){ true, GLOB_STAR, ++p, s };
		} else if (token == GLOB_ANY || (token == GLOB_DIRS && begins_directory(symbol))) {
			s += token == GLOB_DIRS;
			across = (struct retry){ true, (uint16_t)token, ++p, s };
			star.set = false;
		} else if (token < GLOB_STAR && token == symbol) {
			p++;
			s++;
		} else if (extend(&star, subject)) {
			p = star.pattern;
			s = star.subject;
		} else if (extend(&across, subject)) {
			star.set = false;
			p = across.pattern;
			s = across.subject;
		} else {
			return false;
		}
	}
}

bool glob_matches(const struct glob *glob, struct bytes text)
{
	const struct subject subject = { .bytes = text.data, .len = text.len };
	return matches(glob, &subject);
}

bool glob_covers(const struct glob *wide, const struct glob *narrow)
{
	const struct subject subject = { .tokens = narrow->tokens, .len = narrow->len };
	return matches(wide, &subject);
}

/* The places in a pattern where a text may have led: before token p, or within what token p takes. */
struct reach {
	bool before[GLOB_TOKENS_MAX + 1], within[GLOB_TOKENS_MAX + 1];
};

static bool is_within(uint16_t token, char c)
{
	return token == GLOB_ANY || (token == GLOB_STAR && c != '/');
}

/* Stars may take nothing. */
static void reach_skip_stars(struct reach *reach, const struct glob *glob)
{
	for (uint32_t p = 0; p < glob->len; p++)
		if (reach->before[p] && (glob->tokens[p] == GLOB_STAR || glob->tokens[p] == GLOB_ANY))
			reach->before[p + 1] = true;
}

static void reach_step(struct reach *reach, const struct glob *glob, char c)
{
	struct reach old;
	memcpy(old.before, reach->before, glob->len + 1);
	memcpy(old.within, reach->within, glob->len + 1);
	memset(reach->before, 0, glob->len + 1);
	memset(reach->within, 0, glob->len + 1);
	for (uint32_t p = 0; p < glob->len; p++) {
		uint16_t token = glob->tokens[p];
		bool enters = old.before[p] && c == '/' && token >= GLOB_DIRS;
		reach->before[p] |= old.before[p] && is_within(token, c);
		reach->within[p] = old.within[p] || enters;
		reach->before[p + 1] |= (old.before[p] && token == (unsigned char)c) ||
					(token == GLOB_DIRS && c == '/' && reach->within[p]);
	}
	reach_skip_stars(reach, glob);
}

static void reach_below(struct reach *reach, const struct glob *glob, struct bytes directory)
{
	memset(reach->before, 0, glob->len + 1);
	memset(reach->within, 0, glob->len + 1);
	reach->before[0] = true;
	reach_skip_stars(reach, glob);
	for (size_t i = 0; i < directory.len; i++)
		reach_step(reach, glob, directory.data[i]);
	reach_step(reach, glob, '/');
}

/* The literal beginning decides for most. */
static bool parts_from(const struct glob *glob, struct bytes directory)
{
	for (uint32_t p = 0; p < glob->literal && p <= directory.len; p++)
		if (glob->tokens[p] != (p < directory.len ? (unsigned char)directory.data[p] : '/'))
			return true;
	return false;
}

bool glob_reaches_below(const struct glob *glob, struct bytes directory)
{
	struct reach reach;
	if (parts_from(glob, directory))
		return false;
	reach_below(&reach, glob, directory);
	for (uint32_t p = 0; p <= glob->len; p++)
		if (reach.before[p] || reach.within[p])
			return true;
	return false;
}

bool glob_moves_along(const struct glob *glob, struct bytes from, struct bytes to)
{
	struct reach old, new;
	if (parts_from(glob, to))
		return false;
	reach_below(&old, glob, from);
	reach_below(&new, glob, to);
	for (uint32_t p = 0; p <= glob->len; p++)
		if ((old.before[p] && !new.before[p]) || (old.within[p] && !new.within[p]))
			return false;
	return true;
}

bool glob_equal(const struct glob *a, const struct glob *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->tokens, b->tokens, a->len * sizeof *a->tokens) == 0);
}
