/* The `strace` report: one line an event, as `strace -f -ttt -T -y -o FILE` writes them. A call is
 * one whole line, that of its entry: calls of several tasks that overlap are not cut into
 * "unfinished" and "resumed". Owns the layout of the line; the text of a call is decode's. */
#include "formats.h"

#include "decode/decode.h"
#include "model/model.h"
#include "strbuf.h"
#include "syscall.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
	RESULT_COLUMN = 40, /* where " = " is put, unless the call is longer */
	NS_PER_US = 1000,
	US_PER_S = 1000000,
};

struct strace_report {
	struct strbuf line;
	uint64_t realtime_ns; /* of the run's beginning */
};

static void *begin(const struct model *model)
{
	struct strace_report *report = calloc(1, sizeof *report);
	if (report)
		report->realtime_ns = model->run.realtime_ns;
	return report;
}

static void add_prefix(struct strace_report *report, const struct event *event, int32_t tid)
{
	uint64_t us = (report->realtime_ns + event->t_ns) / NS_PER_US;
	strbuf_addf(&report->line, "%-5" PRId32 " %" PRIu64 ".%06" PRIu64 " ", tid, us / US_PER_S, us % US_PER_S);
}

static void add_duration(struct strbuf *line, uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;
	strbuf_addf(line, " <%" PRIu64 ".%06" PRIu64 ">", us / US_PER_S, us % US_PER_S);
}

static void write_syscall(struct strace_report *report, const struct event *event)
{
	struct strbuf *line = &report->line;
	add_prefix(report, event, event->tid);
	decode_name(line, event);
	strbuf_add_char(line, '(');
	decode_args(line, event);
	strbuf_add_string(line, ") ");
	while (line->len < RESULT_COLUMN && !line->failed)
		strbuf_add_char(line, ' ');
	strbuf_add_string(line, "= ");
	decode_return(line, event);
	if (!(event->syscall.flags & SYSCALL_NO_RETURN))
		add_duration(line, event->syscall.dur_ns);
}

/* SIGKILL is never delivered: the end of the task says it. */
static void write_signal(struct strace_report *report, const struct event *event)
{
	if (event->signal.number == SIGKILL)
		return;
	add_prefix(report, event, event->tid);
	strbuf_add_string(&report->line, "--- ");
	decode_signal(&report->line, event);
	strbuf_add_string(&report->line, " ---");
}

static void add_signal_name(struct strbuf *line, int signal)
{
	const char *name = syscall_signal_name(signal);
	if (name)
		strbuf_add_string(line, name);
	else
		strbuf_addf(line, "%d", signal);
}

static void write_stopped(struct strace_report *report, const struct event *event)
{
	add_prefix(report, event, event->tid);
	strbuf_add_string(&report->line, "--- stopped by ");
	add_signal_name(&report->line, event->signal.number);
	strbuf_add_string(&report->line, " ---");
}

static void write_end(struct strace_report *report, const struct event *event, int32_t tid, int status)
{
	struct strbuf *line = &report->line;
	add_prefix(report, event, tid);
	if (WIFSIGNALED(status)) {
		strbuf_add_string(line, "+++ killed by ");
		add_signal_name(line, WTERMSIG(status));
		strbuf_add_string(line, WCOREDUMP(status) ? " (core dumped) +++" : " +++");
	} else {
		strbuf_addf(line, "+++ exited with %d +++", WEXITSTATUS(status));
	}
}

static void write_event(struct strace_report *report, const struct event *event)
{
	switch (event->kind) {
	case EVENT_SYSCALL:
		write_syscall(report, event);
		break;
	case EVENT_SIGNAL:
		write_signal(report, event);
		break;
	case EVENT_STOPPED:
		write_stopped(report, event);
		break;
	case EVENT_THREAD_EXIT:
		write_end(report, event, event->tid, event->thread_status);
		break;
	case EVENT_EXIT:
		write_end(report, event, event->pid, event->exit.status);
		break;
	}
}

static int make_line(void *state, const struct event *event, struct bytes *line)
{
	struct strace_report *report = state;
	strbuf_reset(&report->line);
	write_event(report, event);
	if (report->line.len)
		strbuf_add_char(&report->line, '\n');
	*line = strbuf_bytes(&report->line);
	return report->line.failed ? -ENOMEM : 0;
}

static void end(void *state)
{
	struct strace_report *report = state;
	strbuf_free(&report->line);
	free(report);
}

static const char *const suffixes[] = { ".strace", NULL };

const struct report_format report_strace = {
	.name = "strace",
	.suffixes = suffixes,
	.begin = begin,
	.line = make_line,
	.end = end,
};
