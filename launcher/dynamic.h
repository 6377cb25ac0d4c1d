/* Names in the dynamic section of a program that has just been executed, read from its memory: 64-bit, not yet relocated.
 *
 * Reading touches file-backed memory: a helper's work (helpers.h). The program may be anything: what cannot be
 * read, or is too large, has no names. Sources: elf(5), the gABI. */
#ifndef PTWRAP_DYNAMIC_H
#define PTWRAP_DYNAMIC_H

#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dynamic {
	struct strbuf strings, symbols; /* DT_STRTAB; DT_SYMTAB, as far as it lies before that */
};

/* The section at that address, of so many bytes; bias: what to add to an address as linked. */
void dynamic_read(pid_t tid, uint64_t address, uint64_t bytes, uint64_t bias, struct dynamic *dynamic);
void dynamic_free(struct dynamic *dynamic);

/* Does any of its names begin so? */
bool dynamic_has(const struct dynamic *dynamic, const char *prefix);

/* Is that a symbol that it needs and does not define? */
bool dynamic_imports(const struct dynamic *dynamic, const char *name);

#endif
