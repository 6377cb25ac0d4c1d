/* fast_births WHAT: processes and threads born in every way, each of which looks twice for a file that is not there and is
 * called by its own ids, "/of-PID-TID-HOW". Prints how each was born, and writes what was looked for to ./named.
 *
 *   all      each way there is, once
 *   threads  many threads one after the other, on one stack; then many at once, which end while others make calls */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME = 48, NAMES = 4096, STACK = 65536, ONE_BY_ONE = 300, AT_ONCE = 8, ROUNDS = 40 };

extern char **environ;

/* What all of them share, whatever their birth left them. */
static struct shared {
	atomic_uint count;
	char name[NAMES][NAME];
} *shared;
static const char *self;

/* Without stdio's buffers: this may be a vfork child. */
static void look(const char *how)
{
	unsigned at = atomic_fetch_add(&shared->count, 1);
	char *name = shared->name[at % NAMES];
	snprintf(name, NAME, "/of-%ld-%ld-%s", syscall(SYS_getpid), syscall(SYS_gettid), how);
	access(name, F_OK);
	access(name, F_OK);
}

static int run(void *how)
{
	look(how);
	syscall(SYS_exit, 0);
	return 0;
}

static void reap(pid_t child, const char *how)
{
	int status = -1;
	look("parent");
	if (child > 0)
		waitpid(child, &status, __WALL);
	look("parent");
	printf("%s %s\n", how, child > 0 && status == 0 ? "ok" : "wrong");
	fflush(stdout);
}

static void by_fork(void)
{
	pid_t child = fork();
	if (child == 0)
		run("fork");
	reap(child, "fork");
	child = _Fork();
	if (child == 0)
		run("_Fork");
	reap(child, "_Fork");
	child = vfork();
	if (child == 0)
		run("vfork");
	reap(child, "vfork");
}

static void by_spawn(void)
{
	pid_t child = -1;
	char *argv[] = { (char *)self, "child", NULL };
	posix_spawn(&child, self, NULL, NULL, argv, environ);
	reap(child, "posix_spawn");
}

/* The shared page goes with it by its name. */
static int be_spawned(void)
{
	int fd = open("shared", O_RDWR);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return 1;
	look("posix_spawn");
	return 0;
}

static const struct {
	const char *name;
	unsigned long flags;
} clones[] = {
	{ "clone", 0 },
	{ "files", CLONE_FILES },
	{ "fs", CLONE_FS },
	{ "vfork", CLONE_VFORK },
	{ "vm-vfork", CLONE_VM | CLONE_VFORK },
	{ "vm", CLONE_VM },
	{ "vm-all", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND },
	{ "vm-settls", CLONE_VM | CLONE_SETTLS },
	{ "vm-vfork-settls", CLONE_VM | CLONE_VFORK | CLONE_SETTLS },
	{ "settls", CLONE_SETTLS },
};

/* Room for a thread block of one's own: a copy of this thread's, whose first words point to itself. */
static void *copied_tls(void)
{
	enum { BEFORE = 4096, BEHIND = 4096 };
	char *own = (char *)__builtin_thread_pointer();
	char *copy = aligned_alloc(4096, BEFORE + BEHIND);
	void **block = (void **)(copy + BEFORE);
	memcpy(copy + BEFORE, own, 704);
	memcpy(copy + BEFORE - 256, own - 256, 256);
	block[0] = block;
	block[2] = block;
	return block;
}

static void by_clone(void)
{
	static char stack[STACK] __attribute__((aligned(64)));
	for (size_t i = 0; i < sizeof clones / sizeof *clones; i++) {
		unsigned long flags = clones[i].flags;
		void *tls = flags & CLONE_SETTLS ? copied_tls() : NULL;
		pid_t child = clone(run, stack + STACK, (int)flags | SIGCHLD, (void *)clones[i].name, NULL, tls, NULL);
		reap(child, clones[i].name);
	}
}

static void by_clone3(void)
{
	static const unsigned long flags[] = { 0, CLONE_FILES, CLONE_VFORK };
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct clone_args args = { .flags = flags[i], .exit_signal = SIGCHLD };
		pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
		if (child == 0)
			run("clone3");
		reap(child, "clone3");
	}
}

static long raw(long number, long a, void *stack)
{
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(stack), "d"(0)
			 : "rcx", "r11", "memory");
	return result;
}

static void by_instruction(void)
{
	long child = raw(SYS_fork, 0, NULL);
	if (child == 0)
		run("raw-fork");
	reap((pid_t)child, "raw fork");
	child = raw(SYS_vfork, 0, NULL);
	if (child == 0)
		run("raw-vfork");
	reap((pid_t)child, "raw vfork");
	child = raw(SYS_clone, SIGCHLD, NULL);
	if (child == 0)
		run("raw-clone");
	reap((pid_t)child, "raw clone");
}

static void *in_thread(void *how)
{
	look(how);
	return NULL;
}

static void *in_busy_thread(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		look("at-once");
		if (i % 8 == 0 && fork() == 0)
			run("of-thread");
	}
	return unused;
}

static void by_thread(void)
{
	pthread_t threads[AT_ONCE];
	for (int i = 0; i < ONE_BY_ONE; i++) {
		pthread_create(threads, NULL, in_thread, (void *)(i % 2 ? "odd" : "even"));
		pthread_join(threads[0], NULL);
	}
	for (int i = 0; i < AT_ONCE; i++)
		pthread_create(&threads[i], NULL, in_busy_thread, NULL);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_join(threads[i], NULL);
	while (wait(NULL) > 0)
		;
	look("parent");
	puts("threads ok");
}

static int write_named(void)
{
	FILE *file = fopen("named", "w");
	for (unsigned i = 0; file && i < shared->count && i < NAMES; i++)
		fprintf(file, "%s\n%s\n", shared->name[i], shared->name[i]);
	return file && fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	self = argv[0];
	if (strcmp(what, "child") == 0)
		return be_spawned();
	int fd = open("shared", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(fd, sizeof *shared) < 0)
		return 1;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (strcmp(what, "threads") == 0) {
		by_thread();
	} else if (strcmp(what, "all") == 0) {
		by_fork();
		by_spawn();
		by_clone();
		by_clone3();
		by_instruction();
		by_thread();
	} else {
		return 2;
	}
	return write_named();
}
