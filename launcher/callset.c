/* The words for system calls: see callset.h. Keeps nothing but what it fills in. */
#include "callset.h"

#include "guess.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

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

/* A word at work: what it says without its ABI, which ABIs it is for, and where its complaint goes. */
struct element {
	char text[CALL_WORD_MAX];
	bool abi[CALL_SET_ABIS];
	bool optional;
	char *error;
	size_t error_size;
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
			call_bits_add(set->bits[abi], number);
			found = true;
		}
	}
	return found;
}

static int fail(const struct element *element, const char *what, const char *subject, const char *nearest)
{
	char hint[CALL_WORD_MAX + 32] = "";
	if (nearest)
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", nearest);
	snprintf(element->error, element->error_size, "%s '%s'%s", what, subject, hint);
	return -1;
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

static int fail_class(const struct element *element)
{
	const char *text = element->text;
	struct guess guess = guess_start(text + 1);
	for (size_t i = 0; i < COUNT(class_names); i++)
		guess_consider(&guess, class_names[i]);
	char nearest[CALL_WORD_MAX];
	if (guess.name)
		snprintf(nearest, sizeof(nearest), "%%%s", guess.name);
	return fail(element, "unknown class of system calls", text, guess.name ? nearest : NULL);
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

static int add_class(struct call_set *set, const struct element *element)
{
	const char *name = element->text + (element->text[0] == '%');
	uint32_t group = class_group(name);
	if (!group && !element->optional)
		return fail_class(element);
	add_matching(set, element, matches_group, &group);
	return 0;
}

static int add_regex(struct call_set *set, const struct element *element)
{
	regex_t regex;
	int error = regcomp(&regex, element->text + 1, REG_EXTENDED | REG_NOSUB);
	if (error) {
		char why[128];
		regerror(error, &regex, why, sizeof(why));
		snprintf(element->error, element->error_size, "bad regular expression '%s': %s",
			 element->text + 1, why);
		return -1;
	}
	bool found = add_matching(set, element, matches_regex, &regex);
	regfree(&regex);
	if (!found && !element->optional)
		return fail(element, "no system call matches", element->text, NULL);
	return 0;
}

static int add_number(struct call_set *set, const struct element *element)
{
	char *end;
	unsigned long number = strtoul(element->text, &end, 0);
	if (*end)
		return fail(element, "unknown system call", element->text, NULL);
	if (!add_matching(set, element, matches_number, &number) && !element->optional)
		return fail(element, "unknown system call number", element->text, NULL);
	return 0;
}

static int add_name(struct call_set *set, const struct element *element)
{
	if (add_matching(set, element, matches_name, element->text) || element->optional)
		return 0;
	return fail(element, "unknown system call", element->text, nearest_call(element->text));
}

static void add_everything(struct call_set *set, const struct element *element)
{
	for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++)
		if (element->abi[abi])
			memset(set->bits[abi], 0xff, sizeof(set->bits[abi]));
	set->unnamed = true;
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

static int add_element(struct call_set *set, const struct element *element)
{
	const char *text = element->text;
	if (strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "all") == 0 || strcmp(text, "%all") == 0) {
		add_everything(set, element);
		return 0;
	}
	if (text[0] == '/')
		return add_regex(set, element);
	if (text[0] == '%' || is_legacy_class(text))
		return add_class(set, element);
	if (isdigit((unsigned char)text[0]))
		return add_number(set, element);
	return add_name(set, element);
}

int call_set_add(struct call_set *set, const char *word, bool optional, char *error, size_t error_size)
{
	struct element element = { .optional = optional, .error = error, .error_size = error_size };
	size_t len = strlen(word);
	if (len >= sizeof(element.text))
		return fail(&element, "name too long in", word, NULL);
	memcpy(element.text, word, len);
	read_abis(&element);
	return add_element(set, &element);
}

void call_set_add_all(struct call_set *set)
{
	const struct element all_abis = { .abi = { true, true } };
	add_everything(set, &all_abis);
}
