/* What a recording says, put together: process tree, files, network, calls, signals, coverage.
 * Grows with processes and files, not with calls. Made from events alone, so the same recording
 * always gives the same model. Not thread-safe; read-only once model_read has returned. */
#ifndef PTWRAP_MODEL_H
#define PTWRAP_MODEL_H

#include "model/calls.h"
#include "model/coverage.h"
#include "model/files.h"
#include "model/network.h"
#include "model/proctree.h"
#include "model/signals.h"
#include "model/violations.h"
#include "recording.h"
#include "sha256.h"

/* The run as a whole: EVENT_START and EVENT_END. Slices live as long as the model. */
struct model_run {
	const struct name *version, *level, *trace, *command, *cwd; /* trace NULL: none */
	const struct name *host_name, *kernel, *arch;
	const struct environment *environment; /* ptwrap's own */
	uint64_t realtime_ns; /* CLOCK_REALTIME at time 0 */
	uint64_t elapsed_ns;  /* without an EVENT_END: up to the last event */
	uint32_t cpus, uid;
	int32_t status;       /* COMMAND's, as wait(2) gives it, with has_status */
	bool ended, has_status, ptw_asked, no_shim;
};

/* What level and --trace ask for: a section that they do not is absent from every report. */
struct model_sections {
	bool calls, files, network, signals, exec_failures;
	bool network_bytes; /* every call that moves data is recorded */
};

struct model {
	struct store store;
	struct model_run run;
	struct model_sections sections;
	struct proctree proctree;
	struct files files;
	struct network network;
	struct calls calls;
	struct signals signals;
	struct violations violations;
	struct coverage coverage;
	char recording_sha256[SHA256_HEX]; /* "" unless model_set_recording_sha256 was called */
};

/* An empty model, for model_add; NULL without memory. model_read does all of this at once. */
struct model *model_create(void);
void model_add(struct model *model, const struct event *event);

/* After the last event: sorts and decides. 0 or -ENOMEM if anything was dropped for want of memory. */
int model_finish(struct model *model);

/* Reads a recording to its end. *status says how it ended: whatever it is, the model holds what was
 * read, and its coverage says what is missing. NULL without memory, or where there was not a
 * single event (then *status says why); errno is set. The caller frees. */
struct model *model_read(struct recording_reader *reader, enum recording_status *status);

/* The digest of the recording file: reports name it where a .ptw was asked for. */
void model_set_recording_sha256(struct model *model, const char *hex);

void model_free(struct model *model);

#endif
