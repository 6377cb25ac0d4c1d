/* The reading side of the recording: a stream of bytes to frames, check sums verified, events
 * given out one by one. Owns its buffer, which grows only as bytes arrive; must never believe a
 * length that the file has not yet made good. */
#include "recording.h"
#include "recording_format.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10, LENGTH_BYTES_MAX = 4 /* of RECORDING_RECORD_MAX's varint */ };

struct recording_reader {
	int fd;
	bool seekable;
	bool at_eof;
	bool header_seen, end_seen, checked; /* checked: the last record was a CHECK */
	enum recording_status status;        /* RECORDING_EVENT until the last one is known */
	int error;                           /* errno of RECORDING_IO_ERROR */
	char *buffer;
	size_t capacity, begin, end;         /* buffer[begin..end): read, not yet decoded */
	uint64_t offset;                     /* of buffer[begin] in the file */
	uint64_t record_offset;
	struct recording_decoder *decoder;
	uint32_t sum;                        /* of the bytes since the last CHECK */
	struct recording_crc crc;
};

struct recording_reader *recording_reader_open(int fd)
{
	struct recording_reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->fd = fd;
	reader->seekable = lseek(fd, 0, SEEK_CUR) >= 0;
	reader->capacity = 2 * READ_BYTES;
	reader->buffer = malloc(reader->capacity);
	reader->decoder = recording_decoder_create();
	recording_crc_init(&reader->crc);
	if (reader->buffer && reader->decoder)
		return reader;
	recording_reader_close(reader);
	return NULL;
}

void recording_reader_close(struct recording_reader *reader)
{
	if (!reader)
		return;
	recording_decoder_destroy(reader->decoder);
	free(reader->buffer);
	free(reader);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* Room for READ_BYTES more at buffer + end. */
static int make_room(struct recording_reader *reader)
{
	if (reader->begin) {
		memmove(reader->buffer, reader->buffer + reader->begin,
			reader->end - reader->begin);
		reader->end -= reader->begin;
		reader->begin = 0;
	}
	if (reader->capacity - reader->end >= READ_BYTES)
		return 0;
	char *buffer = realloc(reader->buffer, 2 * reader->capacity);
	if (!buffer)
		return -ENOMEM;
	reader->buffer = buffer;
	reader->capacity *= 2;
	return 0;
}

static ssize_t read_bytes(struct recording_reader *reader)
{
	char *to = reader->buffer + reader->end;
	uint64_t offset = reader->offset + (reader->end - reader->begin);
	ssize_t got;
	do {
		got = reader->seekable ? pread(reader->fd, to, READ_BYTES, (off_t)offset)
				       : read(reader->fd, to, READ_BYTES);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Until `len` bytes are in the buffer, or the file has no more. 0 or -errno. */
static int fill(struct recording_reader *reader, size_t len)
{
	while (reader->end - reader->begin < len && !reader->at_eof) {
		int error = make_room(reader);
		if (error)
			return error;
		ssize_t got = read_bytes(reader);
		if (got < 0)
			return -errno;
		reader->at_eof = got == 0;
		reader->end += (size_t)got;
	}
	return 0;
}

static size_t available(const struct recording_reader *reader)
{
	return reader->end - reader->begin;
}

static void consume(struct recording_reader *reader, size_t len)
{
	reader->begin += len;
	reader->offset += len;
}

/* --- frames ---------------------------------------------------------------------------------- */

static enum recording_status finish(struct recording_reader *reader, enum recording_status status)
{
	reader->status = status;
	return status;
}

static enum recording_status finish_error(struct recording_reader *reader, int error)
{
	reader->error = -error;
	errno = reader->error;
	return finish(reader, RECORDING_IO_ERROR);
}

static enum recording_status read_header(struct recording_reader *reader)
{
	char header[RECORDING_HEADER_BYTES] = RECORDING_MAGIC;
	int error = fill(reader, sizeof(header));
	if (error)
		return finish_error(reader, error);
	size_t len = available(reader) < sizeof(header) ? available(reader) : sizeof(header);
	/* The events of older versions are among ours. */
	char version = len > RECORDING_MAGIC_BYTES ? reader->buffer[RECORDING_MAGIC_BYTES] : 1;
	if (version >= 1 && version <= RECORDING_VERSION)
		header[RECORDING_MAGIC_BYTES] = version;
	if (len == 0 || memcmp(reader->buffer, header, len) != 0)
		return finish(reader, RECORDING_FOREIGN);
	if (len < sizeof(header))
		return finish(reader, RECORDING_CUT);
	reader->sum = recording_crc_add(&reader->crc, 0, header, len);
	reader->header_seen = true;
	consume(reader, len);
	return RECORDING_EVENT;
}

/* The frame's length field at the buffer's begin: its bytes, 0 if the file ends in it, -1 if no
 * writer makes it. */
static int parse_length(const struct recording_reader *reader, size_t *length)
{
	const uint8_t *from = (const uint8_t *)reader->buffer + reader->begin;
	*length = 0;
	for (int i = 0; i < LENGTH_BYTES_MAX; i++) {
		if ((size_t)i >= available(reader))
			return 0;
		*length |= (size_t)(from[i] & 0x7f) << 7 * i;
		if (from[i] & 0x80)
			continue;
		bool canonical = from[i] || !i;
		return canonical && *length && *length <= RECORDING_RECORD_MAX ? i + 1 : -1;
	}
	return -1;
}

static enum recording_status end_of_file(struct recording_reader *reader)
{
	return finish(reader, reader->end_seen && reader->checked ? RECORDING_WHOLE
								  : RECORDING_UNFINISHED);
}

/* The next record, its length field and all, at the buffer's begin. */
static enum recording_status read_frame(struct recording_reader *reader, struct bytes *record)
{
	size_t length;
	int error = available(reader) < LENGTH_BYTES_MAX ? fill(reader, LENGTH_BYTES_MAX) : 0;
	if (error)
		return finish_error(reader, error);
	if (available(reader) == 0)
		return end_of_file(reader);
	int head = parse_length(reader, &length);
	if (head <= 0)
		return finish(reader, head ? RECORDING_CORRUPT : RECORDING_CUT);
	error = fill(reader, (size_t)head + length);
	if (error)
		return finish_error(reader, error);
	if (available(reader) < (size_t)head + length)
		return finish(reader, RECORDING_CUT);
	*record = bytes_of(reader->buffer + reader->begin + head, length);
	return RECORDING_EVENT;
}

static uint32_t load_crc(const char *data)
{
	const uint8_t *from = (const uint8_t *)data;
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static bool take_check(struct recording_reader *reader, struct bytes record)
{
	if (record.len != RECORDING_CHECK_BYTES - 1 || load_crc(record.data + 1) != reader->sum)
		return false;
	reader->sum = 0;
	return true;
}

/* True: `record` was one of the format's own, and a good one. */
static bool take_control(struct recording_reader *reader, struct bytes record, bool *is_control)
{
	uint8_t kind = (uint8_t)record.data[0];
	*is_control = kind == RECORD_CHECK || kind == RECORD_RESET;
	if (kind == RECORD_CHECK)
		return take_check(reader, record);
	if (kind == RECORD_RESET)
		recording_decoder_reset(reader->decoder);
	return !*is_control || record.len == 1;
}

static void account(struct recording_reader *reader, struct bytes record)
{
	const char *frame = reader->buffer + reader->begin;
	size_t len = (size_t)(record.data - frame) + record.len;
	reader->checked = record.data[0] == RECORD_CHECK;
	if (!reader->checked)
		reader->sum = recording_crc_add(&reader->crc, reader->sum, frame, len);
	consume(reader, len);
}

static enum recording_status take_event(struct recording_reader *reader, struct bytes record,
					struct event *event)
{
	int error = recording_decode(reader->decoder, record, event);
	if (error == -ENOMEM)
		return finish_error(reader, error);
	if (error)
		return finish(reader, RECORDING_CORRUPT);
	reader->end_seen = event->kind == EVENT_END;
	account(reader, record);
	return RECORDING_EVENT;
}

static enum recording_status next_event(struct recording_reader *reader, struct event *event)
{
	for (;;) {
		struct bytes record;
		bool is_control;
		reader->record_offset = reader->offset;
		enum recording_status status = read_frame(reader, &record);
		if (status != RECORDING_EVENT)
			return status;
		if (!take_control(reader, record, &is_control))
			return finish(reader, RECORDING_CORRUPT);
		if (reader->end_seen && (reader->checked || record.data[0] != RECORD_CHECK))
			return finish(reader, RECORDING_CORRUPT);
		if (!is_control)
			return take_event(reader, record, event);
		account(reader, record);
	}
}

enum recording_status recording_reader_next(struct recording_reader *reader, struct event *event)
{
	if (reader->status != RECORDING_EVENT) {
		errno = reader->error;
		return reader->status;
	}
	if (!reader->header_seen && read_header(reader) != RECORDING_EVENT)
		return reader->status;
	return next_event(reader, event);
}
