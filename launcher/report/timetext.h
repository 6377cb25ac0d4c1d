/* Points in time as reports write them. */
#ifndef PTWRAP_REPORT_TIMETEXT_H
#define PTWRAP_REPORT_TIMETEXT_H

#include <stdint.h>

enum { TIMETEXT_RFC3339 = 40 };

/* Nanoseconds since 1970 as "2026-11-23T09:08:07.123456789Z". */
void timetext_rfc3339(uint64_t realtime_ns, char out[TIMETEXT_RFC3339]);

#endif
