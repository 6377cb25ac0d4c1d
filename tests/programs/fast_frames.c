/* fast_frames WHAT: who called whom, as seen from a call.
 *
 *   read    from a handler, by backtrace(), while a read waits
 *   steps   at each instruction of some calls, their caller is found by backtrace()
 *   async   threads that call without end are cancelled asynchronously; their clean-up handlers run
 *   core    is ended by SIGQUIT while a read waits, and leaves a core: `caller` and `callers_caller` are in it */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { FRAMES = 64, THREADS = 100, FUNCTION_BYTES = 256, TRAP_FLAG = 0x100 };

static int ends[2];
static void *frame[FRAMES];
static volatile int frames;
static atomic_int cleaned, busy;

static void on_signal(int signal)
{
	(void)signal;
	frames = backtrace(frame, FRAMES);
}

__attribute__((noinline, aligned(FUNCTION_BYTES))) static long caller(void)
{
	char byte;
	long got = read(ends[0], &byte, 1);
	return got + 1;
}

__attribute__((noinline, aligned(FUNCTION_BYTES))) static long callers_caller(void)
{
	return caller() + 1;
}

/* Of the library that exports it, not of a copy in the program. */
static bool is_in(const void *address, const char *function)
{
	Dl_info info;
	return dladdr(address, &info) && info.dli_sname && strcmp(info.dli_sname, function) == 0;
}

static bool is_behind(void *address, void *function)
{
	return (uintptr_t)address - (uintptr_t)function < FUNCTION_BYTES;
}

static int from_read(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	int in_read = -1, in_caller = -1, in_callers_caller = -1;
	backtrace(frame, 1); /* loads what it needs */
	if (pipe(ends) < 0)
		return 1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	callers_caller();
	for (int i = 0; i < frames; i++) {
		if (is_in(frame[i], "read"))
			in_read = i;
		if (is_behind(frame[i], (void *)caller))
			in_caller = i;
		if (is_behind(frame[i], (void *)callers_caller))
			in_callers_caller = i;
	}
	printf("read %s\n", in_read > 0 ? "is there" : "is missing");
	printf("caller %s\n", in_caller == in_read + 1 ? "follows" : "does not follow");
	printf("its caller %s\n", in_callers_caller == in_caller + 1 ? "follows" : "does not follow");
	return 0;
}

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *call_without_end(void *unused)
{
	pthread_cleanup_push(clean, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	busy++;
	for (;;)
		getppid();
	pthread_cleanup_pop(0);
	return unused;
}

static int cancel_asynchronously(void)
{
	int cancelled = 0;
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		void *result;
		pthread_create(&thread, NULL, call_without_end, NULL);
		while (busy <= i)
			;
		pthread_cancel(thread);
		pthread_join(thread, &result);
		cancelled += result == PTHREAD_CANCELED;
	}
	printf("%d cancelled, %d cleaned\n", cancelled, (int)cleaned);
	return 0;
}

static volatile bool stepping;
static volatile int steps, lost;

enum { MADE_BY_READ, MADE_BY_GETPPID, MADE_BY_NANOSLEEP, MADE_BY_SYSCALL, MADE };

/* Makes the call, if wanted with a signal at each instruction. */
__attribute__((noinline, aligned(FUNCTION_BYTES))) static long call_stepping(int call, bool each)
{
	struct timespec no_time = { 0 };
	char byte = 0;
	long result = -1;
	stepping = each;
	raise(SIGUSR1);
	if (call == MADE_BY_READ)
		result = read(ends[0], &byte, 1);
	else if (call == MADE_BY_GETPPID)
		result = getppid();
	else if (call == MADE_BY_NANOSLEEP)
		result = nanosleep(&no_time, NULL);
	else if (call == MADE_BY_SYSCALL)
		result = syscall(SYS_getppid);
	stepping = false;
	return result;
}

/* For SIGUSR1, which starts, and for each SIGTRAP: while it runs the processor's trap flag is off. */
__attribute__((aligned(FUNCTION_BYTES))) static void on_step(int signal, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
	void *stack[FRAMES];
	bool found = false;
	(void)info;
	*flags = stepping ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
	if (!stepping || signal != SIGTRAP)
		return;
	int len = backtrace(stack, FRAMES);
	for (int i = 0; i < len; i++)
		found |= is_behind(stack[i], (void *)call_stepping);
	steps++;
	lost += !found;
}

/* At each instruction of some calls a signal comes, and its handler asks who called. */
static int step_through(void)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	backtrace(frame, 1);
	if (pipe(ends) < 0 || write(ends[1], "abcd", 4) != 4)
		return 1;
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int call = 0; call < MADE; call++) {
		call_stepping(call, false); /* the linker has its own ways with the first */
		steps = lost = 0;
		call_stepping(call, true);
		printf("%d: %s steps, callers lost %d times\n", call, steps > 10 ? "many" : "few", lost);
	}
	return 0;
}

static int end_with_core(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGQUIT };
	struct itimerspec soon = { .it_value.tv_nsec = 20000000 };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	timer_t timer;
	if (pipe(ends) < 0 || setrlimit(RLIMIT_CORE, &all) < 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &soon, NULL) < 0)
		return 1;
	return (int)callers_caller();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "read") == 0)
		return from_read();
	if (strcmp(what, "async") == 0)
		return cancel_asynchronously();
	if (strcmp(what, "steps") == 0)
		return step_through();
	if (strcmp(what, "core") == 0)
		return end_with_core();
	return 2;
}
