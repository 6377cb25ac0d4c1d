/* /proc readers: see procfs.h. */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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

static atomic_bool roots_moved;

void procfs_roots_move(void)
{
	atomic_store(&roots_moved, true);
}

bool procfs_roots_are_own(void)
{
	return !atomic_load(&roots_moved);
}

bool procfs_root(pid_t tid, struct strbuf *out)
{
	char own[64], its[64], root[PROCFS_LINK];
	if (!atomic_load(&roots_moved))
		return false;
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
	procfs_fd_path(path, tid, fd);
	return read_link(path, out, size);
}

static bool add_fd(int dir, const char *number, struct strbuf *out)
{
	char link[PROCFS_LINK];
	ssize_t len = readlinkat(dir, number, link, sizeof link);
	if (len < 0)
		return false;
	strbuf_add_string(out, number);
	strbuf_add_char(out, '=');
	strbuf_add(out, link, (size_t)len);
	strbuf_add_char(out, '\0');
	return true;
}

enum { GUESS_MAX = 16 };

/* The numbers that were listed last: those of one process are most often those of another. */
static _Thread_local struct {
	unsigned char count;
	char number[GUESS_MAX][12];
} guess = { .count = 3, .number = { "0", "1", "2" } };

/* Looks up the guess, which costs less than the kernel's list does. False, and nothing added: others are open, or
 * the kernel, before Linux 6.2, does not tell how many are. */
static bool add_guessed_fds(int dir, struct strbuf *out)
{
	struct stat status;
	size_t start = out->len;
	if (fstat(dir, &status) || (size_t)status.st_size != guess.count)
		return false;
	for (unsigned i = 0; i < guess.count; i++) {
		if (!add_fd(dir, guess.number[i], out)) {
			strbuf_cut(out, start);
			return false;
		}
	}
	return true;
}

static void add_listed_fds(int dir, struct strbuf *out)
{
	_Alignas(struct dirent64) char entries[4096];
	guess.count = 0;
	for (ssize_t len; (len = getdents64(dir, entries, sizeof entries)) > 0;) {
		for (ssize_t at = 0; at < len;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
			at += entry->d_reclen;
			if (entry->d_name[0] == '.' || !add_fd(dir, entry->d_name, out)) /* the kernel lists them by number */
				continue;
			if (guess.count < GUESS_MAX)
				strcpy(guess.number[guess.count++], entry->d_name);
		}
	}
}

int procfs_fds(pid_t tid, struct strbuf *out)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "fd");
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (!add_guessed_fds(dir, out))
		add_listed_fds(dir, out);
	close(dir);
	return 0;
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

/* All of /proc/TID/NAME, appended. 0 or -errno. */
static int read_all(pid_t tid, const char *name, struct strbuf *out)
{
	enum { CHUNK = 4096 };
	char path[PROCFS_PATH];
	procfs_path(path, tid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t start = out->len;
	ssize_t len = 0;
	for (char *room; (room = strbuf_reserve(out, CHUNK)) && (len = read(fd, room, CHUNK)) > 0;)
		out->len += (size_t)len;
	close(fd);
	strbuf_add(out, "", 0);
	return out->failed ? -ENOMEM : out->len == start ? -ESRCH : 0;
}

int procfs_status(pid_t tid, struct strbuf *out)
{
	return read_all(tid, "status", out);
}

int procfs_cmdline(pid_t tid, struct strbuf *out)
{
	return read_all(tid, "cmdline", out);
}

ssize_t procfs_comm(pid_t tid, char comm[PROCFS_COMM])
{
	char text[PROCFS_COMM + 1]; /* with a newline */
	int error = read_text(tid, "comm", text, sizeof text);
	if (error)
		return error;
	size_t len = strlen(text) - 1;
	memcpy(comm, text, len);
	return (ssize_t)len;
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

int procfs_file_field(pid_t tid, const char *name, const char *key, int base, uint64_t *value)
{
	char text[4096];
	int error = read_text(tid, name, text, sizeof text);
	if (error)
		return error;
	const char *at = strstr(text, key);
	if (!at)
		return -ENOENT;
	*value = strtoull(at + strlen(key), NULL, base);
	return 0;
}

int procfs_status_field(pid_t tid, const char *key, int base, uint64_t *value)
{
	return procfs_file_field(tid, "status", key, base, value);
}

int procfs_family(pid_t tid, pid_t *tgid, pid_t *ppid)
{
	uint64_t group = 0, parent = 0;
	int error = procfs_status_field(tid, "\nTgid:", 10, &group);
	if (!error)
		error = procfs_status_field(tid, "\nPPid:", 10, &parent);
	if (error)
		return error;
	*tgid = (pid_t)group;
	*ppid = (pid_t)parent;
	return 0;
}

/* Uid and Gid have the real id, then the effective one. */
static uint32_t effective_id(const char *status, const char *key)
{
	unsigned real, effective = 0;
	const char *at = strstr(status, key);
	if (at && sscanf(at + strlen(key), "%u %u", &real, &effective) != 2)
		effective = 0;
	return effective;
}

int procfs_effective_ids(pid_t tid, uint32_t *uid, uint32_t *gid)
{
	char text[4096];
	int error = read_text(tid, "status", text, sizeof text);
	if (error)
		return error;
	*uid = effective_id(text, "\nUid:");
	*gid = effective_id(text, "\nGid:");
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

int procfs_open_stat(pid_t tid)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "stat");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

char procfs_state(pid_t tid)
{
	char text[1024];
	const char *end = read_text(tid, "stat", text, sizeof text) ? NULL : strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : '\0';
}

int procfs_cpu(int stat_fd)
{
	enum { NAME = 2, PROCESSOR = 39 };
	char text[1024];
	ssize_t len = pread(stat_fd, text, sizeof text - 1, 0);
	if (len <= 0)
		return len ? -errno : -ESRCH;
	text[len] = '\0';
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
