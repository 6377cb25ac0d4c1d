/* The vocabulary that the system call table and the decoder share: how an argument, or a result,
 * is written in a report (enum arg_format), and which set of names belongs to it (enum arg_set).
 * Names only: what they look like is decode's, which argument has which is syscalls.def's. */
#ifndef PTWRAP_DECODE_FORMATS_H
#define PTWRAP_DECODE_FORMATS_H

enum arg_format {
	FORMAT_NONE, /* an empty cell: no argument has it */

	/* numbers */
	FORMAT_INT,      /* int, decimal */
	FORMAT_UINT,     /* unsigned int, decimal */
	FORMAT_LONG,     /* long, decimal: ssize_t, 64-bit offsets */
	FORMAT_ULONG,    /* unsigned long, decimal: size_t, counts */
	FORMAT_HEX,      /* unsigned long, 0x10 */
	FORMAT_HEX32,    /* unsigned int, 0x10 */
	FORMAT_OCTAL,    /* unsigned int, 0644 */
	FORMAT_ADDRESS,  /* a pointer that nobody follows: 0x7f..., NULL */
	FORMAT_OFFSET_LOW,  /* the low half of a 64-bit value that i386 passes in two registers */
	FORMAT_OFFSET_HIGH, /* its high half, the argument behind the low one */

	/* names of things */
	FORMAT_FD,         /* 3</path> */
	FORMAT_DIRFD,      /* the same, or AT_FDCWD */
	FORMAT_PATH,       /* "path", whole */
	FORMAT_STRING,     /* "string", cut */
	FORMAT_BUFFER,     /* "bytes", cut; in or out */
	FORMAT_RANDOM,     /* the same as \x.. */
	FORMAT_PATH_BUFFER,/* a path that the kernel wrote: getcwd, readlink */
	FORMAT_SET,        /* flags or one name of `set` */
	FORMAT_MODE,       /* permissions: 0644; given only with O_CREAT for open and its kin */
	FORMAT_MODE_TYPE,  /* S_IFREG|0644 */
	FORMAT_DEVICE,     /* makedev(0x8, 0x1) */
	FORMAT_PID,
	FORMAT_ID,         /* uid or gid; -1: leave it */
	FORMAT_SIGNAL,
	FORMAT_CLOCK,      /* a clock by name, by pid or by descriptor */
	FORMAT_KEY,        /* a key's serial, or a KEY_SPEC_ */
	FORMAT_IOPRIO,     /* IOPRIO_PRIO_VALUE(...) */
	FORMAT_PERSONALITY,
	FORMAT_CLONE_FLAGS,/* flags and in the lowest byte a signal */
	FORMAT_QUOTA_COMMAND, /* QCMD(Q_GETQUOTA, USRQUOTA) */

	/* pointers to a number */
	FORMAT_INT_POINTER,    /* [5]; int */
	FORMAT_UINT_POINTER,   /* [5]; unsigned int */
	FORMAT_HEX_POINTER,    /* [0x7f...]; unsigned long */
	FORMAT_OFFSET_POINTER, /* [0] => [5]; off_t */
	FORMAT_LENGTH_POINTER, /* [16 => 2]; socklen_t */
	FORMAT_TIME_POINTER,   /* time_t */

	/* pointers to arrays and vectors */
	FORMAT_FD_PAIR,    /* [3</x>, 4</y>]; int[2] */
	FORMAT_ARGV,       /* ["ls", "-l"] */
	FORMAT_ENVP,       /* 0x7f... / * 23 vars * / */
	FORMAT_IOVEC,      /* in or out, by capture */
	FORMAT_MSGHDR,     /* in or out, by capture */
	FORMAT_MMSGHDR,    /* in or out, by capture */
	FORMAT_POLLFDS,    /* [{fd=3, events=POLLIN}] */
	FORMAT_FD_SET,     /* select: [3 4]; the first argument says how many bits */
	FORMAT_EPOLL_EVENT,  /* struct epoll_event, 12 bytes */
	FORMAT_EPOLL_EVENTS, /* array of them, as many as the call returned */
	FORMAT_GID_ARRAY,  /* [1, 2, 3]; gid_t */
	FORMAT_CPU_SET,    /* a CPU or node set: [0 1] */
	FORMAT_DIRENTS,    /* 0x55... / * 5 entries * / */
	FORMAT_SEMBUF,     /* [{sem_num=0, sem_op=-1, sem_flg=0}] */
	FORMAT_CAP_DATA,   /* two struct __user_cap_data_struct */

	/* pointers to structures */
	FORMAT_STAT,
	FORMAT_STATX,
	FORMAT_STATFS,
	FORMAT_TIMESPEC,
	FORMAT_TIMESPEC_LEFT, /* what is left of a sleep: written after an interruption only */
	FORMAT_TIMESPEC_PAIR, /* utimensat */
	FORMAT_TIMEVAL,
	FORMAT_TIMEVAL_PAIR,  /* utimes */
	FORMAT_UTIMBUF,
	FORMAT_TIMEZONE,
	FORMAT_ITIMERVAL,
	FORMAT_ITIMERSPEC,
	FORMAT_TMS,
	FORMAT_TIMEX,
	FORMAT_SIGEVENT,
	FORMAT_SIGSET,     /* 8 bytes */
	FORMAT_SIGSET_ARG, /* pselect6: {sigmask=[...], sigsetsize=8}, a pointer and a length */
	FORMAT_SIGACTION,  /* the kernel's, 32 bytes */
	FORMAT_SIGFRAME,      /* {mask=[]}: what a handler's return restores */
	FORMAT_SIGALTSTACK,
	FORMAT_SIGINFO,
	FORMAT_SOCKADDR,   /* in or out, by capture */
	FORMAT_SOCKOPT,    /* value of a socket option; level and name are the arguments before */
	FORMAT_RLIMIT,
	FORMAT_RUSAGE,
	FORMAT_WAIT_STATUS, /* [{WIFEXITED(s) && WEXITSTATUS(s) == 0}] */
	FORMAT_SYSINFO,
	FORMAT_UTSNAME,
	FORMAT_OPEN_HOW,
	FORMAT_FILE_HANDLE,
	FORMAT_MOUNT_ATTR,
	FORMAT_CLONE_ARGS,
	FORMAT_SCHED_PARAM, /* [0] */
	FORMAT_SCHED_ATTR,
	FORMAT_CAP_HEADER,
	FORMAT_SOCK_FPROG,
	FORMAT_RSEQ,
	FORMAT_MQ_ATTR,
	FORMAT_SHMID_DS,
	FORMAT_MSQID_DS,
	FORMAT_IO_URING_PARAMS,

	/* what only the rest of the call explains */
	FORMAT_IOCTL_COMMAND, /* TCGETS, _IOC(_IOC_READ, 0x54, 0x1, 0x10) */
	FORMAT_IOCTL_ARG,
	FORMAT_FCNTL_ARG,     /* by the command in argument 1 */
	FORMAT_FUTEX_VAL,     /* hidden, or a number, by the operation in argument 1 */
	FORMAT_FUTEX_TIMEOUT, /* struct timespec *, or the number val2 */
	FORMAT_FUTEX_UADDR2,  /* a second address, where the operation has one */
	FORMAT_FUTEX_VAL3,    /* number, bit mask or FUTEX_WAKE_OP's operation */
	FORMAT_PRCTL_ARG,     /* arguments 1 to 4, by the option in argument 0 */
	FORMAT_ARCH_PRCTL_ARG,/* a pointer, or [address], by the code in argument 0 */
	FORMAT_PTRACE_ADDRESS,/* by the request in argument 0 */
	FORMAT_PTRACE_DATA,
	FORMAT_SECCOMP_ARG,   /* sock_fprog, action or sizes, by the operation in argument 0 */
	FORMAT_SEMCTL_ARG,    /* by the command in argument 2 */
	FORMAT_SEM_COMMAND,   /* IPC_64|IPC_STAT */
	FORMAT_KEYCTL_ARG,    /* by the operation in argument 0 */
	FORMAT_BPF_ATTR,      /* union bpf_attr, by the command in argument 0 */
	FORMAT_SOCKET_PROTOCOL, /* by the domain in argument 0 */
	FORMAT_SOCKOPT_NAME,  /* by the level in argument 1 */
	FORMAT_WAITID_ID,     /* pid, process group or descriptor, by argument 0 */
	FORMAT_PRIORITY_WHO,  /* pid, process group or uid, by argument 0 */
	FORMAT_SIGMASK_SIZE,  /* size_t behind a signal set */
	FORMAT_CLONE_PARENT_TID, /* [5], where the flags ask for it */
	FORMAT_CLONE_CHILD_TID,
	FORMAT_CLONE_TLS,     /* an address, with CLONE_SETTLS */
	FORMAT_LANDLOCK_RULESET, /* struct landlock_ruleset_attr */
	FORMAT_LANDLOCK_RULE,    /* by the rule type in argument 1 */
	FORMAT_PERF_EVENT_ATTR,  /* struct perf_event_attr, its first 16 bytes at least */

	/* results */
	FORMAT_RETURN_INT,     /* decimal: the ordinary one */
	FORMAT_RETURN_NEVER,   /* ?: the call does not come back */
	FORMAT_RETURN_FD,      /* 3</path>: ATTACH_FD of ATTACH_RETURN */
	FORMAT_RETURN_ADDRESS, /* 0x7f...; also of what is no failure above -4096 */
	FORMAT_RETURN_HEX,
	FORMAT_RETURN_OCTAL,   /* umask */
	FORMAT_RETURN_ID,      /* uid or gid, unsigned */
	FORMAT_RETURN_TIME,    /* seconds, with the date */
	FORMAT_RETURN_POLL,    /* 1 ([{fd=3, revents=POLLIN}]) */
	FORMAT_RETURN_SELECT,  /* 1 (in [3], left {tv_sec=1, tv_usec=5}) */
	FORMAT_RETURN_SIGNAL,  /* 10 (SIGUSR1) */
	FORMAT_RETURN_FCNTL,   /* 0x1 (flags FD_CLOEXEC) and the like, by the command */
	FORMAT_RETURN_PRCTL,   /* by the option */
	FORMAT_RETURN_PERSONALITY,
	FORMAT_RETURN_SCHED_POLICY, /* 0 (SCHED_OTHER) */
	FORMAT_RETURN_IOPRIO,
	FORMAT_RETURN_CLOCK_STATE,  /* 0 (TIME_OK) */
	FORMAT_RETURN_SIGRETURN,    /* the signal mask belongs to it; what it "returns" is old */
	FORMATS
};

_Static_assert(FORMATS <= 256, "struct syscall_arg holds a format in a byte");

/* SET_open_flags, SET_whence, ... in the order of sets.def, behind SET_NONE. */
#define FLAGS(set_name, unknown_name) SET_##set_name,
#define ENUM(set_name, unknown_name) SET_##set_name,
#define V(value_name, number)
#define M(value_name, bits, number)
#define END
enum arg_set {
	SET_NONE,
#include "sets.def"
	SETS
};
#undef FLAGS
#undef ENUM
#undef V
#undef M
#undef END

_Static_assert(SETS <= 256, "struct syscall_arg holds a set in a byte");

#endif
