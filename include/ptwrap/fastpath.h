/* The in-process fast path: what supervisor and shim agree on besides the ring (ptwrap/ring.h).
 *
 * In each process that has it, three things lie at fixed addresses below 2 GiB, where code of any
 * library can reach them by 32-bit absolute addresses:
 *
 *   FASTPATH_TEXT     the shim's own file, mapped readable and executable: its code, the tables below,
 *                     and the trampolines that the supervisor generates. Behind the shim's segments
 *                     the file holds patched copies of texts of loaders and libcs.
 *   FASTPATH_PRIVATE  one private page: struct fastpath_private
 *   FASTPATH_RING     the ring of the process image
 *
 * The file is mapped whole: the copies are moved from there to where the originals are mapped. Under rules
 * FASTPATH_PINNED lies below (launcher/pinned.h), which is sealed too.
 *
 * The three adjoin, and are sealed together where the kernel can (mseal(2), Linux 6.10): a program that would
 * unmap or change them is refused, and goes on. Where it cannot, such a program breaks itself.
 *
 * The supervisor brings them in at PTRACE_EVENT_EXEC (launcher/early.c), before the loader's first
 * instruction: it writes a few instructions over the loader's entry, which map the shim's file and
 * go on in it (shim/early.c). That maps the ring, the page, and the patched text over the loader's
 * own, which also undoes what stood at the entry. If anything fails the process says
 * FASTPATH_FAILED_NUMBER; the supervisor puts the entry back, and the kernel view serves alone.
 *
 * A redirected call: site --jmp *slot--> trampoline (displaced instructions, rcx = where to resume,
 * r11 = the trampoline's tail) --> shim/entry.S --> the call, from one of two known instructions:
 * the filter lets class S pass at FASTPATH_EXEMPT only, since what is called there is recorded by
 * the shim; all others are made where the filter judges them by number and arguments. */
#ifndef PTWRAP_FASTPATH_H
#define PTWRAP_FASTPATH_H

#define FASTPATH_TEXT 0x6b000000
#define FASTPATH_RING 0x6afbc000    /* RING_BYTES before that */
#define FASTPATH_PRIVATE 0x6afbb000 /* a page before that */
#define FASTPATH_PINNED 0x6a000000  /* where a policy judges paths: memory that no program can change, FASTPATH_PINNED_BYTES */
#define FASTPATH_PINNED_BYTES 0x820000

/* The 16 bytes from here hold the shim's exempt call instructions and nothing else that calls. */
#define FASTPATH_EXEMPT_OFFSET 0x1000
#define FASTPATH_EXEMPT (FASTPATH_TEXT + FASTPATH_EXEMPT_OFFSET)

/* System call numbers that no kernel knows (compare PTWRAP_HELLO_NUMBER): every filter traces them. */
#define FASTPATH_FAILED_NUMBER 0x30747702 /* at the entry: it cannot be done. rdi: which step, rsi: -errno */
#define FASTPATH_DRAIN_NUMBER 0x30747703  /* the ring is (rdi: 0 half, 1 wholly) full; answered when there is room */
#define FASTPATH_LIBRARY_NUMBER 0x30747704 /* rdi: a descriptor that a loader maps executable: is it a libc? answered
					    * when the library's entry is in the table */

#define FASTPATH_NUMBERS 512 /* calls by number; greater ones are never recorded here */
#define FASTPATH_TRAMPOLINES (512 * 1024) /* bytes of room for them */

/* A frame of the hook (shim/frame.h) while C code runs, by rbp: how far it has come. */
#define FASTPATH_FRAME_STAGE 88
#define FASTPATH_FRAME_THREAD 96 /* and which thread's it is */
#define FASTPATH_FRAME_PUT_OFF 100 /* the supervisor makes it 1 to be given a trap when the record is written */
#define FASTPATH_STAGE_FIRST 0x70747701
#define FASTPATH_STAGE_LAST 0x70747703
#define FASTPATH_STAGE_GUARDED 0x70747704 /* no call's frame: guarded_call's (shim/entry.S) */

#ifndef __ASSEMBLER__
#include <stdint.h>

enum {
	FASTPATH_BASES = 16,     /* patched libraries that a run can have */
	FASTPATH_IDENTITIES = 64,
	FASTPATH_LIBRARIES = 1024,
	FASTPATH_RULES = 64,
	FASTPATH_TESTS = 2,
	FASTPATH_PATH = 256,
};

/* What becomes of a call, by number. */
enum fastpath_mode {
	FASTPATH_PLAIN,   /* not recorded here */
	FASTPATH_RECORD,
	FASTPATH_BARE,    /* not recorded, and without touching the stack: births, rt_sigreturn */
	FASTPATH_BY_RULE, /* as the first rule of its number says whose tests hold; else plain */
	FASTPATH_TRACK,   /* recorded only for what it does to descriptors: where it cannot be, it passes unseen */
};

/* Of one process, copied by fork; shared with what vfork makes. */
struct fastpath_private {
	uint8_t modes[FASTPATH_NUMBERS];          /* enum fastpath_mode */
	uint64_t identities[FASTPATH_IDENTITIES]; /* thread ids by fs base (shim/identity.h), 0: unknown */
	uint64_t bases[FASTPATH_BASES];           /* load bias of each patched library, 0: not here */
	uint64_t mapped_len; /* of the shim's file, at FASTPATH_TEXT: prepared texts are moved from there */
	uint64_t is_silent; /* nobody reads any more: what would be recorded is made as if it were, and is not */
	uint64_t no_cache;  /* thread ids cannot be known by fs base: ask each time */
	int64_t shim_fd;    /* of the loader, while it loads the shim's file; else one of: */
};

enum {
	FASTPATH_SHIM_AWAITED = -1,
	FASTPATH_SHIM_LOADED = -2, /* or never will be */
};

/* Where a thread's id stands among the identities, by its fs base: threads' stacks follow one another at a
 * distance that is a multiple of a page but seldom of this many. Trampolines of birth calls compute the
 * same (launcher/arch/). */
#define FASTPATH_IDENTITY_SHIFT 12

static inline uint32_t fastpath_identity_slot(uint64_t fs_base)
{
	return (uint32_t)fs_base >> FASTPATH_IDENTITY_SHIFT & (FASTPATH_IDENTITIES - 1);
}

/* All tests hold: the masked half of an argument equals value, or differs from it. */
struct fastpath_rule {
	uint16_t number;
	uint8_t mode; /* enum fastpath_mode */
	uint8_t test_count;
	struct fastpath_test {
		uint8_t arg, high, differs, reserved;
		uint32_t mask, value;
	} test[FASTPATH_TESTS];
};

/* A file that a loader has mapped executable. */
struct fastpath_library {
	uint64_t device, inode, size, mtime_ns, ctime_ns;
	uint64_t text_offset, text_len; /* in the file; len 0: not patched */
	uint64_t text_vaddr;
	uint64_t patched_offset;        /* of the patched text in the shim's file */
	uint64_t base;                  /* index of its base */
};

/* In the shim's file, written by the supervisor alone, through a shared mapping. */
struct fastpath_tables {
	uint8_t modes[FASTPATH_NUMBERS];
	uint8_t path_arg[FASTPATH_NUMBERS];  /* which argument is a path; FASTPATH_NO_PATH: none */
	uint8_t arg_count[FASTPATH_NUMBERS];
	struct fastpath_rule rules[FASTPATH_RULES];
	uint32_t rule_count;
	uint32_t has_fsgsbase;               /* rdfsbase may be used */
	char shim_path[FASTPATH_PATH];       /* as the programs see it */
	uint32_t library_count;              /* written last (release) */
	uint32_t asks_mappings;              /* a policy judges what is mapped executable: a library itself, before its copy */
	struct fastpath_library libraries[FASTPATH_LIBRARIES];
};

enum { FASTPATH_NO_PATH = 7 };

/* What the supervisor leaves on the stack for shim/early.c; rbp points to it. */
struct fastpath_early {
	uint64_t stack_pointer;   /* what the loader is to begin with */
	uint64_t entry;           /* of the loader */
	uint64_t text, text_len;  /* of the loader in memory, to be replaced by */
	uint64_t patched_offset;  /* that of the shim's file */
	uint64_t base, bias;      /* index, and the loader's load bias */
	uint64_t shim_text_len;
	uint64_t mapped_len;      /* of the shim's file, at FASTPATH_TEXT */
	uint64_t awaits_shim;     /* the loader will load the shim too: by LD_PRELOAD */
	uint64_t pinned_ring;     /* where the path of the ring stands in pinned memory, once that is mapped; 0: nowhere */
	char pinned[FASTPATH_PATH]; /* "": no such memory is to be mapped */
	char ring[FASTPATH_PATH];
	char shim[FASTPATH_PATH];
};

#endif
#endif
