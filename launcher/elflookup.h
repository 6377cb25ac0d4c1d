/* Does a file define a dynamic symbol? It is looked up as loaders do it, by its hash, so that of a file of any
 * size a few bytes are read: headers, the dynamic section, one chain of one hash table.
 *
 * Nothing is mapped, nothing kept; the file may be anything, and may change meanwhile: then the answer is
 * worth what the file was. Sources: elf(5), the gABI; for DT_GNU_HASH glibc's elf/dl-lookup.c. */
#ifndef PTWRAP_ELFLOOKUP_H
#define PTWRAP_ELFLOOKUP_H

#include <stdbool.h>

/* "__libc_start_main" tells a libc. False too where this is no little-endian ELF64 file of type ET_DYN,
 * or one that no loader would find the symbol in. The descriptor's position stays. */
bool elflookup_defines(int fd, const char *symbol);

#endif
