/* The relay: signals that the launcher is sent go on to COMMAND, as often as COMMAND would have got them unwrapped.
 *
 *   sent to                          COMMAND
 *   ptwrap's group, by anyone        has it, if it is in that group: not forwarded (witness.h); but see
 *                                    jobcontrol_is_apart
 *   ptwrap alone                     gets it from here, with the sender's name on it
 *   ptwrap, and then its group       timeout(1) does so: has it, once
 *   ptwrap and COMMAND, one by one   whoever ends a whole tree does so: has it, once
 *
 * The latter two show a moment later only, so a signal to ptwrap alone is held for that moment. Another one of the same
 * sender, sent to ptwrap alone too, ends it.
 *
 * A forwarded signal carries the sender's pid and uid, and a code that only ptwrap uses; the supervisor puts the original
 * code back at its delivery (act_signal.c). */
#ifndef PTWRAP_RELAY_H
#define PTWRAP_RELAY_H

#include "launch.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

struct relay;

/* `launched` and `control` must outlive the result. NULL without memory: then nothing is forwarded. */
struct relay *relay_create(struct launched *launched, struct control *control);
void relay_free(struct relay *relay);

/* A signal that the launcher was sent, other than SIGCHLD. */
void relay_take(struct relay *relay, const struct signalfd_siginfo *info);

/* Forwards what was held long enough. Milliseconds until the next one is, -1: none. */
int relay_release(struct relay *relay);

/* COMMAND has ended: nothing is forwarded any more. */
void relay_stop(struct relay *relay);

/* In the supervisor: is it one that was forwarded? Then *info becomes what it was when it was sent. */
bool relay_restore(struct control *control, siginfo_t *info);

#endif
