/* Reading a tracee's memory.
 *
 * process_vm_readv(2) first, /proc/PID/mem where that is refused, PTRACE_PEEKDATA where the probe
 * at the start found both refused (then only the tracer thread may read). A read may block on a
 * userfaultfd or FUSE server that is itself a tracee: whoever must not block asks a helper
 * (helpers.h). Thread-safe; nothing here changes the tracee. */
#ifndef PTWRAP_PEEK_H
#define PTWRAP_PEEK_H

#include "strbuf.h"

#include <stdint.h>
#include <sys/types.h>

enum peek_method { PEEK_VM_READV, PEEK_PROC_MEM, PEEK_PTRACE };

/* Which method is the first to be tried; set once, before any thread reads. `peekdata` is the
 * word reader of PEEK_PTRACE (address, *word; 0 or -errno). */
void peek_set_method(enum peek_method method, int (*peekdata)(pid_t tid, uint64_t address, long *word));

/* Reads up to len bytes at address: the number read, which is less where an unmapped page begins;
 * -EFAULT if not one could be read, another -errno where reading is not permitted. */
ssize_t peek_read(pid_t tid, uint64_t address, void *buffer, size_t len);

/* All of it, or -errno. */
int peek_read_whole(pid_t tid, uint64_t address, void *buffer, size_t len);

/* Appends the NUL-terminated string at address, without its NUL, at most max bytes of it.
 * *truncated: the string goes on. -EFAULT where the string runs into unmapped memory (nothing is
 * appended then). */
int peek_string(pid_t tid, uint64_t address, struct strbuf *out, size_t max, bool *truncated);

/* Appends a NULL-terminated array of strings as a string vector, at most max bytes of it.
 * word_bytes: 8, or 4 for a 32-bit tracee. An array longer than execve(2) could take is cut too.
 * -errno where the array itself cannot be read. */
enum { PEEK_GAPS = 8, PEEK_GAP_LAST = 255 };
struct peek_array {
	size_t count;   /* strings in the array, also those that were cut off */
	bool truncated;
	unsigned gap_count;
	struct peek_gap { /* a string that leads to unmapped memory: "" in the vector; behind too many it is cut */
		uint8_t index;
		uint64_t pointer;
	} gaps[PEEK_GAPS];
};
int peek_strings(pid_t tid, uint64_t address, unsigned word_bytes, struct strbuf *out, size_t max, struct peek_array *array);

/* Writes into a stopped tracee's private memory, the text of its files included (which becomes its own
 * copy), through /proc/PID/mem. 0 or -errno. */
struct peek_part {
	uint64_t address;
	const void *data;
	size_t len;
};
int peek_write_parts(pid_t tid, const struct peek_part *parts, size_t count);
int peek_write(pid_t tid, uint64_t address, const void *data, size_t len);

#endif
