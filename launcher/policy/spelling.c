/* Paths as learned rules have them: see spelling.h. */
#include "policy/spelling.h"

#include "policy/pathpattern.h"

#include <ctype.h>

enum { STRETCH_LEAST = 6, DIGITS_LEAST = 3, INITIALS = 2, DEPTH_MAX = 2048 };

static const char *const variable_words[SPELLING_VARIABLES] = {
	[SPELLING_PWD] = "$PWD", [SPELLING_HOME] = "$HOME", [SPELLING_TMPDIR] = "$TMPDIR",
};

/* Names of one directory that are alike up to a stretch. */
struct shape {
	const struct name *key;  /* directory, what stands before the stretch, a NUL, what stands behind it */
	struct bytes stretch;    /* of the first, */
	size_t common;           /* of which all have that much */
	bool several;
};

/* Where in a name the stretch is. */
struct stretch {
	size_t start, len;
};

/* ---- variables ---- */

static void find_value(const char *variable, struct strbuf *value)
{
	char why[WORD_BYTES] = "";
	struct fault fault = { .text = why, .size = sizeof why, .file = "" };
	struct word word = { .text = bytes_of_string(variable), .column = 1 };
	struct tokens tokens = { 0 };
	struct strbuf text = { 0 };
	if (word_expand(&word, &tokens, &fault) == 0)
		for (size_t i = 0; i < tokens.len; i++)
			strbuf_add_char(&text, (char)tokens.data[i]);
	if (text.data && text.data[0] == '/')
		path_resolve(text.data, value);
	tokens_free(&tokens);
	strbuf_free(&text);
}

static bool is_beneath(struct bytes path, struct bytes directory)
{
	return path.len >= directory.len && memcmp(path.data, directory.data, directory.len) == 0 &&
	       (path.len == directory.len || path.data[directory.len] == '/');
}

/* The longest value that the text begins with, both escaped. SPELLING_VARIABLES: none. */
static unsigned find_variable(const struct spelling *spelling, struct bytes text, size_t *len)
{
	unsigned best = SPELLING_VARIABLES;
	*len = 0;
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++) {
		struct strbuf escaped = { 0 };
		spelling_escape(strbuf_bytes(&spelling->values[i]), &escaped);
		if (escaped.len > *len && is_beneath(text, strbuf_bytes(&escaped))) {
			*len = escaped.len;
			best = i;
		}
		strbuf_free(&escaped);
	}
	return best;
}

/* ---- made-up names ---- */

static bool is_number(struct bytes name)
{
	size_t digits = 0;
	while (digits < name.len && isdigit((unsigned char)name.data[digits]))
		digits++;
	return name.len && digits == name.len;
}

/* Has its end, that mkstemp would fill in, a digit or a capital in it? */
static bool looks_made_up(struct bytes stretch)
{
	for (size_t i = stretch.len - STRETCH_LEAST; i < stretch.len; i++)
		if (isdigit((unsigned char)stretch.data[i]) || isupper((unsigned char)stretch.data[i]))
			return true;
	return false;
}

/* The longest stretch that may be made up; any: without a look at its letters. */
static bool find_stretch(struct bytes name, bool any, struct stretch *found)
{
	found->len = 0;
	for (size_t start = 0, end; start < name.len; start = end + 1) {
		for (end = start; end < name.len && isalnum((unsigned char)name.data[end]); end++)
			;
		struct bytes stretch = bytes_of(name.data + start, end - start);
		bool may_be = stretch.len >= STRETCH_LEAST ? any || looks_made_up(stretch) :
							     stretch.len >= DIGITS_LEAST && is_number(stretch);
		if (may_be && stretch.len > found->len)
			*found = (struct stretch){ start, stretch.len };
	}
	return found->len > 0;
}

/* As Python's tempfile makes them: eight of a-z, 0-9 and _, alone or behind "tmp". */
static bool is_of_tempfile(struct bytes name, struct stretch *found)
{
	enum { RANDOM = 8, PREFIX = sizeof "tmp" - 1 };
	if (name.len != RANDOM && (name.len != PREFIX + RANDOM || memcmp(name.data, "tmp", PREFIX) != 0))
		return false;
	*found = (struct stretch){ name.len - RANDOM, RANDOM };
	for (size_t i = found->start; i < name.len; i++)
		if (!islower((unsigned char)name.data[i]) && !isdigit((unsigned char)name.data[i]) && name.data[i] != '_')
			return false;
	return true;
}

/* The path's last component changes from run to run: its stretch. */
static bool is_made_up(const struct spelling *spelling, struct bytes path, struct bytes name, struct stretch *stretch)
{
	struct bytes tmpdir = strbuf_bytes(&spelling->values[SPELLING_TMPDIR]);
	struct bytes directory = bytes_of(path.data, path.len - name.len - 1);
	bool in_tmpdir = tmpdir.len && bytes_equal(directory, tmpdir);
	return needs_have(spelling->needs, NEED_MADE, path) &&
	       (in_tmpdir || needs_have(spelling->needs, NEED_GONE, path)) &&
	       ((in_tmpdir && is_of_tempfile(name, stretch)) || find_stretch(name, in_tmpdir, stretch));
}

static struct bytes last_name(struct bytes path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	return slash ? bytes_of(slash + 1, path.len - (size_t)(slash + 1 - path.data)) : bytes_of("", 0);
}

static const struct name *shape_key(const struct spelling *spelling, struct bytes path, struct bytes name,
				    const struct stretch *stretch)
{
	struct strbuf key = { 0 };
	strbuf_add(&key, path.data, path.len - name.len + stretch->start);
	strbuf_add_char(&key, '\0');
	strbuf_add(&key, name.data + stretch->start + stretch->len, name.len - stretch->start - stretch->len);
	const struct name *found = store_name(spelling->store, strbuf_bytes(&key));
	strbuf_free(&key);
	return found;
}

static bool is_shape(const void *context, uint32_t position, const void *key)
{
	const struct spelling *spelling = context;
	return spelling->shapes[position].key == key;
}

static void narrow_shape(struct shape *shape, struct bytes stretch)
{
	size_t common = 0;
	while (common < shape->common && common < stretch.len && shape->stretch.data[common] == stretch.data[common])
		common++;
	shape->several |= !bytes_equal(shape->stretch, stretch);
	shape->common = common;
}

static void add_shape(struct spelling *spelling, const struct name *path)
{
	struct stretch at;
	struct bytes name = last_name(name_bytes(path));
	if (!name.len || !is_made_up(spelling, name_bytes(path), name, &at))
		return;
	struct bytes stretch = bytes_of(name.data + at.start, at.len);
	const struct name *key = shape_key(spelling, name_bytes(path), name, &at);
	uint32_t position = key ? index_find(&spelling->shape_index, key->hash, is_shape, spelling, key) : INDEX_NONE;
	if (position != INDEX_NONE) {
		narrow_shape(&spelling->shapes[position], stretch);
		return;
	}
	if (!key || !store_grow(spelling->store, &spelling->shapes, spelling->shape_count, &spelling->shape_capacity,
				sizeof(struct shape)) ||
	    !index_add(&spelling->shape_index, key->hash, spelling->shape_count))
		return;
	spelling->shapes[spelling->shape_count++] = (struct shape){ .key = key, .stretch = stretch, .common = at.len };
}

/* Of a name that is one stretch, of which there is no other: "cc" of "ccA1b2C3". Only mkstemp has capitals; Python makes up
 * whole names of small letters. */
static size_t initials(struct bytes name, const struct stretch *at)
{
	bool words = at->start == 0 && at->len >= STRETCH_LEAST + INITIALS && islower((unsigned char)name.data[0]) &&
		     islower((unsigned char)name.data[1]);
	for (size_t i = at->len - STRETCH_LEAST; words && i < at->len; i++)
		if (isupper((unsigned char)name.data[i]))
			return INITIALS;
	return 0;
}

/* How much of the stretch is not made up: only what leaves as much as mkstemp fills in, and is common to several. */
static size_t constant_part(const struct spelling *spelling, struct bytes path, struct bytes name, const struct stretch *at)
{
	const struct name *key = shape_key(spelling, path, name, at);
	uint32_t position = key ? index_find(&spelling->shape_index, key->hash, is_shape, spelling, key) : INDEX_NONE;
	if (position == INDEX_NONE || at->len < STRETCH_LEAST)
		return 0;
	if (!spelling->shapes[position].several)
		return initials(name, at);
	size_t constant = spelling->shapes[position].stretch.len;
	constant = constant < STRETCH_LEAST ? 0 : constant - STRETCH_LEAST;
	return spelling->shapes[position].common >= constant ? constant : 0;
}

/* ---- the whole ---- */

struct spelling spelling_of(const struct needs *needs, struct store *store)
{
	struct spelling spelling = { .store = store, .needs = needs };
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++)
		find_value(variable_words[i], &spelling.values[i]);
	for (uint32_t i = 0; i < needs_count(needs); i++)
		if (needs_at(needs, i)->kind == NEED_MADE)
			add_shape(&spelling, needs_at(needs, i)->object);
	return spelling;
}

void spelling_free(struct spelling *spelling)
{
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++)
		strbuf_free(&spelling->values[i]);
	index_free(&spelling->shape_index);
}

void spelling_escape(struct bytes text, struct strbuf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < ' ' || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else if (strchr(" *$#\\", c))
			strbuf_addf(out, "\\%c", c);
		else
			strbuf_add_char(out, (char)c);
	}
}

/* A component of a path, which ends with it. */
static void spell_part(const struct spelling *spelling, struct bytes path, struct bytes name, struct strbuf *out)
{
	struct stretch at;
	bool numbered = is_beneath(path, bytes_of_string("/proc")) || is_beneath(path, bytes_of_string("/dev/pts"));
	if (numbered && is_number(name)) {
		strbuf_add_char(out, '*');
	} else if (is_made_up(spelling, path, name, &at)) {
		size_t kept = at.start + constant_part(spelling, path, name, &at), end = at.start + at.len;
		spelling_escape(bytes_of(name.data, kept), out);
		strbuf_add_char(out, '*');
		spelling_escape(bytes_of(name.data + end, name.len - end), out);
	} else {
		spelling_escape(name, out);
	}
}

struct branch *spelling_plant(const struct spelling *spelling, struct path_tree *tree, struct bytes path)
{
	struct branch *branch = &tree->root;
	struct strbuf part = { 0 };
	for (size_t at = 0, end; branch && at < path.len; at = end) {
		const char *slash = memchr(path.data + at + 1, '/', path.len - at - 1);
		end = slash ? (size_t)(slash - path.data) : path.len;
		if (end == at + 1)
			continue;
		strbuf_reset(&part);
		spell_part(spelling, bytes_of(path.data, end), bytes_of(path.data + at + 1, end - at - 1), &part);
		branch = part.failed ? NULL : path_tree_reach(tree, branch, strbuf_bytes(&part));
	}
	spelling->store->failed |= part.failed;
	strbuf_free(&part);
	return branch;
}

void spelling_write(const struct spelling *spelling, const struct branch *branch, const char *tail, struct strbuf *out)
{
	const struct branch *line[DEPTH_MAX];
	struct strbuf path = { 0 };
	size_t depth = 0, replaced;
	for (; branch->parent && depth < DEPTH_MAX; branch = branch->parent)
		line[depth++] = branch;
	while (depth > 0) {
		strbuf_add_char(&path, '/');
		strbuf_add(&path, line[depth - 1]->part->data, line[depth - 1]->part->len);
		depth--;
	}
	unsigned variable = find_variable(spelling, strbuf_bytes(&path), &replaced);
	if (variable < SPELLING_VARIABLES)
		strbuf_add_string(out, variable_words[variable]);
	if (path.len)
		strbuf_add(out, path.data + replaced, path.len - replaced);
	strbuf_add_string(out, path.len || *tail ? tail : "/");
	out->failed |= path.failed;
	strbuf_free(&path);
}
