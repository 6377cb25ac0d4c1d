/* See elfview.h. Must never follow an offset that it has not checked. */
#include "elfview.h"

#include <errno.h>
#include <string.h>

enum {
	FRAME_ENCODING = 0x1b, /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
	COUNT_ENCODING = 0x03, /* DW_EH_PE_udata4 */
	TABLE_ENCODING = 0x3b, /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */
	FRAMES_HEADER = 12,
	FRAMES_ENTRY = 8,
	FRAME_CIE = 4, /* in a frame's description: how far back its CIE lies */
	FRAME_START = 8,
	FRAME_LENGTH = 12,
	CIE_AUGMENTATION = 9,
	AUGMENTATION_MAX = 16,
};

static uint32_t load_32(const unsigned char *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t load_64(const unsigned char *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t load_signed(const unsigned char *at)
{
	return (uint64_t)(int64_t)(int32_t)load_32(at);
}

/* `len` bytes at this offset of the file, or NULL. */
static const unsigned char *in_file(const struct elfview *view, uint64_t offset, uint64_t len)
{
	if (offset > view->len || len > view->len - offset)
		return NULL;
	return view->bytes + offset;
}

bool elfview_is_shared_object(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_type == ET_DYN &&
	       header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum <= ELFVIEW_SEGMENTS_MAX;
}

int elfview_open(struct elfview *view, const void *bytes, size_t len)
{
	*view = (struct elfview){ .bytes = bytes, .len = len };
	if (len < sizeof(view->header))
		return -ENOEXEC;
	memcpy(&view->header, bytes, sizeof(view->header));
	if (!elfview_is_shared_object(&view->header))
		return -ENOEXEC;
	size_t size = view->header.e_phnum * sizeof(Elf64_Phdr);
	const unsigned char *table = in_file(view, view->header.e_phoff, size);
	if (!table)
		return -ENOEXEC;
	memcpy(view->segment, table, size);
	view->segments = view->header.e_phnum;
	for (size_t i = 0; i < view->segments; i++) {
		const Elf64_Phdr *segment = &view->segment[i];
		if (segment->p_type == PT_LOAD && !in_file(view, segment->p_offset, segment->p_filesz))
			return -ENOEXEC;
	}
	return 0;
}

const Elf64_Phdr *elfview_segment(const struct elfview *view, uint32_t type)
{
	for (size_t i = 0; i < view->segments; i++)
		if (view->segment[i].p_type == type)
			return &view->segment[i];
	return NULL;
}

const unsigned char *elfview_at(const struct elfview *view, uint64_t address, size_t len)
{
	for (size_t i = 0; i < view->segments; i++) {
		const Elf64_Phdr *segment = &view->segment[i];
		uint64_t at = address - segment->p_vaddr;
		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr && at <= segment->p_filesz &&
		    len <= segment->p_filesz - at)
			return view->bytes + segment->p_offset + at;
	}
	return NULL;
}

bool elfview_dynamic(const struct elfview *view, int64_t tag, uint64_t *value)
{
	const Elf64_Phdr *dynamic = elfview_segment(view, PT_DYNAMIC);
	const unsigned char *table = dynamic ? in_file(view, dynamic->p_offset, dynamic->p_filesz) : NULL;
	if (!table)
		return false;
	for (uint64_t at = 0; dynamic->p_filesz - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
		uint64_t found = load_64(table + at);
		if (found == DT_NULL)
			return false;
		if (found != (uint64_t)tag)
			continue;
		*value = load_64(table + at + sizeof(found));
		return true;
	}
	return false;
}

/* The second word of the older hash table is the number of symbols. */
static bool count_by_hash(const struct elfview *view, size_t *count)
{
	uint64_t address;
	const unsigned char *table;
	if (!elfview_dynamic(view, DT_HASH, &address) || !(table = elfview_at(view, address, 8)))
		return false;
	*count = load_32(table + 4);
	return true;
}

/* In the newer one the last symbol is the end of the chain that begins highest. */
static bool count_by_gnu_hash(const struct elfview *view, size_t *count)
{
	uint64_t address;
	const unsigned char *header;
	if (!elfview_dynamic(view, DT_GNU_HASH, &address) || !(header = elfview_at(view, address, 16)))
		return false;
	size_t buckets = load_32(header), first = load_32(header + 4), filter = load_32(header + 8);
	const unsigned char *bucket = elfview_at(view, address + 16 + 8 * filter, 4 * buckets);
	if (!bucket)
		return false;
	size_t last = 0;
	for (size_t i = 0; i < buckets; i++)
		if (load_32(bucket + 4 * i) > last)
			last = load_32(bucket + 4 * i);
	if (last < first) {
		*count = first;
		return true;
	}
	uint64_t chains = address + 16 + 8 * filter + 4 * buckets;
	for (const unsigned char *hash; (hash = elfview_at(view, chains + 4 * (last - first), 4)); last++) {
		if (!(load_32(hash) & 1))
			continue;
		*count = last + 1;
		return true;
	}
	return false;
}

bool elfview_symbols(const struct elfview *view, struct elfview_symbols *symbols)
{
	uint64_t table, names, names_len;
	*symbols = (struct elfview_symbols){ 0 };
	if (!elfview_dynamic(view, DT_SYMTAB, &table) || !elfview_dynamic(view, DT_STRTAB, &names) ||
	    !elfview_dynamic(view, DT_STRSZ, &names_len))
		return false;
	if (!count_by_hash(view, &symbols->count) && !count_by_gnu_hash(view, &symbols->count))
		return false;
	if (symbols->count > view->len / sizeof(Elf64_Sym))
		return false;
	symbols->table = elfview_at(view, table, symbols->count * sizeof(Elf64_Sym));
	symbols->names = (const char *)elfview_at(view, names, names_len);
	symbols->names_len = names_len;
	return symbols->table && symbols->names;
}

Elf64_Sym elfview_symbol(const struct elfview_symbols *symbols, size_t index, const char **name)
{
	Elf64_Sym symbol;
	memcpy(&symbol, symbols->table + index * sizeof(symbol), sizeof(symbol));
	size_t left = symbol.st_name < symbols->names_len ? symbols->names_len - symbol.st_name : 0;
	bool is_whole = left > 0 && memchr(symbols->names + symbol.st_name, '\0', left);
	*name = is_whole ? symbols->names + symbol.st_name : "";
	return symbol;
}

bool elfview_frames(const struct elfview *view, struct elfview_frames *frames)
{
	const Elf64_Phdr *segment = elfview_segment(view, PT_GNU_EH_FRAME);
	*frames = (struct elfview_frames){ 0 };
	if (!segment || segment->p_filesz < FRAMES_HEADER)
		return false;
	const unsigned char *header = elfview_at(view, segment->p_vaddr, segment->p_filesz);
	static const unsigned char usual[4] = { 1, FRAME_ENCODING, COUNT_ENCODING, TABLE_ENCODING };
	if (!header || memcmp(header, usual, sizeof(usual)) != 0)
		return false;
	size_t room = (segment->p_filesz - FRAMES_HEADER) / FRAMES_ENTRY, count = load_32(header + 8);
	frames->address = segment->p_vaddr;
	frames->table = header + FRAMES_HEADER;
	frames->count = count < room ? count : room;
	return true;
}

/* The CIE's augmentation is a string of letters; S is the signal frames'. */
static bool is_signal_frame(const struct elfview *view, uint64_t cie)
{
	for (uint64_t at = cie + CIE_AUGMENTATION; at < cie + CIE_AUGMENTATION + AUGMENTATION_MAX; at++) {
		const unsigned char *letter = elfview_at(view, at, 1);
		if (!letter || !*letter)
			return false;
		if (*letter == 'S')
			return true;
	}
	return false;
}

/* A frame that gives the start which the table gives is encoded as expected, its length then too. */
struct elfview_frame elfview_frame(const struct elfview *view, const struct elfview_frames *frames,
				   size_t index)
{
	const unsigned char *entry = frames->table + FRAMES_ENTRY * index;
	uint64_t start = frames->address + load_signed(entry);
	uint64_t address = frames->address + load_signed(entry + 4);
	struct elfview_frame frame = { .start = start, .end = start };
	const unsigned char *bytes = elfview_at(view, address, FRAME_LENGTH + 4);
	if (!bytes || address + FRAME_START + load_signed(bytes + FRAME_START) != start)
		return frame;
	frame.end += load_32(bytes + FRAME_LENGTH);
	frame.is_signal = is_signal_frame(view, address + FRAME_CIE - load_32(bytes + FRAME_CIE));
	return frame;
}

bool elfview_next_code(const struct elfview *view, size_t *index, uint64_t *start, uint64_t *end)
{
	const Elf64_Ehdr *header = &view->header;
	size_t size = header->e_shnum * sizeof(Elf64_Shdr);
	const unsigned char *table = in_file(view, header->e_shoff, size);
	if (!table || header->e_shentsize != sizeof(Elf64_Shdr))
		return false;
	while (*index < header->e_shnum) {
		Elf64_Shdr section;
		memcpy(&section, table + *index * sizeof(section), sizeof(section));
		++*index;
		if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR))
			continue;
		*start = section.sh_addr;
		*end = section.sh_addr + section.sh_size;
		return true;
	}
	return false;
}
