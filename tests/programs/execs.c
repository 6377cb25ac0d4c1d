/* execs HOW PATH [ARG]...: becomes the program PATH, with ARG... as its whole argv, in the way that HOW says:
 *
 *   null        execve with a NULL argv
 *   at          execveat of PATH's last component, relative to a descriptor of its folder
 *   fd          fexecve of a descriptor of PATH
 *   script-fd   the same without O_CLOEXEC, as a #! line needs it
 *   memfd       fexecve of a copy of PATH in a memfd named "copy"
 *   failing     execve of PATH/, of a missing file, of a folder and of an empty file called `empty`, whose errnos are printed; then of PATH
 *   plain       execve; ARG... may be nothing */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void exec_null(char *path, char **argv)
{
	(void)argv;
	syscall(SYS_execve, path, NULL, environ);
}

static void exec_plain(char *path, char **argv)
{
	execve(path, argv, environ);
}

static void exec_at(char *path, char **argv)
{
	char *folder = strdup(path);
	int fd = open(dirname(folder), O_PATH | O_CLOEXEC);
	syscall(SYS_execveat, fd, basename(path), argv, environ, 0);
}

static void exec_fd(char *path, char **argv)
{
	fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, environ);
}

static void exec_script_fd(char *path, char **argv)
{
	fexecve(open(path, O_RDONLY), argv, environ);
}

static void exec_memfd(char *path, char **argv)
{
	struct stat status;
	int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("copy", MFD_CLOEXEC);
	if (fstat(from, &status) == 0 && sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size)
		fexecve(to, argv, environ);
}

static void exec_failing(char *path, char **argv)
{
	char below[4096];
	snprintf(below, sizeof below, "%s/", path);
	char *const wrong[] = { below, "./missing", "/", "./empty" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		execve(wrong[i], argv, environ);
		dprintf(STDOUT_FILENO, "%s %s\n", wrong[i], strerrorname_np(errno));
	}
	execve(path, argv, environ);
}

static const struct {
	const char *how;
	void (*exec)(char *path, char **argv);
} ways[] = {
	{ "null", exec_null }, { "plain", exec_plain },         { "at", exec_at },
	{ "fd", exec_fd },     { "script-fd", exec_script_fd }, { "memfd", exec_memfd },
	{ "failing", exec_failing },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(argv[1], ways[i].how) == 0)
			ways[i].exec(argv[2], argv + 3);
	perror("execs");
	return 1;
}
