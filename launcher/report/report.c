/* The list of writers, and the one road from a recording to each: see report.h. */
#include "report/report.h"

#include "recording.h"
#include "report/formats.h"
#include "report/sorter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const struct report_format *const report_formats[] = {
	&report_text, &report_json, &report_ndjson, &report_strace, NULL
};

const struct report_format *report_format_by_name(const char *name)
{
	for (const struct report_format *const *format = report_formats; *format; format++)
		if (strcmp((*format)->name, name) == 0)
			return *format;
	return NULL;
}

/* The length of the format's longest suffix that the path ends with. */
static size_t suffix_of(const struct report_format *format, const char *path)
{
	size_t longest = 0, path_len = strlen(path);
	for (const char *const *suffix = format->suffixes; *suffix; suffix++) {
		size_t len = strlen(*suffix);
		if (len > longest && len <= path_len && strcmp(path + path_len - len, *suffix) == 0)
			longest = len;
	}
	return longest;
}

const struct report_format *report_format_by_path(const char *path)
{
	const struct report_format *best = NULL;
	size_t longest = 0;
	for (const struct report_format *const *format = report_formats; *format; format++) {
		size_t len = suffix_of(*format, path);
		if (len > longest) {
			longest = len;
			best = *format;
		}
	}
	return best;
}

/* A recording begins and ends with events that are not of a time: their lines stand there too. */
static uint64_t key_of(const struct event *event)
{
	return event->kind == EVENT_START ? 0 : event->kind == EVENT_END ? UINT64_MAX : event->t_ns;
}

static int add_lines(const struct report_format *format, void *state, struct sorter *sorter,
		     struct recording_reader *reader)
{
	static _Thread_local struct event event;
	int error = 0;
	while (!error && recording_reader_next(reader, &event) == RECORDING_EVENT) {
		struct bytes line = { 0 };
		error = format->line(state, &event, &line);
		if (!error && line.len)
			error = sorter_add(sorter, key_of(&event), line);
	}
	return error;
}

static int write_sorted(const struct report_format *format, void *state, FILE *out,
			struct recording_reader *reader)
{
	struct sorter *sorter = sorter_create(SORTER_BYTES);
	int error = sorter ? add_lines(format, state, sorter, reader) : -ENOMEM;
	if (!error)
		error = sorter_write(sorter, out);
	sorter_destroy(sorter);
	return error;
}

static int write_lines(const struct report_format *format, FILE *out, const struct model *model,
		       int recording_fd)
{
	if (lseek(recording_fd, 0, SEEK_SET) < 0)
		return -errno;
	struct recording_reader *reader = recording_reader_open(recording_fd);
	void *state = reader ? format->begin(model) : NULL;
	int error = state ? write_sorted(format, state, out, reader) : -ENOMEM;
	if (state)
		format->end(state);
	recording_reader_close(reader);
	return error;
}

int report_write(const struct report_format *format, FILE *out, const struct model *model,
		 int recording_fd)
{
	errno = 0;
	int error = format->write ? format->write(out, model) :
				    write_lines(format, out, model, recording_fd);
	if (fflush(out) != 0 || ferror(out))
		error = error ? error : errno ? -errno : -EIO;
	return error;
}
