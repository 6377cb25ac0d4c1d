/* Sharing the tracee's CPU: see placement.h. Owns the tracer thread's scheduling policy. */
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
	LOOK_INTERVAL_NS = 500000, /* between two looks at what else runs on the machine */
	FOLLOW_PRICE = 8,          /* stops for each look at where a tracee is: that costs as much as one */
	FOLLOW_CREDIT = 4 * FOLLOW_PRICE,
};

static struct {
	bool permitted; /* to come back from SCHED_IDLE */
	bool shared;    /* the policy is SCHED_IDLE */
	bool slept;     /* the tracer, waiting for the last stop */
	int loadavg_fd; /* opened early: nothing that the tree mounts can come before it */
	int credit;
	uint64_t looked_ns;
	cpu_set_t cpus; /* where the tracer may run */
} placement;

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
	placement.loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	if (placement.loadavg_fd < 0 || sched_getscheduler(0) != SCHED_OTHER ||
	    sched_getaffinity(0, sizeof placement.cpus, &placement.cpus) || CPU_COUNT(&placement.cpus) < 2 ||
	    pthread_create(&thread, NULL, try_policies, &permitted))
		return;
	pthread_join(thread, NULL);
	placement.permitted = permitted;
}

static void share(bool wanted)
{
	if (wanted != placement.shared && set_policy(wanted ? SCHED_IDLE : SCHED_OTHER))
		placement.shared = wanted;
}

/* The tracer runs, the tracee is stopped: does nobody else run? New helper threads would inherit the policy,
 * and a closed report's supervisor has given its descriptors away. */
static bool is_alone(void)
{
	return !helpers_are_needed() && supervisor_is_recording() &&
	       procfs_running(placement.loadavg_fd) == 1;
}

static void follow(pid_t tid)
{
	cpu_set_t there;
	int cpu = procfs_cpu(tid);
	if (cpu < 0 || cpu == sched_getcpu() || !CPU_ISSET(cpu, &placement.cpus))
		return;
	CPU_ZERO(&there);
	CPU_SET(cpu, &there);
	sched_setaffinity(0, sizeof there, &there);
	sched_setaffinity(0, sizeof placement.cpus, &placement.cpus);
}

void placement_before_resume(pid_t tid)
{
	if (!placement.permitted)
		return;
	uint64_t now = clock_monotonic_ns();
	if (now - placement.looked_ns >= LOOK_INTERVAL_NS) {
		placement.looked_ns = now;
		share(is_alone());
	}
	placement.credit += placement.credit < FOLLOW_CREDIT;
	if (placement.shared && placement.slept && placement.credit >= FOLLOW_PRICE) {
		placement.credit -= FOLLOW_PRICE;
		follow(tid);
	}
	placement.slept = false;
}

bool placement_is_shared(void)
{
	return placement.shared;
}

void placement_slept(void)
{
	placement.slept = true;
}

void placement_leave(void)
{
	share(false);
	placement.permitted = false;
}
