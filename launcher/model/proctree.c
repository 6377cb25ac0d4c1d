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
	index_free(&tree->library_index);
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

static void set_birth(struct process *process, const struct event *event)
{
	process->pid = event->pid;
	process->start_ns = event->t_ns;
}

static struct process *add_process(struct proctree *tree, const struct event *event)
{
	if (!store_grow(tree->store, &tree->list, tree->count, &tree->capacity, sizeof *tree->list))
		return NULL;
	struct process *process = store_alloc(tree->store, sizeof *process);
	if (!process)
		return NULL;
	process->id = event->process;
	process->threads = 1;
	set_birth(process, event);
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
	else if (!tree->last->born && event->t_ns < tree->last->start_ns)
		set_birth(tree->last, event);
	return tree->last;
}

void proctree_add_fork(struct process *process, const struct event *event)
{
	process->born = true;
	process->ppid = event->fork.ppid;
	process->parent = event->fork.parent == process->id ? 0 : event->fork.parent;
	set_birth(process, event);
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
	process->comm[len] = '\0';
	process->comm_len = (uint8_t)len;
}

static const struct name *name_or_none(struct store *store, struct bytes bytes)
{
	return bytes.len ? store_name(store, bytes) : NULL;
}

/* The image that ran at that time; NULL: that of before the first exec. The one that was asked for
 * last is where the search begins. */
static struct exec_image *image_at(struct process *process, uint64_t t_ns)
{
	struct exec_image *image = process->asked ? process->asked : process->first_exec;
	while (image && image->at_ns > t_ns)
		image = image->prev;
	while (image && image->next && image->next->at_ns <= t_ns)
		image = image->next;
	return process->asked = image;
}

static void link_exec(struct process *process, struct exec_image *image)
{
	image->prev = image_at(process, image->at_ns);
	image->next = image->prev ? image->prev->next : process->first_exec;
	*(image->prev ? &image->prev->next : &process->first_exec) = image;
	*(image->next ? &image->next->prev : &process->last_exec) = image;
	process->exec_count++;
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
	if (!(exec->flags & EXEC_UNREAD))
		image->after = environments_add(&tree->environments, exec->environment);
	image->uid = exec->uid;
	image->gid = exec->gid;
	image->flags = exec->flags;
	link_exec(process, image);
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

static struct image_word *word_at(struct process *process, uint64_t t_ns)
{
	struct exec_image *image = image_at(process, t_ns);
	return image ? &image->word : &process->word;
}

const struct image_word *proctree_word(const struct process *process)
{
	return process->last_exec ? &process->last_exec->word : &process->word;
}

static bool same_library(const void *context, uint32_t position, const void *key)
{
	const struct library *known = ((const struct proctree *)context)->libraries[position];
	const struct library *wanted = key;
	return known->word == wanted->word && known->path == wanted->path;
}

static struct library *keep_library(struct proctree *tree, const struct library *made)
{
	const void *const key[] = { made->word, made->path };
	uint32_t hash = store_hash(key, sizeof key);
	if (index_find(&tree->library_index, hash, same_library, tree, made) != INDEX_NONE)
		return NULL;
	struct library *library = store_alloc(tree->store, sizeof *library);
	if (!library || !store_grow(tree->store, &tree->libraries, tree->library_count,
				    &tree->library_capacity, sizeof *tree->libraries))
		return NULL;
	*library = *made;
	tree->store->failed |= !index_add(&tree->library_index, hash, tree->library_count);
	return tree->libraries[tree->library_count++] = library;
}

void proctree_add_library(struct proctree *tree, struct process *process,
			  const struct event *event)
{
	struct image_word *word = word_at(process, event->t_ns);
	struct library made = { .word = word, .path = store_name(tree->store, event->meta.text),
				.build_id = name_or_none(tree->store, event->meta.build_id) };
	struct library *library = made.path ? keep_library(tree, &made) : NULL;
	if (!library)
		return;
	*(word->last_library ? &word->last_library->next : &word->first_library) = library;
	word->last_library = library;
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
	if (syscall->flags & SYSCALL_FROM_SHIM)
		word_at(process, event->t_ns)->shim = true;
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

/* With what it began, in the order of ids, so that parents have theirs before. */
static void inherit(struct process *process, const struct environment *own)
{
	if (process->born && !process->parent)
		process->environment = own;
	if (!process->up)
		return;
	const struct exec_image *image = image_at(process->up, process->start_ns);
	process->image = image ? image : process->up->image;
	process->environment = image ? image->after : process->up->environment;
	if (process->image) {
		set_comm(process, name_bytes(process->image->path));
		return;
	}
	memcpy(process->comm, process->up->comm, sizeof process->comm);
	process->comm_len = process->up->comm_len;
}

/* Once nobody inherits any more: an image's environment is compared with that of the one before. */
static void settle_images(struct process *process)
{
	const struct environment *before = process->environment;
	for (struct exec_image *image = process->first_exec; image; image = image->next) {
		image->before = before;
		before = image->after;
	}
	if (!process->last_exec)
		return;
	process->image = process->last_exec;
	set_comm(process, name_bytes(process->image->path));
}

static struct exec_failure *merge_failures(struct exec_failure *a, struct exec_failure *b)
{
	struct exec_failure *merged = NULL, **end = &merged;
	while (a && b) {
		struct exec_failure **first = b->at_ns < a->at_ns ? &b : &a;
		*end = *first;
		end = &(*first)->next;
		*first = *end;
	}
	*end = a ? a : b;
	return merged;
}

/* By time; of the same time, as they came. sorted[i] holds none or 2^i of them. */
static void sort_failures(struct process *process)
{
	enum { POWERS = 32 };
	struct exec_failure *sorted[POWERS] = { NULL }, *all = NULL, *next;
	for (struct exec_failure *failure = process->first_failure; failure; failure = next) {
		unsigned power = 0;
		next = failure->next;
		failure->next = NULL;
		for (; power < POWERS - 1 && sorted[power]; sorted[power++] = NULL)
			failure = merge_failures(sorted[power], failure);
		sorted[power] = merge_failures(sorted[power], failure);
	}
	for (unsigned power = 0; power < POWERS; power++)
		all = merge_failures(sorted[power], all);
	process->first_failure = all;
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

void proctree_finish(struct proctree *tree, const struct environment *own, const uint32_t *moved)
{
	sort_by_id(tree);
	for (uint32_t i = 0; i < tree->count; i++) {
		link_to_parent(tree, tree->list[i]);
		inherit(tree->list[i], own);
	}
	for (uint32_t i = 0; i < tree->count; i++) {
		struct process *process = tree->list[i];
		settle_images(process);
		sort_failures(process);
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
