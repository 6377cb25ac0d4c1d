/* reaper COMMAND...: runs COMMAND, inherits whatever it leaves behind, and ends when the last of that has ended and
 * could be waited for: with COMMAND's status, 128 + signal for a signal. It never ends while a process is stopped. */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status, result = 126;
	pid_t ended, command;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	command = argc > 1 ? fork() : -1;
	if (command == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while ((ended = wait(&status)) > 0)
		if (ended == command)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return result;
}
