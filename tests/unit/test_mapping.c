/* Promises of mapping.h: what is mapped of a process is told as /proc/PID/maps has it, whose text is parsed here by other means,
 * and a seal is seen where mseal(2) has set one and nowhere else, whatever lies below and was asked before. */
#include "mapping.h"

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYS_MSEAL = 462, PAGE = 4096, LOW = 0x10000000, FEW = 3, MANY = 40, LINES = 4096 };

/* A line of maps, by scanf. */
struct line {
	unsigned long start, end, offset, inode;
	unsigned major, minor;
	char flags[5], path[4096];
};

static struct line lines[LINES];
static size_t line_count;

static void read_lines(pid_t pid)
{
	char name[64], text[8192];
	snprintf(name, sizeof name, "/proc/%d/maps", pid);
	FILE *maps = fopen(name, "re");
	line_count = 0;
	while (maps && line_count < LINES && fgets(text, sizeof text, maps)) {
		struct line *line = &lines[line_count++];
		line->path[0] = '\0';
		if (sscanf(text, "%lx-%lx %4s %lx %x:%x %lu %4095[^\n]", &line->start, &line->end, line->flags, &line->offset,
			   &line->major, &line->minor, &line->inode, line->path) < 7)
			abort();
	}
	if (maps)
		fclose(maps);
}

static bool is_same(const struct line *line, const struct mapping *mapping, bool with_path)
{
	static const char letters[] = "rwxs";
	bool same = line->start == mapping->start && line->end == mapping->end && line->offset == mapping->offset &&
		    line->inode == mapping->inode && makedev(line->major, line->minor) == mapping->device;
	for (int i = 0; i < 4; i++)
		same &= (line->flags[i] == letters[i]) == ((mapping->flags >> i & 1) != 0);
	return same && (!with_path || strcmp(line->path, mapping->path) == 0);
}

static bool is_code(const struct line *line)
{
	return line->flags[2] == 'x' && line->path[0] == '/';
}

static size_t at_line; /* of the code that was told last, plus 1 */

static void take_code(void *context, const struct mapping *mapping)
{
	(void)context;
	while (at_line < line_count && !is_code(&lines[at_line]))
		at_line++;
	CHECK(at_line < line_count && is_same(&lines[at_line], mapping, true), "code at %lx", (unsigned long)mapping->start);
	at_line++;
}

static void compare(pid_t pid)
{
	struct mapping mapping;
	read_lines(pid);
	for (size_t i = 0; i < line_count; i++) {
		const struct line *line = &lines[i];
		if (strcmp(line->path, "[vsyscall]") == 0)
			continue;
		CHECK(mapping_find(pid, line->start, true, &mapping) && is_same(line, &mapping, true), "%lx", line->start);
		CHECK(mapping_find(pid, line->end - 1, false, &mapping) && is_same(line, &mapping, false), "%lx", line->end - 1);
	}
	CHECK(!mapping_find(pid, PAGE, false, &mapping), "nothing is mapped there");
	at_line = 0;
	int error = mapping_each_code(pid, take_code, NULL);
	if (error == -ENOTTY)
		return; /* before Linux 6.11 */
	CHECK(error == 0, "%d", error);
	while (at_line < line_count && !is_code(&lines[at_line]))
		at_line++;
	CHECK(at_line == line_count, "code at %lx was not told", lines[at_line].start);
}

static void map_low(int index)
{
	void *at = (void *)(uintptr_t)(LOW + 2UL * PAGE * (unsigned)index); // NOLINT(performance-no-int-to-ptr)
	if (mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		abort();
}

/* A child that has `count` low mappings, every other one sealed, and pauses. */
static pid_t begin(int count)
{
	int ends[2];
	char byte;
	if (pipe(ends) != 0)
		abort();
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < count; i++)
			map_low(i);
		for (int i = 0; i < count; i += 2)
			syscall(SYS_MSEAL, LOW + 2UL * PAGE * (unsigned)i, (unsigned long)PAGE, 0UL);
		if (write(ends[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	if (child < 0 || read(ends[0], &byte, 1) != 1)
		abort();
	close(ends[0]);
	close(ends[1]);
	return child;
}

static bool shows_seals(void)
{
	bool sealed = false;
	struct mapping mapping;
	pid_t child = begin(1);
	mapping_find_sealed(child, LOW, &mapping, &sealed);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return sealed;
}

static void look_for_seals(pid_t child, int count, bool shown)
{
	struct mapping mapping;
	bool sealed;
	for (int i = 0; i < count; i++) {
		uint64_t start = LOW + 2UL * PAGE * (unsigned)i;
		bool found = mapping_find_sealed(child, start, &mapping, &sealed);
		CHECK(found && mapping.start == start && mapping.end == start + PAGE && mapping.flags == MAPPING_READABLE,
		      "%d of %d", i, count);
		CHECK(sealed == (shown && i % 2 == 0), "%d of %d", i, count);
		CHECK(!mapping_find_sealed(child, start + PAGE, &mapping, &sealed) && !sealed, "behind %d of %d", i, count);
	}
}

int main(void)
{
	bool shown = shows_seals();
	pid_t few = begin(FEW), many = begin(MANY);
	struct mapping mapping;
	bool sealed;
	compare(few);
	compare(many);
	for (int turn = 0; turn < 3; turn++) {
		look_for_seals(few, FEW, shown);
		look_for_seals(many, MANY, shown);
	}
	kill(few, SIGKILL);
	kill(many, SIGKILL);
	waitpid(few, NULL, 0);
	waitpid(many, NULL, 0);
	CHECK(!mapping_find(few, LOW, false, &mapping) && !mapping_find_sealed(few, LOW, &mapping, &sealed), "it has ended");
	CHECK(mapping_each_code(few, take_code, NULL) < 0, "it has ended");
	printf("%ld checks, %ld failures\n", checks, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
