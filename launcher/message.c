/* Lines for the user: see message.h. Never writes but to descriptor 2, never ends the process. */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 8192 };

struct line {
	char text[LINE_BYTES];
	size_t len;
};

static void line_advance(struct line *line, int added)
{
	size_t room = sizeof(line->text) - line->len;
	if (added > 0)
		line->len += (size_t)added < room ? (size_t)added : room - 1;
}

static void line_make_printable(struct line *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->text[i];
		unsigned char before = i ? (unsigned char)line->text[i - 1] : 0;
		bool c1 = before == 0xc2 && c >= 0x80 && c < 0xa0; /* in UTF-8 */
		if (c < ' ' || c == 0x7f || c1)
			line->text[i] = '?';
		if (c1)
			line->text[i - 1] = '?';
	}
}

static void line_write(const struct line *line)
{
	const char *at = line->text;
	size_t left = line->len;
	while (left > 0) {
		ssize_t written = write(STDERR_FILENO, at, left);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		at += written;
		left -= (size_t)written;
	}
}

void message_error(const char *what, const char *format, ...)
{
	int saved_errno = errno;
	struct line line = { .len = 0 };
	va_list args;

	line_advance(&line, snprintf(line.text, sizeof(line.text) - 1, "ptwrap: %s%s",
				     what ? what : "", what ? ": " : ""));
	va_start(args, format);
	errno = saved_errno; /* for %m */
	line_advance(&line, vsnprintf(line.text + line.len, sizeof(line.text) - 1 - line.len,
				      format, args));
	va_end(args);
	if (line.len > sizeof(line.text) - 2)
		line.len = sizeof(line.text) - 2;
	line_make_printable(&line);
	line.text[line.len++] = '\n';
	line_write(&line);
	errno = saved_errno;
}
