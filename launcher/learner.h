/* --learn, in the supervisor: what the judge asks the rules becomes needs (policy/needs.h). Tracer thread only. */
#ifndef PTWRAP_LEARNER_H
#define PTWRAP_LEARNER_H

#include "policy/needs.h"
#include "tracee.h"

/* NULL: nothing is learned. 0 or -ENOMEM. */
int learner_init(struct needs_log *log);
bool learner_is_on(void);

/* That task's program needs it. Of system calls those count that rules of a learned policy name. */
void learner_add(const struct tracee *tracee, enum need_kind kind, struct bytes object);

/* Nothing more is learned: its secrets would not be known. */
void learner_end(void);

/* A process runs that program from now on. */
void learner_enter(struct process *process, struct bytes program);

#endif
