/* Two records of one call: which differences are told, and which are none. */
#include "verify.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum { TASK = 7, ERESTARTSYS = 512, ERESTART_RESTARTBLOCK = 516 };

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __func__, __LINE__)

static void check(bool holds, const char *what, const char *where, int line)
{
	checks++;
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s\n", where, line, what);
}

/* ---- what was told ---- */

static struct {
	unsigned count;
	char last[1024];
} told;

static void teller(uint32_t process, struct bytes how)
{
	(void)process;
	told.count++;
	snprintf(told.last, sizeof told.last, "%.*s", (int)how.len, how.data);
}

/* How many differences since the last time. */
static unsigned differences(void)
{
	unsigned count = told.count;
	told.count = 0;
	return count;
}

/* ---- records ---- */

enum view { KERNEL, SHIM };

static struct call *call_of(enum view view, uint32_t number, int64_t ret, uint64_t begin_ns, uint64_t end_ns)
{
	struct call *call = call_create();
	call->event.kind = EVENT_SYSCALL;
	call->event.process = 1;
	call->event.tid = TASK;
	call->event.t_ns = begin_ns;
	call->event.syscall.dur_ns = end_ns - begin_ns;
	call->event.syscall.abi = ABI_X86_64;
	call->event.syscall.flags = view == SHIM ? SYSCALL_FROM_SHIM : 0;
	call->event.syscall.number = number;
	call->event.syscall.ret = ret;
	memset(call->event.syscall.args, 0, sizeof call->event.syscall.args);
	return call;
}

static struct call *open_of(enum view view, const char *path, const char *target)
{
	struct call *call = call_of(view, SYS_open, 3, 10, 20);
	call_attach(call, ATTACH_ABS, 0, 0, bytes_of_string(path), false);
	if (target)
		call_attach(call, ATTACH_TARGET, 0, 0, bytes_of_string(target), false);
	return call;
}

static void take(struct call *call)
{
	verify_take(call, teller);
	call_release(call);
}

/* A call by a view, from begin to end. */
static void told_by(enum view view, uint32_t number, int64_t ret, uint64_t begin_ns, uint64_t end_ns)
{
	take(call_of(view, number, ret, begin_ns, end_ns));
}

static void cut_off(enum view view, uint32_t number, uint64_t begin_ns, uint64_t end_ns)
{
	struct call *call = call_of(view, number, 0, begin_ns, end_ns);
	call->event.syscall.flags |= SYSCALL_NO_RETURN;
	take(call);
}

static unsigned differences_at_end(void)
{
	verify_ended(TASK, teller);
	return differences();
}

/* ---- two of one call ---- */

static void equal_records_do_not_differ(void)
{
	take(open_of(KERNEL, "/a", "/b"));
	take(open_of(SHIM, "/a", "/b"));
	take(open_of(SHIM, "/a", "/b"));
	take(open_of(KERNEL, "/a", "/b"));
	CHECK(differences() == 0 && verify_count().compared == 2 && verify_count().different == 0);
	CHECK(differences_at_end() == 0);
}

/* Only where the record says so itself. */
static void what_could_not_be_told_any_more_may_be_absent(void)
{
	struct call *shim = open_of(SHIM, "/a", NULL);
	shim->target_is_unknown = true;
	take(open_of(KERNEL, "/a", "/b"));
	take(shim);
	CHECK(differences() == 0);
	take(open_of(KERNEL, "/a", "/b"));
	take(open_of(SHIM, "/a", NULL));
	CHECK(differences() == 1 && strstr(told.last, "target of argument 0: none, by the kernel's view \"/b\""));
	take(open_of(KERNEL, "/a", NULL));
	take(call_of(SHIM, SYS_open, 3, 10, 20));
	CHECK(differences() == 1 && strstr(told.last, "absolute path"));
	shim = call_of(SHIM, SYS_open, 3, 10, 20);
	shim->names_are_untold = true;
	take(open_of(KERNEL, "/a", NULL));
	take(shim);
	CHECK(differences() == 0 && differences_at_end() == 0);
}

static void each_part_of_a_call_is_compared(void)
{
	struct call *shim = open_of(SHIM, "/a", NULL);
	shim->event.syscall.ret = 4;
	take(open_of(KERNEL, "/a", NULL));
	take(shim);
	CHECK(differences() == 1 && strstr(told.last, "= 4, by the kernel's view open"));
	take(open_of(KERNEL, "/a", NULL));
	take(open_of(SHIM, "/other", NULL));
	CHECK(differences() == 1 && strstr(told.last, "absolute path"));
	take(open_of(KERNEL, "/a", NULL));
	take(open_of(SHIM, "/a", "/invented"));
	CHECK(differences() == 1 && strstr(told.last, "target"));
	shim = open_of(SHIM, "/a", NULL);
	shim->event.syscall.args[1] = O_CREAT;
	take(open_of(KERNEL, "/a", NULL));
	take(shim);
	CHECK(differences() == 2 && strstr(told.last, "only the"));
	CHECK(differences_at_end() == 0);
}

/* One that only one of the two has does not make all that follow differ. */
static void what_only_one_has_told_is_one_difference(void)
{
	told_by(KERNEL, SYS_getpid, 7, 10, 20);
	told_by(KERNEL, SYS_getppid, 6, 30, 40);
	told_by(KERNEL, SYS_getuid, 0, 50, 60);
	told_by(SHIM, SYS_getpid, 7, 9, 21);
	told_by(SHIM, SYS_getuid, 0, 49, 61);
	CHECK(differences() == 1 && strcmp(told.last, "getppid() = 6: only the kernel's view has it") == 0);
	told_by(SHIM, SYS_getgid, 0, 70, 80);
	told_by(SHIM, SYS_getegid, 0, 90, 99);
	CHECK(differences_at_end() == 2 && strcmp(told.last, "getegid() = 0: only the shim's view has it") == 0);
	CHECK(differences_at_end() == 0);
}

/* ---- what only the kernel's view can know ---- */

static void a_call_that_was_made_again_by_itself_is_one(void)
{
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 10, 20);
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 30, 40);
	told_by(KERNEL, SYS_read, 1, 50, 60);
	told_by(SHIM, SYS_read, 1, 9, 61);
	CHECK(differences() == 0 && differences_at_end() == 0);
}

/* Where it lies before the shim's it is another call, whose record is missing. */
static void an_interruption_that_lies_elsewhere_is_a_difference(void)
{
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 10, 20);
	told_by(KERNEL, SYS_read, 1, 50, 60);
	told_by(SHIM, SYS_read, 1, 49, 61);
	CHECK(differences() + differences_at_end() > 0);
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 10, 20);
	told_by(SHIM, SYS_read, 1, 9, 61);
	CHECK(differences() + differences_at_end() == 1);
}

static void interruptions_that_both_have_told_are_compared(void)
{
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 10, 20);
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 30, 40);
	told_by(SHIM, SYS_read, -ERESTARTSYS, 9, 45);
	told_by(KERNEL, SYS_read, 1, 50, 60);
	told_by(SHIM, SYS_read, 1, 45, 61);
	CHECK(differences() == 0);
	told_by(SHIM, SYS_read, -ERESTARTSYS, 69, 85);
	told_by(KERNEL, SYS_read, 1, 70, 80);
	CHECK(differences() == 1 && differences_at_end() == 0);
}

static void what_restart_syscall_ends_has_another_result(void)
{
	told_by(KERNEL, SYS_nanosleep, -ERESTART_RESTARTBLOCK, 10, 20);
	told_by(SHIM, SYS_nanosleep, 0, 9, 61);
	CHECK(differences() == 0);
	told_by(KERNEL, SYS_nanosleep, -ERESTARTSYS, 70, 75);
	told_by(SHIM, SYS_nanosleep, 0, 69, 80);
	CHECK(differences_at_end() == 1);
}

static void a_result_may_be_amended(void)
{
	told_by(KERNEL, SYS_read, -4, 10, 20);
	verify_amend(TASK, -11);
	told_by(SHIM, SYS_read, -11, 9, 21);
	CHECK(differences() == 0);
	told_by(KERNEL, SYS_read, -4, 30, 40);
	told_by(SHIM, SYS_read, -11, 29, 41);
	CHECK(differences() == 1 && differences_at_end() == 0);
}

/* ---- death ---- */

static void death_cuts_the_last_call_off(void)
{
	told_by(KERNEL, SYS_read, 1, 10, 20);
	cut_off(SHIM, SYS_read, 9, 30);
	CHECK(differences() == 0 && differences_at_end() == 0);
	cut_off(SHIM, SYS_read, 9, 30);
	CHECK(differences_at_end() == 0);
	told_by(KERNEL, SYS_read, -ERESTARTSYS, 10, 20);
	told_by(SHIM, SYS_read, -ERESTARTSYS, 9, 21);
	cut_off(KERNEL, SYS_read, 30, 40);
	CHECK(differences_at_end() == 0);
}

static void only_the_last_and_no_other(void)
{
	told_by(KERNEL, SYS_read, 1, 10, 20);
	cut_off(SHIM, SYS_read, 9, 21);
	told_by(KERNEL, SYS_read, 1, 30, 40);
	CHECK(differences() == 1 && differences_at_end() == 0);
	cut_off(KERNEL, SYS_read, 10, 20);
	told_by(SHIM, SYS_read, 1, 9, 21);
	CHECK(differences() == 1 && differences_at_end() == 0);
	cut_off(KERNEL, SYS_read, 10, 20);
	CHECK(differences_at_end() == 1);
	told_by(SHIM, SYS_read, 1, 9, 21);
	CHECK(differences_at_end() == 1);
}

int main(void)
{
	equal_records_do_not_differ();
	what_could_not_be_told_any_more_may_be_absent();
	each_part_of_a_call_is_compared();
	what_only_one_has_told_is_one_difference();
	a_call_that_was_made_again_by_itself_is_one();
	an_interruption_that_lies_elsewhere_is_a_difference();
	interruptions_that_both_have_told_are_compared();
	what_restart_syscall_ends_has_another_result();
	a_result_may_be_amended();
	death_cuts_the_last_call_off();
	only_the_last_and_no_other();
	printf("ok %d\n", checks);
	return failures != 0;
}
