/* JSON text: see jsonwriter.h. Knows nothing of reports. */
#include "report/jsonwriter.h"

#include "report/utf8.h"

#include <assert.h>
#include <errno.h>

enum { FLUSHED_BYTES = 32 << 10 };

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

void json_begin(struct json *json, FILE *out, bool pretty)
{
	*json = (struct json){ .out = out, .pretty = pretty };
}

static void flush(struct json *json)
{
	if (json->text.len)
		fwrite_unlocked(json->text.data, 1, json->text.len, json->out);
	strbuf_cut(&json->text, 0);
}

int json_end(struct json *json)
{
	int error = json->text.failed ? -ENOMEM : 0;
	if (json->out)
		flush(json);
	strbuf_free(&json->text);
	return error;
}

static void put(struct json *json, const char *data, size_t len)
{
	if (len)
		strbuf_append(&json->text, data, len);
}

static void put_char(struct json *json, char c)
{
	strbuf_append(&json->text, &c, 1);
}

static bool is_inline(const struct json *json)
{
	return !json->pretty || (json->inline_from && json->depth >= json->inline_from);
}

static void put_line(struct json *json)
{
	static const char spaces[] = "                                ";
	put_char(json, '\n');
	for (size_t left = json->depth * 2; left > 0;) {
		size_t some = left < sizeof spaces - 1 ? left : sizeof spaces - 1;
		put(json, spaces, some);
		left -= some;
	}
}

static void put_quoted(struct json *json, struct bytes text);

/* The comma, line and key before a value. */
static void put_key(struct json *json, const char *key)
{
	bool *has_members = &json->has_members[json->depth];
	if (json->out && json->text.len >= FLUSHED_BYTES)
		flush(json);
	if (json->depth > 0) {
		if (*has_members)
			put_char(json, ',');
		if (!is_inline(json))
			put_line(json);
		else if (*has_members)
			put_char(json, ' ');
	}
	*has_members = true;
	if (!key)
		return;
	put_quoted(json, bytes_of_string(key));
	put(json, ": ", 2);
}

static void open_level(struct json *json, const char *key, char bracket)
{
	put_key(json, key);
	put_char(json, bracket);
	assert(json->depth + 1 < JSON_DEPTH);
	json->depth++;
	json->has_members[json->depth] = false;
}

static void close_level(struct json *json, char bracket)
{
	bool one_line = is_inline(json) || !json->has_members[json->depth];
	if (json->inline_from == json->depth)
		json->inline_from = 0;
	json->depth--;
	if (!one_line)
		put_line(json);
	put_char(json, bracket);
	if (json->depth == 0)
		put_char(json, '\n');
}

void json_open_object(struct json *json, const char *key)
{
	open_level(json, key, '{');
}

void json_open_array(struct json *json, const char *key)
{
	open_level(json, key, '[');
}

void json_open_inline_object(struct json *json, const char *key)
{
	json_open_object(json, key);
	if (!json->inline_from)
		json->inline_from = json->depth;
}

void json_open_inline_array(struct json *json, const char *key)
{
	json_open_array(json, key);
	if (!json->inline_from)
		json->inline_from = json->depth;
}

void json_close_object(struct json *json)
{
	close_level(json, '}');
}

void json_close_array(struct json *json)
{
	close_level(json, ']');
}

static void put_number(struct json *json, uint64_t value, bool negative)
{
	char digits[24];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	if (negative)
		digits[--at] = '-';
	put(json, digits + at, sizeof digits - at);
}

void json_uint(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	put_number(json, value, false);
}

void json_int(struct json *json, const char *key, int64_t value)
{
	put_key(json, key);
	put_number(json, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	put(json, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *json, const char *key)
{
	put_key(json, key);
	put(json, "null", 4);
}

static void put_escaped(struct json *json, unsigned char c)
{
	static const char *const named[] = {
		['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\t'] = "\\t", ['\r'] = "\\r",
		['\b'] = "\\b", ['\f'] = "\\f",
	};
	if (c < sizeof named / sizeof *named && named[c])
		put(json, named[c], 2);
	else
		strbuf_addf(&json->text, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_quoted(struct json *json, struct bytes text)
{
	put_char(json, '"');
	for (size_t at = 0; at < text.len;) {
		size_t end = at;
		while (end < text.len && is_plain((unsigned char)text.data[end]))
			end++;
		put(json, text.data + at, end - at);
		at = end;
		if (at == text.len)
			break;
		bool valid;
		uint32_t code = 0;
		size_t len = utf8_step(text, at, &valid, &code);
		if (!valid)
			put(json, replacement, sizeof replacement - 1);
		else if (len == 2 && code < 0xa0)
			strbuf_addf(&json->text, "\\u%04x", code); /* a terminal would take it for a control */
		else if (len == 1)
			put_escaped(json, (unsigned char)text.data[at]);
		else
			put(json, text.data + at, len);
		at += len;
	}
	put_char(json, '"');
}

void json_string(struct json *json, const char *key, const char *string)
{
	put_key(json, key);
	put_quoted(json, bytes_of_string(string));
}

bool json_is_utf8(struct bytes text)
{
	bool valid = true;
	for (size_t at = 0; valid && at < text.len;)
		at += (unsigned char)text.data[at] < 0x80 ? 1 : utf8_step(text, at, &valid, NULL);
	return valid;
}

static void put_base64(struct json *json, struct bytes bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	put_char(json, '"');
	for (size_t at = 0; at < bytes.len; at += 3) {
		uint32_t group = 0;
		size_t some = bytes.len - at < 3 ? bytes.len - at : 3;
		for (size_t i = 0; i < 3; i++)
			group = group << 8 | (i < some ? (unsigned char)bytes.data[at + i] : 0);
		for (size_t i = 0; i < 4; i++)
			put_char(json, i <= some ? digits[group >> (18 - 6 * i) & 63] : '=');
	}
	put_char(json, '"');
}

void json_base64(struct json *json, const char *key, struct bytes bytes)
{
	put_key(json, key);
	put_base64(json, bytes);
}

static void sibling_key(char *out, size_t size, const char *key)
{
	snprintf(out, size, "%s_bytes", key);
}

void json_text(struct json *json, const char *key, struct bytes text)
{
	char sibling[64];
	put_key(json, key);
	put_quoted(json, text);
	if (!key || json_is_utf8(text))
		return;
	sibling_key(sibling, sizeof sibling, key);
	json_base64(json, sibling, text);
}

void json_member(struct json *json, struct bytes key, struct bytes value)
{
	put_key(json, NULL);
	put_quoted(json, key);
	put(json, ": ", 2);
	put_quoted(json, value);
}

static void put_strings_bytes(struct json *json, const char *key, struct bytes vector)
{
	char sibling[64];
	struct bytes string;
	sibling_key(sibling, sizeof sibling, key);
	json_open_inline_array(json, sibling);
	while (bytes_next_string(&vector, &string)) {
		if (json_is_utf8(string))
			json_null(json, NULL);
		else
			json_base64(json, NULL, string);
	}
	json_close_array(json);
}

void json_strings(struct json *json, const char *key, struct bytes vector)
{
	struct bytes left = vector, string;
	bool exact = true;
	json_open_inline_array(json, key);
	while (bytes_next_string(&left, &string)) {
		exact &= json_is_utf8(string);
		json_text(json, NULL, string);
	}
	json_close_array(json);
	if (!exact)
		put_strings_bytes(json, key, vector);
}
