/* Promises of the ring: whatever is committed is read once, whole and in order; whoever dies, however
 * he dies, loses nothing but what he was writing; a full ring says so; a hostile one hurts nobody but
 * itself. The shim's own writing end is compiled in. */
#include "check.h"
#include "ringread.h"

#include "../../shim/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shim's emit.c is freestanding; here libc's memcpy serves it. */
#include "../../shim/emit.c"

enum { THREADS = 6, CALLS = 20000, DATA = 200 };

static const struct ringread_dead all_dead = { .all = true };

struct both { /* ends of one ring */
	int memfd;
	struct ring *ring;
	struct ringread *reader;
};

/* Both ends use the reader's mapping (its first member): a thread sanitizer compares addresses, and so
 * would see neither a race nor its absence through two. */
static void open_both(struct both *both)
{
	both->memfd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	both->reader = ringread_adopt(both->memfd, 7);
	if (!both->reader) {
		perror("ringread_adopt");
		exit(EXIT_FAILURE);
	}
	memcpy(&both->ring, both->reader, sizeof(both->ring));
}

static void close_both(struct both *both)
{
	ringread_close(both->reader);
	close(both->memfd);
}

/* Paths hold no NUL. */
static uint8_t byte_of(uint32_t number)
{
	return (uint8_t)(number | 1);
}

/* Call `number` of a thread; its data are as many bytes as its number says, all alike. */
static bool emit_call(struct ring *ring, uint32_t thread, uint32_t number)
{
	uint64_t more[3] = { number + 3, number + 4, number + 5 };
	uint8_t data[DATA];
	struct ring_syscall call = {
		.kind = RING_SYSCALL, .arg_count = 6, .data_arg = 1, .data_len = (uint16_t)(number % DATA),
		.number = (uint16_t)number, .dur_ticks = 5, .t_ticks = number, .ret = -(int64_t)number,
		.args = { number, number + 1, number + 2 },
	};
	memset(data, byte_of(number), sizeof(data));
	return emit(ring, &(struct emit_message){ .thread = thread,
		.part = { { &call, sizeof(call) }, { more, sizeof(more) }, { data, call.data_len } } });
}

struct collected {
	uint32_t next[64]; /* of each thread, in order */
	uint64_t count, gaps;
	bool wrong;
	struct ring_message last;
	char text[8192];
};

static bool is_intact(const struct ring_message *message)
{
	uint32_t number = (uint32_t)message->syscall.t_ticks;
	if (message->kind != RING_SYSCALL || message->syscall.ret != -(int64_t)number ||
	    message->syscall.number != (uint16_t)number || message->syscall.dur_ticks != 5 ||
	    message->syscall.data.len != number % DATA)
		return false;
	for (uint32_t i = 0; i < 6; i++)
		if (message->syscall.args[i] != number + i)
			return false;
	for (size_t i = 0; i < message->syscall.data.len; i++)
		if ((uint8_t)message->syscall.data.data[i] != byte_of(number))
			return false;
	return true;
}

static int collect(void *context, const struct ring_message *message)
{
	struct collected *collected = context;
	collected->count++;
	if (!is_intact(message) || message->thread >= 64) {
		collected->wrong = true;
		return 0;
	}
	uint32_t *next = &collected->next[message->thread];
	collected->gaps += message->syscall.t_ticks != *next;
	*next = (uint32_t)message->syscall.t_ticks + 1;
	return 0;
}

static int keep(void *context, const struct ring_message *message)
{
	struct collected *collected = context;
	collected->count++;
	collected->last = *message;
	if (message->kind == RING_EXEC)
		snprintf(collected->text, sizeof(collected->text), "%.*s %.*s", (int)message->exec.path.len,
			 message->exec.path.data, (int)message->exec.first.len, message->exec.first.data);
	if (message->kind == RING_LIBRARY)
		snprintf(collected->text, sizeof(collected->text), "%.*s", (int)message->library.path.len,
			 message->library.path.data);
	return 0;
}

static int drain(struct ringread *ring, const struct ringread_dead *dead,
		 int (*sink)(void *context, const struct ring_message *message), void *context)
{
	int result = ringread_read(ring, dead, sink, context);
	ringread_give_back(ring);
	return result;
}

static void test_messages_arrive_whole_and_once(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	for (uint32_t number = 0; number < 5000; number++) {
		CHECK(emit_call(both.ring, 3, number), "%u", number);
		drain(both.reader, NULL, collect, &collected);
	}
	CHECK(collected.count == 5000 && !collected.wrong && collected.gaps == 0, "%lu", collected.count);
	drain(both.reader, &all_dead, collect, &collected);
	CHECK(collected.count == 5000, "%lu", collected.count);
	close_both(&both);
}

static void test_a_library_with_the_longest_path_fits(void)
{
	struct both both;
	struct collected collected = { 0 };
	static char path[4096];
	struct ring_library library = { .kind = RING_LIBRARY, .build_id_len = 20, .path_len = sizeof(path) };
	open_both(&both);
	memset(path, 'p', sizeof(path));
	CHECK(emit(both.ring, &(struct emit_message){ .thread = 1,
		.part = { { &library, sizeof(library) }, { "01234567890123456789", 20 }, { path, sizeof(path) } } }),
	      "emitted");
	drain(both.reader, NULL, keep, &collected);
	CHECK(collected.count == 1 && memcmp(collected.text, path, sizeof(path)) == 0, "%lu", collected.count);
	CHECK(collected.last.library.build_id.len == 20 && !collected.last.cut, "build id");
	close_both(&both);
}

static void test_numbers_wrap(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	struct ring_lane *lane = &both.ring->lane[1];
	lane->tail = lane->hint = UINT32_MAX - 300;
	struct ringread *again = ringread_attach(both.memfd);
	for (uint32_t number = 0; again && number < 600; number++) {
		CHECK(emit_call(both.ring, 1, number), "%u", number);
		drain(again, NULL, collect, &collected);
	}
	CHECK(collected.count == 600 && !collected.wrong && collected.gaps == 0, "%lu", collected.count);
	ringread_close(again);
	close_both(&both);
}

static void test_a_full_ring_refuses_and_counts(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	uint64_t emitted = 0;
	while (emit_call(both.ring, 2, 0))
		emitted++;
	CHECK(emitted == RING_LANES * RING_LANE_CELLS / 2, "%lu", emitted);
	struct ring_process process = { .kind = RING_PROCESS };
	for (int i = 0; i < 3; i++)
		emit_or_count(both.ring, &(struct emit_message){ .part = { { &process, sizeof(process) } } });
	CHECK(ringread_counters(both.reader).dropped == 3, "dropped");
	drain(both.reader, NULL, collect, &collected);
	CHECK(collected.count == emitted, "%lu", collected.count);
	CHECK(emit_call(both.ring, 2, 0), "room again");
	close_both(&both);
}

static void test_an_old_hint_is_only_slow(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	for (uint32_t number = 0; number < 2000; number++) {
		CHECK(emit_call(both.ring, 1, number), "%u", number);
		if (number % 7 == 0)
			both.ring->lane[1].hint = 0;
		if (number % 40 == 0)
			drain(both.reader, NULL, collect, &collected);
	}
	drain(both.reader, NULL, collect, &collected);
	CHECK(collected.count == 2000 && !collected.wrong, "%lu", collected.count);
	close_both(&both);
}

static void test_a_half_written_message_waits_for_its_writer(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	struct claim claim = { .cells = both.ring->cell[1], .count = 3, .thread = 1 };
	CHECK(claim_cells(&both.ring->lane[1], &claim), "claimed");
	CHECK(emit_call(both.ring, 1, 0), "behind it");
	drain(both.reader, NULL, collect, &collected);
	CHECK(collected.count == 0, "%lu", collected.count);
	drain(both.reader, &all_dead, collect, &collected);
	CHECK(collected.count == 1 && ringread_counters(both.reader).skipped == 1, "%lu", collected.count);
	close_both(&both);
}

/* A claim holds up its lane only while somebody may complete it. */
static void test_an_abandoned_claim_is_skipped(void)
{
	static const uint32_t others[] = { 2, 3 }, its[] = { 2, 1 };
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	struct claim claim = { .cells = both.ring->cell[1], .count = 2, .thread = 1 };
	CHECK(!ringread_owes(both.reader, 1), "nothing yet");
	CHECK(emit_call(both.ring, 1, 0) && claim_cells(&both.ring->lane[1], &claim), "claimed");
	CHECK(emit_call(both.ring, 1 + RING_LANES, 0), "of another thread, behind it");
	CHECK(ringread_owes(both.reader, 1) && !ringread_owes(both.reader, 1 + RING_LANES), "who owes");
	drain(both.reader, &(struct ringread_dead){ .threads = others, .count = 2 }, collect, &collected);
	CHECK(collected.count == 1, "%lu", collected.count);
	drain(both.reader, &(struct ringread_dead){ .threads = its, .count = 2 }, collect, &collected);
	CHECK(collected.count == 2 && ringread_counters(both.reader).skipped == 1, "%lu", collected.count);
	drain(both.reader, NULL, collect, &collected);
	CHECK(collected.count == 2, "all read");
	close_both(&both);
}

static void test_an_announced_exec_says_what_was_passed(void)
{
	struct both both;
	struct collected collected = { 0 };
	struct ring_exec exec = { .kind = RING_EXEC, .number = 59, .argc = 3, .path_len = 9, .first_len = 4,
				  .t_ticks = 77, .args = { 1, 2, 3, 4 } };
	open_both(&both);
	emit(both.ring, &(struct emit_message){ .thread = 6,
		.part = { { &exec, sizeof(exec) }, { "/bin/true", 9 }, { "true", 4 } } });
	drain(both.reader, NULL, keep, &collected);
	const struct ring_message *last = &collected.last;
	CHECK(last->kind == RING_EXEC && last->thread == 6 && last->exec.number == 59, "kind");
	CHECK(last->exec.argc == 3 && last->exec.t_ticks == 77, "numbers");
	CHECK(last->exec.args[3] == 4, "arguments");
	CHECK(strcmp(collected.text, "/bin/true true") == 0, "%s", collected.text);
	close_both(&both);
}

static void test_lengths_that_lie_are_garbage(void)
{
	static const struct ring_exec execs[] = {
		{ .kind = RING_EXEC, .path_len = 4096 }, { .kind = RING_EXEC, .path_len = 1, .first_len = UINT16_MAX },
	};
	static const struct ring_syscall calls[] = {
		{ .kind = RING_SYSCALL, .arg_count = 7 }, { .kind = RING_SYSCALL, .arg_count = 1, .data_len = 2, .data_arg = 1 },
		{ .kind = RING_SYSCALL, .data_len = 2, .data_arg = RING_DATA_RETURN },
		{ .kind = RING_SYSCALL, .arg_count = 1, .data_len = UINT16_MAX },
		{ .kind = RING_SYSCALL, .arg_count = 1, .data_len = 3 /* NULs */ },
	};
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	for (size_t i = 0; i < 2; i++)
		emit(both.ring, &(struct emit_message){ .part = { { &execs[i], sizeof(execs[i]) }, { "xx", 2 } } });
	for (size_t i = 0; i < 5; i++)
		emit(both.ring, &(struct emit_message){ .part = { { &calls[i], sizeof(calls[i]) }, { "\0\0\0", 3 } } });
	drain(both.reader, NULL, keep, &collected);
	CHECK(collected.count == 0 && ringread_counters(both.reader).garbage == 7, "%lu", collected.count);
	close_both(&both);
}

static void test_calls_under_way_are_told(void)
{
	struct both both;
	struct ring_flight flight;
	open_both(&both);
	CHECK(!ringread_flight(both.reader, 0, &flight) && !ringread_flight(both.reader, 5, &flight), "none");
	both.ring->flight[5] = (struct ring_flight){ .thread = 5 + RING_FLIGHTS, .state = RING_FLIGHT_INSIDE,
						     .number = 60, .t_ticks = 9, .args = { 1, 2, 3, 4, 5, 6 } };
	CHECK(!ringread_flight(both.reader, 5, &flight), "another's slot");
	CHECK(ringread_flight(both.reader, 5 + RING_FLIGHTS, &flight) && flight.number == 60 && flight.args[5] == 6,
	      "its own");
	CHECK(ringread_flight_tell(both.reader, 5 + RING_FLIGHTS, false, 11), "told");
	CHECK(ringread_flight(both.reader, 5 + RING_FLIGHTS, &flight) && flight.state == RING_FLIGHT_TOLD &&
	      flight.t_ticks == 11, "until then");
	CHECK(ringread_flight_tell(both.reader, 5 + RING_FLIGHTS, true, 12), "interrupted again");
	CHECK(!ringread_flight_tell(both.reader, 5 + RING_FLIGHTS, false, 13), "restart_syscall is not told");
	CHECK(ringread_flight(both.reader, 5 + RING_FLIGHTS, &flight) && flight.state == RING_FLIGHT_TOLD_WHOLE &&
	      flight.t_ticks == 12, "state");
	both.ring->flight[5].state = 77;
	CHECK(!ringread_flight(both.reader, 5 + RING_FLIGHTS, &flight), "no such state");
	close_both(&both);
}

/* A file by name cannot be sealed. */
static void test_a_ring_that_is_cut_short_reads_as_empty(void)
{
	FILE *file = tmpfile();
	struct collected collected = { 0 };
	CHECK(file && ftruncate(fileno(file), RING_BYTES) == 0, "set up");
	struct ringread *reader = ringread_make(fileno(file));
	CHECK(reader != NULL, "made");
	ringread_set_generation(reader, 12);
	struct ringread *other = ringread_attach(fileno(file));
	CHECK(other && ringread_generation(other) == 12, "attached");
	ringread_guard();
	CHECK(ftruncate(fileno(file), 0) == 0, "cut");
	CHECK(drain(reader, NULL, collect, &collected) == 0 && collected.count == 0, "empty");
	CHECK(ringread_counters(reader).garbage > 0, "and noticed");
	CHECK(!ringread_attach(fileno(file)) && errno == EINVAL, "not to be attached any more");
	ringread_close(reader);
	ringread_close(other);
	fclose(file);
}

struct writer {
	struct ring *ring;
	uint32_t thread;
};

static void *write_calls(void *argument)
{
	const struct writer *writer = argument;
	for (uint32_t number = 0; number < CALLS;)
		if (emit_call(writer->ring, writer->thread, number))
			number++;
		else
			sched_yield();
	return NULL;
}

/* All in one lane (threads 0, 8, 16, ...), and so in the others once it is full. */
static void test_threads_share_lanes(void)
{
	struct both both;
	struct collected collected = { 0 };
	pthread_t threads[THREADS];
	struct writer writers[THREADS];
	open_both(&both);
	for (uint32_t i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ both.ring, i * RING_LANES };
		pthread_create(&threads[i], NULL, write_calls, &writers[i]);
	}
	while (collected.count < (uint64_t)THREADS * CALLS) {
		drain(both.reader, NULL, collect, &collected);
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	struct ringread_counters counters = ringread_counters(both.reader);
	CHECK(!collected.wrong && counters.garbage == 0 && counters.skipped == 0, "%lu garbage", counters.garbage);
	close_both(&both);
}

static _Noreturn void write_until_killed(struct ring *ring, uint32_t thread)
{
	for (uint32_t number = 0;;)
		if (emit_call(ring, thread, number))
			number++;
		else
			sched_yield();
}

/* Two processes each, killed at any instant: what comes out is whole, and the ring is empty after. */
static void test_killed_writers_lose_only_what_they_wrote(void)
{
	for (int round = 0; round < 200; round++) {
		struct both both;
		struct collected collected = { 0 };
		open_both(&both);
		pid_t writers[2];
		for (uint32_t i = 0; i < 2; i++) {
			writers[i] = fork();
			if (writers[i] == 0)
				write_until_killed(both.ring, 3 + RING_LANES * i);
		}
		while (collected.count < 100 + (uint64_t)round) {
			drain(both.reader, NULL, collect, &collected);
			sched_yield();
		}
		for (int i = 0; i < 2; i++)
			kill(writers[i], SIGKILL);
		for (int i = 0; i < 2; i++)
			waitpid(writers[i], NULL, 0);
		drain(both.reader, &all_dead, collect, &collected);
		uint64_t before = collected.count;
		drain(both.reader, &all_dead, collect, &collected);
		struct ringread_counters counters = ringread_counters(both.reader);
		CHECK(!collected.wrong && collected.count == before && counters.garbage == 0, "round %d", round);
		CHECK(counters.skipped <= 2, "round %d: %lu skipped", round, counters.skipped);
		close_both(&both);
	}
}

static void test_nonsense_is_counted_and_passed(void)
{
	static const uint64_t words[] = {
		0,
		UINT64_MAX,
		(uint64_t)RING_COMMITTED << RING_STATE_SHIFT,                                  /* count 0 */
		(uint64_t)RING_COMMITTED << RING_STATE_SHIFT | 127ULL << RING_COUNT_SHIFT,      /* too long */
		(uint64_t)3 << RING_STATE_SHIFT | 1ULL << RING_COUNT_SHIFT,                     /* no state */
		(uint64_t)RING_COMMITTED << RING_STATE_SHIFT | 1ULL << RING_COUNT_SHIFT | 1ULL << 63,
		(uint64_t)RING_COMMITTED << RING_STATE_SHIFT | 1ULL << RING_COUNT_SHIFT,        /* kind 0 */
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct both both;
		struct collected collected = { 0 };
		open_both(&both);
		both.ring->cell[0][0].word = words[i];
		drain(both.reader, &all_dead, collect, &collected);
		uint64_t garbage = ringread_counters(both.reader).garbage;
		CHECK(collected.count == 0 && garbage == (i >= 2), "word %zu: %lu", i, garbage);
		close_both(&both);
	}
}

static int refuse(void *context, const struct ring_message *message)
{
	(void)context;
	(void)message;
	return 42;
}

static void test_a_sink_can_end_it(void)
{
	struct both both;
	struct collected collected = { 0 };
	open_both(&both);
	emit_call(both.ring, 1, 0);
	emit_call(both.ring, 1, 1);
	CHECK(drain(both.reader, NULL, refuse, NULL) == 42, "its value");
	collected.next[1] = 1;
	CHECK(drain(both.reader, NULL, collect, &collected) == 0 && collected.count == 1, "the rest");
	CHECK(collected.gaps == 0, "in order");
	close_both(&both);
}

static void test_only_memory_files_are_adopted_and_then_sealed(void)
{
	int pipes[2], file = fileno(tmpfile()), sealed = memfd_create("a", MFD_ALLOW_SEALING);
	int closed = memfd_create("b", 0), huge = memfd_create("c", MFD_HUGETLB | MFD_ALLOW_SEALING);
	CHECK(pipe(pipes) == 0 && file >= 0 && fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE) == 0, "set up");
	CHECK(!ringread_adopt(-1, 1) && errno == EBADF, "no descriptor");
	CHECK(!ringread_adopt(pipes[0], 1), "a pipe");
	CHECK(!ringread_adopt(file, 1), "a file");
	CHECK(!ringread_adopt(sealed, 1), "sealed against writing");
	CHECK(!ringread_adopt(closed, 1), "not to be sealed");
	CHECK(huge < 0 || !ringread_adopt(huge, 1), "huge pages");
	struct both both;
	open_both(&both);
	CHECK(ftruncate(both.memfd, 0) != 0 && ftruncate(both.memfd, 1 << 20) != 0, "sealed");
	CHECK(!ringread_adopt(both.memfd, 1), "twice");
	CHECK(both.ring->header.magic == RING_MAGIC && both.ring->header.generation == 7, "header");
	close_both(&both);
	ringread_close(NULL);
}

int main(void)
{
	test_messages_arrive_whole_and_once();
	test_a_library_with_the_longest_path_fits();
	test_numbers_wrap();
	test_a_full_ring_refuses_and_counts();
	test_an_old_hint_is_only_slow();
	test_a_half_written_message_waits_for_its_writer();
	test_an_abandoned_claim_is_skipped();
	test_an_announced_exec_says_what_was_passed();
	test_lengths_that_lie_are_garbage();
	test_calls_under_way_are_told();
	test_a_ring_that_is_cut_short_reads_as_empty();
	test_threads_share_lanes();
	test_killed_writers_lose_only_what_they_wrote();
	test_nonsense_is_counted_and_passed();
	test_a_sink_can_end_it();
	test_only_memory_files_are_adopted_and_then_sealed();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
