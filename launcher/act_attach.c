/* Tracers in the tree that are served.
 *
 * A program that is traced cannot be traced by another, so ptrace requests of the tree fail. But a program with
 * LeakSanitizer (hazard 0.1) is wrong about its leaks without: at its end it makes a child that shares its memory, by clone with
 * CLONE_UNTRACED, which attaches to each thread, waits until it has stopped, reads its registers, and lets it go.
 * These five requests (PTRACE_ATTACH, wait4, PTRACE_GETREGS and its kin, PTRACE_CONT, PTRACE_DETACH) are answered here:
 *
 *   the child              this                                      the thread
 *   PTRACE_ATTACH          interrupts the thread, answers 0          runs on to its next stop: lent
 *   wait4                  held until the thread is lent (awaiting)
 *   PTRACE_GETREGSET       reads them, writes them to the child      lent
 *   PTRACE_DETACH, or ends lets the thread go on                     as it was
 *
 * Only such a child, and only for the process that made it: no debugger comes to stand between two programs here. It runs
 * under PTRACE_SYSCALL, and is answered at the entry of its call. */
#include "actions.h"

#include "helpers.h"
#include "peek.h"
#include "procfs.h"
#include "supervisor.h"
#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REGISTERS_MAX = 16384 }; /* AVX-512 and AMX included */

/* A process that the child may attach to: a birth by clone with CLONE_UNTRACED and shared memory. */
void attach_born(struct process *child, const struct tracee *maker, uint64_t clone_flags)
{
	if (maker->untraced_clone && (clone_flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM && !helpers_are_needed())
		child->attaches_to = maker->process->id;
}

/* ---- the threads ---- */

struct search {
	const struct process *process; /* the child's */
	pid_t number;                  /* as the child numbers it */
	bool inner;                    /* in a pid namespace of its own, for all that is known */
	struct tracee *found;
};

static void match(struct tracee *tracee, void *context)
{
	struct search *search = context;
	if (tracee->process && tracee->process->id == search->process->attaches_to &&
	    (search->inner ? procfs_inner_tid(tracee->tid) : tracee->tid) == search->number)
		search->found = tracee;
}

/* At level exec nobody sees by which calls the process came into its namespaces. */
static struct tracee *find_thread(const struct tracee *child, pid_t number)
{
	bool inner = child->process->other_pids || supervisor_get()->selection->level == LEVEL_EXEC;
	struct search search = { child->process, number, inner, NULL };
	struct tracee *tracee = inner ? NULL : tracee_find(number);
	if (tracee)
		match(tracee, &search);
	else if (inner)
		tracee_for_each(match, &search);
	return search.found;
}

/* It goes on from where it was lent. */
static void take_back(struct tracee *thread, int signal)
{
	thread->attached_by = 0;
	if (signal > 0 && signal <= 64)
		syscall(SYS_tgkill, thread->process->pid, thread->tid, signal);
	if (thread->state != TRACEE_LENT)
		return;
	thread->state = thread->held_in_group_stop ? TRACEE_LISTENING : thread->call ? TRACEE_CALLING : TRACEE_RUNNING;
	resume_tracee(thread, thread->held_in_group_stop ? RESUME_LISTEN : thread->call ? RESUME_SYSCALL : RESUME_CONT, 0);
}

static void take_back_from(struct tracee *thread, void *child)
{
	if (thread->attached_by == *(const pid_t *)child)
		take_back(thread, 0);
}

/* ---- the child ---- */

static void answer(struct tracee *child, int64_t result)
{
	trace_answer(child->tid, result);
	if (child->call)
		child->call->event.syscall.flags |= SYSCALL_ANSWERED;
}

/* What wait4 gives for a thread that was attached to. */
static int64_t give_stop(const struct tracee *child, pid_t number)
{
	int status = SIGSTOP << 8 | 0x7f;
	if (child->awaits_status && peek_write(child->tid, child->awaits_status, &status, sizeof status))
		return -EFAULT;
	return number;
}

static void end_wait(struct tracee *child, int64_t result)
{
	child->awaits = 0;
	answer(child, result);
	child->state = TRACEE_CALLING;
	resume_tracee(child, RESUME_SYSCALL, 0);
}

bool attach_holds(struct tracee *thread, const struct stop *stop)
{
	struct tracee *child = thread->attached_by ? tracee_find(thread->attached_by) : NULL;
	if (!child)
		return false;
	thread->state = TRACEE_LENT;
	thread->held_in_group_stop = stop->kind == STOP_GROUP;
	if (child->state == TRACEE_AWAITING && child->awaits == thread->tid)
		end_wait(child, give_stop(child, child->awaits_number));
	return true;
}

void attach_over(struct tracee *tracee)
{
	struct tracee *child = tracee->attached_by ? tracee_find(tracee->attached_by) : NULL;
	if (child && child->state == TRACEE_AWAITING && child->awaits == tracee->tid)
		end_wait(child, -ECHILD);
	pid_t tid = tracee->tid;
	if (tracee->process && tracee->process->attaches_to)
		tracee_for_each(take_back_from, &tid);
}

/* ---- requests ---- */

static int64_t give_registers(const struct tracee *child, const struct tracee *thread, uint64_t kind, uint64_t out)
{
	static unsigned char registers[REGISTERS_MAX];
	size_t len = sizeof registers;
	int error = trace_get_regset(thread->tid, kind, registers, &len);
	if (error)
		return error;
	return peek_write(child->tid, out, registers, len) ? -EFAULT : 0;
}

/* The iovec says where to and how much, and is told how much it was. */
static int64_t give_regset(const struct tracee *child, const struct tracee *thread, uint64_t kind, uint64_t at)
{
	static unsigned char registers[REGISTERS_MAX];
	struct iovec theirs;
	if (peek_read_whole(child->tid, at, &theirs, sizeof theirs))
		return -EFAULT;
	size_t len = theirs.iov_len < sizeof registers ? theirs.iov_len : sizeof registers;
	int error = trace_get_regset(thread->tid, kind, registers, &len);
	if (error)
		return error;
	theirs.iov_len = len;
	struct peek_part parts[] = { { (uint64_t)(uintptr_t)theirs.iov_base, registers, len }, { at, &theirs, sizeof theirs } };
	return peek_write_parts(child->tid, parts, 2) ? -EFAULT : 0;
}

static int64_t attach(const struct tracee *child, struct tracee *thread)
{
	if (thread->attached_by)
		return -EPERM;
	thread->attached_by = child->tid;
	return trace_interrupt(thread->tid) ? 0 : -ESRCH;
}

/* A request about a thread that is lent. */
static int64_t serve_request(const struct tracee *child, struct tracee *thread, const uint64_t *args)
{
	switch (args[0]) {
	case PTRACE_GETREGS:
		return give_registers(child, thread, NT_PRSTATUS, args[3]);
	case PTRACE_GETFPREGS:
		return give_registers(child, thread, NT_PRFPREG, args[3]);
	case PTRACE_GETREGSET:
		return give_regset(child, thread, args[2], args[3]);
	case PTRACE_CONT: /* whoever lets it run on waits for it once more */
		take_back(thread, (int)args[3]);
		return attach(child, thread);
	case PTRACE_DETACH:
		take_back(thread, (int)args[3]);
		return 0;
	default:
		return -EIO;
	}
}

static bool serve_ptrace(struct tracee *child, const uint64_t *args)
{
	struct tracee *thread = find_thread(child, (pid_t)args[1]);
	if (!thread || (args[0] != PTRACE_ATTACH && thread->attached_by != child->tid))
		return false;
	if (args[0] == PTRACE_ATTACH)
		answer(child, attach(child, thread));
	else if (args[0] == PTRACE_KILL)
		answer(child, kill(thread->process->pid, SIGKILL) ? -errno : 0);
	else
		answer(child, thread->state == TRACEE_LENT ? serve_request(child, thread, args) : -ESRCH);
	return true;
}

/* True: answered, or held. */
static bool serve_wait(struct tracee *child, const uint64_t *args)
{
	struct tracee *thread = find_thread(child, (pid_t)args[0]);
	if (!thread || thread->attached_by != child->tid)
		return false;
	child->awaits_status = args[1];
	child->awaits_number = (pid_t)args[0];
	if (thread->state == TRACEE_LENT) {
		answer(child, give_stop(child, child->awaits_number));
	} else if (args[2] & WNOHANG) {
		answer(child, 0);
	} else {
		child->awaits = thread->tid;
		child->state = TRACEE_AWAITING;
	}
	return true;
}

bool attach_serves(struct tracee *child, enum resume *resume)
{
	const struct event_syscall *made = &child->call->event.syscall;
	*resume = RESUME_SYSCALL;
	if (!child->process->attaches_to || made->abi != ABI_X86_64)
		return false;
	if (made->number == SYS_ptrace)
		return serve_ptrace(child, made->args);
	if (made->number != SYS_wait4 || !serve_wait(child, made->args))
		return false;
	if (child->state == TRACEE_AWAITING)
		*resume = RESUME_NONE;
	return true;
}
