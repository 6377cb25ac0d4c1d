/* The supervisor's pulse: what its tracer thread is at, in memory shared with the launcher (watchdog.h).
 *
 * Each turn of the tracer's loop is a beat, and so is each item that the recorder takes, for which the tracer may have
 * to wait. What a thread is at is told for people alone: the three words of it may be read half changed. */
#ifndef PTWRAP_PULSE_H
#define PTWRAP_PULSE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum pulse_doing {
	PULSE_STARTING,
	PULSE_WAITING,   /* for a tracee to stop */
	PULSE_SERVING,   /* a stop */
	PULSE_GATHERED,  /* what helpers have read, or what has been held up */
	PULSE_CLOSING,   /* the recording */
};

struct pulse {
	_Atomic uint64_t beats;
	_Atomic uint32_t doing;    /* enum pulse_doing */
	_Atomic uint32_t stop;     /* PULSE_SERVING: enum stop_kind, */
	_Atomic int32_t tid;       /* of whom, */
	_Atomic int64_t number;    /* and the system call's, -1: none */
};

/* From now on this is the pulse. Before, it is one that nobody sees. */
void pulse_use(struct pulse *pulse);

void pulse_beat(void); /* any thread */

/* The tracer thread's. */
void pulse_is(enum pulse_doing doing);
void pulse_serves(uint32_t stop, pid_t tid, int64_t number);

#endif
