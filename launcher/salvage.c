/* Reading the rings of a dead run: see salvage.h. */
#include "salvage.h"

#include "capture.h"
#include "procfs.h"
#include "retell.h"
#include "stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { POLL_MS = 10 };

/* A task that the recording tells of. */
struct known {
	int32_t tid, pid;
	uint32_t process, order;
	bool ended;
};

static struct {
	const struct salvage *salvage;
	struct known *tasks; /* once sorted: by tid, then order */
	size_t count, capacity;
	struct call *call;
} desk;

/* ---- who was there ---- */

static void add_task(int32_t tid, int32_t pid, uint32_t process)
{
	if (desk.count == desk.capacity) {
		size_t capacity = desk.capacity ? desk.capacity * 2 : 256;
		struct known *tasks = realloc(desk.tasks, capacity * sizeof *tasks);
		if (!tasks)
			return;
		desk.tasks = tasks;
		desk.capacity = capacity;
	}
	desk.tasks[desk.count] = (struct known){ tid, pid, process, (uint32_t)desk.count, false };
	desk.count++;
}

static void end_task(int32_t tid)
{
	for (size_t i = desk.count; i > 0; i--) {
		if (desk.tasks[i - 1].tid != tid)
			continue;
		desk.tasks[i - 1].ended = true;
		return;
	}
}

static void take_event(const struct event *event)
{
	if (event->kind == EVENT_FORK)
		add_task(event->pid, event->pid, event->process);
	else if (event->kind == EVENT_THREAD)
		add_task(event->tid, event->pid, event->process);
	else if (event->kind == EVENT_EXIT || event->kind == EVENT_THREAD_EXIT)
		end_task(event->tid);
}

static int compare_tasks(const void *a, const void *b)
{
	const struct known *left = a, *right = b;
	if (left->tid != right->tid)
		return left->tid < right->tid ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

static void read_tasks(void)
{
	static struct event event;
	struct recording_reader *reader = recording_reader_open(desk.salvage->recording_fd);
	while (reader && recording_reader_next(reader, &event) == RECORDING_EVENT)
		take_event(&event);
	recording_reader_close(reader);
	if (desk.count)
		qsort(desk.tasks, desk.count, sizeof *desk.tasks, compare_tasks);
}

/* The last task of that thread id. */
static const struct known *find_task(int32_t tid)
{
	size_t low = 0, high = desk.count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (desk.tasks[middle].tid <= tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && desk.tasks[low - 1].tid == tid ? &desk.tasks[low - 1] : NULL;
}

/* Who has memory may still write to a ring; a zombie has none. */
static bool has_memory(pid_t pid)
{
	uint64_t size;
	return procfs_status_field(pid, "\nVmSize:", 10, &size) == 0;
}

static bool is_somebody_left(void)
{
	for (size_t i = 0; i < desk.count; i++)
		if (!desk.tasks[i].ended && has_memory(desk.tasks[i].pid))
			return true;
	return false;
}

/* ---- what they told ---- */

static struct writer writer_of(const struct stream *stream, uint32_t thread, struct writer_process *process)
{
	const struct known *task = find_task((int32_t)thread);
	*process = (struct writer_process){ .id = task ? task->process : stream_owner(stream),
					    .pid = task ? task->pid : (int32_t)thread };
	return (struct writer){ .tid = (int32_t)thread, .thread = thread, .process = process };
}

static void tell_call(struct writer *writer, const struct told *told)
{
	static const struct bytes withheld = { .data = "***", .len = 3 };
	struct told shown = *told;
	bool unknown_base;
	if (shown.message.syscall.data_arg != RING_DATA_RETURN && shown.message.syscall.data.len &&
	    desk.salvage->withhold)
		shown.message.syscall.data = withheld;
	if (!desk.call || !retell_call(writer, &shown, desk.call, &unknown_base))
		return;
	const struct event_syscall *syscall = &desk.call->event.syscall;
	if (selection_reports(desk.salvage->selection, ABI_X86_64, syscall->number, syscall->args))
		recording_append(desk.salvage->recording, call_event(desk.call), desk.salvage->redactor);
}

static enum telling tell(void *unused, struct stream *stream, const struct told *told)
{
	struct writer_process process;
	struct event event;
	(void)unused;
	struct writer writer = writer_of(stream, told->message.thread, &process);
	if (told->message.kind == RING_SYSCALL)
		tell_call(&writer, told);
	else if (!desk.salvage->withhold &&
		 retell_meta(&writer, told, desk.salvage->redactor, desk.salvage->shim, &event))
		recording_append(desk.salvage->recording, &event, desk.salvage->redactor);
	return TELLING_TAKEN;
}

static void read_ring(int fd)
{
	struct ringread *ring = ringread_attach(fd);
	struct stream *stream = ring ? stream_create(ring, NULL, (uint32_t)ringread_generation(ring), 0) : NULL;
	if (!stream) {
		ringread_close(ring);
		return;
	}
	stream_all_ended(stream);
	stream_collect(stream, desk.salvage->ticks);
	stream_tell(stream, tell, NULL);
	stream_release(stream);
}

static void read_all_rings(void)
{
	char directory[SHIMFILE_PATH];
	const char *end = strrchr(desk.salvage->shim->path, '/');
	size_t len = end ? (size_t)(end - desk.salvage->shim->path) : 0;
	memcpy(directory, desk.salvage->shim->path, len);
	directory[len] = '\0';
	DIR *dir = len ? opendir(directory) : NULL;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, RINGFILE_PREFIX, sizeof RINGFILE_PREFIX - 1) != 0)
			continue;
		int fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		read_ring(fd);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

void salvage_rings(const struct salvage *salvage)
{
	desk.salvage = salvage;
	if (recording_flush_orphaned(salvage->recording))
		return;
	capture_init();
	retell_init();
	ringread_guard();
	read_tasks();
	for (int waited = 0; waited < SALVAGE_WAIT_MS && is_somebody_left(); waited += POLL_MS)
		poll(NULL, 0, POLL_MS);
	desk.call = call_create();
	if (salvage->shim)
		read_all_rings();
	call_release(desk.call);
	free(desk.tasks);
	desk.tasks = NULL;
	desk.count = desk.capacity = 0;
}
