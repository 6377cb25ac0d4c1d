/* Promises of the watchdog: it counts time in which the supervisor sleeps, stands still or turns in a circle, and none that
 * overload explains. A child plays the supervisor. */
#include "clock.h"
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures, checks;

#define CHECK(condition, ...)                                                           \
	do {                                                                            \
		checks++;                                                               \
		if (!(condition)) {                                                     \
			failures++;                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__);                                   \
			fputc('\n', stderr);                                            \
		}                                                                       \
	} while (0)

enum { LOOK_MS = 600 };

static struct pulse *pulse;

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void spin(void)
{
	for (volatile unsigned turns = 0;; turns++)
		;
}

static void on_ping(int signal)
{
	(void)signal;
	pulse_beat();
}

static void *spin_in_thread(void *unused)
{
	spin();
	return unused;
}

/* As long as the recorder is at work for it, the tracer may wait. */
static void wait_for_a_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, spin_in_thread, NULL);
	sleep_for_ever();
}

static void answer(void)
{
	signal(SIGUSR2, on_ping);
	sleep_for_ever();
}

static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Wants to run, on a CPU where others come first. */
static void starve(void)
{
	struct sched_param none = { 0 };
	stay_on_one_cpu();
	sched_setscheduler(0, SCHED_IDLE, &none);
	spin();
}

static pid_t start(void (*play)(void))
{
	pid_t pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pulse_use(pulse);
	play();
	_exit(0);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Milliseconds that it counts of some LOOK_MS; of as many again, where others take the time, until they are enough. */
static unsigned silence_of(void (*play)(void), bool stopped, unsigned enough)
{
	struct watchdog watchdog;
	pid_t pid = start(play);
	watchdog_begin(&watchdog, pid, pulse);
	watchdog.beats = atomic_load(&pulse->beats);
	for (int i = 0; i < (enough ? 40 : 2) && (!enough || watchdog.silent_ns / 1000000 < enough); i++) {
		poll(NULL, 0, LOOK_MS / 2); /* the time is what is measured */
		CHECK(!watchdog_look(&watchdog, stopped), "alarm after %d looks", i + 1);
	}
	end(pid);
	return (unsigned)(watchdog.silent_ns / 1000000);
}

static void test_what_is_counted(void)
{
	unsigned ms;
	CHECK((ms = silence_of(sleep_for_ever, false, LOOK_MS * 9 / 10)) >= LOOK_MS * 9 / 10, "asleep: %u ms", ms);
	CHECK((ms = silence_of(sleep_for_ever, true, LOOK_MS * 9 / 10)) >= LOOK_MS * 9 / 10, "stopped: %u ms", ms);
	CHECK((ms = silence_of(spin, false, LOOK_MS / 6)) >= LOOK_MS / 6, "in a circle: %u ms", ms);
}

static void test_what_overload_explains(void)
{
	unsigned ms;
	pid_t hogs[2];
	CHECK((ms = silence_of(wait_for_a_thread, false, 0)) == 0, "a thread is at work: %u ms", ms);
	cpu_set_t before;
	sched_getaffinity(0, sizeof(before), &before);
	stay_on_one_cpu();
	for (int i = 0; i < 2; i++)
		hogs[i] = start(spin);
	sched_setaffinity(0, sizeof(before), &before);
	CHECK((ms = silence_of(starve, false, 0)) <= LOOK_MS / 8, "starved: %u ms", ms);
	for (int i = 0; i < 2; i++)
		end(hogs[i]);
}

static void test_a_beat_ends_it(void)
{
	struct watchdog watchdog;
	pid_t pid = start(answer);
	watchdog_begin(&watchdog, pid, pulse);
	watchdog.beats = atomic_load(&pulse->beats);
	watchdog.silent_ns = 5000000000;
	for (uint64_t until = clock_monotonic_ns() + 10000000000; watchdog.silent_ns && clock_monotonic_ns() < until;)
		watchdog_look(&watchdog, false);
	CHECK(watchdog.silent_ns == 0, "it answered");
	end(pid);
}

static void test_the_alarm_says_where(void)
{
	char text[256];
	struct watchdog watchdog;
	pid_t pid = start(sleep_for_ever);
	watchdog_begin(&watchdog, pid, pulse);
	watchdog.beats = atomic_load(&pulse->beats);
	watchdog.silent_ns = WATCHDOG_SILENT_MS * 1000000ULL;
	watchdog.looked_ns -= 1000000000;
	CHECK(watchdog_look(&watchdog, true), "alarm");
	pulse_use(pulse);
	pulse_serves(2, 4711, 257);
	watchdog_tell(&watchdog, true, text, sizeof text);
	CHECK(strstr(text, "at the seccomp-stop of task 4711 (openat)") && strstr(text, "it was stopped"), "%s", text);
	end(pid);
}

int main(void)
{
	pulse = mmap(NULL, sizeof *pulse, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGUSR2, SIG_IGN); /* pings that come before a child is ready */
	if (pulse == MAP_FAILED)
		return 1;
	test_what_is_counted();
	test_what_overload_explains();
	test_a_beat_ends_it();
	test_the_alarm_says_where();
	if (failures)
		return 1;
	printf("ok %d\n", checks);
	return 0;
}
