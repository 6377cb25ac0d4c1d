/* Named values: flags and enumerations, looked up and printed as strace prints them.
 * All of it is constant data from sets.def; thread-safe. */
#ifndef PTWRAP_DECODE_SETS_H
#define PTWRAP_DECODE_SETS_H

#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum set_kind { SET_KIND_FLAGS, SET_KIND_ENUM };

struct set_value {
	const char *name;
	uint64_t mask;  /* the bits that decide */
	uint64_t value; /* what they then are; 0 with mask 0: none set at all */
};

struct set {
	const char *name;    /* "open_flags" */
	const char *unknown; /* "O_???" */
	const struct set_value *values;
	uint16_t count;
	uint8_t kind; /* enum set_kind */
};

/* One object a set: set_open_flags, set_whence, ... */
#define FLAGS(set_name, unknown_name) extern const struct set set_##set_name;
#define ENUM(set_name, unknown_name) extern const struct set set_##set_name;
#define V(value_name, number)
#define M(value_name, bits, number)
#define END
#include "sets.def"
#undef FLAGS
#undef ENUM
#undef V
#undef M
#undef END

/* All sets, for walking over them; NULL-terminated. */
extern const struct set *const sets_all[];

/* The name of a value of an enumeration; NULL if it has none. */
const char *set_find(const struct set *set, uint64_t value);

/* The first line with that value of an enumeration whose lines ascend; NULL: there is none. */
const struct set_value *set_find_sorted(const struct set *set, uint64_t value);

/* Some value of it needs more than 32 bits. */
bool set_is_wide(const struct set *set);

/* O_RDONLY|O_CLOEXEC; what no name covers in hexadecimal. */
void set_print(struct strbuf *out, const struct set *set, uint64_t value);

/* The names alone: false, and nothing printed, if no bit of value has one. What is left over
 * follows in hexadecimal. */
bool set_print_known(struct strbuf *out, const struct set *set, uint64_t value);

#endif
