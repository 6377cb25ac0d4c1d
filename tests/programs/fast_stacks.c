/* fast_stacks WHAT: calls where there is little stack; prints "ok" for each that gave what it should.
 *
 *   alternate   in a handler on an alternate stack with 1 KiB more than a signal's frame takes
 *   threads     in threads with stacks of PTHREAD_STACK_MIN
 *   coroutines  in coroutines with stacks of 4 and 8 KiB
 *   depth       on a stack of which each byte is known: how much a call took, in steps of 1 KiB */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum { PAGE = 4096, PAINT = 0x5a, STACK = 8 * PAGE };

static volatile int called;

static void make_calls(void)
{
	int family = AF_UNIX, one = socket(family, SOCK_STREAM, 0);
	called = getppid() > 0 && access("/", F_OK) == 0 && access("/nonexistent", F_OK) == -1 && errno == ENOENT &&
		 one >= 0 && close(one) == 0 && syscall(SYS_execve, 8, NULL, NULL) == -1 && errno == EFAULT;
}

static void tell(const char *name)
{
	printf("%s %s\n", name, called ? "ok" : "wrong");
	called = 0;
}

/* A stack whose lower end is unmapped. */
static char *stack_of(size_t size)
{
	char *pages = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages, PAGE);
	return pages + PAGE;
}

static void on_signal(int signal)
{
	(void)signal;
	make_calls();
}

static void alternate(void)
{
	size_t frame = getauxval(AT_MINSIGSTKSZ);
	size_t size = (frame ? frame : MINSIGSTKSZ) + 1024, whole = (size + PAGE - 1) / PAGE * PAGE;
	stack_t stack = { .ss_sp = stack_of(whole) + (whole - size), .ss_size = size };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	mprotect((char *)stack.ss_sp + size - whole, PAGE, PROT_READ | PROT_WRITE);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	tell("alternate");
}

static void *run(void *unused)
{
	make_calls();
	return unused;
}

static void threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, &attributes, run, NULL);
		pthread_join(thread, NULL);
		tell("thread");
	}
}

static void coroutine(size_t size)
{
	static ucontext_t here, there;
	getcontext(&there);
	there.uc_stack.ss_sp = stack_of(size);
	there.uc_stack.ss_size = size;
	there.uc_link = &here;
	makecontext(&there, make_calls, 0);
	swapcontext(&here, &there);
}

static void coroutines(void)
{
	coroutine(PAGE);
	tell("4 KiB");
	coroutine(2 * (size_t)PAGE);
	tell("8 KiB");
}

static void depth(void)
{
	static ucontext_t here, there;
	char *stack = stack_of(STACK);
	size_t left = 0;
	memset(stack, PAINT, STACK);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = STACK;
	there.uc_link = &here;
	makecontext(&there, make_calls, 0);
	swapcontext(&here, &there);
	while (left < STACK && stack[left] == PAINT)
		left++;
	fprintf(stderr, "%zu bytes\n", STACK - left);
	called &= STACK - left < 2048;
	tell("less than 2 KiB");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	make_calls(); /* ld.so needs 3 KiB of stack to find a function at its first call */
	if (strcmp(what, "alternate") == 0)
		alternate();
	else if (strcmp(what, "threads") == 0)
		threads();
	else if (strcmp(what, "coroutines") == 0)
		coroutines();
	else if (strcmp(what, "depth") == 0)
		depth();
	else
		return 2;
	return 0;
}
