/* Reading where a program's pointer leads without a fault, as far as that can be: each page is asked for first.
 *
 * A fault in the shim is recovered from (entry.S), but where SIGSEGV is blocked or ignored the kernel has by then
 * changed what the program set up for it. Between asking and reading another thread may still unmap the page. */
#ifndef PTWRAP_SHIM_PROBE_H
#define PTWRAP_SHIM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* May the four bytes that hold this one be read? */
bool probe_is_readable(const void *address);

/* The string's length up to max, and up to the first page that cannot be read. False: up to that, it has no end. */
bool probe_string(const char *string, size_t max, size_t *len);

#endif
