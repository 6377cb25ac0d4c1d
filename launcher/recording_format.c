/* The recording's layout tables, and the context that writer and reader keep in step. Owns no
 * file and no lock; whatever is decided here must be decided alike on both sides, so nothing
 * may depend on more than the bytes of the file. See recording_format.h. */
#include "recording_format.h"

#include <stdlib.h>

const uint8_t recording_attach_coding[ATTACH_KINDS] = {
	[ATTACH_PATH] = CODING_TEXT,    [ATTACH_ABS] = CODING_TEXT,
	[ATTACH_TARGET] = CODING_TEXT,  [ATTACH_FD] = CODING_TEXT,
	[ATTACH_DATA] = CODING_BLOB,    [ATTACH_DATA_OUT] = CODING_BLOB,
	[ATTACH_STRINGS] = CODING_VECTOR, [ATTACH_ELEMENT] = CODING_BLOB,
	[ATTACH_NAME] = CODING_BLOB,    [ATTACH_IOVECS] = CODING_BLOB,
	[ATTACH_CONTROL] = CODING_BLOB,
};

#define FIELD(field_type, field_detail, member) \
	{ .type = (field_type), .detail = (field_detail), .offset = offsetof(struct event, member) }
#define TEXT(member) FIELD(FIELD_TEXT, 0, member)
#define VECTOR(column, member) FIELD(FIELD_VECTOR, column, member)
#define U8(greatest, member) FIELD(FIELD_U8, greatest, member)
#define U32(member) FIELD(FIELD_U32, 0, member)
#define I32(member) FIELD(FIELD_I32, 0, member)
#define U64(member) FIELD(FIELD_U64, 0, member)

_Static_assert(sizeof(bool) == 1, "FIELD_U8 stores a bool");

static const struct recording_field no_fields[] = { { FIELD_NONE, 0, 0 } };

static const struct recording_field start_fields[] = {
	TEXT(start.version), TEXT(start.level), TEXT(start.trace),
	VECTOR(VECTOR_ARGV, start.command), TEXT(start.cwd),
	VECTOR(VECTOR_ENVIRONMENT, start.environment),
	TEXT(start.host_name), TEXT(start.kernel), TEXT(start.arch), U64(start.realtime_ns),
	U32(start.cpus), U32(start.uid), U8(1, start.ptw_asked), U8(1, start.no_shim),
	{ FIELD_NONE, 0, 0 }
};

static const struct recording_field fork_fields[] = {
	U32(fork.parent), I32(fork.ppid), U8(FORK_CLONE, fork.fork_kind), { FIELD_NONE, 0, 0 }
};

static const struct recording_field thread_exit_fields[] = {
	I32(thread_status), { FIELD_NONE, 0, 0 }
};

static const struct recording_field exec_fields[] = {
	TEXT(exec.path), TEXT(exec.exe), VECTOR(VECTOR_ARGV, exec.argv), TEXT(exec.cwd),
	TEXT(exec.interpreter), TEXT(exec.loader), VECTOR(VECTOR_ENVIRONMENT, exec.environment),
	VECTOR(VECTOR_FDS, exec.fds), TEXT(exec.root), U32(exec.uid), U32(exec.gid),
	U32(exec.flags), U8(1, exec.argv_truncated), { FIELD_NONE, 0, 0 }
};

static const struct recording_field exit_fields[] = {
	I32(exit.status), U8(1, exit.has_usage), U64(exit.user_ns), U64(exit.system_ns),
	U64(exit.max_rss_bytes), U64(exit.minor_faults), U64(exit.major_faults),
	U64(exit.voluntary_switches), U64(exit.involuntary_switches), { FIELD_NONE, 0, 0 }
};

static const struct recording_field signal_fields[] = {
	I32(signal.number), I32(signal.code), U32(signal.from), I32(signal.from_pid),
	U64(signal.address), U8(1, signal.fatal), { FIELD_LATER, 0, 0 },
	U8(1, signal.has_details), U32(signal.from_uid), I32(signal.child_status),
	U64(signal.child_user_ticks), U64(signal.child_system_ticks), U64(signal.value),
	{ FIELD_NONE, 0, 0 }
};

static const struct recording_field stopped_fields[] = {
	I32(signal.number), I32(signal.code), U32(signal.from), I32(signal.from_pid),
	U64(signal.address), U8(1, signal.fatal), { FIELD_NONE, 0, 0 }
};

static const struct recording_field meta_fields[] = {
	U8(META_THREAD_NAME, meta.meta_kind), TEXT(meta.text), TEXT(meta.build_id),
	{ FIELD_NONE, 0, 0 }
};

static const struct recording_field note_fields[] = {
	TEXT(note.note_kind), TEXT(note.text), { FIELD_NONE, 0, 0 }
};

static const struct recording_field end_fields[] = {
	I32(end.status), U64(end.lost_records), VECTOR(VECTOR_OTHER, end.truncated),
	{ FIELD_NONE, 0, 0 }
};

static const struct recording_field policy_fields[] = {
	VECTOR(VECTOR_OTHER, policy.rules), U8(1, policy.dry_run), { FIELD_NONE, 0, 0 }
};

static const struct recording_field violation_fields[] = {
	TEXT(violation.rule), TEXT(violation.subject), TEXT(violation.comm),
	U8(VIOLATION_KILL, violation.action), U8(ABI_UNKNOWN, violation.abi), U8(1, violation.dry_run),
	U32(violation.number), I32(violation.error), { FIELD_NONE, 0, 0 }
};

static const struct {
	const char *name;
	const struct recording_field *fields;
} kinds[EVENT_KINDS] = {
	[EVENT_START] = { "start", start_fields },
	[EVENT_FORK] = { "fork", fork_fields },
	[EVENT_THREAD] = { "thread", no_fields },
	[EVENT_THREAD_EXIT] = { "thread-exit", thread_exit_fields },
	[EVENT_EXEC] = { "exec", exec_fields },
	[EVENT_EXIT] = { "exit", exit_fields },
	[EVENT_SYSCALL] = { "syscall", NULL },
	[EVENT_SIGNAL] = { "signal", signal_fields },
	[EVENT_STOPPED] = { "stopped", stopped_fields },
	[EVENT_META] = { "meta", meta_fields },
	[EVENT_NOTE] = { "note", note_fields },
	[EVENT_END] = { "end", end_fields },
	[EVENT_POLICY] = { "policy", policy_fields },
	[EVENT_VIOLATION] = { "violation", violation_fields },
};

const struct recording_field *recording_fields(unsigned kind)
{
	return kind < EVENT_KINDS ? kinds[kind].fields : NULL;
}

const char *recording_kind_name(unsigned kind)
{
	return kind < EVENT_KINDS ? kinds[kind].name : NULL;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ (hash >> 29);
}

uint32_t recording_hash(struct bytes bytes)
{
	uint64_t hash = bytes.len, word;
	for (; bytes.len >= sizeof(word); bytes.data += sizeof(word), bytes.len -= sizeof(word)) {
		memcpy(&word, bytes.data, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	if (bytes.len)
		memcpy(&word, bytes.data, bytes.len);
	hash = mix(hash, word);
	return (uint32_t)(hash >> 32);
}

/* Whether the oldest has lost its slot, or some of its bytes, to what is being added. */
static bool cache_is_overfull(const struct recording_cache *cache)
{
	uint32_t count = cache->next - cache->oldest;
	uint64_t oldest_at = cache->entries[cache->oldest & (cache->slots - 1)].at;
	return count == cache->slots || (count && oldest_at + cache->arena_bytes < cache->end);
}

void recording_cache_add(struct recording_cache *cache, struct bytes bytes, uint32_t hash)
{
	uint32_t room = cache->arena_bytes - (uint32_t)(cache->end & (cache->arena_bytes - 1));
	uint64_t at = cache->end + (bytes.len <= room ? 0 : room);
	cache->end = at + bytes.len;
	while (cache_is_overfull(cache))
		cache->oldest++;
	memcpy(cache->arena + (at & (cache->arena_bytes - 1)), bytes.data, bytes.len);
	uint32_t *head = &cache->heads[hash & (cache->slots - 1)];
	cache->entries[cache->next & (cache->slots - 1)] = (struct recording_cache_entry){
		.at = at, .len = (uint32_t)bytes.len, .hash = hash, .older = *head
	};
	*head = cache->next++;
}

int64_t recording_cache_find(const struct recording_cache *cache, struct bytes bytes, uint32_t hash)
{
	uint32_t sequence = cache->heads[hash & (cache->slots - 1)];
	while (recording_cache_live(cache, sequence)) {
		const struct recording_cache_entry *entry =
			&cache->entries[sequence & (cache->slots - 1)];
		if (entry->hash == hash && bytes_equal(recording_cache_get(cache, sequence), bytes))
			return cache->next - 1 - sequence;
		if (cache->next - entry->older <= cache->next - sequence)
			break; /* a head of before the numbers wrapped: chains only lead back */
		sequence = entry->older;
	}
	return -1;
}

static bool cache_create(struct recording_cache *cache, uint32_t slots, uint32_t arena_bytes)
{
	cache->slots = slots;
	cache->arena_bytes = arena_bytes;
	cache->entries = calloc(slots, sizeof(*cache->entries));
	cache->heads = calloc(slots, sizeof(*cache->heads));
	cache->arena = calloc(1, arena_bytes);
	return cache->entries && cache->heads && cache->arena;
}

static void cache_destroy(struct recording_cache *cache)
{
	free(cache->entries);
	free(cache->heads);
	free(cache->arena);
}

struct recording_context *recording_context_create(void)
{
	struct recording_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	bool made = cache_create(&context->texts, CONTEXT_TEXTS, CONTEXT_TEXT_BYTES);
	made = cache_create(&context->vectors, CONTEXT_VECTORS, CONTEXT_VECTOR_BYTES) && made;
	made = cache_create(&context->shapes, CONTEXT_SHAPES, CONTEXT_SHAPE_BYTES) && made;
	if (made)
		return context;
	recording_context_destroy(context);
	return NULL;
}

/* The caches' numbers go on: what a forgotten one names is not live. Positions in the arenas
 * start again, for the other side may be a reader or writer that has not seen what was before. */
static void cache_reset(struct recording_cache *cache)
{
	cache->oldest = cache->next;
	cache->end = 0;
}

void recording_context_reset(struct recording_context *context)
{
	cache_reset(&context->texts);
	cache_reset(&context->vectors);
	cache_reset(&context->shapes);
	for (unsigned i = 0; i < TEXT_COLUMNS; i++)
		context->last_text[i] = context->texts.next;
	for (unsigned i = 0; i < VECTOR_COLUMNS; i++)
		context->last_vector[i] = context->vectors.next;
	context->t_ns = 0;
	context->task_count = 0;
	memset(context->tasks, 0, sizeof(context->tasks));
	memset(context->args, 0, sizeof(context->args));
	memset(context->bases, 0, sizeof(context->bases));
}

void recording_context_destroy(struct recording_context *context)
{
	if (!context)
		return;
	cache_destroy(&context->texts);
	cache_destroy(&context->vectors);
	cache_destroy(&context->shapes);
	free(context);
}

static struct bytes cache_get_if_live(const struct recording_cache *cache, uint32_t sequence)
{
	if (!recording_cache_live(cache, sequence))
		return bytes_of(NULL, 0);
	return recording_cache_get(cache, sequence);
}

struct bytes recording_context_last_text(const struct recording_context *context, unsigned column)
{
	return cache_get_if_live(&context->texts, context->last_text[column]);
}

struct bytes recording_context_last_vector(const struct recording_context *context, unsigned column)
{
	return cache_get_if_live(&context->vectors, context->last_vector[column]);
}

/* Keys are never 0, which marks a slot that holds nothing. */
static uint64_t args_key(uint32_t process, unsigned abi, uint32_t number)
{
	return mix((uint64_t)process << 32 | number, abi) | 1;
}

static struct recording_args *args_slot(struct recording_context *context, uint64_t key)
{
	return &context->args[(key >> 32) & (CONTEXT_ARGS - 1)];
}

/* The last of all process ids stands for "any". */
#define ANY_PROCESS UINT32_MAX

const uint64_t *recording_context_args(struct recording_context *context, uint32_t process,
				       unsigned abi, uint32_t number)
{
	uint64_t key = args_key(process, abi, number);
	struct recording_args *slot = args_slot(context, key);
	if (slot->key != key)
		slot = args_slot(context, args_key(ANY_PROCESS, abi, number));
	return slot->value;
}

void recording_context_args_learn(struct recording_context *context, uint32_t process, unsigned abi,
				  uint32_t number, const uint64_t *args)
{
	uint64_t keys[] = { args_key(ANY_PROCESS, abi, number),
			    args_key(process, abi, number) };
	for (unsigned i = 0; i < 2; i++) {
		struct recording_args *slot = args_slot(context, keys[i]);
		slot->key = keys[i];
		memcpy(slot->value, args, sizeof(slot->value));
	}
}

static uint64_t base_key(struct bytes text, unsigned arg, size_t len)
{
	return mix((uint64_t)recording_hash(text) << 32 | len, arg) | 1;
}

static const struct recording_base *base_slot(const struct recording_context *context, uint64_t key)
{
	return &context->bases[(key >> 32) & (CONTEXT_BASES - 1)];
}

const char *recording_context_base(const struct recording_context *context, struct bytes text,
				   unsigned arg, size_t len)
{
	if (len > RECORDING_BASE_MAX)
		return NULL;
	uint64_t keys[] = { base_key(text, arg, len), base_key(bytes_of(NULL, 0), arg, len) };
	for (unsigned i = 0; i < 2; i++) {
		const struct recording_base *slot = base_slot(context, keys[i]);
		if (slot->key == keys[i])
			return slot->bytes;
	}
	return NULL;
}

static void base_store(struct recording_context *context, uint64_t key, struct bytes blob)
{
	struct recording_base *slot = &context->bases[(key >> 32) & (CONTEXT_BASES - 1)];
	slot->key = key;
	memcpy(slot->bytes, blob.data, blob.len);
	memset(slot->bytes + blob.len, 0, sizeof(slot->bytes) - blob.len);
}

void recording_context_base_learn(struct recording_context *context, struct bytes text, unsigned arg,
				  struct bytes blob)
{
	if (blob.len > RECORDING_BASE_MAX)
		return;
	base_store(context, base_key(bytes_of(NULL, 0), arg, blob.len), blob);
	base_store(context, base_key(text, arg, blob.len), blob);
}

void recording_crc_init(struct recording_crc *crc)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t sum = byte;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78u /* Castagnoli, reversed */ : 0);
		crc->table[0][byte] = sum;
	}
	for (int row = 1; row < 8; row++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t sum = crc->table[row - 1][byte];
			crc->table[row][byte] = sum >> 8 ^ crc->table[0][sum & 0xff];
		}
}

uint32_t recording_crc_add(const struct recording_crc *crc, uint32_t sum, const void *data, size_t len)
{
	const unsigned char *at = data;
	sum = ~sum;
	for (; len >= 8; at += 8, len -= 8) {
		uint32_t low = sum ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 |
				      (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
		sum = crc->table[7][low & 0xff] ^ crc->table[6][low >> 8 & 0xff] ^
		      crc->table[5][low >> 16 & 0xff] ^ crc->table[4][low >> 24] ^
		      crc->table[3][at[4]] ^ crc->table[2][at[5]] ^
		      crc->table[1][at[6]] ^ crc->table[0][at[7]];
	}
	for (; len; at++, len--)
		sum = sum >> 8 ^ crc->table[0][(sum ^ *at) & 0xff];
	return ~sum;
}
