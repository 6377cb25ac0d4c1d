/* Who writes to the rings, and what their descriptors mean: the recorder's own table of the tasks that
 * have a stream.
 *
 * It follows the tracer's items in their order, so it says of each message's thread what it was when it
 * wrote. Tasks without a ring are not in it: their calls are seen with names of the kernel's own. What
 * clone(2) lets tasks share they share here. Recorder thread only; nothing fails: without memory a
 * task is not known, and its messages go to the process whose image it is. */
#ifndef PTWRAP_WRITERS_H
#define PTWRAP_WRITERS_H

#include "descriptors.h"
#include "resolve.h"
#include "stream.h"

struct writer_process {
	uint32_t id;
	int32_t pid;
	struct writer *first; /* its tasks */
	char *root;           /* NULL: ptwrap's own */
	bool other_mounts;
	bool is_lost;         /* it was noted that a base was not known */
};

struct writer {
	int32_t tid;
	uint32_t thread;      /* tid as it sees itself: in another pid namespace another number */
	struct writer_process *process;
	struct stream *stream;
	struct descriptors *files;
	struct workdir *workdir;
	uint64_t last_ticks;  /* when the call began that it told of last */
	struct writer *next, *next_of_process, *next_by_thread;
};

struct writer *writers_find(int32_t tid);
struct writer *writers_of_thread(const struct stream *stream, uint32_t thread);

/* A task that ended lately, for messages that were held up; false: it is not known any more. */
struct writer_was {
	uint64_t stream; /* its address, never followed */
	uint32_t thread, process;
	int32_t pid, tid;
};
bool writers_was(const struct stream *stream, uint32_t thread, struct writer_was *was);

/* The first task of a new image: of process `id`, whose stream it is. It knows no descriptors yet. NULL
 * without memory. */
struct writer *writers_begin(uint32_t id, int32_t pid, uint32_t thread, struct stream *stream);

enum writer_shares { WRITER_FILES = 1, WRITER_FS = 2 }; /* as clone's flags say */

/* A task of a task: a thread of its process (id 0), or the first of a new process. NULL without memory. */
struct writer *writers_bear(struct writer *parent, uint32_t id, int32_t pid, int32_t tid, uint32_t thread,
			    unsigned shares);

void writers_set_root(struct writer_process *process, struct bytes root, bool other_mounts);
struct place writers_place(const struct writer *writer);

/* It has ended, or its image has. */
void writers_remove(struct writer *writer);

void writers_remove_all(void);

/* unshare(2), close_range(2): its tables are its own from now on. */
void writers_unshare(struct writer *writer, unsigned shares);

/* A file or directory has another name, as the kernel gives it to ptwrap (directories' own names as their
 * tasks see them: from is theirs too where they have ptwrap's root). */
void writers_moved(struct bytes from, struct bytes to);

/* Streams with tasks, one after the other (stream_notes: next_live). */
struct stream *writers_streams(void);

#endif
