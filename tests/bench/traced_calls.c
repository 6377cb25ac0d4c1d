/* Prints, in strace's -e language, the calls that the filter of level audit traces whatever their
 * arguments are: asked of the filter itself, so that strace is measured on the same list. */
#include "filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>

static bool always_traces(const struct sock_fprog *program, uint32_t number)
{
	const uint64_t zeros[6] = { 0 };
	const uint64_t ones[6] = { -1UL, -1UL, -1UL, -1UL, -1UL, -1UL };
	return filter_run(program, AUDIT_ARCH_X86_64, number, 0, zeros) != SECCOMP_RET_ALLOW &&
	       filter_run(program, AUDIT_ARCH_X86_64, number, 0, ones) != SECCOMP_RET_ALLOW;
}

int main(void)
{
	struct selection selection;
	struct sock_fprog program;
	char error[256];
	if (selection_init(&selection, LEVEL_AUDIT, NULL, false, error, sizeof(error)) < 0 ||
	    filter_build(&selection, NULL, &program) < 0)
		return EXIT_FAILURE;
	const char *separator = "trace=";
	for (uint32_t number = 0; number < syscall_limit(ABI_X86_64); number++) {
		const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, number);
		if (!desc || !always_traces(&program, number))
			continue;
		printf("%s?%s", separator, desc->name); /* '?': strace may be older than the call */
		separator = ",";
	}
	putchar('\n');
	free(program.filter);
	return EXIT_SUCCESS;
}
