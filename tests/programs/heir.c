/* heir COMMAND [ARG]...: becomes COMMAND by execve, having made of itself what execve hands on and fork does not: a
 * subreaper, with a signal for when its parent dies, a pending signal, and a timer of a day. With -a as the first argument the timer
 * is one of 10 ms, and nothing else is done. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct itimerval timer = { .it_value = { 86400, 0 } };
	sigset_t one;
	int soon = argc > 1 && strcmp(argv[1], "-a") == 0;
	if (argc < 2 + soon)
		return 2;
	sigemptyset(&one);
	sigaddset(&one, SIGWINCH);
	if (soon) {
		timer.it_value = (struct timeval){ 0, 10000 };
	} else {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		prctl(PR_SET_PDEATHSIG, SIGURG, 0, 0, 0);
		sigprocmask(SIG_BLOCK, &one, NULL);
		kill(getpid(), SIGWINCH);
	}
	setitimer(ITIMER_REAL, &timer, NULL);
	execvp(argv[1 + soon], argv + 1 + soon);
	perror(argv[1 + soon]);
	return 127;
}
