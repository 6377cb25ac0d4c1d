/* Leading a call to what was judged, instead of to what its arguments lead to by the time that the kernel looks.
 *
 *   look     reads the paths and walks them (walk.h); may block, so a helper does it where one is needed
 *   judged   by reroute_path.walk.path
 *   entry    begin, add_path for each, apply: the arguments lead to pinned memory (pinned.h), and the path there
 *            through a holder (holder.h) to descriptors of the walk
 *   exit     end: all registers but the result as they were, everything closed. An interrupted call that the kernel
 *            begins again begins with the program's own arguments, to be judged anew
 *
 * How a path is put:
 *   "/proc/H/fd/N"       the object itself, where the call follows links: a link of /proc leads to just that object, however
 *                        the call's own flags about links were; they are adjusted
 *   "/proc/H/fd/N/name"  the name in a directory, where the call makes, moves or removes a name, means a link itself, or
 *                        nothing is there; O_NOFOLLOW is added to an open, so that a link that has come there
 *                        meanwhile is an error, upon which the call is made and judged again
 *
 * Tracer thread only, reroute_look apart. */
#ifndef PTWRAP_REROUTE_H
#define PTWRAP_REROUTE_H

#include "event.h"
#include "pathcall.h"
#include "pinned.h"
#include "walk.h"

#include <linux/openat2.h>
#include <sys/types.h>

struct reroute_task {
	pid_t tid;
	enum event_abi abi;        /* of the call at hand */
	const struct identity *as; /* who the task is */
	bool own_root;             /* its root and mounts are ptwrap's own */
};

/* One path of a call. */
struct reroute_path {
	const struct pathcall *row;
	struct strbuf text;        /* as the program gave it */
	uint64_t flags;            /* as it gave them: of open, AT_* */
	struct open_how how;       /* PATH_OPENED_BY_STRUCT */
	bool creates;              /* an open that may make the file */
	bool is_descriptor;        /* no path: a descriptor is meant */
	int error;                 /* -errno: what the call returns in any case; nothing was found then */
	struct walk_result walk;
};

/* What the call has at that line of its table; reroute_forget it. known: the path, where it was read for the report: that is what
 * is judged then; no bytes (NULL): it is to be read. */
void reroute_look(const struct reroute_task *task, const uint64_t args[6], const struct pathcall *row, struct bytes known,
		  struct reroute_path *path);
void reroute_forget(struct reroute_path *path);

/* What an open of that path may do, for PATH_OPEN. */
bool reroute_reads(const struct reroute_path *path);
bool reroute_writes(const struct reroute_path *path);

struct reroute;

/* At the seccomp-stop of a call, in an address space that has pinned memory. NULL: no memory, no slot, no such task. */
struct reroute *reroute_begin(const struct reroute_task *task, const struct pinned_space *space);

/* Leads the call to what was found; takes the walk's descriptors. 0; or the -errno that the call is to return. */
int reroute_add_path(struct reroute *reroute, struct reroute_path *path);

/* For what is no path: puts a copy into pinned memory (0: no room); sets an argument; makes another call of it. */
uint64_t reroute_put(struct reroute *reroute, const void *data, size_t len);
void reroute_set_argument(struct reroute *reroute, unsigned index, uint64_t value);
bool reroute_set_call(struct reroute *reroute, const char *name);

/* A name by which the task reaches descriptor fd, or `name` (may be "") in it; fd (given away) is closed at the end. 0 or
 * -errno. */
int reroute_name(struct reroute *reroute, int fd, const char *name, char out[], size_t size);

/* The registers as they are now to be. False: the task was killed meanwhile. Resume it by RESUME_SYSCALL. */
bool reroute_apply(struct reroute *reroute);

enum reroute_outcome {
	REROUTE_DONE,
	REROUTE_AGAIN, /* something has come in between: the call will be made again, nothing is to be recorded */
};

/* At the exit-stop. *result: the call's; -EPERM where the task is gone. Frees it. */
enum reroute_outcome reroute_end(struct reroute **at, int64_t *result);

/* The task has ended, or the call is not to be led anywhere; registers stay. */
void reroute_abandon(struct reroute **at);

#endif
