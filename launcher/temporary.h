/* A file without a name, for what does not fit in memory or must be read more than once. */
#ifndef PTWRAP_TEMPORARY_H
#define PTWRAP_TEMPORARY_H

/* The folder of such files, for messages: $TMPDIR, or /tmp. */
const char *temporary_folder(void);

/* An unlinked file there, for reading and writing, close-on-exec and numbered 3 or above. Where that
 * folder takes no files, one in memory, after a line on standard error that ends with `instead`.
 * -errno on failure. */
int temporary_open(const char *instead);

#endif
