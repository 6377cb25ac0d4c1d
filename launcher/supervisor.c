/* The supervisor's life: see supervisor.h.
 *
 * Phases: starting, following (COMMAND lives, or --wait-all), then closed. Closed with tracees left
 * it goes on serving their stops for as long as they live, since their filter needs a tracer
 * (lingering), or, where there is no filter, lets them go; holding nothing that came from outside. */
#include "supervisor.h"

#include "announce.h"
#include "capture.h"
#include "enforce.h"
#include "helpers.h"
#include "holder.h"
#include "identity.h"
#include "judge.h"
#include "learner.h"
#include "peek.h"
#include "pinned.h"
#include "procfs.h"
#include "recorder.h"
#include "resolve.h"
#include "trace.h"
#include "transitions.h"
#include "verify.h"
#include "workdir.h"

#include "clock.h"

#include "ptwrap/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FLUSH_INTERVAL_MS = 250, REPEAT_MS = 10, CONTINUE_MS = 1, NOTES_MAX = 4096 };

static struct {
	const struct supervision *run;
	atomic_bool closed;    /* nothing is recorded any more */
	bool command_ended;
	atomic_bool orphaned;  /* the launcher has died, and the tracer knows */
	atomic_bool parent_died; /* its death signal came */
	atomic_uint stop_to_end; /* of the launcher's, as control->stops has it; 0: none */
	int command_status;
	sem_t flush_wanted;
	atomic_bool flush_armed; /* the flusher knows that there is something */
	atomic_bool flusher_stops;
	struct {
		bool is_elsewhere;
		sem_t wanted, done;
		void (*work)(void);
	} outside;
	pthread_t flusher, tracer;
	uint64_t noted[NOTES_MAX]; /* hashes of what was noted already */
	unsigned noted_count;
} supervisor;

const struct supervision *supervisor_get(void)
{
	return supervisor.run;
}

uint64_t supervisor_now(void)
{
	return clock_monotonic_ns() - supervisor.run->start_ns;
}

bool supervisor_is_recording(void)
{
	return !supervisor.closed;
}

bool supervisor_is_releasing(void)
{
	return supervisor.closed && supervisor.run->selection->level == LEVEL_EXEC;
}

static void wake_flusher(void)
{
	sem_post(&supervisor.flush_wanted);
}

void supervisor_record(const struct event *event)
{
	if (!supervisor.closed)
		recorder_event(event);
}

static bool noted_before(uint32_t process, const char *kind, const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL ^ process;
	for (const char *at = kind; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3ULL;
	for (const char *at = text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3ULL;
	for (unsigned i = 0; i < supervisor.noted_count; i++)
		if (supervisor.noted[i] == hash)
			return true;
	if (supervisor.noted_count < NOTES_MAX)
		supervisor.noted[supervisor.noted_count++] = hash;
	return false;
}

void supervisor_note(uint32_t process, const char *kind, const char *text)
{
	if (supervisor.closed || noted_before(process, kind, text))
		return;
	struct event event = { .kind = EVENT_NOTE, .t_ns = supervisor_now(), .process = process };
	event.note.note_kind = bytes_of_string(kind);
	event.note.text = bytes_of_string(text);
	supervisor_record(&event);
}

void supervisor_warn_once(const char *what, int error)
{
	char text[128];
	snprintf(text, sizeof text, "%s: %s", what, strerror(error));
	supervisor_note(0, "request-failed", text);
}

/* ---- the flusher ----
 *
 * It sleeps until the first event after a flush, then as long as events may stay unflushed, then
 * writes them: with nothing to do it never wakes. */

bool supervisor_parent_died(void)
{
	if (getppid() == supervisor.run->launcher)
		return false;
	atomic_store(&supervisor.parent_died, true);
	wake_flusher();
	return true;
}

/* A signal may come just before the tracer begins to wait: again, until it is seen, or the recording is closed and
 * the tracer waits for this thread. */
static void repeat_parent_death(void)
{
	while (!atomic_load(&supervisor.orphaned) && !atomic_load(&supervisor.flusher_stops)) {
		pthread_kill(supervisor.tracer, TRACE_PARENT_DIED);
		poll(NULL, 0, REPEAT_MS);
	}
}

void supervisor_command_goes_on(void)
{
	unsigned stops = atomic_load(&supervisor.run->control->stops);
	if (stops % 2 == 0)
		return;
	atomic_store(&supervisor.stop_to_end, stops);
	wake_flusher();
}

/* The launcher may not have stopped yet: again, until it has gone on. */
static void continue_launcher(unsigned stop)
{
	while (atomic_load(&supervisor.run->control->stops) == stop && kill(supervisor.run->launcher, SIGCONT) == 0)
		poll(NULL, 0, CONTINUE_MS);
}

/* COMMAND has ended: a launcher that is about to stop as COMMAND did, after that had gone on, would wait for ever. */
static void free_launcher(void)
{
	unsigned stops = atomic_load(&supervisor.run->control->stops);
	if (supervisor.command_ended && stops % 2 != 0)
		continue_launcher(stops);
}

/* In the recorder. */
static void on_appended(void)
{
	if (!atomic_exchange(&supervisor.flush_armed, true))
		wake_flusher();
}

/* It does what else is not the tracer's to wait for. */
static void *flusher_main(void *unused)
{
	(void)unused;
	while (!atomic_load(&supervisor.flusher_stops)) {
		struct timespec until;
		while (sem_wait(&supervisor.flush_wanted) < 0)
			;
		if (atomic_exchange(&supervisor.parent_died, false))
			repeat_parent_death();
		unsigned stop = atomic_exchange(&supervisor.stop_to_end, 0);
		if (stop)
			continue_launcher(stop);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += FLUSH_INTERVAL_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (!atomic_load(&supervisor.flusher_stops))
			sem_timedwait(&supervisor.flush_wanted, &until);
		atomic_store(&supervisor.flush_armed, false);
		recording_flush(supervisor.run->recording);
	}
	return NULL;
}

static void start_flusher(void)
{
	supervisor.tracer = pthread_self();
	sem_init(&supervisor.flush_wanted, 0, 0);
	if (pthread_create(&supervisor.flusher, NULL, flusher_main, NULL))
		atomic_store(&supervisor.flusher_stops, true); /* a full buffer still flushes itself */
}

static void stop_flusher(void)
{
	if (atomic_exchange(&supervisor.flusher_stops, true))
		return;
	wake_flusher();
	wake_flusher();
	pthread_join(supervisor.flusher, NULL);
}

/* ---- the outside ----
 *
 * With a policy the tracer has a table of descriptors of its own (holder.h): what came from outside, files to be written
 * and standard error are in the one that the other threads have. One of them does there what the tracer wants done. */

static void *outside_main(void *unused)
{
	(void)unused;
	for (;;) {
		while (sem_wait(&supervisor.outside.wanted) < 0)
			;
		supervisor.outside.work();
		sem_post(&supervisor.outside.done);
	}
	return NULL;
}

static int start_outside(void)
{
	pthread_t thread;
	sem_init(&supervisor.outside.wanted, 0, 0);
	sem_init(&supervisor.outside.done, 0, 0);
	supervisor.outside.is_elsewhere = pthread_create(&thread, NULL, outside_main, NULL) == 0;
	return supervisor.outside.is_elsewhere ? 0 : -EAGAIN;
}

static void do_outside(void (*work)(void))
{
	if (!supervisor.outside.is_elsewhere) {
		work();
		return;
	}
	supervisor.outside.work = work;
	sem_post(&supervisor.outside.wanted);
	while (sem_wait(&supervisor.outside.done) < 0)
		;
}

/* ---- the end ---- */

static void tell_launcher(enum control_phase phase)
{
	atomic_store(&supervisor.run->control->phase, phase);
	ssize_t put = write(supervisor.run->ready_fd, "", 1);
	(void)put; /* a launcher that is gone needs no word */
}

/* What a process left behind must not keep open: whoever waits for a pipe's end would hang. */
static void drop_everything_from_outside(void)
{
	syscall(SYS_close_range, 0U, ~0U, 0U);
	if (chdir("/") != 0)
		return;
	int null = open("/dev/null", O_RDWR);
	while (null >= 0 && null < 2)
		null = dup(null);
}

/* The terminal and its session may go, what COMMAND left behind stays. The leader of a group cannot make a
 * session: back into the launcher's first. */
static void leave_session(void)
{
	setpgid(0, getpgid(supervisor.run->launcher));
	setsid();
}

static void deliver(void)
{
	recording_flush(supervisor.run->recording);
	if (supervisor.orphaned)
		supervisor.run->orphaned();
	else
		tell_launcher(CONTROL_ENDED);
	drop_everything_from_outside();
}

/* The report is closed: END is written, the launcher may read. */
static void close_recording(void)
{
	pulse_is(PULSE_CLOSING);
	transitions_note_survivors();
	struct event event = { .kind = EVENT_END, .t_ns = supervisor_now() };
	event.end.status = supervisor.command_ended ? supervisor.command_status : -1;
	learner_end();
	recorder_finish(&event);
	announce_end();
	struct verify_count count = verify_count();
	atomic_store(&supervisor.run->control->compared, count.compared);
	atomic_store(&supervisor.run->control->different, count.different);
	supervisor.closed = true;
	transitions_silence_all();
	stop_flusher();
	if (getppid() != supervisor.run->launcher) /* it died while this was under way */
		atomic_store(&supervisor.orphaned, true);
	atomic_store(&supervisor.run->control->command_status, event.end.status);
	atomic_store(&supervisor.run->control->lingering, tracee_count() > 0);
	if (tracee_count() > 0 && !supervisor.orphaned)
		leave_session();
	if (!supervisor.orphaned && !transitions_await_shim())
		supervisor.run->lingered();
	do_outside(deliver);
	free_launcher();
	if (supervisor_is_releasing())
		transitions_release_all();
}

void supervisor_command_ended(int status)
{
	supervisor.command_ended = true;
	supervisor.command_status = status;
}

void supervisor_command_released(bool released)
{
	atomic_store(&supervisor.run->control->released, released);
}

/* Who was let go still ends, in the report. */
static void record_released_end(void)
{
	struct control *control = supervisor.run->control;
	if (supervisor.command_ended || !atomic_load(&control->released) || !atomic_load(&control->released_ended))
		return;
	pid_t command = supervisor.run->command;
	struct event event = { .kind = EVENT_EXIT, .t_ns = supervisor_now(), .process = 1, .pid = command, .tid = command };
	event.exit.status = atomic_load(&control->released_status);
	supervisor_record(&event);
	supervisor_command_ended(event.exit.status);
}

static bool awaits_released(void)
{
	return atomic_load(&supervisor.run->control->released) && !supervisor.command_ended && !supervisor.orphaned;
}

static void on_wake(int signal)
{
	record_released_end();
	if (signal != TRACE_PARENT_DIED || supervisor.closed || supervisor.orphaned)
		return;
	supervisor.orphaned = true;
	supervisor_note(0, "launcher-died", "ptwrap's launcher was killed; its supervisor ended the tree");
	transitions_kill_all();
}

/* Is the run to be closed now? True once nothing is left to serve. */
static bool is_finished(void)
{
	record_released_end();
	bool empty = tracee_count() == 0 && !awaits_released();
	if (supervisor.run->kill_rest && supervisor.command_ended && !supervisor.closed && !empty) {
		transitions_kill_all();
		return false;
	}
	bool over = supervisor.command_ended && !supervisor.run->wait_all && !supervisor.orphaned;
	if (!supervisor.closed && (empty || over))
		close_recording();
	return empty;
}

/* ---- the beginning ---- */

static void start_recorder(void)
{
	const struct supervision *run = supervisor.run;
	ringread_guard();
	if (run->shim && run->selection->level != LEVEL_EXEC)
		ringfile_init(run->shim->path);
	recorder_start(&(struct ledger_setup){
		.verify = run->verify,
		.tells_tracers = run->selection->level == LEVEL_EXEC && !run->release,
		.recording = run->recording,
		.redactor = run->redactor,
		.selection = run->selection,
		.shim = run->shim,
		.start_ns = run->start_ns,
		.appended = on_appended,
		.secrets = &run->control->secrets,
	});
}

static void watch_the_launcher(void)
{
	prctl(PR_SET_PDEATHSIG, TRACE_PARENT_DIED);
	if (getppid() != supervisor.run->launcher)
		raise(TRACE_PARENT_DIED);
}

/* The kernel may refuse the cheap ways to read a tracee's memory: without them only the tracer
 * itself can, and nothing protects it from memory that the tree serves. */
static void choose_peek_method(pid_t tid)
{
	char byte;
	uint64_t own = (uint64_t)(uintptr_t)&supervisor; /* the child is our sibling: same address */
	peek_set_method(PEEK_VM_READV, trace_peekdata);
	ssize_t got = peek_read(tid, own, &byte, 1);
	if (got == 1 || got == -ESRCH)
		return;
	peek_set_method(PEEK_PTRACE, trace_peekdata);
	supervisor_note(0, "memory-by-ptrace", "only PTRACE_PEEKDATA may read the tree's memory here");
}

static void refuse(int error)
{
	atomic_store(&supervisor.run->control->seize_error, error);
	tell_launcher(CONTROL_REFUSED);
	_exit(125);
}

/* Memory that no tracee can change. Where the kernel has none the launcher knew, and COMMAND runs all the same; but it may
 * also be refused to us (a limit on the size of files). */
static void prepare_memory(const struct supervision *run)
{
	char subjects[64], why[256];
	int error = pinned_init();
	if (!error)
		return;
	bool wanted = !run->dry_run && enforce_points(run->policy, subjects, sizeof subjects) &&
		      !enforce_lacks(run->policy, why, sizeof why);
	if (wanted && !run->best_effort) {
		atomic_store(&run->control->unpinned, true);
		refuse(-error);
	}
	if (wanted) {
		snprintf(why, sizeof why, "rules on %s: what was judged another thread could exchange: %s", subjects, strerror(-error));
		supervisor_note(0, "policy-unenforced", why);
	}
	judge_trust_memory();
}

/* What judging takes: a table of descriptors that holders share, memory that no tracee can change. */
static void prepare_judge(void)
{
	const struct supervision *run = supervisor.run;
	int keep[] = { run->go_fd, run->ready_fd, run->shim ? run->shim->fd : -1 };
	int error = learner_init(run->needs);
	if (!error)
		error = identity_init();
	if (!error)
		error = start_outside();
	if (!error)
		error = holder_begin(keep, sizeof keep / sizeof *keep);
	if (error)
		refuse(-error);
	judge_init(run->policy, run->dry_run);
	prepare_memory(run);
}

static void begin(void)
{
	pid_t command = supervisor.run->command;
	int error = trace_seize(command);
	if (!error)
		error = transitions_begin(command);
	if (error)
		refuse(-error);
	choose_peek_method(command);
	struct event event = { .kind = EVENT_FORK, .t_ns = supervisor_now(), .process = 1, .pid = command,
			       .tid = command };
	event.fork.ppid = getppid();
	supervisor_record(&event);
}

/* Where calls go by unseen that change what is remembered, there is always a change under way. */
static void expect_unseen_changes(const struct supervision *run)
{
	bool unseen = run->selection->explicit_set || run->selection->allow_io_uring;
	if (run->selection->explicit_set || run->selection->level == LEVEL_EXEC)
		procfs_roots_move();
	if (unseen)
		resolve_directories_change_begins();
	if (unseen || run->shim) /* which records chdir and fchdir without a stop */
		workdir_change_begins();
}

void supervisor_run(const struct supervision *run)
{
	supervisor.run = run;
	pulse_use(&run->control->pulse);
	/* Out of reach of what is sent to ptwrap's group. Not a session yet: with autogroup scheduling (sched(7)) that would
	 * compete with the tree as another user does. */
	setpgid(0, 0);
	trace_block_signals();
	watch_the_launcher();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, PTWRAP_SUPERVISOR_NAME);
	capture_init();
	helpers_init(TRACE_WAKE);
	expect_unseen_changes(run);
	if (run->selection->explicit_set)
		helpers_be_careful(); /* opens of /dev/fuse may go by unseen */
	start_flusher();
	if (run->policy)
		announce_start();
	start_recorder();
	if (run->policy)
		prepare_judge();
	begin();
	if (run->no_lsan)
		supervisor_note(0, "lsan-off", "LeakSanitizer is switched off by LSAN_OPTIONS");
	tell_launcher(CONTROL_FOLLOWING);
	ssize_t put = write(run->go_fd, "", 1);
	(void)put; /* a child that was killed meanwhile is a death like others */
	close(run->go_fd);
	trace_run(is_finished, on_wake);
	run->lingered();
	_exit(0);
}
