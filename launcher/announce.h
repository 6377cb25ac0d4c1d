/* Lines on standard error while COMMAND runs: a rule was broken.
 *
 *   ptwrap: denied: write /etc/hosts by sh (pid 4711): ci.policy:5
 *
 * At most one a second for each rule; the next one says how many were left out. A thread of its own writes them: whoever
 * reads standard error may be slow, or a process of the tree that stands still meanwhile. What it cannot get rid of is
 * left out too. The reports hold them all. */
#ifndef PTWRAP_ANNOUNCE_H
#define PTWRAP_ANNOUNCE_H

#include "event.h"

struct redactor;

/* Starts the thread, which keeps the caller's table of descriptors. Without it nothing is told. */
void announce_start(void);

/* An EVENT_VIOLATION; never blocks. Secrets that the redactor (NULL: none) knows are masked. One thread calls it. */
void announce_violation(const struct event *event, const struct redactor *redactor);

/* Comes back when all is written, or the reader too slow, and the thread has ended or been left alone. */
void announce_end(void);

#endif
