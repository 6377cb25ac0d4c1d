/* Sets up the fast path in a new process image: see early.h. Runs on the initial stack, before there is
 * a libc; what it leaves behind if it fails is harmless mappings. */
#include "early.h"

#include "fast.h"
#include "memory.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { SYS_MSEAL = 462 };

_Static_assert(FASTPATH_PRIVATE + sizeof(struct fastpath_private) <= FASTPATH_RING, "they adjoin");
_Static_assert(FASTPATH_RING - FASTPATH_PRIVATE == 4096 && FASTPATH_RING + RING_BYTES == FASTPATH_TEXT, "they adjoin");

static long map_at(uint64_t address, uint64_t len, int prot, int flags, long fd, uint64_t offset)
{
	long got = exempt_call(SYS_mmap, (long)address, (long)len, prot, flags, fd, (long)offset);
	if (got < 0 && got > -4096)
		return got;
	return (uint64_t)got == address ? 0 : -17 /* EEXIST: a kernel before 4.17 has put it elsewhere */;
}

_Static_assert(FASTPATH_PINNED + FASTPATH_PINNED_BYTES <= FASTPATH_PRIVATE, "they do not overlap");

/* The supervisor looks at what is mapped there, and whether it is sealed, before it relies on it. */
static long map_pinned(const struct fastpath_early *early)
{
	long fd = exempt_call(SYS_open, (long)early->pinned, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	long error = map_at(FASTPATH_PINNED, FASTPATH_PINNED_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	exempt_call(SYS_close, fd, 0, 0, 0, 0, 0);
	if (!error)
		exempt_call(SYS_MSEAL, FASTPATH_PINNED, FASTPATH_PINNED_BYTES, 0, 0, 0, 0);
	return error;
}

static long map_ring(const struct fastpath_early *early)
{
	long path = (long)early->ring;
	if (early->pinned[0] && map_pinned(early) == 0)
		path = (long)early->pinned_ring;
	long fd = exempt_call(SYS_open, path, O_RDWR | O_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	long error = map_at(FASTPATH_RING, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
			    fd, 0);
	exempt_call(SYS_close, fd, 0, 0, 0, 0, 0);
	return error;
}

static long map_private(const struct fastpath_early *early)
{
	struct fastpath_private *own = fast_private();
	long error = map_at(FASTPATH_PRIVATE, sizeof(*own), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (error)
		return error;
	memcpy(own->modes, (const void *)fast_tables.modes, sizeof(own->modes));
	own->bases[early->base % FASTPATH_BASES] = early->bias;
	own->mapped_len = early->mapped_len;
	own->shim_fd = early->awaits_shim ? FASTPATH_SHIM_AWAITED : FASTPATH_SHIM_LOADED;
	return 0;
}

static long put_text(const struct fastpath_early *early, long shim_fd)
{
	if (fast_move_text(early->patched_offset, early->text_len, early->text))
		return 0;
	return map_at(early->text, early->text_len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, shim_fd,
		      early->patched_offset);
}

long early_map(const struct fastpath_early *early, long shim_fd)
{
	long error = map_ring(early);
	if (!error)
		error = map_private(early);
	if (!error)
		error = put_text(early, shim_fd);
	exempt_call(SYS_close, shim_fd, 0, 0, 0, 0, 0);
	if (!error)
		exempt_call(SYS_MSEAL, FASTPATH_PRIVATE, FASTPATH_TEXT - FASTPATH_PRIVATE + (long)early->shim_text_len, 0,
			    0, 0, 0);
	return error;
}
