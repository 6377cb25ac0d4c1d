/* Where the links of a path led, for a task that told of it: asked a moment after the call.
 *
 * What the task's descriptors meant is known (writers.h), and not asked; what other links of /proc led to
 * then cannot be told afterwards. Recorder thread only. */
#ifndef PTWRAP_FOLLOW_H
#define PTWRAP_FOLLOW_H

#include "strbuf.h"
#include "writers.h"

enum followed {
	FOLLOWED,        /* to what was appended: a path as seen from the task's root, or a name such as "pipe:[1]" */
	FOLLOWED_GONE,   /* nothing is there any more; nothing is appended */
	FOLLOWED_UNTOLD, /* that cannot be told any more: the way there is gone, or led through a link of /proc */
};

/* absolute: seen from the task's root. *directory: it is one now. */
enum followed follow_path(const struct writer *writer, struct bytes absolute, struct strbuf *out, bool *directory);

/* The same, but of what has gone the most likely is appended: it was no link itself. */
enum followed follow_opened(const struct writer *writer, struct bytes absolute, struct strbuf *out, bool *directory);

#endif
