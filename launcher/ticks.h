/* From the processor's time stamp counter to nanoseconds since the run began.
 *
 * The shim stamps with rdtsc, the tracer with CLOCK_MONOTONIC; one order of both is needed. Pairs of
 * the two are taken now and then, and what lies between two pairs is interpolated: a later stamp never
 * gets an earlier time, and the error is that of reading a pair (some ten nanoseconds) plus what NTP
 * changes of the clock's rate from pair to pair. A stamp is to be turned into a time after a pair has
 * been taken that is not older than the stamp. Not thread-safe. */
#ifndef PTWRAP_TICKS_H
#define PTWRAP_TICKS_H

#include <stdbool.h>
#include <stdint.h>

enum { TICKS_PAIRS = 64 };

struct ticks {
	uint64_t start_ns; /* CLOCK_MONOTONIC of time 0 */
	struct ticks_pair {
		uint64_t ticks, ns; /* ns: since time 0 */
	} pair[TICKS_PAIRS];    /* ascending; the oldest are thinned out as they grow many */
	unsigned count;
};

/* Begins with a first pair. */
void ticks_init(struct ticks *ticks, uint64_t start_ns);

/* Takes a pair, in some 200 ns. */
void ticks_calibrate(struct ticks *ticks);

/* The same with a pair of the caller's; one that does not lie behind those before is dropped. */
void ticks_add(struct ticks *ticks, struct ticks_pair pair);

/* The time of a stamp; outside of the first and the last pair, theirs. */
uint64_t ticks_to_ns(const struct ticks *ticks, uint64_t stamp);

/* Does the counter run evenly, and alike on all processors? The kernel says so by its own use of it.
 * Where not, stamps are worth nothing, and calls should be left to the kernel's view. */
bool ticks_are_steady(void);

/* The counter now. */
uint64_t ticks_now(void);

#endif
