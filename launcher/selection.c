/* What --trace means: strace's selection language, made into one bit per system call, and whether
 * a call that was met is one of those to be reported.
 *
 *   set     = [ "trace=" | "t=" ] [ "!" ] element *( "," element )
 *   element = [ "!" ] [ "?" ] ( name | number | "/" regex | "%" class | class | "all" | "none" )
 *             [ "@64" | "@32" ]
 *
 * Elements behind a "!" are taken away from the others, wherever they stand; a "!" at the very
 * front means the whole set, as strace has it: everything but these.
 *
 * Prints nothing and keeps nothing but what it fills in; which calls trace is filter.c's matter. */
#include "filter.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

enum { SELECTION_NUMBERS = 8 * 64, SELECTION_ABIS = 2, TOKEN_MAX = 256, NAME_COMPARED = 32 };

/* The calls that one side of a set names. */
struct call_set {
	uint8_t bits[SELECTION_ABIS]
		    [SELECTION_NUMBERS / 8]; /* by enum event_abi: ABI_X86_64, ABI_I386 */
	bool unnamed;
};

struct parser {
	struct call_set included, excluded;
	const char *trace; /* the whole of it, for messages */
	char *error;
	size_t error_size;
};

/* strace's groups of look-alikes, whose names have a '%' of their own. */
static const struct {
	const char *name;
	uint32_t group;
} double_classes[] = {
	{ "%stat", GROUP_STAT_LIKE },
	{ "%statfs", GROUP_STATFS_LIKE },
};

/* Classes that strace also knows without the '%', from before it had one. */
static const char *const legacy_classes[] = { "file",	"process", "network", "desc",
					      "signal", "ipc",	   "memory" };

/* For suggestions only. */
static const char *const class_names[] = {
	"file", "desc",	 "process", "network", "signal",  "ipc",   "memory", "creds",
	"stat", "lstat", "fstat",   "statfs",  "fstatfs", "clock", "pure",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool set_has(const uint8_t bits[], uint32_t number)
{
	return number < SELECTION_NUMBERS && bits[number / 8] & (1u << number % 8);
}

static void set_add(uint8_t bits[], uint32_t number)
{
	if (number < SELECTION_NUMBERS)
		bits[number / 8] |= (uint8_t)(1u << number % 8);
}

/* Does `element` mean this call? */
typedef bool matcher(const struct syscall_desc *desc, uint32_t number, const void *element);

static bool matches_name(const struct syscall_desc *desc, uint32_t number, const void *element)
{
	(void)number;
	return strcmp(desc->name, element) == 0;
}

static bool matches_number(const struct syscall_desc *desc, uint32_t number, const void *element)
{
	(void)desc;
	return number == *(const unsigned long *)element;
}

static bool matches_group(const struct syscall_desc *desc, uint32_t number, const void *element)
{
	(void)number;
	return (desc->groups & *(const uint32_t *)element) != 0;
}

static bool matches_regex(const struct syscall_desc *desc, uint32_t number, const void *element)
{
	(void)number;
	return regexec(element, desc->name, 0, NULL, 0) == 0;
}

/* An element without its marks: what it is called, and which ABIs it is for. */
struct element {
	char text[TOKEN_MAX];
	bool excluded, optional;
	bool abi[SELECTION_ABIS];
};

static bool add_matching(struct call_set *set, const struct element *element, matcher *matches,
			 const void *wanted)
{
	bool found = false;
	for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++) {
		for (uint32_t number = 0; element->abi[abi] && number < syscall_limit(abi);
		     number++) {
			const struct syscall_desc *desc = syscall_lookup(abi, number);
			if (!desc || !matches(desc, number, wanted))
				continue;
			set_add(set->bits[abi], number);
			found = true;
		}
	}
	return found;
}

static int fail(struct parser *parser, const char *what, const char *subject, const char *nearest)
{
	char hint[TOKEN_MAX + 32] = "";
	if (nearest)
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", nearest);
	snprintf(parser->error, parser->error_size, "%s '%s'%s", what, subject, hint);
	return -1;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) that lead from one name to another. */
static unsigned name_distance(const char *a, const char *b)
{
	size_t a_len = strnlen(a, NAME_COMPARED), b_len = strnlen(b, NAME_COMPARED);
	unsigned edits[NAME_COMPARED + 1][NAME_COMPARED + 1];
	for (size_t i = 0; i <= a_len; i++)
		edits[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b_len; j++)
		edits[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replace = edits[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned drop = 1 + smaller(edits[i - 1][j], edits[i][j - 1]);
			edits[i][j] = smaller(replace, drop);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				edits[i][j] = smaller(edits[i][j], edits[i - 2][j - 2] + 1);
		}
	}
	return edits[a_len][b_len];
}

/* The best guess so far at what a mistyped name was meant to be. */
struct guess {
	const char *wanted, *name;
	unsigned distance;
};

static struct guess guess_start(const char *wanted)
{
	unsigned tolerated = smaller(3, 1 + (unsigned)strlen(wanted) / 4);
	return (struct guess){ .wanted = wanted, .distance = tolerated + 1 };
}

static void guess_consider(struct guess *guess, const char *name)
{
	unsigned distance = name_distance(guess->wanted, name);
	if (distance < guess->distance) {
		guess->distance = distance;
		guess->name = name;
	}
}

static const char *nearest_call(const char *wanted)
{
	struct guess guess = guess_start(wanted);
	for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++) {
		for (uint32_t number = 0; number < syscall_limit(abi); number++) {
			const struct syscall_desc *desc = syscall_lookup(abi, number);
			if (desc)
				guess_consider(&guess, desc->name);
		}
	}
	return guess.name;
}

static int fail_class(struct parser *parser, const char *text)
{
	struct guess guess = guess_start(text + 1);
	for (size_t i = 0; i < COUNT(class_names); i++)
		guess_consider(&guess, class_names[i]);
	char nearest[TOKEN_MAX];
	if (guess.name)
		snprintf(nearest, sizeof(nearest), "%%%s", guess.name);
	return fail(parser, "unknown class of system calls", text, guess.name ? nearest : NULL);
}

static uint32_t class_group(const char *name)
{
	for (size_t i = 0; i < COUNT(double_classes); i++)
		if (strcmp(double_classes[i].name, name) == 0)
			return double_classes[i].group;
	return syscall_group(name);
}

static bool is_legacy_class(const char *name)
{
	for (size_t i = 0; i < COUNT(legacy_classes); i++)
		if (strcmp(legacy_classes[i], name) == 0)
			return true;
	return false;
}

static int add_class(struct parser *parser, struct call_set *set, const struct element *element)
{
	const char *name = element->text + (element->text[0] == '%');
	uint32_t group = class_group(name);
	if (!group && !element->optional)
		return fail_class(parser, element->text);
	add_matching(set, element, matches_group, &group);
	return 0;
}

static int add_regex(struct parser *parser, struct call_set *set, const struct element *element)
{
	regex_t regex;
	int error = regcomp(&regex, element->text + 1, REG_EXTENDED | REG_NOSUB);
	if (error) {
		char why[128];
		regerror(error, &regex, why, sizeof(why));
		snprintf(parser->error, parser->error_size, "bad regular expression '%s': %s",
			 element->text + 1, why);
		return -1;
	}
	bool found = add_matching(set, element, matches_regex, &regex);
	regfree(&regex);
	if (!found && !element->optional)
		return fail(parser, "no system call matches", element->text, NULL);
	return 0;
}

static int add_number(struct parser *parser, struct call_set *set, const struct element *element)
{
	char *end;
	unsigned long number = strtoul(element->text, &end, 0);
	if (*end)
		return fail(parser, "unknown system call", element->text, NULL);
	if (!add_matching(set, element, matches_number, &number) && !element->optional)
		return fail(parser, "unknown system call number", element->text, NULL);
	return 0;
}

static int add_name(struct parser *parser, struct call_set *set, const struct element *element)
{
	if (add_matching(set, element, matches_name, element->text) || element->optional)
		return 0;
	return fail(parser, "unknown system call", element->text, nearest_call(element->text));
}

static void add_everything(struct call_set *set, const struct element *element)
{
	for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++)
		if (element->abi[abi])
			memset(set->bits[abi], 0xff, sizeof(set->bits[abi]));
	set->unnamed = true;
}

static int add_element(struct parser *parser, const struct element *element)
{
	struct call_set *set = element->excluded ? &parser->excluded : &parser->included;
	const char *text = element->text;
	if (strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "all") == 0 || strcmp(text, "%all") == 0) {
		add_everything(set, element);
		return 0;
	}
	if (text[0] == '/')
		return add_regex(parser, set, element);
	if (text[0] == '%' || is_legacy_class(text))
		return add_class(parser, set, element);
	if (isdigit((unsigned char)text[0]))
		return add_number(parser, set, element);
	return add_name(parser, set, element);
}

static bool take_suffix(char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);
	if (len <= suffix_len || strcmp(text + len - suffix_len, suffix) != 0)
		return false;
	text[len - suffix_len] = '\0';
	return true;
}

static void read_abis(struct element *element)
{
	bool native = element->text[0] != '/' && take_suffix(element->text, "@64");
	bool i386 = element->text[0] != '/' && take_suffix(element->text, "@32");
	element->abi[ABI_X86_64] = native || !i386;
	element->abi[ABI_I386] = i386 || !native;
}

static int parse_element(struct parser *parser, struct bytes token, bool excluded)
{
	struct element element = { .excluded = excluded };
	for (; token.len && (token.data[0] == '!' || token.data[0] == '?');
	     token.data++, token.len--) {
		element.excluded |= token.data[0] == '!';
		element.optional |= token.data[0] == '?';
	}
	if (token.len >= sizeof(element.text))
		return fail(parser, "name too long in", parser->trace, NULL);
	memcpy(element.text, token.data, token.len);
	if (!token.len)
		return fail(parser, "no system call named in", parser->trace, NULL);
	read_abis(&element);
	return add_element(parser, &element);
}

static const char *skip_prefix(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) == 0 ? text + len : text;
}

static int parse_set(struct parser *parser)
{
	const struct element all_abis = { .abi = { true, true } };
	const char *at = skip_prefix(skip_prefix(parser->trace, "trace="), "t=");
	bool negated = *at == '!';
	if (negated)
		add_everything(&parser->included, &all_abis);
	if (!at[negated])
		return fail(parser, "no system call named in", parser->trace, NULL);
	bool any = false;
	for (at += negated; *at;) {
		size_t len = strcspn(at, ",");
		if (len && parse_element(parser, bytes_of(at, len), negated) < 0)
			return -1;
		any |= len > 0;
		at += len + (at[len] == ',');
	}
	return any ? 0 : fail(parser, "no system call named in", parser->trace, NULL);
}

static bool is_never_reported(enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	return !desc || desc->class == CLASS_NEVER;
}

/* Numbers without a name and those that nobody may see are no part of any set. */
static void keep_reportable(struct selection *selection)
{
	for (uint32_t number = 0; number < SELECTION_NUMBERS; number++) {
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
	for (uint32_t number = 0; number < SELECTION_NUMBERS; number++) {
		if (is_audited(ABI_X86_64, number))
			set_add(selection->native, number);
		if (is_audited(ABI_I386, number))
			set_add(selection->i386, number);
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
		return fail(parser, "level exec sees no system calls: it cannot go with",
			    parser->trace, NULL);
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
	return 0;
}

/* x32 has no bits of its own: its calls go by the name they share with native ones. */
static bool selects_x32(const struct selection *selection, const struct syscall_desc *desc)
{
	if (!selection->explicit_set)
		return true;
	int native = syscall_number(ABI_X86_64, desc->name);
	return native >= 0 && set_has(selection->native, (uint32_t)native);
}

static bool selects(const struct selection *selection, enum event_abi abi, uint32_t number,
		    const struct syscall_desc *desc)
{
	switch (abi) {
	case ABI_X86_64:
		return set_has(selection->native, number);
	case ABI_I386:
		return set_has(selection->i386, number);
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
