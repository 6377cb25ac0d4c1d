/* Promises of the selection language and of the seccomp filter made from it. The rules are stated
 * here a second time, as plain conditions on one call, and compared with what the program answers
 * for every number and many argument values. Owns no table: what a call's class is comes from
 * syscall_lookup. */
#include "check.h"
#include "filter.h"

#include "ptwrap/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { X32 = 0x40000000, NUMBERS = 600, EMULATED_MAX = 40 };

static const uint32_t ALLOW = SECCOMP_RET_ALLOW;
static const uint32_t TRACE = SECCOMP_RET_TRACE | FILTER_TRACE_DATA;
static const uint64_t no_args[6];
struct setting {
	enum level level;
	const char *trace;
	bool allow_io_uring;
};

static const struct setting settings[] = {
	{ LEVEL_AUDIT, NULL, false },
	{ LEVEL_AUDIT, NULL, true },
	{ LEVEL_ALL, NULL, false },
	{ LEVEL_AUDIT, "none", false },
	{ LEVEL_AUDIT, "none", true },
	{ LEVEL_AUDIT, "all", false },
	{ LEVEL_AUDIT, "openat", false },
	{ LEVEL_AUDIT, "trace=%file,%network,!stat", false },
	{ LEVEL_AUDIT, "!%memory", true },
	{ LEVEL_ALL, "%process,rt_sigreturn,io_uring_setup", true },
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static struct selection select_calls(enum level level, const char *trace, bool allow_io_uring)
{
	struct selection selection;
	char error[256] = "";
	int status = selection_init(&selection, level, trace, allow_io_uring, error, sizeof(error));
	CHECK(status == 0, "%s: %s", trace ? trace : "-", error);
	return selection;
}

static struct sock_fprog build(const struct selection *selection)
{
	struct sock_fprog program;
	int status = filter_build(selection, NULL, &program);
	CHECK(status == 0, "filter_build: %s", strerror(-status));
	return program;
}

/* The rules once more. */

static bool has_bit(const uint8_t bits[64], uint32_t number)
{
	return number < 512 && bits[number / 8] >> number % 8 & 1;
}

static bool control_by_rule(uint32_t number, const uint64_t args[6])
{
	switch (number) {
	case SYS_ptrace: case SYS_seccomp: case SYS_userfaultfd: case SYS_mount: case SYS_fsopen:
	case SYS_io_uring_setup:
		return true;
	case SYS_clone:
		return args[0] & 0x00800000;
	case SYS_prctl:
		return (uint32_t)args[0] == 22 || (uint32_t)args[0] == 59;
	case SYS_memfd_create:
		return args[4] == PTWRAP_HELLO_MAGIC;
	default:
		return false;
	}
}

static bool prctl_matters(uint32_t option)
{
	static const uint32_t options[] = { PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP,
		PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_MM, PR_SET_CHILD_SUBREAPER,
		PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, 53, 59, 65, PR_SET_PTRACER };
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i] == option)
			return true;
	return false;
}

static enum syscall_class class_by_rule(enum syscall_class class, const uint64_t args[6])
{
	bool write_exec = (args[2] & 6) == 6;
	switch (class) {
	case CLASS_K: case CLASS_S:
		return class;
	case CLASS_K_OPEN2:
		return args[1] & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | 020000000) ? CLASS_K : CLASS_S;
	case CLASS_K_OPEN3:
		return args[2] & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | 020000000) ? CLASS_K : CLASS_S;
	case CLASS_MMAP:
		if (write_exec)
			return CLASS_K;
		return args[2] & PROT_EXEC && !(args[3] & MAP_ANONYMOUS) ? CLASS_S : CLASS_U;
	case CLASS_MPROTECT:
		return write_exec ? CLASS_K : CLASS_U;
	case CLASS_FCNTL:
		return (uint32_t)args[1] == F_DUPFD || (uint32_t)args[1] == F_DUPFD_CLOEXEC ? CLASS_S :
											      CLASS_U;
	case CLASS_SENDTO:
		return args[4] ? CLASS_K : CLASS_U;
	case CLASS_PRCTL:
		return prctl_matters((uint32_t)args[0]) ? CLASS_K : CLASS_U;
	default:
		return CLASS_U;
	}
}

static uint32_t native_by_rule(const struct selection *selection, uint32_t number,
			       const uint64_t args[6])
{
	if (number == (X32 | SYS_restart_syscall))
		return ALLOW;
	const struct syscall_desc *desc =
		number & X32 ? NULL : syscall_lookup(ABI_X86_64, number);
	if (!desc)
		return TRACE;
	if (number == SYS_restart_syscall)
		return ALLOW;
	if (control_by_rule(number, args))
		return TRACE;
	if (selection->explicit_set)
		return has_bit(selection->native, number) ? TRACE : ALLOW;
	if (selection->level == LEVEL_ALL)
		return TRACE;
	return class_by_rule(desc->class, args) == CLASS_U ? ALLOW : TRACE;
}

static uint32_t answer_by_rule(const struct selection *selection, uint32_t arch, uint32_t number,
			       const uint64_t args[6])
{
	if (arch == AUDIT_ARCH_X86_64)
		return native_by_rule(selection, number, args);
	if (arch != AUDIT_ARCH_I386)
		return TRACE;
	bool returns = number == 119 || number == 173;
	return number == 0 || (returns && !has_bit(selection->i386, number)) ? ALLOW : TRACE;
}

/* Calls: every number with every interesting value in every argument. */

static const uint64_t values[] = {
	0, 1, 2, 3, 4, 5, 6, 7, O_CREAT, O_TRUNC, O_TMPFILE, O_DIRECTORY, O_CLOEXEC, MAP_ANONYMOUS,
	F_DUPFD_CLOEXEC, 0x00800000, 0x00800011, 8, 15, 22, 24, 28, 35, 36, 38, 47, 53, 59, 65,
	PR_SET_PTRACER, 0x100000000, 0x100000006, PTWRAP_HELLO_MAGIC, (uint32_t)PTWRAP_HELLO_MAGIC,
	UINT64_MAX,
};

typedef void call_check(const struct selection *selection, const struct sock_fprog *program,
			uint32_t number, const uint64_t args[6]);

static void for_argument_values(const struct selection *selection, const struct sock_fprog *program,
				uint32_t number, call_check *check)
{
	for (unsigned arg = 0; arg < 6; arg++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			uint64_t args[6] = { 0 }, full[6] = { 7, 7, 7, 7, 7, 7 };
			args[arg] = full[arg] = values[i];
			check(selection, program, number, args);
			check(selection, program, number, full);
		}
	}
}

static void for_every_call(call_check *check)
{
	static const uint32_t strange[] = { PTWRAP_HELLO_NUMBER, X32, X32 | 1, X32 | 218, X32 | 219,
					    X32 | 220, X32 | 512, X32 | 547, 0x80000000, UINT32_MAX };
	for (size_t i = 0; i < SETTINGS; i++) {
		struct selection selection = select_calls(settings[i].level, settings[i].trace,
							  settings[i].allow_io_uring);
		struct sock_fprog program = build(&selection);
		for (uint32_t number = 0; number < NUMBERS; number++)
			for_argument_values(&selection, &program, number, check);
		for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++)
			check(&selection, &program, strange[j], no_args);
		free(program.filter);
	}
}

static void check_answer(const struct selection *selection, const struct sock_fprog *program,
			 uint32_t number, const uint64_t args[6])
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64 };
	for (unsigned i = 0; i < 3; i++) {
		uint32_t is = filter_run(program, archs[i], number, 0x400000, args);
		uint32_t must = answer_by_rule(selection, archs[i], number, args);
		CHECK(is == must, "arch %x number %u args %lx %lx %lx %lx %lx: %x, not %x", archs[i],
		      number, (long)args[0], (long)args[1], (long)args[2], (long)args[3],
		      (long)args[4], is, must);
	}
}

static void test_the_program_answers_as_the_rules_say(void)
{
	for_every_call(check_answer);
}

static void check_reported_is_traced(const struct selection *selection,
				     const struct sock_fprog *program, uint32_t number,
				     const uint64_t args[6])
{
	static const struct {
		enum event_abi abi;
		uint32_t arch, bit;
	} abis[] = { { ABI_X86_64, AUDIT_ARCH_X86_64, 0 },
		     { ABI_I386, AUDIT_ARCH_I386, 0 },
		     { ABI_X32, AUDIT_ARCH_X86_64, X32 } };
	for (unsigned i = 0; i < 3; i++) {
		bool traced = filter_run(program, abis[i].arch, number | abis[i].bit, 0, args) == TRACE;
		if (abis[i].abi != ABI_X32 && number & X32)
			continue;
		CHECK(traced || !selection_reports(selection, abis[i].abi, number, args),
		      "abi %u number %u is to be reported and not traced", i, number);
		CHECK(traced || !filter_is_control_call(abis[i].abi, number, args),
		      "abi %u control call %u is not traced", i, number);
	}
}

static void test_what_is_reported_or_controls_is_traced(void)
{
	for_every_call(check_reported_is_traced);
}

static void check_class(const struct selection *selection, const struct sock_fprog *program,
			uint32_t number, const uint64_t args[6])
{
	(void)selection, (void)program;
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
	enum syscall_class must = desc ? class_by_rule(desc->class, args) : CLASS_K;
	CHECK(filter_class_of(ABI_X86_64, number, args) == must, "number %u: not %d", number, must);
}

static void test_arguments_decide_conditional_classes(void)
{
	struct selection selection = select_calls(LEVEL_AUDIT, NULL, false);
	for (uint32_t number = 0; number < NUMBERS; number++)
		for_argument_values(&selection, NULL, number, check_class);
}

/* seccomp_is_const_allow of the kernel: may this number's answer be kept in the bitmap? Counts the
 * instructions on the way. */
static bool is_const_allow(const struct sock_fprog *program, uint32_t number, unsigned *steps)
{
	uint32_t accumulator = 0;
	for (unsigned at = 0; at < program->len; at++, ++*steps) {
		const struct sock_filter *code = &program->filter[at];
		bool jumps = false;
		switch (code->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (code->k == offsetof(struct seccomp_data, nr))
				accumulator = number;
			else if (code->k == offsetof(struct seccomp_data, arch))
				accumulator = AUDIT_ARCH_X86_64;
			else
				return false;
			continue;
		case BPF_RET | BPF_K:
			return code->k == SECCOMP_RET_ALLOW;
		case BPF_JMP | BPF_JA:
			at += code->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jumps = accumulator == code->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jumps = accumulator >= code->k;
			break;
		default:
			return false;
		}
		at += jumps ? code->jt : code->jf;
	}
	return false;
}

static bool has_arguments_looked_at(const struct selection *selection, uint32_t number)
{
	if (number == SYS_clone || number == SYS_prctl || number == SYS_memfd_create)
		return true;
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
	return !selection->explicit_set && desc->class >= CLASS_MMAP && desc->class <= CLASS_SENDTO;
}

static void test_untraced_numbers_stay_in_the_kernel_s_bitmap(void)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		struct selection selection = select_calls(settings[i].level, settings[i].trace,
							  settings[i].allow_io_uring);
		struct sock_fprog program = build(&selection);
		for (uint32_t number = 0; number < syscall_limit(ABI_X86_64); number++) {
			unsigned steps = 0;
			if (native_by_rule(&selection, number, no_args) == TRACE ||
			    has_arguments_looked_at(&selection, number))
				continue;
			CHECK(is_const_allow(&program, number, &steps), "setting %zu number %u", i,
			      number);
			CHECK(steps <= EMULATED_MAX, "number %u takes %u instructions", number, steps);
		}
		free(program.filter);
	}
}

static bool jumps_inside(const struct sock_fprog *program, unsigned at)
{
	const struct sock_filter *code = &program->filter[at];
	unsigned left = program->len - at - 1u;
	if (BPF_CLASS(code->code) == BPF_RET)
		return true;
	if (code->code == (BPF_JMP | BPF_JA))
		return code->k < left;
	return BPF_CLASS(code->code) != BPF_JMP ? left > 0 : code->jt < left && code->jf < left;
}

static void test_programs_are_well_formed(void)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		struct selection selection = select_calls(settings[i].level, settings[i].trace,
							  settings[i].allow_io_uring);
		struct sock_fprog program = build(&selection);
		CHECK(program.len > 0 && program.len <= BPF_MAXINSNS, "%u instructions", program.len);
		for (unsigned at = 0; at < program.len; at++)
			CHECK(jumps_inside(&program, at), "setting %zu instruction %u", i, at);
		free(program.filter);
	}
}

static void test_level_exec_has_no_filter(void)
{
	struct selection selection = select_calls(LEVEL_EXEC, NULL, false);
	struct sock_fprog program = build(&selection);
	CHECK(program.len == 0 && !program.filter, "%u instructions", program.len);
	CHECK(!selection_reports(&selection, ABI_X86_64, SYS_openat, no_args), "openat reported");
}

/* Runs one call behind the filter, in a child without a tracer: there RET_TRACE makes a call fail
 * with ENOSYS. */
static int errno_behind_filter(const char *trace, long number, const void *first)
{
	struct selection selection = select_calls(LEVEL_AUDIT, trace, false);
	struct sock_fprog program = build(&selection);
	pid_t pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			    &program) < 0)
			syscall(SYS_exit_group, 255);
		long result = syscall(number, first, 0, 0, 0, 0, 0);
		syscall(SYS_exit_group, result < 0 ? errno : 0);
		abort();
	}
	free(program.filter);
	int status = -1;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "fork: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_the_kernel_takes_the_filter(void)
{
	static const struct {
		const char *trace;
		long number;
		const char *first;
		int error;
	} calls[] = {
		{ NULL, SYS_getppid, NULL, 0 },	       { NULL, SYS_chdir, "/", ENOSYS },
		{ NULL, SYS_unlink, "/", ENOSYS },     { NULL, SYS_prctl, NULL, EINVAL },
		{ "none", SYS_chdir, "/", 0 },	       { "none", SYS_ptrace, NULL, ENOSYS },
		{ "chdir", SYS_chdir, "/", ENOSYS },   { "chmod", SYS_chdir, "/", 0 },
		{ "none", 0x7fff, NULL, ENOSYS },      { "getppid", SYS_getppid, NULL, ENOSYS },
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int error = errno_behind_filter(calls[i].trace, calls[i].number, calls[i].first);
		CHECK(error == calls[i].error, "-e %s, call %ld: %d", calls[i].trace, calls[i].number,
		      error);
	}
}

/* The selection language. */

static bool selects(const char *trace, enum event_abi abi, const char *name)
{
	struct selection selection = select_calls(LEVEL_AUDIT, trace, false);
	int number = syscall_number(abi, name);
	CHECK(number >= 0, "no %s", name);
	return selection_reports(&selection, abi, (uint32_t)number, no_args);
}

static void test_sets_select_as_strace_has_it(void)
{
	static const struct {
		const char *trace, *name;
		bool selected;
	} cases[] = {
		{ "openat", "openat", true },	       { "openat", "open", false },
		{ "trace=openat", "openat", true },    { "t=read,openat", "read", true },
		{ "%file", "openat", true },	       { "%file", "read", false },
		{ "file", "openat", true },	       { "%file,!openat", "openat", false },
		{ "%file,!openat", "unlink", true },   { "!openat,%file", "unlink", false },
		{ "!openat", "openat", false },	       { "!openat,read", "read", false },
		{ "!openat,!read", "read", false },    { "!openat", "close", true },
		{ "!%memory", "mmap", false },	       { "!%memory", "read", true },
		{ "%network", "connect", true },       { "%network,%desc", "read", true },
		{ "all", "getpid", true },	       { "none", "getpid", false },
		{ "all,!getpid", "getpid", false },    { "!none", "getpid", true },
		{ "!all", "getpid", false },	       { "/^open", "openat", true },
		{ "/^open", "fsopen", false },	       { "/open", "fsopen", true },
		{ "/^(read|write)$", "write", true },  { "?nosuchcall,read", "read", true },
		{ "?read", "read", true },	       { "%stat", "stat", true },
		{ "%stat", "fstat", false },	       { "%%stat", "fstat", true },
		{ "%%stat", "statfs", false },	       { "%%statfs", "fstatfs", true },
		{ "257", "openat", true },	       { "openat@64", "openat", true },
		{ "openat@32", "openat", false },      { "all", "restart_syscall", false },
		{ "clone", "clone", true },	       { "%process", "fork", true },
		{ "%creds", "setuid", true },	       { "%clock", "clock_gettime", true },
		{ "%clock", "gettimeofday", true },    { "%pure", "getpid", true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(selects(cases[i].trace, ABI_X86_64, cases[i].name) == cases[i].selected,
		      "-e '%s': %s", cases[i].trace, cases[i].name);
}

static void test_names_that_only_i386_has_select_there(void)
{
	CHECK(selects("stat64", ABI_I386, "stat64"), "stat64");
	CHECK(!selects("stat64", ABI_X86_64, "stat"), "stat");
	CHECK(!selects("openat@64", ABI_I386, "openat"), "openat@64");
	CHECK(selects("openat@32", ABI_I386, "openat"), "openat@32");
}

static void test_unknown_numbers_are_reported_unless_left_out(void)
{
	static const struct {
		const char *trace;
		bool reported;
	} cases[] = { { NULL, true }, { "all", true }, { "!read", true }, { "read", false },
		      { "none", false }, { "%file", false } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selection selection = select_calls(LEVEL_AUDIT, cases[i].trace, false);
		CHECK(selection_reports(&selection, ABI_X86_64, 9999, no_args) == cases[i].reported,
		      "-e %s", cases[i].trace);
	}
}

static void test_x32_calls_go_by_their_names(void)
{
	struct selection openat = select_calls(LEVEL_AUDIT, "openat", false);
	struct selection audit = select_calls(LEVEL_AUDIT, NULL, false);
	CHECK(selection_reports(&openat, ABI_X32, X32 | SYS_openat, no_args), "openat");
	CHECK(!selection_reports(&openat, ABI_X32, X32 | SYS_read, no_args), "read");
	CHECK(selection_reports(&audit, ABI_X32, X32 | SYS_read, no_args), "read at audit");
}

static void test_mistakes_are_told_with_a_suggestion(void)
{
	static const char *const cases[][2] = {
		{ "opnat", "unknown system call 'opnat' (did you mean 'openat'?)" },
		{ "%file,raed", "unknown system call 'raed' (did you mean 'read'?)" },
		{ "xyzzyplugh", "unknown system call 'xyzzyplugh'" },
		{ "%fiel", "unknown class of system calls '%fiel' (did you mean '%file'?)" },
		{ "99999", "unknown system call number '99999'" },
		{ "/nosuchcall", "no system call matches '/nosuchcall'" },
		{ "", "no system call named in ''" },
		{ "read,!", "no system call named in 'read,!'" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selection selection;
		char error[256] = "";
		int status = selection_init(&selection, LEVEL_AUDIT, cases[i][0], false, error,
					    sizeof(error));
		CHECK(status == -1, "-e '%s' passes", cases[i][0]);
		CHECK(strcmp(error, cases[i][1]) == 0, "-e '%s': %s", cases[i][0], error);
	}
}

static void test_bad_expressions_and_levels_are_refused(void)
{
	struct selection selection;
	char error[256] = "";
	CHECK(selection_init(&selection, LEVEL_AUDIT, "/(", false, error, sizeof(error)) == -1, "/(");
	CHECK(strncmp(error, "bad regular expression '(': ", 28) == 0, "%s", error);
	CHECK(selection_init(&selection, LEVEL_EXEC, "read", false, error, sizeof(error)) == -1,
	      "level exec");
}

/* What a policy judges stops wherever it is called from, whatever was selected, and is not left to the shim; all
 * else of the subject does not stop for it. */
static const struct {
	unsigned subject;
	const char *call;
	uint64_t args[6];
	bool stops;
} judged[] = {
	{ POLICY_NET, "connect", { 3, 0x1000, 16 }, true },
	{ POLICY_NET, "sendto", { 3, 0, 0, 0, 0x1000, 16 }, true },
	{ POLICY_NET, "sendto", { 3, 0, 0, 0, 0x100000000, 16 }, true },
	{ POLICY_NET, "sendto", { 3 }, false },
	{ POLICY_NET, "socket", { AF_NETLINK, SOCK_RAW }, true },
	{ POLICY_NET, "socket", { AF_INET6, SOCK_RAW }, true },
	{ POLICY_NET, "socket", { AF_UNIX, SOCK_STREAM }, false },
	{ POLICY_NET, "socket", { AF_INET, SOCK_DGRAM | SOCK_CLOEXEC }, false },
	{ POLICY_NET, "openat", { 0, 0, O_RDONLY }, false },
	{ POLICY_WRITE, "openat", { 0, 0, O_RDONLY }, false },
	{ POLICY_WRITE, "openat", { 0, 0, O_WRONLY }, true },
	{ POLICY_WRITE, "open", { 0, O_CREAT }, true },
	{ POLICY_WRITE, "fchmod", { 3 }, true },
	{ POLICY_WRITE, "ioctl", { 3, FS_IOC_SETFLAGS }, true },
	{ POLICY_READ, "umount2", { 0, MNT_DETACH }, true },
	{ FILTER_NAMES, "mount", { 0, 0, 0, 0 }, true },
	{ FILTER_NAMES, "mount", { 0, 0, 0, MS_REMOUNT | MS_BIND | MS_RDONLY }, false },
	{ FILTER_NAMES, "mount", { 0, 0, 0, MS_REC | MS_PRIVATE }, false },
	{ FILTER_NAMES, "mount", { 0, 0, 0, MS_MGC_VAL }, true },
	{ FILTER_NAMES, "mount", { 0, 0, 0, MS_BIND | MS_PRIVATE }, true },
	{ POLICY_WRITE, "ioctl", { 3, FS_IOC_GETFLAGS }, false },
	{ POLICY_READ, "ioctl", { 3, _IOWR('X', 107, char[56]) }, true },
	{ POLICY_READ, "ioctl", { 3, _IOR('X', 107, char[56]) }, false },
	{ FILTER_NAMES, "getsockname", { 3 }, true },
	{ FILTER_NAMES, "accept", { 3, 0x100000000 }, true },
	{ FILTER_NAMES, "accept", { 3 }, false },
	{ POLICY_READ, "openat", { 0, 0, O_RDONLY }, true },
	{ POLICY_READ, "stat", { 0 }, false },
	{ POLICY_EXEC, "mmap", { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 3 }, true },
	{ POLICY_EXEC, "mmap", { 0, 4096, PROT_READ, MAP_PRIVATE, 3 }, false },
	{ POLICY_EXEC, "mmap", { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS }, false },
	{ POLICY_EXEC, "execve", { 0 }, true },
	{ FILTER_GUARD, "pidfd_open", { 1 }, true },
	{ FILTER_GUARD, "prlimit64", { 0 }, false },
	{ FILTER_GUARD, "ioctl", { 0, TIOCSTI }, true },
	{ FILTER_GUARD, "ioctl", { 0, TCGETS }, false },
	{ FILTER_GUARD, "prlimit64", { 1 }, true },
};

static uint32_t answer_at(const struct selection *selection, uint64_t ip, const char *call, const uint64_t args[6])
{
	static const struct filter_pass pass = { .nonce = { 1, 2, 3 } };
	struct sock_fprog program;
	if (filter_build(selection, &pass, &program) != 0)
		abort();
	uint32_t answer = filter_run(&program, AUDIT_ARCH_X86_64, (uint32_t)syscall_number(ABI_X86_64, call),
				     ip, args);
	free(program.filter);
	return answer;
}

static uint32_t answer_under(const struct selection *selection, const char *call, const uint64_t args[6])
{
	return answer_at(selection, FASTPATH_EXEMPT + 2, call, args);
}

static void test_what_a_policy_judges_stops(void)
{
	static const char *const sets[] = { NULL, "none" };
	for (size_t i = 0; i < 2 * sizeof judged / sizeof *judged; i++) {
		uint32_t number = (uint32_t)syscall_number(ABI_X86_64, judged[i / 2].call);
		struct selection selection = select_calls(LEVEL_AUDIT, sets[i % 2], false);
		uint32_t without = answer_under(&selection, judged[i / 2].call, judged[i / 2].args);
		selection.judged_subjects = (uint8_t)(1U << judged[i / 2].subject);
		CHECK(answer_under(&selection, judged[i / 2].call, judged[i / 2].args) ==
		      (judged[i / 2].stops ? TRACE : without), "%s of line %zu", judged[i / 2].call, i / 2);
		const struct judged_call *found = filter_find_judged(selection.judged_subjects, ABI_X86_64, number,
								     judged[i / 2].args);
		CHECK((found != NULL) == judged[i / 2].stops, "%s of line %zu is looked at", judged[i / 2].call, i / 2);
	}
}

static void test_a_judged_number_is_not_the_shims(void)
{
	static struct fastpath_tables tables;
	uint32_t number = (uint32_t)syscall_number(ABI_X86_64, "stat");
	struct selection selection = select_calls(LEVEL_ALL, NULL, false);
	filter_fill_tables(&selection, &tables);
	CHECK(tables.modes[number] == FASTPATH_RECORD, "without a policy");
	selection.judged[number / 8] |= (uint8_t)(1U << number % 8);
	filter_fill_tables(&selection, &tables);
	CHECK(tables.modes[number] == FASTPATH_PLAIN && answer_under(&selection, "stat", no_args) == TRACE, "with one");
}

/* The calls by which the fast path comes in (launcher/early.c). */
static void test_the_fast_path_comes_in_where_no_rule_looks(void)
{
	const uint64_t shim[6] = { 0, FILTER_PASS_OPEN_FLAGS, 0, (uint64_t)2 << 32 | 1, 3 };
	const uint64_t text[6] = { FASTPATH_TEXT, 4096, PROT_READ | PROT_EXEC, FILTER_PASS_MMAP_FLAGS, 3 };
	const uint64_t loader = 0x7f0000001000;
	static const struct {
		uint8_t subject;
		uint32_t shim, text;
	} cases[] = { { POLICY_READ, TRACE, ALLOW }, { POLICY_WRITE, ALLOW, ALLOW }, { POLICY_EXEC, ALLOW, TRACE } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct selection selection = select_calls(LEVEL_AUDIT, NULL, false);
		selection.judged_subjects = (uint8_t)(1U << cases[i].subject | 1U << FILTER_GUARD);
		CHECK(answer_at(&selection, loader, "open", shim) == cases[i].shim, "open, line %zu", i);
		CHECK(answer_at(&selection, loader, "mmap", text) == cases[i].text, "mmap, line %zu", i);
	}
}

int main(void)
{
	test_the_fast_path_comes_in_where_no_rule_looks();
	test_what_a_policy_judges_stops();
	test_a_judged_number_is_not_the_shims();
	test_the_program_answers_as_the_rules_say();
	test_what_is_reported_or_controls_is_traced();
	test_arguments_decide_conditional_classes();
	test_untraced_numbers_stay_in_the_kernel_s_bitmap();
	test_programs_are_well_formed();
	test_level_exec_has_no_filter();
	test_the_kernel_takes_the_filter();
	test_sets_select_as_strace_has_it();
	test_names_that_only_i386_has_select_there();
	test_unknown_numbers_are_reported_unless_left_out();
	test_x32_calls_go_by_their_names();
	test_mistakes_are_told_with_a_suggestion();
	test_bad_expressions_and_levels_are_refused();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
