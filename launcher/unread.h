/* A new image that ptwrap may not look into: one of a program that its user may execute but not read, say, whose memory and
 * most links in /proc are then the administrator's (ptrace(2), proc(5): dumpable). What everybody is told of it must do:
 * /proc/PID/cmdline, comm and status, and the call that led to it.
 *
 * Part of image_read, and a helper's work like that, but for unread_describe. Thread-safe. */
#ifndef PTWRAP_UNREAD_H
#define PTWRAP_UNREAD_H

#include "image.h"

/* Its argv as the new image has it, and whose it is. The number of strings in argv. */
size_t unread_take(const struct place *place, const struct call *execve, struct image *image);

/* Its path: from the call; of COMMAND as ptwrap found it; else by its argv[0], if that leads to a file of such a kind with the
 * name that the kernel has given the task. Where none of these tells it: that name alone. */
void unread_find_path(const struct place *place, const struct call *execve, struct image *image);

/* All that can be told without waiting for the tree, of an image that was not read in time; the tracer may call it. */
void unread_describe(const struct place *place, struct image *image);

#endif
