/* From lines to rules: interface.md section 5, and rules.h. Reads files, the environment and links; writes nothing.
 *
 *   line    = [ "for" PROGRAM ] VERDICT SUBJECT PATTERN...  |  "default" VERDICT [ SUBJECT ]  |  "include" FILE
 *
 * An included file stands where its line does; its name is taken from the folder of the file that includes it. */
#include "guess.h"
#include "policy/rules.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INCLUDES_MAX = 16, FILE_BYTES_MAX = 64 << 20, ERRNO_MAX = 133 };

/* A file being read, and those that include it. */
struct source {
	struct policy *policy;
	struct fault fault; /* says also where we are */
	const struct source *includer;
	unsigned depth;
};

/* A line being read. */
struct reader {
	struct source *source;
	struct bytes line;
	size_t at;
	struct rule rule;
};

const char *const policy_verdict_words[POLICY_KILL + 1] = {
	[POLICY_ALLOW] = "allow", [POLICY_LOG] = "log", [POLICY_DENY] = "deny", [POLICY_KILL] = "kill",
};

const char *const policy_subject_words[POLICY_SUBJECTS] = {
	[POLICY_READ] = "read", [POLICY_WRITE] = "write", [POLICY_EXEC] = "exec", [POLICY_NET] = "net", [POLICY_SYSCALL] = "syscall",
};

/* What `default VERDICT` is about (policy.h). */
enum { DEFAULT_SUBJECTS = 1 << POLICY_READ | 1 << POLICY_WRITE | 1 << POLICY_EXEC | 1 << POLICY_NET };

static struct fault *fault_of(struct reader *reader)
{
	return &reader->source->fault;
}

static int fail_missing(struct reader *reader, const char *what)
{
	return fault_set(fault_of(reader), (uint32_t)reader->line.len + 1, "%s is missing", what);
}

static const char *errno_nearest(const char *name, int *number)
{
	struct guess guess = guess_start(name);
	*number = 0;
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *known = syscall_errno_name(i);
		if (!known)
			continue;
		guess_consider(&guess, known);
		if (strcmp(known, name) == 0)
			*number = i;
	}
	return guess.name;
}

static int read_errno(struct reader *reader, const struct word *word, const char *name)
{
	const char *nearest = errno_nearest(name, &reader->rule.error);
	if (reader->rule.error)
		return 0;
	return fault_unknown(fault_of(reader), word->column + sizeof "deny:" - 1, "error", name, nearest);
}

/* The position of the word in a list; -1 with the fault set. */
static int read_choice(struct reader *reader, const struct word *word, const char *text, const char *what,
		       const char *const *words, int count)
{
	struct guess guess = guess_start(text);
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
		guess_consider(&guess, words[i]);
	}
	return fault_unknown(fault_of(reader), word->column, what, text, guess.name);
}

static int read_verdict(struct reader *reader, const struct word *word)
{
	char text[WORD_BYTES];
	word_text(word, text);
	struct rule *rule = &reader->rule;
	if (strncmp(text, "deny:", 5) == 0) {
		rule->verdict = POLICY_DENY;
		return read_errno(reader, word, text + 5);
	}
	int verdict = read_choice(reader, word, text, "verdict", policy_verdict_words, POLICY_KILL + 1);
	if (verdict < 0)
		return -1;
	rule->verdict = (enum policy_verdict)verdict;
	rule->error = verdict == POLICY_DENY ? EPERM : 0;
	return 0;
}

static int read_subject(struct reader *reader, const struct word *word)
{
	char text[WORD_BYTES];
	int subject = read_choice(reader, word, word_text(word, text), "subject", policy_subject_words, POLICY_SUBJECTS);
	if (subject < 0)
		return -1;
	reader->rule.subject = (enum policy_subject)subject;
	return 0;
}

static int read_digest(struct reader *reader, const struct word *word, struct pattern *pattern)
{
	struct bytes hex = bytes_of(word->text.data + 7, word->text.len - 7);
	pattern->kind = PATTERN_DIGEST;
	if (hex.len != 2 * POLICY_DIGEST_BYTES)
		return fault_set(fault_of(reader), word->column, "a SHA-256 has 64 hexadecimal digits, not %zu", hex.len);
	for (size_t i = 0; i < hex.len; i++) {
		char c = (char)tolower((unsigned char)hex.data[i]);
		if (!isxdigit((unsigned char)c))
			return fault_set(fault_of(reader), word->column + 7 + (uint32_t)i, "'%c' is no hexadecimal digit", c);
		uint8_t digit = (uint8_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
		pattern->digest[i / 2] = (uint8_t)(pattern->digest[i / 2] << 4 | digit);
	}
	return 0;
}

static bool is_digest(const struct word *word)
{
	return word->text.len >= 7 && memcmp(word->text.data, "sha256:", 7) == 0;
}

static int make_pattern(struct reader *reader, const struct word *word, const struct tokens *tokens, struct pattern *pattern)
{
	struct policy *policy = reader->source->policy;
	struct fault *fault = fault_of(reader);
	switch (reader->rule.subject) {
	case POLICY_NET:
		pattern->kind = PATTERN_NET;
		return net_pattern_make(&pattern->net, word, tokens, &policy->store, fault);
	case POLICY_SYSCALL:
		pattern->kind = PATTERN_CALLS;
		return call_pattern_make(&pattern->calls, word, tokens, fault);
	default:
		pattern->kind = PATTERN_PATH;
		return path_pattern_make(&pattern->path, tokens, 0, word, &policy->store, fault);
	}
}

static int read_pattern(struct reader *reader, const struct word *word, struct pattern *pattern)
{
	struct tokens tokens = { 0 };
	*pattern = (struct pattern){ .rule = reader->source->policy->rule_count, .column = word->column };
	if (reader->rule.subject == POLICY_EXEC && is_digest(word))
		return read_digest(reader, word, pattern);
	int status = word_expand(word, &tokens, fault_of(reader));
	if (status == 0)
		status = make_pattern(reader, word, &tokens, pattern);
	tokens_free(&tokens);
	return status;
}

static int read_patterns(struct reader *reader)
{
	struct policy *policy = reader->source->policy;
	struct word word;
	reader->rule.first = policy->pattern_count;
	while (word_next(reader->line, &reader->at, &word)) {
		struct pattern pattern;
		if (read_pattern(reader, &word, &pattern) < 0)
			return -1;
		if (!store_grow(&policy->store, &policy->patterns, policy->pattern_count, &policy->pattern_capacity, sizeof pattern))
			return fault_memory(fault_of(reader));
		policy->patterns[policy->pattern_count++] = pattern;
	}
	reader->rule.count = policy->pattern_count - reader->rule.first;
	return reader->rule.count ? 0 : fail_missing(reader, "a pattern");
}

/* Rules that say the contrary of each other for one program and one pattern leave no way to tell what was meant. */
static int refuse_contradiction(struct reader *reader)
{
	struct policy *policy = reader->source->policy;
	const struct rule *rule = &reader->rule;
	for (uint32_t i = rule->first; rule->program && i < rule->first + rule->count; i++) {
		for (uint32_t j = 0; j < rule->first; j++) {
			const struct rule *older = &policy->rules[policy->patterns[j].rule];
			if (older->program != rule->program || older->subject != rule->subject ||
			    (older->verdict == rule->verdict && older->error == rule->error) ||
			    !pattern_equal(&policy->patterns[i], &policy->patterns[j]))
				continue;
			return fault_set(fault_of(reader), policy->patterns[i].column, "contradicts %s: '%s'", older->name.data,
					 older->text.data);
		}
	}
	return 0;
}

static struct bytes keep_text(struct policy *policy, struct bytes text)
{
	char *kept = store_alloc(&policy->store, text.len + 1);
	if (kept && text.len)
		memcpy(kept, text.data, text.len);
	return bytes_of(kept, kept ? text.len : 0);
}

/* Up to a comment, without blanks around. */
static struct bytes text_of_line(struct bytes line)
{
	struct word word;
	size_t at = 0, start = line.len, end = 0;
	while (word_next(line, &at, &word)) {
		if (start == line.len)
			start = word.column - 1;
		end = at;
	}
	return bytes_of(line.data + start, end > start ? end - start : 0);
}

static int add_rule(struct reader *reader)
{
	struct policy *policy = reader->source->policy;
	struct rule *rule = &reader->rule;
	struct strbuf name = { 0 };
	strbuf_addf(&name, "%s:%u", fault_of(reader)->file, fault_of(reader)->line);
	rule->file = fault_of(reader)->file;
	rule->line = fault_of(reader)->line;
	rule->name = keep_text(policy, strbuf_bytes(&name));
	rule->text = keep_text(policy, text_of_line(reader->line));
	strbuf_free(&name);
	if (policy->store.failed ||
	    !store_grow(&policy->store, &policy->rules, policy->rule_count, &policy->rule_capacity, sizeof *rule))
		return fault_memory(fault_of(reader));
	if (refuse_contradiction(reader) < 0)
		return -1;
	policy->rules[policy->rule_count++] = *rule;
	return 0;
}

static int refuse_rest(struct reader *reader, const char *why)
{
	struct word word;
	char text[WORD_BYTES];
	if (!word_next(reader->line, &reader->at, &word))
		return 0;
	return fault_set(fault_of(reader), word.column, "'%s' is too much: %s", word_text(&word, text), why);
}

static int read_default(struct reader *reader)
{
	struct word word;
	struct rule *rule = &reader->rule;
	rule->is_default = true;
	rule->subjects = DEFAULT_SUBJECTS;
	if (!word_next(reader->line, &reader->at, &word))
		return fail_missing(reader, "the verdict of 'default'");
	if (read_verdict(reader, &word) < 0)
		return -1;
	if (word_next(reader->line, &reader->at, &word)) {
		if (read_subject(reader, &word) < 0)
			return -1;
		rule->subjects = 1u << rule->subject;
	}
	if (refuse_rest(reader, "'default' takes a verdict and a subject") < 0)
		return -1;
	rule->first = reader->source->policy->pattern_count;
	return add_rule(reader);
}

static int read_rule(struct reader *reader, const struct word *verdict)
{
	struct word subject;
	if (read_verdict(reader, verdict) < 0)
		return -1;
	if (!word_next(reader->line, &reader->at, &subject))
		return fail_missing(reader, "the subject (read, write, exec, net or syscall)");
	if (read_subject(reader, &subject) < 0 || read_patterns(reader) < 0)
		return -1;
	return add_rule(reader);
}

/* The bit of that program, known before or not. */
static int name_program(struct reader *reader, const struct word *word, const struct path_pattern *path)
{
	struct policy *policy = reader->source->policy;
	uint32_t at = 0;
	while (at < policy->program_count && !glob_equal(&policy->programs[at].path.written, &path->written))
		at++;
	if (at == POLICY_PROGRAMS_MAX)
		return fault_set(fault_of(reader), word->column, "'for' names more than %d different programs", POLICY_PROGRAMS_MAX);
	if (at == policy->program_count)
		policy->programs[policy->program_count++] =
			(struct program){ .path = *path, .name = keep_text(policy, word->text) };
	reader->rule.program = 1u << at;
	return 0;
}

static int read_for(struct reader *reader)
{
	struct word word;
	struct tokens tokens = { 0 };
	struct path_pattern path;
	if (!word_next(reader->line, &reader->at, &word))
		return fail_missing(reader, "the program of 'for'");
	int status = word_expand(&word, &tokens, fault_of(reader));
	if (status == 0)
		status = path_pattern_make(&path, &tokens, 0, &word, &reader->source->policy->store, fault_of(reader));
	tokens_free(&tokens);
	if (status < 0 || name_program(reader, &word, &path) < 0)
		return -1;
	if (!word_next(reader->line, &reader->at, &word))
		return fail_missing(reader, "the rule of 'for'");
	if (word_is(&word, "default"))
		return fault_set(fault_of(reader), word.column,
				 "'default' is for all programs: write the rule that 'for' begins with, as in 'for PROGRAM deny net *'");
	if (word_is(&word, "for") || word_is(&word, "include"))
		return fault_set(fault_of(reader), word.column, "'for' is followed by one program and one rule");
	return read_rule(reader, &word);
}

static int parse_path(struct source *source, const char *path);

/* The file named by the word, from the folder of the one that names it. */
static char *included_path(const struct source *source, const struct tokens *tokens)
{
	struct strbuf path = { 0 };
	const char *slash = strrchr(source->fault.file, '/');
	if (slash && tokens->data[0] != '/')
		strbuf_add(&path, source->fault.file, (size_t)(slash + 1 - source->fault.file));
	for (size_t i = 0; i < tokens->len; i++)
		strbuf_add_char(&path, (char)tokens->data[i]);
	return path.data;
}

static bool is_plain(const struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->len; i++)
		if (tokens->data[i] == 0 || tokens->data[i] >= GLOB_STAR)
			return false;
	return tokens->len > 0;
}

/* Is it the text of a --rule that is read? */
static bool is_from_command_line(const struct source *source)
{
	return !source->includer && strcmp(source->fault.file, "--rule") == 0;
}

static int include_file(struct reader *reader, const struct word *word, const char *path)
{
	struct source *source = reader->source;
	char why[2 * WORD_BYTES];
	struct source included = { .policy = source->policy, .includer = source, .depth = source->depth + 1 };
	included.fault = (struct fault){ .text = source->fault.text, .size = source->fault.size };
	for (const struct source *at = source; at; at = at->includer)
		if (strcmp(at->fault.file, path) == 0)
			return fault_set(&source->fault, word->column, "'%s' includes itself", path);
	if (included.depth > INCLUDES_MAX)
		return fault_set(&source->fault, word->column, "files include each other more than %d deep", INCLUDES_MAX);
	int status = parse_path(&included, path);
	if (status > 0) {
		snprintf(why, sizeof why, "%s", strerror(status));
		return fault_set(&source->fault, word->column, "'%s': %s", path, why);
	}
	return status;
}

static int read_include(struct reader *reader)
{
	struct word word;
	struct tokens tokens = { 0 };
	if (is_from_command_line(reader->source))
		return fault_set(fault_of(reader), 1, "'include' is for files: one rule is expected");
	if (!word_next(reader->line, &reader->at, &word))
		return fail_missing(reader, "the file of 'include'");
	int status = word_expand(&word, &tokens, fault_of(reader));
	if (status == 0 && !is_plain(&tokens))
		status = fault_set(fault_of(reader), word.column, "'include' takes the name of one file");
	if (status == 0)
		status = refuse_rest(reader, "'include' takes one file");
	if (status == 0) {
		char *path = included_path(reader->source, &tokens);
		status = path ? include_file(reader, &word, path) : fault_memory(fault_of(reader));
		free(path);
	}
	tokens_free(&tokens);
	return status;
}

static int parse_line(struct source *source, struct bytes line)
{
	struct reader reader = { .source = source, .line = line };
	struct word word;
	const char *nul = memchr(line.data, '\0', line.len);
	if (nul)
		return fault_set(&source->fault, (uint32_t)(nul - line.data) + 1, "a NUL byte: is this a policy?");
	if (!word_next(line, &reader.at, &word))
		return 0;
	if (word_is(&word, "include"))
		return read_include(&reader);
	if (word_is(&word, "default"))
		return read_default(&reader);
	if (word_is(&word, "for"))
		return read_for(&reader);
	return read_rule(&reader, &word);
}

static int parse_text(struct source *source, struct bytes text)
{
	while (text.len) {
		const char *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len;
		source->fault.line++;
		if (parse_line(source, bytes_of(text.data, len)) < 0)
			return -1;
		len += end != NULL;
		text = bytes_of(text.data + len, text.len - len);
	}
	return 0;
}

/* The whole of a file. 0 or an errno. */
static int read_whole(const char *path, struct strbuf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : 1;
	while (got > 0) {
		char *room = text->len < FILE_BYTES_MAX ? strbuf_reserve(text, 65536) : NULL;
		errno = text->len < FILE_BYTES_MAX ? ENOMEM : EFBIG;
		got = room ? read(fd, room, 65536) : -1;
		strbuf_cut(text, text->len + (got > 0 ? (size_t)got : 0));
	}
	int error = got < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return error;
}

/* 0, -1 with the fault set, or the errno for which the file could not be read. */
static int parse_path(struct source *source, const char *path)
{
	struct strbuf text = { 0 };
	struct bytes kept = keep_text(source->policy, bytes_of_string(path));
	source->fault.file = kept.data ? kept.data : "";
	int status = read_whole(path, &text);
	if (status == 0)
		status = parse_text(source, strbuf_bytes(&text));
	strbuf_free(&text);
	return status;
}

int policy_parse_file(struct policy *policy, const char *path, struct fault *fault)
{
	struct source source = { .policy = policy, .fault = *fault };
	int status = parse_path(&source, path);
	if (status > 0)
		snprintf(fault->text, fault->size, "%s: %s", path, strerror(status));
	return status ? -1 : 0;
}

int policy_parse_rule(struct policy *policy, const char *text, uint32_t number, struct fault *fault)
{
	struct source source = { .policy = policy, .fault = *fault };
	uint32_t rules = policy->rule_count;
	source.fault.file = "--rule";
	source.fault.line = number;
	if (strchr(text, '\n'))
		return fault_set(&source.fault, (uint32_t)strcspn(text, "\n") + 1, "more than one line: one rule is expected");
	if (parse_line(&source, bytes_of_string(text)) < 0)
		return -1;
	return policy->rule_count > rules ? 0 : fault_set(&source.fault, 1, "no rule");
}
