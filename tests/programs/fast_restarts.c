/* fast_restarts: calls that wait while signals come. The parent sends them when the child sleeps, and prints nothing; the
 * child prints what each call gave, after the parent
 *
 *   stopped    stopped and continued it
 *   ignored    sent what it ignores
 *   handled    sent what has a handler, without SA_RESTART
 *   restarted  the same, with SA_RESTART, and then gave it what it waited for */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum how { STOPPED, IGNORED, HANDLED, RESTARTED };

static int ends[2];
static volatile sig_atomic_t handled;

static long by_readv(void)
{
	char byte;
	struct iovec one = { &byte, 1 };
	return readv(ends[0], &one, 1);
}

static long by_poll(void)
{
	struct pollfd one = { .fd = ends[0], .events = POLLIN };
	return poll(&one, 1, 20000);
}

static long by_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	return select(ends[0] + 1, &set, NULL, NULL, NULL);
}

static long by_nanosleep(void)
{
	struct timespec while_ = { .tv_nsec = 300000000 };
	return nanosleep(&while_, NULL);
}

static long by_clock_nanosleep(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += 300000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	return errno ? -1 : 0;
}

static long by_epoll_wait(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	return epoll_wait(epoll, &event, 1, -1);
}

static const struct {
	const char *name;
	long (*wait)(void);
} calls[] = {
	{ "readv", by_readv }, { "poll", by_poll }, { "select", by_select }, { "nanosleep", by_nanosleep },
	{ "clock_nanosleep", by_clock_nanosleep }, { "epoll_wait", by_epoll_wait },
};

static void on_signal(int signal)
{
	(void)signal;
	handled++;
}

/* Does it sleep in a call, every signal taken? */
static bool sleeps(pid_t pid)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return strstr(text, "State:\tS") && strstr(text, "ShdPnd:\t0000000000000000");
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid;
}

static void await_sleep(pid_t child)
{
	while (!sleeps(child) && !has_ended(child))
		;
}

static void disturb(pid_t child, enum how how)
{
	static const int signals[] = { [STOPPED] = SIGSTOP, [IGNORED] = SIGWINCH, [HANDLED] = SIGUSR1, [RESTARTED] = SIGUSR2 };
	await_sleep(child);
	kill(child, signals[how]);
	if (how != STOPPED)
		return;
	waitpid(child, NULL, WUNTRACED);
	kill(child, SIGCONT);
}

static void wait_and_tell(size_t which, enum how how)
{
	struct sigaction action = { .sa_handler = on_signal };
	alarm(30);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &action, NULL);
	errno = 0;
	long result = calls[which].wait();
	printf("%s %d: %ld %s, %d handled\n", calls[which].name, how, result, strerrorname_np(errno), (int)handled);
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	for (size_t which = 0; which < sizeof calls / sizeof *calls; which++) {
		for (enum how how = STOPPED; how <= RESTARTED; how++) {
			if (pipe(ends) < 0)
				return 1;
			pid_t child = fork();
			if (child == 0)
				wait_and_tell(which, how);
			disturb(child, how);
			await_sleep(child);
			if (write(ends[1], "x", 1) != 1)
				return 1;
			waitpid(child, NULL, 0);
			close(ends[0]);
			close(ends[1]);
		}
	}
	return 0;
}
