/* Reads rings. Owns the mapping and its own notion of how far it has read; what the ring says of that
 * is only published for the writers. Must never trust a byte: the protocol is drawn in ptwrap/ring.h. */
#include "ringread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* 6.3: on every memfd where vm.memfd_noexec says so */
#endif

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, SYSCALL_ARGS = 6, FIRST_ARGS = 3 };

struct ringread {
	struct ring *ring;
	uint32_t tail[RING_LANES];
	struct ringread_counters counters;
	/* A copy of the message that is looked at, and where in it one is. */
	uint8_t message[RING_MESSAGE_BYTES];
	size_t len, at;
};

/* Only a memory file without seals of its own can be made one that nobody shrinks under our feet. */
static int check_memfd(int memfd)
{
	struct stat status;
	struct statfs system;
	if (fstat(memfd, &status) || fstatfs(memfd, &system))
		return -errno;
	int seals = fcntl(memfd, F_GET_SEALS);
	if (!S_ISREG(status.st_mode) || system.f_type != TMPFS_MAGIC || seals < 0)
		return -EINVAL;
	return 0;
}

static int check_sealed(int memfd)
{
	struct stat status;
	int error = check_memfd(memfd);
	if (error)
		return error;
	if (fstat(memfd, &status))
		return -errno;
	int seals = fcntl(memfd, F_GET_SEALS);
	return (seals & ~F_SEAL_EXEC) == SEALS && status.st_size == RING_BYTES ? 0 : -EINVAL;
}

static int seal(int memfd)
{
	int error = check_memfd(memfd);
	if (error)
		return error;
	if (ftruncate(memfd, RING_BYTES) || fcntl(memfd, F_ADD_SEALS, SEALS))
		return -errno;
	return check_sealed(memfd);
}

static struct ringread *map(int memfd)
{
	struct ringread *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (reader->ring != MAP_FAILED)
		return reader;
	int error = errno;
	free(reader);
	errno = error;
	return NULL;
}

struct ringread *ringread_adopt(int memfd, uint64_t generation)
{
	int error = seal(memfd);
	if (error) {
		errno = -error;
		return NULL;
	}
	struct ringread *reader = map(memfd);
	if (!reader)
		return NULL;
	/* The process that offered it may have filled it before. */
	memset(reader->ring, 0, sizeof(*reader->ring));
	struct ring_header *header = &reader->ring->header;
	header->version = RING_VERSION;
	header->bytes = RING_BYTES;
	header->lanes = RING_LANES;
	header->lane_cells = RING_LANE_CELLS;
	header->generation = generation;
	ring_store_release(&header->magic, RING_MAGIC);
	return reader;
}

struct ringread *ringread_attach(int memfd)
{
	int error = check_sealed(memfd);
	if (error) {
		errno = -error;
		return NULL;
	}
	struct ringread *reader = map(memfd);
	for (int i = 0; reader && i < RING_LANES; i++)
		reader->tail[i] = ring_load_acquire(&reader->ring->lane[i].tail);
	return reader;
}

void ringread_close(struct ringread *ring)
{
	if (!ring)
		return;
	munmap(ring->ring, RING_BYTES);
	free(ring);
}

/* Taking the copy apart. False: the message is not what its kind says. */

static bool take(struct ringread *reader, void *out, size_t len)
{
	if (len > reader->len - reader->at)
		return false;
	memcpy(out, reader->message + reader->at, len);
	reader->at += len;
	return true;
}

static bool take_bytes(struct ringread *reader, struct bytes *out, size_t len)
{
	if (len > reader->len - reader->at)
		return false;
	*out = bytes_of((const char *)reader->message + reader->at, len);
	reader->at += len;
	return true;
}

static bool decode_process(struct ringread *reader, struct ring_message *message)
{
	struct ring_process process;
	if (!take(reader, &process, sizeof(process)))
		return false;
	message->process.pid = process.pid;
	message->process.tid = process.tid;
	return true;
}

static bool decode_library(struct ringread *reader, struct ring_message *message)
{
	struct ring_library library;
	return take(reader, &library, sizeof(library)) &&
	       take_bytes(reader, &message->library.build_id, library.build_id_len) &&
	       take_bytes(reader, &message->library.path, library.path_len) &&
	       !memchr(message->library.path.data, '\0', message->library.path.len);
}

static bool decode_thread_name(struct ringread *reader, struct ring_message *message)
{
	struct ring_thread_name name;
	size_t start = reader->at + offsetof(struct ring_thread_name, name);
	if (!take(reader, &name, sizeof(name)) || name.len > sizeof(name.name))
		return false;
	message->thread_name = bytes_of((const char *)reader->message + start, name.len);
	return true;
}

static bool decode_syscall(struct ringread *reader, struct ring_message *message)
{
	struct ring_syscall call;
	if (!take(reader, &call, sizeof(call)) || call.arg_count > SYSCALL_ARGS)
		return false;
	size_t more = call.arg_count > FIRST_ARGS ? call.arg_count - FIRST_ARGS : 0;
	memset(message->syscall.args, 0, sizeof(message->syscall.args));
	memcpy(message->syscall.args, call.args, sizeof(call.args));
	if (!take(reader, message->syscall.args + FIRST_ARGS, more * sizeof(uint64_t)) ||
	    !take_bytes(reader, &message->syscall.data, call.data_len) ||
	    (call.data_len && call.data_arg >= call.arg_count))
		return false;
	message->syscall.number = call.number;
	message->syscall.arg_count = call.arg_count;
	message->syscall.data_arg = call.data_arg;
	message->syscall.t_ns = call.t_ns;
	message->syscall.dur_ns = call.dur_ns;
	message->syscall.ret = call.ret;
	return true;
}

static bool (*const decoders[])(struct ringread *, struct ring_message *) = {
	[RING_PROCESS] = decode_process,
	[RING_LIBRARY] = decode_library,
	[RING_THREAD_NAME] = decode_thread_name,
	[RING_SYSCALL] = decode_syscall,
};

static bool decode(struct ringread *reader, uint32_t thread, struct ring_message *message)
{
	uint8_t kind = reader->message[0], flags = reader->message[1];
	reader->at = 0;
	if (kind >= sizeof(decoders) / sizeof(decoders[0]) || !decoders[kind])
		return false;
	message->kind = (enum ring_kind)kind;
	message->thread = thread;
	message->cut = flags & RING_CUT;
	return decoders[kind](reader, message) && reader->len - reader->at < RING_BODY_BYTES;
}

/* What the word of the cell at a lane's tail comes to. */
enum finding { NOTHING, HALF_WRITTEN, WHOLE, NONSENSE };

static enum finding examine(uint64_t word, uint32_t tail)
{
	if (ring_word_state(word) == RING_FREE || ring_word_number(word) != tail)
		return NOTHING;
	uint32_t count = ring_word_count(word);
	if (count == 0 || count > RING_MESSAGE_CELLS || word >> (RING_THREAD_SHIFT + 22))
		return NONSENSE;
	switch (ring_word_state(word)) {
	case RING_CLAIMED:
		return HALF_WRITTEN;
	case RING_COMMITTED:
		return WHOLE;
	default:
		return NONSENSE;
	}
}

static struct ring_cell *cell_at(const struct ringread *reader, int lane, uint32_t number)
{
	return &reader->ring->cell[lane][number % RING_LANE_CELLS];
}

/* False: the word changed meanwhile, which no shim does. */
static bool copy_message(struct ringread *reader, int lane, uint64_t word)
{
	uint32_t count = ring_word_count(word), tail = reader->tail[lane];
	for (uint32_t i = 0; i < count; i++)
		memcpy(reader->message + i * RING_BODY_BYTES, cell_at(reader, lane, tail + i)->body,
		       RING_BODY_BYTES);
	reader->len = (size_t)count * RING_BODY_BYTES;
	return ring_load_acquire(&cell_at(reader, lane, tail)->word) == word;
}

static void give_back(struct ringread *reader, int lane, uint32_t count)
{
	reader->tail[lane] += count;
	ring_store_release(&reader->ring->lane[lane].tail, reader->tail[lane]);
}

static int deliver(struct ringread *reader, int lane, uint64_t word,
		   int (*sink)(void *context, const struct ring_message *message), void *context)
{
	struct ring_message message;
	bool whole = copy_message(reader, lane, word) && decode(reader, ring_word_thread(word), &message);
	give_back(reader, lane, ring_word_count(word));
	if (!whole) {
		reader->counters.garbage++;
		return 0;
	}
	reader->counters.messages++;
	return sink(context, &message);
}

static int drain_lane(struct ringread *reader, int lane, bool all_dead,
		      int (*sink)(void *context, const struct ring_message *message), void *context)
{
	uint32_t start = reader->tail[lane];
	int result = 0;
	while (result == 0 && reader->tail[lane] - start < RING_LANE_CELLS) {
		uint64_t word = ring_load_acquire(&cell_at(reader, lane, reader->tail[lane])->word);
		switch (examine(word, reader->tail[lane])) {
		case NOTHING:
			return 0;
		case HALF_WRITTEN:
			if (!all_dead)
				return 0;
			reader->counters.skipped++;
			give_back(reader, lane, ring_word_count(word));
			break;
		case NONSENSE:
			reader->counters.garbage++;
			give_back(reader, lane, 1);
			break;
		case WHOLE:
			result = deliver(reader, lane, word, sink, context);
			break;
		}
	}
	return result;
}

/* Has somebody written where only the reader does? Lanes then look empty that were not. */
static bool is_defaced(const struct ringread *reader)
{
	const struct ring_header *header = &reader->ring->header;
	bool defaced = ring_load_relaxed(&header->magic) != RING_MAGIC;
	for (int lane = 0; lane < RING_LANES; lane++)
		defaced |= ring_load_relaxed(&reader->ring->lane[lane].tail) != reader->tail[lane];
	return defaced;
}

int ringread_drain(struct ringread *ring, bool all_dead,
		   int (*sink)(void *context, const struct ring_message *message), void *context)
{
	int result = 0;
	if (is_defaced(ring))
		ring->counters.garbage++;
	for (int lane = 0; result == 0 && lane < RING_LANES; lane++)
		result = drain_lane(ring, lane, all_dead, sink, context);
	return result;
}

struct ringread_counters ringread_counters(const struct ringread *ring)
{
	struct ringread_counters counters = ring->counters;
	for (int lane = 0; lane < RING_LANES; lane++)
		counters.dropped += ring_load_relaxed(&ring->ring->lane[lane].dropped);
	return counters;
}
