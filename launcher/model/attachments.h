/* Looking into the attachments of a system call's event. */
#ifndef PTWRAP_MODEL_ATTACHMENTS_H
#define PTWRAP_MODEL_ATTACHMENTS_H

#include "event.h"

/* The first of that kind and argument at or after position *from (NULL: from the first), which is
 * moved behind it; NULL: there is none. */
static inline const struct attach *attachment_next(const struct event_syscall *syscall,
						   enum attach_kind kind, unsigned arg,
						   unsigned *from)
{
	for (unsigned i = from ? *from : 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		if (attach->kind != kind || attach->arg != arg)
			continue;
		if (from)
			*from = i + 1;
		return attach;
	}
	return NULL;
}

/* Its bytes; false: there is none. */
static inline bool attachment_bytes(const struct event_syscall *syscall, enum attach_kind kind,
				    unsigned arg, struct bytes *bytes)
{
	const struct attach *attach = attachment_next(syscall, kind, arg, NULL);
	if (attach)
		*bytes = attach->bytes;
	return attach != NULL;
}

static inline bool bytes_begin_with(struct bytes bytes, const char *prefix)
{
	size_t len = strlen(prefix);
	return bytes.len >= len && memcmp(bytes.data, prefix, len) == 0;
}

#endif
