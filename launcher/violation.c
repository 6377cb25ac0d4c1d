/* Events of violations: see violation.h. */
#include "violation.h"

#include "actions.h"
#include "procfs.h"
#include "supervisor.h"

#include <fcntl.h>
#include <unistd.h>

enum { COMM_BYTES = 16 };

/* The task's name; it ends with a newline in /proc. */
static struct bytes read_comm(pid_t tid, char comm[COMM_BYTES + 1])
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "comm");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, comm, COMM_BYTES + 1) : 0;
	if (fd >= 0)
		close(fd);
	return bytes_of(comm, len > 0 ? (size_t)len - (comm[len - 1] == '\n') : 0);
}

void violation_record(const struct tracee *tracee, const struct violation_of *violation)
{
	static const uint8_t actions[] = { [POLICY_LOG] = VIOLATION_LOG, [POLICY_DENY] = VIOLATION_DENY,
					   [POLICY_KILL] = VIOLATION_KILL };
	char comm[COMM_BYTES + 1];
	struct strbuf subject = { 0 };
	strbuf_addf(&subject, "%s ", policy_subject_words[violation->subject]);
	strbuf_add(&subject, violation->object.data, violation->object.len);
	struct event event = event_about(EVENT_VIOLATION, tracee, supervisor_now());
	event.violation = (struct event_violation){
		.rule = policy_rule_name(violation->policy, violation->answer.rule),
		.subject = strbuf_bytes(&subject),
		.comm = read_comm(tracee->tid, comm),
		.action = actions[violation->answer.verdict],
		.abi = violation->abi,
		.number = violation->number,
		.dry_run = violation->dry_run,
		.error = violation->answer.verdict == POLICY_DENY ? violation->answer.error : 0,
	};
	supervisor_record(&event);
	strbuf_free(&subject);
}
