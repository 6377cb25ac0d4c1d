/* The distance between names: see guess.h. Pure. */
#include "guess.h"

#include <stddef.h>
#include <string.h>

enum { NAME_COMPARED = 32 };

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) that lead from one name to another. */
static unsigned name_distance(const char *a, const char *b)
{
	size_t a_len = strnlen(a, NAME_COMPARED), b_len = strnlen(b, NAME_COMPARED);
	unsigned edits[NAME_COMPARED + 1][NAME_COMPARED + 1];
	for (size_t i = 0; i <= a_len; i++)
		edits[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b_len; j++)
		edits[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replace = edits[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned drop = 1 + smaller(edits[i - 1][j], edits[i][j - 1]);
			edits[i][j] = smaller(replace, drop);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				edits[i][j] = smaller(edits[i][j], edits[i - 2][j - 2] + 1);
		}
	}
	return edits[a_len][b_len];
}

struct guess guess_start(const char *wanted)
{
	unsigned tolerated = smaller(3, 1 + (unsigned)strlen(wanted) / 4);
	return (struct guess){ .wanted = wanted, .distance = tolerated + 1 };
}

void guess_consider(struct guess *guess, const char *name)
{
	unsigned distance = name_distance(guess->wanted, name);
	if (distance < guess->distance) {
		guess->distance = distance;
		guess->name = name;
	}
}
