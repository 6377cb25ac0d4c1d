/* The seccomp filter: which calls stop at the supervisor, generated from --level, --trace and the
 * class of each call (interface.md section 6, design.md section 2).
 *
 * A selection says which calls are *reported*. More than those are traced: the control calls
 * (interface.md section 6), everything of a foreign ABI or with an unknown number, and what a policy
 * judges: that always traces, wherever it is called from, and whatever was selected. */
#ifndef PTWRAP_FILTER_H
#define PTWRAP_FILTER_H

#include "options.h"
#include "policy/policy.h"
#include "syscall.h"

#include "ptwrap/fastpath.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/mman.h>

/* SECCOMP_RET_DATA of every RET_TRACE of ours: a tracee's own RET_TRACE filter has another value,
 * and keeps its meaning (hazard 0.6). */
enum { FILTER_TRACE_DATA = 0x7077 };

/* Behind the policy's subjects: what is looked at under any policy (policycalls.def), and, where the tree might have the
 * right to write to ptwrap's own processes through /proc, each open for writing; and where rules concern the paths of unix
 * sockets, the calls by which these are bound and named. */
enum { FILTER_GUARD = POLICY_SUBJECTS, FILTER_OURS, FILTER_NAMES };

struct selection {
	enum level level;
	bool explicit_set;       /* from --trace: level's own choice does not count */
	bool allow_io_uring;
	bool unnamed;            /* calls that no table names are reported too */
	uint8_t native[64];      /* bit per x86_64 number (up to 511): reported, all argument values */
	uint8_t i386[64];
	uint8_t judged_subjects; /* with a policy: a bit per enum policy_subject and those behind it; else 0 */
	uint8_t judged[64];      /* bit per x86_64 number that rules on `syscall` name */
};

/* What of a call a policy looks at (policycalls.def). */
enum judged_object {
	JUDGED_NOTHING,     /* its number alone */
	JUDGED_PEER,        /* the address of a connect, */
	JUDGED_NAME,        /* of a bind, */
	JUDGED_RECEIVER,    /* of what is sent */
	JUDGED_ANSWER,      /* one that the kernel will give */
	JUDGED_LISTENER,    /* that a socket has which is to listen; without one the kernel gives it any */
	JUDGED_MESSAGE,     /* that of a struct msghdr, */
	JUDGED_MESSAGES,    /* of an array of struct mmsghdr */
	JUDGED_FAMILY,      /* of a socket */
	JUDGED_SOCKETCALL,  /* i386: what of the call that it stands for */
	JUDGED_PROGRAM,     /* a path to be executed, what its #! line names, and their loaders */
	JUDGED_MAPPING,     /* a descriptor to be mapped executable */
	JUDGED_MAPPED,      /* mappings to be made executable */
	JUDGED_PERSONALITY, /* which would make all mappings executable */
	JUDGED_TARGET,      /* a process by its id, */
	JUDGED_TARGET_FD,   /* by a pidfd */
	JUDGED_IDENTITY,    /* nothing: who the task is changes */
	JUDGED_FILTER,      /* flags of seccomp(2) */
	JUDGED_PATHS,       /* as pathcalls.def says */
	JUDGED_ROOT,        /* the root directory of all that share the task's */
	JUDGED_REFUSED,     /* a way around rules */
	JUDGED_ABSENT,      /* one that has another call in its place: as if this kernel did not know it */
};

/* One line of policycalls.def. */
struct judged_call {
	const char *name;
	uint8_t subject; /* enum policy_subject, or FILTER_GUARD */
	uint8_t object;  /* enum judged_object */
	uint8_t arg;
};

/* How a policy with rules on those subjects (a bit each) looks at that call, as it is made with these arguments;
 * NULL: not at all, but perhaps at its number. */
const struct judged_call *filter_find_judged(uint8_t subjects, enum event_abi abi, uint32_t number,
					     const uint64_t args[6]);

/* Does a policy look at what is mapped executable? */
bool filter_judges_mappings(const struct selection *selection);

/* Fills *selection. `trace`: strace's selection language (-e trace=..., -e openat,
 * '%file,%network,!stat', '!%memory', 'all', 'none', '/regex', '?name'), NULL for the level's
 * own choice. 0, or -1 with a line for the user in error (what is wrong, did you mean). */
int selection_init(struct selection *selection, enum level level, const char *trace,
		   bool allow_io_uring, char *error, size_t error_size);

/* Is this call, with these argument values, to be reported? (The filter may trace more.) Unknown
 * numbers and x32 calls are, unless --trace leaves everything unnamed out. */
bool selection_reports(const struct selection *selection, enum event_abi abi, uint32_t number,
		       const uint64_t args[6]);

/* What the class of that call comes to with these argument values: CLASS_K, CLASS_S or CLASS_U.
 * Calls that the table does not know are CLASS_K. Events (fork, exit, ...) are CLASS_U: nobody
 * asks for them as calls. */
enum syscall_class filter_class_of(enum event_abi abi, uint32_t number, const uint64_t args[6]);

/* Must a call of that kind be traced though nobody asked to see it? */
bool filter_is_control_call(enum event_abi abi, uint32_t number, const uint64_t args[6]);

/* With the fast path: by what the two calls that bring it in are known. */
struct filter_pass {
	uint32_t nonce[3]; /* r10 and the low half of r8 */
	bool verify;       /* --verify: nothing passes by the shim's address */
};

#define FILTER_PASS_OPEN_FLAGS ((uint32_t)(O_RDONLY | O_CLOEXEC))
#define FILTER_PASS_MMAP_FLAGS ((uint32_t)(MAP_PRIVATE | 0x100000 /* MAP_FIXED_NOREPLACE */))

/* Builds the program into *program (malloc'ed filter array). pass: NULL for the kernel view alone. 0 or
 * -errno. No program at all (len 0) for LEVEL_EXEC. */
int filter_build(const struct selection *selection, const struct filter_pass *pass, struct sock_fprog *program);

/* What the shim is to record: the same choice as the program's, as the shim reads it. Fills modes, path_arg,
 * arg_count and rules. */
void filter_fill_tables(const struct selection *selection, struct fastpath_tables *tables);

/* What the program answers to a call, by running it: for tests and --doctor. */
uint32_t filter_run(const struct sock_fprog *program, uint32_t arch, uint32_t number,
		    uint64_t instruction_pointer, const uint64_t args[6]);

#endif
