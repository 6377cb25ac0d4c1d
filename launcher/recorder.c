/* The recorder's queue and thread: see recorder.h.
 *
 *   tracer                                      recorder
 *   wait while tail - head == QUEUE             load tail (A'): all items below it are whole
 *   fill items[tail % QUEUE]                    work on items[head % QUEUE]
 *   store tail + 1 (A)                          store head + 1 (B): the slot may be filled again
 *   load sleep (C); if it must be woken:        before it sleeps, under the lock:
 *     under the lock: sleep = AWAKE, signal       store sleep (D), load tail and `asked` (E)
 *
 *   A -> A'  an item that is counted is whole
 *   C/D      both sides store, then load, in one total order: either the tracer sees that the recorder
 *            sleeps, or the recorder sees the item
 *
 * Whoever waits for the recorder (a full queue, a backlog) counts itself in `waiting` and sets `asked`
 * first, which ends any sleep; the recorder signals `progress` whenever it has given slots back and
 * somebody is counted. The lock guards nothing but the two conditions. */
#include "recorder.h"

#include "memory.h"
#include "pulse.h"
#include "redact.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum sleep { AWAKE, NAPPING /* woken by what is urgent */, SLEEPING /* by anything */ };
enum { GIVE_BACK = 64 /* items at a time */, HALF = RECORDER_QUEUE / 2 };

static struct {
	struct item items[RECORDER_QUEUE];
	_Atomic size_t head, tail;
	atomic_int sleep;   /* enum sleep */
	atomic_bool asked;  /* somebody waits: no sleep until the next round */
	atomic_int waiting;
	pthread_mutex_t lock;
	pthread_cond_t wake, progress;
	pthread_t thread;
	bool running;  /* there is a thread */
	bool closed;
	struct ledger_secrets *secrets;
	const struct redactor *redactor;
} recorder = { .lock = PTHREAD_MUTEX_INITIALIZER, .progress = PTHREAD_COND_INITIALIZER, .closed = true };

/* ---- the recorder's side ---- */

static bool must_work(enum sleep sleep)
{
	size_t items = atomic_load(&recorder.tail) - atomic_load(&recorder.head);
	return atomic_load(&recorder.asked) || items >= (sleep == SLEEPING ? 1 : HALF);
}

static struct timespec time_after(uint64_t ns)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ns;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return until;
}

/* ns: at most so long; 0: until an item comes. */
static void rest(enum sleep sleep, uint64_t ns)
{
	struct timespec until = time_after(ns);
	pthread_mutex_lock(&recorder.lock);
	atomic_store(&recorder.sleep, sleep); /* D */
	if (must_work(sleep))                 /* E */
		atomic_store(&recorder.sleep, AWAKE);
	while (atomic_load(&recorder.sleep) != AWAKE) {
		int error = ns ? pthread_cond_timedwait(&recorder.wake, &recorder.lock, &until) :
				 pthread_cond_wait(&recorder.wake, &recorder.lock);
		if (error == ETIMEDOUT)
			atomic_store(&recorder.sleep, AWAKE);
	}
	pthread_mutex_unlock(&recorder.lock);
}

static void tell_progress(void)
{
	if (atomic_load(&recorder.waiting) == 0)
		return;
	pthread_mutex_lock(&recorder.lock);
	pthread_cond_broadcast(&recorder.progress);
	pthread_mutex_unlock(&recorder.lock);
}

/* True: the item was the last. */
static bool take_item(size_t head)
{
	struct item *item = &recorder.items[head % RECORDER_QUEUE];
	bool last = item->kind == ITEM_END;
	pulse_beat();
	ledger_take(item);
	atomic_store(&recorder.head, head + 1); /* B */
	if (head % GIVE_BACK == 0)
		tell_progress();
	return last;
}

/* A round for the rings alone is no sign of life of the tracer's. */
static bool is_waited_for(void)
{
	return atomic_load(&recorder.tail) != atomic_load(&recorder.head) || atomic_load(&recorder.waiting) > 0;
}

/* True: it was the last one. */
static bool work_round(void)
{
	bool last = false;
	atomic_store(&recorder.asked, false);
	if (is_waited_for())
		pulse_beat();
	ringfile_refill();
	ledger_round_begin();
	size_t head = atomic_load(&recorder.head), tail = atomic_load(&recorder.tail); /* A' */
	while (head != tail && !last)
		last = take_item(head++);
	ledger_round_end();
	tell_progress();
	return last;
}

/* Items that have come while it was at work are let gather like any; a ring that is hot is read sooner. */
static void rest_as_fits(void)
{
	bool items = atomic_load(&recorder.tail) != atomic_load(&recorder.head);
	if (ledger_is_hot()) {
		rest(NAPPING, RECORDER_HOT_NS);
		return;
	}
	if (!items)
		rest(SLEEPING, ledger_has_rings() ? LEDGER_LOOK_NS : 0);
	rest(NAPPING, RECORDER_COLLECT_NS);
}

static void *recorder_main(void *unused)
{
	(void)unused;
	do
		rest_as_fits();
	while (!work_round());
	return NULL;
}

/* ---- the tracer's side ---- */

static void wake(bool urgent)
{
	int sleep = atomic_load(&recorder.sleep); /* C */
	if (sleep == AWAKE || (sleep == NAPPING && !urgent))
		return;
	pthread_mutex_lock(&recorder.lock);
	atomic_store(&recorder.sleep, AWAKE);
	pthread_cond_signal(&recorder.wake);
	pthread_mutex_unlock(&recorder.lock);
}

static bool is_full(const struct stream *unused)
{
	(void)unused;
	return atomic_load(&recorder.tail) - atomic_load(&recorder.head) == RECORDER_QUEUE;
}

static bool is_behind(const struct stream *stream)
{
	return stream_backlog((struct stream *)(uintptr_t)stream) > RECORDER_BACKLOG;
}

static void wait_while(bool (*condition)(const struct stream *), const struct stream *stream)
{
	atomic_fetch_add(&recorder.waiting, 1);
	pthread_mutex_lock(&recorder.lock);
	while (condition(stream)) {
		atomic_store(&recorder.asked, true);
		if (atomic_load(&recorder.sleep) != AWAKE) {
			atomic_store(&recorder.sleep, AWAKE);
			pthread_cond_signal(&recorder.wake);
		}
		pthread_cond_wait(&recorder.progress, &recorder.lock);
	}
	pthread_mutex_unlock(&recorder.lock);
	atomic_fetch_sub(&recorder.waiting, 1);
}

/* Without a thread the item is a round of its own. */
static void work_off(struct item *item)
{
	ledger_round_begin();
	ledger_take(item);
	ledger_round_end();
	ringfile_refill();
}

/* Takes over what the item holds. */
static void hand_over(struct item *item)
{
	if (recorder.closed) {
		item_drop(item);
		return;
	}
	if (!recorder.running) {
		work_off(item);
		return;
	}
	if (is_full(NULL))
		wait_while(is_full, NULL);
	size_t tail = atomic_load(&recorder.tail);
	recorder.items[tail % RECORDER_QUEUE] = *item;
	atomic_store(&recorder.tail, tail + 1); /* A */
	wake(item->kind == ITEM_LOOK || tail + 1 - atomic_load(&recorder.head) >= HALF);
}

static struct item item_about(enum item_kind kind, const struct event *event)
{
	struct item item = { .kind = (uint8_t)kind };
	memcpy(item.event, event, sizeof item.event);
	return item;
}

enum { SLICES = 3 };

/* The slices of an event of the plain kinds, as many as it has. */
static void slices_of(struct event *event, struct bytes *slices[SLICES])
{
	memset(slices, 0, SLICES * sizeof *slices);
	if (event->kind == EVENT_NOTE) {
		slices[0] = &event->note.note_kind;
		slices[1] = &event->note.text;
	} else if (event->kind == EVENT_META) {
		slices[0] = &event->meta.text;
		slices[1] = &event->meta.build_id;
	} else if (event->kind == EVENT_VIOLATION) {
		slices[0] = &event->violation.rule;
		slices[1] = &event->violation.subject;
		slices[2] = &event->violation.comm;
	} else if (event->kind == EVENT_END) {
		slices[0] = &event->end.truncated;
	}
}

/* Copies what the slices lead to. Without memory they are empty. */
static char *keep_slices(struct event *event)
{
	struct bytes *slices[SLICES];
	size_t len = 0;
	slices_of(event, slices);
	for (size_t i = 0; i < SLICES; i++)
		len += slices[i] ? slices[i]->len : 0;
	char *text = len ? memory_checked(malloc(len)) : NULL;
	for (size_t i = 0, at = 0; i < SLICES; i++) {
		if (!slices[i])
			continue;
		if (!text || !slices[i]->len) {
			*slices[i] = bytes_of(NULL, 0);
			continue;
		}
		memcpy(text + at, slices[i]->data, slices[i]->len);
		slices[i]->data = text + at;
		at += slices[i]->len;
	}
	return text;
}

static struct item item_with_text(enum item_kind kind, const struct event *event)
{
	static _Thread_local struct event copy;
	memcpy(&copy, event, ITEM_EVENT_BYTES);
	char *text = keep_slices(&copy);
	struct item item = item_about(kind, &copy);
	item.text = text;
	return item;
}

void recorder_event(const struct event *event)
{
	struct item item = item_with_text(ITEM_EVENT, event);
	bool is_text = event->kind == EVENT_NOTE || event->kind == EVENT_META;
	if (item.text || !is_text) /* one without its text, for want of memory, says nothing */
		hand_over(&item);
}

void recorder_birth(const struct event *event, pid_t parent_tid, pid_t tid, uint32_t thread, unsigned shares)
{
	struct item item = item_about(ITEM_BIRTH, event);
	item.birth.parent_tid = parent_tid;
	item.birth.tid = tid;
	item.birth.thread = thread;
	item.birth.shares = shares;
	hand_over(&item);
}

void recorder_call(struct call *call)
{
	struct item item = { .kind = ITEM_CALL, .call = call };
	hand_over(&item);
}

/* Until the recorder has learned what the environment makes a secret the launcher must not tell paths. */
static bool is_awaited(const struct image *image)
{
	if (recorder.closed || !recorder.secrets || !recorder.redactor ||
	    !redactor_concerns(recorder.redactor, strbuf_bytes(&image->text[IMAGE_ENVIRONMENT])))
		return false;
	atomic_fetch_add(&recorder.secrets->awaited, 1);
	return true;
}

void recorder_exec(const struct event *head, pid_t former_tid, uint32_t thread, struct image *image,
		   struct call *call, struct stream *stream)
{
	struct item item = item_about(ITEM_EXEC, head);
	item.exec.image = image;
	item.exec.call = call;
	item.exec.stream = stream_share(stream);
	item.exec.former_tid = former_tid;
	item.exec.thread = thread;
	item.exec.is_awaited = is_awaited(image);
	hand_over(&item);
}

void recorder_adopt(const struct event *head, uint32_t thread, struct stream *stream)
{
	struct item item = item_about(ITEM_ADOPT, head);
	item.ring.stream = stream_share(stream);
	item.ring.thread = thread;
	hand_over(&item);
}

void recorder_root(const struct event *head, struct bytes root, bool other_mounts)
{
	struct item item = item_about(ITEM_ROOT, head);
	item.text = root.len ? memory_checked(strndup(root.data, root.len)) : NULL;
	item.other_mounts = other_mounts;
	hand_over(&item);
}

void recorder_interrupted(const struct event *head, const struct ring_flight *flight, int64_t ret)
{
	struct item item = item_about(ITEM_FLIGHT, head);
	item.interrupted.flight = *flight;
	item.interrupted.ret = ret;
	hand_over(&item);
}

void recorder_result(const struct event *head, int64_t ret)
{
	struct item item = item_about(ITEM_RESULT, head);
	item.interrupted.ret = ret;
	hand_over(&item);
}

void recorder_release(struct stream *stream)
{
	struct item item = { .kind = ITEM_FORGET, .ring = { .stream = stream } };
	if (stream)
		hand_over(&item);
}

void recorder_drain_now(struct stream *stream, bool full, uint32_t thread)
{
	if (recorder.closed) {
		stream_drop(stream, thread);
		return;
	}
	if (full)
		stream_gather(stream, thread);
	struct item item = { .kind = ITEM_LOOK, .ring = { .stream = stream_share(stream) } };
	hand_over(&item);
	if (full && recorder.running && is_behind(stream))
		wait_while(is_behind, stream);
}

static bool has_items(const struct stream *unused)
{
	(void)unused;
	return atomic_load(&recorder.tail) != atomic_load(&recorder.head);
}

void recorder_settle(uint64_t t_ns)
{
	struct event head = { .t_ns = t_ns };
	if (recorder.closed)
		return;
	struct item item = item_about(ITEM_SETTLE, &head);
	hand_over(&item);
	if (recorder.running && has_items(NULL))
		wait_while(has_items, NULL);
}

/* ---- beginning and end ---- */

void recorder_start(const struct ledger_setup *setup)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&recorder.wake, &attr);
	pthread_condattr_destroy(&attr);
	ledger_begin(setup);
	recorder.closed = false;
	recorder.secrets = setup->secrets;
	recorder.redactor = setup->redactor;
	recorder.running = pthread_create(&recorder.thread, NULL, recorder_main, NULL) == 0;
}

void recorder_finish(const struct event *end)
{
	struct item item = item_with_text(ITEM_END, end);
	hand_over(&item);
	atomic_store(&recorder.asked, true);
	wake(true);
	if (recorder.running)
		pthread_join(recorder.thread, NULL);
	recorder.running = false;
	recorder.closed = true;
	ringfile_drop_stock();
}
