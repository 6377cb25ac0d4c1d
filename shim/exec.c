/* RING_EXEC: see exec.h. Reads the program's pointers before the kernel has, so with care (probe.h). */
#include "exec.h"

#include "probe.h"

#include <sys/syscall.h>

enum { PATH_BYTES = 4096, FIRST_BYTES = 256, ARGUMENTS_MAX = 1 << 20, PAGE = 4096 };

static uint32_t count_arguments(char *const *argv)
{
	uint32_t count = 0;
	for (uintptr_t asked = UINTPTR_MAX; argv && count < ARGUMENTS_MAX; count++) {
		const char *first = (const char *)&argv[count], *last = first + sizeof(*argv) - 1;
		uintptr_t page = (uintptr_t)last / PAGE;
		if (page != asked && (!probe_is_readable(first) || !probe_is_readable(last)))
			break;
		asked = page;
		if (!argv[count])
			break;
	}
	return count;
}

void exec_announce(const struct frame *frame, void (*emit_surely)(const struct emit_message *message))
{
	bool at = frame->number == SYS_execveat;
	const char *path = (const char *)(uintptr_t)frame->args[at];
	char *const *argv = (char *const *)(uintptr_t)frame->args[1 + at];
	uint32_t count = count_arguments(argv);
	size_t path_len = 0, first_len = 0;
	if (path)
		probe_string(path, PATH_BYTES, &path_len);
	if (count)
		probe_string(argv[0], FIRST_BYTES, &first_len);
	struct ring_exec exec = {
		.kind = RING_EXEC,
		.flags = first_len == FIRST_BYTES ? RING_CUT : 0,
		.number = (uint16_t)frame->number,
		.argc = count,
		.path_len = (uint16_t)path_len,
		.first_len = (uint16_t)first_len,
		.t_ticks = frame->t_ticks,
		.args = { frame->args[0], frame->args[1], frame->args[2], frame->args[3] },
	};
	emit_surely(&(struct emit_message){
		.thread = frame->thread,
		.part = { { &exec, sizeof(exec) }, { path, path_len }, { count ? argv[0] : NULL, first_len } } });
}
