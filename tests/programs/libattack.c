/* A library for attack.c: before the program that it is loaded into begins, it writes to ./secret/file, and ends the process with 42
 * if that was allowed. */
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((constructor)) static void attack(int argc, char **argv)
{
	if (argc < 1 || strcmp(argv[0], "/bin/true") != 0)
		return;
	long fd = syscall(SYS_open, "secret/file", O_RDWR);
	if (fd >= 0)
		_exit(42);
}

unsigned la_version(unsigned version)
{
	return version;
}
