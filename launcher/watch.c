/* Watching COMMAND and the supervisor: see watch.h.
 *
 * Signals are taken from a signalfd, so there are no handlers and no races with poll. A signal that
 * was sent to the launcher alone is forwarded; one that COMMAND got too, being in the same process
 * group or session, is not (hazard 24). */
#include "watch.h"

#include "procfs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct watch {
	const struct spawned *spawned;
	struct control *control;
	struct watch_result result;
	int signal_fd;
	bool command_ended, supervisor_ended, closed;
};

static void faults_of(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT };
	sigemptyset(set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigaddset(set, faults[i]);
}

void watch_block_signals(sigset_t *mask_before)
{
	sigset_t blocked;
	sigfillset(&blocked);
	sigset_t faults;
	faults_of(&faults);
	for (int signal = 1; signal < 32; signal++)
		if (sigismember(&faults, signal))
			sigdelset(&blocked, signal);
	sigprocmask(SIG_SETMASK, &blocked, mask_before);
}

/* Was the same signal sent to COMMAND itself? It then is pending there, or was delivered already. */
static bool command_got_it(struct watch *watch, const struct signalfd_siginfo *info)
{
	uint64_t pending = 0;
	atomic_int *delivered = &watch->control->delivered[info->ssi_signo];
	if (procfs_status_field(watch->spawned->command, "\nShdPnd:", 16, &pending) == 0 &&
	    (pending >> (info->ssi_signo - 1) & 1))
		return true;
	int sender = (int)info->ssi_pid;
	return atomic_compare_exchange_strong(delivered, &sender, 0);
}

static void forward(struct watch *watch, const struct signalfd_siginfo *info)
{
	if (watch->command_ended || info->ssi_code == SI_KERNEL || info->ssi_signo > 64)
		return;
	if (!command_got_it(watch, info))
		kill(watch->spawned->command, (int)info->ssi_signo);
}

/* COMMAND has stopped: so does ptwrap, by the same signal, until it is continued; then COMMAND is. */
static void stop_like_command(struct watch *watch, int signal)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, signal);
	kill(getpid(), signal);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	kill(watch->spawned->command, SIGCONT);
}

static void reap_command(struct watch *watch)
{
	int status;
	while (!watch->command_ended &&
	       waitpid(watch->spawned->command, &status, WNOHANG | WUNTRACED) > 0) {
		if (WIFSTOPPED(status)) {
			stop_like_command(watch, WSTOPSIG(status));
			continue;
		}
		watch->command_ended = true;
		watch->result.status = status;
	}
}

static void reap_supervisor(struct watch *watch)
{
	if (watch->supervisor_ended || watch->spawned->supervisor <= 0)
		return;
	if (waitpid(watch->spawned->supervisor, NULL, WNOHANG) == watch->spawned->supervisor)
		watch->supervisor_ended = true;
}

/* As PID 1 ptwrap inherits every orphan. */
static void reap_orphans(void)
{
	if (getpid() != 1)
		return;
	siginfo_t info = { 0 };
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
		if (waitpid(info.si_pid, NULL, WNOHANG) <= 0)
			return;
		info.si_pid = 0;
	}
}

static void take_signals(struct watch *watch)
{
	struct signalfd_siginfo info;
	while (read(watch->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGCHLD) {
			forward(watch, &info);
			continue;
		}
		reap_command(watch);
		reap_supervisor(watch);
		reap_orphans();
	}
}

static void take_phase(struct watch *watch)
{
	char byte;
	if (read(watch->spawned->ready_fd, &byte, 1) == 1) {
		int phase = atomic_load(&watch->control->phase);
		watch->closed = phase == CONTROL_ENDED || phase == CONTROL_REFUSED;
		if (phase == CONTROL_REFUSED) {
			watch->result.outcome = WATCH_REFUSED;
			watch->result.error = atomic_load(&watch->control->seize_error);
		}
		return;
	}
	if (!watch->closed) {
		watch->closed = true;
		watch->result.outcome = WATCH_SUPERVISOR_DIED;
	}
}

static void take_exec_error(struct watch *watch, struct pollfd *source)
{
	int error;
	if (read(source->fd, &error, sizeof error) == sizeof error) {
		watch->result.outcome = WATCH_NOT_RUN;
		watch->result.error = -error;
	}
	source->fd = -1;
}

static bool is_over(const struct watch *watch)
{
	return watch->closed && (watch->command_ended || watch->result.outcome != WATCH_ENDED);
}

struct watch_result watch_command(const struct spawned *spawned, struct control *control)
{
	struct watch watch = { .spawned = spawned, .control = control };
	sigset_t all;
	sigfillset(&all);
	signal(SIGCHLD, SIG_DFL);
	watch.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd sources[] = { { watch.signal_fd, POLLIN, 0 },
				    { spawned->ready_fd, POLLIN, 0 },
				    { spawned->exec_error_fd, POLLIN, 0 } };
	take_signals(&watch);
	reap_command(&watch);
	while (!is_over(&watch)) {
		if (poll(sources, 3, -1) < 0 && errno != EINTR)
			break;
		if (sources[2].revents && sources[2].fd >= 0)
			take_exec_error(&watch, &sources[2]);
		if (sources[0].revents)
			take_signals(&watch);
		if (sources[1].revents)
			take_phase(&watch);
	}
	if (!watch.command_ended && watch.result.outcome != WATCH_ENDED) {
		kill(spawned->command, SIGKILL); /* seized or not, nothing may run on unseen */
		waitpid(spawned->command, &watch.result.status, 0);
	}
	if (!atomic_load(&control->lingering) && !watch.supervisor_ended)
		waitpid(spawned->supervisor, NULL, 0);
	close(watch.signal_fd);
	return watch.result;
}

void watch_end_like(int status)
{
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	int number = WTERMSIG(status);
	fflush(NULL);
	if (getpid() == 1)
		_exit(128 + number);
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	raise(number);
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	_exit(128 + number);
}
