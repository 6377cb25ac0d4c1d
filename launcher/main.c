/* ptwrap: the entry point. Reads the command line and does one of: run COMMAND under audit
 * (run.c), make reports again (--read), say what this machine permits (--doctor), help. */
#include "clock.h"
#include "doctor.h"
#include "options.h"
#include "run.h"

#include <stdlib.h>

enum { EXIT_TROUBLE = 125 };

int main(int argc, char **argv)
{
	struct options options;
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
		return doctor_run(stdout);
	case MODE_READ:
		return run_read(&options);
	case MODE_RUN:
		run_command(&options);
	}
	return fflush(stdout) ? EXIT_TROUBLE : EXIT_SUCCESS;
}
