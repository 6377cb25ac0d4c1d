/* The NDJSON report: every event of the recording, one a line. */
#include "decode/decode.h"
#include "decode/formats.h"
#include "model/attachments.h"
#include "model/errnos.h"
#include "model/model.h"
#include "report/formats.h"
#include "report/jsonwriter.h"
#include "syscall.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

struct ndjson {
	struct json json;
	const struct model *model;
	struct strbuf text;
};

static void id_or_null(struct json *json, const char *key, uint32_t id)
{
	if (id)
		json_uint(json, key, id);
	else
		json_null(json, key);
}

static void text_unless_empty(struct json *json, const char *key, struct bytes text)
{
	if (text.len)
		json_text(json, key, text);
	else
		json_null(json, key);
}

static void write_signal(struct json *json, const char *key, int number)
{
	const char *name = syscall_signal_name(number);
	if (name)
		json_string(json, key, name);
	else
		json_int(json, key, number);
}

static void write_status(struct json *json, int32_t status)
{
	if (WIFSIGNALED(status)) {
		json_null(json, "code");
		write_signal(json, "signal", WTERMSIG(status));
	} else {
		json_int(json, "code", WEXITSTATUS(status));
		json_null(json, "signal");
	}
}

static void take_start(struct ndjson *state, const struct event *event)
{
	struct json *json = &state->json;
	json_string(json, "what", "start");
	json_text(json, "version", event->start.version);
	json_text(json, "level", event->start.level);
	if (event->start.trace.len)
		json_text(json, "trace", event->start.trace);
	json_strings(json, "command", event->start.command);
	json_text(json, "cwd", event->start.cwd);
	json_uint(json, "realtime_ns", event->start.realtime_ns);
	json_text(json, "host", event->start.host_name);
	json_text(json, "kernel", event->start.kernel);
	json_text(json, "arch", event->start.arch);
	json_uint(json, "cpus", event->start.cpus);
	json_uint(json, "uid", event->start.uid);
}

static void take_fork(struct ndjson *state, const struct event *event)
{
	static const char *const kinds[] = { "fork", "vfork", "clone" };
	id_or_null(&state->json, "parent", event->fork.parent);
	json_int(&state->json, "ppid", event->fork.ppid);
	json_string(&state->json, "how", kinds[event->fork.fork_kind <= FORK_CLONE ?
					       event->fork.fork_kind : FORK_CLONE]);
}

static void take_thread(struct ndjson *state, const struct event *event)
{
	(void)event;
	json_string(&state->json, "what", "thread");
}

static void take_thread_exit(struct ndjson *state, const struct event *event)
{
	json_string(&state->json, "what", "thread_exit");
	write_status(&state->json, event->thread_status);
}

static void take_exec(struct ndjson *state, const struct event *event)
{
	const struct event_exec *exec = &event->exec;
	struct json *json = &state->json;
	json_text(json, "path", exec->path);
	json_strings(json, "argv", exec->argv);
	text_unless_empty(json, "cwd", exec->cwd);
	text_unless_empty(json, "interpreter", exec->interpreter);
	text_unless_empty(json, "loader", exec->loader);
	json_string(json, "arch", exec->flags & EXEC_I386 ? "i386" : "x86_64");
	if (!(exec->flags & EXEC_UNREAD))
		json_string(json, "linkage", exec->flags & EXEC_STATIC ? "static" : "dynamic");
	json_uint(json, "uid", exec->uid);
	json_uint(json, "gid", exec->gid);
	if (exec->flags & EXEC_OTHER_ROOT)
		json_text(json, "root", exec->root);
}

static void take_exit(struct ndjson *state, const struct event *event)
{
	write_status(&state->json, event->exit.status);
}

/* Arguments that are plain numbers stand there as JSON numbers, all others as decoded text. */
enum number { NOT_A_NUMBER, SIGNED_32, UNSIGNED_32, SIGNED_64, UNSIGNED_64 };

static const uint8_t numbers[] = {
	[FORMAT_INT] = SIGNED_32, [FORMAT_UINT] = UNSIGNED_32, [FORMAT_LONG] = SIGNED_64,
	[FORMAT_ULONG] = UNSIGNED_64, [FORMAT_PID] = SIGNED_32,
};

static enum number number_of(const struct event_syscall *syscall, unsigned format)
{
	enum number number = format < sizeof numbers ? numbers[format] : NOT_A_NUMBER;
	if (syscall->abi == ABI_I386 && number == SIGNED_64)
		return SIGNED_32;
	return number;
}

/* A path that was read whole stands there as it is, without quotes. */
static bool write_path(struct ndjson *state, const struct event *event,
		       const struct syscall_arg *arg, unsigned index)
{
	if (arg->format != FORMAT_PATH)
		return false;
	const struct attach *path = attachment_next(&event->syscall, ATTACH_PATH, index, NULL);
	if (!path || path->truncated)
		return false;
	json_text(&state->json, arg->name, path->bytes);
	return true;
}

static void write_argument(struct ndjson *state, const struct event *event,
			   const struct syscall_desc *desc, unsigned arg)
{
	const char *name = desc->args[arg].name;
	uint64_t value = event->syscall.args[arg];
	switch (number_of(&event->syscall, desc->args[arg].format)) {
	case SIGNED_32: json_int(&state->json, name, (int32_t)value); break;
	case UNSIGNED_32: json_uint(&state->json, name, (uint32_t)value); break;
	case SIGNED_64: json_int(&state->json, name, (int64_t)value); break;
	case UNSIGNED_64: json_uint(&state->json, name, value); break;
	case NOT_A_NUMBER:
		if (write_path(state, event, &desc->args[arg], arg))
			return;
		strbuf_reset(&state->text);
		decode_arg(&state->text, event, arg);
		json_text(&state->json, name, strbuf_bytes(&state->text));
	}
}

static void write_arguments(struct ndjson *state, const struct event *event,
			    const struct syscall_desc *desc)
{
	json_open_object(&state->json, "args");
	for (unsigned arg = 0; desc && arg < desc->arg_count; arg++)
		if (decode_arg_is_used(event, arg))
			write_argument(state, event, desc, arg);
	for (unsigned arg = 0; !desc && arg < 6; arg++) {
		char name[8];
		snprintf(name, sizeof name, "arg%u", arg);
		strbuf_reset(&state->text);
		strbuf_addf(&state->text, "%#llx", (unsigned long long)event->syscall.args[arg]);
		json_text(&state->json, name, strbuf_bytes(&state->text));
	}
	json_close_object(&state->json);
}

static void write_result(struct json *json, const struct event_syscall *syscall)
{
	int error = errno_of(syscall->ret);
	if (syscall->flags & SYSCALL_NO_RETURN) {
		json_null(json, "ret");
		return;
	}
	json_int(json, "ret", error ? -1 : syscall->ret);
	if (!error)
		return;
	char scratch[24];
	const char *name = syscall_errno_name(error);
	if (!name)
		snprintf(scratch, sizeof scratch, "errno %d", error);
	json_string(json, "errno", name ? name : scratch);
}

static void take_syscall(struct ndjson *state, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct syscall_desc *desc = syscall_lookup(syscall->abi, syscall->number);
	struct json *json = &state->json;
	char scratch[32];
	snprintf(scratch, sizeof scratch, "syscall_%#x", syscall->number);
	json_string(json, "name", desc ? desc->name : scratch);
	write_arguments(state, event, desc);
	write_result(json, syscall);
	json_uint(json, "dur_ns", syscall->dur_ns);
	json_string(json, "source", syscall->flags & SYSCALL_FROM_SHIM ? "shim" : "kernel");
	if (syscall->abi == ABI_I386 || syscall->abi == ABI_X32)
		json_string(json, "abi", syscall->abi == ABI_I386 ? "i386" : "x32");
}

static void take_signal(struct ndjson *state, const struct event *event)
{
	struct json *json = &state->json;
	write_signal(json, "signal", event->signal.number);
	json_int(json, "code", event->signal.code);
	id_or_null(json, "from", event->signal.from);
	if (event->signal.from_pid)
		json_int(json, "from_pid", event->signal.from_pid);
	json_bool(json, "fatal", signals_is_fatal(&state->model->signals, event));
}

static void take_stopped(struct ndjson *state, const struct event *event)
{
	json_string(&state->json, "what", "stopped");
	write_signal(&state->json, "signal", event->signal.number);
}

static void take_meta(struct ndjson *state, const struct event *event)
{
	bool library = event->meta.meta_kind == META_LIBRARY;
	json_string(&state->json, "what", library ? "library" : "thread_name");
	json_text(&state->json, library ? "path" : "name", event->meta.text);
	if (!library)
		return;
	strbuf_reset(&state->text);
	for (size_t i = 0; i < event->meta.build_id.len; i++)
		strbuf_addf(&state->text, "%02x", (unsigned char)event->meta.build_id.data[i]);
	text_unless_empty(&state->json, "build_id", strbuf_bytes(&state->text));
}

static void take_note(struct ndjson *state, const struct event *event)
{
	json_string(&state->json, "what", "note");
	json_text(&state->json, "kind", event->note.note_kind);
	json_text(&state->json, "text", event->note.text);
}

static void take_end(struct ndjson *state, const struct event *event)
{
	json_string(&state->json, "what", "end");
	if (event->end.status != -1)
		write_status(&state->json, event->end.status);
	json_uint(&state->json, "lost_records", event->end.lost_records);
}

static void take_policy(struct ndjson *state, const struct event *event)
{
	json_string(&state->json, "what", "policy");
	json_strings(&state->json, "rules", event->policy.rules);
	json_bool(&state->json, "dry_run", event->policy.dry_run);
}

static void take_violation(struct ndjson *state, const struct event *event)
{
	const struct event_violation *violation = &event->violation;
	struct json *json = &state->json;
	char scratch[32];
	json_text(json, "rule", violation->rule);
	json_string(json, "action", violation_action_word(violation->action));
	if (violation->dry_run)
		json_bool(json, "dry_run", true);
	json_string(json, "syscall", violation_call_name(violation->abi, violation->number, scratch, sizeof scratch));
	json_text(json, "subject", violation->subject);
	json_text(json, "comm", violation->comm);
	if (violation->action == VIOLATION_DENY) {
		const char *name = syscall_errno_name(violation->error);
		json_string(json, "errno", name ? name : "?");
	}
}

/* How each kind of event is called, and what it says beyond time and place. */
static const struct {
	const char *word;
	void (*take)(struct ndjson *state, const struct event *event);
} kinds[EVENT_KINDS] = {
	[EVENT_START] = { "meta", take_start },     [EVENT_FORK] = { "fork", take_fork },
	[EVENT_THREAD] = { "meta", take_thread },   [EVENT_THREAD_EXIT] = { "meta", take_thread_exit },
	[EVENT_EXEC] = { "exec", take_exec },       [EVENT_EXIT] = { "exit", take_exit },
	[EVENT_SYSCALL] = { "syscall", take_syscall }, [EVENT_SIGNAL] = { "signal", take_signal },
	[EVENT_STOPPED] = { "meta", take_stopped }, [EVENT_META] = { "meta", take_meta },
	[EVENT_NOTE] = { "meta", take_note },       [EVENT_END] = { "meta", take_end },
	[EVENT_POLICY] = { "meta", take_policy },   [EVENT_VIOLATION] = { "violation", take_violation },
};

static void *begin_ndjson(const struct model *model)
{
	struct ndjson *state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	state->model = model;
	json_begin(&state->json, NULL, false);
	return state;
}

static int make_line(void *context, const struct event *event, struct bytes *line)
{
	struct ndjson *state = context;
	struct json *json = &state->json;
	if (event->kind >= EVENT_KINDS || !kinds[event->kind].word)
		return 0;
	strbuf_reset(&json->text);
	json_open_object(json, NULL);
	json_uint(json, "t_ns", event->t_ns);
	id_or_null(json, "process", event->process);
	json_int(json, "pid", event->pid);
	json_int(json, "tid", event->tid);
	json_string(json, "event", kinds[event->kind].word);
	kinds[event->kind].take(state, event);
	json_close_object(json);
	*line = strbuf_bytes(&json->text);
	return state->text.failed || json->text.failed ? -ENOMEM : 0;
}

static void end_ndjson(void *context)
{
	struct ndjson *state = context;
	json_end(&state->json);
	strbuf_free(&state->text);
	free(state);
}

const struct report_format report_ndjson = {
	.name = "ndjson",
	.suffixes = (const char *const[]){ ".ndjson", ".jsonl", NULL },
	.begin = begin_ndjson,
	.line = make_line,
	.end = end_ndjson,
};
