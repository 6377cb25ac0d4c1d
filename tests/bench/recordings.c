/* Makes recordings of runs that never were, of any size, for tests/bench/reports.sh: `recordings
 * SHAPE COUNT FILE`, where COUNT is what the shape's name says. The same words make the same file.
 * Prints how many events it holds, how many of these are calls, and its bytes.
 *
 * The events are what a recorder would append: calls told by the processes themselves, drained in
 * batches, so that processes interleave, some calls come up to a second late, and some after the end
 * of their process. 70 of 100 calls name no path, 30 open or look at one of NAMES. */
#include "recording.h"
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES = 20000, LIVE = 16, FDS = 12, PATH_BYTES = 128, VECTOR_BYTES = 4096, FLUSH_EVERY = 4096 };

#define TEXT(string) bytes_of_string(string)
#define VECTOR(literal) bytes_of(literal, sizeof(literal))

static struct recording *recording;
static struct event event; /* the next one */
static uint64_t state = 1; /* of the random numbers */
static uint64_t made, calls;
static uint32_t processes;
static char paths[NAMES][PATH_BYTES];

struct process {
	uint32_t id, left; /* calls that it will still make */
	uint64_t now_ns;
	int fds[FDS];      /* the number of a name; -1: closed */
};

/* --- chance -------------------------------------------------------------------------------------- */

static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * limit >> 32);
}

/* Few names are met often, most seldom. */
static uint32_t any_name(void)
{
	uint32_t wide = below(NAMES);
	return below(4) ? (uint32_t)((uint64_t)wide * wide / NAMES * wide / NAMES) : wide;
}

static void make_paths(void)
{
	static const char *const folders[] = {
		"/usr/include/c++/14/bits", "/usr/include/x86_64-linux-gnu/sys", "/src/project/lib/core",
		"/src/project/build/CMakeFiles/core.dir", "/usr/lib/x86_64-linux-gnu", "/usr/share/cmake/Modules",
	};
	for (uint32_t i = 0; i < NAMES; i++)
		snprintf(paths[i], sizeof paths[i], "%s/part_%u/unit-%u.%s", folders[i % 6], i / 100, i,
			 i % 3 ? "h" : "c");
}

/* --- events -------------------------------------------------------------------------------------- */

static void begin(enum event_kind kind, uint32_t process, uint64_t t_ns)
{
	event.kind = (uint8_t)kind;
	event.t_ns = t_ns;
	event.process = process;
	event.pid = event.tid = (int32_t)(process + 1000);
}

static void append(void)
{
	recording_append(recording, &event, NULL);
	if (++made % FLUSH_EVERY == 0)
		recording_flush(recording);
}

static void start(void)
{
	begin(EVENT_START, 0, 0);
	event.pid = event.tid = 0;
	event.start = (struct event_start){
		.version = TEXT("1"), .level = TEXT("all"), .command = VECTOR("make\0-j16"),
		.cwd = TEXT("/src/project"), .environment = VECTOR("HOME=/root\0PATH=/usr/bin"),
		.host_name = TEXT("host"), .kernel = TEXT("6.18"), .arch = TEXT("x86_64"),
		.realtime_ns = 1795510861123456789, .cpus = LIVE,
	};
	append();
}

static void end(uint64_t t_ns)
{
	begin(EVENT_END, 0, t_ns);
	event.end = (struct event_end){ .status = 0 };
	append();
}

static void fork_process(uint32_t id, uint32_t parent, uint64_t t_ns)
{
	begin(EVENT_FORK, id, t_ns);
	event.fork = (struct event_fork){ .parent = parent, .ppid = (int32_t)(parent + 1000) };
	append();
}

static size_t add_string(char *vector, size_t len, const char *format, uint32_t number)
{
	return len + 1 + (size_t)snprintf(vector + len, VECTOR_BYTES - len, format, number);
}

static struct bytes make_argv(char *vector, uint32_t id)
{
	size_t len = add_string(vector, 0, "/usr/lib/gcc/cc1", 0);
	for (uint32_t i = 0; i < 12; i++)
		len = add_string(vector, len, "-I/src/project/include/part_%u", i);
	len = add_string(vector, len, "-o/src/project/build/unit-%u.o", id);
	return bytes_of(vector, len);
}

static struct bytes make_environment(char *vector, uint32_t id)
{
	size_t len = 0;
	for (uint32_t i = 0; i < 40; i++)
		len = add_string(vector, len, "SOME_VARIABLE_%u=/usr/lib/some/where", i);
	len = add_string(vector, len, "MAKE_JOB=%u", id);
	return bytes_of(vector, len);
}

static void execute(uint32_t id, uint64_t t_ns)
{
	static char argv[VECTOR_BYTES], environment[VECTOR_BYTES];
	begin(EVENT_EXEC, id, t_ns);
	event.exec = (struct event_exec){
		.path = TEXT("/usr/lib/gcc/cc1"), .exe = TEXT("/usr/lib/gcc/cc1"), .argv = make_argv(argv, id),
		.cwd = TEXT("/src/project"), .loader = TEXT("/lib64/ld-linux-x86-64.so.2"),
		.environment = make_environment(environment, id),
		.fds = VECTOR("0=/dev/null\0001=pipe:[7]\0002=/dev/pts/0"), .flags = EXEC_SHIM,
	};
	append();
}

static void exit_process(uint32_t id, uint64_t t_ns)
{
	begin(EVENT_EXIT, id, t_ns);
	event.exit = (struct event_exit){ .has_usage = true, .user_ns = 5000000 + id, .system_ns = 1000000,
					  .max_rss_bytes = 30 << 20, .minor_faults = 2000 };
	append();
}

/* --- calls --------------------------------------------------------------------------------------- */

static void attach(enum attach_kind kind, unsigned arg, struct bytes bytes)
{
	event.syscall.attach[event.syscall.attach_count++] =
		(struct attach){ .kind = (uint8_t)kind, .arg = (uint8_t)arg, .bytes = bytes };
}

static void begin_call(struct process *process, uint32_t number)
{
	process->now_ns += 300 + below(3000) + (below(200) ? 0 : below(2000000));
	begin(EVENT_SYSCALL, process->id, process->now_ns);
	event.syscall.abi = ABI_X86_64;
	event.syscall.flags = SYSCALL_FROM_SHIM;
	event.syscall.attach_count = 0;
	event.syscall.number = number;
	event.syscall.ret = 0;
	event.syscall.dur_ns = 200 + below(4000);
	memset(event.syscall.args, 0, sizeof event.syscall.args);
	process->now_ns += event.syscall.dur_ns;
}

static void set_args(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t args[] = { a, b, c, d };
	memcpy(event.syscall.args, args, sizeof args);
}

/* An address in one of the usual places. */
static uint64_t heap(uint32_t process)
{
	return 0x555555559000 + (uint64_t)process * 0x1000 % 0x10000000 + (uint64_t)below(256) * 16;
}

static uint64_t stack(void)
{
	return 0x7fffffffd000 + (uint64_t)below(64) * 16;
}

static void call_on_fd(struct process *process, uint32_t number)
{
	uint32_t fd = below(FDS);
	begin_call(process, number);
	set_args(fd, heap(process->id), below(3) ? 4096 : below(4096), 0);
	event.syscall.ret = below(3) ? 4096 : below(4096);
	attach(ATTACH_FD, 0, process->fds[fd] < 0 ? TEXT("pipe:[4242]") : TEXT(paths[process->fds[fd]]));
}

static void call_close(struct process *process, uint32_t number)
{
	call_on_fd(process, number);
	process->fds[event.syscall.args[0]] = -1;
	event.syscall.args[1] = event.syscall.args[2] = 0;
	event.syscall.ret = 0;
}

static void call_map(struct process *process, uint32_t number)
{
	begin_call(process, number);
	set_args(0, (uint64_t)below(256) * 4096, 3, 0x22);
	event.syscall.args[4] = UINT64_MAX;
	event.syscall.ret = 0x7ffff0000000 + (int64_t)below(65536) * 4096;
}

static void call_other(struct process *process, uint32_t number)
{
	begin_call(process, number);
	set_args(heap(process->id), 0x80 + below(4), stack(), 8);
}

static void call_open(struct process *process, uint32_t number)
{
	uint32_t fd = below(FDS), name = any_name();
	bool found = below(5) != 0, relative = strncmp(paths[name], "/src/project/", 13) == 0;
	begin_call(process, number);
	set_args(0xffffff9c, heap(process->id), found && !below(8) ? O_WRONLY | O_CREAT | O_TRUNC : O_CLOEXEC, 0644);
	event.syscall.ret = found ? (int64_t)fd : -ENOENT;
	attach(ATTACH_FD, 0, TEXT("/src/project"));
	attach(ATTACH_PATH, 1, TEXT(paths[name] + (relative ? 13 : 0)));
	attach(ATTACH_ABS, 1, TEXT(paths[name]));
	if (!found)
		return;
	attach(ATTACH_FD, ATTACH_RETURN, TEXT(paths[name]));
	process->fds[fd] = (int)name;
}

static void call_stat(struct process *process, uint32_t number)
{
	uint32_t name = any_name();
	begin_call(process, number);
	set_args(heap(process->id), stack(), 0, 0);
	event.syscall.ret = below(3) ? 0 : -ENOENT;
	attach(ATTACH_PATH, 0, TEXT(paths[name]));
	attach(ATTACH_ABS, 0, TEXT(paths[name]));
	if (!event.syscall.ret && name % 50 == 0)
		attach(ATTACH_TARGET, 0, TEXT(paths[name + 1]));
}

static const struct {
	const char *name;
	unsigned percent;
	void (*make)(struct process *process, uint32_t number);
} mix[] = {
	{ "read", 22, call_on_fd },  { "write", 8, call_on_fd },   { "lseek", 4, call_on_fd },
	{ "fstat", 8, call_on_fd },  { "close", 8, call_close },   { "mmap", 6, call_map },
	{ "brk", 4, call_other },    { "futex", 4, call_other },   { "rt_sigaction", 3, call_other },
	{ "munmap", 3, call_other }, { "openat", 14, call_open },  { "stat", 10, call_stat },
	{ "access", 4, call_stat },  { "readlink", 2, call_stat },
};

static void call(struct process *process)
{
	uint32_t at = below(100);
	size_t i = 0;
	while (at >= mix[i].percent)
		at -= mix[i++].percent;
	mix[i].make(process, (uint32_t)syscall_number(ABI_X86_64, mix[i].name));
	append();
	calls++;
	process->left--;
}

/* --- shapes -------------------------------------------------------------------------------------- */

static void replace(struct process *process, uint32_t left)
{
	process->id = ++processes;
	process->left = left;
	for (int i = 0; i < FDS; i++)
		process->fds[i] = -1;
	fork_process(process->id, process->id == 1 ? 0 : 1 + below(process->id - 1), process->now_ns);
	process->now_ns += 200000;
	execute(process->id, process->now_ns);
	process->now_ns += 200000;
}

static void batch(struct process *process)
{
	for (uint32_t count = 20 + below(400); count && process->left; count--)
		call(process);
}

/* LIVE processes at a time make `each` calls, until `total` were made in all. */
static void run_tree(uint64_t total, uint32_t each)
{
	struct process live[LIVE] = { 0 };
	uint64_t last_ns = 0;
	for (int i = 0; calls < total; i = (i + 1) % LIVE) {
		struct process *process = &live[i];
		if (!process->left)
			replace(process, each / 2 + below(each));
		bool late = process->left < 400 && below(2);
		if (late) /* what it told last is drained when its end is known */
			exit_process(process->id, process->now_ns + 1000000000);
		batch(process);
		if (late)
			process->left = 0;
		if (!process->left && !late)
			exit_process(process->id, process->now_ns);
		last_ns = process->now_ns > last_ns ? process->now_ns : last_ns;
	}
	for (int i = 0; i < LIVE; i++)
		if (live[i].left)
			exit_process(live[i].id, last_ns);
	end(last_ns + 2000000000);
}

static void make_calls(uint32_t count)
{
	run_tree(count, 2500);
}

static void make_build(uint32_t count)
{
	run_tree((uint64_t)count * 50, 50);
}

/* One process after the other opens files that nobody opened before. */
static void make_files(uint32_t count)
{
	struct process process = { 0 };
	replace(&process, 0);
	for (uint32_t i = 0; i < count; i++) {
		char path[PATH_BYTES];
		snprintf(path, sizeof path, "/data/%u/%u/file-%u", i % 97, i % 1009, i);
		begin_call(&process, (uint32_t)syscall_number(ABI_X86_64, "openat"));
		event.syscall.ret = 3;
		attach(ATTACH_PATH, 1, TEXT(path));
		attach(ATTACH_ABS, 1, TEXT(path));
		append();
		calls++;
	}
	exit_process(1, process.now_ns);
	end(process.now_ns);
}

static void make_threads(uint32_t count)
{
	struct process process = { 0 };
	replace(&process, UINT32_MAX);
	for (uint32_t i = 0; i < count; i++) {
		begin(EVENT_THREAD, 1, process.now_ns);
		event.tid = (int32_t)(2000 + i);
		append();
		for (int j = 0; j < 20; j++)
			call(&process);
	}
	exit_process(1, process.now_ns);
	end(process.now_ns);
}

/* A fan of children, each of which executes something. */
static void make_execs(uint32_t count)
{
	fork_process(1, 0, 1000);
	execute(1, 2000);
	for (uint32_t id = 2; id < count + 2; id++) {
		fork_process(id, 1, id * 10000u);
		execute(id, id * 10000u + 1000);
		exit_process(id, id * 10000u + 2000);
	}
	exit_process(1, (count + 2) * 10000u);
	end((count + 3) * 10000u);
}

/* Each process is the child of the one before it. */
static void make_chain(uint32_t count)
{
	for (uint32_t id = 1; id <= count; id++)
		fork_process(id, id - 1, id * 10000u);
	execute(count, count * 10000u + 1000);
	for (uint32_t id = count; id > 0; id--)
		exit_process(id, (2 * count - id) * 10000u + 20000);
	end(2 * count * 10000u + 20000);
}

static const struct {
	const char *name;
	void (*make)(uint32_t count);
} shapes[] = {
	{ "calls", make_calls }, { "build", make_build }, { "files", make_files },
	{ "threads", make_threads }, { "execs", make_execs }, { "chain", make_chain },
};

static int make(const char *name, uint32_t count, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t shape = 0;
	while (shape < sizeof shapes / sizeof *shapes && strcmp(shapes[shape].name, name) != 0)
		shape++;
	recording = fd < 0 ? NULL : recording_create(fd, 0);
	if (!recording || shape == sizeof shapes / sizeof *shapes)
		return EXIT_FAILURE;
	make_paths();
	start();
	shapes[shape].make(count);
	int error = recording_flush(recording);
	struct stat st;
	fstat(fd, &st);
	printf("%llu %llu %lld\n", (unsigned long long)made, (unsigned long long)calls, (long long)st.st_size);
	return error || recording_lost(recording) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return make(argv[1], (uint32_t)strtoul(argv[2], NULL, 10), argv[3]);
	fprintf(stderr, "usage: recordings calls|build|files|threads|execs|chain COUNT FILE\n");
	return 2;
}
