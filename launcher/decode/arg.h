/* One argument on its way to text, and what the formatters share. A formatter takes one argument
 * and adds its text; it believes no length, count or pointer of the event: what an attachment
 * does not hold is printed as the plain address. */
#ifndef PTWRAP_DECODE_ARG_H
#define PTWRAP_DECODE_ARG_H

#include "event.h"
#include "sets.h"
#include "strbuf.h"
#include "syscall.h"

struct decode_arg {
	struct strbuf *out;
	const struct event_syscall *call;
	const struct syscall_desc *desc;
	unsigned index;
	uint64_t value; /* as wide as the ABI's registers */
};

typedef void decode_formatter(const struct decode_arg *arg);

/* Argument `index` of a call whose descriptor is known. */
struct decode_arg arg_of(struct strbuf *out, const struct event_syscall *call,
			 const struct syscall_desc *desc, unsigned index);

const struct syscall_arg *arg_meta(const struct decode_arg *arg);
bool arg_call_is(const struct decode_arg *arg, const char *name);

/* The call came back and was no failure. */
bool arg_call_succeeded(const struct event_syscall *call);

/* The attachment of that kind, argument and index; NULL: there is none. */
const struct attach *arg_find(const struct event_syscall *call, enum attach_kind kind,
			      unsigned arg, unsigned index);

/* What the pointer led to before the call, or after it. */
const struct attach *arg_before(const struct decode_arg *arg);
const struct attach *arg_after(const struct decode_arg *arg);

/* The state that the kernel read (a structure that it only writes: wrote); NULL: not known. */
const struct attach *arg_data(const struct decode_arg *arg);

/* Copies a structure of exactly `size` bytes out of that state; without one prints the address and
 * returns false. */
bool arg_read(const struct decode_arg *arg, void *out, size_t size);

/* The same of a structure that the kernel reads and then writes: as it is after the call, if that is
 * known. */
bool arg_read_latest(const struct decode_arg *arg, void *out, size_t size);

/* The same from a slice, without printing. */
bool arg_copy(struct bytes bytes, size_t offset, void *out, size_t size);

void arg_print_address(const struct decode_arg *arg);

/* 3</path>, or 3 where no name is attached to that argument. */
void arg_print_fd(struct strbuf *out, const struct event_syscall *call, unsigned arg,
		  unsigned index, int fd);

/* A set as the descriptor of the argument says. */
const struct set *arg_set(const struct decode_arg *arg);

#endif
