/* A task that is made to map pinned memory before it makes a judged call (pinned.h): what it stops for meanwhile. */
#include "actions.h"

#include "pinned.h"
#include "trace.h"

#include <signal.h>

static enum resume go_on_from_pinning(struct tracee *tracee, int inject)
{
	tracee->state = TRACEE_RUNNING;
	resume_tracee(tracee, RESUME_CONT, inject);
	return RESUME_NONE;
}

enum resume act_pin(struct tracee *tracee, struct stop *stop)
{
	switch (pinned_step(&tracee->pinning, stop)) {
	case PINNED_FAILED:
		note_about(tracee, "policy-unpinned", "calls were refused, for want of memory that the program cannot change");
		return go_on_from_pinning(tracee, stop->inject);
	case PINNED_HOSTILE:
		note_about(tracee, "policy-guard", "a program that changed its own code to escape the policy was ended");
		kill(tracee->process->pid, SIGKILL);
		return go_on_from_pinning(tracee, 0);
	case PINNED_AGAIN:
		return go_on_from_pinning(tracee, stop->inject);
	default:
		return stop->kind == STOP_GROUP ? RESUME_LISTEN : RESUME_SYSCALL;
	}
}
