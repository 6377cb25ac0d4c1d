/* The writing end of the ring. Protocol and races are drawn in ptwrap/ring.h. Must never wait for
 * anybody: a lane that others keep changing is full, so far as this writer is concerned. */
#include "emit.h"

#include "memory.h"

struct claim {
	struct ring_cell *cells; /* of its lane */
	uint32_t number, count, thread;
};

static struct ring_cell *cell_of(const struct claim *claim, uint32_t offset)
{
	return &claim->cells[(claim->number + offset) % RING_LANE_CELLS];
}

static bool is_taken(uint64_t word, uint32_t number)
{
	return ring_word_state(word) != RING_FREE && ring_word_number(word) == number;
}

static bool claim_cell(const struct claim *claim, uint64_t word)
{
	return ring_claim(&cell_of(claim, 0)->word, &word,
			  ring_word(claim->number, claim->count, RING_CLAIMED, claim->thread));
}

/* Walks from the hint to the first cell that nobody took, and takes it with those behind it. A hint
 * that a slow writer left may lie behind the tail: what is taken there, or not, means nothing. */
static bool claim_cells(struct ring_lane *lane, struct claim *claim)
{
	claim->number = ring_load_acquire(&lane->hint);
	for (int steps = 0; steps < 2 * RING_LANE_CELLS; steps++) {
		uint64_t word = ring_load_relaxed(&cell_of(claim, 0)->word);
		uint32_t tail = ring_load_acquire(&lane->tail);
		if ((int32_t)(tail - claim->number) > 0) {
			claim->number = tail;
		} else if (is_taken(word, claim->number)) {
			claim->number += ring_word_count(word);
		} else if (claim->number + claim->count - tail > RING_LANE_CELLS) {
			return false;
		} else if (claim_cell(claim, word)) {
			ring_store_release(&lane->hint, claim->number + claim->count);
			return true;
		}
	}
	return false;
}

/* The first part of a call's message is a body, no more. */
static void fill_body(struct ring_cell *cell, const void *data)
{
	typedef uint64_t __attribute__((may_alias)) word;
	const word *from = data;
	word *to = (word *)cell->body;
	for (size_t i = 0; i < RING_BODY_BYTES / sizeof(word); i++)
		to[i] = from[i];
}

/* Copies the parts into the bodies, cell by cell. */
static void fill_cells(const struct claim *claim, const struct emit_message *message)
{
	uint32_t offset = 0;
	int first = message->part[0].len == RING_BODY_BYTES;
	if (first) {
		fill_body(cell_of(claim, 0), message->part[0].data);
		offset = RING_BODY_BYTES;
	}
	for (int i = first; i < EMIT_PARTS; i++) {
		const uint8_t *data = message->part[i].data;
		size_t left = message->part[i].len;
		while (left > 0) {
			uint32_t at = offset % RING_BODY_BYTES;
			size_t len = RING_BODY_BYTES - at < left ? RING_BODY_BYTES - at : left;
			memcpy(cell_of(claim, offset / RING_BODY_BYTES)->body + at, data, len);
			data += len;
			left -= len;
			offset += (uint32_t)len;
		}
	}
}

static size_t message_len(const struct emit_message *message)
{
	size_t len = 0;
	for (int i = 0; i < EMIT_PARTS; i++)
		len += message->part[i].len;
	return len;
}

/* Has the claim led over a half of its lane, with a half of it unread? */
static bool passes_half(const struct ring_lane *lane, const struct claim *claim)
{
	uint32_t half = RING_LANE_CELLS / 2, end = claim->number + claim->count;
	return end / half != claim->number / half && end - ring_load_relaxed(&lane->tail) >= half;
}

static bool emit_into(struct ring *ring, uint32_t lane, const struct emit_message *message, uint32_t count,
		      bool *half)
{
	struct claim claim = { .cells = ring->cell[lane], .count = count, .thread = message->thread };
	if (!claim_cells(&ring->lane[lane], &claim))
		return false;
	fill_cells(&claim, message);
	*half = passes_half(&ring->lane[lane], &claim);
	ring_store_release(&cell_of(&claim, 0)->word,
			   ring_word(claim.number, count, RING_COMMITTED, claim.thread));
	return true;
}

bool emit_telling(struct ring *ring, const struct emit_message *message, bool *half)
{
	size_t len = message_len(message);
	if (len == 0 || len > RING_MESSAGE_BYTES)
		return false;
	uint32_t count = (uint32_t)(len + RING_BODY_BYTES - 1) / RING_BODY_BYTES;
	for (uint32_t i = 0; i < RING_LANES; i++)
		if (emit_into(ring, (message->thread + i) % RING_LANES, message, count, half))
			return true;
	return false;
}

bool emit(struct ring *ring, const struct emit_message *message)
{
	bool half;
	return emit_telling(ring, message, &half);
}

void emit_or_count(struct ring *ring, const struct emit_message *message)
{
	if (!emit(ring, message))
		ring_count(&ring->lane[message->thread % RING_LANES].dropped);
}
