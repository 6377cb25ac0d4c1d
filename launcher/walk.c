/* See walk.h.
 *
 * Most paths hold no link: their directory is opened at one go by openat2(2), which tells when there is
 * one. Then, and wherever /proc or another root has a say, the path is walked component by component.
 *
 * Under /proc the kernel looks at who asks. "self" is ptwrap there, so it is put in by hand; and a task
 * may always look at its own process, while ptwrap, seeing as it does, may not if that process is not
 * dumpable: so ptwrap walks there as itself. */
#include "walk.h"

#include "mountspace.h"
#include "procfs.h"
#include "procpid.h"
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef AUTOFS_SUPER_MAGIC
#define AUTOFS_SUPER_MAGIC 0x0187
#endif
#define MOUNT_NO_SYMLINKS 0x2000 /* ST_NOSYMFOLLOW */

enum {
	LINKS_MAX = 40,
	RETRY_SLOWLY = 1,
	RESTRICTED = RESOLVE_BENEATH | RESOLVE_IN_ROOT, /* what only openat2 itself can keep to; it stays below its base then */
};

struct component {
	const char *name;
	size_t len;
	bool is_last, has_slash; /* a slash follows */
};

struct walker {
	const struct walk_request *request;
	struct walk_result *result;
	struct identity identity;
	int root_fd, at_fd;   /* the task's root; where the walk has come to */
	struct strbuf rest;   /* the path still to be walked, from `at` on */
	size_t at;
	unsigned links;
	bool in_own_process;  /* below /proc/PID of the task itself */
	bool root_was_met;    /* by an absolute path or `..` */
	char text[WALK_NAME_BYTES]; /* the component at hand */
};

static bool same_file(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor &&
	       a->stx_mnt_id == b->stx_mnt_id;
}

static int look_at(int fd, struct statx *status)
{
	unsigned mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_UID | STATX_NLINK | STATX_MNT_ID;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, mask, status) ? -errno : 0;
}

static bool is_on(int fd, long magic)
{
	struct statfs status;
	return fstatfs(fd, &status) == 0 && status.f_type == magic;
}

static void replace(int *fd, int by)
{
	if (*fd >= 0)
		close(*fd);
	*fd = by;
}

/* Opens a name in `at_fd`, as the task or, in its own process, as ptwrap. A descriptor or -errno. */
static int open_name(const struct walker *walker, const char *name, int flags)
{
	bool as_ptwrap = walker->in_own_process && !walker->identity.is_own;
	if (as_ptwrap)
		identity_resume(&walker->identity);
	int fd = openat(walker->at_fd, name, flags | O_PATH | O_CLOEXEC);
	int error = errno;
	if (as_ptwrap && identity_assume(&walker->identity) != 0) {
		replace(&fd, -1);
		error = EPERM;
	}
	if (fd < 0)
		return -error;
	return fd;
}

/* ---- where a walk starts ---- */

static int open_link(pid_t tid, const char *name)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, name);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static int open_base(const struct walk_request *request)
{
	char path[PROCFS_PATH];
	if (request->dirfd == AT_FDCWD)
		return open_link(request->tid, "cwd");
	if (request->dirfd < 0)
		return -EBADF;
	procfs_fd_path(path, request->tid, request->dirfd);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EBADF : -errno;
	return fd;
}

static int open_root(const struct walk_request *request)
{
	if (!request->own_root)
		return open_link(request->tid, "root");
	int fd = open("/", O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

/* A second descriptor of the same file, or -errno. */
static int another(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	return copy;
}

static int find_root(struct walker *walker)
{
	if (walker->root_fd < 0)
		walker->root_fd = open_root(walker->request);
	return walker->root_fd < 0 ? walker->root_fd : 0;
}

/* The start is ptwrap's to open, whoever the task is: it has it already. */
static int open_start(struct walker *walker)
{
	const struct walk_request *request = walker->request;
	bool absolute = request->path.len > 0 && request->path.data[0] == '/' && !(request->resolve & RESOLVE_IN_ROOT);
	walker->root_was_met = absolute;
	int error = request->own_root ? 0 : find_root(walker);
	if (error)
		return error;
	walker->at_fd = !absolute ? open_base(request) : request->own_root ? open_root(request) : another(walker->root_fd);
	return walker->at_fd < 0 ? walker->at_fd : 0;
}

/* ---- /proc ---- */

/* Marks what leads into ptwrap's own processes: fd is somewhere in a /proc. */
static void watch_for_ours(struct walker *walker, int fd)
{
	if (is_on(fd, PROC_SUPER_MAGIC) && procpid_leads_to_ours(fd))
		walker->result->is_ours = true;
}

/* The directory of a process in the /proc at `at_fd` was entered. */
static void enter_process(struct walker *walker, int process_fd)
{
	if (procpid_is_ours(process_fd))
		walker->result->is_ours = true;
	walker->in_own_process = procpid_is_of(process_fd, walker->request->tid);
}

static bool may_be_process(const char *name)
{
	return name[0] >= '1' && name[0] <= '9';
}

static bool is_link_by_asker(const char *name)
{
	return strcmp(name, "self") == 0 || strcmp(name, "thread-self") == 0;
}

/* ---- links ---- */

/* Puts target in the place of the component that is done. */
static int put_before_rest(struct walker *walker, struct bytes target)
{
	struct strbuf whole = { 0 };
	strbuf_add(&whole, target.data, target.len);
	strbuf_add(&whole, walker->rest.data + walker->at, walker->rest.len - walker->at);
	strbuf_free(&walker->rest);
	walker->rest = whole;
	walker->at = 0;
	if (whole.failed)
		return -ENOMEM;
	if (target.data[0] != '/')
		return 0;
	if ((walker->request->resolve & RESOLVE_NO_XDEV) && !walker->root_was_met)
		return -EXDEV; /* the kernel does not compare with a root that it has not looked at yet */
	int error = find_root(walker);
	if (error)
		return error;
	replace(&walker->at_fd, another(walker->root_fd));
	return walker->at_fd < 0 ? walker->at_fd : 0;
}

/* fs.protected_symlinks: in a directory such as /tmp only its owner, or the directory's, may lay a link. */
static bool may_follow(const struct walker *walker, const struct statx *link)
{
	struct statx directory;
	enum { STICKY_FOR_ALL = S_ISVTX | S_IWOTH };
	if (!procpid_protects_links() || link->stx_uid == walker->identity.uid || look_at(walker->at_fd, &directory))
		return true;
	return (directory.stx_mode & STICKY_FOR_ALL) != STICKY_FOR_ALL || directory.stx_uid == link->stx_uid;
}

static bool mount_has_no_links(int fd)
{
	struct statfs status;
	return fstatfs(fd, &status) == 0 && (status.f_flags & MOUNT_NO_SYMLINKS);
}

/* A link below /proc/PID leads to a thing, not to a name. */
static int jump(struct walker *walker, const struct component *component)
{
	int fd = open_name(walker, walker->text, 0);
	if (fd >= 0 && (walker->request->resolve & RESOLVE_NO_MAGICLINKS)) {
		close(fd);
		fd = -ELOOP;
	}
	if (fd < 0)
		return fd;
	walker->in_own_process = false;
	replace(&walker->at_fd, fd);
	watch_for_ours(walker, fd);
	if (!component->is_last && !component->has_slash)
		return 0;
	struct statx status;
	int error = look_at(fd, &status);
	return error ? error : component->has_slash && !S_ISDIR(status.stx_mode) ? -ENOTDIR : 0;
}

static int follow_text(struct walker *walker, int link_fd)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(link_fd, "", target, sizeof target);
	if (len <= 0)
		return len < 0 ? -errno : -ENOENT;
	return put_before_rest(walker, bytes_of(target, (size_t)len));
}

static int follow_asker(struct walker *walker)
{
	char target[PROCFS_PATH];
	int error = procpid_self(walker->at_fd, walker->request->tid, walker->text[0] == 't', target);
	return error ? error : put_before_rest(walker, bytes_of_string(target));
}

/* link_fd, in at_fd, is a symbolic link. 0: the walk goes on; it is over where that leaves nothing to walk. */
static int follow(struct walker *walker, const struct component *component, int link_fd, const struct statx *link)
{
	if (++walker->links > LINKS_MAX || (walker->request->resolve & RESOLVE_NO_SYMLINKS))
		return -ELOOP;
	bool in_proc = is_on(walker->at_fd, PROC_SUPER_MAGIC);
	if (mount_has_no_links(link_fd))
		return -ELOOP;
	if (!may_follow(walker, link))
		return -EACCES;
	if (!in_proc)
		return follow_text(walker, link_fd);
	if (!procpid_is_root(walker->at_fd))
		return jump(walker, component);
	return is_link_by_asker(walker->text) ? follow_asker(walker) : follow_text(walker, link_fd);
}

/* ---- component by component ---- */

static bool next_component(struct walker *walker, struct component *component)
{
	const struct strbuf *rest = &walker->rest;
	while (walker->at < rest->len && rest->data[walker->at] == '/')
		walker->at++;
	size_t start = walker->at;
	while (walker->at < rest->len && rest->data[walker->at] != '/')
		walker->at++;
	if (walker->at == start)
		return false;
	size_t next = walker->at;
	while (next < rest->len && rest->data[next] == '/')
		next++;
	*component = (struct component){ .name = rest->data + start, .len = walker->at - start,
					 .is_last = next == rest->len, .has_slash = next > walker->at };
	return true;
}

static int go_up(struct walker *walker)
{
	struct statx here, root;
	walker->root_was_met = true;
	int error = find_root(walker);
	if (!error)
		error = look_at(walker->at_fd, &here);
	if (!error)
		error = look_at(walker->root_fd, &root);
	if (error)
		return error;
	if (!S_ISDIR(here.stx_mode))
		return -ENOTDIR;
	bool at_root = same_file(&here, &root);
	int fd = open_name(walker, at_root ? "." : "..", 0);
	if (fd < 0)
		return fd;
	replace(&walker->at_fd, fd);
	walker->in_own_process = false;
	if (!at_root)
		watch_for_ours(walker, fd);
	return 0;
}

static int stay(struct walker *walker)
{
	int fd = open_name(walker, ".", 0);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* The walk ends with a name in at_fd; object_fd (given away) is what it names, or -1. */
static int end_with_name(struct walker *walker, int object_fd)
{
	struct walk_result *result = walker->result;
	result->parent_fd = walker->at_fd;
	walker->at_fd = -1;
	strcpy(result->name, walker->text);
	result->object_fd = object_fd;
	return 0;
}

/* The last component is a dot or two: there is a name, though none that can be made or removed. */
static int end_with_dots(struct walker *walker)
{
	struct walk_result *result = walker->result;
	result->parent_fd = fcntl(walker->at_fd, F_DUPFD_CLOEXEC, 0);
	if (result->parent_fd < 0)
		return -errno;
	strcpy(result->name, walker->text);
	int error = walker->text[1] ? go_up(walker) : stay(walker);
	result->object_fd = walker->at_fd;
	walker->at_fd = -1;
	return error;
}

enum step { STEP_ON, STEP_DONE };

/* 0 (STEP_ON), STEP_DONE, or -errno. */
static int step_to_name(struct walker *walker, const struct component *component)
{
	const struct walk_request *request = walker->request;
	struct statx status;
	int fd = open_name(walker, walker->text, O_NOFOLLOW);
	if (fd == -ENOENT && component->is_last)
		return end_with_name(walker, -1) ? -ENOMEM : STEP_DONE;
	if (fd < 0)
		return fd;
	int error = look_at(fd, &status);
	bool follows = !component->is_last || (component->has_slash ? !request->by_name : request->follow_last);
	if (!error && S_ISLNK(status.stx_mode) && follows) {
		error = follow(walker, component, fd, &status);
		close(fd);
		return error;
	}
	if (!error && may_be_process(walker->text) && procpid_is_root(walker->at_fd))
		enter_process(walker, fd);
	if (!error && component->has_slash && !S_ISDIR(status.stx_mode) && !request->by_name)
		error = -ENOTDIR;
	if (error) {
		close(fd);
		return error;
	}
	if (component->is_last)
		return end_with_name(walker, fd) ? -ENOMEM : STEP_DONE;
	replace(&walker->at_fd, fd);
	return STEP_ON;
}

static int step(struct walker *walker, const struct component *component)
{
	if (component->len >= sizeof walker->text) {
		int error = stay(walker);
		return error ? error : -ENAMETOOLONG;
	}
	memcpy(walker->text, component->name, component->len);
	walker->text[component->len] = '\0';
	bool one = strcmp(walker->text, ".") == 0, two = strcmp(walker->text, "..") == 0;
	if (component->is_last)
		walker->result->trailing_slash = component->has_slash;
	if ((one || two) && component->is_last) {
		int error = end_with_dots(walker);
		return error ? error : STEP_DONE;
	}
	if (one)
		return stay(walker);
	return two ? go_up(walker) : step_to_name(walker, component);
}

/* RESOLVE_NO_XDEV: has it come to another mount than it began on? */
static int check_mount(const struct walker *walker, int fd, uint64_t start)
{
	struct statx status;
	if (!(walker->request->resolve & RESOLVE_NO_XDEV) || fd < 0)
		return 0;
	int error = look_at(fd, &status);
	return error ? error : status.stx_mnt_id != start ? -EXDEV : 0;
}

static int walk_steps(struct walker *walker)
{
	struct component component;
	struct statx start;
	int error = look_at(walker->at_fd, &start);
	if (error)
		return error;
	strbuf_add(&walker->rest, walker->request->path.data, walker->request->path.len);
	watch_for_ours(walker, walker->at_fd);
	int done = STEP_ON;
	while (done == STEP_ON && next_component(walker, &component)) {
		done = step(walker, &component);
		error = done < 0 ? done : check_mount(walker, walker->at_fd, start.stx_mnt_id);
		if (error)
			return error;
	}
	if (done == STEP_ON) { /* "/", or where a link of /proc led */
		walker->result->object_fd = walker->at_fd;
		walker->at_fd = -1;
	}
	return check_mount(walker, walker->result->object_fd, start.stx_mnt_id);
}

/* ---- at one go ---- */

static bool is_plain_name(struct bytes name)
{
	return name.len > 0 && name.len < WALK_NAME_BYTES && !(name.len == 1 && name.data[0] == '.') &&
	       !(name.len == 2 && memcmp(name.data, "..", 2) == 0);
}

/* Are there no `..` that might lead out of another root? */
static bool stays_below(struct bytes path)
{
	return memmem(path.data, path.len, "..", 2) == NULL;
}

/* The directory of the last component. RETRY_SLOWLY: there is a link on the way, or no such call. */
static int open_directory(struct walker *walker, struct bytes directory)
{
	char path[PATH_MAX];
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	if (directory.len == 0)
		return 0;
	if (directory.data[0] == '/' && !walker->request->own_root)
		how.resolve |= RESOLVE_IN_ROOT;
	memcpy(path, directory.data, directory.len);
	path[directory.len] = '\0';
	int fd = (int)syscall(SYS_openat2, walker->at_fd, path, &how, sizeof how);
	if (fd < 0)
		return errno == ELOOP || errno == ENOSYS || errno == EAGAIN ? RETRY_SLOWLY : -errno;
	replace(&walker->at_fd, fd);
	return 0;
}

static int walk_straight(struct walker *walker)
{
	struct bytes path = walker->request->path;
	const char *slash = memrchr(path.data, '/', path.len);
	size_t directory_len = slash ? (size_t)(slash - path.data) + 1 : 0;
	struct bytes name = bytes_of(path.data + directory_len, path.len - directory_len);
	struct statx status;
	bool may_leave_root = !walker->request->own_root && !stays_below(path);
	if (!is_plain_name(name) || may_leave_root || (walker->request->resolve & RESOLVE_NO_XDEV))
		return RETRY_SLOWLY;
	int error = open_directory(walker, bytes_of(path.data, directory_len));
	if (error)
		return error;
	if (is_on(walker->at_fd, PROC_SUPER_MAGIC))
		return RETRY_SLOWLY;
	memcpy(walker->text, name.data, name.len);
	walker->text[name.len] = '\0';
	int fd = open_name(walker, walker->text, O_NOFOLLOW);
	if (fd < 0)
		return fd == -ENOENT ? end_with_name(walker, -1) : fd;
	error = look_at(fd, &status);
	if (error || (S_ISLNK(status.stx_mode) && walker->request->follow_last)) {
		close(fd);
		return error ? error : RETRY_SLOWLY;
	}
	return end_with_name(walker, fd);
}

/* ---- openat2 with rules of its own for the way ---- */

static int open_restricted(const struct walker *walker, struct bytes path, int flags)
{
	char text[PATH_MAX];
	struct open_how how = { .flags = (uint64_t)(flags | O_PATH | O_CLOEXEC),
				.resolve = walker->request->resolve & ~(uint64_t)RESOLVE_CACHED };
	memcpy(text, path.data, path.len);
	text[path.len] = '\0';
	int fd = (int)syscall(SYS_openat2, walker->at_fd, text, &how, sizeof how);
	if (fd < 0)
		return -errno;
	return fd;
}

/* Where the link at the end of path, which leads nowhere yet, leads: the path with its target in its stead. */
static int follow_dangling(struct walker *walker, struct bytes directory, const char *name, struct strbuf *path)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(walker->at_fd, name, target, sizeof target);
	if (len < 0)
		return errno == EINVAL || errno == ENOENT ? 0 : -errno;
	if (++walker->links > LINKS_MAX)
		return -ELOOP;
	struct strbuf whole = { 0 };
	if (target[0] != '/')
		strbuf_add(&whole, directory.data, directory.len);
	strbuf_add(&whole, target, (size_t)len);
	strbuf_free(path);
	*path = whole;
	return whole.failed ? -ENOMEM : whole.len >= PATH_MAX ? -ENAMETOOLONG : RETRY_SLOWLY;
}

/* Nothing is there. RETRY_SLOWLY: but a link, and *path is where it leads. */
static int find_directory(struct walker *walker, struct strbuf *path)
{
	const char *slash = memrchr(path->data, '/', path->len);
	size_t directory_len = slash ? (size_t)(slash - path->data) + 1 : 0;
	struct bytes directory = bytes_of(path->data, directory_len);
	struct bytes name = bytes_of(path->data + directory_len, path->len - directory_len);
	if (!is_plain_name(name))
		return -ENOENT;
	int base_fd = walker->at_fd;
	int fd = open_restricted(walker, directory_len ? directory : bytes_of(".", 1), O_DIRECTORY);
	if (fd < 0)
		return fd;
	memcpy(walker->text, name.data, name.len);
	walker->text[name.len] = '\0';
	walker->at_fd = fd;
	int error = walker->request->follow_last ? follow_dangling(walker, directory, walker->text, path) : 0;
	if (error) {
		walker->at_fd = base_fd;
		close(fd);
		return error;
	}
	close(base_fd);
	watch_for_ours(walker, fd);
	return end_with_name(walker, -1);
}

/* A file is to be made whose name ends with a slash: if its directory is found, then that is the error. */
static int refuse_slash(const struct walker *walker)
{
	struct bytes path = walker->request->path;
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	const char *slash = memrchr(path.data, '/', path.len);
	size_t directory_len = slash ? (size_t)(slash - path.data) + 1 : 0;
	if (is_plain_name(bytes_of(path.data + directory_len, path.len - directory_len)))
		path.len = directory_len;
	else
		path = walker->request->path;
	int fd = open_restricted(walker, path.len ? path : bytes_of(".", 1), O_DIRECTORY);
	if (fd < 0)
		return fd;
	close(fd);
	return -EISDIR;
}

/* By the same call, then: it alone knows those rules. */
static int walk_restricted(struct walker *walker)
{
	struct walk_result *result = walker->result;
	struct strbuf path = { 0 };
	strbuf_add(&path, walker->request->path.data, walker->request->path.len);
	int error = 0;
	if (walker->request->by_name && path.data[path.len - 1] == '/')
		error = refuse_slash(walker);
	while (!error) {
		result->object_fd = open_restricted(walker, strbuf_bytes(&path), walker->request->follow_last ? 0 : O_NOFOLLOW);
		error = result->object_fd < 0 ? result->object_fd : 0;
		if (error == -ENOENT)
			error = find_directory(walker, &path);
		if (error != RETRY_SLOWLY)
			break;
		error = 0;
	}
	strbuf_free(&path);
	if (result->object_fd >= 0)
		watch_for_ours(walker, result->object_fd);
	return error;
}

/* ---- the answer ---- */

static int add_name_of(int fd, struct strbuf *out, struct bytes root)
{
	static const char deleted[] = " (deleted)";
	char path[PROCFS_PATH], link[PATH_MAX];
	struct statx status;
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	ssize_t len = readlink(path, link, sizeof link);
	if (len < 0 || len == sizeof link)
		return len < 0 ? -errno : -ENAMETOOLONG;
	struct bytes name = bytes_of(link, (size_t)len);
	size_t tail = sizeof deleted - 1;
	if (name.len > tail && memcmp(link + name.len - tail, deleted, tail) == 0 && look_at(fd, &status) == 0 &&
	    status.stx_nlink == 0)
		name.len -= tail;
	if (root.len > 1 && name.len >= root.len && memcmp(name.data, root.data, root.len) == 0 &&
	    (name.len == root.len || name.data[root.len] == '/'))
		name = bytes_of(name.data + root.len, name.len - root.len);
	if (name.len == 0)
		name = bytes_of("/", 1);
	strbuf_add(out, name.data, name.len);
	return 0;
}

/* Is it /proc/PID/mem, of a process that ptwrap does not trace? */
static bool is_foreign_memory(const struct walker *walker)
{
	static const char end[] = "/mem";
	const struct strbuf *path = &walker->result->path;
	size_t len = sizeof end - 1;
	uint64_t tracer = 0;
	if (walker->in_own_process || walker->result->object_fd < 0 || path->len <= len ||
	    memcmp(path->data + path->len - len, end, len) != 0 || !is_on(walker->result->object_fd, PROC_SUPER_MAGIC))
		return false;
	const char *number = memrchr(path->data, '/', path->len - len);
	return !number || procfs_status_field((pid_t)strtol(number + 1, NULL, 10), "\nTracerPid:", 10, &tracer) ||
	       tracer != (uint64_t)getpid();
}

/* What is in a directory is named by it: that holds for what is not there, too. */
static int name_object(struct walker *walker)
{
	struct walk_result *result = walker->result;
	struct strbuf root = { 0 };
	int error = 0;
	if (!walker->request->own_root)
		error = add_name_of(walker->root_fd, &root, bytes_of(NULL, 0));
	bool by_parent = result->parent_fd >= 0 && is_plain_name(bytes_of_string(result->name));
	result->is_elsewhere = !mountspace_knows(walker->request->tid, by_parent ? result->parent_fd : result->object_fd);
	if (!error)
		error = add_name_of(by_parent ? result->parent_fd : result->object_fd, &result->path, strbuf_bytes(&root));
	strbuf_free(&root);
	if (error || !by_parent)
		return error;
	if (result->path.len > 0 && result->path.data[result->path.len - 1] != '/')
		strbuf_add_char(&result->path, '/');
	strbuf_add_string(&result->path, result->name);
	return result->path.failed ? -ENOMEM : 0;
}

static int describe_object(struct walker *walker)
{
	struct walk_result *result = walker->result;
	struct statx status;
	if (result->object_fd < 0)
		return 0;
	int error = look_at(result->object_fd, &status);
	if (error)
		return error;
	result->is_directory = S_ISDIR(status.stx_mode);
	result->is_link = S_ISLNK(status.stx_mode);
	result->has_more_names = S_ISREG(status.stx_mode) && status.stx_nlink > 1;
	result->is_automount = result->is_directory && is_on(result->object_fd, AUTOFS_SUPER_MAGIC);
	return 0;
}

/* The descriptor itself is meant. */
static int take_base(struct walker *walker)
{
	walker->result->object_fd = walker->at_fd;
	walker->at_fd = -1;
	watch_for_ours(walker, walker->result->object_fd);
	return 0;
}

static int walk_as_task(struct walker *walker)
{
	const struct walk_request *request = walker->request;
	if (request->path.len == 0)
		return take_base(walker);
	int error = identity_assume(&walker->identity);
	if (error)
		return error;
	error = request->resolve & RESTRICTED ? walk_restricted(walker) : walk_straight(walker);
	identity_resume(&walker->identity);
	if (error != RETRY_SLOWLY)
		return error;
	replace(&walker->at_fd, -1);
	error = open_start(walker);
	if (error || (error = identity_assume(&walker->identity)))
		return error;
	error = walk_steps(walker);
	identity_resume(&walker->identity);
	return error;
}

static int check_path(const struct walk_request *request)
{
	if (request->path.len >= PATH_MAX)
		return -ENAMETOOLONG;
	return request->path.len == 0 && !request->empty_path_ok ? -ENOENT : 0;
}

int walk(const struct walk_request *request, struct walk_result *result)
{
	struct walker walker = { .request = request, .result = result, .root_fd = -1, .at_fd = -1 };
	*result = (struct walk_result){ .parent_fd = -1, .object_fd = -1 };
	int error = check_path(request);
	if (error)
		return error;
	if (request->as)
		walker.identity = *request->as;
	else
		error = identity_read(request->tid, &walker.identity);
	if (!error)
		error = open_start(&walker);
	if (!error)
		error = walk_as_task(&walker);
	if (!error)
		error = describe_object(&walker);
	if (!error)
		error = name_object(&walker);
	if (!error && is_foreign_memory(&walker))
		result->is_elsewhere = true;
	replace(&walker.at_fd, -1);
	replace(&walker.root_fd, -1);
	strbuf_free(&walker.rest);
	if (!request->as)
		identity_free(&walker.identity);
	if (error)
		walk_end(result);
	return error;
}

void walk_end(struct walk_result *result)
{
	replace(&result->parent_fd, -1);
	replace(&result->object_fd, -1);
	strbuf_free(&result->path);
	*result = (struct walk_result){ .parent_fd = -1, .object_fd = -1 };
}
