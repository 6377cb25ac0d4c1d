/* Promises of the tracer's place: it knows where a task ran and what else runs, and gives its policy back. */
#include "placement.h"

#include "procfs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static long checks, failures;

#define CHECK(condition, what)                                                               \
	do {                                                                                 \
		checks++;                                                                    \
		if (!(condition) && failures++ < 20)                                         \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, what, #condition); \
	} while (0)

/* A child that runs on that CPU alone, under a name made to mislead, until its pipe is closed. */
static pid_t start_on(int cpu, const int gate[2])
{
	cpu_set_t there;
	pid_t pid = fork();
	if (pid)
		return pid;
	CPU_ZERO(&there);
	CPU_SET(cpu, &there);
	sched_setaffinity(0, sizeof there, &there);
	prctl(PR_SET_NAME, "a) R 1 (b");
	char byte = 0;
	close(gate[1]);
	_exit(write(gate[0], &byte, 1) == 1 && read(gate[0], &byte, 1) < 0);
}

static void test_cpu_of_a_task(void)
{
	cpu_set_t all;
	sched_getaffinity(0, sizeof all, &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int gate[2];
		char byte;
		if (!CPU_ISSET(cpu, &all) || pipe(gate))
			continue;
		pid_t pid = start_on(cpu, (int[]){ gate[1], gate[0] });
		int fd = procfs_open_stat(pid);
		CHECK(read(gate[0], &byte, 1) == 1 && procfs_cpu(fd) == cpu, "the CPU that a task ran on");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK(procfs_cpu(fd) < 0, "no task, no CPU");
		close(fd);
		close(gate[0]);
		close(gate[1]);
	}
	CHECK(procfs_open_stat(-1) < 0 && procfs_cpu(-1) < 0, "nor without its file");
}

static void test_who_runs(void)
{
	int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	CHECK(procfs_running(fd) >= 1, "the caller at least runs");
	close(fd);
	CHECK(procfs_running(fd) == 0, "without /proc/loadavg it is not known");
}

static void test_policy_is_given_back(void)
{
	int before = sched_getscheduler(0);
	placement_init();
	CHECK(sched_getscheduler(0) == before, "trying what is permitted changes nothing");
	CHECK(!placement_is_shared(), "nothing is shared before a tracee was seen");
	placement_leave();
	placement_before_resume(getpid());
	CHECK(sched_getscheduler(0) == before && !placement_is_shared(), "who has left stays away");
}

int main(void)
{
	test_cpu_of_a_task();
	test_who_runs();
	test_policy_is_given_back();
	if (!failures)
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
