/* fast_filters WHAT: has the kernel tell where its calls come from.
 *
 *   trap      a seccomp filter traps getppid: the handler looks at si_call_addr
 *   errno     a filter answers getpgrp with an error, and getppid unless libc itself calls it
 *   notified  a filter asks another thread about getsid
 *   dispatch  syscall user dispatch, for what is called from outside libc; then for everything */
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

enum { FUNCTION_BYTES = 64, ANSWER = 4711 };

static volatile sig_atomic_t trapped, trapped_number;
static void *volatile call_address;
static volatile char selector; /* of syscall user dispatch: 0 allows, 1 blocks */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (otherwise))
#define ANSWER_WITH(action) BPF_STMT(BPF_RET | BPF_K, (action))

static long install(struct sock_filter *code, size_t count, unsigned flags)
{
	struct sock_fprog program = { .len = (unsigned short)count, .filter = code };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	ucontext_t *thread = context;
	(void)signal;
	selector = 0;
	trapped++;
	trapped_number = info->si_syscall;
	call_address = info->si_call_addr;
	thread->uc_mcontext.gregs[REG_RAX] = ANSWER;
}

static void handle_traps(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	sigaction(SIGSYS, &action, NULL);
}

static bool is_in(const void *address, const void *function)
{
	return (uintptr_t)address - (uintptr_t)function < FUNCTION_BYTES;
}

__attribute__((noinline)) static long direct(long number)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "0"(number) : "rcx", "r11", "memory");
	return result;
}

static int trap(void)
{
	struct sock_filter code[] = { LOAD(nr), IS(SYS_getppid, 1), ANSWER_WITH(SECCOMP_RET_TRAP), ANSWER_WITH(SECCOMP_RET_ALLOW) };
	getppid();
	handle_traps();
	printf("installed: %ld\n", install(code, COUNT(code), 0));
	long answer = getppid();
	printf("getppid: %ld, call %d from %s\n", answer, (int)trapped_number, is_in(call_address, (void *)getppid) ? "getppid" : "elsewhere");
	answer = direct(SYS_getppid);
	printf("directly: %ld, from %s\n", answer, is_in(call_address, (void *)direct) ? "the program" : "elsewhere");
	printf("%d trapped\n", (int)trapped);
	return 0;
}

/* libc takes both for calls that cannot fail, and gives the kernel's word. */
static const char *outcome(long result)
{
	return result < 0 ? strerrorname_np((int)-result) : "answered";
}

/* Only the low half of the instruction pointer is looked at. */
static int by_errno(void)
{
	uint32_t page = (uint32_t)(uintptr_t)getppid & ~0xfffU;
	struct sock_filter code[] = {
		LOAD(nr),
		IS(SYS_getpgrp, 1),
		ANSWER_WITH(SECCOMP_RET_ERRNO | EDOM),
		IS(SYS_getppid, 3),
		LOAD(instruction_pointer),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0xfffU),
		IS(page, 1),
		ANSWER_WITH(SECCOMP_RET_ALLOW),
		LOAD(nr),
		IS(SYS_getppid, 1),
		ANSWER_WITH(SECCOMP_RET_ERRNO | ERANGE),
		ANSWER_WITH(SECCOMP_RET_ALLOW),
	};
	getppid();
	printf("installed: %ld\n", install(code, COUNT(code), 0));
	printf("getpgrp: %s\n", outcome(getpgrp()));
	printf("getppid: %s\n", outcome(getppid()));
	printf("directly: %s\n", outcome(direct(SYS_getppid)));
	return 0;
}

static void *answer_one(void *listener)
{
	struct seccomp_notif asked;
	struct seccomp_notif_resp answer;
	memset(&asked, 0, sizeof asked);
	if (ioctl((int)(intptr_t)listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return NULL;
	memset(&answer, 0, sizeof answer);
	answer.id = asked.id;
	answer.val = ANSWER;
	ioctl((int)(intptr_t)listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	return is_in((void *)(uintptr_t)asked.data.instruction_pointer, (void *)getsid) ? "getsid" : "elsewhere";
}

static int notified(void)
{
	struct sock_filter code[] = { LOAD(nr), IS(SYS_getsid, 1), ANSWER_WITH(SECCOMP_RET_USER_NOTIF), ANSWER_WITH(SECCOMP_RET_ALLOW) };
	pthread_t thread;
	void *from = NULL;
	getsid(0);
	long listener = install(code, COUNT(code), SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (listener < 0 || pthread_create(&thread, NULL, answer_one, (void *)(intptr_t)listener) != 0)
		return 1;
	printf("getsid: %d\n", (int)getsid(0));
	pthread_join(thread, &from);
	printf("from %s\n", from ? (char *)from : "nowhere");
	return 0;
}

/* The handler's own calls, and the return from it, lie in libc. */
static int dispatch(void)
{
	uintptr_t libc = (uintptr_t)getppid & ~(uintptr_t)0xfff, around = 16 << 20;
	handle_traps();
	getppid();
	printf("range: %d\n", prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, libc - around, 2 * around, &selector));
	selector = 1;
	long by_libc = getppid(), allowed = trapped;
	long by_program = direct(SYS_getppid);
	selector = 0;
	printf("by libc: %s, by the program: %ld\n", by_libc != ANSWER && !allowed ? "made" : "dispatched", by_program);
	printf("from %s\n", is_in(call_address, (void *)direct) ? "the program" : "elsewhere");
	printf("everything: %d\n", prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector));
	selector = 1;
	by_libc = getppid();
	selector = 0;
	printf("by libc: %ld, from %s\n", by_libc, is_in(call_address, (void *)getppid) ? "getppid" : "elsewhere");
	printf("%d dispatched\n", (int)trapped);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	if (strcmp(what, "trap") == 0)
		return trap();
	if (strcmp(what, "errno") == 0)
		return by_errno();
	if (strcmp(what, "notified") == 0)
		return notified();
	if (strcmp(what, "dispatch") == 0)
		return dispatch();
	return 2;
}
