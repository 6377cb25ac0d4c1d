/* See x86_64_text.h. Of targets it would rather know too many than too few. */
#include "arch/x86_64_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TWO_BYTES = 0x0f, SYSCALL_OPCODE = 0x05 };
enum { TAG_RELRSZ = 35, TAG_RELR = 36 }; /* DT_RELRSZ, DT_RELR, which not every elf.h has */

static bool offset_of(const struct x86_text *text, uint64_t address, size_t *at)
{
	*at = (size_t)(address - text->address);
	return address >= text->address && *at <= text->len;
}

static bool mark(struct x86_text *text, uint64_t address, unsigned flags)
{
	size_t at;
	if (!offset_of(text, address, &at))
		return false;
	text->map[at] |= (unsigned char)flags;
	return true;
}

static bool has(const struct x86_text *text, size_t at, unsigned flag)
{
	return at <= text->len && text->map[at] & flag;
}

static void mark_range(struct x86_text *text, uint64_t start, uint64_t end)
{
	size_t at;
	if (offset_of(text, start, &at) && start < end)
		memset(text->map + at, X86_CODE, end - start < text->len - at ? end - start : text->len - at);
}

/* Without section headers the segment may hold data too: then its ends confirm nothing. */
static void mark_code(struct x86_text *text)
{
	uint64_t start, end;
	bool has_sections = false;
	for (size_t index = 0; elfview_next_code(text->view, &index, &start, &end);)
		mark_range(text, start, end);
	for (size_t index = 0; elfview_next_code(text->view, &index, &start, &end);) {
		has_sections |= mark(text, start, X86_ANCHOR);
		mark(text, end, X86_ANCHOR);
	}
	if (!has_sections)
		memset(text->map, X86_CODE, text->len);
}

static void mark_functions(struct x86_text *text)
{
	struct elfview_frames frames;
	if (!elfview_frames(text->view, &frames))
		return;
	for (size_t i = 0; i < frames.count; i++) {
		struct elfview_frame frame = elfview_frame(text->view, &frames, i);
		if (!frame.is_signal) /* these begin one byte too early: unwinders look before an address */
			mark(text, frame.start, X86_ANCHOR | X86_TARGET);
		if (frame.end > frame.start)
			mark(text, frame.end, X86_ANCHOR);
	}
}

static void mark_symbols(struct x86_text *text)
{
	struct elfview_symbols symbols;
	if (!elfview_symbols(text->view, &symbols))
		return;
	for (size_t i = 0; i < symbols.count; i++) {
		const char *name;
		Elf64_Sym symbol = elfview_symbol(&symbols, i, &name);
		bool is_data = ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT;
		if (symbol.st_shndx != SHN_UNDEF)
			mark(text, symbol.st_value, is_data ? X86_TARGET : X86_ANCHOR | X86_TARGET);
	}
	mark(text, text->view->header.e_entry, X86_ANCHOR | X86_TARGET);
}

/* The bytes of a table that the dynamic section tells the address and size of; NULL if there is none. */
static const unsigned char *dynamic_table(const struct x86_text *text, int64_t address_tag, int64_t size_tag,
					  uint64_t *size)
{
	uint64_t table;
	if (!elfview_dynamic(text->view, address_tag, &table) || !elfview_dynamic(text->view, size_tag, size))
		return NULL;
	return elfview_at(text->view, table, *size);
}

/* Pointers that a loader relocates: with what they point to beside their place, or in it. */
static void mark_relocated(struct x86_text *text)
{
	uint64_t size;
	const unsigned char *entry = dynamic_table(text, DT_RELA, DT_RELASZ, &size);
	for (; entry && size >= sizeof(Elf64_Rela); entry += sizeof(Elf64_Rela), size -= sizeof(Elf64_Rela)) {
		Elf64_Rela relocation;
		memcpy(&relocation, entry, sizeof(relocation));
		mark(text, (uint64_t)relocation.r_addend, X86_TARGET);
	}
}

static void mark_pointer(struct x86_text *text, uint64_t place)
{
	uint64_t pointer;
	const unsigned char *bytes = elfview_at(text->view, place, sizeof(pointer));
	if (!bytes)
		return;
	memcpy(&pointer, bytes, sizeof(pointer));
	mark(text, pointer, X86_TARGET);
}

/* The packed form: an even word is a place, an odd one has a bit for each of the 63 places that follow. */
static void mark_packed_relocated(struct x86_text *text)
{
	uint64_t size, word, place = 0;
	const unsigned char *entry = dynamic_table(text, TAG_RELR, TAG_RELRSZ, &size);
	for (; entry && size >= sizeof(word); entry += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, entry, sizeof(word));
		if (word % 2 == 0) {
			mark_pointer(text, word);
			place = word + sizeof(word);
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++, place += sizeof(word))
			if (word >> bit & 1)
				mark_pointer(text, place);
	}
}

/* A switch's table: distances from its own beginning to places in the text, to which nothing else leads.
 * Any data that looks like one is taken for one. Made-up tables may overlap without end: `entries`. */
static void mark_table(struct x86_text *text, uint64_t table)
{
	for (uint64_t at = table; text->entries < text->len; at += sizeof(int32_t), text->entries++) {
		int32_t distance;
		const unsigned char *entry = elfview_at(text->view, at, sizeof(distance));
		if (!entry)
			return;
		memcpy(&distance, entry, sizeof(distance));
		if (!mark(text, table + (uint64_t)(int64_t)distance, X86_TARGET))
			return;
	}
}

static void mark_reach(struct x86_text *text, size_t at, const struct x86_insn *insn)
{
	uint64_t end = text->address + at + insn->length;
	if (insn->is_relative)
		mark(text, end + (uint64_t)(int64_t)insn->immediate, X86_TARGET);
	if (!insn->is_rip_relative)
		return;
	uint64_t address = end + (uint64_t)(int64_t)insn->displacement;
	mark(text, address, X86_TARGET);
	if (x86_is_lea(insn))
		mark_table(text, address);
}

static bool decode(const struct x86_text *text, size_t at, struct x86_insn *insn)
{
	return at < text->len && x86_decode(text->bytes + at, text->len - at, insn);
}

static bool has_boundary(const unsigned char *map)
{
	const uint64_t each = 0x0101010101010101ULL;
	uint64_t eight;
	memcpy(&eight, map, sizeof(eight));
	return ((eight ^ each * X86_CODE) & each * (X86_ANCHOR | X86_CODE)) != 0;
}

/* The first place behind this one that is an anchor or no code. */
static size_t next_boundary(const struct x86_text *text, size_t at)
{
	at++;
	while (at + sizeof(uint64_t) <= text->len && !has_boundary(text->map + at))
		at += sizeof(uint64_t);
	for (; at < text->len && (text->map[at] & (X86_ANCHOR | X86_CODE)) == X86_CODE; at++)
		;
	return at;
}

static size_t next_anchor(const struct x86_text *text, size_t at)
{
	for (at++; at < text->len && !has(text, at, X86_ANCHOR); at++)
		;
	return at;
}

/* Where it is not known which bytes begin an instruction, each may. */
static void distrust(struct x86_text *text, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++) {
		struct x86_insn insn;
		text->map[at] &= (unsigned char)~X86_TRUSTED;
		if (has(text, at, X86_CODE) && decode(text, at, &insn))
			mark_reach(text, at, &insn);
	}
}

/* Decodes from an anchor (or the text's beginning) until the next, which it returns. An anchor within an
 * instruction may be as wrong as that instruction: it confirms neither what precedes nor what follows. */
static size_t sweep_stretch(struct x86_text *text, size_t from)
{
	size_t at = from, boundary = next_boundary(text, from);
	bool is_anchored = has(text, from, X86_ANCHOR), is_known = has(text, from, X86_CODE);
	unsigned flags = is_anchored ? X86_START | X86_TRUSTED : X86_START;
	while (is_known && at < boundary) {
		struct x86_insn insn;
		is_known = decode(text, at, &insn);
		if (!is_known || insn.length > boundary - at)
			break;
		text->map[at] |= (unsigned char)flags;
		mark_reach(text, at, &insn);
		at += insn.length;
	}
	bool is_crossing = is_known && at < boundary;
	bool is_through = is_known && at == boundary && (at == text->len || has(text, at, X86_ANCHOR));
	if (!is_through)
		at = next_anchor(text, at);
	if (is_crossing)
		text->map[at] &= (unsigned char)~X86_ANCHOR;
	if (!is_through || !is_anchored || !has(text, at, X86_ANCHOR))
		distrust(text, from, at);
	return at;
}

int x86_text_open(struct x86_text *text, const struct elfview *view, const unsigned char *bytes,
		  uint64_t address, size_t len)
{
	*text = (struct x86_text){ .view = view, .bytes = bytes, .address = address, .len = len };
	text->map = calloc(1, len + 1);
	if (!text->map)
		return -ENOMEM;
	mark_code(text);
	mark_functions(text);
	mark_symbols(text);
	mark_relocated(text);
	mark_packed_relocated(text);
	for (size_t at = 0; at < len;)
		at = sweep_stretch(text, at);
	return text->entries < len ? 0 : -ENOEXEC;
}

void x86_text_close(struct x86_text *text)
{
	free(text->map);
	text->map = NULL;
}

bool x86_text_insn(const struct x86_text *text, size_t at, struct x86_insn *insn)
{
	return has(text, at, X86_START) && decode(text, at, insn);
}

/* The instruction that this byte is part of. Those that begin do not overlap. */
static bool insn_around(const struct x86_text *text, size_t byte, size_t *start, struct x86_insn *insn)
{
	for (size_t back = 0; back < X86_INSN_MAX && back <= byte; back++) {
		*start = byte - back;
		if (has(text, *start, X86_START))
			return decode(text, *start, insn) && insn->length > back;
	}
	return false;
}

bool x86_text_next_syscall(const struct x86_text *text, size_t *from, size_t *start)
{
	struct x86_insn insn;
	while (*from < text->len) {
		const unsigned char *last = memchr(text->bytes + *from, SYSCALL_OPCODE, text->len - *from);
		if (!last)
			return false;
		size_t at = (size_t)(last - text->bytes);
		*from = at + 1;
		if (at > 0 && last[-1] == TWO_BYTES && insn_around(text, at - 1, start, &insn) &&
		    x86_is_syscall(&insn) && *start + insn.length == *from)
			return true;
	}
	return false;
}

bool x86_text_previous(const struct x86_text *text, size_t at, size_t *start, struct x86_insn *insn)
{
	for (size_t back = 1; back <= X86_INSN_MAX && back <= at; back++) {
		if (!has(text, at - back, X86_START))
			continue;
		*start = at - back;
		return has(text, *start, X86_TRUSTED) && decode(text, *start, insn) && insn->length == back;
	}
	return false;
}

bool x86_text_is_trusted(const struct x86_text *text, size_t at)
{
	return has(text, at, X86_TRUSTED);
}

bool x86_text_is_target(const struct x86_text *text, size_t at)
{
	return has(text, at, X86_TARGET);
}
