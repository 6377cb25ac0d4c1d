/* The writing side of the recording: a circular buffer shared by the processes that may write
 * it, who may append, and what reaches the file. Owns the shared buffer and the file's bytes;
 * must never fail or block a caller for good: what cannot be kept is counted.
 *
 * All positions are file offsets. At any time flushed <= committed <= flushed + RING_BYTES, and
 * the byte of offset n is ring[n % RING_BYTES].
 *
 *   appender (append_lock)                     flusher (flush_lock, or the last one alive)
 *   copy bytes into the ring                   load committed, acquire (A)
 *   store the checkpoint for the new end       pwrite [flushed, committed) at that offset
 *   store `whole`                              store flushed, release (B)
 *   store committed, release (A)
 *   free space: load flushed, acquire (B)
 *
 * An appender killed before its store of `whole` has added nothing; after it, everything: whoever
 * flushes or appends next raises committed to whole. A record larger than the ring is committed in pieces,
 * so committed runs ahead of whole; if its appender dies there, the next one to append takes the
 * pieces back, and without one the file ends inside a record.
 *
 * Every process has an encoder of its own. One that finds `whole` where it did not leave it takes
 * over from another and writes a RESET first, for its encoder knows nothing of what came before. */
#include "memory.h"
#include "recording.h"
#include "recording_format.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	RING_BYTES = 4 << 20,
	WRITE_BYTES = 1 << 20,  /* one pwrite: space is given back while the rest is written */
	KEPT_BYTES = 1 << 20,   /* of a record's memory, from event to event */
	FRAME_ROOM = 16,        /* for a RESET and the length before a record */
	TAIL_BYTES = 4096,      /* below max_bytes, kept free for EVENT_END; less of a small one */
};

/* What an appender must know to go on at offset `end`. */
struct checkpoint {
	uint64_t end, checked; /* offset behind the last CHECK */
	uint32_t crc;          /* of the bytes [checked, end) */
};

struct shared {
	_Atomic uint64_t committed, flushed;
	_Atomic uint64_t whole; /* offset behind the last whole record; a checkpoint's `end` */
	struct checkpoint checkpoints[2];
	_Atomic int error;      /* of the first write that failed, an errno */
	_Atomic bool bulk_closed, ended;
	_Atomic uint64_t lost[EVENT_KINDS], cut[EVENT_KINDS];
	pthread_mutex_t append_lock, flush_lock;
	char ring[RING_BYTES];
};

struct recording {
	struct shared *shared;
	struct recording_encoder *encoder;
	uint64_t left; /* `whole` as this process's encoder left it */
	uint64_t max_bytes;
	int fd;
	bool reset;    /* the next record needs a RESET before it */
	struct strbuf record;
	struct recording_crc crc;
};

/* Bulk is the first to go when --max-size is near. */
static const bool is_bulk[EVENT_KINDS] = {
	[EVENT_SYSCALL] = true, [EVENT_SIGNAL] = true, [EVENT_STOPPED] = true, [EVENT_META] = true,
};

/* --- creation -------------------------------------------------------------------------------- */

/* Robust: an owner that was killed leaves its lock to the next one. */
static void lock_create(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

static void lock_take(pthread_mutex_t *lock)
{
	if (pthread_mutex_lock(lock) == EOWNERDEAD)
		pthread_mutex_consistent(lock);
}

static struct shared *shared_create(const struct recording_crc *crc)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return NULL;
	lock_create(&shared->append_lock);
	lock_create(&shared->flush_lock);
	memcpy(shared->ring, RECORDING_MAGIC, RECORDING_MAGIC_BYTES);
	shared->ring[RECORDING_MAGIC_BYTES] = RECORDING_VERSION;
	shared->checkpoints[0] = (struct checkpoint){
		.end = RECORDING_HEADER_BYTES,
		.crc = recording_crc_add(crc, 0, shared->ring, RECORDING_HEADER_BYTES)
	};
	atomic_store(&shared->whole, RECORDING_HEADER_BYTES);
	atomic_store(&shared->committed, RECORDING_HEADER_BYTES);
	return shared;
}

struct recording *recording_create(int fd, uint64_t max_bytes)
{
	struct recording *recording = memory_checked(calloc(1, sizeof(*recording)));
	if (!recording)
		return NULL;
	recording_crc_init(&recording->crc);
	recording->fd = fd;
	recording->max_bytes = max_bytes;
	recording->left = RECORDING_HEADER_BYTES;
	recording->encoder = recording_encoder_create();
	if (recording->encoder)
		recording->shared = shared_create(&recording->crc);
	if (recording->shared)
		return recording;
	recording_destroy(recording);
	errno = ENOMEM;
	return NULL;
}

void recording_destroy(struct recording *recording)
{
	if (!recording)
		return;
	if (recording->shared)
		munmap(recording->shared, sizeof(*recording->shared));
	recording_encoder_destroy(recording->encoder);
	strbuf_free(&recording->record);
	free(recording);
}

/* --- the file -------------------------------------------------------------------------------- */

static int write_chunk(int fd, const char *data, size_t len, uint64_t offset, size_t *written)
{
	if (fd < 0) {
		*written = len;
		return 0;
	}
	for (;;) {
		ssize_t got = pwrite(fd, data, len, (off_t)offset);
		if (got > 0) {
			*written = (size_t)got;
			return 0;
		}
		if (got == 0)
			return -ENOSPC;
		if (errno != EINTR)
			return -errno;
	}
}

/* Where the bytes end that may be written: those of a whole record too whose appender was killed before it said so, or is about
 * to. */
static uint64_t raise_committed(struct shared *shared)
{
	uint64_t committed = atomic_load_explicit(&shared->committed, memory_order_acquire); /* A */
	uint64_t whole = atomic_load_explicit(&shared->whole, memory_order_acquire);
	if (committed < whole && atomic_compare_exchange_strong(&shared->committed, &committed, whole))
		committed = whole;
	return committed;
}

int recording_flush_orphaned(struct recording *recording)
{
	struct shared *shared = recording->shared;
	uint64_t committed = raise_committed(shared);
	uint64_t flushed = atomic_load_explicit(&shared->flushed, memory_order_relaxed);
	while (flushed < committed && !atomic_load(&shared->error)) {
		size_t at = flushed % RING_BYTES, len = committed - flushed, written = 0;
		len = len < RING_BYTES - at ? len : RING_BYTES - at;
		len = len < WRITE_BYTES ? len : WRITE_BYTES;
		int error = write_chunk(recording->fd, shared->ring + at, len, flushed, &written);
		if (error)
			atomic_store(&shared->error, -error);
		flushed += written;
		atomic_store_explicit(&shared->flushed, flushed, memory_order_release); /* B */
	}
	return -atomic_load(&shared->error);
}

int recording_flush(struct recording *recording)
{
	lock_take(&recording->shared->flush_lock);
	int error = recording_flush_orphaned(recording);
	pthread_mutex_unlock(&recording->shared->flush_lock);
	return error;
}

uint64_t recording_pending(const struct recording *recording)
{
	const struct shared *shared = recording->shared;
	uint64_t flushed = atomic_load(&shared->flushed); /* first: it never passes committed */
	return atomic_load(&shared->committed) - flushed;
}

/* --- the ring -------------------------------------------------------------------------------- */

static const struct checkpoint *checkpoint_of(const struct shared *shared, uint64_t whole)
{
	return &shared->checkpoints[shared->checkpoints[1].end == whole];
}

static uint64_t ring_room(const struct shared *shared)
{
	uint64_t committed = atomic_load_explicit(&shared->committed, memory_order_relaxed);
	return RING_BYTES - committed +
	       atomic_load_explicit(&shared->flushed, memory_order_acquire); /* B */
}

static void ring_copy(struct shared *shared, uint64_t offset, const char *data, size_t len)
{
	size_t at = offset % RING_BYTES;
	size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;
	memcpy(shared->ring + at, data, first);
	memcpy(shared->ring, data + first, len - first);
}

/* All but the last RING_BYTES of a record that is larger, piece by piece. What is left. */
static int ring_append_giant(struct recording *recording, struct bytes *record)
{
	struct shared *shared = recording->shared;
	while (record->len > RING_BYTES) {
		int error = recording_flush(recording);
		if (error)
			return error;
		uint64_t committed = atomic_load(&shared->committed), room = ring_room(shared);
		size_t len = record->len < room ? record->len : (size_t)room;
		ring_copy(shared, committed, record->data, len);
		committed += len;
		atomic_store_explicit(&shared->committed, committed, memory_order_release); /* A */
		*record = bytes_of(record->data + len, record->len - len);
	}
	return 0;
}

/* Adds `record` at `whole` in one advance; next: the checkpoint behind it. */
static int ring_append(struct recording *recording, struct bytes record,
		       const struct checkpoint *next)
{
	struct shared *shared = recording->shared;
	int error = ring_append_giant(recording, &record);
	while (!error && ring_room(shared) < record.len)
		error = recording_flush(recording);
	if (error)
		return error;
	uint64_t whole = atomic_load(&shared->whole), committed = atomic_load(&shared->committed);
	ring_copy(shared, committed, record.data, record.len);
	shared->checkpoints[checkpoint_of(shared, whole) == &shared->checkpoints[0]] = *next;
	atomic_store_explicit(&shared->whole, next->end, memory_order_release);
	atomic_store_explicit(&shared->committed, next->end, memory_order_release); /* A */
	return 0;
}

/* Takes back the pieces of a record whose appender died, from the file too, which may hold more
 * than `flushed` says: a flusher may have died behind its pwrite. */
static void forget_pieces(struct recording *recording, uint64_t whole)
{
	struct shared *shared = recording->shared;
	lock_take(&shared->flush_lock);
	uint64_t flushed = atomic_load(&shared->flushed);
	flushed = flushed < whole ? flushed : whole;
	if (recording->fd >= 0 && ftruncate(recording->fd, (off_t)flushed) < 0)
		atomic_store(&shared->error, errno);
	atomic_store(&shared->flushed, flushed);
	atomic_store(&shared->committed, whole);
	pthread_mutex_unlock(&shared->flush_lock);
}

/* Under append_lock: repairs what an appender's death left, and notices another's records. */
static void take_over(struct recording *recording)
{
	struct shared *shared = recording->shared;
	uint64_t whole = atomic_load_explicit(&shared->whole, memory_order_acquire);
	uint64_t committed = atomic_load(&shared->committed);
	if (committed < whole)
		atomic_store(&shared->committed, whole);
	else if (committed > whole)
		forget_pieces(recording, whole);
	if (recording->left != whole)
		recording->reset = true;
}

/* --- records --------------------------------------------------------------------------------- */

static void put_check(struct strbuf *record, uint32_t crc)
{
	const char check[RECORDING_CHECK_BYTES] = {
		RECORDING_CHECK_BYTES - 1, RECORD_CHECK,
		(char)crc, (char)(crc >> 8), (char)(crc >> 16), (char)(crc >> 24)
	};
	strbuf_add(record, check, sizeof(check));
}

/* The length, and a RESET where one is due, written to the room that encode left for them. */
static struct bytes frame(struct strbuf *record, bool reset)
{
	char head[FRAME_ROOM];
	size_t len = 0;
	if (reset) {
		head[len++] = 1;
		head[len++] = RECORD_RESET;
	}
	len += varint_write(head + len, record->len - FRAME_ROOM);
	memcpy(record->data + FRAME_ROOM - len, head, len);
	return bytes_of(record->data + FRAME_ROOM - len, record->len - FRAME_ROOM + len);
}

/* The event as it will stand in the file, with the RESET and CHECK that are due; len 0: it
 * cannot be kept. The memory is recording->record's. */
static struct bytes make_record(struct recording *recording, const struct event *event,
				const struct redactor *redactor, struct checkpoint *next)
{
	struct strbuf *record = &recording->record;
	strbuf_reset(record);
	if (strbuf_reserve(record, FRAME_ROOM))
		record->len = FRAME_ROOM;
	if (recording->reset)
		recording_encoder_reset(recording->encoder);
	if (!recording_encode(recording->encoder, event, redactor, record) || record->failed)
		return bytes_of(NULL, 0);
	struct bytes framed = frame(record, recording->reset);
	next->crc = recording_crc_add(&recording->crc, next->crc, framed.data, framed.len);
	next->end += framed.len;
	if (next->end - next->checked < RECORDING_CHECK_EVERY && event->kind != EVENT_END)
		return framed;
	size_t before = record->len - framed.len;
	put_check(record, next->crc);
	*next = (struct checkpoint){ .end = next->end + RECORDING_CHECK_BYTES,
				     .checked = next->end + RECORDING_CHECK_BYTES };
	return record->failed ? bytes_of(NULL, 0)
			      : bytes_of(record->data + before, record->len - before);
}

static uint64_t limit_of(const struct recording *recording, unsigned kind)
{
	uint64_t max = recording->max_bytes;
	if (max == 0 || kind == EVENT_END)
		return UINT64_MAX;
	uint64_t tail = max / 4 < TAIL_BYTES ? max / 4 : TAIL_BYTES;
	return max - tail - (is_bulk[kind] ? max / 8 : 0);
}

enum fate { KEPT, CUT, LOST };

static enum fate append_record(struct recording *recording, const struct event *event,
			       const struct redactor *redactor)
{
	struct checkpoint next = *checkpoint_of(recording->shared, recording->shared->whole);
	struct bytes record = make_record(recording, event, redactor, &next);
	recording->reset = true; /* until the file has what the encoder now knows */
	if (!record.len)
		return LOST;
	if (next.end > limit_of(recording, event->kind))
		return CUT;
	if (ring_append(recording, record, &next))
		return LOST;
	recording->left = next.end;
	recording->reset = false;
	return KEPT;
}

/* A recording without its first event is worth nothing: rather one without the long fields. */
static enum fate append_short_start(struct recording *recording, const struct event *event,
				    const struct redactor *redactor)
{
	struct event start = *event;
	start.start.environment = start.start.command = bytes_of(NULL, 0);
	uint64_t max_bytes = recording->max_bytes;
	recording->max_bytes = 0;
	enum fate fate = append_record(recording, &start, redactor);
	recording->max_bytes = max_bytes;
	return fate;
}

static enum fate append(struct recording *recording, const struct event *event,
			const struct redactor *redactor)
{
	struct shared *shared = recording->shared;
	if (atomic_load(&shared->error) || shared->ended)
		return LOST;
	if (is_bulk[event->kind] && shared->bulk_closed)
		return CUT;
	take_over(recording);
	enum fate fate = append_record(recording, event, redactor);
	if (fate == CUT && is_bulk[event->kind])
		shared->bulk_closed = true;
	if (fate == CUT && event->kind == EVENT_START)
		append_short_start(recording, event, redactor);
	if (fate == KEPT && event->kind == EVENT_END)
		shared->ended = true;
	if (recording->record.capacity > KEPT_BYTES)
		strbuf_free(&recording->record);
	return fate;
}

void recording_append(struct recording *recording, const struct event *event,
		      const struct redactor *redactor)
{
	struct shared *shared = recording->shared;
	if (recording->fd < 0)
		return;
	if (!recording_kind_name(event->kind)) {
		atomic_fetch_add(&shared->lost[0], 1);
		return;
	}
	lock_take(&shared->append_lock);
	enum fate fate = append(recording, event, redactor);
	pthread_mutex_unlock(&shared->append_lock);
	if (fate == LOST)
		atomic_fetch_add(&shared->lost[event->kind], 1);
	if (fate == CUT)
		atomic_fetch_add(&shared->cut[event->kind], 1);
}

void recording_lose(struct recording *recording)
{
	atomic_fetch_add(&recording->shared->lost[0], 1);
}

uint64_t recording_lost(const struct recording *recording)
{
	uint64_t lost = 0;
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		lost += atomic_load(&recording->shared->lost[kind]);
	return lost;
}

size_t recording_truncated(const struct recording *recording, char *out, size_t size)
{
	size_t len = 0;
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		uint64_t cut = atomic_load(&recording->shared->cut[kind]);
		char entry[64];
		if (!cut)
			continue;
		size_t entry_len = 1 + (size_t)snprintf(entry, sizeof(entry), "%s=%llu",
							recording_kind_name(kind),
							(unsigned long long)cut);
		if (entry_len > size - len)
			break;
		memcpy(out + len, entry, entry_len);
		len += entry_len;
	}
	return len;
}
