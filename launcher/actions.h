/* The actions of the tracee state machine (transitions.c has the table), by what they are about.
 *
 * A tracee is resumed by exactly one of: transitions_apply, with what its action answers; or, where
 * the action holds it (RESUME_NONE), whoever it is held for. It is never touched otherwise, so
 * each ptrace request is made on a task known to be stopped, or killed meanwhile, which trace.c
 * takes for granted. Tracer thread only. */
#ifndef PTWRAP_ACTIONS_H
#define PTWRAP_ACTIONS_H

#include "event.h"
#include "helpers.h"
#include "stop.h"
#include "tracee.h"

#include <signal.h>
#include <sys/user.h>

/* What an action answers is how to go on; the state is the table's, unless the tracee is held. */
typedef enum resume action(struct tracee *tracee, struct stop *stop);

/* act_call.c */
action act_enter;       /* a system call begins */
action act_enter_again; /* the filter's stop of a call whose entry was seen; or no exit was */
action act_leave;       /* a system call is over */

/* act_life.c */
action act_birth;       /* a task made another */
action act_early_stop;  /* a child's first stop before its parent's event: held */
action act_early_end;   /* its death even before that */
action act_end;
action act_end_while_gathering;

/* act_exec.c */
action act_exec;

/* act_pin.c */
action act_pin;         /* a task that is made to map pinned memory */

/* act_signal.c */
action act_signal;
action act_group_stop;
action act_go_on;       /* nothing to do but resume */

/* act_restart.c: a signal stop; a call that it interrupted is begun again if the program ignores it. */
void restart_interrupted(struct tracee *tracee, int number, struct user_regs_struct *registers);
bool is_interrupted_in_vain(pid_t tid, int number, const struct user_regs_struct *registers); /* would it be? */

/* act_redirected.c: a signal stop of a task that may stand in a redirected call. False: as any other. True: the
 * signal is not to be delivered now; or stop->inject and *info are now another, that had been put off. */
bool put_off_signal(struct tracee *tracee, struct stop *stop, siginfo_t *info, struct user_regs_struct *registers);
void take_back_stop(struct tracee *tracee); /* SIGCONT was sent: a stop that was put off is no more */

/* act_attach.c: tracers in the tree that are served. */
void attach_born(struct process *child, const struct tracee *maker, uint64_t clone_flags);
bool attach_holds(struct tracee *thread, const struct stop *stop); /* an event-stop or group-stop: is it lent from now on? */
bool attach_serves(struct tracee *child, enum resume *resume); /* a call at its entry (tracee->call): is it answered, or held? */
void attach_over(struct tracee *tracee); /* its end */

/* Going on after a helper: what act_enter, act_leave and act_exec do behind gather(). */
enum resume act_entered(struct tracee *tracee);
enum resume act_left(struct tracee *tracee, uint64_t t_ns);
enum resume act_executed(struct tracee *tracee, struct image *image); /* which is given away */

/* Shared by them. */
void resume_tracee(struct tracee *tracee, enum resume resume, int inject);
struct event event_about(enum event_kind kind, const struct tracee *tracee, uint64_t t_ns);
void note_about(const struct tracee *tracee, const char *kind, const char *text);

/* Gathers here and now: true; or gives the work to a helper and holds the tracee: false. */
bool gather(struct tracee *tracee, enum job_kind kind, struct image *image);

/* Ends the call under way, if any: taken away, NULL if it is not to be recorded; recorded with its result,
 * or as one that never returned. */
struct call *take_call(struct tracee *tracee, uint64_t t_ns);
void record_call(struct tracee *tracee, uint64_t t_ns);
void abandon_call(struct tracee *tracee, uint64_t t_ns);

/* The tracee's call with its numbers alone, for when a helper keeps the one it had. */
void replace_call(struct tracee *tracee);

/* Children that are held for an announcement that never came are taken in as /proc had them. Call it at
 * that time (by supervisor_now; 0: none is held), when no other stop is waiting to be served. */
uint64_t adoption_due(void);
void adopt_orphans(uint64_t t_ns);

/* The task is gone. */
void tracee_died(struct tracee *tracee, int status, const struct rusage *usage, uint64_t t_ns);

#endif
