#include "policy.c"
