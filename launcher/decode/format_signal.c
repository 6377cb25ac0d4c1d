/* Signals: sets, actions, stacks, siginfo. */
#include "formatters.h"
#include "text.h"

#include <inttypes.h>
#include <signal.h>

void format_sigset(const struct decode_arg *arg)
{
	uint64_t mask;
	if (arg_read(arg, &mask, sizeof mask))
		text_signal_set(arg->out, mask);
}

static void print_handler(struct strbuf *out, uint64_t handler)
{
	if (handler == 0)
		strbuf_add_string(out, "SIG_DFL");
	else if (handler == 1)
		strbuf_add_string(out, "SIG_IGN");
	else
		text_address(out, handler);
}

void format_sigaction(const struct decode_arg *arg)
{
	struct {
		uint64_t handler, flags, restorer, mask;
	} action;
	enum { RESTORER = 0x4000000 };
	if (!arg_read(arg, &action, sizeof action))
		return;
	strbuf_add_string(arg->out, "{sa_handler=");
	print_handler(arg->out, action.handler);
	strbuf_add_string(arg->out, ", sa_mask=");
	text_signal_set(arg->out, action.mask);
	strbuf_add_string(arg->out, ", sa_flags=");
	set_print(arg->out, &set_sa_flags, action.flags);
	if (action.flags & RESTORER) {
		strbuf_add_string(arg->out, ", sa_restorer=");
		text_address(arg->out, action.restorer);
	}
	strbuf_add_char(arg->out, '}');
}

void format_sigframe(const struct decode_arg *arg)
{
	strbuf_add_string(arg->out, "{mask=");
	format_sigset(arg);
	strbuf_add_char(arg->out, '}');
}

void format_sigaltstack(const struct decode_arg *arg)
{
	stack_t stack;
	if (!arg_read(arg, &stack, sizeof stack))
		return;
	strbuf_add_string(arg->out, "{ss_sp=");
	text_address(arg->out, (uint64_t)(uintptr_t)stack.ss_sp);
	strbuf_add_string(arg->out, ", ss_flags=");
	set_print(arg->out, &set_sigaltstack_flags, (uint32_t)stack.ss_flags);
	strbuf_addf(arg->out, ", ss_size=%zu}", stack.ss_size);
}

/* Which names a signal's positive codes have. */
static const struct {
	int signal;
	const struct set *codes;
} code_sets[] = {
	{ SIGILL, &set_si_code_ill }, { SIGFPE, &set_si_code_fpe }, { SIGSEGV, &set_si_code_segv },
	{ SIGBUS, &set_si_code_bus }, { SIGTRAP, &set_si_code_trap }, { SIGCHLD, &set_si_code_chld },
	{ SIGPOLL, &set_si_code_poll }, { SIGSYS, &set_si_code_sys },
};

void format_signal_code(struct strbuf *out, int signal, int code)
{
	const char *name = set_find(&set_si_code, (uint32_t)code);
	for (size_t i = 0; !name && i < sizeof code_sets / sizeof *code_sets; i++)
		if (code_sets[i].signal == signal)
			name = set_find(code_sets[i].codes, (uint32_t)code);
	if (name)
		strbuf_add_string(out, name);
	else
		strbuf_addf(out, "%#x", (unsigned)code);
}

bool format_signal_is_fault(int signal, int code)
{
	bool fault = signal == SIGILL || signal == SIGFPE || signal == SIGSEGV || signal == SIGBUS || signal == SIGTRAP;
	return fault && code > 0;
}

/* A comment of strace's behind the number says how long that is. */
static void print_ticks(struct strbuf *out, long ticks)
{
	enum { TICKS_A_SECOND = 100 };
	strbuf_addf(out, "%ld", ticks);
	if (ticks)
		strbuf_addf(out, " /* %ld.%02ld s */", ticks / TICKS_A_SECOND, ticks % TICKS_A_SECOND);
}

static void print_child(struct strbuf *out, int code, int status, long user_ticks, long system_ticks)
{
	strbuf_add_string(out, ", si_status=");
	if (code == CLD_EXITED)
		strbuf_addf(out, "%d", status);
	else
		text_signal(out, status);
	strbuf_add_string(out, ", si_utime=");
	print_ticks(out, user_ticks);
	strbuf_add_string(out, ", si_stime=");
	print_ticks(out, system_ticks);
}

static void print_value(struct strbuf *out, uint64_t value)
{
	if (!value)
		return;
	strbuf_addf(out, ", si_int=%d, si_ptr=", (int)value);
	text_address(out, value);
}

void format_signal_sender(struct strbuf *out, const struct event_signal *signal)
{
	strbuf_addf(out, ", si_pid=%d, si_uid=%u", signal->from_pid, signal->from_uid);
	if (signal->number == SIGCHLD && signal->code > 0)
		print_child(out, signal->code, signal->child_status, (long)signal->child_user_ticks,
			    (long)signal->child_system_ticks);
	else
		print_value(out, signal->value);
}

static void print_timer(struct strbuf *out, const siginfo_t *info)
{
	strbuf_addf(out, ", si_timerid=%#x, si_overrun=%d", (unsigned)info->si_timerid, info->si_overrun);
	print_value(out, (uint64_t)(uintptr_t)info->si_value.sival_ptr);
}

static void print_system_call(struct strbuf *out, const siginfo_t *info)
{
	const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, (uint32_t)info->si_syscall);
	strbuf_add_string(out, ", si_call_addr=");
	text_address(out, (uint64_t)(uintptr_t)info->si_call_addr);
	if (desc)
		strbuf_addf(out, ", si_syscall=__NR_%s", desc->name);
	else
		strbuf_addf(out, ", si_syscall=%d", info->si_syscall);
}

static void print_siginfo_details(struct strbuf *out, const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD && info->si_code > 0) {
		strbuf_addf(out, ", si_pid=%d, si_uid=%u", info->si_pid, info->si_uid);
		print_child(out, info->si_code, info->si_status, (long)info->si_utime, (long)info->si_stime);
	} else if (format_signal_is_fault(info->si_signo, info->si_code)) {
		strbuf_add_string(out, ", si_addr=");
		text_address(out, (uint64_t)(uintptr_t)info->si_addr);
	} else if (info->si_signo == SIGSYS && info->si_code > 0) {
		print_system_call(out, info);
	} else if (info->si_code == SI_TIMER) {
		print_timer(out, info);
	} else if (info->si_code != SI_KERNEL) {
		strbuf_addf(out, ", si_pid=%d, si_uid=%u", info->si_pid, info->si_uid);
		if (info->si_code != SI_USER && info->si_code != SI_TKILL)
			print_value(out, (uint64_t)(uintptr_t)info->si_value.sival_ptr);
	}
}

void format_siginfo(const struct decode_arg *arg)
{
	siginfo_t info;
	if (!arg_read(arg, &info, sizeof info))
		return;
	if (info.si_signo == 0) {
		strbuf_add_string(arg->out, "{}");
		return;
	}
	strbuf_add_string(arg->out, "{si_signo=");
	text_signal(arg->out, info.si_signo);
	strbuf_add_string(arg->out, ", si_code=");
	format_signal_code(arg->out, info.si_signo, info.si_code);
	print_siginfo_details(arg->out, &info);
	strbuf_add_char(arg->out, '}');
}
