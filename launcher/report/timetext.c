/* Dates: see timetext.h. UTC only: the report must not depend on where it is made. */
#include "report/timetext.h"

#include <stdio.h>
#include <time.h>

void timetext_rfc3339(uint64_t realtime_ns, char out[TIMETEXT_RFC3339])
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	char date[24];
	struct tm utc;
	if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc))
		date[0] = '\0';
	snprintf(out, TIMETEXT_RFC3339, "%s.%09uZ", date, (unsigned)(realtime_ns % 1000000000));
}
