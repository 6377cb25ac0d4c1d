/* --verify: each call of the fast path is seen through the kernel view too, and the two records compared.
 *
 * The filter lets nothing pass by the shim's address, so a call made there stops like others. What the tracer
 * gathered of it and what came out of the ring meet here, in either order: of each task both come in the
 * order of its calls. Recorder thread only. */
#ifndef PTWRAP_VERIFY_H
#define PTWRAP_VERIFY_H

#include "call.h"

#include <stdbool.h>
#include <stdint.h>

/* How the two differ, of a call of that process: words valid for the call of this. Of a run that differs too often
 * not all are told; the count has all. */
typedef void verify_teller(uint32_t process, struct bytes how);

/* The record of a call, by whose view its flags tell. */
void verify_take(struct call *call, verify_teller *teller);

/* What the kernel's view has recorded of it last, and has no other half yet, ends with that result after all. */
void verify_amend(int32_t tid, int64_t ret);

/* The task has ended: what only one of the two has told of it by now has no other half. */
void verify_ended(int32_t tid, verify_teller *teller);

/* How many calls were compared since the start, and how many differed. */
struct verify_count {
	uint64_t compared, different;
};
struct verify_count verify_count(void);

#endif
