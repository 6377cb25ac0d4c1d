/* Paths as learned rules have them: see spelling.h. */
#include "policy/spelling.h"

#include "policy/pathpattern.h"
#include "redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

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

/* The longest value that the text begins with, both spelled. SPELLING_VARIABLES: none. */
static unsigned find_variable(const struct spelling *spelling, struct bytes text, size_t *len)
{
	unsigned best = SPELLING_VARIABLES;
	*len = 0;
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++) {
		struct bytes spelled = strbuf_bytes(&spelling->spelled[i]);
		if (spelled.len > *len && is_beneath(text, spelled)) {
			*len = spelled.len;
			best = i;
		}
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

/* The longest stretch of the path's last component that may be made up, around secrets. */
static bool find_around_secrets(const struct spelling *spelling, struct bytes path, size_t name_len, bool in_tmpdir,
				struct stretch *found)
{
	struct strbuf copy = { 0 };
	size_t start, end;
	strbuf_add(&copy, path.data, path.len);
	for (size_t at = 0; !copy.failed && redactor_find(spelling->redactor, path, at, &start, &end); at = end)
		memset(copy.data + start, '/', end - start);
	struct bytes name = copy.failed ? bytes_of("", 0) : bytes_of(copy.data + path.len - name_len, name_len);
	bool is_found = (in_tmpdir && is_of_tempfile(name, found)) || find_stretch(name, in_tmpdir, found);
	strbuf_free(&copy);
	return is_found;
}

/* The path's last component changes from run to run: its stretch. */
static bool is_made_up(const struct spelling *spelling, struct bytes path, struct bytes name, struct stretch *stretch)
{
	struct bytes tmpdir = strbuf_bytes(&spelling->values[SPELLING_TMPDIR]);
	struct bytes directory = bytes_of(path.data, path.len - name.len - 1);
	bool in_tmpdir = tmpdir.len && bytes_equal(directory, tmpdir);
	return needs_have(spelling->needs, NEED_MADE, path) &&
	       (in_tmpdir || needs_have(spelling->needs, NEED_GONE, path)) &&
	       find_around_secrets(spelling, path, name.len, in_tmpdir, stretch);
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

struct spelling spelling_of(const struct needs *needs, const struct redactor *redactor, struct store *store)
{
	struct spelling spelling = { .store = store, .needs = needs, .redactor = redactor };
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++) {
		find_value(variable_words[i], &spelling.values[i]);
		spelling_escape(&spelling, strbuf_bytes(&spelling.values[i]), &spelling.spelled[i]);
	}
	for (uint32_t i = 0; i < needs_count(needs); i++)
		if (needs_at(needs, i)->kind == NEED_MADE)
			add_shape(&spelling, needs_at(needs, i)->object);
	return spelling;
}

void spelling_free(struct spelling *spelling)
{
	for (unsigned i = 0; i < SPELLING_VARIABLES; i++)
		strbuf_free(&spelling->values[i]), strbuf_free(&spelling->spelled[i]);
	index_free(&spelling->shape_index);
}

/* ---- components ---- */

/* A stretch of a text that is spelled, and what came of it. */
struct writing {
	const struct spelling *spelling;
	struct strbuf *out;
	bool starred; /* a star was the last that was written: two would mean more */
	bool veiled;  /* a star hides a secret */
};

static void write_star(struct writing *writing)
{
	if (!writing->starred)
		strbuf_add_char(writing->out, '*');
	writing->starred = true;
}

static void write_byte(struct writing *writing, unsigned char c)
{
	if (c < ' ' || c == 0x7f)
		strbuf_addf(writing->out, "\\x%02x", c);
	else if (strchr(" *$#\\", c))
		strbuf_addf(writing->out, "\\%c", c);
	else
		strbuf_add_char(writing->out, (char)c);
	writing->starred = false;
}

static size_t name_length(const char *variable)
{
	size_t len = 0;
	while (variable[len] == '_' || isalpha((unsigned char)variable[len]) || (len && isdigit((unsigned char)variable[len])))
		len++;
	return len < WORD_BYTES && variable[len] == '=' ? len : 0;
}

/* "NAME=..." of the variable with that value whose name comes first. NULL: there is none. $PWD may be another in the next run. */
static const char *variable_with(struct bytes value)
{
	const char *best = NULL;
	for (char **variable = environ; variable && *variable; variable++) {
		size_t len = name_length(*variable);
		if (len && bytes_equal(bytes_of_string(*variable + len + 1), value) && strncmp(*variable, "PWD=", 4) != 0 &&
		    (!best || strcmp(*variable, best) < 0))
			best = *variable;
	}
	return best;
}

static void write_secret(struct writing *writing, struct bytes secret, bool whole)
{
	const char *variable = whole ? variable_with(secret) : NULL;
	if (variable) {
		strbuf_addf(writing->out, "${%.*s}", (int)name_length(variable), variable);
		writing->starred = false;
	} else {
		write_star(writing);
		writing->veiled = true;
	}
}

/* shown: as it is to be spelled where it is no secret, with NUL for a star; NULL: as it stands. */
static void write_plain(struct writing *writing, struct bytes text, const char *shown, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (shown && !shown[i])
			write_star(writing);
		else
			write_byte(writing, (unsigned char)text.data[i]);
	}
}

/* A component of the text, from..to. A secret may reach beyond it. */
static void write_part(struct writing *writing, struct bytes text, const char *shown, size_t from, size_t to)
{
	size_t done = from, start, end;
	writing->starred = false;
	for (size_t at = 0; at < to && redactor_find(writing->spelling->redactor, text, at, &start, &end) && start < to; at = end) {
		if (end <= from)
			continue;
		bool whole = start >= from && end <= to;
		size_t first = start > done ? start : done, last = end < to ? end : to;
		write_plain(writing, text, shown, done, first);
		write_secret(writing, bytes_of(text.data + start, end - start), whole);
		done = last;
	}
	write_plain(writing, text, shown, done, to);
}

/* Where the component ends that begins at `from`. */
static size_t part_end(struct bytes text, size_t from)
{
	const char *slash = from < text.len ? memchr(text.data + from, '/', text.len - from) : NULL;
	return slash ? (size_t)(slash - text.data) : text.len;
}

bool spelling_escape(const struct spelling *spelling, struct bytes text, struct strbuf *out)
{
	struct writing writing = { .spelling = spelling, .out = out };
	for (size_t at = 0, end; at < text.len; at = end + 1) {
		end = part_end(text, at);
		write_part(&writing, text, NULL, at, end);
		if (end < text.len)
			strbuf_add_char(out, '/');
	}
	return writing.veiled;
}

/* Stars for what is made up in the path's last component, which begins at `from`. */
static void show_stars(const struct spelling *spelling, struct bytes path, size_t from, char *shown)
{
	struct stretch at;
	struct bytes name = bytes_of(path.data + from, path.len - from);
	bool numbered = is_beneath(path, bytes_of_string("/proc")) || is_beneath(path, bytes_of_string("/dev/pts"));
	if (numbered && is_number(name)) {
		memset(shown + from, 0, name.len);
	} else if (is_made_up(spelling, path, name, &at)) {
		size_t kept = constant_part(spelling, path, name, &at);
		memset(shown + from + at.start + kept, 0, at.len - kept);
	}
}

/* again: it was spelled before, with NUL for a star. */
static struct branch *plant(const struct spelling *spelling, struct path_tree *tree, struct bytes path, bool again)
{
	struct branch *branch = &tree->root;
	struct strbuf shown = { 0 }, part = { 0 };
	strbuf_add(&shown, path.data, path.len);
	for (size_t at = 1, end; branch && !shown.failed && at < path.len; at = end + 1) {
		end = part_end(path, at);
		if (end == at)
			continue;
		if (!again)
			show_stars(spelling, bytes_of(path.data, end), at, shown.data);
		strbuf_reset(&part);
		struct writing writing = { .spelling = spelling, .out = &part };
		write_part(&writing, path, shown.data, at, end);
		branch = part.failed ? NULL : path_tree_reach(tree, branch, strbuf_bytes(&part));
		if (branch)
			branch->veiled |= writing.veiled;
	}
	spelling->store->failed |= part.failed || shown.failed;
	branch = shown.failed ? NULL : branch;
	strbuf_free(&shown);
	strbuf_free(&part);
	return branch;
}

struct branch *spelling_plant(const struct spelling *spelling, struct path_tree *tree, struct bytes path)
{
	return plant(spelling, tree, path, false);
}

struct branch *spelling_plant_again(const struct spelling *spelling, struct path_tree *tree, struct bytes path)
{
	return plant(spelling, tree, path, true);
}

bool spelling_write(const struct spelling *spelling, const struct branch *branch, const char *tail, struct strbuf *out)
{
	const struct branch *line[DEPTH_MAX];
	struct strbuf path = { 0 };
	size_t depth = 0, replaced, veiled_end = 0;
	for (; branch->parent && depth < DEPTH_MAX; branch = branch->parent)
		line[depth++] = branch;
	while (depth > 0) {
		strbuf_add_char(&path, '/');
		strbuf_add(&path, line[depth - 1]->part->data, line[depth - 1]->part->len);
		veiled_end = line[depth - 1]->veiled ? path.len : veiled_end;
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
	return veiled_end > replaced;
}
