/* The command line: what is accepted, what is refused with one line, and help from the same table.
 */
#include "options.h"

#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stdout, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

enum { MAX_WORDS = 16, START_SECONDS = 1795428900 };

struct line {
	struct options options; /* points into the words of the line parsed last */
	char message[1024];
	int result;
};

/* Words are separated by single spaces; '_' stands for an empty word. */
static char *argv_of_line[MAX_WORDS + 1];

static int split(const char *words)
{
	static char text[256];
	int argc = 0;
	snprintf(text, sizeof(text), "ptwrap%s%s", *words ? " " : "", words);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv_of_line[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
	argv_of_line[argc] = NULL;
	return argc;
}

/* Parses with standard error caught in line->message. */
static struct line parse(const char *words)
{
	struct line line = { .result = 0 };
	int pipe_fds[2];
	if (pipe(pipe_fds) < 0)
		abort();
	int saved = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
	int argc = split(words);
	line.result =
		options_parse(&line.options, argc, argv_of_line, START_SECONDS * 1000000000ull + 5);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t len = read(pipe_fds[0], line.message, sizeof(line.message) - 1);
	line.message[len > 0 ? len : 0] = '\0';
	close(pipe_fds[0]);
	return line;
}

static bool is_refused(const char *words, const char *part_of_message)
{
	struct line line = parse(words);
	const char *newline = strchr(line.message, '\n');
	bool refused = line.result == -1 && strncmp(line.message, "ptwrap: ", 8) == 0 &&
		       strstr(line.message, part_of_message) && newline && !newline[1];
	if (!refused)
		printf("'%s' gave %d and: %s\n", words, line.result, line.message);
	options_free(&line.options);
	return refused;
}

static bool is_accepted(const char *words)
{
	struct line line = parse(words);
	bool accepted = line.result == 0 && !*line.message;
	if (!accepted)
		printf("'%s' gave %d and: %s\n", words, line.result, line.message);
	options_free(&line.options);
	return accepted;
}

static void test_defaults(void)
{
	struct line line = parse("true");
	CHECK(line.result == 0 && line.options.mode == MODE_RUN &&
	      line.options.level == LEVEL_AUDIT);
	CHECK(line.options.output_count == 0 && !line.options.trace && !line.options.max_size);
	CHECK(line.options.color == COLOR_AUTO && !line.options.quiet && !line.options.verbose);
	options_free(&line.options);
}

static void test_options_stop_at_the_command(void)
{
	char *argv[] = { "ptwrap", "-q", "ls", "-v", "--foo", NULL };
	char *dashes[] = { "ptwrap", "-q", "--", "-x", "-v", NULL };
	char *dash[] = { "ptwrap", "-", NULL };
	struct options options;
	CHECK(options_parse(&options, 5, argv, 0) == 0 && options.command == argv + 2);
	CHECK(options.quiet && options.verbose == 0);
	options_free(&options);
	CHECK(options_parse(&options, 5, dashes, 0) == 0 && options.command == dashes + 3);
	options_free(&options);
	CHECK(options_parse(&options, 2, dash, 0) == 0 && options.command == dash + 1);
	options_free(&options);
}

static void test_long_forms_take_either_spelling(void)
{
	static const char *const lines[] = { "--level all true", "--level=all true",
					     "-l all true",	 "-lall true",
					     "-qlall true",	 "--lev=all true" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct line line = parse(lines[i]);
		CHECK(line.result == 0 && line.options.level == LEVEL_ALL);
		options_free(&line.options);
	}
}

static void test_flags(void)
{
	struct line line = parse("-qvv --no-shim --no-redact --wait-all --allow-io-uring true");
	const struct options *options = &line.options;
	CHECK(line.result == 0 && options->quiet && options->verbose == 2 && options->no_shim);
	CHECK(options->no_redact && options->wait_all && options->allow_io_uring);
	options_free(&line.options);
}

static bool size_is(const char *words, uint64_t bytes)
{
	struct line line = parse(words);
	bool equal = line.result == 0 && line.options.max_size == bytes;
	options_free(&line.options);
	return equal;
}

static void test_sizes(void)
{
	CHECK(size_is("--max-size 1 true", 1));
	CHECK(size_is("--max-size 3K true", 3 << 10));
	CHECK(size_is("--max-size 3m true", 3 << 20));
	CHECK(size_is("--max-size=2G true", 2ull << 30));
	CHECK(size_is("--max-size 18446744073709551615 true", UINT64_MAX));
	CHECK(is_refused("--max-size 18446744073709551616 true", "too large"));
	CHECK(is_refused("--max-size 99999999999G true", "too large"));
	CHECK(is_refused("--max-size 0 true", "--max-size"));
	CHECK(is_refused("--max-size -1 true", "--max-size"));
	CHECK(is_refused("--max-size 5T true", "--max-size"));
	CHECK(is_refused("--max-size 5KK true", "--max-size"));
	CHECK(is_refused("--max-size _ true", "--max-size"));
}

static void test_trace_and_redact(void)
{
	struct line line = parse("-e trace=%file --redact A* --redact=B? true");
	CHECK(line.result == 0 && strcmp(line.options.trace, "%file") == 0);
	CHECK(line.options.redact_count == 2 && strcmp(line.options.redact[1], "B?") == 0);
	options_free(&line.options);
	line = parse("-e t=%file true");
	CHECK(line.result == 0 && strcmp(line.options.trace, "%file") == 0);
	options_free(&line.options);
	CHECK(is_refused("-e trace= true", "--trace"));
	CHECK(is_refused("-l exec -e openat true", "--level exec"));
	CHECK(is_refused("--redact _ true", "--redact"));
}

static bool output_is(const char *words, const char *format, const char *path)
{
	struct line line = parse(words);
	const struct option_output *output = line.options.outputs;
	bool equal = line.result == 0 && line.options.output_count == 1 &&
		     strcmp(output->format, format) == 0 && strcmp(output->path, path) == 0;
	if (!equal)
		printf("'%s': %s", words, line.message);
	options_free(&line.options);
	return equal;
}

static void test_output_formats(void)
{
	CHECK(output_is("-o run.ptw true", "ptw", "run.ptw"));
	CHECK(output_is("-o run.json true", "json", "run.json"));
	CHECK(output_is("-o json:run.txt true", "json", "run.txt"));
	CHECK(output_is("-o ptw:x true", "ptw", "x"));
	CHECK(output_is("-o json:- true", "json", "-"));
	CHECK(output_is("-o 12:30.json true", "json", "12:30.json"));
	CHECK(output_is("-o ./no:such.json true", "json", "./no:such.json"));
	CHECK(is_refused("-o run.foo true", ".ptw"));
	CHECK(is_refused("-o run.foo true", ".json"));
	CHECK(is_refused("-o foo:run.json true", "json"));
	CHECK(is_refused("-o - true", "format"));
	CHECK(is_refused("-o json: true", "no file name"));
	CHECK(is_refused("-o _ true", "no file name"));
}

static void test_output_names(void)
{
	char expected[64];
	snprintf(expected, sizeof(expected), "%ld-%%.json", (long)getpid());
	CHECK(output_is("-o %p-%%.json true", "json", expected));
	CHECK(output_is("-o %t.json true", "json", "20261123T101500Z.json"));
	CHECK(is_refused("-o %x.json true", "%%"));
	CHECK(is_refused("-o 100% true", "%%"));
}

static void test_modes(void)
{
	static const struct {
		const char *words;
		enum mode mode;
	} lines[] = {
		{ "-h", MODE_HELP },	       { "--help --foo", MODE_HELP },
		{ "-V", MODE_VERSION },	       { "--version", MODE_VERSION },
		{ "--man", MODE_MAN },	       { "--doctor", MODE_DOCTOR },
		{ "--check x", MODE_CHECK },   { "--ask q --check=x", MODE_CHECK },
		{ "--read x.ptw", MODE_READ },
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct line line = parse(lines[i].words);
		CHECK(line.result == 0 && line.options.mode == lines[i].mode);
		options_free(&line.options);
	}
}

static void test_refusals(void)
{
	CHECK(is_refused("", "no COMMAND"));
	CHECK(is_refused("-q", "no COMMAND"));
	CHECK(is_refused("--", "no COMMAND"));
	CHECK(is_refused("--foo true", "unrecognized option '--foo': try 'ptwrap --help'"));
	CHECK(is_refused("-x true", "unrecognized option '-x'"));
	CHECK(is_refused("-qx true", "unrecognized option '-x'"));
	CHECK(is_refused("--no true", "ambiguous"));
	CHECK(is_refused("--quiet=yes true", "takes no argument"));
	CHECK(is_refused("-o", "argument is missing"));
	CHECK(is_refused("--level", "argument is missing"));
	CHECK(is_refused("-l most true", "exec, audit, all"));
	CHECK(is_refused("--color=red true", "auto, always, never"));
	CHECK(is_refused("--read x.ptw true", "no COMMAND"));
	CHECK(is_refused("--read x.ptw -e openat", "--trace"));
	CHECK(is_refused("--doctor true", "no COMMAND"));
	CHECK(is_refused("--check x true", "no COMMAND"));
	CHECK(is_refused("--check _", "no file name"));
	CHECK(is_refused("--ask q true", "--check"));
	CHECK(is_accepted("-P x --policy=y --rule r true"));
	CHECK(is_accepted("--rule r --dry-run --error-exitcode 255 --best-effort --on-exit kill true"));
	CHECK(is_refused("--policy= true", "no file name"));
	CHECK(is_refused("--rule r -l exec true", "level exec"));
	CHECK(is_refused("--rule r --allow-io-uring true", "--allow-io-uring"));
	CHECK(is_refused("--read x.ptw --rule r", "--read"));
	CHECK(is_refused("--dry-run true", "--policy or --rule"));
	CHECK(is_refused("--rule r --error-exitcode 0 true", "from 1 to 255"));
	CHECK(is_refused("--rule r --error-exitcode 256 true", "from 1 to 255"));
	CHECK(is_refused("--rule r --error-exitcode 1x true", "from 1 to 255"));
	CHECK(is_refused("--on-exit stay true", "judge, kill, wait"));
	CHECK(is_refused("-p 1", "unrecognized"));
	if (geteuid() != 0)
		CHECK(is_refused("-u root true", "only root"));
	else
		CHECK(is_accepted("-u nobody true"));
}

static void test_no_color_is_honoured(void)
{
	setenv("NO_COLOR", "1", 1);
	struct line line = parse("true");
	CHECK(line.options.color == COLOR_NEVER);
	options_free(&line.options);
	line = parse("--color=always true");
	CHECK(line.options.color == COLOR_ALWAYS);
	options_free(&line.options);
	unsetenv("NO_COLOR");
}

static char *printed_by(void (*print)(FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		abort();
	print(out);
	fclose(out);
	return text;
}

static void test_every_option_is_in_help_and_man(void)
{
	static const struct {
		char letter;
		const char *name, *argument, *help, *man;
	} options[] = {
#define OPTION(letter_, name_, argument_, action_, help_, man_)                                    \
	{ .letter = (letter_),                                                                     \
	  .name = (name_),                                                                         \
	  .argument = (argument_),                                                                 \
	  .help = (help_),                                                                         \
	  .man = (man_) },
#include "options.def"
#undef OPTION
	};
	char *help = printed_by(options_print_help), *man = printed_by(options_print_man);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "--%s", options[i].name);
		CHECK(*options[i].name && !*options[i].help == !*options[i].man);
		CHECK(!strstr(help, text) == !*options[i].help);
		CHECK(!*options[i].man || strstr(man, options[i].man));
		for (size_t j = 0; j < i; j++) {
			CHECK(strcmp(options[i].name, options[j].name) != 0);
			CHECK(!options[i].letter || options[i].letter != options[j].letter);
		}
	}
	for (size_t i = 0; report_formats[i]; i++)
		CHECK(strstr(help, report_formats[i]->name) &&
		      strstr(man, report_formats[i]->name));
	free(help);
	free(man);
}

int main(void)
{
	unsetenv("NO_COLOR");
	test_defaults();
	test_options_stop_at_the_command();
	test_long_forms_take_either_spelling();
	test_flags();
	test_sizes();
	test_trace_and_redact();
	test_output_formats();
	test_output_names();
	test_modes();
	test_refusals();
	test_no_color_is_honoured();
	test_every_option_is_in_help_and_man();
	return failures != 0;
}
