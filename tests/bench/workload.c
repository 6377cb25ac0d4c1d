/* The operations whose price `make bench` asks for: `workload NAME COUNT` does one of them COUNT
 * times, in each of its threads, and prints the nanoseconds that this took. System calls are made by
 * number where a libc might answer without the kernel. */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int zero_fd;

static int do_getppid(void)
{
	return syscall(SYS_getppid) < 0;
}

static int do_read(void)
{
	char byte;
	return read(zero_fd, &byte, 1) != 1;
}

static int do_stat(void)
{
	struct stat status;
	return stat("/etc/passwd", &status);
}

static int do_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	return fd < 0 || close(fd);
}

static int wait_for(pid_t pid)
{
	int status;
	return waitpid(pid, &status, 0) != pid || status != 0;
}

static int do_spawn(void)
{
	char *argv[] = { "/bin/true", NULL };
	pid_t pid;
	return posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) || wait_for(pid);
}

static int do_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 || wait_for(pid);
}

static const struct workload {
	const char *name;
	int (*operation)(void);
	int threads;
} workloads[] = {
	{ "getppid", do_getppid, 1 }, { "read", do_read, 1 },	{ "stat", do_stat, 1 },
	{ "open", do_open, 1 },	      { "spawn", do_spawn, 1 }, { "fork", do_fork, 1 },
	{ "threads", do_getppid, 2 },
};

struct loop {
	int (*operation)(void);
	unsigned long count;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* NULL, or something else if an operation failed. */
static void *run_loop(void *argument)
{
	struct loop *loop = argument;
	for (unsigned long i = 0; i < loop->count; i++)
		if (loop->operation())
			return loop;
	return NULL;
}

static int run(const struct workload *workload, unsigned long count)
{
	struct loop loop = { workload->operation, count };
	void *failed = NULL;
	pthread_t thread;
	uint64_t begin_ns = now_ns();
	if (workload->threads == 2 && pthread_create(&thread, NULL, run_loop, &loop))
		return EXIT_FAILURE;
	if (run_loop(&loop) || (workload->threads == 2 && (pthread_join(thread, &failed) || failed)))
		return EXIT_FAILURE;
	printf("%ju\n", (uintmax_t)(now_ns() - begin_ns));
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; argc == 3 && i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (strcmp(workloads[i].name, argv[1]) == 0)
			return run(&workloads[i], strtoul(argv[2], NULL, 10));
	fprintf(stderr, "usage: workload NAME COUNT\n");
	return 2;
}
