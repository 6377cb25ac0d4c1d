/* Runs a command and says what it took: `measure FILE COMMAND [ARG]...` writes one line to FILE:
 * nanoseconds until COMMAND ended, CPU nanoseconds of all processes it left behind or waited for
 * (tracers and helpers included), and its exit status (128+S for a signal).
 * Touches none of COMMAND's descriptors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t timeval_ns(struct timeval value)
{
	return (uint64_t)value.tv_sec * 1000000000u + (uint64_t)value.tv_usec * 1000u;
}

static uint64_t children_cpu_ns(void)
{
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static void reap_the_rest(void)
{
	while (wait(NULL) > 0)
		continue;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	uint64_t begin_ns = now_ns();
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return EXIT_FAILURE;
	uint64_t elapsed_ns = now_ns() - begin_ns;
	reap_the_rest();
	FILE *out = fopen(argv[1], "w");
	if (!out)
		return EXIT_FAILURE;
	fprintf(out, "%ju %ju %d\n", (uintmax_t)elapsed_ns, (uintmax_t)children_cpu_ns(),
		WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return fclose(out) ? EXIT_FAILURE : EXIT_SUCCESS;
}
