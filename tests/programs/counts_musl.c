/* counts_musl: the same as counts, of musl. */
#include "counts.c"
