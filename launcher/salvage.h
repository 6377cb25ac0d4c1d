/* What a supervisor that was killed had not read out of the rings, recorded by the launcher.
 *
 * The tree dies with its tracer (PTRACE_O_EXITKILL); its rings are files in the shim's directory, and stay.
 * What was committed says which thread was of which process. What the descriptors meant died with the
 * supervisor: relative paths stay without their place, and say so. Paths are withheld if the supervisor
 * had learned secrets that the launcher does not know. */
#ifndef PTWRAP_SALVAGE_H
#define PTWRAP_SALVAGE_H

#include "filter.h"
#include "recording.h"
#include "redact.h"
#include "shimfile.h"
#include "ticks.h"

enum { SALVAGE_WAIT_MS = 2000 };

struct salvage {
	struct recording *recording;
	int recording_fd;             /* of what is flushed, to be read from its beginning */
	const struct redactor *redactor; /* NULL: nothing is secret */
	const struct selection *selection;
	const struct shimfile *shim; /* NULL: there are no rings */
	struct ticks *ticks;          /* with a pair from before the run */
	bool withhold;                /* there are secrets that `redactor` does not know */
};

/* Waits until the processes that are known to have lived are gone, SALVAGE_WAIT_MS at most, and appends what is
 * found. Flushes the recording first, as recording_flush_orphaned; it is the caller's to flush again. */
void salvage_rings(const struct salvage *salvage);

#endif
