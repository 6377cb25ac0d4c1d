/* From EVENT_SYSCALL to text, as `strace -y` writes it. All of it comes from the event: its
 * numbers and its attachments. No process is looked at, no memory of one believed. Functions
 * add to `out`, never fail but by out->failed, and are thread-safe; other kinds of event are not
 * to be given. */
#ifndef PTWRAP_DECODE_DECODE_H
#define PTWRAP_DECODE_DECODE_H

#include "event.h"
#include "strbuf.h"

/* openat; syscall_0x1c3 for a number that nobody knows. */
void decode_name(struct strbuf *out, const struct event *event);

/* All arguments that the call has, as between the parentheses:
 * AT_FDCWD</cwd>, "x", O_RDONLY|O_CLOEXEC */
void decode_args(struct strbuf *out, const struct event *event);

/* One of them, 0 to 5, by itself. Nothing is added for one that the table does not have. */
void decode_arg(struct strbuf *out, const struct event *event, unsigned index);

/* False for an argument that stands in the table, but that this call does not use (the mode of
 * an open that creates nothing): strace leaves it out. */
bool decode_arg_is_used(const struct event *event, unsigned index);

/* The result: 3</path>, -1 ENOENT (No such file or directory), ? for a call that never
 * returned, ? ERESTARTSYS (To be restarted if SA_RESTART is set). */
void decode_return(struct strbuf *out, const struct event *event);

/* What stands between the dashes for a signal: SIGSEGV {si_signo=SIGSEGV, ...}. An EVENT_SIGNAL. */
void decode_signal(struct strbuf *out, const struct event *event);

#endif
