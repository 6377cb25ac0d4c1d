/* The command line: see options.h. Owns the parser and what each option does to struct options;
 * opens no file and starts nothing. What it wrote to standard error is one line. */
#include "options.h"

#include "message.h"
#include "report/report.h"
#include "strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct parse {
	struct options *options;
	char **argv;
	int argc, next; /* next: index of the first word not read yet */
	uint64_t start_realtime_ns;
	bool level_given;
	char name[64]; /* the option at work, as "--output" */
};

struct option_spec {
	char letter;
	const char *name, *argument, *help;
	int (*set)(struct parse *parse, const char *value); /* 0, or -1 with its line written */
};

static int reject(const struct parse *parse, const char *value, const char *why)
{
	message_error(parse->name, "'%s': %s", value, why);
	return -1;
}

static int fail_without_memory(void)
{
	message_error(NULL, "%s", strerror(ENOMEM));
	return -1;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t text_len = strlen(text), suffix_len = strlen(suffix);
	return text_len >= suffix_len && strcmp(text + text_len - suffix_len, suffix) == 0;
}

static void list_formats(struct strbuf *list, bool suffixes)
{
	strbuf_add_string(list, suffixes ? ".ptw" : "ptw");
	for (size_t i = 0; report_formats[i]; i++) {
		const struct report_format *format = report_formats[i];
		if (!suffixes)
			strbuf_addf(list, ", %s", format->name);
		for (size_t j = 0; suffixes && format->suffixes && format->suffixes[j]; j++)
			strbuf_addf(list, ", %s", format->suffixes[j]);
	}
}

/* The known ones are part of the message: of suffixes, or of format names. */
static int reject_format(const struct parse *parse, const char *value, const char *why,
			 bool suffixes)
{
	struct strbuf list = { 0 };
	list_formats(&list, suffixes);
	message_error(parse->name, "'%s': %s %s", value, why, list.data ? list.data : "");
	strbuf_free(&list);
	return -1;
}

static int reject_without_format(const struct parse *parse, const char *value)
{
	if (strcmp(value, "-") == 0)
		return reject_format(parse, value, "needs a format, as in text:-; one of", false);
	return reject_format(parse, value, "no FORMAT: before it, and it ends in none of", true);
}

/* "json:x" -> 4. Only a word of lower-case letters can be a FORMAT, so ./a:b and 12:30.txt name
 * files. */
static size_t format_prefix_length(const char *value)
{
	size_t len = 0;
	while (islower((unsigned char)value[len]))
		len++;
	return value[len] == ':' ? len : 0;
}

static const char *format_of_name(const char *name, size_t len)
{
	char word[32];
	if (len >= sizeof(word))
		return NULL;
	memcpy(word, name, len);
	word[len] = '\0';
	if (strcmp(word, "ptw") == 0)
		return "ptw";
	const struct report_format *format = report_format_by_name(word);
	return format ? format->name : NULL;
}

static const char *format_of_path(const char *path)
{
	if (ends_with(path, ".ptw"))
		return "ptw";
	const struct report_format *format = report_format_by_path(path);
	return format ? format->name : NULL;
}

static void add_time(struct strbuf *out, uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000u);
	char text[32];
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm);
	strbuf_add_string(out, text);
}

/* FILE with %p, %t and %% replaced, malloc'ed; NULL after a line. */
static char *expand_path(const struct parse *parse, const char *file)
{
	struct strbuf out = { 0 };
	for (const char *at = file; *at; at++) {
		if (*at != '%') {
			strbuf_add_char(&out, *at);
			continue;
		}
		at++;
		if (*at == 'p') {
			strbuf_addf(&out, "%ld", (long)getpid());
		} else if (*at == 't') {
			add_time(&out, parse->start_realtime_ns);
		} else if (*at == '%') {
			strbuf_add_char(&out, '%');
		} else {
			reject(parse, file, "only %p, %t and %% are known after a percent sign");
			strbuf_free(&out);
			return NULL;
		}
	}
	if (out.failed || !out.data) {
		fail_without_memory();
		strbuf_free(&out);
	}
	return out.data;
}

static int add_output(struct options *options, const char *format, char *path)
{
	struct option_output *outputs =
		reallocarray(options->outputs, options->output_count + 1, sizeof(*outputs));
	if (!outputs) {
		free(path);
		return fail_without_memory();
	}
	options->outputs = outputs;
	outputs[options->output_count++] = (struct option_output){ .format = format, .path = path };
	return 0;
}

static int set_output(struct parse *parse, const char *value)
{
	size_t prefix_len = format_prefix_length(value);
	const char *file = prefix_len ? value + prefix_len + 1 : value;
	const char *format = prefix_len ? format_of_name(value, prefix_len) : NULL;

	if (prefix_len && !format)
		return reject_format(parse, value, "unknown format: use one of", false);
	if (!*file)
		return reject(parse, value, "no file name");
	char *path = expand_path(parse, file);
	if (!path)
		return -1;
	if (!format)
		format = format_of_path(path);
	if (!format) {
		free(path);
		return reject_without_format(parse, value);
	}
	return add_output(parse->options, format, path);
}

/* Index of value in a NULL-terminated list of words, -1 if it is not there. */
static int index_of_word(const char *const *words, const char *value)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

static int set_level(struct parse *parse, const char *value)
{
	static const char *const words[] = {
		[LEVEL_EXEC] = "exec", [LEVEL_AUDIT] = "audit", [LEVEL_ALL] = "all", NULL
	};
	int level = index_of_word(words, value);
	if (level < 0)
		return reject(parse, value, "a level is one of exec, audit, all");
	parse->options->level = (enum level)level;
	parse->level_given = true;
	return 0;
}

static int set_color(struct parse *parse, const char *value)
{
	static const char *const words[] = {
		[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL
	};
	int color = index_of_word(words, value);
	if (color < 0)
		return reject(parse, value, "one of auto, always, never is expected");
	parse->options->color = (enum color)color;
	return 0;
}

static int set_trace(struct parse *parse, const char *value)
{
	const char *set = strncmp(value, "trace=", 6) == 0 ? value + 6 :
			  strncmp(value, "t=", 2) == 0     ? value + 2 :
							     value;
	if (!*set)
		return reject(parse, value, "an empty set: 'none' selects no call");
	parse->options->trace = set;
	return 0;
}

static int set_user(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "no user name");
	if (geteuid() != 0)
		return reject(parse, value, "only root may run COMMAND as another user");
	parse->options->user = value;
	return 0;
}

static int set_read(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "no file name");
	parse->options->read = value;
	parse->options->mode = MODE_READ;
	return 0;
}

static int add_word(const char ***list, size_t *count, const char *word)
{
	const char **longer = reallocarray(*list, *count + 1, sizeof(*longer));
	if (!longer)
		return fail_without_memory();
	*list = longer;
	longer[(*count)++] = word;
	return 0;
}

static int set_redact(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "an empty pattern");
	return add_word(&parse->options->redact, &parse->options->redact_count, value);
}

static int set_check(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "no file name");
	parse->options->check = value;
	parse->options->mode = MODE_CHECK;
	return 0;
}

static int set_policy(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "no file name");
	return add_word(&parse->options->policies, &parse->options->policy_count, value);
}

static int set_learn(struct parse *parse, const char *value)
{
	if (!*value)
		return reject(parse, value, "no file name");
	parse->options->learn = value;
	return 0;
}

static int set_rule(struct parse *parse, const char *value)
{
	return add_word(&parse->options->rules, &parse->options->rule_count, value);
}

static int set_error_exitcode(struct parse *parse, const char *value)
{
	char *end = NULL;
	long number = isdigit((unsigned char)*value) ? strtol(value, &end, 10) : 0;
	if (number < 1 || number > 255 || *end)
		return reject(parse, value, "a status from 1 to 255 is expected");
	parse->options->error_exitcode = (int)number;
	return 0;
}

static int set_on_exit(struct parse *parse, const char *value)
{
	static const char *const words[] = { "judge", "kill", "wait", NULL };
	int what = index_of_word(words, value);
	if (what < 0)
		return reject(parse, value, "one of judge, kill, wait is expected");
	parse->options->kill_rest = what == 1;
	parse->options->wait_all = what == 2;
	return 0;
}

static int set_ask(struct parse *parse, const char *value)
{
	return add_word(&parse->options->ask, &parse->options->ask_count, value);
}

static int set_release(struct parse *parse, const char *value)
{
	if (value && !*value)
		return reject(parse, value, "no program's name");
	parse->options->release = true;
	parse->options->release_program = value;
	return 0;
}

/* Bits to shift by for K, M, G; -1 for what is no suffix. */
static int size_suffix_shift(const char *suffix)
{
	static const char letters[] = "KMG";
	if (!*suffix)
		return 0;
	const char *letter = strchr(letters, toupper((unsigned char)*suffix));
	return letter && !suffix[1] ? 10 * (int)(letter - letters + 1) : -1;
}

static int set_max_size(struct parse *parse, const char *value)
{
	char *end = NULL;
	errno = 0;
	unsigned long long number = isdigit((unsigned char)*value) ? strtoull(value, &end, 10) : 0;
	int shift = end ? size_suffix_shift(end) : -1;
	if (shift < 0 || number == 0)
		return reject(parse, value, "a number of bytes is expected, as in 500M");
	if (errno == ERANGE || number > UINT64_MAX >> shift)
		return reject(parse, value, "too large");
	parse->options->max_size = (uint64_t)number << shift;
	return 0;
}

#define SETTER(name, statement)                                                                    \
	static int set_##name(struct parse *parse, const char *value)                              \
	{                                                                                          \
		(void)value;                                                                       \
		parse->options->statement;                                                         \
		return 0;                                                                          \
	}
SETTER(no_shim, no_shim = true)
SETTER(no_redact, no_redact = true)
SETTER(wait_all, wait_all = true)
SETTER(verify, verify = true)
SETTER(no_lsan, no_lsan = true)
SETTER(dry_run, dry_run = true)
SETTER(best_effort, best_effort = true)
SETTER(allow_io_uring, allow_io_uring = true)
SETTER(quiet, quiet = true)
SETTER(verbose, verbose++)
SETTER(doctor, mode = MODE_DOCTOR)
SETTER(help, mode = MODE_HELP)
SETTER(version, mode = MODE_VERSION)
SETTER(man, mode = MODE_MAN)
#undef SETTER

static const struct option_spec specs[] = {
#define OPTION(letter_, name_, argument_, action_, help_, man_)                                    \
	{ .letter = (letter_),                                                                     \
	  .name = (name_),                                                                         \
	  .argument = (argument_),                                                                 \
	  .help = (help_),                                                                         \
	  .set = set_##action_ },
#include "options.def"
#undef OPTION
};

enum { SPEC_COUNT = sizeof(specs) / sizeof(specs[0]) };

static const struct option_spec *spec_by_letter(char letter)
{
	for (size_t i = 0; i < SPEC_COUNT; i++)
		if (specs[i].letter && specs[i].letter == letter)
			return &specs[i];
	return NULL;
}

static bool is_ambiguous(const char *name, size_t len, size_t first)
{
	for (size_t i = first + 1; i < SPEC_COUNT; i++)
		if (*specs[i].help && strncmp(specs[i].name, name, len) == 0)
			return true;
	return false;
}

/* By its whole name or by a beginning that no other shares; NULL after a line. */
static const struct option_spec *spec_by_name(const char *name, size_t len)
{
	size_t first = SPEC_COUNT;
	for (size_t i = 0; i < SPEC_COUNT; i++) {
		if (strncmp(specs[i].name, name, len) != 0)
			continue;
		if (!specs[i].name[len])
			return &specs[i];
		if (first == SPEC_COUNT && *specs[i].help)
			first = i;
	}
	if (first == SPEC_COUNT)
		message_error(NULL, "unrecognized option '--%.*s': try 'ptwrap --help'", (int)len,
			      name);
	else if (is_ambiguous(name, len, first))
		message_error(NULL, "option '--%.*s' is ambiguous: try 'ptwrap --help'", (int)len,
			      name);
	else
		return &specs[first];
	return NULL;
}

/* value: what the word itself carries, NULL: nothing. */
static int apply_option(struct parse *parse, const struct option_spec *spec, const char *value)
{
	snprintf(parse->name, sizeof(parse->name), "--%s", spec->name);
	if (!spec->argument && value) {
		message_error(parse->name, "takes no argument");
		return -1;
	}
	bool may_lack = spec->argument && spec->argument[0] == '[' && spec->argument[1] == '=';
	if (spec->argument && !value && !may_lack) {
		if (parse->next == parse->argc) {
			message_error(parse->name, "an argument is missing: %s", spec->argument);
			return -1;
		}
		value = parse->argv[parse->next++];
	}
	return spec->set(parse, value);
}

static int parse_long(struct parse *parse, const char *word)
{
	size_t len = strcspn(word, "=");
	const struct option_spec *spec = spec_by_name(word, len);
	return spec ? apply_option(parse, spec, word[len] ? word + len + 1 : NULL) : -1;
}

static int parse_letters(struct parse *parse, const char *letters)
{
	for (; *letters; letters++) {
		const struct option_spec *spec = spec_by_letter(*letters);
		if (!spec) {
			message_error(NULL, "unrecognized option '-%c': try 'ptwrap --help'",
				      *letters);
			return -1;
		}
		if (spec->argument)
			return apply_option(parse, spec, letters[1] ? letters + 1 : NULL);
		if (apply_option(parse, spec, NULL) < 0)
			return -1;
	}
	return 0;
}

static bool mode_needs_no_more(enum mode mode)
{
	return mode == MODE_HELP || mode == MODE_VERSION || mode == MODE_MAN;
}

static int parse_words(struct parse *parse)
{
	while (parse->next < parse->argc && !mode_needs_no_more(parse->options->mode)) {
		const char *word = parse->argv[parse->next];
		if (word[0] != '-' || !word[1])
			break;
		parse->next++;
		if (strcmp(word, "--") == 0)
			break;
		int failed = word[1] == '-' ? parse_long(parse, word + 2)
					    : parse_letters(parse, word + 1);
		if (failed)
			return -1;
	}
	return 0;
}

static const char *find_policy_conflict(const struct options *options)
{
	bool policy = options->policy_count || options->rule_count;
	if (options->read && (policy || options->learn))
		return "--read takes what was recorded: no --policy, --rule or --learn";
	if ((policy || options->learn) && options->level == LEVEL_EXEC)
		return "--policy, --rule and --learn cannot go with --level exec, which stops no calls";
	if ((policy || options->learn) && options->allow_io_uring)
		return "--allow-io-uring cannot go with rules, nor with --learn: what is done through a ring cannot be judged";
	if (!policy && (options->dry_run || options->error_exitcode || options->best_effort))
		return "--dry-run, --error-exitcode and --best-effort are about rules: --policy or --rule is missing";
	return NULL;
}

/* What is wrong with the whole, NULL: nothing. */
static const char *find_conflict(const struct parse *parse)
{
	const struct options *options = parse->options;
	bool command = parse->next < parse->argc;

	if (mode_needs_no_more(options->mode))
		return NULL;
	if (options->mode == MODE_DOCTOR)
		return command ? "--doctor takes no COMMAND" : NULL;
	if (options->check && command)
		return "--check takes no COMMAND";
	if (options->ask && !options->check)
		return "--ask is a question to the policy of --check";
	if (options->read && command)
		return "--read takes no COMMAND";
	if (options->read && (options->trace || parse->level_given || options->user))
		return "--read takes what was recorded: no --level, --trace or --user";
	if (options->trace && options->level == LEVEL_EXEC)
		return "--trace cannot go with --level exec, which records no system calls";
	if (options->release && options->level != LEVEL_EXEC)
		return "--release goes with --level exec: above that no process can be let go";
	if (!options->read && !options->check && !command)
		return "no COMMAND given";
	return find_policy_conflict(options);
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);
	return value && *value;
}

int options_parse(struct options *options, int argc, char **argv, uint64_t start_realtime_ns)
{
	struct parse parse = { .options = options,
			       .argv = argv,
			       .argc = argc,
			       .next = argc > 0,
			       .start_realtime_ns = start_realtime_ns };

	*options = (struct options){ .mode = MODE_RUN, .level = LEVEL_AUDIT };
	if (parse_words(&parse) < 0)
		return -1;
	const char *conflict = find_conflict(&parse);
	if (conflict) {
		message_error(NULL, "%s: try 'ptwrap --help'", conflict);
		return -1;
	}
	if (options->color == COLOR_AUTO && is_set("NO_COLOR"))
		options->color = COLOR_NEVER;
	if (options->mode == MODE_RUN)
		options->command = argv + parse.next;
	return 0;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->output_count; i++)
		free(options->outputs[i].path);
	free(options->outputs);
	free(options->redact);
	free(options->ask);
	free(options->policies);
	free(options->rules);
	*options = (struct options){ 0 };
}
