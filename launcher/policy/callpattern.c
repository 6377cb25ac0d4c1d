/* Which calls a pattern names: see callpattern.h. Pure. */
#include "policy/callpattern.h"

#include "guess.h"
#include "policy/glob.h"

enum { GROUP_CALLS_MAX = 16 };

static const char *const groups[][GROUP_CALLS_MAX] = {
#define CALL_GROUP(name, meaning, ...) { name, __VA_ARGS__ },
#include "policy/callgroups.def"
#undef CALL_GROUP
};

const char *const *call_group_at(size_t position)
{
	return position < sizeof groups / sizeof *groups ? groups[position] : NULL;
}

bool call_is_grouped(struct bytes name)
{
	const char *const *group;
	for (size_t i = 0; (group = call_group_at(i)); i++)
		for (group++; *group; group++)
			if (bytes_equal(name, bytes_of_string(*group)))
				return true;
	return false;
}

static int add_group(struct call_set *set, const struct word *word, const char *name, struct fault *fault)
{
	char why[CALL_WORD_MAX];
	struct guess guess = guess_start(name);
	const char *const *group;
	for (size_t i = 0; (group = call_group_at(i)); i++) {
		guess_consider(&guess, group[0]);
		if (strcmp(group[0], name) != 0)
			continue;
		for (group++; *group; group++)
			call_set_add(set, *group, true, why, sizeof why);
		return 0;
	}
	return fault_unknown(fault, word->column, "group of system calls", name, guess.name);
}

/* The word as text: "**" is no star of this language. */
static int text_of_tokens(const struct tokens *tokens, char text[CALL_WORD_MAX])
{
	if (tokens->len >= CALL_WORD_MAX)
		return -1;
	for (size_t i = 0; i < tokens->len; i++) {
		if (tokens->data[i] == 0 || tokens->data[i] > GLOB_STAR)
			return -1;
		text[i] = tokens->data[i] == GLOB_STAR ? '*' : (char)tokens->data[i];
	}
	text[tokens->len] = '\0';
	return 0;
}

int call_pattern_make(struct call_set *set, const struct word *word, const struct tokens *tokens, struct fault *fault)
{
	char text[CALL_WORD_MAX], why[2 * CALL_WORD_MAX];
	if (text_of_tokens(tokens, text) < 0)
		return fault_set(fault, word->column, "'%s' is no name of a system call", word_text(word, text));
	if (strcmp(text, "*") == 0) {
		call_set_add_all(set);
		return 0;
	}
	if (strcmp(text, "none") == 0)
		return fault_set(fault, word->column, "'none' can never match");
	if (text[0] == '@')
		return add_group(set, word, text, fault);
	return call_set_add(set, text, false, why, sizeof why) < 0 ? fault_set(fault, word->column, "%s", why) : 0;
}

bool call_set_covers(const struct call_set *wide, const struct call_set *narrow)
{
	for (size_t abi = 0; abi < CALL_SET_ABIS; abi++)
		for (size_t i = 0; i < sizeof wide->bits[abi]; i++)
			if (narrow->bits[abi][i] & ~wide->bits[abi][i])
				return false;
	return wide->unnamed || !narrow->unnamed;
}
