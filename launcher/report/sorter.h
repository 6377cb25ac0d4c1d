/* Lines in the order of their keys, in memory that does not grow with their number.
 *
 * What does not fit is written as sorted runs to an unlinked temporary file in $TMPDIR or /tmp, and
 * merged in the end; a few lines never touch a file. Where those folders take no file at all, memory
 * must do. Not thread-safe. */
#ifndef PTWRAP_SORTER_H
#define PTWRAP_SORTER_H

#include "bytes.h"

#include <stdint.h>
#include <stdio.h>

enum {
	SORTER_BYTES = 24 << 20,     /* for a report */
	SORTER_BYTES_MIN = 64 << 10,
};

struct sorter;

/* It holds memory_bytes at most (SORTER_BYTES_MIN or more), and what sorting them takes. NULL: no
 * memory. */
struct sorter *sorter_create(size_t memory_bytes);

/* Adds a line, which is any bytes. 0, or -errno of the temporary file, after a message. */
int sorter_add(struct sorter *sorter, uint64_t key, struct bytes line);

/* Writes all lines to `out`, the least key first, equal keys as they were added. Call it once, after
 * the last line. 0, or -errno: of the temporary file after a message, of `out` without one. */
int sorter_write(struct sorter *sorter, FILE *out);

/* NULL is allowed. */
void sorter_destroy(struct sorter *sorter);

#endif
