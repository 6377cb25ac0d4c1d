/* On which CPU the tracer thread runs.
 *
 * Each stop is two wake-ups, of the tracer and then of the tracee. On a machine with nothing else to do the
 * kernel gives each of them a CPU of its own, which is idle whenever the other one runs: 40 µs and more for a
 * stop that takes 7 µs where both share a CPU. It wakes a task on the waker's CPU if that is idle, and idle
 * is one that runs nothing but SCHED_IDLE (kernel/sched/fair.c: select_idle_sibling, sched_idle_cpu). So as
 * long as nothing but one tracee at a time wants to run, the tracer thread has that policy, and follows a
 * tracee that has come to run elsewhere. Such a thread starves beside others: with other work it has
 * SCHED_OTHER, and the kernel places it.
 *
 * Coming back from SCHED_IDLE takes CAP_SYS_NICE or RLIMIT_NICE: without, nothing is done here. The tracees'
 * own policy and affinity, which they could see, are never touched. Tracer thread only. */
#ifndef PTWRAP_PLACEMENT_H
#define PTWRAP_PLACEMENT_H

#include <stdbool.h>
#include <sys/types.h>

/* Once, by the tracer thread, before all else here. */
void placement_init(void);

/* Before a stopped tracee is resumed. */
void placement_before_resume(pid_t tid);

/* Is the tracee's next stop likely to have come before the tracer could sleep? */
bool placement_is_shared(void);

/* It had not: they may have come apart. */
void placement_slept(void);

/* Back to the policy of the start, for good. */
void placement_leave(void);

#endif
