/* Processes: who was born of whom, what each executed, how it ended, what it used.
 *
 * Events may come in any order but one: an image's EVENT_EXEC precedes what that image tells of
 * itself. What the order of time decides (who inherits what, which image made a call) is decided
 * by t_ns, not by the order of events. */
#ifndef PTWRAP_MODEL_PROCTREE_H
#define PTWRAP_MODEL_PROCTREE_H

#include "event.h"
#include "model/environment.h"
#include "model/signals.h"

struct call_kind;

/* What an image told of itself. */
struct image_word {
	struct library *first_library, *last_library;
	bool shim; /* calls came from it */
};

struct exec_image {
	struct exec_image *next, *prev; /* by time */
	uint64_t at_ns;
	const struct name *path, *argv, *cwd, *interpreter, *loader, *fds; /* argv, fds: string vectors */
	const struct environment *before, *after; /* NULL: not known */
	uint32_t uid, gid, flags;                 /* flags: enum exec_flag */
	struct image_word word;
};

struct exec_failure {
	struct exec_failure *next;
	uint64_t at_ns;
	const struct name *path;
	const char *error;
};

struct library {
	struct library *next;
	const struct image_word *word; /* whose it is */
	const struct name *path;
	const struct name *build_id; /* raw bytes; NULL: none */
};

/* Calls of one name of one process; `total` is a position of calls.totals. */
struct call_count {
	uint64_t calls, errors, total_ns;
	uint32_t total;
};

struct usage {
	uint64_t user_ns, system_ns, max_rss_bytes;
	uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};

struct process {
	struct process *up, *first_child, *last_child, *next_sibling;
	uint32_t id, parent; /* parent 0: COMMAND, or not known */
	int32_t pid, ppid;
	uint64_t start_ns, end_ns;
	int32_t status;      /* as wait(2) gives it, with `ended` */
	uint32_t threads;    /* tasks ever */
	uint32_t exec_count;
	bool born, ended, has_usage, has_signal;
	struct signal_entry last_signal; /* not yet counted: fatal, if it is the death; with has_signal */
	struct usage usage;  /* waited-for children included */
	char comm[16]; /* NUL-terminated */
	uint8_t comm_len;
	const struct environment *environment; /* inherited at birth, once model_read has returned */
	struct exec_image *first_exec, *last_exec;
	const struct exec_image *image; /* the last that it ran, be it inherited; NULL: none is known */
	struct exec_image *asked;       /* that image_at gave last */
	struct image_word word;   /* before the first exec */
	struct exec_failure *first_failure, *last_failure; /* by time, once model_read has returned */
	uint64_t call_count, error_count, unreadable_count;
	struct call_count *calls; /* by name, once model_read has returned */
	uint32_t calls_kinds, calls_capacity;
};

struct proctree {
	struct store *store;
	struct environments environments;
	struct process **list; /* by id, once model_read has returned */
	uint32_t count, capacity;
	struct index index;
	struct library **libraries; /* of all images */
	uint32_t library_count, library_capacity;
	struct index library_index;
	struct process *last; /* the one that was asked for last */
	uint64_t thread_count, exec_count, call_count, error_count;
};

void proctree_init(struct proctree *tree, struct store *store);

/* The process that an event is about: made up, not born, if it was never heard of. NULL without
 * memory, or where the event belongs to none. */
struct process *proctree_process(struct proctree *tree, const struct event *event);

/* The process of that number; NULL if there is none. */
struct process *proctree_find(const struct proctree *tree, uint32_t id);

void proctree_add_fork(struct process *process, const struct event *event);
void proctree_add_exec(struct proctree *tree, struct process *process, const struct event *event);
void proctree_add_exit(struct process *process, const struct event *event);
void proctree_add_library(struct proctree *tree, struct process *process,
			  const struct event *event);
void proctree_add_call(struct proctree *tree, struct process *process, const struct event *event,
		       const struct call_kind *kind);

/* An execve or execveat that failed. */
void proctree_add_exec_failure(struct proctree *tree, struct process *process,
			       const struct event *event);

/* What the process's last image told of itself. */
const struct image_word *proctree_word(const struct process *process);

/* After the last event: sorts, links children to parents, hands down what is inherited. own: the
 * environment that ptwrap gave COMMAND. moved: see calls_sort. */
void proctree_finish(struct proctree *tree, const struct environment *own, const uint32_t *moved);
void proctree_free(struct proctree *tree);

/* The process behind this one in a walk of the tree, parents before children, brothers and
 * sisters by id; NULL behind the last. From NULL: the first. *depth follows (0: no parent). */
const struct process *proctree_next(const struct proctree *tree, const struct process *process,
				    unsigned *depth);

#endif
