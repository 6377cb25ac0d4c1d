/* births HOW [COUNT]: makes COUNT (1) processes one after the other, in the way that HOW says, and prints "PID PARENT"
 * for each, PARENT being the process that made it. */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void born(pid_t child)
{
	if (child < 0) {
		perror("births");
		exit(1);
	}
	dprintf(STDOUT_FILENO, "%d %d\n", child, getpid());
}

static void reap(pid_t child)
{
	int status;
	if (waitpid(child, &status, __WALL) != child || status != 0) {
		fprintf(stderr, "births: %d ended with %#x\n", child, status);
		exit(1);
	}
}

static pid_t by_fork(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child;
}

static pid_t by_vfork(void)
{
	pid_t child = vfork();
	if (child == 0)
		_exit(0);
	return child;
}

static pid_t by_clone_with(unsigned long flags)
{
	pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
	if (child == 0)
		_exit(0);
	return child;
}

static pid_t by_clone(void)
{
	return by_clone_with(SIGCHLD);
}

/* A child that sends no signal when it ends is waited for with __WALL only. */
static pid_t by_silent_clone(void)
{
	return by_clone_with(0);
}

static pid_t by_untraced_clone(void)
{
	return by_clone_with(CLONE_UNTRACED | SIGCHLD);
}

/* The child is its parent's tracer's too, which it would be anyway. */
static pid_t by_ptraced_clone(void)
{
	return by_clone_with(CLONE_PTRACE | SIGCHLD);
}

static pid_t by_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (child == 0)
		_exit(0);
	return child;
}

/* Nobody follows the child: it prints what a call says that a tracer would have to let pass. */
static int by_untraced_clone3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .flags = CLONE_UNTRACED };
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (child < 0)
		return printf("clone3: %s\n", strerrorname_np(errno)) < 0;
	if (child == 0)
		_exit(puts(mkdir("made", 0700) < 0 ? strerrorname_np(errno) : "made") < 0 || fflush(stdout));
	reap(child);
	return 0;
}

static pid_t by_spawn(void)
{
	char *argv[] = { "true", NULL };
	pid_t child;
	errno = posix_spawn(&child, "/bin/true", NULL, NULL, argv, environ);
	return errno ? -1 : child;
}

/* The child makes a sister: who called is the child, whose the sister is as getppid has it, is this process. */
static pid_t by_sister(void)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	int ends[2];
	char ready;
	if (pipe(ends) < 0)
		_exit(1);
	pid_t sister = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
	if (sister == 0)
		_exit(read(ends[0], &ready, 1) != 1);
	born(sister);
	_exit(write(ends[1], "", 1) != 1);
}

/* Forks from several threads at once. */
static void *race(void *count)
{
	for (intptr_t i = 0; i < (intptr_t)count; i++) {
		pid_t child = by_fork();
		born(child);
		reap(child);
	}
	return NULL;
}

static void by_racing_threads(intptr_t count)
{
	pthread_t racers[4];
	for (size_t i = 0; i < 4; i++)
		pthread_create(&racers[i], NULL, race, (void *)count);
	for (size_t i = 0; i < 4; i++)
		pthread_join(racers[i], NULL);
}

/* A daemon's double fork: the grandchild is an orphan before it ends, which the pipe's end tells. */
static pid_t by_orphan(void)
{
	int orphaned[2], ended[2];
	char byte;
	if (pipe(orphaned) < 0 || pipe(ended) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		pid_t orphan = fork();
		if (orphan == 0) {
			close(orphaned[1]);
			_exit(read(orphaned[0], &byte, 1) != 0);
		}
		born(orphan);
		_exit(0);
	}
	born(child);
	reap(child);
	close(orphaned[1]);
	close(ended[1]);
	return read(ended[0], &byte, 1) == 0 ? 0 : -1;
}

/* Each makes another, COUNT times; so do all that were made, the times that are left. */
static void by_doubling(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		if (child != 0)
			born(child);
	}
	while (wait(NULL) > 0)
		;
}

static const struct {
	const char *how;
	pid_t (*make)(void);
} ways[] = {
	{ "fork", by_fork },       { "vfork", by_vfork },
	{ "clone", by_clone },     { "silent-clone", by_silent_clone },
	{ "clone3", by_clone3 },   { "untraced-clone", by_untraced_clone },
	{ "spawn", by_spawn },     { "sister", by_sister },
	{ "ptraced-clone", by_ptraced_clone },
};

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1;
	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "racing-threads") == 0) {
		by_racing_threads(count);
		return 0;
	}
	if (strcmp(argv[1], "doubling") == 0) {
		by_doubling(count);
		return 0;
	}
	if (strcmp(argv[1], "untraced-clone3") == 0)
		return by_untraced_clone3();
	if (strcmp(argv[1], "orphan") == 0)
		return by_orphan() != 0;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		if (strcmp(argv[1], ways[i].how) != 0)
			continue;
		for (int made = 0; made < count; made++) {
			pid_t child = ways[i].make();
			born(child);
			reap(child);
		}
		while (wait(NULL) > 0)
			;
		return 0;
	}
	return 2;
}
