/* Promises of walks: what they find is what the kernel finds for the same path, error for error, in trees with links of
 * every kind drawn at random, and in /proc; and its name is the kernel's own. The task walked for is this one. */
#include "check.h"
#include "walk.h"

#include "procpid.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char top[PATH_MAX];

static bool same_object(int a, int b)
{
	struct stat left, right;
	return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

static void kernel_name(int fd, char name[PATH_MAX])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(path, name, PATH_MAX - 1);
	name[len > 0 ? len : 0] = '\0';
}

static bool is_name(const struct walk_result *result)
{
	return result->parent_fd >= 0 && strcmp(result->name, ".") != 0 && strcmp(result->name, "..") != 0;
}

/* The directory and the name lead there too. */
static void check_parent(const struct walk_result *result, const char *path)
{
	int fd = openat(result->parent_fd, result->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CHECK(fd >= 0 && same_object(fd, result->object_fd), "%s: %s", path, result->name);
	if (fd >= 0)
		close(fd);
}

static void compare_found(const struct walk_result *result, int fd, const char *path)
{
	char name[PATH_MAX];
	CHECK(result->object_fd >= 0 && same_object(fd, result->object_fd), "%s", path);
	kernel_name(fd, name);
	CHECK(result->path.data && strcmp(result->path.data, name) == 0, "%s: %s, not %s", path,
	      result->path.data ? result->path.data : "", name);
	if (result->object_fd >= 0 && is_name(result))
		check_parent(result, path);
}

/* Walks and lets the kernel walk. */
static void compare(int dirfd, const char *path, bool follow, bool own_root, uint64_t resolve)
{
	struct walk_request request = { .tid = getpid(), .own_root = own_root, .dirfd = dirfd, .path = bytes_of_string(path),
					.follow_last = follow, .resolve = resolve };
	struct walk_result result;
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | (follow ? 0U : (unsigned)O_NOFOLLOW), .resolve = resolve };
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how), error = fd < 0 ? -errno : 0;
	int got = walk(&request, &result);
	if (got == 0 && result.object_fd < 0)
		got = -ENOENT;
	CHECK(got == error, "%s%s: %s, not %s", path, follow ? "" : " (not followed)", strerror(-got), strerror(-error));
	CHECK(!result.is_ours, "%s", path);
	if (got == 0 && error == 0)
		compare_found(&result, fd, path);
	if (fd >= 0)
		close(fd);
	walk_end(&result);
}

static void compare_all_ways(int dirfd, const char *path)
{
	for (int way = 0; way < 4; way++)
		compare(dirfd, path, way & 1, way & 2, 0);
}

/* ---- trees ---- */

static unsigned seed = 1;

static unsigned draw(unsigned limit)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % limit;
}

static void draw_path(char *path, size_t size, unsigned parts)
{
	static const char *const names[] = { "a", "b", "c", "d", "a", "b", "..", ".", "nothing", "f" };
	size_t len = 0;
	path[0] = '\0';
	if (draw(4) == 0)
		len = (size_t)snprintf(path, size, "%s/", top);
	else if (draw(8) == 0)
		len = (size_t)snprintf(path, size, "../");
	for (unsigned i = 0; i < parts; i++)
		len += (size_t)snprintf(path + len, size - len, "%s%s", names[draw(COUNT(names))],
					i + 1 < parts ? (draw(6) ? "/" : "//") : (draw(6) ? "" : "/"));
}

/* Errors do not matter: names are drawn twice, paths lead nowhere. */
static void grow_tree(void)
{
	char path[PATH_MAX], target[PATH_MAX];
	for (int i = 0; i < 60; i++) {
		draw_path(path, sizeof path, 1 + draw(3));
		draw_path(target, sizeof target, 1 + draw(3));
		int fd = -1;
		switch (draw(4)) {
		case 0:
			fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
			break;
		case 1:
			if (symlink(target, path) != 0)
				continue;
			break;
		default:
			if (mkdir(path, 0755) != 0)
				continue;
			break;
		}
		if (fd >= 0)
			close(fd);
	}
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static void check_random_trees(void)
{
	char path[PATH_MAX];
	for (int tree = 0; tree < 30; tree++) {
		char name[32];
		snprintf(name, sizeof name, "tree%d", tree);
		CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0, "%s", name);
		grow_tree();
		int dirfd = open("a", O_RDONLY | O_CLOEXEC);
		for (int i = 0; i < 400; i++) {
			draw_path(path, sizeof path, 1 + draw(6));
			compare_all_ways(dirfd >= 0 && draw(3) == 0 ? dirfd : AT_FDCWD, path);
		}
		if (dirfd >= 0)
			close(dirfd);
		CHECK(chdir("..") == 0, "%s", name);
	}
}

static void check_known_paths(void)
{
	static const char *const paths[] = {
		"/", "//", "/.", "/..", ".", "..", "./", "../", "", "/proc", "/proc/", "/proc/self", "/proc/self/",
		"/proc/self/fd", "/proc/self/cwd", "/proc/self/cwd/", "/proc/self/cwd/file", "/proc/self/root/etc/passwd",
		"/proc/self/exe", "/proc/self/exe/", "/proc/self/fd/0", "/proc/self/fd/1/", "/proc/self/fd/987654",
		"/proc/thread-self/fd/2", "/proc/mounts", "/proc/net", "/proc/self/root/proc/self/root/etc/",
		"/proc/self/../self/status", "/dev/stdin", "/dev/fd/1", "/dev/fd/", "/dev/null", "/dev/null/", "/dev/tty",
		"file", "file/", "file/.", "file/..", "file/x", "loop", "loop/", "loop/x", "dangling", "dangling/", "to_file/",
		"to_dir", "to_dir/", "to_dir/.", "to_dir/..", "to_dir/../file", "to_dir/nothing/x", "dir/to_file", "to_root",
		"to_root/etc/passwd", "to_fd", "through/file", "pipe", "long", "/proc/self/ns/mnt", "/proc/1/status",
		"/proc/self/task/../fd/0", "/proc/999999999/x", "/sys/kernel", "deep0", "empty_link_target",
	};
	for (size_t i = 0; i < COUNT(paths); i++)
		compare_all_ways(AT_FDCWD, paths[i]);
}

static void check_lengths(void)
{
	char path[PATH_MAX + 300];
	memset(path, 'n', sizeof path);
	for (unsigned len = 254; len <= 257; len++) {
		path[len] = '\0';
		compare_all_ways(AT_FDCWD, path);
		path[len] = 'n';
	}
	for (unsigned len = PATH_MAX - 3; len <= PATH_MAX + 1; len++) {
		for (unsigned i = 0; i < len; i++)
			path[i] = i % 2 ? '/' : '.';
		path[len] = '\0';
		compare_all_ways(AT_FDCWD, path);
	}
}

static void check_descriptors(void)
{
	int pipes[2], file = open("file", O_RDONLY | O_CLOEXEC), dir = open("dir", O_RDONLY | O_CLOEXEC);
	CHECK(pipe2(pipes, O_CLOEXEC) == 0, "pipe");
	const int fds[] = { pipes[0], file, dir };
	for (size_t i = 0; i < COUNT(fds); i++) {
		struct walk_request request = { .tid = getpid(), .own_root = true, .dirfd = fds[i], .empty_path_ok = true,
						.path = bytes_of("", 0) };
		struct walk_result result;
		CHECK(walk(&request, &result) == 0 && result.parent_fd < 0, "%d", fds[i]);
		compare_found(&result, fds[i], "a descriptor");
		walk_end(&result);
		compare_all_ways(fds[i], "x");
		compare_all_ways(fds[i], "..");
		close(fds[i]);
	}
	close(pipes[1]);
	compare_all_ways(987, "x"); /* no such descriptor */
	compare_all_ways(-1, "x");
}

static void check_restricted(void)
{
	static const uint64_t ways[] = { RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS,
					 RESOLVE_NO_XDEV };
	static const char *const paths[] = { "file", "to_dir/x", "../x", "/etc", "/proc/self/exe", "nothing", "dir/nothing",
					     "to_root", "loop", "." };
	for (size_t i = 0; i < COUNT(ways) * COUNT(paths); i++)
		for (int follow = 0; follow < 2; follow++)
			compare(AT_FDCWD, paths[i % COUNT(paths)], follow, true, ways[i / COUNT(paths)]);
}

/* A name that is made or removed: a slash behind it follows nothing. */
static void check_names(void)
{
	static const char *const paths[] = { "to_file/", "dangling/", "to_dir/", "nothing/" };
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct walk_request request = { .tid = getpid(), .own_root = true, .dirfd = AT_FDCWD, .by_name = true,
						.path = bytes_of_string(paths[i]) };
		struct walk_result result;
		CHECK(walk(&request, &result) == 0, "%s", paths[i]);
		CHECK(result.trailing_slash && strncmp(result.name, paths[i], strlen(paths[i]) - 1) == 0, "%s", result.name);
		CHECK(result.object_fd < 0 || result.is_link, "%s", paths[i]);
		walk_end(&result);
	}
}

static void check_deleted(void)
{
	CHECK(mkdir("gone", 0755) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0, "gone");
	compare(AT_FDCWD, "x", true, true, 0);
	struct walk_request request = { .tid = getpid(), .own_root = true, .dirfd = AT_FDCWD, .path = bytes_of_string("x") };
	struct walk_result result;
	char expected[PATH_MAX + 16];
	snprintf(expected, sizeof expected, "%s/gone/x", top);
	CHECK(walk(&request, &result) == 0 && strcmp(result.path.data, expected) == 0, "%s", result.path.data);
	walk_end(&result);
	CHECK(chdir(top) == 0, "%s", top);
}

/* Of a process in another root, seen from here. */
static void check_other_root(void)
{
	int ready[2], go[2];
	char byte;
	if (geteuid() != 0)
		return;
	CHECK(pipe(ready) == 0 && pipe(go) == 0, "pipes");
	pid_t child = fork();
	if (child == 0) {
		close(go[1]);
		if (chroot(top) != 0 || chdir("/dir") != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit((int)read(go[0], &byte, 1));
	}
	close(ready[1]);
	close(go[0]);
	CHECK(read(ready[0], &byte, 1) == 1, "the child has another root");
	static const struct {
		const char *path, *leads_to;
	} cases[] = {
		{ "/file", "/file" }, { "x", "/dir/x" }, { "..", "/" }, { "../..", "/" }, { "../../file", "/file" },
		{ "/../../file", "/file" }, { "/to_dir/x", "/dir/x" }, { "../absolute", "/file" }, { "/", "/" }, { ".", "/dir" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct walk_request request = { .tid = child, .dirfd = AT_FDCWD, .path = bytes_of_string(cases[i].path),
						.follow_last = true };
		struct walk_result result;
		CHECK(walk(&request, &result) == 0 && strcmp(result.path.data, cases[i].leads_to) == 0, "%s: %s",
		      cases[i].path, result.path.data ? result.path.data : "nothing");
		walk_end(&result);
	}
	close(go[1]);
	close(ready[0]);
	waitpid(child, NULL, 0);
}

static bool leads_to_ours(const char *path)
{
	struct walk_request request = { .tid = getpid(), .own_root = true, .dirfd = AT_FDCWD, .follow_last = true,
					.path = bytes_of_string(path) };
	struct walk_result result;
	if (walk(&request, &result) != 0)
		return false;
	bool is_ours = result.is_ours;
	walk_end(&result);
	return is_ours;
}

static void check_ours(void)
{
	int go[2];
	char path[128], byte;
	CHECK(pipe(go) == 0, "pipe");
	pid_t child = fork();
	if (child == 0) {
		close(go[1]);
		_exit((int)read(go[0], &byte, 1));
	}
	close(go[0]);
	static const char *const inside[] = { "", "/mem", "/fd/0", "/root/etc", "/../%d/status", "/task/%d/mem" };
	for (int ours = 0; ours < 2; ours++) {
		if (ours)
			procpid_add_own(child);
		for (size_t i = 0; i < COUNT(inside); i++) {
			int len = snprintf(path, sizeof path, "/proc/self/root/proc/%d", child);
			snprintf(path + len, sizeof path - (size_t)len, inside[i], child); // NOLINT(clang-diagnostic-format-nonliteral)
			CHECK(leads_to_ours(path) == ours, "%s", path);
		}
	}
	snprintf(path, sizeof path, "/proc/%d", child);
	CHECK(chdir(path) == 0 && leads_to_ours("mem") && leads_to_ours("../self/cwd/mem"), "%s", path);
	CHECK(!leads_to_ours("/proc/self/mem"), "not ours");
	CHECK(chdir(top) == 0, "%s", top);
	procpid_remove_own(child);
	CHECK(!leads_to_ours(path), "no longer ours");
	close(go[1]);
	waitpid(child, NULL, 0);
}

/* What only another user may see is not seen, and the other way round. */
static void check_identity(void)
{
	enum { NOBODY = 65534 };
	if (geteuid() != 0)
		return;
	struct identity nobody = { .uid = NOBODY, .real_uid = NOBODY, .gid = NOBODY, .real_gid = NOBODY };
	CHECK(mkdir("closed", 0700) == 0 && mkdir("closed/in", 0755) == 0, "closed");
	CHECK(symlink("closed/in", "into") == 0, "into");
	static const struct {
		const char *path;
		int error;
	} cases[] = { { "closed", 0 }, { "closed/in", -EACCES }, { "into", -EACCES }, { "into/..", -EACCES },
		      { "file", 0 },   { "closed/.", -EACCES }, { "closed/nothing", -EACCES } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct walk_request request = { .tid = getpid(), .as = &nobody, .own_root = true, .dirfd = AT_FDCWD,
						.follow_last = true, .path = bytes_of_string(cases[i].path) };
		struct walk_result result;
		int error = walk(&request, &result);
		CHECK(error == cases[i].error, "%s: %s", cases[i].path, strerror(-error));
		walk_end(&result);
		request.as = NULL;
		CHECK((error = walk(&request, &result)) == 0, "%s: %s", cases[i].path, strerror(-error));
		walk_end(&result);
	}
}

static void check_sticky_links(void)
{
	enum { NOBODY = 65534 };
	if (geteuid() != 0 || !procpid_protects_links())
		return;
	struct identity nobody = { .uid = NOBODY, .real_uid = NOBODY, .gid = NOBODY, .real_gid = NOBODY };
	struct walk_result result;
	CHECK(mkdir("sticky", 0755) == 0 && chmod("sticky", 01777) == 0, "sticky");
	CHECK(symlink("../file", "sticky/mine") == 0 && symlink("../file", "sticky/other") == 0 &&
		      lchown("sticky/other", 1, 1) == 0, "links");
	struct walk_request request = { .tid = getpid(), .as = &nobody, .own_root = true, .dirfd = AT_FDCWD,
					.follow_last = true, .path = bytes_of_string("sticky/mine") };
	CHECK(walk(&request, &result) == 0, "the directory's owner's");
	walk_end(&result);
	request.path = bytes_of_string("sticky/other");
	CHECK(walk(&request, &result) == -EACCES, "somebody else's");
}

static void make_known_tree(void)
{
	char name[256];
	CHECK(mkdir("dir", 0755) == 0 && mkdir("dir/x", 0755) == 0 && mkfifo("pipe", 0644) == 0, "dir");
	close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	static const char *const links[][2] = {
		{ "loop", "loop" }, { "nothing", "dangling" }, { "file", "to_file" }, { "dir", "to_dir" },
		{ "../file", "dir/to_file" }, { "/", "to_root" }, { "/proc/self/fd/0", "to_fd" },
		{ "/proc/self/cwd", "through" }, { "/file", "absolute" },
	};
	for (size_t i = 0; i < COUNT(links); i++)
		CHECK(symlink(links[i][0], links[i][1]) == 0, "%s", links[i][1]);
	for (int i = 0; i < 45; i++) { /* more than are followed */
		char target[256];
		snprintf(name, sizeof name, "deep%d", i);
		snprintf(target, sizeof target, i < 44 ? "deep%d" : "file", i + 1); // NOLINT(clang-diagnostic-format-nonliteral,clang-diagnostic-format-extra-args)
		CHECK(symlink(target, name) == 0, "%s", name);
		if (i >= 3 && i <= 6)
			compare_all_ways(AT_FDCWD, name);
	}
	for (int i = 3; i <= 7; i++) {
		snprintf(name, sizeof name, "deep%d", i);
		compare_all_ways(AT_FDCWD, name);
	}
}

int main(void)
{
	char name[] = "/tmp/ptwrap-walk-XXXXXX";
	umask(022);
	CHECK(identity_init() == 0, "identity");
	if (!mkdtemp(name) || !realpath(name, top) || chmod(top, 0755) != 0 || chdir(top) != 0)
		return 1;
	make_known_tree();
	check_known_paths();
	check_lengths();
	check_descriptors();
	check_restricted();
	check_names();
	check_deleted();
	check_other_root();
	check_ours();
	check_identity();
	check_sticky_links();
	check_random_trees();
	CHECK(chdir("/") == 0, "/");
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (!failures)
		printf("ok %ld\n", checks);
	return failures != 0;
}
