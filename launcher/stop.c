/* Classification of wait statuses: see stop.h. */
#include "stop.h"

#include <signal.h>
#include <sys/wait.h>

static bool is_stopping_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

enum stop_kind stop_classify(int status, int *event)
{
	*event = (int)((unsigned)status >> 16);
	if (!WIFSTOPPED(status))
		return STOP_ENDED;
	switch (*event) {
	case 0:
		return WSTOPSIG(status) == (SIGTRAP | 0x80) ? STOP_LEAVE : STOP_SIGNAL;
	case PTRACE_EVENT_STOP:
		return is_stopping_signal(WSTOPSIG(status)) ? STOP_GROUP : STOP_EVENT;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		return STOP_BIRTH;
	case PTRACE_EVENT_EXEC:
		return STOP_EXEC;
	case PTRACE_EVENT_SECCOMP:
		return STOP_SECCOMP;
	default:
		return STOP_OTHER;
	}
}

const char *stop_kind_name(enum stop_kind kind)
{
	static const char *const names[STOP_KINDS] = {
		[STOP_EVENT] = "event-stop",
		[STOP_GROUP] = "group-stop",
		[STOP_SECCOMP] = "seccomp-stop",
		[STOP_ENTER] = "syscall-enter-stop",
		[STOP_LEAVE] = "syscall-exit-stop",
		[STOP_BIRTH] = "birth",
		[STOP_EXEC] = "exec",
		[STOP_SIGNAL] = "signal-delivery-stop",
		[STOP_ENDED] = "end",
		[STOP_OTHER] = "other event",
	};
	return (unsigned)kind < STOP_KINDS ? names[kind] : "?";
}
