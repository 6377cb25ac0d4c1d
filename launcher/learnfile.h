/* The file of --learn: read before the run, written after it. Owns what it read. */
#ifndef PTWRAP_LEARNFILE_H
#define PTWRAP_LEARNFILE_H

#include "destination.h"
#include "policy/needs.h"
#include "strbuf.h"

struct redactor;

struct learnfile {
	const char *name;
	struct destination destination;
	struct policy *present; /* what it says already; NULL: nothing */
	struct strbuf text;
	struct needs_log *log;  /* what the run needs */
};

/* Before COMMAND runs. -1 after a message: it cannot be written, or is no policy. `name` must outlive it. */
int learnfile_open(struct learnfile *file, const char *name);

/* What the log has is learned into it, without secrets that the redactor (NULL: none) knows; the file is replaced once it is
 * whole. -1 after a message. */
int learnfile_write(struct learnfile *file, const struct redactor *redactor);

void learnfile_close(struct learnfile *file);

#endif
