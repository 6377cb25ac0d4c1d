/* Waiting, and every ptrace request: see trace.h. */
#include "trace.h"

#include "actions.h"
#include "clock.h"
#include "helpers.h"
#include "memory.h"
#include "placement.h"
#include "pulse.h"
#include "supervisor.h"
#include "transitions.h"

#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's first parameter is an enum. */
#define REQUEST(name) ((enum __ptrace_request)(name))

enum {
	PLAIN_WAIT_MAX = 1000, /* tracees: wait4(-1) costs the same up to about so many */
	FAIR_ROUNDS = 32,      /* stops between two sweeps meanwhile */
	SWEEP_FIRST = 64,      /* tasks that it has room for at first */
	SWEEP_SHARE = 16,      /* a sweep may take one part in so many of the time */
	SWEEP_CHEAP_NS = 10000,/* but one that costs less than this is always made */
	SWEEP_MAX_NS = 2000000 /* a stop whose signal was lost waits at most so long */
};

static const long seize_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
				  PTRACE_O_EXITKILL;

static long request(int what, pid_t tid, uintptr_t address, uintptr_t data)
{
	long result = ptrace(REQUEST(what), tid, (void *)address, (void *)data);
	if (result < 0 && errno != ESRCH)
		supervisor_warn_once("ptrace", errno);
	return result;
}

int trace_seize(pid_t pid)
{
	return ptrace(REQUEST(PTRACE_SEIZE), pid, NULL, seize_options) ? -errno : 0;
}

void trace_block_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* ringread_guard */
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void trace_resume(pid_t tid, enum resume resume, int inject)
{
	static const int requests[] = {
		[RESUME_CONT] = PTRACE_CONT,
		[RESUME_SYSCALL] = PTRACE_SYSCALL,
		[RESUME_LISTEN] = PTRACE_LISTEN,
	};
	if (resume == RESUME_NONE)
		return;
	placement_before_resume(tid);
	request(requests[resume], tid, 0, resume == RESUME_LISTEN ? 0 : (uintptr_t)inject);
}

bool trace_get_siginfo(pid_t tid, siginfo_t *info)
{
	return request(PTRACE_GETSIGINFO, tid, 0, (uintptr_t)info) == 0;
}

bool trace_get_registers(pid_t tid, struct user_regs_struct *registers)
{
	return request(PTRACE_GETREGS, tid, 0, (uintptr_t)registers) == 0;
}

bool trace_set_registers(pid_t tid, const struct user_regs_struct *registers)
{
	return request(PTRACE_SETREGS, tid, 0, (uintptr_t)registers) == 0;
}

bool trace_set_siginfo(pid_t tid, const siginfo_t *info)
{
	return request(PTRACE_SETSIGINFO, tid, 0, (uintptr_t)info) == 0;
}

bool trace_get_mask(pid_t tid, uint64_t *mask)
{
	return request(PTRACE_GETSIGMASK, tid, sizeof *mask, (uintptr_t)mask) == 0;
}

bool trace_set_mask(pid_t tid, uint64_t mask)
{
	return request(PTRACE_SETSIGMASK, tid, sizeof mask, (uintptr_t)&mask) == 0;
}

int trace_get_regset(pid_t tid, uint64_t kind, void *registers, size_t *len)
{
	struct iovec room = { registers, *len };
	if (ptrace(REQUEST(PTRACE_GETREGSET), tid, (void *)(uintptr_t)kind, &room))
		return -errno;
	*len = room.iov_len;
	return 0;
}

bool trace_is_i386(pid_t tid)
{
	struct ptrace_syscall_info info;
	return request(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, (uintptr_t)&info) > 0 && info.arch == AUDIT_ARCH_I386;
}

bool trace_interrupt(pid_t tid)
{
	return request(PTRACE_INTERRUPT, tid, 0, 0) == 0;
}

bool trace_detach(pid_t tid, int inject)
{
	return request(PTRACE_DETACH, tid, 0, (uintptr_t)inject) == 0;
}

int trace_peekdata(pid_t tid, uint64_t address, long *word)
{
	errno = 0;
	*word = ptrace(REQUEST(PTRACE_PEEKDATA), tid, (void *)(uintptr_t)address, NULL);
	return errno ? -errno : 0;
}

void trace_answer(pid_t tid, int64_t result)
{
	request(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, orig_rax), (uintptr_t)-1L);
	request(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), (uintptr_t)result);
}

/* What the wait status does not tell. False: the task was killed meanwhile, forget this stop. */
static bool complete_stop(pid_t tid, struct stop *stop)
{
	bool gone = false;
	if (stop->kind == STOP_BIRTH || stop->kind == STOP_EXEC)
		gone = request(PTRACE_GETEVENTMSG, tid, 0, (uintptr_t)&stop->message) < 0;
	if (stop->kind == STOP_SECCOMP || stop->kind == STOP_LEAVE || stop->kind == STOP_EXEC)
		gone = gone || request(PTRACE_GET_SYSCALL_INFO, tid, sizeof stop->info,
				       (uintptr_t)&stop->info) < 0;
	if (stop->kind == STOP_LEAVE && stop->info.op == PTRACE_SYSCALL_INFO_ENTRY)
		stop->kind = STOP_ENTER;
	if (stop->kind == STOP_SIGNAL)
		stop->inject = WSTOPSIG(stop->status);
	return !gone;
}

struct waited {
	pid_t tid;
	int status;
	struct rusage usage;
};

/* Names the stop that was waited for. False: the task was killed meanwhile. */
static bool make_stop(const struct waited *waited, struct stop *stop)
{
	*stop = (struct stop){ .status = waited->status };
	stop->kind = stop_classify(waited->status, &stop->event);
	stop->t_ns = supervisor_now();
	if (stop->kind == STOP_ENDED)
		stop->usage = waited->usage;
	return complete_stop(waited->tid, stop);
}

/* A child's first stop and its parent's event are there at the same time as often as not, and the kernel
 * gives the youngest tracee's first. The event is served first if it is the next (tid 0: there is none): whose the child is, need
 * not be asked of /proc then, and it need not be held. */
static void serve_newcomer(pid_t tid, struct stop *stop, const struct waited *next)
{
	struct stop next_stop;
	bool made = next->tid > 0 && make_stop(next, &next_stop);
	bool announces = made && next_stop.kind == STOP_BIRTH && (pid_t)next_stop.message == tid;
	if (announces)
		transitions_apply(next->tid, &next_stop);
	transitions_apply(tid, stop);
	if (made && !announces)
		transitions_apply(next->tid, &next_stop);
}

static int64_t number_of_call(const struct stop *stop)
{
	return stop->kind == STOP_SECCOMP ? (int64_t)stop->info.seccomp.nr : -1;
}

/* next: what was taken behind it, or NULL: then it may be taken here. True: it was served too. Nothing may be taken while
 * there is more that was taken and is not served yet: an end that overtook a stop of the same task would leave that for a
 * newcomer's. */
static bool serve_with(const struct waited *waited, const struct waited *next)
{
	struct stop stop;
	struct waited other = { 0 };
	if (!make_stop(waited, &stop))
		return false;
	pulse_serves(stop.kind, waited->tid, number_of_call(&stop));
	if (stop.kind != STOP_EVENT || tracee_find(waited->tid)) {
		transitions_apply(waited->tid, &stop);
		return false;
	}
	if (!next)
		other.tid = wait4(-1, &other.status, __WALL | WNOHANG, &other.usage);
	serve_newcomer(waited->tid, &stop, next ? next : &other);
	return next != NULL;
}

static void serve(const struct waited *waited)
{
	serve_with(waited, NULL);
}

/* Takes what happened to one task, if anything has, as `code` (CLD_*) has it: how much it used the kernel
 * adds up over all threads of the process, at each wait that asks for it, so that is left to the end of
 * the process. One that was killed in between has none. */
static bool take(pid_t tid, int code, struct waited *waited)
{
	const struct tracee *tracee = tracee_find(tid);
	bool leads = !tracee || !tracee->process || tracee->process->pid == tid;
	bool ended = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
	waited->usage = (struct rusage){ 0 };
	waited->tid = wait4(tid, &waited->status, __WALL | WNOHANG, ended && leads ? &waited->usage : NULL);
	return waited->tid > 0;
}

/* Serves what SIGCHLD told of. */
static void reap(const siginfo_t *info)
{
	struct waited waited;
	if (take(info->si_pid, info->si_code, &waited))
		serve(&waited);
}

static struct {
	bool needed;      /* a signal may have been lost since the last one */
	uint64_t due_ns;
} sweep;

/* Those that wait. Without memory for more of them, some: the others wait for the next sweep. */
static struct {
	struct waited *items;
	size_t count, room;
} batch;

static bool batch_has_room(void)
{
	if (batch.count < batch.room)
		return true;
	size_t room = batch.room ? batch.room * 2 : SWEEP_FIRST;
	struct waited *items = memory_checked(realloc(batch.items, room * sizeof *items));
	if (!items)
		return false;
	batch.items = items;
	batch.room = room;
	return true;
}

/* All that wait; *cost_ns: what the last look took. None of them goes on meanwhile, so it comes to an end. */
static void take_batch(uint64_t *cost_ns)
{
	batch.count = 0;
	while (batch_has_room()) {
		siginfo_t first = { 0 };
		uint64_t start = clock_monotonic_ns();
		int found = waitid(P_ALL, 0, &first, WEXITED | WSTOPPED | __WALL | WNOHANG | WNOWAIT);
		*cost_ns = clock_monotonic_ns() - start;
		if (found < 0 || !first.si_pid)
			break;
		batch.count += take(first.si_pid, first.si_code, &batch.items[batch.count]); /* or it was killed just now */
	}
}

/* Takes what waits, whoever it is: first all of it, then it is served, so a task that stops again
 * at once cannot starve those behind it in the kernel's list. */
static void sweep_all(void)
{
	uint64_t cost_ns = 0;
	take_batch(&cost_ns);
	static const struct waited none;
	for (size_t i = 0; i < batch.count; i++)
		i += serve_with(&batch.items[i], i + 1 < batch.count ? &batch.items[i + 1] : &none);
	uint64_t pause = cost_ns < SWEEP_CHEAP_NS ? 0 : cost_ns * SWEEP_SHARE;
	sweep.due_ns = clock_monotonic_ns() + (pause < SWEEP_MAX_NS ? pause : SWEEP_MAX_NS);
	sweep.needed = false;
}

/* Gives back what helpers have finished, and what has taken them too long. */
static void serve_helpers(void)
{
	pulse_is(PULSE_GATHERED);
	for (struct job *job; (job = helpers_take());)
		transitions_gathered(job);
	for (struct job *job; (job = helpers_oldest()) && job->deadline_ns <= clock_monotonic_ns();)
		transitions_timed_out(job);
}

/* How long nothing is due: NULL for ever. */
static const struct timespec *time_to_wait(struct timespec *wait)
{
	uint64_t now = clock_monotonic_ns(), until = UINT64_MAX;
	const struct job *job = helpers_are_busy() ? helpers_oldest() : NULL;
	if (job)
		until = job->deadline_ns;
	if (sweep.needed && sweep.due_ns < until)
		until = sweep.due_ns;
	uint64_t adoption_ns = adoption_due();
	if (adoption_ns && adoption_ns + supervisor_get()->start_ns < until)
		until = adoption_ns + supervisor_get()->start_ns;
	if (until == UINT64_MAX)
		return NULL;
	uint64_t left = until > now ? until - now : 0;
	*wait = (struct timespec){ (time_t)(left / 1000000000), (long)(left % 1000000000) };
	return wait;
}

/* A stop that has come already: without usage, which the kernel adds up at each wait that asks for it. Ends are
 * left to the next wait that blocks, or sweep. 0: none. */
static pid_t take_stop(int *status)
{
	siginfo_t info = { 0 };
	if (waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | __WALL) || !info.si_pid)
		return 0;
	*status = info.si_status << 8 | 0x7f; /* as wait4(2) has it, __W_STOPCODE */
	return info.si_pid;
}

/* Waits for ns nanoseconds without sleeping. 0: nothing came. */
static pid_t spin(uint64_t ns, struct waited *waited)
{
	pid_t tid = 0;
	for (uint64_t until = ns ? clock_monotonic_ns() + ns : 0; !tid && clock_monotonic_ns() < until;)
		tid = wait4(-1, &waited->status, __WALL | WNOHANG, &waited->usage);
	return tid;
}

/* With few tracees, no helpers and no child that is held a plain wait4(-1) costs two system calls less a stop, and its
 * wake-up tells the scheduler that the waker is about to sleep, so that the tracer runs on the
 * tracee's CPU. The kernel gives the first of its list that is ready: now and then a sweep, which
 * takes all that are, keeps those behind from starving. */
static void wait_plainly(void)
{
	static unsigned rounds;
	struct waited waited;
	waited.tid = placement_is_shared() ? take_stop(&waited.status) : spin(placement_spin_ns(), &waited);
	if (waited.tid == 0) {
		placement_slept();
		waited.tid = wait4(-1, &waited.status, __WALL, &waited.usage);
	}
	if (waited.tid > 0)
		serve(&waited);
	else if (errno == ECHILD)
		transitions_forget_all();
	if (++rounds % FAIR_ROUNDS == 0)
		sweep_all();
	sweep.needed = true; /* for when the other way of waiting takes over */
}

/* Takes the next signal, and what it announces. */
static void wait_by_signal(const sigset_t *signals, void (*woken)(int signal))
{
	struct timespec wait;
	const struct timespec *limit = time_to_wait(&wait);
	siginfo_t info;
	int signal = sigtimedwait(signals, &info, limit);
	if (signal == SIGCHLD) {
		reap(&info);
		sweep.needed = true;
	} else if (signal > 0) {
		woken(signal);
	}
	if (helpers_are_busy())
		serve_helpers();
	uint64_t adoption_ns = adoption_due();
	bool adopts = adoption_ns && adoption_ns <= supervisor_now();
	if (adopts || (sweep.needed && clock_monotonic_ns() >= sweep.due_ns))
		sweep_all();
	if (adopts)
		adopt_orphans(supervisor_now());
}

static volatile sig_atomic_t parent_died;

static void on_parent_died(int signal)
{
	(void)signal;
	if (supervisor_parent_died())
		parent_died = 1;
}

/* The one signal with a handler, in this thread alone: it ends any wait with EINTR. One that comes
 * just before the wait would be missed; the flusher repeats it until it is taken, and so does the launcher's
 * watchdog, which sends it to see the loop turn. */
static void catch_parent_death(void)
{
	sigset_t parent;
	struct sigaction handler = { .sa_handler = on_parent_died };
	sigemptyset(&parent);
	sigaddset(&parent, TRACE_PARENT_DIED);
	sigaction(TRACE_PARENT_DIED, &handler, NULL);
	pthread_sigmask(SIG_UNBLOCK, &parent, NULL);
}

void trace_run(bool (*finished)(void), void (*woken)(int signal))
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, TRACE_WAKE);
	catch_parent_death();
	placement_init();
	sweep.needed = true;
	while (!finished()) {
		pulse_beat();
		pulse_is(PULSE_WAITING);
		if (parent_died) {
			parent_died = 0;
			placement_leave();
			woken(TRACE_PARENT_DIED);
		}
		bool few = tracee_count() > 0 && tracee_count() <= PLAIN_WAIT_MAX;
		if (!helpers_are_busy() && !adoption_due() && few && !supervisor_get()->control->released)
			wait_plainly();
		else
			wait_by_signal(&signals, woken);
	}
}
