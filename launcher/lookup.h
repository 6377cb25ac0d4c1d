/* Names of the tree, looked up for the recorder (resolve.h), which must not wait for the tree for ever:
 * the tracer waits for the recorder when its queue is full, and may itself be what a file server in the
 * tree waits for. Once there may be such a server (helpers_are_needed) a thread of this module's own
 * looks up, under a time limit; while it is stuck nothing is found. Recorder thread only. */
#ifndef PTWRAP_LOOKUP_H
#define PTWRAP_LOOKUP_H

#include "resolve.h"

enum { LOOKUP_LIMIT_MS = 500 };

/* resolve_opened. */
enum resolved lookup_opened(const struct place *place, struct bytes absolute, struct strbuf *out, bool *directory);

/* resolve_absolute; false: it would have had to follow links, and that took too long. */
bool lookup_absolute(const struct place *place, struct bytes base, struct bytes path, struct strbuf *out);

#endif
