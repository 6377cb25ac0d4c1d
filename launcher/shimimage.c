/* Reads the embedded shim's ELF headers and symbols: see shimimage.h. It is our own work, but a wrong
 * build of it must be told, not crashed upon. */
#include "shimimage.h"

#include "ptwrap/fastpath.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

extern const unsigned char shim_image[] __attribute__((visibility("hidden")));
extern const unsigned char shim_image_end[] __attribute__((visibility("hidden")));

struct symbols {
	const Elf64_Sym *list;
	size_t count;
	const char *names;
	size_t names_len;
};

const unsigned char *shimimage_bytes(size_t *len)
{
	*len = (uintptr_t)shim_image_end - (uintptr_t)shim_image;
	return shim_image;
}

static const void *at(uint64_t offset, uint64_t len)
{
	size_t size;
	const unsigned char *bytes = shimimage_bytes(&size);
	return offset <= size && len <= size - offset ? bytes + offset : NULL;
}

static bool find_symbols(struct symbols *symbols)
{
	const Elf64_Ehdr *header = at(0, sizeof(*header));
	const Elf64_Shdr *sections = header ? at(header->e_shoff, header->e_shnum * sizeof(*sections)) : NULL;
	for (size_t i = 0; sections && i < header->e_shnum; i++) {
		if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header->e_shnum)
			continue;
		const Elf64_Shdr *names = &sections[sections[i].sh_link];
		symbols->list = at(sections[i].sh_offset, sections[i].sh_size);
		symbols->count = sections[i].sh_size / sizeof(Elf64_Sym);
		symbols->names = at(names->sh_offset, names->sh_size);
		symbols->names_len = names->sh_size;
		return symbols->list && symbols->names;
	}
	return false;
}

/* Its value; 0 if there is none. */
static uint64_t value_of(const struct symbols *symbols, const char *name)
{
	size_t len = strlen(name) + 1;
	for (size_t i = 0; i < symbols->count; i++) {
		const Elf64_Sym *symbol = &symbols->list[i];
		if (symbol->st_name < symbols->names_len && len <= symbols->names_len - symbol->st_name &&
		    memcmp(symbols->names + symbol->st_name, name, len) == 0)
			return symbol->st_value;
	}
	return 0;
}

static uint64_t text_len(void)
{
	const Elf64_Ehdr *header = at(0, sizeof(*header));
	const Elf64_Phdr *segments = header ? at(header->e_phoff, header->e_phnum * sizeof(*segments)) : NULL;
	for (size_t i = 0; segments && i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) && segments[i].p_vaddr == 0)
			return (segments[i].p_memsz + 4095) / 4096 * 4096;
	return 0;
}

int shimimage_read(struct shimimage *image)
{
	struct symbols symbols;
	*image = (struct shimimage){ .text_len = text_len(), .code = FASTPATH_EXEMPT_OFFSET };
	if (!image->text_len || !find_symbols(&symbols))
		return -ENOEXEC;
	const struct {
		const char *name;
		uint64_t *value;
	} wanted[] = {
		{ "__etext", &image->code_end },       { "hook_entry", &image->hook_entry },
		{ "hook_back", &image->hook_back },    { "hook_staged", &image->hook_staged },
		{ "hook_given", &image->hook_given },  { "hook_fault", &image->hook_fault },
		{ "early_entry", &image->early_entry },{ "fast_tables", &image->tables },
		{ "trampolines", &image->trampolines },{ "trampolines_end", &image->trampolines_end },
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].value = value_of(&symbols, wanted[i].name);
		if (!*wanted[i].value || *wanted[i].value > image->text_len)
			return -ENOEXEC;
	}
	bool exempt = value_of(&symbols, "hook_exempt") == FASTPATH_EXEMPT_OFFSET;
	return exempt && image->tables + sizeof(struct fastpath_tables) <= image->trampolines ? 0 : -ENOEXEC;
}
