/* What ptwrap says to its user on standard error: `ptwrap: what: why`, one line each.
 *
 * One write(2) a message, so that lines of several processes never mix. No allocation, no stdio:
 * usable after fork and in any thread; not in signal handlers (vsnprintf). errno is preserved. */
#ifndef PTWRAP_MESSAGE_H
#define PTWRAP_MESSAGE_H

/* `what`: the option, file or activity that is concerned, NULL for none. Bytes that would break
 * or rewrite the line are shown as '?'; what is longer than a line may be is cut. */
void message_error(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
