/* What a mistyped name was probably meant to be: "did you mean ...?". */
#ifndef PTWRAP_GUESS_H
#define PTWRAP_GUESS_H

struct guess {
	const char *wanted, *name; /* name: the best so far, NULL: none is near enough */
	unsigned distance;
};

struct guess guess_start(const char *wanted);

/* `name` must outlive the guess. */
void guess_consider(struct guess *guess, const char *name);

#endif
