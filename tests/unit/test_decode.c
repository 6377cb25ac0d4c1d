/* The decoder's texts are those that strace 6.1 printed for the same calls, and its tables have
 * neither empty nor ambiguous cells. */
#include "decode/decode.h"
#include "decode/formats.h"
#include "decode/sets.h"
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int failures;

static void expect(const char *what, const struct strbuf *got, const char *wanted)
{
	const char *text = got->data ? got->data : "";
	if (strcmp(text, wanted) == 0)
		return;
	printf("%s:\n  got    %s\n  wanted %s\n", what, text, wanted);
	failures++;
}

/* A call under construction. */
static struct event event;

static void call(const char *name, int64_t ret, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	int number = syscall_number(ABI_X86_64, name);
	if (number < 0) {
		printf("%s: not in the table\n", name);
		failures++;
	}
	event = (struct event){
		.kind = EVENT_SYSCALL,
		.syscall = { .abi = ABI_X86_64, .number = (uint32_t)number, .ret = ret, .args = { a, b, c, d, e, f } },
	};
}

static struct attach *attach(enum attach_kind kind, unsigned arg, const void *data, size_t len)
{
	struct attach *made = &event.syscall.attach[event.syscall.attach_count++];
	*made = (struct attach){ .kind = (uint8_t)kind, .arg = (uint8_t)arg, .bytes = bytes_of(data, len) };
	return made;
}

static void attach_text(enum attach_kind kind, unsigned arg, const char *text)
{
	attach(kind, arg, text, strlen(text));
}

/* Compares `name(args) = result`. */
static void prints(const char *wanted)
{
	struct strbuf out = { 0 };
	decode_name(&out, &event);
	strbuf_add_char(&out, '(');
	decode_args(&out, &event);
	strbuf_add_string(&out, ") = ");
	decode_return(&out, &event);
	expect("call", &out, wanted);
	strbuf_free(&out);
}

static void test_paths_and_descriptors(void)
{
	call("openat", 3, (uint64_t)AT_FDCWD, 0x1000, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	attach_text(ATTACH_FD, 0, "/tmp/decode");
	attach_text(ATTACH_PATH, 1, "/etc/ld.so.cache");
	attach_text(ATTACH_FD, ATTACH_RETURN, "/etc/ld.so.cache");
	prints("openat(AT_FDCWD</tmp/decode>, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>");

	call("openat", -ENOENT, (uint64_t)AT_FDCWD, 0x1000, O_RDWR | O_CREAT | O_TRUNC | O_SYNC, 07777,
	     0, 0);
	attach_text(ATTACH_FD, 0, "/");
	attach_text(ATTACH_PATH, 1, "a<b>\n");
	prints("openat(AT_FDCWD</>, \"a<b>\\n\", O_RDWR|O_CREAT|O_TRUNC|O_SYNC, 07777) = "
	       "-1 ENOENT (No such file or directory)");

	call("close", 0, 4, 0, 0, 0, 0, 0);
	attach_text(ATTACH_FD, 0, "/tmp/a<b> (deleted)");
	prints("close(4</tmp/a\\74b\\76>(deleted)) = 0");

	call("openat", -EBADF, (uint64_t)-5, 0x1000, 0x80000000, 0, 0, 0);
	prints("openat(-5, 0x1000, O_RDONLY|0x80000000) = -1 EBADF (Bad file descriptor)");

	int pair[2] = { 3, 4 };
	call("pipe2", 0, 0x1000, 0, 0, 0, 0, 0);
	attach(ATTACH_DATA_OUT, 0, pair, sizeof pair);
	prints("pipe2([3, 4], 0) = 0");
}

static void test_strings(void)
{
	call("write", 11, 1, 0x1000, 11, 0, 0, 0);
	attach_text(ATTACH_FD, 0, "pipe:[29780]");
	attach(ATTACH_DATA, 1, "abc\n\0\1\200\"\\\0337", 11);
	prints("write(1<pipe:[29780]>, \"abc\\n\\0\\1\\200\\\"\\\\\\0337\", 11) = 11");

	call("write", 33, 4, 0x1000, 33, 0, 0, 0);
	attach(ATTACH_DATA, 1, "0123456789012345678901234567890\0015", 33);
	prints("write(4, \"0123456789012345678901234567890\\1\"..., 33) = 33");

	call("write", 6, 4, 0x1000, 6, 0, 0, 0);
	attach(ATTACH_DATA, 1, "\0018\0019\0071", 6);
	prints("write(4, \"\\18\\19\\0071\", 6) = 6");

	call("read", 0, 3, 0x1000, 8192, 0, 0, 0);
	prints("read(3, \"\", 8192) = 0");

	call("read", -512, 3, 0x7ffea39aa476, 5, 0, 0, 0);
	prints("read(3, 0x7ffea39aa476, 5) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");

	call("getrandom", 5, 0x1000, 5, 1, 0, 0, 0);
	attach(ATTACH_DATA_OUT, 0, "\x92\x4a\x84\x6c\x64", 5);
	prints("getrandom(\"\\x92\\x4a\\x84\\x6c\\x64\", 5, GRND_NONBLOCK) = 5");
}

static void test_exec(void)
{
	call("execve", 0, 0x1000, 0x2000, 0x7ffcae2a2e70, 0, 0, 0);
	attach_text(ATTACH_PATH, 0, "/usr/bin/sh");
	attach(ATTACH_STRINGS, 1, "sh\0-c\0ls -l /etc/passwd | cat; sleep 0.01", 41);
	attach(ATTACH_STRINGS, 2, "\0\0\0", 3);
	prints("execve(\"/usr/bin/sh\", "
	       "[\"sh\", \"-c\", \"ls -l /etc/passwd | cat; sleep 0\"...], 0x7ffcae2a2e70 /* 3 vars */) = 0");

	call("execve", -ENOENT, 0x1000, 0x2000, 0x7ffea39aa2d0, 0, 0, 0);
	attach_text(ATTACH_PATH, 0, "/nope");
	attach(ATTACH_STRINGS, 1, "", 0);
	attach(ATTACH_STRINGS, 2, "\0", 1);
	prints("execve(\"/nope\", [], 0x7ffea39aa2d0 /* 1 var */) = -1 ENOENT (No such file or directory)");
}

static void test_memory(void)
{
	call("mmap", 0x7f30ae1a3000, 0x7f30ae1a3000, 1400832, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE,
	     3, 0x26000);
	attach_text(ATTACH_FD, 4, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	prints("mmap(0x7f30ae1a3000, 1400832, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, "
	       "3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0x26000) = 0x7f30ae1a3000");

	call("mmap", -ENOMEM, 1, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26),
	     (uint64_t)-1, 0);
	prints("mmap(0x1, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = "
	       "-1 ENOMEM (Cannot allocate memory)");

	call("mremap", -EFAULT, 0, 1, 2, 1, 0x1000, 0);
	prints("mremap(NULL, 1, 2, MREMAP_MAYMOVE) = -1 EFAULT (Bad address)");

	call("madvise", -EINVAL, 0, 1, 44, 0, 0, 0);
	prints("madvise(NULL, 1, 0x2c /* MADV_??? */) = -1 EINVAL (Invalid argument)");
}

static void test_stat(void)
{
	struct stat file = { .st_mode = S_IFREG | 0644, .st_size = 41491 };
	call("newfstatat", 0, 3, 0x1000, 0x2000, AT_EMPTY_PATH, 0, 0);
	attach_text(ATTACH_FD, 0, "/etc/ld.so.cache");
	attach_text(ATTACH_PATH, 1, "");
	attach(ATTACH_DATA_OUT, 2, &file, sizeof file);
	prints("newfstatat(3</etc/ld.so.cache>, \"\", {st_mode=S_IFREG|0644, st_size=41491, ...}, AT_EMPTY_PATH) = 0");

	struct stat device = { .st_mode = S_IFCHR | 0666, .st_rdev = 0x103 };
	call("stat", 0, 0x1000, 0x2000, 0, 0, 0, 0);
	attach_text(ATTACH_PATH, 0, "/dev/null");
	attach(ATTACH_DATA_OUT, 1, &device, sizeof device);
	prints("stat(\"/dev/null\", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0");

	call("stat", -ENOENT, 0x1000, 0x7ffdbdcaf6f0, 0, 0, 0, 0);
	attach_text(ATTACH_PATH, 0, "/nope");
	prints("stat(\"/nope\", 0x7ffdbdcaf6f0) = -1 ENOENT (No such file or directory)");

	call("mknodat", -ENOENT, (uint64_t)AT_FDCWD, 0x1000, S_IFBLK | 0644, 0x1234, 0, 0);
	attach_text(ATTACH_PATH, 1, "/nope/x");
	prints("mknodat(AT_FDCWD, \"/nope/x\", S_IFBLK|0644, makedev(0x12, 0x34)) = -1 ENOENT (No such file or directory)");

	call("mknodat", -ENOENT, (uint64_t)AT_FDCWD, 0x1000, S_IFIFO | 0644, 0x1234, 0, 0);
	attach_text(ATTACH_PATH, 1, "/nope/x");
	prints("mknodat(AT_FDCWD, \"/nope/x\", S_IFIFO|0644) = -1 ENOENT (No such file or directory)");
}

static void test_sockets(void)
{
	struct sockaddr_in inet = { .sin_family = AF_INET, .sin_port = htons(53),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	call("connect", 0, 4, 0x1000, sizeof inet, 0, 0, 0);
	attach_text(ATTACH_FD, 0, "socket:[29773]");
	attach(ATTACH_DATA, 1, &inet, sizeof inet);
	prints("connect(4<socket:[29773]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0");

	struct sockaddr_in6 inet6 = { .sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	call("connect", -ECONNREFUSED, 3, 0x1000, sizeof inet6, 0, 0, 0);
	attach(ATTACH_DATA, 1, &inet6, sizeof inet6);
	prints("connect(3, {sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), "
	       "inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28) = -1 ECONNREFUSED (Connection refused)");

	call("connect", -ECONNREFUSED, 3, 0x1000, 6, 0, 0, 0);
	attach(ATTACH_DATA, 1, "\1\0\0abc", 6);
	prints("connect(3, {sa_family=AF_UNIX, sun_path=@\"abc\"}, 6) = -1 ECONNREFUSED (Connection refused)");

	int before = 128, after = 2;
	call("getsockname", 0, 4, 0x1000, 0x2000, 0, 0, 0);
	attach(ATTACH_DATA_OUT, 1, "\1\0", 2);
	attach(ATTACH_DATA, 2, &before, sizeof before);
	attach(ATTACH_DATA_OUT, 2, &after, sizeof after);
	prints("getsockname(4, {sa_family=AF_UNIX}, [128 => 2]) = 0");

	int one = 1;
	call("setsockopt", 0, 4, SOL_SOCKET, SO_REUSEADDR, 0x1000, 4, 0);
	attach(ATTACH_DATA, 3, &one, sizeof one);
	prints("setsockopt(4, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");

	call("socket", 8, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(3), 0, 0, 0);
	attach_text(ATTACH_FD, ATTACH_RETURN, "socket:[29315]");
	prints("socket(AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, htons(ETH_P_ALL)) = 8<socket:[29315]>");
}

static void test_messages(void)
{
	struct iovec iov[2] = { { NULL, 5 }, { NULL, 5 } };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr rights = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	struct msghdr message = { .msg_iov = (struct iovec *)8, .msg_iovlen = 2, .msg_control = (void *)8,
				  .msg_controllen = sizeof control };
	memcpy(control, &rights, sizeof rights);
	control[sizeof rights] = 1;
	call("sendmsg", 10, 4, 0x1000, 0, 0, 0, 0);
	attach(ATTACH_DATA, 1, &message, sizeof message);
	attach(ATTACH_IOVECS, 1, iov, sizeof iov);
	attach(ATTACH_ELEMENT, 1, "hello", 5);
	attach(ATTACH_ELEMENT, 1, "world", 5)->index = 1;
	attach(ATTACH_CONTROL, 1, control, sizeof control);
	prints("sendmsg(4, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hello\", iov_len=5}, "
	       "{iov_base=\"world\", iov_len=5}], msg_iovlen=2, msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, "
	       "cmsg_type=SCM_RIGHTS, cmsg_data=[1]}], msg_controllen=24, msg_flags=0}, 0) = 10");
}

static void test_signals(void)
{
	uint64_t action[4] = { 0x5619f45aedc0, 0x4000000, 0x7f30ae1b9050, 0x180000000 };
	action[3] = ~action[3];
	call("rt_sigaction", 0, SIGCHLD, 0x1000, 0, 8, 0, 0);
	attach(ATTACH_DATA, 1, action, sizeof action);
	prints("rt_sigaction(SIGCHLD, {sa_handler=0x5619f45aedc0, sa_mask=~[RTMIN RT_1], sa_flags=SA_RESTORER, "
	       "sa_restorer=0x7f30ae1b9050}, NULL, 8) = 0");

	uint64_t set = 1ULL << (SIGINT - 1) | 1ULL << (SIGTERM - 1), none = 0;
	call("rt_sigprocmask", 0, SIG_BLOCK, 0x1000, 0x2000, 8, 0, 0);
	attach(ATTACH_DATA, 1, &set, sizeof set);
	attach(ATTACH_DATA_OUT, 2, &none, sizeof none);
	prints("rt_sigprocmask(SIG_BLOCK, [INT TERM], [], 8) = 0");

	struct strbuf out = { 0 };
	event = (struct event){ .kind = EVENT_SIGNAL, .signal = { .number = SIGSEGV, .code = SEGV_MAPERR, .address = 8 } };
	decode_signal(&out, &event);
	expect("fault", &out, "SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8}");
	strbuf_reset(&out);
	event = (struct event){ .kind = EVENT_SIGNAL, .signal = { .number = SIGALRM, .code = SI_KERNEL } };
	decode_signal(&out, &event);
	expect("alarm", &out, "SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL}");
	strbuf_reset(&out);
	event = (struct event){ .kind = EVENT_SIGNAL,
				.signal = { .number = SIGCHLD, .code = CLD_KILLED, .from_pid = 7, .has_details = true,
					    .from_uid = 1000, .child_status = SIGTERM, .child_user_ticks = 104 } };
	decode_signal(&out, &event);
	expect("child", &out, "SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=7, si_uid=1000, "
			      "si_status=SIGTERM, si_utime=104 /* 1.04 s */, si_stime=0}");
	strbuf_reset(&out);
	event = (struct event){ .kind = EVENT_SIGNAL, .signal = { .number = SIGUSR1, .code = SI_QUEUE, .from_pid = 7,
								   .has_details = true, .value = 7 } };
	decode_signal(&out, &event);
	expect("queued", &out, "SIGUSR1 {si_signo=SIGUSR1, si_code=SI_QUEUE, si_pid=7, si_uid=0, si_int=7, si_ptr=0x7}");
	strbuf_free(&out);
}

static void test_waiting(void)
{
	int32_t status = 7 << 8;
	call("wait4", 9519, (uint64_t)-1, 0x1000, 0, 0, 0, 0);
	attach(ATTACH_DATA_OUT, 1, &status, sizeof status);
	prints("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 7}], 0, NULL) = 9519");

	status = SIGKILL;
	call("wait4", 9520, (uint64_t)-1, 0x1000, 0x40000000, 0, 0, 0);
	attach(ATTACH_DATA_OUT, 1, &status, sizeof status);
	prints("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], __WALL, NULL) = 9520");

	struct pollfd before[2] = { { 11, POLLIN | POLLOUT, 0 }, { -1, POLLPRI, 0 } };
	struct pollfd after[2] = { { 11, POLLIN | POLLOUT, POLLOUT }, { -1, POLLPRI, 0 } };
	call("poll", 1, 0x1000, 2, 10, 0, 0, 0);
	attach(ATTACH_DATA, 0, before, sizeof before);
	attach(ATTACH_DATA_OUT, 0, after, sizeof after);
	prints("poll([{fd=11, events=POLLIN|POLLOUT}, {fd=-1}], 2, 10) = 1 ([{fd=11, revents=POLLOUT}])");

	call("poll", 0, 0, 0, 1, 0, 0, 0);
	prints("poll(NULL, 0, 1) = 0 (Timeout)");

	struct epoll_event ready = { .events = EPOLLOUT, .data.u64 = 5 };
	call("epoll_wait", 1, 7, 0x1000, 1023, 100, 0, 0);
	attach(ATTACH_DATA_OUT, 1, &ready, sizeof ready);
	prints("epoll_wait(7, [{events=EPOLLOUT, data={u32=5, u64=5}}], 1023, 100) = 1");
}

static void test_processes(void)
{
	call("clone", 6524, 0x1200011, 0, 0, 0x7f30ae17aa10, 0, 0);
	prints("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
	       "child_tidptr=0x7f30ae17aa10) = 6524");

	uint64_t limit[2] = { 8192 * 1024, UINT64_MAX };
	call("prlimit64", 0, 0, 3, 0, 0x1000, 0, 0);
	attach(ATTACH_DATA_OUT, 3, limit, sizeof limit);
	prints("prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0");

	call("exit_group", 0, 7, 0, 0, 0, 0, 0);
	event.syscall.flags = SYSCALL_NO_RETURN;
	prints("exit_group(7) = ?");

	call("umask", 022, 022, 0, 0, 0, 0, 0);
	prints("umask(022) = 022");

	call("setresuid", 0, UINT32_MAX, 0, UINT32_MAX, 0, 0, 0);
	prints("setresuid(-1, 0, -1) = 0");

	int64_t timeout[2] = { 0, 5 };
	call("futex", -EAGAIN, 0x7ffe1639ec7c, 265 | 128, 0, 0x1000, 0, 0xffffffff);
	attach(ATTACH_DATA, 3, timeout, sizeof timeout);
	prints("futex(0x7ffe1639ec7c, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, {tv_sec=0, tv_nsec=5}, "
	       "FUTEX_BITSET_MATCH_ANY) = -1 EAGAIN (Resource temporarily unavailable)");

	call("futex", 0, 0x1000, 129, 1, 0, 0, 0);
	prints("futex(0x1000, FUTEX_WAKE_PRIVATE, 1) = 0");

	call("prctl", 1, 3, 0, 0, 0, 0, 0);
	prints("prctl(PR_GET_DUMPABLE) = 1 (SUID_DUMP_USER)");

	call("prctl", -EINVAL, 0x309, 1, 2, 3, 4, 0);
	prints("prctl(0x309 /* PR_??? */, 0x1, 0x2, 0x3, 0x4) = -1 EINVAL (Invalid argument)");
}

static void test_ioctl_and_fcntl(void)
{
	call("ioctl", -ENOTTY, 1, TCGETS, 0x7fff46136da0, 0, 0, 0);
	prints("ioctl(1, TCGETS, 0x7fff46136da0) = -1 ENOTTY (Inappropriate ioctl for device)");

	call("ioctl", 0, 1, TCSETS, 0x1000, 0, 0, 0);
	prints("ioctl(1, SNDCTL_TMR_START or TCSETS, 0x1000) = 0");

	call("ioctl", 0, 3, FIOCLEX, 0, 0, 0, 0);
	prints("ioctl(3, FIOCLEX) = 0");

	call("ioctl", -ENOTTY, 3, 0x801054fe, 0x7ffe43ff00d4, 0, 0, 0);
	prints("ioctl(3, _IOC(_IOC_READ, 0x54, 0xfe, 0x10), 0x7ffe43ff00d4) = -1 ENOTTY (Inappropriate ioctl for device)");

	call("fcntl", 0x8002, 3, F_GETFL, 99, 0, 0, 0);
	prints("fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)");

	call("fcntl", 0, 3, F_SETFD, FD_CLOEXEC, 0, 0, 0);
	prints("fcntl(3, F_SETFD, FD_CLOEXEC) = 0");

	call("fcntl", -EINVAL, 4, 0x4d, 5, 0, 0, 0);
	prints("fcntl(4, 0x4d /* F_??? */, 0x5) = -1 EINVAL (Invalid argument)");
}

static void test_unknown_calls(void)
{
	call("read", -ENOSYS, 1, 2, 3, 4, 5, 6);
	event.syscall.number = 9999;
	prints("syscall_0x270f(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)");
}

static void complain(const struct set *set, const struct set_value *value, const char *what)
{
	printf("set %s: %s: %s\n", set->name, value->name, what);
	failures++;
}

static void check_line(const struct set *set, size_t at)
{
	const struct set_value *value = &set->values[at];
	bool may_share = set == &set_ioctl_request;
	if (!value->name || !*value->name)
		complain(set, value, "has no name");
	if (set->kind == SET_KIND_FLAGS && (value->value & ~value->mask))
		complain(set, value, "lies outside its mask");
	for (size_t i = 0; i < at && !may_share; i++) {
		if (set->values[i].value == value->value && set->values[i].mask == value->mask)
			complain(set, value, "has the value of another");
		if (strcmp(set->values[i].name, value->name) == 0)
			complain(set, value, "stands twice");
	}
	if (may_share && at && set->values[at - 1].value > value->value)
		complain(set, value, "is out of order");
}

static void test_sets(void)
{
	size_t count = 0;
	for (; sets_all[count]; count++) {
		if (sets_all[count]->count == 0) {
			printf("set %s: is empty\n", sets_all[count]->name);
			failures++;
		}
		for (size_t i = 0; i < sets_all[count]->count; i++)
			check_line(sets_all[count], i);
	}
	if (count != SETS - 1) {
		printf("%zu sets, but %d names of sets\n", count, SETS - 1);
		failures++;
	}
}

/* Whatever the arguments, a call of the table prints something for each of them. */
static void test_every_call_has_text(void)
{
	for (uint32_t number = 0; number < syscall_limit(ABI_X86_64); number++) {
		const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
		if (!desc)
			continue;
		call(desc->name, 0, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006);
		for (unsigned i = 0; i < desc->arg_count; i++) {
			struct strbuf out = { 0 };
			decode_arg(&out, &event, i);
			if (!out.len) {
				printf("%s: argument %u has no text\n", desc->name, i);
				failures++;
			}
			strbuf_free(&out);
		}
	}
}

int main(void)
{
	test_paths_and_descriptors();
	test_strings();
	test_exec();
	test_memory();
	test_stat();
	test_sockets();
	test_messages();
	test_signals();
	test_waiting();
	test_processes();
	test_ioctl_and_fcntl();
	test_unknown_calls();
	test_sets();
	test_every_call_has_text();
	return failures != 0;
}
