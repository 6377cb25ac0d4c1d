/* One thing that happened in the audited tree: the value that the tracer makes, the
 * recording stores, and the model and every report read.
 *
 * An event owns nothing. Its slices point into memory of whoever made it: the tracer's
 * scratch buffers on the way in, the recording reader's buffer on the way out, valid until
 * the next event is read. Times are CLOCK_MONOTONIC nanoseconds since the run began; events of a
 * recording are not in their order (recording.h).
 *
 * process: ptwrap's own number of a process, from 1 (COMMAND) in order of birth, never
 * reused; 0 where an event belongs to none. pid and tid are as ptwrap's pid namespace
 * numbers them. */
#ifndef PTWRAP_EVENT_H
#define PTWRAP_EVENT_H

#include "bytes.h"

#include <stdint.h>

enum event_kind {
	EVENT_START = 1,   /* the first of each recording */
	EVENT_FORK,        /* a process was born */
	EVENT_THREAD,      /* a thread was born (main threads have no such event) */
	EVENT_THREAD_EXIT, /* a thread that is not its process's leader ended */
	EVENT_EXEC,        /* a new program image, after the fact */
	EVENT_EXIT,        /* a process ended (all its threads have) */
	EVENT_SYSCALL,     /* a system call, once it is over (or will never be) */
	EVENT_SIGNAL,      /* a signal at its delivery to a tracee */
	EVENT_STOPPED,     /* group-stop */
	EVENT_META,        /* what a process says of itself through its shim */
	EVENT_NOTE,        /* what the audit could not see: goes to the report's coverage */
	EVENT_END,         /* the last of a whole recording */
	EVENT_POLICY,      /* calls are judged; the second of a recording, if at all (from version 2 on) */
	EVENT_VIOLATION,   /* a rule other than allow decided over a call */
	EVENT_KINDS
};

enum event_abi { ABI_X86_64, ABI_I386, ABI_X32, ABI_UNKNOWN };

/* What else is known of a system call than its numbers. */
enum attach_kind {
	ATTACH_PATH,     /* the string as the program passed it */
	ATTACH_ABS,      /* the absolute path made of it (interface.md section 4: Paths) */
	ATTACH_TARGET,   /* where its symlinks led; absent when that equals ATTACH_ABS */
	ATTACH_FD,       /* how /proc/PID/fd names the descriptor in arg; for AT_FDCWD the cwd */
	ATTACH_DATA,     /* bytes the pointer in arg led to before the call */
	ATTACH_DATA_OUT, /* bytes the pointer in arg led to after the call */
	ATTACH_STRINGS,  /* argv or envp: a string vector */
	ATTACH_ELEMENT,  /* contents of element `index` of an iovec (or of msg_iov) in arg; of argv: its pointer (8 bytes), if
			  * that leads to nowhere */
	ATTACH_NAME,     /* msghdr in arg: what msg_name led to */
	ATTACH_IOVECS,   /* msghdr in arg: the array msg_iov led to */
	ATTACH_CONTROL,  /* msghdr in arg: what msg_control led to */
	ATTACH_KINDS
};

enum { ATTACH_RETURN = 6, /* `arg` of what belongs to the return value */ ATTACH_MAX = 48 };

struct attach {
	uint8_t kind;     /* enum attach_kind */
	uint8_t arg;      /* 0..5, or ATTACH_RETURN */
	uint8_t index;    /* ATTACH_ELEMENT: which element; mmsghdr: which message */
	bool truncated;   /* the program's is longer than what stands here */
	struct bytes bytes;
};

enum syscall_flag {
	SYSCALL_FROM_SHIM = 1,   /* self-reported; else from the kernel view */
	SYSCALL_NO_RETURN = 2,   /* never came back: exit, exec, or cut off by death; ret is 0 */
	SYSCALL_EXISTED = 4,     /* open with O_CREAT: the file was there before the call */
	SYSCALL_ANSWERED = 8,    /* ptwrap answered in the kernel's place (io_uring_setup) */
	SYSCALL_UNREADABLE = 16, /* some argument's memory could not be read in time */
	SYSCALL_OTHER_ROOT = 32, /* paths are seen from `root`, not from ptwrap's own root */
	SYSCALL_DIRECTORY = 64,  /* an open that returned a descriptor of a directory */
	SYSCALL_FROM_MEMORY = 128, /* its arguments stood in memory: these are they */
};

struct event_start {
	struct bytes version, level; /* "audit" */
	struct bytes trace;          /* the SET of --trace; len 0: none */
	struct bytes command;        /* string vector */
	struct bytes cwd, environment; /* ptwrap's own, masked, a string vector */
	struct bytes host_name, kernel, arch;
	uint64_t realtime_ns; /* CLOCK_REALTIME at t_ns 0 */
	uint32_t cpus, uid;
	bool ptw_asked; /* -o *.ptw was given: the reports name its digest */
	bool no_shim;
};

enum fork_kind { FORK_FORK, FORK_VFORK, FORK_CLONE };

struct event_fork {       /* process, pid: the child's; tid: the task that called */
	uint32_t parent;  /* process id of the caller; 0: COMMAND itself, forked by ptwrap */
	int32_t ppid;     /* the caller's pid */
	uint8_t fork_kind;
};

enum exec_flag { EXEC_I386 = 1, EXEC_STATIC = 2, EXEC_SHIM = 4, EXEC_SECURE = 8, EXEC_OTHER_ROOT = 16,
		 EXEC_UNREAD = 32 /* its memory could not be read: what is empty is not known, nor the linkage */ };

struct event_exec {
	struct bytes path;        /* absolute, as passed to execve */
	struct bytes exe;         /* the file that runs now, as /proc/PID/exe names it */
	struct bytes argv;        /* string vector, as passed to execve */
	struct bytes cwd;
	struct bytes interpreter; /* len 0: no #! */
	struct bytes loader;      /* PT_INTERP; len 0: none */
	struct bytes environment; /* string vector of the new image */
	struct bytes fds;         /* string vector: "0=/dev/null" ... by number */
	struct bytes root;        /* with EXEC_OTHER_ROOT: which */
	uint32_t uid, gid;
	uint32_t flags;           /* enum exec_flag */
	bool argv_truncated;
};

struct event_exit {
	int32_t status;     /* as wait(2) gives it */
	bool has_usage;     /* the fields below are known; they include waited-for children */
	uint64_t user_ns, system_ns, max_rss_bytes;
	uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
};

struct event_syscall { /* t_ns: when it was entered */
	uint8_t abi;   /* enum event_abi */
	uint8_t flags; /* enum syscall_flag */
	uint8_t attach_count;
	uint32_t number;
	int64_t ret;   /* -4095..-1: negated errno, the ERESTART* ones included */
	uint64_t dur_ns;
	uint64_t args[6];
	struct bytes root; /* with SYSCALL_OTHER_ROOT: which */
	struct attach attach[ATTACH_MAX];
};

struct event_signal {
	int32_t number, code;  /* si_signo, si_code */
	uint32_t from;         /* process id of the sender; 0: not of the tree, or the kernel */
	int32_t from_pid;      /* si_pid where the signal has one, else 0 */
	uint64_t address;      /* si_addr of a fault, else 0 */
	bool fatal;            /* the process died of it (SIGKILL has no delivery stop: made at death) */
	bool has_details;      /* what follows is known */
	uint32_t from_uid;     /* si_uid */
	int32_t child_status;  /* si_status of SIGCHLD, then its si_utime and si_stime in ticks */
	uint64_t child_user_ticks, child_system_ticks;
	uint64_t value;        /* si_value of a signal that a process sent */
};

enum meta_kind { META_LIBRARY = 1, META_THREAD_NAME };

struct event_meta {
	uint8_t meta_kind;
	struct bytes text;     /* library: its path; thread name: the name (of tid) */
	struct bytes build_id; /* library: raw bytes, may be none */
};

struct event_note {          /* process 0: the whole run */
	struct bytes note_kind; /* one of the words of coverage.def */
	struct bytes text;
};

struct event_policy {
	struct bytes rules;     /* string vector: the files, and each --rule as it was given */
	bool dry_run;           /* what a rule forbids was done all the same */
};

enum violation_action { VIOLATION_LOG = 1, VIOLATION_DENY, VIOLATION_KILL };

struct event_violation {
	struct bytes rule;      /* "FILE:LINE" */
	struct bytes subject;   /* as --ask takes it: "write /etc/hosts" */
	struct bytes comm;      /* the task's name at that moment */
	uint8_t action;         /* enum violation_action; of a dry run: what it would have been */
	uint8_t abi;            /* enum event_abi */
	bool dry_run;
	uint32_t number;        /* of the call */
	int32_t error;          /* VIOLATION_DENY: its errno */
};

struct event_end {
	int32_t status;          /* COMMAND's, as wait(2) gives it; -1: unknown */
	uint64_t lost_records;
	struct bytes truncated;  /* string vector "syscall=123": what --max-size cut */
};

struct event {
	uint8_t kind; /* enum event_kind */
	uint64_t t_ns;
	uint32_t process;
	int32_t pid, tid;
	union {
		struct event_start start;
		struct event_fork fork;
		struct event_exec exec;
		struct event_exit exit;
		struct event_syscall syscall;
		struct event_signal signal; /* EVENT_STOPPED uses .number too */
		struct event_meta meta;
		struct event_note note;
		struct event_end end;
		struct event_policy policy;
		struct event_violation violation;
		int32_t thread_status; /* EVENT_THREAD_EXIT */
	};
};

#endif
