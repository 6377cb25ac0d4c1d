/* Promises of the recorder: what the shims told and what the tracer saw come out as one order of cause and
 * effect; calls of the shims carry the names that the kernel view would have found; nothing that was handed
 * over is lost. Processes are played: rings are written through the shim's own writing end. */
#include "check.h"
#include "recorder.h"

#include "capture.h"
#include "redact.h"
#include "writers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The shim's emit.c is freestanding; here libc's memcpy serves it. */
#include "../../shim/emit.c"

enum { LINES_MAX = 30000, PID = 100 };

static struct {
	struct selection selection;
	struct recording *recording;
	struct redactor *redactor;
	uint64_t start_ns;
	int fd;
	char *lines[LINES_MAX]; /* one of each event, see add_line */
	size_t count;
	char directory[64];     /* of the files that are real */
} rig;

/* ---- a run, and what it recorded ---- */

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec - rig.start_ns;
}

static void begin_run(enum level level)
{
	char error[128];
	FILE *file = tmpfile();
	rig.start_ns = 0;
	rig.start_ns = now();
	rig.fd = file ? dup(fileno(file)) : -1;
	if (file)
		fclose(file);
	rig.redactor = redactor_create();
	rig.recording = recording_create(rig.fd, 0);
	if (rig.fd < 0 || !rig.recording || selection_init(&rig.selection, level, NULL, false, error, sizeof error))
		abort();
	recorder_start(&(struct ledger_setup){ .recording = rig.recording, .redactor = rig.redactor,
					       .selection = &rig.selection, .start_ns = rig.start_ns });
}

static void add_attachments(const struct event_syscall *syscall, struct strbuf *line)
{
	static const char *const kinds[ATTACH_KINDS] = { [ATTACH_PATH] = "PATH", [ATTACH_ABS] = "ABS",
							  [ATTACH_TARGET] = "TARGET", [ATTACH_FD] = "FD",
							  [ATTACH_STRINGS] = "STRINGS" };
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		struct bytes bytes = attach->bytes;
		strbuf_addf(line, " %s%d=", kinds[attach->kind] ? kinds[attach->kind] : "?", attach->arg);
		for (size_t at = 0; at < bytes.len; at++)
			strbuf_add_char(line, bytes.data[at] ? bytes.data[at] : ',');
	}
	if (syscall->flags & SYSCALL_DIRECTORY)
		strbuf_add_string(line, " DIRECTORY");
	if (syscall->flags & SYSCALL_NO_RETURN)
		strbuf_add_string(line, " NO_RETURN");
	if (!(syscall->flags & SYSCALL_FROM_SHIM))
		strbuf_add_string(line, " KERNEL");
}

/* "PROCESS/TID name(first argument)=result attachments" of a call; else "PROCESS/TID KIND". */
static void add_line(const struct event *event)
{
	static const char *const kinds[EVENT_KINDS] = { [EVENT_FORK] = "fork", [EVENT_THREAD] = "thread",
							 [EVENT_EXIT] = "exit", [EVENT_THREAD_EXIT] = "thread-exit",
							 [EVENT_EXEC] = "exec", [EVENT_SIGNAL] = "signal",
							 [EVENT_META] = "meta", [EVENT_NOTE] = "note", [EVENT_END] = "end" };
	struct strbuf line = { 0 };
	strbuf_addf(&line, "%u/%d ", event->process, event->tid);
	if (event->kind == EVENT_SYSCALL) {
		const struct syscall_desc *desc = syscall_lookup(ABI_X86_64, event->syscall.number);
		strbuf_addf(&line, "%s(%d)=%d", desc ? desc->name : "?", (int)event->syscall.args[0],
			    (int)event->syscall.ret);
		add_attachments(&event->syscall, &line);
		CHECK(event->t_ns + event->syscall.dur_ns <= now(), "a time that is yet to come");
	} else {
		strbuf_add_string(&line, kinds[event->kind] ? kinds[event->kind] : "?");
	}
	if (event->kind == EVENT_NOTE)
		strbuf_addf(&line, " %.*s", (int)event->note.note_kind.len, event->note.note_kind.data);
	if (event->kind == EVENT_SIGNAL)
		strbuf_addf(&line, " %d", event->signal.number);
	if (rig.count < LINES_MAX)
		rig.lines[rig.count++] = line.data;
}

static void end_run(void)
{
	static struct event event;
	struct event end = { .kind = EVENT_END, .t_ns = now() };
	recorder_finish(&end);
	recording_flush(rig.recording);
	struct recording_reader *reader = recording_reader_open(rig.fd);
	while (reader && recording_reader_next(reader, &event) == RECORDING_EVENT)
		add_line(&event);
	recording_reader_close(reader);
	recording_destroy(rig.recording);
	redactor_destroy(rig.redactor);
	close(rig.fd);
}

static void forget_run(void)
{
	for (size_t i = 0; i < rig.count; i++)
		free(rig.lines[i]);
	rig.count = 0;
}

/* Where the line stands, -1: nowhere. "%" at its end: whatever follows. */
static int line_at(const char *wanted)
{
	size_t len = strlen(wanted);
	bool open = len > 0 && wanted[len - 1] == '%';
	for (size_t i = 0; i < rig.count; i++)
		if (open ? strncmp(rig.lines[i], wanted, len - 1) == 0 : strcmp(rig.lines[i], wanted) == 0)
			return (int)i;
	return -1;
}

static int count_of(const char *start)
{
	int count = 0;
	for (size_t i = 0; i < rig.count; i++)
		count += strncmp(rig.lines[i], start, strlen(start)) == 0;
	return count;
}

static void show(void)
{
	for (size_t i = 0; i < rig.count && i < 40; i++)
		fprintf(stderr, "  | %s\n", rig.lines[i]);
}

#define CHECK_LINE(...)                                                                            \
	do {                                                                                       \
		char wanted[512];                                                                  \
		snprintf(wanted, sizeof wanted, __VA_ARGS__);                                      \
		if (line_at(wanted) < 0)                                                           \
			show();                                                                    \
		CHECK(line_at(wanted) >= 0, "%s", wanted);                                         \
	} while (0)

#define CHECK_ORDER(first, second)                                                                 \
	do {                                                                                       \
		if (line_at(first) < 0 || line_at(first) >= line_at(second))                       \
			show();                                                                    \
		CHECK(line_at(first) >= 0 && line_at(first) < line_at(second), "%s | %s", first, second); \
	} while (0)

/* ---- played processes ---- */

struct image_ring {
	struct stream *stream;
	struct ring *ring;
};

/* The reader's own mapping (its first member) serves both ends: a thread sanitizer compares addresses. */
static struct image_ring make_ring(uint32_t owner, int32_t pid)
{
	struct image_ring made;
	int memfd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ringread *reader = ringread_adopt(memfd, owner);
	close(memfd);
	if (!reader)
		abort();
	memcpy(&made.ring, reader, sizeof made.ring);
	made.stream = stream_create(reader, NULL, owner, pid);
	return made;
}

static struct event head_of(uint32_t process, int32_t pid)
{
	return (struct event){ .t_ns = now(), .process = process, .pid = pid, .tid = pid };
}

static void set_text(struct image *image, enum image_text which, const char *text, size_t len)
{
	strbuf_add(&image->text[which], text, len);
}

/* An exec of the process, which leaves 0 and 7 open and stands in the rig's directory. */
static struct image_ring exec_image(uint32_t process, int32_t pid, int32_t former_tid, struct call *call)
{
	static const char fds[] = "0=/dev/null\0" "7=/usr";
	struct image_ring made = make_ring(process, pid);
	struct image *image = image_create();
	set_text(image, IMAGE_FDS, fds, sizeof fds);
	set_text(image, IMAGE_CWD, rig.directory, strlen(rig.directory));
	set_text(image, IMAGE_PATH, "/bin/played", 11);
	set_text(image, IMAGE_ARGV, "played\0-x", 10);
	set_text(image, IMAGE_ENVIRONMENT, "A=b\0MY_TOKEN=verysecretvalue", 29);
	struct event head = head_of(process, pid);
	recorder_exec(&head, former_tid, (uint32_t)pid, image, call, made.stream);
	return made;
}

/* A call that begins now and is over when it is told. */
struct played {
	uint32_t thread, number;
	int64_t ret;
	uint64_t args[4];
	const void *data;
	size_t len;
	uint8_t data_arg;
	uint64_t begun, ticks; /* 0: now */
};

static bool play(struct ring *ring, struct played call)
{
	uint64_t begun = call.begun ? call.begun : ticks_now();
	struct ring_syscall message = {
		.kind = RING_SYSCALL, .number = (uint16_t)call.number, .arg_count = 4, .data_arg = call.data_arg,
		.data_len = (uint16_t)call.len, .t_ticks = begun, .ret = call.ret,
		.dur_ticks = call.ticks ? call.ticks : ticks_now() - begun,
		.args = { call.args[0], call.args[1], call.args[2] },
	};
	return emit(ring, &(struct emit_message){ .thread = call.thread,
		.part = { { &message, sizeof message }, { &call.args[3], 8 }, { call.data, call.len } } });
}

static void play_path(struct ring *ring, uint32_t thread, uint32_t number, int64_t ret, uint8_t arg, int dirfd,
		      const char *path, uint64_t flags)
{
	struct played call = { .thread = thread, .number = number, .ret = ret, .data = path, .len = strlen(path),
			       .data_arg = arg };
	call.args[0] = arg ? (uint64_t)(int64_t)dirfd : 1;
	call.args[arg] = 1;
	call.args[arg + 1] = flags;
	play(ring, call);
}

static void play_openat(struct ring *ring, uint32_t thread, int dirfd, const char *path, int64_t ret)
{
	play_path(ring, thread, SYS_openat, ret, 1, dirfd, path, O_RDONLY);
}

static void play_close(struct ring *ring, uint32_t thread, int fd)
{
	play(ring, (struct played){ .thread = thread, .number = SYS_close, .args = { (uint64_t)fd } });
}

static void exit_task(uint32_t process, int32_t pid, int32_t tid)
{
	struct event event = head_of(process, pid);
	event.tid = tid;
	event.kind = tid == pid ? EVENT_EXIT : EVENT_THREAD_EXIT;
	if (tid == pid)
		event.exit = (struct event_exit){ 0 };
	recorder_event(&event);
}

static void fork_task(uint32_t process, int32_t pid, int32_t parent_tid, unsigned shares)
{
	struct event event = head_of(process, pid);
	event.kind = EVENT_FORK;
	event.tid = parent_tid;
	event.fork = (struct event_fork){ .parent = 1, .ppid = PID };
	recorder_birth(&event, parent_tid, pid, (uint32_t)pid, shares);
}

static void thread_task(uint32_t process, int32_t pid, int32_t tid, int32_t parent_tid)
{
	struct event event = head_of(process, pid);
	event.kind = EVENT_THREAD;
	event.tid = tid;
	recorder_birth(&event, parent_tid, tid, (uint32_t)tid, WRITER_FILES | WRITER_FS);
}

/* A call of the kernel view's: openat that gave fd that name. */
static void kernel_openat(uint32_t process, int32_t tid, int fd, const char *name)
{
	struct call *call = call_create();
	call->event = (struct event){ .kind = EVENT_SYSCALL, .t_ns = now(), .process = process, .pid = PID, .tid = tid };
	call->event.syscall.number = SYS_openat;
	call->event.syscall.ret = fd;
	call->desc = syscall_lookup(ABI_X86_64, SYS_openat);
	call_attach(call, ATTACH_FD, ATTACH_RETURN, 0, bytes_of_string(name), false);
	call->event.syscall.dur_ns = now() - call->event.t_ns;
	recorder_call(call);
}

/* ---- names ---- */

static void test_an_open_file_has_its_names(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	char path[128];
	snprintf(path, sizeof path, "%s/link", rig.directory);
	play_openat(image.ring, PID, AT_FDCWD, path, 3);
	play_openat(image.ring, PID, AT_FDCWD, "folder/", 4);
	play_openat(image.ring, PID, AT_FDCWD, "folder/../file", 5);
	play_openat(image.ring, PID, 4, "gone", 6);
	play_openat(image.ring, PID, 9, "somewhere", -ENOENT);
	play_openat(image.ring, PID, 10, "nowhere", -EBADF);
	recorder_release(image.stream);
	end_run();
	const char *dir = rig.directory;
	CHECK_LINE("1/100 openat(-100)=3 FD0=%s PATH1=%s ABS1=%s FD6=%s/file TARGET1=%s/file", dir, path, path, dir, dir);
	CHECK_LINE("1/100 openat(-100)=4 FD0=%s PATH1=folder/ ABS1=%s/folder FD6=%s/folder DIRECTORY", dir, dir, dir);
	CHECK_LINE("1/100 openat(-100)=5 FD0=%s PATH1=folder/../file ABS1=%s/file FD6=%s/file", dir, dir, dir);
	CHECK_LINE("1/100 openat(4)=6 FD0=%s/folder PATH1=gone ABS1=%s/folder/gone FD6=%s/folder/gone", dir, dir, dir);
	CHECK_LINE("1/100 openat(9)=-2 PATH1=somewhere");
	CHECK(count_of("1/0 note unknown-base") == 1, "noted");
	forget_run();
}

static void test_descriptors_that_an_exec_left_are_known(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .ret = 1, .args = { 7 } });
	play_path(image.ring, PID, SYS_newfstatat, 0, 1, 7, "share", 0);
	play_path(image.ring, PID, SYS_newfstatat, 0, 1, 7, "", 0);
	recorder_release(image.stream);
	end_run();
	CHECK_LINE("1/100 read(7)=1 FD0=/usr");
	CHECK_LINE("1/100 newfstatat(7)=0 FD0=/usr PATH1=share ABS1=/usr/share");
	CHECK_LINE("1/100 newfstatat(7)=0 FD0=/usr PATH1=");
	forget_run();
}

static void test_duplicates_sockets_and_directories(void)
{
	uint64_t inode = 4711;
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_dup, .ret = 8, .args = { 7 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_fcntl, .ret = 9, .args = { 8, F_DUPFD_CLOEXEC } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_dup2, .ret = 0, .args = { 9, 0 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_socket, .ret = 3, .data = &inode,
					  .len = sizeof inode, .data_arg = RING_DATA_RETURN });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_close_range, .args = { 8, 9 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .args = { 3 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .args = { 8 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_fchdir, .args = { 0 } });
	play_path(image.ring, PID, SYS_chdir, 0, 0, 0, "..", 0);
	play_path(image.ring, PID, SYS_access, 0, 0, 0, "tmp", 0);
	recorder_release(image.stream);
	end_run();
	CHECK_LINE("1/100 dup(7)=8 FD0=/usr FD6=/usr");
	CHECK_LINE("1/100 fcntl(8)=9 FD0=/usr");
	CHECK_LINE("1/100 dup2(9)=0 FD0=/usr FD1=/dev/null FD6=/usr");
	CHECK_LINE("1/100 socket(0)=3 FD6=socket:[4711]");
	CHECK_LINE("1/100 read(3)=0 FD0=socket:[4711]");
	CHECK_LINE("1/100 read(8)=0");
	CHECK_LINE("1/100 chdir(1)=0 PATH0=.. ABS0=/");
	CHECK_LINE("1/100 access(1)=0 PATH0=tmp ABS0=/tmp");
	forget_run();
}

/* At audit a close is nobody's business, but it tells what is not known any more. */
static void test_calls_that_are_not_reported_count_all_the_same(void)
{
	begin_run(LEVEL_AUDIT);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play_close(image.ring, PID, 7);
	play_path(image.ring, PID, SYS_newfstatat, 0, 1, 7, "share", 0);
	recorder_release(image.stream);
	end_run();
	CHECK(count_of("1/100 close") == 0, "reported");
	CHECK_LINE("1/100 newfstatat(7)=0 PATH1=share");
	forget_run();
}

/* ---- order ---- */

static void test_a_kernel_call_stands_where_it_was_made(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .ret = 1, .args = { 7 } });
	kernel_openat(1, PID, 7, "/etc");
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .ret = 2, .args = { 7 } });
	kernel_openat(1, PID, 7, "/bin");
	play(image.ring, (struct played){ .thread = PID, .number = SYS_read, .ret = 3, .args = { 7 } });
	exit_task(1, PID, PID);
	recorder_release(image.stream);
	end_run();
	CHECK_ORDER("1/100 read(7)=1 FD0=/usr", "1/100 openat(0)=7 FD6=/etc KERNEL");
	CHECK_ORDER("1/100 openat(0)=7 FD6=/etc KERNEL", "1/100 read(7)=2 FD0=/etc");
	CHECK_ORDER("1/100 read(7)=2 FD0=/etc", "1/100 openat(0)=7 FD6=/bin KERNEL");
	CHECK_ORDER("1/100 read(7)=3 FD0=/bin", "1/100 exit");
	forget_run();
}

/* Thread 102 closes 7 while thread 101's open, which began before and will get 7, is not over. */
static void test_the_order_is_that_of_effect(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	thread_task(1, PID, 101, PID);
	thread_task(1, PID, 102, PID);
	uint64_t begun = ticks_now();
	play_close(image.ring, 102, 7);
	play(image.ring, (struct played){ .thread = 101, .number = SYS_openat, .ret = 7, .begun = begun, .data = "/bin",
					  .len = 4, .data_arg = 1, .args = { (uint64_t)AT_FDCWD, 1 } });
	play(image.ring, (struct played){ .thread = 102, .number = SYS_fstat, .args = { 7 } });
	recorder_release(image.stream);
	end_run();
	CHECK(line_at("1/102 fstat(7)=0 FD0=%") >= 0, "known");
	CHECK_ORDER("1/102 close(7)=0 FD0=/usr", "1/102 fstat(7)=0 FD0=%");
	forget_run();
}

static void test_a_fork_copies_and_a_thread_shares(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	fork_task(2, 200, PID, 0);
	thread_task(1, PID, 101, PID);
	play_close(image.ring, 200, 7);
	play(image.ring, (struct played){ .thread = 200, .number = SYS_fstat, .args = { 7 } });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_fstat, .args = { 7 } });
	play_close(image.ring, 101, 7);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_fstat, .ret = -EBADF, .args = { 7 } });
	fork_task(3, 300, PID, WRITER_FILES);
	play_openat(image.ring, 300, AT_FDCWD, "/bin", 7);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_fstat, .ret = 1, .args = { 7 } });
	exit_task(2, 200, 200);
	recorder_release(image.stream);
	end_run();
	CHECK_LINE("2/200 fstat(7)=0");
	CHECK_LINE("1/100 fstat(7)=0 FD0=/usr");
	CHECK_LINE("1/100 fstat(7)=-9");
	CHECK(line_at("1/100 fstat(7)=1 FD0=%") >= 0, "opened by who shares");
	CHECK_ORDER("2/100 fork", "2/200 fstat(7)=0");
	CHECK_ORDER("2/200 fstat(7)=0", "2/200 exit");
	forget_run();
}

/* The child's messages lie in the ring, and its birth in the queue, before the recorder looks at either. */
static void test_a_childs_messages_come_behind_its_birth(void)
{
	for (int round = 0; round < 30; round++) {
		begin_run(LEVEL_ALL);
		struct image_ring image = exec_image(1, PID, PID, NULL);
		for (int i = 0; i < 20; i++) {
			play(image.ring, (struct played){ .thread = PID, .number = SYS_getppid, .ret = i });
			fork_task((uint32_t)(2 + i), 200 + i, PID, 0);
			play(image.ring, (struct played){ .thread = (uint32_t)(200 + i), .number = SYS_getuid });
			if (round % 3 == 0)
				recorder_drain_now(image.stream, round % 2, PID);
		}
		recorder_release(image.stream);
		end_run();
		for (uint32_t i = 0; i < 20; i++) {
			char birth[32], told[32];
			snprintf(birth, sizeof birth, "%u/%d fork", 2 + i, PID);
			snprintf(told, sizeof told, "%u/%u getuid(0)=0", 2 + i, 200 + i);
			CHECK_ORDER(birth, told);
		}
		forget_run();
	}
}

static void test_who_was_never_born_speaks_for_the_image(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play(image.ring, (struct played){ .thread = 4000000, .number = SYS_getuid });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid, .begun = UINT64_MAX - 5, .ticks = 3 });
	play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid, .begun = 1, .ticks = UINT64_MAX });
	exit_task(1, PID, PID);
	recorder_release(image.stream);
	end_run();
	CHECK(count_of("1/100 getuid(0)=0") == 3, "%d", count_of("1/100 getuid"));
	CHECK_ORDER("1/100 getuid(0)=0", "1/100 exit");
	forget_run();
}

/* ---- ends ---- */

static void set_flight(struct ring *ring, uint32_t thread, uint32_t number, enum ring_flight_state state)
{
	ring->flight[ring_flight_slot(thread)] = (struct ring_flight){ .thread = thread, .state = state, .number = number,
								       .t_ticks = ticks_now(), .args = { 7 } };
}

static void test_a_call_that_never_came_back_is_told_before_the_end(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	for (int tid = 101; tid <= 104; tid++)
		thread_task(1, PID, tid, PID);
	set_flight(image.ring, 101, SYS_read, RING_FLIGHT_INSIDE);
	set_flight(image.ring, 102, SYS_read, RING_FLIGHT_TOLD);
	set_flight(image.ring, 103, SYS_read, RING_FLIGHT_RECORDING);
	play(image.ring, (struct played){ .thread = 103, .number = SYS_read, .ret = 5, .args = { 7 },
					  .begun = image.ring->flight[103 % RING_FLIGHTS].t_ticks });
	set_flight(image.ring, PID, SYS_exit_group, RING_FLIGHT_INSIDE);
	struct stream *kept = stream_share(image.stream);
	for (int tid = 101; tid <= 104; tid++)
		exit_task(1, PID, tid);
	exit_task(1, PID, PID);
	recorder_release(image.stream);
	end_run();
	for (int tid = PID; tid <= 104; tid++)
		CHECK(image.ring->flight[tid % RING_FLIGHTS].state == RING_FLIGHT_NONE, "%d: free for others", tid);
	stream_release(kept);
	CHECK_ORDER("1/101 read(7)=0 FD0=/usr NO_RETURN", "1/101 thread-exit");
	CHECK(count_of("1/102 read") == 0, "told when the signal came");
	CHECK(count_of("1/103 read") == 1 && line_at("1/103 read(7)=5 FD0=/usr") >= 0, "told once");
	CHECK_ORDER("1/100 exit_group(7)=0 NO_RETURN", "1/100 exit");
	forget_run();
}

/* A number that is used again at once. */
static void test_a_call_that_began_later_is_anothers(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	struct stream *kept = stream_share(image.stream);
	thread_task(1, PID, 101, PID);
	struct event ended = head_of(1, PID);
	ended.kind = EVENT_THREAD_EXIT;
	ended.tid = 101;
	set_flight(image.ring, 101, SYS_read, RING_FLIGHT_INSIDE);
	recorder_event(&ended);
	recorder_release(image.stream);
	end_run();
	CHECK(count_of("1/101 read") == 0, "not its");
	CHECK(image.ring->flight[101 % RING_FLIGHTS].state == RING_FLIGHT_INSIDE, "still there");
	stream_release(kept);
	forget_run();
}

static void test_an_interrupted_call_has_its_result(void)
{
	struct ring_flight flight;
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	set_flight(image.ring, PID, SYS_read, RING_FLIGHT_INSIDE);
	CHECK(stream_flight_tell(image.stream, PID, false, &flight), "told");
	struct event head = head_of(1, PID);
	recorder_interrupted(&head, &flight, -512);
	struct event event = head_of(1, PID);
	event.kind = EVENT_SIGNAL;
	event.signal = (struct event_signal){ .number = SIGTERM };
	recorder_event(&event);
	exit_task(1, PID, PID);
	recorder_release(image.stream);
	end_run();
	CHECK_ORDER("1/100 read(7)=-512 FD0=/usr", "1/100 signal 15");
	CHECK(count_of("1/100 read") == 1, "once");
	forget_run();
}

static void announce(struct ring *ring, uint32_t thread, const char *path, const char *first, uint32_t argc)
{
	struct ring_exec exec = { .kind = RING_EXEC, .number = SYS_execve, .argc = argc,
				  .path_len = (uint16_t)strlen(path), .first_len = (uint16_t)strlen(first),
				  .t_ticks = ticks_now(), .args = { 1, 2, 3 } };
	emit(ring, &(struct emit_message){ .thread = thread,
		.part = { { &exec, sizeof exec }, { path, strlen(path) }, { first, strlen(first) } } });
}

static void test_an_announcement_is_the_last_one(void)
{
	struct announcement found;
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	announce(image.ring, PID, "/a/x", "x", 1);
	play_path(image.ring, PID, SYS_execve, -ENOENT, 0, 0, "/a/x", 0);
	CHECK(!stream_take_announcement(image.stream, PID, &found), "that one failed");
	announce(image.ring, PID, "/b/x", "x", 1);
	announce(image.ring, 101, "/c/x", "x", 1);
	announce(image.ring, PID, "/d/x", "zero", 3);
	CHECK(stream_take_announcement(image.stream, PID, &found), "announced");
	CHECK(found.argc == 3 && found.number == SYS_execve && strcmp(found.path.data, "/d/x") == 0 &&
	      strcmp(found.first.data, "zero") == 0, "%s", found.path.data);
	announcement_free(&found);
	CHECK(stream_gather(image.stream, 0) > 0, "what was looked at is still there");
	for (uint32_t i = 0; i < 300; i++)
		announce(image.ring, 1000 + i, "/e", "e", 1);
	stream_gather(image.stream, 0);
	CHECK(!stream_take_announcement(image.stream, 101, &found), "too many at once");
	recorder_release(image.stream);
	end_run();
	CHECK_LINE("1/100 execve(1)=-2 PATH0=/a/x ABS0=/a/x");
	forget_run();
}

static struct call *announced_call(int32_t tid)
{
	struct call *call = call_create();
	call->event = (struct event){ .kind = EVENT_SYSCALL, .process = 1, .pid = PID, .tid = tid };
	call->event.syscall.number = SYS_execve;
	call->event.syscall.flags = SYSCALL_FROM_SHIM;
	call->desc = syscall_lookup(ABI_X86_64, SYS_execve);
	call->t_ticks = ticks_now();
	call_attach(call, ATTACH_PATH, 0, 0, bytes_of_string("played"), false);
	call_attach(call, ATTACH_STRINGS, 1, 0, bytes_of("played", 7), false);
	return call;
}

static void test_an_exec_ends_what_was(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring first = exec_image(1, PID, PID, NULL);
	thread_task(1, PID, 101, PID);
	set_flight(first.ring, PID, SYS_pause, RING_FLIGHT_INSIDE);
	set_flight(first.ring, 101, SYS_execve, RING_FLIGHT_INSIDE);
	play_openat(first.ring, 101, AT_FDCWD, "/verysecretvalue", 3);
	struct image_ring second = exec_image(1, PID, 101, announced_call(101));
	play(second.ring, (struct played){ .thread = PID, .number = SYS_fstat, .args = { 3 } });
	recorder_release(first.stream);
	exit_task(1, PID, PID);
	recorder_release(second.stream);
	end_run();
	CHECK_ORDER("1/100 pause(0)=0 NO_RETURN", "1/101 execve(0)=0 PATH0=played ABS0=%");
	CHECK_LINE("1/101 execve(0)=0 PATH0=played ABS0=/bin/played STRINGS1=played,-x, STRINGS2=,,");
	CHECK(count_of("1/100 exec") == 2 && count_of("1/101 execve") == 1, "once");
	CHECK_LINE("1/100 fstat(3)=0");
	CHECK_LINE("1/101 openat(-100)=3 FD0=%s PATH1=/*** ABS1=/*** FD6=/***", rig.directory);
	forget_run();
}

/* ---- much ---- */

static void test_a_full_ring_loses_nothing(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	for (int i = 0; i < 20000; i++)
		while (!play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid, .ret = i }))
			recorder_drain_now(image.stream, true, PID);
	exit_task(1, PID, PID);
	recorder_release(image.stream);
	end_run();
	CHECK(count_of("1/100 getuid") == 20000, "%d", count_of("1/100 getuid"));
	bool sorted = true;
	for (int i = 0, next = 0; i < (int)rig.count; i++) {
		char wanted[48];
		snprintf(wanted, sizeof wanted, "1/100 getuid(0)=%d", next);
		if (strncmp(rig.lines[i], "1/100 getuid", 12) == 0)
			sorted &= strcmp(rig.lines[i], wanted) == 0, next++;
	}
	CHECK(sorted, "in order");
	forget_run();
}

static void test_a_full_queue_loses_nothing(void)
{
	begin_run(LEVEL_AUDIT);
	for (int i = 0; i < 25000; i++) {
		struct event event = { .kind = EVENT_SIGNAL, .t_ns = now(), .process = 1, .pid = PID, .tid = PID };
		event.signal = (struct event_signal){ .number = i };
		recorder_event(&event);
	}
	end_run();
	CHECK(rig.count == 25001, "%zu", rig.count);
	for (int i = 0; i < 25000; i += 997) {
		char wanted[32];
		snprintf(wanted, sizeof wanted, "1/100 signal %d", i);
		CHECK(i < (int)rig.count && strcmp(rig.lines[i], wanted) == 0, "%s", rig.lines[i]);
	}
	forget_run();
}

static void test_slices_are_copied(void)
{
	begin_run(LEVEL_AUDIT);
	char kind[] = "lost", text[] = "some text";
	struct event event = { .kind = EVENT_NOTE, .t_ns = now(), .process = 1 };
	event.note.note_kind = bytes_of_string(kind);
	event.note.text = bytes_of_string(text);
	recorder_event(&event);
	memset(kind, 'x', sizeof kind);
	memset(text, 'x', sizeof text);
	end_run();
	CHECK_LINE("1/0 note lost");
	forget_run();
}

static void test_after_the_end_all_is_dropped(void)
{
	begin_run(LEVEL_ALL);
	struct image_ring image = exec_image(1, PID, PID, NULL);
	play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid, .ret = 1 });
	end_run();
	CHECK_ORDER("1/100 getuid(0)=1", "0/0 end");
	while (play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid }))
		;
	recorder_drain_now(image.stream, true, PID);
	CHECK(play(image.ring, (struct played){ .thread = PID, .number = SYS_getuid }), "room");
	exit_task(1, PID, PID);
	recorder_call(call_create());
	recorder_release(image.stream);
	forget_run();
}

static void make_files(void)
{
	char path[128];
	snprintf(rig.directory, sizeof rig.directory, "/tmp/test-recorder-XXXXXX");
	if (!mkdtemp(rig.directory))
		abort();
	snprintf(path, sizeof path, "%s/folder", rig.directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/file", rig.directory);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof path, "%s/link", rig.directory);
	CHECK(symlink("file", path) == 0, "symlink");
}

static void remove_files(void)
{
	static const char *const names[] = { "folder", "file", "link", "" };
	char path[128];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", rig.directory, names[i]);
		remove(path);
	}
}

int main(void)
{
	capture_init();
	make_files();
	test_an_open_file_has_its_names();
	test_descriptors_that_an_exec_left_are_known();
	test_duplicates_sockets_and_directories();
	test_calls_that_are_not_reported_count_all_the_same();
	test_a_kernel_call_stands_where_it_was_made();
	test_the_order_is_that_of_effect();
	test_a_fork_copies_and_a_thread_shares();
	test_a_childs_messages_come_behind_its_birth();
	test_who_was_never_born_speaks_for_the_image();
	test_a_call_that_never_came_back_is_told_before_the_end();
	test_a_call_that_began_later_is_anothers();
	test_an_interrupted_call_has_its_result();
	test_an_announcement_is_the_last_one();
	test_an_exec_ends_what_was();
	test_a_full_ring_loses_nothing();
	test_a_full_queue_loses_nothing();
	test_slices_are_copied();
	test_after_the_end_all_is_dropped();
	remove_files();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
