/* Reports say the same whatever the order in which processes told their calls: the events of one run
 * are shuffled as batches of a recorder are, and every report must stay as it was, byte for byte. */
#include "model/model.h"
#include "recording.h"
#include "report/report.h"
#include "syscall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __func__, __LINE__)

static void check(bool holds, const char *what, const char *where, int line)
{
	checks++;
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s\n", where, line, what);
}

/* ---- the events of a run, in the order of time ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SHUFFLES = 10 };
#else
enum { SHUFFLES = 150 };
#endif
enum { EVENTS_MAX = 200 };

static struct event events[EVENTS_MAX];
static size_t count;
static uint64_t now_ns;

#define VECTOR(literal) bytes_of(literal, sizeof(literal))
#define TEXT(literal) bytes_of(literal, sizeof(literal) - 1)

static struct event *add(enum event_kind kind, uint32_t process)
{
	if (count == EVENTS_MAX)
		abort();
	struct event *event = &events[count++];
	now_ns += 1000000;
	*event = (struct event){ .kind = (uint8_t)kind, .t_ns = now_ns, .process = process,
				 .pid = (int32_t)(1000 + process), .tid = (int32_t)(1000 + process) };
	return event;
}

static void add_start(void)
{
	count = 0;
	now_ns = 0;
	struct event *event = add(EVENT_START, 0);
	event->t_ns = now_ns = 0;
	event->start = (struct event_start){
		.version = TEXT("1.0"), .level = TEXT("all"), .command = VECTOR("make\0-j2"),
		.cwd = TEXT("/src"), .environment = VECTOR("HOME=/root\0PATH=/bin\0GONE=1"),
		.host_name = TEXT("host"), .kernel = TEXT("6.18.0"), .arch = TEXT("x86_64"),
		.realtime_ns = 1795510861123456789, .cpus = 2,
	};
}

static void add_fork(uint32_t process, uint32_t parent)
{
	struct event *event = add(EVENT_FORK, process);
	event->fork = (struct event_fork){ .parent = parent, .ppid = (int32_t)(1000 + parent) };
}

static void add_exec(uint32_t process, const char *path, const char *exe, struct bytes environment)
{
	struct event *event = add(EVENT_EXEC, process);
	event->exec = (struct event_exec){
		.path = bytes_of_string(path), .exe = bytes_of_string(exe), .argv = VECTOR("x\0-y"),
		.cwd = TEXT("/src"), .environment = environment, .fds = VECTOR("0=/dev/null"),
	};
}

static void add_exit(uint32_t process, int status)
{
	struct event *event = add(EVENT_EXIT, process);
	event->exit = (struct event_exit){ .status = status, .has_usage = true, .user_ns = 5000000 };
}

static void add_signal(uint32_t process, int number)
{
	add(EVENT_SIGNAL, process)->signal = (struct event_signal){ .number = number, .from = 1 };
}

static void add_library(uint32_t process, const char *path)
{
	add(EVENT_META, process)->meta = (struct event_meta){ .meta_kind = META_LIBRARY,
							     .text = bytes_of_string(path) };
}

static struct event *add_call(uint32_t process, const char *name, int64_t ret, unsigned flags)
{
	struct event *event = add(EVENT_SYSCALL, process);
	event->syscall.number = (uint32_t)syscall_number(ABI_X86_64, name);
	event->syscall.ret = ret;
	event->syscall.flags = (uint8_t)flags;
	event->syscall.dur_ns = 1000;
	return event;
}

static void attach(struct event *event, enum attach_kind kind, unsigned arg, struct bytes bytes)
{
	event->syscall.attach[event->syscall.attach_count++] =
		(struct attach){ .kind = (uint8_t)kind, .arg = (uint8_t)arg, .bytes = bytes };
}

static void attach_path(struct event *event, unsigned arg, const char *path)
{
	attach(event, ATTACH_PATH, arg, bytes_of_string(path));
	attach(event, ATTACH_ABS, arg, bytes_of_string(path));
	event->syscall.args[arg] = 0x1000;
}

static void add_open(uint32_t process, const char *path, int flags, int64_t ret, const char *target)
{
	struct event *event = add_call(process, "openat", ret, SYSCALL_FROM_SHIM);
	event->syscall.args[2] = (uint64_t)flags;
	attach_path(event, 1, path);
	if (target)
		attach(event, ATTACH_TARGET, 1, bytes_of_string(target));
}

static void add_rename(uint32_t process, const char *from, const char *to)
{
	struct event *event = add_call(process, "rename", 0, 0);
	attach_path(event, 0, from);
	attach_path(event, 1, to);
}

static void add_on_fd(uint32_t process, const char *name, const char *fd, int64_t ret)
{
	attach(add_call(process, name, ret, SYSCALL_FROM_SHIM), ATTACH_FD, 0, bytes_of_string(fd));
}

static void add_failed_exec(uint32_t process, const char *path)
{
	attach_path(add_call(process, "execve", -ENOENT, SYSCALL_FROM_SHIM), 0, path);
}

/* A call with a path relative to a descriptor of which nothing is known. */
static void add_of_unknown_place(uint32_t process)
{
	struct event *event = add_call(process, "openat", 3, SYSCALL_FROM_SHIM);
	event->syscall.args[0] = 9;
	attach(event, ATTACH_PATH, 1, TEXT("x"));
}

static void add_socket(uint32_t process, const char *inode, int type)
{
	struct event *event = add_call(process, "socket", 5, SYSCALL_FROM_SHIM);
	event->syscall.args[0] = AF_INET;
	event->syscall.args[1] = (uint64_t)type;
	attach(event, ATTACH_FD, ATTACH_RETURN, bytes_of_string(inode));
}

static struct bytes loopback(uint16_t port)
{
	static struct sockaddr_in addresses[16];
	struct sockaddr_in *address = &addresses[port % 16];
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return bytes_of((char *)address, sizeof *address);
}

static struct event *add_on_socket(uint32_t process, const char *name, const char *inode, int64_t ret)
{
	struct event *event = add_call(process, name, ret, 0);
	attach(event, ATTACH_FD, 0, bytes_of_string(inode));
	return event;
}

static void add_accept(uint32_t process, const char *listening, const char *made, uint16_t port)
{
	struct event *event = add_on_socket(process, "accept", listening, 6);
	attach(event, ATTACH_DATA_OUT, 1, loopback(port));
	attach(event, ATTACH_FD, ATTACH_RETURN, bytes_of_string(made));
}

/* ---- what happens in it ---- */

static void add_processes(void)
{
	add_fork(1, 0);
	add_exec(1, "/usr/bin/make", "/usr/bin/make", VECTOR("HOME=/root\0PATH=/usr/bin\0MAKE=1"));
	add_library(1, "/lib/libmake.so");
	add_fork(2, 1);
	add_open(2, "/before-exec", O_RDONLY, 3, NULL);
	add_failed_exec(2, "/usr/local/bin/cc");
	add_failed_exec(2, "/usr/sbin/cc");
	add_exec(2, "/usr/bin/cc", "/usr/bin/gcc-14", VECTOR("HOME=/root\0PATH=/usr/bin\0CC=1"));
	add_open(2, "/usr/bin/cc", O_RDONLY, 3, "/usr/bin/gcc-14");
	add_library(2, "/lib/libcc.so");
	add_exec(2, "/usr/bin/static", "/usr/bin/static", VECTOR("HOME=/"));
	add_fork(3, 1);
	add_open(3, "/child-of-make", O_RDWR | O_CREAT, 3, NULL);
	add_exec(1, "/bin/sh", "/bin/dash", VECTOR("HOME=/root\0SHELL=1"));
	add_fork(4, 1);
	add_fork(5, 4);
	add_exec(5, "/bin/server", "/bin/server", VECTOR("HOME=/root"));
	add_library(5, "/lib/libserver.so");
}

static void add_files(void)
{
	add_open(2, "/link", O_RDONLY, 3, "/first");
	add_open(3, "/link", O_RDONLY, 3, "/second");
	add_open(4, "/none", O_RDONLY, -ENOENT, NULL);
	add_rename(2, "/tmp/a", "/tmp/b");
	add_rename(3, "/tmp/b", "/tmp/c");
	add_rename(4, "/tmp/x", "/tmp/b");
	add_rename(5, "/tmp/b", "/tmp/d");
	add_on_fd(2, "fchmod", "/gone (deleted)", 0);
	add_on_fd(2, "ftruncate", "/truly (deleted)", 0);
	add_on_fd(4, "fchmod", "/memfd:x (deleted)", 0);
	add_open(3, "/truly (deleted)", O_WRONLY, 3, NULL);
	add_on_fd(3, "getdents64", "/dir", 48);
	add_open(5, "/dir", O_RDONLY, 3, NULL);
	add_of_unknown_place(4);
	add_of_unknown_place(4);
	add_of_unknown_place(9); /* of whose birth nothing is known */
	add_open(9, "/link", O_RDONLY, 3, NULL);
}

static void add_network(void)
{
	add_socket(3, "socket:[70001]", SOCK_STREAM);
	attach(add_on_socket(3, "connect", "socket:[70001]", 0), ATTACH_DATA, 1, loopback(81));
	add_on_fd(3, "write", "socket:[70001]", 100);
	add_on_fd(4, "read", "socket:[70001]", 20);
	add_socket(3, "socket:[70002]", SOCK_DGRAM);
	attach(add_on_socket(3, "connect", "socket:[70002]", 0), ATTACH_DATA, 1, loopback(82));
	add_on_fd(3, "write", "socket:[70002]", 7);
	attach(add_on_socket(3, "connect", "socket:[70002]", 0), ATTACH_DATA, 1, loopback(83));
	add_on_fd(3, "write", "socket:[70002]", 9);
	add_socket(4, "socket:[70003]", SOCK_STREAM);
	attach(add_on_socket(4, "bind", "socket:[70003]", 0), ATTACH_DATA, 1, loopback(84));
	add_on_socket(4, "listen", "socket:[70003]", 0);
	add_accept(5, "socket:[70003]", "socket:[70004]", 85);
	add_accept(5, "socket:[70003]", "socket:[70005]", 86);
	add_on_fd(5, "write", "socket:[70004]", 11);
	add_on_fd(5, "read", "socket:[70005]", 13);
	attach(add_on_socket(5, "connect", "socket:[70006]", -ECONNREFUSED), ATTACH_DATA, 1, loopback(87));
}

static void add_ends(void)
{
	add(EVENT_THREAD, 4)->tid = 2000;
	add_signal(3, SIGTERM);
	add_signal(3, SIGUSR1);
	add_signal(3, SIGTERM);
	add_signal(3, SIGTERM);
	add_exit(3, SIGTERM);
	add_exit(2, 0);
	add_exit(5, 0);
	add_exit(4, 1 << 8);
	add_exit(1, 2 << 8);
	add(EVENT_NOTE, 0)->note = (struct event_note){ TEXT("lost-records"), TEXT("some") };
	add(EVENT_END, 0)->end = (struct event_end){ .status = 2 << 8 };
}

static void make_run(void)
{
	add_start();
	add_processes();
	add_files();
	add_network();
	add_ends();
}

/* ---- orders ---- */

static uint64_t random_state;

static size_t below(size_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state >> 33) % limit;
}

static void start_order(size_t order[EVENTS_MAX], uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	for (size_t i = 0; i < count; i++)
		order[i] = i;
}

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;
	*a = *b;
	*b = kept;
}

/* Processes interleave anew, each in its own order. */
static void interleave(size_t order[EVENTS_MAX], uint64_t seed)
{
	start_order(order, seed);
	for (size_t round = 0; round < 40 * count; round++) {
		size_t at = 1 + below(count - 3);
		if (events[order[at]].process != events[order[at + 1]].process)
			swap(&order[at], &order[at + 1]);
	}
}

static bool is_late_kind(const struct event *event)
{
	return event->kind == EVENT_SYSCALL && event->syscall.flags & SYSCALL_FROM_SHIM;
}

/* What a process told itself comes later than what the tracer saw, behind its exec and its exit too. */
static void delay(size_t order[EVENTS_MAX], uint64_t seed)
{
	start_order(order, seed);
	for (size_t round = 0; round < 60 * count; round++) {
		size_t at = 1 + below(count - 3);
		const struct event *first = &events[order[at]], *second = &events[order[at + 1]];
		if (is_late_kind(first) && (!is_late_kind(second) || first->process != second->process))
			swap(&order[at], &order[at + 1]);
	}
}

/* In any order, but that an image's own calls do not come before its exec, nor bytes before the
 * connect that made way for them. */
static bool comes_first(const struct event *event)
{
	return event->kind == EVENT_EXEC ||
	       (event->kind == EVENT_SYSCALL && event->syscall.number == (uint32_t)syscall_number(ABI_X86_64, "connect"));
}

static void scatter(size_t order[EVENTS_MAX], uint64_t seed)
{
	size_t first = 1;
	start_order(order, seed);
	for (size_t i = 1; i < count - 1; i++)
		if (comes_first(&events[order[i]]))
			swap(&order[i], &order[first++]);
	for (size_t i = first; i < count - 2; i++)
		swap(&order[i], &order[i + below(count - 1 - i)]);
}

/* ---- reports ---- */

static const char *const formats[] = { "json", "text", "summary", "ndjson", "strace" };
enum { FORMATS_HERE = sizeof formats / sizeof *formats };

static char *report_of(const char *format, const struct model *model, int fd)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (strcmp(format, "summary") == 0)
		CHECK(report_write_summary(out, model, false, 1) == 0);
	else
		CHECK(report_write(report_format_by_name(format), out, model, fd) == 0);
	fclose(out);
	return text;
}

static void make_reports(const size_t order[EVENTS_MAX], char *reports[FORMATS_HERE])
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct recording *recording = recording_create(fd, 0);
	for (size_t i = 0; i < count; i++)
		recording_append(recording, &events[order[i]], NULL);
	CHECK(recording_flush(recording) == 0);
	recording_destroy(recording);
	enum recording_status status;
	struct recording_reader *reader = recording_reader_open(fd);
	struct model *model = model_read(reader, &status);
	recording_reader_close(reader);
	CHECK(status == RECORDING_WHOLE);
	for (size_t i = 0; i < FORMATS_HERE; i++)
		reports[i] = report_of(formats[i], model, fd);
	model_free(model);
	close(fd);
}

/* Shows the first lines that differ. */
static bool same_report(const char *format, const char *wanted, const char *got, uint64_t seed)
{
	size_t line = 0;
	if (strcmp(wanted, got) == 0)
		return true;
	for (size_t i = 0; wanted[i] == got[i]; i++)
		if (wanted[i] == '\n')
			line = i + 1;
	fprintf(stderr, "%s, order %llu:\n- %.*s\n+ %.*s\n", format, (unsigned long long)seed,
		(int)strcspn(wanted + line, "\n"), wanted + line, (int)strcspn(got + line, "\n"), got + line);
	return false;
}

static void free_reports(char *reports[FORMATS_HERE])
{
	for (size_t i = 0; i < FORMATS_HERE; i++)
		free(reports[i]);
}

static void check_orders(void (*shuffle)(size_t order[EVENTS_MAX], uint64_t seed))
{
	size_t order[EVENTS_MAX];
	char *wanted[FORMATS_HERE], *got[FORMATS_HERE];
	int failed_before = failures;
	make_run();
	start_order(order, 0);
	make_reports(order, wanted);
	for (uint64_t seed = 1; seed <= SHUFFLES && failures == failed_before; seed++) {
		shuffle(order, seed);
		make_reports(order, got);
		for (size_t i = 0; i < FORMATS_HERE; i++)
			CHECK(same_report(formats[i], wanted[i], got[i], seed));
		free_reports(got);
	}
	free_reports(wanted);
}

/* ---- promises ---- */

static void reports_do_not_depend_on_how_processes_interleave(void)
{
	check_orders(interleave);
}

static void reports_do_not_depend_on_when_calls_are_drained(void)
{
	check_orders(delay);
}

static void reports_do_not_depend_on_any_order_of_the_recording(void)
{
	check_orders(scatter);
}

static struct model *model_of(const size_t order[EVENTS_MAX])
{
	struct model *model = model_create();
	for (size_t i = 0; i < count; i++)
		model_add(model, &events[order[i]]);
	CHECK(model_finish(model) == 0);
	return model;
}

/* The events as they were added, but that number `from` comes behind number `to`. */
static struct model *model_with_late(size_t from, size_t to)
{
	size_t order[EVENTS_MAX];
	start_order(order, 0);
	for (size_t i = from; i < to; i++)
		swap(&order[i], &order[i + 1]);
	return model_of(order);
}

static void a_call_told_after_an_exec_belongs_to_the_image_that_made_it(void)
{
	add_start();
	add_fork(1, 0);
	add_exec(1, "/bin/a", "/bin/a", VECTOR("A=1"));
	add_open(1, "/x", O_RDONLY, 3, NULL);
	add_exec(1, "/bin/static", "/bin/static", VECTOR("A=2"));
	add_exit(1, 0);
	struct model *model = model_with_late(3, 5);
	const struct exec_image *first = model->proctree.list[0]->first_exec;
	CHECK(first && first->word.shim && first->next && !first->next->word.shim);
	CHECK(model->coverage.with_shim == 0 && model->coverage.kernel_only == 1);
	model_free(model);
}

static void a_child_inherits_from_the_image_that_forked_it(void)
{
	add_start();
	add_fork(1, 0);
	add_exec(1, "/bin/make", "/bin/make", VECTOR("A=1"));
	add_fork(2, 1);
	add_exec(1, "/bin/sh", "/bin/sh", VECTOR("A=2"));
	add_exec(2, "/bin/cc", "/bin/cc", VECTOR("A=3"));
	struct model *model = model_with_late(3, 5);
	const struct process *child = model->proctree.list[1];
	CHECK(child->environment == model->proctree.list[0]->first_exec->after);
	CHECK(child->first_exec->before == child->environment && strcmp(child->comm, "cc") == 0);
	model_free(model);
}

static void a_socket_told_after_its_connect_has_its_protocol(void)
{
	add_start();
	add_fork(1, 0);
	add_socket(1, "socket:[7]", SOCK_STREAM);
	attach(add_on_socket(1, "connect", "socket:[7]", 0), ATTACH_DATA, 1, loopback(80));
	add_on_fd(1, "write", "socket:[7]", 10);
	struct model *model = model_with_late(2, 4);
	CHECK(model->network.count == 1);
	const struct peer *peer = &model->network.peers[0];
	CHECK(peer->protocol && strcmp(peer->protocol, "tcp") == 0 && peer->sent_bytes == 10);
	model_free(model);
}

static void the_later_rename_is_the_one_that_counts(void)
{
	add_start();
	add_fork(1, 0);
	add_rename(1, "/a", "/b");
	add_rename(1, "/c", "/b");
	struct model *model = model_with_late(2, 3);
	CHECK(model->files.count == 3);
	CHECK(strcmp(model->files.list[1]->renamed_from.name->data, "/c") == 0);
	model_free(model);
}

/* As many sockets as the kernel numbers before one takes another's place, and then some. */
static void sockets_beyond_memory_are_counted_once(void)
{
	enum { OTHERS = SOCKETS_MAX + 1000 };
	struct model *model = model_create();
	add_start();
	add_fork(1, 0);
	model_add(model, &events[0]);
	model_add(model, &events[1]);
	for (unsigned i = 1; i <= OTHERS; i++) {
		char inode[32];
		snprintf(inode, sizeof inode, "socket:[%u]", i);
		count = 2;
		add_socket(1, inode, SOCK_STREAM);
		attach(add_on_socket(1, "connect", inode, i % 10 ? 0 : -ECONNREFUSED), ATTACH_DATA, 1, loopback(80));
		model_add(model, &events[3]);
		model_add(model, &events[2]);
	}
	CHECK(model_finish(model) == 0);
	CHECK(model->network.count == 1 && model->network.peers[0].count == OTHERS);
	CHECK(model->network.peers[0].failures == OTHERS / 10);
	CHECK(model->network.peers[0].errors->count == OTHERS / 10);
	model_free(model);
}

/* A socket that is sent from to very many addresses does not remember each apart. */
static void a_socket_of_many_addresses_is_counted_right(void)
{
	enum { ADDRESSES = 1000 };
	struct model *model = model_create();
	add_start();
	add_socket(1, "socket:[7]", SOCK_DGRAM);
	model_add(model, &events[0]);
	model_add(model, &events[1]);
	for (unsigned i = 0; i < 3 * ADDRESSES; i++) {
		count = 2;
		attach(add_on_socket(1, i % 2 ? "connect" : "sendto", "socket:[7]", i % 2 ? 0 : 5), ATTACH_DATA,
		       i % 2 ? 1 : 4, loopback((uint16_t)(1 + i % ADDRESSES)));
		model_add(model, &events[2]);
		add_on_fd(1, "write", "socket:[7]", 3);
		model_add(model, &events[3]);
	}
	CHECK(model_finish(model) == 0);
	uint64_t operations = 0, sent = 0;
	for (uint32_t i = 0; i < model->network.count; i++) {
		operations += model->network.peers[i].count;
		sent += model->network.peers[i].sent_bytes;
	}
	CHECK(model->network.count == ADDRESSES && operations == 3 * ADDRESSES);
	CHECK(sent == 3 * ADDRESSES / 2 * 5 + (3 * ADDRESSES - 1) * 3);
	model_free(model);
}

static unsigned count_lines(const char *text, const char *with)
{
	unsigned lines = 0;
	for (const char *at = text; (at = strstr(at, with)); at++)
		lines++;
	return lines;
}

/* Each process forks the next and a leaf. */
static void a_deep_tree_is_reported_whole(void)
{
	enum { DEPTH = 20000 };
	struct model *model = model_create();
	add_start();
	model_add(model, &events[0]);
	for (uint32_t id = 1; id <= 2 * DEPTH; id++) {
		count = 1;
		add_fork(id, id < 3 ? id - 1 : (id - 1) / 2 * 2 - 1);
		add_exit(id, 0);
		model_add(model, &events[1]);
		model_add(model, &events[2]);
	}
	CHECK(model_finish(model) == 0);
	char *reports[] = { report_of("json", model, -1), report_of("text", model, -1),
			    report_of("summary", model, -1) };
	CHECK(count_lines(reports[0], "\"start_ns\"") == 2 * DEPTH);
	CHECK(count_lines(reports[1], "(fork)") == 2 * DEPTH);
	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
		free(reports[i]);
	model_free(model);
}

/* Standard error to nowhere, where messages are expected; for unhush. */
static int hush(void)
{
	int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	close(null);
	return kept;
}

static void unhush(int kept)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
}

static void append_opens(int fd, unsigned opens)
{
	struct recording *recording = recording_create(fd, 0);
	add_start();
	add_open(1, "/some/where", O_RDONLY, 3, NULL);
	recording_append(recording, &events[0], NULL);
	for (unsigned i = 0; i < opens; i++) {
		events[1].t_ns = i;
		recording_append(recording, &events[1], NULL);
	}
	CHECK(recording_flush(recording) == 0);
	recording_destroy(recording);
}

/* The report's writer must not take what lies in the temporary file for the report. */
static void a_report_that_cannot_be_sorted_fails(void)
{
	struct rlimit before, limit;
	int fd = memfd_create("recording", MFD_CLOEXEC);
	append_opens(fd, 300000);
	struct model *model = model_create();
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_FSIZE, &limit);
	FILE *out = fopen("/dev/null", "w");
	int kept = hush();
	int error = report_write(report_format_by_name("ndjson"), out, model, fd);
	unhush(kept);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(error == -EFBIG);
	fclose(out);
	model_free(model);
	close(fd);
}

/* The times at the beginning of the lines, or what else stands between the two. */
static bool ascends(const char *text, const char *before)
{
	double last = 0;
	for (const char *at = text; (at = strstr(at, before)); at++) {
		double time = strtod(at + strlen(before), NULL);
		if (time < last)
			return false;
		last = time;
	}
	return last > 0;
}

static void lines_are_in_the_order_of_time(void)
{
	size_t order[EVENTS_MAX];
	char *reports[FORMATS_HERE];
	make_run();
	scatter(order, 7);
	make_reports(order, reports);
	CHECK(ascends(reports[3], "\"t_ns\": "));
	CHECK(strstr(reports[3], "\"what\": \"start\"") < strchr(reports[3], '\n'));
	CHECK(strstr(reports[3], "\"what\": \"end\"") > strstr(reports[3], "\"kind\": \"lost-records\""));
	CHECK(ascends(reports[4], " 1795510861."));
	free_reports(reports);
}

int main(void)
{
	lines_are_in_the_order_of_time();
	reports_do_not_depend_on_how_processes_interleave();
	reports_do_not_depend_on_when_calls_are_drained();
	reports_do_not_depend_on_any_order_of_the_recording();
	a_call_told_after_an_exec_belongs_to_the_image_that_made_it();
	a_child_inherits_from_the_image_that_forked_it();
	a_socket_told_after_its_connect_has_its_protocol();
	the_later_rename_is_the_one_that_counts();
	sockets_beyond_memory_are_counted_once();
	a_socket_of_many_addresses_is_counted_right();
	a_deep_tree_is_reported_whole();
	a_report_that_cannot_be_sorted_fails();
	if (!failures)
		printf("ok %d\n", checks);
	return failures != 0;
}
