/* Look-ups under a time limit: see lookup.h.
 *
 * There is one request at a time. It belongs to the thread from `pending` until that clears it; the
 * recorder fills it only while it is not pending, and takes the answer only if it has not given up. */
#include "lookup.h"

#include "helpers.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct request {
	bool opened; /* resolve_opened of path; else resolve_absolute */
	struct place place;
	char root[256];
	struct strbuf base, path;
	/* The answer. */
	struct strbuf out;
	enum resolved resolved;
	bool directory;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wanted, answered;
	bool started, pending;
	struct request request;
} desk = { .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER };

static void answer(struct request *request)
{
	if (request->opened) {
		request->resolved = resolve_opened(&request->place, strbuf_bytes(&request->path), &request->out,
						   &request->directory);
		return;
	}
	resolve_absolute(&request->place, strbuf_bytes(&request->base), strbuf_bytes(&request->path), &request->out);
	request->resolved = RESOLVED_FOUND;
}

static void *desk_main(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&desk.lock);
	for (;;) {
		while (!desk.pending)
			pthread_cond_wait(&desk.wanted, &desk.lock);
		pthread_mutex_unlock(&desk.lock);
		answer(&desk.request);
		pthread_mutex_lock(&desk.lock);
		desk.pending = false;
		pthread_cond_signal(&desk.answered);
	}
	return NULL;
}

static bool start(void)
{
	pthread_t thread;
	pthread_condattr_t attr;
	if (desk.started)
		return true;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&desk.answered, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&thread, NULL, desk_main, NULL))
		return false;
	pthread_detach(thread);
	return desk.started = true;
}

static void set(struct strbuf *text, struct bytes bytes)
{
	strbuf_reset(text);
	strbuf_add(text, bytes.data, bytes.len);
}

static void fill(struct request *request, bool opened, const struct place *place, struct bytes base, struct bytes path)
{
	request->opened = opened;
	request->place = *place;
	if (place->root) {
		snprintf(request->root, sizeof request->root, "%s", place->root);
		request->place.root = request->root;
	}
	set(&request->base, base);
	set(&request->path, path);
	strbuf_reset(&request->out);
	request->resolved = RESOLVED_UNKNOWN;
	request->directory = false;
}

/* Under the lock: until it is answered or the time is up. */
static bool wait_for_answer(void)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOKUP_LIMIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (desk.pending)
		if (pthread_cond_timedwait(&desk.answered, &desk.lock, &until) == ETIMEDOUT)
			break;
	return !desk.pending;
}

static enum resolved ask(bool opened, const struct place *place, struct bytes base, struct bytes path,
			 struct strbuf *out, bool *directory)
{
	if (!start())
		return RESOLVED_UNKNOWN;
	pthread_mutex_lock(&desk.lock);
	enum resolved resolved = RESOLVED_UNKNOWN;
	if (!desk.pending) {
		fill(&desk.request, opened, place, base, path);
		desk.pending = true;
		pthread_cond_signal(&desk.wanted);
		if (wait_for_answer())
			resolved = desk.request.resolved;
	}
	if (resolved == RESOLVED_FOUND) {
		strbuf_add(out, desk.request.out.data, desk.request.out.len);
		*directory = desk.request.directory;
	}
	pthread_mutex_unlock(&desk.lock);
	return resolved;
}

enum resolved lookup_opened(const struct place *place, struct bytes absolute, struct strbuf *out, bool *directory)
{
	*directory = false;
	if (!helpers_are_needed())
		return resolve_opened(place, absolute, out, directory);
	return ask(true, place, bytes_of(NULL, 0), absolute, out, directory);
}

static bool goes_up(struct bytes path)
{
	for (size_t i = 0; i + 1 < path.len; i++)
		if (path.data[i] == '.' && path.data[i + 1] == '.' && (i == 0 || path.data[i - 1] == '/') &&
		    (i + 2 == path.len || path.data[i + 2] == '/'))
			return true;
	return false;
}

bool lookup_absolute(const struct place *place, struct bytes base, struct bytes path, struct strbuf *out)
{
	bool directory;
	if (helpers_are_needed() && (goes_up(path) || goes_up(base)))
		return ask(false, place, base, path, out, &directory) == RESOLVED_FOUND;
	resolve_absolute(place, base, path, out);
	return true;
}
