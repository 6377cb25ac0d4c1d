/* Rings that the supervisor makes itself, for images that are to map one before they have run an
 * instruction of their own: a file each, in the directory of the shim's file, opened there by name.
 *
 *   made (stock) --ringfile_take--> of an image --ringfile_remove--> gone
 *
 * The directory cannot be listed by other users, and a name is 128 random bits; whoever has the
 * process's own user id could find it, and spoil what that process says of itself, as by ptrace(2).
 * A file keeps its name until its image has ended, so that the launcher finds by the directory alone
 * what a supervisor that was killed had not read (salvage.h). None is used for a second image.
 *
 * Making one takes the file system some 30 us: the recorder thread does it ahead, the tracer takes.
 * Thread-safe. */
#ifndef PTWRAP_RINGFILE_H
#define PTWRAP_RINGFILE_H

#include "ringread.h"

#include <sys/types.h>

#define RINGFILE_PREFIX "r-"

enum { RINGFILE_PATH = 320, RINGFILE_STOCK = 16 };

struct ringfile {
	char path[RINGFILE_PATH]; /* absolute */
	struct ringread *ring;    /* mapped; whoever takes it out closes it, and sets NULL */
	struct ringfile *next;    /* in the stock */
};

/* Rings are made beside that file from now on. Once, before the first take. */
void ringfile_init(const char *shim_path);

/* Makes as many as are missing in the stock. On a file system without room for what is out, none: a
 * program that touches a page of a ring would die of it. */
void ringfile_refill(void);

/* One of the stock, or, where that is empty, made now; with that generation, and readable for `uid` where
 * that is not ours. NULL: there is none to be had, the kernel view must do. */
struct ringfile *ringfile_take(uint64_t generation, uid_t uid);

/* Takes its name away, and the rest unless the ring was taken out. NULL is allowed. */
void ringfile_remove(struct ringfile *file);

/* Removes the stock; and every ring that is found in the directory of that file, at the run's end. */
void ringfile_drop_stock(void);
void ringfile_sweep(const char *shim_path);

#endif
