/* Violations in order: see violations.h. */
#include "model/violations.h"

#include "syscall.h"

#include <stdio.h>
#include <stdlib.h>

void violations_init(struct violations *violations, struct store *store)
{
	violations->store = store;
}

void violations_add_policy(struct violations *violations, const struct event *event)
{
	violations->judged = true;
	violations->dry_run = event->policy.dry_run;
	violations->rules = store_name(violations->store, event->policy.rules);
}

void violations_add(struct violations *violations, const struct event *event)
{
	const struct event_violation *said = &event->violation;
	struct store *store = violations->store;
	if (!store_grow(store, &violations->list, violations->count, &violations->capacity,
			sizeof *violations->list))
		return;
	violations->judged = true;
	violations->broken += said->action != VIOLATION_LOG;
	violations->list[violations->count++] = (struct violation){
		.at_ns = event->t_ns, .process = event->process, .number = said->number, .abi = said->abi,
		.action = said->action, .dry_run = said->dry_run,
		.rule = store_name(store, said->rule), .subject = store_name(store, said->subject),
	};
}

static int compare_violations(const void *a, const void *b)
{
	const struct violation *left = a, *right = b;
	if (left->at_ns != right->at_ns)
		return left->at_ns < right->at_ns ? -1 : 1;
	if (left->process != right->process)
		return left->process < right->process ? -1 : 1;
	int order = bytes_compare(name_bytes(left->subject), name_bytes(right->subject));
	return order ? order : bytes_compare(name_bytes(left->rule), name_bytes(right->rule));
}

void violations_finish(struct violations *violations)
{
	if (violations->count > 1)
		qsort(violations->list, violations->count, sizeof *violations->list, compare_violations);
}

const char *violation_action_word(uint8_t action)
{
	static const char *const words[] = { [VIOLATION_LOG] = "log", [VIOLATION_DENY] = "deny",
					     [VIOLATION_KILL] = "kill" };
	return action >= VIOLATION_LOG && action <= VIOLATION_KILL ? words[action] : "?";
}

const char *violation_call_name(uint8_t abi, uint32_t number, char *scratch, size_t size)
{
	const struct syscall_desc *desc = syscall_lookup((enum event_abi)abi, number);
	if (desc)
		return desc->name;
	snprintf(scratch, size, "syscall_%#x", number);
	return scratch;
}
