#include "app.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct app_options options;
	char *text;

	if (app_parse_options(&options, argc, argv) < 0) {
		app_print_usage(stderr);
		return 2;
	}
	if (options.version) {
		app_print_version(stdout);
		return 0;
	}
	text = greet_make(options.language, options.name);
	if (!text)
		return 1;
	puts(text);
	free(text);
	return 0;
}
