/* hello_nolibc32 FILE: a 32-bit program without a C library. It forks; the child ends with status 3; the parent waits for
 * it, creates FILE, prints "hello" into it, and ends with the child's status. */
#include <asm/unistd_32.h>

enum { O_WRONLY_CREAT = 01 | 0100, MODE = 0644 };

static long call(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static long run(char **argv)
{
	int status = 0;
	long child = call(__NR_fork, 0, 0, 0);
	if (child == 0)
		call(__NR_exit, 3, 0, 0);
	call(__NR_waitpid, child, (long)&status, 0);
	long fd = call(__NR_open, (long)argv[1], O_WRONLY_CREAT, MODE);
	call(__NR_write, fd, (long)"hello\n", 6);
	return fd < 0 ? 1 : status >> 8;
}

__attribute__((used)) static void start(long *stack)
{
	call(__NR_exit_group, run((char **)(stack + 1)), 0, 0);
}

__asm__(".globl _start\n_start:\tmov %esp, %eax\n\tpush %eax\n\tcall start\n");
