/* Before the loader's first instruction (ptwrap/fastpath.h). */
#ifndef PTWRAP_SHIM_EARLY_H
#define PTWRAP_SHIM_EARLY_H

#include "ptwrap/fastpath.h"

/* Maps what is still missing; shim_fd is closed. 0 or -errno. Called by entry.S. */
long early_map(const struct fastpath_early *early, long shim_fd);

#endif
