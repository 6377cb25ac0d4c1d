/* What is appended to a recording is what is read from it: through caches that overflow, a full
 * buffer, a second writer, a death at any moment; and nothing that is not so is taken for it. */
#include "recording.h"
#include "recording_format.h"
#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures, checks;

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		checks++;                                                                     \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
			failures++;                                                           \
		}                                                                             \
	} while (0)

#define VECTOR(text) bytes_of(text, sizeof(text) - 1)
#define TEXT(text) bytes_of_string(text)

/* --- random events: the same seed makes the same event --------------------------------------- */

struct random {
	uint64_t state;
	size_t used;
	char arena[1 << 20];
};

static uint64_t draw(struct random *random)
{
	random->state += 0x9e3779b97f4a7c15u;
	uint64_t z = random->state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t below(struct random *random, uint64_t limit)
{
	return draw(random) % limit;
}

/* Numbers of all magnitudes, the greatest and the least too. */
static uint64_t number(struct random *random)
{
	uint64_t value = draw(random);
	return below(random, 8) ? value >> below(random, 64) : -(value >> below(random, 64));
}

static void add_char(struct random *random, char c)
{
	random->arena[random->used++] = c;
}

static struct bytes since(const struct random *random, size_t start)
{
	return bytes_of(random->arena + start, random->used - start);
}

static void add_text(struct random *random)
{
	static const char *const parts[] = { "/usr/include", "/lib", "/tmp/x", ".c", "conftest", "",
					     "/", "a", "\xff\n", "lib/x86_64-linux-gnu", ".so.6" };
	unsigned count = (unsigned)below(random, 5);
	for (unsigned i = 0; i < count; i++)
		for (const char *c = parts[below(random, 11)]; *c; c++)
			add_char(random, *c);
	if (below(random, 3) == 0)
		for (uint64_t n = below(random, 1000); n; n /= 10)
			add_char(random, (char)('0' + n % 10));
}

static struct bytes any_text(struct random *random)
{
	size_t start = random->used;
	add_text(random);
	uint64_t kind = below(random, 200);
	if (kind == 0)
		for (uint64_t n = below(random, 9000); n; n--)
			add_char(random, (char)n);
	if (kind == 1)
		add_char(random, '\0');
	return since(random, start);
}

static struct bytes any_vector(struct random *random)
{
	size_t start = random->used;
	uint64_t count = below(random, 100) ? below(random, 6) : below(random, 3000);
	for (; count; count--) {
		add_text(random);
		add_char(random, '\0');
	}
	if (below(random, 8) == 0)
		add_text(random);
	return since(random, start);
}

static struct bytes any_blob(struct random *random)
{
	static const uint16_t lengths[] = { 0,	 1,   7,   8,	16,   100,  144,
					    144, 144, 256, 257, 1024, 1025, 5000 };
	size_t start = random->used;
	bool sparse = below(random, 2);
	for (unsigned n = lengths[below(random, 14)]; n; n--)
		add_char(random, sparse && below(random, 6) ? 0 : (char)draw(random));
	return since(random, start);
}

static struct attach any_attach(struct random *random)
{
	struct attach attach = { .kind = (uint8_t)below(random, ATTACH_KINDS),
				 .arg = (uint8_t)below(random, ATTACH_RETURN + 1),
				 .index = (uint8_t)(below(random, 5) ? 0 : draw(random)),
				 .truncated = below(random, 9) == 0 };
	if (attach.kind == ATTACH_STRINGS)
		attach.bytes = any_vector(random);
	else if (attach.kind <= ATTACH_FD)
		attach.bytes = any_text(random);
	else
		attach.bytes = any_blob(random);
	return attach;
}

static struct event_syscall any_syscall(struct random *random)
{
	struct event_syscall call = { .abi = (uint8_t)below(random, ABI_UNKNOWN + 1),
				      .flags = (uint8_t)(below(random, 4) ? 0 : draw(random)),
				      .number = (uint32_t)(below(random, 9) ? below(random, 4)
									    : number(random)),
				      .ret = (int64_t)number(random),
				      .dur_ns = number(random) };
	for (unsigned i = 0; i < 6; i++)
		call.args[i] = below(random, 2) ? number(random) : 5;
	if (call.flags & SYSCALL_OTHER_ROOT)
		call.root = any_text(random);
	call.attach_count = (uint8_t)below(random, below(random, 50) ? 4 : ATTACH_MAX + 1);
	for (unsigned i = 0; i < call.attach_count; i++)
		call.attach[i] = any_attach(random);
	return call;
}

static struct event_start any_start(struct random *random)
{
	return (struct event_start){ .version = any_text(random),
				     .level = any_text(random),
				     .trace = any_text(random),
				     .command = any_vector(random),
				     .cwd = any_text(random),
				     .environment = any_vector(random),
				     .host_name = any_text(random),
				     .kernel = any_text(random),
				     .arch = any_text(random),
				     .realtime_ns = number(random),
				     .cpus = (uint32_t)number(random),
				     .uid = (uint32_t)number(random),
				     .ptw_asked = below(random, 2),
				     .no_shim = below(random, 2) };
}

static struct event_exec any_exec(struct random *random)
{
	return (struct event_exec){ .path = any_text(random),
				    .exe = any_text(random),
				    .argv = any_vector(random),
				    .cwd = any_text(random),
				    .interpreter = any_text(random),
				    .loader = any_text(random),
				    .environment = any_vector(random),
				    .fds = any_vector(random),
				    .root = any_text(random),
				    .uid = (uint32_t)number(random),
				    .gid = (uint32_t)number(random),
				    .flags = (uint32_t)number(random),
				    .argv_truncated = below(random, 2) };
}

static struct event_exit any_exit(struct random *random)
{
	return (struct event_exit){ .status = (int32_t)number(random),
				    .has_usage = below(random, 2),
				    .user_ns = number(random),
				    .system_ns = number(random),
				    .max_rss_bytes = number(random),
				    .minor_faults = number(random),
				    .major_faults = number(random),
				    .voluntary_switches = number(random),
				    .involuntary_switches = number(random) };
}

static struct event_signal any_signal(struct random *random)
{
	return (struct event_signal){
		.number = (int32_t)number(random), .code = (int32_t)number(random),
		.from = (uint32_t)number(random), .from_pid = (int32_t)number(random),
		.address = number(random), .fatal = below(random, 2), .has_details = below(random, 2),
		.from_uid = (uint32_t)number(random), .child_status = (int32_t)number(random),
		.child_user_ticks = number(random), .child_system_ticks = number(random), .value = number(random)
	};
}

static void fill_event(struct random *random, struct event *event)
{
	switch (event->kind) {
	case EVENT_START:
		event->start = any_start(random);
		break;
	case EVENT_FORK:
		event->fork =
			(struct event_fork){ (uint32_t)number(random), (int32_t)number(random),
					     (uint8_t)below(random, 3) };
		break;
	case EVENT_THREAD_EXIT:
		event->thread_status = (int32_t)number(random);
		break;
	case EVENT_EXEC:
		event->exec = any_exec(random);
		break;
	case EVENT_EXIT:
		event->exit = any_exit(random);
		break;
	case EVENT_SYSCALL:
		event->syscall = any_syscall(random);
		break;
	case EVENT_SIGNAL:
	case EVENT_STOPPED:
		event->signal = any_signal(random);
		break;
	case EVENT_META:
		event->meta = (struct event_meta){ (uint8_t)(1 + below(random, 2)),
						   any_text(random), any_text(random) };
		break;
	case EVENT_NOTE:
		event->note = (struct event_note){ any_text(random), any_text(random) };
		break;
	case EVENT_END:
		event->end = (struct event_end){ (int32_t)number(random), number(random),
						 any_vector(random) };
		break;
	}
}

static struct event make_event(struct random *random, uint64_t seed, unsigned kind)
{
	random->state = seed;
	random->used = 0;
	struct event event = { .kind = (uint8_t)kind, .t_ns = number(random) };
	if (!kind)
		event.kind = (uint8_t)(below(random, 2) ? EVENT_SYSCALL
							: 1 + below(random, EVENT_END - 1));
	event.process = (uint32_t)(below(random, 9) ? below(random, 40) : number(random));
	event.pid = (int32_t)(below(random, 9) ? (uint64_t)event.process + 1000 : number(random));
	event.tid = (int32_t)(below(random, 2) ? (uint64_t)event.pid : number(random));
	fill_event(random, &event);
	return event;
}

/* --- equality, field for field --------------------------------------------------------------- */

#define EQUAL(field) (a->field == b->field)
#define EQUAL_BYTES(field) bytes_equal(a->field, b->field)

static bool equal_attach(const struct attach *a, const struct attach *b)
{
	return EQUAL(kind) && EQUAL(arg) && EQUAL(index) && EQUAL(truncated) && EQUAL_BYTES(bytes);
}

static bool equal_syscall(const struct event_syscall *a, const struct event_syscall *b)
{
	if (!(EQUAL(abi) && EQUAL(flags) && EQUAL(attach_count) && EQUAL(number) && EQUAL(ret) &&
	      EQUAL(dur_ns) && EQUAL_BYTES(root) && !memcmp(a->args, b->args, sizeof(a->args))))
		return false;
	for (unsigned i = 0; i < a->attach_count; i++)
		if (!equal_attach(&a->attach[i], &b->attach[i]))
			return false;
	return true;
}

static bool equal_start(const struct event_start *a, const struct event_start *b)
{
	return EQUAL_BYTES(version) && EQUAL_BYTES(level) && EQUAL_BYTES(trace) &&
	       EQUAL_BYTES(command) && EQUAL_BYTES(cwd) && EQUAL_BYTES(environment) &&
	       EQUAL_BYTES(host_name) && EQUAL_BYTES(kernel) && EQUAL_BYTES(arch) &&
	       EQUAL(realtime_ns) && EQUAL(cpus) && EQUAL(uid) && EQUAL(ptw_asked) &&
	       EQUAL(no_shim);
}

static bool equal_exec(const struct event_exec *a, const struct event_exec *b)
{
	return EQUAL_BYTES(path) && EQUAL_BYTES(exe) && EQUAL_BYTES(argv) && EQUAL_BYTES(cwd) &&
	       EQUAL_BYTES(interpreter) && EQUAL_BYTES(loader) && EQUAL_BYTES(environment) &&
	       EQUAL_BYTES(fds) && EQUAL_BYTES(root) && EQUAL(uid) && EQUAL(gid) && EQUAL(flags) &&
	       EQUAL(argv_truncated);
}

static bool equal_exit(const struct event_exit *a, const struct event_exit *b)
{
	return EQUAL(status) && EQUAL(has_usage) && EQUAL(user_ns) && EQUAL(system_ns) &&
	       EQUAL(max_rss_bytes) && EQUAL(minor_faults) && EQUAL(major_faults) &&
	       EQUAL(voluntary_switches) && EQUAL(involuntary_switches);
}

static bool equal_rest(const struct event *a, const struct event *b)
{
	switch (a->kind) {
	case EVENT_FORK:
		return EQUAL(fork.parent) && EQUAL(fork.ppid) && EQUAL(fork.fork_kind);
	case EVENT_THREAD_EXIT:
		return EQUAL(thread_status);
	case EVENT_SIGNAL:
		return EQUAL(signal.number) && EQUAL(signal.code) && EQUAL(signal.from) &&
		       EQUAL(signal.from_pid) && EQUAL(signal.address) && EQUAL(signal.fatal) &&
		       EQUAL(signal.has_details) && EQUAL(signal.from_uid) && EQUAL(signal.child_status) &&
		       EQUAL(signal.child_user_ticks) && EQUAL(signal.child_system_ticks) && EQUAL(signal.value);
	case EVENT_STOPPED:
		return EQUAL(signal.number) && EQUAL(signal.code) && EQUAL(signal.from) &&
		       EQUAL(signal.from_pid) && EQUAL(signal.address) && EQUAL(signal.fatal);
	case EVENT_META:
		return EQUAL(meta.meta_kind) && EQUAL_BYTES(meta.text) &&
		       EQUAL_BYTES(meta.build_id);
	case EVENT_NOTE:
		return EQUAL_BYTES(note.note_kind) && EQUAL_BYTES(note.text);
	case EVENT_END:
		return EQUAL(end.status) && EQUAL(end.lost_records) && EQUAL_BYTES(end.truncated);
	}
	return a->kind == EVENT_THREAD;
}

static bool equal_event(const struct event *a, const struct event *b)
{
	if (!(EQUAL(kind) && EQUAL(t_ns) && EQUAL(process) && EQUAL(pid) && EQUAL(tid)))
		return false;
	switch (a->kind) {
	case EVENT_START:
		return equal_start(&a->start, &b->start);
	case EVENT_EXEC:
		return equal_exec(&a->exec, &b->exec);
	case EVENT_EXIT:
		return equal_exit(&a->exit, &b->exit);
	case EVENT_SYSCALL:
		return equal_syscall(&a->syscall, &b->syscall);
	}
	return equal_rest(a, b);
}

/* --- files ----------------------------------------------------------------------------------- */

static int new_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

static struct recording *create(int fd, uint64_t max_bytes)
{
	struct recording *recording = recording_create(fd, max_bytes);
	if (!recording)
		abort();
	return recording;
}

static uint64_t size_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static void append_seed(struct recording *recording, uint64_t seed, unsigned kind)
{
	static struct random random;
	struct event event = make_event(&random, seed, kind);
	recording_append(recording, &event, NULL);
}

/* Reads on while events are those of first, first + 1, ...; how many; *status: why no more. */
static uint64_t read_seeds(struct recording_reader *reader, uint64_t first,
			   enum recording_status *status)
{
	static struct random random;
	static struct event event, expected;
	uint64_t count = 0;
	while ((*status = recording_reader_next(reader, &event)) == RECORDING_EVENT) {
		expected =
			make_event(&random, first + count, event.kind == EVENT_END ? EVENT_END : 0);
		if (!equal_event(&event, &expected))
			break;
		count++;
	}
	return count;
}

static uint64_t count_seeds(int fd, enum recording_status *status)
{
	struct recording_reader *reader = recording_reader_open(fd);
	uint64_t count = read_seeds(reader, 1, status);
	recording_reader_close(reader);
	return count;
}

/* Events 1 .. count, then EVENT_END, on file. */
static int write_seeds(uint64_t count)
{
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	for (uint64_t seed = 1; seed <= count; seed++)
		append_seed(recording, seed, 0);
	append_seed(recording, count + 1, EVENT_END);
	CHECK(recording_lost(recording) == 0);
	CHECK(recording_flush(recording) == 0);
	recording_destroy(recording);
	return fd;
}

/* What reading that many bytes of a file ends with. */
static enum recording_status read_bytes(const char *data, size_t len, uint64_t *count)
{
	enum recording_status status;
	int fd = new_file();
	if (write(fd, data, len) != (ssize_t)len)
		abort();
	*count = count_seeds(fd, &status);
	close(fd);
	return status;
}

static char *contents(int fd, size_t *len)
{
	*len = size_of(fd);
	char *data = malloc(*len);
	if (!data || pread(fd, data, *len, 0) != (ssize_t)*len)
		abort();
	return data;
}

enum { POSITIONS = 1000 /* tried of a file's bytes, about */ };

/* --- promises -------------------------------------------------------------------------------- */

static void test_an_event_read_equals_the_one_appended(void)
{
	enum recording_status status;
	int fd = write_seeds(60000);
	CHECK(count_seeds(fd, &status) == 60001);
	CHECK(status == RECORDING_WHOLE);
	close(fd);
}

/* Of version 1. */
static void test_signals_of_an_old_recording_have_no_details(void)
{
	static struct event event = { .signal.from_uid = 7 };
	unsigned signals = 0;
	int fd = open("tests/fuzz/corpus/fuzz_recording/signal", O_RDONLY | O_CLOEXEC);
	struct recording_reader *reader = recording_reader_open(fd);
	while (recording_reader_next(reader, &event) == RECORDING_EVENT) {
		signals += event.kind == EVENT_SIGNAL;
		CHECK(event.kind != EVENT_SIGNAL || (!event.signal.has_details && event.signal.from_uid == 0));
		memset(&event, 0xff, sizeof(event));
	}
	CHECK(signals > 0);
	recording_reader_close(reader);
	close(fd);
}

static void *copy_to_pipe(void *argument)
{
	const int *fds = argument;
	char buffer[777];
	ssize_t got;
	for (off_t at = 0; (got = pread(fds[0], buffer, sizeof(buffer), at)) > 0; at += got)
		if (write(fds[1], buffer, (size_t)got) != got)
			break;
	close(fds[1]);
	return NULL;
}

static void test_a_recording_is_read_from_a_pipe_too(void)
{
	int pipes[2], file = write_seeds(2000);
	CHECK(pipe(pipes) == 0);
	int fds[2] = { file, pipes[1] };
	pthread_t thread;
	pthread_create(&thread, NULL, copy_to_pipe, fds);
	enum recording_status status;
	CHECK(count_seeds(pipes[0], &status) == 2001 && status == RECORDING_WHOLE);
	pthread_join(thread, NULL);
	close(pipes[0]);
	close(file);
}

static void test_a_file_cut_anywhere_gives_what_is_before_the_cut(void)
{
	size_t len;
	uint64_t count, most = 0;
	int fd = write_seeds(60);
	char *data = contents(fd, &len);
	CHECK(read_bytes(data, 0, &count) == RECORDING_FOREIGN);
	for (size_t cut = 1; cut < len; cut += 1 + len / POSITIONS) {
		enum recording_status status = read_bytes(data, cut, &count);
		CHECK(status == RECORDING_CUT || status == RECORDING_UNFINISHED);
		CHECK(count >= most);
		most = count;
	}
	CHECK(most >= 60);
	free(data);
	close(fd);
}

static void test_no_changed_byte_goes_unnoticed(void)
{
	size_t len;
	uint64_t count;
	int fd = write_seeds(40);
	char *data = contents(fd, &len);
	for (size_t at = 0; at < len; at += 1 + len / POSITIONS) {
		data[at] = (char)(data[at] ^ 1 << at % 8);
		enum recording_status status = read_bytes(data, len, &count);
		CHECK(status != RECORDING_WHOLE && status != RECORDING_IO_ERROR);
		data[at] = (char)(data[at] ^ 1 << at % 8);
	}
	free(data);
	close(fd);
}

static void test_bytes_behind_the_end_are_corruption(void)
{
	size_t len;
	uint64_t count;
	int fd = write_seeds(5);
	CHECK(pwrite(fd, "\1\101", 2, (off_t)size_of(fd)) == 2);
	char *data = contents(fd, &len);
	CHECK(read_bytes(data, len, &count) == RECORDING_CORRUPT && count == 6);
	free(data);
	close(fd);
}

static struct event syscall_with(struct bytes path, struct bytes data)
{
	struct event event = { .kind = EVENT_SYSCALL, .process = 1, .pid = 10, .tid = 10 };
	event.syscall = (struct event_syscall){ .number = 1, .attach_count = 2 };
	event.syscall.attach[0] = (struct attach){ .kind = ATTACH_PATH, .bytes = path };
	event.syscall.attach[1] = (struct attach){ .kind = ATTACH_DATA, .arg = 1, .bytes = data };
	return event;
}

static void test_an_event_larger_than_the_buffer_is_kept(void)
{
	static struct event event, got;
	size_t len = 9 << 20;
	char *giant = malloc(len);
	for (size_t i = 0; i < len; i++)
		giant[i] = (char)(i * i >> 7);
	event = syscall_with(bytes_of(giant, 5 << 20), bytes_of(giant, len));
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	append_seed(recording, 1, 0);
	recording_append(recording, &event, NULL);
	append_seed(recording, 2, EVENT_END);
	CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
	struct recording_reader *reader = recording_reader_open(fd);
	CHECK(recording_reader_next(reader, &got) == RECORDING_EVENT);
	CHECK(recording_reader_next(reader, &got) == RECORDING_EVENT && equal_event(&event, &got));
	CHECK(recording_reader_next(reader, &got) == RECORDING_EVENT && got.kind == EVENT_END);
	CHECK(recording_reader_next(reader, &got) == RECORDING_WHOLE);
	recording_reader_close(reader);
	recording_destroy(recording);
	free(giant);
	close(fd);
}

static void test_an_event_no_reader_would_take_is_lost_and_counted(void)
{
	static struct event event;
	int fd = new_file();
	enum recording_status status;
	struct recording *recording = create(fd, 0);
	event = syscall_with(bytes_of("x", 1), bytes_of(NULL, 0));
	event.syscall.attach[1].bytes = bytes_of("", (size_t)RECORDING_EVENT_MAX + 1);
	recording_append(recording, &event, NULL);
	event.syscall.attach[1] = (struct attach){ .kind = ATTACH_KINDS };
	recording_append(recording, &event, NULL);
	event.kind = EVENT_KINDS;
	recording_append(recording, &event, NULL);
	CHECK(recording_lost(recording) == 3);
	append_seed(recording, 1, 0);
	append_seed(recording, 2, EVENT_END);
	CHECK(recording_flush(recording) == 0);
	CHECK(count_seeds(fd, &status) == 2 && status == RECORDING_WHOLE);
	recording_destroy(recording);
	close(fd);
}

static void test_a_failed_write_is_told_ever_after_and_later_events_are_lost(void)
{
	int fd = open("/dev/full", O_WRONLY);
	struct recording *recording = create(fd, 0);
	for (uint64_t seed = 1; seed <= 3000; seed++)
		append_seed(recording, seed, EVENT_EXEC);
	CHECK(recording_flush(recording) == -ENOSPC);
	CHECK(recording_flush(recording) == -ENOSPC);
	CHECK(recording_flush_orphaned(recording) == -ENOSPC);
	uint64_t lost = recording_lost(recording);
	append_seed(recording, 1, EVENT_END);
	CHECK(recording_lost(recording) == lost + 1);
	recording_destroy(recording);
	close(fd);
}

static void test_a_recording_to_nowhere_loses_nothing(void)
{
	struct recording *recording = create(-1, 0);
	append_seed(recording, 1, 0);
	append_seed(recording, 2, EVENT_END);
	CHECK(recording_flush(recording) == 0);
	CHECK(recording_lost(recording) == 0);
	recording_destroy(recording);
}

struct tally {
	uint64_t kinds[EVENT_KINDS];
	enum recording_status status;
};

static struct tally tally_of(int fd)
{
	static struct event event;
	struct tally tally = { 0 };
	struct recording_reader *reader = recording_reader_open(fd);
	while ((tally.status = recording_reader_next(reader, &event)) == RECORDING_EVENT)
		tally.kinds[event.kind]++;
	recording_reader_close(reader);
	return tally;
}

static void test_max_size_cuts_calls_first_and_keeps_the_end(void)
{
	enum { MAX = 100000, ROUNDS = 5000 };
	char truncated[200], expected[200];
	int fd = new_file();
	struct recording *recording = create(fd, MAX);
	append_seed(recording, 1, EVENT_START);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		append_seed(recording, seed, EVENT_SYSCALL);
		append_seed(recording, seed, EVENT_EXIT);
	}
	size_t len = recording_truncated(recording, truncated, sizeof(truncated));
	append_seed(recording, 2, EVENT_END);
	CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
	struct tally tally = tally_of(fd);
	CHECK(size_of(fd) <= MAX && size_of(fd) > MAX - MAX / 8 && tally.status == RECORDING_WHOLE);
	CHECK(tally.kinds[EVENT_END] == 1 && tally.kinds[EVENT_START] == 1);
	CHECK(tally.kinds[EVENT_SYSCALL] > 0 &&
	      tally.kinds[EVENT_EXIT] > tally.kinds[EVENT_SYSCALL]);
	int expected_len = snprintf(expected, sizeof(expected), "exit=%d%csyscall=%d",
				    (int)(ROUNDS - tally.kinds[EVENT_EXIT]), 0,
				    (int)(ROUNDS - tally.kinds[EVENT_SYSCALL]));
	CHECK(bytes_equal(bytes_of(truncated, len), bytes_of(expected, (size_t)expected_len + 1)));
	recording_destroy(recording);
	close(fd);
}

static void test_a_small_max_size_cuts_calls_first_too(void)
{
	for (unsigned max = 2048; max <= 65536; max *= 2) {
		int fd = new_file();
		struct recording *recording = create(fd, max);
		for (uint64_t seed = 1; seed <= max; seed++)
			append_seed(recording, seed, EVENT_SYSCALL);
		append_seed(recording, 1, EVENT_EXIT);
		append_seed(recording, 2, EVENT_END);
		CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
		struct tally tally = tally_of(fd);
		CHECK(tally.status == RECORDING_WHOLE && size_of(fd) <= max);
		CHECK(tally.kinds[EVENT_EXIT] == 1 && tally.kinds[EVENT_END] == 1);
		recording_destroy(recording);
		close(fd);
	}
}

static void test_a_start_too_long_for_max_size_is_kept_in_short(void)
{
	static char environment[20000];
	memset(environment, 'x', sizeof(environment));
	struct event event = { .kind = EVENT_START }, got;
	event.start.level = TEXT("audit");
	event.start.environment = bytes_of(environment, sizeof(environment));
	int fd = new_file();
	struct recording *recording = create(fd, 10000);
	recording_append(recording, &event, NULL);
	recording_flush(recording);
	struct recording_reader *reader = recording_reader_open(fd);
	CHECK(recording_reader_next(reader, &got) == RECORDING_EVENT);
	CHECK(bytes_equal(got.start.level, TEXT("audit")) && got.start.environment.len == 0);
	CHECK(recording_truncated(recording, environment, sizeof(environment)) ==
	      sizeof("start=1"));
	recording_reader_close(reader);
	recording_destroy(recording);
	close(fd);
}

static bool file_holds(int fd, const char *text)
{
	size_t len;
	char *data = contents(fd, &len);
	bool found = memmem(data, len, text, strlen(text)) != NULL;
	free(data);
	return found;
}

static void test_no_secret_reaches_the_file(void)
{
	static struct event event;
	struct redactor *redactor = redactor_create();
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	CHECK(redactor_learn(redactor, VECTOR("MY_TOKEN=opensesame\0")) == 0);
	event = syscall_with(TEXT("/tmp/opensesame"), TEXT("say opensesame now"));
	recording_append(recording, &event, redactor);
	event = (struct event){ .kind = EVENT_EXEC };
	event.exec.argv = VECTOR("login\0opensesame\0");
	event.exec.environment = VECTOR("A_KEY=tiny1\0MY_TOKEN=opensesame\0HOME=/root\0");
	recording_append(recording, &event, redactor);
	event = syscall_with(TEXT("/bin/sh"), bytes_of(NULL, 0));
	event.syscall.number = 59; /* execve: its third argument is an environment */
	event.syscall.attach[1] = (struct attach){ .kind = ATTACH_STRINGS, .arg = 2,
						   .bytes = VECTOR("B_KEY=tiny2\0") };
	recording_append(recording, &event, redactor);
	CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
	CHECK(file_holds(fd, "HOME=/root") && file_holds(fd, "say *** now"));
	CHECK(!file_holds(fd, "opensesame") && !file_holds(fd, "tiny1") &&
	      !file_holds(fd, "tiny2"));
	recording_destroy(recording);
	redactor_destroy(redactor);
	close(fd);
}

static void test_a_secret_learned_later_is_masked_from_then_on(void)
{
	static struct event event;
	struct redactor *redactor = redactor_create();
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	struct event first = syscall_with(TEXT("/tmp/opensesame"), bytes_of(NULL, 0));
	recording_append(recording, &first, redactor);
	CHECK(redactor_learn(redactor, VECTOR("MY_TOKEN=opensesame\0")) == 0);
	recording_append(recording, &first, redactor);
	CHECK(recording_flush(recording) == 0);
	struct recording_reader *reader = recording_reader_open(fd);
	CHECK(recording_reader_next(reader, &event) == RECORDING_EVENT &&
	      equal_event(&event, &first));
	CHECK(recording_reader_next(reader, &event) == RECORDING_EVENT);
	CHECK(bytes_equal(event.syscall.attach[0].bytes, TEXT("/tmp/***")));
	recording_reader_close(reader);
	recording_destroy(recording);
	redactor_destroy(redactor);
	close(fd);
}

/* --- several writers, and their deaths ------------------------------------------------------- */

static pid_t start_appender(struct recording *recording, _Atomic uint64_t *appended, uint64_t limit)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	for (uint64_t seed = 1; seed <= limit; seed++) {
		append_seed(recording, seed, 0);
		*appended = seed;
	}
	_exit(0);
}

static _Atomic uint64_t *shared_counter(void)
{
	void *at = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (at == MAP_FAILED)
		abort();
	return at;
}

static void reap(pid_t pid)
{
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void test_an_appender_killed_at_any_moment_loses_nothing_committed(void)
{
	_Atomic uint64_t *appended = shared_counter();
	for (uint64_t round = 0; round < 60; round++) {
		enum recording_status status;
		int fd = new_file();
		struct recording *recording = create(fd, 0);
		*appended = 0;
		pid_t pid = start_appender(recording, appended, UINT64_MAX);
		while (*appended < round * 25)
			usleep(1);
		kill(pid, SIGKILL);
		reap(pid);
		CHECK(recording_flush_orphaned(recording) == 0);
		uint64_t count = count_seeds(fd, &status);
		CHECK(count == *appended || count == *appended + 1);
		CHECK(status == RECORDING_UNFINISHED);
		recording_destroy(recording);
		close(fd);
	}
	munmap((void *)appended, sizeof(*appended));
}

static void test_the_survivor_of_a_killed_appender_finishes_the_recording(void)
{
	_Atomic uint64_t *appended = shared_counter();
	for (uint64_t round = 0; round < 60; round++) {
		int fd = new_file();
		struct recording *recording = create(fd, 0);
		*appended = 0;
		pid_t pid = start_appender(recording, appended, UINT64_MAX);
		while (*appended < round * 25)
			usleep(1);
		kill(pid, SIGKILL);
		reap(pid);
		append_seed(recording, 7, EVENT_NOTE);
		append_seed(recording, 8, EVENT_END);
		CHECK(recording_flush(recording) == 0);
		struct tally tally = tally_of(fd);
		CHECK(tally.status == RECORDING_WHOLE && tally.kinds[EVENT_NOTE] > 0);
		recording_destroy(recording);
		close(fd);
	}
	munmap((void *)appended, sizeof(*appended));
}

/* Appends giants for ever: any death is likely to be inside one. */
static pid_t start_giant_appender(struct recording *recording)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	static struct event event;
	size_t len = 20 << 20;
	char *giant = calloc(1, len);
	event = syscall_with(TEXT("/giant"), bytes_of(giant, len));
	for (;;)
		recording_append(recording, &event, NULL);
}

static void test_a_record_that_was_half_written_is_taken_back_by_the_survivor(void)
{
	for (unsigned round = 0; round < 10; round++) {
		int fd = new_file();
		struct recording *recording = create(fd, 0);
		pid_t pid = start_giant_appender(recording);
		while (size_of(fd) < ((uint64_t)12 << 20) + round * 3000000)
			usleep(1);
		kill(pid, SIGKILL);
		reap(pid);
		append_seed(recording, 8, EVENT_END);
		CHECK(recording_flush(recording) == 0);
		struct tally tally = tally_of(fd);
		CHECK(tally.status == RECORDING_WHOLE && tally.kinds[EVENT_END] == 1);
		recording_destroy(recording);
		close(fd);
	}
}

enum { THREADS = 4, EACH = 20000 };

static void *append_marks(void *argument)
{
	struct recording *recording = argument;
	struct event event = { .kind = EVENT_NOTE };
	char text[32];
	for (uint64_t i = 1; i <= EACH; i++) {
		event.t_ns = i;
		event.tid = gettid();
		event.note.text =
			bytes_of(text, (size_t)snprintf(text, sizeof(text), "%d %llu", event.tid,
							(unsigned long long)i));
		recording_append(recording, &event, NULL);
	}
	return NULL;
}

static void *flush_often(void *argument)
{
	struct recording *recording = argument;
	struct timespec pause = { .tv_nsec = 300000 };
	for (unsigned i = 0; i < 200; i++) {
		CHECK(recording_flush(recording) == 0);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool is_whole_mark(const struct event *event)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d %llu", event->tid,
			   (unsigned long long)event->t_ns);
	return bytes_equal(event->note.text, bytes_of(text, (size_t)len));
}

static void test_threads_append_and_flush_at_the_same_time(void)
{
	static struct event event;
	pthread_t threads[THREADS + 1];
	uint64_t count = 0, sum = 0;
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	for (unsigned i = 0; i <= THREADS; i++)
		pthread_create(&threads[i], NULL, i < THREADS ? append_marks : flush_often,
			       recording);
	for (unsigned i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
	struct recording_reader *reader = recording_reader_open(fd);
	for (; recording_reader_next(reader, &event) == RECORDING_EVENT; count++, sum += event.t_ns)
		CHECK(is_whole_mark(&event));
	CHECK(count == THREADS * EACH && sum == (uint64_t)THREADS * EACH * (EACH + 1) / 2);
	recording_reader_close(reader);
	recording_destroy(recording);
	close(fd);
}

/* --- size ------------------------------------------------------------------------------------ */

static void test_an_environment_that_many_share_costs_little(void)
{
	static char environment[8000];
	struct event event = { .kind = EVENT_EXEC };
	for (size_t i = 0; i < sizeof(environment); i++)
		environment[i] = i % 50 == 49 ? '\0' : (char)('A' + i * 7 / 50 % 26);
	event.exec.environment = bytes_of(environment, sizeof(environment));
	event.exec.path = TEXT("/usr/bin/gcc");
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	for (unsigned i = 0; i < 5000; i++) {
		event.process = i;
		event.pid = event.tid = (int32_t)i + 100;
		recording_append(recording, &event, NULL);
	}
	CHECK(recording_flush(recording) == 0);
	CHECK(size_of(fd) < 5000 * 40);
	recording_destroy(recording);
	close(fd);
}

/* A stat or open as a configure script makes them by the thousand; text: memory for its paths. */
static struct event configure_call(struct random *random, uint64_t i, char text[200])
{
	struct event event = { .kind = EVENT_SYSCALL, .t_ns = i * 40000 + below(random, 20000) };
	event.process = (uint32_t)(1 + i / 75);
	event.pid = event.tid = (int32_t)event.process + 5000;
	bool is_stat = below(random, 2);
	event.syscall.number = is_stat ? 262 : 257;
	event.syscall.dur_ns = 8000 + below(random, 9000);
	event.syscall.ret = below(random, 3) ? -2 : is_stat ? 0 : 3;
	uint64_t heap =
		0x555500000000u + (uint64_t)event.process * 0x3211000 + below(random, 4096) * 16;
	const uint64_t args[6] = { (uint64_t)-100, heap,
				   is_stat ? 0x7ffc00001000u + event.process * 0x51230 : 0x80000 };
	memcpy(event.syscall.args, args, sizeof(args));
	int dir_len = snprintf(text, 100, "/tmp/build/");
	int path_len = snprintf(text + dir_len, 80, "conf%llu/include/file%llu.h",
				(unsigned long long)below(random, 20),
				(unsigned long long)below(random, 150));
	struct bytes abs = bytes_of(text, (size_t)(dir_len + path_len));
	event.syscall.attach_count = (uint8_t)(is_stat && event.syscall.ret == 0 ? 4 : 3);
	event.syscall.attach[0] = (struct attach){
		.kind = ATTACH_PATH, .arg = 1, .bytes = bytes_of(text + dir_len, (size_t)path_len)
	};
	event.syscall.attach[1] = (struct attach){ .kind = ATTACH_ABS, .arg = 1, .bytes = abs };
	event.syscall.attach[2] = (struct attach){ .kind = ATTACH_FD, .bytes = TEXT("/tmp/build") };
	uint64_t *stat = (uint64_t *)(void *)(text + 104);
	memset(stat, 0, 96);
	stat[0] = 0x801, stat[1] = 1000000 + recording_hash(abs) % 100000, stat[2] = 1,
	stat[3] = 0x81a4;
	stat[6] = stat[1] % 50000, stat[7] = 4096, stat[8] = stat[6] / 512;
	stat[9] = 1790000000 + stat[1] % 1000, stat[10] = recording_hash(abs) % 1000000000;
	event.syscall.attach[3] = (struct attach){ .kind = ATTACH_DATA_OUT, .arg = 2,
						   .bytes = bytes_of((char *)stat, 96) };
	return event;
}

static void test_a_call_of_a_configure_script_takes_at_most_40_bytes(void)
{
	enum { CALLS = 200000 };
	static struct random random;
	static _Alignas(8) char text[200];
	int fd = new_file();
	struct recording *recording = create(fd, 0);
	for (uint64_t i = 0; i < CALLS; i++) {
		struct event event = configure_call(&random, i, text);
		recording_append(recording, &event, NULL);
	}
	CHECK(recording_flush(recording) == 0 && recording_lost(recording) == 0);
	CHECK(size_of(fd) < CALLS * 40);
	recording_destroy(recording);
	close(fd);
}

static void test_each_kind_has_a_name_and_each_number_its_own(void)
{
	for (unsigned kind = EVENT_START; kind < EVENT_KINDS; kind++) {
		CHECK(recording_kind_name(kind) != NULL);
		CHECK((recording_fields(kind) == NULL) == (kind == EVENT_SYSCALL));
	}
	CHECK(!recording_kind_name(0) && !recording_kind_name(EVENT_KINDS));
	struct recording_crc crc;
	recording_crc_init(&crc);
	CHECK(recording_crc_add(&crc, 0, "123456789", 9) == 0xe3069283u);
}

int main(void)
{
	test_each_kind_has_a_name_and_each_number_its_own();
	test_an_event_read_equals_the_one_appended();
	test_signals_of_an_old_recording_have_no_details();
	test_a_recording_is_read_from_a_pipe_too();
	test_a_file_cut_anywhere_gives_what_is_before_the_cut();
	test_no_changed_byte_goes_unnoticed();
	test_bytes_behind_the_end_are_corruption();
	test_an_event_larger_than_the_buffer_is_kept();
	test_an_event_no_reader_would_take_is_lost_and_counted();
	test_a_failed_write_is_told_ever_after_and_later_events_are_lost();
	test_a_recording_to_nowhere_loses_nothing();
	test_max_size_cuts_calls_first_and_keeps_the_end();
	test_a_small_max_size_cuts_calls_first_too();
	test_a_start_too_long_for_max_size_is_kept_in_short();
	test_no_secret_reaches_the_file();
	test_a_secret_learned_later_is_masked_from_then_on();
	test_an_appender_killed_at_any_moment_loses_nothing_committed();
	test_the_survivor_of_a_killed_appender_finishes_the_recording();
	test_a_record_that_was_half_written_is_taken_back_by_the_survivor();
	test_threads_append_and_flush_at_the_same_time();
	test_an_environment_that_many_share_costs_little();
	test_a_call_of_a_configure_script_takes_at_most_40_bytes();
	if (failures)
		return 1;
	printf("ok %d\n", checks);
	return 0;
}
