/* What the writer and the reader of a recording agree on: layout, record kinds, limits, and the
 * context that both keep in step while a recording is written or read.
 *
 * A file is a header of RECORDING_HEADER_BYTES (magic, version, zeros), then records:
 *
 *   record  := length:varint  kind:byte  payload        length counts kind and payload
 *   kind    := enum event_kind | RECORD_CHECK | RECORD_RESET
 *   CHECK   := CRC-32C, 4 bytes little-endian, of all bytes since the CHECK before it (or the
 *              beginning of the file) up to this record's length
 *   RESET   := nothing: both sides forget their context (a second writer took over)
 *   event   := time:delta  task  fields as recording_fields lists them; of a system call:
 *              shape  result:zigzag  duration:varint  arguments  [root:text]  attachments
 *
 *   varint  := 7 bits a byte, lowest first, the top bit set in all but the last; canonical
 *   zigzag  := varint of a signed number n as 2n or -2n-1;  delta := zigzag of the difference
 *              from what the context holds
 *   task    := index:varint into the recent tasks + 1, or 0 and the deltas of process, pid, tid
 *   shape   := abi, number, flags and the attachments' kinds: a vocabulary of its own (below)
 *   args    := mask:varint of the arguments that differ from the call's last ones, their deltas
 *   text    := TEXT_* (below);  vector := VECTOR_*;  blob := BLOB_*
 *
 * Texts, string vectors and shapes are interned: what was written once is named by how many
 * definitions ago that was. Both sides forget the oldest in the same order, so memory is fixed.
 * A recording ends with EVENT_END and a CHECK. */
#ifndef PTWRAP_RECORDING_FORMAT_H
#define PTWRAP_RECORDING_FORMAT_H

#include "event.h"
#include "strbuf.h"

#include <stdint.h>

struct redactor;

#define RECORDING_MAGIC "\211PTWREC\n"

enum {
	RECORDING_MAGIC_BYTES = 8,
	/* The byte behind the magic; 1 had neither POLICY nor VIOLATION, 2 no details of signals. */
	RECORDING_VERSION = 3,
	RECORDING_HEADER_BYTES = 16,
	RECORDING_CHECK_EVERY = 64 << 10, /* bytes */
	RECORDING_CHECK_BYTES = 6,        /* a CHECK record, its length included */
	RECORDING_RECORD_MAX = 64 << 20,  /* a record's length field */
	RECORDING_EVENT_MAX = 32 << 20,   /* texts, vectors and blobs of an event to be written */
	RECORDING_DECODED_MAX = 128 << 20, /* the same of one read: masking may add to it */
	RECORDING_TEXT_MAX = 4096,        /* longer ones are not interned */
	RECORDING_VECTOR_MAX = 64 << 10,
	RECORDING_BLOB_MAX = 1024,        /* longer ones are stored as they are */
	RECORDING_BASE_MAX = 256,         /* a blob that later ones may be a delta against */
	RECORDING_ARGS = 6,
};

enum record_kind { RECORD_CHECK = 0x40, RECORD_RESET };

/* A text's first varint. */
enum {
	TEXT_EMPTY,
	TEXT_SAME,     /* as the text before it in this event */
	TEXT_DEFINE,   /* prefix:varint of the column's last text, suffix:varint of the text before
			* it in this event, length:varint and bytes between them; interned */
	TEXT_LITERAL,  /* length:varint, bytes; not interned */
	TEXT_REFERENCE /* + how many definitions ago */
};

/* A string vector's first varint. */
enum {
	VECTOR_EMPTY,
	VECTOR_DEFINE,   /* prefix:varint and suffix:varint of the column's last vector, and
			  * count:varint (2n, or 2n+1 if the last has no NUL) of n texts between */
	VECTOR_REFERENCE /* + how many definitions ago */
};

/* A blob is a varint, 2 * length + form, and: */
enum {
	BLOB_RAW,  /* the bytes */
	BLOB_WORDS /* little-endian 8-byte words (the last one padded with zeros), in groups of
		    * eight: a mask byte of those that differ from the base blob, their deltas */
};

enum { SHAPE_DEFINE, /* length:varint, bytes */ SHAPE_REFERENCE /* + how many ago */ };

/* Which earlier text or vector a new one probably resembles. */
enum text_column { TEXT_OF_ATTACH, TEXT_OF_VECTOR = ATTACH_KINDS, TEXT_OF_FIELD, TEXT_COLUMNS };
enum vector_column {
	VECTOR_ARGV, VECTOR_ENVIRONMENT, VECTOR_FDS, VECTOR_OTHER,
	VECTOR_OF_ATTACH, /* + its argument */
	VECTOR_COLUMNS = VECTOR_OF_ATTACH + ATTACH_RETURN + 1
};

/* How an attachment of each kind is coded. */
enum attach_coding { CODING_TEXT, CODING_VECTOR, CODING_BLOB };
extern const uint8_t recording_attach_coding[ATTACH_KINDS];

/* A shape: abi, flags, count, number (4 bytes little-endian), and 4 bytes an attachment. */
enum { SHAPE_HEAD_BYTES = 7, SHAPE_ATTACH_BYTES = 4,
       SHAPE_BYTES_MAX = SHAPE_HEAD_BYTES + ATTACH_MAX * SHAPE_ATTACH_BYTES };

enum field_type {
	FIELD_NONE, FIELD_TEXT, FIELD_VECTOR, FIELD_U8, FIELD_U32, FIELD_I32, FIELD_U64,
	FIELD_LATER, /* a record of an older version may end here: the fields behind it, all of them numbers, are then zero */
};

struct recording_field {
	uint8_t type;    /* enum field_type; FIELD_NONE ends a list */
	uint8_t detail;  /* FIELD_VECTOR: enum vector_column; FIELD_U8: the greatest value */
	uint16_t offset; /* in struct event */
};

/* The fields, behind time and task, of an event that is not EVENT_SYSCALL, in file order; NULL
 * for what is no such kind. */
const struct recording_field *recording_fields(unsigned kind);

/* "syscall" for EVENT_SYSCALL; NULL for what is no event kind. */
const char *recording_kind_name(unsigned kind);

/* --- interning ------------------------------------------------------------------------------
 * A cache keeps the newest definitions whose bytes fit an arena, first in first out. Sequence
 * numbers wrap; one is live while its entry has not been overwritten. */
struct recording_cache_entry {
	uint64_t at; /* position in the endless arena, modulo arena_bytes */
	uint32_t len, hash, older;
};

struct recording_cache {
	uint32_t slots, arena_bytes; /* powers of two */
	uint32_t oldest, next;       /* sequence numbers; equal: empty */
	uint64_t end;
	struct recording_cache_entry *entries;
	uint32_t *heads; /* by hash: the newest with it; only the writer looks up */
	char *arena;
};

uint32_t recording_hash(struct bytes bytes);

/* Interns `bytes` (1 .. arena_bytes / 2) as cache->next. hash: recording_hash of them, or 0 where
 * recording_cache_find is never used. */
void recording_cache_add(struct recording_cache *cache, struct bytes bytes, uint32_t hash);

/* How many definitions ago `bytes` was interned; -1: it is not live. */
int64_t recording_cache_find(const struct recording_cache *cache, struct bytes bytes, uint32_t hash);

static inline bool recording_cache_live(const struct recording_cache *cache, uint32_t sequence)
{
	return sequence - cache->oldest < cache->next - cache->oldest;
}

/* Bytes of a live sequence number; valid until the next recording_cache_add. */
static inline struct bytes recording_cache_get(const struct recording_cache *cache, uint32_t sequence)
{
	const struct recording_cache_entry *entry = &cache->entries[sequence & (cache->slots - 1)];
	return bytes_of(cache->arena + (entry->at & (cache->arena_bytes - 1)), entry->len);
}

/* --- context: what both sides know at the same place of the file ----------------------------- */
struct recording_task {
	uint32_t process;
	int32_t pid, tid;
};

struct recording_args {
	uint64_t key;
	uint64_t value[RECORDING_ARGS];
};

struct recording_base {
	uint64_t key;
	char bytes[RECORDING_BASE_MAX];
};

enum {
	CONTEXT_TASKS = 32, CONTEXT_ARGS = 2048, CONTEXT_BASES = 1024,
	CONTEXT_TEXTS = 16384, CONTEXT_TEXT_BYTES = 4 << 20,
	CONTEXT_VECTORS = 256, CONTEXT_VECTOR_BYTES = 2 << 20,
	CONTEXT_SHAPES = 256, CONTEXT_SHAPE_BYTES = 32 << 10,
};

struct recording_context {
	uint64_t t_ns;
	uint32_t task_count; /* tasks ever defined; the newest CONTEXT_TASKS are kept */
	struct recording_task tasks[CONTEXT_TASKS];
	struct recording_cache texts, vectors, shapes;
	uint32_t last_text[TEXT_COLUMNS], last_vector[VECTOR_COLUMNS]; /* sequence numbers */
	struct recording_args args[CONTEXT_ARGS];
	struct recording_base bases[CONTEXT_BASES];
};

/* NULL: no memory. */
struct recording_context *recording_context_create(void);
void recording_context_reset(struct recording_context *context);
void recording_context_destroy(struct recording_context *context);

/* The column's last text or vector; empty when it is not live any more. */
struct bytes recording_context_last_text(const struct recording_context *context, unsigned column);
struct bytes recording_context_last_vector(const struct recording_context *context, unsigned column);

/* The last arguments of that call in that process, or in any. Both are overwritten by _learn. */
const uint64_t *recording_context_args(struct recording_context *context, uint32_t process,
				       unsigned abi, uint32_t number);
void recording_context_args_learn(struct recording_context *context, uint32_t process, unsigned abi,
				  uint32_t number, const uint64_t *args);

/* What a blob of `len` bytes in argument `arg` of an event whose last text is `text` is a delta
 * against: the last such one of that text, or of any; RECORDING_BASE_MAX bytes, or NULL: zeros. */
const char *recording_context_base(const struct recording_context *context, struct bytes text,
				   unsigned arg, size_t len);
void recording_context_base_learn(struct recording_context *context, struct bytes text, unsigned arg,
				  struct bytes blob);

/* --- check sum ------------------------------------------------------------------------------- */
struct recording_crc {
	uint32_t table[8][256];
};

void recording_crc_init(struct recording_crc *crc);

/* CRC-32C of what `sum` is of, and then `len` bytes more; of nothing: 0. */
uint32_t recording_crc_add(const struct recording_crc *crc, uint32_t sum, const void *data, size_t len);

/* --- numbers --------------------------------------------------------------------------------- */
enum { VARINT_MAX_BYTES = 10 };

static inline uint64_t zigzag_encode(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t zigzag_decode(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Bytes written to out, at most VARINT_MAX_BYTES. */
static inline size_t varint_write(char *out, uint64_t value)
{
	size_t len = 0;
	while (value >= 0x80) {
		out[len++] = (char)(value | 0x80);
		value >>= 7;
	}
	out[len++] = (char)value;
	return len;
}

/* --- encoder and decoder: one event to payload and back -------------------------------------- */
struct recording_encoder;

struct recording_encoder *recording_encoder_create(void);
void recording_encoder_destroy(struct recording_encoder *encoder);
void recording_encoder_reset(struct recording_encoder *encoder);

/* Adds kind and payload to `out`. False: no memory, an event too large to keep, or one that no
 * reader would take; the encoder must then be reset, and a RESET written. */
bool recording_encode(struct recording_encoder *encoder, const struct event *event,
		      const struct redactor *redactor, struct strbuf *out);

struct recording_decoder;

struct recording_decoder *recording_decoder_create(void);
void recording_decoder_destroy(struct recording_decoder *decoder);
void recording_decoder_reset(struct recording_decoder *decoder);

/* Decodes kind and payload of an event record. Slices point into `record` or the decoder, until
 * its next use. 0, -EBADMSG: no encoder makes that, -ENOMEM. */
int recording_decode(struct recording_decoder *decoder, struct bytes record, struct event *event);

#endif
