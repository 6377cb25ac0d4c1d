/* fast_signals WHAT [COUNT]: signals that arrive anywhere in calls, each COUNT times.
 *
 *   storm    two timers of 1 to 120 us over loops of calls; their handlers make calls too, and come while others run.
 *            Writes to ./counted how often each call was made, and how often it failed.
 *   jumps    handlers leave by siglongjmp, after 1 to 20 us, from calls that block and from calls that do not
 *   masked   the calls of the loop are made with all signals blocked: none arrives */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ERRNO = 4711 };

static struct {
	long getppid, stat, missing, readv, getuid, setitimer, timer_settime;
} made;
static volatile sig_atomic_t handled, wrong;
static timer_t timer;
static uid_t user;
static sigjmp_buf back;

static void must(bool holds)
{
	wrong += !holds;
}

static int tell(const char *what)
{
	printf("%s %s\n", what, wrong ? "wrong" : "ok");
	return wrong != 0;
}

static unsigned longest = 120;

static long microseconds(void)
{
	static unsigned random = 1;
	random = random * 1103515245 + 12345;
	return 1 + random / 65536 % longest;
}

/* Once; a timer that comes again by itself might leave the program no time where signals are dear. */
static void arm_alarm(void)
{
	struct itimerval once = { .it_value.tv_usec = microseconds() };
	made.setitimer++;
	must(setitimer(ITIMER_REAL, &once, NULL) == 0);
}

static void arm_timer(void)
{
	struct itimerspec once = { .it_value.tv_nsec = microseconds() * 1000 };
	made.timer_settime++;
	must(timer_settime(timer, 0, &once, NULL) == 0);
}

static void on_signal(int signal)
{
	int saved = errno;
	handled++;
	made.getuid++;
	must(getuid() == user);
	if (signal == SIGALRM)
		arm_alarm();
	else
		arm_timer();
	must(errno == saved);
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signal, &action, NULL);
}

static void start_storm(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF };
	handle(SIGALRM, on_signal, SA_RESTART);
	handle(SIGPROF, on_signal, SA_RESTART);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	arm_timer();
	arm_alarm();
}

static void block_all(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static void call_all(int zero, pid_t parent)
{
	struct stat status;
	char byte = 1;
	struct iovec one = { &byte, 1 };
	errno = ERRNO;
	must(getppid() == parent);
	must(syscall(SYS_stat, "/", &status) == 0 && S_ISDIR(status.st_mode));
	must(readv(zero, &one, 1) == 1 && byte == 0);
	must(errno == ERRNO);
	must(syscall(SYS_stat, "/nonexistent", &status) == -1 && errno == ENOENT);
	made.getppid++;
	made.stat += 2;
	made.missing++;
	made.readv++;
}

static void write_counted(void)
{
	FILE *file = fopen("counted", "w");
	if (!file)
		exit(1);
	fprintf(file, "getppid %ld 0\nstat %ld %ld\nreadv %ld 0\n", made.getppid, made.stat, made.missing, made.readv);
	fprintf(file, "getuid %ld 0\nsetitimer %ld 0\ntimer_settime %ld 0\n", made.getuid, made.setitimer, made.timer_settime);
	fclose(file);
}

static int storm(int count)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	pid_t parent = getppid();
	user = getuid();
	made.getppid++;
	made.getuid++;
	start_storm();
	while (handled < count)
		call_all(zero, parent);
	block_all();
	call_all(zero, parent);
	write_counted();
	return tell("storm");
}

static int masked(int count)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	pid_t parent = getppid();
	user = getuid();
	block_all();
	start_storm();
	for (int i = 0; i < count; i++)
		call_all(zero, parent);
	must(handled == 0);
	return tell("masked");
}

static void jump(int signal)
{
	siglongjmp(back, signal);
}

/* Where the signal finds the program in a call or in between, or waiting for a byte that never comes. */
static int jumps(int count)
{
	int ends[2];
	char byte;
	pid_t parent = getppid();
	volatile int jumped = 0;
	if (pipe(ends) < 0)
		return 1;
	longest = 20;
	handle(SIGALRM, jump, 0);
	while (jumped < count) {
		if (sigsetjmp(back, 1)) {
			jumped++;
			continue;
		}
		arm_alarm();
		if (jumped % 2)
			must(read(ends[0], &byte, 1) == 1);
		for (;;)
			must(getppid() == parent);
	}
	handle(SIGALRM, SIG_IGN, 0);
	return tell("jumps");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int count = argc > 2 ? atoi(argv[2]) : 1000;
	if (strcmp(what, "storm") == 0)
		return storm(count);
	if (strcmp(what, "jumps") == 0)
		return jumps(count);
	if (strcmp(what, "masked") == 0)
		return masked(count);
	return 2;
}
