/* Lays the embedded shim down as a file, and takes it away again. Owns one directory and one file in
 * it; rings that lie beside that (ringfile.h) go with the directory. Must never write through a name that somebody else could have made. */
#include "shimfile.h"

#include "inject.h"
#include "ringfile.h"
#include "shimimage.h"

#include "ptwrap/abi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIRECTORY_PREFIX "ptwrap-shim-"
#define DIRECTORY "/" DIRECTORY_PREFIX "XXXXXX"

static const char *const places[] = { "/dev/shm", NULL /* $TMPDIR */, "/tmp", "/var/tmp" };

static int write_image(int fd)
{
	size_t len;
	const unsigned char *image = shimimage_bytes(&len);
	for (size_t done = 0; done < len;) {
		ssize_t written = write(fd, image + done, len - done);
		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0)
			done += (size_t)written;
	}
	return 0;
}

/* Fails with EPERM on a file system that is mounted noexec. */
static int probe_execution(int fd)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	munmap(page, 1);
	return 0;
}

static int fill_file(struct shimfile *file, int fd)
{
	struct stat status = { 0 };
	int error = write_image(fd);
	if (error)
		return error;
	if (fchmod(fd, 0555) || fstat(fd, &status))
		return -errno;
	if (status.st_uid != geteuid() || status.st_nlink != 1)
		return -EPERM;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	return probe_execution(fd);
}

/* In a directory that is ours alone until the file is whole. */
static int make_file(struct shimfile *file)
{
	int fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500);
	if (fd < 0)
		return -errno;
	int error = fill_file(file, fd);
	file->fd = error ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return error ? error : file->fd < 0 ? -errno : 0;
}

/* Where the path of the directory ends in that of the file. */
static char *directory_end(struct shimfile *file)
{
	return file->path + strlen(file->path) - strlen(PTWRAP_SHIM_FILE);
}

static int open_directory(struct shimfile *file)
{
	char *end = directory_end(file);
	*end = '\0';
	int result = chmod(file->path, 0711) ? -errno : 0;
	*end = PTWRAP_SHIM_FILE[0];
	return result;
}

/* Could any user pass through this directory and all above it? Else a program under another user id
 * would not find the file. */
static bool is_passable(const char *place)
{
	char path[SHIMFILE_PATH];
	struct stat status;
	for (size_t len = 1; len <= strlen(place); len++) {
		if (place[len] != '/' && place[len] != '\0')
			continue;
		memcpy(path, place, len);
		path[len] = '\0';
		if (stat(path, &status) || !S_ISDIR(status.st_mode) || !(status.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

/* The directory is locked for as long as launcher or supervisor live. */
static int lock_directory(struct shimfile *file)
{
	struct stat status;
	int fd = open(file->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	file->lock_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		close(fd);
	if (file->lock_fd < 0 || flock(file->lock_fd, LOCK_SH | LOCK_NB) || fstat(file->lock_fd, &status))
		return -errno;
	return status.st_nlink > 0 ? 0 : -ENOENT;
}

/* Nobody holds its lock: what a run left whose launcher and supervisor were both killed. */
static void remove_stale(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		char file[SHIMFILE_PATH + NAME_MAX + sizeof(PTWRAP_SHIM_FILE)];
		snprintf(file, sizeof(file), "%s" PTWRAP_SHIM_FILE, path);
		ringfile_sweep(file);
		unlinkat(fd, &PTWRAP_SHIM_FILE[1], 0);
		rmdir(path);
	}
	close(fd);
}

static void sweep(const char *place)
{
	char path[SHIMFILE_PATH + NAME_MAX];
	DIR *directory = opendir(place);
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		if (strncmp(entry->d_name, DIRECTORY_PREFIX, sizeof(DIRECTORY_PREFIX) - 1) != 0 ||
		    strlen(entry->d_name) != sizeof(DIRECTORY) - 2)
			continue;
		snprintf(path, sizeof(path), "%s/%s", place, entry->d_name);
		remove_stale(path);
	}
	if (directory)
		closedir(directory);
}

static int create_in(struct shimfile *file, const char *place, bool passable)
{
	size_t room = SHIMFILE_PATH - sizeof(DIRECTORY) - sizeof(PTWRAP_SHIM_FILE);
	if (!place || place[0] != '/' || strlen(place) > room)
		return -ENOENT;
	if (is_passable(place) != passable)
		return -EACCES;
	sweep(place);
	snprintf(file->path, sizeof(file->path), "%s" DIRECTORY, place);
	if (!mkdtemp(file->path)) {
		file->path[0] = '\0';
		return -errno;
	}
	int locked = lock_directory(file);
	memcpy(file->path + strlen(file->path), PTWRAP_SHIM_FILE, sizeof(PTWRAP_SHIM_FILE));
	file->passable = passable;
	int error = locked ? locked : inject_path_is_fit(file->path) ? make_file(file) : -EINVAL;
	if (!error)
		error = open_directory(file);
	if (error)
		shimfile_remove(file);
	return error;
}

int shimfile_create(struct shimfile *file)
{
	int error = 0;
	*file = (struct shimfile){ .lock_fd = -1, .fd = -1 };
	for (int passable = 1; passable >= 0; passable--) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			const char *place = places[i] ? places[i] : getenv("TMPDIR");
			int failure = create_in(file, place, passable);
			if (!failure)
				return 0;
			if (failure != -ENOENT && failure != -EACCES)
				error = failure;
		}
	}
	return error ? error : -ENOENT;
}

void shimfile_remove(struct shimfile *file)
{
	if (!file->path[0])
		return;
	ringfile_sweep(file->path);
	unlink(file->path);
	*directory_end(file) = '\0';
	rmdir(file->path);
	file->path[0] = '\0';
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	if (file->fd >= 0)
		close(file->fd);
	file->lock_fd = file->fd = -1;
}

/* Is it ours to pass through directories that only we may? */
static bool is_ours(pid_t pid)
{
	char path[32];
	struct stat status;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &status) == 0 && status.st_uid == geteuid();
}

bool shimfile_visible_at(const struct shimfile *file, pid_t pid)
{
	char path[SHIMFILE_PATH + 32];
	struct stat status;
	struct statvfs system;
	if (!file->path[0] || !(file->passable || is_ours(pid)))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, file->path);
	return stat(path, &status) == 0 && status.st_dev == file->device && status.st_ino == file->inode &&
	       statvfs(path, &system) == 0 && !(system.f_flag & ST_NOEXEC);
}
