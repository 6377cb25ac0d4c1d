/* From the launcher to a running, followed COMMAND: the forks and their hand-shake.
 *
 *   launcher: fork child ── fork supervisor ── send the child the supervisor's pid
 *   child:    names the supervisor its tracer (PR_SET_PTRACER, Yama 1), says "ready"
 *   supervisor: waits for "ready", PTRACE_SEIZEs the child, says "go"
 *   child:    installs the filter, restores what it was born with, execs
 *
 * Before the two comes the witness (witness.h). What is COMMAND's by execve(2), but not by fork(2), is handed over:
 * interval timers, pending signals, the death signal, being a subreaper, the size of the descriptor table.
 *
 * A death anywhere closes a pipe, and the child, which waits for each word, ends without having run
 * anything. The launcher becomes non-dumpable after the forks: a child of a non-dumpable process
 * could be seized by nobody but root. */
#ifndef PTWRAP_LAUNCH_H
#define PTWRAP_LAUNCH_H

#include "supervisor.h"
#include "witness.h"

#include <linux/filter.h>
#include <signal.h>

struct launch {
	const char *path;          /* what to exec, found already */
	char **argv;
	const char *user;          /* -u; NULL */
	struct sock_fprog filter;  /* len 0: none */
	sigset_t mask;             /* the mask that COMMAND is to have */
	struct supervision supervision; /* command, ready_fd: filled by launch_command */
};

struct launched {
	pid_t command, supervisor;
	struct witness witness;
	int ready_fd;      /* readable when the supervisor's phase changes; end of file: it died */
	int exec_error_fd; /* an int if there was no exec: its errno, negated, or that of what comes before, as
			    * it is; end of file once it succeeded */
};

/* Starts both. 0 or -errno of what failed (nothing is left behind then). */
int launch_command(struct launch *launch, struct launched *launched);

/* Becomes COMMAND, unseen by anybody: user, mask, path and argv of *launch. A positive errno if it cannot. */
int launch_exec(const struct launch *launch);

/* Where COMMAND is: itself if it has a slash, else found in PATH, as execvp(3) does. 0; -ENOENT;
 * -EACCES when only files that cannot be executed were found. *path is malloc'ed. */
int launch_find(const char *command, char **path);

#endif
