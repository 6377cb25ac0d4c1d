/* The tracer: the only caller of ptrace(2), and the only one who waits for tracees.
 *
 * trace_run is one thread's whole life: it blocks until something happens to a tracee, names the
 * stop (stop.h), lets the transition table decide (transitions.h), and resumes. It waits in one
 * of two ways. With few tracees: in wait4(-1), which is the cheapest. With many, where that scans
 * them all, or with helpers at work (helpers.h): by SIGCHLD taken with sigtimedwait(2), then
 * wait4(2) of just the task that the signal named. Such signals coalesce, so a sweep of wait4(-1)
 * follows where one may have been lost; its cost grows with the number of tasks, so sweeps are
 * spaced to take a small share of the time. When nothing is due there is no time-out.
 *
 * ESRCH of any request means that the task was killed meanwhile: its death will be waited for, the
 * request is dropped. */
#ifndef PTWRAP_TRACE_H
#define PTWRAP_TRACE_H

#include "stop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <signal.h>
#include <sys/user.h>

/* Attaches to a child of somebody else that waits (PTRACE_SEIZE). 0 or -errno. */
int trace_seize(pid_t pid);

/* Serves tracees until `finished` says that nothing is left to do. `woken` is called for each other
 * signal that arrives (TRACE_WAKE, TRACE_PARENT_DIED). Once in a process. */
void trace_run(bool (*finished)(void), void (*woken)(int signal));

/* The signals that wake the tracer thread; trace_block_signals blocks all signals but SIGBUS in the caller
 * and every thread made afterwards (trace_run opens its own thread for TRACE_PARENT_DIED). */
#define TRACE_WAKE SIGUSR1
#define TRACE_PARENT_DIED SIGUSR2
void trace_block_signals(void);

/* Resumes a stopped task. inject: a signal to deliver, 0: none. */
void trace_resume(pid_t tid, enum resume resume, int inject);

/* Makes the call at whose entry the task stands not happen, and return `result` (-errno). */
void trace_answer(pid_t tid, int64_t result);

/* Plain requests; false, -errno: the task was killed meanwhile, or the request refused. */
bool trace_get_siginfo(pid_t tid, siginfo_t *info);
bool trace_set_siginfo(pid_t tid, const siginfo_t *info);
bool trace_get_mask(pid_t tid, uint64_t *mask); /* of blocked signals, a bit each from SIGHUP's */
bool trace_set_mask(pid_t tid, uint64_t mask);
bool trace_get_registers(pid_t tid, struct user_regs_struct *registers);
bool trace_set_registers(pid_t tid, const struct user_regs_struct *registers);
int trace_get_regset(pid_t tid, uint64_t kind, void *registers, size_t *len); /* NT_*; 0 or -errno; *len: room, then how much */
bool trace_is_i386(pid_t tid); /* does it make, or come from, a call of the i386 ABI? At a stop of such a call */
bool trace_interrupt(pid_t tid);
bool trace_detach(pid_t tid, int inject);
int trace_peekdata(pid_t tid, uint64_t address, long *word);

#endif
