/* Remembered working directories: see workdir.h. Owns one answer for each of the last tasks that asked. */
#include "workdir.h"

#include "clock.h"
#include "epoch.h"
#include "procfs.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { SLOTS = 64, KEPT_BYTES = 512 /* a longer name is asked for each time */ };

struct answer {
	pid_t tid;
	unsigned epoch;
	uint64_t until_ns;
	size_t len;
	char link[KEPT_BYTES];
};

static struct {
	pthread_mutex_t lock;
	struct epoch epoch;
	struct answer answers[SLOTS];
} workdir = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct answer *slot_of(pid_t tid)
{
	return &workdir.answers[(unsigned)tid % SLOTS];
}

/* The length, or -1: not known. */
static ssize_t recall(pid_t tid, uint64_t now, char *out, size_t size)
{
	const struct answer *answer = slot_of(tid);
	if (answer->tid != tid || !epoch_holds(&workdir.epoch, answer->epoch) || answer->until_ns <= now ||
	    answer->len > size)
		return -1;
	memcpy(out, answer->link, answer->len);
	return (ssize_t)answer->len;
}

static void remember(pid_t tid, unsigned epoch, uint64_t asked_ns, const char *link, size_t len)
{
	struct answer *answer = slot_of(tid);
	if (len > sizeof answer->link)
		return;
	*answer = (struct answer){ .tid = tid, .epoch = epoch,
				   .until_ns = asked_ns + WORKDIR_MAX_NS, .len = len };
	memcpy(answer->link, link, len);
}

ssize_t workdir_link(pid_t tid, char *out, size_t size)
{
	uint64_t now = clock_monotonic_ns();
	pthread_mutex_lock(&workdir.lock);
	ssize_t len = recall(tid, now, out, size);
	unsigned epoch = epoch_now(&workdir.epoch);
	pthread_mutex_unlock(&workdir.lock);
	if (len >= 0)
		return len;
	len = procfs_link(tid, "cwd", out, size);
	if (len <= 0)
		return len;
	pthread_mutex_lock(&workdir.lock);
	remember(tid, epoch, now, out, (size_t)len);
	pthread_mutex_unlock(&workdir.lock);
	return len;
}

void workdir_change_begins(void)
{
	epoch_change_begins(&workdir.epoch);
}

void workdir_change_ended(void)
{
	epoch_change_ended(&workdir.epoch);
}

void workdir_inherit(pid_t child, pid_t parent)
{
	pthread_mutex_lock(&workdir.lock);
	const struct answer *answer = slot_of(parent);
	if (answer->tid == parent && slot_of(child) != answer) {
		*slot_of(child) = *answer;
		slot_of(child)->tid = child;
	}
	pthread_mutex_unlock(&workdir.lock);
}

void workdir_forget(pid_t tid)
{
	pthread_mutex_lock(&workdir.lock);
	if (slot_of(tid)->tid == tid)
		slot_of(tid)->tid = 0;
	pthread_mutex_unlock(&workdir.lock);
}
