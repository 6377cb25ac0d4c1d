/* The reading end of the ring (ptwrap/ring.h), in ptwrap's own processes.
 *
 * The other side is a program that may be hostile: everything is copied before it is looked at,
 * nothing read there is used as an index or a length unchecked, and the memfd is sealed against
 * shrinking, so that reading cannot fault. At worst a process spoils what it says of itself. Each
 * struct ringread is used by one thread at a time. */
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
			uint64_t t_ns; /* CLOCK_MONOTONIC */
			uint64_t dur_ns;
			int64_t ret;
			uint64_t args[6];
			struct bytes data;
		} syscall;
	};
};

/* What could not be read, counted since the ring was opened. */
struct ringread_counters {
	uint64_t messages; /* given to a sink */
	uint64_t skipped;  /* messages that a dead writer left half-written */
	uint64_t garbage;  /* cells or messages that no shim of ours writes */
	uint64_t dropped;  /* messages that found no room, as the writers say */
};

/* Takes over the memfd that a process offers in its hello: sizes and seals it, writes the header, maps
 * it. The caller closes memfd, which may be anything a process likes to offer. NULL and errno if it
 * is not a memory file as the shim makes it (EINVAL), or for want of memory. */
struct ringread *ringread_adopt(int memfd, uint64_t generation);

/* Maps a ring that another of ptwrap's processes has adopted, to read on where that one stopped. */
struct ringread *ringread_attach(int memfd);

/* Gives every whole message to `sink`, whose slices live until it returns. all_dead: no process that
 * has mapped the ring is left, so nothing half-written will be completed. A sink that returns
 * nonzero ends the draining; that value is returned, else 0. Takes no more than the ring holds, so
 * that a busy writer cannot keep the reader here. */
int ringread_drain(struct ringread *ring, bool all_dead,
		   int (*sink)(void *context, const struct ring_message *message), void *context);

struct ringread_counters ringread_counters(const struct ringread *ring);

/* Unmaps. NULL is allowed. */
void ringread_close(struct ringread *ring);

#endif
