/* Promises of the stamps' clock: a later stamp never has an earlier time, and times are right to well
 * under a microsecond, whatever the rate of the counter does. */
#include "check.h"
#include "ticks.h"

#include "clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned long long ull;

static void add(struct ticks *ticks, uint64_t stamp, uint64_t ns)
{
	ticks_add(ticks, (struct ticks_pair){ stamp, ns });
}

static void test_between_pairs_it_is_a_straight_line(void)
{
	struct ticks ticks = { 0 };
	CHECK(ticks_to_ns(&ticks, 5) == 0, "nothing known");
	add(&ticks, 1000, 100);
	CHECK(ticks_to_ns(&ticks, 5) == 100 && ticks_to_ns(&ticks, 5000) == 100, "one pair");
	add(&ticks, 3000, 1100);
	add(&ticks, 4000, 3100);
	CHECK(ticks_to_ns(&ticks, 1000) == 100 && ticks_to_ns(&ticks, 2000) == 600, "first stretch");
	CHECK(ticks_to_ns(&ticks, 3000) == 1100 && ticks_to_ns(&ticks, 3500) == 2100, "second");
	CHECK(ticks_to_ns(&ticks, 0) == 100 && ticks_to_ns(&ticks, UINT64_MAX) == 3100, "outside");
}

static void test_a_pair_that_goes_back_is_dropped(void)
{
	struct ticks ticks = { 0 };
	add(&ticks, 1000, 1000);
	add(&ticks, 2000, 900);
	add(&ticks, 900, 2000);
	CHECK(ticks.count == 1, "%u", ticks.count);
}

/* A counter whose rate drifts, over many more pairs than are kept: the recent past is exact, and the order
 * of stamps that are turned into times between the pairs is theirs. */
static void test_a_long_run_stays_exact_and_in_order(void)
{
	struct ticks ticks = { 0 };
	uint64_t stamp = 0, ns = 0, before = 0;
	for (int i = 0; i < 100000; i++) {
		stamp += 1000000;
		ns += 400000 + (uint64_t)i % 16;
		add(&ticks, stamp, ns);
		if (i == 0)
			continue;
		uint64_t time = ticks_to_ns(&ticks, stamp - 500000);
		CHECK(time > before && ns - time < 200016 && ns - time > 199984, "%llu %llu", (ull)ns, (ull)time);
		before = time;
	}
	CHECK(ticks.count <= TICKS_PAIRS, "%u", ticks.count);
	CHECK(ticks_to_ns(&ticks, 1000000) == 400000, "the beginning is known");
	uint64_t half = ticks_to_ns(&ticks, stamp / 2), wanted = ns / 2;
	CHECK(half + 1000000 > wanted && wanted + 1000000 > half, "%llu %llu", (ull)half, (ull)wanted);
}

/* The worst of many stamps, each between two readings of the clock. */
static void test_it_agrees_with_the_clock(void)
{
	static struct stamped { uint64_t before, stamp, after; } stamped[1000];
	struct ticks ticks;
	uint64_t start = clock_monotonic_ns(), worst = 0;
	if (!ticks_are_steady())
		return;
	ticks_init(&ticks, start);
	for (int i = 0; i < 1000; i++) {
		if (i % 100 == 0)
			poll(NULL, 0, 1);
		if (i % 50 == 0)
			ticks_calibrate(&ticks);
		stamped[i].before = clock_monotonic_ns() - start;
		stamped[i].stamp = ticks_now();
		stamped[i].after = clock_monotonic_ns() - start;
	}
	ticks_calibrate(&ticks);
	for (int i = 0; i < 1000; i++) {
		uint64_t time = ticks_to_ns(&ticks, stamped[i].stamp);
		uint64_t error = time < stamped[i].before ? stamped[i].before - time :
				 time > stamped[i].after  ? time - stamped[i].after : 0;
		worst = error > worst ? error : worst;
	}
	CHECK(worst < 500, "%llu ns", (ull)worst);
}

int main(void)
{
	test_between_pairs_it_is_a_straight_line();
	test_a_pair_that_goes_back_is_dropped();
	test_a_long_run_stays_exact_and_in_order();
	test_it_agrees_with_the_clock();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
