/* What --trace means: strace's selection language, made into one bit per system call, and whether
 * a call that was met is one of those to be reported.
 *
 *   set     = [ "trace=" | "t=" ] [ "!" ] element *( "," element )
 *   element = [ "!" ] [ "?" ] word, a word of callset.h
 *
 * Elements behind a "!" are taken away from the others, wherever they stand; a "!" at the very
 * front means the whole set, as strace has it: everything but these.
 *
 * Prints nothing and keeps nothing but what it fills in; which calls trace is filter.c's matter. */
#include "callset.h"
#include "filter.h"
#include "narrow.h"

#include <stdio.h>

struct parser {
	struct call_set included, excluded;
	const char *trace; /* the whole of it, for messages */
	char *error;
	size_t error_size;
};

static int fail(struct parser *parser, const char *what)
{
	snprintf(parser->error, parser->error_size, "%s '%s'", what, parser->trace);
	return -1;
}

static int parse_element(struct parser *parser, struct bytes token, bool excluded)
{
	char word[CALL_WORD_MAX];
	bool optional = false;
	for (; token.len && (token.data[0] == '!' || token.data[0] == '?');
	     token.data++, token.len--) {
		excluded |= token.data[0] == '!';
		optional |= token.data[0] == '?';
	}
	if (token.len >= sizeof(word))
		return fail(parser, "name too long in");
	if (!token.len)
		return fail(parser, "no system call named in");
	memcpy(word, token.data, token.len);
	word[token.len] = '\0';
	return call_set_add(excluded ? &parser->excluded : &parser->included, word, optional,
			    parser->error, parser->error_size);
}

static const char *skip_prefix(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) == 0 ? text + len : text;
}

static int parse_set(struct parser *parser)
{
	const char *at = skip_prefix(skip_prefix(parser->trace, "trace="), "t=");
	bool negated = *at == '!';
	if (negated)
		call_set_add_all(&parser->included);
	if (!at[negated])
		return fail(parser, "no system call named in");
	bool any = false;
	for (at += negated; *at;) {
		size_t len = strcspn(at, ",");
		if (len && parse_element(parser, bytes_of(at, len), negated) < 0)
			return -1;
		any |= len > 0;
		at += len + (at[len] == ',');
	}
	return any ? 0 : fail(parser, "no system call named in");
}

static bool is_never_reported(enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	return !desc || desc->class == CLASS_NEVER;
}

/* i386's libraries call by socketcall what has numbers of its own too: it is looked at for each of them. */
static void select_socketcall(struct selection *selection)
{
	enum { LAST = 20 };
	for (uint32_t which = 0; which <= LAST; which++) {
		unsigned count;
		const char *name = narrow_socketcall(which, &count);
		int number = name ? syscall_number(ABI_I386, name) : -1;
		if (number >= 0 && (selection->i386[number / 8] >> number % 8 & 1))
			call_bits_add(selection->i386, I386_SOCKETCALL);
	}
}

/* Numbers without a name and those that nobody may see are no part of any set. */
static void keep_reportable(struct selection *selection)
{
	for (uint32_t number = 0; number < CALL_SET_NUMBERS; number++) {
		uint8_t bit = (uint8_t)(1u << number % 8);
		if (is_never_reported(ABI_X86_64, number))
			selection->native[number / 8] &= (uint8_t)~bit;
		if (is_never_reported(ABI_I386, number))
			selection->i386[number / 8] &= (uint8_t)~bit;
	}
}

static void select_difference(struct selection *selection, const struct parser *parser)
{
	const struct call_set *in = &parser->included, *out = &parser->excluded;
	for (size_t i = 0; i < sizeof(selection->native); i++) {
		selection->native[i] = in->bits[ABI_X86_64][i] & (uint8_t)~out->bits[ABI_X86_64][i];
		selection->i386[i] = in->bits[ABI_I386][i] & (uint8_t)~out->bits[ABI_I386][i];
	}
	selection->unnamed = in->unnamed && !out->unnamed;
}

/* A conditional class whose every case is reported is so whatever the arguments are. */
static bool is_audited(enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	return desc && (desc->class == CLASS_K || desc->class == CLASS_S ||
			desc->class == CLASS_K_OPEN2 || desc->class == CLASS_K_OPEN3);
}

static void select_audit(struct selection *selection)
{
	for (uint32_t number = 0; number < CALL_SET_NUMBERS; number++) {
		if (is_audited(ABI_X86_64, number))
			call_bits_add(selection->native, number);
		if (is_audited(ABI_I386, number))
			call_bits_add(selection->i386, number);
	}
	selection->unnamed = true;
}

static void select_all(struct selection *selection)
{
	memset(selection->native, 0xff, sizeof(selection->native));
	memset(selection->i386, 0xff, sizeof(selection->i386));
	selection->unnamed = true;
}

static int select_trace(struct selection *selection, struct parser *parser)
{
	if (selection->level == LEVEL_EXEC)
		return fail(parser, "level exec sees no system calls: it cannot go with");
	if (parse_set(parser) < 0)
		return -1;
	selection->explicit_set = true;
	select_difference(selection, parser);
	return 0;
}

int selection_init(struct selection *selection, enum level level, const char *trace,
		   bool allow_io_uring, char *error, size_t error_size)
{
	*selection = (struct selection){ .level = level, .allow_io_uring = allow_io_uring };
	struct parser parser = { .trace = trace, .error = error, .error_size = error_size };
	if (trace && select_trace(selection, &parser) < 0)
		return -1;
	if (!trace && level == LEVEL_AUDIT)
		select_audit(selection);
	if (!trace && level == LEVEL_ALL)
		select_all(selection);
	keep_reportable(selection);
	select_socketcall(selection);
	return 0;
}

/* x32 has no bits of its own: its calls go by the name they share with native ones. */
static bool selects_x32(const struct selection *selection, const struct syscall_desc *desc)
{
	if (!selection->explicit_set)
		return true;
	int native = syscall_number(ABI_X86_64, desc->name);
	return native >= 0 && call_bits_have(selection->native, (uint32_t)native);
}

static bool selects(const struct selection *selection, enum event_abi abi, uint32_t number,
		    const struct syscall_desc *desc)
{
	switch (abi) {
	case ABI_X86_64:
		return call_bits_have(selection->native, number);
	case ABI_I386:
		return call_bits_have(selection->i386, number);
	case ABI_X32:
		return selects_x32(selection, desc);
	case ABI_UNKNOWN:
		break;
	}
	return selection->unnamed;
}

bool selection_reports(const struct selection *selection, enum event_abi abi, uint32_t number,
		       const uint64_t args[6])
{
	if (selection->level == LEVEL_EXEC)
		return false;
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	if (!desc)
		return selection->unnamed;
	if (desc->class == CLASS_NEVER)
		return false;
	if (selects(selection, abi, number, desc))
		return true;
	return !selection->explicit_set && filter_class_of(abi, number, args) != CLASS_U;
}
