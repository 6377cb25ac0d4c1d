/* Bringing the fast path into a new process image at PTRACE_EVENT_EXEC, with no further stop.
 *
 * A few instructions are written over the loader's entry: they map the shim's file at its fixed address
 * and go on in it (shim/early.c), which maps the loader's patched text over all that. Should any step
 * fail, the process says so by a call that no kernel knows: early_undo makes it begin as if nothing
 * had been. Tracer thread only. */
#ifndef PTWRAP_EARLY_H
#define PTWRAP_EARLY_H

#include "fastpath.h"

#include "ptwrap/fastpath.h"

#include <stdbool.h>
#include <sys/user.h>

/* What a process needs to begin as if nothing had been. */
struct early {
	uint64_t entry, stack_pointer;
	unsigned char entry_bytes[FASTPATH_ENTRY_BYTES];
};

/* What stands on the stack: to be written at registers->rsp - sizeof(struct fastpath_early), rounded down to 16
 * (registers->rsp being what the loader is to begin with), which early_begin makes the new stack
 * pointer. Fills *early and *block and changes *registers. False: the loader in memory is not the one that
 * was prepared. Writes nothing. */
bool early_prepare(pid_t tid, const struct fastpath_loader *loader, const char *ring, const char *shim,
		   struct user_regs_struct *registers, struct early *early, struct fastpath_early *block);

/* Writes the instructions over the entry. False: the process was killed meanwhile, or cannot be written to. */
bool early_begin(pid_t tid, const struct early *early);

/* At the seccomp stop of FASTPATH_FAILED_NUMBER. */
void early_undo(pid_t tid, const struct early *early);

#endif
