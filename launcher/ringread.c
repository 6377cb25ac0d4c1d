/* Reads rings. Owns the mapping and its own notion of how far it has read; what the ring says of that
 * is only published for the writers. Must never trust a byte: the protocol is drawn in ptwrap/ring.h. */
#include "ringread.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* 6.3: on every memfd where vm.memfd_noexec says so */
#endif

enum {
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
	SYSCALL_ARGS = 6,
	FIRST_ARGS = 3,
	THREAD_BITS = 22,
	MUCH_CELLS = 64,
};

struct ringread {
	struct ring *ring;
	uint32_t tail[RING_LANES];
	uint32_t given[RING_LANES]; /* tails as the writers have them */
	struct ringread_counters counters;
	volatile sig_atomic_t cut_short; /* the file was, and the mapping replaced */
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

static int check_size(int fd)
{
	struct stat status;
	if (fstat(fd, &status))
		return -errno;
	return S_ISREG(status.st_mode) && status.st_size == RING_BYTES ? 0 : -EINVAL;
}

static int seal(int memfd)
{
	int error = check_memfd(memfd);
	if (error)
		return error;
	if (ftruncate(memfd, RING_BYTES) || fcntl(memfd, F_ADD_SEALS, SEALS))
		return -errno;
	int seals = fcntl(memfd, F_GET_SEALS);
	return (seals & ~F_SEAL_EXEC) == SEALS ? check_size(memfd) : -EINVAL;
}

static struct ringread *map(int fd)
{
	struct ringread *reader = memory_checked(calloc(1, sizeof(*reader)));
	if (!reader)
		return NULL;
	reader->ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (reader->ring != MAP_FAILED)
		return reader;
	int error = errno;
	free(reader);
	errno = error;
	return NULL;
}

static void write_header(struct ringread *reader, uint64_t generation)
{
	struct ring_header *header = &reader->ring->header;
	header->version = RING_VERSION;
	header->bytes = RING_BYTES;
	header->lanes = RING_LANES;
	header->lane_cells = RING_LANE_CELLS;
	header->generation = generation;
	ring_store_release(&header->magic, RING_MAGIC);
}

struct ringread *ringread_adopt(int memfd, uint64_t generation)
{
	int error = seal(memfd);
	struct ringread *reader = error ? NULL : map(memfd);
	if (!reader) {
		errno = error ? -error : errno;
		return NULL;
	}
	/* The process that offered it may have filled it before. */
	memset(reader->ring, 0, sizeof(*reader->ring));
	write_header(reader, generation);
	return reader;
}

struct ringread *ringread_make(int fd)
{
	int error = check_size(fd);
	struct ringread *reader = error ? NULL : map(fd);
	if (!reader) {
		errno = error ? -error : errno;
		return NULL;
	}
	write_header(reader, 0);
	return reader;
}

void ringread_set_generation(struct ringread *ring, uint64_t generation)
{
	ring->ring->header.generation = generation;
}

uint64_t ringread_generation(const struct ringread *ring)
{
	return ring->ring->header.generation;
}

struct ringread *ringread_attach(int fd)
{
	int error = check_size(fd);
	struct ringread *reader = error ? NULL : map(fd);
	if (!reader) {
		errno = error ? -error : errno;
		return NULL;
	}
	for (int i = 0; i < RING_LANES; i++)
		reader->tail[i] = reader->given[i] = ring_load_acquire(&reader->ring->lane[i].tail);
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

/* Without a NUL, which no string of a program's holds. */
static bool take_text(struct ringread *reader, struct bytes *out, size_t len)
{
	return take_bytes(reader, out, len) && !memchr(out->data, '\0', len);
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
	       take_text(reader, &message->library.path, library.path_len);
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

static bool take_data(struct ringread *reader, const struct ring_syscall *call, struct bytes *out)
{
	if (call->data_len && call->data_arg == RING_DATA_RETURN)
		return call->data_len % sizeof(int32_t) == 0 &&
		       call->data_len <= RING_RECEIVED_MAX * sizeof(int32_t) && take_bytes(reader, out, call->data_len);
	return (!call->data_len || call->data_arg < call->arg_count) && take_text(reader, out, call->data_len);
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
	    !take_data(reader, &call, &message->syscall.data))
		return false;
	message->syscall.number = call.number;
	message->syscall.arg_count = call.arg_count;
	message->syscall.data_arg = call.data_arg;
	message->syscall.t_ticks = call.t_ticks;
	message->syscall.dur_ticks = call.dur_ticks;
	message->syscall.ret = call.ret;
	return true;
}

static bool decode_exec(struct ringread *reader, struct ring_message *message)
{
	struct ring_exec exec;
	if (!take(reader, &exec, sizeof(exec)) ||
	    !take_text(reader, &message->exec.path, exec.path_len) ||
	    !take_text(reader, &message->exec.first, exec.first_len))
		return false;
	message->exec.number = exec.number;
	message->exec.argc = exec.argc;
	message->exec.t_ticks = exec.t_ticks;
	memcpy(message->exec.args, exec.args, sizeof(exec.args));
	return true;
}

static bool (*const decoders[])(struct ringread *, struct ring_message *) = {
	[RING_PROCESS] = decode_process,
	[RING_LIBRARY] = decode_library,
	[RING_THREAD_NAME] = decode_thread_name,
	[RING_SYSCALL] = decode_syscall,
	[RING_EXEC] = decode_exec,
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
	message->otherwise = flags & RING_OTHERWISE;
	return decoders[kind](reader, message) && reader->len - reader->at < RING_BODY_BYTES;
}

/* What the word of the cell at a lane's tail comes to. */
enum finding { NOTHING, HALF_WRITTEN, WHOLE, NONSENSE };

static enum finding examine(uint64_t word, uint32_t tail)
{
	if (ring_word_state(word) == RING_FREE || ring_word_number(word) != tail)
		return NOTHING;
	uint32_t count = ring_word_count(word);
	if (count == 0 || count > RING_MESSAGE_CELLS || word >> (RING_THREAD_SHIFT + THREAD_BITS))
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
static bool copy_message(struct ringread *reader, int lane, uint32_t number, uint64_t word)
{
	uint32_t count = ring_word_count(word);
	for (uint32_t i = 0; i < count; i++)
		memcpy(reader->message + i * RING_BODY_BYTES, cell_at(reader, lane, number + i)->body,
		       RING_BODY_BYTES);
	reader->len = (size_t)count * RING_BODY_BYTES;
	return ring_load_acquire(&cell_at(reader, lane, number)->word) == word;
}

static void give_back_lane(struct ringread *reader, int lane)
{
	reader->given[lane] = reader->tail[lane];
	ring_store_release(&reader->ring->lane[lane].tail, reader->tail[lane]);
}

static int deliver(struct ringread *reader, int lane, uint64_t word,
		   int (*sink)(void *context, const struct ring_message *message), void *context)
{
	struct ring_message message;
	bool whole = copy_message(reader, lane, reader->tail[lane], word) &&
		     decode(reader, ring_word_thread(word), &message);
	reader->tail[lane] += ring_word_count(word);
	if (!whole) {
		reader->counters.garbage++;
		return 0;
	}
	reader->counters.messages++;
	return sink(context, &message);
}

static bool is_abandoned(const struct ringread_dead *dead, uint64_t word)
{
	for (size_t i = 0; dead && i < dead->count; i++)
		if (dead->threads[i] == ring_word_thread(word))
			return true;
	return dead && dead->all;
}

static int drain_lane(struct ringread *reader, int lane, const struct ringread_dead *dead,
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
			if (!is_abandoned(dead, word))
				return 0;
			reader->counters.skipped++;
			reader->tail[lane] += ring_word_count(word);
			break;
		case NONSENSE:
			reader->counters.garbage++;
			reader->tail[lane]++;
			break;
		case WHOLE:
			result = deliver(reader, lane, word, sink, context);
			break;
		}
		if (reader->tail[lane] - reader->given[lane] >= MUCH_CELLS)
			give_back_lane(reader, lane);
	}
	return result;
}

/* Has somebody written where only the reader does? Lanes then look empty that were not. */
static bool is_defaced(const struct ringread *reader)
{
	const struct ring_header *header = &reader->ring->header;
	bool defaced = ring_load_relaxed(&header->magic) != RING_MAGIC;
	for (int lane = 0; lane < RING_LANES; lane++)
		defaced |= ring_load_relaxed(&reader->ring->lane[lane].tail) != reader->given[lane];
	return defaced;
}

/* The thread's own: the ring that it reads, for the handler. */
static _Thread_local struct ringread *volatile under_guard;

/* mmap(2) is a bare system call here, and the thread stands in a copy from the ring, so nothing is held
 * that it could need. Read again, the page is there and empty. */
static void on_bus(int number, siginfo_t *info, void *context)
{
	(void)context;
	struct ringread *reader = under_guard;
	if (info->si_code <= 0)
		return; /* somebody sent it */
	if (!reader || (uintptr_t)info->si_addr - (uintptr_t)reader->ring >= RING_BYTES) {
		signal(number, SIG_DFL);
		return;
	}
	struct ring *empty = mmap(reader->ring, RING_BYTES, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (empty != MAP_FAILED)
		reader->ring = empty; /* where it was */
	else
		signal(number, SIG_DFL);
	reader->cut_short = 1;
}

/* Nothing that the ring holds is read outside of the two. */
static struct ringread *enter_guard(const struct ringread *reader)
{
	struct ringread *outer = under_guard;
	under_guard = (struct ringread *)(uintptr_t)reader;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return outer;
}

static void leave_guard(struct ringread *outer)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	under_guard = outer;
}

void ringread_guard(void)
{
	struct sigaction handler = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	sigemptyset(&handler.sa_mask);
	sigaction(SIGBUS, &handler, NULL);
}

int ringread_read(struct ringread *ring, const struct ringread_dead *dead,
		   int (*sink)(void *context, const struct ring_message *message), void *context)
{
	int result = 0;
	struct ringread *outer = enter_guard(ring);
	if (is_defaced(ring))
		ring->counters.garbage++;
	for (int lane = 0; result == 0 && lane < RING_LANES; lane++)
		result = drain_lane(ring, lane, dead, sink, context);
	leave_guard(outer);
	if (ring->cut_short)
		ring->counters.garbage++;
	ring->cut_short = 0;
	return result;
}

void ringread_give_back(struct ringread *ring)
{
	struct ringread *outer = enter_guard(ring);
	for (int lane = 0; lane < RING_LANES; lane++) {
		if (ring->given[lane] != ring->tail[lane])
			give_back_lane(ring, lane);
	}
	leave_guard(outer);
}

/* Walks over what is taken of a lane, by the counts in its words, as far as the writers have it. */
static void peek_lane(struct ringread *reader, int lane, uint32_t thread,
		      int (*sink)(void *context, const struct ring_message *message), void *context)
{
	struct ring_message message;
	uint32_t start = reader->tail[lane];
	for (uint32_t number = start; number - start < RING_LANE_CELLS;) {
		uint64_t word = ring_load_acquire(&cell_at(reader, lane, number)->word);
		enum finding finding = examine(word, number);
		if (finding == NOTHING)
			return;
		if (finding == WHOLE && ring_word_thread(word) == thread &&
		    copy_message(reader, lane, number, word) && decode(reader, thread, &message))
			sink(context, &message);
		number += finding == NONSENSE ? 1 : ring_word_count(word);
	}
}

void ringread_peek(struct ringread *ring, uint32_t thread,
		   int (*sink)(void *context, const struct ring_message *message), void *context)
{
	struct ringread *outer = enter_guard(ring);
	for (int lane = 0; lane < RING_LANES; lane++)
		peek_lane(ring, lane, thread, sink, context);
	leave_guard(outer);
}

/* The same walk. */
static bool lane_owes(const struct ringread *reader, int lane, uint32_t thread)
{
	uint32_t start = reader->tail[lane];
	for (uint32_t number = start; number - start < RING_LANE_CELLS;) {
		uint64_t word = ring_load_relaxed(&cell_at(reader, lane, number)->word);
		enum finding finding = examine(word, number);
		if (finding == NOTHING)
			return false;
		if (finding == HALF_WRITTEN && ring_word_thread(word) == thread)
			return true;
		number += finding == NONSENSE ? 1 : ring_word_count(word);
	}
	return false;
}

bool ringread_owes(const struct ringread *ring, uint32_t thread)
{
	bool owes = false;
	struct ringread *outer = enter_guard(ring);
	for (int lane = 0; !owes && lane < RING_LANES; lane++)
		owes = lane_owes(ring, lane, thread);
	leave_guard(outer);
	return owes;
}

bool ringread_flight(const struct ringread *ring, uint32_t thread, struct ring_flight *flight)
{
	const struct ring_flight *slot = &ring->ring->flight[ring_flight_slot(thread)];
	struct ringread *outer = enter_guard(ring);
	flight->state = ring_load_acquire(&slot->state);
	flight->thread = ring_load_relaxed(&slot->thread);
	flight->number = ring_load_relaxed(&slot->number);
	flight->t_ticks = ring_load_relaxed(&slot->t_ticks);
	for (int i = 0; i < SYSCALL_ARGS; i++)
		flight->args[i] = ring_load_relaxed(&slot->args[i]);
	leave_guard(outer);
	return thread != 0 && flight->thread == thread && flight->state > RING_FLIGHT_NONE &&
	       flight->state <= RING_FLIGHT_RECORDING;
}

void ringread_flight_end(struct ringread *ring, uint32_t thread)
{
	struct ring_flight *slot = &ring->ring->flight[ring_flight_slot(thread)];
	struct ringread *outer = enter_guard(ring);
	if (ring_load_relaxed(&slot->thread) == thread)
		ring_store_release(&slot->state, RING_FLIGHT_NONE);
	leave_guard(outer);
}

bool ringread_flight_tell(struct ringread *ring, uint32_t thread, bool whole, uint64_t now_ticks)
{
	struct ring_flight flight, *slot = &ring->ring->flight[ring_flight_slot(thread)];
	if (!ringread_flight(ring, thread, &flight) ||
	    (flight.state != RING_FLIGHT_INSIDE && flight.state != RING_FLIGHT_TOLD))
		return false;
	struct ringread *outer = enter_guard(ring);
	bool told = ring_claim(&slot->state, &flight.state, whole ? RING_FLIGHT_TOLD_WHOLE : RING_FLIGHT_TOLD);
	if (told)
		ring_store_release(&slot->t_ticks, now_ticks);
	leave_guard(outer);
	return told;
}

struct ringread_counters ringread_counters(const struct ringread *ring)
{
	struct ringread_counters counters = ring->counters;
	struct ringread *outer = enter_guard(ring);
	for (int lane = 0; lane < RING_LANES; lane++)
		counters.dropped += ring_load_relaxed(&ring->ring->lane[lane].dropped);
	leave_guard(outer);
	return counters;
}
