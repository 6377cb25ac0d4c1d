/* What the doctor finds, here and where a sandbox refuses a call; and that it leaves nothing
 * behind. */
#include "doctor.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

/* The stand-in for a container's profile: from here on that call fails for this process. */
static void refuse(int number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		abort();
}

/* Runs `test` in a child where the call is refused; its exit status. */
static int with_refused(int number, int error, int (*test)(void))
{
	int status = -1;
	pid_t child = fork();
	if (child == 0) {
		refuse(number, error);
		_exit(test());
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool doctor_prints(const char *part, int result)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int found = doctor_run(out);
	fclose(out);
	bool printed = found == result && strstr(text, part);
	if (!printed)
		fprintf(stderr, "%d, and not '%s' in:\n%s", found, part, text);
	free(text);
	return printed;
}

static int find_no_ptrace(void)
{
	struct doctor_facts facts;
	char line[512];
	CHECK(doctor_check(false, &facts, line, sizeof(line)) == -1);
	CHECK(!facts.ptrace && facts.ptrace_errno == EPERM);
	CHECK(strstr(line, "ptrace is not permitted: Operation not permitted (") &&
	      !strchr(line, '\n'));
	CHECK(strstr(line, "seccomp profile") && strstr(line, "SYS_PTRACE"));
	CHECK(doctor_prints("FAIL  ptrace of a sibling process: Operation not permitted  -> ", 1));
	return failures;
}

static int find_no_seccomp(void)
{
	struct doctor_facts facts;
	char line[512];
	CHECK(doctor_probe(line, sizeof(line)) == -1 && strstr(line, "--level exec"));
	CHECK(doctor_check(false, &facts, line, sizeof(line)) == 0);
	CHECK(facts.ptrace && facts.syscall_info && !facts.seccomp && facts.seccomp_errno);
	CHECK(facts.vm_readv && facts.proc_mem);
	CHECK(doctor_prints("FAIL  seccomp filter that traces: ", 1));
	return failures;
}

static int find_no_vm_readv(void)
{
	struct doctor_facts facts;
	char line[512];
	CHECK(doctor_check(true, &facts, line, sizeof(line)) == 0);
	CHECK(!facts.vm_readv && facts.vm_readv_errno == EPERM && facts.proc_mem);
	CHECK(doctor_prints("warn  process_vm_readv: Operation not permitted", 0));
	return failures;
}

static void test_this_machine(void)
{
	struct doctor_facts facts;
	char line[512];
	CHECK(doctor_probe(line, sizeof(line)) == 0);
	CHECK(doctor_check(true, &facts, line, sizeof(line)) == 0);
	CHECK(facts.ptrace && facts.syscall_info && facts.seccomp && facts.vm_readv &&
	      facts.proc_mem);
	CHECK(!facts.ptrace_errno && !facts.seccomp_errno && !facts.vm_readv_errno);
	CHECK(doctor_prints("ok    ptrace of a sibling process\n", 0));
}

static void test_refusals(void)
{
	CHECK(with_refused(SYS_ptrace, EPERM, find_no_ptrace) == 0);
	CHECK(with_refused(SYS_seccomp, EPERM, find_no_seccomp) == 0);
	CHECK(with_refused(SYS_seccomp, EINVAL, find_no_seccomp) == 0);
	CHECK(with_refused(SYS_process_vm_readv, EPERM, find_no_vm_readv) == 0);
}

static volatile sig_atomic_t children_seen;

static void count_child(int signal)
{
	(void)signal;
	children_seen++;
}

static void test_nothing_is_left_behind(void)
{
	char line[512];
	sigset_t child, before, pending;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	CHECK(doctor_probe(line, sizeof(line)) == 0);
	CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGCHLD));
	sigprocmask(SIG_SETMASK, &before, NULL);
	CHECK(waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD);
	signal(SIGCHLD, count_child);
	CHECK(doctor_probe(line, sizeof(line)) == 0 && children_seen == 0);
	signal(SIGCHLD, SIG_IGN);
	CHECK(doctor_probe(line, sizeof(line)) == 0);
	signal(SIGCHLD, SIG_DFL);
	CHECK(waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD);
}

static void test_other_children_are_left_alone(void)
{
	char line[512];
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	CHECK(doctor_probe(line, sizeof(line)) == 0);
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

int main(void)
{
	test_this_machine();
	test_refusals();
	test_nothing_is_left_behind();
	test_other_children_are_left_alone();
	return failures != 0;
}
