/* What the descriptors of a task mean, and its working directory: names as /proc/PID/fd and
 * /proc/PID/cwd give them, known from what was seen, not asked of /proc.
 *
 * Tasks share a table or have copies, as clone(2) made them; a copy costs nothing until one of the two
 * is changed. What is not in a table is unknown: never guessed. Without memory names are forgotten,
 * nothing fails. Owned by the recorder thread alone. */
#ifndef PTWRAP_DESCRIPTORS_H
#define PTWRAP_DESCRIPTORS_H

#include "bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* A table holds so many names at most: a program that has more open is known in part. */
enum { DESCRIPTORS_MAX = 65536 };

struct descriptors;

/* With nothing in it. NULL without memory; every other function takes NULL for a table that knows nothing. */
struct descriptors *descriptors_create(void);

/* CLONE_FILES: the same table, once more. fork: one that is the same now. */
struct descriptors *descriptors_share(struct descriptors *descriptors);
struct descriptors *descriptors_copy(const struct descriptors *descriptors);
void descriptors_release(struct descriptors *descriptors);

/* The call that what follows is about, until the next one: what it does is undone by nothing older, and it knows
 * no name that is younger than its beginning (another thread may have closed and opened meanwhile). */
void descriptors_at(uint64_t begin_ns, uint64_t effect_ns);

/* Descriptor fd is open under that name; no bytes: under one that is not known. */
void descriptors_set(struct descriptors *descriptors, int fd, struct bytes name);

/* Descriptor `to` is what `from` is. */
void descriptors_duplicate(struct descriptors *descriptors, int from, int to);

/* Closed, or not known any more: from first to last, both included. */
void descriptors_forget(struct descriptors *descriptors, unsigned first, unsigned last);

/* "N=NAME" strings as a string vector, the list that an exec leaves open; replaces all. */
void descriptors_load(struct descriptors *descriptors, struct bytes list);

/* A name for those whose name cannot be told any more. */
#define DESCRIPTORS_UNTOLD "?"

/* Its name, valid until the table is changed; false: unknown. Is that for this reason, or because another thread has
 * put something there while the call was under way? */
bool descriptors_name(const struct descriptors *descriptors, int fd, struct bytes *name);
bool descriptors_is_untold(const struct descriptors *descriptors, int fd);

/* What was called `from`, or lies below it, is called so from `to` on: for everybody who has it open, so all that
 * share the table have it changed. */
void descriptors_moved(struct descriptors *descriptors, struct bytes from, struct bytes to);

/* The working directory, which tasks share (CLONE_FS) or have copies of. The name is as seen from the
 * process's own root. NULL stands for an unknown one that stays unknown. */
struct workdir;

struct workdir *workdir_create(struct bytes name);
struct workdir *workdir_share(struct workdir *workdir);
struct workdir *workdir_copy(const struct workdir *workdir);
void workdir_release(struct workdir *workdir);
void workdir_set(struct workdir *workdir, struct bytes name); /* no bytes: unknown */
void workdir_moved(struct workdir *workdir, struct bytes from, struct bytes to);
bool workdir_name(const struct workdir *workdir, struct bytes *name);

#endif
