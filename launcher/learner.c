/* What the judge asks, as needs: see learner.h. */
#include "learner.h"

#include "policy/callpattern.h"

#include <errno.h>

static struct needs *needs;
static bool ended;

int learner_init(struct needs_log *log)
{
	needs = log ? needs_create(log) : NULL;
	return log && !needs ? -ENOMEM : 0;
}

bool learner_is_on(void)
{
	return needs != NULL;
}

void learner_add(const struct tracee *tracee, enum need_kind kind, struct bytes object)
{
	const struct name *program = tracee->process->program;
	if (!needs || ended || (kind == NEED_SYSCALL && !call_is_grouped(object)))
		return;
	needs_add(needs, kind, object, program ? name_bytes(program) : bytes_of_string("ptwrap"));
}

void learner_end(void)
{
	ended = true;
}

void learner_enter(struct process *process, struct bytes program)
{
	if (needs)
		process->program = needs_name(needs, program);
}
