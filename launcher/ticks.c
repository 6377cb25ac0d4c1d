/* Time stamps: see ticks.h. */
#include "ticks.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 4 };

uint64_t ticks_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
#error "the stamps of the shim are x86_64's time stamp counter"
#endif
}

bool ticks_are_steady(void)
{
	char name[32] = { 0 };
	FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	if (!file)
		return false;
	bool steady = fgets(name, sizeof name, file) &&
		      (strcmp(name, "tsc\n") == 0 || strcmp(name, "kvm-clock\n") == 0 ||
		       strcmp(name, "hyperv_clocksource_tsc_page\n") == 0);
	fclose(file);
	return steady;
}

/* Every second one of the older half goes: what is long ago needs no fine scale. */
static void thin_out(struct ticks *ticks)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < ticks->count; i++)
		if (i % 2 == 0 || i >= TICKS_PAIRS / 2)
			ticks->pair[kept++] = ticks->pair[i];
	ticks->count = kept;
}

void ticks_add(struct ticks *ticks, struct ticks_pair pair)
{
	const struct ticks_pair *last = ticks->count ? &ticks->pair[ticks->count - 1] : NULL;
	if (last && (pair.ticks <= last->ticks || pair.ns < last->ns))
		return;
	if (ticks->count == TICKS_PAIRS)
		thin_out(ticks);
	ticks->pair[ticks->count++] = pair;
}

/* The narrowest of some readings; where each of them is interrupted, as good as can be had. */
void ticks_calibrate(struct ticks *ticks)
{
	uint64_t narrowest = UINT64_MAX;
	struct ticks_pair best = { 0 };
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = ticks_now(), ns = clock_monotonic_ns(), after = ticks_now();
		if (after - before >= narrowest)
			continue;
		narrowest = after - before;
		best = (struct ticks_pair){ before + narrowest / 2, ns - ticks->start_ns };
	}
	ticks_add(ticks, best);
}

void ticks_init(struct ticks *ticks, uint64_t start_ns)
{
	*ticks = (struct ticks){ .start_ns = start_ns };
	ticks_calibrate(ticks);
}

uint64_t ticks_to_ns(const struct ticks *ticks, uint64_t stamp)
{
	unsigned i = ticks->count;
	while (i > 0 && ticks->pair[i - 1].ticks > stamp)
		i--;
	if (!ticks->count)
		return 0;
	if (i == 0 || i == ticks->count)
		return ticks->pair[i ? i - 1 : 0].ns;
	const struct ticks_pair *a = &ticks->pair[i - 1], *b = &ticks->pair[i];
	return a->ns + (uint64_t)((unsigned __int128)(stamp - a->ticks) * (b->ns - a->ns) / (b->ticks - a->ticks));
}
