/* The recorder's table of tasks: see writers.h. Two chains of hash buckets lead to each task: by its
 * thread id, and by its stream with the number it calls itself. */
#include "writers.h"

#include "memory.h"

#include <stdlib.h>

enum { BUCKETS = 4096, REMEMBERED = 64 };

static struct {
	struct writer *by_tid[BUCKETS], *by_thread[BUCKETS];
	struct stream *streams;
	struct writer_was ended[REMEMBERED];
	unsigned ended_next;
} table;

static struct writer **tid_bucket(int32_t tid)
{
	return &table.by_tid[(uint32_t)tid * 2654435761U % BUCKETS];
}

static struct writer **thread_bucket(const struct stream *stream, uint32_t thread)
{
	uint32_t mixed = thread ^ (uint32_t)((uintptr_t)stream >> 4);
	return &table.by_thread[mixed * 2654435761U % BUCKETS];
}

struct writer *writers_find(int32_t tid)
{
	struct writer *writer = *tid_bucket(tid);
	while (writer && writer->tid != tid)
		writer = writer->next;
	return writer;
}

struct writer *writers_of_thread(const struct stream *stream, uint32_t thread)
{
	struct writer *writer = *thread_bucket(stream, thread);
	while (writer && (writer->stream != stream || writer->thread != thread))
		writer = writer->next_by_thread;
	return writer;
}

struct stream *writers_streams(void)
{
	return table.streams;
}

void writers_moved(struct bytes from, struct bytes to)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct writer *writer = table.by_tid[i]; writer; writer = writer->next) {
			descriptors_moved(writer->files, from, to);
			if (!writer->process->root)
				workdir_moved(writer->workdir, from, to);
		}
	}
}

/* ---- streams ---- */

/* An address that is used again must not be taken for the stream that lay there. */
static void forget_ended(const struct stream *stream)
{
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (table.ended[i].stream == (uint64_t)(uintptr_t)stream)
			table.ended[i].process = 0;
}

static void join_stream(struct writer *writer, struct stream *stream)
{
	struct stream_notes *notes = stream_notes(stream);
	writer->stream = stream_share(stream);
	stream_thread_began(stream, writer->thread);
	if (notes->writers++ > 0)
		return;
	forget_ended(stream);
	notes->next_live = table.streams;
	notes->previous_live = &table.streams;
	if (table.streams)
		stream_notes(table.streams)->previous_live = &notes->next_live;
	table.streams = stream;
}

static void leave_stream(struct writer *writer)
{
	struct stream_notes *notes = stream_notes(writer->stream);
	stream_thread_ended(writer->stream, writer->thread);
	if (--notes->writers == 0) {
		stream_all_ended(writer->stream);
		*notes->previous_live = notes->next_live;
		if (notes->next_live)
			stream_notes(notes->next_live)->previous_live = notes->previous_live;
	}
	stream_release(writer->stream);
}

/* ---- tasks ---- */

static struct writer_process *process_create(uint32_t id, int32_t pid)
{
	struct writer_process *process = memory_checked(calloc(1, sizeof *process));
	if (process) {
		process->id = id;
		process->pid = pid;
	}
	return process;
}

static void process_release(struct writer_process *process)
{
	if (process->first)
		return;
	free(process->root);
	free(process);
}

static void link_writer(struct writer *writer)
{
	struct writer **bucket = tid_bucket(writer->tid);
	writer->next = *bucket;
	*bucket = writer;
	bucket = thread_bucket(writer->stream, writer->thread);
	writer->next_by_thread = *bucket;
	*bucket = writer;
	writer->next_of_process = writer->process->first;
	writer->process->first = writer;
}

static void unlink_writer(struct writer *writer)
{
	struct writer **at = tid_bucket(writer->tid);
	while (*at != writer)
		at = &(*at)->next;
	*at = writer->next;
	at = thread_bucket(writer->stream, writer->thread);
	while (*at != writer)
		at = &(*at)->next_by_thread;
	*at = writer->next_by_thread;
	at = &writer->process->first;
	while (*at != writer)
		at = &(*at)->next_of_process;
	*at = writer->next_of_process;
}

/* A task that is still known under a tid that is given again has ended unseen. */
static struct writer *add(struct writer_process *process, int32_t tid, uint32_t thread, struct stream *stream)
{
	struct writer *old = writers_find(tid), *writer = process ? memory_checked(calloc(1, sizeof *writer)) : NULL;
	if (!writer) {
		if (process)
			process_release(process);
		return NULL;
	}
	writer->tid = tid;
	writer->thread = thread;
	writer->process = process;
	join_stream(writer, stream);
	link_writer(writer);
	if (old)
		writers_remove(old);
	return writer;
}

struct writer *writers_begin(uint32_t id, int32_t pid, uint32_t thread, struct stream *stream)
{
	return add(process_create(id, pid), pid, thread, stream);
}

struct writer *writers_bear(struct writer *parent, uint32_t id, int32_t pid, int32_t tid, uint32_t thread,
			    unsigned shares)
{
	struct writer_process *process = id ? process_create(id, pid) : parent->process;
	if (process && id && parent->process->root)
		writers_set_root(process, bytes_of_string(parent->process->root), parent->process->other_mounts);
	struct writer *writer = add(process, tid, thread, parent->stream);
	if (!writer)
		return NULL;
	writer->files = shares & WRITER_FILES ? descriptors_share(parent->files) : descriptors_copy(parent->files);
	writer->workdir = shares & WRITER_FS ? workdir_share(parent->workdir) : workdir_copy(parent->workdir);
	return writer;
}

void writers_set_root(struct writer_process *process, struct bytes root, bool other_mounts)
{
	free(process->root);
	process->root = root.len ? memory_checked(strndup(root.data, root.len)) : NULL;
	process->other_mounts = other_mounts;
}

struct place writers_place(const struct writer *writer)
{
	return (struct place){ .tid = writer->tid, .pid = writer->process->pid, .root = writer->process->root,
			       .other_mounts = writer->process->other_mounts };
}

void writers_unshare(struct writer *writer, unsigned shares)
{
	if (shares & WRITER_FILES) {
		struct descriptors *own = descriptors_copy(writer->files);
		descriptors_release(writer->files);
		writer->files = own;
	}
	if (shares & WRITER_FS) {
		struct workdir *own = workdir_copy(writer->workdir);
		workdir_release(writer->workdir);
		writer->workdir = own;
	}
}

static void remember(const struct writer *writer)
{
	table.ended[table.ended_next++ % REMEMBERED] = (struct writer_was){
		.stream = (uint64_t)(uintptr_t)writer->stream, .thread = writer->thread,
		.process = writer->process->id, .pid = writer->process->pid, .tid = writer->tid,
	};
}

bool writers_was(const struct stream *stream, uint32_t thread, struct writer_was *was)
{
	for (unsigned i = 0; i < REMEMBERED; i++) {
		*was = table.ended[(table.ended_next + REMEMBERED - 1 - i) % REMEMBERED];
		if (was->process && was->stream == (uint64_t)(uintptr_t)stream && was->thread == thread)
			return true;
	}
	return false;
}

void writers_remove(struct writer *writer)
{
	remember(writer);
	unlink_writer(writer);
	leave_stream(writer);
	process_release(writer->process);
	descriptors_release(writer->files);
	workdir_release(writer->workdir);
	free(writer);
}

void writers_remove_all(void)
{
	for (int i = 0; i < BUCKETS; i++)
		while (table.by_tid[i])
			writers_remove(table.by_tid[i]);
}
