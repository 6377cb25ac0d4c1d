/* What a run needs of a policy: each distinct question that rules may be asked, once, and which program asked.
 *
 * Whoever asks adds; each new need goes at once to a log in memory that processes share, so that who outlives the
 * one who asks has all of them. Memory and log grow with the distinct needs; a log that is full loses what comes then, and
 * says so. One thread adds; the log may be read at any time. */
#ifndef PTWRAP_POLICY_NEEDS_H
#define PTWRAP_POLICY_NEEDS_H

#include "model/store.h"
#include "policy/policy.h"

enum need_kind {
	/* Of a subject: the object is what rules are asked about, in the words of --ask. */
	NEED_READ = POLICY_READ,
	NEED_WRITE = POLICY_WRITE,
	NEED_EXEC = POLICY_EXEC,
	NEED_NET = POLICY_NET,
	NEED_SYSCALL = POLICY_SYSCALL,
	/* Of a path: */
	NEED_MOVED,                   /* a directory that gets another name, */
	NEED_MOVED_TO,                /* and the name */
	NEED_MADE,                    /* it came into being */
	NEED_GONE,                    /* it was deleted, or got another name */
	NEED_KINDS
};

struct need {
	enum need_kind kind;
	const struct name *object, *program; /* the program's path; empty: not known */
};

struct needs;
struct needs_log;

/* To be made before the fork. NULL without memory. */
struct needs_log *needs_log_create(size_t capacity_bytes);
void needs_log_free(struct needs_log *log); /* NULL is allowed */

/* log: NULL: none; stays the caller's. NULL without memory. */
struct needs *needs_create(struct needs_log *log);

/* From the log of another. NULL without memory. */
struct needs *needs_read(const struct needs_log *log);

void needs_free(struct needs *needs); /* NULL is allowed */

void needs_add(struct needs *needs, enum need_kind kind, struct bytes object, struct bytes program);

/* The name as the needs keep it. NULL without memory. */
const struct name *needs_name(struct needs *needs, struct bytes text);

/* False: something was lost, for want of memory. */
bool needs_are_whole(const struct needs *needs);

uint32_t needs_count(const struct needs *needs);
const struct need *needs_at(const struct needs *needs, uint32_t position);

/* Is it of that kind, whoever did it? For NEED_MADE and NEED_GONE, which are kept without a program. */
bool needs_have(const struct needs *needs, enum need_kind kind, struct bytes object);

#endif
