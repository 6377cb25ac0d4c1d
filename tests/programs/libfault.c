/* libfault.so, preloaded into ptwrap: at a step that is counted, something goes wrong. (libscarce.so is the same with
 * `memory`, which the allocators of sanitizers do not bear.)
 *
 *   FAULT=WHO:CALL:N[+]:WHAT
 *
 * WHO is `supervisor` or `launcher`; CALL one of the functions below, each use of which is a step (`memory` is malloc and its
 * kin, `event` whatever the tracer asks of the kernel, `peek` each of the ways to read memory but ptrace); it happens at step N, with + at all from there on. WHAT is
 * the name of an error (the call fails with it, or for want of memory), or
 *
 *   kill      whoever is at that step is killed    kill-launcher  the launcher is
 *   stop      it is stopped                        kill-both      both are, at once
 *   sleep     it sleeps for ever                   spin           it works for ever
 *   kill-tracee  whom a ptrace request is about is killed before it is made
 *
 * The number of steps that were made is written to the file FAULT_STEPS at the end, if it is named.
 * The programs that ptwrap runs have this library too, where it does nothing. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct fault {
	char who[16], call[24], what[24];
	long step;
	bool ever_after;
	pid_t launcher;
	atomic_bool armed;
	_Atomic long steps;
};

static struct fault *fault; /* shared by the processes; NULL: this is not ptwrap */
static bool is_supervisor;

static void parse(const char *text)
{
	char plus = '\0';
	if (sscanf(text, "%15[^:]:%23[^:]:%ld%c", fault->who, fault->call, &fault->step, &plus) < 3)
		abort();
	fault->ever_after = plus == '+';
	snprintf(fault->what, sizeof fault->what, "%s", strrchr(text, ':') + 1);
	fault->launcher = getpid();
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("FAULT");
	if (!text || strcmp(program_invocation_short_name, "ptwrap") != 0)
		return;
	void *shared = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	fault = shared;
	parse(text);
	atomic_store(&fault->armed, true);
}

__attribute__((destructor)) static void end(void)
{
	const char *name = fault ? getenv("FAULT_STEPS") : NULL;
	char line[24];
	int fd = name ? (int)syscall(SYS_open, name, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (fd >= 0 && write(fd, line, (size_t)snprintf(line, sizeof line, "%ld\n", fault->steps)) < 0)
		abort();
}

static int error_of_name(const char *name)
{
	for (int error = 1; error < 134; error++)
		if (strerrorname_np(error) && strcmp(strerrorname_np(error), name) == 0)
			return error;
	return 0;
}

static void stay(bool busily)
{
	for (volatile unsigned turns = 0;; turns++)
		if (!busily)
			pause();
}

static void befall(pid_t tracee)
{
	pid_t self = (pid_t)syscall(SYS_getpid);
	if (strcmp(fault->what, "kill-both") == 0) {
		kill(fault->launcher, SIGSTOP); /* so that it makes no use of the moment between the two */
		kill(fault->launcher, SIGKILL);
		kill(self, SIGKILL);
	} else if (strcmp(fault->what, "kill-launcher") == 0) {
		kill(fault->launcher, SIGKILL);
	} else if (strcmp(fault->what, "kill") == 0) {
		kill(self, SIGKILL);
	} else if (strcmp(fault->what, "stop") == 0) {
		kill(self, SIGSTOP);
	} else if (strcmp(fault->what, "kill-tracee") == 0 && tracee > 0) {
		kill(tracee, SIGKILL);
	} else if (strcmp(fault->what, "sleep") == 0 || strcmp(fault->what, "spin") == 0) {
		stay(fault->what[1] == 'p');
	}
}

/* The error that this step is to end with; 0: none. */
static int step(const char *call, pid_t tracee)
{
	if (!fault || !atomic_load(&fault->armed) || strcmp(fault->call, call) != 0 ||
	    is_supervisor != (fault->who[0] == 's'))
		return 0;
	long now = atomic_fetch_add(&fault->steps, 1) + 1;
	if (now != fault->step && !(fault->ever_after && now > fault->step))
		return 0;
	int saved = errno, error = error_of_name(fault->what);
	if (!error)
		befall(tracee);
	errno = saved;
	return error;
}

#define FAIL(call, tracee, failure)                \
	do {                                       \
		int error = step(call, tracee);    \
		if (error) {                       \
			errno = error;             \
			return failure;            \
		}                                  \
	} while (0)

/* The supervisor's first call of all. */
int setpgid(pid_t pid, pid_t pgid)
{
	if (pid == 0 && pgid == 0)
		is_supervisor = true;
	return (int)syscall(SYS_setpgid, pid, pgid);
}

#ifdef FAULT_MEMORY
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	FAIL("memory", 0, NULL);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	FAIL("memory", 0, NULL);
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	FAIL("memory", 0, NULL);
	return __libc_realloc(old, size);
}
#endif

long ptrace(enum __ptrace_request request, ...)
{
	va_list list;
	va_start(list, request);
	pid_t tid = va_arg(list, pid_t);
	void *address = va_arg(list, void *), *data = va_arg(list, void *);
	va_end(list);
	FAIL("event", tid, -1);
	long word, result;
	bool peeks = request == PTRACE_PEEKDATA || request == PTRACE_PEEKTEXT || request == PTRACE_PEEKUSER;
	result = syscall(SYS_ptrace, request, tid, address, peeks ? &word : data);
	return peeks && result >= 0 ? word : result;
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	FAIL("event", 0, -1);
	return (pid_t)syscall(SYS_wait4, pid, status, options, usage);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	FAIL("event", 0, -1);
	return (int)syscall(SYS_waitid, type, id, info, options, NULL);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	FAIL("pwrite", 0, -1);
	return syscall(SYS_pwrite64, fd, data, len, offset);
}

int ftruncate(int fd, off_t len)
{
	FAIL("ftruncate", 0, -1);
	return (int)syscall(SYS_ftruncate, fd, len);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument)
{
	typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int error = step("thread", 0);
	create *next;
	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	return error ? error : next(thread, attributes, main, argument);
}

pid_t fork(void)
{
	pid_t (*next)(void);
	FAIL("fork", 0, -1);
	*(void **)&next = dlsym(RTLD_NEXT, "fork");
	return next();
}

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
			 unsigned long remote_count, unsigned long flags)
{
	FAIL("peek", pid, -1);
	return syscall(SYS_process_vm_readv, pid, local, local_count, remote, remote_count, flags);
}

int open(const char *path, int flags, ...)
{
	va_list list;
	size_t len = strlen(path);
	va_start(list, flags);
	unsigned mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, unsigned) : 0;
	va_end(list);
	if (len > 4 && strncmp(path, "/proc/", 6) == 0 && strcmp(path + len - 4, "/mem") == 0)
		FAIL("peek", 0, -1);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
