#include "greet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *text = greet_make(greet_language_by_code("de"), "welt");

	assert(text && strcmp(text, "Hallo, Welt!") == 0);
	free(text);
	assert(greet_language_by_code("xx") == GREET_LANGUAGES);
	return 0;
}
