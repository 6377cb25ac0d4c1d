/* Forking the child and the supervisor: see launch.h. */
#include "launch.h"

#include "message.h"
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <paths.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_TROUBLE = 125 };

/* The pipes of the hand-shake; [0] reads, [1] writes. All close at exec. */
struct pipes {
	int to_child[2];   /* the supervisor's pid from the launcher, then "go" from the supervisor */
	int from_child[2]; /* "ready", to the supervisor */
	int exec_error[2]; /* why there was no exec, to the launcher */
	int ready[2];      /* phases of the supervisor, to the launcher */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *pipes)
{
	int *fds = (int *)pipes;
	for (size_t i = 0; i < sizeof *pipes / sizeof *fds; i++)
		close_fd(&fds[i]);
}

/* Pipe ends above the standard descriptors, which COMMAND may have been given closed. */
static int open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		if (ends[i] > 2)
			continue;
		int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
		if (moved < 0)
			return -errno;
		close(ends[i]);
		ends[i] = moved;
	}
	return 0;
}

static int open_pipes(struct pipes *pipes)
{
	memset(pipes, -1, sizeof *pipes);
	int error = open_pipe(pipes->to_child);
	if (!error)
		error = open_pipe(pipes->from_child);
	if (!error)
		error = open_pipe(pipes->exec_error);
	if (!error)
		error = open_pipe(pipes->ready);
	return error;
}

static bool read_whole(int fd, void *data, size_t len)
{
	ssize_t got;
	do
		got = read(fd, data, len);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)len;
}

static bool write_whole(int fd, const void *data, size_t len)
{
	return write(fd, data, len) == (ssize_t)len;
}

/* With CAP_SYS_ADMIN a filter needs no no_new_privs, and set-user-id programs keep working. */
static int install_filter(const struct sock_fprog *filter)
{
	if (filter->len == 0)
		return 0;
	unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter) == 0)
		return 0;
	if (errno != EACCES)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter) == 0 ? 0 : -errno;
}

static int become_user(const char *name)
{
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (!user)
		return errno ? -errno : -EINVAL;
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0)
		return -errno;
	return 0;
}

/* No script, by the signs that shells go by: an ELF header, or a NUL in the first line. */
static bool is_binary(const char *path)
{
	char head[80];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, head, sizeof head);
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return false;
	const char *end = memchr(head, '\n', (size_t)len);
	size_t line = end ? (size_t)(end - head) : (size_t)len;
	return memchr(head, '\0', line) || (len >= 4 && memcmp(head, "\177ELF", 4) == 0);
}

/* A text that the kernel takes for no program is a shell script, as for execvp(3). */
static void exec_command(const struct launch *launch)
{
	execv(launch->path, launch->argv);
	if (errno != ENOEXEC)
		return;
	if (is_binary(launch->path)) {
		errno = ENOEXEC;
		return;
	}
	size_t count = 0;
	while (launch->argv[count])
		count++;
	char **argv = calloc(count + 2, sizeof *argv);
	if (!argv)
		return;
	argv[0] = (char *)(uintptr_t)_PATH_BSHELL;
	argv[1] = (char *)(uintptr_t)launch->path;
	for (size_t i = 1; i < count; i++)
		argv[i + 1] = launch->argv[i];
	execv(argv[0], argv);
}

int launch_exec(const struct launch *launch)
{
	int error = launch->user ? -become_user(launch->user) : 0;
	if (error)
		return error;
	sigprocmask(SIG_SETMASK, &launch->mask, NULL);
	exec_command(launch);
	return errno;
}

enum { PENDING_MAX = 64 };

/* What execve would have left COMMAND of the process that executed ptwrap, and fork does not. */
struct heritage {
	struct itimerval timers[3]; /* by ITIMER_* */
	int death_signal, subreaper;
	siginfo_t pending[PENDING_MAX];
	size_t pending_count;
	uint64_t descriptors; /* that its table has room for; 0: not known */
};

static void take_heritage(struct heritage *heritage)
{
	static const struct itimerval off;
	static const struct timespec now;
	sigset_t all;
	*heritage = (struct heritage){ 0 };
	if (procfs_status_field(getpid(), "FDSize:", 10, &heritage->descriptors) != 0)
		heritage->descriptors = 0;
	prctl(PR_GET_PDEATHSIG, &heritage->death_signal, 0, 0, 0);
	prctl(PR_GET_CHILD_SUBREAPER, &heritage->subreaper, 0, 0, 0);
	for (int which = 0; which < 3; which++)
		setitimer((enum __itimer_which)which, &off, &heritage->timers[which]);
	if (heritage->subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	sigfillset(&all);
	while (heritage->pending_count < PENDING_MAX &&
	       sigtimedwait(&all, &heritage->pending[heritage->pending_count], &now) > 0)
		heritage->pending_count++;
}

/* fork(2) leaves no more room than the open ones need; a number taken once makes it again. */
static void grow_descriptors(uint64_t count, int fd)
{
	int last = count > 0 && count <= INT_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, (int)count - 1) : -1;
	if (last >= 0)
		close(last);
}

/* fd: any descriptor that is open. */
static void leave_heritage(const struct heritage *heritage, int fd)
{
	grow_descriptors(heritage->descriptors, fd);
	if (heritage->death_signal)
		prctl(PR_SET_PDEATHSIG, heritage->death_signal, 0, 0, 0);
	if (heritage->subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int which = 0; which < 3; which++)
		setitimer((enum __itimer_which)which, &heritage->timers[which], NULL);
	for (size_t i = 0; i < heritage->pending_count; i++) /* to oneself with whatever it says */
		syscall(SYS_rt_sigqueueinfo, getpid(), heritage->pending[i].si_signo, &heritage->pending[i]);
}

static _Noreturn void run_child(const struct launch *launch, const struct heritage *heritage, struct pipes *pipes)
{
	pid_t supervisor;
	char go;
	close_fd(&pipes->to_child[1]);
	close_fd(&pipes->from_child[0]);
	close_fd(&pipes->exec_error[0]);
	close_fd(&pipes->ready[0]);
	close_fd(&pipes->ready[1]);
	if (!read_whole(pipes->to_child[0], &supervisor, sizeof supervisor))
		_exit(EXIT_TROUBLE);
	prctl(PR_SET_PTRACER, (unsigned long)supervisor, 0, 0, 0); /* EINVAL without Yama */
	if (!write_whole(pipes->from_child[1], "r", 1) || !read_whole(pipes->to_child[0], &go, 1))
		_exit(EXIT_TROUBLE);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	int error = -install_filter(&launch->filter);
	if (!error && launch->user)
		error = -become_user(launch->user);
	if (!error) {
		leave_heritage(heritage, pipes->exec_error[1]);
		sigprocmask(SIG_SETMASK, &launch->mask, NULL);
		exec_command(launch);
		error = -errno;
	}
	write_whole(pipes->exec_error[1], &error, sizeof error);
	_exit(EXIT_TROUBLE);
}

static _Noreturn void run_supervisor(struct launch *launch, struct pipes *pipes)
{
	char ready;
	close_fd(&pipes->from_child[1]);
	close_fd(&pipes->to_child[0]);
	close_fd(&pipes->exec_error[0]);
	close_fd(&pipes->exec_error[1]);
	close_fd(&pipes->ready[0]);
	if (!read_whole(pipes->from_child[0], &ready, 1))
		_exit(EXIT_TROUBLE);
	launch->supervision.ready_fd = pipes->ready[1];
	launch->supervision.go_fd = pipes->to_child[1];
	supervisor_run(&launch->supervision);
}

/* After the forks the launcher keeps only its ends. */
static void keep_launcher_ends(struct pipes *pipes, struct launched *launched)
{
	launched->ready_fd = pipes->ready[0];
	launched->exec_error_fd = pipes->exec_error[0];
	pipes->ready[0] = pipes->exec_error[0] = -1;
	close_pipes(pipes);
}

int launch_command(struct launch *launch, struct launched *launched)
{
	struct pipes pipes;
	struct heritage heritage;
	witness_start(&launched->witness);
	int error = open_pipes(&pipes);
	if (error) {
		close_pipes(&pipes);
		witness_end(&launched->witness);
		return error;
	}
	take_heritage(&heritage);
	launch->supervision.launcher = getpid();
	launch->supervision.witness = launched->witness.pid;
	launch->supervision.program = launch->path;
	launched->command = fork();
	if (launched->command == 0)
		run_child(launch, &heritage, &pipes);
	launch->supervision.command = launched->command;
	launched->supervisor = launched->command > 0 ? fork() : -1;
	if (launched->supervisor == 0) {
		witness_close(&launched->witness);
		run_supervisor(launch, &pipes);
	}
	error = -errno;
	if (launched->supervisor > 0 &&
	    write_whole(pipes.to_child[1], &launched->supervisor, sizeof launched->supervisor))
		error = 0;
	keep_launcher_ends(&pipes, launched);
	prctl(PR_SET_DUMPABLE, 0);
	if (error && launched->command > 0)
		waitpid(launched->command, NULL, 0);
	if (error)
		witness_end(&launched->witness);
	return error;
}

/* 0 when it may be executed, else -errno. *seen: there is such a file. */
static int check_executable(const char *path, bool *seen)
{
	struct stat status;
	*seen = false;
	if (stat(path, &status) < 0)
		return -errno;
	*seen = true;
	if (!S_ISREG(status.st_mode))
		return -EACCES;
	return access(path, X_OK) == 0 ? 0 : -errno;
}

int launch_find(const char *command, char **path)
{
	bool seen;
	if (strchr(command, '/')) {
		*path = strdup(command);
		return *path ? check_executable(command, &seen) : -ENOMEM;
	}
	const char *search = getenv("PATH");
	int found = -ENOENT;
	for (const char *at = search ? search : "/bin:/usr/bin"; *command; at++) {
		size_t len = strcspn(at, ":");
		if (asprintf(path, "%.*s%s%s", (int)len, at, len ? "/" : "./", command) < 0)
			return -ENOMEM;
		int error = check_executable(*path, &seen);
		if (!error)
			return 0;
		if (error == -EACCES && seen) /* not: a folder of PATH that may not be searched */
			found = error;
		free(*path);
		at += len;
		if (!*at)
			break;
	}
	*path = NULL;
	return found;
}
