/* Escapes, quoting and units for the text outputs: see plain.h. */
#include "report/plain.h"

#include "report/utf8.h"

#include <stdio.h>

/* Characters that move or hide text without a glyph of their own: C1 controls, marks of direction,
 * separators of lines. */
static const struct {
	uint32_t from, to;
} treacherous[] = {
	{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
	{ 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
};

static bool is_treacherous(uint32_t code)
{
	for (size_t i = 0; i < sizeof treacherous / sizeof *treacherous; i++)
		if (code >= treacherous[i].from && code <= treacherous[i].to)
			return true;
	return false;
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static void add_control(struct strbuf *out, unsigned char c)
{
	static const char letters[] = { ['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r' };
	if (c < sizeof letters && letters[c])
		strbuf_addf(out, "\\%c", letters[c]);
	else
		strbuf_addf(out, "\\x%02x", c);
}

/* quote: one more character that takes a backslash; 0: none. */
static void add_escaped(struct strbuf *out, struct bytes text, char quote)
{
	for (size_t at = 0; at < text.len;) {
		unsigned char c = (unsigned char)text.data[at];
		bool valid;
		uint32_t code = 0;
		size_t len = utf8_step(text, at, &valid, &code);
		if (is_control(c))
			add_control(out, c);
		else if (!valid)
			for (size_t i = 0; i < len; i++)
				strbuf_addf(out, "\\x%02x", (unsigned char)text.data[at + i]);
		else if (is_treacherous(code))
			strbuf_addf(out, "\\u{%x}", code);
		else if (c == '\\' || (quote && c == (unsigned char)quote))
			strbuf_addf(out, "\\%c", c);
		else
			strbuf_add(out, text.data + at, len);
		at += len;
	}
}

void plain_add_text(struct strbuf *out, struct bytes text)
{
	add_escaped(out, text, 0);
}

enum word_kind { WORD_BARE, WORD_QUOTED, WORD_ESCAPED };

static enum word_kind kind_of(struct bytes word)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_@%+=:,./-^~";
	enum word_kind kind = word.len ? WORD_BARE : WORD_QUOTED;
	for (size_t at = 0; at < word.len;) {
		bool valid;
		uint32_t code = 0;
		size_t len = utf8_step(word, at, &valid, &code);
		unsigned char c = (unsigned char)word.data[at];
		if (!valid || is_control(c) || is_treacherous(code))
			return WORD_ESCAPED;
		if (c < 0x80 && !memchr(bare, c, sizeof bare - 1))
			kind = WORD_QUOTED;
		at += len;
	}
	return kind;
}

static void add_quoted(struct strbuf *out, struct bytes word)
{
	strbuf_add_char(out, '\'');
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] == '\'')
			strbuf_add_string(out, "'\\''");
		else
			strbuf_add_char(out, word.data[i]);
	}
	strbuf_add_char(out, '\'');
}

void plain_add_word(struct strbuf *out, struct bytes word)
{
	enum word_kind kind = kind_of(word);
	if (kind == WORD_BARE) {
		strbuf_add(out, word.data, word.len);
	} else if (kind == WORD_QUOTED) {
		add_quoted(out, word);
	} else {
		strbuf_add_string(out, "$'");
		add_escaped(out, word, '\'');
		strbuf_add_char(out, '\'');
	}
}

void plain_add_command(struct strbuf *out, struct bytes argv, size_t max_bytes)
{
	size_t start = out->len;
	struct bytes word;
	bool first = true;
	while (bytes_next_string(&argv, &word)) {
		if (!first)
			strbuf_add_char(out, ' ');
		if (max_bytes && out->len - start > max_bytes) {
			strbuf_add_string(out, "...");
			return;
		}
		first = false;
		bool cut = max_bytes && word.len > max_bytes;
		plain_add_word(out, cut ? bytes_of(word.data, max_bytes) : word);
		if (cut)
			strbuf_add_string(out, "...");
	}
}

void plain_duration(uint64_t ns, char out[PLAIN_NUMBER])
{
	double seconds = (double)ns / 1e9;
	if (ns >= 1000000000)
		snprintf(out, PLAIN_NUMBER, seconds < 100 ? "%.2f s" : "%.0f s", seconds);
	else if (ns >= 1000000)
		snprintf(out, PLAIN_NUMBER, ns < 100000000 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
	else
		snprintf(out, PLAIN_NUMBER, "%.0f us", seconds * 1e6);
}

void plain_size(uint64_t bytes, char out[PLAIN_NUMBER])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned unit = 0;
	for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		value /= 1024;
	snprintf(out, PLAIN_NUMBER, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
