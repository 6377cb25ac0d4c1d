/* An executable segment, understood: where its instructions begin, and which of them control may reach
 * from elsewhere.
 *
 * One linear sweep, held against what the file says of its functions: where an instruction would lie
 * across a known beginning, everything back to the last confirmed one is distrusted. */
#ifndef PTWRAP_ARCH_X86_64_TEXT_H
#define PTWRAP_ARCH_X86_64_TEXT_H

#include "arch/x86_64_decode.h"
#include "elfview.h"

/* What is known of each byte. */
enum {
	X86_CODE = 1,    /* may be code */
	X86_ANCHOR = 2,  /* a boundary between instructions, says the file */
	X86_TARGET = 4,  /* control may come here from elsewhere than the instruction before */
	X86_START = 8,   /* an instruction begins */
	X86_TRUSTED = 16 /* and is really one */
};

struct x86_text {
	const struct elfview *view;
	const unsigned char *bytes;
	uint64_t address; /* of the first byte, as linked */
	size_t len;
	unsigned char *map; /* len + 1 bytes */
	size_t entries;     /* of jump tables that were followed */
};

/* Understands `len` bytes, linked at `address`. 0, -ENOMEM, or -ENOEXEC where its data looks like no end
 * of jump tables. In any case to be closed. The text keeps pointing to view and bytes. */
int x86_text_open(struct x86_text *text, const struct elfview *view, const unsigned char *bytes,
		  uint64_t address, size_t len);
void x86_text_close(struct x86_text *text);

/* The instruction that begins at this offset; false if none does. */
bool x86_text_insn(const struct x86_text *text, size_t at, struct x86_insn *insn);

/* The first `syscall` whose opcode ends behind `from`, which is then put behind it, and where it begins. False
 * if there is none. */
bool x86_text_next_syscall(const struct x86_text *text, size_t *from, size_t *start);

/* The trusted instruction that ends at this offset; false if there is none. */
bool x86_text_previous(const struct x86_text *text, size_t at, size_t *start, struct x86_insn *insn);

bool x86_text_is_trusted(const struct x86_text *text, size_t at);

/* May control come to this offset from elsewhere? */
bool x86_text_is_target(const struct x86_text *text, size_t at);

#endif
