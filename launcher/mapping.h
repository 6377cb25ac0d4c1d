/* What is mapped at an address of a process, as /proc/PID/maps has it: one question (PROCMAP_QUERY, Linux 6.11), or its
 * text, line by line. Thread-safe. Source: proc_pid_maps(5), linux/fs.h. */
#ifndef PTWRAP_MAPPING_H
#define PTWRAP_MAPPING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAPPING_READABLE = 1, MAPPING_WRITABLE = 2, MAPPING_EXECUTABLE = 4, MAPPING_SHARED = 8 };

struct mapping {
	uint64_t start, end, offset;
	unsigned flags; /* MAPPING_* */
	dev_t device;   /* of the file that is mapped; no file: 0 */
	ino_t inode;
	char path[PATH_MAX]; /* as the kernel calls it, as the asking process's root has it; "" where it was not asked for, or there is
	                      * none, or it is too long */
};

/* A line of /proc/PID/maps. False: it is none, or its path is too long. */
bool mapping_parse(const char *line, struct mapping *mapping);

/* The mapping that begins at the address; *sealed: it is sealed by mseal(2), as far as this kernel tells that (VmFlags of
 * /proc/PID/smaps). Cheap where little is mapped below. False: none does. */
bool mapping_find_sealed(pid_t tid, uint64_t address, struct mapping *mapping, bool *sealed);

/* All files that are mapped executable, in the order of addresses, to visit(context, mapping). 0; -ENOTTY: this kernel does not
 * know the question; another -errno: they cannot be told. */
int mapping_each_code(pid_t tid, void (*visit)(void *context, const struct mapping *mapping), void *context);

/* The mapping that holds the address. with_path: fill in mapping->path. False: there is none, or it cannot be told. */
bool mapping_find(pid_t tid, uint64_t address, bool with_path, struct mapping *mapping);

#endif
