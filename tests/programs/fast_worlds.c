/* fast_worlds WHAT: goes into another world and makes calls there: looks for "/of-PID-TID-WHAT", by ids as the outer world has them,
 * and writes that name to ./named.
 *
 *   ids        becomes another user, and sets its ids back
 *   pid-ns     a child in a new pid namespace, of which it is process 1
 *   user-ns    a new user namespace
 *   mount-ns   a new mount namespace with another root, in which there is no /proc
 *   chroot     an empty root directory
 *   limits     hardly any descriptors, address space or processes any more
 *   no-write   may not make memory executable that was writable
 *   no-clock   may not read the time stamp counter */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

enum { NAME = 48, OTHER_USER = 65534 };

static int named = -1;

static void look(const char *what, pid_t pid, pid_t tid)
{
	char name[NAME];
	int len = snprintf(name, sizeof name, "/of-%d-%d-%s\n", pid, tid, what);
	if (write(named, name, (size_t)len) != len)
		_exit(1);
	name[len - 1] = '\0';
	printf("%s: %s\n", what, access(name, F_OK) < 0 ? strerrorname_np(errno) : "there");
	fflush(stdout);
}

static void look_here(const char *what)
{
	look(what, getpid(), (pid_t)syscall(SYS_gettid));
}

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

static void ids(void)
{
	look_here("before");
	must(setresgid(OTHER_USER, OTHER_USER, 0), "setresgid");
	must(setresuid(OTHER_USER, OTHER_USER, 0), "setresuid");
	look_here("other");
	if (fork() == 0) {
		look_here("child");
		_exit(0);
	}
	wait(NULL);
	must(setresuid(-1, 0, -1), "setresuid");
	look_here("again");
	must(setresuid(OTHER_USER, OTHER_USER, OTHER_USER), "setresuid");
	look_here("for-good");
}

/* What a child is told: how its parent calls it. */
static pid_t told(int end)
{
	pid_t pid = 0;
	if (read(end, &pid, sizeof pid) != sizeof pid)
		_exit(1);
	return pid;
}

static void pid_ns(void)
{
	int ends[2];
	must(pipe(ends), "pipe");
	must(unshare(CLONE_NEWPID), "unshare");
	pid_t child = fork();
	if (child == 0) {
		pid_t self = told(ends[0]);
		printf("process %d, thread %ld\n", getpid(), syscall(SYS_gettid));
		look("inside", self, self);
		look("inside", self, self);
		_exit(0);
	}
	if (write(ends[1], &child, sizeof child) != sizeof child)
		exit(1);
	waitpid(child, NULL, 0);
	look_here("outside");
}

static void user_ns(void)
{
	must(unshare(CLONE_NEWUSER), "unshare");
	look_here("user-ns");
	if (fork() == 0) {
		look_here("user-ns-child");
		_exit(0);
	}
	wait(NULL);
}

static void mount_ns(void)
{
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
	must(mkdir("world", 0700), "mkdir");
	must(mount("none", "world", "tmpfs", 0, NULL), "mount");
	must(mkdir("world/old", 0700), "mkdir");
	must((int)syscall(SYS_pivot_root, "world", "world/old"), "pivot_root");
	must(chdir("/"), "chdir");
	must(umount2("/old", MNT_DETACH), "umount");
	look_here("mount-ns");
}

static void change_root(void)
{
	must(mkdir("root", 0700), "mkdir");
	must(chroot("root"), "chroot");
	must(chdir("/"), "chdir");
	look_here("chroot");
	if (fork() == 0) {
		look_here("chroot-child");
		char *argv[] = { "none", NULL };
		execv("/none", argv);
		_exit(errno == ENOENT ? 0 : 1);
	}
	wait(NULL);
}

static void limits(void)
{
	struct rlimit none = { 0, 0 }, little = { 1 << 20, 1 << 20 };
	look_here("before");
	must(setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	must(setrlimit(RLIMIT_NPROC, &none), "setrlimit");
	must(setrlimit(RLIMIT_AS, &little), "setrlimit");
	must(setrlimit(RLIMIT_STACK, &little), "setrlimit");
	printf("%s\n", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? strerrorname_np(errno) : "mapped");
	printf("%s\n", dup(1) < 0 ? strerrorname_np(errno) : "a descriptor");
	look_here("limits");
}

static void no_write(void)
{
	if (prctl(PR_SET_MDWE, 1, 0, 0, 0) < 0)
		exit(77);
	look_here("no-write");
	char *argv[] = { "true", NULL };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%s\n", mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 ? strerrorname_np(errno) : "made executable");
	fflush(stdout);
	execv("/bin/true", argv);
	exit(1);
}

static void no_clock(void)
{
	int mode = 0;
	must(prctl(PR_SET_TSC, PR_TSC_SIGSEGV), "prctl");
	for (int i = 0; i < 10; i++)
		look_here("no-clock");
	if (fork() == 0) {
		look_here("no-clock-child");
		_exit(0);
	}
	wait(NULL);
	prctl(PR_GET_TSC, &mode);
	printf("%s\n", mode == PR_TSC_SIGSEGV ? "still so" : "no more");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*go)(void);
	} worlds[] = { { "ids", ids }, { "pid-ns", pid_ns }, { "user-ns", user_ns }, { "mount-ns", mount_ns }, { "chroot", change_root },
		       { "limits", limits }, { "no-write", no_write }, { "no-clock", no_clock } };
	named = open("named", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	for (size_t i = 0; argc > 1 && i < sizeof worlds / sizeof *worlds; i++) {
		if (strcmp(argv[1], worlds[i].name) != 0)
			continue;
		worlds[i].go();
		return 0;
	}
	return 2;
}
