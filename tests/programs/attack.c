/* attack NAME SECONDS: tries, for so long or until it has succeeded, to get past rules that forbid to write beneath ./secret, to
 * execute ./secret/program, by its path and by its content, and to connect to the port in the file ./denied, and prints "NAME:
 * ROUNDS rounds, SUCCESSES successes". Beside ./secret lies ./open, where all is allowed. tests/attacks.sh sets the scene and
 * runs each, with rules and without. ./secret/program is this program too, with another byte at its end: it ends with RAN. */
#include "ptwrap/fastpath.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OPEN "open/file"
#define SECRET "secret/file"
#define PROGRAM "secret/program"

enum { RAN = 42 };

static long rounds, successes;
static double seconds;
static atomic_bool over;
static ino_t secret;
static dev_t device;

static bool goes_on(void)
{
	static struct timespec start;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start.tv_sec)
		start = now;
	rounds++;
	return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9 < seconds;
}

/* Never -1, which kill(2) would take for everybody. */
static pid_t forked(void)
{
	pid_t child = fork();
	if (child < 0)
		exit(2);
	return child;
}

static void start(void *(*thread)(void *))
{
	pthread_t id;
	if (pthread_create(&id, NULL, thread, NULL) != 0)
		exit(2);
	pthread_detach(id);
}

/* Counts a descriptor that can write to the secret, and closes it. */
static void judge(int fd)
{
	struct stat status;
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	if (fd >= 0 && fstat(fd, &status) == 0 && status.st_ino == secret && status.st_dev == device &&
	    (flags & O_ACCMODE) != O_RDONLY)
		successes++;
	if (fd >= 0)
		close(fd);
}

static bool is_secret_changed(void)
{
	struct stat status;
	return stat(SECRET, &status) == 0 && (status.st_mode & 07777) != 0644;
}

/* So long what was just written stands: about as long as a call lives. */
static void dwell(void)
{
	static unsigned turn;
	for (unsigned i = turn = turn * 1103515245 + 12345, left = (i >> 16) % 2000; left; left--)
		__asm__ volatile("" : : : "memory");
}

/* ---- memory that changes ---- */

static char path[64];

static void *flip_path(void *unused)
{
	(void)unused;
	while (!over) {
		memcpy(path, "open/file\0\0", 12);
		dwell();
		memcpy(path, "secret/file", 12);
		dwell();
	}
	return NULL;
}

static void attack_path(void)
{
	strcpy(path, OPEN);
	start(flip_path);
	while (goes_on())
		judge(open(path, O_RDWR));
}

static void attack_created(void)
{
	strcpy(path, OPEN);
	start(flip_path);
	while (goes_on())
		judge(open(path, O_RDWR | O_CREAT, 0644));
}

static void attack_chmod(void)
{
	strcpy(path, OPEN);
	start(flip_path);
	while (goes_on() && !successes) {
		chmod(path, 0640);
		successes += is_secret_changed();
	}
}

static void attack_link(void)
{
	strcpy(path, OPEN);
	start(flip_path);
	while (goes_on()) {
		unlink("open/hard");
		link(path, "open/hard");
		judge(open("open/hard", O_RDWR));
	}
}

static void attack_rename(void)
{
	struct stat status;
	strcpy(path, OPEN);
	start(flip_path);
	while (goes_on() && !successes) {
		close(open("open/moved", O_CREAT | O_RDWR, 0644));
		rename("open/moved", path);
		successes += stat(SECRET, &status) == 0 && status.st_ino != secret;
	}
}

static struct sockaddr_un socket_name = { .sun_family = AF_UNIX };

static void *flip_name(void *unused)
{
	(void)unused;
	while (!over) {
		memcpy(socket_name.sun_path, "open/socket\0", 13);
		dwell();
		memcpy(socket_name.sun_path, "secret/socket", 13);
		dwell();
	}
	return NULL;
}

static void attack_bind(void)
{
	struct stat status;
	start(flip_name);
	while (goes_on() && !successes) {
		int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		bind(fd, (struct sockaddr *)&socket_name, sizeof socket_name);
		successes += stat("secret/socket", &status) == 0;
		close(fd);
		unlink("open/socket");
	}
}

static struct open_how how;

static void *flip_how(void *unused)
{
	(void)unused;
	while (!over) {
		how.flags = O_RDONLY;
		dwell();
		how.flags = O_RDWR;
		dwell();
	}
	return NULL;
}

static void attack_openat2(void)
{
	start(flip_how);
	while (goes_on())
		judge((int)syscall(SYS_openat2, AT_FDCWD, SECRET, &how, sizeof how));
}

/* The program's own page, over which the kernel's copy of the path might be made. */
static void attack_i386(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	strcpy(low, SECRET);
	while (goes_on()) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(5), "b"((long)low), "c"(O_RDWR), "d"(0) : "memory", "r8", "r9", "r10", "r11");
		judge(result < 0 ? -1 : (int)result);
	}
}

static void attack_x32(void)
{
	while (goes_on())
		judge((int)syscall(SYS_open | 0x40000000, SECRET, O_RDWR, 0));
}

/* A signal, and the call is begun again: with another path by then. */
static void on_alarm(int number)
{
	(void)number;
	memcpy(path, "secret/file", 12);
	unlink("open/fifo");
	symlink("../secret/file", "open/fifo");
}

static void attack_restart(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &action, NULL);
	while (goes_on()) {
		struct timespec limit = { .tv_nsec = 2000000 };
		timer_t timer;
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
		unlink("open/fifo");
		mkfifo("open/fifo", 0644);
		strcpy(path, "open/fifo");
		timer_create(CLOCK_MONOTONIC, &event, &timer);
		timer_settime(timer, 0, &(struct itimerspec){ .it_value = limit }, NULL);
		judge(open(path, O_WRONLY));
		timer_delete(timer);
	}
}

/* ---- names that change ---- */

static void *swap_link(void *unused)
{
	(void)unused;
	while (!over) {
		symlink("../secret/file", "open/next");
		rename("open/next", "open/link");
		symlink("file", "open/next");
		rename("open/next", "open/link");
	}
	return NULL;
}

static void attack_symlink(void)
{
	start(swap_link);
	while (goes_on())
		judge(open("open/link", O_RDWR));
}

static void attack_symlink_created(void)
{
	start(swap_link);
	while (goes_on())
		judge(open("open/link", O_RDWR | O_CREAT, 0644));
}

static void *swap_folder(void *unused)
{
	(void)unused;
	while (!over)
		syscall(SYS_renameat2, AT_FDCWD, "open/folder", AT_FDCWD, "open/to_secret", 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static void attack_ancestor(void)
{
	start(swap_folder);
	while (goes_on())
		judge(open("open/folder/file", O_RDWR));
}

static void attack_ancestor_created(void)
{
	struct stat status;
	start(swap_folder);
	while (goes_on() && !successes) {
		close(open("open/folder/new", O_CREAT | O_WRONLY, 0644));
		successes += stat("secret/new", &status) == 0;
	}
}

static void attack_ancestor_removed(void)
{
	struct stat status;
	start(swap_folder);
	while (goes_on() && !successes) {
		close(open("open/folder/doomed", O_CREAT | O_WRONLY, 0644));
		unlink("open/folder/doomed");
		successes += stat("secret/doomed", &status) != 0;
	}
}

/* ---- other ways to the same file ---- */

static void attack_spelling(void)
{
	char spelled[8][256], cwd[128];
	int folder = open("secret", O_PATH), file = open(SECRET, O_RDONLY);
	if (!getcwd(cwd, sizeof cwd))
		exit(2);
	strcpy(spelled[0], "open/../secret//./file");
	snprintf(spelled[1], 256, "/proc/self/root%s/secret/file", cwd);
	strcpy(spelled[2], "/proc/self/cwd/secret/file");
	snprintf(spelled[3], 256, "/proc/self/fd/%d/file", folder);
	snprintf(spelled[4], 256, "/dev/fd/%d", file);
	snprintf(spelled[5], 256, "/proc/thread-self/fd/%d", file);
	snprintf(spelled[6], 256, "/proc/%d/cwd/secret/file", getpid());
	snprintf(spelled[7], 256, "/proc/%d/root%s/open/../secret/file", getppid(), cwd);
	while (goes_on()) {
		judge(open(spelled[rounds % 8], O_RDWR));
		judge(openat(folder, "file", O_RDWR));
		judge(openat(file, "", O_RDWR));
	}
}

static void attack_hard_link(void)
{
	while (goes_on()) {
		int file = open(SECRET, O_RDONLY);
		char name[64];
		snprintf(name, sizeof name, "/proc/self/fd/%d", file);
		unlink("open/hard");
		if (link(SECRET, "open/hard") != 0)
			linkat(AT_FDCWD, name, AT_FDCWD, "open/hard", AT_SYMLINK_FOLLOW);
		linkat(file, "", AT_FDCWD, "open/hard", AT_EMPTY_PATH);
		judge(open("open/hard", O_RDWR));
		close(file);
	}
}

static void send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	sendmsg(to, &message, 0);
}

static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int fd = -1;
	if (recvmsg(from, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static void attack_passed_descriptor(void)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		exit(2);
	if (forked() == 0) {
		int folder = open("secret", O_PATH);
		close(ends[0]);
		while (goes_on())
			send_fd(ends[1], folder);
		_exit(0);
	}
	close(ends[1]);
	while (goes_on()) {
		int folder = receive_fd(ends[0]);
		judge(openat(folder, "file", O_RDWR));
		close(folder);
	}
}

static int shared_fd, allowed_fd, secret_fd;

static void *exchange(void *unused)
{
	(void)unused;
	while (!over) {
		dup2(allowed_fd, shared_fd);
		dup2(secret_fd, shared_fd);
	}
	return NULL;
}

static void open_both(int flags)
{
	allowed_fd = open(OPEN, flags);
	secret_fd = open(SECRET, flags);
	shared_fd = dup(allowed_fd);
	start(exchange);
}

static void attack_dup2(void)
{
	open_both(O_RDONLY);
	while (goes_on() && !successes) {
		fchmod(shared_fd, 0640);
		successes += is_secret_changed();
	}
}

static void attack_dup2_dirfd(void)
{
	allowed_fd = open("open", O_PATH);
	secret_fd = open("secret", O_PATH);
	shared_fd = dup(allowed_fd);
	start(exchange);
	while (goes_on())
		judge(openat(shared_fd, "file", O_RDWR));
}

static void attack_dup2_link(void)
{
	char name[64];
	open_both(O_PATH);
	snprintf(name, sizeof name, "/proc/self/fd/%d", shared_fd);
	while (goes_on())
		judge(open(name, O_RDWR));
}

/* What is open for reading only is to be changed. */
static bool changes(int file, const struct stat *before)
{
	struct stat now;
	int flags = FS_NODUMP_FL;
	bool done = ftruncate(file, 0) == 0 || write(file, "x", 1) == 1 || fallocate(file, 0, 0, 8192) == 0;
	done |= mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, file, 0) != MAP_FAILED;
	done |= fcntl(file, F_SETFL, O_RDWR) == 0 && (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR;
	done |= ioctl(file, FS_IOC_SETFLAGS, &flags) == 0;
	futimens(file, (struct timespec[]){ { 1, 0 }, { 1, 0 } });
	return done || stat(SECRET, &now) != 0 || now.st_mtime != before->st_mtime || now.st_size != before->st_size;
}

static void attack_reopened(void)
{
	struct stat before;
	stat(SECRET, &before);
	while (goes_on() && !successes) {
		char name[64];
		int file = open(SECRET, rounds % 2 ? O_RDONLY : O_PATH);
		snprintf(name, sizeof name, "/proc/self/fd/%d", file);
		judge(open(name, O_RDWR));
		judge(openat(file, "", O_RDWR));
		successes += truncate(name, 0) == 0 || changes(file, &before);
		close(file);
	}
}

static void attack_handle(void)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, mount_fd = open(".", O_RDONLY);
	name_to_handle_at(AT_FDCWD, SECRET, &handle.head, &mount_id, 0);
	while (goes_on())
		judge(open_by_handle_at(mount_fd, &handle.head, O_RDWR));
}

/* ---- views that change ---- */

static void attack_bind_mount(void)
{
	unshare(CLONE_NEWNS);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	while (goes_on()) {
		mount("secret", "open/folder", NULL, MS_BIND, NULL);
		judge(open("open/folder/file", O_RDWR));
		umount2("open/folder", MNT_DETACH);
	}
}

static void attack_mount_proc(void)
{
	char name[64];
	unshare(CLONE_NEWNS);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	while (goes_on()) {
		mount("none", "/proc", "tmpfs", 0, NULL);
		umount2("/proc", MNT_DETACH);
		for (int fd = 0; fd < 32; fd++) {
			snprintf(name, sizeof name, "/proc/%d", fd);
			mkdir(name, 0755);
		}
		judge(open(OPEN, O_RDWR));
	}
}

/* A root with a /proc of one's own making, where each name that ptwrap might use leads to what is forbidden there. */
static void make_false_root(void)
{
	char name[128];
	for (const char *const *folder = (const char *const[]){ "", "/secret", "/open", "/proc", NULL }; *folder; folder++) {
		snprintf(name, sizeof name, "open/root%s", *folder);
		mkdir(name, 0755);
	}
	symlink("../secret/file", "open/root/open/file");
	for (int pid = getppid() - 8; pid < getpid() + 64; pid++) {
		snprintf(name, sizeof name, "open/root/proc/%d", pid);
		mkdir(name, 0755);
		strcat(name, "/fd");
		mkdir(name, 0755);
		size_t len = strlen(name);
		for (int fd = 3; fd < 24; fd++) {
			snprintf(name + len, sizeof name - len, "/%d", fd);
			symlink("/secret/file", name);
		}
	}
}

/* In the working directory, for all processes that there may be: whatever they have open is the secret. */
static void make_false_proc(void)
{
	for (int pid = getppid() - 8; pid < getpid() + 64; pid++) {
		char names[128];
		snprintf(names, sizeof names, "proc/%d", pid);
		mkdir(names, 0755);
		strcat(names, "/fd");
		mkdir(names, 0755);
		for (int fd = 3; fd < 48; fd++) {
			snprintf(names, sizeof names, "proc/%d/fd/%d", pid, fd);
			symlink("/secret/file", names);
		}
	}
}

/* Beneath the /proc of the scene lies another, for which it makes room in a mount namespace of its own. */
static void attack_umount(void)
{
	unshare(CLONE_NEWNS);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (forked() == 0) {
		unshare(CLONE_NEWNS);
		umount2("proc", MNT_DETACH);
		make_false_proc();
		_exit(0);
	}
	wait(NULL);
	while (goes_on()) {
		int status;
		pid_t child = forked();
		if (child == 0) {
			unshare(CLONE_NEWNS);
			if (chroot("."))
				_exit(2);
			pid_t other = forked();
			if (other == 0) {
				for (unsigned left = (unsigned)rounds * 977 % 200000; left; left--)
					__asm__ volatile("" : : : "memory");
				umount2("/proc", MNT_DETACH);
				_exit(0);
			}
			for (int i = 0; i < 20 && !successes; i++)
				judge(open("/open/file", O_RDWR));
			waitpid(other, NULL, 0);
			_exit(successes != 0);
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
}

static atomic_int jailed;
static char absolute[PATH_MAX + 16];

static void *open_in_jail(void *unused)
{
	struct stat inner, opened;
	(void)unused;
	unshare(CLONE_FS);
	stat("open/root/secret/file", &inner);
	chroot("open/root");
	jailed = 1;
	while (jailed == 1)
		;
	int fd = open(absolute, O_RDWR);
	if (fd >= 0 && fstat(fd, &opened) == 0 && opened.st_ino == inner.st_ino)
		_exit(RAN);
	close(fd);
	jailed = 3;
	return NULL;
}

/* A thread has a root directory of its own, and another one makes ptwrap ask again which its process has. */
static void attack_thread_root(void)
{
	if (!getcwd(absolute, PATH_MAX))
		exit(2);
	strcat(absolute, "/" OPEN);
	while (goes_on() && !successes) {
		int status = 0;
		pid_t child = forked();
		if (child == 0) {
			if (geteuid() != 0)
				unshare(CLONE_NEWUSER);
			close(open(OPEN, O_RDWR));
			mkdir("open/root/proc", 0755);
			if (rounds == 1 && chdir("open/root") == 0) {
				make_false_proc();
				if (chdir("../..") != 0)
					_exit(2);
			}
			start(open_in_jail);
			while (!jailed)
				;
			unshare(CLONE_FS);
			jailed = 2;
			while (jailed == 2)
				;
			_exit(0);
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

static int outside;

static void *swap_root(void *unused)
{
	(void)unused;
	while (!over) {
		chroot("open/root");
		fchdir(outside);
		chroot(".");
	}
	return NULL;
}

/* The root is the folder of all this, and then one in it, which has a secret of its own. */
static void attack_chroot(void)
{
	struct stat status;
	if (stat("open/root/secret/file", &status) != 0)
		exit(2);
	secret = status.st_ino;
	make_false_root();
	outside = open(".", O_RDONLY | O_DIRECTORY);
	start(swap_root);
	while (goes_on())
		judge(open("/open/file", O_RDWR));
}

/* ---- addresses ---- */

static struct sockaddr_in address;
static in_port_t allowed_port, denied_port;

static in_port_t read_port(const char *name)
{
	int port = 0;
	FILE *file = fopen(name, "r");
	if (!file || fscanf(file, "%d", &port) != 1)
		exit(2);
	fclose(file);
	return htons((uint16_t)port);
}

static void *flip_address(void *unused)
{
	(void)unused;
	while (!over) {
		address.sin_port = allowed_port;
		dwell();
		address.sin_port = denied_port;
		dwell();
	}
	return NULL;
}

static void judge_socket(int fd)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof peer;
	successes += getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_port == denied_port;
	close(fd);
}

static void set_address(void)
{
	allowed_port = read_port("allowed");
	denied_port = read_port("denied");
	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = allowed_port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void attack_address(void)
{
	set_address();
	start(flip_address);
	while (goes_on()) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		connect(fd, (struct sockaddr *)&address, sizeof address);
		judge_socket(fd);
	}
}

/* ---- ptwrap's own things in the program ---- */

struct mapping {
	char *start;
	size_t len;
};

static bool find_mapping(const char *name, const char *rights, struct mapping *mapping)
{
	char line[512];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && !found && fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		found = strstr(line, name) && strstr(line, rights) && sscanf(line, "%lx-%lx", &from, &to) == 2;
		if (found)
			*mapping = (struct mapping){ (char *)from, to - from }; // NOLINT(performance-no-int-to-ptr)
	}
	if (maps)
		fclose(maps);
	return found;
}

/* Any of these would give the memory away; without it, the path that the kernel reads is the program's own. */
static void attack_pinned(void)
{
	struct mapping pinned;
	judge(open(OPEN, O_RDWR));
	if (!find_mapping("ptwrap-pinned", " r--s ", &pinned)) {
		attack_path();
		return;
	}
	char name[128];
	snprintf(name, sizeof name, "/proc/self/map_files/%lx-%lx", (unsigned long)pinned.start, (unsigned long)pinned.start + pinned.len);
	while (goes_on()) {
		int memory = open("/proc/self/mem", O_RDWR), file = open(name, O_RDWR);
		char *fixed = mmap(pinned.start, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		struct iovec local = { path, 8 }, remote = { pinned.start, 8 };
		successes += mprotect(pinned.start, pinned.len, PROT_READ | PROT_WRITE) == 0;
		successes += munmap(pinned.start, 4096) == 0;
		successes += mremap(pinned.start, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, pinned.start + (1 << 28)) != MAP_FAILED;
		successes += fixed != MAP_FAILED;
		successes += memory >= 0 && pwrite(memory, "x", 1, (off_t)(uintptr_t)pinned.start) == 1;
		successes += process_vm_writev(getpid(), &local, 1, &remote, 1, 0) > 0;
		successes += file >= 0 && pwrite(file, "x", 1, 0) == 1;
		successes += file >= 0 && fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
		successes += file >= 0 && mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, file, 0) != MAP_FAILED;
		successes += madvise(pinned.start, 4096, MADV_REMOVE) == 0;
		close(memory);
		close(file);
	}
}

/* A child that is not given the mapping puts its own there. */
static void attack_pinned_fork(void)
{
	struct mapping pinned;
	judge(open(OPEN, O_RDWR));
	if (!find_mapping("ptwrap-pinned", " r--s ", &pinned)) {
		attack_path();
		return;
	}
	long *tried = mmap(NULL, sizeof *tried, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	madvise(pinned.start, pinned.len, MADV_DONTFORK);
	pid_t child = forked();
	if (child == 0) {
		char *own = mmap(pinned.start, pinned.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		for (size_t at = 0; own != MAP_FAILED && at + 16 <= pinned.len; at += 2048)
			strcpy(own + at, SECRET);
		while (goes_on() && !successes) {
			judge(open(OPEN, O_RDWR));
			*tried = rounds;
		}
		_exit(successes != 0);
	}
	int status;
	waitpid(child, &status, 0);
	rounds = *tried;
	successes += WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Some call instruction of the shim's lets calls pass that the filter takes for recorded: each is tried, in a child,
 * for what stands behind it is not for us. */
static void attack_exempt(void)
{
	struct mapping text;
	struct stat status;
	if (!find_mapping("ptwrap", " r-xp ", &text)) {
		while (goes_on())
			judge(open(SECRET, O_RDWR));
		return;
	}
	for (size_t at = 0; at + 2 < text.len && goes_on(); at++) {
		pid_t child = memcmp(text.start + at, "\x0f\x05", 2) == 0 ? forked() : -1;
		if (child == 0)
			__asm__ volatile("jmp *%4" : : "a"(SYS_open), "D"(SECRET), "S"(O_WRONLY | O_TRUNC), "d"(0), "r"(text.start + at));
		if (child > 0)
			waitpid(child, NULL, 0);
	}
	successes += stat(SECRET, &status) == 0 && status.st_size == 0;
}

static void attack_processes(void)
{
	char name[64];
	pid_t parent = getppid(), tracer = 0;
	FILE *status = fopen("/proc/self/status", "r");
	for (char line[256]; status && fgets(line, sizeof line, status);)
		sscanf(line, "TracerPid: %d", &tracer);
	if (status)
		fclose(status);
	if (!tracer) {
		attack_path();
		return;
	}
	const pid_t pids[] = { parent, tracer };
	while (goes_on()) {
		pid_t pid = pids[rounds % 2];
		snprintf(name, sizeof name, "/proc/%d/mem", pid);
		int fd = open(name, O_RDWR);
		successes += fd >= 0;
		if (fd >= 0)
			close(fd);
		struct iovec local = { path, 1 }, remote = { path, 1 };
		successes += process_vm_writev(pid, &local, 1, &remote, 1, 0) > 0;
		successes += ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
		successes += kill(pid, SIGCONT) == 0;
	}
}

/* By an instruction here, not by libc's, which lead through the shim. */
static long plain_call(long number, long a, long b, long c, long d)
{
	register long fourth __asm__("r10") = d;
	__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
	return number;
}

/* Nothing that the shim does is done any more, and each of its instructions does something else. */
static _Noreturn void overwrite_shim(const struct mapping *text, bool unmaps, int memory)
{
	static unsigned char nops[4096];
	memset(nops, 0x90, sizeof nops);
	long at = (long)(uintptr_t)text->start, end = at + (long)text->len;
	if (unmaps)
		plain_call(SYS_munmap, at, end - at, 0, 0);
	plain_call(SYS_mprotect, at, end - at, PROT_READ | PROT_WRITE | PROT_EXEC, 0);
	for (; at < end; at += (long)sizeof nops)
		plain_call(SYS_pwrite64, memory, (long)(uintptr_t)nops, sizeof nops, at);
	long fd = plain_call(SYS_open, (long)(uintptr_t)SECRET, O_RDWR, 0, 0);
	for (;;)
		plain_call(SYS_exit_group, fd >= 0 ? RAN : 1, 0, 0, 0);
}

static void attack_shim(void)
{
	struct mapping text = { NULL, 0 };
	find_mapping("ptwrap", " r-xp ", &text);
	while (goes_on()) {
		int status;
		pid_t child = forked();
		if (child == 0)
			overwrite_shim(&text, rounds % 2, open("/proc/self/mem", O_RDWR));
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

/* libattack.so, brought in before the shim, or with it, or by what keeps the shim away. */
static void attack_preload(void)
{
	static const char *const variables[] = { "LD_PRELOAD", "LD_AUDIT", "LD_DEBUG_OUTPUT=/dev/null LD_DEBUG=all LD_PRELOAD" };
	char library[PATH_MAX] = "", setting[PATH_MAX + 128];
	if (readlink("/proc/self/exe", library, sizeof library - 32) <= 0)
		exit(2);
	strcpy(strrchr(library, '/'), "/libattack.so");
	while (goes_on()) {
		int status;
		snprintf(setting, sizeof setting, "%s=%s exec /bin/true", variables[rounds % 3], library);
		pid_t child = forked();
		if (child == 0) {
			execl("/bin/sh", "sh", "-c", setting, NULL);
			_exit(1);
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

/* Another process changes the path, registers or anything of ptwrap's in this one. */
static void meddle(pid_t victim, const struct mapping *pinned)
{
	static const char *const paths[] = { "open/file\0", SECRET };
	char name[64];
	snprintf(name, sizeof name, "/proc/%d/mem", victim);
	int memory = open(name, O_RDWR);
	for (unsigned turn = 0; kill(victim, 0) == 0; turn++) {
		struct iovec local = { (void *)(uintptr_t)paths[turn % 2], 11 }, remote = { path, 11 };
		process_vm_writev(victim, &local, 1, &remote, 1, 0);
		if (pinned->start)
			pwrite(memory, SECRET, sizeof SECRET, (off_t)(uintptr_t)pinned->start + turn % 4096 * 2048L);
		if (ptrace(PTRACE_SEIZE, victim, NULL, NULL) == 0) {
			ptrace(PTRACE_INTERRUPT, victim, NULL, NULL);
			waitpid(victim, NULL, 0);
			ptrace(PTRACE_POKEDATA, victim, path, *(const long *)(const void *)"secret/f");
			ptrace(PTRACE_DETACH, victim, NULL, NULL);
		}
	}
	_exit(0);
}

static void attack_other_process(void)
{
	struct mapping pinned = { NULL, 0 };
	strcpy(path, OPEN);
	judge(open(OPEN, O_RDWR));
	find_mapping("ptwrap-pinned", " r--s ", &pinned);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pid_t self = getpid(), child = forked();
	if (child == 0)
		meddle(self, &pinned);
	while (goes_on())
		judge(open(path, O_RDWR));
	kill(child, SIGKILL);
}

static int write_to_secret(void *unused)
{
	(void)unused;
	return open(SECRET, O_RDWR) >= 0 ? RAN : 1;
}

/* Children and threads that no tracer is to follow. */
static void attack_untraced(void)
{
	static const unsigned long flags[] = { CLONE_UNTRACED, CLONE_UNTRACED | CLONE_VM | CLONE_FILES, CLONE_UNTRACED | CLONE_VM | CLONE_VFORK,
					       CLONE_PTRACE, CLONE_PARENT_SETTID, CLONE_UNTRACED | CLONE_NEWUSER | CLONE_NEWPID };
	static char stack[65536];
	while (goes_on()) {
		int status = 0;
		unsigned long chosen = flags[rounds / 2 % COUNT(flags)];
		struct clone_args args = { .flags = chosen & ~(unsigned long)CLONE_VM, .exit_signal = SIGCHLD };
		pid_t child = rounds % 2 ? clone(write_to_secret, stack + sizeof stack, (int)chosen | SIGCHLD, NULL) :
					   (pid_t)syscall(SYS_clone3, &args, sizeof args);
		if (child == 0)
			_exit(write_to_secret(NULL)); // NOLINT: it may be a vfork
		if (child > 0)
			waitpid(child, &status, __WALL);
		successes += child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

/* ---- code that is mapped ---- */

enum { MAPPINGS = 40 };

/* Both begin alike; what stands behind the end of the shorter one tells them apart. */
static off_t prepare_code(void)
{
	char self[PATH_MAX], command[2 * PATH_MAX];
	struct stat status;
	snprintf(command, sizeof command, "{ cat %s; printf oo; } >open/program",
		 realpath("/proc/self/exe", self) ? self : "/proc/self/exe");
	if (access("open/program", F_OK) != 0 && system(command) != 0)
		exit(2);
	allowed_fd = open("open/program", O_RDONLY);
	secret_fd = open(PROGRAM, O_RDONLY);
	shared_fd = dup(allowed_fd);
	if (fstat(secret_fd, &status) != 0)
		exit(2);
	return status.st_size - 1;
}

/* Is it ever the forbidden one that is mapped? Then the process ends with RAN. */
static void map_code(off_t last)
{
	for (int i = 0; i < MAPPINGS; i++) {
		off_t page = last & ~4095L;
		char *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, shared_fd, page);
		if (code != MAP_FAILED && code[last - page] == '\n')
			_exit(RAN);
		if (code != MAP_FAILED)
			munmap(code, 4096);
	}
}

static void map_beside_thread(off_t last)
{
	start(exchange);
	map_code(last);
}

/* Is what is mapped there executable, and the forbidden one? */
static bool is_code(const char *at)
{
	char line[PATH_MAX + 256];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && !found && fgets(line, sizeof line, maps))
		found = strtoul(line, NULL, 16) == (uintptr_t)at && strstr(line, " r-xp ") && strstr(line, "/" PROGRAM);
	if (maps)
		fclose(maps);
	return found;
}

static struct clone_args sharing = { .exit_signal = SIGCHLD };

static void *flip_sharing(void *unused)
{
	(void)unused;
	while (!over) {
		*(volatile uint64_t *)&sharing.flags = CLONE_FILES;
		*(volatile uint64_t *)&sharing.flags = 0;
	}
	return NULL;
}

/* The child may have the same descriptors, which nobody could tell from its flags any more. */
static void map_beside_child(off_t last)
{
	pthread_t flipper;
	if (pthread_create(&flipper, NULL, flip_sharing, NULL) != 0)
		_exit(1);
	dwell();
	pid_t child = (pid_t)syscall(SYS_clone3, &sharing, sizeof sharing);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exchange(NULL);
	}
	over = true;
	pthread_join(flipper, NULL);
	map_code(last);
	if (child > 0)
		kill(child, SIGKILL);
}

/* A child that no tracer is told of. */
static void map_beside_untraced(off_t last)
{
	struct clone_args args = { .flags = CLONE_UNTRACED | CLONE_FILES, .exit_signal = SIGCHLD };
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exchange(NULL);
	}
	map_code(last);
	if (child > 0)
		kill(child, SIGKILL);
}

static char *place;
static off_t place_offset;
static atomic_bool holds, held;

static void hold(void)
{
	held = true;
	while (holds)
		;
	held = false;
}

/* What is mapped there to be read is now the one, now the other. */
static void *exchange_mapping(void *unused)
{
	(void)unused;
	while (!over) {
		mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, allowed_fd, place_offset);
		dwell();
		mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, secret_fd, place_offset);
		dwell();
		if (holds)
			hold();
	}
	return NULL;
}

/* It is made executable: is it the forbidden one then? */
static void make_executable(off_t last)
{
	for (int i = 0; i < MAPPINGS; i++) {
		bool done = mprotect(place, 4096, PROT_READ | PROT_EXEC) == 0;
		holds = true;
		while (!held)
			;
		if (done && place[last - place_offset] == '\n' && is_code(place))
			_exit(RAN);
		holds = false;
		while (held)
			;
	}
}

static void begin_exchange(off_t last)
{
	place_offset = last & ~4095L;
	place = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, allowed_fd, place_offset);
	start(exchange_mapping);
}

static void protect_beside_thread(off_t last)
{
	begin_exchange(last);
	make_executable(last);
}

/* In a child that has the same memory, while its maker is suspended and another thread is not. */
static void protect_in_vfork(off_t last)
{
	int status = 0;
	begin_exchange(last);
	pid_t child = vfork();
	if (child == 0) {
		make_executable(last);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == RAN)
		_exit(RAN);
}

enum { GIVEN = 77 };

/* Has a filter that hands mappings of GIVEN to whoever holds the listener; *listener: its number. */
static void map_listened(off_t last, atomic_int *listener)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GIVEN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(code), code };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	dup2(allowed_fd, GIVEN);
	int made = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	*listener = made < 0 ? -2 : made;
	while (made >= 0 && *listener >= 0)
		;
	char *code_at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, GIVEN, last & ~4095L);
	_exit(code_at != MAP_FAILED && code_at[last & 4095] == '\n' ? RAN : 0);
}

/* Puts the forbidden one in the place of the descriptor, and lets the call go on. */
static void serve_mapping(int listener)
{
	struct seccomp_notif call = { 0 };
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
		return;
	struct seccomp_notif_addfd given = { .id = call.id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (uint32_t)secret_fd,
					     .newfd = GIVEN };
	struct seccomp_notif_resp answer = { .id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &given);
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static void map_beside_listener(off_t last)
{
	int status = 0;
	atomic_int *listener = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (listener == MAP_FAILED)
		_exit(1);
	*listener = -1;
	pid_t child = forked();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		map_listened(last, listener);
	}
	while (*listener == -1)
		;
	int process = (int)syscall(SYS_pidfd_open, child, 0);
	int taken = *listener < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, *listener, 0);
	*listener = -2;
	if (taken >= 0)
		serve_mapping(taken);
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == RAN)
		_exit(RAN);
}

/* In a process each: it may be killed for what it has mapped. */
static void attack_code(void (*map)(off_t last))
{
	off_t last = prepare_code();
	while (goes_on() && !successes) {
		int status = 0;
		pid_t child = forked();
		if (child == 0) {
			map(last);
			_exit(0);
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

static void attack_mapping(void)
{
	attack_code(map_beside_thread);
}

static void attack_hidden(void)
{
	attack_code(map_beside_child);
}

static void attack_alone(void)
{
	attack_code(map_beside_untraced);
}

static void attack_listener(void)
{
	attack_code(map_beside_listener);
}

static void attack_mapped(void)
{
	attack_code(protect_beside_thread);
}

static void attack_mapped_vfork(void)
{
	attack_code(protect_in_vfork);
}

/* ---- programs ---- */

/* A child that becomes a program, by `become`: did ./secret/program run? */
static void judge_program(void (*become)(void))
{
	int status;
	pid_t child = forked();
	if (child == 0) {
		become();
		_exit(1);
	}
	waitpid(child, &status, 0);
	successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
}

/* As PART of this attack, in a new image. */
static void become_part(const char *part, const char *way)
{
	execl("/proc/self/exe", "attack", part, way, NULL);
}

/* Its own memory, which names the secret everywhere, in place of all that the kernel may read a path from. Is it read? */
static _Noreturn void replace_pinned(void)
{
	struct mapping pinned;
	if (!find_mapping("ptwrap-pinned", " r--s ", &pinned))
		judge(open(SECRET, O_RDWR));
	while (find_mapping("ptwrap-pinned", " r--s ", &pinned)) {
		char *own = mmap(pinned.start, pinned.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (own == MAP_FAILED)
			_exit(1);
		for (size_t at = 0; at + sizeof SECRET <= pinned.len; at += 2048)
			strcpy(own + at, SECRET);
	}
	judge(open(OPEN, O_RDWR));
	_exit(successes ? RAN : 1);
}

/* A child is not given the memory, which is sealed, but a second mapping of it, which is not. That it moves to the same place, where
 * it is taken for the first. The second is made before the first use, which seals, (way 0) or by the file that is mapped (1). */
static void be_sealed(void)
{
	struct mapping pinned;
	char name[128], *second = MAP_FAILED;
	if (seconds > 0)
		close(open(OPEN, O_RDWR));
	if (!find_mapping("ptwrap-pinned", " r--s ", &pinned))
		replace_pinned();
	snprintf(name, sizeof name, "/proc/self/map_files/%lx-%lx", (unsigned long)pinned.start, (unsigned long)pinned.start + pinned.len);
	if (seconds > 0)
		second = mmap(NULL, pinned.len, PROT_READ, MAP_SHARED, open(name, O_RDONLY), 0);
	else
		second = mremap(pinned.start, 0, pinned.len, MREMAP_MAYMOVE);
	if (second == MAP_FAILED)
		_exit(1);
	close(open(OPEN, O_RDWR));
	int status;
	madvise(pinned.start, pinned.len, MADV_DONTFORK);
	pid_t child = forked();
	if (child == 0) {
		mremap(second, pinned.len, pinned.len, MREMAP_MAYMOVE | MREMAP_FIXED, pinned.start);
		close(open(OPEN, O_RDWR));
		replace_pinned();
	}
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) == RAN ? RAN : 1);
}

static void become_sealed(void)
{
	become_part("be-sealed", rounds % 2 ? "0" : "1");
}

static void attack_sealed(void)
{
	close(open(OPEN, O_RDWR)); // from now on new images have the memory as they begin
	while (goes_on() && !successes)
		judge_program(become_sealed);
}

static void be_filtered(void)
{
	close(open(OPEN, O_RDWR));
	replace_pinned();
}

/* The program's own filter says that the memory was sealed, when it was not: in this image, or the next. */
static void become_filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 462 /* mseal */, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { COUNT(code), code };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(2);
	if (rounds % 2)
		become_part("be-filtered", "0");
	be_filtered();
}

static void attack_filtered(void)
{
	while (goes_on() && !successes)
		judge_program(become_filtered);
}

static void *flip_program(void *unused)
{
	(void)unused;
	while (!over) {
		memcpy(path, "/bin/true\0\0\0\0\0", 15);
		dwell();
		memcpy(path, PROGRAM, 15);
		dwell();
	}
	return NULL;
}

static void attack_exec(void)
{
	start(flip_program);
	while (goes_on()) {
		int status;
		pid_t child = vfork();
		if (child == 0) {
			char *argv[] = { path, NULL };
			syscall(SYS_execve, path, argv, NULL);
			_exit(1); // NOLINT
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
	}
}

static void become_copy(void)
{
	int from = open(PROGRAM, O_RDONLY), to = memfd_create("copy", MFD_CLOEXEC);
	sendfile(to, from, NULL, 1 << 30);
	execveat(to, "", (char *[]){ "copy", NULL }, NULL, AT_EMPTY_PATH);
}

static void become_descriptor(void)
{
	execveat(open(PROGRAM, O_PATH), "", (char *[]){ "program", NULL }, NULL, AT_EMPTY_PATH);
}

static void attack_exec_memfd(void)
{
	while (goes_on())
		judge_program(rounds % 2 ? become_copy : become_descriptor);
}

static void become_script(void)
{
	execl("open/script", "script", NULL);
}

static void attack_exec_script(void)
{
	char cwd[128];
	FILE *script = fopen("open/script", "w");
	if (!script || !getcwd(cwd, sizeof cwd))
		exit(2);
	fprintf(script, "#!%s/" PROGRAM "\n", cwd);
	fchmod(fileno(script), 0755);
	fclose(script);
	while (goes_on())
		judge_program(become_script);
}

static void become_loaded(void)
{
	execl("/lib64/ld-linux-x86-64.so.2", "ld.so", rounds % 2 ? PROGRAM : "open/program", NULL);
}

/* By its name and, as a link leads there, by another. */
static void attack_exec_loader(void)
{
	symlink("../" PROGRAM, "open/program");
	while (goes_on())
		judge_program(become_loaded);
}

static void attack_uring(void)
{
	char parameters[256];
	while (goes_on()) {
		memset(parameters, 0, sizeof parameters);
		int fd = (int)syscall(SYS_io_uring_setup, 4, parameters);
		successes += fd >= 0;
		if (fd >= 0)
			close(fd);
	}
}

/* Keys for whoever reads the terminal next. */
static void attack_keys(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (grantpt(terminal) || unlockpt(terminal))
		exit(2);
	while (goes_on()) {
		int status;
		pid_t child = forked();
		if (child == 0) {
			setsid();
			int own = open(ptsname(terminal), O_RDWR);
			_exit(ioctl(own, TIOCSTI, "x") == 0);
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
}

static void attack_vfork(void)
{
	start(flip_path);
	strcpy(path, OPEN);
	while (goes_on()) {
		int status;
		pid_t child = vfork();
		if (child == 0) {
			struct stat found;
			int fd = (int)syscall(SYS_open, path, O_RDWR, 0);
			_exit(fd >= 0 && fstat(fd, &found) == 0 && found.st_ino == secret); // NOLINT
		}
		waitpid(child, &status, 0);
		successes += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
}

/* Where the path of its ring stands on the stack of a program that has just begun; 0: nowhere. old: the path. */
static uintptr_t find_ring(pid_t victim, char old[PATH_MAX])
{
	static char stack[1 << 16];
	char line[256], name[64];
	unsigned long from = 0, to = 0;
	snprintf(name, sizeof name, "/proc/%d/maps", victim);
	FILE *maps = fopen(name, "re");
	while (maps && fgets(line, sizeof line, maps) && !strstr(line, "[stack]"))
		;
	if (maps && strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from > sizeof stack)
		from = to - sizeof stack;
	if (maps)
		fclose(maps);
	struct iovec local = { stack, to - from }, remote = { (void *)from, to - from }; // NOLINT
	ssize_t len = to > from ? process_vm_readv(victim, &local, 1, &remote, 1, 0) : 0;
	char *found = len > 0 ? memmem(stack, (size_t)len, "/r-", 3) : NULL;
	while (found && found > stack && found[-1])
		found--;
	if (!found)
		return 0;
	snprintf(old, PATH_MAX, "%s", found);
	return from + (uintptr_t)(found - stack);
}

/* What of these it has mapped: 1: a ring or libc, which comes later, 2: the secret; 0: neither yet; -1: it has ended. */
static int look_at_mappings(pid_t victim)
{
	char line[PATH_MAX + 128], name[64];
	int found = -1;
	snprintf(name, sizeof name, "/proc/%d/maps", victim);
	FILE *maps = fopen(name, "re");
	while (maps && fgets(line, sizeof line, maps) && found < 1)
		found = strstr(line, "/" SECRET) ? 2 : strstr(line, "/r-") || strstr(line, "/libc.") ? 1 : 0;
	if (maps)
		fclose(maps);
	return found;
}

static int thieves;            /* threads that take */
static _Atomic pid_t starting; /* from that process */

/* What it has open for a moment, whatever is made of it after. */
static void *steal(void *unused)
{
	(void)unused;
	int victim = (int)syscall(SYS_pidfd_open, starting, 0);
	for (int turn = 0, taken; victim >= 0 && ((taken = (int)syscall(SYS_pidfd_getfd, victim, 3 + turn % 3, 0)) >= 0 || errno != ESRCH); turn++)
		judge(taken);
	close(victim);
	return NULL;
}

/* It goes on, while the path of its ring is now one, now the other; without the memory that it should have it from, whose name
 * stands before that. True: it can write to the secret. */
static bool go_on_misled(pid_t victim, uintptr_t at, const char *target, const char *old, bool flips)
{
	size_t len = strlen(target) + 1;
	struct iovec remote = { (void *)at, len }; // NOLINT(performance-no-int-to-ptr)
	struct iovec texts[] = { { (void *)(uintptr_t)old, len }, { (void *)(uintptr_t)target, len } };
	struct iovec nothing = { (void *)(uintptr_t)"", 1 }, before = { (char *)remote.iov_base - FASTPATH_PATH, 1 };
	process_vm_writev(victim, &texts[1], 1, &remote, 1, 0);
	if (flips)
		process_vm_writev(victim, &nothing, 1, &before, 1, 0);
	starting = victim;
	for (int i = 0; i < thieves; i++)
		start(steal);
	kill(victim, SIGCONT);
	int found;
	for (unsigned turn = 0; (found = look_at_mappings(victim)) == 0 && turn < 10000; turn++)
		for (int i = 0; i < 20 && flips; i++)
			process_vm_writev(victim, &texts[i % 2], 1, &remote, 1, 0);
	return found == 2;
}

/* A program is stopped before its ring is open, and led to another file. */
static void attack_starting(void)
{
	char target[PATH_MAX + 16] = "", old[PATH_MAX];
	if (getcwd(target, PATH_MAX))
		strcat(target, "/" SECRET);
	while (goes_on() && !successes) {
		int status = 0;
		pid_t victim = forked();
		if (victim == 0) {
			become_part("victim", "0");
			_exit(1);
		}
		for (unsigned wait = (unsigned)rounds * 7919 % 3000; wait; wait--)
			dwell();
		kill(victim, SIGSTOP);
		waitpid(victim, &status, WUNTRACED);
		uintptr_t at = WIFSTOPPED(status) && look_at_mappings(victim) == 0 ? find_ring(victim, old) : 0;
		if (at)
			successes += go_on_misled(victim, at, target, old, rounds % 4 != 0);
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
}

static void attack_stolen(void)
{
	thieves = 3;
	attack_starting();
}

static void be_victim(void)
{
	pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} attacks[] = {
	{ "path", attack_path }, { "created", attack_created }, { "chmod", attack_chmod }, { "link", attack_link },
	{ "rename", attack_rename }, { "bind", attack_bind }, { "openat2", attack_openat2 }, { "i386", attack_i386 }, { "x32", attack_x32 },
	{ "restart", attack_restart }, { "symlink", attack_symlink }, { "symlink-created", attack_symlink_created },
	{ "ancestor", attack_ancestor }, { "ancestor-created", attack_ancestor_created }, { "ancestor-removed", attack_ancestor_removed },
	{ "spelling", attack_spelling }, { "hard-link", attack_hard_link }, { "passed-descriptor", attack_passed_descriptor },
	{ "dup2", attack_dup2 }, { "dup2-dirfd", attack_dup2_dirfd }, { "dup2-link", attack_dup2_link }, { "handle", attack_handle },
	{ "bind-mount", attack_bind_mount }, { "mount-proc", attack_mount_proc }, { "chroot", attack_chroot }, { "umount", attack_umount }, { "address", attack_address },
	{ "pinned", attack_pinned }, { "pinned-fork", attack_pinned_fork }, { "exempt", attack_exempt }, { "processes", attack_processes },
	{ "shim", attack_shim }, { "preload", attack_preload }, { "other-process", attack_other_process },
	{ "untraced", attack_untraced }, { "reopened", attack_reopened }, { "exec", attack_exec },
	{ "exec-memfd", attack_exec_memfd }, { "exec-script", attack_exec_script }, { "exec-loader", attack_exec_loader },
	{ "keys", attack_keys }, { "uring", attack_uring }, { "vfork", attack_vfork }, { "starting", attack_starting },
	{ "stolen", attack_stolen }, { "sealed", attack_sealed }, { "filtered", attack_filtered },
	{ "mapping", attack_mapping }, { "hidden", attack_hidden }, { "alone", attack_alone }, { "mapped", attack_mapped }, { "mapped-vfork", attack_mapped_vfork },
	{ "listener", attack_listener }, { "thread-root", attack_thread_root },
	{ "victim", be_victim }, { "be-sealed", be_sealed }, { "be-filtered", be_filtered },
};

int main(int argc, char **argv)
{
	struct stat status;
	if (argc != 3)
		return RAN;
	if (stat(SECRET, &status) != 0)
		return 2;
	secret = status.st_ino;
	device = status.st_dev;
	seconds = strtod(argv[2], NULL);
	for (size_t i = 0; i < COUNT(attacks); i++) {
		if (strcmp(attacks[i].name, argv[1]) != 0)
			continue;
		attacks[i].run();
		over = true;
		printf("%s: %ld rounds, %ld successes\n", argv[1], rounds, successes);
		fflush(NULL);
		_exit(0);
	}
	return 2;
}
