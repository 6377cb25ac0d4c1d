/* taken_...: programs linked to lie where the fast path wants to (the Makefile says where). Prints so, and makes
 * calls; as a child by fork too. */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	printf("at %#lx\n", (unsigned long)(uintptr_t)main >> 12);
	fflush(stdout);
	if (fork() == 0)
		_exit(access("/nonexistent", F_OK) == -1 && getppid() > 0 ? 3 : 4);
	int status = 0;
	wait(&status);
	printf("child %d, %s\n", WEXITSTATUS(status), access("/", F_OK) == 0 ? "ok" : "wrong");
	return 0;
}
