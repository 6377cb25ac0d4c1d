/* The ring: what a process image tells ptwrap of itself, without a stop.
 *
 * One memory file per process image, mapped by that image (and by what it forks, until it execs) and
 * by ptwrap. Only shim/emit.c writes messages, only shim/hook.c the calls under way; only
 * launcher/ringread.c reads, gives cells back and ends or tells flights. The reader takes nothing here for true, and uses the constants below,
 * never what stands in the header.
 *
 *   page 0      struct ring_header, written by the supervisor before the image can see it
 *   page 1      struct ring_lane for each lane
 *   page 2, 3   struct ring_flight for each slot: calls under way
 *   the rest    RING_LANES lanes of RING_LANE_CELLS cells
 *
 * A lane is an endless sequence of cells, numbered from 0 by 32 bits that wrap; number n lies in
 * slot n % RING_LANE_CELLS. A message takes 1 to RING_MESSAGE_CELLS consecutive cells: its bytes are
 * what stands in their bodies. The word of its first cell describes it whole:
 *
 *   63 62        41 40    39 38    32 31          0
 *   0  thread       state    count    cell number
 *
 * The words of its other cells are not touched. A thread picks its lane by its thread id and takes
 * the next when that is full; several threads, processes (after fork) and signal handlers may
 * write to one lane.
 *
 *   writer                                       reader
 *   ------                                       ------
 *   n = lane.hint, or tail if that is            w = load_acquire(word of cell `tail`)      (B')
 *     greater; walk on while the word of n       no claim of number `tail`: the lane is empty
 *     says n: it is taken, n += count            CLAIMED: being filled. Its writer lives: stop here;
 *   full if n + count - load_acquire(tail)         is dead: tail += count, what it said is lost
 *     > RING_LANE_CELLS                   (A')
 *   claim: CAS(word of n, what it was            COMMITTED: copy the bodies, look at the word again,
 *     -> n, count, CLAIMED, thread)                tail += count
 *   lane.hint = n + count                        store_release(lane.tail, tail)             (A)
 *   fill the bodies
 *   store_release(word, same but COMMITTED) (B)
 *
 *   A  -> A'  cells the reader gives back have been copied before a writer fills them again
 *   B  -> B'  a message seen as committed is seen whole
 *   The hint's release and acquire order nothing else: a stale hint costs a longer walk.
 *
 * Races. SIGKILL between any two instructions: before the claim nothing has happened; after it, the
 * claim itself says how many cells to skip, and whose they were. There is no moment at which cells
 * are taken and nobody knows by whom. Two writers at once: one CAS fails, that one walks on. A
 * handler that interrupts a writer between claim and commit writes the next message; the reader
 * waits before the first. A writer that slept between reading the old word and its CAS: the cell
 * was either not claimed meanwhile, or its word changed and the CAS fails, since no number comes
 * again before 2^32 others. */
#ifndef PTWRAP_RING_H
#define PTWRAP_RING_H

#include <stdint.h>

#define RING_MAGIC 0x676e697277747031ULL /* "1ptwring" */
#define RING_PAGE 4096

enum {
	RING_VERSION = 2,
	RING_LANES = 8,
	RING_LANE_CELLS = 512, /* a power of two */
	RING_FLIGHTS = 64,     /* a power of two */
	RING_BYTES = 4 * RING_PAGE + RING_LANES * RING_LANE_CELLS * 64,
	RING_CELL_BYTES = 64,
	RING_BODY_BYTES = 56,
	RING_MESSAGE_CELLS = 80, /* a path of PATH_MAX and what goes with it */
	RING_MESSAGE_BYTES = RING_MESSAGE_CELLS * RING_BODY_BYTES,
};

struct ring_header {
	uint64_t magic;
	uint32_t version, bytes;
	uint32_t lanes, lane_cells;
	uint64_t generation; /* the supervisor's number for this process image */
};

struct ring_lane {
	uint32_t hint;    /* writers: a cell that is the next to be claimed, or was once */
	uint32_t dropped; /* writers: messages that found no room in any lane (counted in their own) */
	uint8_t writers[56];
	uint32_t tail;    /* reader: the first cell it has not read yet */
	uint8_t reader[60];
};

struct ring_cell {
	uint64_t word;
	uint8_t body[RING_BODY_BYTES];
};

/* A call that a thread is in, for when it never comes back: killed in it, or it was exit or execve.
 * A thread has the slot that ring_flight_slot(its id) names, unless another thread is in it: then the
 * call is made in the kernel's view. A handler that runs during a call and makes one itself puts
 * the outer call's slot back when it is done. `state` is written last on the way in. The slot stays a
 * thread's after its calls; another one that has the same may take it while no call is under way. */
struct ring_flight {
	uint32_t thread; /* 0: nobody's yet */
	uint32_t state;  /* enum ring_flight_state; the supervisor changes INSIDE to TOLD or TOLD_WHOLE, at a stop */
	uint32_t number;
	uint32_t reserved;
	uint64_t t_ticks; /* at its entry; by the supervisor: when it was interrupted last */
	uint64_t args[6];
	uint64_t unused[7];
};

enum ring_flight_state {
	RING_FLIGHT_NONE,
	RING_FLIGHT_INSIDE,    /* in the call, or about to be */
	RING_FLIGHT_TOLD,      /* a signal interrupted it, and the supervisor has recorded that: an EINTR is not told again */
	RING_FLIGHT_TOLD_WHOLE, /* the same, and restart_syscall goes on with it: its end is not told at all */
	RING_FLIGHT_RECORDING, /* back from it, writing the message */
};

static inline uint32_t ring_flight_slot(uint32_t thread)
{
	return thread % RING_FLIGHTS;
}

struct ring {
	struct ring_header header;
	uint8_t constants[RING_PAGE - sizeof(struct ring_header)];
	struct ring_lane lane[RING_LANES];
	uint8_t cursors[RING_PAGE - RING_LANES * sizeof(struct ring_lane)];
	struct ring_flight flight[RING_FLIGHTS];
	struct ring_cell cell[RING_LANES][RING_LANE_CELLS];
};

_Static_assert(sizeof(struct ring_cell) == RING_CELL_BYTES, "cells are one cache line");
_Static_assert(sizeof(struct ring_flight) * RING_FLIGHTS == 2 * RING_PAGE, "flights are two pages");
_Static_assert(sizeof(struct ring_lane) == 128, "writers and reader have a cache line each");
_Static_assert(sizeof(struct ring) == RING_BYTES, "the size that the hello announces");
_Static_assert((RING_LANE_CELLS & (RING_LANE_CELLS - 1)) == 0, "cell numbers wrap");
_Static_assert(RING_MESSAGE_CELLS <= RING_LANE_CELLS && RING_MESSAGE_CELLS < 128, "count has 7 bits");

enum ring_state { RING_FREE, RING_CLAIMED, RING_COMMITTED };

#define RING_COUNT_SHIFT 32
#define RING_STATE_SHIFT 39
#define RING_THREAD_SHIFT 41
#define RING_COUNT_MASK 0x7fU
#define RING_STATE_MASK 0x3U
#define RING_THREAD_MASK 0x3fffffU /* PID_MAX_LIMIT is 2^22 */

static inline uint64_t ring_word(uint32_t number, uint32_t count, enum ring_state state, uint32_t thread)
{
	return number | (uint64_t)(count & RING_COUNT_MASK) << RING_COUNT_SHIFT |
	       (uint64_t)state << RING_STATE_SHIFT |
	       (uint64_t)(thread & RING_THREAD_MASK) << RING_THREAD_SHIFT;
}

static inline uint32_t ring_word_number(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint32_t ring_word_count(uint64_t word)
{
	return (uint32_t)(word >> RING_COUNT_SHIFT) & RING_COUNT_MASK;
}

static inline enum ring_state ring_word_state(uint64_t word)
{
	return (enum ring_state)((word >> RING_STATE_SHIFT) & RING_STATE_MASK);
}

static inline uint32_t ring_word_thread(uint64_t word)
{
	return (uint32_t)(word >> RING_THREAD_SHIFT) & RING_THREAD_MASK;
}

/* The ordering verbs. Every access to a word, hint, tail or dropped goes through one of them. */
#define ring_load_relaxed(place) __atomic_load_n((place), __ATOMIC_RELAXED)
#define ring_load_acquire(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define ring_store_release(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
#define ring_claim(place, expected, value)                                                         \
	__atomic_compare_exchange_n((place), (expected), (value), 0, __ATOMIC_ACQUIRE,             \
				    __ATOMIC_RELAXED)
#define ring_count(place) ((void)__atomic_fetch_add((place), 1, __ATOMIC_RELAXED))

/* Messages: a struct that begins with its kind, then the bytes it announces, without padding.
 * Lengths are those of what stands here; RING_CUT: the process's own was longer. */
enum ring_kind { RING_PROCESS = 1, RING_LIBRARY, RING_THREAD_NAME, RING_SYSCALL, RING_EXEC };
enum ring_flag {
	RING_CUT = 1,
	RING_OTHERWISE = 2, /* a call that the shim made in another way, to the same result (shim/loading.c) */
};

/* Once, the first: who speaks, as it sees itself (a pid namespace may number it otherwise). */
struct ring_process {
	uint8_t kind, flags;
	uint16_t reserved;
	uint32_t pid, tid;
};

/* An object that the dynamic loader mapped at start, in its order; without a path the program
 * itself. Followed by build id, path. */
struct ring_library {
	uint8_t kind, flags;
	uint8_t build_id_len, reserved;
	uint32_t path_len;
};

/* Of the thread in the message's word. */
struct ring_thread_name {
	uint8_t kind, flags;
	uint8_t len, reserved;
	uint8_t name[16];
};

/* A call that is over, of the thread in the message's word. Followed by arg_count - 3 further
 * arguments where there are more than three, then data_len bytes that argument data_arg led to (a
 * path), or with data_arg RING_DATA_RETURN what it made: for socket its inode, 8 bytes; for pipe and
 * socketpair a struct ring_pair; for recvmsg and recvmmsg the descriptors that came, an int32_t each.
 * One cell for most calls.
 * Ticks are the time stamp counter's (rdtsc). */
struct ring_syscall {
	uint8_t kind, flags;
	uint16_t number;
	uint8_t arg_count, data_arg;
	uint16_t data_len;
	uint64_t t_ticks; /* at its entry */
	uint64_t dur_ticks;
	int64_t ret;
	uint64_t args[3];
};

enum {
	RING_DATA_RETURN = 6,
	RING_DATA_NONE = 7, /* no argument was looked at, or it led nowhere */
	RING_RECEIVED_MAX = 64,
};

struct ring_pair {
	int32_t fds[2];
	uint64_t inodes[2]; /* 0: not known */
};

/* An execve or execveat is about to be made by the thread in the message's word; if it fails a
 * RING_SYSCALL follows. Followed by path (as passed), argv[0]. */
struct ring_exec {
	uint8_t kind, flags;
	uint16_t number;
	uint32_t argc;      /* strings in argv */
	uint16_t path_len, first_len;
	uint32_t reserved;
	uint64_t t_ticks;
	uint64_t args[4];   /* of the call, the first four */
};

_Static_assert(sizeof(struct ring_syscall) == RING_BODY_BYTES, "a call without a path is one cell");
_Static_assert(sizeof(struct ring_exec) == RING_BODY_BYTES, "the bytes begin with the second cell");

#endif
