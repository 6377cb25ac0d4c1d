/* Streams: see stream.h. */
#include "stream.h"

#include "memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum {
	ENDED_MAX = 64,       /* threads that died in the middle of a message, remembered */
	ANNOUNCEMENTS_MAX = 256,
	KEPT_BATCHES = 16,
	KEPT_MESSAGES = 1024,
	COMPACT_BYTES = 64 * 1024,
	FEW = 64, /* messages that nobody waits to have the room of */
};

/* Messages in the order of their arrival; slices are offsets into bytes + 1 until batch_fix. */
struct batch {
	struct told *told;
	size_t count, capacity;
	struct strbuf bytes;
	struct batch *next; /* among the spare ones */
};

struct stream {
	atomic_uint refs;
	uint32_t owner;
	int32_t owner_pid;
	struct ringfile *file;
	struct stream_notes notes;
	struct batch *ready; /* the recorder's; NULL: none */

	pthread_mutex_t lock; /* for all that follows */
	struct ringread *ring;
	struct batch *fresh;
	bool all_ended;
	uint32_t ended[ENDED_MAX];
	size_t ended_count;
	struct announcement *announced; /* the latest of each thread, the latest last */
	size_t announced_count;
};

/* ---- batches: most streams need none most of the time ---- */

static struct {
	pthread_mutex_t lock;
	struct batch *first;
	int count;
} spare = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct batch *batch_create(void)
{
	pthread_mutex_lock(&spare.lock);
	struct batch *batch = spare.first;
	if (batch) {
		spare.first = batch->next;
		spare.count--;
	}
	pthread_mutex_unlock(&spare.lock);
	return batch ? batch : memory_checked(calloc(1, sizeof *batch));
}

static void batch_destroy(struct batch *batch)
{
	if (!batch)
		return;
	batch->count = 0;
	strbuf_reset(&batch->bytes);
	pthread_mutex_lock(&spare.lock);
	bool kept = spare.count < KEPT_BATCHES && batch->capacity <= KEPT_MESSAGES;
	if (kept) {
		batch->next = spare.first;
		spare.first = batch;
		spare.count++;
	}
	pthread_mutex_unlock(&spare.lock);
	if (kept)
		return;
	strbuf_free(&batch->bytes);
	free(batch->told);
	free(batch);
}

static struct told *batch_add(struct batch *batch)
{
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
		struct told *told = memory_checked(realloc(batch->told, capacity * sizeof *told));
		if (!told)
			return NULL;
		batch->told = told;
		batch->capacity = capacity;
	}
	return &batch->told[batch->count++];
}

/* Which slices a message has: at most two. */
static void slices_of(struct ring_message *message, struct bytes *slices[2])
{
	slices[0] = slices[1] = NULL;
	switch (message->kind) {
	case RING_LIBRARY:
		slices[0] = &message->library.path;
		slices[1] = &message->library.build_id;
		break;
	case RING_THREAD_NAME:
		slices[0] = &message->thread_name;
		break;
	case RING_SYSCALL:
		slices[0] = &message->syscall.data;
		break;
	case RING_EXEC:
		slices[0] = &message->exec.path;
		slices[1] = &message->exec.first;
		break;
	case RING_PROCESS:
		break;
	}
}

/* Copies the message behind those of the batch. Without memory it is lost, as in a full ring. */
static bool batch_copy(struct batch *batch, const struct ring_message *message)
{
	struct told *told = batch_add(batch);
	if (!told)
		return false;
	*told = (struct told){ .message = *message };
	struct bytes *slices[2];
	slices_of(&told->message, slices);
	for (int i = 0; i < 2; i++) {
		size_t offset = batch->bytes.len;
		if (!slices[i] || !slices[i]->len)
			continue;
		strbuf_add(&batch->bytes, slices[i]->data, slices[i]->len);
		if (batch->bytes.len == offset)
			*slices[i] = bytes_of(NULL, 0);
		else
			slices[i]->data = (const char *)(uintptr_t)offset;
	}
	return true;
}

/* The slices of a message, in place. */
static struct told told_in_place(const struct batch *batch, const struct told *at)
{
	struct told told = *at;
	struct bytes *slices[2];
	slices_of(&told.message, slices);
	for (int i = 0; i < 2; i++)
		if (slices[i] && slices[i]->len)
			slices[i]->data = batch->bytes.data + (uintptr_t)slices[i]->data;
	return told;
}

/* ---- life ---- */

struct stream *stream_create(struct ringread *ring, struct ringfile *file, uint32_t owner, int32_t pid)
{
	struct stream *stream = memory_checked(calloc(1, sizeof *stream));
	if (!stream)
		return NULL;
	atomic_init(&stream->refs, 1);
	pthread_mutex_init(&stream->lock, NULL);
	stream->ring = ring;
	stream->file = file;
	stream->owner = owner;
	stream->owner_pid = pid;
	if (file)
		file->ring = NULL;
	return stream;
}

struct stream *stream_of_file(struct ringfile *file, uint32_t owner, int32_t pid)
{
	struct stream *stream = stream_create(file->ring, file, owner, pid);
	if (!stream)
		ringfile_remove(file);
	return stream;
}

struct stream *stream_share(struct stream *stream)
{
	if (stream)
		atomic_fetch_add(&stream->refs, 1);
	return stream;
}

void stream_release(struct stream *stream)
{
	if (!stream || atomic_fetch_sub(&stream->refs, 1) != 1)
		return;
	ringread_close(stream->ring);
	ringfile_remove(stream->file);
	batch_destroy(stream->ready);
	batch_destroy(stream->fresh);
	for (size_t i = 0; i < stream->announced_count; i++)
		announcement_free(&stream->announced[i]);
	free(stream->announced);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

uint32_t stream_owner(const struct stream *stream)
{
	return stream->owner;
}

int32_t stream_owner_pid(const struct stream *stream)
{
	return stream->owner_pid;
}

struct stream_notes *stream_notes(struct stream *stream)
{
	return &stream->notes;
}

/* ---- announcements ---- */

void announcement_free(struct announcement *announcement)
{
	strbuf_free(&announcement->path);
	strbuf_free(&announcement->first);
}

static size_t find_announcement(const struct stream *stream, uint32_t thread)
{
	size_t i = 0;
	while (i < stream->announced_count && stream->announced[i].thread != thread)
		i++;
	return i;
}

static struct announcement remove_announcement(struct stream *stream, size_t at)
{
	struct announcement removed = stream->announced[at];
	stream->announced_count--;
	memmove(&stream->announced[at], &stream->announced[at + 1],
		(stream->announced_count - at) * sizeof *stream->announced);
	return removed;
}

static void forget_announcement(struct stream *stream, uint32_t thread)
{
	size_t at = find_announcement(stream, thread);
	if (at == stream->announced_count)
		return;
	struct announcement old = remove_announcement(stream, at);
	announcement_free(&old);
}

/* Of more threads than can be about to exec the oldest is forgotten. */
static void keep_announcement(struct stream *stream, const struct ring_message *message)
{
	size_t old = find_announcement(stream, message->thread);
	if (old < stream->announced_count && stream->announced[old].t_ticks > message->exec.t_ticks)
		return; /* seen before it was read */
	forget_announcement(stream, message->thread);
	if (!stream->announced)
		stream->announced = memory_checked(calloc(ANNOUNCEMENTS_MAX, sizeof *stream->announced));
	if (!stream->announced)
		return;
	if (stream->announced_count == ANNOUNCEMENTS_MAX) {
		struct announcement oldest = remove_announcement(stream, 0);
		announcement_free(&oldest);
	}
	struct announcement *kept = &stream->announced[stream->announced_count++];
	*kept = (struct announcement){
		.thread = message->thread, .number = message->exec.number, .argc = message->exec.argc,
		.t_ticks = message->exec.t_ticks, .cut = message->cut,
	};
	memcpy(kept->args, message->exec.args, sizeof kept->args);
	strbuf_add(&kept->path, message->exec.path.data, message->exec.path.len);
	strbuf_add(&kept->first, message->exec.first.data, message->exec.first.len);
}

static bool is_exec(const struct ring_message *message)
{
	return message->kind == RING_SYSCALL &&
	       (message->syscall.number == SYS_execve || message->syscall.number == SYS_execveat);
}

struct search {
	struct stream *stream;
	uint64_t failed_ticks; /* of the latest execve that came back */
};

static int search_message(void *context, const struct ring_message *message)
{
	struct search *search = context;
	if (message->kind == RING_EXEC)
		keep_announcement(search->stream, message);
	else if (is_exec(message) && message->syscall.t_ticks > search->failed_ticks)
		search->failed_ticks = message->syscall.t_ticks;
	return 0;
}

bool stream_take_announcement(struct stream *stream, uint32_t thread, struct announcement *out)
{
	struct search search = { stream, 0 };
	pthread_mutex_lock(&stream->lock);
	ringread_peek(stream->ring, thread, search_message, &search);
	size_t at = find_announcement(stream, thread);
	bool found = at < stream->announced_count && stream->announced[at].t_ticks > search.failed_ticks;
	if (found)
		*out = remove_announcement(stream, at);
	pthread_mutex_unlock(&stream->lock);
	return found;
}

/* ---- from the ring ---- */

static int keep_message(void *context, const struct ring_message *message)
{
	struct stream *stream = context;
	if (message->kind == RING_EXEC) {
		keep_announcement(stream, message);
		return 0;
	}
	if (is_exec(message))
		forget_announcement(stream, message->thread);
	if (!stream->fresh)
		stream->fresh = batch_create();
	if (stream->fresh)
		batch_copy(stream->fresh, message);
	return 0;
}

/* Under the lock. */
static void drain(struct stream *stream, uint32_t waiting)
{
	uint32_t threads[ENDED_MAX + 1];
	struct ringread_dead dead = { .all = stream->all_ended, .threads = threads, .count = stream->ended_count };
	memcpy(threads, stream->ended, stream->ended_count * sizeof *threads);
	if (waiting)
		threads[dead.count++] = waiting;
	ringread_read(stream->ring, &dead, keep_message, stream);
}

size_t stream_gather(struct stream *stream, uint32_t waiting)
{
	pthread_mutex_lock(&stream->lock);
	size_t before = stream->fresh ? stream->fresh->count : 0;
	drain(stream, waiting);
	ringread_give_back(stream->ring);
	size_t gathered = (stream->fresh ? stream->fresh->count : 0) - before;
	pthread_mutex_unlock(&stream->lock);
	return gathered;
}

void stream_drop(struct stream *stream, uint32_t waiting)
{
	pthread_mutex_lock(&stream->lock);
	drain(stream, waiting);
	ringread_give_back(stream->ring);
	batch_destroy(stream->fresh);
	stream->fresh = NULL;
	pthread_mutex_unlock(&stream->lock);
}

size_t stream_backlog(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	size_t count = stream->fresh ? stream->fresh->count : 0;
	pthread_mutex_unlock(&stream->lock);
	return count;
}

/* Only who owes something need be remembered. Not when a thread begins: what it announces may be seen sooner. */
void stream_thread_ended(struct stream *stream, uint32_t thread)
{
	pthread_mutex_lock(&stream->lock);
	if (ringread_owes(stream->ring, thread)) {
		if (stream->ended_count == ENDED_MAX)
			memmove(stream->ended, stream->ended + 1, --stream->ended_count * sizeof *stream->ended);
		stream->ended[stream->ended_count++] = thread;
	}
	forget_announcement(stream, thread);
	pthread_mutex_unlock(&stream->lock);
}

void stream_thread_began(struct stream *stream, uint32_t thread)
{
	pthread_mutex_lock(&stream->lock);
	size_t kept = 0;
	for (size_t i = 0; i < stream->ended_count; i++)
		if (stream->ended[i] != thread)
			stream->ended[kept++] = stream->ended[i];
	stream->ended_count = kept;
	pthread_mutex_unlock(&stream->lock);
}

void stream_all_ended(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->all_ended = true;
	pthread_mutex_unlock(&stream->lock);
}

bool stream_flight(struct stream *stream, uint32_t thread, struct ring_flight *flight)
{
	pthread_mutex_lock(&stream->lock);
	bool found = ringread_flight(stream->ring, thread, flight);
	pthread_mutex_unlock(&stream->lock);
	return found;
}

void stream_flight_end(struct stream *stream, uint32_t thread)
{
	pthread_mutex_lock(&stream->lock);
	ringread_flight_end(stream->ring, thread);
	pthread_mutex_unlock(&stream->lock);
}

bool stream_flight_tell(struct stream *stream, uint32_t thread, bool whole, struct ring_flight *flight)
{
	pthread_mutex_lock(&stream->lock);
	bool told = ringread_flight(stream->ring, thread, flight) && ringread_flight_tell(stream->ring, thread, whole, ticks_now());
	pthread_mutex_unlock(&stream->lock);
	return told;
}

struct ringread_counters stream_counters(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	struct ringread_counters counters = ringread_counters(stream->ring);
	pthread_mutex_unlock(&stream->lock);
	return counters;
}

/* ---- to the recorder ---- */

static bool takes_away(uint32_t number)
{
	return number == SYS_close || number == SYS_close_range;
}

/* What is not a call has no time of its own: it comes first. */
static void set_times(struct told *told, const struct ticks *ticks, uint64_t now_ns)
{
	told->begin_ns = told->end_ns = now_ns;
	told->key_ns = 0;
	if (told->message.kind != RING_SYSCALL)
		return;
	uint64_t t_ticks = told->message.syscall.t_ticks, dur_ticks = told->message.syscall.dur_ticks;
	told->begin_ns = ticks_to_ns(ticks, t_ticks);
	told->end_ns = dur_ticks > UINT64_MAX - t_ticks ? now_ns : ticks_to_ns(ticks, t_ticks + dur_ticks);
	told->key_ns = takes_away(told->message.syscall.number) ? told->begin_ns : told->end_ns;
}

/* ---- sorting ----
 *
 * What comes out of a lane is in order but for calls that others were made in the midst of; so there are few
 * runs, as many as lanes at best, and they are merged until one is left. */

struct ref {
	uint64_t key_ns;
	size_t index;
};

static size_t end_of_run(const struct ref *refs, size_t count, size_t start)
{
	size_t end = start + (start < count);
	while (end < count && refs[end - 1].key_ns <= refs[end].key_ns)
		end++;
	return end;
}

/* Runs [start, middle) and [middle, end) become one. */
static void merge_two(const struct ref *from, size_t start, size_t middle, size_t end, struct ref *to)
{
	size_t a = start, b = middle;
	for (size_t at = start; at < end; at++) {
		bool first = a < middle && (b == end || from[a].key_ns <= from[b].key_ns);
		to[at] = first ? from[a++] : from[b++];
	}
}

/* Each two neighbours become one run. True: it is the only one. */
static bool merge_runs(const struct ref *from, struct ref *to, size_t count)
{
	size_t runs = 0;
	for (size_t start = 0, end = 0; start < count; start = end, runs++) {
		size_t middle = end_of_run(from, count, start);
		end = end_of_run(from, count, middle);
		merge_two(from, start, middle, end, to);
	}
	return runs <= 1;
}

static void put_in_order(struct batch *ready, struct ref *refs, struct ref *other, struct told *sorted)
{
	for (size_t i = 0; i < ready->count; i++)
		refs[i] = (struct ref){ ready->told[i].key_ns, i };
	for (bool one = end_of_run(refs, ready->count, 0) == ready->count; !one;) {
		one = merge_runs(refs, other, ready->count);
		struct ref *swapped = refs;
		refs = other;
		other = swapped;
	}
	for (size_t i = 0; i < ready->count; i++)
		sorted[i] = ready->told[refs[i].index];
}

static bool is_sorted(const struct batch *ready)
{
	for (size_t i = 1; i < ready->count; i++)
		if (ready->told[i - 1].key_ns > ready->told[i].key_ns)
			return false;
	return true;
}

/* Without memory it stays as it came. */
static void sort_ready(struct batch *ready)
{
	if (!ready->count || is_sorted(ready))
		return;
	struct ref *refs = memory_checked(malloc(2 * ready->count * sizeof *refs));
	struct told *sorted = memory_checked(malloc(ready->capacity * sizeof *sorted));
	if (refs && sorted) {
		put_in_order(ready, refs, refs + ready->count, sorted);
		free(ready->told);
		ready->told = sorted;
	} else {
		free(sorted);
	}
	free(refs);
}

static void copy_all(struct batch *to, const struct batch *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct told told = told_in_place(from, &from->told[i]);
		if (!batch_copy(to, &told.message))
			continue;
		struct told *copy = &to->told[to->count - 1];
		copy->key_ns = told.key_ns;
		copy->begin_ns = told.begin_ns;
		copy->end_ns = told.end_ns;
	}
}

/* Puts `fresh` behind what is ready; the bytes of what was told since are left behind at last. */
static void make_ready(struct stream *stream, struct batch *fresh)
{
	struct batch *old = stream->ready, *compact = NULL;
	if (!old) {
		stream->ready = fresh;
		return;
	}
	if (old->bytes.len > COMPACT_BYTES)
		compact = batch_create();
	if (compact) {
		copy_all(compact, old);
		batch_destroy(old);
		stream->ready = compact;
	}
	copy_all(stream->ready, fresh);
	batch_destroy(fresh);
}

size_t stream_ready(const struct stream *stream)
{
	return stream->ready ? stream->ready->count : 0;
}

size_t stream_collect(struct stream *stream, struct ticks *ticks)
{
	pthread_mutex_lock(&stream->lock);
	drain(stream, 0);
	struct batch *fresh = stream->fresh;
	stream->fresh = NULL;
	if (!fresh || fresh->count > FEW)
		ringread_give_back(stream->ring);
	pthread_mutex_unlock(&stream->lock);
	if (!fresh)
		return 0;
	size_t count = fresh->count;
	ticks_calibrate(ticks); /* no stamp is younger */
	uint64_t now_ns = ticks->count ? ticks->pair[ticks->count - 1].ns : 0;
	for (size_t i = 0; i < count; i++)
		set_times(&fresh->told[i], ticks, now_ns);
	make_ready(stream, fresh);
	sort_ready(stream->ready);
	return count;
}

void stream_tell(struct stream *stream,
		 enum telling (*tell)(void *context, struct stream *stream, const struct told *told),
		 void *context)
{
	struct batch *ready = stream->ready;
	size_t kept = 0, at = 0;
	if (!ready)
		return;
	for (; at < ready->count; at++) {
		struct told told = told_in_place(ready, &ready->told[at]);
		enum telling telling = tell(context, stream, &told);
		if (telling == TELLING_DONE)
			break;
		if (telling == TELLING_KEPT)
			ready->told[kept++] = ready->told[at];
	}
	if (kept < at)
		memmove(&ready->told[kept], &ready->told[at], (ready->count - at) * sizeof *ready->told);
	ready->count -= at - kept;
	pthread_mutex_lock(&stream->lock);
	ringread_give_back(stream->ring);
	pthread_mutex_unlock(&stream->lock);
	if (ready->count > 0)
		return;
	batch_destroy(ready);
	stream->ready = NULL;
}
