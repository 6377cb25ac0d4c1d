/* Lines come out in the order of their keys, equal ones as they were added, whatever their number and
 * length, with the memory that was given and a temporary file that nobody sees. */
#include "report/sorter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __func__, __LINE__)

static void check(bool holds, const char *what, const char *where, int line)
{
	checks++;
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s\n", where, line, what);
}

static uint64_t state;

static uint64_t below(uint64_t limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % limit;
}

/* Adds `count` lines "KEY NUMBER ...\n" of up to max_bytes with keys below key_limit. */
static int add_lines(struct sorter *sorter, uint32_t count, uint64_t key_limit, size_t max_bytes)
{
	char *line = malloc(max_bytes + 64);
	int error = 0;
	state = count;
	for (uint32_t i = 0; i < count && !error; i++) {
		uint64_t key = below(key_limit);
		size_t len = (size_t)sprintf(line, "%llu %u ", (unsigned long long)key, i);
		for (size_t more = below(max_bytes); more > 0; more--)
			line[len++] = (char)('a' + more % 26);
		line[len++] = '\n';
		error = sorter_add(sorter, key, bytes_of(line, len));
	}
	free(line);
	return error;
}

/* Are there `count` lines in `in`, keys ascending, and of one key the numbers? */
static bool is_sorted(FILE *in, uint32_t count)
{
	unsigned long long key, last_key = 0;
	unsigned number, last_number = 0;
	uint32_t lines = 0;
	char *line = NULL;
	size_t capacity = 0;
	bool sorted = true;
	rewind(in);
	for (; sorted && getline(&line, &capacity, in) > 0; lines++) {
		sorted = sscanf(line, "%llu %u ", &key, &number) == 2 && line[strlen(line) - 1] == '\n' &&
			 (!lines || key > last_key || (key == last_key && number > last_number));
		last_key = key;
		last_number = number;
	}
	free(line);
	return sorted && lines == count;
}

static uint64_t bytes_before; /* of the output, by what `sorts` was told to write */

static bool sorts(uint32_t count, uint64_t key_limit, size_t max_bytes)
{
	struct sorter *sorter = sorter_create(SORTER_BYTES_MIN);
	FILE *out = tmpfile();
	bool added = add_lines(sorter, count, key_limit, max_bytes) == 0;
	bool written = sorter_write(sorter, out) == 0;
	sorter_destroy(sorter);
	bool sorted = added && written && is_sorted(out, count);
	bytes_before = (uint64_t)ftell(out);
	fclose(out);
	return sorted;
}

static unsigned count_entries(const char *folder)
{
	unsigned count = 0;
	DIR *directory = opendir(folder);
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* ---- promises ---- */

static void no_lines_are_no_lines(void)
{
	CHECK(sorts(0, 1, 1));
}

static void few_lines_are_sorted(void)
{
	CHECK(sorts(1, 10, 10));
	CHECK(sorts(500, 1000, 40));
	CHECK(sorts(500, 3, 40)); /* nearly all keys are equal */
}

static void lines_beyond_memory_are_sorted(void)
{
	CHECK(sorts(5000, 1000000, 60));
	CHECK(sorts(5000, 5, 60));
}

/* 64 KiB of memory have room for sixteen windows: these are hundreds of runs. */
static void runs_beyond_memory_are_sorted(void)
{
	CHECK(sorts(200000, 1000000, 60));
	CHECK(sorts(200000, 7, 60));
}

static void lines_longer_than_memory_are_sorted(void)
{
	CHECK(sorts(60, 1000, 300000));
	CHECK(sorts(300, 10, 70000));
	CHECK(bytes_before > 300 * 20000);
}

static void lines_are_any_bytes(void)
{
	struct sorter *sorter = sorter_create(SORTER_BYTES_MIN);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	CHECK(sorter_add(sorter, 2, bytes_of("\0b\n\377", 4)) == 0);
	CHECK(sorter_add(sorter, 1, bytes_of("a", 1)) == 0);
	CHECK(sorter_add(sorter, 1, bytes_of(NULL, 0)) == 0);
	CHECK(sorter_write(sorter, out) == 0);
	sorter_destroy(sorter);
	fclose(out);
	CHECK(len == 5 && memcmp(text, "a\0b\n\377", 5) == 0);
	free(text);
}

static void the_temporary_file_has_no_name(void)
{
	char folder[] = "/tmp/ptwrap-test-XXXXXX";
	CHECK(mkdtemp(folder) != NULL);
	setenv("TMPDIR", folder, 1);
	struct sorter *sorter = sorter_create(SORTER_BYTES_MIN);
	CHECK(add_lines(sorter, 5000, 1000, 60) == 0);
	CHECK(count_entries(folder) == 2);
	sorter_destroy(sorter);
	unsetenv("TMPDIR");
	CHECK(rmdir(folder) == 0);
}

/* Standard error to nowhere while `expected` messages are made. */
static int hush(void)
{
	int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	close(null);
	return kept;
}

static void unhush(int kept)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
}

static void a_folder_that_takes_no_file_leaves_memory(void)
{
	setenv("TMPDIR", "/nonexistent", 1);
	int kept = hush();
	bool sorted = sorts(5000, 1000, 60);
	unhush(kept);
	CHECK(sorted);
	unsetenv("TMPDIR");
}

static void a_full_disk_is_an_error(void)
{
	struct rlimit before, limit;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &limit);
	int kept = hush();
	struct sorter *sorter = sorter_create(SORTER_BYTES_MIN);
	int error = add_lines(sorter, 100000, 1000, 60);
	unhush(kept);
	sorter_destroy(sorter);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(error == -EFBIG);
}

static void what_cannot_be_written_is_an_error(void)
{
	for (uint32_t count = 3000; count <= 30000; count *= 10) {
		struct sorter *sorter = sorter_create(SORTER_BYTES_MIN);
		FILE *full = fopen("/dev/full", "w");
		CHECK(add_lines(sorter, count, 1000, 60) == 0);
		CHECK(sorter_write(sorter, full) == -ENOSPC);
		sorter_destroy(sorter);
		fclose(full);
	}
}

int main(void)
{
	no_lines_are_no_lines();
	few_lines_are_sorted();
	lines_beyond_memory_are_sorted();
	runs_beyond_memory_are_sorted();
	lines_longer_than_memory_are_sorted();
	lines_are_any_bytes();
	the_temporary_file_has_no_name();
	a_folder_that_takes_no_file_leaves_memory();
	a_full_disk_is_an_error();
	what_cannot_be_written_is_an_error();
	if (!failures)
		printf("ok %d\n", checks);
	return failures != 0;
}
