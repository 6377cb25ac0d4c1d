/* The pool of helper threads: see helpers.h.
 *
 * One lock guards the three lists. A job is in exactly one of them: waiting (no thread has it yet),
 * working (a thread has it), done. helpers_oldest looks at the first two; deadlines are set in
 * the order of submission, so each list's head is its oldest. */
#include "helpers.h"

#include "capture.h"
#include "clock.h"
#include "image.h"
#include "judged.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct queue {
	struct job *first, **last;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct queue waiting, working, done;
	int threads;
	int idle;    /* of those: not at work, each of which will take a job */
	int unbegun; /* jobs in `waiting` */
	int out;     /* jobs submitted and not taken back; the tracer's alone */
	atomic_bool careful; /* set by the tracer, asked by the recorder too */
	int signal;
	pthread_t tracer;
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wanted = PTHREAD_COND_INITIALIZER,
	.waiting.last = &pool.waiting.first,
	.working.last = &pool.working.first,
	.done.last = &pool.done.first,
};

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static void queue_remove(struct queue *queue, struct job *job)
{
	struct job **at = &queue->first;
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (!*at)
		queue->last = at;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;
	if (job)
		queue_remove(queue, job);
	return job;
}

static void judge_image_files(const struct job *job)
{
	const struct image *image = job->image;
	bool script = image->text[IMAGE_INTERPRETER].len > 0;
	image->judged->word_bytes = (uint8_t)image->word_bytes;
	judged_gather_image(&job->place, strbuf_bytes(&image->text[IMAGE_EXE]),
			    script ? strbuf_bytes(&image->text[IMAGE_PATH]) : bytes_of(NULL, 0), image->judged);
}

/* Code that is mapped, and that nobody asked to be told of: there are several of a process, and to judge them takes but the
 * file. */
static bool is_told_nowhere(const struct call *call)
{
	const struct judged_call *row = call->judged ? call->judged->row : NULL;
	return call->hidden && !call->expected && row && row->object == JUDGED_MAPPING;
}

void job_work(struct job *job)
{
	switch (job->kind) {
	case JOB_ENTER:
		if (!is_told_nowhere(job->call))
			capture_enter(&job->place, job->call);
		judged_gather(&job->place, job->call);
		break;
	case JOB_LEAVE:
		judged_correct_names(&job->place, job->call);
		capture_leave(&job->place, job->call);
		if (job->call->judged && job->call->is_raced && job->call->event.syscall.ret >= 0)
			judged_gather_again(&job->place, job->call);
		break;
	case JOB_EXEC:
		image_read(&job->place, job->call, job->image);
		if (job->image->judged)
			judge_image_files(job);
		break;
	}
}

static void *helper_main(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		struct job *job = queue_take(&pool.waiting);
		if (!job) {
			pthread_cond_wait(&pool.wanted, &pool.lock);
			continue;
		}
		pool.unbegun--;
		pool.idle--;
		queue_put(&pool.working, job);
		pthread_mutex_unlock(&pool.lock);
		job_work(job);
		pthread_mutex_lock(&pool.lock);
		queue_remove(&pool.working, job);
		queue_put(&pool.done, job);
		pool.idle++;
		pthread_kill(pool.tracer, pool.signal);
	}
	return NULL;
}

void helpers_init(int signal)
{
	pool.signal = signal;
	pool.tracer = pthread_self();
}

void helpers_be_careful(void)
{
	pool.careful = true;
}

bool helpers_are_needed(void)
{
	return pool.careful;
}

bool helpers_are_busy(void)
{
	return pool.careful || pool.out > 0;
}

/* A thread that was woken for one job but has not come to take it yet is not there for the next:
 * the one may block for long, and whoever can end that may be waiting for the other. */
void helpers_submit(struct job *job)
{
	job->deadline_ns = clock_monotonic_ns() + HELPERS_LIMIT_MS * 1000000ULL;
	pool.out++;
	pthread_mutex_lock(&pool.lock);
	queue_put(&pool.waiting, job);
	pool.unbegun++;
	pthread_t thread;
	if (pool.unbegun > pool.idle && pool.threads < HELPERS_MAX &&
	    pthread_create(&thread, NULL, helper_main, NULL) == 0) {
		pthread_detach(thread);
		pool.threads++;
		pool.idle++;
	}
	pthread_cond_signal(&pool.wanted);
	pthread_mutex_unlock(&pool.lock);
}

struct job *helpers_take(void)
{
	pthread_mutex_lock(&pool.lock);
	struct job *job = queue_take(&pool.done);
	pthread_mutex_unlock(&pool.lock);
	pool.out -= job != NULL;
	return job;
}

static struct job *first_owned(const struct queue *queue)
{
	struct job *job = queue->first;
	while (job && !job->owner)
		job = job->next;
	return job;
}

struct job *helpers_oldest(void)
{
	pthread_mutex_lock(&pool.lock);
	struct job *waiting = first_owned(&pool.waiting), *oldest = first_owned(&pool.working);
	if (!oldest || (waiting && waiting->deadline_ns < oldest->deadline_ns))
		oldest = waiting;
	pthread_mutex_unlock(&pool.lock);
	return oldest;
}
