/* Promises of the instruction decoder: it finds the boundaries that objdump finds in all code of this very
 * process, knows a corpus of rare encodings, reads no byte too many, and tells what may be moved. */
#include "arch/x86_64_decode.h"
#include "check.h"
#include "elfview.h"

#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A string literal's bytes and their number. */
#define CODE(literal) (const unsigned char *)(literal), sizeof(literal) - 1

static const struct {
	const unsigned char *bytes;
	size_t len;
	const char *text;
} known[] = {
	{ CODE("\x0f\x05"), "syscall" },
	{ CODE("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"), "movabs $imm64,%rax" },
	{ CODE("\x66\xb8\x01\x02"), "mov $imm16,%ax" },
	{ CODE("\x66\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"), "data16 movabs" },
	{ CODE("\xa1\x01\x02\x03\x04\x05\x06\x07\x08"), "movabs moffs,%eax" },
	{ CODE("\x67\xa1\x01\x02\x03\x04"), "mov addr32 moffs,%eax" },
	{ CODE("\x66\xc7\x00\x34\x12"), "movw $imm16,(%rax)" },
	{ CODE("\x48\xc7\xc0\x0f\x00\x00\x00"), "mov $15,%rax" },
	{ CODE("\xc8\x10\x00\x01"), "enter" },
	{ CODE("\xc2\x08\x00"), "ret $8" },
	{ CODE("\xf6\xc1\x01"), "test $1,%cl" },
	{ CODE("\xf6\xd9"), "neg %cl" },
	{ CODE("\xf7\xc1\x01\x00\x00\x00"), "test $1,%ecx" },
	{ CODE("\x66\xf7\xc1\x01\x00"), "test $1,%cx" },
	{ CODE("\xf7\xd9"), "neg %ecx" },
	{ CODE("\xff\x24\x25\x00\x00\x00\x10"), "jmp *abs32" },
	{ CODE("\xff\x25\x00\x00\x00\x00"), "jmp *(%rip)" },
	{ CODE("\x8b\x44\x24\x08"), "mov 8(%rsp),%eax" },
	{ CODE("\x8b\x84\x24\x08\x00\x00\x00"), "mov disp32(%rsp),%eax" },
	{ CODE("\x8b\x04\x85\x08\x00\x00\x00"), "mov disp32(,%rax,4),%eax" },
	{ CODE("\x8b\x45\x00"), "mov 0(%rbp),%eax" },
	{ CODE("\x66\x66\x48\xe8\x00\x00\x00\x00"), "data16 data16 rex.W call" },
	{ CODE("\xc7\xf8\x00\x00\x00\x00"), "xbegin" },
	{ CODE("\xc6\xf8\x01"), "xabort" },
	{ CODE("\x0f\x01\xd5"), "xend" },
	{ CODE("\xf3\x48\x0f\xae\xc1"), "rdfsbase %rcx" },
	{ CODE("\xf3\x0f\x1e\xfa"), "endbr64" },
	{ CODE("\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"), "data16 cs nopw" },
	{ CODE("\x0f\xba\x20\x01"), "btl $1,(%rax)" },
	{ CODE("\x0f\xc7\x0f"), "cmpxchg8b (%rdi)" },
	{ CODE("\x66\x0f\x3a\x0f\xc1\x08"), "palignr" },
	{ CODE("\xf2\x48\x0f\x38\xf1\xc1"), "crc32q" },
	{ CODE("\x66\x0f\x70\xc0\x00"), "pshufd" },
	{ CODE("\xc5\xf8\x77"), "vzeroupper" },
	{ CODE("\xc5\xfd\x6f\x0e"), "vmovdqa (%rsi),%ymm1" },
	{ CODE("\xc5\xf9\x73\xdb\x08"), "vpsrldq" },
	{ CODE("\xc4\xe2\x7d\x18\x06"), "vbroadcastss" },
	{ CODE("\xc4\xe3\x7d\x39\xc1\x01"), "vextracti128" },
	{ CODE("\xc4\xe2\xf8\xf7\xc1"), "bextr" },
	{ CODE("\xc4\xe3\xfb\xf0\xc1\x05"), "rorx" },
	{ CODE("\xc5\xfb\x93\xc0"), "kmovd %k0,%eax" },
	{ CODE("\x62\xe1\xfe\x28\x6f\x06"), "vmovdqu64 (%rsi),%ymm16" },
	{ CODE("\x62\xe1\xfe\x28\x6f\x46\x01"), "vmovdqu64 0x20(%rsi),%ymm16" },
	{ CODE("\x62\xf3\x7d\x20\x3f\xc1\x00"), "vpcmpb" },
	{ CODE("\x62\xf2\x7d\x48\x7a\xc6"), "vpbroadcastb %esi,%zmm0" },
	{ CODE("\x62\xf5\x7c\x48\x58\xc1"), "vaddph" },
};

static void test_rare_encodings_have_their_length(void)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		struct x86_insn insn;
		bool decoded = x86_decode(known[i].bytes, known[i].len, &insn);
		CHECK(decoded && insn.length == known[i].len, "%s: %d %u", known[i].text, decoded, insn.length);
	}
}

static void test_what_is_cut_off_is_no_instruction(void)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		for (size_t len = 0; len < known[i].len; len++) {
			struct x86_insn insn;
			unsigned char *copy = malloc(len ? len : 1); /* a sanitizer watches its end */
			if (!copy)
				abort();
			memcpy(copy, known[i].bytes, len);
			CHECK(!x86_decode(copy, len, &insn), "%s: %zu bytes", known[i].text, len);
			free(copy);
		}
	}
}

static void test_what_64_bit_mode_has_not_is_no_instruction(void)
{
	static const unsigned char none[][X86_INSN_MAX + 1] = {
		{ 0x06 }, { 0x27 }, { 0x60 }, { 0x82, 0xc0, 1 }, { 0x9a }, { 0xd6 }, { 0xea }, { 0x0f, 0x04 },
		{ 0x8f, 0xe8, 0x78 }, { 0x66, 0xe9 }, { 0x66, 0xc5, 0xf8, 0x77 }, { 0x48, 0xc5, 0xf8, 0x77 },
		{ 0xc4, 0xe0, 0x78, 0x10 }, { 0x62, 0xf9, 0x7c, 0x48 }, { 0x62, 0xf1, 0x78, 0x48 },
		{ 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90 },
	};
	for (size_t i = 0; i < COUNT(none); i++) {
		struct x86_insn insn;
		CHECK(!x86_decode(none[i], sizeof(none[i]), &insn), "%zu: %u bytes", i, insn.length);
	}
}

static const struct {
	const unsigned char *bytes;
	size_t len;
	const char *text, *mentioned, *written; /* registers as letters: a rax, c rcx, d rdx, b rbx, s rsp, ... */
} plain[] = {
	{ CODE("\x89\xd0"), "mov %edx,%eax", "ad", "a" },
	{ CODE("\x48\x8b\x4c\x24\x08"), "mov 8(%rsp),%rcx", "cs", "c" },
	{ CODE("\x89\x0c\x9a"), "mov %ecx,(%rdx,%rbx,4)", "cdb", "" },
	{ CODE("\x39\xc8"), "cmp %ecx,%eax", "ac", "" },
	{ CODE("\x48\x3d\x00\xf0\xff\xff"), "cmp $-4096,%rax", "a", "" },
	{ CODE("\xb9\x01\x00\x00\x00"), "mov $1,%ecx", "c", "c" },
	{ CODE("\xb5\x01"), "mov $1,%ch", "c", "c" },
	{ CODE("\x84\xed"), "test %ch,%ch", "c", "" },
	{ CODE("\x48\x83\xec\x08"), "sub $8,%rsp", "s", "s" },
	{ CODE("\x48\x98"), "cltq", "a", "a" },
	{ CODE("\x0f\x29\x0c\x24"), "movaps %xmm1,(%rsp)", "s", "" },
	{ CODE("\x66\x0f\x7e\xc9"), "movd %xmm1,%ecx", "c", "c" },
	{ CODE("\x0f\xb6\xc9"), "movzbl %cl,%ecx", "c", "c" },
	{ CODE("\x8b\x04\x25\x00\x00\x00\x10"), "mov abs32,%eax", "a", "a" },
	{ CODE("\x52"), "push %rdx", "ds", "s" },
	{ CODE("\x5a"), "pop %rdx", "ds", "ds" },
	{ CODE("\x41\x5a"), "pop %r10", "s", "s" },
	{ CODE("\x6a\x27"), "push $39", "s", "s" },
	{ CODE("\x90"), "nop", "", "" },
};

static void test_plain_instructions_name_their_registers(void)
{
	static const char letters[] = "acdbsSD";
	static const unsigned numbers[] = { 0, 1, 2, 3, 4, 6, 7 };
	for (size_t i = 0; i < COUNT(plain); i++) {
		struct x86_insn insn;
		CHECK(x86_decode(plain[i].bytes, plain[i].len, &insn), "%s", plain[i].text);
		CHECK(x86_is_plain(&insn), "%s", plain[i].text);
		for (size_t k = 0; k < COUNT(numbers); k++) {
			CHECK(x86_mentions(&insn, numbers[k]) == !!strchr(plain[i].mentioned, letters[k]), "%s: %c",
			      plain[i].text, letters[k]);
			CHECK(x86_writes(&insn, numbers[k]) == !!strchr(plain[i].written, letters[k]), "%s: %c",
			      plain[i].text, letters[k]);
		}
	}
}

static void test_others_are_not_plain(void)
{
	static const unsigned char others[][6] = {
		{ 0x0f, 0x05 }, { 0xc3 }, { 0xe8 }, { 0xeb }, { 0x74 }, { 0xff, 0xd0 }, { 0xff, 0xe0 }, { 0x9c },
		{ 0x9d }, { 0xc9 }, { 0xd3, 0xe0 }, { 0xf7, 0xe1 }, { 0xf3, 0xa4 }, { 0xe2 }, { 0x0f, 0xa2 },
		{ 0x0f, 0xb1, 0x0f }, { 0x87, 0xc8 }, { 0x49, 0x90 }, { 0xc7, 0xf8 }, { 0xc5, 0xf8, 0x77 },
		{ 0x0f, 0x01, 0xf9 }, { 0x99 },
	};
	for (size_t i = 0; i < COUNT(others); i++) {
		struct x86_insn insn;
		CHECK(x86_decode(others[i], sizeof(others[i]), &insn) && !x86_is_plain(&insn), "%zu", i);
	}
}

/* Compares objdump's lines with the decoder. objdump takes fwait for a prefix of the next instruction, and
 * begins anew at each symbol, maybe within an instruction. */
static void compare_lines(FILE *objdump, const struct elfview *view, const char *path)
{
	uint64_t expected = 0;
	long lines = 0;
	char *line = NULL, *end;
	size_t size = 0;
	while (getline(&line, &size, objdump) > 0) {
		uint64_t address = strtoull(line, &end, 16);
		const unsigned char *bytes = line[0] == ' ' && *end == ':' ? elfview_at(view, address, 1) : NULL;
		struct x86_insn insn;
		if (!bytes) {
			expected = 0;
			continue;
		}
		lines++;
		CHECK(!expected || expected == address, "%s: %s", path, line);
		bool decoded = x86_decode(bytes, (size_t)(view->bytes + view->len - bytes), &insn);
		CHECK(decoded || strstr(line, "(bad)"), "%s: %s", path, line);
		CHECK(*bytes == 0x9b || x86_is_syscall(&insn) == !!strstr(line, "\tsyscall"), "%s: %s", path, line);
		expected = decoded && *bytes != 0x9b ? address + insn.length : 0;
	}
	free(line);
	CHECK(lines > 100, "%s: %ld lines", path, lines);
}

static void compare_file(const char *path)
{
	char command[4200];
	struct stat status;
	struct elfview view;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status)) {
		CHECK(false, "%s", path);
		return;
	}
	void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(bytes != MAP_FAILED && elfview_open(&view, bytes, (size_t)status.st_size) == 0, "%s", path);
	snprintf(command, sizeof(command), "objdump -d -z -w --no-show-raw-insn '%s'", path);
	FILE *objdump = popen(command, "r");
	if (objdump) {
		compare_lines(objdump, &view, path);
		CHECK(pclose(objdump) == 0, "%s", command);
	}
	munmap(bytes, (size_t)status.st_size);
	close(fd);
}

/* Sanitizers' runtimes are huge, and no ld.so nor libc. */
static int compare_object(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size, (void)context;
	if (info->dlpi_name[0] == '/' && !strstr(info->dlpi_name, "san.so"))
		compare_file(info->dlpi_name);
	return 0;
}

static void test_boundaries_are_those_of_objdump(void)
{
	char self[4096] = "";
	if (system("objdump --version >/dev/null 2>&1") != 0) {
		printf("skip: no objdump to compare with\n");
		return;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0)
		compare_file(self);
	dl_iterate_phdr(compare_object, NULL);
}

int main(void)
{
	test_rare_encodings_have_their_length();
	test_what_is_cut_off_is_no_instruction();
	test_what_64_bit_mode_has_not_is_no_instruction();
	test_plain_instructions_name_their_registers();
	test_others_are_not_plain();
	test_boundaries_are_those_of_objdump();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
