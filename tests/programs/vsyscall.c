/* vsyscall: calls gettimeofday, time and getcpu through the page that programs of old times call them through, twice each, and prints
 * what came of it: the result and whether it agrees with libc's. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static void *entry(uintptr_t index)
{
	return (void *)(0xffffffffff600000 + index * 1024);
}

int main(void)
{
	int (*old_gettimeofday)(struct timeval *, void *) = (int (*)(struct timeval *, void *))entry(0);
	time_t (*old_time)(time_t *) = (time_t(*)(time_t *))entry(1);
	long (*old_getcpu)(unsigned *, unsigned *, void *) = (long (*)(unsigned *, unsigned *, void *))entry(2);
	for (int i = 0; i < 2; i++) {
		struct timeval at = { 0 };
		unsigned processor = ~0U, node = ~0U;
		time_t before = time(NULL) - 1;
		int result = old_gettimeofday(&at, NULL);
		printf("gettimeofday %d %s\n", result, at.tv_sec >= before ? "now" : "never");
		time_t now = old_time(NULL);
		printf("time %s\n", now >= before ? "now" : now < 0 ? "refused" : "never");
		result = (int)old_getcpu(&processor, &node, NULL);
		printf("getcpu %d %s\n", result, processor < CPU_SETSIZE ? "one" : "none");
	}
	return 0;
}
