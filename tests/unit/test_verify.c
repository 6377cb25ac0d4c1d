/* Two records of one call: which differences are told, and which are none. */
#include "verify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum { TASK = 7, OTHER = 8 };

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

static struct event call_of(bool shim, int32_t tid, uint32_t number, int64_t ret)
{
	struct event event = { .kind = EVENT_SYSCALL, .tid = tid };
	event.syscall.abi = ABI_X86_64;
	event.syscall.flags = shim ? SYSCALL_FROM_SHIM : 0;
	event.syscall.number = number;
	event.syscall.ret = ret;
	return event;
}

static struct event open_of(bool shim, const char *path, const char *target)
{
	struct event event = call_of(shim, TASK, SYS_open, 3);
	event.syscall.attach[0] = (struct attach){ .kind = ATTACH_ABS, .bytes = bytes_of_string(path) };
	event.syscall.attach[1] = (struct attach){ .kind = ATTACH_TARGET, .bytes = bytes_of_string(target) };
	event.syscall.attach_count = target ? 2 : 1;
	return event;
}

/* The difference, in either order of the two. */
static const char *differs(const struct event *kernel, const struct event *shim)
{
	static char first[256];
	verify_take(kernel);
	const char *text = verify_take(shim);
	snprintf(first, sizeof first, "%s", text ? text : "");
	verify_take(shim);
	const char *second = verify_take(kernel);
	CHECK(strcmp(first, second ? second : "") == 0);
	return text ? first : NULL;
}

static void equal_records_do_not_differ(void)
{
	struct event kernel = open_of(false, "/a", "/b"), shim = open_of(true, "/a", "/b");
	CHECK(!differs(&kernel, &shim));
	CHECK(verify_count().compared == 2 && verify_count().different == 0);
}

static void a_target_that_is_gone_is_no_difference(void)
{
	struct event kernel = open_of(false, "/a", "/b"), shim = open_of(true, "/a", NULL);
	CHECK(!differs(&kernel, &shim));
	CHECK(differs(&shim, &kernel) == NULL);
}

static void each_part_of_a_call_is_compared(void)
{
	struct event kernel = open_of(false, "/a", NULL), shim = open_of(true, "/a", NULL);
	shim.syscall.ret = 4;
	CHECK(strstr(differs(&kernel, &shim), "result"));
	shim = open_of(true, "/other", NULL);
	CHECK(strstr(differs(&kernel, &shim), "absolute path"));
	shim = open_of(true, "/a", "/invented");
	CHECK(strstr(differs(&kernel, &shim), "target"));
	shim = open_of(true, "/a", NULL);
	shim.syscall.args[1] = 1;
	CHECK(strstr(differs(&kernel, &shim), "arguments"));
	shim.syscall.args[1] = 0;
	shim.syscall.flags |= SYSCALL_NO_RETURN;
	CHECK(strstr(differs(&kernel, &shim), "return"));
	shim = call_of(true, TASK, SYS_close, 3);
	CHECK(strstr(differs(&kernel, &shim), "number"));
}

static void what_only_one_has_told_is_a_difference(void)
{
	struct event mine = call_of(true, TASK, SYS_getpid, 7), other = call_of(false, OTHER, SYS_getpid, 8);
	CHECK(!verify_take(&mine) && !verify_take(&mine) && !verify_take(&other));
	CHECK(strcmp(verify_ended(TASK), "2 calls that only the shim's view has") == 0);
	CHECK(strcmp(verify_ended(OTHER), "1 calls that only the kernel's view has") == 0);
	CHECK(!verify_ended(TASK));
}

int main(void)
{
	equal_records_do_not_differ();
	a_target_that_is_gone_is_no_difference();
	each_part_of_a_call_is_compared();
	what_only_one_has_told_is_a_difference();
	printf("ok %d\n", checks);
	return failures != 0;
}
