#define FAULT_MEMORY
#include "libfault.c"
