#include "app.h"

#include <unistd.h>

int app_parse_options(struct app_options *options, int argc, char **argv)
{
	int letter;

	*options = (struct app_options){.language = GREET_ENGLISH, .name = "world"};
	while ((letter = getopt(argc, argv, "l:V")) != -1) {
		if (letter == 'V')
			options->version = true;
		else if (letter == 'l')
			options->language = greet_language_by_code(optarg);
		else
			return -1;
	}
	if (optind < argc)
		options->name = argv[optind];
	return options->language < GREET_LANGUAGES && *options->name ? 0 : -1;
}
