/* Watching COMMAND and the supervisor: see watch.h.
 *
 * Signals are taken from a signalfd, so there are no handlers and no races with poll; what becomes of them the relay
 * decides (relay.h). */
#include "watch.h"

#include "clock.h"
#include "jobcontrol.h"
#include "relay.h"
#include "trace.h"
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAVING_MS = 10000 }; /* how long the supervisor may take to go once it has told the end */

struct watch {
	struct launched *launched;
	struct control *control;
	struct relay *relay;
	struct watch_result result;
	int signal_fd;
	bool command_ended, supervisor_ended, closed;
	bool supervisor_stopped, given_up;
	struct watchdog watchdog;
};

/* A fault of ptwrap's own is delivered all the same: the kernel unblocks what it must (force_sig_info). */
void watch_block_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void reap_command(struct watch *watch)
{
	int status;
	while (!watch->command_ended && jobcontrol_stop(watch->launched->command, watch->control))
		;
	if (watch->command_ended || waitpid(watch->launched->command, &status, WNOHANG) <= 0)
		return;
	watch->command_ended = true;
	relay_stop(watch->relay);
	watch->result.status = status;
	atomic_store(&watch->control->released_status, status);
	atomic_store(&watch->control->released_ended, true);
	if (atomic_load(&watch->control->released))
		kill(watch->launched->supervisor, TRACE_WAKE);
}

static void reap_supervisor(struct watch *watch)
{
	pid_t supervisor = watch->launched->supervisor, got;
	int status;
	while (!watch->supervisor_ended && supervisor > 0 &&
	       (got = waitpid(supervisor, &status, WNOHANG | WUNTRACED | WCONTINUED)) != 0) {
		watch->supervisor_stopped = got > 0 && WIFSTOPPED(status);
		watch->supervisor_ended = got < 0 || (!WIFSTOPPED(status) && !WIFCONTINUED(status));
	}
}

/* A supervisor that serves nobody holds the whole tree: it is ended, and the tree with it. Milliseconds until it is
 * looked at again. */
static int look_after_supervisor(struct watch *watch)
{
	if (watch->supervisor_ended || watch->given_up)
		return -1;
	int due_ms = watchdog_due(&watch->watchdog);
	if (due_ms > 0)
		return due_ms;
	if (!watchdog_look(&watch->watchdog, watch->supervisor_stopped))
		return watchdog_due(&watch->watchdog);
	watch->given_up = true;
	watchdog_tell(&watch->watchdog, watch->supervisor_stopped, watch->result.stuck, sizeof watch->result.stuck);
	kill(watch->launched->supervisor, SIGKILL);
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
			relay_take(watch->relay, &info);
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

/* It has nothing left to do but to go. */
static void await_supervisor(struct watch *watch)
{
	struct pollfd source = { watch->signal_fd, POLLIN, 0 };
	uint64_t until = clock_monotonic_ns() + LEAVING_MS * 1000000ULL;
	for (reap_supervisor(watch); !watch->supervisor_ended; take_signals(watch)) {
		uint64_t now = clock_monotonic_ns();
		if (watch->supervisor_stopped || now >= until)
			kill(watch->launched->supervisor, SIGKILL);
		poll(&source, 1, now < until ? (int)((until - now) / 1000000) + 1 : -1);
	}
}

struct watch_result watch_command(struct launched *launched, struct control *control)
{
	struct watch watch = { .launched = launched, .control = control, .relay = relay_create(launched, control) };
	sigset_t all;
	sigfillset(&all);
	signal(SIGCHLD, SIG_DFL);
	watch.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd sources[] = { { watch.signal_fd, POLLIN, 0 },
				    { launched->ready_fd, POLLIN, 0 },
				    { launched->exec_error_fd, POLLIN, 0 } };
	watchdog_begin(&watch.watchdog, launched->supervisor, &control->pulse);
	take_signals(&watch);
	reap_command(&watch);
	while (!is_over(&watch)) {
		int timeout_ms = sooner(relay_release(watch.relay), look_after_supervisor(&watch));
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
	if (!atomic_load(&control->lingering))
		await_supervisor(&watch);
	close(watch.signal_fd);
	relay_free(watch.relay);
	witness_end(&launched->witness);
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
