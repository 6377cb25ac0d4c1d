/* /proc readers: see procfs.h. */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *put_number(char *at, unsigned number)
{
	char digits[12];
	int count = 0;
	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		*at++ = digits[--count];
	return at;
}

void procfs_path(char path[PROCFS_PATH], pid_t tid, const char *name)
{
	memcpy(path, "/proc/", 6);
	char *at = put_number(path + 6, (unsigned)tid);
	*at++ = '/';
	strcpy(at, name);
}

static ssize_t read_link(const char *path, char *out, size_t size)
{
	ssize_t len = readlink(path, out, size);
	return len < 0 ? -errno : len;
}

ssize_t procfs_link(pid_t tid, const char *name, char *out, size_t size)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, name);
	return read_link(path, out, size);
}

bool procfs_root(pid_t tid, struct strbuf *out)
{
	char own[64], its[64], root[PROCFS_LINK];
	ssize_t own_len = procfs_link(getpid(), "ns/mnt", own, sizeof own);
	ssize_t its_len = procfs_link(tid, "ns/mnt", its, sizeof its);
	bool other_mounts = own_len > 0 && its_len > 0 &&
			    !bytes_equal(bytes_of(own, (size_t)own_len), bytes_of(its, (size_t)its_len));
	if (other_mounts)
		strbuf_add(out, its, (size_t)its_len);
	ssize_t root_len = procfs_link(tid, "root", root, sizeof root);
	if (root_len > 1)
		strbuf_add(out, root, (size_t)root_len);
	return other_mounts;
}

ssize_t procfs_fd_link(pid_t tid, int fd, char *out, size_t size)
{
	if (fd < 0)
		return -EBADF;
	char path[PROCFS_PATH];
	procfs_path(path, tid, "fd/");
	*put_number(path + strlen(path), (unsigned)fd) = '\0';
	return read_link(path, out, size);
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

/* The numbers in /proc/TID/fd, malloc'ed, ascending; their count or -errno. */
static int list_fds(pid_t tid, int **fds)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "fd");
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	int count = 0, room = 0;
	*fds = NULL;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		if (count == room) {
			room = room ? room * 2 : 16;
			int *more = realloc(*fds, (size_t)room * sizeof *more);
			if (!more)
				break;
			*fds = more;
		}
		(*fds)[count++] = atoi(entry->d_name);
	}
	closedir(dir);
	qsort(*fds, (size_t)count, sizeof **fds, compare_ints);
	return count;
}

int procfs_fds(pid_t tid, struct strbuf *out)
{
	int *fds = NULL;
	int count = list_fds(tid, &fds);
	if (count < 0)
		return count;
	char link[PROCFS_LINK];
	for (int i = 0; i < count; i++) {
		ssize_t len = procfs_fd_link(tid, fds[i], link, sizeof link);
		if (len < 0)
			continue;
		strbuf_addf(out, "%d=", fds[i]);
		strbuf_add(out, link, (size_t)len);
		strbuf_add_char(out, '\0');
	}
	free(fds);
	return 0;
}

int procfs_status_field(pid_t tid, const char *key, int base, uint64_t *value)
{
	char path[PROCFS_PATH], text[4096];
	procfs_path(path, tid, "status");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	const char *at = strstr(text, key);
	if (!at)
		return -ENOENT;
	*value = strtoull(at + strlen(key), NULL, base);
	return 0;
}

int procfs_family(pid_t tid, pid_t *tgid, pid_t *ppid)
{
	uint64_t group, parent;
	int error = procfs_status_field(tid, "\nTgid:", 10, &group);
	if (!error)
		error = procfs_status_field(tid, "\nPPid:", 10, &parent);
	if (error)
		return error;
	*tgid = (pid_t)group;
	*ppid = (pid_t)parent;
	return 0;
}
