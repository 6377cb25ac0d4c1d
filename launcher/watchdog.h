/* The launcher's watchdog: is the supervisor alive to its tracees?
 *
 * While a stop of a tracee is not resumed its process stands still, and so may the whole tree. The watchdog looks every
 * WATCHDOG_TICK_MS; where the pulse (pulse.h) has not moved since, it asks for a beat (TRACE_PARENT_DIED, which ends
 * any wait of the tracer), and adds up for how long there has been none. Not counted is what overload explains:
 *
 *   - time in which the launcher itself did not come to look
 *   - a tracer thread, or another of the supervisor's that it may wait for, that would run if it were given a CPU
 *   - one that waits for a disk or for memory again and again (its count of voluntary switches moves)
 *   - a tracer thread that runs, but for the CPU time that it has used
 *
 * Left are a supervisor that was stopped, one that sleeps where it should not, and one that turns in a circle. */
#ifndef PTWRAP_WATCHDOG_H
#define PTWRAP_WATCHDOG_H

#include "pulse.h"

#include <stdbool.h>
#include <stddef.h>

enum { WATCHDOG_TICK_MS = 2000, WATCHDOG_SILENT_MS = 10000 };

struct watchdog {
	pid_t supervisor;
	const struct pulse *pulse;
	uint64_t beats;       /* as last seen */
	uint64_t looked_ns;   /* when; CLOCK_MONOTONIC */
	uint64_t silent_ns;   /* without a beat, and without an excuse */
	uint64_t cpu_ns;      /* the tracer thread's, as last seen */
	uint64_t switches;    /* of threads that waited for a disk */
	char state;           /* of the tracer thread, as /proc has it, when last looked at */
};

void watchdog_begin(struct watchdog *watchdog, pid_t supervisor, const struct pulse *pulse);

/* Milliseconds until the next look is due, 0: it is. */
int watchdog_due(const struct watchdog *watchdog);

/* Looks. True: there has been no beat for WATCHDOG_SILENT_MS. stopped: the supervisor is, by a signal. */
bool watchdog_look(struct watchdog *watchdog, bool stopped);

/* Where it stands, for people. */
void watchdog_tell(const struct watchdog *watchdog, bool stopped, char *text, size_t size);

#endif
