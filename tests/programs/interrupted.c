/* interrupted WHAT: waits in calls that a signal interrupts, while another process sends signals that this one ignores, by
 * default or by choice; prints the call's result.
 *
 *   awaited   then lets the call succeed
 *   timed     a call with a limit of 50 ms, while signals keep coming; "in time" if it ended
 *   handled   sends a signal that is handled: the call is interrupted */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2], sockets[2], epoll, semaphore, waits_for_signal;

static long by_epoll_wait(int milliseconds)
{
	struct epoll_event event;
	return epoll_wait(epoll, &event, 1, milliseconds);
}

static long by_epoll_pwait(int milliseconds)
{
	struct epoll_event event;
	sigset_t none;
	sigemptyset(&none);
	return epoll_pwait(epoll, &event, 1, milliseconds, &none);
}

static long by_sigtimedwait(int milliseconds)
{
	struct timespec limit = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	return sigtimedwait(&one, NULL, milliseconds < 0 ? NULL : &limit);
}

static long by_semtimedop(int milliseconds)
{
	struct timespec limit = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	struct sembuf take = { .sem_op = -1 };
	return semtimedop(semaphore, &take, 1, milliseconds < 0 ? NULL : &limit);
}

static long by_recv(int milliseconds)
{
	struct timeval limit = { milliseconds < 0 ? 1000 : 0, 50000 };
	char byte;
	setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return recv(sockets[0], &byte, 1, 0);
}

static const struct {
	const char *name;
	long (*wait)(int milliseconds);
} calls[] = {
	{ "epoll_wait", by_epoll_wait },   { "epoll_pwait", by_epoll_pwait }, { "sigtimedwait", by_sigtimedwait },
	{ "semtimedop", by_semtimedop }, { "recv", by_recv },
};

/* Does that process sleep in a call, all its signals taken? */
static int sleeps(pid_t pid)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	return strstr(text, "State:\tS") && strstr(text, "ShdPnd:\t0000000000000000");
}

static void let_succeed(pid_t waiter)
{
	struct sembuf give = { .sem_op = 1 };
	if (write(ends[1], "x", 1) != 1 || write(sockets[1], "x", 1) != 1 || semop(semaphore, &give, 1) < 0)
		_exit(1);
	if (waits_for_signal)
		kill(waiter, SIGUSR2);
	_exit(0);
}

static void send_ignored(pid_t waiter, int rounds)
{
	static const int ignored[] = { SIGCHLD, SIGWINCH, SIGURG, SIGUSR1 };
	for (int round = 0; rounds < 0 || round < rounds; round++) {
		while (!sleeps(waiter))
			;
		kill(waiter, ignored[round % 4]);
	}
	while (!sleeps(waiter))
		;
}

static pid_t start(void (*what)(pid_t waiter))
{
	pid_t waiter = getpid(), child = fork();
	if (child == 0)
		what(waiter);
	return child;
}

static void send_then_succeed(pid_t waiter)
{
	send_ignored(waiter, 8);
	let_succeed(waiter);
}

static void keep_sending(pid_t waiter)
{
	send_ignored(waiter, -1);
}

static void send_handled(pid_t waiter)
{
	send_ignored(waiter, 3);
	kill(waiter, SIGHUP);
	_exit(0);
}

static void note(int signal)
{
	(void)signal;
}

static void prepare(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t one;
	if (pipe(ends) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
		_exit(1);
	epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	semaphore = semget(IPC_PRIVATE, 1, 0600);
	signal(SIGUSR1, SIG_IGN);
	sigaction(SIGHUP, &(struct sigaction){ .sa_handler = note, .sa_flags = SA_RESTART }, NULL);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static void print(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : result ? "done" : "0");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int timed = strcmp(what, "timed") == 0;
	for (size_t i = 0; i < sizeof calls / sizeof *calls - (size_t)timed; i++) {
		prepare();
		waits_for_signal = calls[i].wait == by_sigtimedwait;
		pid_t child = start(timed ? keep_sending : strcmp(what, "handled") == 0 ? send_handled : send_then_succeed);
		print(calls[i].name, calls[i].wait(timed ? 50 : -1));
		semctl(semaphore, 0, IPC_RMID);
		kill(child, timed ? SIGKILL : 0);
		waitpid(child, NULL, 0);
	}
	return 0;
}
