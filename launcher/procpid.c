/* See procpid.h. A process is told by its number in its own, innermost pid namespace and the name of that. */
#include "procpid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PROC_ROOT_INODE = 1, DEPTH_MAX = 33 /* MAX_PID_NS_LEVEL and one */, OWN_MAX = 256, NAMESPACE_BYTES = 48 };

/* Its numbers from the outermost namespace that can be seen on. */
struct numbers {
	pid_t list[DEPTH_MAX];
	unsigned count;
	char name_space[NAMESPACE_BYTES]; /* "" where that is not told */
};

static struct {
	struct own {
		pid_t outer;
		pid_t inner;
		char name_space[NAMESPACE_BYTES];
	} list[OWN_MAX];
	unsigned count;
} own;

static void read_numbers(const char *status, const char *key, struct numbers *numbers)
{
	const char *at = strstr(status, key);
	numbers->count = 0;
	if (!at)
		return;
	at += strlen(key);
	for (char *end; *at && *at != '\n' && numbers->count < DEPTH_MAX; at = end) {
		long number = strtol(at, &end, 10);
		if (end == at)
			return;
		numbers->list[numbers->count++] = (pid_t)number;
	}
}

/* Of the process whose directory that is. False: it is gone, or not to be looked at. */
static bool read_process(int process_fd, struct numbers *numbers)
{
	char status[4096];
	numbers->name_space[0] = '\0';
	int fd = openat(process_fd, "status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t len = read(fd, status, sizeof status - 1);
	close(fd);
	if (len <= 0)
		return false;
	status[len] = '\0';
	read_numbers(status, "\nNStgid:", numbers);
	len = readlinkat(process_fd, "ns/pid", numbers->name_space, sizeof numbers->name_space - 1);
	numbers->name_space[len > 0 ? len : 0] = '\0';
	return numbers->count > 0;
}

static int open_process(pid_t tid)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "");
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool read_task(pid_t tid, struct numbers *numbers)
{
	int fd = open_process(tid);
	bool done = fd >= 0 && read_process(fd, numbers);
	if (fd >= 0)
		close(fd);
	return done;
}

void procpid_add_own(pid_t pid)
{
	struct numbers numbers = { .list = { pid }, .count = 1 };
	if (own.count == OWN_MAX)
		return;
	read_task(pid, &numbers);
	struct own *entry = &own.list[own.count++];
	entry->outer = pid;
	entry->inner = numbers.list[numbers.count - 1];
	strcpy(entry->name_space, numbers.name_space);
}

bool procpid_is_own(pid_t pid)
{
	for (unsigned i = 0; i < own.count; i++)
		if (own.list[i].outer == pid)
			return true;
	return false;
}

bool procpid_is_own_in(const char *name_space, pid_t pid)
{
	for (unsigned i = 0; i < own.count; i++)
		if (own.list[i].inner == pid && strcmp(own.list[i].name_space, name_space) == 0)
			return true;
	return false;
}

void procpid_remove_own(pid_t pid)
{
	for (unsigned i = 0; i < own.count; i++)
		if (own.list[i].outer == pid)
			own.list[i--] = own.list[--own.count];
}

bool procpid_is_root(int fd)
{
	struct statfs system;
	struct stat status;
	return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC && fstat(fd, &status) == 0 &&
	       status.st_ino == PROC_ROOT_INODE;
}

bool procpid_is_ours(int process_fd)
{
	struct numbers numbers;
	if (!read_process(process_fd, &numbers))
		return false;
	for (unsigned i = 0; i < own.count; i++) {
		const struct own *entry = &own.list[i];
		bool told = numbers.name_space[0] && entry->name_space[0];
		if (told ? entry->inner == numbers.list[numbers.count - 1] && strcmp(entry->name_space, numbers.name_space) == 0 :
			   entry->outer == numbers.list[0] || entry->inner == numbers.list[numbers.count - 1])
			return true;
	}
	return false;
}

/* One list is the other's end: the same process, unless two namespaces number theirs alike. */
static bool is_same(const struct numbers *a, const struct numbers *b)
{
	unsigned shorter = a->count < b->count ? a->count : b->count;
	if (memcmp(a->list + a->count - shorter, b->list + b->count - shorter, shorter * sizeof *a->list) != 0)
		return false;
	return a->count == b->count || (a->name_space[0] && strcmp(a->name_space, b->name_space) == 0);
}

bool procpid_is_of(int process_fd, pid_t tid)
{
	struct numbers its, tasks;
	return read_process(process_fd, &its) && read_task(tid, &tasks) && is_same(&its, &tasks);
}

static bool is_number_of_ours(const char *name, size_t len)
{
	char *end;
	long number = strtol(name, &end, 10);
	if (end != name + len)
		return false;
	for (unsigned i = 0; i < own.count; i++)
		if (number == own.list[i].outer || number == own.list[i].inner)
			return true;
	return false;
}

bool procpid_leads_to_ours(int fd)
{
	char path[PROCFS_PATH], link[PROCFS_LINK];
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	ssize_t len = readlink(path, link, sizeof link - 1);
	if (len < 0)
		return true;
	link[len] = '\0';
	for (const char *at = link; *at;) {
		size_t part = strcspn(at, "/");
		if (*at >= '1' && *at <= '9' && is_number_of_ours(at, part))
			return true;
		at += part + (at[part] == '/');
	}
	return false;
}

/* The place in the task's list of numbers at which that /proc's begin, or -1. */
static int level_of(int proc_fd, pid_t tid, const struct numbers *numbers)
{
	char name[16];
	if (numbers->count == 1)
		return 0;
	for (unsigned i = 0; i < numbers->count; i++) {
		snprintf(name, sizeof name, "%d", numbers->list[i]);
		int fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		bool found = fd >= 0 && procpid_is_of(fd, tid);
		if (fd >= 0)
			close(fd);
		if (found)
			return (int)i;
	}
	return -1;
}

int procpid_self(int proc_fd, pid_t tid, bool thread, char out[PROCFS_PATH])
{
	struct numbers processes, tasks;
	struct strbuf status = { 0 };
	int level = read_task(tid, &processes) ? level_of(proc_fd, tid, &processes) : -1;
	int error = level < 0 ? -ENOENT : procfs_status(tid, &status);
	if (!error)
		read_numbers(status.data, "\nNSpid:", &tasks);
	strbuf_free(&status);
	if (error || (unsigned)level >= tasks.count)
		return -ENOENT;
	int len = snprintf(out, PROCFS_PATH, "%d", processes.list[level]);
	if (thread)
		snprintf(out + len, PROCFS_PATH - (size_t)len, "/task/%d", tasks.list[level]);
	return 0;
}

pid_t procpid_number(int proc_fd, pid_t tid)
{
	struct numbers numbers;
	int level = read_task(tid, &numbers) ? level_of(proc_fd, tid, &numbers) : -1;
	return level < 0 ? -ENOENT : numbers.list[level];
}

bool procpid_protects_links(void)
{
	static atomic_int known; /* 0: not yet, 1: no, 2: yes */
	if (!known) {
		char value = '1';
		int fd = open("/proc/sys/fs/protected_symlinks", O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, &value, 1) != 1)
			value = '1';
		if (fd >= 0)
			close(fd);
		known = value == '0' ? 1 : 2;
	}
	return known == 2;
}
