/* stops COUNT: with COUNT threads that wait, makes a call that stops at a tracer, over and over; prints the nanoseconds that each took,
 * the least of 20 rounds. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 20, CALLS = 200 };

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_ever(void *unused)
{
	pthread_mutex_lock(&held);
	return unused;
}

static long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int argc, char **argv)
{
	long least = 0;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	pthread_mutex_lock(&held);
	for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, wait_for_ever, NULL))
			return 1;
	}
	for (int round = 0; round < ROUNDS; round++) {
		long start = now_ns();
		for (int i = 0; i < CALLS; i++)
			chmod("/nonexistent/file", 0);
		long took = (now_ns() - start) / CALLS;
		if (!least || took < least)
			least = took;
	}
	printf("%ld\n", least);
	fflush(stdout);
	_exit(0);
}
