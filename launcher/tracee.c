/* The tables of tracees and processes: see tracee.h. */
#include "tracee.h"

#include "credentials.h"
#include "judge.h"
#include "memory.h"
#include "procfs.h"
#include "recorder.h"
#include "reroute.h"
#include "workdir.h"

#include <stdlib.h>

enum { RECENT = 1024, FIRST_BUCKETS = 256 };

static struct {
	struct tracee **buckets;
	unsigned bucket_count, count, unborn_count;
	uint32_t last_id;
	struct {
		pid_t pid;
		uint32_t id;
	} recent[RECENT]; /* processes that ended, by id */
} table;

const char *tracee_state_name(enum tracee_state state)
{
	static const char *const names[TRACEE_STATES] = {
		[TRACEE_UNBORN] = "unborn",       [TRACEE_EXPECTED] = "expected",
		[TRACEE_RUNNING] = "running",     [TRACEE_CALLING] = "calling",
		[TRACEE_LISTENING] = "listening", [TRACEE_GATHERING] = "gathering",
		[TRACEE_LENT] = "lent",           [TRACEE_AWAITING] = "awaiting",
		[TRACEE_PINNING] = "pinning",
	};
	return (unsigned)state < TRACEE_STATES ? names[state] : "?";
}

static struct tracee **bucket_of(pid_t tid)
{
	return &table.buckets[((unsigned)tid * 2654435761U) % table.bucket_count];
}

static void link_tracee(struct tracee *tracee)
{
	struct tracee **bucket = bucket_of(tracee->tid);
	tracee->next = *bucket;
	*bucket = tracee;
}

static void unlink_tracee(struct tracee *tracee)
{
	struct tracee **at = bucket_of(tracee->tid);
	while (*at != tracee)
		at = &(*at)->next;
	*at = tracee->next;
}

/* Without memory for a larger table the chains grow instead. */
static bool grow(void)
{
	unsigned old_count = table.bucket_count;
	struct tracee **old = table.buckets;
	unsigned count = old_count ? old_count * 2 : FIRST_BUCKETS;
	struct tracee **buckets = memory_checked(calloc(count, sizeof(struct tracee *)));
	if (!buckets)
		return old != NULL;
	table.buckets = buckets;
	table.bucket_count = count;
	for (unsigned i = 0; i < old_count; i++) {
		for (struct tracee *next, *tracee = old[i]; tracee; tracee = next) {
			next = tracee->next;
			link_tracee(tracee);
		}
	}
	free(old);
	return true;
}

struct tracee *tracee_find(pid_t tid)
{
	if (!table.bucket_count)
		return NULL;
	struct tracee *tracee = *bucket_of(tid);
	while (tracee && tracee->tid != tid)
		tracee = tracee->next;
	return tracee;
}

struct tracee *tracee_add(pid_t tid, struct process *process, enum tracee_state state)
{
	if (table.count >= table.bucket_count && !grow())
		return NULL;
	struct tracee *tracee = memory_checked(calloc(1, sizeof *tracee));
	if (!tracee)
		return NULL;
	tracee->tid = tid;
	tracee->state = (uint8_t)state;
	workdir_forget(tid);
	table.unborn_count++;
	if (process)
		tracee_join(tracee, process);
	link_tracee(tracee);
	table.count++;
	return tracee;
}

void tracee_join(struct tracee *tracee, struct process *process)
{
	tracee->process = process;
	process->task_count++;
	table.unborn_count--;
}

void tracee_rename(struct tracee *tracee, pid_t tid)
{
	unlink_tracee(tracee);
	tracee->tid = tid;
	workdir_forget(tid); /* threads may have one each */
	link_tracee(tracee);
}

static void process_destroy(struct process *process)
{
	unsigned slot = process->id % RECENT;
	table.recent[slot].pid = process->pid;
	table.recent[slot].id = process->id;
	recorder_release(process->stream);
	pinned_space_release(process->space);
	free(process->root);
	free(process);
}

void tracee_remove(struct tracee *tracee)
{
	unlink_tracee(tracee);
	table.count--;
	table.unborn_count -= !tracee->process;
	call_release(tracee->call);
	reroute_abandon(&tracee->reroute);
	pinned_abandon(&tracee->pinning);
	credentials_forget(tracee);
	free(tracee->deferred);
	if (tracee->process && --tracee->process->task_count == 0)
		process_destroy(tracee->process);
	free(tracee);
}

void tracee_for_each(void (*each)(struct tracee *tracee, void *context), void *context)
{
	for (unsigned i = 0; i < table.bucket_count; i++) {
		for (struct tracee *next, *tracee = table.buckets[i]; tracee; tracee = next) {
			next = tracee->next;
			each(tracee, context);
		}
	}
}

unsigned tracee_count(void)
{
	return table.count;
}

unsigned tracee_unborn_count(void)
{
	return table.unborn_count;
}

struct process *process_create(pid_t pid, const struct process *parent)
{
	struct process *process = memory_checked(calloc(1, sizeof *process));
	if (!process)
		return NULL;
	process->id = ++table.last_id;
	process->pid = pid;
	if (judge_is_on())
		process->space = parent ? pinned_space_copy(parent->space) : pinned_space_new();
	if (!parent)
		return process;
	process->parent_id = parent->id;
	process->started = parent->started;
	process->trace_all = parent->trace_all;
	process->program = parent->program;
	process->domain = parent->domain;
	process->has_listener = parent->has_listener;
	process->other_mounts = parent->other_mounts;
	process->fast = parent->fast;
	process->other_pids = parent->other_pids;
	process->stream = stream_share(parent->stream);
	process->root = parent->root ? memory_checked(strdup(parent->root)) : NULL;
	return process;
}

void process_set_root(struct process *process, struct bytes root, bool other_mounts)
{
	free(process->root);
	process->root = root.len ? memory_checked(strndup(root.data, root.len)) : NULL;
	process->other_mounts = other_mounts;
}

void process_read_root(struct process *process, pid_t tid)
{
	struct strbuf root = { 0 };
	bool other_mounts = procfs_root(tid, &root);
	process_set_root(process, strbuf_bytes(&root), other_mounts);
	strbuf_free(&root);
}

bool process_is_alone(const struct process *process)
{
	return process->task_count == 1 && !process->shares_memory;
}

uint32_t process_thread_number(const struct process *process, pid_t tid)
{
	return (uint32_t)(process->other_pids ? procfs_inner_tid(tid) : tid);
}

struct place process_place(const struct process *process, pid_t tid)
{
	return (struct place){ .tid = tid, .pid = process->pid, .root = process->root, .other_mounts = process->other_mounts };
}

uint32_t process_id_of_pid(pid_t pid)
{
	const struct tracee *tracee = tracee_find(pid);
	if (tracee && tracee->process)
		return tracee->process->id;
	uint32_t id = 0;
	for (unsigned i = 0; i < RECENT; i++)
		if (table.recent[i].pid == pid && table.recent[i].id > id)
			id = table.recent[i].id;
	return pid ? id : 0;
}
