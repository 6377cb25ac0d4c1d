/* Bringing the shim into a new program image: the initial stack, read and written anew.
 *
 * Pure functions over a copy of the stack as it is at PTRACE_EVENT_EXEC; no ptrace, no /proc. Only
 * the pointer arrays are rebuilt, below the present ones: every string stays where the kernel put
 * it, so that setproctitle(3) and /proc/PID/environ work as ever. What the shim does with the entry
 * is in ptwrap/abi.h. The layout: System V ABI, AMD64 supplement, 3.4.1, and i386's. */
#ifndef PTWRAP_INJECT_H
#define PTWRAP_INJECT_H

#include "bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inject_stack {
	uint64_t sp;                /* where argc lies */
	const unsigned char *bytes; /* what was read from there upward */
	size_t len;
	unsigned word_bytes;        /* 8, or 4 for a 32-bit program */
	/* Reads memory that `bytes` does not hold: up to len bytes at address, the number read, or
	 * -errno. NULL: there is no more than `bytes`. */
	long (*read)(void *context, uint64_t address, void *buffer, size_t len);
	void *context;
};

/* Why an image cannot carry the shim. */
enum inject_reason {
	INJECT_OK,
	INJECT_SHORT,       /* the copy ends before the auxiliary vector does: read more, try again */
	INJECT_MALFORMED,   /* no stack that a kernel makes */
	INJECT_STATIC,      /* no dynamic loader */
	INJECT_CLASS,       /* of another ELF class than the shim */
	INJECT_SECURE,      /* AT_SECURE: the loader would not look at LD_PRELOAD */
	INJECT_DEBUGGED,    /* LD_DEBUG, LD_AUDIT or LD_TRACE_LOADED_OBJECTS: the loader would tell */
	INJECT_AMBIGUOUS,   /* several LD_PRELOADs: loaders differ in which they take */
	INJECT_STACK_LIMIT, /* the copy would take too much of the stack */
	INJECT_PATH,        /* the shim's path cannot stand in LD_PRELOAD */
	INJECT_UNREADABLE,  /* the environment's strings cannot be read */
	INJECT_NO_MEMORY,
	INJECT_REASONS
};

/* A stack, understood. Points into the bytes it was made from. */
struct inject_image {
	struct inject_stack stack;
	uint64_t argc;
	size_t argv_at, envp_at, auxv_at, end; /* byte offsets from sp; end: behind AT_NULL's pair */
	size_t envp_count;
};

/* Fills *image: INJECT_OK, INJECT_SHORT or INJECT_MALFORMED. */
enum inject_reason inject_parse(const struct inject_stack *stack, struct inject_image *image);

/* Address of argument or environment string number `index`; 0 past the end. */
uint64_t inject_argument(const struct inject_image *image, uint64_t index);
uint64_t inject_variable(const struct inject_image *image, size_t index);

/* The value of entry `type` (AT_SECURE, AT_BASE, AT_EXECFN, ...) of the auxiliary vector; false if
 * there is none. */
bool inject_auxiliary(const struct inject_image *image, uint64_t type, uint64_t *value);

struct inject_result {
	uint64_t new_sp;      /* the stack pointer to set; 16-byte aligned */
	unsigned char *block; /* to be written at new_sp; malloc'ed, the caller frees */
	size_t len;
};

/* Makes the stack that loads shim_path, an absolute path as the program sees it. stack_limit:
 * RLIMIT_STACK's soft limit (RLIM_INFINITY too). INJECT_STATIC is told by a missing or zero AT_BASE.
 * On anything but INJECT_OK *result is zeroed. */
enum inject_reason inject_build(const struct inject_image *image, const char *shim_path, uint64_t stack_limit,
				struct inject_result *result);

/* Can this path stand in LD_PRELOAD, whatever the loader? */
bool inject_path_is_fit(const char *shim_path);

/* A few words for people, for the coverage. */
const char *inject_reason_name(enum inject_reason reason);

#endif
