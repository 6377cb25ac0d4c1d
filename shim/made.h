/* Descriptors that a call has made, beyond the one that it returns: what the supervisor needs to know of them to
 * name them as /proc would (ptwrap/ring.h, RING_DATA_RETURN). */
#ifndef PTWRAP_SHIM_MADE_H
#define PTWRAP_SHIM_MADE_H

#include "frame.h"

enum { MADE_BYTES = RING_RECEIVED_MAX * sizeof(int32_t) };

struct made {
	_Alignas(8) uint8_t bytes[MADE_BYTES];
	size_t len;
	bool is_cut;
};

/* Is the call one of those? */
bool made_is_by(uint64_t number);

/* Of such a call, which has returned. Reads the program's memory that the call has just written. False: nothing to be told. */
bool made_by(const struct frame *frame, struct made *made);

#endif
