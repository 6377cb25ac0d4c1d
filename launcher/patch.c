/* Preparing a text: see patch.h. Owns the order of things: the file taken apart, its sites planned, their
 * trampolines laid one after the other. What is x86-64's is in arch/. */
#include "patch.h"

#include "arch/x86_64_trampoline.h"
#include "elfview.h"
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096ULL
#define VADDR_END (1ULL << 31) /* an address as linked stands in the trampoline as a disp32 */

static const Elf64_Phdr *text_segment(const struct elfview *view)
{
	const Elf64_Phdr *text = NULL;
	for (size_t i = 0; i < view->segments; i++) {
		const Elf64_Phdr *segment = &view->segment[i];
		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		if (text || segment->p_flags & PF_W)
			return NULL;
		text = segment;
	}
	return text;
}

static bool has_text_relocations(const struct elfview *view)
{
	uint64_t value;
	return elfview_dynamic(view, DT_TEXTREL, &value) ||
	       (elfview_dynamic(view, DT_FLAGS, &value) && value & DF_TEXTREL);
}

static bool is_understood(const struct elfview *view, const Elf64_Phdr *text)
{
	return view->header.e_machine == EM_X86_64 && text && text->p_filesz > 0 &&
	       text->p_filesz == text->p_memsz && (text->p_vaddr - text->p_offset) % PAGE_BYTES == 0 &&
	       text->p_vaddr < VADDR_END && text->p_filesz < VADDR_END - text->p_vaddr &&
	       !has_text_relocations(view);
}

/* A copy of the pages that the kernel maps for the segment: around it, what else the file has there. */
static int copy_text(const struct elfview *view, const Elf64_Phdr *text, struct patch_result *result)
{
	size_t within = text->p_vaddr % PAGE_BYTES;
	result->offset = text->p_offset - within;
	result->vaddr = text->p_vaddr - within;
	result->len = (within + text->p_filesz + PAGE_BYTES - 1) & -PAGE_BYTES;
	size_t left = view->len - result->offset;
	result->text = memory_checked(calloc(1, result->len));
	if (!result->text)
		return -ENOMEM;
	memcpy(result->text, view->bytes + result->offset, left < result->len ? left : result->len);
	return 0;
}

static int find_sites(const struct x86_text *text, struct patch_result *result)
{
	size_t start;
	for (size_t from = 0; x86_text_next_syscall(text, &from, &start);)
		result->found++;
	result->site = memory_checked(calloc(result->found + 1, sizeof(*result->site)));
	if (!result->site)
		return -ENOMEM;
	struct patch_site *site = result->site;
	for (size_t from = 0; x86_text_next_syscall(text, &from, &start); site++)
		site->address = text->address + start;
	return 0;
}

/* Appends the trampoline where there is room and leads the site there. */
static bool lead(const struct x86_text *text, const struct x86_site *site, const struct patch_layout *layout,
		 struct patch_result *result, struct patch_site *entry)
{
	struct x86_trampoline trampoline;
	uint64_t slot = layout->trampoline_address + result->trampolines_len;
	x86_trampoline_make(text, site, layout, slot, &trampoline);
	if (trampoline.len > layout->trampoline_room - result->trampolines_len)
		return false;
	memcpy(result->trampolines + result->trampolines_len, trampoline.bytes, trampoline.len);
	x86_trampoline_link(site, slot, result->text + (text->address - result->vaddr));
	result->trampolines_len += trampoline.len;
	result->patched++;
	entry->start = text->address + site->start;
	entry->end = text->address + site->end;
	entry->trampoline = slot + X86_HEAD_BYTES;
	return true;
}

static int patch_sites(const struct x86_text *text, const struct patch_layout *layout,
		       struct patch_result *result)
{
	size_t floor = 0;
	result->trampolines = memory_checked(malloc(result->found * X86_TRAMPOLINE_MAX + 1));
	if (!result->trampolines)
		return -ENOMEM;
	for (size_t i = 0; i < result->found; i++) {
		struct patch_site *entry = &result->site[i];
		struct x86_site site;
		entry->outcome = x86_site_plan(text, entry->address - text->address, floor, &site);
		entry->number = site.number;
		if (entry->outcome > PATCH_BOTH)
			continue;
		if (lead(text, &site, layout, result, entry))
			floor = site.end;
		else
			entry->outcome = PATCH_NO_ROOM;
	}
	return 0;
}

static int patch_segment(const struct elfview *view, const Elf64_Phdr *segment,
			 const struct patch_layout *layout, struct patch_result *result)
{
	struct x86_text text;
	int error = x86_text_open(&text, view, view->bytes + segment->p_offset, segment->p_vaddr,
				  segment->p_filesz);
	if (!error)
		error = copy_text(view, segment, result);
	if (!error)
		error = find_sites(&text, result);
	if (!error)
		error = patch_sites(&text, layout, result);
	x86_text_close(&text);
	return error;
}

int patch_text(const void *file, size_t file_len, const struct patch_layout *layout,
	       struct patch_result *result)
{
	struct elfview view;
	*result = (struct patch_result){ 0 };
	if (!x86_trampoline_reaches(layout))
		return -EINVAL;
	int error = elfview_open(&view, file, file_len);
	if (error)
		return error;
	const Elf64_Phdr *segment = text_segment(&view);
	if (!is_understood(&view, segment))
		return -ENOEXEC;
	error = patch_segment(&view, segment, layout, result);
	if (error)
		patch_free(result);
	return error;
}

void patch_free(struct patch_result *result)
{
	free(result->text);
	free(result->trampolines);
	free(result->site);
	*result = (struct patch_result){ 0 };
}

const char *patch_outcome_name(enum patch_outcome outcome)
{
	static const char *const names[PATCH_OUTCOMES] = {
		[PATCH_BACKWARD] = "patched, with what stands before it",
		[PATCH_FORWARD] = "patched, with what stands behind it",
		[PATCH_BOTH] = "patched, with what stands on both sides",
		[PATCH_DOUBTFUL] = "not surely an instruction",
		[PATCH_SIGRETURN] = "returns from a signal handler",
		[PATCH_UNMAPS] = "may stand on a stack that is unmapped",
		[PATCH_CANCEL] = "a cancellation point told by its address",
		[PATCH_NO_SPACE] = "its neighbours cannot be moved",
		[PATCH_NO_ROOM] = "no room for its trampoline",
	};
	return (unsigned)outcome < PATCH_OUTCOMES ? names[outcome] : "?";
}
