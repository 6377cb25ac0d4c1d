/* See x86_64_trampoline.h. Before the call nothing but eax is read; the bare path touches no stack, and
 * after a call no flag is changed. */
#include "arch/x86_64_trampoline.h"

#include "ptwrap/fastpath.h"

#include <string.h>

#define ADDRESS_END (1ULL << 31) /* a disp32 is sign-extended */

enum { INT3 = 0xcc };

struct emitter {
	struct x86_trampoline *to;
	uint64_t address; /* of its first byte */
};

static void put(struct emitter *emitter, const void *bytes, size_t len)
{
	struct x86_trampoline *to = emitter->to;
	if (len > sizeof(to->bytes) - to->len)
		return;
	memcpy(to->bytes + to->len, bytes, len);
	to->len += len;
}

static void put_32(struct emitter *emitter, uint64_t value)
{
	uint32_t low = (uint32_t)value;
	put(emitter, &low, sizeof(low));
}

#define PUT(emitter, ...)                                                                          \
	put(emitter, \
	(const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ }))

static uint64_t here(const struct emitter *emitter)
{
	return emitter->address + emitter->to->len;
}

/* A short jump forward to what is not yet written: its place, for land(). */
static size_t put_jump_on(struct emitter *emitter, unsigned char opcode)
{
	PUT(emitter, opcode, 0);
	return emitter->to->len;
}

static void land(struct emitter *emitter, size_t jump)
{
	emitter->to->bytes[jump - 1] = (unsigned char)(emitter->to->len - jump);
}

/* Bare calls jump on; the jump's place. The address too is made of eax alone (prefix 67), for the kernel
 * does not look at rax's upper half. */
static size_t put_check(struct emitter *emitter, const struct patch_layout *layout)
{
	PUT(emitter, 0x3d); /* cmp $modes_count, %eax */
	put_32(emitter, layout->modes_count);
	size_t above = put_jump_on(emitter, 0x73); /* jae */
	PUT(emitter, 0x67, 0x80, 0xb8); /* cmpb $bare, modes(%eax) */
	put_32(emitter, layout->modes_address);
	PUT(emitter, FASTPATH_BARE);
	size_t bare = put_jump_on(emitter, 0x74); /* je */
	land(emitter, above);
	return bare;
}

static void put_resume(struct emitter *emitter, const struct patch_layout *layout, uint64_t resume)
{
	PUT(emitter, 0x48, 0x8b, 0x0c, 0x25); /* mov base_slot, %rcx */
	put_32(emitter, layout->base_slot_address);
	PUT(emitter, 0x48, 0x8d, 0x89); /* lea resume(%rcx), %rcx */
	put_32(emitter, resume);
}

/* The place of the tail's address, for what comes after. */
static size_t put_hook(struct emitter *emitter, const struct patch_layout *layout, uint64_t resume)
{
	put_resume(emitter, layout, resume);
	PUT(emitter, 0x41, 0xbb); /* mov $tail, %r11d */
	size_t tail = emitter->to->len;
	put_32(emitter, 0);
	PUT(emitter, 0xe9); /* jmp hook */
	put_32(emitter, layout->hook_address - (here(emitter) + 4));
	return tail;
}

/* fastpath_identity_slot() in machine code: rcx is all that may be used. Flags are dead: native code takes
 * them for clobbered by a call. */
static void put_forget(struct emitter *emitter, const struct patch_layout *layout)
{
	if (!layout->has_fsgsbase) {
		PUT(emitter, 0x48, 0xc7, 0x04, 0x25); /* movq $1, no_cache */
		put_32(emitter, layout->no_cache_address);
		put_32(emitter, 1);
		return;
	}
	PUT(emitter, 0xf3, 0x48, 0x0f, 0xae, 0xc1);                /* rdfsbase %rcx */
	PUT(emitter, 0xc1, 0xe9, FASTPATH_IDENTITY_SHIFT);           /* shr $shift, %ecx */
	PUT(emitter, 0x83, 0xe1, FASTPATH_IDENTITIES - 1);           /* and $mask, %ecx */
	PUT(emitter, 0x48, 0xc7, 0x04, 0xcd);                      /* movq $0, identity(,%rcx,8) */
	put_32(emitter, layout->identity_address);
	put_32(emitter, 0);
}

static void put_bare(struct emitter *emitter, const struct patch_layout *layout, uint64_t resume)
{
	PUT(emitter, 0x0f, 0x05);
	put_forget(emitter, layout);
	put_resume(emitter, layout, resume);
}

static bool is_birth(int64_t number)
{
	return number == X86_CALL_CLONE || number == X86_CALL_FORK || number == X86_CALL_VFORK ||
	       number == X86_CALL_CLONE3;
}

bool x86_trampoline_reaches(const struct patch_layout *layout)
{
	return layout->trampoline_address < ADDRESS_END &&
	       layout->trampoline_room <= ADDRESS_END - layout->trampoline_address &&
	       layout->hook_address < ADDRESS_END && layout->modes_address < ADDRESS_END &&
	       layout->modes_count <= ADDRESS_END - layout->modes_address &&
	       layout->base_slot_address < ADDRESS_END && layout->no_cache_address < ADDRESS_END &&
	       layout->identity_address < ADDRESS_END - 8ULL * FASTPATH_IDENTITIES;
}

void x86_trampoline_make(const struct x86_text *text, const struct x86_site *site,
			 const struct patch_layout *layout, uint64_t address,
			 struct x86_trampoline *trampoline)
{
	struct emitter emitter = { .to = trampoline, .address = address };
	uint64_t code = address + X86_HEAD_BYTES, resume = text->address + site->end;
	size_t bare = 0, tail = 0;
	trampoline->len = 0;
	put(&emitter, &code, X86_SLOT_BYTES);
	put_32(&emitter, resume);
	put_32(&emitter, layout->base_slot_address);
	put(&emitter, text->bytes + site->start, site->call - site->start);
	if (site->number < 0)
		bare = put_check(&emitter, layout);
	if (!is_birth(site->number))
		tail = put_hook(&emitter, layout, resume);
	if (bare)
		land(&emitter, bare);
	if (bare || is_birth(site->number))
		put_bare(&emitter, layout, resume);
	uint32_t tail_address = (uint32_t)here(&emitter);
	if (tail)
		memcpy(trampoline->bytes + tail, &tail_address, sizeof(tail_address));
	put(&emitter, text->bytes + site->resume, site->end - site->resume);
	PUT(&emitter, 0xff, 0xe1); /* jmp *%rcx */
	while (trampoline->len % X86_SLOT_BYTES != 0)
		PUT(&emitter, INT3);
}

void x86_trampoline_link(const struct x86_site *site, uint64_t slot, unsigned char *code)
{
	uint32_t disp = (uint32_t)slot;
	static const unsigned char jump[] = { 0xff, 0x24, 0x25 }; /* jmp *slot */
	memset(code + site->start, INT3, site->end - site->start);
	memcpy(code + site->start, jump, sizeof(jump));
	memcpy(code + site->start + sizeof(jump), &disp, sizeof(disp));
}
