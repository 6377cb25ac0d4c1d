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

/* Copies the parts into the bodies, cell by cell. */
static void fill_cells(const struct claim *claim, const struct emit_message *message)
{
	uint32_t offset = 0;
	for (int i = 0; i < EMIT_PARTS; i++) {
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

static bool emit_into(struct ring *ring, uint32_t lane, const struct emit_message *message, uint32_t count)
{
	struct claim claim = { .cells = ring->cell[lane], .count = count, .thread = message->thread };
	if (!claim_cells(&ring->lane[lane], &claim))
		return false;
	fill_cells(&claim, message);
	ring_store_release(&cell_of(&claim, 0)->word,
			   ring_word(claim.number, count, RING_COMMITTED, claim.thread));
	return true;
}

bool emit(struct ring *ring, const struct emit_message *message)
{
	size_t len = message_len(message);
	if (len == 0 || len > RING_MESSAGE_BYTES)
		return false;
	uint32_t count = (uint32_t)(len + RING_BODY_BYTES - 1) / RING_BODY_BYTES;
	for (uint32_t i = 0; i < RING_LANES; i++)
		if (emit_into(ring, (message->thread + i) % RING_LANES, message, count))
			return true;
	return false;
}

void emit_or_count(struct ring *ring, const struct emit_message *message)
{
	if (!emit(ring, message))
		ring_count(&ring->lane[message->thread % RING_LANES].dropped);
}
