/* See x86_64_sites.h. All that is looked at is one straight line: instructions that follow one another,
 * to none but the first of which control may come from elsewhere. */
#include "arch/x86_64_sites.h"

enum {
	NUMBER_STEPS = 32, /* how far back the number is looked for */
	UNMAP_STEPS = 8,
	MOVED_MAX = 4, /* on each side */
	UNKNOWN = -1
};

/* What one instruction, looked at backwards, says of the register's value. */
enum finding { FINDING_NOTHING, FINDING_VALUE, FINDING_LOST };

struct search {
	unsigned reg;
	int low;        /* its lowest byte, set later on; -1: it was not */
	bool is_popped; /* by the instruction looked at before */
};

static bool sets_low_byte(const struct x86_insn *insn, unsigned reg)
{
	return insn->map == X86_MAP_ONE && insn->opcode == 0xb0 && !insn->rex && reg == X86_RAX;
}

static bool survives_syscall(unsigned reg)
{
	return reg != X86_RAX && reg != X86_RCX && reg != X86_R11;
}

static enum finding look_at(const struct x86_insn *insn, struct search *search, int64_t *value)
{
	unsigned to, from;
	if (search->is_popped)
		return x86_pushes_constant(insn, value) ? FINDING_VALUE : FINDING_LOST;
	if (x86_sets_constant(insn, &to, value) && to == search->reg)
		return FINDING_VALUE;
	if (x86_copies(insn, &to, &from) && to == search->reg && search->low < 0) {
		search->reg = from;
		return FINDING_NOTHING;
	}
	if (x86_pops(insn, search->reg)) {
		search->is_popped = true;
		return FINDING_NOTHING;
	}
	if (sets_low_byte(insn, search->reg)) {
		if (search->low < 0)
			search->low = insn->immediate & 0xff;
		return FINDING_NOTHING;
	}
	if (x86_is_conditional_jump(insn))
		return FINDING_NOTHING;
	if (x86_is_syscall(insn))
		return survives_syscall(search->reg) ? FINDING_NOTHING : FINDING_LOST;
	return x86_is_plain(insn) && !x86_writes(insn, search->reg) ? FINDING_NOTHING : FINDING_LOST;
}

/* The call's number as a constant that reaches it in a straight line; the kernel takes eax for it. */
static int64_t find_number(const struct x86_text *text, size_t at)
{
	struct search search = { .reg = X86_RAX, .low = -1 };
	for (int step = 0; step < NUMBER_STEPS && !x86_text_is_target(text, at); step++) {
		struct x86_insn insn;
		int64_t value;
		if (!x86_text_previous(text, at, &at, &insn))
			break;
		enum finding finding = look_at(&insn, &search, &value);
		if (finding == FINDING_VALUE)
			return (uint32_t)(search.low < 0 ? value : (value & ~(int64_t)0xff) | search.low);
		if (finding == FINDING_LOST)
			break;
	}
	return UNKNOWN;
}

/* Is there a munmap a few instructions before? */
static bool follows_unmap(const struct x86_text *text, size_t at)
{
	for (int step = 0; step < UNMAP_STEPS; step++) {
		struct x86_insn insn;
		if (!x86_text_previous(text, at, &at, &insn))
			return false;
		if (x86_is_syscall(&insn))
			return find_number(text, at) == X86_CALL_MUNMAP;
		if (!x86_is_plain(&insn))
			return false;
	}
	return false;
}

/* A thread that takes its own stack away (musl's __unmapself) goes straight from munmap to exit; a hook
 * would stand on that stack. */
static bool loses_stack(const struct x86_text *text, const struct x86_site *site)
{
	if (follows_unmap(text, site->call))
		return true;
	if (site->number != X86_CALL_MUNMAP)
		return false;
	size_t at = site->resume;
	struct x86_insn insn;
	for (int step = 0; step < UNMAP_STEPS && x86_text_insn(text, at, &insn); step++) {
		if (x86_is_syscall(&insn))
			return true;
		if (!x86_is_plain(&insn))
			return false;
		at += insn.length;
	}
	return false;
}

/* In a trampoline rsp must be what the unwind information of the place where the program goes on says of it. */
static bool is_movable(const struct x86_insn *insn)
{
	return x86_is_plain(insn) && !insn->is_rip_relative && !insn->is_relative && !x86_writes(insn, X86_RSP);
}

/* Behind the call rcx and r11 are the trampoline's. */
static bool is_movable_behind(const struct x86_insn *insn)
{
	return is_movable(insn) && !x86_mentions(insn, X86_RCX) && !x86_mentions(insn, X86_R11);
}

static bool reach_back(const struct x86_text *text, size_t floor, struct x86_site *site)
{
	struct x86_insn insn;
	size_t before;
	if (x86_text_is_target(text, site->start) || !x86_text_previous(text, site->start, &before, &insn) ||
	    before < floor || !is_movable(&insn))
		return false;
	site->start = before;
	return true;
}

static bool reach_on(const struct x86_text *text, struct x86_site *site)
{
	struct x86_insn insn;
	if (x86_text_is_target(text, site->end) || !x86_text_is_trusted(text, site->end) ||
	    !x86_text_insn(text, site->end, &insn) || !is_movable_behind(&insn))
		return false;
	site->end += insn.length;
	return true;
}

/* Moves as few as make room, rather from before the call: then the program goes on right behind it. */
static bool make_space(const struct x86_text *text, size_t floor, struct x86_site *site)
{
	for (int behind = 0; behind <= MOVED_MAX; behind++) {
		site->start = site->call;
		for (int before = 0; before <= MOVED_MAX; before++) {
			if (site->end - site->start >= X86_JUMP_BYTES)
				return true;
			if (!reach_back(text, floor, site))
				break;
		}
		if (!reach_on(text, site))
			break;
	}
	return false;
}

static bool precedes_return(const struct x86_text *text, size_t at)
{
	struct x86_insn insn;
	return !x86_text_insn(text, at, &insn) || x86_is_return(&insn);
}

enum patch_outcome x86_site_plan(const struct x86_text *text, size_t at, size_t floor, struct x86_site *site)
{
	struct x86_insn insn;
	*site = (struct x86_site){ .call = at, .start = at, .number = UNKNOWN };
	if (!x86_text_insn(text, at, &insn) || !x86_text_is_trusted(text, at))
		return PATCH_DOUBTFUL;
	site->resume = site->end = at + insn.length;
	site->number = find_number(text, at);
	if (site->number == X86_CALL_RT_SIGRETURN)
		return PATCH_SIGRETURN;
	if (loses_stack(text, site))
		return PATCH_UNMAPS;
	if (site->number == UNKNOWN && precedes_return(text, site->resume))
		return PATCH_CANCEL;
	if (at < floor || !make_space(text, floor, site))
		return PATCH_NO_SPACE;
	if (site->end == site->resume)
		return PATCH_BACKWARD;
	return site->start == site->call ? PATCH_FORWARD : PATCH_BOTH;
}
