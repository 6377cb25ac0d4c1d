/* pathcalls: makes calls that take a path, of every kind and in odd situations, in the working directory, and prints
 * what came of each: the result, and of a descriptor what the kernel calls it. The end is a list of what is there then.
 * Two runs in directories alike print the same. Numbers in the kernel's names are written #.
 *
 * Built as a dynamic program, a static one (pathcalls_static.c), and a 32-bit one without a C library
 * (pathcalls_nolibc32.c), so it makes system calls, and lays out its structs, by itself. */
#include <asm/unistd.h>

#ifndef PATHCALLS_BARE
#include <errno.h>
#include <unistd.h>

static long call(long number, long a, long b, long c, long d, long e)
{
	long result = syscall(number, a, b, c, d, e);
	return result < 0 ? -errno : result;
}

#define N_CHOWN __NR_chown
#define N_LCHOWN __NR_lchown
#define N_FCHOWN __NR_fchown
#define N_TRUNCATE __NR_truncate
#define N_GETUID __NR_getuid
#define N_GETGID __NR_getgid
#else
static long call(long number, long a, long b, long c, long d, long e)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
}

#define N_CHOWN __NR_chown32
#define N_LCHOWN __NR_lchown32
#define N_FCHOWN __NR_fchown32
#define N_TRUNCATE __NR_truncate
#define N_GETUID __NR_getuid32
#define N_GETGID __NR_getgid32
#endif

#define CALL(name, a, b, c, d, e) call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	RDONLY = 0, WRONLY = 1, RDWR = 2, CREAT = 0100, EXCL = 0200, NOCTTY = 0400, TRUNC = 01000, NONBLOCK = 04000,
	DIRECTORY = 0200000, NOFOLLOW = 0400000, CLOEXEC = 02000000, PATH = 010000000, TMPFILE = 020000000 | DIRECTORY,
	CWD = -100, SYMLINK_NOFOLLOW = 0x100, REMOVEDIR = 0x200, SYMLINK_FOLLOW = 0x400, EMPTY_PATH = 0x1000,
	NOREPLACE = 1, EXCHANGE = 2, FIFO = 010000, NAME_BYTES = 256, PATH_BYTES = 4096, LINE_BYTES = 8192,
};

static char line[LINE_BYTES];
static unsigned long line_len;

static void put_char(char c)
{
	if (line_len < sizeof line)
		line[line_len++] = c;
}

static unsigned long length_of(const char *text)
{
	unsigned long len = 0;
	while (text[len])
		len++;
	return len;
}

static void put(const char *text)
{
	unsigned long len = length_of(text);
	for (unsigned long i = 0; i < len; i++) {
		put_char(text[i]);
		if (i == 60 && len > 80) { /* the rest is told by its length */
			put_char('~');
			i = len - 5;
		}
	}
}

static void put_number(long number, unsigned base)
{
	char digits[24];
	int count = 0;
	unsigned long value = number < 0 ? -(unsigned long)number : (unsigned long)number;
	if (number < 0)
		put_char('-');
	do
		digits[count++] = (char)('0' + value % base);
	while (value /= base);
	while (count)
		put_char(digits[--count]);
}

static void end_line(void)
{
	put_char('\n');
	CALL(write, 1, line, line_len, 0, 0);
	line_len = 0;
}

/* What the kernel calls a descriptor. */
static void put_name_of(long fd)
{
	char path[64], name[PATH_BYTES];
	const char *folder = "/proc/self/fd/";
	unsigned long at = 0;
	for (; folder[at]; at++)
		path[at] = folder[at];
	if (fd >= 10)
		path[at++] = (char)('0' + fd / 10 % 10);
	path[at++] = (char)('0' + fd % 10);
	path[at] = '\0';
	long len = CALL(readlink, path, name, sizeof name - 1, 0, 0);
	if (len < 0)
		len = 0;
	name[len] = '\0';
	long kept = 0;
	for (long i = 0; i < len; i++) {
		char c = name[i] >= '0' && name[i] <= '9' ? '#' : name[i];
		if (c != '#' || !kept || name[kept - 1] != '#')
			name[kept++] = c;
	}
	name[kept] = '\0';
	put_char(' ');
	put(name);
}

static void tell(const char *what, long extra, const char *path, const char *other, long result)
{
	put(what);
	if (extra >= 0) {
		put_char(' ');
		put_number(extra, 8);
	}
	put_char(' ');
	put(path ? path : "NULL");
	if (other) {
		put_char(' ');
		put(other);
	}
	put(" = ");
	put_number(result, 10);
	end_line();
}

static void tell_open(const char *what, long flags, const char *path, long fd)
{
	put(what);
	put_char(' ');
	put_number(flags, 8);
	put_char(' ');
	put(path);
	put(" = ");
	put_number(fd, 10);
	if (fd >= 0) {
		put_name_of(fd);
		CALL(close, fd, 0, 0, 0, 0);
	}
	end_line();
}

/* ---- what is there at the beginning ---- */

static void make_file(const char *path, long mode)
{
	long fd = CALL(open, path, CREAT | WRONLY, mode, 0, 0);
	CALL(write, fd, "contents", 8, 0, 0);
	CALL(close, fd, 0, 0, 0, 0);
}

static const char *const links[][2] = {
	{ "file", "to_file" }, { "dir", "to_dir" }, { "nothing", "dangling" }, { "loop", "loop" }, { "../file", "dir/up" },
	{ "/proc/self/fd/0", "to_stdin" }, { "/proc/self/cwd", "here" }, { "to_dir/inner", "through" }, { "dir/made_by_link", "to_make" },
	{ "/", "root" }, { "to_file", "to_link" }, { "nothing/x", "far" },
};

static void make_world(void)
{
	CALL(umask, 022, 0, 0, 0, 0);
	CALL(mkdir, "dir", 0755, 0, 0, 0);
	CALL(mkdir, "dir/inner", 0755, 0, 0, 0);
	CALL(mkdir, "empty", 0755, 0, 0, 0);
	CALL(mkdir, "search_only", 0755, 0, 0, 0);
	CALL(mkdir, "closed", 0755, 0, 0, 0);
	make_file("file", 0644);
	make_file("dir/inner/file", 0600);
	make_file("unreadable", 0);
	make_file("read_only", 0444);
	make_file("search_only/file", 0644);
	make_file("closed/file", 0644);
	CALL(chmod, "search_only", 0311, 0, 0, 0);
	CALL(chmod, "closed", 0, 0, 0, 0);
	CALL(mknod, "fifo", FIFO | 0644, 0, 0, 0);
	for (unsigned i = 0; i < COUNT(links); i++)
		CALL(symlink, links[i][0], links[i][1], 0, 0, 0);
}

static char longest[NAME_BYTES], too_long[NAME_BYTES + 1], far_path[PATH_BYTES], too_far[PATH_BYTES + 1];

static void fill(char *text, unsigned long len, const char *with)
{
	for (unsigned long i = 0; i < len; i++)
		text[i] = with[i % length_of(with)];
	text[len] = '\0';
}

static void make_long_paths(void)
{
	fill(longest, NAME_BYTES - 1, "n");
	fill(too_long, NAME_BYTES, "n");
	fill(far_path, PATH_BYTES - 1, "./");
	far_path[PATH_BYTES - 2] = 'f';
	fill(too_far, PATH_BYTES, "./");
}

static const char *const paths[] = {
	"file", "file/", "file/.", "file/x", "dir", "dir/", "dir/.", "dir/..", ".", "..", "./", "../", "/", "//", "",
	"nothing", "nothing/", "nothing/x", "to_file", "to_file/", "to_dir", "to_dir/", "to_dir/.", "to_dir/inner/file",
	"dangling", "dangling/", "loop", "loop/x", "dir/up", "dir/inner/../../to_link", "through/file", "far", "root", "root/dev/null",
	"to_make", "here/file", "here/nothing", "to_stdin", "unreadable", "read_only", "search_only", "search_only/file",
	"search_only/nothing", "closed", "closed/file", "fifo", "fifo/", "/dev/null", "/dev/tty", "/dev/stdin", "/dev/fd/0", "/dev/fd/9",
	"/dev/full", "/dev/ptmx", "/proc/self", "/proc/self/", "/proc/self/status", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/0/",
	"/proc/self/exe", "/proc/self/cwd", "/proc/self/cwd/file", "/proc/self/root/dev/null", "/proc/thread-self/stat", "/proc/mounts",
	"/proc/self/ns/mnt", "/proc/self/mem", "/proc/1/root", "/proc/self/fd/8", "/proc/self/fd/7", "/proc/self/fd/8/",
	"socket", "dir//inner///file", "./././file", "empty/../file", longest, too_long, far_path, too_far,
};

/* ---- opening ---- */

static const int modes[] = {
	RDONLY, WRONLY, RDWR, RDONLY | NOFOLLOW, RDONLY | DIRECTORY, PATH, PATH | NOFOLLOW, PATH | DIRECTORY | NOFOLLOW, TMPFILE | RDWR,
	TMPFILE | WRONLY | NOFOLLOW, RDONLY | CREAT, WRONLY | CREAT | TRUNC, WRONLY | CREAT | EXCL, RDWR | CREAT | NOFOLLOW,
	RDONLY | CREAT | DIRECTORY, PATH | CREAT, RDWR | TRUNC, 3,
};

static void tidy(const char *path)
{
	if (path == longest || path[0] == 'n' || path[0] == 'f')
		CALL(unlink, path[0] == 'f' ? "nothing" : path, 0, 0, 0, 0);
}

static void open_all(long dirfd)
{
	for (unsigned i = 0; i < COUNT(paths); i++) {
		for (unsigned j = 0; j < COUNT(modes); j++) {
			const long flags = modes[j] | NONBLOCK | NOCTTY | CLOEXEC;
			if (dirfd == CWD)
				tell_open("open", modes[j], paths[i], CALL(open, paths[i], flags, 0640, 0, 0));
			else
				tell_open("openat", modes[j], paths[i], CALL(openat, dirfd, paths[i], flags, 0640, 0));
			tidy(paths[i]);
		}
		tell_open("creat", 0, paths[i], dirfd == CWD && paths[i][0] != 'f' ? CALL(creat, paths[i], 0600, 0, 0, 0) : -1);
		tidy(paths[i]);
	}
}

struct how {
	unsigned long long flags, mode, resolve;
};

static void open_by_struct(long dirfd)
{
	static const int resolve[] = { 0, 1, 2, 4, 8, 16 };
	for (unsigned i = 0; i < COUNT(paths); i++) {
		for (unsigned j = 0; j < COUNT(resolve); j++) {
			struct how how;
			how.flags = NONBLOCK | NOCTTY;
			how.mode = 0;
			how.resolve = (unsigned long long)resolve[j];
			tell_open("openat2", resolve[j], paths[i], CALL(openat2, dirfd, paths[i], &how, sizeof how, 0));
			how.flags |= CREAT | WRONLY;
			how.mode = 0600;
			tell_open("openat2 creat", resolve[j], paths[i], CALL(openat2, dirfd, paths[i], &how, sizeof how, 0));
			tidy(paths[i]);
		}
	}
}

/* ---- changing what is there ---- */

static int is_text(const char *text, const char *other)
{
	while (*text && *text == *other) {
		text++;
		other++;
	}
	return *text == *other;
}

/* Through /proc there are ways to what is others', too: to / and /dev/null by the root directory, by standard input. */
static int is_others(const char *path)
{
	return (path[0] == '/' && !is_text(path, "/proc/self/cwd/file")) || is_text(path, "to_stdin");
}

static void change_all(void)
{
	long uid = call(N_GETUID, 0, 0, 0, 0, 0), gid = call(N_GETGID, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < COUNT(paths); i++) {
		const char *path = paths[i];
		if (is_others(path))
			continue;
		if (path[0] == 'r' || path[0] == '.' || path[0] == 'c' || path[0] == 's' || !path[0])
			continue;
		tell("chmod", -1, path, 0, CALL(chmod, path, 0751, 0, 0, 0));
		tell("fchmodat", -1, path, 0, CALL(fchmodat, CWD, path, 0755, 0, 0));
#ifdef __NR_fchmodat2
		tell("fchmodat2", -1, path, 0, CALL(fchmodat2, CWD, path, 0751, SYMLINK_NOFOLLOW, 0));
#endif
		tell("truncate", -1, path, 0, call(N_TRUNCATE, (long)path, 5, 0, 0, 0));
		tell("chown", -1, path, 0, call(N_CHOWN, (long)path, uid, gid, 0, 0));
		tell("lchown", -1, path, 0, call(N_LCHOWN, (long)path, uid, gid, 0, 0));
		tell("fchownat", -1, path, 0, CALL(fchownat, CWD, path, uid, gid, SYMLINK_NOFOLLOW));
		tell("fchownat", 0, path, 0, CALL(fchownat, CWD, path, uid, gid, 0));
		tell("utimensat", 0, path, 0, CALL(utimensat, CWD, path, 0, 0, 0));
		tell("utimensat", 1, path, 0, CALL(utimensat, CWD, path, 0, SYMLINK_NOFOLLOW, 0));
		tell("utime", -1, path, 0, CALL(utime, path, 0, 0, 0, 0));
		tell("setxattr", -1, path, 0, CALL(setxattr, path, "user.ptwrap", "x", 1, 0));
		tell("lsetxattr", -1, path, 0, CALL(lsetxattr, path, "user.other", "x", 1, 0));
		char value[16];
		tell("getxattr", -1, path, 0, CALL(getxattr, path, "user.ptwrap", value, sizeof value, 0));
		tell("lgetxattr", -1, path, 0, CALL(lgetxattr, path, "user.other", value, sizeof value, 0));
		tell("removexattr", -1, path, 0, CALL(removexattr, path, "user.other", 0, 0, 0));
	}
}

static void name_all(void)
{
	for (unsigned i = 0; i < COUNT(paths); i++) {
		const char *path = paths[i];
		tell("mkdir", -1, path, 0, CALL(mkdir, path, 0700, 0, 0, 0));
		if (path[0] != '/' && path[0] != 'c')
			tell("rmdir", -1, path, 0, CALL(rmdir, path, 0, 0, 0, 0));
		tell("symlink", -1, path, 0, CALL(symlink, "nowhere", path, 0, 0, 0));
		if (path[0] == 'n' || path == longest)
			tell("unlink", -1, path, 0, CALL(unlink, path, 0, 0, 0, 0));
		tell("mknod", -1, path, 0, CALL(mknod, path, FIFO | 0600, 0, 0, 0));
		if (path[0] == 'n' || path == longest)
			tell("unlinkat", -1, path, 0, CALL(unlinkat, CWD, path, 0, 0, 0));
		tell("linkat", 0, "file", path, CALL(linkat, CWD, "file", CWD, path, 0));
		if (path[0] == 'n' || path == longest)
			tell("unlinkat", -1, path, 0, CALL(unlinkat, CWD, path, 0, 0, 0));
	}
	tell("unlink", -1, "dir", 0, CALL(unlink, "dir", 0, 0, 0, 0));
	tell("unlink", -1, "/", 0, CALL(unlink, "/", 0, 0, 0, 0));
	tell("rmdir", -1, "/", 0, CALL(rmdir, "/", 0, 0, 0, 0));
	tell("rmdir", -1, "dir/.", 0, CALL(rmdir, "dir/.", 0, 0, 0, 0));
	tell("rmdir", -1, "dir/inner/..", 0, CALL(rmdir, "dir/inner/..", 0, 0, 0, 0));
	tell("rmdir", -1, "dir", 0, CALL(rmdir, "dir", 0, 0, 0, 0));
	tell("unlink", -1, "to_file/", 0, CALL(unlink, "to_file/", 0, 0, 0, 0));
	tell("mkdir", -1, "dangling/", 0, CALL(mkdir, "dangling/", 0755, 0, 0, 0));
	tell("mkdir", -1, "slash/", 0, CALL(mkdir, "slash/", 0755, 0, 0, 0));
}

static void link_all(void)
{
	static const char *const olds[] = { "file", "to_file", "to_dir", "dangling", "dir", "nothing", "file/", "fifo", "/proc/self/fd/8",
					    "/proc/self/exe", "/proc/self/status", ".", "to_link", "loop" };
	for (unsigned i = 0; i < COUNT(olds); i++) {
		tell("link", -1, olds[i], "new", CALL(link, olds[i], "new", 0, 0, 0));
		CALL(unlink, "new", 0, 0, 0, 0);
		tell("linkat", SYMLINK_FOLLOW, olds[i], "new", CALL(linkat, CWD, olds[i], CWD, "new", SYMLINK_FOLLOW));
		tell("link", -1, olds[i], "new", CALL(link, olds[i], "new", 0, 0, 0));
		CALL(unlink, "new", 0, 0, 0, 0);
	}
	long fd = CALL(open, ".", TMPFILE | RDWR, 0600, 0, 0);
	tell("linkat of a descriptor", EMPTY_PATH, "", "unnamed", CALL(linkat, fd, "", CWD, "unnamed", EMPTY_PATH));
	CALL(close, fd, 0, 0, 0, 0);
}

static void rename_all(void)
{
	static const char *const pairs[][2] = {
		{ "file", "moved" }, { "moved", "file" }, { "file", "file" }, { "dir", "dir/inner/below" }, { "dir/inner", "dir" },
		{ "to_file", "renamed_link" }, { "renamed_link", "to_file" }, { "dir/", "moved_dir/" }, { "moved_dir", "dir/" },
		{ "file", "dir" }, { "dir", "file" }, { "empty", "slash" }, { "slash", "empty" }, { "nothing", "x" }, { "file/", "x" },
		{ "file", "x/" }, { ".", "x" }, { "..", "x" }, { "/", "x" }, { "file", "/proc/x" }, { "file", "/dev/null/x" }, { "to_dir/", "x" },
		{ "fifo", "dir/fifo" }, { "dir/fifo", "fifo" }, { "file", "dangling" }, { "dangling", "file" },
	};
	for (unsigned i = 0; i < COUNT(pairs); i++) {
		const char *from = pairs[i][0], *to = pairs[i][1];
		tell("rename", -1, from, to, CALL(rename, from, to, 0, 0, 0));
		tell("renameat2", NOREPLACE, from, to, CALL(renameat2, CWD, from, CWD, to, NOREPLACE));
		tell("renameat2", EXCHANGE, from, to, CALL(renameat2, CWD, from, CWD, to, EXCHANGE));
		tell("renameat", -1, to, from, CALL(renameat, CWD, to, CWD, from, 0));
	}
}

/* ---- descriptors ---- */

static void change_descriptor(long fd, const char *what)
{
	char value[16];
	tell("fchmod", fd, what, 0, CALL(fchmod, fd, 0711, 0, 0, 0));
	tell("fchown", fd, what, 0, call(N_FCHOWN, fd, -1, -1, 0, 0));
	tell("futimens", fd, what, 0, CALL(utimensat, fd, 0, 0, 0, 0));
	tell("fsetxattr", fd, what, 0, CALL(fsetxattr, fd, "user.ptwrap", "y", 1, 0));
	tell("fremovexattr", fd, what, 0, CALL(fremovexattr, fd, "user.ptwrap", 0, 0, 0));
	tell("fchownat", fd, what, 0, CALL(fchownat, fd, "", -1, -1, EMPTY_PATH));
	tell("fchownat", fd, what, 0, CALL(fchownat, fd, "", -1, -1, 0));
	tell("utimensat", fd, what, 0, CALL(utimensat, fd, "", 0, EMPTY_PATH, 0));
	tell("fgetxattr", fd, what, 0, CALL(fgetxattr, fd, "user.ptwrap", value, sizeof value, 0));
	tell_open("openat", fd, "x", CALL(openat, fd, "x", CREAT | RDWR, 0600, 0));
	CALL(unlinkat, fd, "x", 0, 0, 0);
}

static void change_descriptors(void)
{
	int ends[2];
	CALL(pipe2, ends, 0, 0, 0, 0);
	change_descriptor(ends[1], "a pipe");
	change_descriptor(CALL(open, "dir", RDONLY, 0, 0, 0), "dir");
	change_descriptor(CALL(open, "dir/inner/file", RDONLY, 0, 0, 0), "dir/inner/file");
	change_descriptor(CALL(open, "dir/inner/file", PATH, 0, 0, 0), "dir/inner/file by path alone");
	change_descriptor(CALL(open, "to_file", PATH | NOFOLLOW, 0, 0, 0), "a link");
	long gone = CALL(open, "gone", CREAT | RDWR, 0600, 0, 0);
	CALL(unlink, "gone", 0, 0, 0, 0);
	change_descriptor(gone, "a deleted file");
	change_descriptor(-1, "none");
	change_descriptor(99, "none");
}

static void pass_nonsense(void)
{
	tell("open", -1, 0, 0, CALL(open, 0, RDONLY, 0, 0, 0));
	tell("open", 8, "at 8", 0, CALL(open, 8, CREAT | RDWR, 0600, 0, 0));
	tell("mkdir", -1, 0, 0, CALL(mkdir, 0, 0700, 0, 0, 0));
	tell("rename", -1, "file", 0, CALL(rename, "file", 0, 0, 0, 0));
	tell("rename", -1, 0, 0, CALL(rename, 8, "file", 0, 0, 0));
	tell("chmod", -1, 0, 0, CALL(chmod, 8, 0700, 0, 0, 0));
	tell("utimensat", -1, 0, 0, CALL(utimensat, CWD, 0, 0, 0, 0));
	tell("openat2", -1, "file", 0, CALL(openat2, CWD, "file", 8, sizeof(struct how), 0));
	tell("openat2", -1, "file", 0, CALL(openat2, CWD, "file", 0, 3, 0));
	tell("unlinkat", -1, "nothing", 0, CALL(unlinkat, CWD, "nothing", 0x7000, 0, 0));
}

/* ---- what is there at the end ---- */

static void list(const char *path)
{
	char target[PATH_BYTES];
	long mode = -1;
	struct {
		unsigned mask, block; unsigned long long attributes; unsigned links, uid, gid; unsigned short mode, spare;
		unsigned long long inode, size; unsigned char rest[200];
	} status;
	long result = CALL(statx, CWD, path, SYMLINK_NOFOLLOW, 0x7ff, &status);
	if (result == 0)
		mode = status.mode;
	tell("is", mode, path, 0, result);
	if (result != 0)
		return;
	put_number(status.links, 10);
	put_char(' ');
	put_number((long)status.size, 10);
	put_char(' ');
	long len = CALL(readlink, path, target, sizeof target - 1, 0, 0);
	target[len > 0 ? len : 0] = '\0';
	put(target);
	end_line();
}

static void list_all(void)
{
	static const char *const made[] = { "file", "dir", "dir/inner", "dir/inner/file", "dir/made_by_link", "empty", "slash", "nothing", "moved",
		"unnamed", "x", "new", "far", "to_make", "to_file", "to_dir", "dangling", "fifo", "dir/fifo", "moved_dir", "renamed_link", "unreadable",
		"read_only", "search_only/file", "search_only/nothing", "loop", "socket", "dir/x", "here", "root", longest };
	for (unsigned i = 0; i < COUNT(made); i++)
		list(made[i]);
}

static void run_all(void)
{
	make_world();
	make_long_paths();
	long dirfd = CALL(open, "dir/inner", PATH, 0, 0, 0);
	long file = CALL(open, "file", RDWR, 0, 0, 0);
	CALL(dup2, file, 8, 0, 0, 0);
	CALL(dup2, dirfd, 7, 0, 0, 0);
	CALL(close, file, 0, 0, 0, 0);
	open_all(CWD);
	open_all(dirfd);
	open_all(8);
	open_by_struct(CWD);
	open_by_struct(7);
	change_all();
	link_all();
	name_all();
	rename_all();
	change_descriptors();
	pass_nonsense();
	list_all();
}

#ifndef PATHCALLS_BARE
int main(void)
{
	run_all();
	return 0;
}
#else
__attribute__((used)) static void start(void)
{
	run_all();
	CALL(exit_group, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\tand $-16, %esp\n\tcall start\n");
#endif
