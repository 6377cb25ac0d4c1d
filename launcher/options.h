/* The command line: one table (options.def) makes the parser, --help and the man page. */
#ifndef PTWRAP_OPTIONS_H
#define PTWRAP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What --version prints and recordings name; a packager may give another. */
#ifndef PTWRAP_VERSION
#define PTWRAP_VERSION "0.1.0"
#endif

enum level { LEVEL_EXEC, LEVEL_AUDIT, LEVEL_ALL };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum mode { MODE_RUN, MODE_READ, MODE_DOCTOR, MODE_CHECK, MODE_HELP, MODE_VERSION, MODE_MAN };

struct option_output { /* one -o */
	const char *format; /* name of a writer: "ptw", "text", "json", "ndjson", "strace" */
	char *path;         /* with %p, %t and %% replaced; "-" is standard output */
};

struct options {
	enum mode mode;
	enum level level;
	const char *trace;   /* --trace as written, NULL: none */
	struct option_output *outputs;
	size_t output_count;
	const char *user;    /* -u */
	const char *read;    /* --read */
	bool release;        /* --release */
	const char *release_program; /* NULL: any that imports ptrace */
	bool no_lsan, verify, no_shim, no_redact, wait_all, allow_io_uring, quiet;
	bool dry_run, best_effort, kill_rest;
	int error_exitcode;  /* 0: not given */
	const char **policies, **rules; /* --policy, --rule */
	size_t policy_count, rule_count;
	const char *learn;   /* --learn: a policy to be written; NULL: none */
	int verbose;
	enum color color;
	const char **redact; /* --redact globs */
	size_t redact_count;
	const char *check;   /* --check: a policy */
	const char **ask;    /* --ask: questions about it */
	size_t ask_count;
	uint64_t max_size;   /* 0: no bound */
	char **command;      /* NULL-terminated, points into argv; NULL without a command */
};

/* Fills *options from argv. 0, or -1 after one line on standard error (`ptwrap: what: why`)
 * for a wrong command line. start_realtime_ns is what %t stands for. */
int options_parse(struct options *options, int argc, char **argv, uint64_t start_realtime_ns);
void options_free(struct options *options);

void options_print_help(FILE *out);
void options_print_man(FILE *out); /* ptwrap(1), man(7) source */
void options_print_version(FILE *out);

#endif
