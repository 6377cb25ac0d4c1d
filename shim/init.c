/* Where the shim begins: the one function that the dynamic loader calls, before any other
 * constructor of the program under glibc, among the first under musl.
 *
 *   init         the order of things (this file)
 *   environment  takes the shim's entry out of it
 *   hello        the calls that bring a ring about, where the fast path has not brought one
 *   metadata     what is told at the start; loader: where it is read from
 *   emit         the ring's writing end
 *   memory, kernel   bytes; system calls
 *
 * The fast path (ptwrap/fastpath.h) has entrances of its own, in entry.S:
 *
 *   early        before the dynamic loader's first instruction
 *   hook         each redirected system call; frame: what it leaves on the stack
 *   identity, exec, loading   parts of that; fast: its data
 *
 * Nothing here prints, allocates, blocks, raises, keeps a descriptor or touches errno. */
#include "environment.h"
#include "fast.h"
#include "hello.h"
#include "metadata.h"

#include <stddef.h>
#include <stdint.h>

enum { ARGUMENTS_MAX = 1 << 28 };

void shim_init(int argc, char **argv, char **envp);

extern char **libc_environment __asm__("__environ") __attribute__((weak));

/* musl calls constructors without arguments, but has set __environ by then; glibc has not, and passes
 * three. */
static char **find_environment(int argc, char **argv, char **envp)
{
	if (&libc_environment && libc_environment)
		return libc_environment;
	if (argc < 0 || argc > ARGUMENTS_MAX || (uintptr_t)argv % sizeof(*argv) != 0)
		return NULL;
	return argv && envp == argv + argc + 1 ? envp : NULL;
}

__attribute__((visibility("hidden"))) void shim_init(int argc, char **argv, char **envp)
{
	char **environment = find_environment(argc, argv, envp);
	if (!environment || !environment_restore(environment))
		return;
	struct hello hello;
	if (fast_is_here())
		hello_fast(&hello);
	else
		hello_say(&hello);
	if (hello.ring)
		guarded_call(metadata_emit, &hello); /* the ring may find no memory (SIGBUS); the supervisor knows then */
	hello_end(&hello);
}
