/* Two records of one call, compared: see verify.h. Owns what waits for its other half, by task.
 *
 * What only the kernel's view can know of a call, each taken as it stands and nothing else:
 *
 *   kernel's view               shim's              why
 *   ERESTART*, then the same    the call, once      no signal came to be delivered: another thread took it, the task was
 *   call again                                      stopped, or ignores it (act_restart.c); the program sees one call
 *   ERESTART_RESTARTBLOCK       another result      the same; restart_syscall, which goes on with it, is never traced
 *   the same call, no return    nothing             killed in a call that was made again after its interruption, the last
 *   returned, the last          no return           killed between its return and its record
 *   no names, no return, last   names               killed before they could be asked for
 *   nothing                     no return           killed at the stop before the call, the last */
#include "verify.h"

#include "decode/formats.h"
#include "memory.h"
#include "strbuf.h"
#include "syscall.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	BUCKETS = 1024,
	TOLD_MAX = 200,
	ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516,
};

/* A call, as far as both views tell it. */
struct record {
	uint32_t process;
	uint64_t t_ns;
	bool target_is_unknown, names_are_untold, path_is_unread; /* as struct call has it */
	const struct event_syscall *syscall;
};

struct half {
	struct half *next;
	struct record record;
	struct event_syscall syscall; /* its attachments point into bytes */
	char bytes[];
};

/* What the call that was met last may be followed by. */
enum last {
	LAST_WHOLE,
	LAST_INTERRUPTED, /* both have told that */
	LAST_CUT,         /* it never returned */
};

struct task {
	struct task *next;
	int32_t tid;
	struct half *first; /* in order, all of one view */
	enum last last;
	uint32_t number;    /* of the call that was met last */
	uint64_t args[6];
};

static struct {
	struct task *tasks[BUCKETS];
	struct verify_count count;
	struct strbuf text;
} verify;

static bool is_shims(const struct event_syscall *syscall)
{
	return syscall->flags & SYSCALL_FROM_SHIM;
}

/* ---- what waits ---- */

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

static struct task **place_of(int32_t tid)
{
	struct task **at = &verify.tasks[(uint32_t)tid % BUCKETS];
	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static struct task *task_of(int32_t tid)
{
	struct task **at = place_of(tid);
	if (!*at && (*at = memory_checked(calloc(1, sizeof **at))))
		(*at)->tid = tid;
	return *at;
}

static void keep(struct task *task, const struct record *record)
{
	struct half *half = memory_checked(malloc(sizeof *half + bytes_of_attachments(record->syscall)));
	if (!half)
		return;
	half->next = NULL;
	half->record = *record;
	half->record.syscall = &half->syscall;
	half->syscall = *record->syscall;
	copy_attachments(half, record->syscall);
	struct half **end = &task->first;
	while (*end)
		end = &(*end)->next;
	*end = half;
}

static void drop_first(struct task *task)
{
	struct half *half = task->first;
	task->first = half->next;
	free(half);
}

/* ---- what is told ---- */

static const struct syscall_desc *desc_of(const struct event_syscall *syscall)
{
	return syscall_lookup(ABI_X86_64, syscall->number);
}

static size_t args_of(const struct event_syscall *syscall)
{
	const struct syscall_desc *desc = desc_of(syscall);
	return desc ? desc->arg_count : 0;
}

static bool never_returned(const struct event_syscall *syscall)
{
	return syscall->flags & SYSCALL_NO_RETURN;
}

static void describe_call(const struct event_syscall *syscall)
{
	const struct syscall_desc *desc = desc_of(syscall);
	strbuf_addf(&verify.text, "%s(", desc ? desc->name : "?");
	for (size_t i = 0; i < args_of(syscall); i++)
		strbuf_addf(&verify.text, "%s%#llx", i ? ", " : "", (unsigned long long)syscall->args[i]);
	if (never_returned(syscall))
		strbuf_add_string(&verify.text, ") = ?");
	else
		strbuf_addf(&verify.text, ") = %lld", (long long)syscall->ret);
}

static void describe_value(const struct attach *attach)
{
	if (!attach) {
		strbuf_add_string(&verify.text, "none");
		return;
	}
	strbuf_add_char(&verify.text, '"');
	strbuf_add(&verify.text, attach->bytes.data, attach->bytes.len);
	strbuf_add_char(&verify.text, '"');
}

/* Only so many are told, and all are counted. */
static void tell(uint32_t process, verify_teller *teller)
{
	if (verify.count.different++ < TOLD_MAX)
		teller(process, strbuf_bytes(&verify.text));
	strbuf_reset(&verify.text);
}

static void tell_alone(const struct record *record, verify_teller *teller)
{
	describe_call(record->syscall);
	strbuf_addf(&verify.text, ": only the %s view has it", is_shims(record->syscall) ? "shim's" : "kernel's");
	tell(record->process, teller);
}

/* ---- two of one call ---- */

static const struct attach *find(const struct event_syscall *syscall, const struct attach *like)
{
	for (unsigned i = 0; i < syscall->attach_count; i++)
		if (syscall->attach[i].kind == like->kind && syscall->attach[i].arg == like->arg &&
		    syscall->attach[i].index == like->index)
			return &syscall->attach[i];
	return NULL;
}

/* The shim's is told afterwards, and says of what could not be told any more that it was so. */
static bool may_be_absent(const struct attach *kernels, const struct record *shim)
{
	switch (kernels->kind) {
	case ATTACH_TARGET:
		return shim->target_is_unknown;
	case ATTACH_PATH:
		return shim->path_is_unread;
	case ATTACH_ABS:
		return shim->path_is_unread || shim->names_are_untold;
	default:
		return shim->names_are_untold;
	}
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

/* What was there only once the call was over. */
static bool is_of_result(const struct event_syscall *syscall, const struct attach *attach)
{
	const struct syscall_desc *desc = desc_of(syscall);
	if (attach->kind != ATTACH_FD || attach->arg >= desc->arg_count)
		return attach->kind != ATTACH_PATH && attach->kind != ATTACH_ABS;
	return desc->args[attach->arg].format == FORMAT_FD_PAIR;
}

static void describe_difference(const struct attach *kernels, const struct attach *shims)
{
	static const char *const words[ATTACH_KINDS] = {
		[ATTACH_PATH] = "path", [ATTACH_ABS] = "absolute path", [ATTACH_TARGET] = "target",
		[ATTACH_FD] = "name of a descriptor",
	};
	const struct attach *attach = kernels ? kernels : shims;
	strbuf_addf(&verify.text, ": %s of argument %u: ", words[attach->kind], attach->arg);
	describe_value(shims);
	strbuf_add_string(&verify.text, ", by the kernel's view ");
	describe_value(kernels);
}

/* True: they differ, which is described. */
static bool attachments_differ(const struct event_syscall *kernel, const struct record *shim)
{
	for (unsigned i = 0; i < kernel->attach_count; i++) {
		const struct attach *attach = &kernel->attach[i], *other = find(shim->syscall, attach);
		if (!is_compared(attach->kind) || (other ? says_same(other, attach) : may_be_absent(attach, shim)) ||
		    (never_returned(shim->syscall) && is_of_result(kernel, attach)))
			continue;
		describe_difference(attach, other);
		return true;
	}
	for (unsigned i = 0; i < shim->syscall->attach_count; i++) {
		const struct attach *attach = &shim->syscall->attach[i];
		if (!is_compared(attach->kind) || find(kernel, attach) || never_returned(kernel))
			continue;
		describe_difference(NULL, attach);
		return true;
	}
	return false;
}

/* Results that no program sees: the kernel makes the call again, or a handler runs and it returns EINTR. */
static bool is_interrupted(const struct event_syscall *syscall)
{
	int64_t error = -syscall->ret;
	return !never_returned(syscall) && (error == ERESTARTSYS || error == ERESTARTNOINTR ||
					    error == ERESTARTNOHAND || error == ERESTART_RESTARTBLOCK);
}

static bool is_call(const struct event_syscall *syscall, uint32_t number, const uint64_t *args)
{
	return syscall->number == number && memcmp(syscall->args, args, args_of(syscall) * sizeof *args) == 0;
}

/* Its result is not the call's, which went on as restart_syscall. */
static bool went_on(const struct event_syscall *kernel)
{
	return !never_returned(kernel) && kernel->ret == -ERESTART_RESTARTBLOCK;
}

static void compare(struct task *task, const struct record *kernel, const struct record *shim, verify_teller *teller)
{
	const struct event_syscall *one = kernel->syscall, *other = shim->syscall;
	verify.count.compared++;
	task->number = other->number;
	memcpy(task->args, other->args, sizeof task->args);
	task->last = is_interrupted(other) ? LAST_INTERRUPTED : LAST_WHOLE;
	if (never_returned(other))
		task->last = LAST_CUT;
	describe_call(other);
	if (task->last != LAST_CUT && !went_on(one) &&
	    (never_returned(one) != never_returned(other) || one->ret != other->ret)) {
		strbuf_add_string(&verify.text, ", by the kernel's view ");
		describe_call(one);
		tell(shim->process, teller);
	} else if (attachments_differ(one, shim)) {
		tell(shim->process, teller);
	}
	strbuf_reset(&verify.text);
}

/* ---- one that waits meets one that comes ---- */

enum meeting {
	MEET_PAIR,
	MEET_OTHERS,        /* different calls at the same time */
	MEET_KERNELS_GOES,  /* the kernel's is a part of what the shim tells as one */
	MEET_KERNELS_ALONE, /* it has no other half */
	MEET_SHIMS_ALONE,
};

static bool is_before(const struct record *one, const struct record *other)
{
	return one->t_ns + one->syscall->dur_ns < other->t_ns;
}

static bool is_within(const struct record *kernel, const struct record *shim)
{
	return shim->t_ns <= kernel->t_ns &&
	       kernel->t_ns + kernel->syscall->dur_ns <= shim->t_ns + shim->syscall->dur_ns;
}

/* The kernel's is a part of the shim's: it lies within it, and is not its end. */
static bool is_part(const struct record *kernel, const struct half *next, const struct record *shim)
{
	const struct event_syscall *one = kernel->syscall, *other = shim->syscall;
	bool is_its_end = !never_returned(other) && one->ret == other->ret && !(next && is_within(&next->record, shim));
	return is_interrupted(one) && !went_on(one) && !is_its_end && is_within(kernel, shim);
}

/* next: what follows the kernel's, where it has waited for long; NULL: not known. */
static enum meeting meet(const struct record *kernel, const struct half *next, const struct record *shim)
{
	if (!is_call(kernel->syscall, shim->syscall->number, shim->syscall->args))
		return is_before(kernel, shim) ? MEET_KERNELS_ALONE :
		       is_before(shim, kernel) ? MEET_SHIMS_ALONE :
						 MEET_OTHERS;
	return is_part(kernel, next, shim) ? MEET_KERNELS_GOES : MEET_PAIR;
}

/* True: the record that came is done with. */
static bool settle(struct task *task, const struct record *record, verify_teller *teller)
{
	const struct record *first = &task->first->record;
	bool is_first_kernels = !is_shims(first->syscall);
	const struct record *kernel = is_first_kernels ? first : record, *shim = is_first_kernels ? record : first;
	switch (meet(kernel, is_first_kernels ? task->first->next : NULL, shim)) {
	case MEET_PAIR:
		compare(task, kernel, shim, teller);
		drop_first(task);
		return true;
	case MEET_OTHERS:
		tell_alone(kernel, teller);
		tell_alone(shim, teller);
			drop_first(task);
		return true;
	case MEET_KERNELS_GOES:
		break;
	case MEET_KERNELS_ALONE:
		tell_alone(kernel, teller);
		break;
	case MEET_SHIMS_ALONE:
		tell_alone(shim, teller);
			is_first_kernels = !is_first_kernels;
		break;
	}
	if (is_first_kernels)
		drop_first(task);
	return !is_first_kernels;
}

void verify_take(struct call *call, verify_teller *teller)
{
	const struct event *event = call_event(call);
	struct record record = { event->process, event->t_ns, call->target_is_unknown, call->names_are_untold,
				 call->path_is_unread, &event->syscall };
	struct task *task = task_of(event->tid);
	if (!task)
		return;
	if (task->last == LAST_CUT) {
		tell_alone(&record, teller);
		return;
	}
	while (task->first && is_shims(&task->first->syscall) != is_shims(&event->syscall))
		if (settle(task, &record, teller))
			return;
	keep(task, &record);
}

void verify_amend(int32_t tid, int64_t ret)
{
	const struct task *task = *place_of(tid);
	struct half *last = task ? task->first : NULL;
	while (last && last->next)
		last = last->next;
	if (last && !is_shims(&last->syscall))
		last->syscall.ret = ret;
}

/* ---- the end of a task ---- */

/* Was it cut off by the task's end, so that only one of the two could see it? */
static bool is_cut_off(const struct task *task, const struct event_syscall *left)
{
	if (is_shims(left))
		return never_returned(left);
	return task->last == LAST_INTERRUPTED && (never_returned(left) || is_interrupted(left)) &&
	       is_call(left, task->number, task->args);
}

void verify_ended(int32_t tid, verify_teller *teller)
{
	struct task **at = place_of(tid), *task = *at;
	if (!task)
		return;
	for (struct half *left; (left = task->first); drop_first(task))
		if (left->next || !is_cut_off(task, &left->syscall))
			tell_alone(&left->record, teller);
	*at = task->next;
	free(task);
}

struct verify_count verify_count(void)
{
	return verify.count;
}
