/* Greetings as text. What is returned is malloc'd and the caller's; NULL: no memory. */
#ifndef GREET_H
#define GREET_H

#include <stddef.h>

enum greet_language { GREET_ENGLISH, GREET_GERMAN, GREET_FRENCH, GREET_LANGUAGES };

/* "en", "de", "fr"; GREET_LANGUAGES if unknown. */
enum greet_language greet_language_by_code(const char *code);

/* "Hello" in a language. */
const char *greet_word(enum greet_language language);

/* "Hello, World!": word, comma, capitalised name. */
char *greet_make(enum greet_language language, const char *name);

/* A copy with the first letter in upper case. */
char *greet_capitalise(const char *word);

/* Joins words with a separator between them. */
char *greet_join(const char *const *words, size_t count, const char *separator);

#endif
