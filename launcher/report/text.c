/* The long text report, for people: process tree, files, network, calls, signals, coverage. */
#include "model/model.h"
#include "report/formats.h"
#include "report/plain.h"
#include "report/timetext.h"
#include "syscall.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { DEEPEST_INDENT = 20, TOP_CALLS = 5, SHOWN_IDS = 6 };

struct text {
	FILE *out;
	const struct model *model;
	struct strbuf line;
};

static void end_line(struct text *text)
{
	strbuf_add_char(&text->line, '\n');
	fwrite_unlocked(text->line.data, 1, text->line.len, text->out);
	strbuf_reset(&text->line);
}

static void title(struct text *text, const char *words, uint64_t count)
{
	strbuf_addf(&text->line, "\n%s (%llu)", words, (unsigned long long)count);
	size_t width = text->line.len - 1;
	end_line(text);
	for (size_t i = 0; i < width; i++)
		strbuf_add_char(&text->line, '-');
	end_line(text);
}

static void add_status(struct strbuf *line, int status)
{
	if (!WIFSIGNALED(status)) {
		strbuf_addf(line, "%d", WEXITSTATUS(status));
		return;
	}
	const char *name = syscall_signal_name(WTERMSIG(status));
	if (name)
		strbuf_add_string(line, name);
	else
		strbuf_addf(line, "signal %d", WTERMSIG(status));
}

/* Fills the line with spaces up to that column, one at least. */
static void pad_to(struct strbuf *line, size_t column)
{
	do
		strbuf_add_char(line, ' ');
	while (line->len < column && !line->failed);
}

/* ---- head ---- */

static void write_head(struct text *text)
{
	const struct model *model = text->model;
	const struct model_run *run = &model->run;
	char started[TIMETEXT_RFC3339], elapsed[PLAIN_NUMBER];
	struct strbuf *line = &text->line;
	timetext_rfc3339(run->realtime_ns, started);
	plain_duration(run->elapsed_ns, elapsed);
	strbuf_add_string(line, "Command    ");
	plain_add_command(line, name_bytes(run->command), 0);
	end_line(text);
	strbuf_add_string(line, "Directory  ");
	plain_add_text(line, name_bytes(run->cwd));
	end_line(text);
	strbuf_addf(line, "Started    %s on ", started);
	plain_add_text(line, name_bytes(run->host_name));
	strbuf_add_string(line, ", Linux ");
	plain_add_text(line, name_bytes(run->kernel));
	strbuf_addf(line, ", %u CPUs, uid %u", run->cpus, run->uid);
	end_line(text);
	strbuf_addf(line, "Ended      after %s, ", elapsed);
	if (run->has_status) {
		strbuf_add_string(line, WIFSIGNALED(run->status) ? "killed by " : "exit status ");
		add_status(line, run->status);
	} else {
		strbuf_add_string(line, "in a way that is not known");
	}
	end_line(text);
	strbuf_add_string(line, "Level      ");
	plain_add_text(line, name_bytes(run->level));
	if (run->trace) {
		strbuf_add_string(line, ", trace ");
		plain_add_text(line, name_bytes(run->trace));
	}
	end_line(text);
	strbuf_addf(line, "Totals     %u processes, %llu threads, %llu programs executed",
		    model->proctree.count, (unsigned long long)model->proctree.thread_count,
		    (unsigned long long)model->proctree.exec_count);
	if (model->sections.calls)
		strbuf_addf(line, ", %llu system calls (%llu failed)",
			    (unsigned long long)model->proctree.call_count,
			    (unsigned long long)model->proctree.error_count);
	end_line(text);
}

/* ---- processes ---- */

static void add_duration(struct strbuf *line, int width, bool known, uint64_t ns)
{
	char number[PLAIN_NUMBER];
	plain_duration(ns, number);
	strbuf_addf(line, "%*s", width, known ? number : "-");
}

static void start_process_line(struct text *text, const struct process *process)
{
	struct strbuf *line = &text->line;
	const struct usage *usage = &process->usage;
	strbuf_addf(line, "%6u %7d ", process->id, process->pid);
	add_duration(line, 9, true, process->start_ns);
	add_duration(line, 10, process->ended, process->end_ns - process->start_ns);
	add_duration(line, 10, process->has_usage, usage->user_ns + usage->system_ns);
	strbuf_add_string(line, "  ");
	if (process->ended)
		add_status(line, process->status);
	else
		strbuf_add_string(line, "?");
}

static void write_process(struct text *text, const struct process *process, unsigned depth)
{
	struct strbuf *line = &text->line;
	size_t column = 56 + 2 * (depth < DEEPEST_INDENT ? depth : DEEPEST_INDENT);
	start_process_line(text, process);
	pad_to(line, column);
	if (!process->first_exec) {
		plain_add_text(line, bytes_of(process->comm, process->comm_len));
		strbuf_add_string(line, " (fork)");
		end_line(text);
		return;
	}
	for (const struct exec_image *image = process->first_exec; image; image = image->next) {
		if (image != process->first_exec) {
			pad_to(line, column - 3);
			strbuf_add_string(line, "=> ");
		}
		plain_add_command(line, name_bytes(image->argv), 0);
		end_line(text);
	}
}

static void write_processes(struct text *text)
{
	const struct proctree *tree = &text->model->proctree;
	unsigned depth;
	title(text, "Processes", tree->count);
	strbuf_add_string(&text->line, "    id     pid     start      wall       cpu  exit         "
				       "command (=>: the same process, next program)");
	end_line(text);
	for (const struct process *process = proctree_next(tree, NULL, &depth); process;
	     process = proctree_next(tree, process, &depth))
		write_process(text, process, depth);
	strbuf_add_string(&text->line, "cpu: user and system time, that of waited-for children included");
	end_line(text);
}

static void write_exec_failures(struct text *text)
{
	const struct proctree *tree = &text->model->proctree;
	uint64_t count = 0;
	for (uint32_t i = 0; i < tree->count; i++)
		for (const struct exec_failure *f = tree->list[i]->first_failure; f; f = f->next)
			count++;
	if (!count)
		return;
	title(text, "Programs that could not be executed", count);
	for (uint32_t i = 0; i < tree->count; i++)
		for (const struct exec_failure *f = tree->list[i]->first_failure; f; f = f->next) {
			strbuf_addf(&text->line, "%6u  %-8s ", tree->list[i]->id, f->error);
			plain_add_text(&text->line, name_bytes(f->path));
			end_line(text);
		}
}

/* ---- files ---- */

enum {
	CHANGING = FILE_WRITE | FILE_CREATE | FILE_DELETE | FILE_RENAME | FILE_LINK | FILE_SYMLINK |
		   FILE_CHMOD | FILE_CHOWN | FILE_TRUNCATE | FILE_XATTR | FILE_UTIME | FILE_MKDIR,
};

/* A file is listed in the first group that one of its ops puts it in. */
static const struct file_group {
	const char *title;
	uint32_t ops;
} file_groups[] = {
	{ "Files created, written or changed",    CHANGING },
	{ "Files executed or mapped executable",  FILE_EXEC | FILE_MAP },
	{ "Files read",                           FILE_READ },
	{ "Directories listed",                   FILE_LIST },
	{ "Files only looked at (stat, access, readlink)", FILE_STAT },
	{ "Files looked for and not found",       FILE_MISSING },
};

static size_t group_of(const struct file *file)
{
	size_t group = 0;
	while (group < sizeof file_groups / sizeof *file_groups && !(file->ops & file_groups[group].ops))
		group++;
	return group;
}

static void add_ids(struct strbuf *line, const char *words, const struct id_set *set)
{
	if (!set->count)
		return;
	strbuf_add_string(line, words);
	for (uint32_t i = 0; i < set->count && i < SHOWN_IDS; i++)
		strbuf_addf(line, "%s%u", i ? "," : "", set->ids[i]);
	if (set->count > SHOWN_IDS)
		strbuf_addf(line, ",... (%u)", set->count);
}

static void add_changes(struct strbuf *line, uint32_t ops)
{
	size_t start = line->len;
	for (unsigned op = 0; op < FILE_OPS; op++)
		if (ops & CHANGING & 1u << op)
			strbuf_addf(line, "%s%s", line->len > start ? " " : "", file_op_words[op]);
}

static void add_link(struct strbuf *line, const char *words, const struct name *name)
{
	if (!name)
		return;
	strbuf_add_string(line, words);
	plain_add_text(line, name_bytes(name));
}

static void write_file(struct text *text, const struct file *file, uint32_t ops)
{
	struct strbuf *line = &text->line;
	strbuf_add_string(line, "  ");
	if (ops == CHANGING) {
		add_changes(line, file->ops);
		pad_to(line, 26);
	} else if (ops == FILE_MISSING) {
		strbuf_addf(line, "%6u x ", file->missing_count);
	}
	plain_add_text(line, name_bytes(file->path));
	add_link(line, "  in root ", file->root);
	add_link(line, "  -> ", file->target.name);
	add_link(line, "  from ", file->renamed_from.name);
	add_link(line, "  to ", file->renamed_to.name);
	add_ids(line, "  by ", &file->writers);
	if (ops == FILE_READ)
		add_ids(line, "  by ", &file->readers);
	end_line(text);
}

static void write_files(struct text *text)
{
	const struct files *files = &text->model->files;
	for (size_t group = 0; group < sizeof file_groups / sizeof *file_groups; group++) {
		uint64_t count = 0;
		for (uint32_t i = 0; i < files->count; i++)
			count += group_of(files->list[i]) == group;
		if (!count)
			continue;
		title(text, file_groups[group].title, count);
		for (uint32_t i = 0; i < files->count; i++)
			if (group_of(files->list[i]) == group)
				write_file(text, files->list[i], file_groups[group].ops);
	}
}

/* ---- network ---- */

static void add_errnos(struct strbuf *line, const struct errno_count *errnos)
{
	for (; errnos; errnos = errnos->next)
		strbuf_addf(line, "  %s %llu", errnos->name, (unsigned long long)errnos->count);
}

static void write_peer(struct text *text, const struct peer *peer)
{
	struct strbuf *line = &text->line;
	char sent[PLAIN_NUMBER], received[PLAIN_NUMBER];
	const char *format = peer->port >= 0 && peer->family && strcmp(peer->family, "inet6") == 0 ?
		"]:%lld" : ":%lld";
	strbuf_addf(line, "%6u  %-8s%s%s%s", peer->process, network_op_words[peer->op],
		    peer->family ? peer->family : "?", peer->protocol ? "/" : "",
		    peer->protocol ? peer->protocol : "");
	pad_to(line, 30);
	if (peer->address) {
		if (format[0] == ']')
			strbuf_add_char(line, '[');
		plain_add_text(line, name_bytes(peer->address));
	}
	if (peer->port >= 0)
		strbuf_addf(line, format, (long long)peer->port);
	if (peer->count > 1)
		strbuf_addf(line, "  x %llu", (unsigned long long)peer->count);
	add_errnos(line, peer->errors);
	if (text->model->sections.network_bytes && !peer->bytes_unknown) {
		plain_size(peer->sent_bytes, sent);
		plain_size(peer->received_bytes, received);
		if (peer->sent_bytes || peer->received_bytes)
			strbuf_addf(line, "  sent %s, received %s", sent, received);
	}
	end_line(text);
}

static void write_network(struct text *text)
{
	const struct network *network = &text->model->network;
	if (!network->count)
		return;
	title(text, "Network", network->count);
	for (uint32_t i = 0; i < network->count; i++)
		write_peer(text, &network->peers[i]);
}

/* ---- calls ---- */

static int compare_times(const void *a, const void *b)
{
	const struct call_total *left = *(const struct call_total *const *)a;
	const struct call_total *right = *(const struct call_total *const *)b;
	if (left->total_ns != right->total_ns)
		return left->total_ns > right->total_ns ? -1 : 1;
	return strcmp(left->name, right->name);
}

static const char rule[] = "------ ----------- ----------- --------- --------- ----------------";

static void write_call(struct text *text, const struct call_total *total, double all_ns)
{
	struct strbuf *line = &text->line;
	double ns = (double)total->total_ns;
	strbuf_addf(line, "%6.2f %11.6f %11.0f %9llu ", all_ns > 0 ? 100 * ns / all_ns : 0, ns / 1e9,
		    total->calls ? ns / 1e3 / (double)total->calls : 0,
		    (unsigned long long)total->calls);
	if (total->errors)
		strbuf_addf(line, "%9llu", (unsigned long long)total->errors);
	else
		strbuf_add_string(line, "         ");
	strbuf_addf(line, " %s", total->name);
	if (total->errnos) {
		pad_to(line, 72);
		add_errnos(line, total->errnos);
	}
	end_line(text);
}

static void write_calls(struct text *text)
{
	const struct calls *calls = &text->model->calls;
	const struct call_total **order = calloc(calls->count + 1, sizeof *order);
	struct call_total sum = { .name = "total" };
	if (!order) {
		text->line.failed = true;
		return;
	}
	for (uint32_t i = 0; i < calls->count; i++) {
		order[i] = &calls->totals[i];
		sum.calls += order[i]->calls;
		sum.errors += order[i]->errors;
		sum.total_ns += order[i]->total_ns;
	}
	qsort(order, calls->count, sizeof *order, compare_times);
	title(text, "System calls", sum.calls);
	fprintf(text->out, "%% time     seconds  usecs/call     calls    errors syscall\n%s\n", rule);
	for (uint32_t i = 0; i < calls->count; i++)
		write_call(text, order[i], (double)sum.total_ns);
	fprintf(text->out, "%s\n", rule);
	write_call(text, &sum, (double)sum.total_ns);
	free(order);
}

/* The positions of the process's most time-consuming calls; their number. */
static unsigned top_calls(const struct process *process, const struct call_count *top[TOP_CALLS])
{
	unsigned count = 0;
	for (uint32_t i = 0; i < process->calls_kinds; i++) {
		const struct call_count *next = &process->calls[i];
		unsigned at = 0;
		while (at < count && top[at]->total_ns >= next->total_ns)
			at++;
		if (count < TOP_CALLS)
			count++;
		for (unsigned last = count - 1; last > at; last--)
			top[last] = top[last - 1];
		if (at < count)
			top[at] = next;
	}
	return count;
}

static void write_process_calls(struct text *text, const struct process *process)
{
	const struct call_count *top[TOP_CALLS];
	struct strbuf *line = &text->line;
	unsigned count = top_calls(process, top);
	strbuf_addf(line, "%6u %9llu %8llu  ", process->id, (unsigned long long)process->call_count,
		    (unsigned long long)process->error_count);
	plain_add_text(line, bytes_of(process->comm, process->comm_len));
	if (count)
		pad_to(line, 45);
	for (unsigned i = 0; i < count; i++) {
		char duration[PLAIN_NUMBER];
		plain_duration(top[i]->total_ns, duration);
		strbuf_addf(line, "%s%s %llu (%s)", i ? ", " : "",
			    text->model->calls.totals[top[i]->total].name,
			    (unsigned long long)top[i]->calls, duration);
	}
	end_line(text);
}

static void write_calls_by_process(struct text *text)
{
	const struct proctree *tree = &text->model->proctree;
	title(text, "System calls by process", tree->count);
	strbuf_add_string(&text->line, "    id     calls   errors  program          "
				       "the calls that took longest");
	end_line(text);
	for (uint32_t i = 0; i < tree->count; i++)
		write_process_calls(text, tree->list[i]);
}

/* ---- signals, violations, coverage ---- */

static void write_signal(struct text *text, const struct signal_entry *entry)
{
	const char *name = syscall_signal_name(entry->number);
	strbuf_addf(&text->line, "%6u ", entry->process);
	add_duration(&text->line, 9, true, entry->at_ns);
	strbuf_addf(&text->line, "  %s x %llu", name ? name : "signal", (unsigned long long)entry->count);
	if (entry->from)
		strbuf_addf(&text->line, " from process %u", entry->from);
	if (entry->fatal)
		strbuf_add_string(&text->line, ", fatal");
	end_line(text);
}

/* SIGCHLD says nothing that the process tree does not: it is only counted. */
static void write_signals(struct text *text)
{
	const struct signals *signals = &text->model->signals;
	uint64_t total = 0, of_children = 0;
	for (uint32_t i = 0; i < signals->count; i++) {
		total += signals->list[i].count;
		of_children += signals->list[i].number == SIGCHLD ? signals->list[i].count : 0;
	}
	if (!total)
		return;
	title(text, "Signals", total);
	for (uint32_t i = 0; i < signals->count; i++)
		if (signals->list[i].number != SIGCHLD)
			write_signal(text, &signals->list[i]);
	if (of_children) {
		strbuf_addf(&text->line, "%18sSIGCHLD x %llu", "", (unsigned long long)of_children);
		end_line(text);
	}
}

/* What the process ran at that time; NULL: not known. */
static const struct exec_image *image_at(const struct process *process, uint64_t at_ns)
{
	const struct exec_image *image = process->first_exec ? process->first_exec : process->image;
	while (image && process->first_exec && image->next && image->next->at_ns <= at_ns)
		image = image->next;
	return image;
}

static void write_violation(struct text *text, const struct violation *violation)
{
	const struct process *process = proctree_find(&text->model->proctree, violation->process);
	const struct exec_image *image = process ? image_at(process, violation->at_ns) : NULL;
	struct strbuf *line = &text->line;
	strbuf_addf(line, "%6u ", violation->process);
	add_duration(line, 9, true, violation->at_ns);
	strbuf_addf(line, "  %s%s ", violation->dry_run ? "would " : "", violation_action_word(violation->action));
	plain_add_text(line, name_bytes(violation->subject));
	strbuf_add_string(line, ": ");
	plain_add_text(line, name_bytes(violation->rule));
	if (image) {
		strbuf_add_string(line, "  by ");
		plain_add_command(line, name_bytes(image->argv), 0);
	}
	end_line(text);
}

static void write_violations(struct text *text)
{
	const struct violations *violations = &text->model->violations;
	title(text, violations->dry_run ? "Violations, of a dry run" : "Violations", violations->count);
	for (uint32_t i = 0; i < violations->count; i++)
		write_violation(text, &violations->list[i]);
}

static void write_note(struct text *text, const struct coverage_note *note)
{
	struct strbuf *line = &text->line;
	strbuf_add_string(line, note->gap ? "  gap   " : "  seen  ");
	plain_add_text(line, name_bytes(note->kind));
	if (note->process)
		strbuf_addf(line, ", process %u", note->process);
	strbuf_add_string(line, ": ");
	plain_add_text(line, name_bytes(note->text));
	end_line(text);
}

static void write_coverage(struct text *text)
{
	const struct coverage *coverage = &text->model->coverage;
	struct strbuf *line = &text->line;
	title(text, "Coverage: what this report cannot know", coverage->count);
	strbuf_add_string(line, coverage->complete ?
			  "  complete: every process was followed from its first instruction to its end" :
			  "  NOT complete: see the gaps below");
	end_line(text);
	strbuf_addf(line, "  processes with the in-process view: %u, kernel view alone: %u; records lost: %llu",
		    coverage->with_shim, coverage->kernel_only, (unsigned long long)coverage->lost);
	end_line(text);
	for (uint32_t i = 0; i < coverage->cut_count; i++) {
		strbuf_add_string(line, "  cut by the size limit: ");
		plain_add_text(line, name_bytes(coverage->cuts[i].kind));
		strbuf_addf(line, " %llu", (unsigned long long)coverage->cuts[i].count);
		end_line(text);
	}
	for (uint32_t i = 0; i < coverage->count; i++)
		write_note(text, &coverage->notes[i]);
}

static int write_text(FILE *out, const struct model *model)
{
	const struct model_sections *sections = &model->sections;
	struct text text = { .out = out, .model = model };
	write_head(&text);
	write_processes(&text);
	if (sections->exec_failures)
		write_exec_failures(&text);
	if (sections->files)
		write_files(&text);
	if (sections->network)
		write_network(&text);
	if (sections->calls) {
		write_calls(&text);
		write_calls_by_process(&text);
	}
	if (sections->signals)
		write_signals(&text);
	if (model->violations.judged)
		write_violations(&text);
	write_coverage(&text);
	int error = text.line.failed ? -ENOMEM : 0;
	strbuf_free(&text.line);
	return error;
}

const struct report_format report_text = {
	.name = "text",
	.suffixes = (const char *const[]){ ".txt", NULL },
	.write = write_text,
};
