/* Calls that a policy judges: `policy WHAT [ARGUMENT]...` does WHAT and prints "ok" or the error's name, and what came of it.
 *
 *   connect|bind|sendto|sendmsg|sendmmsg ADDRESS PORT   by UDP; ADDRESS may be of either family
 *   unspec ADDRESS PORT     sendto with the family AF_UNSPEC, which UDP takes for AF_INET
 *   listen ADDRESS PORT     by TCP, bound to that first if PORT is not -
 *   arrive HOW ADDRESS      sends to a socket of its own on that address: did anything arrive?
 *   unix HOW PATH           connect or bind of a datagram socket, or both, one to the other; PATH may begin with @
 *   names PATH OTHER        what the kernel calls sockets that are bound so: a listener, by getsockname; as its client has
 *                           it, by getpeername; the client, bound to OTHER, as accept has it; and does an answer to a
 *                           datagram from a socket at OTHER.d arrive there, sent where recvfrom says?
 *   socket FAMILY TYPE
 *   call NUMBER             with arguments that are all 0
 *   hidden NUMBER           the same; a seccomp filter of its own asks a thread, which lets it pass
 *   flip ROUNDS ADDRESS OTHER   sends to a socket of its own on ADDRESS, while a thread writes OTHER over the address and
 *                           back: how many arrived at OTHER?
 *   signal PID NUMBER | pidfd PID | prlimit PID | trace PID | peek PID
 *   take PID                a descriptor of that process's, by pidfd_getfd; the same after unshare, and with another thread
 *   map FILE | protect FILE executable mappings, by mmap, by mprotect
 *   chroot FOLDER FILE      opens FILE for writing with FOLDER as its root
 *   daemon FILE HOW ADDRESS PORT   a child that goes on when this process has ended, does so, and writes to FILE
 *   twice HOW ADDRESS PORT  the same in a child, too */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

static void say(long result)
{
	int error = errno;
	fprintf(out, "%s", result >= 0 ? "ok" : strerrorname_np(error));
	if (result > 0)
		fprintf(out, " %ld", result);
	fprintf(out, "\n");
}

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t parse(const char *text, const char *port, union address *address)
{
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1) {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = htons((uint16_t)atoi(port));
		return sizeof address->in6;
	}
	address->in.sin_family = AF_INET;
	address->in.sin_port = htons((uint16_t)atoi(port));
	inet_pton(AF_INET, text, &address->in.sin_addr);
	return sizeof address->in;
}

static long by_udp(const char *how, int fd, union address *to, socklen_t len)
{
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_name = to, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = message }, { .msg_hdr = message } };
	if (strcmp(how, "connect") == 0)
		return connect(fd, &to->any, len);
	if (strcmp(how, "bind") == 0)
		return bind(fd, &to->any, len);
	if (strcmp(how, "unspec") == 0)
		to->any.sa_family = AF_UNSPEC;
	if (strcmp(how, "sendmsg") == 0)
		return sendmsg(fd, &message, 0);
	if (strcmp(how, "sendmmsg") == 0) {
		long sent = sendmmsg(fd, messages, 1, 0);
		return sent == 1 && messages[0].msg_len != 1 ? 99 : sent;
	}
	return sendto(fd, &byte, 1, 0, &to->any, len);
}

static int do_udp(char **argv)
{
	union address to;
	socklen_t len = parse(argv[2], argv[3], &to);
	int fd = socket(to.any.sa_family, SOCK_DGRAM, 0);
	say(by_udp(argv[1], fd, &to, len));
	return 0;
}

static int do_listen(char **argv)
{
	union address own;
	socklen_t len = parse(argv[2], argv[3], &own);
	int fd = socket(own.any.sa_family, SOCK_STREAM, 0);
	if (argv[3][0] != '-' && bind(fd, &own.any, len))
		return 1;
	say(listen(fd, 1));
	return 0;
}

static int do_arrive(char **argv)
{
	union address own;
	char byte;
	socklen_t len = parse(argv[3], "0", &own), room = sizeof own;
	int receiver = socket(own.any.sa_family, SOCK_DGRAM, 0), sender = socket(own.any.sa_family, SOCK_DGRAM, 0);
	if (bind(receiver, &own.any, len) || getsockname(receiver, &own.any, &room))
		return 1;
	say(by_udp(argv[2], sender, &own, len));
	fprintf(out, "%s\n", recv(receiver, &byte, 1, MSG_DONTWAIT) == 1 ? "arrived" : "nothing");
	return 0;
}

static int do_unix(char **argv)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t len = strlen(argv[3]);
	memcpy(name.sun_path, argv[3], len);
	if (name.sun_path[0] == '@')
		name.sun_path[0] = '\0';
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	bool binds = strcmp(argv[2], "bind") == 0;
	if (strcmp(argv[2], "both") == 0)
		say(bind(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&name, size));
	say(binds ? bind(fd, (struct sockaddr *)&name, size) : connect(fd, (struct sockaddr *)&name, size));
	return 0;
}

static int bound(int type, struct sockaddr_un *name, const char *path, const char *tail)
{
	int fd = socket(AF_UNIX, type, 0);
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(name->sun_path, sizeof name->sun_path, "%s%s", path, tail);
	if (bind(fd, (struct sockaddr *)name, sizeof *name))
		say(-1);
	return fd;
}

static int do_names(char **argv)
{
	struct sockaddr_un name, found[4] = { 0 };
	socklen_t room[4] = { sizeof name, sizeof name, sizeof name, sizeof name };
	char byte = 'x', got = 0;
	int client = bound(SOCK_STREAM, &name, argv[3], ""), listener = bound(SOCK_STREAM, &name, argv[2], "");
	if (listen(listener, 1) || connect(client, (struct sockaddr *)&name, sizeof name) ||
	    getsockname(listener, (struct sockaddr *)&found[0], &room[0]) ||
	    getpeername(client, (struct sockaddr *)&found[1], &room[1]) ||
	    accept(listener, (struct sockaddr *)&found[2], &room[2]) < 0)
		return 1;
	for (int i = 0; i < 3; i++)
		fprintf(out, "%s %zu\n", found[i].sun_path, room[i] - offsetof(struct sockaddr_un, sun_path));
	int sender = bound(SOCK_DGRAM, &name, argv[3], ".d"), receiver = bound(SOCK_DGRAM, &name, argv[2], ".d");
	sendto(sender, &byte, 1, 0, (struct sockaddr *)&name, sizeof name);
	recvfrom(receiver, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&found[3], &room[3]);
	sendto(receiver, &byte, 1, 0, (struct sockaddr *)&found[3], room[3]);
	say(recv(sender, &got, 1, MSG_DONTWAIT) == 1 ? 0 : -1);
	return 0;
}

static int do_map(char **argv)
{
	bool maps = strcmp(argv[1], "map") == 0;
	int fd = open(argv[2], O_RDONLY);
	void *at = mmap(NULL, 4096, maps ? PROT_READ | PROT_EXEC : PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED || maps)
		say(at == MAP_FAILED ? -1 : 0);
	else
		say(mprotect(at, 4096, PROT_READ | PROT_EXEC));
	return 0;
}

static int do_target(char **argv)
{
	pid_t pid = atoi(argv[2]);
	struct rlimit limit;
	char byte = 0;
	struct iovec local = { &byte, 1 }, remote = { &byte, 1 };
	if (strcmp(argv[1], "signal") == 0)
		say(kill(pid, atoi(argv[3])));
	else if (strcmp(argv[1], "pidfd") == 0)
		say(syscall(SYS_pidfd_open, pid, 0) >= 0 ? 0 : -1);
	else if (strcmp(argv[1], "prlimit") == 0)
		say(prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
	else if (strcmp(argv[1], "trace") == 0)
		say(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	else
		say(process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 ? 0 : -1);
	return 0;
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

/* Descriptor 0 of it. */
static int do_take(char **argv)
{
	pthread_t thread;
	int process = (int)syscall(SYS_pidfd_open, atoi(argv[2]), 0);
	say(syscall(SYS_pidfd_getfd, process, 0, 0) < 0 ? -1 : 0);
	say(unshare(CLONE_FS));
	say(syscall(SYS_pidfd_getfd, process, 0, 0) < 0 ? -1 : 0);
	if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0)
		say(syscall(SYS_pidfd_getfd, process, 0, 0) < 0 ? -1 : 0);
	return 0;
}

static int do_chroot(char **argv)
{
	if (chroot(argv[2]) || chdir("/"))
		return 1;
	say(open(argv[3], O_WRONLY | O_CREAT, 0600) < 0 ? -1 : 0);
	return 0;
}

/* This process has ended when the child is somebody else's. */
static int do_daemon(char **argv)
{
	int ends[2];
	char byte;
	if (pipe(ends) || fork())
		return 0;
	setsid();
	close(ends[1]);
	while (read(ends[0], &byte, 1) > 0)
		;
	char name[256];
	snprintf(name, sizeof name, "%s.new", argv[2]);
	out = fopen(name, "w");
	do_udp(argv + 2);
	fclose(out);
	rename(name, argv[2]);
	return 0;
}

static int do_twice(char **argv)
{
	do_udp(argv + 1);
	fflush(out);
	if (fork() == 0) {
		do_udp(argv + 1);
		fflush(out);
		_exit(0);
	}
	wait(NULL);
	return 0;
}

static void *let_pass(void *listener)
{
	struct seccomp_notif question = { 0 };
	int fd;
	if (read(*(int *)listener, &fd, sizeof fd) == sizeof fd && ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &question) == 0) {
		struct seccomp_notif_resp reply = { .id = question.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
	return NULL;
}

static int do_hidden(char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(argv[2]), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };
	int ends[2];
	pthread_t thread;
	if (pipe(ends) || pthread_create(&thread, NULL, let_pass, ends) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0 || write(ends[1], &fd, sizeof fd) != sizeof fd)
		return 1;
	say(syscall(atol(argv[2]), 0, 0, 0, 0, 0, 0) < 0 ? -1 : 0);
	fflush(out);
	_exit(0);
}

/* What the thread of `flip` writes to. */
static struct {
	volatile uint32_t *place;
	uint32_t own, other;
	volatile bool ends;
} flip;

static void *flip_address(void *unused)
{
	while (!flip.ends) {
		*flip.place = flip.other;
		*flip.place = flip.own;
	}
	return unused;
}

static int do_flip(char **argv)
{
	union address to, other;
	socklen_t len = parse(argv[3], "0", &to), room = sizeof to;
	int receiver = socket(AF_INET, SOCK_DGRAM, 0), caught = socket(AF_INET, SOCK_DGRAM, 0), arrived = 0, yes = 1;
	setsockopt(receiver, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(caught, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	pthread_t thread;
	char byte = 'x';
	parse(argv[4], "0", &other);
	if (bind(receiver, &to.any, len) || getsockname(receiver, &to.any, &room))
		return 1;
	union address all = { .in = { .sin_family = AF_INET, .sin_port = to.in.sin_port } };
	if (bind(caught, &all.any, len))
		return 1;
	flip.place = &to.in.sin_addr.s_addr;
	flip.own = to.in.sin_addr.s_addr;
	flip.other = other.in.sin_addr.s_addr;
	int sender = socket(AF_INET, SOCK_DGRAM, 0);
	if (pthread_create(&thread, NULL, flip_address, NULL))
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		sendto(sender, &byte, 1, 0, &to.any, len);
		arrived += recv(caught, &byte, 1, MSG_DONTWAIT) == 1;
		while (recv(receiver, &byte, 1, MSG_DONTWAIT) == 1)
			;
	}
	flip.ends = true;
	pthread_join(thread, NULL);
	fprintf(out, "%d\n", arrived);
	return 0;
}

int main(int argc, char **argv)
{
	out = stdout;
	const char *what = argc > 2 ? argv[1] : "";
	if (strcmp(what, "listen") == 0)
		return do_listen(argv);
	if (strcmp(what, "arrive") == 0)
		return do_arrive(argv);
	if (strcmp(what, "unix") == 0)
		return do_unix(argv);
	if (strcmp(what, "names") == 0)
		return do_names(argv);
	if (strcmp(what, "map") == 0 || strcmp(what, "protect") == 0)
		return do_map(argv);
	if (strcmp(what, "chroot") == 0)
		return do_chroot(argv);
	if (strcmp(what, "daemon") == 0)
		return do_daemon(argv);
	if (strcmp(what, "twice") == 0)
		return do_twice(argv);
	if (strcmp(what, "hidden") == 0)
		return do_hidden(argv);
	if (strcmp(what, "flip") == 0)
		return do_flip(argv);
	if (strcmp(what, "socket") == 0) {
		int fd = socket(atoi(argv[2]), atoi(argv[3]), 0);
		say(fd < 0 ? -1 : 0);
		return 0;
	}
	if (strcmp(what, "call") == 0) {
		say(syscall(atol(argv[2]), 0, 0, 0, 0, 0, 0) < 0 ? -1 : 0);
		return 0;
	}
	if (strcmp(what, "take") == 0)
		return do_take(argv);
	for (const char *const *target = (const char *const[]){ "signal", "pidfd", "prlimit", "trace", "peek", NULL }; *target;
	     target++)
		if (strcmp(what, *target) == 0)
			return do_target(argv);
	return argc > 3 ? do_udp(argv) : 2;
}
