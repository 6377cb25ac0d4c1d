/* Promises of remembered working directories: an answer is that of /proc, or of before as long as nothing that
 * could have changed it was announced, and never for longer than the header says. */
#include "workdir.h"

#include "clock.h"
#include "procfs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long checks, failures;

#define CHECK(condition, what)                                                               \
	do {                                                                                 \
		checks++;                                                                    \
		if (!(condition) && failures++ < 20)                                         \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, what, #condition); \
	} while (0)

static int orders[2], answers[2];
static pid_t child;

/* The child goes where it is told: '/' or 'd' for /dev. */
static void obey(void)
{
	char order;
	while (read(orders[0], &order, 1) == 1)
		if (chdir(order == 'd' ? "/dev" : "/") || write(answers[1], &order, 1) != 1)
			_exit(1);
	_exit(0);
}

static void send(char order)
{
	CHECK(write(orders[1], &order, 1) == 1 && read(answers[0], &order, 1) == 1, "the child obeys");
}

static bool answers_dev(void)
{
	char link[PROCFS_LINK];
	ssize_t len = workdir_link(child, link, sizeof link);
	return len == 4 && memcmp(link, "/dev", 4) == 0;
}

/* A slow machine may forget between two lines: then it is tried again. */
static void test_answer_is_remembered(void)
{
	bool remembered = false;
	for (int i = 0; i < 100 && !remembered; i++) {
		send('d');
		workdir_forget(child);
		bool before = answers_dev();
		send('/');
		remembered = before && answers_dev();
	}
	CHECK(remembered, "an answer is remembered");
}

static void test_announced_change_is_seen(void)
{
	send('d');
	workdir_forget(child);
	CHECK(answers_dev(), "as /proc has it");
	workdir_change_begins();
	CHECK(answers_dev(), "not changed yet");
	send('/');
	CHECK(!answers_dev(), "nothing is remembered while a change is under way");
	workdir_change_ended();
	CHECK(!answers_dev(), "nothing of before is remembered after a change");
}

static void test_foreign_change_is_seen_in_time(void)
{
	send('d');
	workdir_forget(child);
	CHECK(answers_dev(), "as /proc has it");
	send('/');
	for (uint64_t from = clock_monotonic_ns(); clock_monotonic_ns() - from <= WORKDIR_MAX_NS;)
		;
	CHECK(!answers_dev(), "no answer outlives its time");
}

static void test_ended_task_has_none(void)
{
	char link[PROCFS_LINK];
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	workdir_forget(child);
	CHECK(workdir_link(child, link, sizeof link) < 0, "an ended task has no working directory");
}

int main(void)
{
	if (pipe(orders) || pipe(answers) || (child = fork()) < 0)
		return EXIT_FAILURE;
	if (child == 0)
		obey();
	test_answer_is_remembered();
	test_announced_change_is_seen();
	test_foreign_change_is_seen_in_time();
	test_ended_task_has_none();
	if (!failures)
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
