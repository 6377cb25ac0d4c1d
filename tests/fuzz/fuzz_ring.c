/* A hostile writer: the input is what it put into the ring, and when. Promise: whatever stands there,
 * the reader comes back, gives no slice that leaves its own copy, and no more than the ring can hold. */
#include "ringread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sum;

/* Reads every byte, for the sanitizer to see. */
static void touch(struct bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		sum += (uint8_t)bytes.data[i];
}

static int take(void *context, const struct ring_message *message)
{
	++*(unsigned *)context;
	switch (message->kind) {
	case RING_PROCESS:
		break;
	case RING_LIBRARY:
		touch(message->library.path);
		touch(message->library.build_id);
		break;
	case RING_THREAD_NAME:
		touch(message->thread_name);
		break;
	case RING_SYSCALL:
		if (message->syscall.arg_count > 6)
			abort();
		touch(message->syscall.data);
		break;
	case RING_EXEC:
		touch(message->exec.path);
		touch(message->exec.first);
		break;
	default:
		abort();
	}
	return 0;
}

static int drain(struct ringread *ring, const struct ringread_dead *dead,
		 int (*sink)(void *context, const struct ring_message *message), void *context)
{
	int result = ringread_read(ring, dead, sink, context);
	ringread_give_back(ring);
	return result;
}

/* Whatever stands there, an answer comes back. */
static void ask(struct ringread *reader, size_t size)
{
	struct ring_flight flight;
	sum += ringread_owes(reader, (uint32_t)size % 8);
	unsigned seen = 0;
	ringread_peek(reader, (uint32_t)size % 8, take, &seen);
	if (seen > RING_LANES * RING_LANE_CELLS)
		abort();
	for (uint32_t thread = 0; thread < 3 * RING_FLIGHTS; thread += 7)
		if (ringread_flight(reader, thread, &flight) && ringread_flight_tell(reader, thread, thread % 2, 1))
			sum += flight.number;
}

struct stroke { /* four bytes of input; the bytes to be put follow */
	uint8_t lane, number, count, len;
};

/* Half of the strokes make the word fit for the cell: random words would hardly ever be looked into. */
static void put(struct ring *ring, const struct stroke *stroke, const uint8_t *data, size_t len)
{
	uint32_t number = stroke->number % RING_LANE_CELLS;
	struct ring_cell *cell = &ring->cell[stroke->lane % RING_LANES][number];
	if (stroke->lane & 0x80) {
		memcpy(&ring->flight[number % RING_FLIGHTS], data,
		       len < sizeof(ring->flight[0]) ? len : sizeof(ring->flight[0]));
		return;
	}
	if (!(stroke->len & 0x80)) {
		memcpy(cell, data, len);
		return;
	}
	memcpy(cell->body, data, len < RING_BODY_BYTES ? len : RING_BODY_BYTES);
	cell->word = ring_word(number, stroke->count & RING_COUNT_MASK,
			       stroke->count & 0x80 ? RING_CLAIMED : RING_COMMITTED, stroke->count);
}

static void scribble(struct ring *ring, const uint8_t *data, size_t size)
{
	struct stroke stroke;
	while (size >= sizeof(stroke)) {
		memcpy(&stroke, data, sizeof(stroke));
		data += sizeof(stroke);
		size -= sizeof(stroke);
		size_t len = stroke.len % (RING_CELL_BYTES + 1);
		if (len > size)
			len = size;
		put(ring, &stroke, data, len);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned messages = 0;
	int memfd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ringread *reader = ringread_adopt(memfd, 1);
	struct ring *ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (!reader || ring == MAP_FAILED)
		abort();
	static const uint32_t threads[] = { 1, 3 };
	struct ringread_dead dead = { .all = size && data[0] & 1, .threads = threads, .count = 2 };
	size_t half = size / 2;
	scribble(ring, data, half);
	ask(reader, size);
	drain(reader, &dead, take, &messages);
	scribble(ring, data + half, size - half);
	dead.all = true;
	drain(reader, &dead, take, &messages);
	ask(reader, size);
	if (messages > 2 * RING_LANES * RING_LANE_CELLS)
		abort();
	munmap(ring, RING_BYTES);
	ringread_close(reader);
	close(memfd);
	return 0;
}
