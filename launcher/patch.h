/* Preparing an ld.so or a libc for the fast path: a copy of its text in which `syscall` instructions
 * lead through trampolines to the shim's hook.
 *
 * Pure functions over a file's bytes, which may be anything; nothing depends on names or versions.
 * Every instruction replaced was found by decoding, and is left alone where anything is in doubt: a
 * site that stays as it is belongs to the kernel view. A site is overwritten with `jmp *[slot]`,
 * 7 bytes, together with whole neighbours, which are made up for in its trampoline:
 *
 *   slot:  .quad trampoline
 *          .long where to go on, as linked, base_slot      (for unwinders: shim/entry.S)
 *   trampoline:
 *          what was overwritten before the call
 *          check of the modes (only where the call's number is not known): bare calls go to `bare`
 *          rcx = where to go on, r11 = tail, jmp hook            (ptwrap/fastpath.h)
 *   bare:  syscall, forget the thread's identity, rcx = where to go on
 *   tail:  what was overwritten behind the call
 *          jmp *%rcx
 *
 * Births (clone, fork, vfork, clone3) are always bare: the child may have another stack or share it. */
#ifndef PTWRAP_PATCH_H
#define PTWRAP_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where things will lie in every process; all of it below 2 GiB. */
struct patch_layout {
	uint64_t trampoline_address; /* of the room's first byte */
	size_t trampoline_room;
	uint64_t hook_address;
	uint64_t modes_address;      /* a byte for each call number: FASTPATH_BARE or anything else */
	uint32_t modes_count;        /* numbers from this one up are never bare */
	uint64_t base_slot_address;  /* 8 bytes: address in memory less address in the file, of this library */
	uint64_t identity_address;   /* FASTPATH_IDENTITIES words of 8 bytes, which a bare call clears one of */
	uint64_t no_cache_address;   /* 8 bytes, which a bare call sets to 1 where there is no rdfsbase */
	bool has_fsgsbase;           /* may programs use rdfsbase? */
};

enum patch_outcome {
	PATCH_BACKWARD,   /* patched, with instructions before the call only */
	PATCH_FORWARD,    /* with instructions behind it only */
	PATCH_BOTH,
	PATCH_DOUBTFUL,   /* not patched: it may be no instruction at all */
	PATCH_SIGRETURN,  /* needs the stack pointer as it is */
	PATCH_UNMAPS,     /* the stack may be gone afterwards, or is already */
	PATCH_CANCEL,     /* any number, then `ret`: who cancels threads looks for this very place */
	PATCH_NO_SPACE,   /* its neighbours cannot be moved, or something jumps between them */
	PATCH_NO_ROOM,    /* the trampolines' room was full */
	PATCH_OUTCOMES
};

struct patch_site {
	uint64_t address;     /* of the `syscall`, as linked */
	int64_t number;       /* -1: not known */
	enum patch_outcome outcome;
	uint64_t start, end;  /* what was overwritten; both 0 if nothing was */
	uint64_t trampoline;  /* its address in every process, 0: none; its slot is 16 bytes before */
};

struct patch_result {
	uint64_t offset;      /* in the file, of the page where the executable segment begins */
	uint64_t vaddr;       /* its address as linked */
	size_t len;           /* whole pages, as the kernel maps it */
	unsigned char *text;  /* the patched copy; behind the file's end zeros */
	unsigned char *trampolines;
	size_t trampolines_len;
	struct patch_site *site; /* every `syscall` decoded, by address */
	size_t found, patched;
};

/* 0; -EINVAL for a layout that is not below 2 GiB; -ENOEXEC unless this is an x86-64 shared object with
 * exactly one executable segment, not writable, wholly in the file and without text relocations; -ENOMEM.
 * On an error *result is zeroed. A file without a single site is none. */
int patch_text(const void *file, size_t file_len, const struct patch_layout *layout,
	       struct patch_result *result);
void patch_free(struct patch_result *result);

/* A few words for people. */
const char *patch_outcome_name(enum patch_outcome outcome);

#endif
