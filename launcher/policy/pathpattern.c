/* From words to patterns of paths: see pathpattern.h. Looks up links; opens and changes nothing. */
#include "policy/pathpattern.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* The text of a pattern in making. */
struct making {
	const uint16_t *in;
	size_t in_len;
	struct tokens out;
};

static bool is_at(const struct making *making, size_t at, unsigned token)
{
	return at < making->in_len && making->in[at] == token;
}

static bool ends_at(const struct making *making, size_t at)
{
	return at >= making->in_len;
}

/* The slash at *at, with those behind it and with pairs of stars that are whole components. A slash at the very end
 * stays, to be refused. */
static void take_slash(struct making *making, size_t *at)
{
	bool deep = false;
	for (;;) {
		while (is_at(making, *at, '/'))
			++*at;
		if (!is_at(making, *at, GLOB_ANY) || !(is_at(making, *at + 1, '/') || ends_at(making, *at + 1)))
			break;
		deep = true;
		++*at;
		if (ends_at(making, *at)) {
			tokens_add(&making->out, GLOB_TAIL);
			return;
		}
	}
	tokens_add(&making->out, deep ? GLOB_DIRS : '/');
}

static void canonicalize(struct making *making)
{
	size_t at = 0;
	if (is_at(making, 0, GLOB_ANY)) /* as if behind a '/' */
		take_slash(making, &at);
	while (!ends_at(making, at)) {
		if (making->in[at] == '/')
			take_slash(making, &at);
		else
			tokens_add(&making->out, making->in[at++]);
	}
	if (making->out.len == 1 && making->out.data[0] == '/')
		making->out.len = 0;
}

static bool is_slash(uint16_t token)
{
	return token == '/' || token == GLOB_DIRS || token == GLOB_TAIL;
}

/* Is there a component "." or ".." in it? */
static const char *find_dots(const struct tokens *tokens)
{
	size_t dots = 0;
	bool only_dots = false;
	for (size_t i = 0; i <= tokens->len; i++) {
		bool slash = i == tokens->len || is_slash(tokens->data[i]);
		if (slash && only_dots && (dots == 1 || dots == 2))
			return dots == 1 ? "." : "..";
		only_dots = slash || (only_dots && tokens->data[i] == '.');
		dots = slash ? 0 : dots + 1;
	}
	return NULL;
}

/* What no path can match, or could not match for sure. */
static int refuse_impossible(const struct making *making, const struct word *word, struct fault *fault)
{
	char text[WORD_BYTES];
	const struct tokens *out = &making->out;
	if (!making->in_len || !(making->in[0] == '/' || making->in[0] == GLOB_ANY))
		return fault_set(fault, word->column,
				 "'%s' can never match: paths are judged whole, so it has to begin with '/', '**' or a variable like $PWD",
				 word_text(word, text));
	if (out->len > GLOB_TOKENS_MAX / 2)
		return fault_set(fault, word->column, "a pattern of more than %d bytes", GLOB_TOKENS_MAX / 2);
	for (size_t i = 0; i < out->len; i++)
		if (out->data[i] == 0)
			return fault_set(fault, word->column, "'%s' can never match: no path holds a NUL byte", word_text(word, text));
	const char *dots = find_dots(out);
	if (dots)
		return fault_set(fault, word->column,
				 "'%s' can never match: '%s' has been resolved in the paths that are judged", word_text(word, text), dots);
	if (out->len && (out->data[out->len - 1] == '/' || out->data[out->len - 1] == GLOB_DIRS))
		return fault_set(fault, word->column,
				 "'%s' can never match: no judged path ends with '/'; with '**' behind it, it is the directory and all beneath it",
				 word_text(word, text));
	return 0;
}

/* The longest beginning of the path that exists, resolved into *out ("" for the root). Returns its length as written. */
static size_t resolve_existing(const struct strbuf *path, struct strbuf *out)
{
	char beginning[PATH_MAX], found[PATH_MAX];
	size_t len = path->len;
	strbuf_reset(out);
	for (; len; len -= len > 0) {
		if (len < sizeof beginning) {
			memcpy(beginning, path->data, len);
			beginning[len] = '\0';
			if (realpath(beginning, found)) {
				strbuf_add_string(out, strcmp(found, "/") == 0 ? "" : found);
				break;
			}
		}
		while (len > 1 && path->data[len - 1] != '/')
			len--;
	}
	return len;
}

/* Does a link stand there, though it leads to nothing? Then *path becomes what would be made through it. */
static bool follow_dangling(struct strbuf *path, size_t existing, const struct strbuf *out)
{
	char target[PATH_MAX];
	struct strbuf next = { 0 };
	size_t end = existing + 1;
	while (end < path->len && path->data[end] != '/')
		end++;
	strbuf_add(&next, out->data, out->len);
	strbuf_add(&next, path->data + existing, end - existing);
	ssize_t len = next.data ? readlink(next.data, target, sizeof target) : -1;
	strbuf_cut(&next, len > 0 && target[0] != '/' ? out->len : 0);
	if (len > 0) {
		if (target[0] != '/')
			strbuf_add_char(&next, '/');
		strbuf_add(&next, target, (size_t)len);
		strbuf_add(&next, path->data + end, path->len - end);
		strbuf_reset(path);
		strbuf_add(path, next.data, next.len);
	}
	strbuf_free(&next);
	return len > 0;
}

void path_resolve(const char *path, struct strbuf *out)
{
	struct strbuf left = { 0 };
	size_t existing;
	unsigned links = 0;
	strbuf_add_string(&left, path);
	do
		existing = resolve_existing(&left, out);
	while (existing < left.len && links++ < LINKS_MAX && follow_dangling(&left, existing, out));
	strbuf_add(out, left.data + existing, left.len - existing);
	out->failed |= left.failed;
	strbuf_free(&left);
}

/* The whole components at its beginning that hold no star. */
static size_t anchor_length(const struct glob *glob)
{
	size_t len = glob->literal;
	if (len == glob->len || is_slash(glob->tokens[len]))
		return len;
	while (len && glob->tokens[len - 1] != '/')
		len--;
	return len ? len - 1 : 0;
}

static struct glob keep_glob(const uint16_t *tokens, size_t len, struct store *store)
{
	uint16_t *kept = store_alloc(store, (len + 1) * sizeof *kept);
	if (!kept)
		return (struct glob){ 0 };
	if (len)
		memcpy(kept, tokens, len * sizeof *kept);
	return glob_of(kept, len);
}

static struct glob resolve_anchor(const struct glob *written, struct store *store)
{
	size_t anchor = anchor_length(written);
	struct strbuf text = { 0 }, found = { 0 };
	struct tokens tokens = { 0 };
	for (size_t i = 0; i < anchor; i++)
		strbuf_add_char(&text, (char)written->tokens[i]);
	struct glob resolved = *written;
	if (anchor && text.data)
		path_resolve(text.data, &found);
	if (found.data && !bytes_equal(strbuf_bytes(&text), strbuf_bytes(&found))) {
		for (size_t i = 0; i < found.len; i++)
			tokens_add(&tokens, (unsigned char)found.data[i]);
		for (size_t i = anchor; i < written->len; i++)
			tokens_add(&tokens, written->tokens[i]);
		resolved = keep_glob(tokens.data, tokens.len, store);
	}
	store->failed |= tokens.failed || text.failed || found.failed;
	tokens_free(&tokens);
	strbuf_free(&text);
	strbuf_free(&found);
	return resolved;
}

int path_pattern_make(struct path_pattern *pattern, const struct tokens *tokens, size_t skip, const struct word *word,
		      struct store *store, struct fault *fault)
{
	struct making making = { .in = tokens->data + skip, .in_len = tokens->len - skip };
	canonicalize(&making);
	int status = making.out.failed ? fault_memory(fault) : refuse_impossible(&making, word, fault);
	if (status == 0) {
		pattern->written = keep_glob(making.out.data, making.out.len, store);
		pattern->resolved = pattern->written.tokens ? resolve_anchor(&pattern->written, store) : pattern->written;
	}
	tokens_free(&making.out);
	return status == 0 && store->failed ? fault_memory(fault) : status;
}

bool path_pattern_covers(const struct path_pattern *wide, const struct path_pattern *narrow)
{
	return (glob_covers(&wide->written, &narrow->written) || glob_covers(&wide->resolved, &narrow->written)) &&
	       (glob_covers(&wide->written, &narrow->resolved) || glob_covers(&wide->resolved, &narrow->resolved));
}
