/* A process image right after execve: what its initial stack, its program headers and /proc say.
 *
 * Read at PTRACE_EVENT_EXEC, before the image's first instruction: the strings are the kernel's own
 * copies, which no thread can change any more. Reading the program headers touches file-backed
 * memory, and following links touches files: like a capture, image_read may block on the tree
 * itself and is then a helper's work. Sources: execve(2), elf(5), proc(5), getauxval(3); the layout
 * of the initial stack is the System V ABI's (AMD64 supplement, section 3.4). */
#ifndef PTWRAP_IMAGE_H
#define PTWRAP_IMAGE_H

#include "call.h"
#include "event.h"
#include "resolve.h"
#include "shimfile.h"

enum image_text {
	IMAGE_PATH, IMAGE_EXE, IMAGE_ARGV, IMAGE_CWD, IMAGE_INTERPRETER, IMAGE_LOADER,
	IMAGE_ENVIRONMENT, IMAGE_FDS, IMAGE_ROOT,
	IMAGE_SECRET_PATHS, /* secrets of the environment that name paths: a string vector */
	IMAGE_TEXTS
};

struct image {
	/* From the stop, before image_read. */
	uint64_t stack_pointer;
	unsigned word_bytes;    /* 8, or 4 for an i386 image */
	const struct shimfile *shim; /* NULL: none */
	bool same_root;         /* its root directory and mounts are known to be ptwrap's own */
	const struct redactor *redactor; /* NULL: nothing is secret */
	const char *program;    /* COMMAND's, as ptwrap found it, for the first image; else NULL */
	bool wants_names;       /* has_sanitizer and imports_ptrace are of interest */
	struct judged *judged;  /* what a policy judges it by (judged.h); NULL: there is none. Freed with the image */
	/* What image_read found. */
	struct strbuf text[IMAGE_TEXTS];
	struct strbuf stack;    /* the initial stack, from the stack pointer up */
	uint32_t uid, gid, flags; /* enum exec_flag */
	bool argv_truncated;
	bool other_mounts;
	bool is_short;      /* memory was refused meanwhile: something may be missing */
	bool path_is_by_argv; /* it was taken from argv[0]: nothing else told it */
	bool is_degraded;       /* set-user-id or with file capabilities, but gained nothing */
	bool shim_is_visible;   /* in the image's root and mounts */
	bool has_sanitizer;     /* a runtime that may look for leaks: linked, brought along, or preloaded */
	bool imports_ptrace;
	bool may_be_injected;   /* dynamic, 64-bit, a loader that knows LD_PRELOAD, no sanitizer */
};

/* NULL without memory. */
struct image *image_create(void);
void image_free(struct image *image);

/* execve: the call that led here, gathered at its entry; NULL where it was not seen. Fails in
 * parts only: what cannot be read stays empty. */
void image_read(const struct place *place, const struct call *execve, struct image *image);

/* The event's part, pointing into the image. */
struct event_exec image_event(const struct image *image);

#endif
