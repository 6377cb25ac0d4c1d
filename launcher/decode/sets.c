/* Owns the tables of sets.def and the one way they are printed: see sets.h. Never looks at an
 * event. */
#include "sets.h"

#include <inttypes.h>

#define FLAGS(set_name, unknown_name) static const struct set_value values_##set_name[] = {
#define ENUM(set_name, unknown_name) static const struct set_value values_##set_name[] = {
#define V(value_name, number) { #value_name, number, number },
#define M(value_name, bits, number) { #value_name, bits, number },
#define END };
#include "sets.def"
#undef FLAGS
#undef ENUM
#undef V
#undef M
#undef END

#define DEFINE(set_name, unknown_name, set_kind) \
	const struct set set_##set_name = { \
		.name = #set_name, \
		.unknown = unknown_name, \
		.values = values_##set_name, \
		.count = sizeof values_##set_name / sizeof *values_##set_name, \
		.kind = set_kind, \
	};
#define FLAGS(set_name, unknown_name) DEFINE(set_name, unknown_name, SET_KIND_FLAGS)
#define ENUM(set_name, unknown_name) DEFINE(set_name, unknown_name, SET_KIND_ENUM)
#define V(value_name, number)
#define M(value_name, bits, number)
#define END
#include "sets.def"
#undef FLAGS
#undef ENUM

#define FLAGS(set_name, unknown_name) &set_##set_name,
#define ENUM(set_name, unknown_name) &set_##set_name,
const struct set *const sets_all[] = {
#include "sets.def"
	NULL
};

const char *set_find(const struct set *set, uint64_t value)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].value == value)
			return set->values[i].name;
	return NULL;
}

const struct set_value *set_find_sorted(const struct set *set, uint64_t value)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->values[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->values[low].value == value ? &set->values[low] : NULL;
}

bool set_is_wide(const struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].value > UINT32_MAX)
			return true;
	return false;
}

static void print_joined(struct strbuf *out, bool *any, const char *name)
{
	if (*any)
		strbuf_add_char(out, '|');
	strbuf_add_string(out, name);
	*any = true;
}

static bool covers(const struct set_value *candidate, uint64_t value, uint64_t rest)
{
	if (candidate->mask == 0)
		return value == 0;
	if ((rest & candidate->mask) != candidate->value)
		return false;
	/* A field that is all zero is named with the value as a whole, not again and again. */
	return candidate->value != 0 || (value & candidate->mask) == 0;
}

bool set_print_known(struct strbuf *out, const struct set *set, uint64_t value)
{
	uint64_t rest = value;
	bool any = false;
	for (size_t i = 0; i < set->count; i++) {
		const struct set_value *candidate = &set->values[i];
		if (!covers(candidate, value, rest))
			continue;
		print_joined(out, &any, candidate->name);
		rest &= ~candidate->mask;
	}
	if (any && rest)
		strbuf_addf(out, "|0x%" PRIx64, rest);
	return any;
}

static void print_unknown(struct strbuf *out, const struct set *set, uint64_t value)
{
	if (set->kind == SET_KIND_FLAGS && value == 0)
		strbuf_add_char(out, '0');
	else if (value == 0)
		strbuf_addf(out, "0 /* %s */", set->unknown);
	else
		strbuf_addf(out, "0x%" PRIx64 " /* %s */", value, set->unknown);
}

void set_print(struct strbuf *out, const struct set *set, uint64_t value)
{
	if (set->kind == SET_KIND_FLAGS) {
		if (!set_print_known(out, set, value))
			print_unknown(out, set, value);
		return;
	}
	const char *name = set_find(set, value);
	if (name)
		strbuf_add_string(out, name);
	else
		print_unknown(out, set, value);
}
