/* waits FIFO: opens FIFO for writing, writes "ready PID" into it, then the name of each signal that it is given. SIGUSR2
 * ends it, with status 9. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t given;

static void take(int signal)
{
	given = signal;
}

int main(int argc, char **argv)
{
	static const int taken[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT };
	sigset_t all, none;
	int fd = argc > 1 ? open(argv[1], O_WRONLY) : STDOUT_FILENO;
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		struct sigaction action = { .sa_handler = take, .sa_mask = all };
		sigaction(taken[i], &action, NULL);
	}
	dprintf(fd, "ready %d\n", getpid());
	while (given != SIGUSR2) {
		sigsuspend(&none);
		dprintf(fd, "%s\n", sigabbrev_np(given));
	}
	return 9;
}
