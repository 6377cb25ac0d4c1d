/* Names of a new image: see dynamic.h. */
#include "dynamic.h"

#include "peek.h"

#include <elf.h>
#include <string.h>

enum { ENTRIES_MAX = 64, TABLE_MAX = 4 << 20 };

static void read_table(pid_t tid, uint64_t address, uint64_t bytes, struct strbuf *table)
{
	char *room = bytes && bytes <= TABLE_MAX ? strbuf_reserve(table, (size_t)bytes) : NULL;
	if (room && peek_read_whole(tid, address, room, (size_t)bytes) == 0)
		table->len = (size_t)bytes;
}

void dynamic_read(pid_t tid, uint64_t address, uint64_t bytes, uint64_t bias, struct dynamic *dynamic)
{
	Elf64_Dyn entries[ENTRIES_MAX];
	uint64_t strings = 0, strings_bytes = 0, symbols = 0;
	size_t want = bytes < sizeof entries ? (size_t)bytes : sizeof entries;
	ssize_t got = peek_read(tid, address, entries, want);
	*dynamic = (struct dynamic){ 0 };
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entries && entries[i].d_tag != DT_NULL; i++) {
		if (entries[i].d_tag == DT_STRTAB)
			strings = entries[i].d_un.d_ptr;
		else if (entries[i].d_tag == DT_STRSZ)
			strings_bytes = entries[i].d_un.d_val;
		else if (entries[i].d_tag == DT_SYMTAB)
			symbols = entries[i].d_un.d_ptr;
	}
	if (!strings)
		return;
	read_table(tid, bias + strings, strings_bytes, &dynamic->strings);
	if (symbols && symbols < strings)
		read_table(tid, bias + symbols, strings - symbols, &dynamic->symbols);
}

void dynamic_free(struct dynamic *dynamic)
{
	strbuf_free(&dynamic->strings);
	strbuf_free(&dynamic->symbols);
}

bool dynamic_has(const struct dynamic *dynamic, const char *prefix)
{
	size_t len = strlen(prefix);
	const char *at = dynamic->strings.data, *end = at + dynamic->strings.len;
	while (at && at < end) {
		if ((size_t)(end - at) > len && memcmp(at, prefix, len) == 0)
			return true;
		at = memchr(at, '\0', (size_t)(end - at));
		at = at ? at + 1 : end;
	}
	return false;
}

bool dynamic_imports(const struct dynamic *dynamic, const char *name)
{
	size_t size = strlen(name) + 1;
	Elf64_Sym symbol;
	for (size_t at = 0; at + sizeof symbol <= dynamic->symbols.len; at += sizeof symbol) {
		memcpy(&symbol, dynamic->symbols.data + at, sizeof symbol);
		if (symbol.st_shndx == SHN_UNDEF && symbol.st_name < dynamic->strings.len &&
		    dynamic->strings.len - symbol.st_name >= size &&
		    memcmp(dynamic->strings.data + symbol.st_name, name, size) == 0)
			return true;
	}
	return false;
}
