/* Secrets and their masks: see redact.h. Owns the globs and a copy of every learned value; must
 * never write, log or hash one to anywhere.
 *
 * Each learned value stands in a hash table under its first 8 bytes. A text is searched by one
 * table look-up for each of its positions, however many values are known. */
#include "redact.h"

#include "memory.h"
#include "strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SHARED_BYTES = 1 << 20 };
enum { KNOWN_NAMES = 256, KNOWN_NAME_BYTES = 40 };
enum { SECRET_MIN = 8, SECRET_BEGUN_MIN = 4, BUCKET_BITS = 12, BUCKETS = 1 << BUCKET_BITS };

struct secret {
	char *data;
	size_t len;
	uint32_t next;	 /* index + 1 of the next in its bucket, 0: none */
	bool names_path; /* never masked; kept so that the file system is asked once */
};

/* Of processes one of which is the other's child: it alone appends, the other reads. */
struct shared {
	atomic_bool blind;
	_Atomic size_t len;
	char values[]; /* a string vector of what is masked */
};

struct redactor {
	char **patterns;
	size_t pattern_count;
	struct secret *secrets;
	size_t secret_count, secret_capacity;
	size_t masked_count; /* secrets that are not paths */
	uint32_t buckets[BUCKETS];
	atomic_bool blind;
	struct shared *shared; /* NULL: nothing is */
};

static const struct bytes mask_text = { .data = "***", .len = 3 };
static const char *const builtin_patterns[] = { "*TOKEN*", "*SECRET*", "*PASSW*", "*_KEY" };

struct redactor *redactor_create(void)
{
	struct redactor *redactor = memory_checked(calloc(1, sizeof(*redactor)));
	if (!redactor)
		return NULL;
	for (size_t i = 0; i < sizeof(builtin_patterns) / sizeof(builtin_patterns[0]); i++) {
		if (redactor_add_pattern(redactor, builtin_patterns[i]) < 0) {
			redactor_destroy(redactor);
			return NULL;
		}
	}
	return redactor;
}

void redactor_destroy(struct redactor *redactor)
{
	if (!redactor)
		return;
	for (size_t i = 0; i < redactor->pattern_count; i++)
		free(redactor->patterns[i]);
	for (size_t i = 0; i < redactor->secret_count; i++) {
		explicit_bzero(redactor->secrets[i].data, redactor->secrets[i].len);
		free(redactor->secrets[i].data);
	}
	if (redactor->shared)
		munmap(redactor->shared, SHARED_BYTES);
	free(redactor->patterns);
	free(redactor->secrets);
	free(redactor);
}

int redactor_add_pattern(struct redactor *redactor, const char *glob)
{
	size_t count = redactor->pattern_count;
	char **patterns = reallocarray(redactor->patterns, count + 1, sizeof(*patterns));
	if (!patterns)
		return -ENOMEM;
	redactor->patterns = patterns;
	patterns[count] = memory_checked(strdup(glob));
	if (!patterns[count])
		return -ENOMEM;
	redactor->pattern_count++;
	return 0;
}

static bool same_letter(char a, char b)
{
	return toupper((unsigned char)a) == toupper((unsigned char)b);
}

/* '*' and '?' only; the last '*' alone is ever tried again, so no glob takes exponential time. */
static bool glob_matches(const char *glob, struct bytes name)
{
	const char *star = NULL;
	size_t at = 0, star_at = 0;

	while (at < name.len) {
		if (*glob == '*') {
			star = glob++;
			star_at = at;
		} else if (*glob && (*glob == '?' || same_letter(*glob, name.data[at]))) {
			glob++;
			at++;
		} else if (star) {
			glob = star + 1;
			at = ++star_at;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static bool matches_any(const struct redactor *redactor, struct bytes name)
{
	for (size_t i = 0; i < redactor->pattern_count; i++)
		if (glob_matches(redactor->patterns[i], name))
			return true;
	return false;
}

/* The same few names stand in the environment of program after program: what became of the last ones is
 * kept, for each thread. */
static bool name_is_secret(const struct redactor *redactor, struct bytes name)
{
	static _Thread_local struct {
		const struct redactor *redactor;
		size_t pattern_count, len;
		char name[KNOWN_NAME_BYTES];
		bool secret;
	} known[KNOWN_NAMES];
	if (name.len == 0 || name.len > KNOWN_NAME_BYTES)
		return matches_any(redactor, name);
	size_t slot = (name.len * 31 + (unsigned char)name.data[0] * 7 +
		       (unsigned char)name.data[name.len / 2] * 3 + (unsigned char)name.data[name.len - 1]) % KNOWN_NAMES;
	if (known[slot].redactor != redactor || known[slot].pattern_count != redactor->pattern_count ||
	    !bytes_equal(bytes_of(known[slot].name, known[slot].len), name)) {
		known[slot].redactor = redactor;
		known[slot].pattern_count = redactor->pattern_count;
		known[slot].len = name.len;
		memcpy(known[slot].name, name.data, name.len);
		known[slot].secret = matches_any(redactor, name);
	}
	return known[slot].secret;
}

/* False for what is not NAME=VALUE. */
static bool split_variable(struct bytes variable, struct bytes *name, struct bytes *value)
{
	const char *equals = variable.len ? memchr(variable.data, '=', variable.len) : NULL;
	if (!equals)
		return false;
	size_t name_len = (size_t)(equals - variable.data);
	*name = bytes_of(variable.data, name_len);
	*value = bytes_of(equals + 1, variable.len - name_len - 1);
	return true;
}

/* `at` has SECRET_MIN bytes at least. */
static uint32_t bucket_of(const char *at)
{
	uint64_t head;
	memcpy(&head, at, sizeof(head));
	return (uint32_t)(head * 0x9e3779b97f4a7c15ULL >> (64 - BUCKET_BITS));
}

static bool is_learned(const struct redactor *redactor, struct bytes value)
{
	uint32_t index = redactor->buckets[bucket_of(value.data)];
	for (; index; index = redactor->secrets[index - 1].next) {
		const struct secret *secret = &redactor->secrets[index - 1];
		if (bytes_equal(bytes_of(secret->data, secret->len), value))
			return true;
	}
	return false;
}

static int reserve_secret(struct redactor *redactor)
{
	if (redactor->secret_count < redactor->secret_capacity)
		return 0;
	size_t capacity = redactor->secret_capacity ? 2 * redactor->secret_capacity : 16;
	struct secret *secrets = memory_checked(reallocarray(redactor->secrets, capacity, sizeof(*secrets)));
	if (!secrets)
		return -ENOMEM;
	redactor->secrets = secrets;
	redactor->secret_capacity = capacity;
	return 0;
}

static int keep_value(struct redactor *redactor, struct bytes value, bool names_path)
{
	char *copy = reserve_secret(redactor) < 0 ? NULL : memory_checked(malloc(value.len + 1));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, value.data, value.len);
	copy[value.len] = '\0';

	uint32_t *bucket = &redactor->buckets[bucket_of(copy)];
	struct secret *secret = &redactor->secrets[redactor->secret_count++];
	*secret = (struct secret){ .data = copy, .len = value.len, .next = *bucket };
	secret->names_path = names_path;
	redactor->masked_count += !names_path;
	*bucket = (uint32_t)redactor->secret_count;
	return 0;
}

static void share_value(struct redactor *redactor, struct bytes value)
{
	struct shared *shared = redactor->shared;
	size_t len = atomic_load_explicit(&shared->len, memory_order_relaxed);
	if (value.len >= SHARED_BYTES - sizeof *shared - len) {
		redactor_be_blind(redactor);
		return;
	}
	memcpy(shared->values + len, value.data, value.len);
	atomic_store_explicit(&shared->len, len + value.len + 1, memory_order_release); /* acquired by redactor_catch_up */
}

static int learn_value(struct redactor *redactor, struct bytes value, bool names_path)
{
	if (value.len < SECRET_MIN || is_learned(redactor, value))
		return 0;
	if (redactor->shared && !names_path)
		share_value(redactor, value);
	return keep_value(redactor, value, names_path);
}

/* The next variable of the vector that has to be learned. */
static bool next_secret(const struct redactor *redactor, struct bytes *environment, struct bytes *value)
{
	struct bytes variable, name;
	while (bytes_next_string(environment, &variable))
		if (split_variable(variable, &name, value) && value->len >= SECRET_MIN &&
		    name_is_secret(redactor, name))
			return true;
	return false;
}

void redactor_find_paths(const struct redactor *redactor, struct bytes environment, struct strbuf *paths)
{
	struct bytes value;
	char path[PATH_MAX];
	while (next_secret(redactor, &environment, &value)) {
		if (value.len >= sizeof path)
			continue;
		memcpy(path, value.data, value.len);
		path[value.len] = '\0';
		if (access(path, F_OK) == 0)
			strbuf_add(paths, path, value.len + 1);
	}
}

static bool is_among(struct bytes vector, struct bytes value)
{
	struct bytes string;
	while (bytes_next_string(&vector, &string))
		if (bytes_equal(string, value))
			return true;
	return false;
}

void redactor_be_blind(struct redactor *redactor)
{
	atomic_store(&redactor->blind, true);
	if (redactor->shared)
		atomic_store(&redactor->shared->blind, true);
}

bool redactor_is_blind(const struct redactor *redactor)
{
	return redactor && redactor->blind;
}

int redactor_share(struct redactor *redactor)
{
	void *memory = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	redactor->shared = memory;
	return 0;
}

void redactor_catch_up(struct redactor *redactor)
{
	const struct shared *shared = redactor->shared;
	if (!shared)
		return;
	struct bytes value, rest = bytes_of(shared->values, atomic_load_explicit(&shared->len, memory_order_acquire));
	bool blind = atomic_load(&shared->blind);
	while (bytes_next_string(&rest, &value))
		blind |= !is_learned(redactor, value) && keep_value(redactor, value, false) < 0;
	if (blind)
		redactor_be_blind(redactor);
}

int redactor_learn_knowing(struct redactor *redactor, struct bytes environment, struct bytes paths)
{
	struct bytes value;
	int error = 0;
	while (next_secret(redactor, &environment, &value)) {
		int failed = learn_value(redactor, value, is_among(paths, value));
		if (failed < 0) {
			error = failed;
			redactor_be_blind(redactor);
		}
	}
	return error;
}

int redactor_learn(struct redactor *redactor, struct bytes environment)
{
	struct strbuf paths = { 0 };
	redactor_find_paths(redactor, environment, &paths);
	int error = redactor_learn_knowing(redactor, environment, strbuf_bytes(&paths));
	strbuf_free(&paths);
	return error;
}

/* Length of the longest secret that begins at `at`, 0 if none does. */
static size_t secret_length_at(const struct redactor *redactor, const char *at, size_t left)
{
	size_t longest = 0;
	uint32_t index = redactor->buckets[bucket_of(at)];
	for (; index; index = redactor->secrets[index - 1].next) {
		const struct secret *secret = &redactor->secrets[index - 1];
		if (secret->names_path || secret->len > left || secret->len <= longest)
			continue;
		if (memcmp(secret->data, at, secret->len) == 0)
			longest = secret->len;
	}
	return longest;
}

/* The first stretch at or after `from` that must not be seen; overlapping secrets are one
 * stretch, for what is left of the second would be a part of it. */
static bool find_stretch(const struct redactor *redactor, struct bytes text, size_t from,
			 size_t *start, size_t *end)
{
	bool found = false;
	for (size_t at = from; at + SECRET_MIN <= text.len && !(found && at >= *end); at++) {
		if (!redactor->buckets[bucket_of(text.data + at)])
			continue;
		size_t len = secret_length_at(redactor, text.data + at, text.len - at);
		if (len == 0)
			continue;
		if (!found)
			*start = *end = at;
		found = true;
		if (at + len > *end)
			*end = at + len;
	}
	return found;
}

static bool knows_any(const struct redactor *redactor)
{
	return redactor && redactor->masked_count > 0;
}

bool redactor_concerns(const struct redactor *redactor, struct bytes environment)
{
	struct bytes variable, name, value;
	while (bytes_next_string(&environment, &variable))
		if (split_variable(variable, &name, &value) && name_is_secret(redactor, name))
			return true;
	return false;
}

size_t redactor_known(const struct redactor *redactor)
{
	return redactor->secret_count;
}

bool redactor_matches(const struct redactor *redactor, struct bytes text)
{
	if (redactor && redactor->blind)
		return text.len > 0;
	size_t start, end;
	return knows_any(redactor) && find_stretch(redactor, text, 0, &start, &end);
}

bool redactor_find(const struct redactor *redactor, struct bytes text, size_t from, size_t *start, size_t *end)
{
	return knows_any(redactor) && find_stretch(redactor, text, from, start, end);
}

static void add_bytes(struct strbuf *out, struct bytes bytes)
{
	strbuf_add(out, bytes.data, bytes.len);
}

static void add_masked(struct strbuf *out, const struct redactor *redactor, struct bytes text)
{
	size_t done = 0, start, end;
	while (knows_any(redactor) && find_stretch(redactor, text, done, &start, &end)) {
		strbuf_add(out, text.data + done, start - done);
		add_bytes(out, mask_text);
		done = end;
	}
	if (done < text.len)
		strbuf_add(out, text.data + done, text.len - done);
}

/* Hands *out over to the caller; without memory what is left is the mask alone. */
static struct bytes give(struct strbuf *out, char **owned)
{
	if (out->failed || !out->data) {
		strbuf_free(out);
		return mask_text;
	}
	*owned = out->data;
	return strbuf_bytes(out);
}

struct bytes redactor_mask(const struct redactor *redactor, struct bytes text, char **owned)
{
	struct strbuf out = { 0 };
	*owned = NULL;
	if (!redactor_matches(redactor, text))
		return text;
	if (redactor->blind)
		return mask_text;
	add_masked(&out, redactor, text);
	return give(&out, owned);
}

/* How many bytes at the end of text begin a secret that the cut has hidden the rest of. */
static size_t secret_begun(const struct secret *secret, struct bytes text)
{
	size_t len = secret->len - 1 < text.len ? secret->len - 1 : text.len;
	for (; len >= SECRET_BEGUN_MIN; len--)
		if (memcmp(text.data + text.len - len, secret->data, len) == 0)
			return len;
	return 0;
}

struct bytes redactor_drop_begun(const struct redactor *redactor, struct bytes text)
{
	size_t longest = 0;
	for (size_t i = 0; knows_any(redactor) && i < redactor->secret_count; i++) {
		size_t len = redactor->secrets[i].names_path ? 0 : secret_begun(&redactor->secrets[i], text);
		if (len > longest)
			longest = len;
	}
	return bytes_of(text.data, text.len - longest);
}

static bool variable_is_secret(const struct redactor *redactor, struct bytes variable,
			       struct bytes *name)
{
	struct bytes value;
	return split_variable(variable, name, &value) && value.len > 0 &&
	       (redactor->blind || name_is_secret(redactor, *name));
}

static bool environment_is_clean(const struct redactor *redactor, struct bytes environment)
{
	struct bytes variable, name;
	while (bytes_next_string(&environment, &variable))
		if (variable_is_secret(redactor, variable, &name) ||
		    redactor_matches(redactor, variable))
			return false;
	return true;
}

struct bytes redactor_mask_environment(const struct redactor *redactor, struct bytes environment,
				       char **owned)
{
	struct bytes rest = environment, variable, name;
	struct strbuf out = { 0 };

	*owned = NULL;
	if (!redactor || environment_is_clean(redactor, environment))
		return environment;
	while (bytes_next_string(&rest, &variable)) {
		if (variable_is_secret(redactor, variable, &name)) {
			add_masked(&out, redactor, name);
			strbuf_add_char(&out, '=');
			add_bytes(&out, mask_text);
		} else {
			add_masked(&out, redactor, variable);
		}
		strbuf_add_char(&out, '\0');
	}
	return give(&out, owned);
}
