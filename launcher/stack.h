/* Room on the stack, where a limit (RLIMIT_STACK) that is meant for COMMAND leaves little. The limit itself is never
 * changed. */
#ifndef PTWRAP_STACK_H
#define PTWRAP_STACK_H

enum { STACK_BYTES = 1 << 20 }; /* more than ptwrap uses anywhere */

/* Calls body, and returns what it returns: on this stack, or if that may not grow to STACK_BYTES on one of its own. Threads
 * that are made from then on have STACK_BYTES at least. Once in a process. */
int stack_call(int (*body)(int argc, char **argv), int argc, char **argv);

#endif
