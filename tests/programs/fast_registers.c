/* fast_registers: what a call leaves as it was.
 *
 * For each of some calls, made by libc's syscall(): a line with each general register that is not what syscall() and the kernel
 * make of it, of all but rax, rcx and r11; "vectors changed" if one of the vector, mask or x87 registers or of their control words is another. Then calls
 * to which a leaf function jumps with its locals below the stack pointer: "red zone changed". At last, errno. */
#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STATE_BYTES = 8192, LEGACY_BYTES = 512, MASK = 0xe7 /* x87, SSE, AVX, AVX-512; not PKRU, not AMX */, RED_ZONE = 128, ERRNO = 4711 };
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };

struct whole {
	uint64_t general[REGISTERS];
	uint32_t mask, has_xsave;
	unsigned char state[STATE_BYTES] __attribute__((aligned(64)));
};

/* Loads `before`, calls the function with its argument registers and one argument on the stack, stores into `after`. */
void call_with(const struct whole *before, struct whole *after, void *function);
/* Fills the red zone with `pattern`, jumps to the function and copies what is found there then to `found`. */
void call_from_leaf(uint64_t pattern, uint64_t found[RED_ZONE / 8], void *function);

__asm__(".text\n"
	".globl call_with\n"
	".type call_with, @function\n"
	"call_with:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	push %rsi; push %rdi; push %rdx\n"
	"	mov 120(%rdi), %eax; xor %edx, %edx\n"
	"	cmpl $0, 124(%rdi); je 1f\n"
	"	xrstor64 128(%rdi); jmp 2f\n"
	"1:	fxrstor64 128(%rdi)\n"
	"2:	mov %rdi, %rax\n"
	"	mov 8(%rax), %rbx; mov 16(%rax), %rcx; mov 24(%rax), %rdx; mov 32(%rax), %rsi; mov 40(%rax), %rdi\n"
	"	mov 48(%rax), %rbp; mov 56(%rax), %r8; mov 64(%rax), %r9; mov 72(%rax), %r10; mov 80(%rax), %r11\n"
	"	mov 88(%rax), %r12; mov 96(%rax), %r13; mov 104(%rax), %r14; mov 112(%rax), %r15\n"
	"	push $0\n"
	"	call *8(%rsp)\n"
	"	mov 24(%rsp), %rax\n"
	"	mov %rbx, 8(%rax); mov %rcx, 16(%rax); mov %rdx, 24(%rax); mov %rsi, 32(%rax); mov %rdi, 40(%rax)\n"
	"	mov %rbp, 48(%rax); mov %r8, 56(%rax); mov %r9, 64(%rax); mov %r10, 72(%rax); mov %r11, 80(%rax)\n"
	"	mov %r12, 88(%rax); mov %r13, 96(%rax); mov %r14, 104(%rax); mov %r15, 112(%rax)\n"
	"	mov %rax, %rdi; mov 16(%rsp), %rcx; mov 120(%rcx), %eax; xor %edx, %edx\n"
	"	cmpl $0, 124(%rcx); je 1f\n"
	"	xsave64 128(%rdi); jmp 2f\n"
	"1:	fxsave64 128(%rdi)\n"
	"2:	fninit; cld; movl $0x1f80, (%rsp); ldmxcsr (%rsp)\n"
	"	add $32, %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".globl call_from_leaf\n"
	".type call_from_leaf, @function\n"
	"call_from_leaf:\n"
	"	push %rbx; push %rsi\n"
	"	mov %rdi, %rbx\n"
	"	call leaf\n"
	"	pop %rdi; mov $-144, %rdx\n" /* leaf's rsp was that of here, less 16 */
	"1:	mov (%rsp,%rdx), %rax; mov %rax, (%rdi); add $8, %rdi; add $8, %rdx; cmp $-16, %rdx; jne 1b\n"
	"	pop %rbx\n"
	"	ret\n"
	"leaf:\n"
	"	mov $-128, %rcx\n"
	"1:	mov %rbx, (%rsp,%rcx); add $8, %rcx; jne 1b\n"
	"	mov $-1, %rdi\n"
	"	jmp *%rdx\n");

static uint32_t save_mask(void)
{
	uint32_t eax, ebx, ecx = 0, edx;
	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	if (!(ecx & bit_OSXSAVE))
		return 0;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax & MASK;
}

/* Every byte that may have any value gets one; of the control words, unusual ones. */
static void fill(struct whole *whole, unsigned seed)
{
	memset(whole, 0, sizeof *whole);
	srandom(seed);
	whole->mask = save_mask();
	whole->has_xsave = whole->mask != 0;
	for (size_t i = 32; i < STATE_BYTES; i++)
		whole->state[i] = (unsigned char)random();
	memset(whole->state + LEGACY_BYTES - 96, 0, 96 + 64);
	uint16_t fcw = 0x0c7f, ftw = 0xff, status = 0;
	uint32_t mxcsr = 0x7fbf, mxcsr_mask = 0xffff;
	memcpy(whole->state, &fcw, 2);
	memcpy(whole->state + 2, &status, 2);
	memcpy(whole->state + 4, &ftw, 2);
	memcpy(whole->state + 24, &mxcsr, 4);
	memcpy(whole->state + 28, &mxcsr_mask, 4);
	uint64_t present = whole->mask;
	memcpy(whole->state + LEGACY_BYTES, &present, 8);
	for (int i = 0; i < REGISTERS; i++)
		whole->general[i] = 0x0123456789abcdef * (uint64_t)(i + 1);
}

/* What each instruction may say otherwise is taken out: last x87 instruction and operand, reserved bytes. */
static int states_differ(const struct whole *before, const struct whole *after, size_t len)
{
	return memcmp(before->state, after->state, 6) != 0 || memcmp(before->state + 24, after->state + 24, 4) != 0 ||
	       memcmp(before->state + 160, after->state + 160, LEGACY_BYTES - 96 - 160) != 0 ||
	       (before->has_xsave && memcmp(before->state + LEGACY_BYTES + 64, after->state + LEGACY_BYTES + 64, len) != 0);
}

/* x87 registers take 10 of 16 bytes. */
static int stacks_differ(const struct whole *before, const struct whole *after)
{
	int differ = 0;
	for (size_t at = 32; at < 160; at += 16)
		differ |= memcmp(before->state + at, after->state + at, 10) != 0;
	return differ;
}

static size_t extended_bytes(uint32_t mask)
{
	uint32_t size, offset, ecx, edx, end = LEGACY_BYTES + 64;
	for (uint32_t i = 2; i < 8; i++)
		if (mask >> i & 1 && __get_cpuid_count(0xd, i, &size, &offset, &ecx, &edx) && offset + size > end)
			end = offset + size;
	return end - LEGACY_BYTES - 64;
}

/* Bytes between the parts belong to nobody. */
static void clear_gaps(struct whole *whole)
{
	unsigned char kept[STATE_BYTES] = { 0 };
	uint32_t size, offset, ecx, edx;
	memcpy(kept, whole->state, LEGACY_BYTES + 64);
	for (uint32_t i = 2; i < 8; i++)
		if (whole->mask >> i & 1 && __get_cpuid_count(0xd, i, &size, &offset, &ecx, &edx))
			memcpy(kept + offset, whole->state + offset, size);
	memcpy(whole->state, kept, sizeof kept);
}

static void try_call(const char *name, long number, const uint64_t args[5])
{
	static const char *const names[REGISTERS] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
						      "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const int arguments[] = { RDI, RSI, RDX, RCX, R8, R9 }, passed[] = { RDI, RSI, RDX, R10, R8, R9 };
	uint64_t expected[REGISTERS];
	static struct whole before, after;
	fill(&before, (unsigned)number);
	clear_gaps(&before);
	before.general[arguments[0]] = (uint64_t)number;
	for (int i = 0; i < 5; i++)
		before.general[arguments[i + 1]] = args[i];
	memset(&after, 0, sizeof after);
	memcpy(expected, before.general, sizeof expected);
	for (int i = 0; i < 6; i++)
		expected[passed[i]] = i < 5 ? args[i] : 0;
	call_with(&before, &after, (void *)syscall);
	printf("%s:", name);
	for (int i = 0; i < REGISTERS; i++)
		if (i != RAX && i != RCX && i != R11 && expected[i] != after.general[i])
			printf(" %s", names[i]);
	puts(states_differ(&before, &after, extended_bytes(before.mask)) || stacks_differ(&before, &after) ?
		     ", vectors changed" : "");
}

#define CALL(name, ...) try_call(#name, SYS_##name, (const uint64_t[5]){ __VA_ARGS__ })

static void try_calls(void)
{
	static struct stat status;
	static struct timespec brief = { .tv_nsec = 1000 };
	static char byte;
	CALL(kill, (uint64_t)getpid(), 0, 13, 14, 15); /* before any that opens */
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	CALL(getppid, 11, 12, 13, 14, 15);
	CALL(stat, (uintptr_t) "/", (uintptr_t)&status, 13, 14, 15);
	CALL(newfstatat, (uint64_t)AT_FDCWD, (uintptr_t) "/nonexistent", (uintptr_t)&status, 0, 15);
	CALL(read, (uint64_t)zero, (uintptr_t)&byte, 1, 14, 15);
	CALL(write, (uint64_t)zero, (uintptr_t)&byte, 1, 14, 15);
	CALL(openat, (uint64_t)AT_FDCWD, (uintptr_t) "/dev/null", O_RDONLY, 0, 15);
	CALL(openat, (uint64_t)AT_FDCWD, (uintptr_t) "/dev/null", O_RDWR, 0, 15);
	CALL(openat, (uint64_t)AT_FDCWD, 8, O_RDONLY, 0, 15);
	CALL(newfstatat, (uint64_t)AT_FDCWD, 8, (uintptr_t)&status, 0xffff, 15);
	CALL(unlinkat, (uint64_t)AT_FDCWD, 8, 0xffff, 14, 15);
	CALL(nanosleep, (uintptr_t)&brief, 0, 13, 14, 15);
	CALL(socket, 1, 1, 0, 14, 15);
	CALL(execve, 8, 0, 0, 14, 15);
	CALL(execve, (uintptr_t) "/nonexistent", 0, 0, 14, 15);
	CALL(mmap, 0, 4096, 3, 0x22, (uint64_t)-1);
	CALL(kill, (uint64_t)getpid(), 0, 13, 14, 15);
	try_call("511", 511, (const uint64_t[5]){ 11, 12, 13, 14, 15 });
	try_call("-1", -1, (const uint64_t[5]){ 11, 12, 13, 14, 15 });
}

static void try_leaves(void)
{
	static const char *const names[] = { "getppid", "getuid", "getpid", "close", "sched_yield", "sync", "fchdir", "umask" };
	uint64_t found[RED_ZONE / 8];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int changed = 0;
		call_from_leaf(0x5a5a5a5a00000000 + i, found, dlsym(RTLD_DEFAULT, names[i]));
		for (size_t at = 0; at < RED_ZONE / 8; at++)
			changed |= found[at] != 0x5a5a5a5a00000000 + i;
		printf("%s%s\n", names[i], changed ? ": red zone changed" : "");
	}
}

int main(void)
{
	struct stat status;
	try_calls();
	try_leaves();
	errno = ERRNO;
	if (stat("/", &status) || getppid() < 0 || access("/", F_OK) || close(open("/dev/null", O_RDONLY)))
		return 1;
	printf("errno %s\n", errno == ERRNO ? "untouched" : "changed");
	return 0;
}
