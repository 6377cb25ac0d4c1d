/* The initial stack, taken apart and put together. Must never follow a number found there without
 * checking it against the bytes at hand: the stack is the kernel's work, but by the time it is read
 * another process may have written to it. */
#include "inject.h"

#include "memory.h"

#include "ptwrap/abi.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define PRELOAD "LD_PRELOAD="

enum {
	WORD = 8,
	ALIGNMENT = 16,
	STACK_SHARE = 4,       /* no more than a quarter of what is left of the stack */
	NAME_BYTES = 32,       /* longer than any variable's name looked for */
	VALUE_BYTES = 1 << 17, /* MAX_ARG_STRLEN */
};

static uint64_t word_at(const struct inject_stack *stack, size_t at)
{
	uint64_t value = 0;
	memcpy(&value, stack->bytes + at, stack->word_bytes);
	return value;
}

/* Puts *at behind the words before the next zero and that zero itself; counts the former. */
static bool pass_vector(const struct inject_stack *stack, size_t *at, size_t *count)
{
	for (*count = 0; stack->len - *at >= stack->word_bytes; ++*count) {
		uint64_t value = word_at(stack, *at);
		*at += stack->word_bytes;
		if (value == 0)
			return true;
	}
	return false;
}

static bool pass_auxiliary(const struct inject_stack *stack, size_t *at)
{
	size_t pair = 2 * (size_t)stack->word_bytes;
	while (stack->len - *at >= pair) {
		uint64_t type = word_at(stack, *at);
		*at += pair;
		if (type == AT_NULL)
			return true;
	}
	return false;
}

enum inject_reason inject_parse(const struct inject_stack *stack, struct inject_image *image)
{
	size_t word = stack->word_bytes, count, at;
	*image = (struct inject_image){ .stack = *stack };
	if ((word != 8 && word != 4) || stack->sp % word != 0 || stack->sp + stack->len < stack->sp)
		return INJECT_MALFORMED;
	if (stack->len < word)
		return INJECT_SHORT;
	image->argc = word_at(stack, 0);
	image->argv_at = at = word;
	if (!pass_vector(stack, &at, &count))
		return INJECT_SHORT;
	if (count != image->argc)
		return INJECT_MALFORMED;
	image->envp_at = at;
	if (!pass_vector(stack, &at, &image->envp_count))
		return INJECT_SHORT;
	image->auxv_at = at;
	if (!pass_auxiliary(stack, &at))
		return INJECT_SHORT;
	image->end = at;
	return INJECT_OK;
}

uint64_t inject_argument(const struct inject_image *image, uint64_t index)
{
	if (index >= image->argc)
		return 0;
	return word_at(&image->stack, image->argv_at + (size_t)index * image->stack.word_bytes);
}

uint64_t inject_variable(const struct inject_image *image, size_t index)
{
	if (index >= image->envp_count)
		return 0;
	return word_at(&image->stack, image->envp_at + index * image->stack.word_bytes);
}

bool inject_auxiliary(const struct inject_image *image, uint64_t type, uint64_t *value)
{
	size_t word = image->stack.word_bytes;
	for (size_t at = image->auxv_at; at + 2 * word < image->end; at += 2 * word) {
		if (word_at(&image->stack, at) != type)
			continue;
		*value = word_at(&image->stack, at + word);
		return true;
	}
	return false;
}

/* Up to len bytes at address, from the copy where it holds them all. */
static long read_memory(const struct inject_stack *stack, uint64_t address, void *buffer, size_t len)
{
	uint64_t at = address - stack->sp;
	if (address >= stack->sp && at < stack->len && (len <= stack->len - at || !stack->read)) {
		if (len > stack->len - at)
			len = stack->len - at;
		memcpy(buffer, stack->bytes + at, len);
		return (long)len;
	}
	return stack->read ? stack->read(stack->context, address, buffer, len) : -1;
}

static bool begins_with(const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);
	return len >= word_len && memcmp(text, word, word_len) == 0;
}

/* Variables that make the loader print, or load what must come first. */
static const char *const telling[] = { "LD_DEBUG=", "LD_AUDIT=", "LD_TRACE_LOADED_OBJECTS=" };

static bool is_telling(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		if (begins_with(text, len, telling[i]))
			return true;
	return false;
}

/* *preload: index of LD_PRELOAD, or envp_count. */
static enum inject_reason survey(const struct inject_image *image, size_t *preload)
{
	*preload = image->envp_count;
	for (size_t i = 0; i < image->envp_count; i++) {
		char text[NAME_BYTES];
		long len = read_memory(&image->stack, inject_variable(image, i), text, sizeof(text));
		if (len <= 0)
			return INJECT_UNREADABLE;
		if (is_telling(text, (size_t)len))
			return INJECT_DEBUGGED;
		if (!begins_with(text, (size_t)len, PRELOAD))
			continue;
		if (*preload != image->envp_count)
			return INJECT_AMBIGUOUS;
		*preload = i;
	}
	return INJECT_OK;
}

/* The variable's string with the shim appended (or alone, for address 0); malloc'ed. */
static enum inject_reason make_entry(const struct inject_image *image, uint64_t address,
				     const char *shim_path, char **entry)
{
	size_t path_size = strlen(shim_path) + 1, room = address ? VALUE_BYTES : sizeof(PRELOAD);
	char *text = *entry = memory_checked(malloc(room + sizeof(PTWRAP_SHIM_SEPARATOR) + path_size));
	if (!text)
		return INJECT_NO_MEMORY;
	size_t len = sizeof(PRELOAD) - 1;
	if (address) {
		long got = read_memory(&image->stack, address, text, room);
		char *end = got > 0 ? memchr(text, '\0', (size_t)got) : NULL;
		if (!end)
			return INJECT_UNREADABLE;
		len = (size_t)(end - text);
		memcpy(text + len, PTWRAP_SHIM_SEPARATOR, sizeof(PTWRAP_SHIM_SEPARATOR) - 1);
		len += sizeof(PTWRAP_SHIM_SEPARATOR) - 1;
	} else {
		memcpy(text, PRELOAD, len);
	}
	memcpy(text + len, shim_path, path_size);
	return INJECT_OK;
}

/* How much more the stack may grow. What lies above sp already is bounded by where the kernel put the
 * program's name, at the very top. */
static uint64_t stack_left(const struct inject_image *image, uint64_t stack_limit)
{
	uint64_t top, used = image->stack.len;
	if (inject_auxiliary(image, AT_EXECFN, &top) && top > image->stack.sp)
		used = top - image->stack.sp;
	return stack_limit > used ? stack_limit - used : 0;
}

static void put_word(unsigned char *block, size_t at, uint64_t value)
{
	memcpy(block + at, &value, WORD);
}

/* argc up to envp's last; the new entry (twice) or the changed one; NULL, auxv; the string. */
static enum inject_reason lay_out(const struct inject_image *image, size_t preload, const char *entry,
				  uint64_t stack_limit, struct inject_result *result)
{
	bool added = preload == image->envp_count;
	size_t head = image->envp_at + image->envp_count * WORD, tail = image->end - head;
	size_t gap = added ? 2 * WORD : 0, entry_size = strlen(entry) + 1;
	size_t len = (head + gap + tail + entry_size + ALIGNMENT - 1) & -(size_t)ALIGNMENT;
	if (len < entry_size || len > image->stack.sp || len > stack_left(image, stack_limit) / STACK_SHARE)
		return INJECT_STACK_LIMIT;
	unsigned char *block = memory_checked(calloc(1, len));
	if (!block)
		return INJECT_NO_MEMORY;
	uint64_t new_sp = (image->stack.sp - len) & -(uint64_t)ALIGNMENT;
	uint64_t string = new_sp + head + gap + tail;
	memcpy(block, image->stack.bytes, head);
	memcpy(block + head + gap, image->stack.bytes + head, tail);
	memcpy(block + head + gap + tail, entry, entry_size);
	put_word(block, image->envp_at + preload * WORD, string);
	if (added)
		put_word(block, head + WORD, string);
	*result = (struct inject_result){ .new_sp = new_sp, .block = block, .len = len };
	return INJECT_OK;
}

static enum inject_reason check_image(const struct inject_image *image, const char *shim_path)
{
	uint64_t value;
	if (!inject_path_is_fit(shim_path))
		return INJECT_PATH;
	if (!inject_auxiliary(image, AT_BASE, &value) || value == 0)
		return INJECT_STATIC;
	if (image->stack.word_bytes != WORD)
		return INJECT_CLASS;
	if (!inject_auxiliary(image, AT_SECURE, &value) || value != 0)
		return INJECT_SECURE;
	return INJECT_OK;
}

enum inject_reason inject_build(const struct inject_image *image, const char *shim_path, uint64_t stack_limit,
				struct inject_result *result)
{
	size_t preload;
	char *entry = NULL;
	*result = (struct inject_result){ 0 };
	enum inject_reason reason = check_image(image, shim_path);
	if (reason == INJECT_OK)
		reason = survey(image, &preload);
	if (reason == INJECT_OK)
		reason = make_entry(image, inject_variable(image, preload), shim_path, &entry);
	if (reason == INJECT_OK)
		reason = lay_out(image, preload, entry, stack_limit, result);
	free(entry);
	return reason;
}

bool inject_path_is_fit(const char *shim_path)
{
	size_t len = strlen(shim_path), file_len = sizeof(PTWRAP_SHIM_FILE) - 1;
	return shim_path[0] == '/' && len > file_len &&
	       strcmp(shim_path + len - file_len, PTWRAP_SHIM_FILE) == 0 && !strpbrk(shim_path, " :$\t\n\v\f\r");
}

const char *inject_reason_name(enum inject_reason reason)
{
	static const char *const names[INJECT_REASONS] = {
		[INJECT_OK] = "carries the shim",
		[INJECT_SHORT] = "its stack could not be read to the end",
		[INJECT_MALFORMED] = "its initial stack is not as the kernel makes it",
		[INJECT_STATIC] = "statically linked",
		[INJECT_CLASS] = "not a 64-bit program",
		[INJECT_SECURE] = "set-user-id or with file capabilities",
		[INJECT_DEBUGGED] = "its dynamic loader is told to print what it loads",
		[INJECT_AMBIGUOUS] = "LD_PRELOAD stands in its environment more than once",
		[INJECT_STACK_LIMIT] = "its stack limit leaves no room",
		[INJECT_PATH] = "the shim's path cannot stand in LD_PRELOAD",
		[INJECT_UNREADABLE] = "its environment could not be read",
		[INJECT_NO_MEMORY] = "out of memory",
	};
	return (unsigned)reason < INJECT_REASONS && names[reason] ? names[reason] : "unknown";
}
