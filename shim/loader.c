/* Walks the loader's list of objects, and each object's headers in memory. Owns nothing; must never
 * read an address merely because it is likely to be mapped.
 *
 * How an object's ELF header is found without that: the tables that its dynamic section names
 * (symbols, strings, hash) have been read by the loader, so their pages are mapped. Linkers put the
 * first of them right behind the headers, into the file's first page. If that page begins with the
 * ELF magic, it is the header; the notes are read only where a loadable segment holds them. */
#include "loader.h"

#include "memory.h"

#include <stdint.h>

enum { PAGE = 4096, BUILD_ID_MAX = 64, NOTES_MAX = 4096 };

#define OBJECT_MAX_BYTES ((uint64_t)1 << 32)

extern struct r_debug _r_debug __attribute__((weak));        /* glibc */
extern struct r_debug *_dl_debug_addr __attribute__((weak)); /* musl */
extern const ElfW(Dyn) own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

struct image {
	const ElfW(Phdr) *headers;
	size_t count;
	uint64_t bias; /* load address less the address in the file */
};

const struct link_map *loader_first(void)
{
	const struct r_debug *debug = &_r_debug;
	if (!debug && &_dl_debug_addr)
		debug = _dl_debug_addr;
	return debug && debug->r_version >= 1 ? debug->r_map : NULL;
}

const struct link_map *loader_next(const struct link_map *object)
{
	const struct link_map *next = object->l_next;
	return next && next->l_prev == object ? next : NULL;
}

bool loader_is_shim(const struct link_map *object)
{
	return object->l_ld == own_dynamic;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

/* Some loaders turn the addresses in a dynamic section into those in memory, some leave them. */
static uint64_t table_address(const struct link_map *object, uint64_t value)
{
	uint64_t dynamic = (uintptr_t)object->l_ld;
	uint64_t moved = value + object->l_addr;
	return distance(value, dynamic) < distance(moved, dynamic) ? value : moved;
}

static bool is_table(int64_t tag)
{
	return tag == DT_HASH || tag == DT_GNU_HASH || tag == DT_SYMTAB || tag == DT_STRTAB;
}

static uint64_t first_table(const struct link_map *object)
{
	uint64_t first = UINT64_MAX;
	for (const ElfW(Dyn) *entry = object->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (!is_table(entry->d_tag))
			continue;
		uint64_t address = table_address(object, entry->d_un.d_ptr);
		if (address < first)
			first = address;
	}
	return first;
}

static bool is_header(const ElfW(Ehdr) *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_phentsize == sizeof(ElfW(Phdr)) &&
	       header->e_phoff >= sizeof(*header) && header->e_phoff % sizeof(uint64_t) == 0 &&
	       header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) <= PAGE;
}

static bool find_image(const struct link_map *object, struct image *image)
{
	uint64_t table = first_table(object);
	if (table == UINT64_MAX || distance(table, (uintptr_t)object->l_ld) >= OBJECT_MAX_BYTES)
		return false;
	const ElfW(Ehdr) *header = (const void *)(uintptr_t)(table & -(uint64_t)PAGE);
	if (!is_header(header))
		return false;
	image->headers = (const void *)((const char *)header + header->e_phoff);
	image->count = header->e_phnum;
	image->bias = object->l_addr;
	for (size_t i = 0; i < image->count; i++) {
		const ElfW(Phdr) *segment = &image->headers[i];
		if (segment->p_type == PT_LOAD && segment->p_offset == 0)
			return segment->p_vaddr + image->bias == (uintptr_t)header;
	}
	return false;
}

/* Does a readable segment hold these bytes of the file's address space? */
static bool is_loaded(const struct image *image, uint64_t address, uint64_t len)
{
	for (size_t i = 0; i < image->count; i++) {
		const ElfW(Phdr) *segment = &image->headers[i];
		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_R) && address >= segment->p_vaddr &&
		    address - segment->p_vaddr <= segment->p_filesz &&
		    len <= segment->p_filesz - (address - segment->p_vaddr))
			return true;
	}
	return false;
}

static size_t padded(size_t len, size_t alignment)
{
	return (len + alignment - 1) & -alignment;
}

static bool is_build_id(const ElfW(Nhdr) *note, const char *name)
{
	return note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof(ELF_NOTE_GNU) &&
	       memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 && note->n_descsz > 0 &&
	       note->n_descsz <= BUILD_ID_MAX;
}

static const void *find_in_notes(const char *notes, size_t left, size_t alignment, size_t *len)
{
	ElfW(Nhdr) note;
	while (left >= sizeof(note)) {
		memcpy(&note, notes, sizeof(note));
		size_t name_len = padded(note.n_namesz, alignment);
		size_t total = sizeof(note) + name_len + padded(note.n_descsz, alignment);
		if (total > left)
			return NULL;
		if (is_build_id(&note, notes + sizeof(note))) {
			*len = note.n_descsz;
			return notes + sizeof(note) + name_len;
		}
		notes += total;
		left -= total;
	}
	return NULL;
}

const void *loader_build_id(const struct link_map *object, size_t *len)
{
	struct image image;
	if (!object->l_ld || !find_image(object, &image))
		return NULL;
	for (size_t i = 0; i < image.count; i++) {
		const ElfW(Phdr) *segment = &image.headers[i];
		if (segment->p_type != PT_NOTE || segment->p_filesz > NOTES_MAX ||
		    !is_loaded(&image, segment->p_vaddr, segment->p_filesz))
			continue;
		const char *notes = (const char *)(uintptr_t)(segment->p_vaddr + image.bias);
		const void *id = find_in_notes(notes, segment->p_filesz, segment->p_align == 8 ? 8 : 4, len);
		if (id)
			return id;
	}
	return NULL;
}
