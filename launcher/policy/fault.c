/* Complaints about a policy: see fault.h. Prints nothing. */
#include "policy/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_set(struct fault *fault, uint32_t column, const char *format, ...)
{
	va_list args;
	int len = snprintf(fault->text, fault->size, "%s:%u:%u: ", fault->file, fault->line, column);
	if (len < 0 || (size_t)len >= fault->size)
		return -1;
	va_start(args, format);
	vsnprintf(fault->text + len, fault->size - (size_t)len, format, args);
	va_end(args);
	return -1;
}

int fault_unknown(struct fault *fault, uint32_t column, const char *what, const char *word, const char *nearest)
{
	if (nearest)
		return fault_set(fault, column, "unknown %s '%s' (did you mean '%s'?)", what, word, nearest);
	return fault_set(fault, column, "unknown %s '%s'", what, word);
}

int fault_memory(struct fault *fault)
{
	snprintf(fault->text, fault->size, "%s", strerror(ENOMEM));
	return -1;
}
