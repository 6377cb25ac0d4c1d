#include "greet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *text = greet_join((const char *[]){"a", "b", "c"}, 3, "--");

	assert(text && strcmp(text, "a--b--c") == 0);
	free(text);
	text = greet_join(NULL, 0, "-");
	assert(text && *text == '\0');
	free(text);
	return 0;
}
