/* Calls of 32-bit programs, as 64-bit ones would have made them: structures of words of four bytes read into those of eight,
 * and calls of i386 whose arguments stand in memory.
 *
 * Reads the tracee's memory, like a capture: a helper's work where that may block (peek.h). Thread-safe. */
#ifndef PTWRAP_NARROW_H
#define PTWRAP_NARROW_H

#include "call.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* Is the memory that the call leads to laid out so? x32's is in the calls that have numbers of their own. */
bool narrow_is(const struct call *call);

/* As many as count, of the layout that the call's memory has. 0 or -errno. */
int narrow_read_iovecs(pid_t tid, const struct call *call, uint64_t address, struct iovec *out, size_t count);
int narrow_read_msghdr(pid_t tid, const struct call *call, uint64_t address, struct msghdr *out);
int narrow_read_mmsghdrs(pid_t tid, const struct call *call, uint64_t address, struct mmsghdr *out, size_t count);

enum { I386_SOCKETCALL = 102 };

/* The name of the call that i386's socketcall stands for by its first argument, and how many arguments that has, which the
 * second leads to; NULL: none. accept is accept4, send and recv are sendto and recvfrom: i386 has no such calls. */
const char *narrow_socketcall(uint32_t which, unsigned *count);

/* Are its arguments in memory? How many it has in registers then; 0: they are not. */
unsigned narrow_indirect(const struct call *call);

/* Reads what such a call means into call->meant. 0, also where it means nothing; or -errno. */
int narrow_read_meant(pid_t tid, struct call *call);

#endif
