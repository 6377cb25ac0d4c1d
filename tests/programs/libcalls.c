/* libcalls: a library that programs load and unload, which makes calls through libc and by its own instruction. */
#include <sys/syscall.h>
#include <unistd.h>

long library_chdir(const char *path);
long library_getppid(void);

long library_chdir(const char *path)
{
	return chdir(path);
}

long library_getppid(void)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "0"(SYS_getppid) : "rcx", "r11", "memory");
	return result;
}

__attribute__((constructor)) static void begin(void)
{
	(void)!chdir("/loaded");
}

__attribute__((destructor)) static void end(void)
{
	(void)!chdir("/unloaded");
}
