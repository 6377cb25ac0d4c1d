/* tally HOW FIFO [ARG]: tells of each signal that it is given, a line into FIFO: its name, its code, and its sender. HOW it takes them:
 * by a handler, by sigwait, or by signalfd; with ARG in a process group of its own. First it writes "ready PID". SIGRTMAX and SIGQUIT end it,
 * with status 9. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int out;

static void tell(int number, int code, int sender)
{
	char name[16];
	if (number >= SIGRTMIN)
		snprintf(name, sizeof name, "RT%d", number - SIGRTMIN);
	else
		snprintf(name, sizeof name, "%s", sigabbrev_np(number));
	dprintf(out, "%s %s %d\n", name, code == SI_USER ? "user" : code == SI_QUEUE ? "queue" : code == SI_KERNEL ? "kernel" : "?",
		sender);
	if (number == SIGRTMAX || number == SIGQUIT)
		_exit(9);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	tell(number, info->si_code, info->si_pid);
}

static void by_handler(const sigset_t *set)
{
	sigset_t none;
	for (int number = 1; number <= SIGRTMAX; number++) {
		struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO, .sa_mask = *set };
		if (sigismember(set, number) > 0)
			sigaction(number, &action, NULL);
	}
	sigemptyset(&none);
	dprintf(out, "ready %d\n", getpid());
	for (;;)
		sigsuspend(&none);
}

static void by_sigwait(const sigset_t *set)
{
	siginfo_t info;
	dprintf(out, "ready %d\n", getpid());
	while (sigwaitinfo(set, &info) > 0)
		tell(info.si_signo, info.si_code, info.si_pid);
}

static void by_signalfd(const sigset_t *set)
{
	struct signalfd_siginfo info;
	int fd = signalfd(-1, set, 0);
	dprintf(out, "ready %d\n", getpid());
	while (read(fd, &info, sizeof info) == sizeof info)
		tell((int)info.ssi_signo, info.ssi_code, (int)info.ssi_pid);
}

int main(int argc, char **argv)
{
	sigset_t set;
	if (argc < 3 || (out = open(argv[2], O_WRONLY)) < 0 || (argc > 3 && setpgid(0, 0) < 0))
		return 2;
	sigfillset(&set);
	sigdelset(&set, SIGCHLD);
	sigdelset(&set, SIGTSTP);
	sigdelset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (strcmp(argv[1], "handler") == 0)
		by_handler(&set);
	else if (strcmp(argv[1], "sigwait") == 0)
		by_sigwait(&set);
	else
		by_signalfd(&set);
	return 2;
}
