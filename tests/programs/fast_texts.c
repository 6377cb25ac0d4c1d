/* fast_texts WHAT: does with mapped code what programs do.
 *
 *   sums       reads all that is mapped executable, and finds its own text and data as they are in its file
 *   copied     puts a copy of libc's text over libc's text, then the file's own over that
 *   patched    writes a function of its own over one of libc's, and takes it away again
 *   generated  makes a page of code that calls, 100 times; writes it to ./counted
 *   closed     takes libc's text away; a handler opens it again
 *   own-maps   finds its own objects in /proc/self/maps, and no two mappings on one another
 *   bytes      has the bytes of a call in a table among its code, which stay what they are
 *   null       calls through address 0 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, CALLS = 100 };

struct range {
	char *start, *end;
	unsigned long offset;
	char path[256];
};

/* The mapping that an address lies in. */
static struct range range_of(const void *address)
{
	struct range range = { 0 };
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	while (maps && fgets(line, sizeof line, maps)) {
		range.path[0] = '\0';
		if (sscanf(line, "%p-%p %*s %lx %*s %*s %255s", (void **)&range.start, (void **)&range.end, &range.offset,
			   range.path) >= 3 &&
		    (const char *)address >= range.start && (const char *)address < range.end)
			break;
	}
	if (maps)
		fclose(maps);
	return range;
}

static unsigned long sum_of(const char *from, const char *to)
{
	unsigned long sum = 0;
	for (; from < to; from++)
		sum = sum * 31 + (unsigned char)*from;
	return sum;
}

static bool is_as_in_file(const void *address)
{
	struct range range = range_of(address);
	size_t len = (size_t)(range.end - range.start);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *file = malloc(len);
	ssize_t got = file ? pread(fd, file, len, (off_t)range.offset) : -1;
	bool same = got > 0 && memcmp(file, range.start, (size_t)got) == 0;
	free(file);
	close(fd);
	return same;
}

static const char constant[] = "a constant of this program's";

static int sums(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], access[8];
	unsigned long sum = 0;
	while (maps && fgets(line, sizeof line, maps)) {
		char *start, *end;
		if (sscanf(line, "%p-%p %7s", (void **)&start, (void **)&end, access) == 3 && access[0] == 'r' && access[2] == 'x')
			sum += sum_of(start, end);
	}
	if (maps)
		fclose(maps);
	printf("%s\n", sum ? "read" : "nothing read");
	printf("text %s\n", is_as_in_file((const void *)sums) ? "as in the file" : "changed");
	printf("data %s\n", is_as_in_file(constant) ? "as in the file" : "changed");
	return 0;
}

static void call_and_tell(const char *when)
{
	pid_t parent = getppid();
	long direct;
	__asm__ volatile("syscall" : "=a"(direct) : "0"(SYS_getppid) : "rcx", "r11", "memory");
	printf("%s: %s\n", when, parent == direct && access("/", F_OK) == 0 && access("/nonexistent", F_OK) == -1 ? "ok" : "wrong");
	fflush(stdout);
}

/* Of libc's file, wherever the mapping says that its bytes come from. */
static struct range libc_file(const struct range *text)
{
	struct range file = { .start = text->start, .end = text->end };
	struct link_map *map;
	Dl_info info;
	if (dladdr1((void *)getppid, &info, (void **)&map, RTLD_DL_LINKMAP)) {
		snprintf(file.path, sizeof file.path, "%s", info.dli_fname);
		file.offset = (unsigned long)(text->start - (char *)info.dli_fbase);
	}
	return file;
}

static int copied(void)
{
	struct range text = range_of((void *)getppid), file = libc_file(&text);
	size_t len = (size_t)(text.end - text.start);
	char *copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(copy, text.start, len);
	mprotect(copy, len, PROT_READ | PROT_EXEC);
	call_and_tell("before");
	if (mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, text.start) != text.start)
		return 1;
	call_and_tell("on a copy");
	int fd = open(file.path, O_RDONLY | O_CLOEXEC);
	if (mmap(text.start, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)file.offset) != text.start)
		return 1;
	call_and_tell("on the file");
	return 0;
}

static int patched(void)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
	unsigned char kept[sizeof code];
	char *function = (char *)(void *)getppid, *page = (char *)((uintptr_t)function & -(uintptr_t)PAGE);
	call_and_tell("before");
	if (mprotect(page, 2 * (size_t)PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return 1;
	memcpy(kept, function, sizeof kept);
	memcpy(function, code, sizeof code);
	printf("while: %d\n", (int)getppid());
	memcpy(function, kept, sizeof kept);
	mprotect(page, 2 * (size_t)PAGE, PROT_READ | PROT_EXEC);
	call_and_tell("afterwards");
	return 0;
}

static int generated(void)
{
	static const unsigned char code[] = { 0xb8, SYS_getpgrp, 0, 0, 0, 0x0f, 0x05, 0xc3 };
	unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int right = 0;
	memcpy(page, code, sizeof code);
	for (int i = 0; i < CALLS; i++)
		right += ((int (*)(void))page)() == getpgrp();
	printf("%d right\n", right);
	FILE *file = fopen("counted", "w");
	return file && fprintf(file, "getpgrp %d 0\n", 2 * CALLS) > 0 && fclose(file) == 0 ? 0 : 1;
}

static struct range closed_text;
static volatile sig_atomic_t faults;

/* libc cannot be called. */
static void open_text(int signal)
{
	long result;
	(void)signal;
	faults++;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(SYS_mprotect), "D"(closed_text.start), "S"(closed_text.end - closed_text.start), "d"(PROT_READ | PROT_EXEC)
			 : "rcx", "r11", "memory");
}

static int closed(void)
{
	closed_text = range_of((void *)getppid);
	signal(SIGSEGV, open_text);
	call_and_tell("before");
	mprotect(closed_text.start, (size_t)(closed_text.end - closed_text.start), PROT_NONE);
	call_and_tell("afterwards");
	printf("%d faults\n", (int)faults);
	return 0;
}

static int own_maps(void)
{
	char line[512], *end = NULL, exe[256] = "";
	bool own_text = false, libc = false, ordered = true;
	Dl_info info;
	FILE *maps = fopen("/proc/self/maps", "r");
	readlink("/proc/self/exe", exe, sizeof exe - 1);
	dladdr((void *)getppid, &info);
	while (maps && fgets(line, sizeof line, maps)) {
		char *start, access[8], path[256] = "";
		char *before = end;
		sscanf(line, "%p-%p %7s %*s %*s %*s %255s", (void **)&start, (void **)&end, access, path);
		ordered &= start >= before;
		own_text |= strcmp(path, exe) == 0 && access[2] == 'x' && (char *)own_maps >= start && (char *)own_maps < end;
		libc |= strstr(path, "libc.so") && start == info.dli_fbase;
	}
	printf("own text %d, libc %d, in order %d\n", own_text, libc, ordered);
	return 0;
}

/* A table in .text, as hand-written assembly has them. */
extern const unsigned char table[32];
__asm__(".text\n.balign 16\ntable: .rept 8\n.byte 0xb8, 0x6e, 0x0f, 0x05\n.endr\n");

static int bytes(void)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof table; i++)
			printf("%02x", table[i]);
		putchar('\n');
		call_and_tell("call");
	}
	return 0;
}

static sigjmp_buf back;
static void *volatile fault_address = (void *)1;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(back, signal);
}

static int null(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	void (*volatile nowhere)(void) = NULL;
	sigaction(SIGSEGV, &action, NULL);
	int signal = sigsetjmp(back, 1);
	if (!signal)
		nowhere();
	printf("signal %d at %p\n", signal, fault_address);
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	fflush(stdout);
	nowhere();
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} what[] = { { "sums", sums }, { "copied", copied }, { "patched", patched }, { "generated", generated },
		     { "closed", closed }, { "own-maps", own_maps }, { "bytes", bytes }, { "null", null } };
	for (size_t i = 0; argc > 1 && i < sizeof what / sizeof *what; i++)
		if (strcmp(argv[1], what[i].name) == 0)
			return what[i].run();
	return 2;
}
