/* Actions about execve: the new image is read, recorded, and given the shim. */
#include "actions.h"

#include "image.h"
#include "inject.h"
#include "peek.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <sys/resource.h>

/* execve by a thread that is not the leader: all others are gone, it goes on under the leader's tid,
 * and the leader's own end is never reported (ptrace(2): execve under ptrace). */
static struct tracee *succeed_leader(struct tracee *leader, struct stop *stop)
{
	struct tracee *thread = tracee_find((pid_t)stop->message);
	if (!thread || thread == leader)
		return leader;
	pid_t tid = leader->tid;
	if (leader->state == TRACEE_GATHERING) {
		leader->job->owner = NULL;
		leader->job = NULL;
		replace_call(leader);
	}
	abandon_call(leader, stop->t_ns);
	leader->process->lost_task = true;
	tracee_remove(leader);
	tracee_rename(thread, tid);
	return thread;
}

static void record_exec(const struct tracee *tracee, const struct image *image, uint64_t t_ns)
{
	struct event event = event_about(EVENT_EXEC, tracee, t_ns);
	event.exec = image_event(image);
	supervisor_record(&event);
}

/* Before anything of this execve is recorded: its arguments may hold what its environment makes a secret. */
static void learn_secrets(const struct image *image)
{
	struct redactor *redactor = supervisor_get()->redactor;
	if (redactor)
		redactor_learn_knowing(redactor, strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]),
				       strbuf_bytes(&image->text[IMAGE_SECRET_PATHS]));
}

static bool write_stack(pid_t tid, const struct inject_result *result)
{
	struct user_regs_struct registers;
	if (peek_write(tid, result->new_sp, result->block, result->len) ||
	    !trace_get_registers(tid, &registers))
		return false;
	registers.rsp = result->new_sp;
	return trace_set_registers(tid, &registers);
}

/* Where it cannot be brought in, the kernel view serves alone, silently. */
static bool inject(const struct tracee *tracee, const struct image *image)
{
	const struct shimfile *shim = supervisor_get()->shim;
	if (!shim || !image->may_be_injected || !image->shim_is_visible || !supervisor_is_recording())
		return false;
	struct inject_stack stack = { .sp = image->stack_pointer,
				      .bytes = (const unsigned char *)image->stack.data,
				      .len = image->stack.len,
				      .word_bytes = image->word_bytes };
	struct inject_image parsed;
	struct inject_result result = { 0 };
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	prlimit(tracee->tid, RLIMIT_STACK, NULL, &limit);
	bool done = inject_parse(&stack, &parsed) == INJECT_OK &&
		    inject_build(&parsed, shim->path, limit.rlim_cur, &result) == INJECT_OK &&
		    write_stack(tracee->tid, &result);
	free(result.block);
	return done;
}

enum resume act_executed(struct tracee *tracee, struct image *image)
{
	uint64_t t_ns = tracee->exec_ns;
	struct process *process = tracee->process;
	process->started = true;
	learn_secrets(image);
	if (tracee->call) {
		tracee->call->event.syscall.ret = 0;
		record_call(tracee, t_ns);
	}
	shimlink_drain(process, t_ns);
	record_exec(tracee, image, t_ns);
	if (image->is_degraded)
		note_about(tracee, "setuid-degraded", "a set-user-id or capable program ran without what it would gain");
	process_set_root(process, strbuf_bytes(&image->text[IMAGE_ROOT]), image->other_mounts);
	shimlink_new_image(process, inject(tracee, image));
	return RESUME_CONT;
}

enum resume act_exec(struct tracee *tracee, struct stop *stop)
{
	tracee = succeed_leader(tracee, stop);
	if (!supervisor_is_recording()) {
		tracee->process->shim = SHIM_ABSENT;
		return RESUME_CONT;
	}
	struct image *image = image_create();
	if (!image)
		return RESUME_CONT;
	image->stack_pointer = stop->info.stack_pointer;
	image->word_bytes = stop->info.arch == AUDIT_ARCH_I386 ? 4 : 8;
	image->shim = supervisor_get()->shim;
	image->redactor = supervisor_get()->redactor;
	tracee->exec_ns = stop->t_ns;
	if (!gather(tracee, JOB_EXEC, image))
		return RESUME_NONE;
	enum resume resume = act_executed(tracee, image);
	image_free(image);
	return resume;
}
