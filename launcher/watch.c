/* Watching COMMAND and the supervisor: see watch.h.
 *
 * Signals are taken from a signalfd, so there are no handlers and no races with poll. A signal that
 * was sent to the launcher alone is forwarded; one that COMMAND got too, being in the same process
 * group or session, is not (hazard 24). Which it was shows a moment later only: the kernel may not have
 * come to COMMAND yet, nor the supervisor to its delivery stop. So each is kept for that moment.
 * A program that takes such a signal by sigwait or signalfd, within that moment, gets it twice. */
#include "watch.h"

#include "clock.h"
#include "procfs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	HELD_MAX = 64,
	HELD_NS = 20000000,      /* how long a signal is kept */
	SEEN_BEFORE_NS = 100000000, /* COMMAND's own may have been delivered so much earlier */
	STOPPED_NS = 1000000000     /* how long somebody may stop the supervisor */
};

/* A signal that the launcher got, and COMMAND perhaps too. */
struct held {
	struct signalfd_siginfo info;
	uint64_t taken_ns;
};

struct watch {
	const struct launched *launched;
	struct control *control;
	struct watch_result result;
	int signal_fd;
	bool command_ended, supervisor_ended, closed;
	uint64_t stopped_ns; /* since when the supervisor is stopped; 0: it is not */
	struct held held[HELD_MAX]; /* in the order in which they came */
	size_t held_count;
};

static void faults_of(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT };
	sigemptyset(set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigaddset(set, faults[i]);
}

void watch_block_signals(void)
{
	sigset_t blocked;
	sigfillset(&blocked);
	sigset_t faults;
	faults_of(&faults);
	for (int signal = 1; signal < 32; signal++)
		if (sigismember(&faults, signal))
			sigdelset(&blocked, signal);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* A standard signal is pending once; those from SIGRTMIN on are queued, each counts. */
static bool is_pending_in_command(const struct watch *watch, uint32_t number)
{
	uint64_t pending = 0;
	if (number >= 32)
		return false;
	procfs_status_field(watch->launched->command, "\nShdPnd:", 16, &pending);
	return pending >> (number - 1) & 1;
}

/* Was COMMAND given the same signal by the same sender just now? */
static bool was_delivered_to_command(struct watch *watch, const struct held *held)
{
	struct delivered *delivered = &watch->control->delivered[held->info.ssi_signo];
	int sender = (int)held->info.ssi_pid;
	return atomic_load(&delivered->at_ns) + SEEN_BEFORE_NS >= held->taken_ns &&
	       atomic_compare_exchange_strong(&delivered->sender, &sender, 0);
}

static void forward(const struct watch *watch, const struct signalfd_siginfo *info)
{
	union sigval value = { .sival_ptr = (void *)(uintptr_t)info->ssi_ptr };
	if (info->ssi_code == SI_QUEUE)
		sigqueue(watch->launched->command, (int)info->ssi_signo, value);
	else
		kill(watch->launched->command, (int)info->ssi_signo);
}

/* timeout(1) signals ptwrap, and then its group. */
static bool is_held(const struct watch *watch, const struct signalfd_siginfo *info)
{
	for (size_t i = 0; i < watch->held_count; i++)
		if (info->ssi_signo < 32 && watch->held[i].info.ssi_signo == info->ssi_signo &&
		    watch->held[i].info.ssi_pid == info->ssi_pid)
			return true;
	return false;
}

static void hold(struct watch *watch, const struct signalfd_siginfo *info)
{
	if (watch->command_ended || info->ssi_code == SI_KERNEL || info->ssi_signo > 64 ||
	    is_held(watch, info) || is_pending_in_command(watch, info->ssi_signo))
		return;
	if (watch->held_count == HELD_MAX)
		forward(watch, info);
	else
		watch->held[watch->held_count++] = (struct held){ *info, clock_monotonic_ns() };
}

/* Forwards what was kept long enough. Milliseconds until the next one is, -1: none. */
static int release_held(struct watch *watch)
{
	uint64_t now = clock_monotonic_ns();
	size_t done = 0;
	while (done < watch->held_count && watch->held[done].taken_ns + HELD_NS <= now) {
		const struct held *held = &watch->held[done++];
		if (!watch->command_ended && !was_delivered_to_command(watch, held) &&
		    !is_pending_in_command(watch, held->info.ssi_signo))
			forward(watch, &held->info);
	}
	watch->held_count -= done;
	memmove(watch->held, watch->held + done, watch->held_count * sizeof *watch->held);
	if (!watch->held_count)
		return -1;
	return (int)((watch->held[0].taken_ns + HELD_NS - now) / 1000000) + 1;
}

/* COMMAND has stopped: so does ptwrap, by the same signal, until it is continued. The SIGCONT that does it
 * is a signal like others, to be forwarded unless COMMAND got it too. */
static void stop_like_command(int number)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, number);
	if (number != SIGSTOP)
		signal(number, SIG_DFL);
	kill(getpid(), number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static void reap_command(struct watch *watch)
{
	int status;
	while (!watch->command_ended &&
	       waitpid(watch->launched->command, &status, WNOHANG | WUNTRACED) > 0) {
		if (WIFSTOPPED(status)) {
			stop_like_command(WSTOPSIG(status));
			continue;
		}
		watch->command_ended = true;
		watch->result.status = status;
	}
}

static void reap_supervisor(struct watch *watch)
{
	pid_t supervisor = watch->launched->supervisor;
	int status;
	while (!watch->supervisor_ended && supervisor > 0 &&
	       waitpid(supervisor, &status, WNOHANG | WUNTRACED | WCONTINUED) == supervisor) {
		watch->stopped_ns = WIFSTOPPED(status) ? clock_monotonic_ns() : 0;
		watch->supervisor_ended = !WIFSTOPPED(status) && !WIFCONTINUED(status);
	}
}

/* A stopped supervisor holds the whole tree: a stop that nobody ends is ended here. Milliseconds until
 * then, -1: it is not stopped. */
static int resume_supervisor(struct watch *watch)
{
	if (!watch->stopped_ns || watch->supervisor_ended)
		return -1;
	uint64_t now = clock_monotonic_ns(), until = watch->stopped_ns + STOPPED_NS;
	if (now < until)
		return (int)((until - now) / 1000000) + 1;
	watch->stopped_ns = 0;
	kill(watch->launched->supervisor, SIGCONT);
	return -1;
}

static int sooner(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
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
			hold(watch, &info);
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
	if (read(watch->launched->ready_fd, &byte, 1) == 1) {
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
		watch->result.outcome = error < 0 ? WATCH_NOT_RUN : WATCH_REFUSED;
		watch->result.error = abs(error);
	}
	source->fd = -1;
}

static bool is_over(const struct watch *watch)
{
	return watch->closed && (watch->command_ended || watch->result.outcome != WATCH_ENDED);
}

struct watch_result watch_command(const struct launched *launched, struct control *control)
{
	struct watch watch = { .launched = launched, .control = control };
	sigset_t all;
	sigfillset(&all);
	signal(SIGCHLD, SIG_DFL);
	watch.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd sources[] = { { watch.signal_fd, POLLIN, 0 },
				    { launched->ready_fd, POLLIN, 0 },
				    { launched->exec_error_fd, POLLIN, 0 } };
	take_signals(&watch);
	reap_command(&watch);
	while (!is_over(&watch)) {
		int timeout_ms = sooner(release_held(&watch), resume_supervisor(&watch));
		if (poll(sources, 3, timeout_ms) < 0 && errno != EINTR)
			break;
		if (sources[2].revents && sources[2].fd >= 0)
			take_exec_error(&watch, &sources[2]);
		if (sources[0].revents)
			take_signals(&watch);
		if (sources[1].revents)
			take_phase(&watch);
	}
	if (!watch.command_ended && watch.result.outcome != WATCH_ENDED) {
		kill(launched->command, SIGKILL); /* seized or not, nothing may run on unseen */
		waitpid(launched->command, &watch.result.status, 0);
	}
	if (!atomic_load(&control->lingering) && !watch.supervisor_ended)
		waitpid(launched->supervisor, NULL, 0);
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
