/* threads WHAT [COUNT]: a process of several threads.
 *
 *   many COUNT        COUNT threads that are alive at once, then end
 *   leaderless        the leader ends first, a thread goes on and ends the process with status 7
 *   exec-living       a thread executes `echo done` while the leader waits for it
 *   exec-leaderless   the same after the leader has ended
 *   exec-race COUNT   COUNT threads execute it at once, while the leader waits
 *   busy COUNT        COUNT threads make calls without end, while the leader makes 100 children, one after the other
 *   fault COUNT       COUNT threads, every second of which makes calls without end; then the leader dies by a fault */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static pthread_t start(void *(*run)(void *))
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	int error = pthread_create(&thread, &attributes, run, (void *)(intptr_t)pthread_self());
	if (error) {
		fprintf(stderr, "threads: %s\n", strerror(error));
		exit(1);
	}
	return thread;
}

static void *meet(void *leader)
{
	(void)leader;
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void start_many(int count, void *(*run)(void *))
{
	pthread_t *threads = calloc((size_t)count, sizeof *threads);
	pthread_barrier_init(&barrier, NULL, (unsigned)count + 1);
	for (int i = 0; threads && i < count; i++)
		threads[i] = start(run);
	pthread_barrier_wait(&barrier);
	for (int i = 0; threads && i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static void *call_without_end(void *leader)
{
	for (;;)
		chmod("/nonexistent/file", 0);
	return leader;
}

static void *wait_without_end(void *leader)
{
	for (;;)
		pause();
	return leader;
}

static void make_children_beside(int count)
{
	for (int i = 0; i < count; i++)
		start(call_without_end);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	puts("done");
	exit(0);
}

static void die_among(int count)
{
	for (int i = 0; i < count; i++)
		start(i % 2 ? call_without_end : wait_without_end);
	*(volatile char *)0x123 = 0;
}

static void *execute(void *leader)
{
	(void)leader;
	execl("/bin/echo", "echo", "done", (char *)NULL);
	return NULL;
}

static void *execute_when_all_are_there(void *leader)
{
	pthread_barrier_wait(&barrier);
	return execute(leader);
}

static void *execute_without_leader(void *leader)
{
	pthread_join((pthread_t)(intptr_t)leader, NULL);
	return execute(leader);
}

static void *end_without_leader(void *leader)
{
	pthread_join((pthread_t)(intptr_t)leader, NULL);
	puts("the leader has ended");
	exit(7);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1;
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "many") == 0) {
		start_many(count, meet);
	} else if (strcmp(what, "exec-living") == 0) {
		pthread_join(start(execute), NULL);
	} else if (strcmp(what, "exec-race") == 0) {
		start_many(count, execute_when_all_are_there);
	} else if (strcmp(what, "busy") == 0) {
		make_children_beside(count);
	} else if (strcmp(what, "fault") == 0) {
		die_among(count);
	} else if (strcmp(what, "exec-leaderless") == 0) {
		start(execute_without_leader);
		pthread_exit(NULL);
	} else if (strcmp(what, "leaderless") == 0) {
		start(end_without_leader);
		pthread_exit(NULL);
	} else {
		return 2;
	}
	return 0;
}
