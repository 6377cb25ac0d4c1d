/* One file for one report: see destination.h. Never truncates or replaces before destination_write
 * and destination_take; never prints. */
#include "destination.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOWEST_FD = 3, TEMPORARY_TRIES = 100, FIFO_WAIT_MS = 10000, FIFO_POLL_MS = 10 };

static int raise_fd(int fd)
{
	if (fd < 0 || fd >= LOWEST_FD)
		return fd;
	int raised = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
	int saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return raised;
}

int destination_open_file(const char *path, int flags, mode_t mode)
{
	int fd = raise_fd(open(path, flags | O_CLOEXEC | O_NOCTTY, mode));
	return fd < 0 ? -errno : fd;
}

/* The descriptor of ours that a name stands for, as a shell has it; -1: it is a file's name. */
static int fd_of_name(const char *name)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	if (strcmp(name, "-") == 0 || strcmp(name, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(name, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t len = strlen(folders[i]);
		char *end;
		if (strncmp(name, folders[i], len) != 0 || name[len] < '0' || name[len] > '9')
			continue;
		long fd = strtol(name + len, &end, 10);
		return *end || fd > INT_MAX ? -1 : (int)fd;
	}
	return -1;
}

/* "a/b" -> "a", "b" -> ".", "/b" -> "/"; malloc'ed. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Where a symlink leads, though nothing be there yet (a shell's > creates it too). 0 and a
 * malloc'ed path, or -errno. */
static int resolve_links(const char *name, char **resolved)
{
	char *path = strdup(name);
	char target[PATH_MAX];

	for (int depth = 0; path && depth < 40; depth++) {
		ssize_t len = readlink(path, target, sizeof(target) - 1);
		if (len < 0) {
			*resolved = path;
			return 0;
		}
		target[len] = '\0';
		char *folder = *target == '/' ? NULL : directory_of(path), *next = NULL;
		if (*target == '/')
			next = strdup(target);
		else if (!folder || asprintf(&next, "%s/%s", folder, target) < 0)
			next = NULL;
		free(folder);
		free(path);
		path = next;
	}
	int error = path ? -ELOOP : -ENOMEM;
	free(path);
	return error;
}

/* The name of a file beside the destination. */
static char *temporary_path(const struct destination *destination, int number)
{
	char *folder = directory_of(destination->path), *path;
	if (!folder ||
	    asprintf(&path, "%s/.ptwrap-%ld-%d.part", folder, (long)getpid(), number) < 0)
		path = NULL;
	free(folder);
	return path;
}

static int create_temporary(const struct destination *destination, char **path)
{
	int fd = -EEXIST;
	for (int i = 0; i < TEMPORARY_TRIES && fd == -EEXIST; i++) {
		*path = temporary_path(destination, i);
		if (!*path)
			return -ENOMEM;
		fd = destination_open_file(*path, O_RDWR | O_CREAT | O_EXCL, 0666);
		if (fd < 0)
			free(*path);
	}
	return fd;
}

/* Can a file be made and renamed there? */
static int try_folder(const struct destination *destination)
{
	char *path;
	int fd = create_temporary(destination, &path);
	if (fd < 0)
		return fd;
	close(fd);
	unlink(path);
	free(path);
	return 0;
}

static void identify(struct destination *destination, const struct stat *st, bool exists)
{
	destination->exists = exists;
	destination->device = st->st_dev;
	destination->inode = st->st_ino;
}

static int open_new(struct destination *destination)
{
	char *folder = directory_of(destination->path);
	struct stat st;
	int failed = !folder ? -ENOMEM : stat(folder, &st) < 0 ? -errno : 0;
	free(folder);
	if (failed)
		return failed;
	identify(destination, &st, false);
	return try_folder(destination);
}

static int clear_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

/* O_NONBLOCK: a FIFO that nobody reads would block here. */
static int open_in_place(struct destination *destination)
{
	destination->in_place = true;
	int fd = destination_open_file(destination->path, O_WRONLY | O_NONBLOCK, 0);
	if (fd == -ENXIO)
		return access(destination->path, W_OK) < 0 ? -errno : 0;
	if (fd < 0)
		return fd;
	destination->fd = fd;
	return clear_nonblocking(fd);
}

static int open_existing(struct destination *destination, const struct stat *st)
{
	identify(destination, st, true);
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return open_in_place(destination);
	if (access(destination->path, W_OK) < 0)
		return -errno;
	return try_folder(destination) < 0 ? open_in_place(destination) : 0;
}

/* A pipe that somebody made non-blocking is opened anew: that flag is shared with others. */
static int duplicate_own(int fd, int flags)
{
	char path[32];
	if (flags & O_NONBLOCK) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int reopened = destination_open_file(path, O_WRONLY, 0);
		if (reopened >= 0)
			return reopened;
	}
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
	return copy < 0 ? -errno : copy;
}

static int open_own_fd(struct destination *destination, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	identify(destination, &st, true);
	destination->in_place = true;
	int copy = duplicate_own(fd, S_ISREG(st.st_mode) ? 0 : flags);
	if (copy < 0)
		return copy;
	destination->fd = copy;
	return 0;
}

int destination_open(struct destination *destination, const char *name)
{
	struct stat st;
	*destination = (struct destination){ .name = name, .fd = -1 };
	int own_fd = fd_of_name(name);
	if (own_fd >= 0)
		return open_own_fd(destination, own_fd);
	int failed = resolve_links(name, &destination->path);
	if (failed)
		return failed;
	if (!*base_of(destination->path))
		return -EISDIR;
	if (stat(destination->path, &st) == 0)
		return open_existing(destination, &st);
	return errno == ENOENT ? open_new(destination) : -errno;
}

void destination_close(struct destination *destination)
{
	if (destination->fd >= 0)
		close(destination->fd);
	free(destination->path);
	*destination = (struct destination){ .fd = -1 };
}

bool destination_same(const struct destination *a, const struct destination *b)
{
	struct stat st;
	if (a->exists != b->exists || a->device != b->device || a->inode != b->inode)
		return false;
	if (!a->exists)
		return strcmp(base_of(a->path), base_of(b->path)) == 0;
	return !a->path || stat(a->path, &st) < 0 || !S_ISCHR(st.st_mode);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		len -= (size_t)written;
	}
	return 0;
}

/* From *at on, which follows; NULL: from where `from` stands. */
static int copy(int from, int to, off_t *at)
{
	char buffer[65536];
	for (;;) {
		ssize_t len = at ? pread(from, buffer, sizeof(buffer), *at) : read(from, buffer, sizeof(buffer));
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? -errno : 0;
		int failed = write_all(to, buffer, (size_t)len);
		if (failed)
			return failed;
		if (at)
			*at += len;
	}
}

int destination_spool(int from, int to)
{
	return copy(from, to, NULL);
}

int destination_copy(int from, int to)
{
	off_t start = 0;
	return copy(from, to, &start);
}

/* Closes fd; what a network file system could not keep shows only here. */
static int close_checked(int fd, int failed)
{
	if (close(fd) < 0 && !failed && errno != EINTR)
		return -errno;
	return failed;
}

/* Mode and, where permitted, owner of the file that is to be replaced. */
static void take_over_mode(const char *path, int fd)
{
	struct stat old, new;
	if (stat(path, &old) < 0 || !S_ISREG(old.st_mode) || fstat(fd, &new) < 0)
		return;
	if (old.st_uid != new.st_uid || old.st_gid != new.st_gid)
		(void)!fchown(fd, old.st_uid, old.st_gid);
	if (old.st_mode != new.st_mode)
		(void)!fchmod(fd, old.st_mode & 0777);
}

static int copy_over(int from, const char *path)
{
	int fd = destination_open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		return fd;
	return close_checked(fd, destination_copy(from, fd));
}

/* Some files can be written but not replaced: a mount point, another user's in a sticky folder. */
static bool cannot_be_replaced(int error)
{
	return error == EPERM || error == EACCES || error == EBUSY || error == EXDEV;
}

/* fd is open on `from`; afterwards `from` is gone. */
static int move_into_place(int fd, const char *from, const char *to)
{
	if (rename(from, to) == 0)
		return 0;
	int failed = cannot_be_replaced(errno) ? copy_over(fd, to) : -errno;
	if (!failed)
		unlink(from);
	return failed;
}

static int write_replaced(struct destination *destination, int (*fill)(void *context, int fd),
			  void *context)
{
	char *path;
	int fd = create_temporary(destination, &path);
	if (fd < 0)
		return fd;
	take_over_mode(destination->path,
		       fd); /* before anything that is not for all eyes is in it */
	int failed = fill(context, fd);
	if (!failed)
		failed = move_into_place(fd, path, destination->path);
	failed = close_checked(fd, failed);
	if (failed)
		unlink(path);
	free(path);
	return failed;
}

static int open_waiting(const char *path)
{
	const struct timespec pause = { .tv_nsec = FIFO_POLL_MS * 1000000L };
	int fd = -ENXIO;
	for (int waited_ms = 0; fd == -ENXIO && waited_ms <= FIFO_WAIT_MS;
	     waited_ms += FIFO_POLL_MS) {
		if (waited_ms)
			nanosleep(&pause, NULL);
		fd = destination_open_file(path, O_WRONLY | O_NONBLOCK, 0);
	}
	if (fd >= 0)
		clear_nonblocking(fd);
	return fd;
}

static int write_in_place(struct destination *destination, int (*fill)(void *context, int fd),
			  void *context)
{
	struct stat st;
	int fd = destination->fd >= 0 ? destination->fd : open_waiting(destination->path);
	destination->fd = -1;
	if (fd < 0)
		return fd;
	int failed = 0;
	if (destination->path && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0)
		failed = -errno;
	if (!failed)
		failed = fill(context, fd);
	return close_checked(fd, failed);
}

int destination_write(struct destination *destination, int (*fill)(void *context, int fd),
		      void *context)
{
	if (destination->in_place)
		return write_in_place(destination, fill, context);
	return write_replaced(destination, fill, context);
}

int destination_take(struct destination *destination, int fd, const char *path)
{
	struct stat by_fd, by_path;
	if (destination->in_place)
		return -EXDEV;
	if (stat(path, &by_path) < 0 || fstat(fd, &by_fd) < 0)
		return -errno;
	if (by_path.st_dev != by_fd.st_dev || by_path.st_ino != by_fd.st_ino)
		return -ESTALE;
	take_over_mode(destination->path, fd);
	return rename(path, destination->path) < 0 ? -errno : 0;
}
