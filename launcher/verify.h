/* --verify: each call of the fast path is seen through the kernel view too, and the two records compared.
 *
 * The filter lets nothing pass by the shim's address, so a call made there stops like others. What the tracer
 * gathered of it and what came out of the ring meet here, in either order: of each task both come in the
 * order of its calls. Recorder thread only. */
#ifndef PTWRAP_VERIFY_H
#define PTWRAP_VERIFY_H

#include "event.h"

#include <stdint.h>

/* The record of a call (EVENT_SYSCALL), by whose view its flags tell. NULL: the other's has not come yet, or
 * says the same; else how they differ, valid until the next call of this. */
const char *verify_take(const struct event *event);

/* The task has ended. NULL, or how many calls only one of the two has told of. */
const char *verify_ended(int32_t tid);

/* How many calls were compared since the start, and how many differed. */
struct verify_count {
	uint64_t compared, different;
};
struct verify_count verify_count(void);

#endif
