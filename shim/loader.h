/* What the dynamic loader mapped, as its list for debuggers tells it. Reads own memory only, and
 * only such as is known to be mapped: it makes no calls and cannot fault on a list that the loader
 * made. */
#ifndef PTWRAP_SHIM_LOADER_H
#define PTWRAP_SHIM_LOADER_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

/* The first object in the list, the program itself; NULL where no list is to be found. */
const struct link_map *loader_first(void);

/* The next one; NULL at the end, or where the list stops being one. */
const struct link_map *loader_next(const struct link_map *object);

bool loader_is_shim(const struct link_map *object);

/* The build id of an object: its bytes and *len; NULL if it has none that can be found. */
const void *loader_build_id(const struct link_map *object, size_t *len);

#endif
