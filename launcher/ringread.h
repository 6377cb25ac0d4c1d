/* The reading end of the ring (ptwrap/ring.h), in ptwrap's own processes.
 *
 * The other side is a program that may be hostile: everything is copied before it is looked at, and
 * nothing read there is used as an index or a length unchecked. A memfd is sealed against shrinking; a
 * file that was made by name cannot be, so ringread_guard catches the fault of reading one that somebody
 * has cut short. At worst a process spoils what it says of itself. Each struct ringread is used by one
 * thread at a time. */
#ifndef PTWRAP_RINGREAD_H
#define PTWRAP_RINGREAD_H

#include "bytes.h"

#include "ptwrap/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct ringread;

struct ring_message {
	enum ring_kind kind;
	uint32_t thread; /* as the writer numbers itself */
	bool cut;        /* the bytes below are not all there were */
	bool otherwise;  /* RING_OTHERWISE */
	union {
		struct {
			uint32_t pid, tid; /* as the process sees itself */
		} process;
		struct {
			struct bytes path; /* as the loader has it; len 0: the program itself */
			struct bytes build_id;
		} library;
		struct bytes thread_name;
		struct {
			uint32_t number;
			uint8_t arg_count, data_arg;
			uint64_t t_ticks, dur_ticks; /* as the writer says, which may be anything */
			int64_t ret;
			uint64_t args[6];
			struct bytes data; /* data_arg RING_DATA_RETURN: what ring.h says */
		} syscall;
		struct {
			uint32_t number, argc;
			uint64_t t_ticks;
			uint64_t args[4];
			struct bytes path, first; /* as passed, and argv[0] */
		} exec;
	};
};

/* What could not be read, counted since the ring was opened. */
struct ringread_counters {
	uint64_t messages; /* given to a sink */
	uint64_t skipped;  /* messages that a writer left half-written for ever */
	uint64_t garbage;  /* cells or messages that no shim of ours writes */
	uint64_t dropped;  /* messages that found no room, as the writers say */
};

/* Takes over the memfd that a process offers in its hello: sizes and seals it, writes the header, maps
 * it. The caller closes memfd, which may be anything a process likes to offer. NULL and errno if it
 * is not a memory file as the shim makes it (EINVAL), or for want of memory. */
struct ringread *ringread_adopt(int memfd, uint64_t generation);

/* The same with a file of RING_BYTES that the caller has made and nobody else has mapped yet. */
struct ringread *ringread_make(int fd);
void ringread_set_generation(struct ringread *ring, uint64_t generation);

/* Maps a ring that another of ptwrap's processes has made or adopted, to read on where that one
 * stopped. NULL and errno if it is not one by its kind and size. */
struct ringread *ringread_attach(int fd);

/* The number that ptwrap gave this process image; what a process has made of it is no matter of trust. */
uint64_t ringread_generation(const struct ringread *ring);

/* Once in a process, before the first ring that is a file by name is read: a SIGBUS of reading one makes
 * it an empty ring, and counts as garbage. The signal must not be blocked in threads that read. */
void ringread_guard(void);

/* Whose half-written messages will never be completed. */
struct ringread_dead {
	bool all;                /* no process that has mapped the ring is left */
	const uint32_t *threads; /* these have ended, or cannot be writing now */
	size_t count;
};

/* Gives every whole message to `sink`, whose slices live until it returns. A half-written one holds up its lane,
 * unless it is one of those that `dead` (may be NULL) names. A sink that returns nonzero ends the reading; that
 * value is returned, else 0. Takes no more than the ring holds, so that a busy writer cannot keep the reader here.
 * Until the room is given back, whoever attaches to the ring finds these messages again. A lane of which much was
 * read is given back at once, for its writers may wait. */
int ringread_read(struct ringread *ring, const struct ringread_dead *dead,
		  int (*sink)(void *context, const struct ring_message *message), void *context);
void ringread_give_back(struct ringread *ring);

/* Gives a look at what a thread has written and nobody has read yet; it is all still there afterwards. */
void ringread_peek(struct ringread *ring, uint32_t thread,
		   int (*sink)(void *context, const struct ring_message *message), void *context);

/* Has that thread claimed cells that it has not committed? */
bool ringread_owes(const struct ringread *ring, uint32_t thread);

/* The call that the thread is in, as its slot says; false: it is in none that was told. The thread
 * has stopped or is dead. */
bool ringread_flight(const struct ringread *ring, uint32_t thread, struct ring_flight *flight);

/* The thread is dead: its slot is free for another. */
void ringread_flight_end(struct ringread *ring, uint32_t thread);

/* Marks it as told of (RING_FLIGHT_TOLD) until now_ticks; false: it is not inside one. The thread has stopped. */
bool ringread_flight_tell(struct ringread *ring, uint32_t thread, bool whole, uint64_t now_ticks);

struct ringread_counters ringread_counters(const struct ringread *ring);

/* Unmaps. NULL is allowed. */
void ringread_close(struct ringread *ring);

#endif
