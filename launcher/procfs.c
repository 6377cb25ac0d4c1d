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

void procfs_fd_path(char path[PROCFS_PATH], pid_t tid, int fd)
{
	procfs_path(path, tid, "fd/");
	*put_number(path + strlen(path), (unsigned)fd) = '\0';
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
	static _Thread_local char own[64];
	static _Thread_local ssize_t own_len;
	char its[64], root[PROCFS_LINK];
	if (own_len <= 0)
		own_len = procfs_link(getpid(), "ns/mnt", own, sizeof own);
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
	procfs_fd_path(path, tid, fd);
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
	int count = 0, room = 0;
	*fds = NULL;
	if (!dir)
		return -errno;
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
	if (count > 1)
		qsort(*fds, (size_t)count, sizeof **fds, compare_ints);
	return count;
}

int procfs_fds(pid_t tid, struct strbuf *out)
{
	int *fds = NULL;
	int count = list_fds(tid, &fds);
	char link[PROCFS_LINK];
	for (int i = 0; fds && i < count; i++) {
		ssize_t len = procfs_fd_link(tid, fds[i], link, sizeof link);
		if (len < 0)
			continue;
		strbuf_addf(out, "%d=", fds[i]);
		strbuf_add(out, link, (size_t)len);
		strbuf_add_char(out, '\0');
	}
	free(fds);
	return count < 0 ? count : 0;
}

/* The beginning of /proc/TID/NAME as a string; 0 or -errno. */
static int read_text(pid_t tid, const char *name, char *text, size_t size)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, text, size - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	return 0;
}

pid_t procfs_inner_tid(pid_t tid)
{
	char text[4096];
	const char *at = read_text(tid, "status", text, sizeof text) ? NULL : strstr(text, "\nNSpid:");
	long inner = 0;
	if (!at)
		return tid;
	for (char *end, *number = (char *)(uintptr_t)at + sizeof "\nNSpid:" - 1; *number && *number != '\n'; number = end) {
		long value = strtol(number, &end, 10);
		if (end == number || value <= 0)
			break;
		inner = value;
	}
	return inner ? (pid_t)inner : tid;
}

int procfs_status_field(pid_t tid, const char *key, int base, uint64_t *value)
{
	char text[4096];
	int error = read_text(tid, "status", text, sizeof text);
	if (error)
		return error;
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

/* The text behind the count-th space; NULL: there are fewer. */
static const char *skip_words(const char *text, unsigned count)
{
	while (text && count--) {
		text = strchr(text, ' ');
		text = text ? text + 1 : NULL;
	}
	return text;
}

int procfs_cpu(pid_t tid)
{
	enum { NAME = 2, PROCESSOR = 39 };
	char text[1024];
	int error = read_text(tid, "stat", text, sizeof text);
	if (error)
		return error;
	/* The name in parentheses may hold anything. */
	const char *at = skip_words(strrchr(text, ')'), PROCESSOR - NAME);
	return at ? atoi(at) : -ENODATA;
}

unsigned procfs_running(int loadavg_fd)
{
	char text[128];
	ssize_t len = pread(loadavg_fd, text, sizeof text - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	const char *at = skip_words(text, 3);
	return at ? (unsigned)strtoul(at, NULL, 10) : 0;
}
