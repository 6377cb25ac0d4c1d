/* Images that may not be read: see unread.h. */
#include "unread.h"

#include "launch.h"
#include "procfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static size_t strings_in(struct bytes vector)
{
	size_t count = 0;
	for (struct bytes string; bytes_next_string(&vector, &string);)
		count++;
	return count;
}

/* All of what was passed, if the call has it. */
static bool argv_of_call(const struct call *execve, struct bytes *argv)
{
	return execve && (call_find_whole(execve, ATTACH_STRINGS, 1, argv) || call_find_whole(execve, ATTACH_STRINGS, 2, argv)) &&
	       strings_in(*argv) == execve->argv_count;
}

size_t unread_take(const struct place *place, const struct call *execve, struct image *image)
{
	struct strbuf *argv = &image->text[IMAGE_ARGV];
	struct bytes passed;
	strbuf_reset(argv);
	if (procfs_cmdline(place->tid, argv) != 0 && argv_of_call(execve, &passed))
		strbuf_add(argv, passed.data, passed.len);
	procfs_effective_ids(place->tid, &image->uid, &image->gid);
	return strings_in(strbuf_bytes(argv));
}

/* The kernel calls a task by the last component of the path that it executes. */
static bool is_name_of(pid_t tid, struct bytes path)
{
	char comm[PROCFS_COMM];
	ssize_t len = procfs_comm(tid, comm);
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	const char *base = slash ? slash + 1 : path.data;
	size_t base_len = path.len - (size_t)(base - path.data);
	if (base_len > PROCFS_COMM - 1)
		base_len = PROCFS_COMM - 1;
	return len > 0 && bytes_equal(bytes_of(comm, (size_t)len), bytes_of(base, base_len));
}

static bool explains_it(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0;
}

/* The path as it is taken from the working directory of that process. */
static void take_from(const struct place *place, pid_t pid, const char *path, struct strbuf *out)
{
	char base[PROCFS_LINK];
	ssize_t len = path[0] == '/' ? 0 : procfs_link(pid, "cwd", base, sizeof base);
	if (path[0] == '/' || len > 0)
		resolve_absolute(place, bytes_of(base, len > 0 ? (size_t)len : 0), bytes_of_string(path), out);
}

/* Its own working directory is not told: most programs are executed where their parent is. */
static void find_by_argv(const struct place *place, struct image *image)
{
	struct bytes rest = strbuf_bytes(&image->text[IMAGE_ARGV]), first;
	pid_t tgid, parent;
	if (place->root || !bytes_next_string(&rest, &first) || !is_name_of(place->tid, first) ||
	    procfs_family(place->tid, &tgid, &parent) != 0)
		return;
	char *path = NULL;
	struct strbuf absolute = { 0 };
	if (memchr(first.data, '/', first.len))
		path = strndup(first.data, first.len);
	else if (launch_find(first.data, &path) != 0)
		path = NULL;
	if (path)
		take_from(place, parent, path, &absolute);
	if (absolute.len && explains_it(absolute.data)) {
		strbuf_add(&image->text[IMAGE_PATH], absolute.data, absolute.len);
		image->path_is_by_argv = true;
	}
	strbuf_free(&absolute);
	free(path);
}

/* The file that runs, if nothing speaks against its having been called so: no #! line, no link. */
static bool find_by_exe(const struct place *place, struct image *image)
{
	struct bytes exe = resolve_inside(place, strbuf_bytes(&image->text[IMAGE_EXE]));
	if (!exe.len || !is_name_of(place->tid, exe))
		return false;
	strbuf_add(&image->text[IMAGE_PATH], exe.data, exe.len);
	return true;
}

static void name_only(const struct place *place, struct strbuf *path)
{
	char comm[PROCFS_COMM];
	ssize_t len = path->len ? 0 : procfs_comm(place->tid, comm);
	if (len > 0)
		strbuf_add(path, comm, (size_t)len);
}

void unread_find_path(const struct place *place, const struct call *execve, struct image *image)
{
	struct strbuf *out = &image->text[IMAGE_PATH];
	struct bytes path;
	if (execve) { /* a relative one's place the recorder may know */
		if (call_find_whole(execve, ATTACH_PATH, 0, &path) && path.len && path.data[0] == '/')
			resolve_absolute(place, bytes_of(NULL, 0), path, out);
	} else if (image->program && is_name_of(place->tid, bytes_of_string(image->program))) {
		take_from(place, getpid(), image->program, out);
	} else if (!find_by_exe(place, image)) {
		find_by_argv(place, image);
	}
	name_only(place, out);
}

void unread_describe(const struct place *place, struct image *image)
{
	char link[PROCFS_LINK];
	image->flags |= EXEC_UNREAD | (image->word_bytes == 4 ? (uint32_t)EXEC_I386 : 0);
	unread_take(place, NULL, image);
	ssize_t len = procfs_link(place->tid, "exe", link, sizeof link);
	if (len > 0)
		strbuf_add(&image->text[IMAGE_EXE], link, (size_t)len);
	len = procfs_link(place->tid, "cwd", link, sizeof link);
	struct bytes cwd = resolve_inside(place, bytes_of(link, len > 0 ? (size_t)len : 0));
	strbuf_add(&image->text[IMAGE_CWD], cwd.data, cwd.len);
	find_by_exe(place, image);
	name_only(place, &image->text[IMAGE_PATH]);
}
