/* The tables of system calls, made from syscalls.def and syscalls_i386.def: see syscall.h.
 *
 * Each call of x86_64 becomes two constants: wide_NAME, and narrow_NAME for 32-bit callers, where
 * structures of another layout are not read. Three tables of pointers, by number, lead to them. */
#include "syscall.h"

#include "decode/formats.h"

#include <stdlib.h>

/* The groups, as the .def files write them. */
enum {
	F = GROUP_FILE, D = GROUP_DESC, P = GROUP_PROCESS, N = GROUP_NETWORK, S = GROUP_SIGNAL,
	I = GROUP_IPC, M = GROUP_MEMORY, C = GROUP_CREDS, CL = GROUP_CLOCK, PU = GROUP_PURE,
	ST = GROUP_STAT | GROUP_STAT_LIKE,
	LST = GROUP_LSTAT | GROUP_STAT_LIKE,
	FST = GROUP_FSTAT | GROUP_STAT_LIKE,
	SF = GROUP_STATFS | GROUP_STATFS_LIKE,
	FSF = GROUP_FSTATFS | GROUP_STATFS_LIKE,
	SFA = GROUP_STATFS_LIKE,
};

/* The arguments, as the .def files write them. CAP is the general form; the number behind a name
 * is the argument that gives a length, a count or a directory. */
#define CAP(name, format, capture, other, size) \
	{ FORMAT_##format, STRUCT_CAPTURE(FORMAT_##format, CAPTURE_##capture), other, 0, size, name }
#define CAP64(name, format, capture, other, size) \
	{ FORMAT_##format, CAPTURE_##capture, other, 0, size, name }
#define ARG(name, format) { FORMAT_##format, CAPTURE_NONE, NO_ARG, 0, 0, name }
#define SET(name, set) { FORMAT_SET, CAPTURE_NONE, NO_ARG, SET_##set, 0, name }
#define INT(name) ARG(name, INT)
#define UINT(name) ARG(name, UINT)
#define LONG(name) ARG(name, LONG)
#define ULONG(name) ARG(name, ULONG)
#define HEX(name) ARG(name, HEX)
#define HEX32(name) ARG(name, HEX32)
#define OCTAL(name) ARG(name, OCTAL)
#define ADDRESS(name) ARG(name, ADDRESS)
#define MODE(name) ARG(name, MODE)
#define PID(name) ARG(name, PID)
#define ID(name) ARG(name, ID)
#define SIGNAL(name) ARG(name, SIGNAL)
#define CLOCK(name) ARG(name, CLOCK)
#define FD(name) { FORMAT_FD, CAPTURE_FD, NO_ARG, 0, 0, name }
#define DIRFD(name) { FORMAT_DIRFD, CAPTURE_DIRFD, NO_ARG, 0, 0, name }
#define PATH(name) { FORMAT_PATH, CAPTURE_PATH, NO_ARG, 0, 0, name }
#define PATH_AT(name, dirfd) { FORMAT_PATH, CAPTURE_PATH, dirfd, 0, 0, name }
#define WHOLE(name) { FORMAT_PATH, CAPTURE_STRING, NO_ARG, 0, 0, name }
#define PATH_OUT(name) CAP(name, PATH_BUFFER, ARRAY_OUT, NO_ARG, 1)
#define STRING(name) { FORMAT_STRING, CAPTURE_STRING, NO_ARG, 0, 0, name }
#define BUF_IN(name, length) { FORMAT_BUFFER, CAPTURE_BUFFER_IN, length, 0, 0, name }
#define BUF_OUT(name) { FORMAT_BUFFER, CAPTURE_BUFFER_OUT, NO_ARG, 0, 0, name }
#define DIRENTS(name) { FORMAT_DIRENTS, CAPTURE_DIRENTS, NO_ARG, 0, 0, name }
#define ARGV(name) { FORMAT_ARGV, CAPTURE_ARGV, NO_ARG, 0, 0, name }
#define ENVP(name) { FORMAT_ENVP, CAPTURE_ENVP, NO_ARG, 0, 0, name }
#define IOCTL(name, request) { FORMAT_IOCTL_ARG, CAPTURE_IOCTL, request, 0, 0, name }
#define SOCKADDR_IN(name, length) { FORMAT_SOCKADDR, CAPTURE_SOCKADDR_IN, length, 0, 0, name }
#define SOCKADDR_OUT(name, length) { FORMAT_SOCKADDR, CAPTURE_SOCKADDR_OUT, length, 0, 0, name }
#define IN(name, format, size) CAP(name, format, STRUCT_IN, NO_ARG, size)
#define OUT(name, format, size) CAP(name, format, STRUCT_OUT, NO_ARG, size)
#define INOUT(name, format, size) CAP(name, format, STRUCT_INOUT, NO_ARG, size)
#define IN64(name, format, size) CAP64(name, format, STRUCT_IN, NO_ARG, size)
#define OUT64(name, format, size) CAP64(name, format, STRUCT_OUT, NO_ARG, size)
#define INOUT64(name, format, size) CAP64(name, format, STRUCT_INOUT, NO_ARG, size)
#define ARRAY_IN(name, format, size, count) CAP(name, format, ARRAY_IN, count, size)
#define ARRAY_INOUT(name, format, size, count) CAP(name, format, ARRAY_INOUT, count, size)
#define IOV_IN(name, count) CAP(name, IOVEC, IOVEC_IN, count, 0)
#define IOV_OUT(name, count) CAP(name, IOVEC, IOVEC_OUT, count, 0)

#define DESCRIBE(call, group_bits, class_word, result, ...)                                        \
	{                                                                                          \
		.name = #call, .groups = group_bits, .class = CLASS_##class_word,                  \
		.arg_count = sizeof((struct syscall_arg[]){ __VA_ARGS__ }) / sizeof(struct syscall_arg), \
		.return_format = FORMAT_RETURN_##result,                                           \
		.returns_fd = FORMAT_RETURN_##result == FORMAT_RETURN_FD, .args = { __VA_ARGS__ }, \
	}

#define STRUCT_CAPTURE(format, capture) capture
#define SYSCALL(number, call, ...) static const struct syscall_desc wide_##call = DESCRIBE(call, __VA_ARGS__);
#include "syscalls.def"
#undef SYSCALL
#undef STRUCT_CAPTURE

/* What has the same layout for 32-bit programs, or is read into the other (narrow.h). */
#define IS_SAME_IN_32_BITS(format)                                                                  \
	((format) == FORMAT_POLLFDS || (format) == FORMAT_FD_PAIR || (format) == FORMAT_SIGSET ||   \
	 (format) == FORMAT_WAIT_STATUS || (format) == FORMAT_INT_POINTER ||                        \
	 (format) == FORMAT_UINT_POINTER || (format) == FORMAT_LENGTH_POINTER ||                    \
	 (format) == FORMAT_STATX || (format) == FORMAT_OPEN_HOW || (format) == FORMAT_CLONE_ARGS || \
	 (format) == FORMAT_EPOLL_EVENT || (format) == FORMAT_EPOLL_EVENTS ||                       \
	 (format) == FORMAT_CAP_HEADER || (format) == FORMAT_CAP_DATA ||                            \
	 (format) == FORMAT_SCHED_PARAM || (format) == FORMAT_GID_ARRAY ||                          \
	 (format) == FORMAT_PATH_BUFFER || (format) == FORMAT_RANDOM || (format) == FORMAT_SEMBUF || \
	 (format) == FORMAT_UTSNAME || (format) == FORMAT_SOCKOPT || (format) == FORMAT_FD_SET ||   \
	 (format) == FORMAT_CPU_SET || (format) == FORMAT_TIMEZONE || (format) == FORMAT_RSEQ ||    \
	 (format) == FORMAT_SCHED_ATTR || (format) == FORMAT_FILE_HANDLE ||                         \
	 (format) == FORMAT_MOUNT_ATTR || (format) == FORMAT_IO_URING_PARAMS ||                     \
	 (format) == FORMAT_LANDLOCK_RULESET || (format) == FORMAT_LANDLOCK_RULE ||                 \
	 (format) == FORMAT_BPF_ATTR || (format) == FORMAT_PERF_EVENT_ATTR ||                       \
	 (format) == FORMAT_IOVEC || (format) == FORMAT_MSGHDR || (format) == FORMAT_MMSGHDR ||     \
	 (format) == FORMAT_CLONE_PARENT_TID || (format) == FORMAT_PRCTL_ARG)
#define STRUCT_CAPTURE(format, capture) (IS_SAME_IN_32_BITS(format) ? (capture) : CAPTURE_NONE)
#define SYSCALL(number, call, ...)                                                      \
	static const struct syscall_desc narrow_##call __attribute__((unused)) =        \
		DESCRIBE(call, __VA_ARGS__);
#include "syscalls.def"
#undef SYSCALL
#define SHARED(number, call)
#define SYSCALL(number, call, ...) static const struct syscall_desc i386_##call = DESCRIBE(call, __VA_ARGS__);
#include "syscalls_i386.def"
#undef SYSCALL
#undef SHARED

#define SYSCALL(number, call, ...) [number] = &wide_##call,
static const struct syscall_desc *const x86_64_table[] = {
#include "syscalls.def"
};
#undef SYSCALL

#define SHARED(number, call) [number] = &narrow_##call,
#define SYSCALL(number, call, ...) [number] = &i386_##call,
static const struct syscall_desc *const i386_table[] = {
#include "syscalls_i386.def"
};
#undef SYSCALL
#undef SHARED

/* x32 has x86_64's numbers, but for calls whose structures are laid out otherwise. */
enum { X32_BIT = 0x40000000, X32_FIRST = 512 };

static const struct syscall_desc *const x32_table[] = {
	&narrow_rt_sigaction, &narrow_rt_sigreturn, &narrow_ioctl, &narrow_readv, &narrow_writev,
	&narrow_recvfrom, &narrow_sendmsg, &narrow_recvmsg, &narrow_execve, &narrow_ptrace,
	&narrow_rt_sigpending, &narrow_rt_sigtimedwait, &narrow_rt_sigqueueinfo, &narrow_sigaltstack,
	&narrow_timer_create, &narrow_mq_notify, &narrow_kexec_load, &narrow_waitid,
	&narrow_set_robust_list, &narrow_get_robust_list, &narrow_vmsplice, &narrow_move_pages,
	&narrow_preadv, &narrow_pwritev, &narrow_rt_tgsigqueueinfo, &narrow_recvmmsg,
	&narrow_sendmmsg, &narrow_process_vm_readv, &narrow_process_vm_writev, &narrow_setsockopt,
	&narrow_getsockopt, &narrow_io_setup, &narrow_io_submit, &narrow_execveat, &narrow_preadv2,
	&narrow_pwritev2,
};

struct table {
	const struct syscall_desc *const *calls;
	uint32_t count, first;
};

#define TABLE(calls, first) { calls, sizeof(calls) / sizeof *(calls), first }

static const struct table tables[] = {
	[ABI_X86_64] = TABLE(x86_64_table, 0),
	[ABI_I386] = TABLE(i386_table, 0),
	[ABI_X32] = TABLE(x32_table, X32_FIRST),
};

const struct syscall_desc *syscall_lookup(enum event_abi abi, uint32_t number)
{
	if ((unsigned)abi > ABI_X32)
		return NULL;
	if (abi == ABI_X32) {
		number &= ~(uint32_t)X32_BIT;
		if (number < X32_FIRST)
			abi = ABI_X86_64;
	}
	const struct table *table = &tables[abi];
	return number - table->first < table->count ? table->calls[number - table->first] : NULL;
}

uint32_t syscall_limit(enum event_abi abi)
{
	return (unsigned)abi > ABI_X32 ? 0 : tables[abi].first + tables[abi].count;
}

int syscall_number(enum event_abi abi, const char *name)
{
	for (uint32_t number = 0; number < syscall_limit(abi); number++) {
		const struct syscall_desc *desc = syscall_lookup(abi, number);
		if (desc && strcmp(desc->name, name) == 0)
			return (int)number;
	}
	return -1;
}

uint32_t syscall_group(const char *name)
{
	static const struct {
		const char *name;
		uint32_t groups;
	} groups[] = {
		{ "file", F }, { "desc", D }, { "process", P }, { "network", N }, { "net", N },
		{ "signal", S }, { "ipc", I }, { "memory", M }, { "creds", C }, { "clock", CL },
		{ "pure", PU }, { "stat", GROUP_STAT }, { "lstat", GROUP_LSTAT },
		{ "fstat", GROUP_FSTAT }, { "statfs", GROUP_STATFS }, { "fstatfs", GROUP_FSTATFS },
		{ "%stat", GROUP_STAT_LIKE }, { "%statfs", GROUP_STATFS_LIKE },
	};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strcmp(groups[i].name, name) == 0)
			return groups[i].groups;
	return 0;
}
