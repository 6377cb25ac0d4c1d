/* The embedded shim (shim.so) as bytes, and where in it the things are that the supervisor must know. */
#ifndef PTWRAP_SHIMIMAGE_H
#define PTWRAP_SHIMIMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Offsets in the file, which are those from FASTPATH_TEXT where it is mapped early. */
struct shimimage {
	uint64_t text_len;      /* of the executable segment, whole pages */
	uint64_t code, code_end;/* the C code and the entries */
	uint64_t hook_entry, hook_back, hook_staged, hook_given, hook_fault, early_entry;
	uint64_t tables;
	uint64_t trampolines, trampolines_end;
};

const unsigned char *shimimage_bytes(size_t *len);

/* Fills *image. 0, or -ENOEXEC if what was embedded is not as it must be. */
int shimimage_read(struct shimimage *image);

#endif
