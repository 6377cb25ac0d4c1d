#include "greet.h"

static const char *const words[GREET_LANGUAGES] = {
	[GREET_ENGLISH] = "Hello",
	[GREET_GERMAN] = "Hallo",
	[GREET_FRENCH] = "Bonjour",
};

const char *greet_word(enum greet_language language)
{
	return words[language];
}
