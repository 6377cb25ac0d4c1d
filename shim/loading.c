/* Loaders at work: see loading.h. Must take a file for another only if device, inode, size and times are
 * the same, and must leave alone every mapping that is not exactly the prepared one. */
#include "loading.h"

#include "fast.h"
#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- the shim's own file ---- */

static bool is_on_shims_descriptor(const struct frame *frame)
{
	uint64_t fd = (uint64_t)fast_private()->shim_fd;
	switch (frame->number) {
	case SYS_read:
	case SYS_pread64:
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_fcntl:
	case SYS_close:
		return (uint32_t)frame->args[0] == (uint32_t)fd;
	case SYS_mmap:
		return (uint32_t)frame->args[4] == (uint32_t)fd;
	default:
		return false;
	}
}

static bool names_shim(const char *path)
{
	for (size_t i = 0; i < FASTPATH_PATH; i++) {
		if (path[i] != fast_tables.shim_path[i])
			return false;
		if (!path[i])
			return i > 0;
	}
	return false;
}

static bool opens(const struct frame *frame)
{
	return frame->number == SYS_openat || frame->number == SYS_open;
}

/* Only a loader's own call comes with such a pointer before main, and it is a good one; but whoever opens
 * a path afterwards may pass anything. So the path is looked at only until the shim is loaded. */
bool loading_is_shims(const struct frame *frame)
{
	int64_t fd = fast_private()->shim_fd;
	if (fd >= 0)
		return is_on_shims_descriptor(frame);
	if (fd != FASTPATH_SHIM_AWAITED || !opens(frame))
		return false;
	const char *path = (const char *)(uintptr_t)frame->args[frame->number == SYS_openat];
	return path && names_shim(path);
}

/* The first mapping spans the whole object: it is where it was mapped early. */
bool loading_make(struct frame *frame)
{
	if (frame->number != SYS_mmap || (frame->args[3] & MAP_FIXED) || frame->args[5] != 0)
		return false;
	frame->result = FASTPATH_TEXT;
	return true;
}

void loading_made(const struct frame *frame)
{
	struct fastpath_private *own = fast_private();
	if (!frame->hidden || own->is_silent)
		return;
	if (opens(frame))
		own->shim_fd = frame->result >= 0 ? frame->result : FASTPATH_SHIM_AWAITED;
	else if (frame->number == SYS_close)
		own->shim_fd = FASTPATH_SHIM_LOADED;
}

/* ---- libcs ---- */

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static bool is_file(const volatile struct fastpath_library *library, const struct stat *status)
{
	return library->inode == status->st_ino && library->device == status->st_dev &&
	       library->size == (uint64_t)status->st_size && library->mtime_ns == nanoseconds(&status->st_mtim) &&
	       library->ctime_ns == nanoseconds(&status->st_ctim);
}

static const volatile struct fastpath_library *find(const struct stat *status)
{
	uint32_t count = ring_load_acquire(&fast_tables.library_count);
	for (uint32_t i = 0; i < count && i < FASTPATH_LIBRARIES; i++)
		if (is_file(&fast_tables.libraries[i], status))
			return &fast_tables.libraries[i];
	return NULL;
}

/* A file that the supervisor has not been asked about yet. */
static const volatile struct fastpath_library *learn(int fd, const struct stat *status)
{
	const volatile struct fastpath_library *known = find(status);
	if (known || ring_load_acquire(&fast_tables.library_count) >= FASTPATH_LIBRARIES)
		return known;
	if (exempt_call(FASTPATH_LIBRARY_NUMBER, fd, 0, 0, 0, 0, 0) < 0)
		return NULL;
	return find(status);
}

static bool is_text(const struct frame *frame)
{
	return frame->number == SYS_mmap && (frame->args[2] & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC &&
	       (frame->args[3] & MAP_TYPE) == MAP_PRIVATE && !(frame->args[3] & MAP_ANONYMOUS) &&
	       (int)frame->args[4] >= 0;
}

static bool is_error(long result)
{
	return result < 0 && result > -4096;
}

/* From where the shim's file is mapped: no call that a policy would have to look at. */
static bool move_copy(struct frame *frame, const volatile struct fastpath_library *library)
{
	bool fits = (frame->args[3] & MAP_FIXED) && frame->args[2] == (PROT_READ | PROT_EXEC);
	if (!fits || !fast_move_text(library->patched_offset, library->text_len, frame->args[0]))
		return false;
	fast_private()->bases[library->base] = frame->args[0] - library->text_vaddr;
	frame->result = (int64_t)frame->args[0];
	return true;
}

static bool map_copy(struct frame *frame, const volatile struct fastpath_library *library)
{
	long fd = exempt_call(SYS_open, (long)fast_tables.shim_path, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0)
		return false;
	long address = exempt_call(SYS_mmap, (long)frame->args[0], (long)frame->args[1], (long)frame->args[2],
				   (long)frame->args[3], fd, (long)library->patched_offset);
	exempt_call(SYS_close, fd, 0, 0, 0, 0, 0);
	if (is_error(address))
		return false;
	fast_private()->bases[library->base] = (uint64_t)address - library->text_vaddr;
	frame->result = address;
	return true;
}

/* The library itself is mapped, which is for a policy to judge, and then its copy over that. True: the call is made. */
static bool map_itself(struct frame *frame)
{
	frame->result = exempt_call(SYS_mmap, (long)frame->args[0], (long)frame->args[1], (long)frame->args[2],
				    (long)frame->args[3], (long)frame->args[4], (long)frame->args[5]);
	return !is_error(frame->result);
}

/* A second copy of a library (dlmopen) has no base of its own: it stays as it is. */
bool loading_replace(struct frame *frame)
{
	struct stat status;
	if (!is_text(frame) || exempt_call(SYS_fstat, (long)frame->args[4], (long)&status, 0, 0, 0, 0) != 0)
		return false;
	const volatile struct fastpath_library *library = learn((int)frame->args[4], &status);
	if (!library || library->text_len == 0 || library->base >= FASTPATH_BASES ||
	    library->text_offset != frame->args[5] || library->text_len != (frame->args[1] + 4095) / 4096 * 4096 ||
	    fast_private()->bases[library->base])
		return false;
	if (!fast_tables.asks_mappings)
		return move_copy(frame, library) || map_copy(frame, library);
	if (map_itself(frame)) {
		struct frame copy = *frame;
		copy.args[0] = (uint64_t)frame->result;
		copy.args[3] |= MAP_FIXED;
		if (!move_copy(&copy, library))
			map_copy(&copy, library);
	}
	return true;
}
