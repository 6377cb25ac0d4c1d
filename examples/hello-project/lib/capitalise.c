#include "greet.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *greet_capitalise(const char *word)
{
	size_t size = strlen(word) + 1;
	char *copy = malloc(size);

	if (copy) {
		memcpy(copy, word, size);
		copy[0] = (char)toupper((unsigned char)copy[0]);
	}
	return copy;
}
