/* The JSON report: one document, the whole model. Its keys are public interface. */
#include "model/model.h"
#include "report/formats.h"
#include "report/jsonwriter.h"
#include "report/timetext.h"
#include "syscall.h"

#include <stddef.h>
#include <sys/wait.h>

/* A key that is absent where the name is not known. */
static void optional(struct json *json, const char *key, const struct name *name)
{
	if (name)
		json_text(json, key, name_bytes(name));
}

static void text_or_null(struct json *json, const char *key, const struct name *name)
{
	if (name)
		json_text(json, key, name_bytes(name));
	else
		json_null(json, key);
}

static void write_signal_name(struct json *json, const char *key, int number)
{
	char scratch[24];
	const char *name = syscall_signal_name(number);
	if (!name)
		snprintf(scratch, sizeof scratch, "signal %d", number);
	json_string(json, key, name ? name : scratch);
}

static void write_exit(struct json *json, const char *key, bool known, int status)
{
	if (!known) {
		json_null(json, key);
		return;
	}
	json_open_inline_object(json, key);
	if (WIFSIGNALED(status)) {
		json_null(json, "code");
		write_signal_name(json, "signal", WTERMSIG(status));
	} else {
		json_int(json, "code", WEXITSTATUS(status));
		json_null(json, "signal");
	}
	json_close_object(json);
}

static void write_errnos(struct json *json, const char *key, const struct errno_count *errnos)
{
	json_open_inline_object(json, key);
	for (; errnos; errnos = errnos->next)
		json_uint(json, errnos->name, errnos->count);
	json_close_object(json);
}

/* ---- the run ---- */

static void write_run(struct json *json, const struct model *model)
{
	const struct model_run *run = &model->run;
	char started[TIMETEXT_RFC3339];
	timetext_rfc3339(run->realtime_ns, started);
	json_string(json, "schema", "ptwrap-report/1");
	json_text(json, "version", name_bytes(run->version));
	json_text(json, "level", name_bytes(run->level));
	optional(json, "trace", run->trace);
	json_strings(json, "command", name_bytes(run->command));
	json_text(json, "cwd", name_bytes(run->cwd));
	json_string(json, "started", started);
	json_uint(json, "elapsed_ns", run->elapsed_ns);
	write_exit(json, "exit", run->has_status, run->status);
	json_open_inline_object(json, "host");
	json_text(json, "name", name_bytes(run->host_name));
	json_text(json, "kernel", name_bytes(run->kernel));
	json_text(json, "arch", name_bytes(run->arch));
	json_uint(json, "cpus", run->cpus);
	json_uint(json, "uid", run->uid);
	json_close_object(json);
	if (run->ptw_asked && model->recording_sha256[0])
		json_string(json, "recording_sha256", model->recording_sha256);
}

static void write_totals(struct json *json, const struct model *model)
{
	json_open_object(json, "totals");
	json_uint(json, "processes", model->proctree.count);
	json_uint(json, "threads", model->proctree.thread_count);
	json_uint(json, "execs", model->proctree.exec_count);
	if (model->sections.calls) {
		json_uint(json, "syscalls", model->proctree.call_count);
		json_uint(json, "syscall_errors", model->proctree.error_count);
	}
	if (model->sections.files) {
		json_uint(json, "files_read", model->files.read_count);
		json_uint(json, "files_written", model->files.written_count);
	}
	if (model->sections.network)
		json_uint(json, "connections", model->network.connections);
	if (model->violations.judged)
		json_uint(json, "violations", model->violations.count);
	json_close_object(json);
}

/* ---- processes ---- */

static const struct {
	const char *key;
	size_t offset;
} usage_fields[] = {
	{ "user_ns", offsetof(struct usage, user_ns) },
	{ "system_ns", offsetof(struct usage, system_ns) },
	{ "max_rss_bytes", offsetof(struct usage, max_rss_bytes) },
	{ "minor_faults", offsetof(struct usage, minor_faults) },
	{ "major_faults", offsetof(struct usage, major_faults) },
	{ "voluntary_switches", offsetof(struct usage, voluntary_switches) },
	{ "involuntary_switches", offsetof(struct usage, involuntary_switches) },
};

static void write_usage_fields(struct json *json, const struct usage *usage, const char *suffix)
{
	for (size_t i = 0; i < sizeof usage_fields / sizeof *usage_fields; i++) {
		char key[48];
		uint64_t value;
		memcpy(&value, (const char *)usage + usage_fields[i].offset, sizeof value);
		snprintf(key, sizeof key, "%s%s", usage_fields[i].key, suffix);
		json_uint(json, key, value);
	}
}

/* What wait(2) tells is the process's own where it had no children to wait for. */
static void write_usage(struct json *json, const struct process *process)
{
	if (!process->has_usage)
		return;
	json_open_object(json, "usage");
	if (!process->first_child)
		write_usage_fields(json, &process->usage, "");
	write_usage_fields(json, &process->usage, "_with_children");
	json_close_object(json);
}

static void write_variable(void *context, const struct name *variable)
{
	json_member(context, environment_name(variable), environment_value(variable));
}

static void write_variable_name(void *context, const struct name *variable)
{
	json_text(context, NULL, environment_name(variable));
}

/* A list of base64 strings that is only there if something is in it. */
struct exact_list {
	struct json *json;
	const char *key;
	bool open;
};

static void add_exact(struct exact_list *list, struct bytes bytes)
{
	if (json_is_utf8(bytes))
		return;
	if (!list->open)
		json_open_inline_array(list->json, list->key);
	list->open = true;
	json_base64(list->json, NULL, bytes);
}

static void close_exact(struct exact_list *list)
{
	if (list->open)
		json_close_array(list->json);
}

static void add_exact_variable(void *context, const struct name *variable)
{
	add_exact(context, name_bytes(variable));
}

static void add_exact_name(void *context, const struct name *variable)
{
	add_exact(context, environment_name(variable));
}

static void write_environment(struct json *json, const struct exec_image *image)
{
	const struct environment *before = image->before, *after = image->after;
	struct exact_list exact = { json, "env_bytes", false };
	if (!before || !after)
		return;
	json_open_object(json, "env");
	json_open_object(json, "added");
	environment_compare(before, after, ENVIRONMENT_ADDED, write_variable, json);
	json_close_object(json);
	json_open_object(json, "changed");
	environment_compare(before, after, ENVIRONMENT_CHANGED, write_variable, json);
	json_close_object(json);
	json_open_inline_array(json, "removed");
	environment_compare(before, after, ENVIRONMENT_REMOVED, write_variable_name, json);
	json_close_array(json);
	json_close_object(json);
	environment_compare(before, after, ENVIRONMENT_ADDED, add_exact_variable, &exact);
	environment_compare(before, after, ENVIRONMENT_CHANGED, add_exact_variable, &exact);
	environment_compare(before, after, ENVIRONMENT_REMOVED, add_exact_name, &exact);
	close_exact(&exact);
}

static void write_descriptors(struct json *json, struct bytes fds)
{
	struct bytes left = fds, entry;
	struct exact_list exact = { json, "fds_bytes", false };
	json_open_object(json, "fds");
	while (bytes_next_string(&left, &entry)) {
		const char *equals = memchr(entry.data, '=', entry.len);
		size_t number = equals ? (size_t)(equals - entry.data) : entry.len;
		size_t skip = equals ? number + 1 : number;
		json_member(json, bytes_of(entry.data, number),
			    bytes_of(entry.data + skip, entry.len - skip));
	}
	json_close_object(json);
	while (bytes_next_string(&fds, &entry))
		add_exact(&exact, entry);
	close_exact(&exact);
}

static void write_exec(struct json *json, const struct exec_image *image)
{
	json_open_object(json, NULL);
	json_uint(json, "at_ns", image->at_ns);
	json_text(json, "path", name_bytes(image->path));
	json_strings(json, "argv", name_bytes(image->argv));
	bool read = !(image->flags & EXEC_UNREAD);
	void (*text)(struct json *, const char *, const struct name *) = read ? text_or_null : optional;
	text(json, "cwd", image->cwd);
	text(json, "interpreter", image->interpreter);
	text(json, "loader", image->loader);
	json_string(json, "arch", image->flags & EXEC_I386 ? "i386" : "x86_64");
	if (read)
		json_string(json, "linkage", image->flags & EXEC_STATIC ? "static" : "dynamic");
	json_string(json, "view", image->word.shim ? "shim" : "kernel");
	json_uint(json, "uid", image->uid);
	json_uint(json, "gid", image->gid);
	write_environment(json, image);
	if (read)
		write_descriptors(json, name_bytes(image->fds));
	json_close_object(json);
}

static void write_execs(struct json *json, const struct process *process)
{
	json_open_array(json, "execs");
	for (const struct exec_image *image = process->first_exec; image; image = image->next)
		write_exec(json, image);
	json_close_array(json);
}

static void write_exec_failures(struct json *json, const struct process *process)
{
	json_open_array(json, "failed_execs");
	for (const struct exec_failure *failure = process->first_failure; failure; failure = failure->next) {
		json_open_inline_object(json, NULL);
		json_uint(json, "at_ns", failure->at_ns);
		json_text(json, "path", name_bytes(failure->path));
		json_string(json, "errno", failure->error);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_libraries(struct json *json, const struct process *process)
{
	const struct library *library = proctree_word(process)->first_library;
	if (!library)
		return;
	json_open_array(json, "libraries");
	for (; library; library = library->next) {
		char hex[2 * 64 + 1] = "";
		for (size_t i = 0; library->build_id && i < library->build_id->len && i < 64; i++)
			sprintf(hex + 2 * i, "%02x", (unsigned char)library->build_id->data[i]);
		json_open_inline_object(json, NULL);
		json_text(json, "path", name_bytes(library->path));
		if (library->build_id)
			json_string(json, "build_id", hex);
		else
			json_null(json, "build_id");
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_process(struct json *json, const struct model *model,
			  const struct process *process)
{
	json_open_object(json, NULL);
	json_uint(json, "id", process->id);
	json_int(json, "pid", process->pid);
	json_int(json, "ppid", process->ppid);
	if (process->parent)
		json_uint(json, "parent", process->parent);
	else
		json_null(json, "parent");
	json_uint(json, "start_ns", process->start_ns);
	if (process->ended)
		json_uint(json, "end_ns", process->end_ns);
	else
		json_null(json, "end_ns");
	write_exit(json, "exit", process->ended, process->status);
	json_uint(json, "threads", process->threads);
	json_text(json, "comm", bytes_of(process->comm, process->comm_len));
	write_usage(json, process);
	write_execs(json, process);
	if (model->sections.exec_failures)
		write_exec_failures(json, process);
	if (model->sections.calls)
		json_uint(json, "syscalls", process->call_count);
	json_string(json, "view", proctree_word(process)->shim ? "shim" : "kernel");
	write_libraries(json, process);
	json_close_object(json);
}

static void write_processes(struct json *json, const struct model *model)
{
	json_open_array(json, "processes");
	for (uint32_t i = 0; i < model->proctree.count; i++)
		write_process(json, model, model->proctree.list[i]);
	json_close_array(json);
}

/* ---- files, network, calls ---- */

static void write_ids(struct json *json, const char *key, const struct id_set *set)
{
	json_open_inline_array(json, key);
	for (uint32_t i = 0; i < set->count; i++)
		json_uint(json, NULL, set->ids[i]);
	json_close_array(json);
}

static void write_file(struct json *json, const struct file *file)
{
	json_open_object(json, NULL);
	json_text(json, "path", name_bytes(file->path));
	optional(json, "root", file->root);
	optional(json, "target", file->target.name);
	json_open_inline_array(json, "ops");
	for (unsigned op = 0; op < FILE_OPS; op++)
		if (file->ops >> op & 1)
			json_string(json, NULL, file_op_words[op]);
	json_close_array(json);
	write_ids(json, "readers", &file->readers);
	write_ids(json, "writers", &file->writers);
	optional(json, "renamed_from", file->renamed_from.name);
	optional(json, "renamed_to", file->renamed_to.name);
	json_close_object(json);
}

static void write_files(struct json *json, const struct model *model)
{
	json_open_array(json, "files");
	for (uint32_t i = 0; i < model->files.count; i++)
		write_file(json, model->files.list[i]);
	json_close_array(json);
}

static void write_peer_bytes(struct json *json, const struct peer *peer)
{
	if (peer->bytes_unknown || peer->op == NETWORK_BIND || peer->op == NETWORK_LISTEN)
		return;
	json_uint(json, "sent_bytes", peer->sent_bytes);
	if (peer->op != NETWORK_SEND)
		json_uint(json, "received_bytes", peer->received_bytes);
}

static void write_peer(struct json *json, const struct peer *peer, bool with_bytes)
{
	json_open_object(json, NULL);
	json_uint(json, "process", peer->process);
	json_string(json, "op", network_op_words[peer->op]);
	if (peer->family)
		json_string(json, "family", peer->family);
	if (peer->protocol)
		json_string(json, "protocol", peer->protocol);
	optional(json, "address", peer->address);
	if (peer->port >= 0)
		json_int(json, "port", peer->port);
	json_uint(json, "count", peer->count);
	write_errnos(json, "errors", peer->errors);
	if (with_bytes)
		write_peer_bytes(json, peer);
	json_close_object(json);
}

static void write_network(struct json *json, const struct model *model)
{
	json_open_array(json, "network");
	for (uint32_t i = 0; i < model->network.count; i++)
		write_peer(json, &model->network.peers[i], model->sections.network_bytes);
	json_close_array(json);
}

static void write_calls(struct json *json, const struct model *model)
{
	json_open_array(json, "syscalls");
	for (uint32_t i = 0; i < model->calls.count; i++) {
		const struct call_total *total = &model->calls.totals[i];
		json_open_object(json, NULL);
		json_string(json, "name", total->name);
		json_uint(json, "calls", total->calls);
		json_uint(json, "errors", total->errors);
		json_uint(json, "total_ns", total->total_ns);
		json_uint(json, "max_ns", total->max_ns);
		write_errnos(json, "errnos", total->errnos);
		json_close_object(json);
	}
	json_close_array(json);
}

/* ---- signals, violations, coverage ---- */

static void write_signals(struct json *json, const struct model *model)
{
	json_open_array(json, "signals");
	for (uint32_t i = 0; i < model->signals.count; i++) {
		const struct signal_entry *entry = &model->signals.list[i];
		json_open_inline_object(json, NULL);
		json_uint(json, "at_ns", entry->at_ns);
		json_uint(json, "process", entry->process);
		write_signal_name(json, "signal", entry->number);
		if (entry->from)
			json_uint(json, "from", entry->from);
		else
			json_null(json, "from");
		json_bool(json, "fatal", entry->fatal);
		json_uint(json, "count", entry->count);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_violations(struct json *json, const struct violations *violations)
{
	json_open_array(json, "violations");
	for (uint32_t i = 0; i < violations->count; i++) {
		const struct violation *violation = &violations->list[i];
		char scratch[32];
		json_open_inline_object(json, NULL);
		json_uint(json, "at_ns", violation->at_ns);
		json_uint(json, "process", violation->process);
		json_text(json, "rule", name_bytes(violation->rule));
		json_string(json, "action", violation_action_word(violation->action));
		if (violation->dry_run)
			json_bool(json, "dry_run", true);
		json_string(json, "syscall", violation_call_name(violation->abi, violation->number, scratch,
								 sizeof scratch));
		json_text(json, "subject", name_bytes(violation->subject));
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_notes(struct json *json, const struct coverage *coverage)
{
	json_open_array(json, "notes");
	for (uint32_t i = 0; i < coverage->count; i++) {
		const struct coverage_note *note = &coverage->notes[i];
		json_open_object(json, NULL);
		json_text(json, "kind", name_bytes(note->kind));
		if (note->process)
			json_uint(json, "process", note->process);
		else
			json_null(json, "process");
		json_text(json, "text", name_bytes(note->text));
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_coverage(struct json *json, const struct coverage *coverage)
{
	json_open_object(json, "coverage");
	json_bool(json, "complete", coverage->complete);
	json_uint(json, "with_shim", coverage->with_shim);
	json_uint(json, "kernel_only", coverage->kernel_only);
	json_uint(json, "lost_records", coverage->lost);
	json_open_inline_object(json, "truncated");
	for (uint32_t i = 0; i < coverage->cut_count; i++)
		json_uint(json, coverage->cuts[i].kind->data, coverage->cuts[i].count);
	json_close_object(json);
	write_notes(json, coverage);
	json_close_object(json);
}

static int write_json(FILE *out, const struct model *model)
{
	struct json json;
	json_begin(&json, out, true);
	json_open_object(&json, NULL);
	write_run(&json, model);
	write_totals(&json, model);
	write_processes(&json, model);
	if (model->sections.files)
		write_files(&json, model);
	if (model->sections.network)
		write_network(&json, model);
	if (model->sections.calls)
		write_calls(&json, model);
	if (model->sections.signals)
		write_signals(&json, model);
	if (model->violations.judged)
		write_violations(&json, &model->violations);
	write_coverage(&json, &model->coverage);
	json_close_object(&json);
	return json_end(&json);
}

const struct report_format report_json = {
	.name = "json",
	.suffixes = (const char *const[]){ ".json", NULL },
	.write = write_json,
};
