/* From items and messages to the recording: see ledger.h. */
#include "ledger.h"

#include "announce.h"
#include "memory.h"
#include "redact.h"
#include "retell.h"
#include "verify.h"
#include "writers.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum {
	HOT_MESSAGES = 32, /* in one look at a ring: it will soon have as many again */
	QUIET_LOOKS = 8,   /* with fewer, before a ring is left alone */
};

static struct {
	struct ledger_setup setup;
	struct ticks ticks;
	uint64_t horizon_ns;
	uint64_t looked_ns; /* at all rings */
	struct stream *busy; /* with a reference each */
	struct call *call;   /* that messages are made into */
	bool ended;
} ledger;

void ledger_begin(const struct ledger_setup *setup)
{
	ledger.setup = *setup;
	ledger.ended = false;
	retell_init();
	ticks_init(&ledger.ticks, setup->start_ns);
}

void item_drop(struct item *item)
{
	free(item->text);
	if (item->kind == ITEM_CALL)
		call_release(item->call);
	if (item->kind == ITEM_ADOPT || item->kind == ITEM_LOOK || item->kind == ITEM_FORGET)
		stream_release(item->ring.stream);
	if (item->kind != ITEM_EXEC)
		return;
	call_release(item->exec.call);
	image_free(item->exec.image);
	stream_release(item->exec.stream);
}

/* ---- the recording ---- */

static void append(const struct event *event)
{
	if (ledger.ended)
		return;
	recording_append(ledger.setup.recording, event, ledger.setup.redactor);
	if (event->kind == EVENT_VIOLATION)
		announce_violation(event, ledger.setup.redactor);
	if (ledger.setup.appended)
		ledger.setup.appended();
}

static void append_call(struct call *call)
{
	append(call_event(call));
}

static void note_bytes(uint32_t process, uint64_t t_ns, const char *kind, struct bytes text)
{
	struct event event = { .kind = EVENT_NOTE, .t_ns = t_ns, .process = process };
	event.note.note_kind = bytes_of_string(kind);
	event.note.text = text;
	append(&event);
}

static void note(uint32_t process, uint64_t t_ns, const char *kind, const char *text)
{
	note_bytes(process, t_ns, kind, bytes_of_string(text));
}

static uint64_t now_ns(void)
{
	return ledger.ticks.count ? ledger.ticks.pair[ledger.ticks.count - 1].ns : 0;
}

/* ---- messages ---- */

/* A task for messages of one that is not known: one that ended before they could be read, or nobody
 * that was ever born; the latter speaks for the process whose image it is. */
static struct writer *stand_in(const struct stream *stream, uint32_t thread)
{
	static struct writer_process process;
	static struct writer writer;
	struct writer_was was;
	writer = (struct writer){ .process = &process, .thread = thread };
	if (writers_was(stream, thread, &was)) {
		process = (struct writer_process){ .id = was.process, .pid = was.pid, .is_lost = true };
		writer.tid = was.tid;
	} else {
		process = (struct writer_process){ .id = stream_owner(stream), .pid = stream_owner_pid(stream),
						   .is_lost = true };
		writer.tid = process.pid;
	}
	return &writer;
}

static void note_unknown_base(struct writer *writer, uint64_t t_ns)
{
	if (writer->process->is_lost)
		return;
	writer->process->is_lost = true;
	note(writer->process->id, t_ns, "unknown-base", "");
}

static void note_difference(uint32_t process, struct bytes how)
{
	note_bytes(process, now_ns(), "views-differ", how);
}

/* --verify: does the kernel say the same? */
static void compare_views(struct call *call)
{
	const struct event_syscall *syscall = &call->event.syscall;
	if (ledger.setup.verify && !call->made_otherwise &&
	    selection_reports(ledger.setup.selection, ABI_X86_64, syscall->number, syscall->args))
		verify_take(call, note_difference);
}

/* What the kernel view alone tells of, a process says of itself. */
static void note_forgery(const struct stream *stream)
{
	struct stream_notes *notes = stream_notes((struct stream *)(uintptr_t)stream);
	if (!notes->forged)
		note(stream_owner(stream), now_ns(), "shim-suspect", "told of calls that no shim tells of");
	notes->forged = true;
}

static void tell_call(const struct stream *stream, struct writer *writer, const struct told *told)
{
	bool unknown_base;
	writer->last_ticks = told->message.syscall.t_ticks;
	if (!ledger.call)
		ledger.call = call_create();
	if (!ledger.call)
		return;
	if (!retell_call(writer, told, ledger.call, &unknown_base)) {
		note_forgery(stream);
		return;
	}
	const struct event_syscall *syscall = &ledger.call->event.syscall;
	compare_views(ledger.call);
	if (!selection_reports(ledger.setup.selection, ABI_X86_64, syscall->number, syscall->args))
		return;
	if (unknown_base && syscall->ret != -EBADF)
		note_unknown_base(writer, ledger.call->event.t_ns);
	append_call(ledger.call);
}

static void tell_message(const struct stream *stream, struct writer *writer, const struct told *told)
{
	if (!writer)
		writer = stand_in(stream, told->message.thread);
	struct event meta;
	if (told->message.kind == RING_SYSCALL)
		tell_call(stream, writer, told);
	else if (retell_meta(writer, told, ledger.setup.redactor, ledger.setup.shim, &meta))
		append(&meta);
}

/* What had its effect before a time, by those who are known. */
static enum telling tell_known(void *until_ns, struct stream *stream, const struct told *told)
{
	struct writer *writer = writers_of_thread(stream, told->message.thread);
	if (told->key_ns >= *(const uint64_t *)until_ns)
		return TELLING_DONE;
	if (!writer)
		return TELLING_KEPT;
	tell_message(stream, writer, told);
	return TELLING_TAKEN;
}

/* By whomever. */
static enum telling tell_any(void *until_ns, struct stream *stream, const struct told *told)
{
	if (told->key_ns >= *(const uint64_t *)until_ns)
		return TELLING_DONE;
	tell_message(stream, writers_of_thread(stream, told->message.thread), told);
	return TELLING_TAKEN;
}

/* Reads the ring to its end. */
static void tell_all(struct stream *stream)
{
	uint64_t until_ns = UINT64_MAX;
	stream_collect(stream, &ledger.ticks);
	stream_tell(stream, tell_any, &until_ns);
}

/* ---- streams ---- */

static void note_counters(struct stream *stream)
{
	struct stream_notes *notes = stream_notes(stream);
	struct ringread_counters counters = stream_counters(stream);
	if (counters.garbage && !notes->garbage)
		note(stream_owner(stream), now_ns(), "shim-suspect", "wrote to its ring what no shim writes, or the ring's file was cut or had no room");
	else if (counters.dropped && !notes->dropped)
		note(stream_owner(stream), now_ns(), "lost", "its ring had no room for some of what it told");
	notes->garbage = counters.garbage;
	notes->dropped = counters.dropped;
}

static void add_busy(struct stream *stream, unsigned quiet)
{
	struct stream_notes *notes = stream_notes(stream);
	if (!notes->is_busy) {
		notes->is_busy = true;
		notes->quiet = quiet;
		notes->next_busy = ledger.busy;
		ledger.busy = stream_share(stream);
	}
}

static void collect(struct stream *stream)
{
	size_t count = stream_collect(stream, &ledger.ticks);
	if (count > 0)
		add_busy(stream, QUIET_LOOKS);
	if (count >= HOT_MESSAGES)
		stream_notes(stream)->quiet = 0;
}

/* Everything that came before an item of one of its tasks. */
static void settle(struct stream *stream, uint64_t until_ns)
{
	collect(stream);
	stream_tell(stream, tell_known, &until_ns);
}

static void settle_all(uint64_t until_ns)
{
	for (struct stream *stream = writers_streams(); stream; stream = stream_notes(stream)->next_live)
		settle(stream, until_ns);
}

/* ---- calls that do not come back ---- */

/* The call that the task was in when it ended: not one whose record was read, or whose end a signal's stop
 * has shown. */
static void tell_last_call(const struct writer *writer, const struct ring_flight *flight, uint64_t end_ns)
{
	uint64_t begin_ns = ticks_to_ns(&ledger.ticks, flight->t_ticks);
	if (flight->state == RING_FLIGHT_TOLD || flight->state == RING_FLIGHT_TOLD_WHOLE || flight->t_ticks == writer->last_ticks)
		return;
	if (!ledger.call)
		ledger.call = call_create();
	struct announcement exec = { 0 };
	bool announced = stream_take_announcement(writer->stream, writer->thread, &exec) && exec.t_ticks == flight->t_ticks;
	if (!announced && (flight->number == SYS_execve || flight->number == SYS_execveat)) {
		announcement_free(&exec); /* it announces first, so it was not made yet */
		return;
	}
	bool is_whole, told = ledger.call && retell_flight(writer, flight, announced ? strbuf_bytes(&exec.path) : (struct bytes){ 0 },
							   ledger.call, &is_whole);
	announcement_free(&exec);
	if (!told)
		return;
	struct event *event = &ledger.call->event;
	event->t_ns = begin_ns;
	event->syscall.dur_ns = end_ns - begin_ns;
	event->syscall.flags |= SYSCALL_NO_RETURN;
	compare_views(ledger.call);
	if (!selection_reports(ledger.setup.selection, ABI_X86_64, flight->number, event->syscall.args))
		return;
	append_call(ledger.call);
	if (!is_whole)
		note(writer->process->id, end_ns, "unreadable-memory", "died within a call whose path nobody had read yet");
}

/* Frees the slot for others: exit leaves its own taken. A call that began after the task's end is of another
 * that has its number now. */
static void end_flight(const struct writer *writer, uint64_t end_ns, bool in_a_call)
{
	struct ring_flight flight;
	ticks_calibrate(&ledger.ticks);
	if (!stream_flight(writer->stream, writer->thread, &flight) ||
	    ticks_to_ns(&ledger.ticks, flight.t_ticks) > end_ns)
		return;
	if (in_a_call)
		tell_last_call(writer, &flight, end_ns);
	stream_flight_end(writer->stream, writer->thread);
}

/* A task has ended, or its image has. After the last one nothing half-written will be completed: what it
 * told is told while it is still known. */
static void part_with(struct writer *writer, uint64_t t_ns, bool in_a_call)
{
	struct stream *stream = writer->stream;
	if (stream_notes(stream)->writers == 1) {
		stream_all_ended(stream);
		tell_all(stream);
		note_counters(stream);
	}
	end_flight(writer, t_ns, in_a_call);
	if (ledger.setup.verify)
		verify_ended(writer->tid, note_difference);
	writers_remove(writer);
}

/* ---- items ---- */

static void take_event(struct item *item, struct event *event)
{
	(void)item;
	struct writer *writer = event->tid ? writers_find(event->tid) : NULL;
	if (writer)
		settle(writer->stream, event->t_ns);
	if (writer && event->kind == EVENT_THREAD_EXIT)
		part_with(writer, event->t_ns, true);
	append(event);
}

/* All tasks of a process are gone, each in the midst of its call, but for one whose call succeeded. */
static void end_tasks(struct writer_process *process, int32_t caller_tid, uint64_t t_ns)
{
	for (const struct writer *last = NULL; !last;) {
		struct writer *writer = process->first;
		last = writer->next_of_process ? NULL : writer; /* with it the process goes */
		part_with(writer, t_ns, writer->tid != caller_tid);
	}
}

static void take_exit(struct item *item, struct event *event)
{
	(void)item;
	struct writer *writer = writers_find(event->tid);
	if (writer) {
		settle(writer->stream, event->t_ns);
		end_tasks(writer->process, 0, event->t_ns);
	}
	append(event);
}

static void take_birth(struct item *item, struct event *event)
{
	struct writer *parent = writers_find(item->birth.parent_tid);
	bool thread = event->kind == EVENT_THREAD;
	if (parent) {
		settle(parent->stream, event->t_ns);
		writers_bear(parent, thread ? 0 : event->process, event->pid, item->birth.tid, item->birth.thread,
			     item->birth.shares);
	}
	append(event);
}

/* The loader's doing with the shim's file, of which the shim does not tell. */
static bool is_about_shim(const struct event *event)
{
	struct bytes shim = bytes_of_string(ledger.setup.shim ? ledger.setup.shim->path : "");
	for (unsigned i = 0; i < event->syscall.attach_count; i++)
		if (bytes_equal(event->syscall.attach[i].bytes, shim))
			return true;
	return false;
}

static void take_call(struct item *item, struct event *unused)
{
	(void)unused;
	struct call *call = item->call;
	const struct event_syscall *syscall = &call->event.syscall;
	struct writer *writer = writers_find(call->event.tid);
	if (writer)
		settle(writer->stream, call->event.t_ns + syscall->dur_ns);
	const struct event *event = call_event(call);
	if (call->expected) {
		if (!is_about_shim(event))
			verify_take(call, note_difference);
		return;
	}
	if (!call->hidden)
		append(event);
	retell_moves(&event->syscall, settle_all, event->t_ns + event->syscall.dur_ns);
	if (writer)
		retell_learn(writer, &event->syscall, event->t_ns + event->syscall.dur_ns);
}

static void take_interrupted(struct item *item, struct event *head)
{
	const struct ring_flight *flight = &item->interrupted.flight;
	struct writer *writer = writers_find(head->tid);
	if (!writer)
		return;
	settle(writer->stream, head->t_ns);
	if (!ledger.call)
		ledger.call = call_create();
	bool is_whole; /* the call is made again, and tells its path then */
	if (!ledger.call || !retell_flight(writer, flight, (struct bytes){ 0 }, ledger.call, &is_whole))
		return;
	struct event *event = &ledger.call->event;
	ticks_calibrate(&ledger.ticks);
	uint64_t begin_ns = ticks_to_ns(&ledger.ticks, flight->t_ticks);
	event->t_ns = begin_ns < head->t_ns ? begin_ns : head->t_ns;
	event->syscall.dur_ns = head->t_ns - event->t_ns;
	event->syscall.ret = item->interrupted.ret;
	compare_views(ledger.call);
	if (selection_reports(ledger.setup.selection, ABI_X86_64, flight->number, event->syscall.args))
		append_call(ledger.call);
}

static void take_result(struct item *item, struct event *head)
{
	verify_amend(head->tid, item->interrupted.ret);
}

/* Before anything of this execve is recorded: its arguments may hold what its environment makes a secret. */
static void learn_secrets(const struct image *image)
{
	struct redactor *redactor = ledger.setup.redactor;
	if (!redactor)
		return;
	if (image->is_short)
		redactor_be_blind(redactor);
	redactor_learn_knowing(redactor, strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]),
			       strbuf_bytes(&image->text[IMAGE_SECRET_PATHS]));
	if (ledger.setup.secrets)
		atomic_store(&ledger.setup.secrets->known, redactor_known(redactor));
}

static size_t strings_in(struct bytes vector)
{
	size_t count = 0;
	for (struct bytes string; bytes_next_string(&vector, &string);)
		count++;
	return count;
}

/* An announced execve has told no more of its pointers than was needed to read the new image: the rest as
 * the image has it. */
static void complete_announced(struct call *call, const struct image *image, uint64_t end_ns)
{
	static const char empty[4096];
	struct bytes absolute, argv = strbuf_bytes(&image->text[IMAGE_ARGV]);
	unsigned arg = strcmp(call->desc->name, "execveat") == 0;
	size_t variables = strings_in(strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]));
	bool cut = argv.len > CALL_ARGV_BYTES;
	ticks_calibrate(&ledger.ticks);
	uint64_t begin_ns = ticks_to_ns(&ledger.ticks, call->t_ticks);
	call->event.t_ns = begin_ns < end_ns ? begin_ns : end_ns;
	call->event.syscall.dur_ns = end_ns - call->event.t_ns;
	bool known = image->text[IMAGE_PATH].len && image->text[IMAGE_PATH].data[0] == '/';
	if (!call_find(call, ATTACH_ABS, arg, &absolute) && known)
		call_attach(call, ATTACH_ABS, arg, 0, strbuf_bytes(&image->text[IMAGE_PATH]), false);
	call_detach(call, ATTACH_STRINGS, arg + 1);
	call_attach(call, ATTACH_STRINGS, arg + 1, 0, cut ? bytes_of(argv.data, CALL_ARGV_BYTES) : argv, cut);
	if (image->flags & EXEC_UNREAD)
		return;
	call_attach(call, ATTACH_STRINGS, arg + 2, 0,
		    bytes_of(empty, variables < sizeof empty ? variables : sizeof empty), variables > sizeof empty);
}

/* An image that could not be read does not tell where it is: where its caller was. */
static void place_unread(const struct writer *caller, struct call *call, struct image *image)
{
	struct strbuf *cwd = &image->text[IMAGE_CWD], *path = &image->text[IMAGE_PATH];
	unsigned arg = strcmp(call->desc->name, "execveat") == 0;
	struct bytes known;
	if (!cwd->len && workdir_name(caller->workdir, &known))
		strbuf_add(cwd, known.data, known.len);
	if (path->len && path->data[0] == '/')
		return;
	retell_place(caller, call, arg);
	if (!call_find(call, ATTACH_ABS, arg, &known))
		return;
	strbuf_reset(path);
	strbuf_add(path, known.data, known.len);
}

static void begin_image(struct item *item, const struct event *head)
{
	const struct image *image = item->exec.image;
	struct bytes root = strbuf_bytes(&image->text[IMAGE_ROOT]);
	struct writer *writer = writers_begin(head->process, head->pid, item->exec.thread, item->exec.stream);
	if (!writer)
		return;
	descriptors_at(UINT64_MAX, UINT64_MAX);
	writer->files = descriptors_create();
	writer->workdir = workdir_create(strbuf_bytes(&image->text[IMAGE_CWD]));
	descriptors_load(writer->files, strbuf_bytes(&image->text[IMAGE_FDS]));
	writers_set_root(writer->process, root, image->other_mounts);
}

static void take_exec(struct item *item, struct event *head)
{
	struct event event = { .kind = EVENT_EXEC, .t_ns = head->t_ns, .process = head->process, .pid = head->pid,
			       .tid = head->tid };
	struct writer *caller = writers_find(item->exec.former_tid);
	struct call *call = item->exec.call;
	learn_secrets(item->exec.image);
	if (item->exec.is_awaited)
		atomic_fetch_sub(&ledger.setup.secrets->awaited, 1);
	if (caller) {
		settle(caller->stream, head->t_ns);
		if (call && call->t_ticks && (item->exec.image->flags & EXEC_UNREAD))
			place_unread(caller, call, item->exec.image);
		end_tasks(caller->process, caller->tid, head->t_ns);
	}
	if (call && call->t_ticks)
		complete_announced(call, item->exec.image, head->t_ns);
	if (call)
		append_call(call);
	event.exec = image_event(item->exec.image);
	append(&event);
	if (ledger.setup.tells_tracers && item->exec.image->imports_ptrace)
		note(head->process, head->t_ns, "tracer", "it imports ptrace, which is refused to it if it asks; --release lets it go");
	if (item->exec.stream)
		begin_image(item, head);
}

static void take_adopted(struct item *item, struct event *head)
{
	if (!writers_find(head->pid))
		writers_begin(head->process, head->pid, item->ring.thread, item->ring.stream);
}

static void take_root(struct item *item, struct event *head)
{
	struct writer *writer = writers_find(head->tid);
	if (writer)
		writers_set_root(writer->process, bytes_of_string(item->text), item->other_mounts);
}

static void take_look(struct item *item, struct event *unused)
{
	(void)unused;
	collect(item->ring.stream);
}

static void take_settle(struct item *item, struct event *head)
{
	(void)item;
	settle_all(head->t_ns);
}

static void take_forget(struct item *item, struct event *unused)
{
	(void)item;
	(void)unused; /* item_drop releases it */
}

/* Everything that is still in the rings belongs before the end. */
static void take_end(struct item *item, struct event *event)
{
	char truncated[512];
	(void)item;
	for (struct stream *stream = writers_streams(); stream; stream = stream_notes(stream)->next_live) {
		tell_all(stream);
		note_counters(stream);
	}
	event->end.lost_records = recording_lost(ledger.setup.recording) + memory_refusals();
	size_t len = recording_truncated(ledger.setup.recording, truncated, sizeof truncated);
	event->end.truncated = bytes_of(truncated, len);
	append(event);
	ledger.ended = true;
	writers_remove_all();
}

void ledger_take(struct item *item)
{
	static void (*const actions[])(struct item *, struct event *) = {
		[ITEM_EVENT] = take_event,   [ITEM_BIRTH] = take_birth,
		[ITEM_CALL] = take_call,     [ITEM_FLIGHT] = take_interrupted,
		[ITEM_RESULT] = take_result,
		[ITEM_EXEC] = take_exec,     [ITEM_ADOPT] = take_adopted,
		[ITEM_ROOT] = take_root,     [ITEM_LOOK] = take_look,
		[ITEM_SETTLE] = take_settle, [ITEM_FORGET] = take_forget,
		[ITEM_END] = take_end,
	};
	static struct event event;
	memcpy(&event, item->event, sizeof item->event);
	if (item->kind == ITEM_EVENT && event.kind == EVENT_EXIT)
		take_exit(item, &event);
	else
		actions[item->kind](item, &event);
	item_drop(item);
}

/* ---- rounds ---- */

void ledger_round_begin(void)
{
	ticks_calibrate(&ledger.ticks);
	ledger.horizon_ns = now_ns();
	for (struct stream *stream = ledger.busy; stream; stream = stream_notes(stream)->next_busy) {
		struct stream_notes *notes = stream_notes(stream);
		size_t count = stream_collect(stream, &ledger.ticks);
		notes->quiet = count >= HOT_MESSAGES ? 0 : notes->quiet + 1;
	}
	if (ledger.horizon_ns - ledger.looked_ns < LEDGER_LOOK_NS)
		return;
	ledger.looked_ns = ledger.horizon_ns;
	for (struct stream *stream = writers_streams(); stream; stream = stream_notes(stream)->next_live)
		collect(stream);
}

void ledger_round_end(void)
{
	struct stream *stream = ledger.busy;
	ledger.busy = NULL;
	for (struct stream *next; stream; stream = next) {
		struct stream_notes *notes = stream_notes(stream);
		next = notes->next_busy;
		stream_tell(stream, tell_any, &ledger.horizon_ns);
		if (stream_ready(stream) > 0 || (notes->quiet < QUIET_LOOKS && notes->writers > 0)) {
			notes->next_busy = ledger.busy;
			ledger.busy = stream;
		} else {
			notes->is_busy = false;
			stream_release(stream);
		}
	}
}

bool ledger_is_hot(void)
{
	return ledger.busy != NULL;
}

bool ledger_has_rings(void)
{
	return writers_streams() != NULL;
}
