/* The code that a patched site leads to, and the jump there. What it does: patch.h. */
#ifndef PTWRAP_ARCH_X86_64_TRAMPOLINE_H
#define PTWRAP_ARCH_X86_64_TRAMPOLINE_H

#include "arch/x86_64_sites.h"

/* At a trampoline's head: the slot, which holds the code's address, then two words of 32 bits: where the library resumes,
 * as linked, and where its load address stands. By them unwinders find the resuming place (shim/entry.S). */
enum { X86_SLOT_BYTES = 8, X86_HEAD_BYTES = 16, X86_TRAMPOLINE_MAX = 328 };

struct x86_trampoline {
	unsigned char bytes[X86_TRAMPOLINE_MAX]; /* the head, then the code */
	size_t len;                              /* a multiple of the slot's */
};

/* Can the layout's addresses stand in the code? */
bool x86_trampoline_reaches(const struct patch_layout *layout);

/* Makes the site's trampoline, for `address` (a multiple of the slot's size) as its slot's place. */
void x86_trampoline_make(const struct x86_text *text, const struct x86_site *site,
			 const struct patch_layout *layout, uint64_t address,
			 struct x86_trampoline *trampoline);

/* Overwrites the site, in `code`, a copy of the text, with the jump through this slot. */
void x86_trampoline_link(const struct x86_site *site, uint64_t slot, unsigned char *code);

#endif
