/* From events to the model: see model.h. Each kind of event goes to the parts that it concerns. */
#include "model/model.h"

#include "filter.h"
#include "model/attachments.h"
#include "model/daemons.h"
#include "syscall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sys/socket.h>

struct model *model_create(void)
{
	struct model *model = calloc(1, sizeof *model);
	if (!model)
		return NULL;
	struct store *store = &model->store;
	proctree_init(&model->proctree, store);
	files_init(&model->files, store);
	network_init(&model->network, store);
	calls_init(&model->calls, store);
	signals_init(&model->signals, store);
	violations_init(&model->violations, store);
	coverage_init(&model->coverage, store);
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	proctree_free(&model->proctree);
	network_free(&model->network);
	calls_free(&model->calls);
	signals_free(&model->signals);
	coverage_free(&model->coverage);
	store_free(&model->store);
	free(model);
}

void model_set_recording_sha256(struct model *model, const char *hex)
{
	snprintf(model->recording_sha256, sizeof model->recording_sha256, "%s", hex);
}

/* ---- what was asked for ---- */

static bool selects(const struct selection *selection, const char *name)
{
	static const enum event_abi abis[] = { ABI_X86_64, ABI_I386 };
	const uint8_t *const bits[] = { selection->native, selection->i386 };
	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		int number = syscall_number(abis[i], name);
		if (number >= 0 && number < 8 * (int)sizeof selection->native &&
		    (bits[i][number / 8] >> (number % 8) & 1))
			return true;
	}
	return false;
}

static bool selects_files(const struct selection *selection)
{
	const struct file_call *call;
	for (size_t i = 0; (call = file_call_at(i)); i++)
		if (selects(selection, call->name))
			return true;
	return false;
}

static bool selects_network(const struct selection *selection)
{
	const struct network_call *call;
	for (size_t i = 0; (call = network_call_at(i)); i++)
		if (network_call_makes_peers(call) && selects(selection, call->name))
			return true;
	return false;
}

static void choose_sections(struct model *model)
{
	struct model_sections *sections = &model->sections;
	const struct name *level = model->run.level, *trace = model->run.trace;
	if (bytes_equal(name_bytes(level), bytes_of_string("exec")))
		return;
	*sections = (struct model_sections){ true, true, true, true, true, false };
	if (!trace) {
		sections->network_bytes = bytes_equal(name_bytes(level), bytes_of_string("all"));
		return;
	}
	struct selection selection;
	char error[256];
	if (selection_init(&selection, LEVEL_AUDIT, trace->data, false, error, sizeof error) != 0)
		return;
	sections->files = selects_files(&selection);
	sections->network = selects_network(&selection);
	sections->exec_failures = selects(&selection, "execve") || selects(&selection, "execveat");
}

/* ---- one event ---- */

static void take_start(struct model *model, struct process *process, const struct event *event)
{
	const struct event_start *start = &event->start;
	struct store *store = &model->store;
	(void)process;
	model->run.version = store_name(store, start->version);
	model->run.level = store_name(store, start->level);
	model->run.trace = start->trace.len ? store_name(store, start->trace) : NULL;
	model->run.command = store_name(store, start->command);
	model->run.cwd = store_name(store, start->cwd);
	model->run.host_name = store_name(store, start->host_name);
	model->run.kernel = store_name(store, start->kernel);
	model->run.arch = store_name(store, start->arch);
	model->run.realtime_ns = start->realtime_ns;
	model->run.cpus = start->cpus;
	model->run.uid = start->uid;
	model->run.ptw_asked = start->ptw_asked;
	model->run.no_shim = start->no_shim;
	model->run.environment = environments_add(&model->proctree.environments, start->environment);
	choose_sections(model);
}

static void take_fork(struct model *model, struct process *process, const struct event *event)
{
	(void)model;
	proctree_add_fork(process, event);
}

static void take_thread(struct model *model, struct process *process, const struct event *event)
{
	(void)model;
	(void)event;
	process->threads++;
}

static void take_exec(struct model *model, struct process *process, const struct event *event)
{
	proctree_add_exec(&model->proctree, process, event);
	files_add_exec(&model->files, event);
	if (event->exec.argv_truncated)
		coverage_add(&model->coverage, event->t_ns, event->process,
			     bytes_of_string("truncated-argv"), bytes_of(NULL, 0));
}

static void take_exit(struct model *model, struct process *process, const struct event *event)
{
	(void)model;
	proctree_add_exit(process, event);
}

static bool is_exec(const struct call_kind *kind)
{
	return kind->desc && (strcmp(kind->desc->name, "execve") == 0 ||
			      strcmp(kind->desc->name, "execveat") == 0);
}

/* A successful call with a path whose place nobody knows: noted, never guessed. */
static void note_unknown_place(struct model *model, const struct event *event,
			       const struct call_kind *kind)
{
	const struct event_syscall *syscall = &event->syscall;
	unsigned arg = kind->file->arg;
	struct bytes path;
	if (syscall->ret < 0 || !kind->desc || arg >= kind->desc->arg_count ||
	    !attachment_bytes(syscall, ATTACH_PATH, arg, &path) || path.len == 0 ||
	    attachment_bytes(syscall, ATTACH_ABS, arg, &path))
		return;
	char text[96];
	unsigned base = kind->desc->args[arg].other;
	int len = base < 6 ?
		snprintf(text, sizeof text, "%s: a path relative to descriptor %d, whose origin is not known",
			 kind->desc->name, (int)syscall->args[base]) :
		snprintf(text, sizeof text, "%s: a path relative to a working directory that is not known",
			 kind->desc->name);
	coverage_add(&model->coverage, event->t_ns, event->process, bytes_of_string("unknown-dirfd"),
		     bytes_of(text, (size_t)len));
}

/* More messages were sent, each to an address of its own, than were captured. */
static void note_unread_messages(struct model *model, const struct event *event, const struct call_kind *kind)
{
	const struct event_syscall *syscall = &event->syscall;
	struct bytes headers, name;
	if (kind->desc && strcmp(kind->desc->name, "sendmmsg") == 0 && attachment_bytes(syscall, ATTACH_NAME, 1, &name) &&
	    attachment_bytes(syscall, ATTACH_DATA, 1, &headers) && syscall->ret > (int64_t)(headers.len / sizeof(struct mmsghdr)))
		coverage_add(&model->coverage, event->t_ns, event->process, bytes_of_string("unread-messages"), bytes_of(NULL, 0));
}

static void note_strange_call(struct model *model, const struct event *event,
			      const struct call_kind *kind)
{
	char text[64];
	if (!kind->desc) {
		int len = snprintf(text, sizeof text, "system call number %#x", event->syscall.number);
		coverage_add(&model->coverage, event->t_ns, event->process,
			     bytes_of_string("unknown-syscall"), bytes_of(text, (size_t)len));
	} else if (strcmp(kind->desc->name, "socketcall") == 0 && !errno_of(event->syscall.ret)) {
		coverage_add(&model->coverage, event->t_ns, event->process,
			     bytes_of_string("socketcall"), bytes_of(NULL, 0));
	}
}

static void take_syscall(struct model *model, struct process *process, const struct event *event)
{
	const struct call_kind *kind = calls_add(&model->calls, &event->syscall);
	if (!kind)
		return;
	proctree_add_call(&model->proctree, process, event, kind);
	if (kind->file) {
		files_add_call(&model->files, event, kind);
		note_unknown_place(model, event, kind);
		if (is_exec(kind) && errno_of(event->syscall.ret))
			proctree_add_exec_failure(&model->proctree, process, event);
	}
	if (kind->network) {
		network_add_call(&model->network, event, kind, &model->files);
		note_unread_messages(model, event, kind);
	}
	if (!kind->file && !kind->network)
		note_strange_call(model, event, kind);
}

static void take_signal(struct model *model, struct process *process, const struct event *event)
{
	struct signal_entry entry = signals_entry_of(event);
	if (process->has_signal && entry.at_ns < process->last_signal.at_ns) {
		signals_add(&model->signals, &entry);
		return;
	}
	if (process->has_signal)
		signals_add(&model->signals, &process->last_signal);
	process->last_signal = entry;
	process->has_signal = true;
}

static void take_meta(struct model *model, struct process *process, const struct event *event)
{
	if (event->meta.meta_kind == META_LIBRARY)
		proctree_add_library(&model->proctree, process, event);
}

static void take_note(struct model *model, struct process *process, const struct event *event)
{
	(void)process;
	coverage_add(&model->coverage, event->t_ns, event->process, event->note.note_kind,
		     event->note.text);
}

static void take_policy(struct model *model, struct process *process, const struct event *event)
{
	(void)process;
	violations_add_policy(&model->violations, event);
}

static void take_violation(struct model *model, struct process *process, const struct event *event)
{
	(void)process;
	violations_add(&model->violations, event);
}

static void take_end(struct model *model, struct process *process, const struct event *event)
{
	(void)process;
	model->run.ended = true;
	model->run.elapsed_ns = event->t_ns;
	model->run.status = event->end.status;
	model->run.has_status = event->end.status != -1;
	coverage_add_end(&model->coverage, event);
}

static const struct {
	void (*take)(struct model *, struct process *, const struct event *);
	bool of_process; /* nothing to do without one */
} kinds[EVENT_KINDS] = {
	[EVENT_START] = { take_start, false },   [EVENT_FORK] = { take_fork, true },
	[EVENT_THREAD] = { take_thread, true },  [EVENT_EXEC] = { take_exec, true },
	[EVENT_EXIT] = { take_exit, true },      [EVENT_SYSCALL] = { take_syscall, true },
	[EVENT_SIGNAL] = { take_signal, true },  [EVENT_META] = { take_meta, true },
	[EVENT_NOTE] = { take_note, false },     [EVENT_END] = { take_end, false },
	[EVENT_POLICY] = { take_policy, false }, [EVENT_VIOLATION] = { take_violation, true },
};

void model_add(struct model *model, const struct event *event)
{
	if (event->kind >= EVENT_KINDS || !kinds[event->kind].take)
		return;
	struct process *process = kinds[event->kind].of_process ?
		proctree_process(&model->proctree, event) : NULL;
	if (event->t_ns > model->run.elapsed_ns && !model->run.ended)
		model->run.elapsed_ns = event->t_ns;
	if (process || !kinds[event->kind].of_process)
		kinds[event->kind].take(model, process, event);
}

/* ---- the end ---- */

static void note_process(struct model *model, const struct process *process, uint64_t at_ns,
			 const char *kind, const char *text)
{
	if (!coverage_has(&model->coverage, process->id, kind))
		coverage_add(&model->coverage, at_ns, process->id, bytes_of_string(kind),
			     bytes_of_string(text));
}

static void judge_process(struct model *model, const struct process *process)
{
	char text[96];
	if (!process->born)
		note_process(model, process, process->start_ns, "unknown-birth", "");
	if (!process->ended && !coverage_has(&model->coverage, process->id, "released"))
		note_process(model, process, model->run.elapsed_ns,
			     model->run.ended && !coverage_cut(&model->coverage, "exit") ? "outlived" :
											   "died-before-end", "");
	if (process->unreadable_count) {
		snprintf(text, sizeof text, "arguments of %llu calls could not be read",
			 (unsigned long long)process->unreadable_count);
		note_process(model, process, model->run.elapsed_ns, "unreadable-memory", text);
	}
	*(proctree_word(process)->shim ? &model->coverage.with_shim : &model->coverage.kernel_only) += 1;
}

/* Counts the process's last signal; it was fatal if the process died of its kind. */
static void settle_signal(struct model *model, struct process *process)
{
	if (!process->has_signal)
		return;
	process->last_signal.fatal |= process->ended && WIFSIGNALED(process->status) &&
				      WTERMSIG(process->status) == process->last_signal.number;
	signals_add(&model->signals, &process->last_signal);
	process->has_signal = false;
}

static bool has_note(const struct coverage *coverage, const char *kind)
{
	for (uint32_t i = 0; i < coverage->count; i++)
		if (strcmp(coverage->notes[i].kind->data, kind) == 0)
			return true;
	return false;
}

int model_finish(struct model *model)
{
	uint32_t *moved = store_alloc(&model->store, (model->calls.count + 1) * sizeof *moved);
	if (!moved)
		return -ENOMEM;
	for (uint32_t i = 0; i < model->proctree.count; i++)
		settle_signal(model, model->proctree.list[i]);
	calls_sort(&model->calls, moved);
	proctree_finish(&model->proctree, model->run.environment, moved);
	files_finish(&model->files);
	network_finish(&model->network);
	signals_finish(&model->signals);
	violations_finish(&model->violations);
	daemons_note(model);
	for (uint32_t i = 0; i < model->proctree.count; i++)
		judge_process(model, model->proctree.list[i]);
	if (!model->run.ended && !coverage_has(&model->coverage, 0, "unfinished"))
		coverage_add(&model->coverage, model->run.elapsed_ns, 0,
			     bytes_of_string("unfinished"), bytes_of(NULL, 0));
	model->sections.network_bytes &= !has_note(&model->coverage, "io_uring-allowed");
	coverage_finish(&model->coverage);
	return model->store.failed ? -ENOMEM : 0;
}

/* How a recording can end without its end. */
static const char *const endings[] = {
	[RECORDING_UNFINISHED] = "the recording has no end: whoever wrote it died",
	[RECORDING_CUT] = "the recording ends inside a record",
	[RECORDING_CORRUPT] = "the recording is damaged: nothing behind the damage was read",
	[RECORDING_FOREIGN] = "the recording is of an unknown kind or version",
	[RECORDING_IO_ERROR] = "the recording could not be read to its end",
};

struct model *model_read(struct recording_reader *reader, enum recording_status *status)
{
	struct model *model = model_create();
	static _Thread_local struct event event;
	bool any = false;
	*status = RECORDING_IO_ERROR;
	if (!model) {
		errno = ENOMEM;
		return NULL;
	}
	while ((*status = recording_reader_next(reader, &event)) == RECORDING_EVENT) {
		model_add(model, &event);
		any = true;
	}
	if (*status != RECORDING_WHOLE && any)
		coverage_add(&model->coverage, model->run.elapsed_ns, 0, bytes_of_string("unfinished"),
			     bytes_of_string(endings[*status]));
	int error = any ? -model_finish(model) : *status == RECORDING_IO_ERROR ? errno : EBADMSG;
	if (!error)
		return model;
	model_free(model);
	errno = error;
	return NULL;
}
