/* leaks [WORD]...: a program to be built with LeakSanitizer. Prints "done", and leaks nothing. By WORD:
 *
 *   leak      loses its only pointer to 33 bytes
 *   threads   forty threads wait meanwhile, with pointers on their stacks alone
 *   child     all this in a child; ends as that does
 *   midway    looks for leaks three times, while a thread works; then prints that it worked */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static void *volatile kept;
static volatile unsigned long work;
static volatile int stop;
static int ends[2];

static void *hold(void *unused)
{
	char byte, *own = malloc(77);
	(void)unused;
	own[0] = read(ends[0], &byte, 1) < 0;
	free(own);
	return NULL;
}

static void *labour(void *unused)
{
	while (!stop)
		work++;
	return unused;
}

static void check_midway(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, labour, NULL);
	for (int i = 0; i < 3 && __lsan_do_recoverable_leak_check; i++)
		puts(__lsan_do_recoverable_leak_check() ? "leak" : "no leak");
	unsigned long before = work;
	while (work == before)
		;
	stop = 1;
	pthread_join(thread, NULL);
	puts("worked");
}

int main(int argc, char **argv)
{
	int leak = 0, threads = 0, child = 0, midway = 0, status;
	pthread_t thread;
	for (int i = 1; i < argc; i++) {
		leak |= strcmp(argv[i], "leak") == 0;
		threads |= strcmp(argv[i], "threads") == 0;
		child |= strcmp(argv[i], "child") == 0;
		midway |= strcmp(argv[i], "midway") == 0;
	}
	if (child && fork()) {
		wait(&status);
		return WEXITSTATUS(status);
	}
	if (pipe(ends) < 0)
		return 2;
	for (int i = 0; threads && i < 40; i++)
		pthread_create(&thread, NULL, hold, NULL);
	kept = malloc(33);
	if (leak)
		kept = NULL;
	if (midway)
		check_midway();
	else
		puts("done");
	return 0;
}
