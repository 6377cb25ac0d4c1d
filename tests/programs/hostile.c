/* hostile WHAT: does what undermines a tracer, and prints what came of it. By WHAT:
 *
 *   errno, trace, kill, trap   a seccomp filter of its own has that to say of getppid
 *   notify          a filter asks a thread of the program about openat, which lets it pass: of ./notified
 *   allow-list      a filter kills for whatever is not on its list, io_uring_setup is
 *   uring, uring32  io_uring_setup, as a 64-bit and as a 32-bit call
 *   filter32        the filter of `errno`, installed by a 32-bit call
 *   untraced32      a child by a 32-bit clone with CLONE_UNTRACED, which creates ./child
 *   open32          creates ./file32 by a 32-bit call, and closes it by another
 *   x32             getpid by its x32 number
 *   unknown         a call whose number nobody has
 *   close-all       closes every descriptor, then creates ./closed
 *   garbage, forge  fills its ring with what looks like messages; tells of calls that it did not make: that it
 *                   deleted /etc/passwd, that it looked for /forged; says that /forged.so was loaded
 *   jump            creates ./jumped by the one call instruction of the shim's that the filter lets pass, and has children
 *                   jump anywhere into the shim
 *   cut             cuts the files of rings short
 *   kill-supervisor, stop-supervisor, kill-launcher   sends that signal to that process of ptwrap's, and goes on
 *   poke            sends every other signal to the supervisor
 *   unmap, scribble unmaps, or fills with ones, whatever ptwrap has mapped; then creates ./mapped and executes `true` */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shim's writing end; here libc's memcpy serves it. */
#include "../../shim/emit.c"

#include "ptwrap/fastpath.h"

enum { X32_BIT = 0x40000000, UNKNOWN = 1000 };
enum { I386_OPEN = 5, I386_CLOSE = 6, I386_CLONE = 120, I386_PRCTL = 172, I386_IO_URING_SETUP = 425 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* By one write alone: a filter may forbid what stdio does besides. */
static void tell(long result)
{
	char line[32];
	int len = snprintf(line, sizeof line, "%s\n", result < 0 ? strerrorname_np(errno) : "succeeded");
	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(1);
}

static long call32(long number, long a, long b, long c, long d)
{
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

/* Where 32-bit calls can reach it, and not at 0. */
static void *low_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

static int install(struct sock_filter *code, size_t count, unsigned flags)
{
	struct sock_fprog program = { .len = (unsigned short)count, .filter = code };
	int result = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (result < 0) {
		perror("hostile: seccomp");
		exit(1);
	}
	return result;
}

/* One call gets that verdict, all others pass. */
static int judge(unsigned number, unsigned verdict, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	return install(code, COUNT(code), flags);
}

static void be_judged(unsigned verdict)
{
	judge(SYS_getppid, verdict, 0);
	tell(syscall(SYS_getppid));
}

static void by_errno(void)
{
	be_judged(SECCOMP_RET_ERRNO | E2BIG);
}

static void by_trace(void)
{
	be_judged(SECCOMP_RET_TRACE | 7);
}

static void by_kill(void)
{
	be_judged(SECCOMP_RET_KILL_PROCESS);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	dprintf(STDOUT_FILENO, "%d %d\n", info->si_syscall == SYS_getppid, info->si_errno);
}

static void by_trap(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	sigaction(SIGSYS, &action, NULL);
	judge(SYS_getppid, SECCOMP_RET_TRAP | 5, 0);
	syscall(SYS_getppid);
}

static void *let_pass(void *notify_fds)
{
	int fd;
	struct seccomp_notif question = { 0 };
	if (read(*(int *)notify_fds, &fd, sizeof fd) != sizeof fd || ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
		exit(1);
	struct seccomp_notif_resp answer = { .id = question.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	close(fd);
	return NULL;
}

static void by_notify(void)
{
	int ends[2];
	pthread_t thread;
	if (pipe(ends) < 0 || pthread_create(&thread, NULL, let_pass, ends) != 0)
		exit(1);
	int fd = judge(SYS_openat, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (write(ends[1], &fd, sizeof fd) != sizeof fd)
		exit(1);
	tell(openat(AT_FDCWD, "./notified", O_WRONLY | O_CREAT, 0600));
	pthread_join(thread, NULL);
}

static long set_up_ring(void)
{
	struct io_uring_params parameters = { 0 };
	return syscall(SYS_io_uring_setup, 4, &parameters);
}

static void by_allow_list(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	install(code, COUNT(code), 0);
	tell(set_up_ring());
}

static void by_uring(void)
{
	tell(set_up_ring());
}

static void by_uring32(void)
{
	tell(call32(I386_IO_URING_SETUP, 4, (long)low_memory(), 0, 0));
}

/* struct sock_fprog as 32-bit programs have it. */
struct narrow_program {
	uint16_t len;
	uint32_t filter;
};

static void by_filter32(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | E2BIG),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	char *low = low_memory();
	struct narrow_program program = { .len = COUNT(code), .filter = (uint32_t)(uintptr_t)low };
	memcpy(low, code, sizeof code);
	memcpy(low + sizeof code, &program, sizeof program);
	if (call32(I386_PRCTL, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)(low + sizeof code), 0) < 0)
		perror("hostile: 32-bit prctl");
	tell(syscall(SYS_getppid));
}

static void by_untraced32(void)
{
	int status = -1;
	long child = call32(I386_CLONE, CLONE_UNTRACED | SIGCHLD, 0, 0, 0);
	if (child == 0)
		_exit(open("./child", O_WRONLY | O_CREAT, 0600) < 0);
	waitpid((pid_t)child, &status, 0);
	tell(status == 0 ? 0 : -1);
}

static void by_open32(void)
{
	long fd = call32(I386_OPEN, (long)strcpy(low_memory(), "./file32"), O_WRONLY | O_CREAT, 0600, 0);
	tell(fd < 0 ? fd : call32(I386_CLOSE, fd, 0, 0, 0));
}

static void by_x32(void)
{
	tell(syscall(X32_BIT | SYS_getpid));
}

static void by_unknown(void)
{
	tell(syscall(UNKNOWN));
}

static void by_close_all(void)
{
	syscall(SYS_close_range, 0, ~0u, 0);
	for (int fd = 0; fd < 256; fd++)
		close(fd);
	_exit(open("./closed", O_WRONLY | O_CREAT, 0600) == 0 ? 0 : 1);
}

struct mapping {
	uintptr_t start, end;
	char rights[8];
};

/* The mappings that have ptwrap in their name, but for those that are the loader's text, or libc's. */
static size_t find_mappings(struct mapping *found, size_t room)
{
	char line[512];
	size_t count = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && count < room && fgets(line, sizeof line, maps))
		if (strstr(line, "ptwrap-") && sscanf(line, "%lx-%lx %7s", &found[count].start, &found[count].end,
						      found[count].rights) == 3 && found[count].start < 1UL << 31)
			count++;
	return count;
}

static bool is_mapped(uintptr_t address)
{
	struct mapping mappings[16];
	size_t count = find_mappings(mappings, COUNT(mappings));
	for (size_t i = 0; i < count; i++)
		if (address >= mappings[i].start && address < mappings[i].end)
			return true;
	return false;
}

static void scribble(const struct mapping *mapping)
{
	size_t len = mapping->end - mapping->start;
	if (mapping->rights[1] != 'w' && syscall(SYS_mprotect, mapping->start, len, PROT_READ | PROT_WRITE) != 0)
		return;
	for (size_t i = 0; i < len; i++)
		((volatile char *)mapping->start)[i] = (char)0xff;
}

/* From the first of it on no function is called that was not before: to find one takes the list of libraries. */
static void spoil(bool unmap)
{
	static char *argv[] = { "true", NULL };
	struct mapping mappings[16];
	size_t count = find_mappings(mappings, COUNT(mappings));
	syscall(SYS_getpid);
	for (size_t i = 0; i < count; i++) {
		if (unmap)
			syscall(SYS_munmap, mappings[i].start, mappings[i].end - mappings[i].start);
		else
			scribble(&mappings[i]);
	}
	syscall(SYS_openat, AT_FDCWD, "./mapped", O_WRONLY | O_CREAT, 0600);
	syscall(SYS_execve, "/bin/true", argv, NULL);
	syscall(SYS_exit_group, 1);
}

static void by_unmapping(void)
{
	spoil(true);
}

static void by_scribbling(void)
{
	spoil(false);
}

static struct ring *own_ring(void)
{
	return (struct ring *)FASTPATH_RING;
}

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252ULL;
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Words that a reader would follow, with bodies of any kind behind them, in every lane. */
static void by_garbage(void)
{
	struct ring *ring = own_ring();
	if (is_mapped(FASTPATH_RING))
		for (unsigned i = 0; i < 200000; i++) {
			uint64_t dice = next_random();
			unsigned lane = dice % RING_LANES;
			uint32_t number = ring->lane[lane].tail + (uint32_t)(dice >> 8) % RING_LANE_CELLS;
			struct ring_cell *cell = &ring->cell[lane][number % RING_LANE_CELLS];
			for (size_t at = 0; at < RING_BODY_BYTES; at += sizeof(uint64_t))
				memcpy(cell->body + at, &(uint64_t){ next_random() }, sizeof(uint64_t));
			cell->body[0] = (uint8_t)(dice >> 24) % 7;
			cell->word = ring_word(number, (uint32_t)(dice >> 32), (dice >> 40) % 4, (uint32_t)(dice >> 42));
			ring->lane[lane].hint = (uint32_t)next_random();
			ring->flight[dice % RING_FLIGHTS].state = (uint32_t)(dice >> 50) % 6;
			ring->flight[dice % RING_FLIGHTS].number = (uint32_t)(dice >> 16) % 500;
		}
	tell(0);
}

static void tell_of_call(uint32_t thread, uint16_t number, uint8_t path_arg, const char *path)
{
	struct ring_syscall call = { .kind = RING_SYSCALL, .number = number, .arg_count = 3, .data_arg = path_arg,
				     .data_len = (uint16_t)strlen(path), .args = { 1, 1, 0 } };
	emit(own_ring(), &(struct emit_message){ .thread = thread,
		.part = { { &call, sizeof(call) }, { path, strlen(path) } } });
}

static void by_forgery(void)
{
	static const char library[] = "/forged.so";
	struct ring_library object = { .kind = RING_LIBRARY, .path_len = sizeof(library) - 1 };
	uint32_t self = (uint32_t)getpid();
	if (is_mapped(FASTPATH_RING)) {
		emit(own_ring(), &(struct emit_message){ .thread = self,
			.part = { { &object, sizeof(object) }, { library, sizeof(library) - 1 } } });
		tell_of_call(self, SYS_unlink, 0, "/etc/passwd");
		tell_of_call((uint32_t)getppid(), SYS_unlink, 0, "/etc/group");
		tell_of_call((uint32_t)getppid(), SYS_access, 0, "/forged");
		own_ring()->flight[ring_flight_slot(self)] = (struct ring_flight){
			.thread = self, .state = RING_FLIGHT_INSIDE, .number = SYS_unlink };
	}
	tell(0);
	_exit(0);
}

static long call_at(uintptr_t instruction, long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result = number;
	__asm__ volatile("call *%[at]"
			 : "+a"(result)
			 : [at] "r"(instruction), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/* Children that jump to this place in the shim, with whatever stands in registers, in a call that it ends or not. */
static void jump_to(uintptr_t place)
{
	pid_t child = fork();
	if (child == 0) {
		alarm(1);
		call_at(place, (long)next_random() % 400, AT_FDCWD, (long)"./nothing", 0, 0);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void by_jumps(void)
{
	enum { LEAF = 8, JUMPS = 60, SHIM_TEXT = 0x4000 };
	if (!is_mapped(FASTPATH_TEXT)) {
		tell(openat(AT_FDCWD, "./jumped", O_WRONLY | O_CREAT, 0600));
		return;
	}
	tell(call_at(FASTPATH_EXEMPT + LEAF, SYS_openat, AT_FDCWD, (long)"./jumped", O_WRONLY | O_CREAT, 0600));
	for (int i = 0; i < JUMPS; i++)
		jump_to(FASTPATH_TEXT + next_random() % SHIM_TEXT);
}

/* Whoever has ptwrap's own user id finds them: the directory's name stands in the mappings. */
static void by_cutting(void)
{
	char line[512], directory[512] = "";
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "/ptwrap-shim-"))
			snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(line, '/') - strchr(line, '/')), strchr(line, '/'));
	DIR *dir = *directory && chdir(directory) == 0 ? opendir(".") : NULL;
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (strncmp(entry->d_name, "r-", 2) == 0 && truncate(entry->d_name, 0) < 0)
			perror("hostile: truncate");
	tell(0);
	access("./after", F_OK);
}

static pid_t supervisor(void)
{
	char line[128];
	int pid = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "TracerPid: %d", &pid) == 1)
			break;
	return pid;
}

static void send_and_wait(pid_t whom, int signal)
{
	kill(whom, signal);
	for (;;)
		access("./waiting", F_OK);
}

static void by_killing_supervisor(void)
{
	send_and_wait(supervisor(), SIGKILL);
}

static void by_stopping_supervisor(void)
{
	send_and_wait(supervisor(), SIGSTOP);
}

static void by_killing_launcher(void)
{
	send_and_wait(getppid(), SIGKILL);
}

/* Every other signal that it may get. */
static void by_poking(void)
{
	pid_t whom = supervisor();
	for (int signal = 1; whom && signal <= 64; signal++)
		if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33)
			kill(whom, signal);
	tell(0);
}

static const struct {
	const char *what;
	void (*act)(void);
} ways[] = {
	{ "errno", by_errno },           { "trace", by_trace },       { "kill", by_kill },
	{ "trap", by_trap },             { "notify", by_notify },     { "allow-list", by_allow_list },
	{ "uring", by_uring },           { "uring32", by_uring32 },   { "filter32", by_filter32 },
	{ "untraced32", by_untraced32 }, { "open32", by_open32 },     { "x32", by_x32 },
	{ "unknown", by_unknown },       { "close-all", by_close_all }, { "unmap", by_unmapping },
	{ "scribble", by_scribbling },   { "garbage", by_garbage },   { "forge", by_forgery },
	{ "jump", by_jumps },            { "cut", by_cutting },       { "poke", by_poking },
	{ "kill-supervisor", by_killing_supervisor }, { "stop-supervisor", by_stopping_supervisor },
	{ "kill-launcher", by_killing_launcher },
};

int main(int argc, char **argv)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (size_t i = 0; argc > 1 && i < COUNT(ways); i++) {
		if (strcmp(argv[1], ways[i].what) != 0)
			continue;
		ways[i].act();
		return 0;
	}
	return 2;
}
