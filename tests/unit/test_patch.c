/* Promises of preparing a text: which sites are patched and which are left alone, what a patched one consists
 * of, that this process's own libc and ld.so work when so patched, and that no file, however spoilt, does harm. */
#include "arch/x86_64_decode.h"
#include "arch/x86_64_trampoline.h"
#include "check.h"
#include "elflookup.h"
#include "patch.h"

#include "ptwrap/fastpath.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where things lie while this process runs with a patched libc. The mini hook knows COUNTER. */
#define AREA 0x20000000
#define COUNTER "0x20002100"

enum {
	AREA_BYTES = 0x80000,
	HOOK = AREA,
	MODES = AREA + 0x1000,
	BASE_SLOTS = AREA + 0x2000,
	CALLS_MADE = AREA + 0x2100,
	NO_CACHE = AREA + 0x2200,
	IDENTITY = AREA + 0x3000,
	TRAMPOLINES = AREA + 0x10000,
	ROOM = 0x10000,
	MODES_COUNT = 512
};

static bool without_fsgsbase;

static struct patch_layout layout_of(unsigned library)
{
	return (struct patch_layout){
		.trampoline_address = TRAMPOLINES + library * ROOM,
		.trampoline_room = ROOM,
		.hook_address = HOOK,
		.modes_address = MODES,
		.modes_count = MODES_COUNT,
		.base_slot_address = BASE_SLOTS + 8 * library,
		.identity_address = IDENTITY,
		.no_cache_address = NO_CACHE,
		.has_fsgsbase = getauxval(AT_HWCAP2) & 2 && !without_fsgsbase,
	};
}

/* A shared object of two pages: headers, with room for data, then code. */
enum { PAGE = 4096, DATA = 0x800, TINY = 2 * PAGE };

static void make_tiny(unsigned char *file, const unsigned char *code, size_t len)
{
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = EM_X86_64, .e_phoff = sizeof(header), .e_phnum = 2,
		.e_phentsize = sizeof(Elf64_Phdr), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 1 };
	Elf64_Phdr segments[2] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = PAGE, .p_memsz = PAGE },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = PAGE, .p_vaddr = PAGE, .p_filesz = len,
		  .p_memsz = len },
	};
	Elf64_Shdr section = { .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = PAGE,
		.sh_offset = PAGE, .sh_size = len };
	header.e_shoff = sizeof(header) + sizeof(segments);
	memset(file, 0, TINY);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), segments, sizeof(segments));
	memcpy(file + header.e_shoff, &section, sizeof(section));
	memcpy(file + PAGE, code, len);
}

#define CODE(literal) (const unsigned char *)(literal), sizeof(literal) - 1
#define SYSCALL "\x0f\x05"
#define GETPID "\xb8\x27\x00\x00\x00" /* mov $39,%eax */
#define COMPARE "\x48\x3d\x00\xf0\xff\xff" /* cmp $-4096,%rax */
#define RET "\xc3"

static const struct {
	const char *name;
	const unsigned char *code;
	size_t len;
	enum patch_outcome outcome; /* of the first site */
	int64_t number;
} shapes[] = {
	{ "a wrapper without errors", CODE(GETPID SYSCALL RET), PATCH_BACKWARD, 39 },
	{ "a number in rax, all of it", CODE("\x48\xc7\xc0\x27\0\0\0" SYSCALL RET), PATCH_BACKWARD, 39 },
	{ "arguments set after the number", CODE(GETPID "\x31\xff" SYSCALL RET), PATCH_BACKWARD, 39 },
	{ "vector stores between", CODE(GETPID "\x0f\x29\x04\x24" SYSCALL RET), PATCH_BACKWARD, 39 },
	{ "read", CODE("\x31\xc0" SYSCALL COMPARE RET), PATCH_FORWARD, 0 },
	{ "room on both sides only", CODE("\x31\xc0" SYSCALL "\x89\xc2\x85\xc0" RET), PATCH_BOTH, 0 },
	{ "a number's low byte", CODE("\x31\xc0\xb0\x3c\x48\x89\xfe" SYSCALL RET), PATCH_BACKWARD, 60 },
	{ "a number copied", CODE("\xba\x0c\0\0\0\x48\x89\xd0" SYSCALL RET), PATCH_BACKWARD, 12 },
	{ "a number beside a jump not taken", CODE(GETPID "\x74\x05\x48\x89\xfe" SYSCALL RET), PATCH_NO_SPACE, 39 },
	{ "any number, compared", CODE("\x89\xf8" SYSCALL COMPARE RET), PATCH_FORWARD, -1 },
	{ "any number from memory", CODE("\x48\x8b\x44\x24\x20" SYSCALL "\x48\x83\xc4\x18" RET), PATCH_BACKWARD, -1 },
	{ "any number, then return", CODE("\x48\x89\xf8\x48\x89\xf7" SYSCALL RET), PATCH_CANCEL, -1 },
	{ "a number overwritten", CODE(GETPID "\x8b\x07" SYSCALL RET), PATCH_CANCEL, -1 },
	{ "a number lost in a call", CODE(GETPID "\xe8\0\0\0\0\x89\xd7" SYSCALL RET), PATCH_CANCEL, -1 },
	{ "return from a signal handler", CODE("\x48\xc7\xc0\x0f\0\0\0" SYSCALL "\x0f\x1f\x40\0"), PATCH_SIGRETURN, 15 },
	{ "a thread's end that unmaps", CODE("\xb8\x0b\0\0\0" SYSCALL "\x31\xff\xb8\x3c\0\0\0" SYSCALL "\xf4"),
	  PATCH_UNMAPS, 11 },
	{ "munmap alone", CODE("\xb8\x0b\0\0\0" SYSCALL COMPARE RET), PATCH_BACKWARD, 11 },
	{ "a jump to the call", CODE("\xeb\x05" GETPID SYSCALL "\x50\xc3"), PATCH_NO_SPACE, -1 },
	{ "a jump to the comparison", CODE("\xeb\x04\x31\xc0" SYSCALL COMPARE RET), PATCH_NO_SPACE, 0 },
	{ "a jump to the number", CODE("\xeb\x00" GETPID SYSCALL RET), PATCH_BACKWARD, 39 },
	{ "a transaction's fallback", CODE("\xc7\xf8\x05\0\0\0" GETPID SYSCALL "\x50\xc3"), PATCH_NO_SPACE, -1 },
	{ "rcx read behind", CODE("\x31\xc0" SYSCALL "\x48\x39\xc8\x48\x89\xc7" RET), PATCH_NO_SPACE, 0 },
	{ "rcx written behind", CODE("\x31\xc0" SYSCALL "\xb9\x01\0\0\0" RET), PATCH_NO_SPACE, 0 },
	{ "r11 behind", CODE("\x31\xc0" SYSCALL "\x49\x89\xc3\x48\x89\xc7" RET), PATCH_NO_SPACE, 0 },
	{ "the stack pointer before", CODE(GETPID "\x48\x83\xec\x18" SYSCALL RET), PATCH_NO_SPACE, 39 },
	{ "the stack pointer behind", CODE("\x31\xc0" SYSCALL "\x48\x83\xc4\x18" RET), PATCH_NO_SPACE, 0 },
	{ "an address of the text's place", CODE(GETPID "\x48\x8d\x35\0\xf0\xff\xff" SYSCALL RET), PATCH_NO_SPACE, 39 },
	{ "push and pop behind", CODE("\x31\xc0" SYSCALL "\x53\x53\x53\x58" RET), PATCH_NO_SPACE, 0 },
	{ "a number pushed and popped", CODE("\x6a\x27\x58" SYSCALL "\x48\x89\xc7" RET), PATCH_NO_SPACE, 39 },
	{ "something else popped", CODE("\x6a\x27\x5f\x58" SYSCALL "\x48\x89\xc7" RET), PATCH_NO_SPACE, -1 },
	{ "a number pushed and popped, on which a jump leads", CODE("\xeb\x02\x6a\x27\x58" SYSCALL COMPARE RET),
	  PATCH_FORWARD, -1 },
	{ "what cannot be decoded near by", CODE(GETPID SYSCALL RET "\x06"), PATCH_DOUBTFUL, -1 },
	{ "vfork", CODE("\x5f\xb8\x3a\0\0\0" SYSCALL "\x57\x48\x3d"), PATCH_DOUBTFUL, -1 },
	{ "vfork", CODE("\x5f\xb8\x3a\0\0\0" SYSCALL "\x57\xc3"), PATCH_BACKWARD, 58 },
};

static const unsigned char *trampoline_of(const struct patch_result *result, const struct patch_layout *layout,
					  const struct patch_site *site)
{
	return result->trampolines + (site->trampoline - layout->trampoline_address);
}

/* Behind the jump int3, before the trampoline its head, in it both displaced parts, and only instructions. */
static void check_site(const char *name, const unsigned char *file, const struct patch_layout *layout,
		       const struct patch_result *result, const struct patch_site *site)
{
	const unsigned char *original = file + result->offset - result->vaddr;
	const unsigned char *jump = result->text + (site->start - result->vaddr);
	const unsigned char *code = trampoline_of(result, layout, site);
	const unsigned char *end = result->trampolines + result->trampolines_len;
	uint32_t slot, resume[2];
	uint64_t address;
	memcpy(&slot, jump + 3, sizeof(slot));
	memcpy(&address, code - X86_HEAD_BYTES, sizeof(address));
	CHECK(memcmp(jump, "\xff\x24\x25", 3) == 0 && slot == site->trampoline - X86_HEAD_BYTES, "%s: %lx", name, site->address);
	memcpy(resume, code - sizeof(resume), sizeof(resume));
	CHECK(resume[0] == site->end && resume[1] == layout->base_slot_address, "%s: %lx", name, site->address);
	CHECK(address == site->trampoline && address % 8 == 0, "%s: %lx", name, site->address);
	for (size_t at = 7; at < site->end - site->start; at++)
		CHECK(jump[at] == 0xcc, "%s: %lx", name, site->address);
	CHECK(memcmp(code, original + site->start, site->address - site->start) == 0, "%s: %lx", name, site->address);
	struct x86_insn insn = { 0 };
	size_t behind = site->end - site->address - 2, at = 0;
	while (memcmp(code + at, "\xff\xe1", 2) != 0 && x86_decode(code + at, (size_t)(end - code) - at, &insn))
		at += insn.length;
	CHECK(memcmp(code + at, "\xff\xe1", 2) == 0, "%s: %lx", name, site->address);
	CHECK(memcmp(code + at - behind, original + site->address + 2, behind) == 0, "%s: %lx", name, site->address);
}

static void check_result(const char *name, const unsigned char *file, size_t len, const struct patch_layout *layout,
			 const struct patch_result *result)
{
	size_t patched = 0;
	unsigned char *copy = calloc(1, result->len);
	if (!copy)
		abort();
	memcpy(copy, file + result->offset, len - result->offset < result->len ? len - result->offset : result->len);
	for (size_t i = 0; i < result->found; i++) {
		const struct patch_site *site = &result->site[i];
		CHECK((site->outcome <= PATCH_BOTH) == (site->trampoline != 0), "%s: %lx", name, site->address);
		if (!site->trampoline)
			continue;
		patched++;
		check_site(name, file, layout, result, site);
		memcpy(copy + (site->start - result->vaddr), result->text + (site->start - result->vaddr),
		       site->end - site->start);
	}
	CHECK(patched == result->patched, "%s: %zu, %zu", name, patched, result->patched);
	CHECK(memcmp(copy, result->text, result->len) == 0, "%s: changed outside the sites", name);
	free(copy);
}

static void test_each_shape_has_its_outcome(void)
{
	struct patch_layout layout = layout_of(0);
	unsigned char file[TINY];
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct patch_result result;
		make_tiny(file, shapes[i].code, shapes[i].len);
		CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.found >= 1, "%s", shapes[i].name);
		if (result.found == 0)
			continue;
		const struct patch_site *site = &result.site[0];
		CHECK(site->outcome == shapes[i].outcome, "%s: %s", shapes[i].name, patch_outcome_name(site->outcome));
		CHECK(site->number == shapes[i].number, "%s: %ld", shapes[i].name, (long)site->number);
		CHECK(result.offset == PAGE && result.vaddr == PAGE && result.len == PAGE, "%s", shapes[i].name);
		check_result(shapes[i].name, file, TINY, &layout, &result);
		patch_free(&result);
	}
}

static void test_births_are_bare_and_only_unknown_numbers_are_looked_up(void)
{
	static const struct {
		const unsigned char *code;
		size_t len;
		bool hooked, bare;
	} kinds[] = {
		{ CODE(GETPID SYSCALL RET), true, false },
		{ CODE("\x89\xf8" SYSCALL COMPARE RET), true, true },
		{ CODE("\xb8\x38\0\0\0" SYSCALL RET), false, true },
		{ CODE("\xb8\x39\0\0\0" SYSCALL RET), false, true },
		{ CODE("\xb8\x3a\0\0\0" SYSCALL RET), false, true },
		{ CODE("\xb8\xb3\x01\0\0" SYSCALL RET), false, true },
	};
	struct patch_layout layout = layout_of(0);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		unsigned char file[TINY];
		struct patch_result result;
		make_tiny(file, kinds[i].code, kinds[i].len);
		CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.patched == 1, "%zu", i);
		CHECK(!!memmem(result.trampolines, result.trampolines_len, "\x41\xbb", 2) == kinds[i].hooked, "%zu", i);
		CHECK(!!memmem(result.trampolines, result.trampolines_len, SYSCALL, 2) == kinds[i].bare, "%zu", i);
		patch_free(&result);
	}
}

/* lea table(%rip),%rax; then the site. */
static void test_a_switch_may_lead_into_a_site(void)
{
	unsigned char code[] = "\x48\x8d\x05\xf9\xf7\xff\xff\xc3" GETPID SYSCALL "\x50\xc3", file[TINY];
	struct patch_layout layout = layout_of(0);
	for (int into = 0; into < 2; into++) {
		int32_t table[] = { PAGE + 7 - DATA, PAGE + 8 + (into ? 5 : 0) - DATA, 0 };
		struct patch_result result;
		make_tiny(file, code, sizeof(code) - 1);
		memcpy(file + DATA, table, sizeof(table));
		CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.found == 1, "%d", into);
		CHECK(result.patched == !into, "%d", into);
		patch_free(&result);
	}
}

/* Old linkers put read-only data and code into one segment. */
static void test_a_switch_may_lead_there_from_a_table_beside_the_code(void)
{
	unsigned char code[] = "\x48\x8d\x05\x0a\0\0\0\xc3" GETPID SYSCALL "\x50\xc3" "\xfc\xff\xff\xff", file[TINY];
	struct patch_layout layout = layout_of(0);
	struct patch_result result;
	make_tiny(file, code, sizeof(code) - 1);
	file[sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + offsetof(Elf64_Shdr, sh_size)] -= 4;
	CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.found == 1, "%zu", result.found);
	CHECK(result.site[0].outcome == PATCH_NO_SPACE, "%s", patch_outcome_name(result.site[0].outcome));
	patch_free(&result);
}

static void test_without_section_headers_only_what_functions_confirm_is_trusted(void)
{
	struct patch_layout layout = layout_of(0);
	unsigned char file[TINY];
	struct patch_result result;
	make_tiny(file, CODE(GETPID SYSCALL RET));
	memset(file + offsetof(Elf64_Ehdr, e_shnum), 0, sizeof(Elf64_Half));
	CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.found == 1 && result.patched == 0, "%zu",
	      result.patched);
	patch_free(&result);
}

static void test_no_trampoline_passes_the_end_of_the_room(void)
{
	unsigned char file[TINY];
	struct patch_result result;
	make_tiny(file, CODE(GETPID SYSCALL RET GETPID SYSCALL RET));
	for (size_t room = 0; room < 128; room++) {
		struct patch_layout layout = layout_of(0);
		layout.trampoline_room = room;
		CHECK(patch_text(file, TINY, &layout, &result) == 0 && result.found == 2, "%zu", room);
		CHECK(result.trampolines_len <= room, "%zu of %zu", result.trampolines_len, room);
		CHECK(result.patched == 2 || result.site[1].outcome == PATCH_NO_ROOM, "%zu", room);
		check_result("room", file, TINY, &layout, &result);
		patch_free(&result);
	}
}

static void test_addresses_beyond_2_gib_are_refused(void)
{
	unsigned char file[TINY];
	struct patch_result result;
	make_tiny(file, CODE(GETPID SYSCALL RET));
	for (int i = 0; i < 6; i++) {
		struct patch_layout layout = layout_of(0);
		uint64_t *const fields[] = { &layout.trampoline_address, &layout.hook_address, &layout.modes_address,
			&layout.base_slot_address, &layout.identity_address, &layout.no_cache_address };
		*fields[i] = 0x7fffffff + 1ULL;
		CHECK(patch_text(file, TINY, &layout, &result) == -EINVAL && !result.text, "%d", i);
	}
}

static void test_other_files_are_refused(void)
{
	static const struct {
		size_t at;
		unsigned char value;
	} spoilt[] = {
		{ 0, 0 }, { EI_CLASS, ELFCLASS32 }, { EI_DATA, ELFDATA2MSB },
		{ offsetof(Elf64_Ehdr, e_type), ET_EXEC }, { offsetof(Elf64_Ehdr, e_machine), EM_AARCH64 },
		{ sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_flags), PF_R | PF_X },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_flags), PF_R },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_flags), PF_R | PF_W | PF_X },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_memsz) + 1, 1 },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz) + 2, 1 },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_vaddr), 1 },
		{ sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_vaddr) + 4, 1 },
	};
	struct patch_layout layout = layout_of(0);
	for (size_t i = 0; i < COUNT(spoilt); i++) {
		unsigned char file[TINY];
		struct patch_result result;
		make_tiny(file, CODE(GETPID SYSCALL RET));
		file[spoilt[i].at] = spoilt[i].value;
		CHECK(patch_text(file, TINY, &layout, &result) == -ENOEXEC && !result.text, "%zu", i);
		patch_free(&result);
	}
}

/* What this process itself has loaded. */
struct object {
	uint64_t bias;
	char path[256];
	unsigned char *file;
	size_t len;
};

static struct object libc, loader;

static struct object open_object(const struct dl_phdr_info *info)
{
	struct object object = { .bias = info->dlpi_addr };
	struct stat status;
	int fd = open(info->dlpi_name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return object;
	if (fstat(fd, &status) == 0)
		object.len = (size_t)status.st_size;
	object.file = mmap(NULL, object.len, PROT_READ, MAP_PRIVATE, fd, 0);
	snprintf(object.path, sizeof(object.path), "%s", info->dlpi_name);
	close(fd);
	return object;
}

static int find_object(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size, (void)context;
	struct object object = open_object(info);
	if (!object.file)
		return 0;
	if (info->dlpi_addr == getauxval(AT_BASE))
		loader = object;
	int fd = open(object.path, O_RDONLY | O_CLOEXEC);
	if (elflookup_defines(fd, "__libc_start_main"))
		libc = object;
	close(fd);
	return 0;
}

static void test_nearly_every_site_of_libc_and_its_loader_is_patched(const struct object *object)
{
	struct patch_layout layout = layout_of(0);
	struct patch_result result;
	CHECK(patch_text(object->file, object->len, &layout, &result) == 0, "%s", object->path);
	CHECK(result.found >= 20 && result.patched * 100 >= result.found * 90, "%s: %zu of %zu", object->path,
	      result.patched, result.found);
	printf("%s: %zu of %zu, %zu bytes of trampolines\n", object->path, result.patched, result.found,
	       result.trampolines_len);
	size_t returns = 0;
	for (size_t i = 0; i < result.found; i++)
		returns += result.site[i].number == SYS_rt_sigreturn && result.site[i].outcome == PATCH_SIGRETURN;
	CHECK(returns == 1, "%s: %zu", object->path, returns);
	check_result(object->path, object->file, object->len, &layout, &result);
	patch_free(&result);
}

static void test_section_headers_are_not_needed(const struct object *object)
{
	struct patch_layout layout = layout_of(0);
	struct patch_result with, without;
	unsigned char *stripped = malloc(object->len);
	if (!stripped)
		abort();
	memcpy(stripped, object->file, object->len);
	memset(stripped + offsetof(Elf64_Ehdr, e_shnum), 0, sizeof(Elf64_Half));
	CHECK(patch_text(object->file, object->len, &layout, &with) == 0, "%s", object->path);
	CHECK(patch_text(stripped, object->len, &layout, &without) == 0, "%s", object->path);
	CHECK(with.found == without.found && with.patched == without.patched, "%zu %zu", with.patched, without.patched);
	patch_free(&with);
	patch_free(&without);
	free(stripped);
}

/* Does control come from somewhere into the middle of a site? */
static bool is_inside_site(const struct patch_result *result, uint64_t address)
{
	for (size_t i = 0; i < result->found; i++)
		if (address > result->site[i].start && address < result->site[i].end)
			return true;
	return false;
}

/* objdump is the second opinion: it prints a branch's target as a bare number and an address's behind '#'. */
static void test_nothing_that_objdump_sees_leads_into_a_site(const struct object *object)
{
	struct patch_layout layout = layout_of(0);
	struct patch_result result;
	char command[512], *line = NULL;
	size_t size = 0, sites = 0, branches = 0;
	snprintf(command, sizeof(command), "objdump -d -z -w --no-show-raw-insn '%s' 2>/dev/null", object->path);
	FILE *objdump = popen(command, "r");
	CHECK(patch_text(object->file, object->len, &layout, &result) == 0 && objdump, "%s", object->path);
	while (objdump && getline(&line, &size, objdump) > 0) {
		unsigned long target;
		char behind;
		sites += strstr(line, "\tsyscall") != NULL;
		const char *comment = strstr(line, "# ");
		bool branches_on = sscanf(line, " %*x: %*s %lx%c", &target, &behind) == 2 && (behind == ' ' || behind == '\n');
		bool leads = branches_on || (comment && sscanf(comment, "# %lx", &target) == 1);
		branches += branches_on;
		CHECK(!leads || !is_inside_site(&result, target), "%s: %s", object->path, line);
	}
	if (sites == 0)
		printf("skip: no objdump to compare with\n");
	CHECK(sites == 0 || (sites == result.found && branches > 1000), "%s: %zu, %zu", object->path, sites, result.found);
	free(line);
	if (objdump)
		pclose(objdump);
	patch_free(&result);
}

/* This process with a patched libc and loader. The hook counts and calls: its frame lies below the red zone,
 * and it hands back in rcx what it was given. */
extern const char mini_hook[], mini_hook_end[];
__asm__(".pushsection .text\n"
	"mini_hook:\n"
	"	lea -144(%rsp), %rsp\n"
	"	mov %rcx, (%rsp)\n"
	"	mov %r11, 8(%rsp)\n"
	"	lock incq " COUNTER "\n"
	"	syscall\n"
	"	mov (%rsp), %rcx\n"
	"	mov 8(%rsp), %r11\n"
	"	lea 144(%rsp), %rsp\n"
	"	jmp *%r11\n"
	"mini_hook_end:\n"
	".popsection\n");

static void *area(uint64_t address)
{
	return (void *)(uintptr_t)address; /* NOLINT */
}

/* The call that puts a text in place must not stand in that text. */
static long raw_mremap(void *from, size_t len, void *to)
{
	register long flags __asm__("r10") = MREMAP_MAYMOVE | MREMAP_FIXED;
	register void *new_place __asm__("r8") = to;
	long result;
	__asm__ volatile("syscall" : "=a"(result)
			 : "a"(SYS_mremap), "D"(from), "S"(len), "d"(len), "r"(flags), "r"(new_place)
			 : "rcx", "r11", "memory");
	return result;
}

static bool replace_text(const struct object *object, unsigned library)
{
	struct patch_layout layout = layout_of(library);
	struct patch_result result;
	if (patch_text(object->file, object->len, &layout, &result))
		return false;
	unsigned char *text = mmap(NULL, result.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (text == MAP_FAILED)
		return false;
	memcpy(text, result.text, result.len);
	memcpy(area(layout.trampoline_address), result.trampolines, result.trampolines_len);
	memcpy(area(layout.base_slot_address), &object->bias, sizeof(object->bias));
	if (mprotect(text, result.len, PROT_READ | PROT_EXEC))
		return false;
	void *place = area(object->bias + result.vaddr);
	bool is_in_place = raw_mremap(text, result.len, place) == (long)(uintptr_t)place;
	patch_free(&result);
	return is_in_place;
}

static bool enter_patched_world(void)
{
	static const int bare[] = { SYS_rt_sigreturn, SYS_clone, SYS_fork, SYS_vfork, 435 };
	void *place = mmap(area(AREA), AREA_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (place != area(AREA))
		return false;
	memcpy(area(HOOK), mini_hook, (size_t)(mini_hook_end - mini_hook));
	for (size_t i = 0; i < COUNT(bare); i++)
		*(unsigned char *)area(MODES + (uint64_t)bare[i]) = FASTPATH_BARE;
	return replace_text(&libc, 0) && (loader.bias == libc.bias || replace_text(&loader, 1));
}

static uint64_t calls_made(void)
{
	return *(volatile uint64_t *)area(CALLS_MADE);
}

static bool ends_with(pid_t pid, int code)
{
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static bool files_work(void)
{
	char name[] = "/tmp/test_patch.XXXXXX", buffer[8] = "";
	int fd = mkstemp(name);
	bool works = fd >= 0 && write(fd, "hello", 5) == 5 && pread(fd, buffer, 8, 0) == 5 && !strcmp(buffer, "hello");
	works = works && lseek(fd, 1, SEEK_SET) == 1 && read(fd, buffer, 4) == 4 && buffer[0] == 'e';
	errno = 0;
	works = works && open("/nonexistent", O_RDONLY) == -1 && errno == ENOENT;
	works = works && syscall(SYS_close, -1) == -1 && errno == EBADF;
	return close(fd) == 0 && unlink(name) == 0 && works;
}

static uint64_t *identity_word(void)
{
	uint64_t fs_base = 0;
	syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &fs_base);
	return (uint64_t *)area(IDENTITY) + fastpath_identity_slot(fs_base);
}

/* By wrapper, and by number at run time; either way parent and child forget who they are. */
static bool birth_works(bool by_number)
{
	uint64_t *identity = identity_word(), *no_cache = area(NO_CACHE);
	*identity = 1;
	pid_t pid = by_number ? (pid_t)syscall(SYS_fork) : fork();
	if (pid == 0)
		_exit(*identity == 0 || *no_cache == 1 ? 7 : 8);
	return ends_with(pid, 7) && (*identity == 0 || *no_cache == 1);
}

static bool births_work(void)
{
	if (!birth_works(false) || !birth_works(true))
		return false;
	pid_t pid = vfork(); /* NOLINT */
	if (pid == 0)
		_exit(5);
	return ends_with(pid, 5);
}

static bool programs_work(void)
{
	char *command[] = { "true", NULL }, line[16] = "";
	pid_t pid;
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, command, NULL) || !ends_with(pid, 0))
		return false;
	FILE *output = popen("echo hello", "r");
	bool works = output && fgets(line, sizeof(line), output) && strcmp(line, "hello\n") == 0;
	return output && pclose(output) == 0 && works && WEXITSTATUS(system("exit 3")) == 3;
}

static void *run_thread(void *mutex)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(mutex);
		usleep(1);
		pthread_mutex_unlock(mutex);
	}
	return mutex;
}

static bool threads_work(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[8];
	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_create(&threads[i], NULL, run_thread, &mutex))
			return false;
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *result;
		if (pthread_join(threads[i], &result) || result != &mutex)
			return false;
	}
	return true;
}

static volatile sig_atomic_t signals_seen;

static void count_signal(int number)
{
	(void)number;
	signals_seen++;
}

/* A read that is interrupted, and one that is restarted. */
static bool signals_work(void)
{
	int ends[2];
	char byte;
	struct sigaction action = { .sa_handler = count_signal };
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	if (pipe(ends) || sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &soon, NULL))
		return false;
	bool works = read(ends[0], &byte, 1) == -1 && errno == EINTR && signals_seen == 1;
	action.sa_flags = SA_RESTART;
	pid_t writer = fork();
	if (writer == 0) {
		usleep(100000);
		_exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
	}
	works &= !sigaction(SIGALRM, &action, NULL) && !setitimer(ITIMER_REAL, &soon, NULL);
	works &= read(ends[0], &byte, 1) == 1 && signals_seen == 2;
	return ends_with(writer, 0) && works && raise(SIGALRM) == 0 && signals_seen == 3;
}

static bool loading_works(void)
{
	iconv_t conversion = iconv_open("UTF-16", "KOI8-R");
	return conversion == (iconv_t)-1 || iconv_close(conversion) == 0;
}

/* Exits with the number of the first step that failed. */
static void live_patched(void)
{
	static bool (*const steps[])(void) = { files_work, births_work, programs_work, threads_work, signals_work,
					       loading_works };
	if (!enter_patched_world())
		_exit(100);
	uint64_t before = calls_made();
	if (getpid() != syscall(SYS_getpid) || calls_made() != before + 2)
		_exit(101);
	for (size_t i = 0; i < COUNT(steps); i++)
		if (!steps[i]())
			_exit((int)i + 1);
	_exit(calls_made() > 300 ? 0 : 102);
}

static void test_a_process_lives_with_its_libc_and_loader_patched(bool on_old_cpu)
{
	int status = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		without_fsgsbase = on_old_cpu;
		live_patched();
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "old CPU %d: status %x", on_old_cpu, status);
}

/* Spoilt files: the vdso is an ELF file small enough to be tried often. */
static uint64_t seed = 1;

static size_t random_below(size_t limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (size_t)((seed >> 33) % limit);
}

static void try_file(const unsigned char *file, size_t len)
{
	struct patch_layout layout = layout_of(0);
	struct patch_result result;
	unsigned char *copy = malloc(len ? len : 1); /* a sanitizer watches its end */
	if (!copy)
		abort();
	memcpy(copy, file, len);
	int error = patch_text(copy, len, &layout, &result);
	CHECK(error <= 0 && (error == 0) == (result.text != NULL), "%d", error);
	if (!error)
		check_result("spoilt", copy, len, &layout, &result);
	patch_free(&result);
	free(copy);
}

static void test_spoilt_files_do_no_harm(const unsigned char *file, size_t len, int rounds)
{
	unsigned char *spoilt = malloc(len);
	if (!spoilt)
		abort();
	for (int round = 0; round < rounds; round++) {
		memcpy(spoilt, file, len);
		for (size_t flips = 1 + random_below(4); flips > 0; flips--) {
			size_t at = random_below(random_below(2) ? len : 2048); /* headers come first */
			spoilt[at % len] ^= (unsigned char)(1 << random_below(8));
		}
		try_file(spoilt, random_below(4) ? len : random_below(len));
	}
	free(spoilt);
}

static void test_truncated_files_do_no_harm(const unsigned char *file, size_t len, size_t step)
{
	for (size_t left = 0; left < len; left += step)
		try_file(file, left);
}

int main(void)
{
	const unsigned char *vdso = area(getauxval(AT_SYSINFO_EHDR));
	dl_iterate_phdr(find_object, NULL);
	CHECK(libc.file && loader.file, "what this process has loaded is found");
	test_each_shape_has_its_outcome();
	test_births_are_bare_and_only_unknown_numbers_are_looked_up();
	test_a_switch_may_lead_into_a_site();
	test_a_switch_may_lead_there_from_a_table_beside_the_code();
	test_without_section_headers_only_what_functions_confirm_is_trusted();
	test_no_trampoline_passes_the_end_of_the_room();
	test_addresses_beyond_2_gib_are_refused();
	test_other_files_are_refused();
	test_nearly_every_site_of_libc_and_its_loader_is_patched(&libc);
	test_nearly_every_site_of_libc_and_its_loader_is_patched(&loader);
	test_section_headers_are_not_needed(&libc);
	test_section_headers_are_not_needed(&loader);
	test_nothing_that_objdump_sees_leads_into_a_site(&libc);
	test_nothing_that_objdump_sees_leads_into_a_site(&loader);
	test_a_process_lives_with_its_libc_and_loader_patched(false);
	test_a_process_lives_with_its_libc_and_loader_patched(true);
	if (vdso) {
		test_spoilt_files_do_no_harm(vdso, PAGE, 4000);
		test_truncated_files_do_no_harm(vdso, PAGE, 7);
	}
	test_spoilt_files_do_no_harm(loader.file, loader.len, 200);
	test_truncated_files_do_no_harm(loader.file, loader.len, 4001);
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
