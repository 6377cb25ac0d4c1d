/* Notes, losses and completeness: see coverage.h. */
#include "model/coverage.h"

#include <stdlib.h>

enum { SEEN = false, GAP = true };

static const struct coverage_kind kinds[] = {
#define KIND(word, gap, meaning) { word, gap, meaning },
#include "coverage.def"
#undef KIND
};

const struct coverage_kind *coverage_kind_at(size_t position)
{
	return position < sizeof kinds / sizeof *kinds ? &kinds[position] : NULL;
}

const struct coverage_kind *coverage_kind_by_word(struct bytes word)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (bytes_equal(bytes_of_string(kinds[i].word), word))
			return &kinds[i];
	return NULL;
}

void coverage_init(struct coverage *coverage, struct store *store)
{
	coverage->store = store;
}

void coverage_free(struct coverage *coverage)
{
	index_free(&coverage->index);
	index_free(&coverage->kinds);
}

static bool same_note(const void *context, uint32_t position, const void *key)
{
	const struct coverage_note *known = &((const struct coverage *)context)->notes[position];
	const struct coverage_note *wanted = key;
	return known->process == wanted->process && known->kind == wanted->kind &&
	       known->text == wanted->text;
}

static uint32_t hash_note(const struct coverage_note *note)
{
	const struct {
		const void *kind, *text;
		uint64_t process;
	} key = { note->kind, note->text, note->process };
	return store_hash(&key, sizeof key);
}

static int compare_notes(const void *a, const void *b)
{
	const struct coverage_note *left = a, *right = b;
	if (left->at_ns != right->at_ns)
		return left->at_ns < right->at_ns ? -1 : 1;
	if (left->process != right->process)
		return left->process < right->process ? -1 : 1;
	int order = strcmp(left->kind->data, right->kind->data);
	return order ? order : bytes_compare(name_bytes(left->text), name_bytes(right->text));
}

static bool same_kind(const void *context, uint32_t position, const void *key)
{
	const struct coverage_note *known = &((const struct coverage *)context)->notes[position];
	const struct coverage_note *wanted = key;
	return known->process == wanted->process && known->kind == wanted->kind;
}

static void index_note(struct coverage *coverage, uint32_t position)
{
	const struct coverage_note *note = &coverage->notes[position];
	struct coverage_note any = { .process = note->process, .kind = note->kind };
	uint32_t hash = hash_note(&any);
	coverage->store->failed |= !index_add(&coverage->index, hash_note(note), position);
	if (index_find(&coverage->kinds, hash, same_kind, coverage, &any) == INDEX_NONE)
		coverage->store->failed |= !index_add(&coverage->kinds, hash, position);
}

static void keep_note(struct coverage *coverage, const struct coverage_note *note)
{
	if (!store_grow(coverage->store, &coverage->notes, coverage->count, &coverage->capacity,
			sizeof *coverage->notes))
		return;
	coverage->notes[coverage->count] = *note;
	index_note(coverage, coverage->count++);
}

static void sort_notes(struct coverage *coverage)
{
	if (coverage->count < 2)
		return;
	qsort(coverage->notes, coverage->count, sizeof *coverage->notes, compare_notes);
	index_free(&coverage->index);
	index_free(&coverage->kinds);
	for (uint32_t i = 0; i < coverage->count; i++)
		index_note(coverage, i);
}

void coverage_add(struct coverage *coverage, uint64_t at_ns, uint32_t process, struct bytes kind,
		  struct bytes text)
{
	const struct coverage_kind *known = coverage_kind_by_word(kind);
	if (text.len == 0 && known)
		text = bytes_of_string(known->meaning);
	struct coverage_note note = { .at_ns = at_ns, .process = process,
				      .kind = store_name(coverage->store, kind),
				      .text = store_name(coverage->store, text),
				      .gap = !known || known->gap };
	if (!note.kind || !note.text)
		return;
	uint32_t found = index_find(&coverage->index, hash_note(&note), same_note, coverage, &note);
	if (found == INDEX_NONE) {
		keep_note(coverage, &note);
		return;
	}
	struct coverage_note *first = &coverage->notes[found];
	first->at_ns = at_ns < first->at_ns ? at_ns : first->at_ns;
}

bool coverage_has(const struct coverage *coverage, uint32_t process, const char *kind)
{
	struct coverage_note wanted = { .process = process, .text = NULL,
					.kind = store_find_name(coverage->store, bytes_of_string(kind)) };
	return wanted.kind && index_find(&coverage->kinds, hash_note(&wanted), same_kind, coverage,
					 &wanted) != INDEX_NONE;
}

bool coverage_cut(const struct coverage *coverage, const char *kind)
{
	for (uint32_t i = 0; i < coverage->cut_count; i++)
		if (strcmp(coverage->cuts[i].kind->data, kind) == 0)
			return true;
	return false;
}

void coverage_add_end(struct coverage *coverage, const struct event *event)
{
	struct bytes cuts = event->end.truncated, cut;
	coverage->lost = event->end.lost_records;
	while (bytes_next_string(&cuts, &cut)) {
		const char *equals = memchr(cut.data, '=', cut.len);
		size_t len = equals ? (size_t)(equals - cut.data) : cut.len;
		struct coverage_cut entry = { .kind = store_name(coverage->store,
								 bytes_of(cut.data, len)) };
		for (size_t i = len + 1; i < cut.len && cut.data[i] >= '0' && cut.data[i] <= '9'; i++)
			entry.count = entry.count * 10 + (uint64_t)(cut.data[i] - '0');
		if (entry.kind && entry.count &&
		    store_grow(coverage->store, &coverage->cuts, coverage->cut_count,
			       &coverage->cut_capacity, sizeof *coverage->cuts))
			coverage->cuts[coverage->cut_count++] = entry;
	}
}

static int compare_cuts(const void *a, const void *b)
{
	const struct coverage_cut *left = a, *right = b;
	return bytes_compare(name_bytes(left->kind), name_bytes(right->kind));
}

void coverage_finish(struct coverage *coverage)
{
	coverage->complete = coverage->lost == 0 && coverage->cut_count == 0;
	for (uint32_t i = 0; i < coverage->count; i++)
		coverage->complete &= !coverage->notes[i].gap;
	sort_notes(coverage);
	if (coverage->cut_count > 1)
		qsort(coverage->cuts, coverage->cut_count, sizeof *coverage->cuts, compare_cuts);
}
