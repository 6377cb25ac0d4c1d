/* Structures of calls that make, wait for and constrain processes. */
#include "formatters.h"
#include "text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { EXIT_SIGNAL_MASK = 0xff };

/* clone's first argument: flags, and in the lowest byte the signal at the end. */
void format_clone_flags(const struct decode_arg *arg)
{
	uint64_t flags = arg->value & ~(uint64_t)EXIT_SIGNAL_MASK;
	int signal = (int)(arg->value & EXIT_SIGNAL_MASK);
	if (flags)
		set_print(arg->out, &set_clone_flags, flags);
	if (flags && signal)
		strbuf_add_char(arg->out, '|');
	if (signal || !flags)
		text_signal(arg->out, signal);
}

static void add_field(struct strbuf *out, const char *name, uint64_t address)
{
	strbuf_addf(out, ", %s=", name);
	text_address(out, address);
}

static void print_clone_optional(struct strbuf *out, const struct clone_args *args)
{
	if (args->flags & CLONE_PIDFD)
		add_field(out, "pidfd", args->pidfd);
	if (args->flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		add_field(out, "child_tid", args->child_tid);
	if (args->flags & CLONE_PARENT_SETTID)
		add_field(out, "parent_tid", args->parent_tid);
	strbuf_add_string(out, ", exit_signal=");
	text_signal(out, (int)args->exit_signal);
	add_field(out, "stack", args->stack);
	strbuf_addf(out, ", stack_size=%#" PRIx64, (uint64_t)args->stack_size);
	if (args->flags & CLONE_SETTLS)
		add_field(out, "tls", args->tls);
	if (args->set_tid) {
		add_field(out, "set_tid", args->set_tid);
		strbuf_addf(out, ", set_tid_size=%" PRIu64, (uint64_t)args->set_tid_size);
	}
	if (args->flags & CLONE_INTO_CGROUP)
		strbuf_addf(out, ", cgroup=%" PRIu64, (uint64_t)args->cgroup);
}

/* struct clone_args of whatever age: its size is the call's second argument. */
void format_clone_args(const struct decode_arg *arg)
{
	struct clone_args args = { 0 };
	const struct attach *before = arg_before(arg);
	size_t len = before ? before->bytes.len : 0;
	if (len < CLONE_ARGS_SIZE_VER0 || arg->call->args[1] < CLONE_ARGS_SIZE_VER0) {
		arg_print_address(arg);
		return;
	}
	memcpy(&args, before->bytes.data, len < sizeof args ? len : sizeof args);
	strbuf_add_string(arg->out, "{flags=");
	set_print(arg->out, &set_clone_flags, args.flags);
	print_clone_optional(arg->out, &args);
	strbuf_add_char(arg->out, '}');
	/* What the kernel wrote there is what it returned. */
	if (args.flags & CLONE_PARENT_SETTID && arg_call_succeeded(arg->call))
		strbuf_addf(arg->out, " => {parent_tid=[%" PRId64 "]}", arg->call->ret);
}

static void print_stop_signal(struct strbuf *out, int status)
{
	int event = status >> 16;
	strbuf_add_string(out, "{WIFSTOPPED(s) && WSTOPSIG(s) == ");
	text_signal(out, WSTOPSIG(status) & 0x7f);
	if (WSTOPSIG(status) & 0x80)
		strbuf_add_string(out, " | 0x80");
	strbuf_add_char(out, '}');
	if (!event)
		return;
	strbuf_add_string(out, " | ");
	set_print(out, &set_wait_ptrace_event, (uint32_t)event);
	strbuf_add_string(out, " << 16");
}

static void print_wait_status(struct strbuf *out, int status)
{
	if (WIFSTOPPED(status)) {
		print_stop_signal(out, status);
	} else if (WIFSIGNALED(status)) {
		strbuf_add_string(out, "{WIFSIGNALED(s) && WTERMSIG(s) == ");
		text_signal(out, WTERMSIG(status));
		strbuf_add_string(out, WCOREDUMP(status) ? " && WCOREDUMP(s)}" : "}");
	} else if (WIFCONTINUED(status)) {
		strbuf_add_string(out, "{WIFCONTINUED(s)}");
	} else if (WIFEXITED(status)) {
		strbuf_addf(out, "{WIFEXITED(s) && WEXITSTATUS(s) == %d}", WEXITSTATUS(status));
	} else {
		strbuf_addf(out, "%#x", (unsigned)status);
	}
}

/* [{WIFEXITED(s) && WEXITSTATUS(s) == 0}]; untouched where no child was reaped. */
void format_wait_status(const struct decode_arg *arg)
{
	int32_t status;
	const struct attach *after = arg_after(arg);
	if (arg->call->ret == 0 || !after || !arg_copy(after->bytes, 0, &status, sizeof status)) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	print_wait_status(arg->out, status);
	strbuf_add_char(arg->out, ']');
}

static void print_limit(struct strbuf *out, uint64_t limit)
{
	enum { KIB = 1024 };
	if (limit == UINT64_MAX)
		strbuf_add_string(out, "RLIM64_INFINITY");
	else if (limit > KIB && limit % KIB == 0)
		strbuf_addf(out, "%" PRIu64 "*1024", limit / KIB);
	else
		strbuf_addf(out, "%" PRIu64, limit);
}

void format_rlimit(const struct decode_arg *arg)
{
	uint64_t limits[2];
	if (!arg_read(arg, limits, sizeof limits))
		return;
	strbuf_add_string(arg->out, "{rlim_cur=");
	print_limit(arg->out, limits[0]);
	strbuf_add_string(arg->out, ", rlim_max=");
	print_limit(arg->out, limits[1]);
	strbuf_add_char(arg->out, '}');
}

/* IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4) */
void format_ioprio_value(struct strbuf *out, uint32_t value)
{
	enum { CLASS_SHIFT = 13 };
	strbuf_add_string(out, "IOPRIO_PRIO_VALUE(");
	set_print(out, &set_ioprio_class, value >> CLASS_SHIFT);
	strbuf_addf(out, ", %" PRIu32 ")", value & ((1U << CLASS_SHIFT) - 1));
}

void format_ioprio(const struct decode_arg *arg)
{
	format_ioprio_value(arg->out, (uint32_t)arg->value);
}

void format_sched_param(const struct decode_arg *arg)
{
	format_int_pointer(arg);
}

void format_sched_attr(const struct decode_arg *arg)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr;
	if (!arg_read(arg, &attr, sizeof attr))
		return;
	strbuf_addf(arg->out, "{size=%" PRIu32 ", sched_policy=", attr.size);
	set_print(arg->out, &set_sched_policy, attr.policy);
	strbuf_add_string(arg->out, ", sched_flags=");
	set_print(arg->out, &set_sched_flags, attr.flags);
	strbuf_addf(arg->out, ", sched_nice=%d, sched_priority=%" PRIu32, attr.nice, attr.priority);
	strbuf_addf(arg->out, ", sched_runtime=%" PRIu64 ", sched_deadline=%" PRIu64 ", sched_period=%" PRIu64,
		    attr.runtime, attr.deadline, attr.period);
	uint32_t clamps[2];
	const struct attach *data = arg_data(arg);
	if (data && attr.size >= sizeof attr + sizeof clamps && arg_copy(data->bytes, sizeof attr, clamps, sizeof clamps))
		strbuf_addf(arg->out, ", sched_util_min=%" PRIu32 ", sched_util_max=%" PRIu32, clamps[0], clamps[1]);
	strbuf_add_char(arg->out, '}');
}

/* A CPU or node set: [0 1]. */
void format_cpu_set(const struct decode_arg *arg)
{
	const struct attach *data = arg_data(arg);
	bool any = false;
	if (!data) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	for (size_t cpu = 0; cpu < data->bytes.len * 8; cpu++) {
		if (!((unsigned char)data->bytes.data[cpu / 8] >> (cpu % 8) & 1))
			continue;
		strbuf_addf(arg->out, any ? " %zu" : "%zu", cpu);
		any = true;
	}
	strbuf_add_string(arg->out, data->truncated ? " ...]" : "]");
}

void format_cap_header(const struct decode_arg *arg)
{
	struct {
		uint32_t version;
		int32_t pid;
	} header;
	if (!arg_read(arg, &header, sizeof header))
		return;
	strbuf_add_string(arg->out, "{version=");
	set_print(arg->out, &set_capability_version, header.version);
	strbuf_addf(arg->out, ", pid=%d}", header.pid);
}

static void print_capabilities(struct strbuf *out, const char *name, uint64_t mask)
{
	bool any = false;
	strbuf_addf(out, "%s=", name);
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *capability = set_find(&set_capability, bit);
		if (!(mask >> bit & 1) || !capability)
			continue;
		strbuf_addf(out, any ? "|1<<%s" : "1<<%s", capability);
		mask &= ~(1ULL << bit);
		any = true;
	}
	if (mask || !any)
		strbuf_addf(out, any ? "|%#" PRIx64 : "%#" PRIx64, mask);
}

void format_cap_data(const struct decode_arg *arg)
{
	struct {
		uint32_t effective, permitted, inheritable;
	} data[2];
	if (!arg_read(arg, data, sizeof data))
		return;
	strbuf_add_char(arg->out, '{');
	print_capabilities(arg->out, "effective", data[0].effective | (uint64_t)data[1].effective << 32);
	print_capabilities(arg->out, ", permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
	print_capabilities(arg->out, ", inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
	strbuf_add_char(arg->out, '}');
}

/* [1, 2, 3]: supplementary groups. */
void format_gid_array(const struct decode_arg *arg)
{
	const struct attach *data = arg_data(arg);
	uint32_t gid;
	if (!data) {
		arg_print_address(arg);
		return;
	}
	for (size_t at = 0; arg_copy(data->bytes, at, &gid, sizeof gid); at += sizeof gid) {
		strbuf_add_string(arg->out, at ? ", " : "[");
		strbuf_addf(arg->out, "%" PRIu32, gid);
	}
	if (data->bytes.len < sizeof gid)
		strbuf_add_char(arg->out, '[');
	strbuf_add_string(arg->out, data->truncated ? ", ...]" : "]");
}

/* A key by number or by role. */
void format_key(const struct decode_arg *arg)
{
	const char *name = set_find(&set_key_spec, (uint32_t)arg->value);
	if (name)
		strbuf_add_string(arg->out, name);
	else
		format_int(arg);
}

void format_sock_fprog(const struct decode_arg *arg)
{
	struct {
		uint16_t len, pad[3];
		uint64_t filter;
	} program;
	if (!arg_read(arg, &program, sizeof program))
		return;
	strbuf_addf(arg->out, "{len=%u, filter=", program.len);
	text_address(arg->out, program.filter);
	strbuf_add_char(arg->out, '}');
}

void format_personality(const struct decode_arg *arg)
{
	if ((uint32_t)arg->value == UINT32_MAX)
		strbuf_add_string(arg->out, "0xffffffff");
	else
		set_print(arg->out, &set_personality, (uint32_t)arg->value);
}
