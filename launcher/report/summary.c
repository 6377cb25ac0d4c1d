/* The summary on standard error: at most 37 lines here, so that with the names of the reports it
 * stays within 40. Sections with nothing to say are left out (verbose: they say so). */
#include "model/model.h"
#include "report/plain.h"
#include "report/report.h"
#include "syscall.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { ENTRIES = 4 /* lines of a section, one more says how many others there are */, WIDTH = 100 };

/* One section while it is written: a label, then entries in columns behind it. */
struct summary {
	FILE *out;
	const struct model *model;
	struct strbuf line;
	const char *label;
	unsigned entries;
	bool color, verbose;
};

static const char bold[] = "1", red[] = "31", yellow[] = "33", dim[] = "2";

static void add_colored(struct summary *summary, const char *sgr, const char *words)
{
	if (summary->color)
		strbuf_addf(&summary->line, "\033[%sm%s\033[0m", sgr, words);
	else
		strbuf_add_string(&summary->line, words);
}

static void end_line(struct summary *summary)
{
	strbuf_add_char(&summary->line, '\n');
	fwrite(summary->line.data, 1, summary->line.len, summary->out);
	strbuf_reset(&summary->line);
}

static void start_section(struct summary *summary, const char *label)
{
	summary->label = label;
	summary->entries = 0;
}

/* The margin of the next entry; false when the section is full. */
static bool start_entry(struct summary *summary)
{
	char label[16];
	if (summary->entries == ENTRIES)
		return false;
	snprintf(label, sizeof label, "  %-10s ", summary->entries == 0 ? summary->label : "");
	add_colored(summary, dim, label);
	summary->entries++;
	return true;
}

static void end_section(struct summary *summary, uint64_t total)
{
	if (total == 0 && summary->verbose && start_entry(summary)) {
		strbuf_add_string(&summary->line, "nothing");
		end_line(summary);
	}
	if (total > summary->entries) {
		strbuf_addf(&summary->line, "%13sand %llu more", "",
			    (unsigned long long)(total - summary->entries));
		end_line(summary);
	}
}

/* ---- what ran ---- */

struct program {
	const struct name *path;
	uint64_t count, cpu_ns;
};

static int compare_paths(const void *a, const void *b)
{
	const struct program *left = a, *right = b;
	return bytes_compare(name_bytes(left->path), name_bytes(right->path));
}

static int compare_counts(const void *a, const void *b)
{
	const struct program *left = a, *right = b;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return compare_paths(a, b);
}

static int compare_cpu(const void *a, const void *b)
{
	const struct program *left = a, *right = b;
	if (left->cpu_ns != right->cpu_ns)
		return left->cpu_ns > right->cpu_ns ? -1 : 1;
	return compare_paths(a, b);
}

/* Equal paths become one entry; how many there are then. */
static size_t merge_programs(struct program *programs, size_t count)
{
	size_t kept = 0;
	if (count)
		qsort(programs, count, sizeof *programs, compare_paths);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || programs[i].path != programs[kept - 1].path) {
			programs[kept++] = programs[i];
			continue;
		}
		programs[kept - 1].count += programs[i].count;
		programs[kept - 1].cpu_ns += programs[i].cpu_ns;
	}
	return kept;
}

static void write_ran(struct summary *summary)
{
	const struct proctree *tree = &summary->model->proctree;
	struct program *programs = calloc(tree->exec_count + 1, sizeof *programs);
	size_t count = 0;
	start_section(summary, "ran");
	if (!programs)
		return;
	for (uint32_t i = 0; i < tree->count; i++)
		for (const struct exec_image *image = tree->list[i]->first_exec; image; image = image->next)
			programs[count++] = (struct program){ image->path, 1, 0 };
	count = merge_programs(programs, count);
	qsort(programs, count, sizeof *programs, compare_counts);
	for (size_t i = 0; i < count && start_entry(summary); i++) {
		strbuf_addf(&summary->line, "%5llu x ", (unsigned long long)programs[i].count);
		plain_add_text(&summary->line, name_bytes(programs[i].path));
		end_line(summary);
	}
	end_section(summary, count);
	free(programs);
}

/* ---- files ---- */

static void add_path(struct summary *summary, const struct file *file)
{
	plain_add_text(&summary->line, name_bytes(file->path));
	if (file->ops & FILE_RENAME && file->renamed_to.name) {
		strbuf_add_string(&summary->line, " -> ");
		plain_add_text(&summary->line, name_bytes(file->renamed_to.name));
	}
	end_line(summary);
}

/* /dev/null and its like are nothing that a run leaves behind. */
static bool is_device(const struct file *file)
{
	return file->path->len > 5 && memcmp(file->path->data, "/dev/", 5) == 0;
}

static void write_files(struct summary *summary, const char *label, uint32_t ops, uint32_t without)
{
	const struct files *files = &summary->model->files;
	uint64_t total = 0;
	start_section(summary, label);
	for (uint32_t i = 0; i < files->count; i++) {
		const struct file *file = files->list[i];
		if (!(file->ops & ops) || (file->ops & without) || is_device(file))
			continue;
		total++;
		if (start_entry(summary))
			add_path(summary, file);
	}
	end_section(summary, total);
}

/* ---- network ---- */

static void add_peer(struct strbuf *line, const struct peer *peer)
{
	bool brackets = peer->port >= 0 && peer->family && strcmp(peer->family, "inet6") == 0;
	strbuf_addf(line, "%-7s ", network_op_words[peer->op]);
	strbuf_add_string(line, brackets ? "[" : "");
	if (peer->address)
		plain_add_text(line, name_bytes(peer->address));
	else
		strbuf_add_string(line, peer->family ? peer->family : "?");
	strbuf_add_string(line, brackets ? "]" : "");
	if (peer->port >= 0)
		strbuf_addf(line, ":%lld", (long long)peer->port);
	if (peer->protocol)
		strbuf_addf(line, " (%s)", peer->protocol);
	for (const struct errno_count *error = peer->errors; error; error = error->next)
		strbuf_addf(line, " %s", error->name);
}

static bool is_internet(const struct peer *peer)
{
	return peer->family && strncmp(peer->family, "inet", 4) == 0;
}

/* What left the machine first; the rest in the order of the report. */
static unsigned rank_of(const struct peer *peer)
{
	bool connects = peer->op == NETWORK_CONNECT || peer->op == NETWORK_SEND;
	return is_internet(peer) ? (connects ? 0 : 1) : 2;
}

static int compare_peers(const void *a, const void *b)
{
	const struct peer *left = *(const struct peer *const *)a;
	const struct peer *right = *(const struct peer *const *)b;
	if (rank_of(left) != rank_of(right))
		return rank_of(left) < rank_of(right) ? -1 : 1;
	if (left->op != right->op)
		return left->op < right->op ? -1 : 1;
	int order = bytes_compare(name_bytes(left->address), name_bytes(right->address));
	if (order == 0)
		order = (left->port > right->port) - (left->port < right->port);
	return order ? order : (left > right) - (left < right);
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->op == b->op && a->address == b->address && a->port == b->port;
}

static void write_network(struct summary *summary)
{
	const struct network *network = &summary->model->network;
	const struct peer **order = calloc(network->count + 1, sizeof *order);
	uint32_t count = 0, total = 0;
	start_section(summary, "talked to");
	if (!order)
		return;
	for (uint32_t i = 0; i < network->count; i++)
		if (network->peers[i].op != NETWORK_BIND && network->peers[i].address)
			order[count++] = &network->peers[i];
	qsort(order, count, sizeof *order, compare_peers);
	for (uint32_t i = 0; i < count; i++) {
		if (i && same_peer(order[i], order[i - 1]))
			continue;
		total++;
		if (!start_entry(summary))
			continue;
		add_peer(&summary->line, order[i]);
		end_line(summary);
	}
	end_section(summary, total);
	free(order);
}

/* ---- refusals ---- */

static void write_refused(struct summary *summary)
{
	const struct calls *calls = &summary->model->calls;
	uint64_t total = 0;
	start_section(summary, "refused");
	for (uint32_t i = 0; i < calls->count; i++)
		for (const struct errno_count *error = calls->totals[i].errnos; error; error = error->next) {
			if (error->number != EACCES && error->number != EPERM)
				continue;
			total++;
			if (!start_entry(summary))
				continue;
			strbuf_addf(&summary->line, "%5llu x %s: %s", (unsigned long long)error->count,
				    calls->totals[i].name, error->name);
			end_line(summary);
		}
	end_section(summary, total);
}

/* ---- violations ---- */

static bool same_violation(const struct violation *a, const struct violation *b)
{
	return a->subject == b->subject && a->rule == b->rule && a->action == b->action;
}

static int compare_violations(const void *a, const void *b)
{
	const struct violation *left = *(const struct violation *const *)a;
	const struct violation *right = *(const struct violation *const *)b;
	if (left->action != right->action)
		return left->action > right->action ? -1 : 1;
	int order = bytes_compare(name_bytes(left->rule), name_bytes(right->rule));
	return order ? order : bytes_compare(name_bytes(left->subject), name_bytes(right->subject));
}

static void write_violation(struct summary *summary, const struct violation *violation, uint64_t count)
{
	add_colored(summary, violation->action == VIOLATION_LOG ? yellow : red,
		    violation_action_word(violation->action));
	strbuf_addf(&summary->line, " %llu x ", (unsigned long long)count);
	plain_add_text(&summary->line, name_bytes(violation->subject));
	strbuf_add_string(&summary->line, ": ");
	plain_add_text(&summary->line, name_bytes(violation->rule));
	end_line(summary);
}

/* Equal ones are one line; what was forbidden comes before what was only logged. */
static void write_violations(struct summary *summary)
{
	const struct violations *violations = &summary->model->violations;
	const struct violation **order = calloc(violations->count + 1, sizeof *order);
	uint64_t total = 0;
	start_section(summary, violations->dry_run ? "rules (dry)" : "rules");
	if (!order)
		return;
	for (uint32_t i = 0; i < violations->count; i++)
		order[i] = &violations->list[i];
	qsort(order, violations->count, sizeof *order, compare_violations);
	for (uint32_t i = 0, next; i < violations->count; i = next) {
		for (next = i + 1; next < violations->count && same_violation(order[i], order[next]);)
			next++;
		total++;
		if (start_entry(summary))
			write_violation(summary, order[i], next - i);
	}
	end_section(summary, total);
	free(order);
}

/* ---- time ---- */

static void write_time(struct summary *summary)
{
	const struct proctree *tree = &summary->model->proctree;
	struct program *programs = calloc(tree->count + 1, sizeof *programs);
	size_t count = 0;
	char duration[PLAIN_NUMBER];
	start_section(summary, "CPU time");
	if (!programs)
		return;
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct process *process = tree->list[i];
		uint64_t cpu_ns = process->usage.user_ns + process->usage.system_ns;
		if (!process->first_child && process->has_usage && process->image)
			programs[count++] = (struct program){ process->image->path, 1, cpu_ns };
	}
	count = merge_programs(programs, count);
	qsort(programs, count, sizeof *programs, compare_cpu);
	for (size_t i = 0; i < count && programs[i].cpu_ns && start_entry(summary); i++) {
		plain_duration(programs[i].cpu_ns, duration);
		strbuf_addf(&summary->line, "%9s in %llu x ", duration,
			    (unsigned long long)programs[i].count);
		plain_add_text(&summary->line, name_bytes(programs[i].path));
		end_line(summary);
	}
	free(programs);
}

/* ---- what was not seen ---- */

static void write_note(struct summary *summary, const struct coverage_note *note)
{
	struct strbuf words = { 0 };
	plain_add_text(&words, name_bytes(note->kind));
	add_colored(summary, note->gap ? yellow : dim, words.data ? words.data : "");
	strbuf_free(&words);
	if (note->process)
		strbuf_addf(&summary->line, " (process %u)", note->process);
	strbuf_add_string(&summary->line, ": ");
	plain_add_text(&summary->line, name_bytes(note->text));
	end_line(summary);
}

static void write_unseen(struct summary *summary)
{
	const struct coverage *coverage = &summary->model->coverage;
	bool cut = coverage->lost || coverage->cut_count;
	start_section(summary, "not seen");
	if (coverage->complete && coverage->count == 0) {
		if (start_entry(summary))
			strbuf_add_string(&summary->line, "nothing: every process was followed from its "
							  "first instruction to its end");
		end_line(summary);
		return;
	}
	if (cut && start_entry(summary)) {
		add_colored(summary, yellow, "records were lost or cut by the size limit");
		end_line(summary);
	}
	for (int gaps = 1; gaps >= 0; gaps--)
		for (uint32_t i = 0; i < coverage->count; i++)
			if (coverage->notes[i].gap == gaps && start_entry(summary))
				write_note(summary, &coverage->notes[i]);
	end_section(summary, coverage->count + cut);
}

/* ---- the whole ---- */

static void add_outcome(struct summary *summary)
{
	const struct model_run *run = &summary->model->run;
	char words[64];
	if (!run->has_status) {
		add_colored(summary, red, "its end was not seen");
	} else if (WIFSIGNALED(run->status)) {
		const char *name = syscall_signal_name(WTERMSIG(run->status));
		snprintf(words, sizeof words, "killed by %s", name ? name : "a signal");
		add_colored(summary, red, words);
	} else {
		snprintf(words, sizeof words, "exit status %d", WEXITSTATUS(run->status));
		add_colored(summary, WEXITSTATUS(run->status) ? red : bold, words);
	}
}

static void write_head(struct summary *summary)
{
	const struct model *model = summary->model;
	const struct proctree *tree = &model->proctree;
	char elapsed[PLAIN_NUMBER];
	plain_duration(model->run.elapsed_ns, elapsed);
	add_colored(summary, bold, "ptwrap");
	strbuf_add_string(&summary->line, ": ");
	plain_add_command(&summary->line, name_bytes(model->run.command), WIDTH);
	strbuf_add_string(&summary->line, ": ");
	add_outcome(summary);
	strbuf_addf(&summary->line, " after %s", elapsed);
	end_line(summary);
	strbuf_addf(&summary->line, "  %u process%s, %llu program%s executed", tree->count,
		    tree->count == 1 ? "" : "es", (unsigned long long)tree->exec_count,
		    tree->exec_count == 1 ? "" : "s");
	if (model->sections.calls)
		strbuf_addf(&summary->line, ", %llu system calls recorded (%llu failed)",
			    (unsigned long long)tree->call_count, (unsigned long long)tree->error_count);
	if (model->sections.files)
		strbuf_addf(&summary->line, ", %u files read, %u written", model->files.read_count,
			    model->files.written_count);
	if (model->violations.judged)
		strbuf_addf(&summary->line, ", %u violations", model->violations.count);
	end_line(summary);
}

int report_write_summary(FILE *out, const struct model *model, bool color, int verbose)
{
	const struct model_sections *sections = &model->sections;
	struct summary summary = { .out = out, .model = model, .color = color, .verbose = verbose > 0 };
	write_head(&summary);
	write_ran(&summary);
	if (sections->files) {
		write_files(&summary, "wrote", FILE_WRITE | FILE_CREATE | FILE_TRUNCATE | FILE_LINK |
						       FILE_SYMLINK | FILE_MKDIR, FILE_DELETE);
		write_files(&summary, "removed", FILE_DELETE, 0);
	}
	if (sections->network)
		write_network(&summary);
	if (sections->calls)
		write_refused(&summary);
	if (model->violations.judged)
		write_violations(&summary);
	write_time(&summary);
	write_unseen(&summary);
	int error = summary.line.failed ? -ENOMEM : 0;
	strbuf_free(&summary.line);
	return ferror(out) ? -EIO : error;
}
