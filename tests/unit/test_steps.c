/* A writer that is killed behind each of its instructions in turn, by single-stepping it: of the ring, and of the recording.
 * Whatever the moment, what was committed is read, whole; what was not is as if it had never been begun; and whoever
 * comes next goes on. Writing one message or event takes some hundred to some thousand instructions; of the recording's,
 * each is looked at, and at every STRIDE-th (the environment's, 1: each) the writer is really killed. */
#include "check.h"
#include "recording.h"
#include "ringread.h"

#include "../../shim/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shim's emit.c is freestanding; here libc's memcpy serves it. */
#include "../../shim/emit.c"

/* ---- stepping ---- */

static pid_t start_stopped(void (*work)(void *), void *context)
{
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		work(context);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
		perror("fork");
		exit(EXIT_FAILURE);
	}
	return pid;
}

/* One instruction. False: there is none any more. */
static bool step(pid_t pid)
{
	int status;
	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

/* Kills it behind so many instructions. False: it had ended before. */
static bool kill_behind(unsigned long steps, void (*work)(void *), void *context)
{
	pid_t pid = start_stopped(work, context);
	bool lives = true;
	while (lives && steps-- > 0)
		lives = step(pid);
	if (lives) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return lives;
}

/* ---- the ring ---- */

enum { WRITER = 3, OTHER = 3 + RING_LANES, PATH_LEN = 150 };

static void write_message(struct ring *ring, uint32_t thread, uint64_t number)
{
	char path[PATH_LEN];
	struct ring_syscall call = { .kind = RING_SYSCALL, .arg_count = 3, .data_arg = 1, .data_len = sizeof(path),
				     .t_ticks = number, .ret = (int64_t)number, .args = { number, number, number } };
	memset(path, 'a' + (int)number, sizeof(path));
	emit(ring, &(struct emit_message){ .thread = thread, .part = { { &call, sizeof(call) }, { path, sizeof(path) } } });
}

static void write_second(void *ring)
{
	write_message(ring, WRITER, 2);
}

struct seen {
	unsigned count[4]; /* by number */
	bool wrong;
};

static int see(void *context, const struct ring_message *message)
{
	struct seen *seen = context;
	uint64_t number = message->syscall.t_ticks;
	seen->wrong |= message->kind != RING_SYSCALL || number < 1 || number > 3 ||
		       message->syscall.ret != (int64_t)number || message->syscall.data.len != PATH_LEN ||
		       message->thread != (number == 2 ? WRITER : OTHER);
	if (seen->wrong)
		return 0;
	for (size_t i = 0; i < PATH_LEN; i++)
		seen->wrong |= message->syscall.data.data[i] != 'a' + (int)number;
	seen->count[number]++;
	return 0;
}

static struct ring *ring_of(struct ringread *reader)
{
	struct ring *ring;
	memcpy(&ring, reader, sizeof(ring)); /* its first member */
	return ring;
}

/* Whoever comes next writes, and whoever finds the ring reads. Is the dead writer's message there? */
static bool go_on_without_writer(struct ringread *reader, unsigned long steps)
{
	static const uint32_t dead_thread = WRITER;
	static const struct ringread_dead dead = { .threads = &dead_thread, .count = 1 };
	struct seen seen = { 0 };
	write_message(ring_of(reader), OTHER, 3);
	ringread_read(reader, &dead, see, &seen);
	ringread_give_back(reader);
	uint64_t given = seen.count[1] + seen.count[2] + seen.count[3];
	ringread_read(reader, &dead, see, &seen);
	bool is_empty = seen.count[1] + seen.count[2] + seen.count[3] == given;
	struct ringread_counters counters = ringread_counters(reader);
	CHECK(!seen.wrong && seen.count[1] == 1 && seen.count[2] <= 1 && seen.count[3] == 1, "behind step %lu", steps);
	CHECK(counters.garbage == 0 && counters.skipped + seen.count[2] <= 1 && is_empty,
	      "behind step %lu: %lu, %lu", steps, counters.garbage, counters.skipped);
	return seen.count[2] == 1;
}

static struct ringread *make_ring(int memfd)
{
	struct ringread *reader = ringread_adopt(memfd, 7);
	if (!reader)
		exit(EXIT_FAILURE);
	return reader;
}

/* There is no lock in a ring: what a writer killed behind this step leaves is what stands in it now. */
static bool leave_off_here(const struct ring *ring, unsigned long steps)
{
	int memfd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ringread_close(make_ring(memfd));
	if (pwrite(memfd, ring, sizeof(*ring), 0) != sizeof(*ring))
		exit(EXIT_FAILURE);
	struct ringread *reader = ringread_attach(memfd);
	bool told = reader && go_on_without_writer(reader, steps);
	CHECK(reader, "attached");
	ringread_close(reader);
	close(memfd);
	return told;
}

static void test_a_writer_of_the_ring_killed_at_every_step(void)
{
	int memfd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ringread *reader = make_ring(memfd);
	struct ring *ring = ring_of(reader);
	unsigned long steps = 0, committed = 0;
	write_message(ring, OTHER, 1);
	pid_t pid = start_stopped(write_second, ring);
	for (; step(pid); steps++) {
		bool told = leave_off_here(ring, steps);
		CHECK(told || !committed, "what was committed is gone behind step %lu", steps);
		committed = told && !committed ? steps : committed;
	}
	CHECK(steps > 50 && committed > 20 && committed < steps, "%lu steps, committed at %lu", steps, committed);
	CHECK(go_on_without_writer(reader, steps), "its message");
	ringread_close(reader);
	close(memfd);
}

/* ---- the recording ---- */

struct write {
	struct recording *recording;
	uint64_t number;
};

static void append_note(struct recording *recording, uint64_t number)
{
	static const char text[] = "some text that a note has";
	struct event event = { .kind = EVENT_NOTE, .t_ns = number, .process = 1 };
	event.note.note_kind = bytes_of_string("lost");
	event.note.text = bytes_of_string(text);
	recording_append(recording, &event, NULL);
}

static void append_one(void *context)
{
	const struct write *write = context;
	append_note(write->recording, write->number);
}

static void append_and_flush(void *context)
{
	const struct write *write = context;
	append_note(write->recording, write->number);
	recording_flush(write->recording);
}

/* How many notes stand in the file, numbered from 1; 0 if anything is wrong with them. */
static uint64_t read_notes(int fd, enum recording_status *status)
{
	static struct event event;
	uint64_t count = 0;
	struct recording_reader *reader = recording_reader_open(fd);
	while ((*status = recording_reader_next(reader, &event)) == RECORDING_EVENT)
		if (event.kind == EVENT_NOTE && event.t_ns != ++count)
			count = UINT64_MAX / 2;
	recording_reader_close(reader);
	return count;
}

static struct recording *begin_recording(int fd, uint64_t notes)
{
	struct recording *recording = recording_create(fd, 0);
	if (!recording)
		exit(EXIT_FAILURE);
	for (uint64_t number = 1; number <= notes; number++)
		append_note(recording, number);
	return recording;
}

/* What the launcher would find, were the supervisor killed behind this step. How many steps there are. */
static unsigned long look_behind_each_step(int fd, uint64_t notes)
{
	struct recording *recording = begin_recording(fd, notes);
	struct write write = { recording, notes + 1 };
	unsigned long steps = 0;
	uint64_t flushed = 0;
	pid_t pid = start_stopped(append_one, &write);
	for (; step(pid); steps++) {
		enum recording_status status;
		if (flushed && recording_pending(recording) == 0)
			continue;
		CHECK(recording_flush_orphaned(recording) == 0, "flush behind step %lu", steps);
		uint64_t count = read_notes(fd, &status);
		CHECK(status == RECORDING_UNFINISHED && count >= flushed && (count == notes || count == notes + 1),
		      "behind step %lu: %lu notes, status %d", steps, count, (int)status);
		flushed = count;
	}
	CHECK(flushed == notes + 1, "%lu", flushed);
	recording_destroy(recording);
	return steps;
}

/* False: the writer had ended. */
static bool kill_writer_of_recording(int fd, unsigned long steps, void (*work)(void *))
{
	enum { NOTES = 3 };
	enum recording_status status;
	if (ftruncate(fd, 0))
		exit(EXIT_FAILURE);
	struct recording *recording = begin_recording(fd, NOTES);
	struct write write = { recording, NOTES + 1 };
	bool killed = kill_behind(steps, work, &write);
	CHECK(recording_flush_orphaned(recording) == 0, "flush behind step %lu", steps);
	uint64_t count = read_notes(fd, &status);
	CHECK(status == RECORDING_UNFINISHED && (count == NOTES || count == NOTES + 1), "behind step %lu: %lu notes, status %d",
	      steps, count, (int)status);
	append_note(recording, count + 1);
	recording_append(recording, &(struct event){ .kind = EVENT_END }, NULL);
	CHECK(recording_flush(recording) == 0, "flush of the survivor behind step %lu", steps);
	uint64_t all = read_notes(fd, &status);
	/* One that was written whole but not counted yet is found by the next one. */
	CHECK(status == RECORDING_WHOLE && all == count + 1, "behind step %lu: %lu notes, status %d", steps, all, (int)status);
	recording_destroy(recording);
	return killed;
}

static void test_a_writer_of_the_recording_killed_at_every_step(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	unsigned long steps = look_behind_each_step(fd, 5), each = steps / 40 + 1;
	const char *stride = getenv("STRIDE");
	each = stride ? strtoul(stride, NULL, 10) : each;
	CHECK(steps > 300, "%lu steps", steps);
	for (unsigned long at = 0; kill_writer_of_recording(fd, at, append_one); at += each)
		;
	for (unsigned long at = 0; kill_writer_of_recording(fd, at, append_and_flush); at += each)
		;
	close(fd);
}

/* Each step is two wake-ups, which cost least on one CPU. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(void)
{
	stay_on_one_cpu();
	test_a_writer_of_the_ring_killed_at_every_step();
	test_a_writer_of_the_recording_killed_at_every_step();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
