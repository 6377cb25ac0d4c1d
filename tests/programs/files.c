/* files WAY: does to files in the working directory whatever a call can do, and prints "OP PATH" for all that a report must
 * say of them, PATH absolute. WAY is how the calls name them:
 *
 *   path     the calls of old, with relative paths
 *   at       the *at calls, relative to a descriptor of the directory, from another directory
 *   fd       calls that take a descriptor of the file itself
 *   missing  each call that looks a path up, of what is not there */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

enum { SYS_FCHMODAT2 = 452 };

static char folder[PATH_MAX];

/* The call's result, and what it does if it succeeds: "op name" pairs, separated by commas. */
static long done(const char *call, long result, const char *what)
{
	char text[256], *rest = text, *pair;
	if (result < 0) {
		fprintf(stderr, "files: %s: %s\n", call, strerror(errno));
		exit(1);
	}
	snprintf(text, sizeof text, "%s", what);
	while ((pair = strsep(&rest, ","))) {
		char *name = strchr(pair, ' ');
		if (name && strcmp(name + 1, ".") == 0)
			printf("%.*s %s\n", (int)(name - pair), pair, folder);
		else if (name)
			printf("%.*s %s/%s\n", (int)(name - pair), pair, folder, name + 1);
	}
	return result;
}

#define DO(what, call, ...) done(#call, syscall(SYS_##call, __VA_ARGS__), what)

static void by_path(void)
{
	static const struct timeval times[2];
	static const struct utimbuf stamp;
	char text[1024];
	struct statfs system;
	struct stat status;
	DO("create created,write created", creat, "created", 0600);
	DO("create new,read new,write new", open, "new", O_RDWR | O_CREAT, 0600);
	DO("", open, "new", O_RDONLY | O_CREAT, 0600);
	DO("create exclusive,write exclusive", open, "exclusive", O_WRONLY | O_CREAT | O_EXCL, 0600);
	DO("read exclusive", open, "exclusive", O_RDONLY);
	DO("mkdir sub", mkdir, "sub", 0700);
	DO("", open, "sub", O_RDONLY);
	DO("", open, "sub", O_RDONLY | O_PATH);
	DO("", open, "sub", O_RDWR | O_TMPFILE, 0600);
	DO("create fifo", mknod, "fifo", S_IFIFO | 0600, 0);
	DO("symlink soft", symlink, "new", "soft");
	DO("link hard", link, "new", "hard");
	DO("", open, "hard", O_PATH);
	DO("rename created,rename renamed", rename, "created", "renamed");
	DO("stat new", stat, "new", &status);
	DO("stat soft", lstat, "soft", &status);
	DO("stat hard", access, "hard", R_OK);
	DO("stat soft", readlink, "soft", text, sizeof text);
	DO("stat sub", statfs, "sub", &system);
	DO("chmod new", chmod, "new", 0644);
	DO("chown new", chown, "new", getuid(), getgid());
	DO("chown soft", lchown, "soft", getuid(), getgid());
	DO("truncate hard", truncate, "hard", 1);
	DO("utime hard", utime, "hard", &stamp);
	DO("utime fifo", utimes, "fifo", times);
	DO("list .", getdents64, open(".", O_RDONLY | O_DIRECTORY), text, sizeof text);
	DO("", chdir, "sub");
	DO("", chdir, "..");
	DO("delete hard", unlink, "hard");
	DO("delete sub", rmdir, "sub");
}

/* Extended attributes are not for every file system. */
static void attributes(void)
{
	char text[64];
	if (setxattr("exclusive", "user.ptwrap", "1", 1, 0) < 0 && errno == ENOTSUP)
		return;
	DO("xattr exclusive", setxattr, "exclusive", "user.ptwrap", "1", 1, 0);
	DO("create listed,write listed", creat, "listed", 0600);
	DO("xattr listed", listxattr, "listed", text, sizeof text);
	DO("xattr exclusive", getxattr, "exclusive", "user.ptwrap", text, sizeof text);
	DO("xattr exclusive", removexattr, "exclusive", "user.ptwrap");
}

static void by_at(void)
{
	static const struct timespec times[2];
	struct open_how how = { .flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0600 };
	struct statx extended;
	struct stat status;
	char text[1024];
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	DO("", chdir, "/");
	DO("create new,read new,write new", openat, dir, "new", O_RDWR | O_CREAT, 0600);
	DO("", openat, dir, "new", O_RDONLY | O_CREAT, 0600);
	DO("create second,write second", openat2, dir, "second", &how, sizeof how);
	DO("mkdir sub", mkdirat, dir, "sub", 0700);
	DO("", openat, dir, "sub", O_RDONLY);
	DO("create fifo", mknodat, dir, "fifo", S_IFIFO | 0600, 0);
	DO("symlink soft", symlinkat, "new", dir, "soft");
	DO("link hard", linkat, dir, "new", dir, "hard", 0);
	DO("link sub/hard", linkat, dir, "hard", openat(dir, "sub", O_PATH), "hard", 0);
	snprintf(text, sizeof text, "/proc/self/fd/%ld", DO("", openat, dir, ".", O_RDWR | O_TMPFILE, 0600));
	DO("link unnamed", linkat, AT_FDCWD, text, dir, "unnamed", AT_SYMLINK_FOLLOW);
	DO("rename second,rename renamed", renameat, dir, "second", dir, "renamed");
	DO("rename renamed,rename hard", renameat2, dir, "renamed", dir, "hard", RENAME_EXCHANGE);
	DO("stat new", newfstatat, dir, "new", &status, 0);
	DO("stat soft", newfstatat, dir, "soft", &status, AT_SYMLINK_NOFOLLOW);
	DO("", newfstatat, dir, "", &status, AT_EMPTY_PATH);
	DO("stat sub", statx, dir, "sub/.", 0, STATX_TYPE, &extended);
	DO("stat fifo", faccessat, dir, "fifo", R_OK);
	DO("stat fifo", faccessat2, dir, "fifo", R_OK, AT_EACCESS);
	DO("stat soft", readlinkat, dir, "soft", text, sizeof text);
	DO("chmod fifo", fchmodat, dir, "fifo", 0644);
	if (syscall(SYS_FCHMODAT2, dir, "new", 0644, AT_SYMLINK_NOFOLLOW) == 0)
		done("fchmodat2", 0, "chmod new");
	DO("chown soft", fchownat, dir, "soft", getuid(), getgid(), AT_SYMLINK_NOFOLLOW);
	DO("utime renamed", utimensat, dir, "renamed", times, 0);
	DO("utime hard", futimesat, dir, "hard", NULL);
	DO("delete sub/hard", unlinkat, dir, "sub/hard", 0);
	DO("delete sub", unlinkat, dir, "sub", AT_REMOVEDIR);
	DO("delete fifo", unlinkat, dir, "./fifo", 0);
}

static void by_fd(void)
{
	int fd = (int)DO("create new,read new,write new", open, "new", O_RDWR | O_CREAT, 0600);
	DO("truncate new", ftruncate, fd, 4096);
	DO("chmod new", fchmod, fd, 0700);
	DO("chown new", fchown, fd, getuid(), getgid());
	DO("utime new", utimensat, fd, NULL, NULL, 0);
	DO("map new", mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (fsetxattr(fd, "user.ptwrap", "1", 1, 0) == 0)
		done("fsetxattr", 0, "xattr new");
	int same = (int)DO("", dup, fd);
	DO("", close, fd);
	DO("truncate new", ftruncate, same, 0);
	DO("rename new,rename moved", rename, "new", "moved");
	DO("truncate moved", ftruncate, same, 1);
}

static void looked_up(const char *call, long result, const char *name)
{
	if (result >= 0 || (errno != ENOENT && errno != ENOTDIR)) {
		fprintf(stderr, "files: %s of what is missing: %s\n", call, strerror(errno));
		exit(1);
	}
	printf("missing %s/%s\n", folder, name);
}

#define MISS(name, call, ...) looked_up(#call, syscall(SYS_##call, __VA_ARGS__), name)

static void of_missing(void)
{
	struct open_how how = { .flags = O_RDONLY };
	struct statx extended;
	struct stat status;
	char text[64], *argv[] = { "x", NULL };
	int dir = open(".", O_PATH);
	DO("create file,write file", creat, "file", 0600);
	MISS("m1", open, "m1", O_RDONLY);
	MISS("m2", openat, dir, "m2", O_RDWR);
	MISS("m3", openat2, dir, "m3", &how, sizeof how);
	MISS("m4/new", open, "m4/new", O_WRONLY | O_CREAT, 0600);
	MISS("m5", stat, "m5", &status);
	MISS("m6", lstat, "m6", &status);
	MISS("m7", newfstatat, dir, "m7", &status, 0);
	MISS("m8", statx, dir, "m8", 0, STATX_TYPE, &extended);
	MISS("m9", access, "m9", F_OK);
	MISS("m10", faccessat2, dir, "m10", F_OK, 0);
	MISS("m11", readlink, "m11", text, sizeof text);
	MISS("m12", readlinkat, dir, "m12", text, sizeof text);
	MISS("m13", execve, "m13", argv, NULL);
	MISS("m14", execveat, dir, "m14", argv, NULL, 0);
	MISS("m15", chdir, "m15");
	MISS("m16", statfs, "m16", text);
	MISS("m17", getxattr, "m17", "user.x", text, sizeof text);
	MISS("m18", listxattr, "m18", text, sizeof text);
	MISS("m19", inotify_add_watch, inotify_init1(0), "m19", IN_OPEN);
	MISS("m20", unlink, "m20");
	MISS("m21", rename, "m21", "m21-new");
	MISS("m22", chmod, "m22", 0600);
	MISS("file/below", open, "file/below", O_RDONLY);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	if (!getcwd(folder, sizeof folder))
		return 1;
	if (strcmp(way, "path") == 0) {
		by_path();
		attributes();
	} else if (strcmp(way, "at") == 0) {
		by_at();
	} else if (strcmp(way, "fd") == 0) {
		by_fd();
	} else if (strcmp(way, "missing") == 0) {
		of_missing();
	} else {
		return 2;
	}
	return 0;
}
