/* Words and what they stand for: see word.h. Reads the environment and the working directory; changes nothing. */
#include "policy/word.h"

#include "policy/glob.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A word being read: where, what came of it, and whom to tell. */
struct expansion {
	const struct word *word;
	size_t at;
	struct tokens *tokens;
	struct fault *fault;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool word_next(struct bytes line, size_t *at, struct word *word)
{
	size_t start = *at;
	while (start < line.len && is_blank(line.data[start]))
		start++;
	size_t end = start;
	if (start < line.len && line.data[start] != '#')
		while (end < line.len && !is_blank(line.data[end]))
			end += line.data[end] == '\\' && end + 1 < line.len ? 2 : 1;
	*at = end;
	*word = (struct word){ .text = bytes_of(line.data + start, end - start), .column = (uint32_t)start + 1 };
	return end > start;
}

const char *word_text(const struct word *word, char text[WORD_BYTES])
{
	size_t len = word->text.len < WORD_BYTES ? word->text.len : WORD_BYTES - 1;
	memcpy(text, word->text.data, len);
	text[len] = '\0';
	return text;
}

bool word_is(const struct word *word, const char *text)
{
	return bytes_equal(word->text, bytes_of_string(text));
}

void tokens_add(struct tokens *tokens, uint16_t token)
{
	if (tokens->len == tokens->capacity) {
		size_t capacity = tokens->capacity ? 2 * tokens->capacity : 64;
		uint16_t *data = reallocarray(tokens->data, capacity, sizeof *data);
		tokens->failed |= !data;
		if (!data)
			return;
		tokens->data = data;
		tokens->capacity = capacity;
	}
	tokens->data[tokens->len++] = token;
}

void tokens_free(struct tokens *tokens)
{
	free(tokens->data);
	*tokens = (struct tokens){ 0 };
}

static uint32_t column_of(const struct expansion *expansion, size_t at)
{
	return expansion->word->column + (uint32_t)at;
}

static char char_at(const struct expansion *expansion, size_t at)
{
	return at < expansion->word->text.len ? expansion->word->text.data[at] : '\0';
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return digit ? (int)(digit - digits) : -1;
}

static int expand_escape(struct expansion *expansion)
{
	size_t start = expansion->at;
	char c = char_at(expansion, start + 1);
	int high = hex_digit(char_at(expansion, start + 2)), low = hex_digit(char_at(expansion, start + 3));
	bool is_hex = c == 'x' && high >= 0 && low >= 0;
	if (!c || (isalnum((unsigned char)c) && !is_hex))
		return fault_set(expansion->fault, column_of(expansion, start),
				 "a backslash is followed by the byte that it keeps from meaning anything, or by x and two hexadecimal digits");
	tokens_add(expansion->tokens, is_hex ? (uint16_t)(high * 16 + low) : (unsigned char)c);
	expansion->at += is_hex ? 4 : 2;
	return 0;
}

static bool is_working_directory(const char *path)
{
	struct stat named, here;
	return path && path[0] == '/' && stat(path, &named) == 0 && stat(".", &here) == 0 && named.st_dev == here.st_dev &&
	       named.st_ino == here.st_ino;
}

/* NULL: unset. buffer: PATH_MAX bytes for a value that is made here. */
static const char *value_of(const char *name, char *buffer)
{
	const char *value = getenv(name);
	if (strcmp(name, "PWD") == 0 && !is_working_directory(value))
		return getcwd(buffer, PATH_MAX);
	if (strcmp(name, "TMPDIR") == 0 && !(value && *value))
		return "/tmp";
	return value;
}

/* A slash at the end of a value ("/tmp/") would make another path of what follows it. */
static void add_value(struct tokens *tokens, const char *value)
{
	size_t len = strlen(value);
	while (len > 1 && value[len - 1] == '/')
		len--;
	for (size_t i = 0; i < len; i++)
		tokens_add(tokens, (unsigned char)value[i]);
}

static int expand_variable(struct expansion *expansion)
{
	char name[WORD_BYTES], buffer[PATH_MAX];
	size_t start = expansion->at, len = 0;
	bool braces = char_at(expansion, start + 1) == '{';
	size_t at = start + 1 + braces;
	for (char c; (c = char_at(expansion, at)) == '_' || (isalnum((unsigned char)c) && (len || !isdigit((unsigned char)c))); at++)
		if (len < sizeof name - 1)
			name[len++] = c;
	name[len] = '\0';
	if (!len || (braces && char_at(expansion, at) != '}'))
		return fault_set(expansion->fault, column_of(expansion, start),
				 "'$' is followed by a variable's name; a '$' that is none is written '\\$'");
	const char *value = value_of(name, buffer);
	if (!value || !*value)
		return fault_set(expansion->fault, column_of(expansion, start), "variable $%s is %s", name,
				 value ? "empty" : "not set");
	add_value(expansion->tokens, value);
	expansion->at = at + braces;
	return 0;
}

static int expand_stars(struct expansion *expansion)
{
	size_t start = expansion->at, count = 0;
	while (char_at(expansion, start + count) == '*')
		count++;
	if (count > 2)
		return fault_set(expansion->fault, column_of(expansion, start), "more than two '*' in a row mean nothing");
	tokens_add(expansion->tokens, count == 2 ? GLOB_ANY : GLOB_STAR);
	expansion->at += count;
	return 0;
}

static int expand_next(struct expansion *expansion)
{
	char c = char_at(expansion, expansion->at);
	if (c == '\\')
		return expand_escape(expansion);
	if (c == '$')
		return expand_variable(expansion);
	if (c == '*')
		return expand_stars(expansion);
	tokens_add(expansion->tokens, (unsigned char)c);
	expansion->at++;
	return 0;
}

int word_expand(const struct word *word, struct tokens *tokens, struct fault *fault)
{
	struct expansion expansion = { .word = word, .tokens = tokens, .fault = fault };
	while (expansion.at < word->text.len)
		if (expand_next(&expansion) < 0)
			return -1;
	return tokens->failed ? fault_memory(fault) : 0;
}
