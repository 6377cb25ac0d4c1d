/* What this machine permits of what an audit needs, found out by trying it on two short-lived
 * processes that stand as supervisor and COMMAND do: siblings, the one traced by the other. They
 * are reaped before any of these functions returns, raise no SIGCHLD, and are killed if they hang.
 */
#ifndef PTWRAP_DOCTOR_H
#define PTWRAP_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct doctor_facts {
	bool ptrace;	   /* a sibling could be seized */
	bool syscall_info; /* PTRACE_GET_SYSCALL_INFO works */
	bool seccomp;	   /* a filter can be installed, and its RET_TRACE reaches the tracer */
	bool need_no_new_privs; /* the filter was refused without no_new_privs (no CAP_SYS_ADMIN) */
	bool vm_readv;		/* process_vm_readv of the tracee */
	bool proc_mem;		/* /proc/PID/mem of the tracee */
	int ptrace_errno, seccomp_errno, vm_readv_errno,
		proc_mem_errno; /* of what failed, else 0 */
};

/* Can a run be audited here? 0, or -1 and one line for the user with the reason and the fix.
 * with_filter: not at level exec. facts may be NULL. Takes about a millisecond. */
int doctor_check(bool with_filter, struct doctor_facts *facts, char *line, size_t size);

/* The same with a filter. */
int doctor_probe(char *line, size_t size);

/* --doctor: a line for each thing, `ok|warn|FAIL  what  -> the fix`. 0 if all that is needed works,
 * else 1. */
int doctor_run(FILE *out);

#endif
