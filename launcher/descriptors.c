/* Tables of descriptors: see descriptors.h.
 *
 *   descriptors --> table --> entries, by descriptor --> name
 *
 * A table may belong to several `descriptors`, the copies that nobody has changed yet, and a name
 * to several entries; both are counted. Nearly all tables hold fewer than ten entries, so they are
 * small sorted arrays. */
#include "descriptors.h"

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>

struct name {
	unsigned refs;
	size_t len;
	char data[];
};

struct entry {
	int fd;
	struct name *name, *before; /* before: what was there until then; NULL: not known */
	uint64_t since_ns, before_ns; /* when each got there */
};

struct table {
	unsigned refs, count, capacity;
	struct entry *entries;
};

struct descriptors {
	unsigned refs;
	struct table *table; /* NULL: empty */
};

struct workdir {
	unsigned refs;
	struct name *name;
};

/* When the call that is looked at began, and when it had its effect. */
static struct {
	uint64_t begin_ns, effect_ns;
} call_time = { UINT64_MAX, UINT64_MAX };

void descriptors_at(uint64_t begin_ns, uint64_t effect_ns)
{
	call_time.begin_ns = begin_ns;
	call_time.effect_ns = effect_ns;
}

/* What has no time was so from the beginning. */
static uint64_t call_since(void)
{
	return call_time.effect_ns == UINT64_MAX ? 0 : call_time.effect_ns;
}

/* Told late: another call has put something else there since. */
static bool is_outdated(const struct entry *entry)
{
	return entry->since_ns > call_time.effect_ns;
}

/* ---- names ---- */

static struct name *name_create(struct bytes bytes)
{
	struct name *name = bytes.len ? memory_checked(malloc(sizeof *name + bytes.len)) : NULL;
	if (!name)
		return NULL;
	name->refs = 1;
	name->len = bytes.len;
	memcpy(name->data, bytes.data, bytes.len);
	return name;
}

static struct name *name_share(struct name *name)
{
	if (name)
		name->refs++;
	return name;
}

static void name_release(struct name *name)
{
	if (name && --name->refs == 0)
		free(name);
}

static void entry_share(const struct entry *entry)
{
	name_share(entry->name);
	name_share(entry->before);
}

static void entry_release(const struct entry *entry)
{
	name_release(entry->name);
	name_release(entry->before);
}

/* ---- tables ---- */

static void table_release(struct table *table)
{
	if (!table || --table->refs > 0)
		return;
	for (unsigned i = 0; i < table->count; i++)
		entry_release(&table->entries[i]);
	free(table->entries);
	free(table);
}

static bool table_reserve(struct table *table, unsigned count)
{
	if (count <= table->capacity)
		return true;
	unsigned capacity = table->capacity ? table->capacity * 2 : 8;
	capacity = capacity > count ? capacity : count;
	struct entry *entries = realloc(table->entries, capacity * sizeof *entries);
	if (!entries) {
		memory_checked(entries);
		return false;
	}
	table->entries = entries;
	table->capacity = capacity;
	return true;
}

static struct table *table_copy(const struct table *table)
{
	struct table *copy = memory_checked(calloc(1, sizeof *copy));
	if (!copy)
		return NULL;
	copy->refs = 1;
	if (!table || !table->count || !table_reserve(copy, table->count))
		return copy;
	memcpy(copy->entries, table->entries, table->count * sizeof *copy->entries);
	copy->count = table->count;
	for (unsigned i = 0; i < copy->count; i++)
		entry_share(&copy->entries[i]);
	return copy;
}

/* A table that may be changed: the only one's who asks. NULL: without memory, where all is forgotten. */
static struct table *own_table(struct descriptors *descriptors)
{
	struct table *table = descriptors->table;
	if (table && table->refs == 1)
		return table;
	descriptors->table = table_copy(table);
	if (table)
		table->refs--; /* others have it */
	return descriptors->table;
}

/* The position of fd, or where it belongs. */
static unsigned position_of(const struct table *table, int fd)
{
	unsigned low = 0, high = table->count;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (table->entries[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct table *table, unsigned position, int fd)
{
	return position < table->count && table->entries[position].fd == fd;
}

/* Takes the name over; NULL takes the entry out. */
static void put(struct descriptors *descriptors, int fd, struct name *name)
{
	struct table *table = name || descriptors->table ? own_table(descriptors) : NULL;
	if (!table) {
		name_release(name);
		return;
	}
	unsigned at = position_of(table, fd);
	if (is_at(table, at, fd) && is_outdated(&table->entries[at])) {
		name_release(name);
		return;
	}
	if (is_at(table, at, fd) && name) {
		struct entry *entry = &table->entries[at];
		name_release(entry->before);
		*entry = (struct entry){ fd, name, entry->name, call_since(), entry->since_ns };
		return;
	}
	if (is_at(table, at, fd)) {
		entry_release(&table->entries[at]);
		table->count--;
		memmove(&table->entries[at], &table->entries[at + 1], (table->count - at) * sizeof *table->entries);
		return;
	}
	if (!name || table->count == DESCRIPTORS_MAX || !table_reserve(table, table->count + 1)) {
		name_release(name);
		return;
	}
	memmove(&table->entries[at + 1], &table->entries[at], (table->count - at) * sizeof *table->entries);
	table->entries[at] = (struct entry){ fd, name, NULL, call_since(), 0 };
	table->count++;
}

/* What fd was when the call began; NULL: that is not known. */
static struct name *name_at(const struct table *table, int fd)
{
	unsigned at = table ? position_of(table, fd) : 0;
	if (!table || !is_at(table, at, fd))
		return NULL;
	const struct entry *entry = &table->entries[at];
	if (entry->since_ns <= call_time.begin_ns)
		return entry->name;
	return entry->before_ns <= call_time.begin_ns ? entry->before : NULL;
}

/* ---- descriptors ---- */

struct descriptors *descriptors_create(void)
{
	struct descriptors *descriptors = memory_checked(calloc(1, sizeof *descriptors));
	if (descriptors)
		descriptors->refs = 1;
	return descriptors;
}

struct descriptors *descriptors_share(struct descriptors *descriptors)
{
	if (descriptors)
		descriptors->refs++;
	return descriptors;
}

struct descriptors *descriptors_copy(const struct descriptors *descriptors)
{
	struct descriptors *copy = descriptors ? descriptors_create() : NULL;
	if (!copy)
		return NULL;
	copy->table = descriptors->table;
	if (copy->table)
		copy->table->refs++;
	return copy;
}

void descriptors_release(struct descriptors *descriptors)
{
	if (!descriptors || --descriptors->refs > 0)
		return;
	table_release(descriptors->table);
	free(descriptors);
}

void descriptors_set(struct descriptors *descriptors, int fd, struct bytes name)
{
	if (!descriptors || fd < 0)
		return;
	put(descriptors, fd, name_create(name));
}

void descriptors_duplicate(struct descriptors *descriptors, int from, int to)
{
	if (!descriptors || from < 0 || to < 0 || from == to)
		return;
	put(descriptors, to, name_share(name_at(descriptors->table, from)));
}

void descriptors_forget(struct descriptors *descriptors, unsigned first, unsigned last)
{
	if (!descriptors || !descriptors->table || first > INT32_MAX || first > last)
		return;
	int end = last > INT32_MAX ? INT32_MAX : (int)last;
	unsigned at = position_of(descriptors->table, (int)first);
	if (at == descriptors->table->count || descriptors->table->entries[at].fd > end)
		return;
	struct table *table = own_table(descriptors);
	if (!table || !table->count)
		return;
	unsigned behind = at, kept = at;
	for (; behind < table->count && table->entries[behind].fd <= end; behind++) {
		if (is_outdated(&table->entries[behind]))
			table->entries[kept++] = table->entries[behind];
		else
			entry_release(&table->entries[behind]);
	}
	memmove(&table->entries[kept], &table->entries[behind], (table->count - behind) * sizeof *table->entries);
	table->count -= behind - kept;
}

void descriptors_load(struct descriptors *descriptors, struct bytes list)
{
	struct bytes line;
	if (!descriptors)
		return;
	table_release(descriptors->table);
	descriptors->table = NULL;
	while (bytes_next_string(&list, &line)) {
		unsigned fd = 0;
		size_t at = 0;
		while (at < line.len && line.data[at] >= '0' && line.data[at] <= '9' && fd < INT32_MAX / 16)
			fd = fd * 10 + (unsigned)(line.data[at++] - '0');
		if (at > 0 && at < line.len && line.data[at] == '=')
			descriptors_set(descriptors, (int)fd, bytes_of(line.data + at + 1, line.len - at - 1));
	}
}

static bool is_untold(const struct name *name)
{
	return bytes_equal(bytes_of(name->data, name->len), bytes_of_string(DESCRIPTORS_UNTOLD));
}

static const struct name *find_name(const struct descriptors *descriptors, int fd)
{
	return descriptors && fd >= 0 ? name_at(descriptors->table, fd) : NULL;
}

bool descriptors_is_untold(const struct descriptors *descriptors, int fd)
{
	const struct table *table = descriptors && fd >= 0 ? descriptors->table : NULL;
	unsigned at = table ? position_of(table, fd) : 0;
	if (!table || !is_at(table, at, fd))
		return false;
	const struct name *found = name_at(table, fd);
	return !found || is_untold(found);
}

bool descriptors_name(const struct descriptors *descriptors, int fd, struct bytes *name)
{
	const struct name *found = find_name(descriptors, fd);
	if (!found || is_untold(found))
		return false;
	*name = bytes_of(found->data, found->len);
	return true;
}

/* The name behind a move; NULL: it stays. */
static struct name *name_moved(const struct name *name, struct bytes from, struct bytes to)
{
	if (!name || !from.len || name->len < from.len || memcmp(name->data, from.data, from.len) != 0 ||
	    (name->len > from.len && name->data[from.len] != '/'))
		return NULL;
	size_t rest = name->len - from.len;
	struct name *moved = memory_checked(malloc(sizeof *moved + to.len + rest));
	if (!moved)
		return NULL;
	moved->refs = 1;
	moved->len = to.len + rest;
	memcpy(moved->data, to.data, to.len);
	memcpy(moved->data + to.len, name->data + from.len, rest);
	return moved;
}

void descriptors_moved(struct descriptors *descriptors, struct bytes from, struct bytes to)
{
	struct table *table = descriptors ? descriptors->table : NULL;
	for (unsigned i = 0; table && i < table->count; i++) {
		struct name *moved = name_moved(table->entries[i].name, from, to);
		if (!moved)
			continue;
		name_release(table->entries[i].name);
		table->entries[i].name = moved;
	}
}

/* ---- working directories ---- */

void workdir_moved(struct workdir *workdir, struct bytes from, struct bytes to)
{
	struct name *moved = workdir ? name_moved(workdir->name, from, to) : NULL;
	if (!moved)
		return;
	name_release(workdir->name);
	workdir->name = moved;
}

struct workdir *workdir_create(struct bytes name)
{
	struct workdir *workdir = memory_checked(calloc(1, sizeof *workdir));
	if (!workdir)
		return NULL;
	workdir->refs = 1;
	workdir->name = name_create(name);
	return workdir;
}

struct workdir *workdir_share(struct workdir *workdir)
{
	if (workdir)
		workdir->refs++;
	return workdir;
}

struct workdir *workdir_copy(const struct workdir *workdir)
{
	struct workdir *copy = workdir ? workdir_create(bytes_of(NULL, 0)) : NULL;
	if (copy)
		copy->name = name_share(workdir->name);
	return copy;
}

void workdir_release(struct workdir *workdir)
{
	if (!workdir || --workdir->refs > 0)
		return;
	name_release(workdir->name);
	free(workdir);
}

void workdir_set(struct workdir *workdir, struct bytes name)
{
	struct bytes known;
	if (!workdir || (workdir_name(workdir, &known) && bytes_equal(known, name)))
		return;
	struct name *fresh = name_create(name);
	name_release(workdir->name);
	workdir->name = fresh;
}

bool workdir_name(const struct workdir *workdir, struct bytes *name)
{
	if (!workdir || !workdir->name)
		return false;
	*name = bytes_of(workdir->name->data, workdir->name->len);
	return true;
}
