/* The launcher while COMMAND runs: forwards signals, stops when COMMAND stops, and finds out how
 * it ended, by COMMAND's own status and the supervisor's record of it. */
#ifndef PTWRAP_WATCH_H
#define PTWRAP_WATCH_H

#include "launch.h"

enum watch_outcome {
	WATCH_ENDED,           /* the recording is whole */
	WATCH_NOT_RUN,         /* exec failed: error says why */
	WATCH_REFUSED,         /* the child could not be traced, or not filtered: error says why */
	WATCH_SUPERVISOR_DIED, /* the tree was killed with it; the recording is what was committed */
};

struct watch_result {
	enum watch_outcome outcome;
	int status; /* COMMAND's, as wait(2) has it; WATCH_ENDED */
	int error;  /* a positive errno */
	char stuck[256]; /* WATCH_SUPERVISOR_DIED: what the watchdog ended it for; "": it died by itself */
};

/* Blocks all signals but those of faults; call it before launch_command. */
void watch_block_signals(void);

/* Returns when COMMAND's run is over, all of ptwrap's children but a lingering supervisor reaped. */
struct watch_result watch_command(struct launched *launched, struct control *control);

/* Ends this process as COMMAND ended: exits with its status, or dies by its signal, without a core
 * file of its own; as PID 1, which cannot, exits 128 + signal. */
_Noreturn void watch_end_like(int status);

#endif
