/* What a policy's rules decided other than allow: each time, in order. */
#ifndef PTWRAP_MODEL_VIOLATIONS_H
#define PTWRAP_MODEL_VIOLATIONS_H

#include "event.h"
#include "model/store.h"

struct violation {
	uint64_t at_ns;
	uint32_t process, number; /* number: of the call */
	uint8_t action;           /* enum violation_action */
	uint8_t abi;
	bool dry_run;
	const struct name *rule, *subject;
};

struct violations {
	struct store *store;
	struct violation *list; /* by time, then process, once model_read has returned */
	uint32_t count, capacity;
	uint32_t broken;        /* of those: what deny and kill rules forbid */
	bool judged;            /* there was a policy */
	bool dry_run;
	const struct name *rules; /* string vector */
};

void violations_init(struct violations *violations, struct store *store);
void violations_add_policy(struct violations *violations, const struct event *event);
void violations_add(struct violations *violations, const struct event *event);
void violations_finish(struct violations *violations);

/* "log", "deny", "kill". */
const char *violation_action_word(uint8_t action);

/* The call's name, or its number written to scratch. */
const char *violation_call_name(uint8_t abi, uint32_t number, char *scratch, size_t size);

#endif
