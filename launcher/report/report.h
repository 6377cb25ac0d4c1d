/* From a recording to reports. Live and --read take this one road, so a report made later
 * equals the one made at exit byte for byte: nothing here looks at a live process, the clock,
 * the environment or the file system. */
#ifndef PTWRAP_REPORT_H
#define PTWRAP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct bytes;
struct model;
struct event;

/* A writer of one format. Either works from the finished model alone (write), or makes a line of
 * each event of the recording, after the model is whole (begin, line, end): the lines are then put
 * in the order of time, the events of one time in that of the recording. */
struct report_format {
	const char *name;            /* "json" */
	const char *const *suffixes; /* NULL-terminated: ".json"; the longest known one wins */
	int (*write)(FILE *out, const struct model *model);
	void *(*begin)(const struct model *model); /* NULL: no memory */
	/* *line with its newline, or empty where the event has none; valid until the next call. 0 or
	 * -ENOMEM. */
	int (*line)(void *state, const struct event *event, struct bytes *line);
	void (*end)(void *state); /* frees state */
};

/* All of them, the recording itself ("ptw") not among them; NULL-terminated. */
extern const struct report_format *const report_formats[];

/* By name; NULL if unknown. "ptw" is not found here. */
const struct report_format *report_format_by_name(const char *name);

/* By the longest matching suffix of a file name; NULL if none fits. */
const struct report_format *report_format_by_path(const char *path);

/* One report: reads the recording at recording_fd again from its beginning where the format needs
 * the events. 0, or -errno of the first failed write (the stream is flushed, not closed). */
int report_write(const struct report_format *format, FILE *out, const struct model *model,
		 int recording_fd);

/* The summary for standard error, at most 40 lines. color: with SGR sequences. */
int report_write_summary(FILE *out, const struct model *model, bool color, int verbose);

#endif
