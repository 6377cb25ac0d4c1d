/* Helper threads that gather for the tracer thread what might block.
 *
 * A page of a tracee or a path may be served by a process that is itself a tracee (userfaultfd,
 * FUSE): the tracer thread, which alone can resume that server, must not wait for it. Once the
 * tree has got hold of such a thing (helpers_be_careful) all gathering goes through here, with a
 * time limit; before that no such server can exist, and the tracer gathers by itself, which saves
 * two wake-ups a call.
 *
 * A job belongs to the tracer until helpers_submit, then to the pool until helpers_take gives it
 * back, abandoned or not. The pool never grows beyond HELPERS_MAX threads: if all are stuck, jobs
 * time out one after another, and the tree goes on. */
#ifndef PTWRAP_HELPERS_H
#define PTWRAP_HELPERS_H

#include "call.h"

#include <stdbool.h>
#include <stdint.h>

enum { HELPERS_MAX = 16, HELPERS_LIMIT_MS = 2000 };

struct tracee;
struct image;

enum job_kind { JOB_ENTER, JOB_LEAVE, JOB_EXEC };

struct job {
	enum job_kind kind;
	struct place place;
	char root[256];        /* what place.root points to */
	struct call *call;     /* the call gathered for; JOB_EXEC: the execve, or NULL */
	struct image *image;   /* JOB_EXEC */
	struct tracee *owner;  /* who waits for it; NULL: abandoned */
	uint64_t deadline_ns;  /* CLOCK_MONOTONIC */
	struct job *next;
};

/* Does what the job says, in the caller's thread. */
void job_work(struct job *job);

/* Wake the calling thread with `signal` (blocked there) whenever a job is done. */
void helpers_init(int signal);

/* From now on nothing may be gathered by the tracer thread itself, nor anything opened by one that the
 * tracer may have to wait for. helpers_are_needed may be asked by any thread. */
void helpers_be_careful(void);
bool helpers_are_needed(void);

/* Are jobs out, or may any come? The tracer then waits in a way in which it hears of them. */
bool helpers_are_busy(void);

void helpers_submit(struct job *job);

/* A finished job, or NULL. */
struct job *helpers_take(void);

/* The job with the earliest deadline among those not yet done, or NULL. */
struct job *helpers_oldest(void);

#endif
