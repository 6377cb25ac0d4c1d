/* Files by root and path, and what was done to them (interface.md section 3: Paths, ops). Knows
 * only what the events say: looks at no file. Events may come in any order: where one thing takes
 * another's place, the later in time does. */
#ifndef PTWRAP_MODEL_FILES_H
#define PTWRAP_MODEL_FILES_H

#include "event.h"
#include "model/store.h"

struct call_kind;

enum file_op_number {
#define FILE_OP(op, word) FILE_##op##_NUMBER,
#include "model/fileops.def"
#undef FILE_OP
	FILE_OPS
};

enum file_op {
#define FILE_OP(op, word) FILE_##op = 1 << FILE_##op##_NUMBER,
#include "model/fileops.def"
#undef FILE_OP
};

/* The words of the reports, by file_op_number. */
extern const char *const file_op_words[FILE_OPS];

/* A set of process ids; by id without repetition once model_read has returned. */
struct id_set {
	uint32_t *ids;
	uint32_t count, capacity;
};

/* The latest of several names. */
struct dated_name {
	const struct name *name; /* NULL: there was none */
	uint64_t at_ns;
};

struct file {
	const struct name *path, *root; /* root: NULL for ptwrap's own */
	struct dated_name target;       /* where its symlinks led; NULL: nowhere else */
	struct dated_name renamed_from, renamed_to;
	struct dated_name ran;          /* the file that ran when this was executed, if it was another */
	struct id_set readers, writers;
	uint32_t ops;                   /* enum file_op */
	uint32_t missing_count;         /* look-ups that found nothing */
	uint8_t proofs;
	bool named;                     /* by a path, not only by a descriptor */
};

/* One line of filecalls.def. */
struct file_call {
	const char *name;
	uint8_t action, arg, other, proof;
	uint32_t op;
};

struct files {
	struct store *store;
	struct file **list; /* by path, then root, once model_read has returned */
	uint32_t count, capacity;
	uint32_t read_count, written_count; /* entries with that op, filled in at the end */
};

/* NULL: the call of that name has nothing to do with files. */
const struct file_call *file_call_by_name(const char *name);

/* The line at that position, NULL behind the last: for tests and for who asks which calls matter. */
const struct file_call *file_call_at(size_t position);

void files_init(struct files *files, struct store *store);

/* A call whose kind has a file_call, over. */
void files_add_call(struct files *files, const struct event *event, const struct call_kind *kind);

/* A program image: the file, its interpreter and its loader. */
void files_add_exec(struct files *files, const struct event *event);

/* The socket that a bind made at this path. */
void files_add_bound(struct files *files, const struct event *event, struct bytes path);

/* A look-up of this path found nothing. */
void files_add_missing(struct files *files, const struct event *event, struct bytes path);

/* After the last event: tells directories from files, leaves out what nothing was done to, sorts. */
void files_finish(struct files *files);

#endif
