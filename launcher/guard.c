/* Whom a call is aimed at: see guard.h. */
#include "guard.h"

#include "procfs.h"
#include "procpid.h"
#include "supervisor.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void guard_init(void)
{
	procpid_add_own(supervisor_get()->launcher);
	procpid_add_own(getpid());
	if (supervisor_get()->witness)
		procpid_add_own(supervisor_get()->witness);
}

/* A process, one of its threads, or our own group by its id. */
static bool is_ours(pid_t pid)
{
	pid_t tgid, ppid;
	if (pid < 0)
		return pid == -getpgrp() && getpgrp() == getpid();
	if (pid == 0 || tracee_find(pid))
		return false;
	return procpid_is_own(pid) || (procfs_family(pid, &tgid, &ppid) == 0 && procpid_is_own(tgid));
}

/* Does it number processes as ptwrap does? theirs: else, its pid namespace; "" where that is not told. */
static bool numbers_alike(const struct tracee *tracee, char theirs[64])
{
	char own[64] = "";
	memset(theirs, 0, 64);
	if (!tracee->process->other_pids)
		return true;
	procfs_link(getpid(), "ns/pid", own, sizeof own - 1);
	return procfs_link(tracee->tid, "ns/pid", theirs, 63) > 0 && strcmp(own, theirs) == 0;
}

/* As it numbers processes: in a pid namespace of its own only a holder may have a number. */
static bool means_ours(const struct tracee *tracee, pid_t pid)
{
	char theirs[64];
	return numbers_alike(tracee, theirs) || !theirs[0] ? is_ours(pid) : procpid_is_own_in(theirs, pid);
}

struct numbered {
	pid_t number;
	char name_space[64];
	bool found;
};

static void compare_number(struct tracee *tracee, void *context)
{
	struct numbered *search = context;
	char its[64] = "";
	if (search->found || procfs_inner_tid(tracee->tid) != search->number)
		return;
	search->found = procfs_link(tracee->tid, "ns/pid", its, sizeof its - 1) > 0 && strcmp(its, search->name_space) == 0;
}

/* As it numbers tasks. */
static bool means_tree(const struct tracee *tracee, pid_t tid)
{
	struct numbered search = { .number = tid };
	if (numbers_alike(tracee, search.name_space))
		return tracee_find(tid) != NULL;
	tracee_for_each(compare_number, &search);
	return search.found;
}

/* Whom a pidfd, or a directory of /proc, stands for, in ptwrap's numbers: 0, if that has none. False: it is none, or has ended. */
static bool pid_of_fd(pid_t tid, int fd, pid_t *pid)
{
	char path[PROCFS_PATH], link[PROCFS_LINK], *line = NULL;
	size_t size = 0;
	bool found = false;
	ssize_t len = procfs_fd_link(tid, fd, link, sizeof link - 1);
	link[len > 0 ? len : 0] = '\0';
	if (sscanf(link, "/proc/%d", pid) == 1)
		return true;
	snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", tid, fd);
	FILE *info = fopen(path, "re");
	while (info && !found && getline(&line, &size, info) > 0)
		found = sscanf(line, "Pid: %d", pid) == 1;
	free(line);
	if (info)
		fclose(info);
	return found && *pid >= 0;
}

bool guard_refuses(const struct tracee *tracee, const struct judged_call *row)
{
	const uint64_t *args = tracee->call->event.syscall.args;
	pid_t pid;
	if (row->object == JUDGED_TARGET_FD)
		return pid_of_fd(tracee->tid, (int)args[row->arg], &pid) && is_ours(pid);
	return means_ours(tracee, (pid_t)args[row->arg]);
}

bool guard_takes(const struct judged_call *row)
{
	return strcmp(row->name, "pidfd_getfd") == 0;
}

bool guard_leaves_tree(const struct tracee *tracee, const struct judged_call *row)
{
	const uint64_t *args = tracee->call->event.syscall.args;
	pid_t pid;
	if (guard_takes(row))
		return pid_of_fd(tracee->tid, (int)args[row->arg], &pid) && !tracee_find(pid);
	return strcmp(row->name, "process_vm_writev") == 0 && (pid_t)args[row->arg] > 0 &&
	       !means_tree(tracee, (pid_t)args[row->arg]);
}

struct search {
	const struct tracee *tracee;
	bool found;
};

/* Where the kernel does not tell, of one that is not dumpable or at all, they may. */
static void compare_root(struct tracee *other, void *context)
{
	struct search *search = context;
	const struct tracee *tracee = search->tracee;
	if (other == tracee || search->found)
		return;
	long order = syscall(SYS_kcmp, tracee->tid, other->tid, KCMP_FS, 0UL, 0UL);
	search->found = order == 0 || (order < 0 && errno != ESRCH);
}

bool guard_shares_root(const struct tracee *tracee)
{
	struct search search = { .tracee = tracee };
	tracee_for_each(compare_root, &search);
	return search.found;
}
