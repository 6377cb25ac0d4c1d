/* The files of a run: where the recording grows, and the reports that -o asked for.
 *
 * Before COMMAND runs every destination is tried, so that a report that cannot be written is known
 * at once; nothing is truncated or replaced then. Afterwards a regular or new file is written
 * under another name in its directory and renamed over the old one, keeping its mode; a symlink is
 * followed to its target. Anything else (FIFO, device, /dev/stdout, "-") is written in place.
 *
 * Every descriptor is close-on-exec and numbered 3 or above. Not thread-safe. */
#ifndef PTWRAP_OUTPUTS_H
#define PTWRAP_OUTPUTS_H

#include "sha256.h"

#include <stdbool.h>
#include <stdio.h>

struct model;
struct options;
struct outputs;

/* For a run: tries each -o and creates the part file of the recording. `options` must outlive the
 * result. NULL after one line on standard error. */
struct outputs *outputs_open(const struct options *options);

/* For --read: opens options->read ("-": standard input) as the recording, and tries each -o. From a
 * pipe it is copied to a temporary file. */
struct outputs *outputs_open_read(const struct options *options);

/* Readable, writable for a run; owned by outputs. */
int outputs_recording_fd(const struct outputs *outputs);

/* The file of the recording (while COMMAND runs, or that is read), for messages; never NULL. */
const char *outputs_recording_name(const struct outputs *outputs);

/* Was a recording (format ptw) asked for? Then reports name its digest. */
bool outputs_want_recording(const struct outputs *outputs);

/* SHA-256 of the recording as it is now: call when all of it is flushed. 0 or -errno. */
int outputs_digest(struct outputs *outputs, unsigned char digest[SHA256_BYTES]);

/* Writes every report from the finished model and puts the recording where it was asked for.
 * recording_error: what recording_flush gave at the end (0, or -errno: then no ptw is delivered).
 * 0 when all is whole: the part file is gone or has become the .ptw. -1 otherwise: each failure
 * has had its line, all other reports are written, and the part file is kept and named. */
int outputs_finish(struct outputs *outputs, const struct model *model, int recording_error);

/* One line that names the files written, with the digest if it was computed; nothing if there are
 * none. */
void outputs_print_names(const struct outputs *outputs, FILE *out);

/* Removes the part file unless outputs_finish decided over it: for a COMMAND that never ran.
 * NULL is allowed here and below. */
void outputs_discard(struct outputs *outputs);

/* Closes and frees; the part file stays as it is. */
void outputs_free(struct outputs *outputs);

#endif
