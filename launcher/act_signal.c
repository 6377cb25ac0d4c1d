/* Actions about signals and group-stops. */
#include "actions.h"

#include "clock.h"
#include "relay.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"

#include <signal.h>

static bool has_sender(int code)
{
	return code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ;
}

/* The two kinds of details share their room in siginfo_t. */
static void add_details(struct event_signal *signal, const siginfo_t *info)
{
	signal->has_details = true;
	signal->from_uid = info->si_uid;
	if (info->si_signo == SIGCHLD && info->si_code > 0) {
		signal->child_status = info->si_status;
		signal->child_user_ticks = (uint64_t)info->si_utime;
		signal->child_system_ticks = (uint64_t)info->si_stime;
	} else if (info->si_code != SI_USER && info->si_code != SI_TKILL) {
		signal->value = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
	}
}

static void record_signal(const struct tracee *tracee, const struct stop *stop, const siginfo_t *info)
{
	struct event event = event_about(EVENT_SIGNAL, tracee, stop->t_ns);
	event.signal.number = info->si_signo;
	event.signal.code = info->si_code;
	if (has_sender(info->si_code) || info->si_signo == SIGCHLD) {
		event.signal.from_pid = info->si_pid;
		event.signal.from = process_id_of_pid(info->si_pid);
		add_details(&event.signal, info);
	} else if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS ||
		   info->si_signo == SIGILL || info->si_signo == SIGFPE || info->si_signo == SIGTRAP) {
		event.signal.address = (uint64_t)(uintptr_t)info->si_addr;
	}
	supervisor_record(&event);
}

/* The launcher may have been sent the same one, which it then keeps to itself. */
static void tell_launcher(int number, const siginfo_t *info)
{
	struct delivered *delivered = &supervisor_get()->control->delivered[number];
	atomic_store(&delivered->at_ns, clock_monotonic_ns());
	atomic_store(&delivered->sender, info->si_code <= 0 ? info->si_pid : -1);
}

enum resume act_signal(struct tracee *tracee, struct stop *stop)
{
	siginfo_t info;
	struct user_regs_struct registers;
	enum resume resume = tracee->state == TRACEE_CALLING ? RESUME_SYSCALL : RESUME_CONT;
	if (!trace_get_siginfo(tracee->tid, &info))
		return resume;
	bool known = trace_get_registers(tracee->tid, &registers);
	if (shimlink_serve_signal(tracee->process, tracee->tid, &info) ||
	    (known && put_off_signal(tracee, stop, &info, &registers))) {
		stop->inject = 0;
		return resume;
	}
	tracee->process->last_signal = stop->inject;
	if (tracee->process->id == 1 && relay_restore(supervisor_get()->control, &info))
		trace_set_siginfo(tracee->tid, &info);
	else if (tracee->process->id == 1 && stop->inject <= 64)
		tell_launcher(stop->inject, &info);
	if (tracee->process->started)
		record_signal(tracee, stop, &info);
	if (known)
		restart_interrupted(tracee, stop->inject, &registers);
	return resume;
}

enum resume act_group_stop(struct tracee *tracee, struct stop *stop)
{
	if (attach_holds(tracee, stop))
		return RESUME_NONE;
	if (tracee->process->started) {
		struct event event = event_about(EVENT_STOPPED, tracee, stop->t_ns);
		event.signal.number = stop->status >> 8 & 0xff;
		supervisor_record(&event);
	}
	return RESUME_LISTEN;
}

enum resume act_go_on(struct tracee *tracee, struct stop *stop)
{
	if (stop->kind == STOP_EVENT && attach_holds(tracee, stop))
		return RESUME_NONE;
	if (stop->kind == STOP_EVENT && !tracee->attached_by)
		take_back_stop(tracee);
	if (stop->kind == STOP_EVENT && tracee->process->id == 1)
		supervisor_command_goes_on();
	return tracee->state == TRACEE_CALLING ? RESUME_SYSCALL : RESUME_CONT;
}
