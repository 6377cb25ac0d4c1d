/* The set of needs, and its log: see needs.h. */
#include "policy/needs.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct needs {
	struct store store;
	struct need *list;
	uint32_t count, capacity;
	struct index index;
	struct needs_log *log;
	bool is_cut; /* the log was, of which it was read */
};

/* Shared; written by one. */
struct needs_log {
	size_t capacity;
	_Atomic size_t len;
	atomic_bool is_cut;
	char data[];
};

/* What stands in the log before the object and the program. */
struct log_head {
	uint32_t kind, object_len, program_len;
};

struct needs_log *needs_log_create(size_t capacity_bytes)
{
	/* Pages that are never written take no memory. */
	struct needs_log *log = mmap(NULL, sizeof *log + capacity_bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (log == MAP_FAILED)
		return NULL;
	log->capacity = capacity_bytes;
	return log;
}

void needs_log_free(struct needs_log *log)
{
	if (log)
		munmap(log, sizeof *log + log->capacity);
}

struct needs *needs_create(struct needs_log *log)
{
	struct needs *needs = calloc(1, sizeof *needs);
	if (needs)
		needs->log = log;
	return needs;
}

void needs_free(struct needs *needs)
{
	if (!needs)
		return;
	index_free(&needs->index);
	store_free(&needs->store);
	free(needs);
}

static bool is_same(const void *context, uint32_t position, const void *key)
{
	const struct needs *needs = context;
	const struct need *have = &needs->list[position], *wanted = key;
	return have->kind == wanted->kind && have->object == wanted->object && have->program == wanted->program;
}

static uint32_t hash_need(const struct need *need)
{
	uint32_t hashes[] = { need->object->hash, need->program->hash, (uint32_t)need->kind };
	return store_hash(hashes, sizeof hashes);
}

/* Its whole text stands there before the length says so. */
static void log_need(struct needs_log *log, const struct need *need)
{
	struct log_head head = { (uint32_t)need->kind, need->object->len, need->program->len };
	size_t at = atomic_load_explicit(&log->len, memory_order_relaxed);
	size_t len = sizeof head + head.object_len + head.program_len;
	if (len > log->capacity - at) {
		atomic_store(&log->is_cut, true);
		return;
	}
	memcpy(log->data + at, &head, sizeof head);
	memcpy(log->data + at + sizeof head, need->object->data, head.object_len);
	memcpy(log->data + at + sizeof head + head.object_len, need->program->data, head.program_len);
	atomic_store_explicit(&log->len, at + len, memory_order_release); /* acquired by needs_read */
}

void needs_add(struct needs *needs, enum need_kind kind, struct bytes object, struct bytes program)
{
	bool nobodys = kind == NEED_MADE || kind == NEED_GONE;
	struct need need = { .kind = kind, .object = store_name(&needs->store, object),
			     .program = store_name(&needs->store, nobodys ? bytes_of("", 0) : program) };
	if (!need.object || !need.program)
		return;
	uint32_t hash = hash_need(&need);
	if (index_find(&needs->index, hash, is_same, needs, &need) != INDEX_NONE)
		return;
	if (!store_grow(&needs->store, &needs->list, needs->count, &needs->capacity, sizeof need) ||
	    !index_add(&needs->index, hash, needs->count)) {
		needs->store.failed = true;
		return;
	}
	needs->list[needs->count++] = need;
	if (needs->log)
		log_need(needs->log, &need);
}

struct needs *needs_read(const struct needs_log *log)
{
	struct needs *needs = needs_create(NULL);
	size_t len = atomic_load_explicit(&log->len, memory_order_acquire), at = 0;
	while (needs && at < len) {
		struct log_head head;
		memcpy(&head, log->data + at, sizeof head);
		const char *text = log->data + at + sizeof head;
		needs_add(needs, (enum need_kind)head.kind, bytes_of(text, head.object_len),
			  bytes_of(text + head.object_len, head.program_len));
		at += sizeof head + head.object_len + head.program_len;
	}
	if (needs)
		needs->is_cut = atomic_load(&log->is_cut);
	return needs;
}

const struct name *needs_name(struct needs *needs, struct bytes text)
{
	return store_name(&needs->store, text);
}

bool needs_are_whole(const struct needs *needs)
{
	return !needs->store.failed && !needs->is_cut && !(needs->log && atomic_load(&needs->log->is_cut));
}

uint32_t needs_count(const struct needs *needs)
{
	return needs->count;
}

const struct need *needs_at(const struct needs *needs, uint32_t position)
{
	return &needs->list[position];
}

bool needs_have(const struct needs *needs, enum need_kind kind, struct bytes object)
{
	struct need need = { .kind = kind, .object = store_find_name(&needs->store, object),
			     .program = store_find_name(&needs->store, bytes_of("", 0)) };
	return need.object && need.program &&
	       index_find(&needs->index, hash_need(&need), is_same, needs, &need) != INDEX_NONE;
}
