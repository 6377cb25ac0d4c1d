/* Structures that hold times, and the clocks and timers that use them. */
#include "formatters.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

void format_timespec(const struct decode_arg *arg)
{
	struct timespec time;
	if (arg_read(arg, &time, sizeof time))
		text_time(arg->out, time.tv_sec, time.tv_nsec, "nsec");
}

void format_timeval(const struct decode_arg *arg)
{
	struct timeval time;
	if (arg_read(arg, &time, sizeof time))
		text_time(arg->out, time.tv_sec, time.tv_usec, "usec");
}

/* What is left of a sleep: written after an interruption, and then only. */
void format_timespec_left(const struct decode_arg *arg)
{
	enum { RESTART_BLOCK = 516 };
	struct timespec time;
	const struct attach *after = arg_after(arg);
	bool interrupted = arg->call->ret == -EINTR || arg->call->ret == -RESTART_BLOCK;
	if (interrupted && after && arg_copy(after->bytes, 0, &time, sizeof time))
		text_time(arg->out, time.tv_sec, time.tv_nsec, "nsec");
	else
		arg_print_address(arg);
}

void format_timezone(const struct decode_arg *arg)
{
	struct timezone zone;
	if (arg_read(arg, &zone, sizeof zone))
		strbuf_addf(arg->out, "{tz_minuteswest=%d, tz_dsttime=%d}", zone.tz_minuteswest, zone.tz_dsttime);
}

static void print_interval(const struct decode_arg *arg, const char *unit)
{
	struct timespec time[2];
	if (!arg_read(arg, time, sizeof time))
		return;
	strbuf_add_string(arg->out, "{it_interval=");
	text_time(arg->out, time[0].tv_sec, time[0].tv_nsec, unit);
	strbuf_add_string(arg->out, ", it_value=");
	text_time(arg->out, time[1].tv_sec, time[1].tv_nsec, unit);
	strbuf_add_char(arg->out, '}');
}

void format_itimerval(const struct decode_arg *arg)
{
	print_interval(arg, "usec");
}

void format_itimerspec(const struct decode_arg *arg)
{
	print_interval(arg, "nsec");
}

void format_time_pointer(const struct decode_arg *arg)
{
	int64_t seconds;
	if (!arg_read(arg, &seconds, sizeof seconds))
		return;
	strbuf_addf(arg->out, "[%" PRId64, seconds);
	text_stamp_comment(arg->out, seconds, 0, 0);
	strbuf_add_char(arg->out, ']');
}

static void print_ticks(struct strbuf *out, const char *name, int64_t ticks)
{
	enum { TICKS_PER_S = 100 };
	strbuf_addf(out, "%s=%" PRId64, name, ticks);
	if (ticks)
		strbuf_addf(out, " /* %" PRId64 ".%02d s */", ticks / TICKS_PER_S, (int)llabs(ticks % TICKS_PER_S));
}

void format_tms(const struct decode_arg *arg)
{
	struct tms times;
	if (!arg_read(arg, &times, sizeof times))
		return;
	print_ticks(arg->out, "{tms_utime", times.tms_utime);
	print_ticks(arg->out, ", tms_stime", times.tms_stime);
	print_ticks(arg->out, ", tms_cutime", times.tms_cutime);
	print_ticks(arg->out, ", tms_cstime", times.tms_cstime);
	strbuf_add_char(arg->out, '}');
}

void format_rusage(const struct decode_arg *arg)
{
	struct rusage usage;
	if (!arg_read(arg, &usage, sizeof usage))
		return;
	strbuf_add_string(arg->out, "{ru_utime=");
	text_time(arg->out, usage.ru_utime.tv_sec, usage.ru_utime.tv_usec, "usec");
	strbuf_add_string(arg->out, ", ru_stime=");
	text_time(arg->out, usage.ru_stime.tv_sec, usage.ru_stime.tv_usec, "usec");
	strbuf_add_string(arg->out, ", ...}");
}

void format_clock(const struct decode_arg *arg)
{
	set_print(arg->out, &set_clockid, (uint32_t)arg->value);
}

void format_sigevent(const struct decode_arg *arg)
{
	struct {
		uint64_t value;
		int32_t signal, notify;
		int32_t tid, pad[11];
	} event;
	if (!arg_read(arg, &event, sizeof event))
		return;
	strbuf_addf(arg->out, "{sigev_value={sival_int=%d, sival_ptr=", (int32_t)event.value);
	text_address(arg->out, event.value);
	strbuf_add_string(arg->out, "}, sigev_signo=");
	text_signal(arg->out, event.signal);
	strbuf_add_string(arg->out, ", sigev_notify=");
	set_print(arg->out, &set_sigev_notify, (uint32_t)event.notify);
	enum { SIGEV_THREAD_ID_VALUE = 4 };
	if (event.notify == SIGEV_THREAD_ID_VALUE)
		strbuf_addf(arg->out, ", sigev_notify_thread_id=%d", event.tid);
	strbuf_add_char(arg->out, '}');
}

void format_timex(const struct decode_arg *arg)
{
	struct timex time;
	if (!arg_read_latest(arg, &time, sizeof time))
		return;
	strbuf_add_string(arg->out, "{modes=");
	set_print(arg->out, &set_adjtimex_modes, time.modes);
	strbuf_addf(arg->out, ", offset=%ld, freq=%ld, maxerror=%ld, esterror=%ld, status=", (long)time.offset,
		    (long)time.freq, (long)time.maxerror, (long)time.esterror);
	set_print(arg->out, &set_adjtimex_status, (uint32_t)time.status);
	strbuf_addf(arg->out, ", constant=%ld, precision=%ld, tolerance=%ld, time=", (long)time.constant,
		    (long)time.precision, (long)time.tolerance);
	text_time(arg->out, time.time.tv_sec, time.time.tv_usec, "usec");
	strbuf_addf(arg->out, ", tick=%ld, ppsfreq=%ld, jitter=%ld, shift=%d, stabil=%ld, jitcnt=%ld",
		    (long)time.tick, (long)time.ppsfreq, (long)time.jitter, time.shift, (long)time.stabil,
		    (long)time.jitcnt);
	strbuf_addf(arg->out, ", calcnt=%ld, errcnt=%ld, stbcnt=%ld, tai=%d}", (long)time.calcnt,
		    (long)time.errcnt, (long)time.stbcnt, time.tai);
}
