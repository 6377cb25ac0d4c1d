/* What a process tells of itself once, at its start. */
#ifndef PTWRAP_SHIM_METADATA_H
#define PTWRAP_SHIM_METADATA_H

#include "hello.h"

void metadata_emit(const void *hello); /* struct hello */

#endif
