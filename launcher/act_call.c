/* Actions about system calls: from the seccomp-stop or syscall-enter-stop to the record. */
#include "actions.h"

#include "capture.h"
#include "early.h"
#include "fastpath.h"
#include "helpers.h"
#include "image.h"
#include "judge.h"
#include "judged.h"
#include "memory.h"
#include "narrow.h"
#include "procfs.h"
#include "recorder.h"
#include "rewrite.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"

#include "ptwrap/abi.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { X32_BIT = 0x40000000 };

#define VSYSCALL_PAGE 0xffffffffff600000ULL
#define VSYSCALL_BYTES 0x1000ULL

/* What stands for another call is told as that one, if that is asked for. */
static void tell_meant(struct call *call)
{
	const struct selection *selection = supervisor_get()->selection;
	const struct event_syscall *made = &call->event.syscall;
	if (!call->meant.is_known)
		return;
	bool selected = selection->explicit_set && made->number != I386_SOCKETCALL; /* by its own name */
	call_exchange_meant(call);
	call->hidden |= !selected && !selection_reports(selection, (enum event_abi)made->abi, made->number, made->args);
}

struct call *take_call(struct tracee *tracee, uint64_t t_ns)
{
	struct call *call = tracee->call;
	tracee->call = NULL;
	if (!call)
		return NULL;
	capture_over(call);
	judged_free(call->judged); /* what it holds is in the tracer's table of descriptors */
	call->judged = NULL;
	call->event.syscall.dur_ns = t_ns - call->event.t_ns;
	if (call->event.syscall.flags & SYSCALL_UNREADABLE)
		note_about(tracee, "unreadable-memory", "arguments of some calls could not be read");
	call_set_root(call, bytes_of_string(tracee->process->root));
	tell_meant(call);
	if (!call->hidden && tracee->process->started)
		return call;
	call_release(call);
	return NULL;
}

void record_call(struct tracee *tracee, uint64_t t_ns)
{
	struct call *call = take_call(tracee, t_ns);
	if (call)
		recorder_call(call);
}

void abandon_call(struct tracee *tracee, uint64_t t_ns)
{
	if (!tracee->call)
		return;
	tracee->call->event.syscall.flags |= SYSCALL_NO_RETURN;
	tracee->call->event.syscall.ret = 0;
	record_call(tracee, t_ns);
}

void replace_call(struct tracee *tracee)
{
	const struct call *old = tracee->call;
	struct call *call = old ? call_create() : NULL;
	if (call) {
		const struct event_syscall *syscall = &old->event.syscall;
		call->event.kind = old->event.kind;
		call->event.t_ns = old->event.t_ns;
		call->event.process = old->event.process;
		call->event.pid = old->event.pid;
		call->event.tid = old->event.tid;
		call->event.syscall.abi = syscall->abi;
		call->event.syscall.number = syscall->number;
		call->event.syscall.ret = syscall->ret;
		memcpy(call->event.syscall.args, syscall->args, sizeof syscall->args);
		call->event.syscall.flags = SYSCALL_UNREADABLE;
		call->desc = old->desc;
		call->hidden = old->hidden;
		call->is_judged = old->is_judged;
		call->is_raced = old->is_raced;
		call->at_filter = old->at_filter;
		call->expected = old->expected;
		call->left_ns = old->left_ns;
	}
	tracee->call = call;
}

bool gather(struct tracee *tracee, enum job_kind kind, struct image *image)
{
	struct job here = { .kind = kind, .call = tracee->call, .image = image,
			    .place = process_place(tracee->process, tracee->tid) };
	bool elsewhere = helpers_are_needed() || (kind != JOB_LEAVE && judge_is_slow(tracee->call, image));
	struct job *job = elsewhere ? memory_checked(malloc(sizeof *job)) : NULL;
	if (!job) {
		job_work(&here);
		return true;
	}
	*job = here;
	job->owner = tracee;
	if (here.place.root) {
		snprintf(job->root, sizeof job->root, "%s", here.place.root);
		job->place.root = job->root;
	}
	tracee->job = job;
	tracee->state = TRACEE_GATHERING;
	helpers_submit(job);
	return false;
}

static enum event_abi abi_of(const struct ptrace_syscall_info *info, uint64_t number)
{
	if (info->arch == AUDIT_ARCH_X86_64)
		return number & X32_BIT ? ABI_X32 : ABI_X86_64;
	return info->arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_UNKNOWN;
}

/* Is it the call of that x86_64 number, by whichever ABI it was made? */
static bool is_call(const struct call *call, uint32_t number)
{
	if (call->event.syscall.abi == ABI_X86_64)
		return call->event.syscall.number == number;
	const struct syscall_desc *native = syscall_lookup(ABI_X86_64, number);
	return native && call->desc && strcmp(call->desc->name, native->name) == 0;
}

static bool installs_filter(const struct call *call)
{
	const uint64_t *args = call->event.syscall.args;
	return (is_call(call, SYS_seccomp) && args[0] != SECCOMP_GET_ACTION_AVAIL &&
		args[0] != SECCOMP_GET_NOTIF_SIZES) ||
	       (is_call(call, SYS_prctl) && args[0] == PR_SET_SECCOMP);
}

/* From here on the program may look at where its calls come from. */
static bool judges_addresses(const struct call *call)
{
	const uint64_t *args = call->event.syscall.args;
	return installs_filter(call) ||
	       (is_call(call, SYS_prctl) && args[0] == PR_SET_SYSCALL_USER_DISPATCH && args[1] != 0);
}

/* Calls whose exit or strings the tracer itself needs, though nobody asked to see them. */
static bool is_watched(const struct call *call)
{
	return judges_addresses(call) || is_call(call, SYS_ptrace) || is_call(call, SYS_mount) || is_call(call, SYS_fsopen) ||
	       is_call(call, SYS_userfaultfd) || is_call(call, SYS_io_uring_setup) ||
	       is_call(call, SYS_execve) || is_call(call, SYS_execveat);
}

/* What the shim calls for itself. It makes none of those that the kernel view alone tells of, but anybody can jump to its
 * instruction; from there they are told like all others. */
static bool is_shims_own(const struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	return fastpath_is_exempt(call->ip) && !call->expected &&
	       filter_class_of((enum event_abi)made->abi, made->number, made->args) != CLASS_K;
}

static void fill_call(struct call *call, const struct tracee *tracee, const struct stop *stop)
{
	bool seccomp = stop->kind == STOP_SECCOMP;
	uint64_t number = seccomp ? stop->info.seccomp.nr : stop->info.entry.nr;
	call->event = event_about(EVENT_SYSCALL, tracee, stop->t_ns);
	call->ip = stop->info.instruction_pointer;
	call->sp = stop->info.stack_pointer;
	call->event.syscall.abi = (uint8_t)abi_of(&stop->info, number);
	call->event.syscall.number = (uint32_t)number;
	for (int i = 0; i < 6; i++)
		call->event.syscall.args[i] = seccomp ? stop->info.seccomp.args[i] :
							stop->info.entry.args[i];
	call->desc = syscall_lookup((enum event_abi)call->event.syscall.abi, (uint32_t)number);
	call->expected = fastpath_is_hooked(call->ip) && fastpath_pass()->verify;
	call->at_filter = seccomp;
	call->hidden = is_shims_own(call) || !supervisor_is_recording() ||
		       !selection_reports(supervisor_get()->selection, (enum event_abi)call->event.syscall.abi,
					  (uint32_t)number, call->event.syscall.args);
}

static struct call *start_call(const struct tracee *tracee, const struct stop *stop)
{
	struct call *call = call_create();
	if (call)
		fill_call(call, tracee, stop);
	return call;
}

/* Is its exit awaited? */
static bool is_followed(const struct tracee *tracee)
{
	const struct call *call = tracee->call;
	return !call->hidden || call->expected || is_watched(call) || judge_awaits(tracee);
}

/* A FUSE or userfaultfd server may be in the tree from here on. */
static void watch_for_servers(const struct call *call)
{
	struct bytes text;
	bool server = is_call(call, SYS_userfaultfd);
	if (is_call(call, SYS_mount) && call_find(call, ATTACH_DATA, 2, &text))
		server = text.len >= 4 && memcmp(text.data, "fuse", 4) == 0;
	if (is_call(call, SYS_fsopen) && call_find(call, ATTACH_DATA, 0, &text))
		server = text.len >= 4 && memcmp(text.data, "fuse", 4) == 0;
	for (unsigned arg = 0; arg < 2 && !server; arg++)
		server = call_find(call, ATTACH_ABS, arg, &text) &&
			 (bytes_equal(text, bytes_of_string("/dev/fuse")) ||
			  bytes_equal(text, bytes_of_string("/dev/userfaultfd")));
	if (server)
		helpers_be_careful();
}

/* Answers in the kernel's place: the call does not happen, its exit will show the result. */
static void answer(struct tracee *tracee, int64_t result)
{
	trace_answer(tracee->tid, result);
	tracee->call->event.syscall.flags |= SYSCALL_ANSWERED;
}

/* act_birth puts it back into the caller's register. */
static void clear_untraced(struct tracee *tracee)
{
	struct user_regs_struct registers;
	if (!trace_get_registers(tracee->tid, &registers))
		return;
	if (tracee->call->event.syscall.abi == ABI_I386)
		registers.rbx &= ~(unsigned long long)CLONE_UNTRACED;
	else
		registers.rdi &= ~(unsigned long long)CLONE_UNTRACED;
	if (!trace_set_registers(tracee->tid, &registers))
		return;
	tracee->untraced_clone = tracee->call->event.syscall.abi == ABI_X86_64;
	note_about(tracee, "untraced-clone", "clone with CLONE_UNTRACED: the flag was taken off, the child is followed");
}

/* What must be done about a call before it runs, whether it is reported or not: at the filter's stop,
 * when a filter of the program's own has had its say about the call as it was made. */
static void control_call(struct tracee *tracee, const struct stop *stop)
{
	const struct call *call = tracee->call;
	bool untraced = is_call(call, SYS_clone) && (call->event.syscall.args[0] & CLONE_UNTRACED);
	if (untraced && supervisor_get()->selection->level == LEVEL_EXEC)
		clear_untraced(tracee);
	if (stop->kind != STOP_SECCOMP && !tracee->process->has_listener)
		return;
	if (stop->kind == STOP_SECCOMP && stop->info.seccomp.ret_data != FILTER_TRACE_DATA) {
		/* The program's own RET_TRACE, which without a tracer of its own means ENOSYS. */
		note_about(tracee, "own-seccomp-filter", "a seccomp filter of the program asks for a tracer of its own");
		answer(tracee, -ENOSYS);
	} else if (is_call(call, SYS_io_uring_setup) && !supervisor_get()->selection->allow_io_uring) {
		note_about(tracee, "io_uring", "io_uring_setup was answered ENOSYS");
		answer(tracee, -ENOSYS);
	} else if (is_call(call, SYS_io_uring_setup)) {
		note_about(tracee, "io_uring-allowed", "what is done through io_uring is not seen");
	} else if (untraced) {
		clear_untraced(tracee);
	}
}

/* The call is of no interest: on to the next stop, without one at its exit; unless registers are to be put back there. */
static enum resume drop_call(struct tracee *tracee)
{
	if (tracee->call && tracee->reroute) {
		tracee->call->hidden = true;
		return RESUME_SYSCALL;
	}
	call_release(tracee->call);
	tracee->call = NULL;
	tracee->state = TRACEE_RUNNING;
	resume_tracee(tracee, RESUME_CONT, 0);
	return RESUME_NONE;
}

/* Calls through the vsyscall page are emulated: the filter sees them, but no exit stops. */
static bool shows_no_exit(const struct call *call)
{
	return call->at_filter && (call->ip & ~(VSYSCALL_BYTES - 1)) == VSYSCALL_PAGE;
}

static enum resume end_at_entry(struct tracee *tracee)
{
	struct event_syscall *made = &tracee->call->event.syscall;
	struct user_regs_struct registers;
	if ((made->flags & SYSCALL_ANSWERED) && trace_get_registers(tracee->tid, &registers))
		made->ret = (int64_t)registers.rax;
	else
		made->flags |= SYSCALL_NO_RETURN;
	act_left(tracee, tracee->call->event.t_ns);
	tracee->state = TRACEE_RUNNING;
	resume_tracee(tracee, RESUME_CONT, 0);
	return RESUME_NONE;
}

static bool may_move_roots(const struct call *call)
{
	static const char *const names[] = { "chroot", "pivot_root", "unshare", "setns", "mount", "umount", "umount2",
					     "move_mount", "mount_setattr" };
	for (size_t i = 0; call->desc && i < sizeof names / sizeof *names; i++)
		if (strcmp(call->desc->name, names[i]) == 0)
			return true;
	return false;
}

/* Whom a call is to send a signal; 0: it is none that does, or none that ends or stops anybody. */
static pid_t signalled_by(const struct call *call)
{
	static const struct {
		uint32_t number, target, signal;
	} senders[] = { { SYS_kill, 0, 1 }, { SYS_tkill, 0, 1 }, { SYS_tgkill, 0, 2 }, { SYS_rt_sigqueueinfo, 0, 1 },
			{ SYS_rt_tgsigqueueinfo, 0, 2 } };
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
		if (is_call(call, senders[i].number) && call->event.syscall.args[senders[i].signal] != 0)
			return (pid_t)call->event.syscall.args[senders[i].target];
	return 0;
}

/* Who sends a signal to ptwrap's own processes is told before it is sent: it may be the last thing that is told. */
static void watch_for_signals_to_us(const struct tracee *tracee)
{
	pid_t target = signalled_by(tracee->call);
	if (target <= 0 || tracee->process->other_pids || (target != getpid() && target != supervisor_get()->launcher))
		return;
	note_about(tracee, "ptwrap-signalled", target == getpid() ? "sent a signal to ptwrap's supervisor" :
								   "sent a signal to ptwrap's launcher");
	recorder_settle(supervisor_now());
}

/* With a filter of the program's own a call is judged behind it, as it was made; unless that filter has a listener, which
 * may let it pass by ours. */
static bool is_to_be_judged(const struct tracee *tracee)
{
	return tracee->call->is_judged && (tracee->call->at_filter || tracee->process->has_listener);
}

enum resume act_entered(struct tracee *tracee)
{
	if (is_to_be_judged(tracee)) {
		enum judgement judgement = judge_decide(tracee);
		if (judgement == JUDGE_LATER)
			return RESUME_NONE;
		if (judgement == JUDGE_GO_ON && !is_followed(tracee))
			return drop_call(tracee);
	}
	watch_for_servers(tracee->call);
	watch_for_signals_to_us(tracee);
	if (may_move_roots(tracee->call))
		procfs_roots_move();
	if (tracee->call->moves_links && fastpath_is_there() && !supervisor_is_releasing())
		recorder_settle(supervisor_now());
	if (shimlink_opens_ring(tracee->call))
		return drop_call(tracee);
	if (shimlink_is_loading(tracee->process, tracee->call)) {
		tracee->call->loads_shim = tracee->process->fast && tracee->call->desc->returns_fd;
		if (!tracee->call->loads_shim)
			return drop_call(tracee);
		tracee->call->hidden = true;
	}
	return shows_no_exit(tracee->call) ? end_at_entry(tracee) : RESUME_SYSCALL;
}

/* Of what ptwrap's child does before it has become COMMAND only its execve counts. */
static bool is_before_command(const struct tracee *tracee, const struct stop *stop)
{
	return !tracee->process->started &&
	       !(stop->kind == STOP_SECCOMP && stop->info.seccomp.nr == SYS_execve);
}

/* The fast path did not come about: from here on it is as if it had never been tried. */
static void give_up_fast_path(struct tracee *tracee)
{
	char text[96];
	const uint64_t *args = tracee->call->event.syscall.args;
	snprintf(text, sizeof text, "the fast path could not be set up: %s",
		 strerror(args[1] > (uint64_t)-4096 ? -(int)args[1] : EINVAL));
	note_about(tracee, "shim-refused", text);
	recorder_release(tracee->process->stream);
	tracee->process->stream = NULL;
	tracee->process->fast = false;
	early_undo(tracee->tid, &tracee->process->early);
}

/* Calls that no kernel knows, made to be heard here: by the shim, but for one. */
static bool serve_unknown(struct tracee *tracee)
{
	const struct event_syscall *made = &tracee->call->event.syscall;
	if (made->number == PTWRAP_AUDITED_NUMBER && made->args[0] == PTWRAP_HELLO_MAGIC) { /* by another ptwrap */
		trace_answer(tracee->tid, PTWRAP_AUDITED_ANSWER);
		return true;
	}
	if (shimlink_serve_drain(tracee->process, tracee->tid, tracee->call))
		return true;
	if (!tracee->process->fast || made->abi != ABI_X86_64)
		return false;
	switch (made->number) {
	case FASTPATH_FAILED_NUMBER:
		give_up_fast_path(tracee);
		return true;
	case FASTPATH_LIBRARY_NUMBER:
		trace_answer(tracee->tid, helpers_are_needed() ? -EAGAIN :
						fastpath_learn(tracee->tid, (int)made->args[0]));
		return true;
	default:
		return false;
	}
}

/* Of a call that nobody records, before COMMAND's first exec, when the report is closed, or for want of memory: what must be
 * done about it, which needs none. */
static void control_unrecorded(struct tracee *tracee, const struct stop *stop)
{
	static struct call reserve;
	if (!tracee->process->started || stop->kind != STOP_SECCOMP)
		return;
	fill_call(&reserve, tracee, stop);
	tracee->call = &reserve;
	if (!serve_unknown(tracee))
		control_call(tracee, stop);
	tracee->call = NULL;
}

/* What stands in registers that the call does not read is nobody's business. */
static void forget_other_registers(struct call *call)
{
	unsigned indirect = narrow_indirect(call);
	for (unsigned i = indirect ? indirect : call->desc ? call->desc->arg_count : 6; i < 6; i++)
		call->event.syscall.args[i] = 0;
}

/* A call of a tracer in the tree: is it answered, or held? */
static bool serve_attacher(struct tracee *tracee, const struct stop *stop, enum resume *resume)
{
	if (stop->kind != STOP_ENTER || !tracee->process->attaches_to)
		return false;
	tracee->call = start_call(tracee, stop);
	if (!tracee->call)
		return false;
	tracee->call->hidden |= !supervisor_is_recording();
	if (attach_serves(tracee, resume))
		return true;
	call_release(tracee->call);
	tracee->call = NULL;
	return false;
}

/* A new image opens its ring, before anything else of it could run. With a policy that is not asked only where nobody could
 * lead it elsewhere meanwhile. */
static bool serve_early_open(struct tracee *tracee, const struct stop *stop, enum resume *resume)
{
	struct process *process = tracee->process;
	bool alone = process_is_alone(process) && !process->shares_files;
	if (stop->kind != STOP_SECCOMP || process->trace_all || !alone || helpers_are_needed())
		return false;
	enum early_open what = early_opens_ring(&process->early, tracee->tid, &stop->info, process->space);
	if (what == EARLY_OTHER || (what == EARLY_RING && judge_is_on()))
		return false;
	if (what == EARLY_RING_GONE)
		trace_answer(tracee->tid, -EAGAIN);
	*resume = drop_call(tracee);
	return true;
}

/* Not where a filter of the program's own has its say, too. */
static bool makes_ready_first(struct tracee *tracee, const struct stop *stop)
{
	const struct process *process = tracee->process;
	return stop->kind == STOP_SECCOMP && stop->info.seccomp.ret_data == FILTER_TRACE_DATA && !process->trace_all &&
	       !process->has_listener && judge_makes_ready(tracee);
}

enum resume act_enter(struct tracee *tracee, struct stop *stop)
{
	enum resume resume;
	if (serve_attacher(tracee, stop, &resume))
		return resume;
	if (is_before_command(tracee, stop) || (!supervisor_is_recording() && !judge_is_on())) {
		control_unrecorded(tracee, stop);
		return drop_call(tracee);
	}
	if (serve_early_open(tracee, stop, &resume))
		return resume;
	tracee->call = start_call(tracee, stop);
	if (!tracee->call) {
		if (!judge_refuse_unknown(tracee->tid))
			control_unrecorded(tracee, stop);
		return drop_call(tracee);
	}
	if (serve_unknown(tracee))
		return drop_call(tracee);
	bool own = shimlink_serve_call(tracee->process, tracee->tid, tracee->call);
	bool judged = judge_take(tracee, tracee->call);
	if (own && !judged)
		return drop_call(tracee);
	if (judged && makes_ready_first(tracee, stop))
		return RESUME_NONE;
	tracee->call->hidden |= own;
	forget_other_registers(tracee->call);
	control_call(tracee, stop);
	if (!judged && !is_followed(tracee))
		return drop_call(tracee);
	return gather(tracee, JOB_ENTER, NULL) ? act_entered(tracee) : RESUME_NONE;
}

/* A process whose root directory or mounts are others from now on. */
static bool moves_root(const struct call *call)
{
	static const char *const names[] = { "chroot", "pivot_root", "unshare", "setns" };
	for (size_t i = 0; call->desc && call->event.syscall.ret >= 0 && i < sizeof names / sizeof *names; i++)
		if (strcmp(call->desc->name, names[i]) == 0)
			return true;
	return false;
}

static void move_root(struct tracee *tracee, uint64_t t_ns)
{
	struct process *process = tracee->process;
	struct event head = event_about(EVENT_SYSCALL, tracee, t_ns);
	process_read_root(process, tracee->tid);
	process->other_pids = true; /* unshare and setns may have to do with that too */
	recorder_root(&head, bytes_of_string(process->root), process->other_mounts);
}

enum resume act_left(struct tracee *tracee, uint64_t t_ns)
{
	struct call *call = tracee->call;
	if (rewrite_end(tracee)) {
		call_release(call);
		tracee->call = NULL;
		return RESUME_CONT;
	}
	if (call)
		judge_left(tracee);
	bool moved = call && moves_root(call);
	if (call && call->loads_shim && call->event.syscall.ret >= 0)
		fastpath_tell_shim(tracee->tid, (int)call->event.syscall.ret);
	if (call && judges_addresses(call) && call->event.syscall.ret >= 0 && tracee->process->fast)
		fastpath_leave(tracee->tid);
	if (call && installs_filter(call) && call->event.syscall.ret >= 0) {
		tracee->process->trace_all = true;
		note_about(tracee, "own-seccomp-filter", "the program installed a seccomp filter of its own; "
						   "from then on each of its calls is traced before that filter sees it");
	}
	if (call && is_call(call, SYS_ptrace) && call->event.syscall.ret < 0 && !(call->event.syscall.flags & SYSCALL_ANSWERED))
		note_about(tracee, "ptrace-refused", "a program wanted to trace or be traced: it already is");
	if (call && !call->desc && call->event.syscall.abi != ABI_UNKNOWN)
		note_about(tracee, "unknown-syscall", "a call whose number no Linux up to 6.18 has");
	record_call(tracee, t_ns);
	if (moved)
		move_root(tracee, t_ns);
	return RESUME_CONT;
}

enum resume act_leave(struct tracee *tracee, struct stop *stop)
{
	if (stop->info.exit.rval != -EINTR)
		tracee->interrupted_ns = 0;
	if (!tracee->call)
		return RESUME_CONT;
	tracee->call->event.syscall.ret = stop->info.exit.rval;
	tracee->call->left_ns = stop->t_ns;
	return gather(tracee, JOB_LEAVE, NULL) ? act_left(tracee, stop->t_ns) : RESUME_NONE;
}

/* In PTRACE_SYSCALL mode the entry was seen before the filter's stop; or the one before never
 * showed its exit. */
enum resume act_enter_again(struct tracee *tracee, struct stop *stop)
{
	if (stop->kind == STOP_SECCOMP && tracee->call) {
		control_call(tracee, stop);
		tracee->call->at_filter = true;
		bool foreign = tracee->call->event.syscall.flags & SYSCALL_ANSWERED;
		bool judged = tracee->call->is_judged && !tracee->process->has_listener && !foreign;
		return judged && judge_decide(tracee) == JUDGE_LATER ? RESUME_NONE : RESUME_SYSCALL;
	}
	abandon_call(tracee, stop->t_ns);
	return act_enter(tracee, stop);
}

