/* The hello of a shim, and its ring: see shimlink.h. */
#include "shimlink.h"

#include "fastpath.h"
#include "procfs.h"
#include "ptwrap/abi.h"
#include "ptwrap/fastpath.h"
#include "recorder.h"
#include "supervisor.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ERESTART_RESTARTBLOCK = 516 };

static bool is_in_shim(const struct process *process, uint64_t ip)
{
	return ip - process->text_start < process->text_len;
}

/* To open just anything that a process offers could block on a file system that the tree serves, or set
 * a device to work. */
static bool is_named_like_ring(pid_t tid, int fd)
{
	static const char ring[] = "/memfd:" PTWRAP_RING_NAME " (deleted)";
	char link[PROCFS_LINK];
	ssize_t len = procfs_fd_link(tid, fd, link, sizeof link);
	return len > 0 && bytes_equal(bytes_of(link, (size_t)len), bytes_of_string(ring));
}

/* The calls that abi.h lists, and no others: what pretends to be a shim hides nothing else by it. */
static bool is_a_shims(const struct event_syscall *made)
{
	switch (made->number) {
	case SYS_getpid:
	case SYS_gettid:
	case SYS_pread64:
	case SYS_close:
		return true;
	case SYS_mmap:
		return !(made->args[2] & PROT_EXEC);
	case SYS_prctl:
		return made->args[0] == PR_GET_NAME;
	case SYS_rt_tgsigqueueinfo:
		return made->args[2] == SIGSTOP;
	default:
		return false;
	}
}

/* Takes the memfd that the process offers. The size of its ring, or -errno. */
static int64_t adopt_ring(struct process *process, pid_t tid, int fd)
{
	char path[PROCFS_PATH], name[32];
	if (!is_named_like_ring(tid, fd))
		return -ENOSYS;
	snprintf(name, sizeof name, "fd/%d", fd);
	procfs_path(path, tid, name);
	int memfd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (memfd < 0)
		return -ENOSYS;
	struct ringread *ring = ringread_adopt(memfd, process->id);
	close(memfd);
	struct stream *stream = ring ? stream_create(ring, NULL, process->id, process->pid) : NULL;
	if (!stream) {
		ringread_close(ring);
		return -ENOSYS;
	}
	struct event head = { .t_ns = supervisor_now(), .process = process->id, .pid = process->pid, .tid = tid };
	recorder_release(process->stream);
	process->stream = stream;
	recorder_adopt(&head, process_thread_number(process, process->pid), stream);
	return RING_BYTES;
}

static void learn_text(struct process *process, uint64_t start, uint64_t len, uint64_t ip)
{
	process->text_start = start;
	process->text_len = len < 1024 * 1024 ? len : 0;
	if (!is_in_shim(process, ip))
		process->text_len = 0;
	process->shim = SHIM_GREETING;
}

bool shimlink_serve_call(struct process *process, pid_t tid, const struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	if (process->shim == SHIM_ABSENT || made->abi != ABI_X86_64)
		return false;
	/* Where a program has a filter of its own the call stops twice. */
	if (made->number == SYS_memfd_create && made->args[4] == PTWRAP_HELLO_MAGIC) {
		learn_text(process, made->args[2], made->args[3], call->ip);
		return true;
	}
	if (made->number == PTWRAP_HELLO_NUMBER && made->args[1] == PTWRAP_HELLO_MAGIC) {
		if (process->shim == SHIM_INJECTED)
			learn_text(process, made->args[2], made->args[3], call->ip);
		trace_answer(tid, adopt_ring(process, tid, (int)made->args[0]));
		return true;
	}
	if (process->shim != SHIM_GREETING)
		return false;
	bool own = is_in_shim(process, call->ip) && is_a_shims(made);
	bool last = own && made->number == SYS_close && made->args[2] == PTWRAP_HELLO_MAGIC;
	if (!own || last)
		process->shim = SHIM_ABSENT;
	return own;
}

bool shimlink_is_ring(struct bytes path)
{
	const struct shimfile *shim = supervisor_get()->shim;
	const char *end = shim ? strrchr(shim->path, '/') : NULL;
	size_t len = end ? (size_t)(end - shim->path) + 1 : 0, prefix = sizeof RINGFILE_PREFIX - 1;
	return len && path.len > len + prefix && memcmp(path.data, shim->path, len) == 0 &&
	       memcmp(path.data + len, RINGFILE_PREFIX, prefix) == 0 && !memchr(path.data + len, '/', path.len - len);
}

bool shimlink_opens_ring(const struct call *call)
{
	struct bytes path;
	return fastpath_is_exempt(call->ip) && call->event.syscall.number == SYS_open &&
	       call_find(call, ATTACH_PATH, 0, &path) && shimlink_is_ring(path);
}

bool shimlink_is_loading(const struct process *process, const struct call *call)
{
	const struct shimfile *shim = supervisor_get()->shim;
	if (process->shim == SHIM_ABSENT || !shim)
		return false;
	struct bytes path = bytes_of_string(shim->path), found;
	for (unsigned arg = 0; arg < 6; arg++)
		if ((call_find(call, ATTACH_ABS, arg, &found) && bytes_equal(found, path)) ||
		    (call_find(call, ATTACH_FD, arg, &found) && bytes_equal(found, path)))
			return true;
	return false;
}

bool shimlink_serve_signal(struct process *process, pid_t tid, const siginfo_t *info)
{
	uint64_t value = (uint64_t)(uintptr_t)info->si_value.sival_ptr ^ PTWRAP_HELLO_MAGIC;
	if (process->shim == SHIM_ABSENT || info->si_signo != SIGSTOP || info->si_code != SI_QUEUE ||
	    value > INT32_MAX)
		return false;
	process->shim = SHIM_ABSENT;
	if (supervisor_is_recording())
		adopt_ring(process, tid, (int)value);
	return true;
}

bool shimlink_serve_drain(struct process *process, pid_t tid, const struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	if (made->abi != ABI_X86_64 || made->number != FASTPATH_DRAIN_NUMBER)
		return false;
	if (process->stream)
		recorder_drain_now(process->stream, made->args[0] != 0, process_thread_number(process, tid));
	else
		supervisor_note(process->id, "lost", "a process whose birth was not seen wrote to its parent's ring");
	/* A ring that somebody has spoilt stays full for ever: the kernel view must do. */
	bool spoilt = process->stream && made->args[0] != 0 && stream_counters(process->stream).garbage > 0;
	if (spoilt)
		fastpath_leave(tid);
	trace_answer(tid, process->stream && !spoilt ? 0 : -ENOSYS);
	return true;
}

static struct call *call_of_announcement(const struct tracee *tracee, const struct announcement *announced)
{
	static const char no_strings[1];
	struct call *call = call_create();
	if (!call)
		return NULL;
	struct event_syscall *syscall = &call->event.syscall;
	unsigned arg = announced->number == SYS_execveat;
	call->event = (struct event){ .kind = EVENT_SYSCALL, .process = tracee->process->id,
				      .pid = tracee->process->pid, .tid = tracee->exec_tid };
	syscall->abi = ABI_X86_64;
	syscall->flags = SYSCALL_FROM_SHIM;
	syscall->number = announced->number;
	memcpy(syscall->args, announced->args, sizeof announced->args);
	call->desc = syscall_lookup(ABI_X86_64, announced->number);
	call->t_ticks = announced->t_ticks ? announced->t_ticks : 1;
	call->argv_count = announced->argc;
	call->hidden = !selection_reports(supervisor_get()->selection, ABI_X86_64, announced->number, syscall->args);
	call_attach(call, ATTACH_PATH, arg, 0, strbuf_bytes(&announced->path), announced->cut);
	call_attach(call, ATTACH_STRINGS, arg + 1, 0,
		    announced->argc == 0 ? bytes_of(no_strings, 0) :
					   bytes_of(announced->first.data ? announced->first.data : no_strings,
						    announced->first.len + 1), announced->cut);
	return call;
}

struct call *shimlink_announced_exec(const struct tracee *tracee)
{
	struct process *process = tracee->process;
	struct announcement announced;
	/* A former thread's own number is not told any more where it is another. */
	uint32_t thread = tracee->exec_tid == tracee->tid ? process_thread_number(process, tracee->tid) :
							    (uint32_t)tracee->exec_tid;
	if (!process->stream || !stream_take_announcement(process->stream, thread, &announced))
		return NULL;
	bool known = announced.number == SYS_execve || announced.number == SYS_execveat;
	struct call *call = known ? call_of_announcement(tracee, &announced) : NULL;
	announcement_free(&announced);
	return call;
}

bool shimlink_serve_interruption(const struct tracee *tracee, int64_t ret, uint64_t t_ns)
{
	struct process *process = tracee->process;
	struct ring_flight flight;
	if (!process->stream ||
	    !stream_flight_tell(process->stream, process_thread_number(process, tracee->tid),
				ret == -ERESTART_RESTARTBLOCK, &flight))
		return false;
	struct event head = { .t_ns = t_ns, .process = process->id, .pid = process->pid, .tid = tracee->tid };
	recorder_interrupted(&head, &flight, ret);
	return true;
}

void shimlink_new_image(struct process *process, bool injected, struct stream *stream)
{
	recorder_release(process->stream);
	process->stream = stream;
	process->shim = injected ? SHIM_INJECTED : SHIM_ABSENT;
}
