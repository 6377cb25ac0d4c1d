/* The seccomp filter as a program: what each class of calls comes to, which calls trace whatever
 * was selected, and the classic BPF made of both. The same two tables are interpreted here for the
 * supervisor and compiled for the kernel, so the two cannot disagree.
 *
 * A number whose answer is always ALLOW is answered from the number alone, without a look at
 * arguments or instruction pointer: only then does the kernel keep the answer in its per-number
 * bitmap (seccomp_is_const_allow in kernel/seccomp.c) and such calls run at native speed.
 *
 * Never installs anything: that is the child's own doing. */
#include "filter.h"

#include "ptwrap/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/mount.h>
#include <linux/msdos_fs.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

_Static_assert(FASTPATH_NUMBERS == 512 && FASTPATH_TEXT % 16 == 0, "the selection has a bit a number");

enum {
	OPEN_CHANGES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
	WRITE_EXEC = PROT_WRITE | PROT_EXEC,
	I386_RESTART_SYSCALL = 0,
	I386_SIGRETURN = 119,
	I386_RT_SIGRETURN = 173,
	X32_BIT = 0x40000000,
	TESTS_MAX = 4,
	PROGRAM_MAX = BPF_MAXINSNS,
	JUMP_MAX = 255,
	SELECTION_NUMBERS = 512,
	RANGES_MAX = SELECTION_NUMBERS + 3,
};

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define WHOLE_WORD    0xffffffffu
#define VERDICT_ALLOW SECCOMP_RET_ALLOW
#define VERDICT_TRACE (SECCOMP_RET_TRACE | FILTER_TRACE_DATA)

/* Holds when the masked 32-bit half of an argument equals value, or differs from it. All zero,
 * it always holds. */
struct arg_test {
	uint8_t arg;
	bool high;
	bool differs;
	uint32_t mask;
	uint32_t value;
};

/* What a conditional class comes to: the first row of the class whose tests all hold decides. */
struct class_rule {
	uint8_t class;
	uint8_t result;
	struct arg_test tests[TESTS_MAX];
};

static const struct class_rule class_rules[] = {
	{ CLASS_K_OPEN2, CLASS_K, { { .arg = 1, .mask = OPEN_CHANGES, .differs = true } } },
	{ CLASS_K_OPEN2, CLASS_S, { { 0 } } },
	{ CLASS_K_OPEN3, CLASS_K, { { .arg = 2, .mask = OPEN_CHANGES, .differs = true } } },
	{ CLASS_K_OPEN3, CLASS_S, { { 0 } } },
	{ CLASS_MMAP, CLASS_K, { { .arg = 2, .mask = WRITE_EXEC, .value = WRITE_EXEC } } },
	{ CLASS_MMAP,
	  CLASS_S,
	  { { .arg = 2, .mask = PROT_EXEC, .value = PROT_EXEC },
	    { .arg = 3, .mask = MAP_ANONYMOUS } } },
	{ CLASS_MPROTECT, CLASS_K, { { .arg = 2, .mask = WRITE_EXEC, .value = WRITE_EXEC } } },
	{ CLASS_FCNTL, CLASS_S, { { .arg = 1, .mask = WHOLE_WORD, .value = F_DUPFD } } },
	{ CLASS_FCNTL, CLASS_S, { { .arg = 1, .mask = WHOLE_WORD, .value = F_DUPFD_CLOEXEC } } },
	{ CLASS_SENDTO, CLASS_K, { { .arg = 4, .mask = WHOLE_WORD, .differs = true } } },
	{ CLASS_SENDTO,
	  CLASS_K,
	  { { .arg = 4, .high = true, .mask = WHOLE_WORD, .differs = true } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_DUMPABLE } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_KEEPCAPS } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_SECCOMP } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_CAPBSET_DROP } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_SECUREBITS } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_MM } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_CHILD_SUBREAPER } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_NO_NEW_PRIVS } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_CAP_AMBIENT } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_SPECULATION_CTRL } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_SYSCALL_USER_DISPATCH } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_MDWE } } },
	{ CLASS_PRCTL, CLASS_K, { { .mask = WHOLE_WORD, .value = PR_SET_PTRACER } } },
};

/* Calls that trace whatever was selected: those that could make calls unseen (a child that is not
 * followed, a tracer, a filter or ring of the tree's own), or have memory and files served by the
 * tree itself, on which a look at a tracee would block; and the shim's hello. */
struct control_rule {
	uint32_t number; /* x86_64 */
	struct arg_test tests[TESTS_MAX];
};

static const struct control_rule control_rules[] = {
	{ SYS_clone, { { .mask = CLONE_UNTRACED, .value = CLONE_UNTRACED } } },
	{ SYS_ptrace, { { 0 } } },
	{ SYS_seccomp, { { 0 } } },
	{ SYS_prctl, { { .mask = WHOLE_WORD, .value = PR_SET_SECCOMP } } },
	{ SYS_prctl, { { .mask = WHOLE_WORD, .value = PR_SET_SYSCALL_USER_DISPATCH } } },
	{ SYS_io_uring_setup, { { 0 } } },
	{ SYS_userfaultfd, { { 0 } } },
	{ SYS_mount, { { 0 } } },
	{ SYS_fsopen, { { 0 } } },
	{ SYS_memfd_create,
	  { { .arg = 4, .mask = WHOLE_WORD, .value = (uint32_t)PTWRAP_HELLO_MAGIC },
	    { .arg = 4, .high = true, .mask = WHOLE_WORD, .value = PTWRAP_HELLO_MAGIC >> 32 } } },
};

/* What a policy judges, for the subjects that it has rules on. */
struct judged_rule {
	struct judged_call call;
	struct arg_test tests[TESTS_MAX];
};

enum { FILTER_READ = POLICY_READ, FILTER_WRITE = POLICY_WRITE, FILTER_EXEC = POLICY_EXEC, FILTER_NET = POLICY_NET };

/* Of xfs_fs.h: structs of another size in 32-bit programs. */
enum { ANY_SIZE = (int)~(unsigned)IOCSIZE_MASK, XFS_OPEN_BY_HANDLE = (int)_IOWR('X', 107, char[0]),
       XFS_ATTRIBUTES_BY_HANDLE = (int)_IOW('X', 123, char[0]) };

enum { MS_PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE };

#define MASKED(argument, bits, wanted) { .arg = (argument), .mask = (bits), .value = (wanted) }
#define NOT_MASKED(argument, bits, wanted) { .arg = (argument), .mask = (bits), .value = (wanted), .differs = true }
#define IS(argument, wanted) MASKED(argument, WHOLE_WORD, wanted)
#define IS_NOT(argument, wanted) NOT_MASKED(argument, WHOLE_WORD, wanted)
#define IS_NOT_ABOVE(argument, wanted) \
	{ .arg = (argument), .high = true, .mask = WHOLE_WORD, .value = (wanted), .differs = true }

/* Calls with paths: for which subjects, by what they do (pathcall.h). An open is a write only by its flags, where they
 * stand in a register. */
#define ROW(name_, subject_, path, ...) { { name_, FILTER_##subject_, JUDGED_PATHS, path }, { __VA_ARGS__ } },
#define ROWS_READ(name, path, flags, manner)    ROW(name, READ, path)
#define ROWS_WRITE(name, path, flags, manner)   ROW(name, WRITE, path)
#define ROWS_REMOVE(name, path, flags, manner)  ROW(name, WRITE, path)
#define ROWS_MOVE(name, path, flags, manner)    ROW(name, READ, path) ROW(name, WRITE, path)
#define ROWS_MOVE_TO(name, path, flags, manner) ROW(name, WRITE, path)
#define ROWS_OPEN(name, path, flags, manner)    ROW(name, READ, path) ROWS_OPEN_##manner(name, path, flags)
#define ROWS_OPEN_OPENED(name, path, flags)           \
	ROW(name, WRITE, path, NOT_MASKED(flags, OPEN_CHANGES, 0)) \
	ROW(name, OURS, path, NOT_MASKED(flags, OPEN_CHANGES, 0))
#define ROWS_OPEN_OPENED_BY_STRUCT(name, path, flags) ROW(name, WRITE, path) ROW(name, OURS, path)
#define ROWS_OPEN_CREATED(name, path, flags)          ROW(name, WRITE, path) ROW(name, OURS, path)

static const struct judged_rule judged_rules[] = {
#define JUDGED(name_, subject_, object_, argument, ...) \
	{ { #name_, FILTER_##subject_, JUDGED_##object_, argument }, { __VA_ARGS__ } },
#include "policycalls.def"
#undef JUDGED
#define PATHCALL(call, access, path, dirfd, flags, manner, instead) ROWS_##access(#call, path, flags, manner)
#include "pathcalls.def"
#undef PATHCALL
};

/* The rules of each x86_64 number, in a chain: positions, one more than they are; 0: none. */
static struct {
	bool made;
	uint16_t first[SELECTION_NUMBERS], next[COUNT(judged_rules)];
} judged_index;

static void make_judged_index(void)
{
	for (size_t i = COUNT(judged_rules); i-- > 0 && !judged_index.made;) {
		int number = syscall_number(ABI_X86_64, judged_rules[i].call.name);
		if (number < 0 || number >= SELECTION_NUMBERS)
			continue;
		judged_index.next[i] = judged_index.first[number];
		judged_index.first[number] = (uint16_t)(i + 1);
	}
	judged_index.made = true;
}

static bool test_is_constant(const struct arg_test *test)
{
	return test->mask == 0;
}

static bool tests_are_constant(const struct arg_test tests[TESTS_MAX])
{
	return test_is_constant(&tests[0]);
}

static bool test_holds(const struct arg_test *test, const uint64_t args[6])
{
	if (test_is_constant(test))
		return true;
	uint32_t half = (uint32_t)(test->high ? args[test->arg] >> 32 : args[test->arg]);
	return ((half & test->mask) == test->value) != test->differs;
}

static bool tests_hold(const struct arg_test tests[TESTS_MAX], const uint64_t args[6])
{
	for (size_t i = 0; i < TESTS_MAX; i++)
		if (!test_holds(&tests[i], args))
			return false;
	return true;
}

enum syscall_class filter_class_of(enum event_abi abi, uint32_t number, const uint64_t args[6])
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	if (!desc)
		return CLASS_K;
	if (desc->class == CLASS_K || desc->class == CLASS_S)
		return desc->class;
	for (size_t i = 0; i < COUNT(class_rules); i++)
		if (class_rules[i].class == desc->class && tests_hold(class_rules[i].tests, args))
			return class_rules[i].result;
	return CLASS_U;
}

/* i386 has two calls of that name; the older one's arguments lie in memory. */
static const char *name_of(enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	return !desc ? "" : abi == ABI_I386 && strcmp(desc->name, "mmap") == 0 ? "old_mmap" : desc->name;
}

static const struct judged_call *match(const struct judged_rule *rule, uint8_t subjects, const uint64_t args[6])
{
	bool matches = subjects >> rule->call.subject & 1 && tests_hold(rule->tests, args);
	return matches ? &rule->call : NULL;
}

static const struct judged_call *find_by_name(const char *name, uint8_t subjects, const uint64_t args[6])
{
	const struct judged_call *found = NULL;
	for (size_t i = 0; i < COUNT(judged_rules) && !found; i++)
		if (strcmp(judged_rules[i].call.name, name) == 0)
			found = match(&judged_rules[i], subjects, args);
	return found;
}

const struct judged_call *filter_find_judged(uint8_t subjects, enum event_abi abi, uint32_t number,
					     const uint64_t args[6])
{
	const struct judged_call *found = NULL;
	if (abi != ABI_X86_64)
		return find_by_name(name_of(abi, number), subjects, args);
	make_judged_index();
	for (size_t at = number < SELECTION_NUMBERS ? judged_index.first[number] : 0; at && !found;
	     at = judged_index.next[at - 1])
		found = match(&judged_rules[at - 1], subjects, args);
	return found;
}

static bool is_native_control_call(uint32_t number, const uint64_t args[6])
{
	if (!syscall_lookup(ABI_X86_64, number))
		return true;
	for (size_t i = 0; i < COUNT(control_rules); i++)
		if (control_rules[i].number == number && tests_hold(control_rules[i].tests, args))
			return true;
	return false;
}

bool filter_is_control_call(enum event_abi abi, uint32_t number, const uint64_t args[6])
{
	switch (abi) {
	case ABI_X86_64:
		return is_native_control_call(number, args);
	case ABI_I386:
		return number != I386_RESTART_SYSCALL && number != I386_SIGRETURN &&
		       number != I386_RT_SIGRETURN;
	case ABI_X32:
		return (number & ~X32_BIT) != SYS_restart_syscall;
	case ABI_UNKNOWN:
		break;
	}
	return true;
}

/* The program under construction, emitted from its last instruction to its first: jumps lead
 * forward only, so where each one goes is known when it is emitted. It is code[start] to the
 * array's end. */
struct assembly {
	struct sock_filter code[PROGRAM_MAX];
	unsigned start;
	unsigned shim_check; /* where a call's instruction pointer is judged */
	bool overflow;
};

static void emit(struct assembly *assembly, struct sock_filter instruction)
{
	if (assembly->start == 0)
		assembly->overflow = true;
	else
		assembly->code[--assembly->start] = instruction;
}

static void emit_load(struct assembly *assembly, size_t offset)
{
	emit(assembly, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void emit_return(struct assembly *assembly, uint32_t verdict)
{
	emit(assembly, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/* Goes to target if the comparison comes out as `when`, else on to what was emitted last. A
 * conditional jump reaches 255 instructions, an unconditional one all. */
static void emit_branch(struct assembly *assembly, uint16_t comparison, uint32_t operand, bool when,
			unsigned target)
{
	unsigned distance = target - assembly->start, skip = 0;
	if (distance > JUMP_MAX) {
		emit(assembly, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, distance));
		distance = 0;
		skip = 1;
	}
	uint8_t taken = (uint8_t)distance, other = (uint8_t)skip;
	emit(assembly, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, operand,
						    when ? taken : other, when ? other : taken));
}

static size_t argument_offset(const struct arg_test *test)
{
	return offsetof(struct seccomp_data, args) + test->arg * sizeof(uint64_t) +
	       (test->high ? sizeof(uint32_t) : 0);
}

/* Goes on if the test holds, else to target. */
static void emit_test(struct assembly *assembly, const struct arg_test *test, unsigned target)
{
	emit_branch(assembly, BPF_JEQ, test->value, test->differs, target);
	if (test->mask != WHOLE_WORD)
		emit(assembly, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, test->mask));
	emit_load(assembly, argument_offset(test));
}

/* ---- the views ----
 *
 * What becomes of a call of one native number, as rows: the first whose tests hold decides, the last has
 * none. Both the kernel's program and the shim's table (filter_fill_tables) are made of them. */

enum view { VIEW_ALLOW, VIEW_TRACE, VIEW_SHIM };

enum { ROWS_MAX = 24 };

struct row {
	struct arg_test tests[TESTS_MAX];
	enum view view;
	bool is_pass; /* of the kernel's program alone */
};

struct rows {
	struct row list[ROWS_MAX];
	size_t count;
};

static void rows_add(struct rows *rows, const struct arg_test tests[TESTS_MAX], enum view view)
{
	if (rows->count == ROWS_MAX)
		return;
	struct row *row = &rows->list[rows->count++];
	*row = (struct row){ .view = view };
	if (tests)
		memcpy(row->tests, tests, sizeof(row->tests));
}

static bool is_selected(const uint8_t set[64], uint32_t number)
{
	return number < SELECTION_NUMBERS && set[number / 8] & (1u << number % 8);
}

/* Births, and the way back from a signal handler: the shim cannot stand between them and the kernel. */
static bool is_bare(uint32_t number)
{
	return number == SYS_clone || number == SYS_fork || number == SYS_vfork || number == SYS_clone3 ||
	       number == SYS_rt_sigreturn;
}

static enum view view_of_class(uint8_t class)
{
	return class == CLASS_K ? VIEW_TRACE : class == CLASS_S ? VIEW_SHIM : VIEW_ALLOW;
}

/* What the class asks for; where every argument value is asked for, what is not K is the shim's. */
static void rows_add_class(struct rows *rows, const struct syscall_desc *desc, uint32_t number, bool selected)
{
	enum view otherwise = view_of_class(desc->class);
	for (size_t i = 0; i < COUNT(class_rules); i++) {
		if (class_rules[i].class != desc->class)
			continue;
		if (tests_are_constant(class_rules[i].tests))
			otherwise = view_of_class(class_rules[i].result);
		else if (!selected || class_rules[i].result == CLASS_K)
			rows_add(rows, class_rules[i].tests, view_of_class(class_rules[i].result));
	}
	if (selected && otherwise == VIEW_ALLOW)
		otherwise = is_bare(number) ? VIEW_TRACE : VIEW_SHIM;
	rows_add(rows, NULL, otherwise);
}

bool filter_judges_mappings(const struct selection *selection)
{
	return (selection->judged_subjects >> POLICY_EXEC & 1) || is_selected(selection->judged, SYS_mmap);
}

/* Before all else: no call that a policy judges passes by where it is made from, or by what it looks like. */
static void rows_add_judged(struct rows *rows, const struct selection *selection, uint32_t number)
{
	if (is_selected(selection->judged, number))
		rows_add(rows, NULL, VIEW_TRACE);
	make_judged_index();
	for (size_t at = judged_index.first[number]; at; at = judged_index.next[at - 1])
		if (selection->judged_subjects >> judged_rules[at - 1].call.subject & 1)
			rows_add(rows, judged_rules[at - 1].tests, VIEW_TRACE);
}

static void rows_add_passing(struct rows *rows, const struct arg_test tests[TESTS_MAX])
{
	size_t at = rows->count;
	rows_add(rows, tests, VIEW_ALLOW);
	if (rows->count > at)
		rows->list[at].is_pass = true;
}

/* The two calls by which the fast path comes in, told by what nobody else passes (launcher/early.c). */
static void rows_add_pass(struct rows *rows, const struct filter_pass *pass, uint32_t number)
{
	if (pass && number == SYS_open) {
		const struct arg_test tests[TESTS_MAX] = {
			{ .arg = 1, .mask = WHOLE_WORD, .value = FILTER_PASS_OPEN_FLAGS },
			{ .arg = 3, .mask = WHOLE_WORD, .value = pass->nonce[0] },
			{ .arg = 3, .high = true, .mask = WHOLE_WORD, .value = pass->nonce[1] },
			{ .arg = 4, .mask = WHOLE_WORD, .value = pass->nonce[2] },
		};
		rows_add_passing(rows, tests);
	} else if (pass && number == SYS_mmap) {
		const struct arg_test tests[TESTS_MAX] = {
			{ .arg = 0, .mask = WHOLE_WORD, .value = FASTPATH_TEXT },
			{ .arg = 0, .high = true, .mask = WHOLE_WORD, .value = 0 },
			{ .arg = 2, .mask = WHOLE_WORD, .value = PROT_READ | PROT_EXEC },
			{ .arg = 3, .mask = WHOLE_WORD, .value = FILTER_PASS_MMAP_FLAGS },
		};
		rows_add_passing(rows, tests);
	}
}

/* Without the fast path (pass NULL) all that would be the shim's is the kernel's. */
static void rows_make(struct rows *rows, const struct selection *selection, const struct filter_pass *pass,
		      uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
	bool selected = is_selected(selection->native, number);
	rows->count = 0;
	if (!desc || desc->class == CLASS_NEVER) {
		rows_add(rows, NULL, desc ? VIEW_ALLOW : VIEW_TRACE);
		return;
	}
	rows_add_judged(rows, selection, number);
	if (rows->count && tests_are_constant(rows->list[rows->count - 1].tests))
		return; /* judged, whatever its arguments */
	rows_add_pass(rows, pass, number);
	for (size_t i = 0; i < COUNT(control_rules); i++)
		if (control_rules[i].number == number)
			rows_add(rows, control_rules[i].tests, VIEW_TRACE);
	if (selected || !selection->explicit_set)
		rows_add_class(rows, desc, number, selected);
	else
		rows_add(rows, NULL, VIEW_ALLOW);
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].view == VIEW_SHIM && (!pass || pass->verify))
			rows->list[i].view = VIEW_TRACE;
}

/* What the kernel's program does with a number: one verdict, or a decision by the arguments. */
enum outcome { OUTCOME_ALLOW = VIEW_ALLOW, OUTCOME_TRACE = VIEW_TRACE, OUTCOME_SHIM = VIEW_SHIM, OUTCOME_ARGUMENTS };

static enum outcome native_outcome(const struct selection *selection, const struct filter_pass *pass, uint32_t number)
{
	struct rows rows;
	rows_make(&rows, selection, pass, number);
	for (size_t i = 1; i < rows.count; i++)
		if (rows.list[i].view != rows.list[0].view)
			return OUTCOME_ARGUMENTS;
	return (enum outcome)rows.list[0].view;
}

/* From which instruction was the call made? Only from the shim's it passes. */
static void emit_shim_check(struct assembly *assembly)
{
	emit_return(assembly, VERDICT_ALLOW);
	unsigned allow = assembly->start;
	emit_return(assembly, VERDICT_TRACE);
	unsigned trace = assembly->start;
	emit_branch(assembly, BPF_JEQ, FASTPATH_EXEMPT, true, allow);
	emit(assembly, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0xfu));
	emit_load(assembly, offsetof(struct seccomp_data, instruction_pointer));
	emit_branch(assembly, BPF_JEQ, 0, false, trace);
	emit_load(assembly, offsetof(struct seccomp_data, instruction_pointer) + sizeof(uint32_t));
	assembly->shim_check = assembly->start;
}

static void emit_view(struct assembly *assembly, enum view view)
{
	if (view == VIEW_SHIM)
		emit(assembly, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
							    assembly->shim_check - assembly->start));
	else
		emit_return(assembly, view == VIEW_TRACE ? VERDICT_TRACE : VERDICT_ALLOW);
}

/* "If all tests hold, the view"; else on to what was emitted last. */
static void emit_row(struct assembly *assembly, const struct row *row)
{
	unsigned otherwise = assembly->start;
	emit_view(assembly, row->view);
	for (size_t i = TESTS_MAX; i-- > 0;)
		if (!test_is_constant(&row->tests[i]))
			emit_test(assembly, &row->tests[i], otherwise);
}

static void emit_arguments(struct assembly *assembly, const struct selection *selection,
			   const struct filter_pass *pass, uint32_t number)
{
	struct rows rows;
	rows_make(&rows, selection, pass, number);
	for (size_t i = rows.count; i-- > 0;)
		emit_row(assembly, &rows.list[i]);
}

/* ---- the shim's table ---- */

/* Calls by which the names of descriptors are known, recorded for that alone where nobody asked. */
static bool is_tracked(uint32_t number)
{
	static const int tracked[] = { SYS_open, SYS_openat, SYS_close, SYS_close_range, SYS_dup, SYS_dup2,
				       SYS_dup3, SYS_chdir, SYS_fchdir, SYS_socket, SYS_socketpair, SYS_pipe,
				       SYS_pipe2, SYS_epoll_create, SYS_epoll_create1, SYS_eventfd, SYS_eventfd2,
				       SYS_timerfd_create, SYS_signalfd, SYS_signalfd4, SYS_inotify_init,
				       SYS_inotify_init1, SYS_recvmsg, SYS_recvmmsg };
	for (size_t i = 0; i < COUNT(tracked); i++)
		if ((uint32_t)tracked[i] == number)
			return true;
	return false;
}

static enum fastpath_mode mode_of(enum view view, uint32_t number)
{
	return view == VIEW_SHIM				? FASTPATH_RECORD :
	       view == VIEW_ALLOW && is_tracked(number) ? FASTPATH_TRACK :
							  FASTPATH_PLAIN;
}

static void add_rule(struct fastpath_tables *tables, const struct row *row, uint32_t number)
{
	if (tables->rule_count == FASTPATH_RULES)
		return;
	struct fastpath_rule *rule = &tables->rules[tables->rule_count++];
	*rule = (struct fastpath_rule){ .number = (uint16_t)number, .mode = (uint8_t)mode_of(row->view, number) };
	for (size_t i = 0; i < FASTPATH_TESTS && !test_is_constant(&row->tests[i]); i++)
		rule->test[rule->test_count++] = (struct fastpath_test){
			.arg = row->tests[i].arg, .high = row->tests[i].high, .differs = row->tests[i].differs,
			.mask = row->tests[i].mask, .value = row->tests[i].value,
		};
}

static void fill_number(struct fastpath_tables *tables, const struct rows *rows, uint32_t number)
{
	enum fastpath_mode mode = mode_of(rows->list[rows->count - 1].view, number);
	for (size_t i = 0; i < rows->count; i++)
		if (!rows->list[i].is_pass && mode_of(rows->list[i].view, number) != mode)
			mode = FASTPATH_BY_RULE;
	tables->modes[number] = (uint8_t)(is_bare(number) ? FASTPATH_BARE : mode);
	for (size_t i = 0; mode == FASTPATH_BY_RULE && i < rows->count; i++)
		if (!rows->list[i].is_pass)
			add_rule(tables, &rows->list[i], number);
}

/* Requests of ioctl that return a descriptor of what cannot be known from them. */
static void track_requests(struct fastpath_tables *tables)
{
	static const uint32_t requests[] = { TIOCGPTPEER, NS_GET_USERNS, NS_GET_PARENT };
	if (tables->modes[SYS_ioctl] != FASTPATH_PLAIN || tables->rule_count + COUNT(requests) > FASTPATH_RULES)
		return;
	for (size_t i = 0; i < COUNT(requests); i++)
		tables->rules[tables->rule_count++] = (struct fastpath_rule){
			.number = SYS_ioctl, .mode = FASTPATH_TRACK, .test_count = 1,
			.test[0] = { .arg = 1, .mask = WHOLE_WORD, .value = requests[i] },
		};
	tables->modes[SYS_ioctl] = FASTPATH_BY_RULE;
}

static uint8_t path_argument(const struct syscall_desc *desc)
{
	for (uint8_t i = 0; i < desc->arg_count; i++)
		if (desc->args[i].capture == CAPTURE_PATH)
			return i;
	return FASTPATH_NO_PATH;
}

void filter_fill_tables(const struct selection *selection, struct fastpath_tables *tables)
{
	static const struct filter_pass any;
	/* What loaders map goes through the shim even where the kernel stops it too: it puts prepared texts in place. */
	struct selection mapping = *selection;
	mapping.judged_subjects = 0;
	memset(mapping.judged, 0, sizeof mapping.judged);
	tables->rule_count = 0;
	for (uint32_t number = 0; number < FASTPATH_NUMBERS; number++) {
		const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
		struct rows rows;
		tables->modes[number] = FASTPATH_PLAIN;
		tables->path_arg[number] = desc ? path_argument(desc) : FASTPATH_NO_PATH;
		tables->arg_count[number] = desc ? desc->arg_count : 0;
		rows_make(&rows, number == SYS_mmap ? &mapping : selection, &any, number);
		if (desc)
			fill_number(tables, &rows, number);
	}
	track_requests(tables);
}

/* Consecutive numbers with one outcome, up to where the next range begins. */
struct range {
	uint32_t first;
	enum outcome outcome;
};

struct ranges {
	struct range list[RANGES_MAX];
	size_t count;
};

static void ranges_add(struct ranges *ranges, uint32_t first, enum outcome outcome)
{
	if (ranges->count && outcome != OUTCOME_ARGUMENTS &&
	    ranges->list[ranges->count - 1].outcome == outcome)
		return;
	ranges->list[ranges->count++] = (struct range){ first, outcome };
}

static void collect_native_ranges(struct ranges *ranges, const struct selection *selection,
				  const struct filter_pass *pass)
{
	uint32_t limit = syscall_limit(ABI_X86_64);
	for (uint32_t number = 0; number < limit; number++)
		ranges_add(ranges, number, native_outcome(selection, pass, number));
	ranges_add(ranges, limit, OUTCOME_TRACE);
	ranges_add(ranges, X32_BIT | SYS_restart_syscall, OUTCOME_ALLOW);
	ranges_add(ranges, (X32_BIT | SYS_restart_syscall) + 1, OUTCOME_TRACE);
}

static void emit_outcome(struct assembly *assembly, const struct selection *selection,
			 const struct filter_pass *pass, const struct range *range)
{
	if (range->outcome == OUTCOME_ARGUMENTS)
		emit_arguments(assembly, selection, pass, range->first);
	else
		emit_view(assembly, (enum view)range->outcome);
}

/* A balanced search for the number in the accumulator: half of the ranges at each comparison. */
static void emit_search(struct assembly *assembly, const struct selection *selection,
			const struct filter_pass *pass, const struct range *ranges, size_t count)
{
	if (count == 1) {
		emit_outcome(assembly, selection, pass, ranges);
		return;
	}
	size_t lower = count / 2;
	emit_search(assembly, selection, pass, ranges + lower, count - lower);
	unsigned upper = assembly->start;
	emit_search(assembly, selection, pass, ranges, lower);
	emit_branch(assembly, BPF_JGE, ranges[lower].first, true, upper);
}

static int emit_native(struct assembly *assembly, const struct selection *selection,
		       const struct filter_pass *pass)
{
	if (syscall_limit(ABI_X86_64) > SELECTION_NUMBERS)
		return -E2BIG;
	struct ranges *ranges = calloc(1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	collect_native_ranges(ranges, selection, pass);
	emit_search(assembly, selection, pass, ranges->list, ranges->count);
	emit_load(assembly, offsetof(struct seccomp_data, nr));
	free(ranges);
	return 0;
}

static void emit_i386(struct assembly *assembly, const struct selection *selection)
{
	static const uint32_t passing[] = { I386_RESTART_SYSCALL, I386_SIGRETURN,
					    I386_RT_SIGRETURN };
	emit_return(assembly, VERDICT_ALLOW);
	unsigned allow = assembly->start;
	emit_return(assembly, VERDICT_TRACE);
	for (size_t i = 0; i < COUNT(passing); i++)
		if (passing[i] == I386_RESTART_SYSCALL || !is_selected(selection->i386, passing[i]))
			emit_branch(assembly, BPF_JEQ, passing[i], true, allow);
	emit_load(assembly, offsetof(struct seccomp_data, nr));
}

static int emit_program(struct assembly *assembly, const struct selection *selection,
			const struct filter_pass *pass)
{
	emit_shim_check(assembly);
	emit_return(assembly, VERDICT_TRACE);
	unsigned trace = assembly->start;
	emit_i386(assembly, selection);
	emit_branch(assembly, BPF_JEQ, AUDIT_ARCH_I386, false, trace);
	unsigned foreign = assembly->start;
	int error = emit_native(assembly, selection, pass);
	emit_branch(assembly, BPF_JEQ, AUDIT_ARCH_X86_64, false, foreign);
	emit_load(assembly, offsetof(struct seccomp_data, arch));
	return assembly->overflow ? -E2BIG : error;
}

static int copy_program(const struct assembly *assembly, struct sock_fprog *program)
{
	size_t count = PROGRAM_MAX - assembly->start, bytes = count * sizeof(struct sock_filter);
	program->filter = malloc(bytes);
	if (!program->filter)
		return -ENOMEM;
	memcpy(program->filter, assembly->code + assembly->start, bytes);
	program->len = (unsigned short)count;
	return 0;
}

int filter_build(const struct selection *selection, const struct filter_pass *pass, struct sock_fprog *program)
{
	*program = (struct sock_fprog){ 0 };
	if (selection->level == LEVEL_EXEC)
		return 0;
	struct assembly *assembly = calloc(1, sizeof(*assembly));
	if (!assembly)
		return -ENOMEM;
	assembly->start = PROGRAM_MAX;
	int error = emit_program(assembly, selection, pass);
	if (!error)
		error = copy_program(assembly, program);
	free(assembly);
	return error;
}

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;
	if (offset > sizeof(*data) - sizeof(word))
		return 0;
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool comparison_holds(uint16_t code, uint32_t accumulator, uint32_t operand)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return accumulator == operand;
	case BPF_JGE:
		return accumulator >= operand;
	case BPF_JGT:
		return accumulator > operand;
	default:
		return (accumulator & operand) != 0;
	}
}

uint32_t filter_run(const struct sock_fprog *program, uint32_t arch, uint32_t number,
		    uint64_t instruction_pointer, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)number,
				     .arch = arch,
				     .instruction_pointer = instruction_pointer };
	memcpy(data.args, args, sizeof(data.args));
	uint32_t accumulator = 0;
	for (size_t at = 0; at < program->len; at++) {
		const struct sock_filter *code = &program->filter[at];
		if (code->code == (BPF_LD | BPF_W | BPF_ABS))
			accumulator = load_word(&data, code->k);
		else if (code->code == (BPF_ALU | BPF_AND | BPF_K))
			accumulator &= code->k;
		else if (code->code == (BPF_JMP | BPF_JA))
			at += code->k;
		else if (code->code == (BPF_RET | BPF_K))
			return code->k;
		else if (BPF_CLASS(code->code) == BPF_JMP)
			at += comparison_holds(code->code, accumulator, code->k) ? code->jt
										 : code->jf;
		else
			break;
	}
	return program->len ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
}
