/* The payload of a record to one event. Owns the reader's context and the memory that texts are
 * put together in. Trusts nothing: whatever no encoder makes ends in -EBADMSG, and memory grows
 * only with bytes that were really produced, up to RECORDING_DECODED_MAX. Layout:
 * recording_format.h. */
#include "recording_format.h"

#include <errno.h>
#include <stdlib.h>

enum { SLICES_MAX = ATTACH_MAX + 16, SCRATCH_KEPT = 1 << 20 /* bytes, from event to event */ };

/* A slice whose bytes lie in scratch, which may still move. */
struct slice {
	struct bytes *bytes;
	size_t offset;
};

struct recording_decoder {
	struct recording_context *context;
	const char *at, *end;      /* of the payload not yet read */
	int error;                 /* the first one of this event; then nothing more is read */
	size_t previous, previous_len; /* the text before, in scratch */
	unsigned slice_count;
	struct slice slices[SLICES_MAX];
	struct strbuf scratch;
};

struct recording_decoder *recording_decoder_create(void)
{
	struct recording_decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return NULL;
	decoder->context = recording_context_create();
	if (decoder->context)
		return decoder;
	free(decoder);
	return NULL;
}

void recording_decoder_destroy(struct recording_decoder *decoder)
{
	if (!decoder)
		return;
	recording_context_destroy(decoder->context);
	strbuf_free(&decoder->scratch);
	free(decoder);
}

void recording_decoder_reset(struct recording_decoder *decoder)
{
	recording_context_reset(decoder->context);
}

/* --- input ----------------------------------------------------------------------------------- */

static uint64_t fail(struct recording_decoder *decoder, int error)
{
	if (!decoder->error)
		decoder->error = error;
	decoder->at = decoder->end;
	return 0;
}

static uint64_t get_long_varint(struct recording_decoder *decoder)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && decoder->at < decoder->end; shift += 7) {
		uint8_t byte = (uint8_t)*decoder->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return byte || !shift ? value : fail(decoder, -EBADMSG);
	}
	return fail(decoder, -EBADMSG);
}

static uint64_t get_varint(struct recording_decoder *decoder)
{
	if (decoder->at < decoder->end && !(*decoder->at & 0x80))
		return (uint64_t)*decoder->at++;
	return get_long_varint(decoder);
}

static int64_t get_zigzag(struct recording_decoder *decoder)
{
	return zigzag_decode(get_varint(decoder));
}

static uint64_t get_limited(struct recording_decoder *decoder, uint64_t greatest)
{
	uint64_t value = get_varint(decoder);
	return value <= greatest ? value : fail(decoder, -EBADMSG);
}

static int32_t get_int32(struct recording_decoder *decoder, int64_t base)
{
	int64_t value = 0, delta = get_zigzag(decoder);
	if (__builtin_add_overflow(base, delta, &value) || value < INT32_MIN || value > INT32_MAX)
		return (int32_t)fail(decoder, -EBADMSG);
	return (int32_t)value;
}

/* `len` bytes of the payload; none, and failure, if it has fewer. */
static struct bytes get_bytes(struct recording_decoder *decoder, uint64_t len)
{
	if (len > (size_t)(decoder->end - decoder->at)) {
		fail(decoder, -EBADMSG);
		return bytes_of(NULL, 0);
	}
	struct bytes bytes = bytes_of(decoder->at, (size_t)len);
	decoder->at += len;
	return bytes;
}

/* --- scratch --------------------------------------------------------------------------------- */

static char *scratch_reserve(struct recording_decoder *decoder, size_t len)
{
	struct strbuf *scratch = &decoder->scratch;
	if (len > RECORDING_DECODED_MAX - scratch->len) {
		fail(decoder, -EBADMSG);
		return NULL;
	}
	if (scratch->capacity - scratch->len > len)
		return scratch->data + scratch->len;
	char *room = strbuf_reserve(scratch, len);
	if (!room)
		fail(decoder, -ENOMEM);
	return room;
}

static void scratch_add(struct recording_decoder *decoder, struct bytes bytes)
{
	char *room = scratch_reserve(decoder, bytes.len);
	if (!room || !bytes.len)
		return;
	memcpy(room, bytes.data, bytes.len);
	decoder->scratch.len += bytes.len;
}

/* A copy of bytes that lie in scratch themselves. */
static void scratch_repeat(struct recording_decoder *decoder, size_t offset, size_t len)
{
	char *room = scratch_reserve(decoder, len);
	if (!room)
		return;
	memcpy(room, decoder->scratch.data + offset, len);
	decoder->scratch.len += len;
}

/* `bytes` becomes what was added to scratch since `offset`, once the event is complete. */
static void scratch_slice(struct recording_decoder *decoder, struct bytes *bytes, size_t offset)
{
	*bytes = bytes_of(NULL, decoder->scratch.len - offset);
	decoder->slices[decoder->slice_count++] = (struct slice){ bytes, offset };
}

static void place_slices(struct recording_decoder *decoder)
{
	for (unsigned i = 0; i < decoder->slice_count; i++)
		decoder->slices[i].bytes->data = decoder->scratch.data + decoder->slices[i].offset;
}

/* --- texts and vectors ----------------------------------------------------------------------- */

/* What `ago` in a varint, counted from `first`, names in a cache: its sequence number. */
static uint32_t get_live(struct recording_decoder *decoder, const struct recording_cache *cache,
			 uint64_t varint, uint64_t first)
{
	if (varint - first >= cache->next - cache->oldest)
		return (uint32_t)fail(decoder, -EBADMSG);
	return cache->next - 1 - (uint32_t)(varint - first);
}

static void define_text(struct recording_decoder *decoder, unsigned column)
{
	struct recording_context *context = decoder->context;
	struct bytes base = recording_context_last_text(context, column);
	size_t start = decoder->scratch.len;
	size_t prefix = get_limited(decoder, base.len);
	size_t suffix = get_limited(decoder, decoder->previous_len);
	struct bytes middle = get_bytes(decoder, get_varint(decoder));
	scratch_add(decoder, bytes_of(base.data, prefix));
	scratch_add(decoder, middle);
	scratch_repeat(decoder, decoder->previous + decoder->previous_len - suffix, suffix);
	size_t len = decoder->scratch.len - start;
	if (decoder->error || len == 0 || len > RECORDING_TEXT_MAX) {
		fail(decoder, -EBADMSG);
		return;
	}
	context->last_text[column] = context->texts.next;
	recording_cache_add(&context->texts, bytes_of(decoder->scratch.data + start, len), 0);
}

static void refer_to_text(struct recording_decoder *decoder, unsigned column, uint64_t varint)
{
	struct recording_context *context = decoder->context;
	uint32_t sequence = get_live(decoder, &context->texts, varint, TEXT_REFERENCE);
	if (decoder->error)
		return;
	scratch_add(decoder, recording_cache_get(&context->texts, sequence));
	context->last_text[column] = sequence;
}

/* Adds a text to scratch. */
static void add_text(struct recording_decoder *decoder, unsigned column)
{
	size_t start = decoder->scratch.len;
	uint64_t form = get_varint(decoder);
	switch (form) {
	case TEXT_EMPTY:
		return;
	case TEXT_SAME:
		if (!decoder->previous_len)
			fail(decoder, -EBADMSG);
		scratch_repeat(decoder, decoder->previous, decoder->previous_len);
		return;
	case TEXT_DEFINE:
		define_text(decoder, column);
		break;
	case TEXT_LITERAL:
		scratch_add(decoder, get_bytes(decoder, get_varint(decoder)));
		break;
	default:
		refer_to_text(decoder, column, form);
	}
	decoder->previous = start;
	decoder->previous_len = decoder->scratch.len - start;
}

static void get_text(struct recording_decoder *decoder, unsigned column, struct bytes *text)
{
	size_t start = decoder->scratch.len;
	add_text(decoder, column);
	scratch_slice(decoder, text, start);
}

/* Adds the strings between a vector's shared ends to scratch. */
static void add_strings(struct recording_decoder *decoder, uint64_t count, bool unterminated)
{
	for (; count && !decoder->error; count--) {
		add_text(decoder, TEXT_OF_VECTOR);
		if (count > 1 || !unterminated)
			scratch_add(decoder, bytes_of("", 1));
	}
}

static void define_vector(struct recording_decoder *decoder, unsigned column)
{
	struct recording_context *context = decoder->context;
	struct bytes base = recording_context_last_vector(context, column);
	size_t start = decoder->scratch.len;
	size_t prefix = get_limited(decoder, base.len);
	size_t suffix = get_limited(decoder, base.len);
	uint64_t count = get_varint(decoder);
	scratch_add(decoder, bytes_of(base.data, prefix));
	add_strings(decoder, count / 2, count % 2);
	if (suffix)
		scratch_add(decoder, bytes_of(base.data + base.len - suffix, suffix));
	size_t len = decoder->scratch.len - start;
	if (decoder->error || len == 0) {
		fail(decoder, -EBADMSG);
		return;
	}
	if (len > RECORDING_VECTOR_MAX)
		return;
	context->last_vector[column] = context->vectors.next;
	recording_cache_add(&context->vectors, bytes_of(decoder->scratch.data + start, len), 0);
}

static void refer_to_vector(struct recording_decoder *decoder, unsigned column, uint64_t varint)
{
	struct recording_context *context = decoder->context;
	uint32_t sequence = get_live(decoder, &context->vectors, varint, VECTOR_REFERENCE);
	if (decoder->error)
		return;
	scratch_add(decoder, recording_cache_get(&context->vectors, sequence));
	context->last_vector[column] = sequence;
}

static void get_vector(struct recording_decoder *decoder, unsigned column, struct bytes *vector)
{
	size_t start = decoder->scratch.len;
	uint64_t form = get_varint(decoder);
	if (form == VECTOR_DEFINE)
		define_vector(decoder, column);
	else if (form != VECTOR_EMPTY)
		refer_to_vector(decoder, column, form);
	scratch_slice(decoder, vector, start);
}

/* --- blobs ----------------------------------------------------------------------------------- */

static void get_words(struct recording_decoder *decoder, const char *base, size_t len)
{
	uint8_t mask = 0;
	char *room = scratch_reserve(decoder, len);
	for (size_t at = 0; room && at < len && !decoder->error; at += sizeof(uint64_t)) {
		if (at % (8 * sizeof(uint64_t)) == 0) {
			struct bytes byte = get_bytes(decoder, 1);
			mask = byte.len ? (uint8_t)*byte.data : 0;
		}
		uint64_t word = 0;
		if (base)
			memcpy(&word, base + at, sizeof(word));
		if (mask >> at / sizeof(word) % 8 & 1)
			word += (uint64_t)get_zigzag(decoder);
		memcpy(room + at, &word, len - at < sizeof(word) ? len - at : sizeof(word));
	}
	decoder->scratch.len += decoder->error ? 0 : len;
}

static struct bytes previous_text(const struct recording_decoder *decoder)
{
	if (!decoder->previous_len)
		return bytes_of(NULL, 0);
	return bytes_of(decoder->scratch.data + decoder->previous, decoder->previous_len);
}

static void get_coded_blob(struct recording_decoder *decoder, unsigned arg, size_t len,
			   struct bytes *blob)
{
	size_t start = decoder->scratch.len;
	if (len == 0 || len > RECORDING_BLOB_MAX) {
		fail(decoder, -EBADMSG);
		return;
	}
	get_words(decoder,
		  recording_context_base(decoder->context, previous_text(decoder), arg, len), len);
	if (decoder->error)
		return;
	recording_context_base_learn(decoder->context, previous_text(decoder), arg,
				     bytes_of(decoder->scratch.data + start, len));
	scratch_slice(decoder, blob, start);
}

static void get_blob(struct recording_decoder *decoder, unsigned arg, struct bytes *blob)
{
	uint64_t form = get_varint(decoder);
	*blob = bytes_of(NULL, 0);
	if (form % 2 == BLOB_WORDS) {
		get_coded_blob(decoder, arg,
			       form / 2 <= RECORDING_BLOB_MAX ? (size_t)(form / 2) : 0, blob);
		return;
	}
	*blob = get_bytes(decoder, form / 2);
	if (blob->len && blob->len <= RECORDING_BLOB_MAX)
		recording_context_base_learn(decoder->context, previous_text(decoder), arg, *blob);
}

/* --- system calls ---------------------------------------------------------------------------- */

static bool read_shape_attach(const uint8_t *from, struct attach *attach)
{
	attach->kind = from[0];
	attach->arg = from[1];
	attach->index = from[2];
	attach->truncated = from[3] == 1;
	return attach->kind < ATTACH_KINDS && attach->arg <= ATTACH_RETURN && from[3] <= 1;
}

static bool read_shape(struct bytes shape, struct event_syscall *call)
{
	const uint8_t *from = (const uint8_t *)shape.data;
	if (shape.len < SHAPE_HEAD_BYTES || from[0] > ABI_UNKNOWN || from[2] > ATTACH_MAX ||
	    shape.len != SHAPE_HEAD_BYTES + (size_t)from[2] * SHAPE_ATTACH_BYTES)
		return false;
	call->abi = from[0];
	call->flags = from[1];
	call->attach_count = from[2];
	call->number = from[3] | (uint32_t)from[4] << 8 | (uint32_t)from[5] << 16 |
		       (uint32_t)from[6] << 24;
	from += SHAPE_HEAD_BYTES;
	for (unsigned i = 0; i < call->attach_count; i++, from += SHAPE_ATTACH_BYTES)
		if (!read_shape_attach(from, &call->attach[i]))
			return false;
	return true;
}

static void get_shape(struct recording_decoder *decoder, struct event_syscall *call)
{
	struct recording_cache *shapes = &decoder->context->shapes;
	struct bytes shape;
	uint64_t form = get_varint(decoder);
	if (form == SHAPE_DEFINE)
		shape = get_bytes(decoder, get_varint(decoder));
	else
		shape = recording_cache_get(shapes,
					    get_live(decoder, shapes, form, SHAPE_REFERENCE));
	if (decoder->error || !read_shape(shape, call)) {
		fail(decoder, -EBADMSG);
		return;
	}
	if (form == SHAPE_DEFINE)
		recording_cache_add(shapes, shape, 0);
}

static void get_args(struct recording_decoder *decoder, uint32_t process,
		     struct event_syscall *call)
{
	const uint64_t *last = recording_context_args(decoder->context, process, call->abi,
						      call->number);
	unsigned differ = (unsigned)get_limited(decoder, (1u << RECORDING_ARGS) - 1);
	memcpy(call->args, last, sizeof(call->args));
	if (!differ)
		return;
	for (unsigned i = 0; i < RECORDING_ARGS; i++)
		if (differ & 1u << i)
			call->args[i] += (uint64_t)get_zigzag(decoder);
	recording_context_args_learn(decoder->context, process, call->abi, call->number,
				     call->args);
}

static void get_attach(struct recording_decoder *decoder, struct attach *attach)
{
	switch (recording_attach_coding[attach->kind]) {
	case CODING_TEXT:
		get_text(decoder, attach->kind, &attach->bytes);
		break;
	case CODING_VECTOR:
		get_vector(decoder, VECTOR_OF_ATTACH + attach->arg, &attach->bytes);
		break;
	case CODING_BLOB:
		get_blob(decoder, attach->arg, &attach->bytes);
		break;
	}
}

static void get_syscall(struct recording_decoder *decoder, struct event *event)
{
	struct event_syscall *call = &event->syscall;
	get_shape(decoder, call);
	if (decoder->error)
		return;
	call->ret = get_zigzag(decoder);
	call->dur_ns = get_varint(decoder);
	get_args(decoder, event->process, call);
	call->root = bytes_of(NULL, 0);
	if (call->flags & SYSCALL_OTHER_ROOT)
		get_text(decoder, TEXT_OF_FIELD, &call->root);
	for (unsigned i = 0; i < call->attach_count && !decoder->error; i++)
		get_attach(decoder, &call->attach[i]);
}

/* --- events ---------------------------------------------------------------------------------- */

static void get_field(struct recording_decoder *decoder, struct event *event,
		      const struct recording_field *field)
{
	void *at = (char *)event + field->offset;
	switch (field->type) {
	case FIELD_TEXT:
		get_text(decoder, TEXT_OF_FIELD, at);
		break;
	case FIELD_VECTOR:
		get_vector(decoder, field->detail, at);
		break;
	case FIELD_U8:
		*(uint8_t *)at = (uint8_t)get_limited(decoder, field->detail);
		break;
	case FIELD_U32:
		*(uint32_t *)at = (uint32_t)get_limited(decoder, UINT32_MAX);
		break;
	case FIELD_I32:
		*(int32_t *)at = get_int32(decoder, 0);
		break;
	case FIELD_U64:
		*(uint64_t *)at = get_varint(decoder);
		break;
	}
}

/* One behind FIELD_LATER: a number. */
static void clear_field(struct event *event, const struct recording_field *field)
{
	static const uint8_t sizes[] = {
		[FIELD_U8] = sizeof(uint8_t), [FIELD_U32] = sizeof(uint32_t),
		[FIELD_I32] = sizeof(int32_t), [FIELD_U64] = sizeof(uint64_t),
	};
	memset((char *)event + field->offset, 0, sizes[field->type]);
}

static struct recording_task define_task(struct recording_decoder *decoder)
{
	struct recording_context *context = decoder->context;
	struct recording_task last = context->tasks[(context->task_count - 1) % CONTEXT_TASKS],
			      task;
	int64_t process = 0;
	if (__builtin_add_overflow((int64_t)last.process, get_zigzag(decoder), &process) ||
	    process < 0 || process > UINT32_MAX)
		process = (int64_t)fail(decoder, -EBADMSG);
	task.process = (uint32_t)process;
	task.pid = get_int32(decoder, last.pid);
	task.tid = get_int32(decoder, task.pid);
	context->tasks[context->task_count++ % CONTEXT_TASKS] = task;
	return task;
}

static void get_task(struct recording_decoder *decoder, struct event *event)
{
	const struct recording_context *context = decoder->context;
	uint64_t ago = get_limited(decoder, CONTEXT_TASKS);
	struct recording_task task = { 0 };
	if (!ago)
		task = define_task(decoder);
	else if (ago <= context->task_count)
		task = context->tasks[(context->task_count - (uint32_t)ago) % CONTEXT_TASKS];
	else
		fail(decoder, -EBADMSG);
	event->process = task.process;
	event->pid = task.pid;
	event->tid = task.tid;
}

static void get_event(struct recording_decoder *decoder, struct event *event)
{
	decoder->context->t_ns += (uint64_t)get_zigzag(decoder);
	event->t_ns = decoder->context->t_ns;
	get_task(decoder, event);
	if (event->kind == EVENT_SYSCALL) {
		get_syscall(decoder, event);
		return;
	}
	const struct recording_field *field = recording_fields(event->kind);
	bool over = false; /* the record, which is of an older version */
	for (; field->type && !decoder->error; field++) {
		if (field->type == FIELD_LATER)
			over = decoder->at == decoder->end;
		else if (over)
			clear_field(event, field);
		else
			get_field(decoder, event, field);
	}
}

static void begin(struct recording_decoder *decoder, struct bytes record)
{
	decoder->at = record.data;
	decoder->end = record.data + record.len;
	decoder->error = 0;
	decoder->previous = decoder->previous_len = 0;
	decoder->slice_count = 0;
	if (decoder->scratch.capacity > SCRATCH_KEPT)
		strbuf_free(&decoder->scratch);
	decoder->scratch.len = 0;
	decoder->scratch.failed = false;
	scratch_reserve(decoder, 1); /* so that an empty slice points somewhere too */
}

int recording_decode(struct recording_decoder *decoder, struct bytes record, struct event *event)
{
	begin(decoder, record);
	event->kind = (uint8_t)get_varint(decoder);
	if (!recording_kind_name(event->kind))
		return -EBADMSG;
	get_event(decoder, event);
	if (!decoder->error && decoder->at == decoder->end)
		place_slices(decoder);
	else
		fail(decoder, -EBADMSG);
	return decoder->error;
}
