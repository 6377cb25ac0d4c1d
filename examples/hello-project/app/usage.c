#include "app.h"
#include "version.h"

void app_print_usage(FILE *out)
{
	fputs("usage: hello [-l en|de|fr] [-V] [NAME]\n", out);
}

void app_print_version(FILE *out)
{
	fprintf(out, "hello %s (series %d)\n", HELLO_VERSION, HELLO_MAJOR);
}
