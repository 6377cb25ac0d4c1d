/* Memory that could not be had. While supervising nothing dies of that: whoever asked does without what it wanted it
 * for, and here it is counted, so that the report says that something is missing. Any thread. */
#ifndef PTWRAP_MEMORY_H
#define PTWRAP_MEMORY_H

#include <stdint.h>

/* What malloc(3) or one of its kin returned, as it is; NULL is counted. */
void *memory_checked(void *allocated);

/* How often there was none, in this process. */
uint64_t memory_refusals(void);

#endif
