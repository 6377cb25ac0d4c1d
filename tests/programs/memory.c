/* memory WHAT: makes calls with pointers that a tracer cannot simply follow.
 *
 *   bad        each call that takes a pointer, with one to nowhere; prints the names of those that fail with EFAULT
 *   edges      opens ./ending (the last bytes before an unmapped page), ./across (from one page into the next), ./beyond
 *              (runs into the unmapped page), and a path of 5,000 bytes; prints how each failed
 *   served     opens ./served, the name in a page that a thread serves by userfaultfd, once it has made a call of its own,
 *              ./server
 *   withheld   the same, of ./withheld, but the thread serves this process only: whoever else asks waits
 *   executed   opens ./executed and executes `echo ./executed`, the names in pages that a child serves
 *   private    becomes non-dumpable, then creates ./private and opens ./missing
 *
 * They end with status 77 where there is no userfaultfd to be had. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAGE = 4096, NO_USERFAULTFD = 77 };

static void tell(const char *name, long result, int wanted)
{
	if (result >= 0 || errno != wanted)
		printf("%s: %s\n", name, result >= 0 ? "succeeded" : strerrorname_np(errno));
	else
		puts(name);
}

#define FAILS(call, ...) tell(#call, syscall(SYS_##call, __VA_ARGS__), EFAULT)

static void *pages(size_t count, int protection)
{
	return mmap(NULL, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void bad(void)
{
	char *closed = pages(1, PROT_NONE), *nowhere = (char *)-PAGE, *text = "x";
	int unnamed = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct msghdr message = { .msg_name = closed, .msg_namelen = sizeof(struct sockaddr_un) };
	char *argv[] = { "argv", closed, "last", NULL };
	FAILS(open, (char *)8, O_RDONLY);
	FAILS(openat, AT_FDCWD, closed, O_RDWR | O_CREAT, 0600);
	FAILS(openat2, AT_FDCWD, text, closed, 24);
	FAILS(stat, nowhere, text);
	FAILS(newfstatat, AT_FDCWD, "/", closed, 0);
	FAILS(readlink, closed, closed, 1);
	FAILS(rename, text, closed);
	FAILS(symlinkat, closed, AT_FDCWD, text);
	FAILS(mount, text, closed, NULL, 0, NULL);
	FAILS(connect, unnamed, closed, sizeof(struct sockaddr_un));
	FAILS(bind, unnamed, nowhere, sizeof(struct sockaddr_un));
	FAILS(sendto, unnamed, text, 1, 0, closed, sizeof(struct sockaddr_un));
	FAILS(sendmsg, unnamed, closed, 0);
	FAILS(sendmmsg, unnamed, closed, 1, 0);
	tell("sendmsg", sendmsg(unnamed, &message, 0), EFAULT);
	FAILS(execve, closed, NULL, NULL);
	FAILS(execve, "/bin/true", closed, NULL);
	FAILS(execve, "/bin/true", argv, NULL);
	FAILS(write, STDERR_FILENO, closed, 1);
	FAILS(writev, STDERR_FILENO, closed, 1);
	FAILS(uname, closed);
	FAILS(rt_sigaction, 10, closed, NULL, 8);
}

static void edges(void)
{
	char *three = pages(3, PROT_READ | PROT_WRITE), *end = three + 2 * (size_t)PAGE, name[PAGE + 1000];
	munmap(end, PAGE);
	tell("./ending", open(strcpy(end - sizeof "./ending", "./ending"), O_RDONLY), ENOENT);
	tell("./across", open(strcpy(three + PAGE - 4, "./across"), O_RDONLY), ENOENT);
	tell("EFAULT", open(memcpy(end - 8, "./beyond", 8), O_RDONLY), EFAULT);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	tell("ENAMETOOLONG", open(name, O_RDONLY), ENAMETOOLONG);
}

/* The server: a page after the other is filled with the same bytes, the name at its start, until nobody
 * asks any more. */
static struct {
	int fd;
	int until[2]; /* a pipe: until its writing end is closed, which execve does too */
	pid_t client; /* 0: whoever asks is served */
	char page[PAGE];
} server;

static bool serve_one(void)
{
	struct uffd_msg message;
	struct stat status;
	if (read(server.fd, &message, sizeof message) != sizeof message)
		return false;
	if (server.client && message.arg.pagefault.feat.ptid != (uint32_t)server.client)
		return true;
	stat("./server", &status);
	struct uffdio_copy copy = { .dst = message.arg.pagefault.address & -(uint64_t)PAGE,
				    .src = (uintptr_t)server.page, .len = PAGE };
	ioctl(server.fd, UFFDIO_COPY, &copy);
	return true;
}

static void *serve(void *unused)
{
	struct pollfd ready[] = { { .fd = server.fd, .events = POLLIN }, { .fd = server.until[0], .events = POLLIN } };
	while (poll(ready, 2, -1) > 0 && !ready[1].revents)
		if (!serve_one())
			break;
	return unused;
}

/* Pages of which nobody knows the contents but the server. */
static char *served_pages(size_t count, const char *name)
{
	char *memory = pages(count, PROT_READ | PROT_WRITE);
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID };
	struct uffdio_register range = { .range = { (uintptr_t)memory, count * PAGE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	strcpy(server.page, name);
	server.fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (pipe2(server.until, O_CLOEXEC) < 0)
		exit(1);
	if (server.fd < 0 || ioctl(server.fd, UFFDIO_API, &api) < 0 || ioctl(server.fd, UFFDIO_REGISTER, &range) < 0) {
		perror("memory: userfaultfd");
		exit(NO_USERFAULTFD);
	}
	return memory;
}

static void ask_thread(const char *name, pid_t client)
{
	pthread_t thread;
	char *memory = served_pages(1, name);
	server.client = client;
	if (pthread_create(&thread, NULL, serve, NULL) != 0)
		exit(1);
	tell(name, open(memory, O_RDONLY), ENOENT);
	close(server.until[1]);
	pthread_join(thread, NULL);
}

static void ask_process(const char *name)
{
	char *memory = served_pages(2, name);
	char *argv[] = { "echo", memory + PAGE, NULL };
	if (fork() == 0) {
		close(server.until[1]);
		serve(NULL);
		_exit(0);
	}
	open(memory, O_RDONLY);
	execv("/bin/echo", argv);
}

static void private(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	if (open("./private", O_WRONLY | O_CREAT, 0600) >= 0)
		puts("./private");
	tell("./missing", open("./missing", O_RDONLY), ENOENT);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "bad") == 0)
		bad();
	else if (strcmp(what, "edges") == 0)
		edges();
	else if (strcmp(what, "served") == 0)
		ask_thread("./served", 0);
	else if (strcmp(what, "withheld") == 0)
		ask_thread("./withheld", getpid());
	else if (strcmp(what, "executed") == 0)
		ask_process("./executed");
	else if (strcmp(what, "private") == 0)
		private();
	else
		return 2;
	return 0;
}
