/* kin WHAT: prints what processes see of their kin, as they would without a tracer: what getppid and wait say.
 *
 *   orphan      a double-forked daemon: what its parent is, first and after that has ended
 *   subreaper   the same, of a subreaper that waits for it
 *   death       a child with PR_SET_PDEATHSIG, whose parent thread, then process, ends
 *   waits       children that exit, are killed, stop and go on: as waitid has it, by pid, group, pidfd, with WNOWAIT, __WCLONE,
 *               from another thread, with SIGCHLD ignored, with SA_NOCLDWAIT and SA_NOCLDSTOP; and what SIGCHLD says
 *   failures    execs that fail in a vfork child
 *   asleep TOLD GO
 *               a daemon whose vfork child writes into the FIFO TOLD and reads GO, while this process ends; then it
 *               executes a program, and the daemon writes into TOLD how that ended */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *error_of(long result)
{
	return result < 0 ? strerrorname_np(errno) : "done";
}

static void must(long result)
{
	if (result < 0) {
		perror("kin");
		_exit(1);
	}
}

/* Who is it to this process? */
static const char *kin_of(pid_t pid, pid_t parent, pid_t grandparent)
{
	return pid == parent ? "parent" : pid == grandparent ? "grandparent" : pid == 1 ? "init" : "another";
}

static void await_byte(int fd)
{
	char byte;
	must(read(fd, &byte, 1));
}

static void be_daemon(int go, int told, pid_t grandparent)
{
	pid_t parent = getppid();
	setsid();
	printf("daemon of its %s\n", kin_of(getppid(), parent, grandparent));
	must(write(told, "", 1));
	await_byte(go); /* the end of the pipe, at the parent's end */
	while (getppid() == parent)
		sched_yield();
	printf("daemon of its %s, in a session of its own: %d\n", kin_of(getppid(), parent, grandparent), getsid(0) == getpid());
	_exit(7);
}

static void orphan(int subreaper)
{
	int go[2], told[2], end[2], status = 0;
	pid_t self = getpid();
	must(pipe(go) | pipe(told) | pipe(end));
	if (subreaper)
		must(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t child = fork();
	if (child == 0) {
		if (fork() == 0) {
			close(go[1]);
			be_daemon(go[0], told[1], self);
		}
		await_byte(told[0]);
		_exit(3);
	}
	close(go[1]);
	close(end[1]);
	must(waitpid(child, &status, 0));
	printf("child ended with %d\n", WEXITSTATUS(status));
	if (subreaper)
		printf("then one of %d, with %d, then %s\n", wait(&status) > 0, WEXITSTATUS(status), error_of(wait(NULL)));
	else
		await_byte(end[0]); /* closed by the daemon's end */
}

static void *make_child(void *ends)
{
	int *told = ends;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(write(told[1], "", 1));
		for (;;)
			pause();
	}
	await_byte(told[0]);
	return NULL;
}

static void death(void)
{
	int told[2], end[2], status, number;
	pthread_t thread;
	must(pipe(told) | pipe(end));
	pthread_create(&thread, NULL, make_child, told);
	pthread_join(thread, NULL);
	must(wait(&status));
	printf("ended by %d with its thread\n", WTERMSIG(status));
	pid_t child = fork();
	if (child == 0) {
		if (fork() == 0) {
			sigset_t one;
			sigemptyset(&one);
			sigaddset(&one, SIGUSR1);
			sigprocmask(SIG_BLOCK, &one, NULL);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			must(write(told[1], "", 1));
			must(sigwait(&one, &number));
			printf("told of its parent's end: %d\n", number == SIGUSR1);
			_exit(0);
		}
		await_byte(told[0]);
		_exit(0);
	}
	must(waitpid(child, NULL, 0));
	close(end[1]);
	await_byte(end[0]);
}

static void print_wait(const char *how, long result, const siginfo_t *info, pid_t child)
{
	printf("%s: %s", how, error_of(result));
	if (result >= 0)
		printf(" signal %d code %d status %d child %d uid %d", info->si_signo, info->si_code, info->si_status,
		       info->si_pid == child, info->si_uid == getuid());
	putchar('\n');
}

static void wait_for(const char *how, idtype_t type, id_t id, int flags, pid_t child)
{
	siginfo_t info = { 0 };
	long result;
	do
		result = waitid(type, id, &info, flags);
	while (result < 0 && errno == EINTR);
	print_wait(how, result, &info, child);
}

static pid_t child_that(void (*does)(void))
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		does();
		_exit(5);
	}
	return child;
}

static void nothing(void)
{
}

static void die(void)
{
	raise(SIGTERM);
}

static int held[2];

static void stop(void)
{
	raise(SIGSTOP);
	await_byte(held[0]);
}

static void let_end(void)
{
	must(write(held[1], "", 1));
}

static void *wait_in_thread(void *child)
{
	siginfo_t info = { 0 };
	long result = syscall(SYS_waitid, P_PID, *(pid_t *)child, &info, WEXITED | __WNOTHREAD, NULL);
	print_wait("another thread's child", result, &info, *(pid_t *)child);
	wait_for("the same", P_PID, (id_t)*(pid_t *)child, WEXITED, *(pid_t *)child);
	return NULL;
}

static volatile sig_atomic_t told_of;

static void on_child(int number, siginfo_t *info, void *context)
{
	char line[64];
	told_of = told_of + 1;
	(void)context;
	int len = snprintf(line, sizeof line, "signal %d code %d status %d\n", number, info->si_code, info->si_status);
	must(write(STDOUT_FILENO, line, (size_t)len));
}

/* A change can be waited for before its SIGCHLD has been sent, and of two that are pending one is lost. */
static void await_told(int count)
{
	while (told_of < count)
		sched_yield();
}

static void waits(void)
{
	struct rusage usage = { 0 };
	struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO };
	pthread_t thread;
	int status;
	must(pipe(held));
	pid_t child = child_that(nothing);
	wait_for("looked at", P_PID, (id_t)child, WEXITED | WNOWAIT, child);
	wait_for("exited", P_ALL, 0, WEXITED, child);
	wait_for("nobody left", P_ALL, 0, WEXITED, child);
	child = child_that(die);
	wait_for("killed", P_PGID, (id_t)getpgrp(), WEXITED, child);
	child = child_that(stop);
	wait_for("stopped", P_PID, (id_t)child, WSTOPPED, child);
	wait_for("once", P_PID, (id_t)child, WSTOPPED | WNOHANG, child);
	kill(child, SIGCONT);
	wait_for("continued", P_PID, (id_t)child, WCONTINUED, child);
	let_end();
	wait_for("ended", P_PID, (id_t)child, WEXITED, child);
	child = child_that(nothing);
	wait_for("pidfd", P_PIDFD, (id_t)syscall(SYS_pidfd_open, child, 0), WEXITED, child);
	child = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL); /* tells its parent nothing */
	if (child == 0)
		_exit(6);
	wait_for("no ordinary child", P_PID, (id_t)child, WEXITED, child);
	wait_for("a clone", P_PID, (id_t)child, WEXITED | __WCLONE, child);
	child = child_that(nothing);
	pthread_create(&thread, NULL, wait_in_thread, &child);
	pthread_join(thread, NULL);
	child = child_that(nothing);
	must(wait4(child, &status, 0, &usage));
	printf("usage: %d\n", usage.ru_maxrss > 0);
	signal(SIGCHLD, SIG_IGN);
	child = child_that(nothing);
	wait_for("ignored", P_PID, (id_t)child, WEXITED, child);
	action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT | SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
	child = child_that(stop);
	wait_for("stopped silently", P_PID, (id_t)child, WSTOPPED, child);
	kill(child, SIGKILL);
	wait_for("not kept", P_PID, (id_t)child, WEXITED, child);
	await_told(1);
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGCHLD, &action, NULL);
	child = child_that(stop);
	wait_for("stopped loudly", P_PID, (id_t)child, WSTOPPED, child);
	await_told(2);
	kill(child, SIGCONT);
	wait_for("continued loudly", P_PID, (id_t)child, WCONTINUED, child);
	await_told(3);
	let_end();
	wait_for("went on", P_PID, (id_t)child, WEXITED, child);
	await_told(4);
}

static void fail_to_exec(const char *program)
{
	char *const argv[] = { NULL };
	volatile int error = 0;
	int status;
	pid_t child = vfork();
	if (child == 0) {
		execv(program, argv);
		error = errno;
		_exit(9);
	}
	must(waitpid(child, &status, 0));
	printf("%s: %s, %d\n", program, strerrorname_np(error), WEXITSTATUS(status));
}

static void failures(void)
{
	fail_to_exec("/nonexistent");
	fail_to_exec("/etc/passwd");
	fail_to_exec("/");
	fail_to_exec("/etc/passwd/below");
}

static void tell(const char *fifo, const char *format, int value)
{
	FILE *out = fopen(fifo, "we");
	if (!out || fprintf(out, format, value) < 0 || fclose(out))
		_exit(1);
}

static void asleep(const char *told, const char *go)
{
	int status, ready[2];
	must(pipe(ready));
	if (fork() > 0) {
		await_byte(ready[0]);
		return;
	}
	setsid();
	pid_t child = vfork();
	if (child == 0) {
		must(write(ready[1], "", 1));
		int fd = open(told, O_WRONLY | O_CLOEXEC);
		must(write(fd, "asleep\n", 7));
		must(close(fd));
		await_byte(open(go, O_RDONLY | O_CLOEXEC));
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(1);
	}
	must(waitpid(child, &status, 0));
	tell(told, "ended with %d\n", WEXITSTATUS(status));
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "orphan") == 0)
		orphan(0);
	else if (strcmp(what, "subreaper") == 0)
		orphan(1);
	else if (strcmp(what, "death") == 0)
		death();
	else if (strcmp(what, "waits") == 0)
		waits();
	else if (strcmp(what, "failures") == 0)
		failures();
	else if (strcmp(what, "asleep") == 0 && argc > 3)
		asleep(argv[2], argv[3]);
	else
		return 2;
	return 0;
}
