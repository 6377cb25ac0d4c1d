/* The first instructions of a process image: see early.h. x86_64. */
#include "early.h"

#include "peek.h"
#include "shimlink.h"
#include "trace.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ALIGNMENT = 16 };

/* rdi: the shim's path; rsi, r10, r8: as the filter lets open pass; rdx: PROT_READ | PROT_EXEC, for open an
 * unused mode; r9: 0; r12, r13, r14: address, length and flags of the mapping; rbx: early_entry. rax is 0:
 * execve's result is written over what was set at the stop. */
static const unsigned char entry_code[] = {
	0xb8, 2, 0, 0, 0,             /* mov $SYS_open, %eax */
	0x0f, 0x05,                   /* syscall */
	0x49, 0x89, 0xc0,             /* mov %rax, %r8 */
	0x4c, 0x89, 0xe7,             /* mov %r12, %rdi */
	0x4c, 0x89, 0xee,             /* mov %r13, %rsi */
	0x4d, 0x89, 0xf2,             /* mov %r14, %r10 */
	0xb8, 9, 0, 0, 0,             /* mov $SYS_mmap, %eax */
	0x0f, 0x05,                   /* syscall */
	0x4c, 0x39, 0xe0,             /* cmp %r12, %rax */
	0x75, 0x02,                   /* jne 1f */
	0xff, 0xe3,                   /* jmp *%rbx */
	0xbf, 1, 0, 0, 0,             /* 1: mov $1, %edi */
	0x48, 0x89, 0xc6,             /* mov %rax, %rsi */
	0xb8, FASTPATH_FAILED_NUMBER & 0xff, FASTPATH_FAILED_NUMBER >> 8 & 0xff, FASTPATH_FAILED_NUMBER >> 16 & 0xff,
	FASTPATH_FAILED_NUMBER >> 24, /* mov $FASTPATH_FAILED_NUMBER, %eax */
	0x0f, 0x05,                   /* syscall */
};

_Static_assert(sizeof(entry_code) <= FASTPATH_ENTRY_BYTES && FASTPATH_ENTRY_BYTES % 8 == 0, "whole words");

static void set_registers(uint64_t block_address, struct user_regs_struct *registers)
{
	const struct filter_pass *pass = fastpath_pass();
	const struct shimimage *image = fastpath_image();
	registers->rdi = block_address + offsetof(struct fastpath_early, shim);
	registers->rsi = FILTER_PASS_OPEN_FLAGS;
	registers->rdx = PROT_READ | PROT_EXEC;
	registers->r10 = (uint64_t)pass->nonce[1] << 32 | pass->nonce[0];
	registers->r8 = pass->nonce[2];
	registers->r9 = 0;
	registers->r12 = FASTPATH_TEXT;
	registers->r13 = fastpath_file_len();
	registers->r14 = FILTER_PASS_MMAP_FLAGS;
	registers->rbx = FASTPATH_TEXT + image->early_entry;
	registers->rbp = block_address;
	registers->rsp = block_address;
}

bool early_prepare(pid_t tid, const struct fastpath_loader *loader, const struct ringfile *ring, const char *shim,
		   struct user_regs_struct *registers, struct early *early, struct fastpath_early *block)
{
	uint64_t bias = registers->rip - loader->entry;
	if (bias % 4096 || strlen(ring->path) >= sizeof(block->ring) || strlen(shim) >= sizeof(block->shim) ||
	    peek_read_whole(tid, registers->rip, early->entry_bytes, sizeof(early->entry_bytes)) ||
	    memcmp(early->entry_bytes, loader->entry_bytes, sizeof(early->entry_bytes)) != 0)
		return false;
	early->entry = registers->rip;
	early->stack_pointer = registers->rsp;
	memset(block, 0, sizeof(*block));
	block->stack_pointer = registers->rsp;
	block->entry = registers->rip;
	block->text = bias + loader->text;
	block->text_len = loader->text_len;
	block->patched_offset = loader->patched_offset;
	block->base = loader->base;
	block->bias = bias;
	block->shim_text_len = fastpath_image()->text_len;
	block->mapped_len = fastpath_file_len();
	strcpy(block->ring, ring->path);
	strcpy(block->shim, shim);
	set_registers((registers->rsp - sizeof(*block)) & -(uint64_t)ALIGNMENT, registers);
	early->ring_at = registers->rsp + offsetof(struct fastpath_early, ring);
	early->ring_pinned = 0;
	return true;
}

bool early_begin(pid_t tid, const struct early *early)
{
	unsigned char code[FASTPATH_ENTRY_BYTES];
	memcpy(code, early->entry_bytes, sizeof(code));
	memcpy(code, entry_code, sizeof(entry_code));
	return peek_write(tid, early->entry, code, sizeof(entry_code)) == 0;
}

void early_pin(struct early *early, const struct ringfile *ring, const char *name, struct fastpath_early *block)
{
	uint64_t path = name[0] && strlen(name) < sizeof(block->pinned) ? pinned_put_path(ring->path, &early->ring_number) : 0;
	if (!path)
		return;
	strcpy(block->pinned, name);
	block->pinned_ring = early->ring_pinned = path;
}

/* Does the path that stands there name a ring? */
static bool names_ring(pid_t tid, uint64_t address)
{
	char path[FASTPATH_PATH];
	return peek_read_whole(tid, address, path, sizeof(path)) == 0 &&
	       shimlink_is_ring(bytes_of(path, strnlen(path, sizeof(path))));
}

enum early_open early_opens_ring(struct early *early, pid_t tid, const struct ptrace_syscall_info *info, struct pinned_space *space)
{
	uint64_t path = info->seccomp.args[0];
	if (!early->ring_at || info->arch != AUDIT_ARCH_X86_64 || info->seccomp.nr != SYS_open ||
	    (path != early->ring_at && path != early->ring_pinned) || info->seccomp.args[1] != (O_RDWR | O_CLOEXEC))
		return EARLY_OTHER;
	bool pinned = path == early->ring_pinned;
	early->ring_at = early->ring_pinned = 0;
	if (pinned && !pinned_was_mapped(space, tid))
		return EARLY_OTHER;
	if (pinned)
		return pinned_path_stands(early->ring_number) ? EARLY_RING_PINNED : EARLY_RING_GONE;
	return names_ring(tid, path) ? EARLY_RING : EARLY_OTHER;
}

void early_undo(pid_t tid, const struct early *early)
{
	struct user_regs_struct registers;
	if (peek_write(tid, early->entry, early->entry_bytes, sizeof(early->entry_bytes)) || !trace_get_registers(tid, &registers))
		return;
	struct user_regs_struct fresh = { .rip = early->entry, .rsp = early->stack_pointer, .cs = registers.cs,
					  .ss = registers.ss, .eflags = registers.eflags, .ds = registers.ds,
					  .es = registers.es, .fs = registers.fs, .gs = registers.gs,
					  .fs_base = registers.fs_base, .gs_base = registers.gs_base,
					  .orig_rax = (unsigned long long)-1 };
	trace_set_registers(tid, &fresh);
}
