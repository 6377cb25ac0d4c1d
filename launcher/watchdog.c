/* Looking at the supervisor from outside: see watchdog.h. */
#include "watchdog.h"

#include "clock.h"
#include "procfs.h"
#include "stop.h"
#include "syscall.h"
#include "trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES = 512, PATH_BYTES = 64 };

static const uint64_t TICK_NS = WATCHDOG_TICK_MS * 1000000ULL;

/* What /proc says of a thread. */
struct look {
	char state; /* '?': nothing */
	uint64_t cpu_ns, switches;
};

/* /proc/TGID/task/TID/stat from behind the name, which may hold anything: state and, ten fields on, the times. */
static bool read_stat(pid_t tgid, pid_t tid, struct look *look)
{
	char path[PATH_BYTES], text[STAT_BYTES];
	unsigned long user, system;
	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", tgid, tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	const char *behind = strrchr(text, ')');
	if (!behind || sscanf(behind, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &look->state, &user,
			      &system) != 3)
		return false;
	look->cpu_ns = (user + system) * (1000000000ULL / (unsigned long)sysconf(_SC_CLK_TCK));
	return true;
}

static struct look look_at(pid_t tgid, pid_t tid)
{
	struct look look = { .state = '?' };
	if (read_stat(tgid, tid, &look) && look.state == 'D')
		procfs_status_field(tid, "\nvoluntary_ctxt_switches:", 10, &look.switches);
	return look;
}

/* Does one of the other threads want to run? *switches: of those that wait for a disk. */
static bool do_others_want_to_run(pid_t supervisor, uint64_t *switches)
{
	char path[PATH_BYTES];
	bool wants = false;
	snprintf(path, sizeof path, "/proc/%d/task", supervisor);
	DIR *tasks = opendir(path);
	for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
		pid_t tid = atoi(entry->d_name);
		if (tid <= 0 || tid == supervisor)
			continue;
		struct look look = look_at(supervisor, tid);
		wants |= look.state == 'R';
		*switches += look.switches;
	}
	if (tasks)
		closedir(tasks);
	return wants;
}

/* How much of the time that has passed since the last look nothing excuses. */
static uint64_t unexcused(struct watchdog *watchdog, bool stopped, uint64_t passed_ns)
{
	struct look tracer = look_at(watchdog->supervisor, watchdog->supervisor);
	uint64_t used_ns = tracer.cpu_ns - watchdog->cpu_ns, switches = tracer.switches;
	bool others = do_others_want_to_run(watchdog->supervisor, &switches);
	bool waits_again = switches != watchdog->switches;
	watchdog->cpu_ns = tracer.cpu_ns;
	watchdog->switches = switches;
	watchdog->state = tracer.state;
	if (stopped)
		return passed_ns;
	if (tracer.state == 'R')
		return used_ns < passed_ns ? used_ns : passed_ns;
	return others || waits_again ? 0 : passed_ns;
}

void watchdog_begin(struct watchdog *watchdog, pid_t supervisor, const struct pulse *pulse)
{
	*watchdog = (struct watchdog){ .supervisor = supervisor, .pulse = pulse, .looked_ns = clock_monotonic_ns() };
}

int watchdog_due(const struct watchdog *watchdog)
{
	uint64_t now = clock_monotonic_ns(), due = watchdog->looked_ns + TICK_NS;
	return now >= due ? 0 : (int)((due - now) / 1000000) + 1;
}

bool watchdog_look(struct watchdog *watchdog, bool stopped)
{
	uint64_t beats = atomic_load(&watchdog->pulse->beats), now = clock_monotonic_ns();
	uint64_t passed_ns = now - watchdog->looked_ns;
	bool silent = beats == watchdog->beats;
	watchdog->looked_ns = now;
	watchdog->beats = beats;
	if (!silent) {
		watchdog->silent_ns = 0;
		return false;
	}
	watchdog->silent_ns += unexcused(watchdog, stopped, passed_ns < TICK_NS * 2 ? passed_ns : TICK_NS * 2);
	kill(watchdog->supervisor, TRACE_PARENT_DIED); /* its handler sees that the parent lives; the loop turns, and beats */
	return watchdog->silent_ns >= WATCHDOG_SILENT_MS * 1000000ULL;
}

static void tell_place(const struct pulse *pulse, char *text, size_t size)
{
	static const char *const doing[] = {
		[PULSE_STARTING] = "at its start",
		[PULSE_WAITING] = "while it waited for the tree",
		[PULSE_SERVING] = "at a stop",
		[PULSE_GATHERED] = "while it let go on what had been held",
		[PULSE_CLOSING] = "while it closed the recording",
	};
	uint32_t now = atomic_load(&pulse->doing);
	int64_t number = atomic_load(&pulse->number);
	const struct syscall_desc *desc = number < 0 ? NULL : syscall_lookup(ABI_X86_64, (uint32_t)number);
	if (now == PULSE_SERVING)
		snprintf(text, size, "at the %s of task %d%s%s%s", stop_kind_name(atomic_load(&pulse->stop)),
			 atomic_load(&pulse->tid), desc ? " (" : "", desc ? desc->name : "", desc ? ")" : "");
	else
		snprintf(text, size, "%s", now < sizeof doing / sizeof *doing ? doing[now] : "somewhere");
}

void watchdog_tell(const struct watchdog *watchdog, bool stopped, char *text, size_t size)
{
	char place[128];
	tell_place(watchdog->pulse, place, sizeof place);
	snprintf(text, size, "%s for %d s, %s (state %c)", stopped ? "it was stopped, and not continued," : "no sign of life",
		 WATCHDOG_SILENT_MS / 1000, place, watchdog->state);
}
