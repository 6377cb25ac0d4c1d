/* storm ROUNDS: in each round a process that forks, starts threads and execs as fast as it can is killed at
 * some moment; its orphans, which this process inherits, likewise. Prints how many were killed. That it ends shows that
 * each of them could be waited for. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *fork_for_ever(void *unused)
{
	for (;;) {
		pid_t child = fork();
		if (child == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
	}
	return unused;
}

static void live(void)
{
	pthread_t thread;
	setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, fork_for_ever, NULL);
	fork_for_ever(NULL);
}

/* A different moment each round, without a clock: after so many turns of this loop. */
static void pass_some_time(unsigned round)
{
	unsigned turns = round * 7919 % 97 * 2000;
	for (volatile unsigned i = 0; i < turns; i++)
		;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1, killed = 0, status;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < rounds; round++) {
		pid_t child = fork();
		if (child == 0)
			live();
		setpgid(child, child);
		pass_some_time((unsigned)round);
		kill(-child, SIGKILL);
		waitpid(child, &status, 0);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		while (waitpid(-child, NULL, 0) > 0)
			kill(-child, SIGKILL);
	}
	while (wait(NULL) > 0)
		;
	printf("%d\n", killed);
	return 0;
}
