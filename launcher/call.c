/* Calls under way: see call.h. */
#include "call.h"

#include <stdlib.h>

enum { KEPT_CALLS = 64, KEPT_BYTES = 64 * 1024 };

static struct {
	struct call *first;
	int count;
} spare;

struct call *call_create(void)
{
	struct call *call = spare.first;
	if (!call)
		return calloc(1, sizeof *call);
	spare.first = call->next;
	spare.count--;
	call->next = NULL;
	return call;
}

void call_release(struct call *call)
{
	if (!call)
		return;
	if (spare.count >= KEPT_CALLS || call->data.capacity > KEPT_BYTES) {
		strbuf_free(&call->data);
		free(call);
		return;
	}
	strbuf_reset(&call->data);
	call->desc = NULL;
	call->argv_count = 0;
	call->event.syscall.attach_count = 0;
	call->event.syscall.flags = 0;
	call->event.syscall.root = bytes_of(NULL, 0);
	call->next = spare.first;
	spare.first = call;
	spare.count++;
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

bool call_find(const struct call *call, enum attach_kind kind, unsigned arg, struct bytes *bytes)
{
	const struct event_syscall *syscall = &call->event.syscall;
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		if (attach->kind != kind || attach->arg != arg)
			continue;
		*bytes = bytes_of(call->data.data + (uintptr_t)attach->bytes.data, attach->bytes.len);
		return true;
	}
	return false;
}

const struct event *call_event(struct call *call)
{
	static _Thread_local struct event event;
	event = call->event;
	for (unsigned i = 0; i < event.syscall.attach_count; i++) {
		struct bytes *bytes = &event.syscall.attach[i].bytes;
		bytes->data = call->data.data + (uintptr_t)bytes->data;
	}
	return &event;
}
