/* On which CPU the tracer thread runs: the tracee's.
 *
 * Each stop is two wake-ups, of the tracer and then of the tracee: 7 µs if both share a CPU. If not, each
 * of them must wake a CPU that sleeps (40 µs and more), or wait for its turn on one where others run.
 * Left alone the kernel separates the two whenever it finds an idle CPU. Two things keep them together.
 *
 * Following: now and then the tracer looks where the tracee that stops runs, and moves there.
 *
 * With nothing else to run the tracer need not put up with a CPU that sleeps:
 *
 * Sharing: the kernel wakes a task on the waker's CPU if that is idle, and idle is also one that runs
 * nothing but SCHED_IDLE (kernel/sched/fair.c: select_idle_sibling, sched_idle_cpu). So the
 * tracer thread has that policy then; beside others it would starve.
 *
 * Spinning: coming back from SCHED_IDLE takes CAP_SYS_NICE or RLIMIT_NICE. Without, each has a CPU of its own, and
 * the tracer waits for the next stop awake, for a moment: one of the two CPUs at least never sleeps.
 *
 * The tracees' own policy and affinity, which they could see, are never touched. Tracer thread only. */
#ifndef PTWRAP_PLACEMENT_H
#define PTWRAP_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Once, by the tracer thread, before all else here. */
void placement_init(void);

/* Before a stopped tracee is resumed. */
void placement_before_resume(pid_t tid);

/* Is the next stop likely to have come before the tracer could sleep? */
bool placement_is_shared(void);

/* How long to wait for it awake. */
uint64_t placement_spin_ns(void);

/* It had not come, and the tracer slept: they may have come apart. */
void placement_slept(void);

/* Back to the policy and the CPUs of the start, for good: new threads would inherit what is here. */
void placement_leave(void);

#endif
