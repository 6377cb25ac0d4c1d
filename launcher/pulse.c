/* Where the pulse is kept: see pulse.h. */
#include "pulse.h"

static struct pulse unseen, *current = &unseen;

void pulse_use(struct pulse *pulse)
{
	current = pulse;
}

void pulse_beat(void)
{
	atomic_fetch_add_explicit(&current->beats, 1, memory_order_relaxed);
}

void pulse_is(enum pulse_doing doing)
{
	atomic_store_explicit(&current->doing, doing, memory_order_relaxed);
}

void pulse_serves(uint32_t stop, pid_t tid, int64_t number)
{
	atomic_store_explicit(&current->stop, stop, memory_order_relaxed);
	atomic_store_explicit(&current->tid, tid, memory_order_relaxed);
	atomic_store_explicit(&current->number, number, memory_order_relaxed);
	pulse_is(PULSE_SERVING);
	pulse_beat();
}
