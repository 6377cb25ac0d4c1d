/* Two records of one call, compared: see verify.h. Owns what waits for its other half, by task. */
#include "verify.h"

#include "strbuf.h"
#include "syscall.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { BUCKETS = 1024, TEXT_BYTES = 256 };

/* A record, as far as both views make it. */
struct half {
	struct half *next;
	int32_t tid;
	struct event_syscall syscall; /* its attachments point into bytes */
	char bytes[];
};

static struct {
	struct half *first[BUCKETS]; /* each list in order; of a task all are of one view */
	struct verify_count count;
	char text[TEXT_BYTES];
} verify;

static bool is_shims(const struct event_syscall *syscall)
{
	return syscall->flags & SYSCALL_FROM_SHIM;
}

static bool is_compared(uint8_t kind)
{
	return kind == ATTACH_PATH || kind == ATTACH_ABS || kind == ATTACH_TARGET || kind == ATTACH_FD;
}

static size_t bytes_of_attachments(const struct event_syscall *syscall)
{
	size_t len = 0;
	for (unsigned i = 0; i < syscall->attach_count; i++)
		len += is_compared(syscall->attach[i].kind) ? syscall->attach[i].bytes.len : 0;
	return len;
}

static void copy_attachments(struct half *half, const struct event_syscall *syscall)
{
	size_t at = 0;
	half->syscall.attach_count = 0;
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		if (!is_compared(syscall->attach[i].kind))
			continue;
		struct attach *attach = &half->syscall.attach[half->syscall.attach_count++];
		*attach = syscall->attach[i];
		if (attach->bytes.len)
			memcpy(half->bytes + at, attach->bytes.data, attach->bytes.len);
		attach->bytes.data = half->bytes + at;
		at += attach->bytes.len;
	}
}

/* Where the first of the task stands; what stands there is NULL: there is none. */
static struct half **first_of(int32_t tid)
{
	struct half **at = &verify.first[(uint32_t)tid % BUCKETS];
	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static struct half *take_first(int32_t tid)
{
	struct half **at = first_of(tid), *found = *at;
	if (found)
		*at = found->next;
	return found;
}

static void keep(const struct event *event)
{
	struct half *half = malloc(sizeof *half + bytes_of_attachments(&event->syscall));
	if (!half)
		return;
	half->next = NULL;
	half->tid = event->tid;
	half->syscall = event->syscall;
	copy_attachments(half, &event->syscall);
	struct half **end = &verify.first[(uint32_t)event->tid % BUCKETS];
	while (*end)
		end = &(*end)->next;
	*end = half;
}

static const struct attach *find(const struct event_syscall *syscall, const struct attach *like)
{
	for (unsigned i = 0; i < syscall->attach_count; i++)
		if (syscall->attach[i].kind == like->kind && syscall->attach[i].arg == like->arg &&
		    syscall->attach[i].index == like->index)
			return &syscall->attach[i];
	return NULL;
}

/* Where links led is told afterwards by the shim's, and absent once the file has gone; and what is neither file
 * nor socket has no name that a process knows. */
static bool may_be_absent(const struct attach *kernels)
{
	struct bytes name = kernels->bytes;
	bool known = name.len && (name.data[0] == '/' || (name.len > 7 && memcmp(name.data, "socket:", 7) == 0));
	return kernels->kind == ATTACH_TARGET || (kernels->kind == ATTACH_FD && !known);
}

/* A directory that is gone has a mark behind its name while the kernel is asked. */
static struct bytes without_mark(struct bytes name)
{
	static const char mark[] = " (deleted)";
	size_t len = sizeof mark - 1;
	if (name.len > len && memcmp(name.data + name.len - len, mark, len) == 0)
		name.len -= len;
	return name;
}

static bool says_same(const struct attach *one, const struct attach *other)
{
	return bytes_equal(without_mark(one->bytes), without_mark(other->bytes));
}

static const char *compare_attachments(const struct event_syscall *kernel, const struct event_syscall *shim)
{
	static const char *const words[ATTACH_KINDS] = {
		[ATTACH_PATH] = "path", [ATTACH_ABS] = "absolute path", [ATTACH_TARGET] = "target",
		[ATTACH_FD] = "name of a descriptor",
	};
	for (unsigned i = 0; i < kernel->attach_count; i++) {
		const struct attach *attach = &kernel->attach[i], *other = find(shim, attach);
		if (is_compared(attach->kind) &&
		    (other ? !says_same(other, attach) : !may_be_absent(attach)))
			return words[attach->kind];
	}
	for (unsigned i = 0; i < shim->attach_count; i++)
		if (is_compared(shim->attach[i].kind) && !find(kernel, &shim->attach[i]))
			return words[shim->attach[i].kind];
	return NULL;
}

static const char *compare(const struct event_syscall *kernel, const struct event_syscall *shim)
{
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, kernel->number);
	size_t args = desc ? desc->arg_count : 0;
	if (kernel->number != shim->number)
		return "number";
	if (memcmp(kernel->args, shim->args, args * sizeof kernel->args[0]) != 0)
		return "arguments";
	if ((kernel->flags ^ shim->flags) & SYSCALL_NO_RETURN)
		return "return";
	return kernel->ret == shim->ret ? compare_attachments(kernel, shim) : "result";
}

static const char *name_of(const struct event_syscall *syscall)
{
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, syscall->number);
	return desc ? desc->name : "?";
}

const char *verify_take(const struct event *event)
{
	const struct half *waiting = *first_of(event->tid);
	if (!waiting || is_shims(&waiting->syscall) == is_shims(&event->syscall)) {
		keep(event);
		return NULL;
	}
	struct half *half = take_first(event->tid);
	const struct event_syscall *kernel = is_shims(&event->syscall) ? &half->syscall : &event->syscall;
	const struct event_syscall *shim = is_shims(&event->syscall) ? &event->syscall : &half->syscall;
	const char *difference = compare(kernel, shim);
	verify.count.compared++;
	verify.count.different += difference != NULL;
	if (difference)
		snprintf(verify.text, sizeof verify.text, "%s (%s by the kernel's view): %s", name_of(shim),
			 name_of(kernel), difference);
	free(half);
	return difference ? verify.text : NULL;
}

const char *verify_ended(int32_t tid)
{
	unsigned count = 0;
	bool shims = false;
	for (struct half *left; (left = take_first(tid)); count++) {
		shims = is_shims(&left->syscall);
		free(left);
	}
	if (!count)
		return NULL;
	verify.count.different += count;
	snprintf(verify.text, sizeof verify.text, "%u calls that only the %s view has", count, shims ? "shim's" : "kernel's");
	return verify.text;
}

struct verify_count verify_count(void)
{
	return verify.count;
}
