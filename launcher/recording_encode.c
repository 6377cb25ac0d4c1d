/* One event to the payload of a record, masked and interned on the way. Owns the writer's
 * context. Never touches a file, a lock or shared memory: whether a record is kept at all is
 * decided in recording_write.c. Layout: recording_format.h. */
#include "recording_format.h"

#include "redact.h"
#include "syscall.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum {
	GARBAGE_MAX = 80, /* masked slices of an event: each attachment, each field */
	COMM_BYTES = 15,
};

struct recording_encoder {
	struct recording_context *context;
	const struct redactor *redactor; /* of the event being encoded; may be NULL */
	struct strbuf *out;              /* the same */
	struct bytes previous;           /* the text before, in the event; empty: none */
	unsigned garbage_count;
	char *garbage[GARBAGE_MAX];      /* masked texts, kept to the end of the event */
};

struct recording_encoder *recording_encoder_create(void)
{
	struct recording_encoder *encoder = calloc(1, sizeof(*encoder));
	if (!encoder)
		return NULL;
	encoder->context = recording_context_create();
	if (encoder->context)
		return encoder;
	free(encoder);
	return NULL;
}

void recording_encoder_destroy(struct recording_encoder *encoder)
{
	if (encoder)
		recording_context_destroy(encoder->context);
	free(encoder);
}

void recording_encoder_reset(struct recording_encoder *encoder)
{
	recording_context_reset(encoder->context);
}

/* --- output ---------------------------------------------------------------------------------- */

static char *reserve(struct strbuf *out, size_t len)
{
	if (out->capacity - out->len > len)
		return out->data + out->len;
	return strbuf_reserve(out, len);
}

static void put_varint(struct strbuf *out, uint64_t value)
{
	char *room = reserve(out, VARINT_MAX_BYTES);
	if (room)
		out->len += varint_write(room, value);
}

static void put_zigzag(struct strbuf *out, int64_t value)
{
	put_varint(out, zigzag_encode(value));
}

static void put_bytes(struct strbuf *out, const char *data, size_t len)
{
	char *room = reserve(out, len);
	if (!room || !len)
		return;
	memcpy(room, data, len);
	out->len += len;
}

/* --- masking --------------------------------------------------------------------------------- */

static struct bytes keep_masked(struct recording_encoder *encoder, struct bytes masked, char *owned)
{
	if (owned)
		encoder->garbage[encoder->garbage_count++] = owned;
	return masked;
}

static struct bytes mask(struct recording_encoder *encoder, struct bytes text)
{
	const struct redactor *redactor = encoder->redactor;
	if (!redactor || !text.len || !redactor_matches(redactor, text))
		return text;
	char *owned = NULL;
	struct bytes masked = redactor_mask(redactor, text, &owned);
	return keep_masked(encoder, masked, owned);
}

static struct bytes mask_environment(struct recording_encoder *encoder, struct bytes environment)
{
	if (!encoder->redactor || !environment.len)
		return environment;
	char *owned = NULL;
	struct bytes masked = redactor_mask_environment(encoder->redactor, environment, &owned);
	return keep_masked(encoder, masked, owned);
}

static void free_garbage(struct recording_encoder *encoder)
{
	while (encoder->garbage_count)
		free(encoder->garbage[--encoder->garbage_count]);
}

/* --- texts and vectors, masked already ------------------------------------------------------- */

static size_t shared_prefix(struct bytes a, struct bytes b)
{
	size_t most = a.len < b.len ? a.len : b.len, len = 0;
	while (len < most && a.data[len] == b.data[len])
		len++;
	return len;
}

static size_t shared_suffix(struct bytes a, struct bytes b)
{
	size_t most = a.len < b.len ? a.len : b.len, len = 0;
	while (len < most && a.data[a.len - 1 - len] == b.data[b.len - 1 - len])
		len++;
	return len;
}

static void define_text(struct recording_encoder *encoder, unsigned column, struct bytes text,
			uint32_t hash)
{
	struct recording_context *context = encoder->context;
	size_t suffix = shared_suffix(text, encoder->previous);
	size_t prefix = shared_prefix(bytes_of(text.data, text.len - suffix),
				      recording_context_last_text(context, column));
	size_t middle = text.len - suffix - prefix;
	put_varint(encoder->out, TEXT_DEFINE);
	put_varint(encoder->out, prefix);
	put_varint(encoder->out, suffix);
	put_varint(encoder->out, middle);
	put_bytes(encoder->out, text.data + prefix, middle);
	context->last_text[column] = context->texts.next;
	recording_cache_add(&context->texts, text, hash);
}

static int64_t find_text(const struct recording_context *context, unsigned column,
			 struct bytes text, uint32_t *hash)
{
	if (bytes_equal(recording_context_last_text(context, column), text))
		return context->texts.next - 1 - context->last_text[column]; /* most often */
	*hash = recording_hash(text);
	return recording_cache_find(&context->texts, text, *hash);
}

static void intern_text(struct recording_encoder *encoder, unsigned column, struct bytes text)
{
	struct recording_context *context = encoder->context;
	uint32_t hash = 0;
	int64_t ago = find_text(context, column, text, &hash);
	if (ago < 0) {
		define_text(encoder, column, text, hash);
		return;
	}
	put_varint(encoder->out, TEXT_REFERENCE + (uint64_t)ago);
	context->last_text[column] = context->texts.next - 1 - (uint32_t)ago;
}

static void put_text(struct recording_encoder *encoder, unsigned column, struct bytes text)
{
	if (text.len == 0) {
		put_varint(encoder->out, TEXT_EMPTY);
		return;
	}
	if (bytes_equal(text, encoder->previous)) {
		put_varint(encoder->out, TEXT_SAME);
		return;
	}
	if (text.len <= RECORDING_TEXT_MAX) {
		intern_text(encoder, column, text);
	} else {
		put_varint(encoder->out, TEXT_LITERAL);
		put_varint(encoder->out, text.len);
		put_bytes(encoder->out, text.data, text.len);
	}
	encoder->previous = text;
}

/* What `vector` shares with `base` at either end, in whole strings. */
static size_t shared_strings_prefix(struct bytes vector, struct bytes base)
{
	size_t len = shared_prefix(vector, base);
	while (len && vector.data[len - 1] != '\0')
		len--;
	return len;
}

static size_t shared_strings_suffix(struct bytes vector, struct bytes base)
{
	size_t len = shared_suffix(vector, base);
	while (len && len < vector.len && vector.data[vector.len - len - 1] != '\0')
		len--;
	return len;
}

static size_t count_strings(struct bytes vector)
{
	struct bytes string;
	size_t count = 0;
	while (bytes_next_string(&vector, &string))
		count++;
	return count;
}

static void define_vector(struct recording_encoder *encoder, unsigned column, struct bytes vector)
{
	struct bytes base = recording_context_last_vector(encoder->context, column), string;
	size_t prefix = shared_strings_prefix(vector, base);
	struct bytes middle = bytes_of(vector.data + prefix, vector.len - prefix);
	size_t suffix = shared_strings_suffix(middle, base);
	middle.len -= suffix;
	bool unterminated = middle.len && middle.data[middle.len - 1] != '\0';
	put_varint(encoder->out, VECTOR_DEFINE);
	put_varint(encoder->out, prefix);
	put_varint(encoder->out, suffix);
	put_varint(encoder->out, 2 * (uint64_t)count_strings(middle) + unterminated);
	while (bytes_next_string(&middle, &string))
		put_text(encoder, TEXT_OF_VECTOR, string);
}

static void put_vector(struct recording_encoder *encoder, unsigned column, struct bytes vector)
{
	struct recording_context *context = encoder->context;
	if (vector.len == 0) {
		put_varint(encoder->out, VECTOR_EMPTY);
		return;
	}
	if (vector.len > RECORDING_VECTOR_MAX) {
		define_vector(encoder, column, vector);
		return;
	}
	uint32_t hash = recording_hash(vector);
	int64_t ago = recording_cache_find(&context->vectors, vector, hash);
	if (ago >= 0) {
		put_varint(encoder->out, VECTOR_REFERENCE + (uint64_t)ago);
		context->last_vector[column] = context->vectors.next - 1 - (uint32_t)ago;
		return;
	}
	define_vector(encoder, column, vector);
	context->last_vector[column] = context->vectors.next;
	recording_cache_add(&context->vectors, vector, hash);
}

/* --- blobs ----------------------------------------------------------------------------------- */

static uint64_t load_word(const char *data, size_t len)
{
	uint64_t word = 0;
	memcpy(&word, data, len < sizeof(word) ? len : sizeof(word));
	return word;
}

/* The words of `blob` as deltas to coded, which has room for any blob; the length. */
static size_t code_words(struct bytes blob, const char *base, char *coded)
{
	char *mask = NULL, *to = coded;
	for (size_t at = 0; at < blob.len; at += sizeof(uint64_t)) {
		if (at % (8 * sizeof(uint64_t)) == 0) {
			mask = to++;
			*mask = 0;
		}
		uint64_t word = load_word(blob.data + at, blob.len - at);
		uint64_t was = base ? load_word(base + at, sizeof(was)) : 0;
		if (word == was)
			continue;
		*mask = (char)(*mask | 1 << at / sizeof(uint64_t) % 8);
		to += varint_write(to, zigzag_encode((int64_t)(word - was)));
	}
	return (size_t)(to - coded);
}

static void put_blob(struct recording_encoder *encoder, unsigned arg, struct bytes blob)
{
	char coded[RECORDING_BLOB_MAX / 8 * VARINT_MAX_BYTES + RECORDING_BLOB_MAX / 64 + 1];
	size_t coded_len = SIZE_MAX;
	if (blob.len && blob.len <= RECORDING_BLOB_MAX) {
		const char *base = recording_context_base(encoder->context, encoder->previous, arg,
							  blob.len);
		coded_len = code_words(blob, base, coded);
		recording_context_base_learn(encoder->context, encoder->previous, arg, blob);
	}
	bool words = coded_len < blob.len;
	put_varint(encoder->out, 2 * (uint64_t)blob.len + (words ? BLOB_WORDS : BLOB_RAW));
	put_bytes(encoder->out, words ? coded : blob.data, words ? coded_len : blob.len);
}

/* --- system calls ---------------------------------------------------------------------------- */

static size_t make_shape(const struct event_syscall *call, char *shape)
{
	unsigned count = call->attach_count;
	uint32_t number = call->number;
	char head[SHAPE_HEAD_BYTES] = { (char)call->abi, (char)call->flags, (char)count,
		(char)number, (char)(number >> 8), (char)(number >> 16), (char)(number >> 24) };
	memcpy(shape, head, sizeof(head));
	char *to = shape + sizeof(head);
	for (unsigned i = 0; i < count; i++) {
		const struct attach *attach = &call->attach[i];
		*to++ = (char)attach->kind;
		*to++ = (char)attach->arg;
		*to++ = (char)attach->index;
		*to++ = attach->truncated;
	}
	return (size_t)(to - shape);
}

static void put_shape(struct recording_encoder *encoder, const struct event_syscall *call)
{
	struct recording_cache *shapes = &encoder->context->shapes;
	char data[SHAPE_BYTES_MAX];
	struct bytes shape = bytes_of(data, make_shape(call, data));
	uint32_t hash = recording_hash(shape);
	int64_t ago = recording_cache_find(shapes, shape, hash);
	if (ago >= 0) {
		put_varint(encoder->out, SHAPE_REFERENCE + (uint64_t)ago);
		return;
	}
	put_varint(encoder->out, SHAPE_DEFINE);
	put_varint(encoder->out, shape.len);
	put_bytes(encoder->out, shape.data, shape.len);
	recording_cache_add(shapes, shape, hash);
}

static void put_args(struct recording_encoder *encoder, uint32_t process,
		     const struct event_syscall *call)
{
	const uint64_t *last = recording_context_args(encoder->context, process, call->abi,
						      call->number);
	unsigned differ = 0;
	for (unsigned i = 0; i < RECORDING_ARGS; i++)
		differ |= (unsigned)(call->args[i] != last[i]) << i;
	put_varint(encoder->out, differ);
	for (unsigned i = 0; i < RECORDING_ARGS; i++)
		if (differ & 1u << i)
			put_zigzag(encoder->out, (int64_t)(call->args[i] - last[i]));
	if (differ)
		recording_context_args_learn(encoder->context, process, call->abi, call->number,
					     call->args);
}

static bool is_environment(const struct event_syscall *call, const struct attach *attach)
{
	if (attach->arg >= RECORDING_ARGS)
		return false;
	const struct syscall_desc *desc = syscall_lookup(call->abi, call->number);
	return desc && desc->args[attach->arg].capture == CAPTURE_ENVP;
}

static void put_attached_vector(struct recording_encoder *encoder, const struct event_syscall *call,
				const struct attach *attach)
{
	unsigned column = VECTOR_OF_ATTACH + attach->arg;
	if (encoder->redactor && is_environment(call, attach))
		put_vector(encoder, column, mask_environment(encoder, attach->bytes));
	else
		put_vector(encoder, column, mask(encoder, attach->bytes));
}

static struct bytes mask_attached(struct recording_encoder *encoder, const struct attach *attach)
{
	struct bytes masked = mask(encoder, attach->bytes);
	return attach->truncated ? redactor_drop_begun(encoder->redactor, masked) : masked;
}

/* The kernel cuts a thread's name after 15 bytes, be it set or asked for. */
static bool is_thread_name(const struct event_syscall *call)
{
	const struct syscall_desc *desc = syscall_lookup(call->abi, call->number);
	return desc && strcmp(desc->name, "prctl") == 0 &&
	       (call->args[0] == PR_SET_NAME || call->args[0] == PR_GET_NAME);
}

static struct bytes mask_blob(struct recording_encoder *encoder, const struct event_syscall *call,
			      const struct attach *attach)
{
	struct bytes masked = mask_attached(encoder, attach);
	if (!encoder->redactor || !is_thread_name(call))
		return masked;
	struct bytes name = bytes_of(masked.data, strnlen(masked.data, masked.len));
	struct bytes left = redactor_drop_begun(encoder->redactor, name);
	return name.len >= COMM_BYTES && left.len < name.len ? left : masked;
}

static void put_attach(struct recording_encoder *encoder, const struct event_syscall *call,
		       const struct attach *attach)
{
	switch (recording_attach_coding[attach->kind]) {
	case CODING_TEXT:
		put_text(encoder, attach->kind, mask_attached(encoder, attach));
		break;
	case CODING_VECTOR:
		put_attached_vector(encoder, call, attach);
		break;
	case CODING_BLOB:
		put_blob(encoder, attach->arg, mask_blob(encoder, call, attach));
		break;
	}
}

static void put_syscall(struct recording_encoder *encoder, const struct event *event)
{
	const struct event_syscall *call = &event->syscall;
	put_shape(encoder, call);
	put_zigzag(encoder->out, call->ret);
	put_varint(encoder->out, call->dur_ns);
	put_args(encoder, event->process, call);
	if (call->flags & SYSCALL_OTHER_ROOT)
		put_text(encoder, TEXT_OF_FIELD, mask(encoder, call->root));
	for (unsigned i = 0; i < call->attach_count; i++)
		put_attach(encoder, call, &call->attach[i]);
}

/* --- events ---------------------------------------------------------------------------------- */

static void put_slice(struct recording_encoder *encoder, const struct recording_field *field,
		      struct bytes bytes)
{
	if (field->type == FIELD_TEXT)
		put_text(encoder, TEXT_OF_FIELD, mask(encoder, bytes));
	else if (field->detail == VECTOR_ENVIRONMENT)
		put_vector(encoder, field->detail, mask_environment(encoder, bytes));
	else
		put_vector(encoder, field->detail, mask(encoder, bytes));
}

static void put_field(struct recording_encoder *encoder, const struct event *event,
		      const struct recording_field *field)
{
	const void *at = (const char *)event + field->offset;
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_VECTOR:
		put_slice(encoder, field, *(const struct bytes *)at);
		break;
	case FIELD_U8:
		put_varint(encoder->out, *(const uint8_t *)at);
		break;
	case FIELD_U32:
		put_varint(encoder->out, *(const uint32_t *)at);
		break;
	case FIELD_I32:
		put_zigzag(encoder->out, *(const int32_t *)at);
		break;
	case FIELD_U64:
		put_varint(encoder->out, *(const uint64_t *)at);
		break;
	}
}

static void put_time(struct recording_encoder *encoder, uint64_t t_ns)
{
	put_zigzag(encoder->out, (int64_t)(t_ns - encoder->context->t_ns));
	encoder->context->t_ns = t_ns;
}

static void define_task(struct recording_encoder *encoder, const struct event *event)
{
	struct recording_context *context = encoder->context;
	struct recording_task last = context->tasks[(context->task_count - 1) % CONTEXT_TASKS];
	put_varint(encoder->out, 0);
	put_zigzag(encoder->out, (int64_t)event->process - last.process);
	put_zigzag(encoder->out, (int64_t)event->pid - last.pid);
	put_zigzag(encoder->out, (int64_t)event->tid - event->pid);
	context->tasks[context->task_count++ % CONTEXT_TASKS] =
		(struct recording_task){ event->process, event->pid, event->tid };
}

static void put_task(struct recording_encoder *encoder, const struct event *event)
{
	struct recording_context *context = encoder->context;
	for (uint32_t ago = 0; ago < CONTEXT_TASKS && ago < context->task_count; ago++) {
		const struct recording_task *task =
			&context->tasks[(context->task_count - 1 - ago) % CONTEXT_TASKS];
		if (task->tid == event->tid && task->pid == event->pid &&
		    task->process == event->process) {
			put_varint(encoder->out, ago + 1);
			return;
		}
	}
	define_task(encoder, event);
}

static bool is_storable_syscall(const struct event_syscall *call)
{
	size_t size = call->flags & SYSCALL_OTHER_ROOT ? call->root.len : 0;
	bool known = call->abi <= ABI_UNKNOWN && call->attach_count <= ATTACH_MAX;
	for (unsigned i = 0; known && i < call->attach_count; i++) {
		const struct attach *attach = &call->attach[i];
		known = attach->kind < ATTACH_KINDS && attach->arg <= ATTACH_RETURN;
		size += attach->bytes.len;
	}
	return known && size <= RECORDING_EVENT_MAX;
}

static bool is_storable(const struct event *event)
{
	if (event->kind == EVENT_SYSCALL)
		return is_storable_syscall(&event->syscall);
	const struct recording_field *field = recording_fields(event->kind);
	if (!field)
		return false;
	size_t size = 0;
	for (; field->type; field++) {
		const char *at = (const char *)event + field->offset;
		if (field->type == FIELD_U8 && *(const uint8_t *)at > field->detail)
			return false;
		if (field->type == FIELD_TEXT || field->type == FIELD_VECTOR)
			size += ((const struct bytes *)at)->len;
	}
	return size <= RECORDING_EVENT_MAX;
}

static void put_event(struct recording_encoder *encoder, const struct event *event)
{
	put_bytes(encoder->out, (const char *)&event->kind, 1);
	put_time(encoder, event->t_ns);
	put_task(encoder, event);
	if (event->kind == EVENT_SYSCALL) {
		put_syscall(encoder, event);
		return;
	}
	for (const struct recording_field *field = recording_fields(event->kind); field->type;
	     field++)
		put_field(encoder, event, field);
}

bool recording_encode(struct recording_encoder *encoder, const struct event *event,
		      const struct redactor *redactor, struct strbuf *out)
{
	if (!is_storable(event))
		return false;
	encoder->redactor = redactor;
	encoder->out = out;
	encoder->previous = bytes_of(NULL, 0);
	put_event(encoder, event);
	free_garbage(encoder);
	return !out->failed && out->len <= RECORDING_RECORD_MAX;
}
