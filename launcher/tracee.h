/* Who is followed: tasks (tracees, by thread id) and the processes (thread groups) they form.
 *
 * Owned by the tracer thread alone. A tracee lives from the first word of it (its parent's event
 * or its own first stop, whichever comes first) until wait(2) reaped it; a thread id cannot be
 * used again before that, so it is a sound key. A process lives as long as its last tracee. */
#ifndef PTWRAP_TRACEE_H
#define PTWRAP_TRACEE_H

#include "call.h"
#include "early.h"
#include "resolve.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct name;
struct stream;
struct credentials;
struct reroute;
struct pinned_process;
struct pinned_space;
struct job;
struct deferred;

/* How far the shim of a process image has come (include/ptwrap/abi.h). */
enum shim_state {
	SHIM_ABSENT,   /* not brought in, or its window is over */
	SHIM_INJECTED, /* the initial stack names it */
	SHIM_GREETING, /* it has made its first call: text_start and text_len are known */
};

struct process {
	uint32_t id;
	pid_t pid;
	uint32_t parent_id;
	unsigned task_count;
	bool started;      /* COMMAND's own: false until its first exec; nothing is recorded before */
	bool lost_task;    /* a task of it has ended, perhaps in the middle of announcing a child */
	bool trace_all;    /* PTRACE_SYSCALL: it installed a seccomp filter of its own, or has a sanitizer at level exec */
	uint32_t attaches_to; /* the process whose threads it may attach to (act_attach.c), or 0 */
	const struct name *program; /* its path, for --learn (learner.h); NULL: not known */
	uint32_t domain;   /* which `for` blocks of the policy hold (policy.h) */
	struct pinned_space *space; /* is pinned memory mapped in it? NULL: there is no policy */
	bool has_listener; /* a seccomp filter of its own hands calls to some process of the tree */
	bool shares_files, shares_memory; /* another process may have its descriptors, its memory too */
	bool other_mounts;
	bool other_pids;   /* it, or its children to be, may be in another pid namespace */
	uint8_t shim;      /* enum shim_state */
	int last_signal;   /* delivered last */
	char *root;        /* NULL: ptwrap's own */
	uint64_t text_start, text_len; /* of its shim */
	struct stream *stream;  /* of the ring that it maps, shared with what it forked; NULL: none */
	bool fast;         /* has the fast path (early.h) */
	struct early early;/* until its loader has begun */
};

enum tracee_state {
	TRACEE_UNBORN,   /* its first stop (or death) was seen before its parent's event: held */
	TRACEE_EXPECTED, /* announced by its parent's event; its first stop is to come */
	TRACEE_RUNNING,
	TRACEE_CALLING,  /* in a system call whose exit is awaited */
	TRACEE_LISTENING,/* in group-stop */
	TRACEE_GATHERING,/* stopped; a helper reads what its call leads to */
	TRACEE_LENT,     /* stopped for a tracer in the tree (act_attach.c) */
	TRACEE_AWAITING, /* that tracer, in its wait for one that has not stopped yet */
	TRACEE_PINNING,  /* makes calls that it is made to make, before its own (pinned.h) */
	TRACEE_STATES
};

struct tracee {
	struct tracee *next; /* in its hash chain */
	pid_t tid;
	uint8_t state;       /* enum tracee_state */
	bool held_in_group_stop; /* UNBORN, LENT: its stop was a group-stop */
	bool untraced_clone; /* its clone asked for CLONE_UNTRACED */
	bool dead;           /* UNBORN: it died meanwhile, with dead_status */
	int dead_status;
	uint64_t held_ns;    /* UNBORN: since when */
	pid_t early_tgid, early_ppid; /* UNBORN: as /proc had them at its first stop, 0: not known */
	struct process *process; /* NULL while UNBORN */
	struct call *call;   /* under way, or NULL */
	struct reroute *reroute; /* its call is made with what was judged (rewrite.h), or NULL; */
	uint64_t many;           /* as the first of many: where they lie, or 0, and in words of how many bytes */
	uint8_t word_bytes;
	struct pinned_process *pinning; /* PINNING */
	struct credentials *credentials; /* with a policy, where they are known (credentials.h); else NULL */
	struct job *job;     /* GATHERING: what the helper does */
	struct deferred *deferred; /* a signal that waits until a record is written (act_redirected.c), or NULL */
	pid_t attached_by;   /* the tracer in the tree that has it, or 0 */
	pid_t awaits, awaits_number; /* AWAITING: whom, and as it calls it */
	uint64_t awaits_status; /* where wait(2) is to put it, or 0 */
	uint64_t exec_ns;    /* when its last execve was seen */
	pid_t exec_tid;      /* the thread id of who made it */
	uint64_t interrupted_ns; /* CLOCK_MONOTONIC, when its call was first interrupted (act_restart.c), or 0 */
	unsigned restarts;       /* of that call */
};

const char *tracee_state_name(enum tracee_state state);

struct tracee *tracee_find(pid_t tid);

/* A new tracee in `state`, of `process` (may be NULL). NULL without memory. */
struct tracee *tracee_add(pid_t tid, struct process *process, enum tracee_state state);

/* Joins an UNBORN tracee to its process. */
void tracee_join(struct tracee *tracee, struct process *process);

/* Gives the tracee a new thread id: a thread that made execve became the leader. */
void tracee_rename(struct tracee *tracee, pid_t tid);

/* Forgets it, and its process after its last tracee. */
void tracee_remove(struct tracee *tracee);

/* Calls `each` for every tracee; `each` may remove the tracee that it is given. */
void tracee_for_each(void (*each)(struct tracee *tracee, void *context), void *context);

unsigned tracee_count(void);

/* Those that belong to no process yet. */
unsigned tracee_unborn_count(void);

/* A new process, numbered in order of birth, that inherits what fork inherits from `parent` (NULL:
 * it is COMMAND). NULL without memory. */
struct process *process_create(pid_t pid, const struct process *parent);

/* Has no other task its memory, one that is suspended (vfork) included? While its task is stopped nobody changes that, then. */
bool process_is_alone(const struct process *process);

/* How a task of the process numbers itself in its ring. */
uint32_t process_thread_number(const struct process *process, pid_t tid);

/* Where the process of a task looks at files from. */
struct place process_place(const struct process *process, pid_t tid);

/* It has that root directory (no bytes: ptwrap's own) from now on. */
void process_set_root(struct process *process, struct bytes root, bool other_mounts);

/* The same, as /proc has it for its task tid. */
void process_read_root(struct process *process, pid_t tid);

/* The id of the process that has, or among the last 1,024 that ended had, that pid; 0 if none. */
uint32_t process_id_of_pid(pid_t pid);

#endif
