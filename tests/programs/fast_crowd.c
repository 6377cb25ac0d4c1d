/* More threads than the ring has slots for calls under way: all are in pause when the process ends. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 100 };

static pid_t tids[THREADS];
static pthread_barrier_t all_known;

static void *wait_for_ever(void *tid)
{
	*(pid_t *)tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&all_known);
	for (;;)
		pause();
	return NULL;
}

static int is_in_pause(pid_t tid)
{
	char path[64], text[16] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	close(fd);
	return got > 3 && strncmp(text, "34 ", 3) == 0;
}

int main(void)
{
	pthread_t thread;
	pthread_barrier_init(&all_known, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, wait_for_ever, &tids[i]))
			return 1;
	pthread_barrier_wait(&all_known);
	for (int i = 0; i < THREADS; i++)
		while (!is_in_pause(tids[i]))
			;
	printf("%d\n", THREADS);
	fflush(stdout);
	_exit(0);
}
