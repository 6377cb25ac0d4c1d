/* Actions about births and deaths of tasks and processes.
 *
 * A child's first stop and its parent's event come in either order (hazard 1): what comes first makes
 * the record. A child seen first is held until the event tells whose it is; should the task that made
 * it end before it can tell (killed, or its process ends or executes a program), /proc tells. */
#include "actions.h"

#include "credentials.h"
#include "fastpath.h"
#include "judge.h"
#include "peek.h"
#include "procfs.h"
#include "recorder.h"
#include "supervisor.h"
#include "trace.h"
#include "workdir.h"
#include "writers.h"

#include <errno.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A parent that lives announces its child as soon as it has made it, so one whose announcement has not
 * come for so long has lost whoever could make it. */
enum { ANNOUNCEMENT_NS = 50000000 };

/* When a held child is to be looked at, by supervisor_now; 0: none is held. */
static uint64_t adoption_ns;

static void hold(struct tracee *child, uint64_t t_ns)
{
	child->held_ns = t_ns;
	if (!adoption_ns)
		adoption_ns = t_ns + ANNOUNCEMENT_NS;
}

/* The call that makes a task (none: nobody can tell any more), and its flags: in a register, for clone3 in memory (where rules
 * are enforced there is no clone3). */
struct birth {
	struct user_regs_struct registers;
	uint64_t clone_flags;
};

static struct birth birth_by(pid_t caller)
{
	enum { CLONE_I386 = 120, VFORK_I386 = 190, X32_BIT = 0x40000000 };
	enum { ANYTHING = CLONE_VM | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID };
	struct birth birth = { 0 };
	if (!trace_get_registers(caller, &birth.registers)) {
		birth.clone_flags = judge_is_on() ? ANYTHING : 0; /* rules are to hold, whatever it was */
		return birth;
	}
	switch (birth.registers.orig_rax & ~(unsigned long long)X32_BIT) {
	case SYS_clone:
		birth.clone_flags = birth.registers.rdi;
		break;
	case CLONE_I386:
		birth.clone_flags = birth.registers.rbx;
		break;
	case SYS_vfork:
	case VFORK_I386:
		birth.clone_flags = CLONE_VM | CLONE_VFORK;
		break;
	case SYS_clone3: /* where reading might block, what is not known is asked of /proc */
		if (helpers_are_needed() || peek_read_whole(caller, birth.registers.rdi, &birth.clone_flags,
							    sizeof birth.clone_flags))
			birth.clone_flags = CLONE_PARENT | CLONE_NEWNS;
		break;
	}
	return birth;
}

/* Nobody tells what it shares, and with whom. */
static void share_all(struct process *process)
{
	if (judge_is_on())
		process->shares_files = process->shares_memory = true;
}

/* The parent that getppid(2) names: with CLONE_PARENT it is the caller's own. */
static pid_t ppid_of(const struct tracee *child, const struct tracee *caller, uint64_t clone_flags)
{
	pid_t tgid, ppid;
	if ((clone_flags & CLONE_PARENT) && procfs_family(child->tid, &tgid, &ppid) == 0)
		return ppid;
	return caller->process->pid;
}

static unsigned shares_of(uint64_t clone_flags)
{
	return (clone_flags & CLONE_FILES ? WRITER_FILES : 0U) | (clone_flags & CLONE_FS ? WRITER_FS : 0U);
}

static void record_birth(struct tracee *child, const struct tracee *parent, uint64_t clone_flags,
			 const struct stop *stop)
{
	struct event event = event_about(EVENT_FORK, child, stop->t_ns);
	if (clone_flags & (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID)) {
		procfs_roots_move();
		process_read_root(child->process, child->tid);
	}
	child->process->other_pids |= (clone_flags & CLONE_NEWPID) != 0;
	event.tid = parent->tid;
	event.fork.parent = parent->process->id;
	event.fork.ppid = ppid_of(child, parent, clone_flags);
	event.fork.fork_kind = stop->event == PTRACE_EVENT_FORK  ? FORK_FORK :
			       stop->event == PTRACE_EVENT_VFORK ? FORK_VFORK :
								   FORK_CLONE;
	recorder_birth(&event, parent->tid, child->tid, process_thread_number(child->process, child->tid),
		       shares_of(clone_flags));
}

/* Is the new task a thread of that process? tgkill(2) finds a task only in its own thread group. */
static bool is_thread_of(const struct process *process, pid_t tid)
{
	return syscall(SYS_tgkill, process->pid, tid, 0) == 0 || errno != ESRCH;
}

/* There is no memory for its process, which is counted: it goes on unknown. */
static void forget_unborn(struct tracee *child)
{
	pid_t tid = child->tid;
	bool held = child->state == TRACEE_UNBORN && !child->dead;
	enum resume resume = child->held_in_group_stop ? RESUME_LISTEN : RESUME_CONT;
	tracee_remove(child);
	if (held)
		trace_resume(tid, resume, 0);
}

/* False: there is no memory for it, and the child is forgotten. */
static bool bear(struct tracee *child, struct tracee *parent, bool thread, uint64_t clone_flags,
		 const struct stop *stop)
{
	workdir_inherit(child->tid, parent->tid);
	if (judge_is_on() && !(clone_flags & (CLONE_NEWUSER | CLONE_NEWNS)))
		credentials_inherit(child, parent);
	if (thread) {
		tracee_join(child, parent->process);
		if (parent->process->started) {
			struct event event = event_about(EVENT_THREAD, child, stop->t_ns);
			recorder_birth(&event, parent->tid, child->tid,
				       process_thread_number(child->process, child->tid), WRITER_FILES | WRITER_FS);
		}
		return true;
	}
	struct process *process = process_create(child->tid, parent->process);
	if (!process) {
		forget_unborn(child);
		return false;
	}
	tracee_join(child, process);
	if (clone_flags & CLONE_FILES)
		process->shares_files = parent->process->shares_files = true;
	if (clone_flags & CLONE_VM)
		process->shares_memory = parent->process->shares_memory = true;
	record_birth(child, parent, clone_flags, stop);
	return true;
}

/* A child that was seen before its parent's event goes on from there. */
static void release_unborn(struct tracee *child, uint64_t t_ns)
{
	if (child->dead) {
		static const struct rusage unknown;
		tracee_died(child, child->dead_status, &unknown, t_ns);
		return;
	}
	child->state = TRACEE_RUNNING;
	if (child->held_in_group_stop)
		child->state = TRACEE_LISTENING;
	resume_tracee(child, child->held_in_group_stop ? RESUME_LISTEN : RESUME_CONT, 0);
}

/* The flag that was taken off (act_call.c) is one that the program finds where it put it. child: NULL without memory. */
static void bear_untraced(struct tracee *child, struct tracee *parent, struct birth *birth)
{
	if (child && child->process && child->process != parent->process)
		attach_born(child->process, parent, birth->clone_flags);
	parent->untraced_clone = false;
	birth->registers.rdi |= CLONE_UNTRACED;
	trace_set_registers(parent->tid, &birth->registers);
}

enum resume act_birth(struct tracee *tracee, struct stop *stop)
{
	pid_t tid = (pid_t)stop->message;
	struct tracee *child = tracee_find(tid);
	bool calling = tracee->state == TRACEE_CALLING;
	if (!child)
		child = tracee_add(tid, NULL, TRACEE_EXPECTED);
	if (child && !child->process) {
		struct birth birth = birth_by(tracee->tid);
		if (tracee->process->fast)
			fastpath_serve_birth(tracee->tid, tid, birth.registers.orig_rax ? birth.clone_flags : 0, &birth.registers);
		bool thread = is_thread_of(tracee->process, tid);
		bool borne = bear(child, tracee, thread, birth.clone_flags, stop);
		if (tracee->untraced_clone)
			bear_untraced(borne ? child : NULL, tracee, &birth);
		if (borne && child->state == TRACEE_UNBORN)
			release_unborn(child, stop->t_ns);
	}
	return calling ? RESUME_SYSCALL : RESUME_CONT;
}

enum resume act_early_stop(struct tracee *tracee, struct stop *stop)
{
	if (syscall(SYS_tkill, tracee->tid, 0) != 0 && errno == ESRCH) { /* its end was taken before: no other will come */
		tracee_remove(tracee);
		return RESUME_NONE;
	}
	tracee->held_in_group_stop = stop->kind == STOP_GROUP;
	procfs_family(tracee->tid, &tracee->early_tgid, &tracee->early_ppid);
	hold(tracee, stop->t_ns);
	return RESUME_NONE;
}

enum resume act_early_end(struct tracee *tracee, struct stop *stop)
{
	tracee->dead = true;
	tracee->dead_status = stop->status;
	hold(tracee, stop->t_ns);
	return RESUME_NONE;
}

/* A thread that was killed as soon as it was made, its process ended since. */
static void bury_thread(struct tracee *thread, uint32_t process, uint64_t t_ns)
{
	struct event event = { .kind = EVENT_THREAD, .t_ns = t_ns, .process = process, .pid = thread->early_tgid,
			       .tid = thread->tid };
	supervisor_record(&event);
	event.kind = EVENT_THREAD_EXIT;
	event.thread_status = thread->dead_status;
	supervisor_record(&event);
	tracee_remove(thread);
}

/* A process whose parent is gone. */
static bool adopt_process(struct tracee *child, uint32_t parent, uint64_t t_ns)
{
	struct process *process = process_create(child->tid, NULL);
	if (!process) {
		forget_unborn(child);
		return false;
	}
	process->started = true;
	process->parent_id = parent;
	tracee_join(child, process);
	struct event event = event_about(EVENT_FORK, child, t_ns);
	event.fork.parent = parent;
	event.fork.ppid = child->early_ppid;
	event.fork.fork_kind = FORK_CLONE;
	supervisor_record(&event);
	if (!parent)
		note_about(child, "parent-unknown", "whoever started it ended before it could tell");
	judge_adopted(child);
	return true;
}

struct backlog {
	const struct process *process;
	bool found;
};

static void look_for_stop(struct tracee *tracee, void *context)
{
	struct backlog *backlog = context;
	bool runs = tracee->state == TRACEE_RUNNING || tracee->state == TRACEE_CALLING;
	if (!backlog->found && runs && tracee->process == backlog->process)
		backlog->found = procfs_state(tracee->tid) == 't';
}

/* Does a task of that process stand in a stop that has not been looked at yet? It may be there to announce a child. */
static bool is_waiting(const struct process *process)
{
	struct backlog backlog = { .process = process };
	tracee_for_each(look_for_stop, &backlog);
	return backlog.found;
}

/* Whoever could announce it is gone: what /proc said of it at its first stop tells whose it is. */
static void adopt_unborn(struct tracee *child, void *context)
{
	uint64_t t_ns = *(const uint64_t *)context;
	if (child->state != TRACEE_UNBORN || child->process)
		return;
	uint64_t due_ns = child->held_ns + ANNOUNCEMENT_NS;
	if (due_ns > t_ns) {
		adoption_ns = adoption_ns && adoption_ns < due_ns ? adoption_ns : due_ns;
		return;
	}
	struct stop stop = { .kind = STOP_BIRTH, .event = PTRACE_EVENT_CLONE, .t_ns = t_ns };
	bool thread = child->early_tgid && child->early_tgid != child->tid;
	pid_t kin = thread ? child->early_tgid : child->early_ppid;
	struct tracee *parent = tracee_find(kin);
	bool known = parent && parent->process, adopted = false;
	if (known && is_waiting(parent->process)) { /* the machine is slow, or there are many others */
		child->held_ns = t_ns;
		adoption_ns = adoption_ns && adoption_ns < t_ns + ANNOUNCEMENT_NS ? adoption_ns : t_ns + ANNOUNCEMENT_NS;
		return;
	}
	procfs_roots_move(); /* nobody has told with which flags it was made */
	if (known && !thread && !parent->process->lost_task)
		adopted = adopt_process(child, 0, t_ns); /* it would have told: it has but inherited an orphan */
	else if (known)
		adopted = bear(child, parent, thread, 0, &stop);
	else if (thread && child->dead)
		bury_thread(child, process_id_of_pid(kin), t_ns);
	else
		adopted = adopt_process(child, process_id_of_pid(kin), t_ns);
	if (adopted)
		credentials_forget(child); /* its maker may be another program by now, */
	if (adopted && known && !thread && parent->process->lost_task)
		judge_adopted(child); /* for which other rules hold */
	if (adopted && !thread) {
		share_all(child->process);
		if (known)
			share_all(parent->process);
	}
	if (adopted)
		release_unborn(child, t_ns);
}

uint64_t adoption_due(void)
{
	return tracee_unborn_count() > 0 ? adoption_ns : 0;
}

void adopt_orphans(uint64_t t_ns)
{
	adoption_ns = 0;
	if (tracee_unborn_count() > 0)
		tracee_for_each(adopt_unborn, &t_ns);
}

static void record_end(const struct tracee *tracee, int status, const struct rusage *usage,
		       uint64_t t_ns)
{
	struct event event = event_about(EVENT_EXIT, tracee, t_ns);
	if (tracee->tid != tracee->process->pid) {
		event.kind = EVENT_THREAD_EXIT;
		event.thread_status = status;
		supervisor_record(&event);
		return;
	}
	event.exit = (struct event_exit){
		.status = status,
		.has_usage = usage->ru_maxrss > 0,
		.user_ns = (uint64_t)usage->ru_utime.tv_sec * 1000000000 + (uint64_t)usage->ru_utime.tv_usec * 1000,
		.system_ns = (uint64_t)usage->ru_stime.tv_sec * 1000000000 + (uint64_t)usage->ru_stime.tv_usec * 1000,
		.max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024,
		.minor_faults = (uint64_t)usage->ru_minflt,
		.major_faults = (uint64_t)usage->ru_majflt,
		.voluntary_switches = (uint64_t)usage->ru_nvcsw,
		.involuntary_switches = (uint64_t)usage->ru_nivcsw,
	};
	supervisor_record(&event);
}

/* A signal that ends a process without a delivery stop: SIGKILL, a seccomp kill, ... */
static void record_unseen_death(const struct tracee *tracee, int status, uint64_t t_ns)
{
	if (!WIFSIGNALED(status) || tracee->tid != tracee->process->pid ||
	    tracee->process->last_signal == WTERMSIG(status))
		return;
	struct event event = event_about(EVENT_SIGNAL, tracee, t_ns);
	event.signal.number = WTERMSIG(status);
	event.signal.fatal = true;
	supervisor_record(&event);
}

void tracee_died(struct tracee *tracee, int status, const struct rusage *usage, uint64_t t_ns)
{
	struct process *process = tracee->process;
	bool command = process->id == 1 && tracee->tid == process->pid;
	attach_over(tracee);
	abandon_call(tracee, t_ns);
	if (process->started) {
		record_unseen_death(tracee, status, t_ns);
		record_end(tracee, status, usage, t_ns);
	}
	process->lost_task = true;
	tracee_remove(tracee);
	if (command)
		supervisor_command_ended(status);
}

enum resume act_end(struct tracee *tracee, struct stop *stop)
{
	tracee_died(tracee, stop->status, &stop->usage, stop->t_ns);
	return RESUME_NONE;
}

enum resume act_end_while_gathering(struct tracee *tracee, struct stop *stop)
{
	tracee->job->owner = NULL; /* the pool gives the job back in its time */
	tracee->job = NULL;
	replace_call(tracee);
	return act_end(tracee, stop);
}
