/* A ptwrap inside a ptwrap: see nested.h. */
#include "nested.h"

#include "launch.h"
#include "message.h"
#include "procfs.h"
#include "strbuf.h"

#include "ptwrap/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_TROUBLE = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* Every supervisor has that name, whatever ptwrap's file is called. */
static bool is_supervisor(pid_t pid)
{
	char path[PROCFS_PATH], name[sizeof PTWRAP_SUPERVISOR_NAME] = { 0 };
	procfs_path(path, pid, "comm");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, name, sizeof name);
	if (fd >= 0)
		close(fd);
	return len == sizeof name && memcmp(name, PTWRAP_SUPERVISOR_NAME "\n", sizeof name) == 0;
}

bool nested_is_audited(void)
{
	uint64_t tracer = 0;
	procfs_status_field(getpid(), "\nTracerPid:", 10, &tracer);
	if (tracer)
		return is_supervisor((pid_t)tracer);
	return syscall(PTWRAP_AUDITED_NUMBER, PTWRAP_HELLO_MAGIC) == PTWRAP_AUDITED_ANSWER;
}

static void tell(const struct options *options)
{
	struct strbuf names = { 0 };
	for (size_t i = 0; i < options->output_count; i++)
		strbuf_addf(&names, "%s %s", i ? "," : "; not written:", options->outputs[i].path);
	message_error("already audited by ptwrap", "COMMAND runs under that audit%.*s", (int)names.len, names.len ? names.data : "");
	strbuf_free(&names);
}

/* What only a tracer of COMMAND could keep to. */
static const char *unkept_option(const struct options *options)
{
	return options->policy_count ? "--policy" :
	       options->rule_count    ? "--rule" :
	       options->learn         ? "--learn" :
					NULL;
}

_Noreturn void nested_run(const struct options *options, const sigset_t *mask)
{
	char *path = NULL;
	const char *name = options->command[0], *unkept = unkept_option(options);
	if (unkept) {
		message_error("already audited by ptwrap", "%s is for the outermost one: COMMAND is not run", unkept);
		exit(EXIT_TROUBLE);
	}
	tell(options);
	int error = -launch_find(name, &path);
	struct launch launch = { .path = path, .argv = options->command, .user = options->user, .mask = *mask };
	if (!error)
		error = launch_exec(&launch);
	bool missing = !path && (error == ENOENT || error == ENOTDIR);
	message_error(name, "%s", missing && !strchr(name, '/') ? "command not found" : strerror(error));
	exit(missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}
