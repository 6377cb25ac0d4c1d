/* The shim as a file that the programs of the tree can load: LD_PRELOAD takes a path.
 *
 * It lies in a directory of its own, readable and executable for everybody, on a file system that
 * permits execution. Not thread-safe; made before the run and removed after it. */
#ifndef PTWRAP_SHIMFILE_H
#define PTWRAP_SHIMFILE_H

#include <stdbool.h>
#include <sys/types.h>

enum { SHIMFILE_PATH = 256 };

struct shimfile {
	char path[SHIMFILE_PATH]; /* absolute; "" before creation and after removal */
	dev_t device;
	ino_t inode;
	bool passable; /* any user may pass through the directories above it */
	int fd;        /* of the file, to change it through; -1: none */
	int lock_fd;   /* of the directory; a later run removes one that nobody has locked */
};

/* Writes the embedded shim to the first fit place among /dev/shm, $TMPDIR, /tmp and /var/tmp. 0, or
 * -errno of the last place that was tried: then the run goes on without the shim. */
int shimfile_create(struct shimfile *file);

/* Removes file and directory. Safe to call twice, and on a file that was never created. */
void shimfile_remove(struct shimfile *file);

/* Can that process load this very file under file->path, in its root and mount namespace? Calls
 * stat(2) and statvfs(3) only, but they enter the file systems of the tree: from a helper thread
 * (peek.h). */
bool shimfile_visible_at(const struct shimfile *file, pid_t pid);

#endif
