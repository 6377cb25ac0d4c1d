/* signals WHAT: sends and takes signals, and prints what happened.
 *
 *   handled     one signal of each origin is handled; prints its name once it was
 *   traps       SIGTRAP by an instruction, by raise, and by single steps: prints how many were handled
 *   timers      ten SIGALRM of an interval timer, and ten SIGCHLD; prints both counts
 *   stops       a child of three threads is stopped by SIGSTOP and continued; prints what waitpid said, and if it ran on
 *   herd        each of a child's forty threads is sent SIGSTOP before one has stopped, and the child is continued, over and
 *               over; prints how often waitpid said so
 *   dies SIGNAL the process dies by that signal, sent to itself; by SIGSEGV (11) it is a fault
 *   kills       a child is killed by SIGKILL; prints "PID SIGNAL" */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t counts[65];

static void count(int signal)
{
	counts[signal]++;
}

static void handle(int signal)
{
	struct sigaction action = { .sa_handler = count };
	sigaction(signal, &action, NULL);
}

static void print_taken(int signal)
{
	printf("SIG%s %d\n", signal >= SIGRTMIN ? "RT" : sigabbrev_np(signal), (int)counts[signal]);
}

/* Blocks them, lets `send` act, and waits until one has come. */
static void take(int signal, void (*send)(int signal))
{
	sigset_t one, before;
	handle(signal);
	sigemptyset(&one);
	sigaddset(&one, signal);
	sigprocmask(SIG_BLOCK, &one, &before);
	send(signal);
	while (counts[signal] == 0)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	print_taken(signal);
}

static void by_kill(int signal)
{
	kill(getpid(), signal);
}

static void by_raise(int signal)
{
	raise(signal);
}

static void by_queue(int signal)
{
	sigqueue(getpid(), signal, (union sigval){ .sival_int = 7 });
}

static void by_child(int signal)
{
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		kill(parent, signal);
		_exit(0);
	}
}

static void by_alarm(int signal)
{
	(void)signal;
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 1000 } }, NULL);
}

static void by_pipe(int signal)
{
	int ends[2];
	(void)signal;
	if (pipe(ends) == 0 && close(ends[0]) == 0 && write(ends[1], "", 1) < 0)
		close(ends[1]);
}

static int handled(void)
{
	take(SIGUSR1, by_kill);
	take(SIGUSR2, by_raise);
	take(SIGRTMIN + 3, by_queue);
	take(SIGTERM, by_child);
	take(SIGALRM, by_alarm);
	take(SIGPIPE, by_pipe);
	return wait(NULL) < 0;
}

static int traps(void)
{
	handle(SIGTRAP);
	__asm__ volatile("int3");
	raise(SIGTRAP);
	kill(getpid(), SIGTRAP);
	/* The trap flag: one SIGTRAP after each instruction until it is cleared again. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tnop\n\tnop\n\t"
			 "pushf\n\tandl $~0x100, (%%rsp)\n\tpopf\n\tlea 128(%%rsp), %%rsp" ::: "memory", "cc");
	print_taken(SIGTRAP);
	return 0;
}

static int timers(void)
{
	sigset_t both, before;
	struct itimerval every = { .it_interval = { 0, 2000 }, .it_value = { 0, 2000 } };
	sigemptyset(&both);
	sigaddset(&both, SIGALRM);
	sigaddset(&both, SIGCHLD);
	sigprocmask(SIG_BLOCK, &both, &before);
	handle(SIGALRM);
	handle(SIGCHLD);
	setitimer(ITIMER_REAL, &every, NULL);
	while (counts[SIGALRM] < 10)
		sigsuspend(&before);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	for (int i = 1; i <= 10; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		while (counts[SIGCHLD] < i)
			sigsuspend(&before);
		waitpid(child, NULL, 0);
	}
	printf("%d %d\n", counts[SIGALRM] >= 10, (int)counts[SIGCHLD]);
	return 0;
}

static atomic_long *ticks;

static void *tick(void *unused)
{
	for (;;)
		atomic_fetch_add(ticks, 1);
	return unused;
}

static void live(int ready)
{
	pthread_t thread;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, tick, NULL);
	if (write(ready, "", 1) == 1)
		tick(NULL);
	_exit(1);
}

static long ticks_after_a_while(void)
{
	for (int i = 0; i < 2000; i++)
		sched_yield();
	return atomic_load(ticks);
}

static int stops(void)
{
	int ready[2], status;
	char byte;
	ticks = mmap(NULL, sizeof *ticks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ticks == MAP_FAILED || pipe(ready) < 0)
		return 1;
	pid_t child = fork();
	if (child == 0)
		live(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	for (int round = 0; round < 3; round++) {
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
		long stopped_at = atomic_load(ticks);
		printf("%s by %d, %s\n", WIFSTOPPED(status) ? "stopped" : "?", WSTOPSIG(status),
		       ticks_after_a_while() == stopped_at ? "stands still" : "runs on");
		kill(child, SIGCONT);
		waitpid(child, &status, WCONTINUED);
		while (atomic_load(ticks) == stopped_at)
			sched_yield();
		puts(WIFCONTINUED(status) ? "continued" : "?");
	}
	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	printf("ended by %d\n", WTERMSIG(status));
	return 0;
}

enum { HERD = 40, ROUNDS = 20 };

static void *graze(void *ready)
{
	pid_t self = gettid();
	if (write(*(int *)ready, &self, sizeof self) == sizeof self)
		for (;;)
			sched_yield();
	return NULL;
}

static int herd(void)
{
	int ready[2], status, stopped = 0, continued = 0;
	pid_t threads[HERD];
	pthread_t thread;
	if (pipe(ready) < 0)
		return 1;
	pid_t child = fork();
	if (child == 0) {
		for (int i = 1; i < HERD; i++)
			pthread_create(&thread, NULL, graze, &ready[1]);
		graze(&ready[1]);
	}
	for (int i = 0; i < HERD; i++)
		if (read(ready[0], &threads[i], sizeof threads[i]) != sizeof threads[i])
			return 1;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < HERD; i++)
			syscall(SYS_tgkill, child, threads[i], SIGSTOP);
		stopped += waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
		kill(child, SIGCONT);
		continued += waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	printf("stopped %d, continued %d, ended by %d\n", stopped, continued, WTERMSIG(status));
	return 0;
}

static int kills(void)
{
	int status;
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	printf("%d %s\n", child, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "?");
	return 0;
}

static _Noreturn void die(int signal)
{
	const struct sigaction fresh = { .sa_handler = SIG_DFL };
	sigset_t none;
	if (signal == SIGSEGV)
		*(volatile char *)0x123 = 0;
	sigemptyset(&none);
	sigaction(signal, &fresh, NULL); /* whoever runs the tests may ignore it, or block it */
	sigprocmask(SIG_SETMASK, &none, NULL);
	kill(getpid(), signal);
	for (;;)
		pause();
}

static const struct {
	const char *name;
	int (*run)(void);
} scenes[] = { { "handled", handled }, { "traps", traps }, { "timers", timers },
	       { "stops", stops },     { "herd", herd },   { "kills", kills } };

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		if (strcmp(what, scenes[i].name) == 0)
			return scenes[i].run();
	if (strcmp(what, "dies") == 0 && argc > 2)
		die(atoi(argv[2]));
	return 2;
}
