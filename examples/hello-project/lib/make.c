#include "greet.h"

#include <stdlib.h>

char *greet_make(enum greet_language language, const char *name)
{
	char *capital = greet_capitalise(name);
	char *head = capital ? greet_join((const char *[]){greet_word(language), capital}, 2, ", ") : NULL;
	char *whole = head ? greet_join((const char *[]){head, ""}, 2, "!") : NULL;

	free(capital);
	free(head);
	return whole;
}
