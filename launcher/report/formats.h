/* The writers, one file each. */
#ifndef PTWRAP_REPORT_FORMATS_H
#define PTWRAP_REPORT_FORMATS_H

#include "report/report.h"

extern const struct report_format report_text, report_json, report_ndjson, report_strace;

#endif
