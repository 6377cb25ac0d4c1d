/* The announcer: see announce.h. One lock guards all; the thread writes without it. */
#include "announce.h"

#include "clock.h"
#include "message.h"
#include "redact.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINES = 64, LINE_BYTES = 1024, RULES = 64, RULE_BYTES = 256, PATIENCE_MS = 500 };

/* Of the rules that spoke last: when, and what they were not allowed to say since. */
struct told {
	char rule[RULE_BYTES];
	uint64_t at_ns, left_out;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started, ending, ended;
	unsigned head, tail; /* lines written, lines to be written */
	char lines[LINES][LINE_BYTES];
	struct told told[RULES];
	unsigned told_count;
} announce = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void *announce_main(void *unused)
{
	static char line[LINE_BYTES];
	(void)unused;
	pthread_mutex_lock(&announce.lock);
	for (;;) {
		while (announce.head == announce.tail && !announce.ending)
			pthread_cond_wait(&announce.changed, &announce.lock);
		if (announce.head == announce.tail)
			break;
		memcpy(line, announce.lines[announce.head % LINES], sizeof line);
		pthread_mutex_unlock(&announce.lock);
		message_error(NULL, "%s", line);
		pthread_mutex_lock(&announce.lock);
		announce.head++;
	}
	announce.ended = true;
	pthread_cond_broadcast(&announce.changed);
	pthread_mutex_unlock(&announce.lock);
	return NULL;
}

void announce_start(void)
{
	pthread_t thread;
	announce.started = pthread_create(&thread, NULL, announce_main, NULL) == 0;
	if (announce.started)
		pthread_detach(thread);
}

/* What is remembered of the rule; the one that was silent for longest makes room for a new one. */
static struct told *told_of(struct bytes rule)
{
	struct told *oldest = &announce.told[0];
	for (unsigned i = 0; i < announce.told_count; i++) {
		struct told *told = &announce.told[i];
		if (bytes_equal(bytes_of_string(told->rule), rule))
			return told;
		oldest = told->at_ns < oldest->at_ns ? told : oldest;
	}
	if (announce.told_count < RULES)
		oldest = &announce.told[announce.told_count++];
	*oldest = (struct told){ 0 };
	if (rule.len < sizeof oldest->rule)
		memcpy(oldest->rule, rule.data, rule.len);
	return oldest;
}

static const char *word_of(const struct event_violation *violation)
{
	static const char *const words[][2] = {
		[VIOLATION_LOG] = { "logged", "would be logged" },
		[VIOLATION_DENY] = { "denied", "would be denied" },
		[VIOLATION_KILL] = { "killed", "would be killed" },
	};
	return words[violation->action][violation->dry_run];
}

static void put_line(const struct event *event, struct bytes subject, struct bytes rule, uint64_t left_out)
{
	char more[40] = "";
	if (left_out)
		snprintf(more, sizeof more, " (and %llu more before)", (unsigned long long)left_out);
	snprintf(announce.lines[announce.tail++ % LINES], LINE_BYTES, "%s: %.*s by %.*s (pid %d): %.*s%s",
		 word_of(&event->violation), (int)subject.len, subject.data, (int)event->violation.comm.len,
		 event->violation.comm.data, event->pid, (int)rule.len, rule.data, more);
	pthread_cond_broadcast(&announce.changed);
}

static struct bytes mask(const struct redactor *redactor, struct bytes text, char **owned)
{
	*owned = NULL;
	return redactor ? redactor_mask(redactor, text, owned) : text;
}

void announce_violation(const struct event *event, const struct redactor *redactor)
{
	char *owned_subject, *owned_rule;
	struct bytes subject = mask(redactor, event->violation.subject, &owned_subject);
	struct bytes rule = mask(redactor, event->violation.rule, &owned_rule);
	uint64_t now = clock_monotonic_ns();
	pthread_mutex_lock(&announce.lock);
	struct told *told = told_of(event->violation.rule);
	bool quiet = !announce.started || announce.ending || announce.tail - announce.head == LINES ||
		     (told->at_ns && now - told->at_ns < 1000000000);
	if (quiet) {
		told->left_out++;
	} else {
		put_line(event, subject, rule, told->left_out);
		told->at_ns = now;
		told->left_out = 0;
	}
	pthread_mutex_unlock(&announce.lock);
	free(owned_subject);
	free(owned_rule);
}

void announce_end(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&announce.lock);
	announce.ending = true;
	pthread_cond_broadcast(&announce.changed);
	while (announce.started && !announce.ended &&
	       pthread_cond_timedwait(&announce.changed, &announce.lock, &until) == 0)
		;
	pthread_mutex_unlock(&announce.lock);
}
