/* See x86_64_decode.h. Two tables for each map, a character for each opcode: the shape of what follows
 * the opcode, and the role of its operands.
 *
 * All of a libc's text goes through x86_decode at the start of each run: the usual shapes are decoded almost
 * without a branch, and without a check of the end: the bytes read are there, if need be in a copy. */
#include "arch/x86_64_decode.h"

#include <string.h>

/* What follows the opcode byte. m: ModRM; M: ModRM and a byte; Z: ModRM and 2 or 4 bytes; b: a byte;
 * z: 2 or 4 bytes; v: z, or 8 with REX.W; w: 2 bytes; e: 2 bytes and 1 (enter); o: an address; r: a
 * relative byte; R: a relative 4 bytes; g and G: the groups of test, not, neg, mul, div; q: pop's group;
 * t: that of mov and xbegin; p: it is a prefix; V, E: VEX, EVEX; 2, 3, 4: it leads to another map;
 * '.': nothing; x: no such instruction. */
static const char one_shape[] = "mmmmbzxxmmmmbzx2"  /* 00 */
				"mmmmbzxxmmmmbzxx"  /* 10 */
				"mmmmbzpxmmmmbzpx"  /* 20 */
				"mmmmbzpxmmmmbzpx"  /* 30 */
				"pppppppppppppppp"  /* 40 */
				"................"  /* 50 */
				"xxEmppppzZbM...."  /* 60 */
				"rrrrrrrrrrrrrrrr"  /* 70 */
				"MZxMmmmmmmmmmmmq"  /* 80 */
				"..........x....."  /* 90 */
				"oooo....bz......"  /* a0 */
				"bbbbbbbbvvvvvvvv"  /* b0 */
				"MMw.VVMte.w..bx."  /* c0 */
				"mmmmxxx.mmmmmmmm"  /* d0 */
				"rrrrbbbbRRxr...."  /* e0 */
				"p.pp..gG......mm"; /* f0 */

static const char two_shape[] = "mmmmx.....x.xm.M"  /* 00 */
				"mmmmmmmmmmmmmmmm"  /* 10 */
				"xxxxxxxxmmmmmmmm"  /* 20 */
				"......x.3x4xxxxx"  /* 30 */
				"mmmmmmmmmmmmmmmm"  /* 40 */
				"mmmmmmmmmmmmmmmm"  /* 50 */
				"mmmmmmmmmmmmmmmm"  /* 60 */
				"MMMMmmm.mmxxmmmm"  /* 70 */
				"RRRRRRRRRRRRRRRR"  /* 80 */
				"mmmmmmmmmmmmmmmm"  /* 90 */
				"...mMmxx...mMmmm"  /* a0 */
				"mmmmmmmmmmMmmmmm"  /* b0 */
				"mmMmMMMm........"  /* c0 */
				"mmmmmmmmmmmmmmmm"  /* d0 */
				"mmmmmmmmmmmmmmmm"  /* e0 */
				"mmmmmmmmmmmmmmmm"; /* f0 */

/* Roles of the operands. d, s, c: of two general registers r/m is changed, reg is changed, none is;
 * D, S, C: the same with bytes; x, X: r/m alone, a word or a byte; a, k: the accumulator, changed or
 * not; o, O: the register in the opcode is set; p, P: it is pushed or popped; i: a constant is pushed;
 * v: vector registers, which are not counted; w: those and one general register, r/m; n: none; '-': not
 * plain. */
static const char one_role[] = "DdSsaa--DdSsaa--"  /* 00 */
			       "----------------"  /* 10 */
			       "DdSsaa--DdSsaa--"  /* 20 */
			       "DdSsaa--CcCckk--"  /* 30 */
			       "----------------"  /* 40 */
			       "ppppppppPPPPPPPP"  /* 50 */
			       "---s----isis----"  /* 60 */
			       "----------------"  /* 70 */
			       "Xx-xCc--DdSs-s--"  /* 80 */
			       "n-------a-------"  /* 90 */
			       "--------kk------"  /* a0 */
			       "OOOOOOOOoooooooo"  /* b0 */
			       "Xx----Xx--------"  /* c0 */
			       "Xx--------------"  /* d0 */
			       "----------------"  /* e0 */
			       "------Xx------Xx"; /* f0 */

static const char two_role[] = "----------------"  /* 00 */
			       "vvvvvvvv-------x"  /* 10 */
			       "--------vv------"  /* 20 */
			       "----------------"  /* 30 */
			       "ssssssssssssssss"  /* 40 */
			       "----vvvv--------"  /* 50 */
			       "vvvvvvvvvvvvvvwv"  /* 60 */
			       "--------------wv"  /* 70 */
			       "----------------"  /* 80 */
			       "XXXXXXXXXXXXXXXX"  /* 90 */
			       "---------------s"  /* a0 */
			       "------Ss------Ss"  /* b0 */
			       "----------------"  /* c0 */
			       "------v---------"  /* d0 */
			       "---------------v"  /* e0 */
			       "----------------"; /* f0 */

/* What the usual shapes consist of; all else is taken by take_odd. */
enum { WIDTH = 7, WIDE = 8, MODRM = 16, RELATIVE = 32, ODD = 64 };

static const uint8_t parts_of[128] = {
	['b'] = 1, ['w'] = 2, ['e'] = 3, ['z'] = WIDE,
	['m'] = MODRM, ['M'] = MODRM | 1, ['Z'] = MODRM | WIDE,
	['r'] = RELATIVE | 1, ['R'] = RELATIVE | 4,
	['v'] = ODD, ['o'] = ODD, ['g'] = ODD, ['G'] = ODD, ['q'] = ODD, ['t'] = ODD,
	['p'] = ODD, ['x'] = ODD, ['V'] = ODD, ['E'] = ODD, ['2'] = ODD, ['3'] = ODD, ['4'] = ODD,
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, SIB_FOLLOWS = 4, NO_BASE = 5 };

/* No instruction, however many its prefixes, is read further than this. */
enum { WINDOW = 48 };

struct cursor {
	const unsigned char *at;
	bool operand_16;  /* prefix 66 */
	bool address_32;  /* prefix 67 */
	bool other;       /* f0, f2 or f3: none of these may stand before VEX */
};

static unsigned mod_of(const struct x86_insn *insn)
{
	return insn->modrm >> 6;
}

static unsigned digit_of(const struct x86_insn *insn)
{
	return insn->modrm >> 3 & 7;
}

static unsigned reg_of(const struct x86_insn *insn)
{
	return digit_of(insn) | (insn->rex & REX_R ? 8 : 0);
}

static unsigned rm_of(const struct x86_insn *insn)
{
	return (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
}

static unsigned opcode_reg_of(const struct x86_insn *insn)
{
	return (insn->opcode & 7) | (insn->rex & REX_B ? 8 : 0);
}

/* The next `width` bytes as a signed number; of 8 the low half. */
static inline int32_t take_signed(struct cursor *cursor, unsigned width)
{
	static const uint32_t mask_of[] = { 0, 0xff, 0xffff, 0xffffff, ~0U, 0, 0, 0, ~0U };
	uint32_t bits, mask = mask_of[width], sign = mask & ~(mask >> 1);
	memcpy(&bits, cursor->at, sizeof(bits));
	cursor->at += width;
	return (int32_t)(((bits & mask) ^ sign) - sign);
}

static inline void take_modrm(struct cursor *cursor, struct x86_insn *insn)
{
	static const uint8_t displacement_width[4] = { 0, 1, 4, 0 };
	insn->modrm = *cursor->at++;
	insn->has_modrm = true;
	unsigned mod = mod_of(insn), base = insn->modrm & 7;
	insn->has_sib = mod != 3 && base == SIB_FOLLOWS;
	insn->is_rip_relative = mod == 0 && base == NO_BASE;
	if (insn->has_sib) {
		insn->sib = *cursor->at++;
		base = insn->sib & 7;
	}
	bool has_no_base = mod == 0 && base == NO_BASE;
	insn->displacement = take_signed(cursor, has_no_base ? 4 : displacement_width[mod]);
}

static inline unsigned wide(const struct cursor *cursor, const struct x86_insn *insn)
{
	return insn->rex & REX_W || !cursor->operand_16 ? 4 : 2;
}

/* Near branches with prefix 66 are of different length on different CPUs: refused. */
static bool is_refused(const struct cursor *cursor, const struct x86_insn *insn, unsigned width)
{
	return width == 4 && wide(cursor, insn) == 2;
}

/* In two of the groups of mov, ModRM's digit 7 is xabort and xbegin, the latter a branch. */
static bool take_mov_or_xbegin(struct cursor *cursor, struct x86_insn *insn)
{
	take_modrm(cursor, insn);
	insn->is_relative = digit_of(insn) == 7;
	unsigned width = insn->is_relative ? 4 : wide(cursor, insn);
	insn->immediate = take_signed(cursor, width);
	return !insn->is_relative || (insn->modrm == 0xf8 && !is_refused(cursor, insn, width));
}

static bool take_odd(struct cursor *cursor, struct x86_insn *insn, char shape)
{
	unsigned width = wide(cursor, insn);
	switch (shape) {
	case 'v':
		insn->immediate = take_signed(cursor, insn->rex & REX_W ? 8 : width);
		return true;
	case 'o':
		insn->immediate = take_signed(cursor, cursor->address_32 ? 4 : 8);
		return true;
	case 'g':
	case 'G':
		take_modrm(cursor, insn);
		insn->immediate = take_signed(cursor, digit_of(insn) > 1 ? 0 : shape == 'g' ? 1 : width);
		return true;
	case 'q':
		take_modrm(cursor, insn);
		return digit_of(insn) == 0;
	case 't':
		return take_mov_or_xbegin(cursor, insn);
	default:
		return false;
	}
}

static inline bool take_operands(struct cursor *cursor, struct x86_insn *insn, char shape)
{
	unsigned parts = parts_of[(unsigned char)shape], width = parts & WIDTH;
	if (parts & ODD)
		return take_odd(cursor, insn, shape);
	if (parts & MODRM)
		take_modrm(cursor, insn);
	if (parts & WIDE)
		width = wide(cursor, insn);
	insn->immediate = take_signed(cursor, width);
	insn->is_relative = parts & RELATIVE;
	return !insn->is_relative || !is_refused(cursor, insn, width);
}

/* Everything but vzeroupper has a ModRM there, and the same opcodes have an immediate as without VEX. */
static bool take_vector(struct cursor *cursor, struct x86_insn *insn, unsigned map, bool is_evex)
{
	if (cursor->operand_16 || cursor->other || insn->rex)
		return false;
	insn->opcode = *cursor->at++;
	insn->is_vex = true;
	insn->map = (enum x86_map)map;
	if (map == X86_MAP_0F && insn->opcode == 0x77 && !is_evex)
		return true;
	take_modrm(cursor, insn);
	switch (map) {
	case X86_MAP_0F:
		insn->immediate = take_signed(cursor, two_shape[insn->opcode] == 'M');
		return true;
	case X86_MAP_0F38:
		return true;
	case X86_MAP_0F3A:
		insn->immediate = take_signed(cursor, 1);
		return true;
	case 5: /* the maps of half-precision numbers, without immediates */
	case 6:
		return is_evex;
	default:
		return false;
	}
}

static bool take_vex(struct cursor *cursor, struct x86_insn *insn)
{
	unsigned map = insn->opcode == 0xc5 ? X86_MAP_0F : *cursor->at++ & 0x1f;
	cursor->at++;
	return take_vector(cursor, insn, map, false);
}

static bool take_evex(struct cursor *cursor, struct x86_insn *insn)
{
	const unsigned char *payload = cursor->at;
	cursor->at += 3;
	return !(payload[0] & 0x08) && payload[1] & 0x04 && take_vector(cursor, insn, payload[0] & 7, true);
}

/* REX counts only right before the opcode. */
static bool take_more_prefixes(struct cursor *cursor, struct x86_insn *insn)
{
	for (int count = 0; one_shape[insn->opcode] == 'p'; count++) {
		if (count == X86_INSN_MAX)
			return false;
		bool is_rex = (insn->opcode & 0xf0) == 0x40;
		insn->rex = is_rex ? insn->opcode : 0;
		cursor->operand_16 |= insn->opcode == 0x66;
		cursor->address_32 |= insn->opcode == 0x67;
		cursor->other |= insn->opcode >= 0xf0;
		insn->opcode = *cursor->at++;
	}
	return true;
}

/* The prefixes, and the opcode's first byte. Mostly there is but REX, or none. */
static inline bool take_prefixes(struct cursor *cursor, struct x86_insn *insn)
{
	bool is_rex = (*cursor->at & 0xf0) == 0x40;
	insn->rex = is_rex ? *cursor->at : 0;
	cursor->at += is_rex;
	insn->opcode = *cursor->at++;
	return one_shape[insn->opcode] != 'p' || take_more_prefixes(cursor, insn);
}

static bool take_two(struct cursor *cursor, struct x86_insn *insn)
{
	insn->opcode = *cursor->at++;
	char shape = two_shape[insn->opcode];
	insn->map = X86_MAP_0F;
	if (shape == '3' || shape == '4') {
		insn->map = shape == '3' ? X86_MAP_0F38 : X86_MAP_0F3A;
		shape = shape == '3' ? 'm' : 'M';
		insn->opcode = *cursor->at++;
	}
	return take_operands(cursor, insn, shape);
}

static inline bool take_insn(struct cursor *cursor, struct x86_insn *insn)
{
	if (!take_prefixes(cursor, insn))
		return false;
	switch (one_shape[insn->opcode]) {
	case '2':
		return take_two(cursor, insn);
	case 'V':
		return take_vex(cursor, insn);
	case 'E':
		return take_evex(cursor, insn);
	default:
		return take_operands(cursor, insn, one_shape[insn->opcode]);
	}
}

/* An instruction that reaches into the zeros behind what may be read is longer than that. */
bool x86_decode(const unsigned char *bytes, size_t len, struct x86_insn *insn)
{
	unsigned char copy[WINDOW];
	if (len < sizeof(copy)) {
		memset(copy, 0, sizeof(copy));
		memcpy(copy, bytes, len);
		bytes = copy;
	}
	struct cursor cursor = { .at = bytes };
	*insn = (struct x86_insn){ .map = X86_MAP_ONE };
	bool is_known = take_insn(&cursor, insn);
	insn->length = (unsigned)(cursor.at - bytes);
	insn->is_16 = cursor.operand_16;
	return is_known && insn->length <= (len < X86_INSN_MAX ? len : X86_INSN_MAX);
}

/* Of a group, ModRM's digit decides: those that call, jump, multiply, or need a transaction are no plain
 * ones. */
static char role_of(const struct x86_insn *insn)
{
	if (insn->is_vex || insn->map > X86_MAP_0F)
		return '-';
	if (insn->map == X86_MAP_0F)
		return two_role[insn->opcode];
	char role = one_role[insn->opcode];
	if ((insn->opcode == 0xc6 || insn->opcode == 0xc7) && digit_of(insn) != 0)
		return '-';
	if ((insn->opcode == 0xf6 || insn->opcode == 0xf7) && digit_of(insn) > 3)
		return '-';
	if (insn->opcode >= 0xfe && digit_of(insn) > 1)
		return '-';
	if (insn->opcode == 0x90 && insn->rex & REX_B) /* xchg %r8, %rax */
		return '-';
	return role;
}

bool x86_is_plain(const struct x86_insn *insn)
{
	return role_of(insn) != '-';
}

/* Without REX the byte registers 4 to 7 are the second bytes of registers 0 to 3. */
static bool is_part_of(const struct x86_insn *insn, unsigned number, unsigned reg, bool is_byte)
{
	return number == reg || (is_byte && !insn->rex && number >= 4 && number - 4 == reg);
}

static bool addresses_by(const struct x86_insn *insn, unsigned reg)
{
	if (!insn->has_modrm || mod_of(insn) == 3 || insn->is_rip_relative)
		return false;
	if (!insn->has_sib)
		return rm_of(insn) == reg;
	unsigned base = (insn->sib & 7) | (insn->rex & REX_B ? 8 : 0);
	unsigned index = (insn->sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);
	bool has_base = mod_of(insn) != 0 || (insn->sib & 7) != NO_BASE;
	return (has_base && base == reg) || (index != 4 && index == reg);
}

static bool has_operand(const struct x86_insn *insn, unsigned reg)
{
	char role = role_of(insn);
	bool is_byte = strchr("DSCXO", role) != NULL;
	bool in_rm = insn->has_modrm && mod_of(insn) == 3 && is_part_of(insn, rm_of(insn), reg, is_byte);
	switch (role) {
	case 'd': case 's': case 'c': case 'D': case 'S': case 'C':
		return in_rm || is_part_of(insn, reg_of(insn), reg, is_byte);
	case 'x': case 'X': case 'w':
		return in_rm;
	case 'a': case 'k':
		return reg == X86_RAX;
	case 'o': case 'O':
		return is_part_of(insn, opcode_reg_of(insn), reg, is_byte);
	case 'p': case 'P':
		return reg == X86_RSP || reg == opcode_reg_of(insn);
	case 'i':
		return reg == X86_RSP;
	default:
		return false;
	}
}

bool x86_mentions(const struct x86_insn *insn, unsigned reg)
{
	return has_operand(insn, reg) || addresses_by(insn, reg);
}

bool x86_writes(const struct x86_insn *insn, unsigned reg)
{
	char role = role_of(insn);
	bool is_byte = role == 'D' || role == 'S';
	switch (role) {
	case 'd': case 'D':
		return mod_of(insn) == 3 && is_part_of(insn, rm_of(insn), reg, is_byte);
	case 's': case 'S':
		return is_part_of(insn, reg_of(insn), reg, is_byte);
	case 'c': case 'C': case 'k':
		return false;
	case 'p':
		return reg == X86_RSP;
	default:
		return has_operand(insn, reg);
	}
}

bool x86_is_syscall(const struct x86_insn *insn)
{
	return insn->map == X86_MAP_0F && !insn->is_vex && insn->opcode == 0x05;
}

bool x86_is_return(const struct x86_insn *insn)
{
	return insn->map == X86_MAP_ONE && (insn->opcode == 0xc3 || insn->opcode == 0xc2);
}

bool x86_is_conditional_jump(const struct x86_insn *insn)
{
	bool is_long = insn->map == X86_MAP_0F && !insn->is_vex && (insn->opcode & 0xf0) == 0x80;
	return is_long || (insn->map == X86_MAP_ONE && (insn->opcode & 0xf0) == 0x70);
}

bool x86_is_lea(const struct x86_insn *insn)
{
	return insn->map == X86_MAP_ONE && insn->opcode == 0x8d;
}

static bool clears(const struct x86_insn *insn)
{
	bool is_itself = insn->has_modrm && mod_of(insn) == 3 && reg_of(insn) == rm_of(insn);
	return is_itself && (insn->opcode == 0x31 || insn->opcode == 0x33 || insn->opcode == 0x29 ||
			     insn->opcode == 0x2b);
}

bool x86_sets_constant(const struct x86_insn *insn, unsigned *reg, int64_t *value)
{
	if (insn->map != X86_MAP_ONE || insn->is_16)
		return false;
	if (clears(insn)) {
		*reg = rm_of(insn);
		*value = 0;
	} else if ((insn->opcode & 0xf8) == 0xb8 && !(insn->rex & REX_W)) {
		*reg = opcode_reg_of(insn);
		*value = (uint32_t)insn->immediate;
	} else if (insn->opcode == 0xc7 && role_of(insn) == 'x' && mod_of(insn) == 3) {
		*reg = rm_of(insn);
		*value = insn->rex & REX_W ? insn->immediate : (int64_t)(uint32_t)insn->immediate;
	} else {
		return false;
	}
	return true;
}

bool x86_pushes_constant(const struct x86_insn *insn, int64_t *value)
{
	*value = insn->immediate;
	return role_of(insn) == 'i' && !insn->is_16;
}

bool x86_pops(const struct x86_insn *insn, unsigned reg)
{
	return role_of(insn) == 'P' && !insn->is_16 && opcode_reg_of(insn) == reg;
}

bool x86_copies(const struct x86_insn *insn, unsigned *to, unsigned *from)
{
	if (insn->map != X86_MAP_ONE || mod_of(insn) != 3 || insn->is_16 ||
	    (insn->opcode != 0x89 && insn->opcode != 0x8b))
		return false;
	*to = insn->opcode == 0x89 ? rm_of(insn) : reg_of(insn);
	*from = insn->opcode == 0x89 ? reg_of(insn) : rm_of(insn);
	return true;
}
