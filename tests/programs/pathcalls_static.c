/* pathcalls as a statically linked program. */
#include "pathcalls.c"
