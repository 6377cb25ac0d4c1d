/* The small pieces of decoded text: see text.h. Knows nothing of system calls or events. */
#include "text.h"

#include "sets.h"
#include "syscall.h"

#include <inttypes.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { SIGNAL_RT_MIN = 32, SIGNALS = 64 };

void text_address(struct strbuf *out, uint64_t address)
{
	if (address)
		strbuf_addf(out, "0x%" PRIx64, address);
	else
		strbuf_add_string(out, "NULL");
}

void text_hex(struct strbuf *out, uint64_t value)
{
	strbuf_addf(out, "%#" PRIx64, value);
}

void text_octal(struct strbuf *out, uint64_t value)
{
	strbuf_addf(out, value ? "%#03" PRIo64 : "%03" PRIo64, value);
}

static char short_escape(unsigned char c)
{
	switch (c) {
	case '"': return '"';
	case '\\': return '\\';
	case '\f': return 'f';
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	case '\v': return 'v';
	}
	return 0;
}

/* An octal code is as short as it can be, unless a digit follows that would become part of it. */
static void add_octal(struct strbuf *out, unsigned char c, bool digit_follows)
{
	strbuf_addf(out, digit_follows ? "\\%03o" : "\\%o", c);
}

static void add_escaped(struct strbuf *out, struct bytes bytes, const char *also)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];
		char escape = short_escape(c);
		bool digit_follows = i + 1 < bytes.len && bytes.data[i + 1] >= '0' && bytes.data[i + 1] <= '7';
		if (escape) {
			strbuf_add_char(out, '\\');
			strbuf_add_char(out, escape);
		} else if (c < ' ' || c > '~' || strchr(also, c)) {
			add_octal(out, c, digit_follows);
		} else {
			strbuf_add_char(out, (char)c);
		}
	}
}

void text_quoted(struct strbuf *out, struct bytes bytes, bool cut)
{
	strbuf_add_char(out, '"');
	add_escaped(out, bytes, "");
	strbuf_add_string(out, cut ? "\"..." : "\"");
}

static struct bytes limited(struct bytes bytes, bool *cut)
{
	*cut |= bytes.len > TEXT_LIMIT;
	return bytes_of(bytes.data, bytes.len > TEXT_LIMIT ? TEXT_LIMIT : bytes.len);
}

void text_string(struct strbuf *out, struct bytes bytes, bool cut)
{
	struct bytes shown = limited(bytes, &cut);
	text_quoted(out, shown, cut);
}

void text_hex_string(struct strbuf *out, struct bytes bytes, bool cut)
{
	struct bytes shown = limited(bytes, &cut);
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < shown.len; i++)
		strbuf_addf(out, "\\x%02x", (unsigned char)shown.data[i]);
	strbuf_add_string(out, cut ? "\"..." : "\"");
}

void text_bracketed(struct strbuf *out, struct bytes bytes)
{
	add_escaped(out, bytes, "<>");
}

void text_signal(struct strbuf *out, int signal)
{
	const char *name = signal > 0 ? syscall_signal_name(signal) : NULL;
	if (name)
		strbuf_add_string(out, name);
	else
		strbuf_addf(out, "%d", signal);
}

static void add_set_member(struct strbuf *out, int signal)
{
	const char *name = syscall_signal_name(signal);
	if (signal == SIGNAL_RT_MIN)
		strbuf_add_string(out, "RTMIN");
	else if (signal > SIGNAL_RT_MIN)
		strbuf_addf(out, "RT_%d", signal - SIGNAL_RT_MIN);
	else if (name)
		strbuf_add_string(out, name + strlen("SIG"));
	else
		strbuf_addf(out, "%d", signal);
}

void text_signal_set(struct strbuf *out, uint64_t mask)
{
	bool inverted = __builtin_popcountll(mask) >= SIGNALS * 2 / 3;
	if (inverted) {
		strbuf_add_char(out, '~');
		mask = ~mask;
	}
	strbuf_add_char(out, '[');
	for (int signal = 1, any = 0; signal <= SIGNALS; signal++) {
		if (!(mask >> (signal - 1) & 1))
			continue;
		if (any++)
			strbuf_add_char(out, ' ');
		add_set_member(out, signal);
	}
	strbuf_add_char(out, ']');
}

void text_mode(struct strbuf *out, uint32_t mode)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} special[] = { { 04000, "S_ISUID" }, { 02000, "S_ISGID" }, { 01000, "S_ISVTX" } };
	const char *type = set_find(&set_file_type, mode & 0170000);
	if (!type) {
		text_octal(out, mode);
		return;
	}
	strbuf_add_string(out, type);
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (mode & special[i].bit)
			strbuf_addf(out, "|%s", special[i].name);
	strbuf_add_char(out, '|');
	text_octal(out, mode & ~(uint32_t)0177000);
}

void text_device(struct strbuf *out, uint64_t device)
{
	strbuf_addf(out, "makedev(%#x, %#x)", major(device), minor(device));
}

void text_id(struct strbuf *out, uint32_t id)
{
	if (id == UINT32_MAX)
		strbuf_add_string(out, "-1");
	else
		strbuf_addf(out, "%" PRIu32, id);
}

void text_date(struct strbuf *out, int64_t seconds, int64_t fraction, int digits)
{
	char date[64];
	struct tm broken_down;
	time_t time = (time_t)seconds;
	if (!gmtime_r(&time, &broken_down) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &broken_down))
		return;
	strbuf_add_string(out, date);
	if (fraction)
		strbuf_addf(out, ".%0*" PRId64, digits, fraction);
	strbuf_add_string(out, "+0000");
}

void text_stamp_comment(struct strbuf *out, int64_t seconds, int64_t fraction, int digits)
{
	int64_t limit = digits == 9 ? 1000000000 : 1000000;
	if ((seconds == 0 && fraction == 0) || fraction < 0 || fraction >= limit)
		return;
	strbuf_add_string(out, " /* ");
	text_date(out, seconds, fraction, digits);
	strbuf_add_string(out, " */");
}

void text_time(struct strbuf *out, int64_t seconds, int64_t fraction, const char *unit)
{
	strbuf_addf(out, "{tv_sec=%" PRId64 ", tv_%s=%" PRId64 "}", seconds, unit, fraction);
}
