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
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

enum {
	OPEN_CHANGES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
	WRITE_EXEC = PROT_WRITE | PROT_EXEC,
	I386_RESTART_SYSCALL = 0,
	I386_SIGRETURN = 119,
	I386_RT_SIGRETURN = 173,
	X32_BIT = 0x40000000,
	TESTS_MAX = 2,
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

/* "If all tests hold, the verdict"; else on to what was emitted last. */
static void emit_rule(struct assembly *assembly, const struct arg_test tests[TESTS_MAX],
		      uint32_t verdict)
{
	unsigned otherwise = assembly->start;
	emit_return(assembly, verdict);
	for (size_t i = TESTS_MAX; i-- > 0;)
		if (!test_is_constant(&tests[i]))
			emit_test(assembly, &tests[i], otherwise);
}

/* What becomes of one native number: a verdict, or a decision by the arguments. */
enum outcome { OUTCOME_ALLOW, OUTCOME_TRACE, OUTCOME_ARGUMENTS };

static bool is_selected(const uint8_t set[64], uint32_t number)
{
	return number < SELECTION_NUMBERS && set[number / 8] & (1u << number % 8);
}

static enum outcome control_outcome(uint32_t number)
{
	enum outcome outcome = OUTCOME_ALLOW;
	for (size_t i = 0; i < COUNT(control_rules); i++) {
		if (control_rules[i].number != number)
			continue;
		if (tests_are_constant(control_rules[i].tests))
			return OUTCOME_TRACE;
		outcome = OUTCOME_ARGUMENTS;
	}
	return outcome;
}

/* No shim view yet: what would be the shim's traces as well. */
static uint32_t class_verdict(uint8_t class)
{
	return class == CLASS_K || class == CLASS_S ? VERDICT_TRACE : VERDICT_ALLOW;
}

static enum outcome class_outcome(uint8_t class)
{
	bool traces = class_verdict(class) == VERDICT_TRACE, conditional = false;
	for (size_t i = 0; i < COUNT(class_rules); i++) {
		if (class_rules[i].class != class)
			continue;
		if (tests_are_constant(class_rules[i].tests))
			traces = class_verdict(class_rules[i].result) == VERDICT_TRACE;
		else
			conditional = true;
	}
	if (traces) /* every conditional row traces too: rows only ever raise the class */
		return OUTCOME_TRACE;
	return conditional ? OUTCOME_ARGUMENTS : OUTCOME_ALLOW;
}

static enum outcome native_outcome(const struct selection *selection, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
	if (!desc)
		return OUTCOME_TRACE;
	if (desc->class == CLASS_NEVER)
		return OUTCOME_ALLOW;
	if (is_selected(selection->native, number))
		return OUTCOME_TRACE;
	enum outcome control = control_outcome(number);
	enum outcome class = selection->explicit_set ? OUTCOME_ALLOW : class_outcome(desc->class);
	if (control == OUTCOME_TRACE || class == OUTCOME_TRACE)
		return OUTCOME_TRACE;
	return control == OUTCOME_ARGUMENTS ? control : class;
}

static void emit_arguments(struct assembly *assembly, const struct selection *selection,
			   uint32_t number)
{
	uint8_t class = syscall_lookup(ABI_X86_64, number)->class;
	emit_return(assembly, VERDICT_ALLOW);
	for (size_t i = selection->explicit_set ? 0 : COUNT(class_rules); i-- > 0;)
		if (class_rules[i].class == class)
			emit_rule(assembly, class_rules[i].tests,
				  class_verdict(class_rules[i].result));
	for (size_t i = COUNT(control_rules); i-- > 0;)
		if (control_rules[i].number == number)
			emit_rule(assembly, control_rules[i].tests, VERDICT_TRACE);
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

static void collect_native_ranges(struct ranges *ranges, const struct selection *selection)
{
	uint32_t limit = syscall_limit(ABI_X86_64);
	for (uint32_t number = 0; number < limit; number++)
		ranges_add(ranges, number, native_outcome(selection, number));
	ranges_add(ranges, limit, OUTCOME_TRACE);
	ranges_add(ranges, X32_BIT | SYS_restart_syscall, OUTCOME_ALLOW);
	ranges_add(ranges, (X32_BIT | SYS_restart_syscall) + 1, OUTCOME_TRACE);
}

static void emit_outcome(struct assembly *assembly, const struct selection *selection,
			 const struct range *range)
{
	if (range->outcome == OUTCOME_ARGUMENTS)
		emit_arguments(assembly, selection, range->first);
	else
		emit_return(assembly,
			    range->outcome == OUTCOME_TRACE ? VERDICT_TRACE : VERDICT_ALLOW);
}

/* A balanced search for the number in the accumulator: half of the ranges at each comparison. */
static void emit_search(struct assembly *assembly, const struct selection *selection,
			const struct range *ranges, size_t count)
{
	if (count == 1) {
		emit_outcome(assembly, selection, ranges);
		return;
	}
	size_t lower = count / 2;
	emit_search(assembly, selection, ranges + lower, count - lower);
	unsigned upper = assembly->start;
	emit_search(assembly, selection, ranges, lower);
	emit_branch(assembly, BPF_JGE, ranges[lower].first, true, upper);
}

static int emit_native(struct assembly *assembly, const struct selection *selection)
{
	if (syscall_limit(ABI_X86_64) > SELECTION_NUMBERS)
		return -E2BIG;
	struct ranges *ranges = calloc(1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	collect_native_ranges(ranges, selection);
	emit_search(assembly, selection, ranges->list, ranges->count);
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

static int emit_program(struct assembly *assembly, const struct selection *selection)
{
	emit_return(assembly, VERDICT_TRACE);
	unsigned trace = assembly->start;
	emit_i386(assembly, selection);
	emit_branch(assembly, BPF_JEQ, AUDIT_ARCH_I386, false, trace);
	unsigned foreign = assembly->start;
	int error = emit_native(assembly, selection);
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

int filter_build(const struct selection *selection, struct sock_fprog *program)
{
	*program = (struct sock_fprog){ 0 };
	if (selection->level == LEVEL_EXEC)
		return 0;
	struct assembly *assembly = calloc(1, sizeof(*assembly));
	if (!assembly)
		return -ENOMEM;
	assembly->start = PROGRAM_MAX;
	int error = emit_program(assembly, selection);
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
