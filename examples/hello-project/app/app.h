/* The command line of hello. */
#ifndef APP_H
#define APP_H

#include "greet.h"

#include <stdbool.h>
#include <stdio.h>

struct app_options {
	enum greet_language language;
	const char *name;
	bool version;
};

/* 0, or -1 if the arguments make no sense. */
int app_parse_options(struct app_options *options, int argc, char **argv);
void app_print_usage(FILE *out);
void app_print_version(FILE *out);

#endif
