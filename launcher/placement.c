/* Keeping to the tracee's CPU: see placement.h. Owns the tracer thread's scheduling policy and affinity. */
#include "placement.h"

#include "clock.h"
#include "helpers.h"
#include "procfs.h"
#include "supervisor.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

enum {
	LOOK_INTERVAL_NS = 1000000, /* between two looks at what else runs on the machine */
	SPIN_NS = 50000,
	FOLLOW_PRICE = 8,          /* stops for each look at where a tracee is: that costs half as much as one */
	FOLLOW_CREDIT = 4 * FOLLOW_PRICE,
	BOUND_MAX = 64,            /* stops of many tracees by turns: then the kernel may place the tracer again */
};

static struct {
	bool used;      /* there is a choice */
	bool permitted; /* to come back from SCHED_IDLE */
	bool shared;    /* the policy is SCHED_IDLE */
	bool spins;
	bool slept;     /* the tracer, waiting for the last stop */
	bool bound;     /* to the CPU of the tracee followed last */
	unsigned bound_stops;
	int credit;
	uint64_t looked_ns;
	int loadavg_fd; /* opened early: nothing that the tree mounts can come before it */
	int stat_fd;    /* /proc/TID/stat of `last`, or -1 */
	pid_t last;     /* which tracee was resumed last */
	cpu_set_t cpus; /* where the tracer may run */
} placement = { .loadavg_fd = -1, .stat_fd = -1 };

static bool set_policy(int policy)
{
	const struct sched_param none = { 0 };
	return sched_setscheduler(0, policy, &none) == 0;
}

/* Whether there is a way back a thread must try that is not needed any more. */
static void *try_policies(void *permitted)
{
	*(bool *)permitted = set_policy(SCHED_IDLE) && set_policy(SCHED_OTHER);
	return NULL;
}

void placement_init(void)
{
	pthread_t thread;
	bool permitted = false;
	if (sched_getscheduler(0) != SCHED_OTHER ||
	    sched_getaffinity(0, sizeof placement.cpus, &placement.cpus) || CPU_COUNT(&placement.cpus) < 2)
		return;
	placement.used = true;
	placement.loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	if (placement.loadavg_fd < 0 || pthread_create(&thread, NULL, try_policies, &permitted))
		return;
	pthread_join(thread, NULL);
	placement.permitted = permitted;
}

static void share(bool wanted)
{
	if (wanted != placement.shared && set_policy(wanted ? SCHED_IDLE : SCHED_OTHER))
		placement.shared = wanted;
}

/* Nobody else wants to run, or somebody does. */
static void adapt(bool alone)
{
	if (placement.permitted)
		share(alone);
	else
		placement.spins = alone;
}

static void unbind(void)
{
	if (placement.bound)
		sched_setaffinity(0, sizeof placement.cpus, &placement.cpus);
	placement.bound = false;
}

static void bind_to(int cpu)
{
	cpu_set_t there;
	CPU_ZERO(&there);
	CPU_SET(cpu, &there);
	placement.bound = sched_setaffinity(0, sizeof there, &there) == 0;
}

static void follow(pid_t tid)
{
	if (placement.stat_fd < 0)
		placement.stat_fd = procfs_open_stat(tid);
	int cpu = procfs_cpu(placement.stat_fd);
	if (cpu >= 0 && CPU_ISSET(cpu, &placement.cpus) && (!placement.bound || cpu != sched_getcpu()))
		bind_to(cpu);
	placement.bound_stops = 0;
}

static void remember(pid_t tid)
{
	if (tid != placement.last && placement.stat_fd >= 0) {
		close(placement.stat_fd);
		placement.stat_fd = -1;
	}
	placement.last = tid;
}

/* The tracee is followed at its second stop in a row; tracees by turns have none to be followed. */
static void keep_close(pid_t tid)
{
	bool again = tid == placement.last;
	remember(tid);
	placement.credit += placement.credit < FOLLOW_CREDIT;
	if (again && placement.slept && placement.credit >= FOLLOW_PRICE) {
		placement.credit -= FOLLOW_PRICE;
		follow(tid);
	} else if (++placement.bound_stops > BOUND_MAX) {
		unbind();
	}
	placement.slept = false;
}

void placement_before_resume(pid_t tid)
{
	if (!placement.used)
		return;
	if (helpers_are_needed() || !supervisor_is_recording()) {
		placement_leave();
		return;
	}
	uint64_t now = clock_monotonic_ns();
	if (now - placement.looked_ns >= LOOK_INTERVAL_NS) {
		placement.looked_ns = now;
		adapt(procfs_running(placement.loadavg_fd) == 1); /* the tracer itself: the tracee is stopped */
	}
	if (placement.spins)
		unbind();
	else
		keep_close(tid);
}

bool placement_is_shared(void)
{
	return placement.shared;
}

uint64_t placement_spin_ns(void)
{
	return placement.spins ? SPIN_NS : 0;
}

void placement_slept(void)
{
	placement.slept = true;
}

void placement_leave(void)
{
	adapt(false);
	unbind();
	placement.used = false;
}
