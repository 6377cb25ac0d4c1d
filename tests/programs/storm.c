/* storm HOW ROUNDS: in each round there is a process three threads of which fork as fast as they can; at some moment it
 * ends as HOW says: `kill` (with all its children), `exit`, or `exec` of another program. Its orphans are inherited by
 * this process, which prints how many rounds there were. That it ends shows that each of them could be waited for. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A different moment each round, without a clock: after so many turns of this loop. */
static void pass_some_time(unsigned round)
{
	unsigned turns = round * 7919 % 97 * 2000;
	for (volatile unsigned i = 0; i < turns; i++)
		;
}

static void live(const char *how, unsigned round)
{
	pthread_t thread;
	setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, fork_for_ever, NULL);
	if (strcmp(how, "kill") == 0)
		fork_for_ever(NULL);
	pass_some_time(round);
	if (strcmp(how, "exec") == 0)
		execl("/bin/true", "true", (char *)NULL);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "kill";
	int rounds = argc > 2 ? atoi(argv[2]) : 1, done = 0, status;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < rounds; round++) {
		pid_t child = fork();
		if (child == 0)
			live(how, (unsigned)round);
		setpgid(child, child);
		if (strcmp(how, "kill") == 0) {
			pass_some_time((unsigned)round);
			kill(-child, SIGKILL);
		}
		done += waitpid(child, &status, 0) == child && (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
		while (strcmp(how, "kill") == 0 && waitpid(-child, NULL, 0) > 0)
			kill(-child, SIGKILL);
	}
	while (wait(NULL) > 0)
		;
	printf("%d\n", done);
	return 0;
}
