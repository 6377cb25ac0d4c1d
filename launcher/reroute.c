/* See reroute.h. */
#include "reroute.h"

#include "arch/x86_64_call.h"
#include "holder.h"
#include "peek.h"
#include "procfs.h"
#include "syscall.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { X32_BIT = 0x40000000, FDS_MAX = 4 };

struct reroute {
	struct reroute_task task;
	struct user_regs_struct own, made;
	struct pinned_slot *slot;
	struct holder *holder;
	int fds[FDS_MAX];
	unsigned fd_count;
	bool adds_nofollow;
};

/* ---- looking ---- */

static bool is_path_only(uint64_t flags)
{
	return flags & O_PATH;
}

/* libc's names for the flag have O_DIRECTORY in them. */
static bool is_unnamed(uint64_t flags)
{
	return (flags & O_TMPFILE) == O_TMPFILE;
}

bool reroute_reads(const struct reroute_path *path)
{
	return !is_path_only(path->flags) && (path->flags & O_ACCMODE) != O_WRONLY;
}

bool reroute_writes(const struct reroute_path *path)
{
	return !is_path_only(path->flags) && ((path->flags & O_ACCMODE) != O_RDONLY || (path->flags & (O_CREAT | O_TRUNC)) ||
					      is_unnamed(path->flags));
}

/* A program that knows a longer struct than Linux 6.18 has leaves its end empty. */
static int read_how(pid_t tid, const uint64_t args[6], struct open_how *how)
{
	unsigned char bytes[4096] = { 0 };
	uint64_t size = args[3];
	if (size < sizeof *how)
		return -EINVAL;
	if (size > sizeof bytes)
		return -E2BIG;
	int error = peek_read_whole(tid, args[2], bytes, size);
	for (size_t i = sizeof *how; !error && i < size; i++)
		error = bytes[i] ? -E2BIG : 0;
	memcpy(how, bytes, sizeof *how);
	return error;
}

static int read_flags(const struct reroute_task *task, const uint64_t args[6], struct reroute_path *path)
{
	const struct pathcall *row = path->row;
	int error = 0;
	if (row->manner == PATH_OPENED_BY_STRUCT) {
		error = read_how(task->tid, args, &path->how);
		path->flags = path->how.flags;
	} else if (row->manner == PATH_CREATED) {
		path->flags = O_CREAT | O_WRONLY | O_TRUNC;
	} else if (row->flags != PATHCALL_NO_FLAGS) {
		path->flags = (uint32_t)args[row->flags];
	}
	bool opens = row->access == PATH_OPEN;
	path->creates = opens && (path->flags & O_CREAT) && !is_path_only(path->flags) && !is_unnamed(path->flags);
	return error;
}

/* O_PATH descriptors are none for the calls that change what a descriptor stands for. */
static bool is_path_descriptor(pid_t tid, int fd)
{
	char name[PROCFS_PATH];
	uint64_t flags = 0;
	snprintf(name, sizeof name, "fdinfo/%d", fd);
	return procfs_file_field(tid, name, "flags:", 8, &flags) || (flags & O_PATH);
}

static bool follows_last(const struct reroute_path *path)
{
	switch (path->row->manner) {
	case PATH_FOLLOWED:
	case PATH_DESCRIPTOR:
		return true;
	case PATH_FLAGGED:
	case PATH_TIMES:
		return !(path->flags & AT_SYMLINK_NOFOLLOW);
	case PATH_LINKED:
		return path->flags & AT_SYMLINK_FOLLOW;
	case PATH_OPENED:
	case PATH_OPENED_BY_STRUCT:
	case PATH_CREATED:
		return !(path->flags & O_NOFOLLOW) && !(path->creates && (path->flags & O_EXCL));
	default:
		return false;
	}
}

static bool may_be_empty(const struct reroute_path *path)
{
	unsigned manner = path->row->manner;
	return path->is_descriptor || ((manner == PATH_FLAGGED || manner == PATH_TIMES || manner == PATH_LINKED) &&
				       (path->flags & AT_EMPTY_PATH));
}

/* Which descriptor is meant; -errno: none that is one. */
static int find_descriptor(const struct reroute_task *task, const struct reroute_path *path, int fd)
{
	if (fd < 0)
		return path->row->manner == PATH_TIMES && fd == AT_FDCWD ? -EFAULT : -EBADF;
	if (path->row->manner == PATH_TIMES && path->flags)
		return -EINVAL;
	return is_path_descriptor(task->tid, fd) ? -EBADF : 0;
}

static int read_path(const struct reroute_task *task, uint64_t address, struct bytes known, struct reroute_path *path)
{
	bool truncated;
	int error = 0;
	if (address == 0 && may_be_empty(path))
		return 0;
	if (known.data)
		strbuf_add(&path->text, known.data, known.len);
	else
		error = peek_string(task->tid, address, &path->text, PATH_MAX, &truncated);
	if (error)
		return error == -EFAULT ? -EFAULT : -EPERM;
	if (path->text.failed)
		return -EPERM;
	return path->text.len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int look(const struct reroute_task *task, const uint64_t args[6], struct bytes known, struct reroute_path *path)
{
	const struct pathcall *row = path->row;
	int dirfd = row->dirfd == PATHCALL_CWD ? AT_FDCWD : (int)args[row->dirfd];
	int error = read_flags(task, args, path);
	if (error)
		return error;
	path->is_descriptor = row->manner == PATH_DESCRIPTOR || (row->manner == PATH_TIMES && args[row->path] == 0);
	if (row->manner == PATH_DESCRIPTOR)
		dirfd = (int)args[row->path];
	if (path->is_descriptor)
		error = find_descriptor(task, path, dirfd);
	else
		error = read_path(task, args[row->path], known, path);
	if (error)
		return error;
	struct walk_request request = {
		.tid = task->tid,
		.as = task->as,
		.own_root = task->own_root,
		.dirfd = dirfd,
		.path = path->text.len ? strbuf_bytes(&path->text) : bytes_of("", 0),
		.follow_last = follows_last(path),
		.by_name = row->manner == PATH_NAME || path->creates,
		.empty_path_ok = may_be_empty(path),
		.resolve = path->how.resolve,
	};
	return walk(&request, &path->walk);
}

/* The kernel looks at the flags of an open first: what it says of them it says for no path at all, too. */
static int check_flags(const struct reroute_path *path)
{
	struct open_how how = path->how;
	int fd = -1;
	if (path->row->manner == PATH_OPENED)
		fd = (int)syscall(SYS_openat, AT_FDCWD, "", path->flags, 0);
	else if (path->row->manner == PATH_OPENED_BY_STRUCT)
		fd = (int)syscall(SYS_openat2, AT_FDCWD, "", &how, sizeof how);
	return fd < 0 && errno == EINVAL ? -EINVAL : 0;
}

void reroute_look(const struct reroute_task *task, const uint64_t args[6], const struct pathcall *row, struct bytes known,
		  struct reroute_path *path)
{
	*path = (struct reroute_path){ .row = row, .walk = { .parent_fd = -1, .object_fd = -1 } };
	path->error = look(task, args, known, path);
	if (path->error && path->error != -EPERM && check_flags(path))
		path->error = -EINVAL;
}

void reroute_forget(struct reroute_path *path)
{
	walk_end(&path->walk);
	strbuf_free(&path->text);
}

/* ---- leading ---- */

struct reroute *reroute_begin(const struct reroute_task *task, const struct pinned_space *space)
{
	struct reroute *reroute = calloc(1, sizeof *reroute);
	if (!reroute)
		return NULL;
	reroute->task = *task;
	reroute->slot = pinned_take(space);
	reroute->holder = holder_take(task->tid, task->as, false);
	if (!reroute->slot || !reroute->holder || !trace_get_registers(task->tid, &reroute->own)) {
		reroute_abandon(&reroute);
		return NULL;
	}
	reroute->task.as = NULL;
	reroute->made = reroute->own;
	return reroute;
}

void reroute_abandon(struct reroute **at)
{
	struct reroute *reroute = *at;
	*at = NULL;
	if (!reroute)
		return;
	for (unsigned i = 0; i < reroute->fd_count; i++)
		close(reroute->fds[i]);
	pinned_give_back(reroute->slot);
	holder_release(reroute->holder);
	free(reroute);
}

static bool is_i386(const struct reroute *reroute)
{
	return reroute->task.abi == ABI_I386;
}

uint64_t reroute_put(struct reroute *reroute, const void *data, size_t len)
{
	return pinned_put(reroute->slot, data, len);
}

void reroute_set_argument(struct reroute *reroute, unsigned index, uint64_t value)
{
	*x86_64_argument(&reroute->made, is_i386(reroute), index) = value;
}

bool reroute_set_call(struct reroute *reroute, const char *name)
{
	const struct syscall_desc *made = syscall_lookup(reroute->task.abi, (uint32_t)reroute->made.orig_rax);
	if (made && strcmp(made->name, name) == 0)
		return true;
	int number = syscall_number(reroute->task.abi, name);
	if (number < 0)
		return false;
	if (reroute->task.abi == ABI_X32)
		number |= X32_BIT;
	reroute->made.orig_rax = (unsigned)number;
	return true;
}

int reroute_name(struct reroute *reroute, int fd, const char *name, char out[], size_t size)
{
	char whole[HOLDER_NAME_BYTES];
	if (reroute->fd_count == FDS_MAX) {
		close(fd);
		return -EPERM;
	}
	reroute->fds[reroute->fd_count++] = fd;
	int error = holder_name(reroute->holder, reroute->task.tid, reroute->task.own_root, fd, name, whole);
	if (error)
		return -EPERM;
	if (strlen(whole) >= size)
		return -ENAMETOOLONG;
	strcpy(out, whole);
	return 0;
}

/* Puts the name where the call looks for its path. */
static int lead(struct reroute *reroute, const struct reroute_path *path, int *fd, const char *name)
{
	char whole[HOLDER_NAME_BYTES + 1];
	int given = *fd;
	*fd = -1;
	int error = reroute_name(reroute, given, name, whole, HOLDER_NAME_BYTES);
	if (error)
		return error;
	if (name[0] && path->walk.trailing_slash && (path->row->manner == PATH_NAME || path->creates))
		strcat(whole, "/");
	uint64_t address = reroute_put(reroute, whole, strlen(whole) + 1);
	if (!address)
		return -EPERM;
	reroute_set_argument(reroute, path->row->path, address);
	return 0;
}

static int lead_to_object(struct reroute *reroute, struct reroute_path *path)
{
	return path->walk.object_fd < 0 ? -ENOENT : lead(reroute, path, &path->walk.object_fd, "");
}

/* The object is let go first: who removes or replaces a name does not find it in use. */
static int lead_to_name(struct reroute *reroute, struct reroute_path *path)
{
	if (path->walk.object_fd >= 0)
		close(path->walk.object_fd);
	path->walk.object_fd = -1;
	return lead(reroute, path, &path->walk.parent_fd, path->walk.name);
}

static int set_open_flags(struct reroute *reroute, const struct reroute_path *path, uint64_t flags)
{
	const struct pathcall *row = path->row;
	if (row->manner == PATH_OPENED) {
		reroute_set_argument(reroute, row->flags, flags);
	} else if (row->manner == PATH_CREATED) {
		unsigned long long mode = *x86_64_argument(&reroute->own, is_i386(reroute), 1);
		reroute_set_argument(reroute, 1, flags);
		reroute_set_argument(reroute, 2, mode);
	} else {
		struct open_how how = path->how;
		how.flags = flags;
		how.resolve = 0; /* the walk has kept to it */
		uint64_t address = reroute_put(reroute, &how, sizeof how);
		reroute_set_argument(reroute, 2, address);
		reroute_set_argument(reroute, 3, sizeof how);
		return address ? 0 : -EPERM;
	}
	return 0;
}

static int lead_open(struct reroute *reroute, struct reroute_path *path)
{
	const struct walk_result *walk = &path->walk;
	bool by_name = walk->parent_fd >= 0 &&
		       (path->creates || walk->object_fd < 0 || walk->is_link || walk->is_automount);
	uint64_t flags = by_name ? path->flags | O_NOFOLLOW : path->flags & ~(uint64_t)O_NOFOLLOW;
	if (by_name && !(path->flags & O_NOFOLLOW))
		reroute->adds_nofollow = true;
	int error = set_open_flags(reroute, path, flags);
	if (error)
		return error;
	return by_name ? lead_to_name(reroute, path) : lead_to_object(reroute, path);
}

static void set_at_flags(struct reroute *reroute, const struct reroute_path *path, uint64_t take, uint64_t add)
{
	if (path->row->flags != PATHCALL_NO_FLAGS)
		reroute_set_argument(reroute, path->row->flags, (path->flags & ~take) | add);
}

/* A link itself is meant: a name in a directory is, or the directory that the path ends with. */
static int lead_to_last(struct reroute *reroute, struct reroute_path *path)
{
	if (path->walk.parent_fd >= 0)
		return lead_to_name(reroute, path);
	return path->walk.object_fd < 0 ? -ENOENT : lead(reroute, path, &path->walk.object_fd, ".");
}

static int lead_flagged(struct reroute *reroute, struct reroute_path *path)
{
	bool is_empty = path->text.len == 0;
	if (!is_empty && !follows_last(path))
		return lead_to_last(reroute, path);
	if (is_empty)
		set_at_flags(reroute, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, 0);
	return lead_to_object(reroute, path);
}

static int lead_linked(struct reroute *reroute, struct reroute_path *path)
{
	bool is_empty = path->text.len == 0;
	if (path->walk.object_fd < 0)
		return -ENOENT; /* whatever becomes of the other path */
	if (!is_empty && !follows_last(path))
		return lead_to_last(reroute, path);
	set_at_flags(reroute, path, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW);
	return lead_to_object(reroute, path);
}

/* The root has no name to be made, moved or removed; the kernel says so. */
static int lead_by_name(struct reroute *reroute, struct reroute_path *path)
{
	if (path->walk.parent_fd >= 0)
		return lead_to_name(reroute, path);
	uint64_t address = reroute_put(reroute, "/", 2);
	reroute_set_argument(reroute, path->row->path, address);
	return address ? 0 : -EPERM;
}

int reroute_add_path(struct reroute *reroute, struct reroute_path *path)
{
	if (path->error)
		return path->error;
	if (path->walk.is_ours || !reroute_set_call(reroute, pathcall_made(path->row)))
		return -EPERM;
	switch (path->row->manner) {
	case PATH_OPENED:
	case PATH_OPENED_BY_STRUCT:
	case PATH_CREATED:
		return lead_open(reroute, path);
	case PATH_LAST:
		return lead_to_last(reroute, path);
	case PATH_FLAGGED:
	case PATH_TIMES:
		return lead_flagged(reroute, path);
	case PATH_LINKED:
		return lead_linked(reroute, path);
	case PATH_NAME:
		return lead_by_name(reroute, path);
	default:
		return lead_to_object(reroute, path);
	}
}

bool reroute_apply(struct reroute *reroute)
{
	return trace_set_registers(reroute->task.tid, &reroute->made);
}

/* ---- the end ---- */

enum reroute_outcome reroute_end(struct reroute **at, int64_t *result)
{
	struct reroute *reroute = *at;
	struct user_regs_struct registers;
	bool told = trace_get_registers(reroute->task.tid, &registers);
	*result = told ? (int64_t)registers.rax : -EPERM;
	bool again = *result == -ELOOP && reroute->adds_nofollow;
	if (told) {
		for (unsigned i = 0; i < 6; i++)
			*x86_64_argument(&registers, is_i386(reroute), i) =
				*x86_64_argument(&reroute->own, is_i386(reroute), i);
		registers.orig_rax = reroute->own.orig_rax;
		if (again)
			x86_64_repeat_call(&registers);
		trace_set_registers(reroute->task.tid, &registers);
	}
	reroute_abandon(at);
	return again ? REROUTE_AGAIN : REROUTE_DONE;
}
