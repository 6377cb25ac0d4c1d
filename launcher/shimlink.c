/* The hello of a shim, and its ring: see shimlink.h. */
#include "shimlink.h"

#include "procfs.h"
#include "ptwrap/abi.h"
#include "redact.h"
#include "ringread.h"
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

enum { COMM_BYTES = 15 };

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
	ringread_close(process->ring);
	process->ring = ringread_adopt(memfd, process->id);
	close(memfd);
	return process->ring ? RING_BYTES : -ENOSYS;
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
	if (process->shim == SHIM_INJECTED && made->number == SYS_memfd_create &&
	    made->args[4] == PTWRAP_HELLO_MAGIC) {
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

struct drain {
	const struct process *process;
	uint64_t t_ns;
};

/* The kernel cuts a thread's name after 15 bytes. */
static struct bytes without_begun_secret(struct bytes name)
{
	const struct redactor *redactor = supervisor_get()->redactor;
	return redactor && name.len >= COMM_BYTES ? redactor_drop_begun(redactor, name) : name;
}

static int record_message(void *context, const struct ring_message *message)
{
	const struct drain *drain = context;
	struct event event = { .kind = EVENT_META, .t_ns = drain->t_ns, .process = drain->process->id,
			       .pid = drain->process->pid, .tid = drain->process->pid };
	if (message->kind == RING_LIBRARY && message->library.path.len > 0) {
		event.meta.meta_kind = META_LIBRARY;
		event.meta.text = message->library.path;
		event.meta.build_id = message->library.build_id;
	} else if (message->kind == RING_THREAD_NAME) {
		event.meta.meta_kind = META_THREAD_NAME;
		event.meta.text = without_begun_secret(message->thread_name);
	} else {
		return 0;
	}
	/* The shim itself is no library of the program's. */
	const struct shimfile *shim = supervisor_get()->shim;
	if (!shim || !bytes_equal(event.meta.text, bytes_of_string(shim->path)))
		supervisor_record(&event);
	return 0;
}

void shimlink_drain(struct process *process, uint64_t t_ns)
{
	struct drain drain = { process, t_ns };
	if (!process->ring)
		return;
	ringread_drain(process->ring, true, record_message, &drain);
	struct ringread_counters counters = ringread_counters(process->ring);
	if (counters.garbage)
		supervisor_note(process->id, "shim-suspect", "wrote to its ring what no shim writes");
	else if (counters.dropped)
		supervisor_note(process->id, "shim-refused", "its ring had no room for some of its libraries");
}

void shimlink_new_image(struct process *process, bool injected)
{
	ringread_close(process->ring);
	process->ring = NULL;
	process->shim = injected ? SHIM_INJECTED : SHIM_ABSENT;
}
