/* The tracee state machine: see transitions.h. The table is all there is to decide; what the
 * actions do is in act_*.c. */
#include "transitions.h"

#include "actions.h"
#include "fastpath.h"
#include "holder.h"
#include "image.h"
#include "judge.h"
#include "rewrite.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"
#include "unread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct transition {
	action *act;
	enum tracee_state next; /* unless the action holds the tracee */
	const char *name;
};

#define GO(action, state) { action, TRACEE_##state, #action " -> " #state }

/* What any task that is not in a call does. */
#define OUTSIDE_A_CALL                              \
	[STOP_EVENT] = GO(act_go_on, RUNNING),      \
	[STOP_GROUP] = GO(act_group_stop, LISTENING), \
	[STOP_SECCOMP] = GO(act_enter, CALLING),    \
	[STOP_ENTER] = GO(act_enter, CALLING),      \
	[STOP_LEAVE] = GO(act_leave, RUNNING),      \
	[STOP_BIRTH] = GO(act_birth, RUNNING),      \
	[STOP_EXEC] = GO(act_exec, RUNNING),        \
	[STOP_SIGNAL] = GO(act_signal, RUNNING),    \
	[STOP_ENDED] = GO(act_end, RUNNING),        \
	[STOP_OTHER] = GO(act_go_on, RUNNING)

static const struct transition table[TRACEE_STATES][STOP_KINDS] = {
	[TRACEE_UNBORN] = {
		[STOP_EVENT] = GO(act_early_stop, UNBORN),
		[STOP_GROUP] = GO(act_early_stop, UNBORN),
		[STOP_ENDED] = GO(act_early_end, UNBORN),
	},
	[TRACEE_EXPECTED] = { OUTSIDE_A_CALL },
	[TRACEE_RUNNING] = { OUTSIDE_A_CALL },
	[TRACEE_LISTENING] = { OUTSIDE_A_CALL },
	[TRACEE_CALLING] = {
		[STOP_EVENT] = GO(act_go_on, CALLING),
		[STOP_GROUP] = GO(act_group_stop, CALLING),
		[STOP_SECCOMP] = GO(act_enter_again, CALLING),
		[STOP_ENTER] = GO(act_enter_again, CALLING),
		[STOP_LEAVE] = GO(act_leave, RUNNING),
		[STOP_BIRTH] = GO(act_birth, CALLING),
		[STOP_EXEC] = GO(act_exec, RUNNING),
		[STOP_SIGNAL] = GO(act_signal, CALLING),
		[STOP_ENDED] = GO(act_end, RUNNING),
		[STOP_OTHER] = GO(act_go_on, CALLING),
	},
	[TRACEE_PINNING] = {
		[STOP_EVENT] = GO(act_pin, PINNING),
		[STOP_GROUP] = GO(act_pin, PINNING),
		[STOP_SECCOMP] = GO(act_pin, PINNING),
		[STOP_ENTER] = GO(act_pin, PINNING),
		[STOP_LEAVE] = GO(act_pin, PINNING),
		[STOP_EXEC] = GO(act_exec, RUNNING), /* by another thread of the process */
		[STOP_SIGNAL] = GO(act_pin, PINNING),
		[STOP_ENDED] = GO(act_end, RUNNING),
		[STOP_OTHER] = GO(act_pin, PINNING),
	},
	[TRACEE_GATHERING] = {
		[STOP_EXEC] = GO(act_exec, RUNNING), /* by another thread of the process */
		[STOP_ENDED] = GO(act_end_while_gathering, RUNNING),
	},
	[TRACEE_LENT] = {
		[STOP_EXEC] = GO(act_exec, RUNNING), /* likewise */
		[STOP_ENDED] = GO(act_end, RUNNING),
	},
	[TRACEE_AWAITING] = {
		[STOP_EXEC] = GO(act_exec, RUNNING),
		[STOP_ENDED] = GO(act_end, RUNNING),
	},
};

const char *transitions_cell(enum tracee_state state, enum stop_kind kind)
{
	return table[state][kind].name;
}

void resume_tracee(struct tracee *tracee, enum resume resume, int inject)
{
	const struct process *process = tracee->process;
	bool watched = tracee->interrupted_ns || (process && (process->trace_all || process->attaches_to));
	if (resume == RESUME_CONT && watched)
		resume = RESUME_SYSCALL;
	if (tracee->attached_by) /* any stop makes the kernel forget that one is wanted */
		trace_interrupt(tracee->tid);
	trace_resume(tracee->tid, resume, inject);
}

struct event event_about(enum event_kind kind, const struct tracee *tracee, uint64_t t_ns)
{
	return (struct event){ .kind = (uint8_t)kind, .t_ns = t_ns, .process = tracee->process->id,
			       .pid = tracee->process->pid, .tid = tracee->tid };
}

void note_about(const struct tracee *tracee, const char *kind, const char *text)
{
	supervisor_note(tracee->process ? tracee->process->id : 0, kind, text);
}

/* A cell that says nothing: no such thing was thought possible. It is survived. */
static void survive_empty_cell(struct tracee *tracee, const struct stop *stop)
{
	char text[128];
	snprintf(text, sizeof text, "unexpected %s of a task that was %s", stop_kind_name(stop->kind),
		 tracee_state_name((enum tracee_state)tracee->state));
	note_about(tracee, "unexpected-stop", text);
	if (stop->kind == STOP_ENDED)
		tracee_remove(tracee);
	else
		resume_tracee(tracee, tracee->state == TRACEE_CALLING ? RESUME_SYSCALL : RESUME_CONT,
			      stop->inject);
}

/* A shim that is still to come says so by a stop signal, which must be taken from it: it stops for nobody else. */
static bool has_greeted(const struct tracee *tracee, struct stop *stop)
{
	siginfo_t info;
	struct process *process = tracee->process;
	if (!process || process->shim == SHIM_ABSENT || stop->kind == STOP_EXEC)
		return true;
	if (stop->kind != STOP_SIGNAL || !trace_get_siginfo(tracee->tid, &info) ||
	    !shimlink_serve_signal(process, tracee->tid, &info))
		return false;
	stop->inject = 0;
	return true;
}

/* The tree is let go: whatever a tracee stopped for, it goes on alone. */
static bool release(struct tracee *tracee, struct stop *stop)
{
	if (!supervisor_is_releasing() || stop->kind == STOP_ENDED || !has_greeted(tracee, stop))
		return false;
	if (trace_detach(tracee->tid, stop->kind == STOP_GROUP ? 0 : stop->inject))
		tracee_remove(tracee);
	return true;
}

/* There is no memory to know it by, which is counted: it goes on all the same. */
static void go_on_unknown(pid_t tid, const struct stop *stop)
{
	if (stop->kind != STOP_ENDED)
		trace_resume(tid, stop->kind == STOP_GROUP ? RESUME_LISTEN : RESUME_CONT, stop->inject);
}

void transitions_apply(pid_t tid, struct stop *stop)
{
	struct tracee *tracee = tracee_find(tid);
	if (!tracee && stop->kind == STOP_ENDED && holder_has_ended(tid))
		return;
	if (!tracee)
		tracee = tracee_add(tid, NULL, TRACEE_UNBORN);
	if (!tracee)
		go_on_unknown(tid, stop);
	if (!tracee || release(tracee, stop))
		return;
	const struct transition *transition = &table[tracee->state][stop->kind];
	if (!transition->act) {
		survive_empty_cell(tracee, stop);
		return;
	}
	enum resume resume = transition->act(tracee, stop);
	if (resume == RESUME_NONE)
		return;
	/* After an execve by another thread the record of this tid is that thread's. */
	tracee = tracee_find(tid);
	if (!tracee)
		return;
	tracee->state = (uint8_t)transition->next;
	resume_tracee(tracee, resume, stop->inject);
}

/* The tracee goes on from where a helper was needed; the image is given away. */
static void go_on(struct tracee *tracee, enum job_kind kind, struct image *image)
{
	enum resume resume = kind == JOB_ENTER ? act_entered(tracee) :
			     kind == JOB_LEAVE ? act_left(tracee, tracee->call->left_ns) :
						 act_executed(tracee, image);
	if (resume == RESUME_NONE)
		return;
	tracee->state = kind == JOB_ENTER ? TRACEE_CALLING : TRACEE_RUNNING;
	resume_tracee(tracee, resume, 0);
}

/* Nothing is known of what it stopped for, for want of memory. */
static void go_on_unread(struct tracee *tracee, enum job_kind kind)
{
	rewrite_end(tracee);
	if (kind == JOB_ENTER)
		judge_refuse_unknown(tracee->tid);
	else if (kind == JOB_EXEC && judge_is_on())
		kill(tracee->process->pid, SIGKILL);
	tracee->state = TRACEE_RUNNING;
	resume_tracee(tracee, RESUME_CONT, 0);
}

void transitions_gathered(struct job *job)
{
	struct tracee *tracee = job->owner;
	if (tracee) {
		tracee->job = NULL;
		go_on(tracee, job->kind, job->image);
	} else {
		call_release(job->call);
		image_free(job->image);
	}
	free(job);
}

static void describe_unread(const struct tracee *tracee, unsigned word_bytes, struct image *image)
{
	struct place place = process_place(tracee->process, tracee->tid);
	image->word_bytes = word_bytes;
	unread_describe(&place, image);
}

void transitions_timed_out(struct job *job)
{
	struct tracee *tracee = job->owner;
	job->owner = NULL;
	tracee->job = NULL;
	note_about(tracee, "memory-slow", "what some calls' arguments lead to was not served in time");
	replace_call(tracee);
	if (!tracee->call && job->kind != JOB_EXEC) {
		go_on_unread(tracee, job->kind);
		return;
	}
	struct image *image = job->kind == JOB_EXEC ? image_create() : NULL;
	if (image)
		describe_unread(tracee, job->image->word_bytes, image);
	if (image || job->kind != JOB_EXEC)
		go_on(tracee, job->kind, image);
	else
		go_on_unread(tracee, job->kind);
}

static void kill_one(struct tracee *tracee, void *context)
{
	(void)context;
	kill(tracee->tid, SIGKILL);
}

void transitions_kill_all(void)
{
	tracee_for_each(kill_one, NULL);
}

static void forget_one(struct tracee *tracee, void *context)
{
	(void)context;
	if (tracee->process)
		note_about(tracee, "died-before-end", "a task was gone before its end was seen");
	if (tracee->job)
		tracee->job->owner = NULL;
	tracee_remove(tracee);
}

void transitions_forget_all(void)
{
	tracee_for_each(forget_one, NULL);
}

static void interrupt_one(struct tracee *tracee, void *context)
{
	(void)context;
	bool held = tracee->state == TRACEE_LENT || tracee->state == TRACEE_AWAITING;
	if (held && trace_detach(tracee->tid, 0))
		tracee_remove(tracee);
	else
		trace_interrupt(tracee->tid);
}

void transitions_release_all(void)
{
	tracee_for_each(interrupt_one, NULL);
}

static void note_survivor(struct tracee *tracee, void *context)
{
	(void)context;
	if (tracee->process && tracee->tid == tracee->process->pid)
		note_about(tracee, "outlived", "still ran when the audit ended");
}

void transitions_note_survivors(void)
{
	tracee_for_each(note_survivor, NULL);
}

static void look_for_shim(struct tracee *tracee, void *awaited)
{
	const struct process *process = tracee->process;
	if (process)
		*(bool *)awaited |= process->fast ? fastpath_awaits_shim(tracee->tid) : process->shim != SHIM_ABSENT;
}

bool transitions_await_shim(void)
{
	bool awaited = false;
	tracee_for_each(look_for_shim, &awaited);
	return awaited;
}

static void silence_one(struct tracee *tracee, void *context)
{
	(void)context;
	if (tracee->process && tracee->process->fast)
		fastpath_silence(tracee->tid);
}

void transitions_silence_all(void)
{
	tracee_for_each(silence_one, NULL);
}

int transitions_begin(pid_t pid)
{
	struct process *process = process_create(pid, NULL);
	struct tracee *tracee = process ? tracee_add(pid, process, TRACEE_RUNNING) : NULL;
	return tracee ? 0 : -ENOMEM;
}
