/* Stopping as COMMAND stops: see jobcontrol.h. */
#include "jobcontrol.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The signal that COMMAND is stopped by, 0: it is not; told once, unless it is only looked at. */
static int stopped_by(pid_t command, bool look)
{
	siginfo_t info = { 0 };
	int flags = WSTOPPED | WNOHANG | (look ? WNOWAIT : 0);
	return waitid(P_PID, (id_t)command, &info, flags) == 0 && info.si_pid ? info.si_status : 0;
}

static void stop_by(int number)
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

bool jobcontrol_is_apart(pid_t command)
{
	return getpgrp() == getpid() && getpgid(command) == command;
}

/* The terminal, if COMMAND's own group has it; -1: not. */
static int terminal_of(pid_t command)
{
	int terminal = jobcontrol_is_apart(command) ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	if (terminal < 0 || tcgetpgrp(terminal) == command)
		return terminal;
	close(terminal);
	return -1;
}

/* Whoever continues COMMAND alone, or just before ptwrap stops, must not leave ptwrap stopped. As long as `stops` is
 * odd the supervisor continues ptwrap when it sees COMMAND go on; what it saw before that, is no stop any more here. */
bool jobcontrol_stop(pid_t command, struct control *control)
{
	if (!stopped_by(command, true))
		return false;
	int terminal = terminal_of(command);
	atomic_fetch_add(&control->stops, 1);
	int number = stopped_by(command, false);
	if (number)
		stop_by(number);
	atomic_fetch_add(&control->stops, 1);
	if (terminal >= 0 && tcgetpgrp(terminal) == getpgrp())
		tcsetpgrp(terminal, command);
	if (terminal >= 0)
		close(terminal);
	return true;
}
