/* What a dynamic loader maps, as it goes by: the shim's own file, which is here already, and libcs, whose
 * text is replaced by the copy that the supervisor has prepared. */
#ifndef PTWRAP_SHIM_LOADING_H
#define PTWRAP_SHIM_LOADING_H

#include "frame.h"

#include <stdbool.h>

/* Is the call about the shim's file, as the loader opens and maps it for LD_PRELOAD? */
bool loading_is_shims(const struct frame *frame);

/* True: such a call is done without the kernel, its result stands in the frame. */
bool loading_make(struct frame *frame);

/* A file is mapped executable: if there is a patched copy of its text, that is mapped in its place.
 * True: done, the result stands in the frame. */
bool loading_replace(struct frame *frame);

/* After the call: has the loader opened or closed the shim's file? */
void loading_made(const struct frame *frame);

#endif
