/* One file that the user named for writing.
 *
 * destination_open tries it and changes nothing. destination_write then fills it: a regular or new
 * file through a temporary one beside it that is renamed over it, keeping its mode; a symlink is
 * followed to its target, though that be missing. Anything else (FIFO, device, "-", /dev/stdout,
 * /dev/fd/N) is written in place, as is a regular file in a folder that takes no new ones.
 * All functions that return int give 0 or -errno. Not thread-safe. */
#ifndef PTWRAP_DESTINATION_H
#define PTWRAP_DESTINATION_H

#include <stdbool.h>
#include <sys/stat.h>

struct destination {
	const char *name; /* as the user wrote it; not owned */
	char *path;	  /* links resolved; NULL for a descriptor of ours ("-", /dev/stdout) */
	bool in_place;
	int fd;	     /* in_place: opened at the start; -1: a FIFO that nobody reads yet */
	bool exists; /* device and inode are the file's, else those of its folder */
	dev_t device;
	ino_t inode;
};

/* `name` must outlive the destination; close it also after a failure. */
int destination_open(struct destination *destination, const char *name);
void destination_close(struct destination *destination);

/* Would one of two reports be lost? A device such as /dev/null takes any number. */
bool destination_same(const struct destination *a, const struct destination *b);

/* Fills it once: `fill` writes all the contents to fd and gives 0 or -errno. A FIFO that nobody
 * reads is waited for, 10 s at most (-ENXIO). SIGPIPE is the caller's to ignore. */
int destination_write(struct destination *destination, int (*fill)(void *context, int fd),
		      void *context);

/* Renames `path`, on which fd is open, to the destination. Fails where that cannot be done
 * (in place, another file system); nothing has changed then. */
int destination_take(struct destination *destination, int fd, const char *path);

/* open(2) with O_CLOEXEC and O_NOCTTY, never giving 0, 1 or 2: a standard descriptor that is closed
 * must not become a report. -errno on failure. */
int destination_open_file(const char *path, int flags, mode_t mode);

/* All of `from`, from its beginning by pread(2), to where `to` stands. */
int destination_copy(int from, int to);

/* What is left of `from`, by read(2). */
int destination_spool(int from, int to);

#endif
