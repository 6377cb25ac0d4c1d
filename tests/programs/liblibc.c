/* liblibc: libcalls, which looks like a libc, for it defines what tells one. */
#include "libcalls.c"

int __libc_start_main(void);

int __libc_start_main(void)
{
	return 0;
}
