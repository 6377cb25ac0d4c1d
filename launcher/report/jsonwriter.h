/* A streaming JSON writer: what it writes is always valid, whatever bytes the names hold.
 *
 * Keys are given to each member of an object, NULL for elements of arrays. Text that is not UTF-8
 * is written with U+FFFD for what is wrong, and where it has a key its exact bytes follow in a
 * sibling KEY_bytes, base64. Write errors stay in the stream (ferror), a lack of memory in `text`. */
#ifndef PTWRAP_REPORT_JSONWRITER_H
#define PTWRAP_REPORT_JSONWRITER_H

#include "strbuf.h"

#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH = 32 };

struct json {
	FILE *out;              /* NULL: all of it stays in `text`, which its user takes */
	struct strbuf text;     /* not yet written */
	bool pretty;            /* two spaces a level; else all on one line */
	unsigned depth;
	unsigned inline_from;   /* from this depth on one line; 0: nowhere */
	bool has_members[JSON_DEPTH];
};

/* *json for one document on `out`, or for one after the other in json->text. */
void json_begin(struct json *json, FILE *out, bool pretty);

/* Writes what is left, frees the text. 0, or -ENOMEM where something was dropped. */
int json_end(struct json *json);

void json_open_object(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);

/* As the two above, but their contents stay on one line. */
void json_open_inline_object(struct json *json, const char *key);
void json_open_inline_array(struct json *json, const char *key);

void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* Text that is UTF-8 for sure: no sibling. */
void json_string(struct json *json, const char *key, const char *string);

/* Bytes of a tracee, with the KEY_bytes sibling where needed (never in an array). */
void json_text(struct json *json, const char *key, struct bytes text);

/* A member whose key is a tracee's too; what is not UTF-8 is only replaced. */
void json_member(struct json *json, struct bytes key, struct bytes value);

/* A list of the strings in a vector; KEY_bytes of the same length where one is not UTF-8. */
void json_strings(struct json *json, const char *key, struct bytes vector);

/* Base64, with padding. */
void json_base64(struct json *json, const char *key, struct bytes bytes);

/* Is it UTF-8 as RFC 3629 has it? */
bool json_is_utf8(struct bytes text);

#endif
