/* The process tree: see proctree.h. */
#include "model/proctree.h"

#include "model/attachments.h"
#include "model/calls.h"
#include "syscall.h"

#include <stdlib.h>

void proctree_init(struct proctree *tree, struct store *store)
{
	tree->store = store;
	environments_init(&tree->environments, store);
}

void proctree_free(struct proctree *tree)
{
	environments_free(&tree->environments);
	index_free(&tree->index);
}

static bool has_id(const void *context, uint32_t position, const void *key)
{
	return ((const struct proctree *)context)->list[position]->id == *(const uint32_t *)key;
}

struct process *proctree_find(const struct proctree *tree, uint32_t id)
{
	uint32_t found = index_find(&tree->index, store_hash(&id, sizeof id), has_id, tree, &id);
	return found == INDEX_NONE ? NULL : tree->list[found];
}

static struct process *add_process(struct proctree *tree, const struct event *event)
{
	if (!store_grow(tree->store, &tree->list, tree->count, &tree->capacity, sizeof *tree->list))
		return NULL;
	struct process *process = store_alloc(tree->store, sizeof *process);
	if (!process)
		return NULL;
	process->id = event->process;
	process->pid = event->pid;
	process->start_ns = event->t_ns;
	process->threads = 1;
	memcpy(process->comm, "ptwrap", process->comm_len = sizeof "ptwrap" - 1);
	tree->store->failed |=
		!index_add(&tree->index, store_hash(&process->id, sizeof process->id), tree->count);
	tree->list[tree->count++] = process;
	return process;
}

struct process *proctree_process(struct proctree *tree, const struct event *event)
{
	if (event->process == 0)
		return NULL;
	if (!tree->last || tree->last->id != event->process)
		tree->last = proctree_find(tree, event->process);
	if (!tree->last)
		tree->last = add_process(tree, event);
	return tree->last;
}

void proctree_add_fork(struct proctree *tree, struct process *process, const struct event *event)
{
	const struct process *parent = proctree_find(tree, event->fork.parent);
	process->born = true;
	process->pid = event->pid;
	process->ppid = event->fork.ppid;
	process->start_ns = event->t_ns;
	process->parent = event->fork.parent == process->id ? 0 : event->fork.parent;
	if (!parent || parent == process || process->first_exec)
		return;
	process->environment = parent->environment;
	memcpy(process->comm, parent->comm, sizeof process->comm);
	process->comm_len = parent->comm_len;
}

/* The kernel's own rule: the last component of the path, 15 bytes of it. */
static void set_comm(struct process *process, struct bytes path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	const char *base = slash ? slash + 1 : path.data;
	size_t len = path.len - (size_t)(base - path.data);
	if (len > sizeof process->comm - 1)
		len = sizeof process->comm - 1;
	if (len)
		memcpy(process->comm, base, len);
	process->comm_len = (uint8_t)len;
}

static const struct name *name_or_none(struct store *store, struct bytes bytes)
{
	return bytes.len ? store_name(store, bytes) : NULL;
}

void proctree_add_exec(struct proctree *tree, struct process *process, const struct event *event)
{
	const struct event_exec *exec = &event->exec;
	struct exec_image *image = store_alloc(tree->store, sizeof *image);
	if (!image)
		return;
	image->at_ns = event->t_ns;
	image->path = store_name(tree->store, exec->path);
	image->argv = store_name(tree->store, exec->argv);
	image->cwd = name_or_none(tree->store, exec->cwd);
	image->interpreter = name_or_none(tree->store, exec->interpreter);
	image->loader = name_or_none(tree->store, exec->loader);
	image->fds = store_name(tree->store, exec->fds);
	image->before = process->environment;
	image->after = environments_add(&tree->environments, exec->environment);
	image->uid = exec->uid;
	image->gid = exec->gid;
	image->flags = exec->flags;
	*(process->last_exec ? &process->last_exec->next : &process->first_exec) = image;
	process->last_exec = image;
	process->exec_count++;
	process->environment = image->after;
	process->shim = false;
	process->first_library = process->last_library = NULL;
	set_comm(process, exec->path);
}

void proctree_add_exit(struct process *process, const struct event *event)
{
	const struct event_exit *exit = &event->exit;
	process->ended = true;
	process->end_ns = event->t_ns;
	process->status = exit->status;
	process->has_usage = exit->has_usage;
	process->usage = (struct usage){
		.user_ns = exit->user_ns, .system_ns = exit->system_ns,
		.max_rss_bytes = exit->max_rss_bytes, .minor_faults = exit->minor_faults,
		.major_faults = exit->major_faults, .voluntary_switches = exit->voluntary_switches,
		.involuntary_switches = exit->involuntary_switches,
	};
}

void proctree_add_library(struct proctree *tree, struct process *process,
			  const struct event *event)
{
	const struct name *path = store_name(tree->store, event->meta.text);
	for (const struct library *known = process->first_library; known; known = known->next)
		if (known->path == path)
			return;
	struct library *library = store_alloc(tree->store, sizeof *library);
	if (!library || !path)
		return;
	library->path = path;
	library->build_id = name_or_none(tree->store, event->meta.build_id);
	*(process->last_library ? &process->last_library->next : &process->first_library) = library;
	process->last_library = library;
}

/* Frequent calls move to the front as they are met, so that the search stays short. */
static struct call_count *find_count(struct proctree *tree, struct process *process, uint32_t total)
{
	struct call_count *counts = process->calls;
	for (uint32_t i = 0; i < process->calls_kinds; i++) {
		if (counts[i].total != total)
			continue;
		if (i == 0 || counts[i].calls < counts[i - 1].calls)
			return &counts[i];
		struct call_count moved = counts[i];
		counts[i] = counts[i - 1];
		counts[i - 1] = moved;
		return &counts[i - 1];
	}
	if (!store_grow(tree->store, &process->calls, process->calls_kinds,
			&process->calls_capacity, sizeof *process->calls))
		return NULL;
	counts = process->calls;
	counts[process->calls_kinds] = (struct call_count){ .total = total };
	return &counts[process->calls_kinds++];
}

void proctree_add_call(struct proctree *tree, struct process *process, const struct event *event,
		       const struct call_kind *kind)
{
	const struct event_syscall *syscall = &event->syscall;
	bool failed = !(syscall->flags & SYSCALL_NO_RETURN) && errno_of(syscall->ret);
	struct call_count *count = find_count(tree, process, kind->total);
	process->call_count++;
	process->error_count += failed;
	process->unreadable_count += (syscall->flags & SYSCALL_UNREADABLE) != 0;
	if (syscall->flags & SYSCALL_FROM_SHIM) {
		process->shim = true;
		if (process->last_exec)
			process->last_exec->shim = true;
	}
	if (!count)
		return;
	count->calls++;
	count->errors += failed;
	count->total_ns += syscall->dur_ns;
}

void proctree_add_exec_failure(struct proctree *tree, struct process *process,
			       const struct event *event)
{
	struct bytes path = { 0 };
	const char *error = syscall_errno_name(errno_of(event->syscall.ret));
	struct exec_failure *failure = store_alloc(tree->store, sizeof *failure);
	if (!failure)
		return;
	for (unsigned arg = 0; arg < 2; arg++)
		if (attachment_bytes(&event->syscall, ATTACH_ABS, arg, &path) ||
		    attachment_bytes(&event->syscall, ATTACH_PATH, arg, &path))
			break;
	failure->at_ns = event->t_ns;
	failure->path = store_name(tree->store, path);
	failure->error = error ? error : "unknown";
	*(process->last_failure ? &process->last_failure->next : &process->first_failure) = failure;
	process->last_failure = failure;
}

/* ---- the end ---- */

static int compare_processes(const void *a, const void *b)
{
	const struct process *left = *(struct process *const *)a;
	const struct process *right = *(struct process *const *)b;
	return (left->id > right->id) - (left->id < right->id);
}

static int compare_counts(const void *a, const void *b)
{
	const struct call_count *left = a, *right = b;
	return (left->total > right->total) - (left->total < right->total);
}

/* A parent is older than its children; what a broken recording says otherwise is not believed, so
 * the tree has no cycles. */
static void link_to_parent(const struct proctree *tree, struct process *process)
{
	struct process *parent = proctree_find(tree, process->parent);
	if (!parent || parent->id >= process->id)
		return;
	process->up = parent;
	*(parent->last_child ? &parent->last_child->next_sibling : &parent->first_child) = process;
	parent->last_child = process;
}

static void sort_by_id(struct proctree *tree)
{
	if (tree->count > 1)
		qsort(tree->list, tree->count, sizeof *tree->list, compare_processes);
	index_free(&tree->index);
	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t hash = store_hash(&tree->list[i]->id, sizeof tree->list[i]->id);
		tree->store->failed |= !index_add(&tree->index, hash, i);
	}
}

void proctree_finish(struct proctree *tree, const uint32_t *moved)
{
	sort_by_id(tree);
	for (uint32_t i = 0; i < tree->count; i++)
		link_to_parent(tree, tree->list[i]);
	for (uint32_t i = 0; i < tree->count; i++) {
		struct process *process = tree->list[i];
		for (uint32_t j = 0; j < process->calls_kinds; j++)
			process->calls[j].total = moved[process->calls[j].total];
		if (process->calls_kinds > 1)
			qsort(process->calls, process->calls_kinds, sizeof *process->calls, compare_counts);
		tree->thread_count += process->threads;
		tree->exec_count += process->exec_count;
		tree->call_count += process->call_count;
		tree->error_count += process->error_count;
	}
}

static const struct process *next_root(const struct proctree *tree, uint32_t from)
{
	for (uint32_t i = from; i < tree->count; i++)
		if (!tree->list[i]->up)
			return tree->list[i];
	return NULL;
}

static uint32_t position_of(const struct proctree *tree, const struct process *process)
{
	uint32_t low = 0, high = tree->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (tree->list[middle]->id < process->id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct process *proctree_next(const struct proctree *tree, const struct process *process,
				    unsigned *depth)
{
	if (!process) {
		*depth = 0;
		return next_root(tree, 0);
	}
	if (process->first_child) {
		(*depth)++;
		return process->first_child;
	}
	while (process->up && !process->next_sibling) {
		process = process->up;
		(*depth)--;
	}
	return process->up ? process->next_sibling : next_root(tree, position_of(tree, process) + 1);
}
