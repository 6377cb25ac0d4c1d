/* Promises of reading a tracee's memory: the three ways give the same bytes, end where the mapped memory
 * ends, and a bad pointer is EFAULT. The tracee is a stopped child of this test with the same addresses. */
#include "peek.h"
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static long checks, failures;
static const char *method_name;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 20) {                                             \
			fprintf(stderr, "%s:%d: %s: %s: ", __FILE__, __LINE__, method_name,        \
				#condition);                                                       \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
		}                                                                                  \
	} while (0)

enum { PAGE = 4096, PAGES = 80, AREA = PAGES * PAGE, NO_MAX = 1 << 30 };

/* Readable, writable, and followed by a page that is not mapped. */
static unsigned char *area;
static pid_t child;

static uint64_t address_of(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static void make_area(void)
{
	area = mmap(NULL, AREA + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		abort();
	munmap(area + AREA, PAGE);
	for (size_t i = 0; i < AREA; i++)
		area[i] = (unsigned char)(1 + i % 251);
}

static void start_child(void)
{
	int status;
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		abort();
}

/* A child that has what the area holds now. */
static void renew_child(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	start_child();
}

static void test_bytes_are_the_tracee_s(void)
{
	static const size_t starts[] = { 0, 1, 7, 8, PAGE - 1, PAGE, 3 * PAGE + 5 };
	static const size_t lengths[] = { 1, 2, 7, 8, 9, PAGE - 1, PAGE, PAGE + 1, 70 * PAGE };
	static unsigned char got[AREA + 1];
	for (size_t i = 0; i < COUNT(starts); i++) {
		for (size_t j = 0; j < COUNT(lengths); j++) {
			memset(got, 0, sizeof(got));
			ssize_t len = peek_read(child, address_of(area + starts[i]), got, lengths[j]);
			CHECK(len == (ssize_t)lengths[j], "%zd of %zu", len, lengths[j]);
			CHECK(memcmp(got, area + starts[i], lengths[j]) == 0, "%zu at %zu", lengths[j], starts[i]);
			CHECK(got[lengths[j]] == 0, "%zu: written behind", lengths[j]);
		}
	}
	CHECK(peek_read(child, address_of(area), got, 0) == 0, "nothing asked");
}

static void test_reading_ends_where_the_memory_ends(void)
{
	static const size_t before[] = { 1, 7, 8, 100, PAGE, PAGE + 1, 66 * PAGE };
	static unsigned char got[AREA + PAGE];
	for (size_t i = 0; i < COUNT(before); i++) {
		uint64_t start = address_of(area + AREA - before[i]);
		ssize_t len = peek_read(child, start, got, before[i] + PAGE);
		CHECK(len == (ssize_t)before[i], "%zd of %zu", len, before[i]);
		CHECK(peek_read_whole(child, start, got, before[i]) == 0, "%zu", before[i]);
		CHECK(peek_read_whole(child, start, got, before[i] + 1) == -EFAULT, "%zu", before[i]);
	}
}

static void test_a_bad_pointer_is_efault(void)
{
	const uint64_t bad[] = { 0, 8, address_of(area + AREA), 0x7ffffffff000, 0x800000000000,
				 0xffffffff81000000, UINT64_MAX - 7, UINT64_MAX };
	char byte[64];
	for (size_t i = 0; i < COUNT(bad); i++) {
		ssize_t len = peek_read(child, bad[i], byte, sizeof(byte));
		CHECK(len == -EFAULT, "%#lx: %zd", (unsigned long)bad[i], len);
	}
}

static void check_string(size_t start, size_t len, size_t max)
{
	struct strbuf out = { 0 };
	bool truncated;
	strbuf_add_string(&out, "before");
	int error = peek_string(child, address_of(area + start), &out, max, &truncated);
	size_t expected = len < max ? len : max;
	CHECK(error == 0 && truncated == (len > max), "%zu at %zu: %d", len, start, error);
	CHECK(out.len == 6 + expected && memcmp(out.data, "before", 6) == 0 &&
		      memcmp(out.data + 6, area + start, expected) == 0,
	      "%zu at %zu: %zu", len, start, out.len);
	strbuf_free(&out);
}

static void test_strings_of_every_length_are_whole(void)
{
	static const size_t lengths[] = { 0, 1, 255, 256, 257, PAGE - 1, PAGE, PAGE + 255, PAGE + 256, 3 * PAGE };
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t end = AREA - 1, start = end - lengths[i];
		unsigned char kept = area[end];
		area[end] = '\0';
		renew_child();
		check_string(start, lengths[i], NO_MAX);
		check_string(start, lengths[i], lengths[i]);
		if (lengths[i] > 0)
			check_string(start, lengths[i], lengths[i] - 1);
		check_string(start, lengths[i], 10);
		area[end] = kept;
	}
	renew_child();
}

static void test_a_string_without_end_is_efault_and_leaves_nothing(void)
{
	struct strbuf out = { 0 };
	bool truncated;
	strbuf_add_string(&out, "before");
	CHECK(peek_string(child, address_of(area + AREA - PAGE - 3), &out, NO_MAX, &truncated) == -EFAULT, "end");
	CHECK(peek_string(child, 8, &out, NO_MAX, &truncated) == -EFAULT, "8");
	CHECK(out.len == 6, "%zu", out.len);
	strbuf_free(&out);
}

/* Puts the pointers, 8 or 4 bytes wide, at the area's very end. */
static uint64_t put_pointers(const uint64_t *pointers, size_t count, unsigned word_bytes)
{
	unsigned char *start = area + AREA - count * word_bytes;
	for (size_t i = 0; i < count; i++)
		memcpy(start + i * word_bytes, &pointers[i], word_bytes);
	return address_of(start);
}

static void test_arrays_of_strings_are_read_to_their_null(void)
{
	strcpy((char *)area, "one");
	strcpy((char *)area + 16, "");
	strcpy((char *)area + 32, "three");
	const uint64_t pointers[] = { address_of(area), address_of(area + 16), 8, address_of(area + 32), 0 };
	uint64_t array = put_pointers(pointers, COUNT(pointers), 8);
	struct strbuf out = { 0 };
	struct peek_array found;
	renew_child();
	CHECK(peek_strings(child, array, 8, &out, NO_MAX, &found) == 0, "array");
	CHECK(found.count == 4 && !found.truncated, "%zu", found.count);
	CHECK(found.gap_count == 1 && found.gaps[0].index == 2 && found.gaps[0].pointer == 8, "%u", found.gap_count);
	CHECK(bytes_equal(strbuf_bytes(&out), bytes_of("one\0\0\0three\0", 12)), "%zu", out.len);
	strbuf_reset(&out);
	CHECK(peek_strings(child, array, 8, &out, 2, &found) == 0, "cut");
	CHECK(found.count == 4 && found.truncated && bytes_equal(strbuf_bytes(&out), bytes_of("on\0", 3)), "%zu", found.count);
	CHECK(peek_strings(child, array + 40, 8, &out, NO_MAX, &found) == -EFAULT, "unmapped");
	strbuf_free(&out);
}

/* Short, long and of many pages, bad pointers between them, the last one up to the end of what is mapped. */
static void test_many_strings_are_whole_whatever_stands_between_them(void)
{
	enum { STRINGS = 150, GAP_EVERY = 31 };
	uint64_t pointers[STRINGS + 1] = { 0 };
	struct strbuf out = { 0 }, wanted = { 0 };
	struct peek_array found;
	unsigned char *at = area + AREA - 1, *start;
	for (int i = STRINGS - 1; i >= 0; i--) {
		size_t len = i % 50 == 49 ? 3 * PAGE : (size_t)i * 37 % 600;
		start = at - len;
		memset(start, 'a' + i % 26, len);
		*at = '\0';
		pointers[i] = i % GAP_EVERY == GAP_EVERY - 1 ? 8 : address_of(start);
		at = start - 1;
	}
	for (int i = 0; i < STRINGS; i++)
		strbuf_add(&wanted, pointers[i] == 8 ? "" : (char *)(uintptr_t)pointers[i], // NOLINT(performance-no-int-to-ptr)
			   pointers[i] == 8 ? 1 : strlen((char *)(uintptr_t)pointers[i]) + 1); // NOLINT(performance-no-int-to-ptr)
	memcpy(area, pointers, sizeof pointers);
	renew_child();
	CHECK(peek_strings(child, address_of(area), 8, &out, NO_MAX, &found) == 0, "many");
	CHECK(found.count == STRINGS && !found.truncated && found.gap_count == STRINGS / GAP_EVERY, "%zu, %u", found.count,
	      found.gap_count);
	CHECK(bytes_equal(strbuf_bytes(&out), strbuf_bytes(&wanted)), "%zu, not %zu", out.len, wanted.len);
	strbuf_reset(&out);
	CHECK(peek_strings(child, address_of(area), 8, &out, 1000, &found) == 0, "cut");
	CHECK(found.count == STRINGS && found.truncated && memcmp(out.data, wanted.data, 1000) == 0, "%zu", out.len);
	strbuf_free(&out);
	strbuf_free(&wanted);
}

static void test_an_array_without_null_is_efault(void)
{
	uint64_t pointers[600];
	for (size_t i = 0; i < COUNT(pointers); i++)
		pointers[i] = address_of(area);
	struct strbuf out = { 0 };
	struct peek_array found;
	uint64_t array = put_pointers(pointers, COUNT(pointers), 8);
	renew_child();
	CHECK(peek_strings(child, array, 8, &out, NO_MAX, &found) == -EFAULT, "no NULL");
	strbuf_free(&out);
}

static void test_an_array_longer_than_execve_takes_is_cut(void)
{
	enum { POINTERS = 3 << 20 };
	uint64_t *array = mmap(NULL, POINTERS * 8UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct strbuf out = { 0 };
	struct peek_array found;
	if (array == MAP_FAILED)
		abort();
	for (size_t i = 0; i < POINTERS; i++)
		array[i] = 8;
	renew_child();
	CHECK(peek_strings(child, address_of(array), 8, &out, 100, &found) == 0, "long");
	CHECK(found.truncated && found.count >= 1 << 20 && found.count < POINTERS && out.len <= 101, "%zu", found.count);
	CHECK(found.gap_count == PEEK_GAPS && out.len == PEEK_GAPS, "%zu", out.len);
	strbuf_free(&out);
	munmap(array, POINTERS * 8UL);
}

/* Pointers of a 32-bit tracee: to what lies below 4 GiB. */
static void test_narrow_pointers_are_four_bytes(void)
{
	char *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(low != MAP_FAILED, "no memory below 2 GiB");
	if (low == MAP_FAILED)
		return;
	strcpy(low, "narrow");
	const uint64_t pointers[] = { address_of(low), address_of(low + 1), 0 };
	uint64_t array = put_pointers(pointers, COUNT(pointers), 4);
	struct strbuf out = { 0 };
	struct peek_array found;
	renew_child();
	CHECK(peek_strings(child, array, 4, &out, NO_MAX, &found) == 0 && found.count == 2, "%zu", found.count);
	CHECK(bytes_equal(strbuf_bytes(&out), bytes_of("narrow\0arrow\0", 13)), "%zu", out.len);
	strbuf_free(&out);
	munmap(low, PAGE);
}

static void test_a_dead_tracee_is_esrch(void)
{
	char byte;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ssize_t got = peek_read(child, address_of(area), &byte, 1);
	CHECK(got == -ESRCH || got == -ENOENT, "%zd", got);
	child = 0;
}

static void test_what_is_written_can_be_read(void)
{
	static const char text[] = "written by another";
	char got[sizeof(text)];
	uint64_t across = address_of(area + 5 * PAGE - 4);
	renew_child();
	CHECK(peek_write(child, across, text, sizeof(text)) == 0, "write");
	CHECK(peek_read_whole(child, across, got, sizeof(got)) == 0 && strcmp(got, text) == 0, "read");
	CHECK(memcmp(area + 5 * PAGE - 4, text, sizeof(text)) != 0, "the writer's own memory");
	CHECK(peek_write(child, 8, text, sizeof(text)) < 0, "unmapped");
	CHECK(peek_write(child, address_of(area + AREA - 4), text, sizeof(text)) < 0, "partly unmapped");
}

int main(void)
{
	static const char *const methods[] = { [PEEK_VM_READV] = "process_vm_readv",
					       [PEEK_PROC_MEM] = "/proc/PID/mem", [PEEK_PTRACE] = "PEEKDATA" };
	for (enum peek_method method = 0; method < COUNT(methods); method++) {
		method_name = methods[method];
		peek_set_method(method, trace_peekdata);
		make_area();
		renew_child();
		test_bytes_are_the_tracee_s();
		test_reading_ends_where_the_memory_ends();
		test_a_bad_pointer_is_efault();
		test_strings_of_every_length_are_whole();
		test_a_string_without_end_is_efault_and_leaves_nothing();
		test_arrays_of_strings_are_read_to_their_null();
		test_many_strings_are_whole_whatever_stands_between_them();
		test_an_array_without_null_is_efault();
		if (method == PEEK_VM_READV)
			test_an_array_longer_than_execve_takes_is_cut();
		test_narrow_pointers_are_four_bytes();
		test_what_is_written_can_be_read();
		test_a_dead_tracee_is_esrch();
		munmap(area, AREA);
	}
	printf("ok %ld\n", checks);
	return failures != 0;
}
