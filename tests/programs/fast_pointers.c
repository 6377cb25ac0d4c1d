/* fast_pointers [WHAT]: calls that take pointers, each with one bad pointer after the other in each place; a line for each call
 * and place says what came of it. Then what has become of SIGSEGV. WHAT was done with SIGSEGV before: blocked, ignored, handled. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ARGS = 6, BAD = 6, FLAGS = 0x40000000 };
enum { AT = AT_FDCWD };

/* What an argument is: P a pointer that is good unless its turn has come, S a path (good), F a file, U a socket; else itself. */
#define P 0x7001
#define S 0x7002
#define F 0x7003
#define U 0x7004

static const struct entry {
	const char *name;
	long number;
	long args[ARGS];
} entries[] = {
#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }
	CALL(read, F, P, 16),
	CALL(write, F, P, 16),
	CALL(open, S, O_RDONLY),
	CALL(open, S, O_WRONLY),
	CALL(openat, AT, S, O_RDONLY),
	CALL(openat, AT, S, O_CREAT | O_DIRECTORY | O_TMPFILE),
	CALL(openat2, AT, S, P, 24),
	CALL(creat, S, 0600),
	CALL(stat, S, P),
	CALL(lstat, S, P),
	CALL(fstat, F, P),
	CALL(newfstatat, AT, S, P, 0),
	CALL(newfstatat, AT, S, P, FLAGS),
	CALL(statx, AT, S, 0, 0xfff, P),
	CALL(statx, AT, S, FLAGS, 0xfff, P),
	CALL(statfs, S, P),
	CALL(fstatfs, F, P),
	CALL(access, S, 0),
	CALL(access, S, FLAGS),
	CALL(faccessat, AT, S, 0),
	CALL(faccessat2, AT, S, 0, FLAGS),
	CALL(readlink, S, P, 16),
	CALL(readlink, S, P, 0),
	CALL(readlinkat, AT, S, P, 16),
	CALL(chdir, S),
	CALL(getcwd, P, 256),
	CALL(getdents64, F, P, 512),
	CALL(getxattr, S, P, P, 16),
	CALL(lgetxattr, S, P, P, 16),
	CALL(listxattr, S, P, 16),
	CALL(setxattr, S, P, P, 16, FLAGS),
	CALL(inotify_add_watch, F, S, 0),
	CALL(name_to_handle_at, AT, S, P, P, FLAGS),
	CALL(execve, S, 0, 0),
	CALL(execve, S, P, 0),
	CALL(execve, S, 0, P),
	CALL(execveat, AT, S, 0, 0, FLAGS),
	CALL(execveat, AT, S, P, P, 0),
	CALL(unlink, S),
	CALL(unlinkat, AT, S, FLAGS),
	CALL(rename, S, S),
	CALL(renameat2, AT, S, AT, S, FLAGS),
	CALL(linkat, AT, S, AT, S, FLAGS),
	CALL(symlink, S, S),
	CALL(mkdir, S, 0700),
	CALL(rmdir, S),
	CALL(chmod, S, 0600),
	CALL(chown, S, 0, 0),
	CALL(utimensat, AT, S, P, FLAGS),
	CALL(truncate, S, -1),
	CALL(mount, S, S, S, 0, S),
	CALL(pipe2, P, FLAGS),
	CALL(socketpair, AF_UNIX, SOCK_STREAM, 1234, P),
	CALL(connect, U, P, 110),
	CALL(bind, U, P, 110),
	CALL(getsockname, U, P, P),
	CALL(sendto, U, P, 16, 0, P, 110),
	CALL(recvfrom, U, P, 16, MSG_DONTWAIT, P, P),
	CALL(sendmsg, U, P, 0),
	CALL(recvmsg, U, P, MSG_DONTWAIT),
	CALL(nanosleep, P, P),
	CALL(clock_gettime, CLOCK_REALTIME, P),
	CALL(clock_nanosleep, CLOCK_REALTIME, 0, P, P),
	CALL(poll, P, 1, 0),
	CALL(select, -1, P, P, P, P),
	CALL(rt_sigaction, SIGUSR1, P, P, 8),
	CALL(rt_sigprocmask, 99, P, P, 8),
	CALL(rt_sigtimedwait, P, P, P, 9),
	CALL(futex, P, 99, 0, P, P, 0),
	CALL(sched_getaffinity, 0, 8, P),
	CALL(getgroups, -1, P),
	CALL(uname, P),
	CALL(sysinfo, P),
	CALL(times, P),
	CALL(getrusage, 99, P),
	CALL(prlimit64, 0, 7, 0, P),
	CALL(prlimit64, 0, 99, P, P),
	CALL(wait4, -1, P, 0, P),
	CALL(getrandom, P, 16, 0),
	CALL(readv, F, P, 1),
	CALL(writev, F, P, 1),
	CALL(pread64, F, P, 16, 0),
	CALL(madvise, P, 16, 99),
	CALL(mincore, P, 16, P),
};

static char *good, *bad[BAD];
static const char *path = "/nonexistent/at/all";
static int file, unnamed;

static void prepare(void)
{
	char *pages = mmap(NULL, 4 * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *gone = pages + PAGE;
	munmap(gone, PAGE);
	good = pages + 2 * (size_t)PAGE;
	memset(gone - 8, '/', 8);
	bad[0] = NULL;
	bad[1] = (char *)8;
	bad[2] = gone;
	bad[3] = gone - 3; /* runs into it, without an end */
	bad[4] = (char *)0xffff888000000000; /* the kernel's */
	bad[5] = (char *)0x8000000000000000; /* nobody's */
	file = open("/dev/null", O_RDWR | O_CLOEXEC);
	unnamed = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* The argument in `place` is the bad one. */
static long argument(const struct entry *entry, int i, int place, char *pointer)
{
	long kind = entry->args[i];
	if (i == place)
		return (long)pointer;
	return kind == P ? (long)(good + i * 512) : kind == S ? (long)path : kind == F ? file : kind == U ? unnamed : kind;
}

static void try(const struct entry *entry, int place)
{
	printf("%s %d:", entry->name, place);
	for (int i = 0; i < BAD; i++) {
		long args[ARGS];
		memset(good, 0, PAGE);
		for (int at = 0; at < ARGS; at++)
			args[at] = argument(entry, at, place, bad[i]);
		errno = 0;
		long result = syscall(entry->number, args[0], args[1], args[2], args[3], args[4], args[5]);
		printf(" %s", result < 0 ? strerrorname_np(errno) : "0");
	}
	putchar('\n');
}

static volatile sig_atomic_t handled;

static void on_fault(int signal)
{
	(void)signal;
	handled++;
}

static void prepare_signal(const char *what)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGSEGV);
	sigaddset(&one, SIGBUS);
	if (strcmp(what, "blocked") == 0)
		sigprocmask(SIG_BLOCK, &one, NULL);
	else if (strcmp(what, "ignored") == 0)
		signal(SIGSEGV, SIG_IGN);
	else if (strcmp(what, "handled") == 0)
		signal(SIGSEGV, on_fault);
}

static void tell_signal(void)
{
	struct sigaction action;
	sigset_t mask, pending;
	sigaction(SIGSEGV, NULL, &action);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	printf("SIGSEGV is %s, %s, %s, handled %d times\n",
	       action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : "handled",
	       sigismember(&mask, SIGSEGV) ? "blocked" : "not blocked", sigismember(&pending, SIGSEGV) ? "pending" : "not pending",
	       (int)handled);
}

int main(int argc, char **argv)
{
	alarm(60);
	prepare();
	prepare_signal(argc > 1 ? argv[1] : "");
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
		for (int place = 0; place < ARGS; place++)
			if (entries[i].args[place] == P || entries[i].args[place] == S)
				try(&entries[i], place);
	tell_signal();
	return 0;
}
