/* Promises of looking up a symbol in a file: what a walk over all of the table finds is found by either hash
 * table and nothing else is, whatever the file's size few bytes are read, and no file, however spoilt, does
 * harm or holds up. */
#include "check.h"
#include "elflookup.h"
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

enum { NAME_MAX_BYTES = 64, HEADERS = 4096 };

struct object {
	char path[256];
	unsigned char *file;
	size_t len;
	int fd;
};

/* A file of these bytes. */
static int copy_of(const unsigned char *bytes, size_t len)
{
	int fd = memfd_create("test_elflookup", MFD_CLOEXEC);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	return fd;
}

static struct object open_object(const char *path)
{
	struct object object = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct stat status;
	if (object.fd < 0 || fstat(object.fd, &status))
		return object;
	object.len = (size_t)status.st_size;
	object.file = mmap(NULL, object.len, PROT_READ, MAP_PRIVATE, object.fd, 0);
	if (object.file == MAP_FAILED)
		abort();
	snprintf(object.path, sizeof(object.path), "%s", path);
	return object;
}

static void close_object(struct object *object)
{
	munmap(object->file, object->len);
	close(object->fd);
}

/* By name, defined or not: versions of a symbol share it, and an object may define what it uses. */
static bool is_defined(const struct elfview_symbols *symbols, const char *wanted)
{
	for (size_t i = 0; i < symbols->count; i++) {
		const char *name;
		if (elfview_symbol(symbols, i, &name).st_shndx != SHN_UNDEF && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

static void check_symbols(const struct object *object, int fd, size_t step)
{
	struct elfview view;
	struct elfview_symbols symbols;
	if (elfview_open(&view, object->file, object->len) || !elfview_symbols(&view, &symbols))
		return;
	for (size_t i = 0; i < symbols.count; i += step) {
		const char *name;
		elfview_symbol(&symbols, i, &name);
		if (strlen(name) < NAME_MAX_BYTES)
			CHECK(elflookup_defines(fd, name) == is_defined(&symbols, name), "%s: %s", object->path, name);
	}
}

/* A copy in which the dynamic section's entries of this tag are of another that nobody knows. */
static int copy_without(const struct object *object, int64_t tag)
{
	struct elfview view;
	unsigned char *copy = malloc(object->len);
	if (!copy || elfview_open(&view, object->file, object->len))
		abort();
	memcpy(copy, object->file, object->len);
	const Elf64_Phdr *dynamic = elfview_segment(&view, PT_DYNAMIC);
	for (size_t at = 0; dynamic && at + sizeof(Elf64_Dyn) <= dynamic->p_filesz; at += sizeof(Elf64_Dyn))
		if (memcmp(copy + dynamic->p_offset + at, &tag, sizeof(tag)) == 0)
			memset(copy + dynamic->p_offset + at, 0x5a, sizeof(tag));
	int fd = copy_of(copy, object->len);
	free(copy);
	return fd;
}

static bool has_tag(const struct object *object, int64_t tag)
{
	struct elfview view;
	uint64_t value;
	return elfview_open(&view, object->file, object->len) == 0 && elfview_dynamic(&view, tag, &value);
}

static int test_symbols_are_found_by_either_table(struct dl_phdr_info *info, size_t size, void *context)
{
	static const int64_t tags[] = { DT_HASH, DT_GNU_HASH };
	(void)size, (void)context;
	if (info->dlpi_name[0] != '/')
		return 0;
	struct object object = open_object(info->dlpi_name);
	if (!object.file)
		return 0;
	check_symbols(&object, object.fd, 7);
	for (size_t i = 0; i < COUNT(tags); i++) {
		int fd = copy_without(&object, tags[i]);
		if (has_tag(&object, tags[!i]))
			check_symbols(&object, fd, 31);
		else
			CHECK(!elflookup_defines(fd, "malloc"), "%s", object.path);
		close(fd);
	}
	close_object(&object);
	return 0;
}

static char libc_path[256];

static int find_libc(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size, (void)context;
	int fd = open(info->dlpi_name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (elflookup_defines(fd, "__libc_start_main"))
		snprintf(libc_path, sizeof(libc_path), "%s", info->dlpi_name);
	close(fd);
	return 0;
}

static void test_a_libc_is_told_by_what_it_exports(const struct object *libc)
{
	static const char *const others[] = { "", "__libc_start_mai", "__libc_start_main_", "_libc_start_main" };
	char name[2 * NAME_MAX_BYTES];
	CHECK(elflookup_defines(libc->fd, "__libc_start_main"), "%s", libc->path);
	for (size_t i = 0; i < COUNT(others); i++)
		CHECK(!elflookup_defines(libc->fd, others[i]), "%s", others[i]);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK(!elflookup_defines(libc->fd, name), "a long name");
	CHECK(!elflookup_defines(-1, "__libc_start_main"), "no file");
}

/* No chain with an end: each symbol follows itself, each has another's hash. */
static void test_endless_chains_end(const struct object *libc)
{
	static const int64_t tags[] = { DT_GNU_HASH, DT_HASH };
	for (uint32_t i = 0; i < COUNT(tags); i++) {
		struct elfview view;
		uint64_t table;
		int fd = copy_without(libc, tags[!i]);
		if (elfview_open(&view, libc->file, libc->len) || !elfview_dynamic(&view, tags[i], &table))
			continue;
		uint64_t at = (uint64_t)(elfview_at(&view, table, 1) - view.bytes);
		uint32_t counts[2] = { 1, 1 }, gnu[] = { 1, 1, 1, 0, ~0U, ~0U, 1 }, links[] = { i, i };
		size_t len = i ? sizeof(counts) : sizeof(gnu);
		CHECK(pwrite(fd, i ? counts : gnu, len, (off_t)at) == (ssize_t)len, "write");
		for (at += len; at < libc->len - sizeof(links) && len < 100000; at += sizeof(links), len += sizeof(links))
			CHECK(pwrite(fd, links, sizeof(links), (off_t)at) == sizeof(links), "write");
		CHECK(!elflookup_defines(fd, "__libc_start_main"), "%u", i);
		close(fd);
	}
}

static uint64_t seed = 1;

static size_t random_below(size_t limit)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (size_t)((seed >> 33) % limit);
}

/* Of the file its first pages and the dynamic section matter. */
static void test_spoilt_files_do_no_harm(const struct object *libc, int rounds)
{
	struct elfview view;
	int fd = copy_of(libc->file, libc->len);
	CHECK(elfview_open(&view, libc->file, libc->len) == 0, "%s", libc->path);
	const Elf64_Phdr *dynamic = elfview_segment(&view, PT_DYNAMIC);
	for (int round = 0; round < rounds; round++) {
		size_t at = random_below(2) ? random_below(HEADERS) : dynamic->p_offset + random_below(dynamic->p_filesz);
		unsigned char byte = libc->file[at] ^ (unsigned char)(1 << random_below(8));
		CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1, "write");
		elflookup_defines(fd, "__libc_start_main");
		if (round % 4)
			CHECK(pwrite(fd, &libc->file[at], 1, (off_t)at) == 1, "write");
	}
	close(fd);
}

static void test_truncated_files_do_no_harm(const struct object *libc)
{
	int fd = copy_of(libc->file, libc->len);
	for (size_t left = libc->len; left > 0; left = left * 15 / 16) {
		CHECK(ftruncate(fd, (off_t)left) == 0, "truncate");
		elflookup_defines(fd, "__libc_start_main");
	}
	CHECK(ftruncate(fd, 0) == 0 && !elflookup_defines(fd, "__libc_start_main"), "an empty file");
	close(fd);
}

int main(void)
{
	dl_iterate_phdr(find_libc, NULL);
	struct object libc = open_object(libc_path);
	CHECK(libc.file, "what this process has loaded is found");
	if (libc.file) {
		test_a_libc_is_told_by_what_it_exports(&libc);
		test_endless_chains_end(&libc);
		test_spoilt_files_do_no_harm(&libc, 4000);
		test_truncated_files_do_no_harm(&libc);
		close_object(&libc);
	}
	dl_iterate_phdr(test_symbols_are_found_by_either_table, NULL);
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
