/* Writing messages into the ring (ptwrap/ring.h). Async-signal-safe, lock-free, and safe in what
 * vfork made; bounded in time whatever stands in the ring. */
#ifndef PTWRAP_SHIM_EMIT_H
#define PTWRAP_SHIM_EMIT_H

#include "ptwrap/ring.h"

#include <stdbool.h>
#include <stddef.h>

enum { EMIT_PARTS = 3 };

/* What a message is made of: the parts' bytes one after the other. */
struct emit_message {
	uint32_t thread;
	struct emit_part {
		const void *data;
		size_t len;
	} part[EMIT_PARTS];
};

/* False: no lane has room, or it is longer than RING_MESSAGE_BYTES. The caller makes the call in the
 * kernel's view instead, or, where there is no call, uses emit_or_count. */
bool emit(struct ring *ring, const struct emit_message *message);

/* As emit. *half: the message has made its lane half full, or a multiple of that: time to tell the
 * reader. */
bool emit_telling(struct ring *ring, const struct emit_message *message, bool *half);

/* As emit, for what no other view can tell: what finds no room is counted in the ring. */
void emit_or_count(struct ring *ring, const struct emit_message *message);

#endif
