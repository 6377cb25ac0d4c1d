/* Calls under way: see call.h. */
#include "call.h"

#include "judged.h"
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { KEPT_CALLS = 256, KEPT_BYTES = 64 * 1024 };

static struct {
	pthread_mutex_t lock;
	struct call *first;
	int count;
} spare = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct call *call_create(void)
{
	pthread_mutex_lock(&spare.lock);
	struct call *call = spare.first;
	if (call) {
		spare.first = call->next;
		spare.count--;
	}
	pthread_mutex_unlock(&spare.lock);
	if (!call)
		return memory_checked(calloc(1, sizeof *call));
	call->next = NULL;
	return call;
}

static bool keep_spare(struct call *call)
{
	pthread_mutex_lock(&spare.lock);
	bool kept = spare.count < KEPT_CALLS;
	if (kept) {
		call->next = spare.first;
		spare.first = call;
		spare.count++;
	}
	pthread_mutex_unlock(&spare.lock);
	return kept;
}

void call_reset(struct call *call)
{
	strbuf_reset(&call->data);
	call->desc = NULL;
	call->argv_count = 0;
	call->changes = 0;
	call->loads_shim = call->moves_links = call->expected = call->made_otherwise = false;
	call->target_is_unknown = call->names_are_untold = call->path_is_unread = false;
	call->is_judged = call->is_raced = call->at_filter = false;
	call->t_ticks = 0;
	call->hidden = false;
	call->meant.is_known = false;
	call->event.syscall.attach_count = 0;
	call->event.syscall.flags = 0;
	call->event.syscall.root = bytes_of(NULL, 0);
}

void call_release(struct call *call)
{
	if (!call)
		return;
	bool large = call->data.capacity > KEPT_BYTES;
	judged_free(call->judged);
	call->judged = NULL;
	if (!large)
		call_reset(call);
	if (!large && keep_spare(call))
		return;
	strbuf_free(&call->data);
	free(call);
}

void call_exchange_meant(struct call *call)
{
	struct event_syscall *made = &call->event.syscall;
	struct meant *meant = &call->meant, old = { .is_known = true, .number = made->number, .desc = call->desc };
	if (!meant->is_known)
		return;
	memcpy(old.args, made->args, sizeof old.args);
	made->number = meant->number;
	call->desc = meant->desc;
	memcpy(made->args, meant->args, sizeof meant->args);
	*meant = old;
}

void call_set_root(struct call *call, struct bytes root)
{
	size_t offset = call->data.len;
	strbuf_add(&call->data, root.data, root.len);
	if (!root.len || call->data.len != offset + root.len)
		return;
	call->event.syscall.flags |= SYSCALL_OTHER_ROOT;
	call->event.syscall.root = bytes_of((const char *)(uintptr_t)offset, root.len);
}

void call_detach(struct call *call, enum attach_kind kind, unsigned arg)
{
	struct event_syscall *syscall = &call->event.syscall;
	uint8_t kept = 0;
	for (unsigned i = 0; i < syscall->attach_count; i++)
		if (syscall->attach[i].kind != kind || syscall->attach[i].arg != arg)
			syscall->attach[kept++] = syscall->attach[i];
	syscall->attach_count = kept;
}

void call_attach(struct call *call, enum attach_kind kind, unsigned arg, unsigned index,
		 struct bytes bytes, bool truncated)
{
	struct event_syscall *syscall = &call->event.syscall;
	if (syscall->attach_count == ATTACH_MAX) {
		syscall->attach[ATTACH_MAX - 1].truncated = true;
		return;
	}
	size_t offset = call->data.len;
	strbuf_add(&call->data, bytes.data, bytes.len);
	if (call->data.len != offset + bytes.len)
		return;
	/* An offset, not a pointer, until call_event: the buffer moves as it grows. */
	syscall->attach[syscall->attach_count++] = (struct attach){
		.kind = (uint8_t)kind, .arg = (uint8_t)arg, .index = (uint8_t)index,
		.truncated = truncated, .bytes = { (const char *)(uintptr_t)offset, bytes.len },
	};
}

static const struct attach *find(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes)
{
	const struct event_syscall *syscall = &call->event.syscall;
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		if (attach->kind != kind || attach->arg != arg)
			continue;
		*bytes = bytes_of(call->data.data + (uintptr_t)attach->bytes.data, attach->bytes.len);
		return attach;
	}
	return NULL;
}

bool call_find(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes)
{
	return find(call, kind, arg, bytes) != NULL;
}

bool call_find_whole(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes)
{
	const struct attach *found = find(call, kind, arg, bytes);
	return found && !found->truncated;
}

const struct event *call_event(struct call *call)
{
	static _Thread_local struct event event;
	size_t used = offsetof(struct event, syscall.attach[call->event.syscall.attach_count]);
	memcpy(&event, &call->event, used);
	if (event.syscall.root.len)
		event.syscall.root.data = call->data.data + (uintptr_t)event.syscall.root.data;
	for (unsigned i = 0; i < event.syscall.attach_count; i++) {
		struct bytes *bytes = &event.syscall.attach[i].bytes;
		bytes->data = call->data.data + (uintptr_t)bytes->data;
	}
	return &event;
}
