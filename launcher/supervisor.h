/* The supervisor: the process that follows the tree.
 *
 * It is forked by the launcher, goes into a process group of its own (once COMMAND has ended and left something
 * behind: a session), is non-dumpable, and alone traces.
 * Threads: the tracer (the main one: trace.c, transitions.c, tracee.c), the recorder (recorder.h: it
 * alone appends), the flusher (writes the recording out), helpers (helpers.h). Only what this header
 * marks so may be called by several. While supervising nothing here dies: what fails is noted and
 * survived. */
#ifndef PTWRAP_SUPERVISOR_H
#define PTWRAP_SUPERVISOR_H

#include "event.h"
#include "filter.h"
#include "ledger.h"
#include "policy/needs.h"
#include "pulse.h"
#include "recording.h"
#include "redact.h"
#include "shimfile.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The last delivery of a signal to COMMAND. */
struct delivered {
	atomic_int sender;         /* its pid as siginfo has it; 0: none, -1: the kernel */
	_Atomic uint64_t at_ns;    /* CLOCK_MONOTONIC; written before sender */
};

/* What launcher and supervisor share in memory (made before the forks, MAP_SHARED). */
struct control {
	atomic_int phase;          /* enum control_phase, written by the supervisor */
	atomic_int command_status; /* as wait(2) has it; valid from CONTROL_ENDED */
	atomic_int seize_error;    /* errno with CONTROL_REFUSED */
	atomic_bool unpinned;      /* and that is why there is no memory that the tree cannot change */
	atomic_bool lingering;     /* CONTROL_ENDED, but the supervisor stays for what COMMAND left */
	struct delivered delivered[65]; /* by signal */
	atomic_int relayed[65];    /* by signal: how many the launcher has forwarded, less those delivered */
	atomic_uint stops;         /* odd: the launcher stops, or is about to, as COMMAND did (watch.c) */
	struct ledger_secrets secrets;
	struct pulse pulse;
	atomic_bool released;      /* COMMAND itself was let go: only the launcher learns of its end */
	atomic_bool released_ended;
	atomic_int released_status; /* valid once released_ended */
	_Atomic uint64_t compared, different; /* --verify: calls; valid from CONTROL_ENDED */
};

enum control_phase {
	CONTROL_STARTING,
	CONTROL_REFUSED,  /* the child could not be seized: nothing was run */
	CONTROL_FOLLOWING,
	CONTROL_ENDED,    /* the recording is whole: reports can be made */
};

struct supervision {
	const struct selection *selection;
	struct recording *recording;
	struct redactor *redactor;        /* NULL: --no-redact */
	const struct shimfile *shim;      /* NULL: kernel view alone */
	struct control *control;
	uint64_t start_ns;                /* CLOCK_MONOTONIC of time 0 */
	pid_t launcher;
	pid_t command;                    /* the child to seize */
	pid_t witness;                    /* 0: there is none */
	const char *program;              /* what it will execute, as it was found */
	int go_fd;                        /* the child waits for a byte here once it is seized */
	int ready_fd;                     /* one byte is written here when the phase changes */
	const struct policy *policy;      /* NULL: nothing is judged */
	struct needs_log *needs;          /* for --learn; NULL: nothing is learned */
	bool best_effort;                 /* where rules cannot be kept for sure */
	bool dry_run, wait_all, kill_rest, verify, no_lsan;
	bool release;                     /* --release: of that program (NULL: any that imports ptrace) */
	const char *release_program;
	void (*orphaned)(void); /* the launcher was killed: makes the reports in its stead */
	void (*lingered)(void); /* nobody will load the shim any more, or the last tracee has ended; may come twice */
};

/* The supervisor's life; never returns. Call it in the forked process. */
_Noreturn void supervisor_run(const struct supervision *run);

/* For the tracer's parts. */
const struct supervision *supervisor_get(void);
uint64_t supervisor_now(void); /* nanoseconds since the run began; any thread */

/* Hands an event to the recorder (recorder_event); drops it once the report is closed. Tracer thread. */
void supervisor_record(const struct event *event);

/* A line of the report's coverage, about a process (0: the run); kind is one of coverage.def. The
 * same kind about the same process is noted once. Tracer thread. */
void supervisor_note(uint32_t process, const char *kind, const char *text);

/* An unexpected failure of a request: noted once per what and error. Tracer thread. */
void supervisor_warn_once(const char *what, int error);

/* COMMAND, the first process, has ended with that wait(2) status. Tracer thread. */
void supervisor_command_ended(int status);

/* COMMAND is about to be let go (or could not be): the launcher will tell of its end. Tracer thread. */
void supervisor_command_released(bool released);

/* COMMAND goes on after a stop: so does the launcher, if it stopped with it. Tracer thread. */
void supervisor_command_goes_on(void);

/* TRACE_PARENT_DIED came. True: the launcher has died, and the flusher sees to it that the tracer takes notice; false:
 * it lives, and asks for a beat. Signal-safe. */
bool supervisor_parent_died(void);

/* Is anything still to be recorded? */
bool supervisor_is_recording(void);

/* With a filter and COMMAND gone, or without one: is the tracee to be let go at its next stop? */
bool supervisor_is_releasing(void);

#endif
