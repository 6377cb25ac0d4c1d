/* What a policy asks of the machine: which calls the filter has to stop for it, and what cannot be had here. Pure
 * functions; any thread. */
#ifndef PTWRAP_ENFORCE_H
#define PTWRAP_ENFORCE_H

#include "filter.h"

#include <stddef.h>

/* What the filter has to stop for that policy. learns: for --learn too, as if it had rules on all that a learned policy has. */
void enforce_select(const struct policy *policy, bool learns, struct selection *selection);

/* The subjects that it has rules on, a bit each, and FILTER_GUARD; as root FILTER_OURS too; FILTER_NAMES if it may concern a
 * unix socket's path. */
uint8_t enforce_subjects(const struct policy *policy, bool learns);

/* Does it have a rule on that call's number? */
bool enforce_concerns_number(const struct policy *policy, bool learns, enum event_abi abi, uint32_t number);

/* Are there rules on sockets in the file system, by their paths? */
bool enforce_names_unix(const struct policy *policy);

/* Do rules on that call's number count? Not for the way back from a signal handler, which cannot be answered, nor for what the
 * kernel makes of a call that it restarts. */
bool enforce_judges_number(enum event_abi abi, uint32_t number);

/* Does this kernel have memory that no program can change? By mseal(2), Linux 6.10. */
bool enforce_has_memory(void);

/* Are there rules on what calls point to, so that it has to be kept from changing? Then which: "read, write and net". */
bool enforce_points(const struct policy *policy, char *subjects, size_t size);

/* Is there a rule that cannot be enforced on this machine? Then why has a line about it. */
bool enforce_lacks(const struct policy *policy, char *why, size_t size);

#endif
