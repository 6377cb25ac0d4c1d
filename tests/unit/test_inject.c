/* Promises of the rebuilt stack and of the shim that it brings in. The first half works on stacks made
 * here; the second runs real programs under the smallest tracer that injects, serves the hello and
 * reads the ring, and compares what they print with what they print when nobody looks. */
#include "check.h"
#include "inject.h"
#include "ringread.h"
#include "shimfile.h"

#include "ptwrap/abi.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define SHIM "/dev/shm/ptwrap-abcdef/shim.so"

enum { UNLIMITED_MIB = 8, STRINGS = 4096, SP = 0x7ffc00001000 };

/* A stack as the kernel makes one, in words[], with its strings behind them. */
struct made {
	uint64_t words[1 << 12];
	size_t count;
	char *text;
	struct inject_stack stack;
};

static uint64_t add_string(struct made *made, const char *string)
{
	char *area = (char *)made->words + sizeof(made->words) - STRINGS;
	uint64_t address = SP + (uint64_t)(made->text - (char *)made->words);
	CHECK(made->text + strlen(string) + 1 < area + STRINGS, "%s", string);
	strcpy(made->text, string);
	made->text += strlen(string) + 1;
	return address;
}

static void add_strings(struct made *made, const char *const *strings)
{
	for (; *strings; strings++)
		made->words[made->count++] = add_string(made, *strings);
	made->words[made->count++] = 0;
}

static void add_auxiliary(struct made *made, uint64_t type, uint64_t value)
{
	made->words[made->count++] = type;
	made->words[made->count++] = value;
}

static void make_stack(struct made *made, const char *const *environment, bool dynamic, bool secure)
{
	static const char *const arguments[] = { "prog", "one", NULL };
	memset(made, 0, sizeof(*made));
	made->text = (char *)made->words + sizeof(made->words) - STRINGS;
	made->words[made->count++] = 2;
	add_strings(made, arguments);
	add_strings(made, environment);
	add_auxiliary(made, AT_PHDR, 0x400040);
	add_auxiliary(made, AT_BASE, dynamic ? 0x7f0000000000 : 0);
	add_auxiliary(made, AT_SECURE, secure);
	add_auxiliary(made, AT_EXECFN, SP + sizeof(made->words) - 16);
	add_auxiliary(made, AT_NULL, 0);
	made->stack = (struct inject_stack){ .sp = SP, .bytes = (unsigned char *)made->words,
		.len = sizeof(made->words), .word_bytes = 8 };
}

static enum inject_reason build(const struct made *made, const char *path, uint64_t limit,
				struct inject_result *result)
{
	struct inject_image image;
	*result = (struct inject_result){ 0 };
	enum inject_reason reason = inject_parse(&made->stack, &image);
	return reason == INJECT_OK ? inject_build(&image, path, limit, result) : reason;
}

static const char *result_string(const struct inject_result *result, uint64_t address)
{
	if (address < result->new_sp || address >= result->new_sp + result->len)
		return "(outside)";
	return (const char *)result->block + (address - result->new_sp);
}

static void test_two_equal_entries_are_appended(void)
{
	static const char *const environment[] = { "A=1", "B=2", NULL };
	static struct made made;
	struct inject_result result;
	struct inject_image image;
	make_stack(&made, environment, true, false);
	CHECK(build(&made, SHIM, 8 << 20, &result) == INJECT_OK, "built");
	CHECK(result.new_sp % 16 == 0 && result.new_sp + result.len <= SP, "aligned, below");
	struct inject_stack again = { .sp = result.new_sp, .bytes = result.block, .len = result.len, .word_bytes = 8 };
	CHECK(inject_parse(&again, &image) == INJECT_OK && image.argc == 2 && image.envp_count == 4, "parses");
	CHECK(inject_argument(&image, 1) == made.words[2], "arguments stay where they were");
	CHECK(inject_variable(&image, 1) == made.words[5], "variables too");
	uint64_t entry = inject_variable(&image, 2), value;
	CHECK(entry == inject_variable(&image, 3), "twice the same");
	CHECK(strcmp(result_string(&result, entry), "LD_PRELOAD=" SHIM) == 0, "%s", result_string(&result, entry));
	CHECK(inject_auxiliary(&image, AT_PHDR, &value) && value == 0x400040, "auxv is copied");
	free(result.block);
}

static void test_a_present_preload_is_continued(void)
{
	static const char *const environment[] = { "A=1", "LD_PRELOAD=libx.so liby.so", "B=2", NULL };
	static struct made made;
	struct inject_result result;
	struct inject_image image;
	make_stack(&made, environment, true, false);
	CHECK(build(&made, SHIM, 8 << 20, &result) == INJECT_OK, "built");
	struct inject_stack again = { .sp = result.new_sp, .bytes = result.block, .len = result.len, .word_bytes = 8 };
	CHECK(inject_parse(&again, &image) == INJECT_OK && image.envp_count == 3, "parses");
	const char *entry = result_string(&result, inject_variable(&image, 1));
	CHECK(strcmp(entry, "LD_PRELOAD=libx.so liby.so::" SHIM) == 0, "%s", entry);
	free(result.block);
}

static void test_what_cannot_carry_the_shim_is_refused(void)
{
	static const char *const plain[] = { "A=1", NULL };
	static const char *const debug[] = { "LD_DEBUG=libs", NULL };
	static const char *const audit[] = { "LD_AUDIT=", NULL };
	static const char *const trace[] = { "LD_TRACE_LOADED_OBJECTS=1", NULL };
	static const char *const twice[] = { "LD_PRELOAD=a", "LD_PRELOAD=b", NULL };
	static const struct {
		const char *const *environment;
		bool dynamic, secure;
		const char *path;
		uint64_t limit;
		enum inject_reason reason;
	} cases[] = {
		{ plain, true, false, SHIM, RLIM_INFINITY, INJECT_OK },
		{ plain, false, false, SHIM, 8 << 20, INJECT_STATIC },
		{ plain, true, true, SHIM, 8 << 20, INJECT_SECURE },
		{ plain, true, false, "/a b/shim.so", 8 << 20, INJECT_PATH },
		{ plain, true, false, "/a:b/shim.so", 8 << 20, INJECT_PATH },
		{ plain, true, false, "/$LIB/shim.so", 8 << 20, INJECT_PATH },
		{ plain, true, false, "shim.so", 8 << 20, INJECT_PATH },
		{ plain, true, false, SHIM, 32 << 10, INJECT_STACK_LIMIT },
		{ debug, true, false, SHIM, 8 << 20, INJECT_DEBUGGED },
		{ audit, true, false, SHIM, 8 << 20, INJECT_DEBUGGED },
		{ trace, true, false, SHIM, 8 << 20, INJECT_DEBUGGED },
		{ twice, true, false, SHIM, 8 << 20, INJECT_AMBIGUOUS },
	};
	static struct made made;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inject_result result;
		make_stack(&made, cases[i].environment, cases[i].dynamic, cases[i].secure);
		enum inject_reason reason = build(&made, cases[i].path, cases[i].limit, &result);
		CHECK(reason == cases[i].reason, "case %zu: %s", i, inject_reason_name(reason));
		CHECK((reason == INJECT_OK) == (result.block != NULL), "case %zu", i);
		free(result.block);
	}
}

static void test_a_short_copy_is_told_from_a_wrong_one(void)
{
	static const char *const environment[] = { "A=1", NULL };
	static struct made made;
	struct inject_image image;
	make_stack(&made, environment, true, false);
	for (size_t len = 0; len < made.count * 8; len += 4) {
		made.stack.len = len;
		CHECK(inject_parse(&made.stack, &image) == INJECT_SHORT, "%zu bytes", len);
	}
	made.stack.len = made.count * 8;
	CHECK(inject_parse(&made.stack, &image) == INJECT_OK, "whole");
	made.words[0] = 5;
	CHECK(inject_parse(&made.stack, &image) == INJECT_MALFORMED, "argc");
	made.stack.word_bytes = 3;
	CHECK(inject_parse(&made.stack, &image) == INJECT_MALFORMED, "word");
}

static void test_a_32_bit_stack_is_read_and_left_alone(void)
{
	uint32_t words[] = { 1, 0xff001000, 0, 0xff002000, 0, AT_BASE, 0xf7000000, AT_SECURE, 0, AT_NULL, 0 };
	struct inject_stack stack = { .sp = 0xff000000, .bytes = (unsigned char *)words, .len = sizeof(words),
		.word_bytes = 4 };
	struct inject_image image;
	struct inject_result result;
	CHECK(inject_parse(&stack, &image) == INJECT_OK && image.argc == 1, "parses");
	CHECK(inject_argument(&image, 0) == 0xff001000 && inject_variable(&image, 0) == 0xff002000, "pointers");
	CHECK(inject_argument(&image, 1) == 0 && inject_variable(&image, 1) == 0, "ends");
	CHECK(inject_build(&image, SHIM, RLIM_INFINITY, &result) == INJECT_CLASS, "refused");
}

static void test_every_reason_has_a_name(void)
{
	for (int reason = 0; reason < INJECT_REASONS; reason++)
		CHECK(strcmp(inject_reason_name((enum inject_reason)reason), "unknown") != 0, "%d", reason);
}

/* The smallest tracer. */

struct seen { /* of one run */
	bool injected, greeted, said_end, by_signal;
	enum inject_reason reason;
	unsigned libraries, ids, names, other;
	char libc[256];
	struct ringread_counters counters;
	char output[1 << 20];
	size_t output_len;
	int status;
};

struct run {
	char *const *command;
	const struct shimfile *shim; /* NULL: natively */
	bool by_signal;              /* answer the hello with ENOSYS, as without a filter */
	rlim_t stack_limit;
};

static int sink_message(void *context, const struct ring_message *message)
{
	struct seen *seen = context;
	switch (message->kind) {
	case RING_PROCESS:
		seen->ids++;
		break;
	case RING_THREAD_NAME:
		seen->names++;
		break;
	case RING_LIBRARY:
		seen->libraries++;
		if (memmem(message->library.path.data, message->library.path.len, "libc.", 5))
			snprintf(seen->libc, sizeof(seen->libc), "%.*s %zu", (int)message->library.path.len,
				 message->library.path.data, message->library.build_id.len);
		break;
	default:
		seen->other++;
	}
	return 0;
}

static long read_tracee(void *context, uint64_t address, void *buffer, size_t len)
{
	struct iovec local = { buffer, len }, remote = { (void *)(uintptr_t)address, len };
	ssize_t got = process_vm_readv(*(pid_t *)context, &local, 1, &remote, 1, 0);
	return got < 0 ? -errno : got;
}

static bool write_tracee(pid_t pid, uint64_t address, const void *data, size_t len)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool whole = fd >= 0 && pwrite(fd, data, len, (off_t)address) == (ssize_t)len;
	close(fd);
	return whole;
}

static enum inject_reason parse_tracee(pid_t *pid, uint64_t sp, unsigned char **copy, struct inject_image *image)
{
	enum inject_reason reason = INJECT_SHORT;
	for (size_t size = 1 << 14; reason == INJECT_SHORT && size < 1 << 24; size *= 4) {
		*copy = realloc(*copy, size);
		long len = read_tracee(pid, sp, *copy, size);
		if (len < 0)
			return INJECT_UNREADABLE;
		reason = inject_parse(&(struct inject_stack){ .sp = sp, .bytes = *copy, .len = (size_t)len,
			.word_bytes = 8, .read = read_tracee, .context = pid }, image);
	}
	return reason;
}

static void inject(pid_t pid, const struct run *run, struct seen *seen)
{
	struct user_regs_struct regs;
	struct inject_image image;
	struct inject_result result = { 0 };
	unsigned char *copy = NULL;
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	seen->reason = parse_tracee(&pid, regs.rsp, &copy, &image);
	if (seen->reason == INJECT_OK)
		seen->reason = inject_build(&image, run->shim->path, run->stack_limit, &result);
	if (seen->reason == INJECT_OK && shimfile_visible_at(run->shim, pid)) {
		CHECK(write_tracee(pid, result.new_sp, result.block, result.len), "%zu bytes", result.len);
		regs.rsp = result.new_sp;
		ptrace(PTRACE_SETREGS, pid, 0, &regs);
		seen->injected = true;
	}
	free(copy);
	free(result.block);
}

static struct ringread *adopt(pid_t pid, uint64_t fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)fd);
	int memfd = open(path, O_RDWR | O_CLOEXEC);
	struct ringread *ring = ringread_adopt(memfd, 1);
	CHECK(ring, "%s: %s", path, strerror(errno));
	close(memfd);
	return ring;
}

/* Entry (first) and exit of a call; answers the hello. */
static void serve_call(pid_t pid, bool entry, const struct run *run, struct seen *seen, struct ringread **ring)
{
	struct user_regs_struct regs;
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	bool hello = (uint32_t)regs.orig_rax == PTWRAP_HELLO_NUMBER && regs.rsi == PTWRAP_HELLO_MAGIC;
	if (entry && regs.orig_rax == SYS_close && regs.rdx == PTWRAP_HELLO_MAGIC)
		seen->said_end = true;
	if (entry || !hello || run->by_signal)
		return;
	*ring = adopt(pid, regs.rdi);
	seen->greeted = true;
	regs.rax = RING_BYTES;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
}

/* The signal to deliver. */
static int serve_signal(pid_t pid, int number, struct seen *seen, struct ringread **ring)
{
	siginfo_t info;
	if (number != SIGSTOP || ptrace(PTRACE_GETSIGINFO, pid, 0, &info) || info.si_code != SI_QUEUE)
		return number;
	uint64_t fd = (uint64_t)(uintptr_t)info.si_value.sival_ptr ^ PTWRAP_HELLO_MAGIC;
	if (fd > 1 << 20)
		return number;
	*ring = adopt(pid, fd);
	seen->greeted = seen->by_signal = true;
	return 0;
}

static void start_image(struct seen *seen, struct ringread **ring)
{
	ringread_close(*ring);
	*ring = NULL;
	*seen = (struct seen){ .status = seen->status };
}

static void follow(pid_t pid, const struct run *run, struct seen *seen)
{
	struct ringread *ring = NULL;
	bool entry = true, execed = false;
	while (waitpid(pid, &seen->status, __WALL) == pid && WIFSTOPPED(seen->status)) {
		int signal = WSTOPSIG(seen->status), event = seen->status >> 16;
		if (event == PTRACE_EVENT_EXEC && run->shim) {
			start_image(seen, &ring);
			inject(pid, run, seen);
			execed = true;
			entry = false;
		} else if (signal == (SIGTRAP | 0x80)) {
			serve_call(pid, entry, run, seen, &ring);
			entry = !entry;
		} else if (event == PTRACE_EVENT_EXIT && ring) {
			ringread_read(ring, &(struct ringread_dead){ .all = true }, sink_message, seen);
			seen->counters = ringread_counters(ring);
		}
		int deliver = event || signal == (SIGTRAP | 0x80) ? 0 : serve_signal(pid, signal, seen, &ring);
		bool steps = execed && run->shim && !seen->said_end;
		ptrace(steps ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, (long)deliver);
	}
	ringread_close(ring);
}

static void start_command(const struct run *run, int go, int output)
{
	char byte;
	struct rlimit limit = { run->stack_limit, RLIM_INFINITY };
	if (read(go, &byte, 1) != 1)
		_exit(126);
	setrlimit(RLIMIT_STACK, &limit);
	dup2(output, 1);
	dup2(output, 2);
	execvp(run->command[0], run->command);
	_exit(127);
}

/* Runs the command; what it prints goes through a file, which nobody has to read meanwhile. */
static void run_command(const struct run *run, struct seen *seen)
{
	int go[2];
	FILE *output = tmpfile();
	memset(seen, 0, sizeof(*seen));
	if (!output || pipe2(go, O_CLOEXEC)) {
		CHECK(false, "%s", strerror(errno));
		return;
	}
	fcntl(fileno(output), F_SETFD, FD_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0)
		start_command(run, go[0], fileno(output));
	long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
	if (run->shim && ptrace(PTRACE_SEIZE, pid, 0, options))
		CHECK(false, "PTRACE_SEIZE: %s", strerror(errno));
	CHECK(write(go[1], "", 1) == 1, "go");
	close(go[0]);
	close(go[1]);
	follow(pid, run, seen);
	rewind(output);
	seen->output_len = fread(seen->output, 1, sizeof(seen->output) - 1, output);
	fclose(output);
}

static struct shimfile shim;
static struct seen native, wrapped;

/* The same output and status as natively. */
static void compare(const char *name, struct run run)
{
	const struct shimfile *file = run.shim;
	run.shim = NULL;
	run_command(&run, &native);
	run.shim = file;
	run_command(&run, &wrapped);
	CHECK(wrapped.status == native.status, "%s: %x, natively %x", name, wrapped.status, native.status);
	CHECK(wrapped.output_len == native.output_len &&
	      memcmp(wrapped.output, native.output, native.output_len) == 0,
	      "%s: printed\n%s\nnatively\n%s", name, wrapped.output, native.output);
}

static void expect_shim(const char *name)
{
	CHECK(wrapped.injected, "%s: %s", name, inject_reason_name(wrapped.reason));
	CHECK(wrapped.greeted && wrapped.said_end, "%s: greeted %d, end %d", name, wrapped.greeted, wrapped.said_end);
	CHECK(wrapped.ids == 1 && wrapped.names == 1 && wrapped.other == 0, "%s: %u ids, %u names", name,
	      wrapped.ids, wrapped.names);
	CHECK(wrapped.libraries >= 2, "%s: %u libraries", name, wrapped.libraries);
	CHECK(wrapped.counters.garbage == 0 && wrapped.counters.dropped == 0 && wrapped.counters.skipped == 0,
	      "%s: %lu garbage", name, wrapped.counters.garbage);
}

static void compare_shell(const char *script)
{
	char *command[] = { "sh", "-c", (char *)script, NULL };
	compare(script, (struct run){ .command = command, .shim = &shim, .stack_limit = 8 << 20 });
	expect_shim(script);
}

static void test_programs_see_what_they_would_natively(void)
{
	static const char *const scripts[] = {
		"true",
		"exec /bin/true",
		"exec env",
		"exec env -i",
		"exec cat /proc/self/environ",
		"exec cat /proc/self/cmdline one two",
		"exec ls /proc/self/fd/",
		"exec sh -c 'env; echo $0' name",
		"exec bash -c 'declare -x; echo $BASH_VERSION'",
		"LD_PRELOAD= exec env",
		"LD_PRELOAD=libm.so.6 exec env",
		"LD_PRELOAD=libm.so.6:libdl.so.2 exec env -u A",
		"unset PATH; exec /usr/bin/env",
		"ulimit -n 16; exec /bin/true",
		"ulimit -v 20000; exec /bin/true",
	};
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		compare_shell(scripts[i]);
}

static void test_libraries_come_with_build_ids(void)
{
	compare_shell("exec /bin/true");
	CHECK(wrapped.libraries == 3, "%u", wrapped.libraries);
	CHECK(strstr(wrapped.libc, "libc.so.6 20"), "%s", wrapped.libc);
}

static void test_without_a_filter_the_hello_goes_by_signal(void)
{
	char *command[] = { "/bin/echo", "one", NULL };
	compare("by signal", (struct run){ .command = command, .shim = &shim, .by_signal = true,
		.stack_limit = 8 << 20 });
	expect_shim("by signal");
	CHECK(wrapped.by_signal, "signal seen");
}

static void test_very_many_arguments_are_no_hindrance(void)
{
	enum { COUNT = 180000 };
	char **command = calloc(COUNT + 3, sizeof(*command));
	command[0] = "/bin/echo";
	for (int i = 1; i <= COUNT; i++)
		command[i] = "a";
	compare("180000 arguments", (struct run){ .command = command, .shim = &shim, .stack_limit = 64 << 20 });
	expect_shim("180000 arguments");
	free(command);
}

static void test_a_small_stack_stays_without_the_shim(void)
{
	enum { COUNT = 4000 };
	char **command = calloc(COUNT + 3, sizeof(*command));
	command[0] = "/bin/echo";
	for (int i = 1; i <= COUNT; i++)
		command[i] = "a";
	compare("small stack", (struct run){ .command = command, .shim = &shim, .stack_limit = 128 << 10 });
	CHECK(wrapped.reason == INJECT_STACK_LIMIT, "%s", inject_reason_name(wrapped.reason));
	free(command);
}

/* This program itself: walks from envp to the auxiliary vector as start-up code does. */
static int print_auxiliary(char **environment)
{
	while (*environment++)
		;
	for (Elf64_auxv_t *entry = (Elf64_auxv_t *)environment; entry->a_type != AT_NULL; entry++)
		if (entry->a_type != AT_IGNORE && entry->a_type != AT_RANDOM)
			printf("%lu %d\n", entry->a_type, getauxval(entry->a_type) == entry->a_un.a_val);
	return 0;
}

static void test_the_auxiliary_vector_is_found_behind_the_environment(const char *self)
{
	char *command[] = { (char *)self, "--auxiliary", NULL };
	compare("auxiliary vector", (struct run){ .command = command, .shim = &shim, .stack_limit = 8 << 20 });
	CHECK(wrapped.output_len > 50, "printed %zu", wrapped.output_len);
	expect_shim("auxiliary vector");
}

static void test_shim_file_is_for_everybody_and_goes(void)
{
	char path[SHIMFILE_PATH];
	strcpy(path, shim.path);
	CHECK(access(path, R_OK | X_OK) == 0 && shimfile_visible_at(&shim, getpid()), "%s", path);
	shimfile_remove(&shim);
	CHECK(access(path, F_OK) != 0 && !shimfile_visible_at(&shim, getpid()), "%s", path);
	shimfile_remove(&shim);
}

int main(int argc, char **argv, char **environment)
{
	if (argc > 1)
		return print_auxiliary(environment);
	test_two_equal_entries_are_appended();
	test_a_present_preload_is_continued();
	test_what_cannot_carry_the_shim_is_refused();
	test_a_short_copy_is_told_from_a_wrong_one();
	test_a_32_bit_stack_is_read_and_left_alone();
	test_every_reason_has_a_name();
	CHECK(shimfile_create(&shim) == 0, "shim file");
	test_programs_see_what_they_would_natively();
	test_libraries_come_with_build_ids();
	test_without_a_filter_the_hello_goes_by_signal();
	test_very_many_arguments_are_no_hindrance();
	test_a_small_stack_stays_without_the_shim();
	if (!SANITIZED) /* a sanitizer's runtime must come before the shim: the tracer leaves such programs alone */
		test_the_auxiliary_vector_is_found_behind_the_environment(argv[0]);
	test_shim_file_is_for_everybody_and_goes();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
