/* A 64-bit ELF shared object as a file's bytes: what lies where, which symbols it defines, where its
 * functions are.
 *
 * Pure functions over bytes that somebody else owns and that may be anything: every number found there
 * is checked against their length. Sources: elf(5), the gABI, and for .eh_frame_hdr the Linux Standard
 * Base 5.0 core, 10.6. */
#ifndef PTWRAP_ELFVIEW_H
#define PTWRAP_ELFVIEW_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELFVIEW_SEGMENTS_MAX = 32 };

struct elfview {
	const unsigned char *bytes;
	size_t len;
	Elf64_Ehdr header;
	Elf64_Phdr segment[ELFVIEW_SEGMENTS_MAX]; /* those of type PT_LOAD lie within the file */
	size_t segments;
};

/* Little-endian ELF64 of type ET_DYN, with no more program headers than a view holds? */
bool elfview_is_shared_object(const Elf64_Ehdr *header);

/* 0, or -ENOEXEC where this is no little-endian ELF64 file of type ET_DYN with sound program headers.
 * The view points to the bytes, and has nothing to free. */
int elfview_open(struct elfview *view, const void *bytes, size_t len);

/* The first program header of this type, NULL if there is none. */
const Elf64_Phdr *elfview_segment(const struct elfview *view, uint32_t type);

/* The `len` bytes that are loaded to this address, NULL if they are not all in the file, in one segment. */
const unsigned char *elfview_at(const struct elfview *view, uint64_t address, size_t len);

/* Value of an entry of the dynamic section; false if it has none of this tag. */
bool elfview_dynamic(const struct elfview *view, int64_t tag, uint64_t *value);

/* The dynamic symbol table, found as a loader finds it, by its hash table: section headers may lack. */
struct elfview_symbols {
	const unsigned char *table;
	size_t count;
	const char *names;
	size_t names_len;
};

/* False if there is none. */
bool elfview_symbols(const struct elfview *view, struct elfview_symbols *symbols);
/* index < count; the name is "" where it cannot be told. */
Elf64_Sym elfview_symbol(const struct elfview_symbols *symbols, size_t index, const char **name);

/* The functions that have unwind information, by PT_GNU_EH_FRAME's table, in its order. */
struct elfview_frames {
	const unsigned char *table;
	size_t count;
	uint64_t address; /* of .eh_frame_hdr */
};

/* False if there is none, or one encoded in another way than linkers do. */
bool elfview_frames(const struct elfview *view, struct elfview_frames *frames);

struct elfview_frame {
	uint64_t start, end; /* equal where the length cannot be told */
	bool is_signal;      /* the kernel enters here to return from a signal handler */
};

/* index < count. */
struct elfview_frame elfview_frame(const struct elfview *view, const struct elfview_frames *frames,
				   size_t index);

/* Addresses of the executable section with the lowest index >= *index, which is then put behind it.
 * False when there are no more, or no section headers. */
bool elfview_next_code(const struct elfview *view, size_t *index, uint64_t *start, uint64_t *end);

#endif
