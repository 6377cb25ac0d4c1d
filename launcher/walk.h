/* Walking a path in a task's stead, as the kernel would walk it, to descriptors that stand for what was found.
 *
 * A path means something else a moment later: another thread changes its bytes, another process a link.
 * What is walked here once is held by O_PATH descriptors, which no one can exchange, so that what was
 * judged is what the call is then led to (reroute.h). The walk starts at the task's own root, working
 * directory or descriptor, sees files as the task does (identity.h), follows links by itself, forty at
 * most, and goes through the links of /proc/PID (fd, cwd, root, exe) by opening them. The task is in a
 * ptrace stop, or else what it looks at from may change meanwhile, which only makes the answer older.
 *
 * Opens names of the tree, so a walk may block on a file system that the tree serves: see helpers.h.
 * Thread-safe. Descriptors are close-on-exec, in the calling thread's table.
 * Source: path_resolution(7), symlink(7), openat2(2), proc(5). */
#ifndef PTWRAP_WALK_H
#define PTWRAP_WALK_H

#include "bytes.h"
#include "identity.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct walk_request {
	pid_t tid;
	const struct identity *as; /* who the task is; NULL: is to be read */
	bool own_root;             /* its root and mounts are known to be ptwrap's own */
	int dirfd;
	struct bytes path;         /* as the program gave it, without its NUL */
	bool follow_last;
	bool by_name;              /* the call makes, moves or removes a name: a trailing slash follows nothing */
	bool empty_path_ok;        /* AT_EMPTY_PATH */
	uint64_t resolve;          /* RESOLVE_* of openat2 */
};

enum { WALK_NAME_BYTES = 256 };

struct walk_result {
	int parent_fd;             /* the directory of the last component; -1: the path is a descriptor itself, or the root */
	char name[WALK_NAME_BYTES];/* the last component, "." and ".." included; "" if there is no parent */
	int object_fd;             /* what is there, a link itself where it was not to be followed; -1: nothing */
	struct strbuf path;        /* its name: absolute, links followed, as seen from the task's root; where the kernel
	                            * has no path for it, what it has instead ("pipe:[17]") */
	bool is_ours;              /* leads into a process of ptwrap's (procpid.h): to be refused */
	bool is_elsewhere;         /* of a process outside the tree: on a mount of its own (mountspace.h), or its memory */
	bool is_directory, is_link, is_automount;
	bool has_more_names;       /* hard links */
	bool trailing_slash;
};

/* 0; or -errno as the kernel would answer, nothing to be closed then. A last component that is not there is no
 * error: object_fd is -1. */
int walk(const struct walk_request *request, struct walk_result *result);

/* Closes what the walk holds. */
void walk_end(struct walk_result *result);

#endif
