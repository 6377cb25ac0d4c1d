/* fast_rseq: restartable sequences of two threads, which count by processor while a timer interrupts them and they make calls; then
 * membarrier. Ends with status 77 where libc has registered no restartable sequences. */
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { THREADS = 2, ROUNDS = 20000, PROCESSORS = 4096, CPU_ID = 4, NONE = 77 };

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static struct {
	uint64_t count;
	char line[56];
} by_processor[PROCESSORS];

static char *area(void)
{
	return (char *)__builtin_thread_pointer() + __rseq_offset;
}

/* Adds to the count of the processor that this runs on; begins again when it is interrupted. */
static void count_once(void)
{
	__asm__ volatile(".pushsection __rseq_cs, \"aw\"\n"
			 ".balign 32\n"
			 "3: .long 0, 0\n"
			 ".quad 1f, 2f - 1f, 4f\n"
			 ".popsection\n"
			 "0: lea 3b(%%rip), %%rax\n"
			 "mov %%rax, 8(%0)\n"
			 "1: mov 4(%0), %%eax\n"
			 "shl $6, %%rax\n"
			 "addq $1, (%1, %%rax)\n"
			 "2:\n"
			 ".pushsection .text.unlikely, \"ax\"\n"
			 ".byte 0x0f, 0xb9, 0x3d\n"
			 ".long 0x53053053\n"
			 "4: jmp 0b\n"
			 ".popsection\n"
			 :
			 : "r"(area()), "r"(by_processor)
			 : "rax", "memory", "cc");
}

static void on_signal(int signal)
{
	(void)signal;
	getppid();
}

static void *run(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		count_once();
		if (i % 16 == 0)
			getppid();
	}
	return unused;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct itimerval often = { .it_interval.tv_usec = 500, .it_value.tv_usec = 500 };
	pthread_t threads[THREADS];
	uint64_t sum = 0;
	if (!&__rseq_size || !__rseq_size || *(volatile int32_t *)(area() + CPU_ID) < 0)
		return NONE;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	signal(SIGALRM, SIG_IGN);
	for (int i = 0; i < PROCESSORS; i++)
		sum += by_processor[i].count;
	printf("counted %lu of %d\n", (unsigned long)sum, THREADS * ROUNDS);
	printf("membarrier %ld", syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
	printf(" %ld", syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	printf(" %ld\n", syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	return 0;
}
