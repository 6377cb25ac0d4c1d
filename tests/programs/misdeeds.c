/* What a build step must not do: `misdeeds OUTSIDE WHAT` does WHAT in the working directory, a project, to the folder OUTSIDE, and
 * prints "ok" or the error's name; `misdeeds OUTSIDE list` prints all of WHAT. `none` does nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *outside;

static const char *in_outside(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", outside, name);
	return path;
}

static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

/* In a child; -1 with errno if it cannot be executed. */
static int executes(int fd, const char *path)
{
	char *argv[] = { "misdeed", NULL };
	int status;
	pid_t child = fork();
	if (child == 0) {
		if (path)
			execv(path, argv);
		else
			fexecve(fd, argv, environ);
		_exit(errno);
	}
	waitpid(child, &status, 0);
	errno = WIFSIGNALED(status) ? EINTR : WEXITSTATUS(status);
	return status ? -1 : 0;
}

static int do_none(void)
{
	return 0;
}

static int do_new_address(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return connect(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&to, sizeof to);
}

static int do_write_outside(void)
{
	return opens(in_outside("victim"), O_WRONLY);
}

static int do_make_outside(void)
{
	return opens(in_outside("new"), O_WRONLY | O_CREAT | O_EXCL);
}

static int do_new_program(void)
{
	return executes(-1, "/bin/true");
}

static int do_read_credentials(void)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/.ssh/id_rsa", getenv("HOME"));
	return opens(path, O_RDONLY);
}

static int do_read_shadow(void)
{
	return opens("/etc/shadow", O_RDONLY);
}

static int do_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int do_hard_link(void)
{
	return link(in_outside("victim"), "build/linked");
}

static int do_rename_ancestor(void)
{
	char moved[4096];
	snprintf(moved, sizeof moved, "%s/../moved", outside);
	int result = rename("../../work", moved);
	return result ? result : rename(moved, in_outside("../work"));
}

static int do_mount(void)
{
	return mount("none", "/nowhere", "tmpfs", 0, NULL);
}

static int do_memfd(void)
{
	int fd = memfd_create("misdeed", 0);
	return write(fd, "#!/bin/sh\n", 10) == 10 ? executes(fd, NULL) : -1;
}

static int binds(const char *path, size_t len)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	memcpy(name.sun_path, path, len);
	return bind(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static int do_unix_socket(void)
{
	if (chdir(outside))
		return -1;
	return binds("socket", 6);
}

static int do_abstract_socket(void)
{
	return binds("\0misdeed", 8);
}

static int do_netlink(void)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK };
	return bind(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), (struct sockaddr *)&name, sizeof name);
}

static int do_setns(void)
{
	return setns((int)syscall(SYS_pidfd_open, getpid(), 0), CLONE_NEWUTS);
}

static int do_delete_outside(void)
{
	return unlink(in_outside("victim"));
}

static int do_chmod_outside(void)
{
	return chmod(in_outside("victim"), 0777);
}

static int do_truncate_outside(void)
{
	return truncate(in_outside("victim"), 0);
}

static int do_symlink_detour(void)
{
	unlink("build/detour");
	return symlink(in_outside("victim"), "build/detour") ? -1 : opens("build/detour", O_WRONLY | O_TRUNC);
}

static int do_tmp_script(void)
{
	return executes(-1, in_outside("script"));
}

static int do_kill_parent(void)
{
	return kill(getppid(), SIGCONT);
}

static const struct {
	const char *name;
	int (*commit)(void);
} misdeeds[] = {
	{ "none", do_none },
	{ "new-address", do_new_address },
	{ "write-outside", do_write_outside },
	{ "make-outside", do_make_outside },
	{ "new-program", do_new_program },
	{ "read-credentials", do_read_credentials },
	{ "read-shadow", do_read_shadow },
	{ "ptrace", do_ptrace },
	{ "hard-link", do_hard_link },
	{ "rename-ancestor", do_rename_ancestor },
	{ "mount", do_mount },
	{ "memfd", do_memfd },
	{ "unix-socket", do_unix_socket },
	{ "abstract-socket", do_abstract_socket },
	{ "netlink", do_netlink },
	{ "setns", do_setns },
	{ "delete-outside", do_delete_outside },
	{ "chmod-outside", do_chmod_outside },
	{ "truncate-outside", do_truncate_outside },
	{ "symlink-detour", do_symlink_detour },
	{ "tmp-script", do_tmp_script },
	{ "kill-parent", do_kill_parent },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	outside = argv[1];
	for (size_t i = 0; i < sizeof misdeeds / sizeof *misdeeds; i++) {
		if (strcmp(argv[2], "list") == 0 && misdeeds[i].commit != do_none)
			puts(misdeeds[i].name);
		if (strcmp(argv[2], misdeeds[i].name) == 0)
			puts(misdeeds[i].commit() ? strerrorname_np(errno) : "ok");
	}
	return 0;
}
