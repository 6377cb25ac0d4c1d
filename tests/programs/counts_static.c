/* counts, statically linked. */
#include "counts.c"
