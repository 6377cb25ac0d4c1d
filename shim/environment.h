/* The shim's entry in the program's environment (both forms: ptwrap/abi.h). */
#ifndef PTWRAP_SHIM_ENVIRONMENT_H
#define PTWRAP_SHIM_ENVIRONMENT_H

#include <stdbool.h>

/* Takes it out of the environment. False: there is none, nothing was changed. */
bool environment_restore(char **environment);

#endif
