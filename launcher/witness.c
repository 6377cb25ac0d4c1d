/* The witness of signals to the group: see witness.h. */
#include "witness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 200, FIRST_OWN_FD = 3 };

/* Closes all but the two, which come to lie at 0 and 1: what is open elsewhere would keep pipes from ending. */
static void keep_only(int ask_fd, int answer_fd)
{
	int ask = fcntl(ask_fd, F_DUPFD, FIRST_OWN_FD), answer = fcntl(answer_fd, F_DUPFD, FIRST_OWN_FD);
	dup2(ask, STDIN_FILENO);
	dup2(answer, STDOUT_FILENO);
	syscall(SYS_close_range, (unsigned)STDERR_FILENO, ~0U, 0U);
}

static void tell_all(int signal_fd)
{
	struct signalfd_siginfo info;
	struct witnessed given = { 0 };
	while (read(signal_fd, &info, sizeof info) == sizeof info) {
		given = (struct witnessed){ (int)info.ssi_signo, (pid_t)info.ssi_pid };
		if (write(STDOUT_FILENO, &given, sizeof given) != sizeof given)
			_exit(0);
	}
	given = (struct witnessed){ 0 };
	if (write(STDOUT_FILENO, &given, sizeof given) != sizeof given)
		_exit(0);
}

static _Noreturn void be_witness(int ask_fd, int answer_fd)
{
	char question;
	sigset_t all;
	prctl(PR_SET_NAME, "ptwrap-witness");
	prctl(PR_SET_DUMPABLE, 0);
	keep_only(ask_fd, answer_fd);
	if (chdir("/") != 0)
		_exit(0);
	sigfillset(&all);
	int signal_fd = signalfd(-1, &all, SFD_NONBLOCK);
	while (signal_fd >= 0 && read(STDIN_FILENO, &question, 1) == 1)
		tell_all(signal_fd);
	_exit(0);
}

/* Ends above the standard descriptors, which may have been given closed. */
static int open_high_pipe(int ends[2])
{
	int low[2];
	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FIRST_OWN_FD);
		close(low[i]);
	}
	return ends[0] < 0 || ends[1] < 0 ? -EMFILE : 0;
}

void witness_start(struct witness *witness)
{
	int ask[2] = { -1, -1 }, answer[2] = { -1, -1 };
	*witness = (struct witness){ 0, -1, -1 };
	pid_t pid = open_high_pipe(ask) || open_high_pipe(answer) ? -1 : fork();
	if (pid == 0)
		be_witness(ask[0], answer[1]);
	close(ask[0]);
	close(answer[1]);
	*witness = (struct witness){ pid > 0 ? pid : 0, ask[1], answer[0] };
	if (!witness->pid)
		witness_close(witness);
}

/* It may have been stopped, by whoever stopped the launcher: once continued it answers. */
static bool next(struct witness *witness, struct witnessed *given)
{
	struct pollfd source = { witness->answer_fd, POLLIN, 0 };
	if (poll(&source, 1, PATIENCE_MS) == 0) {
		kill(witness->pid, SIGCONT);
		if (poll(&source, 1, PATIENCE_MS) == 0)
			return false;
	}
	return read(witness->answer_fd, given, sizeof *given) == sizeof *given;
}

bool witness_ask(struct witness *witness, void (*tell)(const struct witnessed *given, void *context), void *context)
{
	struct witnessed given;
	if (!witness->pid)
		return false;
	bool answered = write(witness->ask_fd, "", 1) == 1;
	while (answered && (answered = next(witness, &given)) && given.number)
		tell(&given, context);
	if (!answered)
		witness_end(witness);
	return answered;
}

void witness_close(struct witness *witness)
{
	if (witness->ask_fd >= 0)
		close(witness->ask_fd);
	if (witness->answer_fd >= 0)
		close(witness->answer_fd);
	witness->ask_fd = witness->answer_fd = -1;
}

void witness_end(struct witness *witness)
{
	witness_close(witness);
	if (!witness->pid)
		return;
	kill(witness->pid, SIGKILL);
	waitpid(witness->pid, NULL, 0);
	witness->pid = 0;
}
