/* ptwrap: the entry point. Reads the command line and does one of: run COMMAND under audit
 * (run.c), make reports again (--read), check a policy (--check), say what this machine permits (--doctor), help. */
#include "clock.h"
#include "doctor.h"
#include "message.h"
#include "options.h"
#include "policy/check.h"
#include "run.h"
#include "stack.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_TROUBLE = 125 };

/* A write beyond RLIMIT_FSIZE is to fail, not to kill: it is told like other errors. */
static void block_file_size_signal(sigset_t *mask_before)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &one, mask_before);
}

/* What was printed is whole, or that is said and status is another. */
static int finish_output(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	message_error("standard output", "%s", errno ? strerror(errno) : "could not be written whole");
	return EXIT_TROUBLE;
}

static int check_policy(const struct options *options)
{
	const struct check check = { .files = &options->check, .file_count = 1,
				     .questions = options->ask, .question_count = options->ask_count };
	return finish_output(check_run(&check, stdout) ? EXIT_TROUBLE : EXIT_SUCCESS);
}

static int serve(int argc, char **argv)
{
	struct options options;
	sigset_t mask;
	block_file_size_signal(&mask);
	if (options_parse(&options, argc, argv, clock_ns(CLOCK_REALTIME)))
		return EXIT_TROUBLE;
	switch (options.mode) {
	case MODE_HELP:
		options_print_help(stdout);
		break;
	case MODE_MAN:
		options_print_man(stdout);
		break;
	case MODE_VERSION:
		options_print_version(stdout);
		break;
	case MODE_DOCTOR:
		return finish_output(doctor_run(stdout));
	case MODE_CHECK:
		return check_policy(&options);
	case MODE_READ:
		return run_read(&options);
	case MODE_RUN:
		run_command(&options, &mask);
	}
	return finish_output(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
	return stack_call(serve, argc, argv);
}
