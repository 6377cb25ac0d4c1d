/* The length of an x86-64 instruction, and the little else that is needed to move one elsewhere.
 *
 * Knows what stands in compiled and hand-written user code: legacy prefixes, REX, VEX and EVEX, the
 * maps 0f, 0f38 and 0f3a; not XOP, REX2 and APX, nor what 64-bit mode has no more. Pure functions
 * over bytes. Sources: Intel SDM volume 2, chapter 2 and appendix A; AMD64 APM volume 3. */
#ifndef PTWRAP_ARCH_X86_64_DECODE_H
#define PTWRAP_ARCH_X86_64_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { X86_INSN_MAX = 15 };

/* General registers as instructions number them. */
enum { X86_RAX = 0, X86_RCX = 1, X86_RSP = 4, X86_R11 = 11 };

/* Opcode maps by the number VEX and EVEX give them. */
enum x86_map { X86_MAP_ONE, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A };

struct x86_insn {
	unsigned length;
	enum x86_map map;
	uint8_t opcode;
	uint8_t rex;           /* 0: none */
	uint8_t modrm, sib;
	bool is_vex;           /* VEX or EVEX: another set of instructions */
	bool is_16;            /* has the prefix 66 */
	bool has_modrm, has_sib;
	bool is_relative;      /* a branch to its end + immediate */
	bool is_rip_relative;  /* uses memory at its end + displacement */
	int32_t displacement;
	int32_t immediate;     /* the first one, sign-extended; of a longer one the low half */
};

/* Decodes the instruction that begins at `bytes`, of which `len` may be read. False: no instruction
 * that it knows, or one cut off. */
bool x86_decode(const unsigned char *bytes, size_t len, struct x86_insn *insn);

/* Is it one of the ordinary moves, additions, comparisons, ... whose registers and memory all stand in
 * its encoding, or a push or pop? Only for these do the next two functions tell all. Never a branch. */
bool x86_is_plain(const struct x86_insn *insn);

/* Does a plain instruction name this general register, as operand or in an address? Rather yes than no. */
bool x86_mentions(const struct x86_insn *insn, unsigned reg);

/* Does a plain instruction change this general register or a part of it? Rather yes than no. */
bool x86_writes(const struct x86_insn *insn, unsigned reg);

bool x86_is_syscall(const struct x86_insn *insn);
bool x86_is_return(const struct x86_insn *insn);
bool x86_is_conditional_jump(const struct x86_insn *insn);
bool x86_is_lea(const struct x86_insn *insn);

/* Does it set a register to a constant, all 64 bits of it? */
bool x86_sets_constant(const struct x86_insn *insn, unsigned *reg, int64_t *value);

bool x86_pushes_constant(const struct x86_insn *insn, int64_t *value);
bool x86_pops(const struct x86_insn *insn, unsigned reg);

/* Does it copy one general register, or its low half with zeros above, into another? */
bool x86_copies(const struct x86_insn *insn, unsigned *to, unsigned *from);

#endif
