#include "greet.h"

#include <string.h>

static const char *const codes[GREET_LANGUAGES] = {
	[GREET_ENGLISH] = "en",
	[GREET_GERMAN] = "de",
	[GREET_FRENCH] = "fr",
};

enum greet_language greet_language_by_code(const char *code)
{
	enum greet_language language = 0;

	while (language < GREET_LANGUAGES && strcmp(codes[language], code) != 0)
		language++;
	return language;
}
