/* Changing to another stack: see stack.h. */
#include "stack.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

static struct {
	int (*body)(int argc, char **argv);
	int argc, result;
	char **argv;
	ucontext_t outside, inside;
} call;

static void enter(void)
{
	call.result = call.body(call.argc, call.argv);
}

/* Threads take theirs from the limit as it was at the start. */
static void enlarge_threads(void)
{
	pthread_attr_t attributes;
	size_t size = 0;
	if (pthread_getattr_default_np(&attributes))
		return;
	if (pthread_attr_getstacksize(&attributes, &size) == 0 && size < STACK_BYTES &&
	    pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0)
		pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
}

int stack_call(int (*body)(int argc, char **argv), int argc, char **argv)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	getrlimit(RLIMIT_STACK, &limit);
	if (limit.rlim_cur >= STACK_BYTES)
		return body(argc, argv);
	enlarge_threads();
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	/* A thread would not do: PR_SET_PDEATHSIG goes by the thread that forked. */
	/* cppcheck-suppress getcontextCalled */
	if (stack == MAP_FAILED || getcontext(&call.inside))
		return body(argc, argv);
	call.body = body;
	call.argc = argc;
	call.argv = argv;
	call.inside.uc_stack.ss_sp = stack;
	call.inside.uc_stack.ss_size = STACK_BYTES;
	call.inside.uc_link = &call.outside;
	/* cppcheck-suppress makecontextCalled */
	makecontext(&call.inside, enter, 0);
	/* cppcheck-suppress swapcontextCalled */
	swapcontext(&call.outside, &call.inside);
	munmap(stack, STACK_BYTES);
	return call.result;
}
