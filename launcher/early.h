/* Bringing the fast path into a new process image at PTRACE_EVENT_EXEC, with no further stop.
 *
 * A few instructions are written over the loader's entry: they map the shim's file at its fixed address
 * and go on in it (shim/early.c), which maps the loader's patched text over all that. Should any step
 * fail, the process says so by a call that no kernel knows: early_undo makes it begin as if nothing
 * had been. Tracer thread only. */
#ifndef PTWRAP_EARLY_H
#define PTWRAP_EARLY_H

#include "fastpath.h"
#include "pinned.h"
#include "ringfile.h"
#include "stop.h"

#include "ptwrap/fastpath.h"

#include <stdbool.h>
#include <sys/user.h>

struct early {
	/* What a process needs to begin as if nothing had been. */
	uint64_t entry, stack_pointer;
	unsigned char entry_bytes[FASTPATH_ENTRY_BYTES];
	/* Its ring: where the path stands, until it was opened by it (then 0). */
	uint64_t ring_at, ring_pinned; /* ring_pinned: and in pinned memory, or 0 */
	unsigned ring_number; /* pinned.h */
};

/* What stands on the stack: to be written at registers->rsp - sizeof(struct fastpath_early), rounded down to 16
 * (registers->rsp being what the loader is to begin with), which early_begin makes the new stack
 * pointer. Fills *early and *block and changes *registers. False: the loader in memory is not the one that
 * was prepared. Writes nothing. */
bool early_prepare(pid_t tid, const struct fastpath_loader *loader, const struct ringfile *ring, const char *shim,
		   struct user_regs_struct *registers, struct early *early, struct fastpath_early *block);

/* Writes the instructions over the entry. False: the process was killed meanwhile, or cannot be written to. */
bool early_begin(pid_t tid, const struct early *early);

/* At a seccomp stop of an image whose only task this is: is it about to open its ring? Once an image; reads its memory. */
enum early_open {
	EARLY_OTHER,
	EARLY_RING,        /* by a path in its own memory */
	EARLY_RING_PINNED, /* by one in pinned memory, that nobody can change: the space has it now */
	EARLY_RING_GONE,   /* the same, but it took so long that another's path may stand there */
};
enum early_open early_opens_ring(struct early *early, pid_t tid, const struct ptrace_syscall_info *info, struct pinned_space *space);

/* Between early_prepare and early_begin: the image is to map pinned memory by itself, if `name` (as it names the memory) leads
 * there. */
void early_pin(struct early *early, const struct ringfile *ring, const char *name, struct fastpath_early *block);

/* At the seccomp stop of FASTPATH_FAILED_NUMBER. */
void early_undo(pid_t tid, const struct early *early);

#endif
