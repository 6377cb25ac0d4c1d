/* pathcalls as a 32-bit program without a C library. */
#define PATHCALLS_BARE
#include "pathcalls.c"
