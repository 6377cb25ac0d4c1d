#include "greet.h"

#include <stdlib.h>
#include <string.h>

char *greet_join(const char *const *words, size_t count, const char *separator)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < count; i++)
		size += strlen(words[i]) + (i ? strlen(separator) : 0);
	text = end = malloc(size);
	if (!text)
		return NULL;
	*end = '\0';
	for (size_t i = 0; i < count; i++) {
		if (i)
			end = stpcpy(end, separator);
		end = stpcpy(end, words[i]);
	}
	return text;
}
