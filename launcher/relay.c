/* Signals from the launcher to COMMAND: see relay.h. */
#include "relay.h"

#include "clock.h"
#include "jobcontrol.h"
#include "procfs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	HELD_MAX = 64,
	HELD_NS = 10000000,         /* how long a signal is held */
	SEEN_BEFORE_NS = 100000000, /* COMMAND's own may have been delivered so much earlier */
	QUEUED_FIRST = 32,          /* signals from here on are queued: each one counts */
	SIGNALS = 65,
	/* What is added to the code of a forwarded signal. Whoever sends one may give it any negative code but SI_TKILL. */
	RELAYED = -0x70747700,
	CODE_LEAST = -0x80, CODE_GREATEST = 0x80,
};

struct held {
	struct signalfd_siginfo info;
	uint64_t until_ns;
};

/* What the group was sent, as far as the launcher has not found it among its own yet. */
struct grouped {
	pid_t sender;
	uint64_t at_ns;
	unsigned count;
};

struct relay {
	struct launched *launched;
	struct control *control;
	struct held held[HELD_MAX]; /* in the order in which they came */
	size_t held_count;
	struct grouped grouped[SIGNALS];
	bool stopped;
};

struct relay *relay_create(struct launched *launched, struct control *control)
{
	struct relay *relay = calloc(1, sizeof *relay);
	if (relay) {
		relay->launched = launched;
		relay->control = control;
	}
	return relay;
}

void relay_free(struct relay *relay)
{
	free(relay);
}

void relay_stop(struct relay *relay)
{
	if (!relay)
		return;
	relay->stopped = true;
	relay->held_count = 0;
}

static void forward(const struct relay *relay, const struct signalfd_siginfo *info)
{
	siginfo_t sent = { .si_signo = (int)info->ssi_signo, .si_code = RELAYED + info->ssi_code };
	sent.si_pid = (pid_t)info->ssi_pid;
	sent.si_uid = info->ssi_uid;
	sent.si_value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
	bool restored = !atomic_load(&relay->control->released);
	bool fits = restored && info->ssi_code >= CODE_LEAST && info->ssi_code <= CODE_GREATEST;
	if (fits)
		atomic_fetch_add(&relay->control->relayed[sent.si_signo], 1);
	if (!fits || syscall(SYS_rt_sigqueueinfo, relay->launched->command, sent.si_signo, &sent) < 0)
		kill(relay->launched->command, sent.si_signo);
}

/* Others may send such a code, but not at a moment of their choice. */
bool relay_restore(struct control *control, siginfo_t *info)
{
	if (info->si_code < RELAYED + CODE_LEAST || info->si_code > RELAYED + CODE_GREATEST ||
	    info->si_signo >= SIGNALS || atomic_load(&control->relayed[info->si_signo]) <= 0)
		return false;
	atomic_fetch_sub(&control->relayed[info->si_signo], 1);
	info->si_code -= RELAYED;
	return true;
}

/* ---- was it for the group? ---- */

static void note_grouped(const struct witnessed *given, void *context)
{
	struct relay *relay = context;
	if (given->number >= SIGNALS || given->sender == getpid())
		return;
	struct grouped *grouped = &relay->grouped[given->number];
	if (grouped->sender != given->sender)
		grouped->count = 0;
	grouped->sender = given->sender;
	grouped->at_ns = clock_monotonic_ns();
	grouped->count++;
}

static bool was_grouped(struct relay *relay, const struct signalfd_siginfo *info)
{
	struct grouped *grouped = &relay->grouped[info->ssi_signo];
	if (!grouped->count || grouped->sender != (pid_t)info->ssi_pid)
		return false;
	if (info->ssi_signo >= QUEUED_FIRST) {
		grouped->count--;
		return true;
	}
	return grouped->at_ns + HELD_NS >= clock_monotonic_ns();
}

/* ---- did COMMAND get one of its own? ---- */

static bool was_delivered_to_command(struct relay *relay, const struct held *held)
{
	struct delivered *delivered = &relay->control->delivered[held->info.ssi_signo];
	int sender = (int)held->info.ssi_pid;
	return atomic_load(&delivered->at_ns) + SEEN_BEFORE_NS + HELD_NS >= held->until_ns &&
	       atomic_compare_exchange_strong(&delivered->sender, &sender, 0);
}

/* Without a witness: what the terminal sends is for the group, and so is what COMMAND has pending. */
static bool is_likely_grouped(const struct relay *relay, const struct signalfd_siginfo *info)
{
	uint64_t pending = 0;
	if (info->ssi_code == SI_KERNEL || info->ssi_signo >= QUEUED_FIRST)
		return info->ssi_code == SI_KERNEL;
	procfs_status_field(relay->launched->command, "\nShdPnd:", 16, &pending);
	return pending >> (info->ssi_signo - 1) & 1;
}

static bool command_has_it(struct relay *relay, const struct signalfd_siginfo *info)
{
	bool known = witness_ask(&relay->launched->witness, note_grouped, relay);
	bool grouped = known ? was_grouped(relay, info) : is_likely_grouped(relay, info);
	return grouped && !jobcontrol_is_apart(relay->launched->command);
}

/* ---- holding ---- */

static void drop_held(struct relay *relay, size_t count)
{
	relay->held_count -= count;
	memmove(relay->held, relay->held + count, relay->held_count * sizeof *relay->held);
}

static size_t find_held(const struct relay *relay, const struct signalfd_siginfo *info)
{
	size_t at = 0;
	while (at < relay->held_count && (relay->held[at].info.ssi_signo != info->ssi_signo ||
					  relay->held[at].info.ssi_pid != info->ssi_pid))
		at++;
	return at;
}

/* In the order in which they came. */
static void forward_first(struct relay *relay, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!was_delivered_to_command(relay, &relay->held[i]))
			forward(relay, &relay->held[i].info);
	drop_held(relay, count);
}

/* Sent by the launcher itself, or by its supervisor, or about the launcher's own use of the processor. */
static bool is_own(const struct relay *relay, const struct signalfd_siginfo *info)
{
	pid_t sender = (pid_t)info->ssi_pid;
	return sender == getpid() || sender == relay->launched->supervisor ||
	       (info->ssi_code == SI_KERNEL && info->ssi_signo == SIGXCPU);
}

void relay_take(struct relay *relay, const struct signalfd_siginfo *info)
{
	if (!relay || relay->stopped || info->ssi_signo >= SIGNALS || is_own(relay, info))
		return;
	bool grouped = command_has_it(relay, info);
	size_t at = find_held(relay, info);
	if (grouped && at < relay->held_count) { /* the two were one */
		memmove(&relay->held[at], &relay->held[at + 1], (relay->held_count - at - 1) * sizeof *relay->held);
		relay->held_count--;
	}
	if (grouped)
		return;
	if (info->ssi_code == SI_KERNEL) { /* a hang-up for the leader of a session, an alarm: there is no other */
		forward(relay, info);
		return;
	}
	if (at < relay->held_count)
		forward_first(relay, at + 1);
	if (relay->held_count == HELD_MAX)
		forward_first(relay, 1);
	relay->held[relay->held_count++] = (struct held){ *info, clock_monotonic_ns() + HELD_NS };
}

int relay_release(struct relay *relay)
{
	uint64_t now = clock_monotonic_ns();
	if (!relay)
		return -1;
	while (relay->held_count && relay->held[0].until_ns <= now) {
		if (command_has_it(relay, &relay->held[0].info))
			drop_held(relay, 1);
		else
			forward_first(relay, 1);
	}
	if (!relay->held_count)
		return -1;
	return (int)((relay->held[0].until_ns - now) / 1000000) + 1;
}
