/* Why a tracee stopped: the one classification of a wait(2) status, and its names.
 *
 * Every stop is named first and acted on second (transitions.c). The kinds are those of ptrace(2). */
#ifndef PTWRAP_STOP_H
#define PTWRAP_STOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h> /* before <linux/ptrace.h>, whose macros break its enumerators */
#include <linux/ptrace.h>
#include <sys/resource.h>
#include <sys/types.h>

enum stop_kind {
	STOP_EVENT,    /* PTRACE_EVENT_STOP with SIGTRAP: first stop of a task, or end of a group-stop */
	STOP_GROUP,    /* group-stop: PTRACE_EVENT_STOP with a stopping signal */
	STOP_SECCOMP,  /* PTRACE_EVENT_SECCOMP: the filter said RET_TRACE */
	STOP_ENTER,    /* syscall-enter-stop */
	STOP_LEAVE,    /* syscall-exit-stop */
	STOP_BIRTH,    /* PTRACE_EVENT_FORK, _VFORK, _CLONE */
	STOP_EXEC,     /* PTRACE_EVENT_EXEC */
	STOP_SIGNAL,   /* signal-delivery-stop */
	STOP_ENDED,    /* exited or killed: the task is gone */
	STOP_OTHER,    /* an event that nobody asked for */
	STOP_KINDS
};

enum resume {
	RESUME_NONE,   /* gone, or held until somebody else resumes it */
	RESUME_CONT,   /* PTRACE_CONT: run until the next event */
	RESUME_SYSCALL,/* PTRACE_SYSCALL: until the exit (or entry) of a system call too */
	RESUME_LISTEN, /* PTRACE_LISTEN: stay in group-stop */
};

struct stop {
	enum stop_kind kind;
	int status;            /* as wait(2) gave it */
	int event;             /* PTRACE_EVENT_*, 0 where there is none */
	int inject;            /* the signal to deliver on resumption; STOP_SIGNAL: the one that stopped */
	unsigned long message; /* PTRACE_GETEVENTMSG, for STOP_BIRTH and STOP_EXEC */
	uint64_t t_ns;         /* when it was seen, since the run began */
	struct ptrace_syscall_info info; /* STOP_SECCOMP, STOP_ENTER, STOP_LEAVE, STOP_EXEC */
	struct rusage usage;   /* STOP_ENDED */
};

/* The kind told by the wait status alone: a syscall stop is given as STOP_LEAVE, and which it is
 * PTRACE_GET_SYSCALL_INFO must say. */
enum stop_kind stop_classify(int status, int *event);

const char *stop_kind_name(enum stop_kind kind);

#endif
