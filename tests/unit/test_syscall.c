/* Promises of the system call tables: numbers and names are the kernel's, each cell says something
 * that capture and decoder can act on, and each call belongs to the view that interface.md section 6
 * gives it. That section is stated here a second time, as lists of names. Owns no table of calls. */
#include "syscall.h"

#include "decode/formats.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long checks, failures;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 40) {                                             \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
		}                                                                                  \
	} while (0)

enum { X32_BIT = 0x40000000 };

static const char *const abi_names[ABI_UNKNOWN] = { "x86_64", "i386", "x32" };

typedef void call_check(enum event_abi abi, uint32_t number, const struct syscall_desc *desc);

static void for_every_call(call_check *check)
{
	for (enum event_abi abi = 0; abi < ABI_UNKNOWN; abi++) {
		for (uint32_t number = 0; number < syscall_limit(abi); number++) {
			const struct syscall_desc *desc = syscall_lookup(abi, number);
			if (desc)
				check(abi, number, desc);
		}
	}
}

/* Numbers and names. */

static FILE *open_header(const char *name)
{
	static const char *const folders[] = { "/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm" };
	char path[128];
	FILE *header = NULL;
	for (size_t i = 0; i < COUNT(folders) && !header; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		header = fopen(path, "r");
	}
	return header;
}

static void compare_with_header(enum event_abi abi, const char *header_name)
{
	char line[256], name[128];
	unsigned number, found = 0;
	FILE *header = open_header(header_name);
	CHECK(header, "no %s", header_name);
	while (header && fgets(line, sizeof(line), header)) {
		if (sscanf(line, "#define __NR_%127s %u", name, &number) != 2 &&
		    sscanf(line, "#define __NR_%127s (__X32_SYSCALL_BIT + %u)", name, &number) != 2)
			continue;
		found++;
		if (number >= syscall_limit(abi))
			continue; /* of a newer kernel */
		const struct syscall_desc *desc = syscall_lookup(abi, number);
		CHECK(desc && strcmp(desc->name, name) == 0, "%s %u is %s, not %s", abi_names[abi],
		      number, name, desc ? desc->name : "unknown");
	}
	CHECK(found > 300, "%s names %u calls", header_name, found);
	if (header)
		fclose(header);
}

static void test_numbers_are_the_kernel_s(void)
{
	compare_with_header(ABI_X86_64, "unistd_64.h");
	compare_with_header(ABI_I386, "unistd_32.h");
	compare_with_header(ABI_X32, "unistd_x32.h");
}

/* Calls that are younger than the headers of many a machine. */
static void test_calls_of_new_kernels_are_known(void)
{
	static const struct {
		uint32_t number;
		const char *name;
	} young[] = {
		{ 451, "cachestat" },	      { 452, "fchmodat2" },	    { 453, "map_shadow_stack" },
		{ 454, "futex_wake" },	      { 455, "futex_wait" },	    { 456, "futex_requeue" },
		{ 457, "statmount" },	      { 458, "listmount" },	    { 459, "lsm_get_self_attr" },
		{ 460, "lsm_set_self_attr" }, { 461, "lsm_list_modules" },  { 462, "mseal" },
		{ 463, "setxattrat" },	      { 464, "getxattrat" },	    { 465, "listxattrat" },
		{ 466, "removexattrat" },     { 467, "open_tree_attr" },    { 468, "file_getattr" },
		{ 469, "file_setattr" },
	};
	for (enum event_abi abi = 0; abi < ABI_UNKNOWN; abi++) {
		for (size_t i = 0; i < COUNT(young); i++) {
			const struct syscall_desc *desc = syscall_lookup(abi, young[i].number);
			CHECK(desc && strcmp(desc->name, young[i].name) == 0, "%s %u", abi_names[abi],
			      young[i].number);
		}
	}
	CHECK(syscall_number(ABI_X86_64, "uretprobe") == 335, "uretprobe");
	CHECK(syscall_number(ABI_X86_64, "uprobe") == 336, "uprobe");
}

static void check_name(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	int found = syscall_number(abi, desc->name);
	CHECK(desc->name && *desc->name, "%s %u has no name", abi_names[abi], number);
	/* x32 has both numbers of the calls that it lays out otherwise. */
	CHECK(found == (int)number || (abi == ABI_X32 && number >= 512), "%s %s is %u and %d",
	      abi_names[abi], desc->name, number, found);
}

static void test_each_name_stands_once(void)
{
	for_every_call(check_name);
}

static void test_limits_are_one_more_than_the_last(void)
{
	static const uint32_t limits[ABI_UNKNOWN] = { 470, 470, 548 };
	for (enum event_abi abi = 0; abi < ABI_UNKNOWN; abi++) {
		CHECK(syscall_limit(abi) == limits[abi], "%s: %u", abi_names[abi], syscall_limit(abi));
		CHECK(syscall_lookup(abi, syscall_limit(abi) - 1), "%s", abi_names[abi]);
	}
}

static void test_what_no_kernel_knows_is_not_found(void)
{
	static const uint32_t unknown[] = { 337, 400, 423, 470, 512, 547, 548, X32_BIT, 0x80000000, UINT32_MAX };
	for (size_t i = 0; i < COUNT(unknown); i++)
		CHECK(!syscall_lookup(ABI_X86_64, unknown[i]), "%u", unknown[i]);
	for (uint32_t number = 0; number < 600; number++)
		CHECK(!syscall_lookup(ABI_UNKNOWN, number), "%u", number);
	CHECK(!syscall_lookup(ABI_I386, 222) && !syscall_lookup(ABI_I386, 470), "i386");
	CHECK(!syscall_lookup(ABI_X32, 548) && !syscall_lookup(ABI_X32, 500), "x32");
	CHECK(syscall_number(ABI_X86_64, "stat64") == -1, "stat64");
	CHECK(syscall_number(ABI_UNKNOWN, "read") == -1, "read");
	CHECK(syscall_limit(ABI_UNKNOWN) == 0, "%u", syscall_limit(ABI_UNKNOWN));
}

static void test_x32_numbers_are_taken_with_and_without_their_bit(void)
{
	for (uint32_t number = 0; number < 600; number++)
		CHECK(syscall_lookup(ABI_X32, number) == syscall_lookup(ABI_X32, number | X32_BIT), "%u",
		      number);
	const struct syscall_desc *first = syscall_lookup(ABI_X32, 512), *last = syscall_lookup(ABI_X32, 547);
	CHECK(first && strcmp(first->name, "rt_sigaction") == 0, "512");
	CHECK(last && strcmp(last->name, "pwritev2") == 0, "547");
}

/* Cells. */

static bool is_return_format(unsigned format)
{
	return format >= FORMAT_RETURN_INT && format < FORMATS;
}

static void check_cells(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	(void)number;
	CHECK(desc->arg_count <= 6, "%s %s", abi_names[abi], desc->name);
	CHECK(desc->class <= CLASS_NEVER, "%s %s", abi_names[abi], desc->name);
	CHECK(is_return_format(desc->return_format), "%s %s", abi_names[abi], desc->name);
	CHECK(desc->returns_fd == (desc->return_format == FORMAT_RETURN_FD), "%s", desc->name);
	for (unsigned i = 0; i < 6; i++) {
		const struct syscall_arg *arg = &desc->args[i];
		bool filled = arg->name && *arg->name && arg->format && !is_return_format(arg->format);
		bool empty = !arg->name && !arg->format && !arg->capture && !arg->other && !arg->set;
		CHECK(i < desc->arg_count ? filled : empty, "%s %s: argument %u", abi_names[abi],
		      desc->name, i);
		CHECK((arg->format == FORMAT_SET) == (arg->set != SET_NONE) && arg->set < SETS,
		      "%s %s: %s", abi_names[abi], desc->name, arg->name);
		CHECK(arg->capture < CAPTURE_KINDS, "%s: %s", desc->name, arg->name);
	}
}

static void test_no_cell_is_empty(void)
{
	for_every_call(check_cells);
}

static void check_argument_names(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	(void)number;
	for (unsigned i = 0; i < desc->arg_count; i++)
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(desc->args[i].name, desc->args[j].name) != 0, "%s %s: %s",
			      abi_names[abi], desc->name, desc->args[i].name);
}

static void test_a_call_s_arguments_have_names_of_their_own(void)
{
	for_every_call(check_argument_names);
}

/* What a capture needs of the other columns. */
static const struct {
	bool other, size;
} needs[CAPTURE_KINDS] = {
	[CAPTURE_BUFFER_IN] = { .other = true },
	[CAPTURE_STRUCT_IN] = { .size = true },
	[CAPTURE_STRUCT_OUT] = { .size = true },
	[CAPTURE_STRUCT_INOUT] = { .size = true },
	[CAPTURE_ARRAY_IN] = { .other = true, .size = true },
	[CAPTURE_ARRAY_INOUT] = { .other = true, .size = true },
	[CAPTURE_ARRAY_OUT] = { .size = true },
	[CAPTURE_SOCKADDR_IN] = { .other = true },
	[CAPTURE_SOCKADDR_OUT] = { .other = true },
	[CAPTURE_IOVEC_IN] = { .other = true },
	[CAPTURE_IOVEC_OUT] = { .other = true },
	[CAPTURE_MMSGHDR_IN] = { .other = true },
	[CAPTURE_IOCTL] = { .other = true },
};

/* The argument that `other` names is what the capture takes it for. */
static bool other_fits(const struct syscall_desc *desc, const struct syscall_arg *arg)
{
	const struct syscall_arg *other = &desc->args[arg->other];
	if (arg->other >= desc->arg_count || other == arg)
		return false;
	if (arg->capture == CAPTURE_PATH)
		return other->capture == CAPTURE_DIRFD;
	if (arg->capture == CAPTURE_SOCKADDR_OUT)
		return other->format == FORMAT_LENGTH_POINTER;
	if (arg->capture == CAPTURE_IOCTL)
		return other->format == FORMAT_IOCTL_COMMAND;
	return other->format == FORMAT_INT || other->format == FORMAT_UINT || other->format == FORMAT_ULONG;
}

static void check_captures(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	(void)number;
	for (unsigned i = 0; i < desc->arg_count; i++) {
		const struct syscall_arg *arg = &desc->args[i];
		if (arg->other == NO_ARG)
			CHECK(!needs[arg->capture].other, "%s %s: %s", abi_names[abi], desc->name, arg->name);
		else if (arg->capture)
			CHECK(other_fits(desc, arg), "%s %s: %s", abi_names[abi], desc->name, arg->name);
		if (needs[arg->capture].size)
			CHECK(arg->size, "%s %s: %s", abi_names[abi], desc->name, arg->name);
	}
}

static void test_captures_have_what_they_need(void)
{
	for_every_call(check_captures);
}

/* A path, a descriptor or a string is never left unread, in any ABI. */
static bool capture_fits(const struct syscall_arg *arg)
{
	switch (arg->format) {
	case FORMAT_PATH:
		return arg->capture == CAPTURE_PATH || arg->capture == CAPTURE_STRING;
	case FORMAT_STRING:
		return arg->capture == CAPTURE_STRING;
	case FORMAT_FD:
		return arg->capture == CAPTURE_FD;
	case FORMAT_DIRFD:
		return arg->capture == CAPTURE_DIRFD;
	case FORMAT_ARGV:
		return arg->capture == CAPTURE_ARGV;
	case FORMAT_ENVP:
		return arg->capture == CAPTURE_ENVP;
	case FORMAT_BUFFER:
		return arg->capture == CAPTURE_BUFFER_IN || arg->capture == CAPTURE_BUFFER_OUT;
	case FORMAT_PATH_BUFFER:
		return arg->capture == CAPTURE_ARRAY_OUT;
	case FORMAT_FD_PAIR:
	case FORMAT_WAIT_STATUS:
		return arg->capture == CAPTURE_STRUCT_OUT;
	default:
		return arg->capture != CAPTURE_PATH && arg->capture != CAPTURE_STRING;
	}
}

static void check_formats(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	(void)number;
	for (unsigned i = 0; i < desc->arg_count; i++)
		CHECK(capture_fits(&desc->args[i]), "%s %s: %s", abi_names[abi], desc->name,
		      desc->args[i].name);
}

static void test_paths_strings_and_descriptors_are_captured(void)
{
	for_every_call(check_formats);
}

static void check_narrow_structs(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	static const uint8_t wide[] = {
		FORMAT_STAT, FORMAT_STATFS, FORMAT_TIMEVAL, FORMAT_TIMEVAL_PAIR, FORMAT_UTIMBUF,
		FORMAT_ITIMERVAL, FORMAT_TMS, FORMAT_TIMEX, FORMAT_SIGEVENT, FORMAT_SIGACTION,
		FORMAT_SIGALTSTACK, FORMAT_SIGINFO, FORMAT_RUSAGE, FORMAT_SYSINFO,
		FORMAT_SHMID_DS, FORMAT_MSQID_DS, FORMAT_MQ_ATTR,
		FORMAT_HEX_POINTER, FORMAT_TIME_POINTER, FORMAT_SIGSET_ARG, FORMAT_SECCOMP_ARG,
		FORMAT_FCNTL_ARG,
	};
	bool time64 = strstr(desc->name, "time64") || strstr(desc->name, "64");
	bool always64 = number >= 424;
	for (unsigned i = 0; abi == ABI_I386 && i < desc->arg_count; i++) {
		const struct syscall_arg *arg = &desc->args[i];
		CHECK(!memchr(wide, arg->format, sizeof(wide)) || !arg->capture, "%s: %s", desc->name, arg->name);
		CHECK(arg->format != FORMAT_TIMESPEC || !arg->capture || time64 || always64, "%s: %s",
		      desc->name, arg->name);
	}
}

static void test_structures_of_another_layout_are_not_read(void)
{
	for_every_call(check_narrow_structs);
}

/* The same name means the same to --trace and to the model in every ABI. */
static void check_same_view(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	static const char *const differing[] = { "mmap", "select" };
	(void)number;
	int native = syscall_number(ABI_X86_64, desc->name);
	if (native < 0 || abi == ABI_X86_64)
		return;
	const struct syscall_desc *wide = syscall_lookup(ABI_X86_64, (uint32_t)native);
	CHECK(wide->groups == desc->groups, "%s %s", abi_names[abi], desc->name);
	CHECK(wide->returns_fd == desc->returns_fd, "%s %s", abi_names[abi], desc->name);
	for (size_t i = 0; i < COUNT(differing); i++)
		if (strcmp(differing[i], desc->name) == 0)
			return;
	CHECK(wide->class == desc->class, "%s %s", abi_names[abi], desc->name);
}

static void test_abis_agree_on_a_name(void)
{
	for_every_call(check_same_view);
}

/* Views: interface.md section 6, level audit. */

static const char *const kernel_view[] = {
	"openat2", "creat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
	"unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "truncate", "truncate64",
	"chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "chown32", "lchown32",
	"utime", "utimes", "utimensat", "utimensat_time64", "futimesat", "setxattr", "lsetxattr",
	"fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
	"file_setattr", "mount", "umount", "umount2", "open_tree", "open_tree_attr", "move_mount",
	"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "swapon",
	"swapoff", "open_by_handle_at",
	"connect", "bind", "listen", "accept", "accept4", "sendmsg", "sendmmsg", "socketcall",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
	"setgroups", "setuid32", "setgid32", "setreuid32", "setregid32", "setresuid32", "setresgid32",
	"setfsuid32", "setfsgid32", "setgroups32", "capset", "unshare", "setns", "seccomp", "ptrace",
	"process_vm_readv", "process_vm_writev", "bpf", "perf_event_open", "init_module",
	"finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
	"kexec_load", "kexec_file_load", "add_key", "request_key", "keyctl", "settimeofday", "stime",
	"clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "reboot",
	"iopl", "ioperm", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd",
	"memfd_create", "pidfd_getfd", "kill", "rt_sigqueueinfo", "pidfd_send_signal",
};

static const char *const shim_view[] = {
	"stat", "lstat", "fstat", "newfstatat", "statx", "oldstat", "oldlstat", "oldfstat", "stat64",
	"lstat64", "fstat64", "fstatat64", "access", "faccessat", "faccessat2", "readlink",
	"readlinkat", "statfs", "fstatfs", "statfs64", "fstatfs64", "ustat", "chdir", "fchdir",
	"getdents", "getdents64", "readdir", "getxattr", "lgetxattr", "fgetxattr", "getxattrat",
	"listxattr", "llistxattr", "flistxattr", "listxattrat", "file_getattr", "inotify_add_watch",
	"execve", "execveat", "fchmod", "fchown", "fchown32", "ftruncate", "ftruncate64", "socket",
	"dup", "dup2", "dup3", "recvmsg", "recvmmsg", "recvmmsg_time64",
};

static const struct {
	const char *name;
	enum syscall_class class;
} own_class[] = {
	{ "open", CLASS_K_OPEN2 },	{ "openat", CLASS_K_OPEN3 },	{ "mmap", CLASS_MMAP },
	{ "mmap2", CLASS_MMAP },	{ "mprotect", CLASS_MPROTECT }, { "pkey_mprotect", CLASS_MPROTECT },
	{ "fcntl", CLASS_FCNTL },	{ "fcntl64", CLASS_FCNTL },	{ "sendto", CLASS_SENDTO },
	{ "prctl", CLASS_PRCTL },	{ "clone", CLASS_CLONE },	{ "fork", CLASS_EVENT },
	{ "vfork", CLASS_EVENT },	{ "clone3", CLASS_EVENT },	{ "exit", CLASS_EVENT },
	{ "exit_group", CLASS_EVENT },	{ "restart_syscall", CLASS_NEVER },
};

static bool is_listed(const char *const names[], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static enum syscall_class class_by_list(const char *name)
{
	for (size_t i = 0; i < COUNT(own_class); i++)
		if (strcmp(own_class[i].name, name) == 0)
			return own_class[i].class;
	if (is_listed(kernel_view, COUNT(kernel_view), name))
		return CLASS_K;
	return is_listed(shim_view, COUNT(shim_view), name) ? CLASS_S : CLASS_U;
}

static void check_class(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	/* i386's old mmap has its arguments in memory: no filter can tell one from another. */
	enum syscall_class must = abi == ABI_I386 && number == 90 ? CLASS_S : class_by_list(desc->name);
	CHECK(desc->class == must, "%s %s is %u, not %u", abi_names[abi], desc->name, desc->class, must);
}

static void test_each_call_has_the_view_that_the_interface_gives_it(void)
{
	for_every_call(check_class);
}

static void test_listed_names_exist(void)
{
	const char *const *const lists[] = { kernel_view, shim_view };
	const size_t counts[] = { COUNT(kernel_view), COUNT(shim_view) };
	for (size_t list = 0; list < COUNT(lists); list++)
		for (size_t i = 0; i < counts[list]; i++)
			CHECK(syscall_number(ABI_X86_64, lists[list][i]) >= 0 ||
			      syscall_number(ABI_I386, lists[list][i]) >= 0, "%s", lists[list][i]);
}

/* strace's classes. */

static bool takes(const struct syscall_desc *desc, enum capture capture)
{
	for (unsigned i = 0; i < desc->arg_count; i++)
		if (desc->args[i].capture == capture)
			return true;
	return false;
}

static void check_groups(enum event_abi abi, uint32_t number, const struct syscall_desc *desc)
{
	(void)number;
	bool file = desc->groups & GROUP_FILE, desc_or_network = desc->groups & (GROUP_DESC | GROUP_NETWORK);
	CHECK(!takes(desc, CAPTURE_PATH) || file, "%s %s", abi_names[abi], desc->name);
	CHECK(!takes(desc, CAPTURE_FD) || desc_or_network, "%s %s", abi_names[abi], desc->name);
	CHECK(!takes(desc, CAPTURE_DIRFD) || desc->groups & GROUP_DESC, "%s %s", abi_names[abi], desc->name);
	CHECK(!takes(desc, CAPTURE_SOCKADDR_IN) || desc->groups & GROUP_NETWORK, "%s", desc->name);
}

static void test_groups_follow_from_the_arguments(void)
{
	for_every_call(check_groups);
}

static void test_families_of_stat_are_as_strace_has_them(void)
{
	static const struct {
		const char *name;
		uint32_t groups;
	} cases[] = {
		{ "stat", GROUP_FILE | GROUP_STAT | GROUP_STAT_LIKE },
		{ "lstat", GROUP_FILE | GROUP_LSTAT | GROUP_STAT_LIKE },
		{ "fstat", GROUP_DESC | GROUP_FSTAT | GROUP_STAT_LIKE },
		{ "statx", GROUP_DESC | GROUP_FILE | GROUP_FSTAT | GROUP_STAT_LIKE },
		{ "statfs", GROUP_FILE | GROUP_STATFS | GROUP_STATFS_LIKE },
		{ "fstatfs", GROUP_DESC | GROUP_FSTATFS | GROUP_STATFS_LIKE },
		{ "ustat", GROUP_STATFS_LIKE },
		{ "execve", GROUP_FILE | GROUP_PROCESS },
		{ "getuid", GROUP_CREDS | GROUP_PURE },
		{ "shmat", GROUP_IPC | GROUP_MEMORY },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int number = syscall_number(ABI_X86_64, cases[i].name);
		const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, (uint32_t)number);
		CHECK(desc && desc->groups == cases[i].groups, "%s", cases[i].name);
	}
}

static void test_each_class_word_names_one_group(void)
{
	static const char *const words[] = { "file", "desc", "process", "network", "signal", "ipc", "memory",
					     "creds", "stat", "lstat", "fstat", "statfs", "fstatfs", "clock",
					     "pure" };
	for (size_t i = 0; i < COUNT(words); i++)
		CHECK(__builtin_popcount(syscall_group(words[i])) == 1, "%s", words[i]);
	CHECK(syscall_group("") == 0 && syscall_group("files") == 0 && syscall_group("%file") == 0, "unknown");
}

/* Every call once, for strace to see; a filter keeps each from running and answers what no kernel does. */
enum { NEVER_AN_ERRNO = 1234, LAST_WORD = 77 };

static void make_each_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LAST_WORD, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | NEVER_AN_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { COUNT(code), code };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	/* uretprobe and uprobe are answered, by a signal, before any filter. */
	for (uint32_t number = 0; number < syscall_limit(ABI_X86_64); number++)
		if (number != 335 && number != 336)
			syscall(number, 0L, 0L, 0L, 0L, 0L, 0L);
	syscall(SYS_exit_group, LAST_WORD);
}

/* Marks the calls that strace counts to the class; how many these are, -1: no strace here. */
static int ask_strace(const char *program, const char *class, bool members[])
{
	char line[512], name[64], answer[32];
	int count = 0;
	snprintf(line, sizeof(line), "ASAN_OPTIONS=detect_leaks=0 strace -qq -e trace=%s%s %s --each-call 2>&1",
		 strcmp(class, "all") == 0 ? "" : "%", class, program);
	snprintf(answer, sizeof(answer), "(errno %d)", NEVER_AN_ERRNO);
	FILE *strace = popen(line, "r");
	while (strace && fgets(line, sizeof(line), strace)) {
		int number = strstr(line, answer) && sscanf(line, "%63[^(](", name) == 1 ?
				     syscall_number(ABI_X86_64, name) : -1;
		count += number >= 0;
		if (number >= 0)
			members[number] = true;
	}
	int status = strace ? pclose(strace) : -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == LAST_WORD ? count : -1;
}

/* Calls that are younger than the strace at hand have no name there. */
static void test_groups_are_strace_s(const char *program)
{
	static const char *const classes[] = { "file", "desc", "process", "network", "signal", "ipc", "memory",
					       "creds", "clock", "pure", "stat", "lstat", "fstat", "statfs",
					       "fstatfs", "%stat", "%statfs" };
	static bool known[1024];
	if (ask_strace(program, "all", known) < 0) {
		puts("# no strace that works here: its classes are not compared");
		return;
	}
	for (size_t i = 0; i < COUNT(classes); i++) {
		bool members[COUNT(known)] = { false };
		uint32_t group = syscall_group(classes[i]);
		CHECK(ask_strace(program, classes[i], members) > 0, "%s", classes[i]);
		for (uint32_t number = 0; number < syscall_limit(ABI_X86_64); number++) {
			const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
			if (desc && known[number])
				CHECK(members[number] == !!(desc->groups & group), "%s of %%%s", desc->name, classes[i]);
		}
	}
}

/* errno and signals. */

static void test_errors_have_the_names_of_libc(void)
{
	CHECK(!syscall_errno_name(0) && !syscall_errno_name(-1) && !syscall_errno_name(4095), "unknown");
	CHECK(strcmp(syscall_errno_name(2), "ENOENT") == 0, "2");
	CHECK(strcmp(syscall_errno_name(512), "ERESTARTSYS") == 0, "512");
	CHECK(strcmp(syscall_errno_name(516), "ERESTART_RESTARTBLOCK") == 0, "516");
#if __GLIBC_PREREQ(2, 32)
	for (int number = 1; number < 512; number++) {
		const char *libc = strerrorname_np(number), *own = syscall_errno_name(number);
		CHECK(!libc == !own, "%d: %s", number, libc ? libc : own);
		CHECK(!libc || strcmp(libc, own) == 0 || strcmp(own, "EOPNOTSUPP") == 0, "%d: %s", number, own);
	}
#endif
}

static void test_signals_have_the_names_of_strace(void)
{
	CHECK(!syscall_signal_name(0) && !syscall_signal_name(-1) && !syscall_signal_name(65), "unknown");
	CHECK(strcmp(syscall_signal_name(SIGIO), "SIGIO") == 0, "SIGIO");
	CHECK(strcmp(syscall_signal_name(32), "SIGRTMIN") == 0, "32");
	CHECK(strcmp(syscall_signal_name(34), "SIGRT_2") == 0, "34");
	CHECK(strcmp(syscall_signal_name(64), "SIGRT_32") == 0, "64");
#if __GLIBC_PREREQ(2, 32)
	for (int number = 1; number < 32; number++) {
		const char *libc = sigabbrev_np(number), *own = syscall_signal_name(number);
		CHECK(libc && own && (number == SIGIO || strcmp(libc, own + strlen("SIG")) == 0), "%d", number);
	}
#endif
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--each-call") == 0)
		make_each_call();
	test_numbers_are_the_kernel_s();
	test_calls_of_new_kernels_are_known();
	test_each_name_stands_once();
	test_limits_are_one_more_than_the_last();
	test_what_no_kernel_knows_is_not_found();
	test_x32_numbers_are_taken_with_and_without_their_bit();
	test_no_cell_is_empty();
	test_a_call_s_arguments_have_names_of_their_own();
	test_captures_have_what_they_need();
	test_paths_strings_and_descriptors_are_captured();
	test_structures_of_another_layout_are_not_read();
	test_abis_agree_on_a_name();
	test_each_call_has_the_view_that_the_interface_gives_it();
	test_listed_names_exist();
	test_groups_follow_from_the_arguments();
	test_families_of_stat_are_as_strace_has_them();
	test_each_class_word_names_one_group();
	test_groups_are_strace_s(argv[0]);
	test_errors_have_the_names_of_libc();
	test_signals_have_the_names_of_strace();
	printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
