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

/* As it numbers processes: in a pid namespace of its own only a holder may have a number. */
static bool means_ours(const struct tracee *tracee, pid_t pid)
{
	char own[64] = "", theirs[64] = "";
	if (!tracee->process->other_pids)
		return is_ours(pid);
	procfs_link(getpid(), "ns/pid", own, sizeof own - 1);
	bool told = procfs_link(tracee->tid, "ns/pid", theirs, sizeof theirs - 1) > 0;
	return !told || strcmp(own, theirs) == 0 ? is_ours(pid) : procpid_is_own_in(theirs, pid);
}

/* Whom a pidfd, or a directory of /proc, stands for; 0: nobody. */
static pid_t pid_of_fd(pid_t tid, int fd)
{
	char path[PROCFS_PATH], link[PROCFS_LINK], *line = NULL;
	size_t size = 0;
	int pid = 0;
	ssize_t len = procfs_fd_link(tid, fd, link, sizeof link - 1);
	link[len > 0 ? len : 0] = '\0';
	if (sscanf(link, "/proc/%d", &pid) == 1)
		return pid;
	snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", tid, fd);
	FILE *info = fopen(path, "re");
	while (info && getline(&line, &size, info) > 0 && sscanf(line, "Pid: %d", &pid) != 1)
		;
	free(line);
	if (info)
		fclose(info);
	return pid;
}

bool guard_refuses(const struct tracee *tracee, const struct judged_call *row)
{
	const uint64_t *args = tracee->call->event.syscall.args;
	if (row->object == JUDGED_TARGET_FD)
		return is_ours(pid_of_fd(tracee->tid, (int)args[row->arg]));
	return means_ours(tracee, (pid_t)args[row->arg]);
}

bool guard_leaves_tree(const struct tracee *tracee, const struct judged_call *row)
{
	bool writes = strcmp(row->name, "process_vm_writev") == 0, takes = strcmp(row->name, "pidfd_getfd") == 0;
	if ((!writes && !takes) || tracee->process->other_pids)
		return false;
	pid_t pid = writes ? (pid_t)tracee->call->event.syscall.args[row->arg] :
			     pid_of_fd(tracee->tid, (int)tracee->call->event.syscall.args[row->arg]);
	return pid > 0 && !tracee_find(pid);
}

struct search {
	const struct tracee *tracee;
	bool found;
};

/* Where the kernel does not tell, threads of a process do. */
static void compare_root(struct tracee *other, void *context)
{
	struct search *search = context;
	const struct tracee *tracee = search->tracee;
	if (other == tracee || search->found)
		return;
	long order = syscall(SYS_kcmp, tracee->tid, other->tid, KCMP_FS, 0UL, 0UL);
	search->found = order == 0 || (order < 0 && errno != ESRCH && other->process == tracee->process);
}

bool guard_shares_root(const struct tracee *tracee)
{
	struct search search = { .tracee = tracee };
	tracee_for_each(compare_root, &search);
	return search.found;
}
