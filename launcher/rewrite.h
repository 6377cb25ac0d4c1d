/* A call made with the copies that were judged, in place of what its pointers lead to (reroute.h has the means): its
 * registers point into pinned memory until it is over; then they are what they were, so that the program notices
 * nothing, and a call that a signal interrupts begins again as it was written. Tracer thread only. */
#ifndef PTWRAP_REWRITE_H
#define PTWRAP_REWRITE_H

#include "judged.h"
#include "tracee.h"

enum rewrite_answer {
	REWRITE_READY,
	REWRITE_LATER,  /* the task maps the memory first, and makes its call again: it is TRACEE_PINNING, and resumed */
	REWRITE_FAILED, /* it cannot */
};

/* At the filter's stop of a call, judged, that may have to be made so: has the task what that takes? */
enum rewrite_answer rewrite_prepare(struct tracee *tracee, bool tries); /* tries: if not, it makes its call all the same */

/* Is a call judged so to be made otherwise? */
bool rewrite_is_needed(const struct judged *judged);

/* The call is to be made as judged->number, args, address and header say, or led to what its paths were found to mean. 0;
 * -ENOLCK: it cannot be; another -errno: what it is to return. */
int rewrite_begin(struct tracee *tracee);

/* It is over: its result is in the call, if there is one, and is corrected. True: the call will be made again, and is not to
 * be recorded. Nothing to do where it was not begun. */
bool rewrite_end(struct tracee *tracee);

#endif
