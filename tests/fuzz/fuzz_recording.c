/* Any bytes at all, taken for a recording: the reader ends, stays within its memory, and gives
 * out only events whose every slice can be read; model and reports make of them what they can. Where the
 * input's last byte is odd the check sums are made right first, so that what lies behind them is reached too. */
#include "model/model.h"
#include "recording.h"
#include "recording_format.h"
#include "report/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t touched; /* keeps the reads below */

static void touch(struct bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i += 4096)
		touched += (uint8_t)bytes.data[i];
	if (bytes.len)
		touched += (uint8_t)bytes.data[bytes.len - 1];
}

static void touch_syscall(const struct event_syscall *call)
{
	touch(call->root);
	if (call->attach_count > ATTACH_MAX || call->abi > ABI_UNKNOWN)
		abort();
	for (unsigned i = 0; i < call->attach_count; i++) {
		if (call->attach[i].kind >= ATTACH_KINDS || call->attach[i].arg > ATTACH_RETURN)
			abort();
		touch(call->attach[i].bytes);
	}
}

static void touch_event(const struct event *event)
{
	if (event->kind == EVENT_SYSCALL) {
		touch_syscall(&event->syscall);
		return;
	}
	for (const struct recording_field *field = recording_fields(event->kind); field->type;
	     field++)
		if (field->type == FIELD_TEXT || field->type == FIELD_VECTOR)
			touch(*(const struct bytes *)(const void *)((const char *)event +
								    field->offset));
}

/* Makes each CHECK that a reader would meet say what it should. */
static void mend_checks(char *file, size_t size)
{
	struct recording_crc crc;
	recording_crc_init(&crc);
	size_t at = RECORDING_HEADER_BYTES, checked = 0;
	while (at + RECORDING_CHECK_BYTES <= size) {
		size_t length = 0, head = 0;
		do
			length |= (size_t)(file[at + head] & 0x7f) << 7 * head;
		while (file[at + head++] & 0x80 && head < 4 && at + head < size);
		if (length == RECORDING_CHECK_BYTES - 1 && file[at + head] == RECORD_CHECK) {
			uint32_t sum = recording_crc_add(&crc, 0, file + checked, at - checked);
			memcpy(file + at + head + 1, &sum, sizeof(sum));
			checked = at + head + length;
		}
		at += head + length;
	}
}

static int make_file(const uint8_t *data, size_t size)
{
	char *file = malloc(size + RECORDING_HEADER_BYTES);
	if (!file)
		abort();
	memcpy(file, data, size);
	if (size > RECORDING_HEADER_BYTES && data[size - 1] % 2)
		mend_checks(file, size);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, file, size) != (ssize_t)size)
		abort();
	free(file);
	return fd;
}

static struct recording_reader *open_again(int fd)
{
	struct recording_reader *reader = lseek(fd, 0, SEEK_SET) < 0 ? NULL : recording_reader_open(fd);
	if (!reader)
		abort();
	return reader;
}

/* Unsorted: the memory for that would take most of the time. */
static void make_lines(const struct report_format *format, const struct model *model, int fd)
{
	static struct event event;
	struct bytes line = { 0 };
	struct recording_reader *reader = open_again(fd);
	void *state = format->begin(model);
	while (recording_reader_next(reader, &event) == RECORDING_EVENT) {
		if (format->line(state, &event, &line))
			abort();
		touch(line);
	}
	format->end(state);
	recording_reader_close(reader);
}

/* As --read does, but only one of the reports that are made of lines. */
static void report_all(int fd, bool strace)
{
	enum recording_status status;
	struct recording_reader *reader = open_again(fd);
	struct model *model = model_read(reader, &status);
	recording_reader_close(reader);
	if (!model)
		return;
	FILE *out = fopen("/dev/null", "w");
	if (report_write(report_format_by_name("json"), out, model, fd) ||
	    report_write(report_format_by_name("text"), out, model, fd) || report_write_summary(out, model, true, 1))
		abort();
	make_lines(report_format_by_name(strace ? "strace" : "ndjson"), model, fd);
	fclose(out);
	model_free(model);
}

static void read_all(int fd, size_t size)
{
	static struct event event;
	struct recording_reader *reader = recording_reader_open(fd);
	if (!reader)
		abort();
	uint64_t count = 0;
	enum recording_status status;
	while ((status = recording_reader_next(reader, &event)) == RECORDING_EVENT &&
	       count++ < size)
		touch_event(&event);
	if (status == RECORDING_EVENT || status == RECORDING_IO_ERROR ||
	    recording_reader_next(reader, &event) != status)
		abort();
	recording_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = make_file(data, size);
	read_all(fd, size);
	report_all(fd, size % 2);
	close(fd);
	return 0;
}
