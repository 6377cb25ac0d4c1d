/* The result of a call as text: decode_return of decode.h. */
#include "decode.h"

#include "formats.h"
#include "formatters.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/prctl.h>

typedef void return_formatter(struct strbuf *out, const struct event_syscall *call,
			      const struct syscall_desc *desc);

static void return_int(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	strbuf_addf(out, "%" PRId64, call->ret);
}

static void return_fd(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	arg_print_fd(out, call, ATTACH_RETURN, 0, (int)call->ret);
}

static void return_hex(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	text_hex(out, call->abi == ABI_I386 ? (uint32_t)call->ret : (uint64_t)call->ret);
}

static void return_octal(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	text_octal(out, (uint64_t)call->ret);
}

static void return_id(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	strbuf_addf(out, "%" PRIu32, (uint32_t)call->ret);
}

static void return_time(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	return_int(out, call, desc);
	strbuf_add_string(out, " (");
	text_date(out, call->ret, 0, 0);
	strbuf_add_char(out, ')');
}

/* left {tv_sec=0, tv_nsec=5}: what the call put back into its timeout. */
static bool print_left(struct strbuf *out, const char *separator, const struct event_syscall *call,
		       const struct syscall_desc *desc, unsigned index)
{
	int64_t time[2];
	const struct attach *after = arg_find(call, ATTACH_DATA_OUT, index, 0);
	bool micro = desc->args[index].format == FORMAT_TIMEVAL;
	if (!after || !arg_copy(after->bytes, 0, time, sizeof time))
		return false;
	strbuf_addf(out, "%sleft ", separator);
	text_time(out, time[0], time[1], micro ? "usec" : "nsec");
	return true;
}

static void return_poll(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	enum { TIMEOUT_ARG = 2 };
	return_int(out, call, desc);
	const struct attach *entries = arg_find(call, ATTACH_DATA_OUT, 0, 0);
	if (call->ret == 0) {
		strbuf_add_string(out, " (Timeout)");
	} else if (entries) {
		strbuf_add_string(out, " (");
		format_ready_pollfds(out, entries);
		print_left(out, ", ", call, desc, TIMEOUT_ARG);
		strbuf_add_char(out, ')');
	}
}

/* in [4]: the members of a descriptor set that are left, if any are. */
static bool print_ready_set(struct strbuf *out, const char *separator, const struct event_syscall *call,
			    unsigned index, const char *name)
{
	const struct attach *set = arg_find(call, ATTACH_DATA_OUT, index, 0);
	struct strbuf members = { 0 };
	if (!set)
		return false;
	format_fd_set_members(&members, set->bytes, (uint32_t)call->args[0]);
	bool any = members.len > strlen("[]");
	if (any)
		strbuf_addf(out, "%s%s %s", separator, name, members.data);
	strbuf_free(&members);
	return any;
}

static void return_select(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	static const char *const names[] = { "in", "out", "except" };
	enum { TIMEOUT_ARG = 4 };
	bool any = false;
	return_int(out, call, desc);
	if (call->ret == 0) {
		strbuf_add_string(out, " (Timeout)");
		return;
	}
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		any |= print_ready_set(out, any ? ", " : " (", call, i + 1, names[i]);
	any |= print_left(out, any ? ", " : " (", call, desc, TIMEOUT_ARG);
	if (any)
		strbuf_add_char(out, ')');
}

static void return_signal(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	return_int(out, call, desc);
	strbuf_add_string(out, " (");
	text_signal(out, (int)call->ret);
	strbuf_add_char(out, ')');
}

/* A number in hexadecimal, and its names in parentheses. */
static void print_named(struct strbuf *out, uint64_t value, const char *what, const struct set *set)
{
	text_hex(out, value);
	if (!value && set->kind == SET_KIND_FLAGS)
		return;
	strbuf_addf(out, " (%s", what);
	set_print(out, set, value);
	strbuf_add_char(out, ')');
}

/* fcntl's commands that answer with something else than a number. */
static const struct {
	uint16_t command;
	const char *what;
	const struct set *set;
} fcntl_answers[] = {
	{ F_GETFD, "flags ", &set_fcntl_fd_flags },
	{ F_GETFL, "flags ", &set_open_flags },
	{ F_GET_SEALS, "seals ", &set_fcntl_seals },
	{ F_GETLEASE, "", &set_fcntl_lock_type },
};

static void return_fcntl(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	for (size_t i = 0; i < sizeof fcntl_answers / sizeof *fcntl_answers; i++) {
		if (fcntl_answers[i].command != (uint32_t)call->args[1])
			continue;
		print_named(out, (uint64_t)call->ret, fcntl_answers[i].what, fcntl_answers[i].set);
		return;
	}
	/* A duplicate has the name of what it was made from. */
	if ((uint32_t)call->args[1] == F_DUPFD || (uint32_t)call->args[1] == F_DUPFD_CLOEXEC)
		arg_print_fd(out, call, 0, 0, (int)call->ret);
	else
		return_int(out, call, desc);
}

static void return_prctl(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	switch (call->args[0]) {
	case PR_GET_DUMPABLE:
		return_int(out, call, desc);
		strbuf_add_string(out, " (");
		set_print(out, &set_prctl_dumpable, (uint64_t)call->ret);
		strbuf_add_char(out, ')');
		break;
	case PR_GET_SECUREBITS:
		print_named(out, (uint64_t)call->ret, "", &set_securebits);
		break;
	case PR_GET_SPECULATION_CTRL:
		print_named(out, (uint64_t)call->ret, "", &set_prctl_spec_result);
		break;
	default:
		return_int(out, call, desc);
	}
}

static void print_with_set(struct strbuf *out, const struct event_syscall *call, const struct set *set)
{
	strbuf_addf(out, "%" PRId64 " (", call->ret);
	set_print(out, set, (uint64_t)call->ret);
	strbuf_add_char(out, ')');
}

static void return_personality(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	return_hex(out, call, desc);
	strbuf_add_string(out, " (");
	set_print(out, &set_personality, (uint64_t)call->ret);
	strbuf_add_char(out, ')');
}

static void return_sched_policy(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	print_with_set(out, call, &set_sched_policy);
}

static void return_clock_state(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	(void)desc;
	print_with_set(out, call, &set_adjtimex_state);
}

static void return_ioprio(struct strbuf *out, const struct event_syscall *call, const struct syscall_desc *desc)
{
	return_hex(out, call, desc);
	strbuf_add_string(out, " (");
	format_ioprio_value(out, (uint32_t)call->ret);
	strbuf_add_char(out, ')');
}

static return_formatter *const returns[FORMATS] = {
	[FORMAT_RETURN_INT] = return_int,
	[FORMAT_RETURN_NEVER] = return_int,
	[FORMAT_RETURN_FD] = return_fd,
	[FORMAT_RETURN_ADDRESS] = return_hex,
	[FORMAT_RETURN_HEX] = return_hex,
	[FORMAT_RETURN_OCTAL] = return_octal,
	[FORMAT_RETURN_ID] = return_id,
	[FORMAT_RETURN_TIME] = return_time,
	[FORMAT_RETURN_POLL] = return_poll,
	[FORMAT_RETURN_SELECT] = return_select,
	[FORMAT_RETURN_SIGNAL] = return_signal,
	[FORMAT_RETURN_FCNTL] = return_fcntl,
	[FORMAT_RETURN_PRCTL] = return_prctl,
	[FORMAT_RETURN_PERSONALITY] = return_personality,
	[FORMAT_RETURN_SCHED_POLICY] = return_sched_policy,
	[FORMAT_RETURN_IOPRIO] = return_ioprio,
	[FORMAT_RETURN_CLOCK_STATE] = return_clock_state,
	[FORMAT_RETURN_SIGRETURN] = return_int,
};

/* What the kernel says to itself, seen at the stop of an interrupted call. */
static const struct {
	uint16_t number;
	const char *text;
} restarts[] = {
	{ 512, "ERESTARTSYS (To be restarted if SA_RESTART is set)" },
	{ 513, "ERESTARTNOINTR (To be restarted)" },
	{ 514, "ERESTARTNOHAND (To be restarted if no handler)" },
	{ 516, "ERESTART_RESTARTBLOCK (Interrupted by signal)" },
};

static bool print_restart(struct strbuf *out, int error)
{
	for (size_t i = 0; i < sizeof restarts / sizeof *restarts; i++) {
		if (restarts[i].number != error)
			continue;
		strbuf_addf(out, "? %s", restarts[i].text);
		return true;
	}
	return false;
}

static void print_error(struct strbuf *out, int error)
{
	const char *name = syscall_errno_name(error);
	if (print_restart(out, error))
		return;
	if (name)
		strbuf_addf(out, "-1 %s (%s)", name, strerror(error));
	else
		strbuf_addf(out, "-1 (errno %d)", error);
}

void decode_return(struct strbuf *out, const struct event *event)
{
	enum { ERRNO_MAX = 4095 };
	const struct event_syscall *call = &event->syscall;
	const struct syscall_desc *desc = syscall_lookup((enum event_abi)call->abi, call->number);
	return_formatter *format = desc ? returns[desc->return_format] : NULL;
	if (call->flags & SYSCALL_NO_RETURN)
		strbuf_add_char(out, '?');
	else if (call->ret < 0 && call->ret >= -ERRNO_MAX)
		print_error(out, (int)-call->ret);
	else if (arg_find(call, ATTACH_FD, ATTACH_RETURN, 0))
		return_fd(out, call, desc);
	else
		(format ? format : return_int)(out, call, desc);
}
