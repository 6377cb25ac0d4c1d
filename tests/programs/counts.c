/* counts: calls and errors that are the same in each run, for two tracers to count: files, signals, a child, a thread. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_signal(int signal)
{
	(void)signal;
}

/* Interrupted with a handler, hence not restarted, by a signal that is pending already. */
static void be_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked, none;
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaction(SIGUSR1, &action, NULL);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	for (int i = 0; i < 5; i++) {
		kill(getpid(), SIGUSR1);
		sigsuspend(&none);
	}
}

static void look_for_files(int count)
{
	char byte;
	struct stat status;
	for (int i = 0; i < count; i++) {
		int fd = open("/dev/null", O_RDWR);
		if (write(fd, "", 1) != 1 || read(fd, &byte, 1) != 0)
			_exit(1);
		close(fd);
		close(fd);
		open("missing", O_RDONLY);
		open("/dev/null/below", O_RDONLY);
		stat("/", &status);
		stat((char *)8, &status);
		syscall(SYS_getppid);
	}
}

static void *call_in_thread(void *unused)
{
	look_for_files(7);
	return unused;
}

int main(void)
{
	pthread_t thread;
	look_for_files(20);
	be_interrupted();
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();
		if (child == 0) {
			look_for_files(10);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	pthread_create(&thread, NULL, call_in_thread, NULL);
	while (pthread_tryjoin_np(thread, NULL) == EBUSY) /* pthread_join waits by a call, or not, as it comes */
		__builtin_ia32_pause();
	waitpid(-1, NULL, 0);
	return 0;
}
