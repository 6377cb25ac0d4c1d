/* Names of files as a tracee means them: absolute, seen from its root, `..` taken after following
 * the links before it, other links left as named (interface.md section 4: Paths).
 *
 * These functions open paths of the tree, which may block on a FUSE server that is a tracee: only
 * helpers may call them while such a server may exist (helpers.h). They never read or change a
 * file's contents. What links lead to is cached until resolve_names_changed. Thread-safe. */
#ifndef PTWRAP_RESOLVE_H
#define PTWRAP_RESOLVE_H

#include "strbuf.h"

#include <sys/types.h>

/* From where a task looks at the file tree. */
struct place {
	pid_t tid;
	pid_t pid;        /* of its process; 0: tid's own */
	const char *root; /* its root directory as ptwrap names it; NULL: ptwrap's own root */
	bool other_mounts;/* in another mount namespace: root is a name there */
};

/* Appends the directory that a path relative to dirfd (AT_FDCWD: the working directory) starts
 * from, as seen from the place's root. 0; -errno (-EBADF) where the kernel does not tell one. */
int resolve_base(const struct place *place, int dirfd, struct strbuf *out);

/* Appends the absolute form of path, which is relative to `base` unless it begins with a slash.
 * With an empty path: base itself. */
void resolve_absolute(const struct place *place, struct bytes base, struct bytes path,
		      struct strbuf *out);

/* Appends where an existing path leads after all links: true; false (nothing appended) where
 * it does not exist, or cannot be told. */
bool resolve_links(const struct place *place, struct bytes absolute, struct strbuf *out);

enum resolved {
	RESOLVED_UNKNOWN, /* it cannot be told: no permission, a link of /proc's on the way that nobody else can follow, ... */
	RESOLVED_ABSENT,
	RESOLVED_FOUND,
};

/* The same; and is what is there now a directory? */
enum resolved resolve_opened(const struct place *place, struct bytes absolute, struct strbuf *out, bool *directory);

/* Names of /proc and /dev that lead each process elsewhere, /proc/self and its like: appends what the kernel calls
 * that of the place's process, and tells whether it is one. Opens nothing. */
bool resolve_name_of_own(const struct place *place, struct bytes absolute, struct strbuf *out);

/* Does a look-up that follows links find anything there now? */
bool resolve_exists(const struct place *place, struct bytes absolute);

/* Is it a symbolic link, or a directory, or something that cannot be told? Not followed. */
bool resolve_is_way(const struct place *place, struct bytes absolute);

/* A name was made, moved or removed somewhere: what links led to may be wrong now. */
void resolve_names_changed(void);

/* Is the task's open descriptor fd, which the kernel calls `name`, that of a directory? Names that turned out
 * to be none are remembered until a call of the tree begins that may put a directory where a file was. */
bool resolve_is_directory(const struct place *place, int fd, struct bytes name);
void resolve_directories_change_begins(void);
void resolve_directories_change_ended(void);

/* Takes the place's root off the front of a name that the kernel gave as ptwrap sees it, and the
 * " (deleted)" off its end. */
struct bytes resolve_inside(const struct place *place, struct bytes name);

/* The opposite: appends the name as the kernel would give it to ptwrap. `out` is empty. */
void resolve_outside(const struct place *place, struct bytes name, struct strbuf *out);

#endif
