/* Getting to know the supervisor (ptwrap/abi.h). */
#ifndef PTWRAP_SHIM_HELLO_H
#define PTWRAP_SHIM_HELLO_H

#include "ptwrap/ring.h"

struct hello {
	struct ring *ring; /* NULL: nobody listens */
	uint32_t pid, tid;
	int fd; /* -1: none was made */
	char name[16]; /* of the thread; "" if it cannot be known */
};

void hello_say(struct hello *hello);

/* The same where the ring is mapped already, by the fast path. */
void hello_fast(struct hello *hello);

/* The shim's last call. */
void hello_end(const struct hello *hello);

#endif
