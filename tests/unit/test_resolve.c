/* Promises of names: absolute, `..` taken after following the links before it, other links left as
 * named, and each name as its task means it, in whatever root it lives. The tree of files is made here. */
#include "check.h"
#include "resolve.h"

#include "procfs.h"
#include "workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char top[PATH_MAX]; /* the tree's root, links followed */
static struct place here;

/* Gives "TOP/rest" the room of the caller's; what begins with another character stays. */
static const char *named(char room[PATH_MAX], const char *name)
{
	snprintf(room, PATH_MAX, "%s%s", name[0] == '@' ? top : "", name + (name[0] == '@'));
	return room;
}

static void make_folder(const char *name)
{
	char path[PATH_MAX];
	CHECK(mkdir(named(path, name), 0755) == 0, "%s", name);
}

static void make_file(const char *name)
{
	char path[PATH_MAX];
	int fd = open(named(path, name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(fd >= 0, "%s", name);
	close(fd);
}

static void make_link(const char *to, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	CHECK(symlink(named(target, to), named(path, name)) == 0, "%s", name);
}

static void make_tree(void)
{
	char path[] = "/tmp/ptwrap-resolve-XXXXXX";
	if (!mkdtemp(path) || !realpath(path, top))
		abort();
	make_folder("@/a");
	make_folder("@/a/b");
	make_folder("@/c");
	make_file("@/a/file");
	make_file("@/a/b/deep");
	make_file("@/c/kept (deleted)");
	make_link("a/b", "@/to_b");
	make_link("@/c", "@/a/to_c");
	make_link("file", "@/a/to_file");
	make_link("to_file", "@/a/to_to_file");
	make_link("nowhere", "@/dangling");
	make_link("loop", "@/loop");
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void check_absolute(const struct place *place, const char *base, const char *path, const char *expected)
{
	char base_room[PATH_MAX], path_room[PATH_MAX], expected_room[PATH_MAX];
	struct strbuf out = { 0 };
	strbuf_add_string(&out, "x");
	resolve_absolute(place, bytes_of_string(named(base_room, base)), bytes_of_string(named(path_room, path)),
			 &out);
	CHECK(strcmp(out.data + 1, named(expected_room, expected)) == 0, "%s + %s: %s, not %s", base, path,
	      out.data + 1, expected_room);
	strbuf_free(&out);
}

static void test_names_are_absolute_and_plain(void)
{
	static const char *const cases[][3] = {
		{ "@/a", "file", "@/a/file" },
		{ "@/a", "", "@/a" },
		{ "@/a", ".", "@/a" },
		{ "@/a", "./b//deep", "@/a/b/deep" },
		{ "@/a", "b/", "@/a/b" },
		{ "/", "etc", "/etc" },
		{ "/", "", "/" },
		{ "@/a", "/", "/" },
		{ "@/a", "//etc///passwd", "/etc/passwd" },
		{ "@/a", "/./.", "/" },
		{ "@/a", "...", "@/a/..." },
		{ "@/a", "..b/b..", "@/a/..b/b.." },
		{ "@/a", "no/such/file", "@/a/no/such/file" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		check_absolute(&here, cases[i][0], cases[i][1], cases[i][2]);
}

static void test_dot_dot_goes_up_from_where_links_lead(void)
{
	static const char *const cases[][3] = {
		{ "@/a/b", "..", "@/a" },
		{ "@/a/b", "../..", "@" },
		{ "@/a/b", "../file", "@/a/file" },
		{ "@", "to_b/../file", "@/a/file" },
		{ "@", "to_b/../to_file", "@/a/to_file" },
		{ "@", "a/to_c/../c", "@/c" },
		{ "@", "a/to_c/../to_b/..", "@/a" },
		{ "@", "to_b/deep/..", "@/a/b" },
		{ "/", "..", "/" },
		{ "@", "/../../etc", "/etc" },
		{ "@", "no/../file", "@/file" },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		check_absolute(&here, cases[i][0], cases[i][1], cases[i][2]);
}

static void test_links_stay_as_named(void)
{
	check_absolute(&here, "@", "to_b/deep", "@/to_b/deep");
	check_absolute(&here, "@", "a/to_to_file", "@/a/to_to_file");
	check_absolute(&here, "@/to_b", "deep", "@/to_b/deep");
}

/* expected NULL: nothing is there, and nothing may be appended. */
static void check_links(const struct place *place, const char *path, const char *expected)
{
	char room[PATH_MAX], expected_room[PATH_MAX];
	struct strbuf out = { 0 };
	strbuf_add_string(&out, "x");
	bool found = resolve_links(place, bytes_of_string(named(room, path)), &out);
	CHECK(found == (expected != NULL), "%s", path);
	CHECK(strcmp(out.data + 1, expected ? named(expected_room, expected) : "") == 0, "%s: %s", path,
	      out.data + 1);
	strbuf_free(&out);
}

static void test_links_lead_where_the_kernel_follows_them(void)
{
	for (int twice = 0; twice < 2; twice++) {
		check_links(&here, "@/a/file", "@/a/file");
		check_links(&here, "@/to_b/deep", "@/a/b/deep");
		check_links(&here, "@/a/to_to_file", "@/a/file");
		check_links(&here, "@/a/to_c", "@/c");
		check_links(&here, "@/c/kept (deleted)", "@/c/kept (deleted)");
		check_links(&here, "@/dangling", NULL);
		check_links(&here, "@/loop", NULL);
		check_links(&here, "@/no", NULL);
		check_links(&here, "@/a/file/x", NULL);
		check_links(&here, "/", "/");
	}
}

static void test_what_changed_is_looked_up_again(void)
{
	char room[PATH_MAX];
	check_links(&here, "@/later", NULL);
	make_link("a/file", "@/later");
	resolve_names_changed();
	check_links(&here, "@/later", "@/a/file");
	CHECK(unlink(named(room, "@/later")) == 0, "later");
	resolve_names_changed();
	check_links(&here, "@/later", NULL);
}

static void test_existence_follows_links(void)
{
	static const struct {
		const char *path;
		bool exists;
	} cases[] = { { "@/a", true },		{ "@/a/to_to_file", true }, { "@/dangling", false },
		      { "@/loop", false },	{ "@/no", false },	    { "@/a/file/x", false },
		      { "@/to_b/deep", true } };
	char room[PATH_MAX];
	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(resolve_exists(&here, bytes_of_string(named(room, cases[i].path))) == cases[i].exists, "%s",
		      cases[i].path);
}

static void check_base(const struct place *place, int dirfd, const char *expected)
{
	char room[PATH_MAX];
	struct strbuf out = { 0 };
	int error = resolve_base(place, dirfd, &out);
	CHECK(error == 0 && strcmp(out.data, named(room, expected)) == 0, "%d: %s", error, out.data);
	strbuf_free(&out);
}

static void test_a_base_is_a_directory_of_the_task(void)
{
	char room[PATH_MAX];
	struct strbuf out = { 0 };
	int pipe_ends[2], fd = open(named(room, "@/to_b"), O_PATH | O_CLOEXEC);
	CHECK(fd >= 0 && chdir(named(room, "@/c")) == 0 && pipe(pipe_ends) == 0, "set-up");
	check_base(&here, AT_FDCWD, "@/c");
	check_base(&here, fd, "@/a/b");
	CHECK(resolve_base(&here, pipe_ends[0], &out) == -EBADF && out.len == 0, "a pipe");
	CHECK(resolve_base(&here, 12345, &out) < 0 && out.len == 0, "no descriptor");
	CHECK(resolve_base(&here, -1, &out) < 0 && out.len == 0, "-1");
	close(fd);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	strbuf_free(&out);
}

/* A directory that is gone still has the name that it had. */
static void test_a_deleted_base_keeps_its_name(void)
{
	char room[PATH_MAX];
	make_folder("@/gone");
	CHECK(chdir(named(room, "@/gone")) == 0 && rmdir(room) == 0, "gone");
	check_base(&here, AT_FDCWD, "@/gone");
	CHECK(chdir(top) == 0, "top");
}

/* Names that lead each process elsewhere are followed as the task would. */
static void test_magic_links_are_the_task_s_own(void)
{
	char room[PATH_MAX], path[64];
	int fd = open(named(room, "@/a/to_file"), O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	check_links(&here, path, "@/a/file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check_links(&here, path, "@/a/file");
	CHECK(chdir(named(room, "@/c")) == 0, "c");
	check_links(&here, "/proc/self/cwd", "@/c");
	check_links(&here, "/proc/thread-self/cwd/../a", "@/a");
	CHECK(chdir(top) == 0, "top");
	close(fd);
}

static struct bytes inside(const char *root, bool other_mounts, const char *name)
{
	struct place place = { .tid = getpid(), .root = root, .other_mounts = other_mounts };
	return resolve_inside(&place, bytes_of_string(name));
}

static void test_the_root_is_taken_off_whole_components_only(void)
{
	static const struct {
		const char *root, *name, *expected;
		bool other_mounts;
	} cases[] = {
		{ NULL, "/jail/bin", "/jail/bin", false },
		{ "/jail", "/jail/bin", "/bin", false },
		{ "/jail", "/jail", "/", false },
		{ "/jail", "/jailer/bin", "/jailer/bin", false },
		{ "/jail", "/etc", "/etc", false },
		{ "/jail", "/gone (deleted)", "/gone", false },
		{ "mnt:[4026532200]", "/bin", "/bin", true },
		{ "mnt:[4026532200]/jail", "/jail/bin", "/bin", true },
		{ "mnt:[4026532200]/jail", "/bin", "/bin", true },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes got = inside(cases[i].root, cases[i].other_mounts, cases[i].name);
		CHECK(bytes_equal(got, bytes_of_string(cases[i].expected)), "%s in %s: %.*s", cases[i].name,
		      cases[i].root, (int)got.len, got.data);
	}
}

/* In another root, as root or in a user namespace of its own: says "y" or "n", and waits to be killed. */
static _Noreturn void live_in_a_jail(int tell)
{
	char root[PATH_MAX];
	bool jailed = (getuid() == 0 || unshare(CLONE_NEWUSER) == 0) && chroot(named(root, "@/a")) == 0 &&
		      chdir("/b") == 0;
	ssize_t put = write(tell, jailed ? "y" : "n", 1);
	while (put == 1)
		pause();
	_exit(1);
}

static void test_another_root_is_looked_up_from_inside(void)
{
	char answer = 'n', root[PATH_MAX];
	int ends[2];
	CHECK(pipe(ends) == 0, "pipe");
	pid_t child = fork();
	if (child == 0)
		live_in_a_jail(ends[1]);
	close(ends[1]);
	CHECK(read(ends[0], &answer, 1) == 1, "the jail says nothing");
	struct place jail = { .tid = child, .root = named(root, "@/a") };
	if (answer == 'y') {
		check_base(&jail, AT_FDCWD, "/b");
		check_absolute(&jail, "/b", "../../../file", "/file");
		check_links(&jail, "/to_to_file", "/file");
		check_links(&jail, "/b/deep", "/b/deep");
		check_links(&jail, "/../../file", "/file");
		check_links(&jail, "/to_c", NULL);
		CHECK(resolve_exists(&jail, bytes_of_string("/b/deep")), "/b/deep");
		CHECK(!resolve_exists(&jail, bytes_of_string("/etc/passwd")), "/etc/passwd");
	} else {
		puts("# no other root: neither root nor user namespaces here");
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
}

/* A descriptor of this process's that has now another file, as another name's next one would have. */
static bool is_directory(int fd, const char *name)
{
	return resolve_is_directory(&here, fd, bytes_of_string(name));
}

static void test_a_file_stays_one_until_a_directory_may_take_its_place(void)
{
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC), directory = open("/", O_RDONLY | O_CLOEXEC);
	CHECK(is_directory(directory, "/it") && !is_directory(file, "/it"), "as it is");
	CHECK(!is_directory(directory, "/it"), "that it was none is remembered");
	CHECK(is_directory(directory, "/it (deleted)"), "not of a name that may be several files'");
	resolve_directories_change_begins();
	CHECK(is_directory(directory, "/it") && !is_directory(file, "/it"), "while one is being made");
	CHECK(is_directory(directory, "/it"), "nothing is remembered");
	resolve_directories_change_ended();
	CHECK(is_directory(directory, "/it"), "nor of before");
	close(file);
	close(directory);
}

int main(void)
{
	here = (struct place){ .tid = getpid() };
	workdir_change_begins(); /* this process goes about unannounced */
	make_tree();
	test_names_are_absolute_and_plain();
	test_dot_dot_goes_up_from_where_links_lead();
	test_links_stay_as_named();
	test_links_lead_where_the_kernel_follows_them();
	test_what_changed_is_looked_up_again();
	test_existence_follows_links();
	test_a_base_is_a_directory_of_the_task();
	test_a_deleted_base_keeps_its_name();
	test_magic_links_are_the_task_s_own();
	test_the_root_is_taken_off_whole_components_only();
	test_another_root_is_looked_up_from_inside();
	test_a_file_stays_one_until_a_directory_may_take_its_place();
	CHECK(chdir("/") == 0, "/");
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	printf("ok %ld\n", checks);
	return failures != 0;
}
