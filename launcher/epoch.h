/* For how long something remembered holds: until a change begins, and not while one is under way. Whoever
 * remembers takes the epoch before it looks, and trusts what it saw as long as epoch_holds. Any thread. */
#ifndef PTWRAP_EPOCH_H
#define PTWRAP_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>

struct epoch {
	atomic_uint changing; /* changes under way */
	atomic_uint number;   /* changes begun or ended, ever */
};

static inline void epoch_change_begins(struct epoch *epoch)
{
	atomic_fetch_add(&epoch->changing, 1);
	atomic_fetch_add(&epoch->number, 1);
}

static inline void epoch_change_ended(struct epoch *epoch)
{
	atomic_fetch_add(&epoch->number, 1);
	atomic_fetch_sub(&epoch->changing, 1);
}

static inline unsigned epoch_now(struct epoch *epoch)
{
	return atomic_load(&epoch->number);
}

static inline bool epoch_holds(struct epoch *epoch, unsigned number)
{
	return atomic_load(&epoch->changing) == 0 && atomic_load(&epoch->number) == number;
}

#endif
