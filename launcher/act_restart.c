/* Calls that a signal interrupted which the program ignores.
 *
 * The kernel drops such a signal at once, but for a traced task, which is woken by it and stops; a call
 * that is not restarted by itself then returns EINTR, which it would not have done untraced (hazard
 * 0.3). Here such a call is begun again: its result is made ERESTARTNOHAND, by which the kernel
 * repeats it unless a signal that is handled comes too. It must not wait for ever because signals keep
 * coming: a call whose own time is up returns as it then does. From the first interruption to the
 * call's exit the task runs under PTRACE_SYSCALL (resume_tracee), so that its exit is seen.
 *
 * Not so after SIGCONT: who was stopped in such a call does get EINTR. Source: signal(7). */
#include "actions.h"

#include "clock.h"
#include "fastpath.h"
#include "peek.h"
#include "procfs.h"
#include "recorder.h"
#include "supervisor.h"
#include "syscall.h"
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum {
	ERESTARTNOHAND = 514,
	USER_CS_I386 = 0x23,
	RESTARTS_MAX = 1000, /* of a call whose time limit is not known: a socket's own, for one */
};

enum limit { LIMIT_UNKNOWN, LIMIT_MILLISECONDS, LIMIT_TIMESPEC };

/* Calls that return EINTR though SA_RESTART is set, and how long they wait at most. */
static const struct interruptible {
	const char *name;
	enum limit limit;
	unsigned arg;  /* which holds the limit */
	int expired;   /* result when it has passed */
} interruptible[] = {
	{ "epoll_wait", LIMIT_MILLISECONDS, 3, 0 },
	{ "epoll_pwait", LIMIT_MILLISECONDS, 3, 0 },
	{ "epoll_pwait2", LIMIT_TIMESPEC, 3, 0 },
	{ "rt_sigtimedwait", LIMIT_TIMESPEC, 2, -EAGAIN },
	{ "semop", LIMIT_UNKNOWN, 0, 0 },
	{ "semtimedop", LIMIT_TIMESPEC, 3, -EAGAIN },
	{ "io_getevents", LIMIT_TIMESPEC, 4, 0 },
	{ "io_pgetevents", LIMIT_TIMESPEC, 4, 0 },
	{ "accept", LIMIT_UNKNOWN, 0, 0 },
	{ "accept4", LIMIT_UNKNOWN, 0, 0 },
	{ "connect", LIMIT_UNKNOWN, 0, 0 },
	{ "read", LIMIT_UNKNOWN, 0, 0 },
	{ "readv", LIMIT_UNKNOWN, 0, 0 },
	{ "recvfrom", LIMIT_UNKNOWN, 0, 0 },
	{ "recvmsg", LIMIT_UNKNOWN, 0, 0 },
	{ "recvmmsg", LIMIT_UNKNOWN, 0, 0 },
	{ "sendto", LIMIT_UNKNOWN, 0, 0 },
	{ "sendmsg", LIMIT_UNKNOWN, 0, 0 },
	{ "sendmmsg", LIMIT_UNKNOWN, 0, 0 },
	{ "write", LIMIT_UNKNOWN, 0, 0 },
	{ "writev", LIMIT_UNKNOWN, 0, 0 },
};

static bool is_i386(const struct user_regs_struct *registers)
{
	return registers->cs == USER_CS_I386;
}

static const struct interruptible *find_interruptible(const struct user_regs_struct *registers)
{
	enum event_abi abi = is_i386(registers) ? ABI_I386 : ABI_X86_64;
	if ((long)registers->rax != -EINTR || (long)registers->orig_rax < 0)
		return NULL;
	const struct syscall_desc *desc = syscall_lookup(abi, (uint32_t)registers->orig_rax);
	for (size_t i = 0; desc && i < sizeof interruptible / sizeof *interruptible; i++)
		if (strcmp(interruptible[i].name, desc->name) == 0)
			return &interruptible[i];
	return NULL;
}

/* Would the kernel have dropped it, were the task not traced? */
static bool is_ignored(pid_t tid, int number)
{
	uint64_t ignored = 0, caught = 0;
	if (number == SIGCONT || number == SIGKILL || number == SIGSTOP || number > 64 ||
	    procfs_status_field(tid, "\nSigIgn:", 16, &ignored) ||
	    procfs_status_field(tid, "\nSigCgt:", 16, &caught))
		return false;
	uint64_t bit = 1ULL << (number - 1);
	bool by_default = number == SIGCHLD || number == SIGURG || number == SIGWINCH;
	return (ignored & bit) || (by_default && !(caught & bit));
}

/* Nanoseconds that the call waits at most; UINT64_MAX: no limit; 0: not known. */
static uint64_t limit_of(pid_t tid, const struct interruptible *call, const struct user_regs_struct *registers)
{
	const unsigned long long args[] = { registers->rdi, registers->rsi, registers->rdx, registers->r10,
					    registers->r8 };
	const unsigned long long args_i386[] = { registers->rbx, registers->rcx, registers->rdx, registers->rsi,
						 registers->rdi };
	unsigned long long value = is_i386(registers) ? args_i386[call->arg] : args[call->arg];
	struct timespec limit;
	if (call->limit == LIMIT_MILLISECONDS)
		return (int)value < 0 ? UINT64_MAX : (uint64_t)(int)value * 1000000;
	if (call->limit == LIMIT_UNKNOWN || (value && (is_i386(registers) || helpers_are_needed())))
		return 0;
	if (!value)
		return UINT64_MAX;
	if (peek_read_whole(tid, value, &limit, sizeof limit) || limit.tv_sec > INT32_MAX)
		return 0;
	return (uint64_t)limit.tv_sec * 1000000000 + (uint64_t)limit.tv_nsec;
}

/* For who compares: the EINTR that the kernel's view has seen is not what becomes of the call. */
static void tell_other_result(const struct tracee *tracee, int64_t ret)
{
	struct event head = event_about(EVENT_SYSCALL, tracee, supervisor_now());
	recorder_result(&head, ret);
}

bool is_interrupted_in_vain(pid_t tid, int number, const struct user_regs_struct *registers)
{
	return find_interruptible(registers) && is_ignored(tid, number);
}

void restart_interrupted(struct tracee *tracee, int number, struct user_regs_struct *registers)
{
	const struct interruptible *call = find_interruptible(registers);
	if (!call || !is_ignored(tracee->tid, number)) {
		tracee->interrupted_ns = 0;
		return;
	}
	uint64_t now = clock_monotonic_ns(), limit = limit_of(tracee->tid, call, registers);
	if (!tracee->interrupted_ns) {
		tracee->interrupted_ns = now;
		tracee->restarts = 0;
	}
	bool is_over = limit != 0 && now - tracee->interrupted_ns >= limit;
	if (limit == 0 && ++tracee->restarts > RESTARTS_MAX)
		return;
	registers->rax = (unsigned long long)(is_over ? call->expired : -ERESTARTNOHAND);
	if (trace_set_registers(tracee->tid, registers) && fastpath_is_hooked(registers->rip) && fastpath_pass()->verify)
		tell_other_result(tracee, (int64_t)registers->rax);
}
