/* What a rule decided other than allow: recorded, and so told to the user (announce.h). Tracer thread only. */
#ifndef PTWRAP_VIOLATION_H
#define PTWRAP_VIOLATION_H

#include "policy/policy.h"
#include "tracee.h"

struct violation_of {
	struct policy_answer answer;
	enum policy_subject subject;
	struct bytes object;
	uint8_t abi;     /* of the call */
	uint32_t number;
	const struct policy *policy;
	bool dry_run;
};

void violation_record(const struct tracee *tracee, const struct violation_of *violation);

#endif
