/* Actions about execve: the new image is read, recorded, and given the shim. */
#include "actions.h"

#include "credentials.h"
#include "early.h"
#include "helpers.h"
#include "holder.h"
#include "image.h"
#include "inject.h"
#include "judge.h"
#include "peek.h"
#include "procfs.h"
#include "recorder.h"
#include "reroute.h"
#include "shimlink.h"
#include "supervisor.h"
#include "trace.h"

#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* A redirected call takes some stack of the program's. */
enum { LEAST_STACK = 64 << 10 };

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
	attach_over(leader);
	abandon_call(leader, stop->t_ns);
	leader->process->lost_task = true;
	tracee_remove(leader);
	tracee_rename(thread, tid);
	return thread;
}

/* The image is given away. */
static void record_exec(struct tracee *tracee, struct image *image, struct stream *stream)
{
	struct event head = event_about(EVENT_EXEC, tracee, tracee->exec_ns);
	if (tracee->call)
		tracee->call->event.syscall.ret = 0;
	struct call *call = take_call(tracee, tracee->exec_ns);
	uint32_t thread = process_thread_number(tracee->process, tracee->tid);
	recorder_exec(&head, tracee->exec_tid, thread, image, call, stream);
}

/* The stack with the shim's entry in the environment. False: it cannot carry one. */
static bool preload(const struct image *image, const struct shimfile *shim, rlim_t stack_limit,
		    struct inject_result *result)
{
	struct inject_stack stack = { .sp = image->stack_pointer,
				      .bytes = (const unsigned char *)image->stack.data,
				      .len = image->stack.len,
				      .word_bytes = image->word_bytes };
	struct inject_image parsed;
	return inject_parse(&stack, &parsed) == INJECT_OK &&
	       inject_build(&parsed, shim->path, stack_limit, result) == INJECT_OK;
}

/* The new stack, and what the fast path begins with, as far as there are such. */
static bool write_image(pid_t tid, const struct inject_result *stack, uint64_t block_address,
			const struct fastpath_early *block, const struct early *early)
{
	struct peek_part parts[2];
	size_t count = 0;
	if (stack->len)
		parts[count++] = (struct peek_part){ stack->new_sp, stack->block, stack->len };
	if (block)
		parts[count++] = (struct peek_part){ block_address, block, sizeof *block };
	return count && peek_write_parts(tid, parts, count) == 0 && (!block || early_begin(tid, early));
}

/* The fast path, if the loader is one that it knows and a ring is to be had. */
static bool prepare_early(struct tracee *tracee, const struct image *image, const struct shimfile *shim,
			  struct user_regs_struct *registers, struct fastpath_early *block, struct ringfile **ring)
{
	struct fastpath_loader loader;
	struct process *process = tracee->process;
	const struct strbuf *name = &image->text[IMAGE_LOADER];
	if (!fastpath_is_there() || helpers_are_needed() || !name->len ||
	    !fastpath_find_loader(image->same_root ? 0 : tracee->tid, name->data, &loader))
		return false;
	*ring = ringfile_take(process->id, image->uid);
	if (!*ring || !early_prepare(tracee->tid, &loader, *ring, shim->path, registers, &process->early, block))
		return false;
	if (judge_pins_early()) {
		char memory[HOLDER_NAME_BYTES];
		holder_guess(image->uid, image->gid, pinned_fd(), memory, sizeof memory);
		early_pin(&process->early, *ring, memory, block);
	}
	return true;
}

/* The lowest descriptor that the image has free. */
static unsigned first_free(const struct image *image)
{
	struct bytes list = strbuf_bytes(&image->text[IMAGE_FDS]), line;
	unsigned free = 0;
	while (bytes_next_string(&list, &line) && line.len && strtoul(line.data, NULL, 10) == free)
		free++;
	return free;
}

/* Limits that leave room for the program perhaps, but not for the shim's file and mappings beside it. */
static bool is_limited(const struct tracee *tracee, const struct image *image, rlim_t *stack_limit)
{
	struct rlimit memory = { RLIM_INFINITY, 0 }, files = { RLIM_INFINITY, 0 }, stack = { RLIM_INFINITY, 0 };
	prlimit(tracee->tid, RLIMIT_AS, NULL, &memory);
	prlimit(tracee->tid, RLIMIT_NOFILE, NULL, &files);
	prlimit(tracee->tid, RLIMIT_STACK, NULL, &stack);
	*stack_limit = stack.rlim_cur;
	if (memory.rlim_cur == RLIM_INFINITY && stack.rlim_cur >= LEAST_STACK && first_free(image) < files.rlim_cur)
		return false;
	note_about(tracee, "shim-refused", "a limit on memory, stack or descriptors leaves no room for it");
	return true;
}

/* Where it cannot be brought in, the kernel view serves alone, silently. *ring: of the fast path, or NULL. */
static bool inject(struct tracee *tracee, const struct image *image, struct ringfile **ring)
{
	const struct shimfile *shim = supervisor_get()->shim;
	struct user_regs_struct registers;
	struct fastpath_early block;
	rlim_t stack_limit;
	if (!shim || !image->may_be_injected || !image->shim_is_visible || !supervisor_is_recording() ||
	    is_limited(tracee, image, &stack_limit) || !trace_get_registers(tracee->tid, &registers))
		return false;
	struct inject_result result = { 0 };
	bool preloads = preload(image, shim, stack_limit, &result);
	if (preloads)
		registers.rsp = result.new_sp;
	bool early = prepare_early(tracee, image, shim, &registers, &block, ring);
	block.awaits_shim = preloads;
	bool done = write_image(tracee->tid, &result, registers.rsp, early ? &block : NULL, &tracee->process->early) &&
		    trace_set_registers(tracee->tid, &registers);
	tracee->process->fast = done && early;
	free(result.block);
	return done && preloads;
}

/* --release: is it one that is to be let go? */
static bool is_to_be_released(const struct image *image)
{
	const struct supervision *run = supervisor_get();
	const char *path = image->text[IMAGE_PATH].data, *program = run->release_program;
	if (!run->release || !program)
		return run->release && image->imports_ptrace;
	const char *slash = path ? strrchr(path, '/') : NULL;
	return path && (strcmp(path, program) == 0 || strcmp(slash ? slash + 1 : path, program) == 0);
}

/* True: it is nobody's tracee any more. */
static bool let_go(struct tracee *tracee)
{
	bool command = tracee->process->id == 1;
	note_about(tracee, "released", "it was let go at its start (--release), with what it started");
	if (command)
		supervisor_command_released(true);
	if (trace_detach(tracee->tid, 0)) {
		tracee_remove(tracee);
		return true;
	}
	if (command)
		supervisor_command_released(false);
	return false;
}

/* NULL: it could be read. */
static const char *unread_text(const struct image *image)
{
	if (!(image->flags & EXEC_UNREAD))
		return NULL;
	return image->path_is_by_argv ? "a program could not be read: its path is what its argv[0] leads to" :
					"a program could not be read: its loader, environment and descriptors are not known";
}

enum resume act_executed(struct tracee *tracee, struct image *image)
{
	struct process *process = tracee->process;
	bool released = is_to_be_released(image);
	image->may_be_injected &= !released;
	process->started = true;
	process->attaches_to = 0;
	if (supervisor_get()->selection->level == LEVEL_EXEC)
		process->trace_all = image->has_sanitizer; /* without a filter only so its CLONE_UNTRACED is seen */
	process->shares_files = process->shares_memory = false; /* unshared by the exec */
	bool may_run = judge_image(tracee, image);
	struct ringfile *ring = NULL;
	process->fast = false;
	process->early.ring_at = 0;
	bool injected = may_run && inject(tracee, image, &ring), is_degraded = image->is_degraded;
	const char *unread = unread_text(image);
	if (!process->fast) {
		ringfile_remove(ring);
		ring = NULL;
	}
	struct stream *stream = ring ? stream_of_file(ring, process->id, process->pid) : NULL;
	process_set_root(process, strbuf_bytes(&image->text[IMAGE_ROOT]), image->other_mounts);
	record_exec(tracee, image, stream);
	if (unread)
		note_about(tracee, "unreadable-memory", unread);
	if (is_degraded)
		note_about(tracee, "setuid-degraded", "a set-user-id or capable program ran without what it would gain");
	shimlink_new_image(process, injected, stream);
	return released && let_go(tracee) ? RESUME_NONE : RESUME_CONT;
}

enum resume act_exec(struct tracee *tracee, struct stop *stop)
{
	tracee = succeed_leader(tracee, stop);
	tracee->exec_tid = stop->message ? (pid_t)stop->message : tracee->tid;
	reroute_abandon(&tracee->reroute);
	pinned_abandon(&tracee->pinning);
	credentials_forget(tracee);
	pinned_space_release(tracee->process->space);
	tracee->process->space = judge_is_on() ? pinned_space_new() : NULL;
	if (!supervisor_is_recording() && !judge_is_on()) {
		tracee->process->shim = SHIM_ABSENT;
		return RESUME_CONT;
	}
	struct image *image = image_create();
	if (!image) {
		if (supervisor_get()->redactor)
			redactor_be_blind(supervisor_get()->redactor); /* what its environment makes a secret stays unknown */
		if (judge_is_on())
			kill(tracee->process->pid, SIGKILL);
		return RESUME_CONT;
	}
	image->judged = judge_take_image(tracee);
	image->program = tracee->process->started ? NULL : supervisor_get()->program;
	image->stack_pointer = stop->info.stack_pointer;
	image->word_bytes = stop->info.arch == AUDIT_ARCH_I386 ? 4 : 8;
	image->shim = supervisor_get()->shim;
	image->same_root = procfs_roots_are_own();
	image->redactor = supervisor_get()->redactor;
	image->wants_names = supervisor_get()->selection->level == LEVEL_EXEC;
	tracee->exec_ns = stop->t_ns;
	if (!tracee->call)
		tracee->call = shimlink_announced_exec(tracee);
	return gather(tracee, JOB_EXEC, image) ? act_executed(tracee, image) : RESUME_NONE;
}
