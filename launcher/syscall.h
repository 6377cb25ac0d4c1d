/* The table of system calls: what launcher/syscalls.def says, looked up by number or name.
 * Everything here is constant data; all functions are thread-safe and never fail but by
 * returning NULL. */
#ifndef PTWRAP_SYSCALL_H
#define PTWRAP_SYSCALL_H

#include "event.h"

#include <stdbool.h>
#include <stdint.h>

/* Which view a call belongs to at level audit (interface.md section 6). The conditional ones
 * depend on an argument that the seccomp filter can test. */
enum syscall_class {
	CLASS_U,          /* not asked for at audit */
	CLASS_S,          /* from the shim where it is alive, else the kernel view */
	CLASS_K,          /* always the kernel view */
	CLASS_K_OPEN2,    /* open(path, flags): K if flags would change anything, else S */
	CLASS_K_OPEN3,    /* openat(dirfd, path, flags): same */
	CLASS_MMAP,       /* K if PROT_WRITE and PROT_EXEC; S if PROT_EXEC of a file; else U */
	CLASS_MPROTECT,   /* K if PROT_WRITE and PROT_EXEC, else U */
	CLASS_FCNTL,      /* S for F_DUPFD and F_DUPFD_CLOEXEC, else U */
	CLASS_SENDTO,     /* K if an address is given, else U */
	CLASS_PRCTL,      /* K for the options that matter, else U */
	CLASS_CLONE,      /* an event of its own; traced only with CLONE_UNTRACED */
	CLASS_EVENT,      /* fork, vfork, clone3, exit, exit_group: events at every level: U at audit */
	CLASS_NEVER,      /* restart_syscall: never returned to the tracer by the filter */
};

/* strace's classes, the words after '%' in --trace. */
enum syscall_group {
	GROUP_FILE = 1 << 0, GROUP_DESC = 1 << 1, GROUP_PROCESS = 1 << 2, GROUP_NETWORK = 1 << 3,
	GROUP_SIGNAL = 1 << 4, GROUP_IPC = 1 << 5, GROUP_MEMORY = 1 << 6, GROUP_CREDS = 1 << 7,
	GROUP_STAT = 1 << 8, GROUP_LSTAT = 1 << 9, GROUP_FSTAT = 1 << 10, GROUP_STATFS = 1 << 11,
	GROUP_FSTATFS = 1 << 12, GROUP_CLOCK = 1 << 13, GROUP_PURE = 1 << 14,
	GROUP_STATFS_LIKE = 1 << 15, GROUP_STAT_LIKE = 1 << 16,
};

/* What the tracer reads of the tracee's memory for one argument, so that a report can decode
 * it later without the process. in: before the call; out: after it, if it succeeded. */
enum capture {
	CAPTURE_NONE,
	CAPTURE_PATH,         /* NUL-terminated path; relative to `other` (a DIRFD) or the cwd */
	CAPTURE_STRING,       /* any other NUL-terminated string, in */
	CAPTURE_FD,           /* a descriptor: name it (ATTACH_FD) */
	CAPTURE_DIRFD,        /* the same; AT_FDCWD means the cwd */
	CAPTURE_BUFFER_IN,    /* `other` holds its length */
	CAPTURE_BUFFER_OUT,   /* the return value is its length */
	CAPTURE_STRUCT_IN,    /* `size` bytes */
	CAPTURE_STRUCT_OUT,
	CAPTURE_STRUCT_INOUT,
	CAPTURE_ARRAY_IN,     /* elements of `size` bytes, as many as argument `other` says */
	CAPTURE_ARRAY_INOUT,
	CAPTURE_ARRAY_OUT,    /* as many elements as the call returned */
	CAPTURE_SOCKADDR_IN,  /* `other` holds its length */
	CAPTURE_SOCKADDR_OUT, /* `other` points to its length (an int) */
	CAPTURE_IOVEC_IN,     /* `other` elements, contents too */
	CAPTURE_IOVEC_OUT,    /* the same, contents after the call, as many bytes as it returned */
	CAPTURE_MSGHDR_IN,
	CAPTURE_MSGHDR_OUT,
	CAPTURE_MMSGHDR_IN,   /* `other` elements */
	CAPTURE_MMSGHDR_OUT,  /* as many elements as the call returned */
	CAPTURE_ARGV,         /* NULL-terminated array of strings */
	CAPTURE_ENVP,         /* the same; only its count is shown */
	CAPTURE_DIRENTS,      /* out: as many directory entries as the returned length holds */
	CAPTURE_IOCTL,        /* `size` and direction from the request in `other` (_IOC_*), <= 256 bytes */
	CAPTURE_SIGFRAME_IN,  /* rt_sigreturn: the signal mask in the frame on the stack */
	CAPTURE_KINDS
};

enum { NO_ARG = 7 };

struct syscall_arg {
	uint8_t format;   /* enum arg_format of decode/: how a report writes it */
	uint8_t capture;  /* enum capture */
	uint8_t other;    /* the argument that gives length, count or dirfd; NO_ARG: none */
	uint8_t set;      /* index of the flag or enum set for the format, 0: none */
	uint16_t size;    /* of the struct or element, bytes */
	const char *name; /* as the manual page names it: "pathname" */
};

struct syscall_desc {
	const char *name;
	uint32_t groups;         /* enum syscall_group */
	uint8_t class;           /* enum syscall_class */
	uint8_t arg_count;
	uint8_t return_format;   /* enum arg_format; RETURN_FD formats give ATTACH_FD of ATTACH_RETURN */
	bool returns_fd;
	struct syscall_arg args[6];
};

/* The call `number` of that ABI; NULL for a number that no Linux up to 6.18 knows. x32 numbers
 * are given with or without bit 30. */
const struct syscall_desc *syscall_lookup(enum event_abi abi, uint32_t number);

/* The number of a call by its name; -1 if that ABI has none of the name. */
int syscall_number(enum event_abi abi, const char *name);

/* One more than the greatest number in the table of that ABI. */
uint32_t syscall_limit(enum event_abi abi);

/* The strace class of that name, without the '%' ("file", "network"); 0 if there is none. */
uint32_t syscall_group(const char *name);

/* The name of an errno (2 -> "ENOENT"; 512 -> "ERESTARTSYS"); NULL if unknown. */
const char *syscall_errno_name(int number);

/* The name of a signal (11 -> "SIGSEGV", 34 -> "SIGRT_2" as strace has it); NULL if unknown. */
const char *syscall_signal_name(int number);

#endif
