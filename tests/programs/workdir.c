/* Changes working directories, and their names, in every way that others can notice, and after each one looks a missing
 * name up. Prints the absolute path of each. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_BYTES = 64 * 1024 };

static char top[PATH_MAX];

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

/* Asks for the name that no other call asks for, from a working directory that must be TOP/where. */
static void look_up(const char *where)
{
	static int count;
	char name[16];
	struct stat status;
	snprintf(name, sizeof name, "gone%02d", ++count);
	for (int i = 0; i < 3; i++)
		if (stat(name, &status) == 0)
			exit(2);
	printf("%s/%s%s%s\n", top, where, *where ? "/" : "", name);
}

static void *go_to_c(void *unused)
{
	(void)unused;
	must(chdir(top) < 0 ? -1 : chdir("c"), "chdir in a thread");
	return NULL;
}

static int go_to_a(void *unused)
{
	(void)unused;
	must(chdir("../moved"), "chdir in a child that shares");
	return 0;
}

static void *go_alone(void *unused)
{
	(void)unused;
	must(unshare(CLONE_FS), "unshare");
	must(chdir("/"), "chdir alone");
	return NULL;
}

static void in_child(int (*work)(void *), int flags)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	int status;
	pid_t pid = clone(work, stack + sizeof stack, flags | SIGCHLD, NULL);
	must(pid, "clone");
	must(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1, "child");
}

static void in_thread(void *(*work)(void *))
{
	pthread_t thread;
	must(-pthread_create(&thread, NULL, work, NULL), "pthread_create");
	pthread_join(thread, NULL);
}

static int rename_above(void *unused)
{
	(void)unused;
	must(chdir("/"), "chdir in a child of its own");
	must(chdir(top) < 0 ? -1 : rename("a", "moved"), "rename");
	return 0;
}

static int remove_it(void *unused)
{
	(void)unused;
	must(rmdir("../d"), "rmdir");
	return 0;
}

static void *execute_from_c(void *gate)
{
	const int *fds = gate;
	char byte = 0;
	must(unshare(CLONE_FS), "unshare");
	must(chdir(top) < 0 ? -1 : chdir("c"), "chdir of one thread");
	must((int)write(fds[1], &byte, 1), "write");
	must((int)read(fds[2], &byte, 1), "read");
	fflush(stdout);
	execl("/proc/self/exe", "workdir", top, (char *)NULL);
	must(-1, "execl");
	return NULL;
}

/* A thread with a working directory of its own takes the place of the leader. */
static void end_in_c(void)
{
	int fds[4];
	char byte = 0;
	pthread_t thread;
	must(pipe2(fds, O_CLOEXEC) | pipe2(fds + 2, O_CLOEXEC), "pipe2");
	must(-pthread_create(&thread, NULL, execute_from_c, fds), "pthread_create");
	must((int)read(fds[0], &byte, 1), "read");
	look_up("d");
	must((int)write(fds[3], &byte, 1), "write");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		snprintf(top, sizeof top, "%s", argv[1]);
		look_up("c");
		return 0;
	}
	must(getcwd(top, sizeof top) ? 0 : -1, "getcwd");
	must(mkdir("a", 0755) | mkdir("a/b", 0755) | mkdir("c", 0755) | mkdir("d", 0755), "mkdir");
	look_up("");
	must(chdir("a/b"), "chdir");
	look_up("a/b");
	in_child(rename_above, 0);
	look_up("moved/b");
	in_thread(go_to_c);
	look_up("c");
	in_child(go_to_a, CLONE_FS);
	look_up("moved");
	int fd = open("b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd < 0 ? fd : chdir("../c"), "open");
	must(fchdir(fd), "fchdir");
	look_up("moved/b");
	in_thread(go_alone);
	look_up("moved/b");
	must(chdir("../../d"), "chdir");
	look_up("d");
	in_child(remove_it, 0);
	look_up("d");
	end_in_c();
	return 1;
}
