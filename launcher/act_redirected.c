/* Signals that meet a task in a redirected call (ptwrap/fastpath.h).
 *
 * Where the task stands        what becomes of the signal
 * before the call, or outside  delivered, as natively: it came just before the call
 * in the call, to be restarted delivered: only the kernel can decide whether the call is made again. The call
 *                              is recorded here, as interrupted, since a handler may leave by longjmp
 * back from the call, its      put off: the task runs on to where the record is written, with other signals
 * record not yet written       blocked; there the hook traps, and is given the signal in the trap's stead. So no
 *                              handler sees a half-written record
 * a fault in the shim's code   the shim's own affair: a program's bad pointer, or no memory for the ring */
#include "actions.h"

#include "fastpath.h"
#include "memory.h"
#include "peek.h"
#include "recorder.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"

#include <stdlib.h>
#include <sys/uio.h>

/* In r11 of a task whose interruption was told: making the call again puts the flags there. */
#define TOLD_MARK 0x7074777274000000ULL

enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516, EXEMPT_BYTES = 2 };

struct deferred {
	siginfo_t info; /* si_signo is 0 when it has been taken back */
	uint64_t mask;  /* the task's own */
};

static bool is_stop_signal(int number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static bool is_back_from_call(const struct user_regs_struct *registers)
{
	return registers->rip == FASTPATH_EXEMPT + EXEMPT_BYTES;
}

static bool is_to_be_restarted(const struct user_regs_struct *registers)
{
	long result = -(long)registers->rax;
	return (long)registers->orig_rax >= 0 && (result == ERESTARTSYS || result == ERESTARTNOINTR ||
						  result == ERESTARTNOHAND || result == ERESTART_RESTARTBLOCK);
}

/* Is a call over whose record is not written yet? *frame: where its frame lies. */
static bool owes_record(pid_t tid, const struct user_regs_struct *registers, uint64_t *frame)
{
	uint64_t stage, at = registers->rip - FASTPATH_TEXT;
	const struct shimimage *image = fastpath_image();
	*frame = registers->rsp;
	if (is_back_from_call(registers))
		return !is_to_be_restarted(registers);
	bool is_before = at >= image->hook_entry && at < image->hook_back;
	if (is_before || !fastpath_is_code(registers->rip))
		return false;
	if (at >= image->hook_back && at < image->hook_staged)
		return true;
	*frame = registers->rbp;
	return peek_read_whole(tid, registers->rbp + FASTPATH_FRAME_STAGE, &stage, sizeof stage) == 0 &&
	       stage > FASTPATH_STAGE_FIRST && stage <= FASTPATH_STAGE_LAST;
}

static bool write_word(pid_t tid, uint64_t address, uint32_t value)
{
	struct iovec local = { &value, sizeof value }, remote = { (void *)(uintptr_t)address, sizeof value };
	return process_vm_writev(tid, &local, 1, &remote, 1, 0) == sizeof value;
}

/* All but those that a task raises by what it does, the trap among them: blocked, such a one would change
 * what the program has set up for it. */
static uint64_t mask_of_others(void)
{
	static const int own[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	uint64_t mask = ~0ULL;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		mask &= ~(1ULL << (own[i] - 1));
	return mask;
}

static bool put_off(struct tracee *tracee, const siginfo_t *info, uint64_t frame)
{
	struct deferred *deferred = memory_checked(calloc(1, sizeof *deferred));
	if (!deferred)
		return false;
	deferred->info = *info;
	if (!trace_get_mask(tracee->tid, &deferred->mask) || !trace_set_mask(tracee->tid, mask_of_others()) ||
	    !write_word(tracee->tid, frame + FASTPATH_FRAME_PUT_OFF, 1)) {
		free(deferred);
		return false;
	}
	tracee->deferred = deferred;
	return true;
}

/* The record is written: now the signal. False: it has been taken back. */
static bool take_up(struct tracee *tracee, struct stop *stop, siginfo_t *info)
{
	*info = tracee->deferred->info;
	stop->inject = info->si_signo;
	if (stop->inject)
		trace_set_siginfo(tracee->tid, info);
	trace_set_mask(tracee->tid, tracee->deferred->mask);
	free(tracee->deferred);
	tracee->deferred = NULL;
	return stop->inject != 0;
}

void take_back_stop(struct tracee *tracee)
{
	if (tracee->deferred && is_stop_signal(tracee->deferred->info.si_signo))
		tracee->deferred->info.si_signo = 0;
}

/* Once, though several signals may come before the call is made again (SIGSTOP, SIGCONT). */
static void tell_interruption(const struct tracee *tracee, const struct stop *stop, struct user_regs_struct *registers)
{
	if (registers->r11 == TOLD_MARK ||
	    !shimlink_serve_interruption(tracee, (int64_t)registers->rax, stop->t_ns))
		return;
	registers->r11 = TOLD_MARK;
	trace_set_registers(tracee->tid, registers);
}

/* What it was about to tell is not told, and no writer will complete it. */
static void lose_record(const struct tracee *tracee)
{
	struct process *process = tracee->process;
	recording_lose(supervisor_get()->recording);
	note_about(tracee, "lost", "there was no memory for some of what it would have told of itself");
	if (process->stream)
		recorder_drain_now(process->stream, true, process_thread_number(process, tracee->tid));
}

bool put_off_signal(struct tracee *tracee, struct stop *stop, siginfo_t *info, struct user_regs_struct *registers)
{
	uint64_t frame;
	if (!tracee->process->fast)
		return false;
	enum fastpath_fault fault = fastpath_serve_fault(tracee->tid, info, registers);
	if (fault == FASTPATH_FAULT_LOSES)
		lose_record(tracee);
	if (fault != FASTPATH_NO_FAULT) {
		trace_set_registers(tracee->tid, registers);
		return true;
	}
	bool given = registers->rip == FASTPATH_TEXT + fastpath_image()->hook_given;
	if (tracee->deferred && info->si_signo == SIGTRAP && given)
		return !take_up(tracee, stop, info);
	if (is_back_from_call(registers) && is_interrupted_in_vain(tracee->tid, info->si_signo, registers))
		return false; /* act_restart.c makes it go on */
	if (!tracee->deferred && owes_record(tracee->tid, registers, &frame))
		return put_off(tracee, info, frame);
	if (is_back_from_call(registers) && is_to_be_restarted(registers))
		tell_interruption(tracee, stop, registers);
	return false;
}
