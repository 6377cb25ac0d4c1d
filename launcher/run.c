/* A run from the command line to the reports: see run.h. */
#include "run.h"

#include "clock.h"
#include "doctor.h"
#include "enforce.h"
#include "fastpath.h"
#include "inherited.h"
#include "learnfile.h"
#include "message.h"
#include "model/model.h"
#include "nested.h"
#include "outputs.h"
#include "redact.h"
#include "report/report.h"
#include "salvage.h"
#include "secondnames.h"
#include "shimfile.h"
#include "strbuf.h"
#include "ticks.h"
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_TROUBLE = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* One run; the supervisor, being forked, has it too, and makes the reports if the launcher dies. */
static struct {
	const struct options *options;
	struct outputs *outputs;
	struct recording *recording;
	struct redactor *redactor;
	struct shimfile shim;
	bool has_shim;
	int shim_error; /* why not, -errno; 0: nobody wants it */
	struct selection selection;
	struct policy *policy; /* NULL: no rules, and none to be learned */
	struct learnfile learnfile; /* with --learn */
	uint32_t broken;       /* rules, as the reports have it */
	struct control *control;
	struct ticks ticks; /* with a pair of the beginning */
	uint64_t start_ns;
	uint64_t start_realtime_ns;
} run;

static _Noreturn void give_up(int status)
{
	outputs_discard(run.outputs);
	outputs_free(run.outputs);
	if (run.has_shim)
		shimfile_remove(&run.shim);
	exit(status);
}

/* ---- before ---- */

static char *find_command(void)
{
	char *path = NULL;
	const char *name = run.options->command[0];
	int error = launch_find(name, &path);
	if (!error)
		return path;
	if (error == -ENOENT || error == -ENOTDIR) {
		message_error(name, "%s", strchr(name, '/') ? strerror(-error) : "command not found");
		give_up(EXIT_NOT_FOUND);
	}
	message_error(name, "%s", strerror(-error));
	give_up(EXIT_NOT_EXECUTABLE);
}

static struct bytes vector_of(char *const *strings, struct strbuf *out)
{
	for (; *strings; strings++)
		strbuf_add(out, *strings, strlen(*strings) + 1);
	return strbuf_bytes(out);
}

static const char *level_name(enum level level)
{
	static const char *const names[] = { [LEVEL_EXEC] = "exec", [LEVEL_AUDIT] = "audit",
					     [LEVEL_ALL] = "all" };
	return names[level];
}

/* Also of a directory that was removed, as the reports have those of programs. malloc'ed, or NULL. */
static char *own_directory(void)
{
	static const char deleted[] = " (deleted)";
	char link[PATH_MAX], *cwd = getcwd(NULL, 0);
	if (cwd)
		return cwd;
	ssize_t len = readlink("/proc/self/cwd", link, sizeof link);
	size_t mark = sizeof deleted - 1;
	if (len > (ssize_t)mark && memcmp(link + len - mark, deleted, mark) == 0)
		len -= (ssize_t)mark;
	return len > 0 ? strndup(link, (size_t)len) : NULL;
}

static void record_start(void)
{
	struct strbuf command = { 0 }, environment = { 0 };
	struct utsname host;
	uname(&host);
	char *cwd = own_directory();
	struct event event = { .kind = EVENT_START };
	event.start = (struct event_start){
		.version = bytes_of_string(PTWRAP_VERSION),
		.level = bytes_of_string(level_name(run.options->level)),
		.trace = bytes_of_string(run.options->trace),
		.command = vector_of(run.options->command, &command),
		.cwd = bytes_of_string(cwd),
		.environment = vector_of(environ, &environment),
		.host_name = bytes_of_string(host.nodename),
		.kernel = bytes_of_string(host.release),
		.arch = bytes_of_string(host.machine),
		.realtime_ns = run.start_realtime_ns,
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
		.uid = getuid(),
		.ptw_asked = outputs_want_recording(run.outputs),
		.no_shim = !run.has_shim,
	};
	if (run.redactor)
		redactor_learn(run.redactor, event.start.environment);
	recording_append(run.recording, &event, run.redactor);
	free(cwd);
	strbuf_free(&command);
	strbuf_free(&environment);
}

static void record_note(const char *kind, const char *text)
{
	struct event event = { .kind = EVENT_NOTE, .t_ns = clock_monotonic_ns() - run.start_ns };
	event.note.note_kind = bytes_of_string(kind);
	event.note.text = bytes_of_string(text);
	recording_append(run.recording, &event, run.redactor);
}

static void record_missing_shim(void)
{
	char text[128];
	if (!run.shim_error)
		return;
	snprintf(text, sizeof text, "its file could not be made: %s", strerror(-run.shim_error));
	record_note("shim-refused", text);
}

static void note_at_start(const char *kind, const char *line)
{
	struct event event = { .kind = EVENT_NOTE };
	event.note.note_kind = bytes_of_string(kind);
	event.note.text = bytes_of_string(line);
	recording_append(run.recording, &event, run.redactor);
}

static void note_inherited(const char *line)
{
	note_at_start("policy-inherited", line);
}

static void note_second_name(const char *line)
{
	note_at_start("policy-second-name", line);
}

static bool has_rules(void)
{
	return run.options->policy_count || run.options->rule_count;
}

/* What is judged, what of it cannot be, and what no rule was asked about. */
static void record_policy(void)
{
	const struct options *options = run.options;
	struct strbuf rules = { 0 };
	char why[512];
	if (!has_rules())
		return;
	for (size_t i = 0; i < options->policy_count; i++)
		strbuf_add(&rules, options->policies[i], strlen(options->policies[i]) + 1);
	for (size_t i = 0; i < options->rule_count; i++)
		strbuf_add(&rules, options->rules[i], strlen(options->rules[i]) + 1);
	struct event event = { .kind = EVENT_POLICY };
	event.policy.rules = strbuf_bytes(&rules);
	event.policy.dry_run = options->dry_run;
	recording_append(run.recording, &event, run.redactor);
	strbuf_free(&rules);
	if (enforce_lacks(run.policy, why, sizeof why))
		note_at_start("policy-unenforced", why);
	inherited_list(run.policy, note_inherited);
	secondnames_list(run.policy, note_second_name);
}

static void make_redactor(void)
{
	if (run.options->no_redact)
		return;
	run.redactor = redactor_create();
	int error = run.redactor ? 0 : -ENOMEM;
	for (size_t i = 0; !error && i < run.options->redact_count; i++)
		error = redactor_add_pattern(run.redactor, run.options->redact[i]);
	if (!error && run.options->learn) /* which the launcher does, and what the tree has for secrets the supervisor knows */
		error = redactor_share(run.redactor);
	if (error) {
		message_error("--redact", "%s", strerror(-error));
		give_up(EXIT_TROUBLE);
	}
}

static void check_user(void)
{
	const char *user = run.options->user;
	errno = 0;
	if (!user || getpwnam(user))
		return;
	message_error("--user", "'%s': %s", user, errno ? strerror(errno) : "no such user");
	give_up(EXIT_TROUBLE);
}

/* A limit on the size of files may stop it: that signal is about a write of ours, not for COMMAND. */
static bool create_shim(void)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN }, before;
	run.shim_error = shimfile_create(&run.shim);
	sigaction(SIGXFSZ, &ignored, &before); /* drops what is pending */
	sigaction(SIGXFSZ, &before, NULL);
	return run.shim_error == 0;
}

static void load_policy(void)
{
	const struct options *options = run.options;
	char why[512];
	if (!has_rules() && !options->learn)
		return;
	run.policy = policy_load(options->policies, options->policy_count, options->rules, options->rule_count, why,
				 sizeof why);
	if (!run.policy) {
		message_error(NULL, "%s", why);
		give_up(EXIT_TROUBLE);
	}
	enforce_select(run.policy, options->learn, &run.selection);
	if (!options->best_effort && !options->dry_run && enforce_lacks(run.policy, why, sizeof why)) {
		message_error(NULL, "%s; --best-effort runs COMMAND all the same", why);
		give_up(EXIT_TROUBLE);
	}
}

static void prepare(struct launch *launch)
{
	char why[256];
	if (selection_init(&run.selection, run.options->level, run.options->trace,
			   run.options->allow_io_uring, why, sizeof why)) {
		message_error("--trace", "%s", why);
		give_up(EXIT_TROUBLE);
	}
	check_user();
	load_policy();
	if (run.options->learn && learnfile_open(&run.learnfile, run.options->learn))
		give_up(EXIT_TROUBLE);
	launch->path = find_command();
	struct doctor_facts facts;
	if (doctor_check(run.options->level != LEVEL_EXEC, &facts, why, sizeof why)) {
		message_error(NULL, "%s", why);
		give_up(EXIT_TROUBLE);
	}
	run.outputs = outputs_open(run.options);
	if (!run.outputs)
		give_up(EXIT_TROUBLE);
	make_redactor();
	run.recording = recording_create(outputs_recording_fd(run.outputs), run.options->max_size);
	run.control = mmap(NULL, sizeof *run.control, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Without a place for it the kernel view serves alone. */
	struct filter_pass pass = { .verify = run.options->verify };
	run.has_shim = !run.options->no_shim && create_shim();
	bool fast = run.has_shim && ticks_are_steady() && run.options->level != LEVEL_EXEC &&
		    fastpath_create(&run.shim, &run.selection, &pass) == 0;
	int error = !run.recording || run.control == MAP_FAILED ? -errno :
		    filter_build(&run.selection, fast ? &pass : NULL, &launch->filter);
	if (error) {
		message_error("cannot start", "%s", strerror(-error));
		give_up(EXIT_TROUBLE);
	}
}

/* ---- after ---- */

/* What is wrong with a recording, and what can be done about it. */
static const char *const flaws[] = {
	[RECORDING_UNFINISHED] = "the recording has no end: whoever wrote it was killed; what stands in it was read",
	[RECORDING_CUT] = "the recording ends inside a record: copy it whole, or do with what was read",
	[RECORDING_CORRUPT] = "the recording is damaged: copy it anew, or do with what was read before the damage",
	[RECORDING_FOREIGN] = ("no recording of ptwrap " PTWRAP_VERSION ": --read takes what -o FILE.ptw wrote"),
	[RECORDING_IO_ERROR] = "the recording could not be read to its end",
};

/* The model of the whole recording, or NULL after a message. write_error: why less than the whole may
 * stand in it; 0 or -errno. */
static struct model *read_model(int fd, const char *name, int write_error, enum recording_status *status)
{
	struct recording_reader *reader = recording_reader_open(fd);
	struct model *model = reader ? model_read(reader, status) : NULL;
	if (!model && write_error)
		message_error(name, "%s", strerror(-write_error));
	else if (!model && reader && errno == EBADMSG && *status < sizeof flaws / sizeof *flaws && flaws[*status])
		message_error(name, "%s", flaws[*status]);
	else if (!model)
		message_error(name, "%s", strerror(reader ? errno : ENOMEM));
	recording_reader_close(reader);
	return model;
}

static void add_digest(struct model *model)
{
	unsigned char digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	if (!model->run.ptw_asked || outputs_digest(run.outputs, digest))
		return;
	sha256_hex(digest, hex);
	model_set_recording_sha256(model, hex);
}

static bool wants_color(void)
{
	if (run.options->color != COLOR_AUTO)
		return run.options->color == COLOR_ALWAYS;
	const char *no_color = getenv("NO_COLOR");
	return isatty(STDERR_FILENO) && !(no_color && *no_color);
}

static void print_summary(const struct model *model)
{
	if (run.options->quiet)
		return;
	report_write_summary(stderr, model, wants_color(), run.options->verbose);
	outputs_print_names(run.outputs, stderr);
	fflush(stderr);
}

/* Every report from the recording. 0, or -1 after a message for each that is not whole. */
static int make_reports(int recording_error)
{
	enum recording_status status;
	struct model *model = read_model(outputs_recording_fd(run.outputs), outputs_recording_name(run.outputs),
					 recording_error, &status);
	if (!model)
		return -1;
	add_digest(model);
	int failed = outputs_finish(run.outputs, model, recording_error);
	print_summary(model);
	run.broken = model->violations.broken;
	model_free(model);
	return failed;
}

static int write_learned(void)
{
	if (run.redactor)
		redactor_catch_up(run.redactor);
	return learnfile_write(&run.learnfile, run.redactor);
}

/* In the supervisor, the launcher having been killed. */
static void finish_orphaned(void)
{
	make_reports(recording_flush(run.recording));
	if (run.options->learn)
		write_learned();
	if (run.has_shim)
		shimfile_remove(&run.shim);
}

static void finish_lingering(void)
{
	if (run.has_shim)
		shimfile_remove(&run.shim);
}

/* The supervisor was killed: what still lies in the rings. */
static void salvage(void)
{
	const struct ledger_secrets *secrets = &run.control->secrets;
	bool withhold = run.redactor && (atomic_load(&secrets->awaited) > 0 ||
					 atomic_load(&secrets->known) > redactor_known(run.redactor));
	salvage_rings(&(struct salvage){
		.recording = run.recording,
		.recording_fd = outputs_recording_fd(run.outputs),
		.redactor = run.redactor,
		.selection = &run.selection,
		.shim = run.has_shim ? &run.shim : NULL,
		.ticks = &run.ticks,
		.withhold = withhold,
	});
}

/* It has died, or was ended for what `stuck` says ("": by itself). */
static void succeed_supervisor(const char *stuck)
{
	if (*stuck)
		message_error("the supervisor is stuck", "%s: it and the tree were ended", stuck);
	else
		message_error("the supervisor died", "the tree was ended with it; the report holds what was seen until then");
	salvage();
	record_note("ptwrap-failed", *stuck ? stuck : "the supervisor was killed, and the tree ended with it");
}

/* COMMAND was found, so what execve did not find is what the file asks for. */
static _Noreturn void end_not_run(const struct watch_result *result)
{
	if (result->outcome == WATCH_REFUSED && atomic_load(&run.control->unpinned)) {
		char subjects[64];
		enforce_points(run.policy, subjects, sizeof subjects);
		message_error(NULL, "rules on %s need memory that no program can change: %s; --best-effort runs COMMAND all the same",
			      subjects, strerror(result->error));
		give_up(EXIT_TROUBLE);
	}
	if (result->outcome == WATCH_REFUSED) {
		message_error("cannot trace COMMAND", "%s (see ptwrap --doctor)", strerror(result->error));
		give_up(EXIT_TROUBLE);
	}
	message_error(run.options->command[0], "%s%s", result->error == ENOENT ? "its interpreter or loader: " : "",
		      strerror(result->error));
	give_up(EXIT_NOT_EXECUTABLE);
}

/* --verify: says what came of it. */
static bool views_differ(void)
{
	unsigned long long compared = atomic_load(&run.control->compared), different = atomic_load(&run.control->different);
	if (!run.options->verify)
		return false;
	if (different || !run.options->quiet)
		message_error("--verify", "%llu calls compared, %llu differences", compared, different);
	return different > 0;
}

/* It is COMMAND's to see, not what the environment of ptwrap was. */
static void switch_off_lsan(void)
{
	const char *old = getenv("LSAN_OPTIONS");
	struct strbuf options = { 0 };
	strbuf_addf(&options, "%s%sdetect_leaks=0", old ? old : "", old && *old ? ":" : "");
	strbuf_add_char(&options, '\0');
	setenv("LSAN_OPTIONS", options.data ? options.data : "detect_leaks=0", 1);
	strbuf_free(&options);
}

void run_command(const struct options *options, const sigset_t *mask)
{
	static struct launch launch;
	struct launched launched;
	run.options = options;
	if (nested_is_audited())
		nested_run(options, mask);
	prepare(&launch);
	run.start_realtime_ns = clock_ns(CLOCK_REALTIME);
	run.start_ns = clock_monotonic_ns();
	ticks_init(&run.ticks, run.start_ns);
	record_start();
	record_missing_shim();
	record_policy();
	recording_flush(run.recording); /* whenever ptwrap is killed, --read has a beginning */
	if (options->no_lsan)
		switch_off_lsan();
	launch.argv = options->command;
	launch.user = options->user;
	launch.supervision = (struct supervision){
		.selection = &run.selection,
		.recording = run.recording,
		.redactor = run.redactor,
		.shim = run.has_shim ? &run.shim : NULL,
		.control = run.control,
		.start_ns = run.start_ns,
		.policy = run.policy,
		.needs = run.learnfile.log,
		.dry_run = options->dry_run || !has_rules(),
		.best_effort = options->best_effort,
		.wait_all = options->wait_all,
		.release = options->release,
		.release_program = options->release_program,
		.no_lsan = options->no_lsan,
		.kill_rest = options->kill_rest,
		.verify = options->verify,
		.orphaned = finish_orphaned,
		.lingered = finish_lingering,
	};
	launch.mask = *mask;
	watch_block_signals();
	int error = launch_command(&launch, &launched);
	if (error) {
		message_error("cannot fork", "%s", strerror(-error));
		give_up(EXIT_TROUBLE);
	}
	struct watch_result result = watch_command(&launched, run.control);
	if (result.outcome == WATCH_NOT_RUN || result.outcome == WATCH_REFUSED)
		end_not_run(&result);
	bool died = result.outcome == WATCH_SUPERVISOR_DIED;
	if (died)
		succeed_supervisor(result.stuck);
	int flushed = died ? recording_flush_orphaned(run.recording) : recording_flush(run.recording);
	int failed = make_reports(flushed);
	if (options->learn && !died)
		failed |= write_learned();
	if (died)
		finish_lingering();
	outputs_free(run.outputs);
	if (died || failed || views_differ())
		exit(EXIT_TROUBLE);
	if (options->error_exitcode && run.broken && result.status == 0)
		exit(options->error_exitcode);
	watch_end_like(result.status);
}

int run_read(const struct options *options)
{
	run.options = options;
	run.outputs = outputs_open_read(options);
	if (!run.outputs)
		return EXIT_TROUBLE;
	enum recording_status status;
	const char *name = outputs_recording_name(run.outputs);
	struct model *model = read_model(outputs_recording_fd(run.outputs), name, 0, &status);
	if (!model)
		return EXIT_TROUBLE;
	add_digest(model);
	int failed = outputs_finish(run.outputs, model, 0);
	print_summary(model);
	model_free(model);
	if (status != RECORDING_WHOLE)
		message_error(name, "%s", flaws[status]);
	outputs_free(run.outputs);
	return failed || status != RECORDING_WHOLE ? EXIT_TROUBLE : 0;
}
