/* The witness: a process in ptwrap's process group whose signals tell whether the launcher's own were sent to the whole
 * group, where COMMAND has had them too, or to ptwrap alone (hazard 24).
 *
 * It is the launcher's child, born before COMMAND, blocks every signal, and sleeps until it is asked. The kernel signals the members of
 * a group youngest first: what the launcher has taken the witness has as well, if it was for the group. What COMMAND does
 * with its signals, or to which group it has gone, does not matter.
 *
 * It holds its two pipe ends and nothing else, and ends with the launcher. Launcher's thread only. */
#ifndef PTWRAP_WITNESS_H
#define PTWRAP_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct witness {
	pid_t pid;     /* 0: there is none */
	int ask_fd, answer_fd;
};

/* A signal that it was given. */
struct witnessed {
	int number;    /* 0: no more */
	pid_t sender;  /* 0: the kernel, or from another pid namespace */
};

/* Forks it; signals must be blocked (watch_block_signals). Without one (pid 0) no question is answered. */
void witness_start(struct witness *witness);

/* Asks for what it was given since the last time: `tell` is called for each. False: no answer. */
bool witness_ask(struct witness *witness, void (*tell)(const struct witnessed *given, void *context), void *context);

/* In the other children, and at the end. */
void witness_close(struct witness *witness);
void witness_end(struct witness *witness);

#endif
