/* refuse CALL=ERRNO[,...] COMMAND [ARG]...: runs COMMAND under a seccomp filter that answers those
 * calls with that errno, as a container's profile does. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *text;
	unsigned int number;
} calls[] = { { "ptrace", SYS_ptrace },
	      { "seccomp", SYS_seccomp },
	      { "process_vm_readv", SYS_process_vm_readv },
	      { "mseal", 462 } },
  errors[] = { { "EPERM", EPERM }, { "EINVAL", EINVAL }, { "ENOSYS", ENOSYS } };

static unsigned int number_of_call(const char *text)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].text, text) == 0)
			return calls[i].number;
	fprintf(stderr, "refuse: unknown call %s\n", text);
	exit(2);
}

static unsigned int number_of_error(const char *text)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].text, text) == 0)
			return errors[i].number;
	fprintf(stderr, "refuse: unknown error %s\n", text);
	exit(2);
}

static void refuse(unsigned int number, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("refuse: PR_SET_SECCOMP");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 2;
	for (char *pair = strtok(argv[1], ","); pair; pair = strtok(NULL, ",")) {
		char *error = strchr(pair, '=');
		if (!error)
			return 2;
		*error++ = '\0';
		refuse(number_of_call(pair), number_of_error(error));
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
