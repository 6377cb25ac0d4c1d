/* External merge sort: see sorter.h. Owns one temporary file and one piece of memory, which holds
 * lines while they are added, and later a window on each run.
 *
 *   memory while adding: lines ->     <- entries, the last one added lowest
 *   file: runs one behind the other, each a sequence of { struct head, line }
 *
 * Runs are numbered as they were made, and keep the order of adding among equal keys. */
#include "report/sorter.h"

#include "message.h"
#include "temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW_BYTES_MIN = 4096, RUNS_A_LINE = 2 /* at most */, FILE_BUFFER_BYTES = 128 << 10 };

struct entry {
	uint64_t key;
	uint32_t at, len; /* in memory; `at` also says which was added first */
};

struct head {
	uint64_t key, len;
};

struct run {
	uint64_t at, end;     /* of what was not yet read, in the file */
	char *window;
	size_t begin, filled; /* window[begin..filled): read, not yet written */
	struct head head;     /* of the line to come, whose bytes follow */
};

struct sorter {
	char *memory;
	size_t memory_bytes;
	size_t used;       /* by lines */
	uint32_t count;    /* of entries */
	FILE *file;        /* NULL: nothing was spilled */
	uint64_t file_end;
	struct run *runs;
	uint32_t run_count, run_capacity;
	bool failed;       /* the temporary file did, and a message said so */
};

struct sorter *sorter_create(size_t memory_bytes)
{
	struct sorter *sorter = calloc(1, sizeof *sorter);
	char *memory = sorter ? malloc(memory_bytes) : NULL;
	if (!memory) {
		free(sorter);
		return NULL;
	}
	sorter->memory = memory;
	sorter->memory_bytes = memory_bytes & ~(_Alignof(struct entry) - 1);
	return sorter;
}

void sorter_destroy(struct sorter *sorter)
{
	if (!sorter)
		return;
	if (sorter->file)
		fclose(sorter->file);
	free(sorter->runs);
	free(sorter->memory);
	free(sorter);
}

/* --- the temporary file ------------------------------------------------------------------------ */

static int fail(struct sorter *sorter, int error)
{
	if (!sorter->failed)
		message_error(temporary_folder(), "sorting a report: %s", strerror(error));
	sorter->failed = true;
	return -error;
}

/* errno is that of the last call on a stream, unless that left none. */
static int fail_stream(struct sorter *sorter)
{
	return fail(sorter, errno ? errno : EIO);
}

static FILE *open_file(void)
{
	int fd = temporary_open("a report is sorted in memory");
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (file)
		setvbuf(file, NULL, _IOFBF, FILE_BUFFER_BYTES);
	else if (fd >= 0)
		close(fd);
	else
		errno = -fd;
	return file;
}

/* A line to the run that is being made. */
static bool put_line(FILE *file, uint64_t key, struct bytes line, uint64_t *file_end)
{
	const struct head head = { key, line.len };
	*file_end += sizeof head + line.len;
	return fwrite_unlocked(&head, sizeof head, 1, file) == 1 &&
	       (!line.len || fwrite_unlocked(line.data, line.len, 1, file) == 1);
}

/* --- runs -------------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return (left->at > right->at) - (left->at < right->at);
}

static struct entry *entries_of(const struct sorter *sorter)
{
	return (struct entry *)(void *)(sorter->memory + sorter->memory_bytes) - sorter->count;
}

static void sort_entries(struct sorter *sorter)
{
	if (sorter->count > 1)
		qsort(entries_of(sorter), sorter->count, sizeof(struct entry), compare_entries);
}

static struct bytes line_of(const struct sorter *sorter, const struct entry *entry)
{
	return bytes_of(sorter->memory + entry->at, entry->len);
}

/* A run from `begin` to the end of the file. */
static int add_run(struct sorter *sorter, uint64_t begin)
{
	if (sorter->run_count == sorter->run_capacity) {
		uint32_t capacity = sorter->run_capacity ? 2 * sorter->run_capacity : 16;
		struct run *runs = realloc(sorter->runs, capacity * sizeof *runs);
		if (!runs)
			return -ENOMEM;
		sorter->runs = runs;
		sorter->run_capacity = capacity;
	}
	sorter->runs[sorter->run_count++] = (struct run){ .at = begin, .end = sorter->file_end };
	return 0;
}

static int need_file(struct sorter *sorter)
{
	errno = 0;
	if (!sorter->file)
		sorter->file = open_file();
	return sorter->file ? 0 : fail_stream(sorter);
}

/* What memory holds becomes a run. */
static int spill(struct sorter *sorter)
{
	uint64_t begin = sorter->file_end;
	int error = sorter->count ? need_file(sorter) : 0;
	if (error || !sorter->count)
		return error;
	sort_entries(sorter);
	const struct entry *entries = entries_of(sorter);
	for (uint32_t i = 0; i < sorter->count; i++)
		if (!put_line(sorter->file, entries[i].key, line_of(sorter, &entries[i]), &sorter->file_end))
			return fail_stream(sorter);
	sorter->count = 0;
	sorter->used = 0;
	return add_run(sorter, begin);
}

/* A line that memory has no room for is a run of its own. */
static int spill_line(struct sorter *sorter, uint64_t key, struct bytes line)
{
	uint64_t begin = sorter->file_end;
	int error = need_file(sorter);
	if (error)
		return error;
	if (!put_line(sorter->file, key, line, &sorter->file_end))
		return fail_stream(sorter);
	return add_run(sorter, begin);
}

/* --- merging ----------------------------------------------------------------------------------- */

static size_t window_bytes(const struct sorter *sorter)
{
	return sorter->memory_bytes / sorter->run_count & ~(size_t)(WINDOW_BYTES_MIN - 1);
}

/* More of the run than the window holds. */
static int fill_window(struct sorter *sorter, struct run *run)
{
	size_t kept = run->filled - run->begin, room = window_bytes(sorter) - kept;
	memmove(run->window, run->window + run->begin, kept);
	run->begin = 0;
	run->filled = kept;
	size_t wanted = run->end - run->at < room ? (size_t)(run->end - run->at) : room;
	while (wanted) {
		ssize_t got = pread(fileno(sorter->file), run->window + run->filled, wanted, (off_t)run->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail(sorter, got ? errno : EIO);
		run->filled += (size_t)got;
		run->at += (uint64_t)got;
		wanted -= (size_t)got;
	}
	return 0;
}

static size_t in_window(const struct run *run)
{
	return run->filled - run->begin;
}

/* 1: run->head is that of the next line; 0: there is none; -errno. */
static int next_head(struct sorter *sorter, struct run *run)
{
	if (in_window(run) < sizeof run->head && run->at < run->end) {
		int error = fill_window(sorter, run);
		if (error)
			return error;
	}
	if (in_window(run) < sizeof run->head)
		return 0;
	memcpy(&run->head, run->window + run->begin, sizeof run->head);
	run->begin += sizeof run->head;
	return 1;
}

/* The line behind run->head, which may be larger than the window. */
static int copy_line(struct sorter *sorter, struct run *run, FILE *out)
{
	for (uint64_t left = run->head.len; left;) {
		size_t some = in_window(run) < left ? in_window(run) : (size_t)left;
		if (some && fwrite_unlocked(run->window + run->begin, some, 1, out) != 1)
			return errno ? -errno : -EIO;
		run->begin += some;
		left -= some;
		int error = left ? fill_window(sorter, run) : 0;
		if (error)
			return error;
	}
	return 0;
}

static bool comes_before(const struct sorter *sorter, uint32_t a, uint32_t b)
{
	uint64_t left = sorter->runs[a].head.key, right = sorter->runs[b].head.key;
	return left != right ? left < right : a < b;
}

/* heap[at] may come behind its children: puts it where it belongs. */
static void sift_down(const struct sorter *sorter, uint32_t *heap, uint32_t count, uint32_t at)
{
	uint32_t moved = heap[at];
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < count && comes_before(sorter, heap[child + 1], heap[child]))
			child++;
		if (child >= count || !comes_before(sorter, heap[child], moved))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* A heap of the runs by number, each with the head of its first line. 0 or -errno. */
static int begin_merge(struct sorter *sorter, uint32_t *heap, uint32_t *count)
{
	*count = 0;
	if (fflush(sorter->file) != 0)
		return fail_stream(sorter);
	for (uint32_t i = 0; i < sorter->run_count; i++) {
		struct run *run = &sorter->runs[i];
		run->window = sorter->memory + i * window_bytes(sorter);
		int some = next_head(sorter, run);
		if (some < 0)
			return some;
		if (some)
			heap[(*count)++] = i;
	}
	for (uint32_t i = *count / 2; i-- > 0;)
		sift_down(sorter, heap, *count, i);
	return 0;
}

/* Where merged lines go: with their heads to another run, without to the report. */
static int merge(struct sorter *sorter, uint32_t *heap, FILE *out, bool with_heads)
{
	uint32_t count;
	int error = begin_merge(sorter, heap, &count);
	while (!error && count) {
		struct run *run = &sorter->runs[heap[0]];
		errno = 0;
		if (with_heads && fwrite_unlocked(&run->head, sizeof run->head, 1, out) != 1)
			return errno ? -errno : -EIO;
		error = copy_line(sorter, run, out);
		int more = error ? 0 : next_head(sorter, run);
		if (more < 0)
			return more;
		if (!more)
			heap[0] = heap[--count];
		if (count)
			sift_down(sorter, heap, count, 0);
	}
	return error;
}

static int merge_to(struct sorter *sorter, FILE *out, bool with_heads)
{
	uint32_t *heap = calloc(sorter->run_count, sizeof *heap);
	int error = heap ? merge(sorter, heap, out, with_heads) : -ENOMEM;
	free(heap);
	return error;
}

/* So many runs that with those of the next line each would get too small a window become one, in a
 * file of its own. */
static int join_runs(struct sorter *sorter)
{
	if (sorter->run_count + RUNS_A_LINE <= sorter->memory_bytes / WINDOW_BYTES_MIN)
		return 0;
	errno = 0;
	FILE *joined = open_file();
	if (!joined)
		return fail_stream(sorter);
	int error = merge_to(sorter, joined, true);
	fclose(sorter->file);
	sorter->file = joined;
	sorter->run_count = 0;
	return error ? fail(sorter, -error) : add_run(sorter, 0);
}

/* --- the outside ------------------------------------------------------------------------------- */

int sorter_add(struct sorter *sorter, uint64_t key, struct bytes line)
{
	size_t needed = line.len + sizeof(struct entry);
	size_t room = sorter->memory_bytes - sorter->used - sorter->count * sizeof(struct entry);
	if (needed > room) {
		int error = spill(sorter);
		if (!error && needed > sorter->memory_bytes)
			error = spill_line(sorter, key, line);
		if (!error)
			error = join_runs(sorter);
		if (error || needed > sorter->memory_bytes)
			return error;
	}
	if (line.len)
		memcpy(sorter->memory + sorter->used, line.data, line.len);
	sorter->count++;
	*entries_of(sorter) = (struct entry){ key, (uint32_t)sorter->used, (uint32_t)line.len };
	sorter->used += line.len;
	return 0;
}

int sorter_write(struct sorter *sorter, FILE *out)
{
	errno = 0;
	if (sorter->run_count) {
		int error = spill(sorter);
		return error ? error : merge_to(sorter, out, false);
	}
	sort_entries(sorter);
	const struct entry *entries = entries_of(sorter);
	for (uint32_t i = 0; i < sorter->count; i++) {
		struct bytes line = line_of(sorter, &entries[i]);
		if (line.len && fwrite_unlocked(line.data, line.len, 1, out) != 1)
			return errno ? -errno : -EIO;
	}
	return 0;
}
