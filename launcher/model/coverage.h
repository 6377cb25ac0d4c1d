/* What the report cannot know: notes, losses, and whether the audit was complete. */
#ifndef PTWRAP_MODEL_COVERAGE_H
#define PTWRAP_MODEL_COVERAGE_H

#include "event.h"
#include "model/store.h"

struct coverage_note {
	uint64_t at_ns;
	uint32_t process; /* 0: the whole run */
	const struct name *kind, *text;
	bool gap;
};

struct coverage_cut { /* what --max-size cut */
	const struct name *kind;
	uint64_t count;
};

struct coverage {
	struct store *store;
	struct coverage_note *notes; /* by time, then process, once model_read has returned */
	uint32_t count, capacity;
	struct index index; /* of the notes */
	struct index kinds; /* the first note of each process and kind */
	struct coverage_cut *cuts; /* by kind */
	uint32_t cut_count, cut_capacity;
	uint64_t lost;
	uint32_t with_shim, kernel_only; /* processes */
	bool complete;
};

/* One line of coverage.def. */
struct coverage_kind {
	const char *word;
	bool gap;
	const char *meaning;
};

/* The line at that position, NULL behind the last. */
const struct coverage_kind *coverage_kind_at(size_t position);

/* NULL: not in the table. */
const struct coverage_kind *coverage_kind_by_word(struct bytes word);

void coverage_init(struct coverage *coverage, struct store *store);

/* The same note about the same process is kept once, with its earliest time. An empty text: the
 * kind's meaning. */
void coverage_add(struct coverage *coverage, uint64_t at_ns, uint32_t process, struct bytes kind,
		  struct bytes text);

/* Is there a note of that kind about that process? */
bool coverage_has(const struct coverage *coverage, uint32_t process, const char *kind);

/* Was anything of that kind of event cut by --max-size? Known once the end was added. */
bool coverage_cut(const struct coverage *coverage, const char *kind);

/* Losses and cuts as EVENT_END tells them. */
void coverage_add_end(struct coverage *coverage, const struct event *event);

void coverage_finish(struct coverage *coverage);
void coverage_free(struct coverage *coverage);

#endif
