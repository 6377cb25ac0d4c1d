/* A slice of bytes: a pointer into memory that somebody else owns, and a length.
 * Paths, arguments and buffers of a tracee are bytes, not text: they may hold NULs,
 * newlines and anything that is not UTF-8. */
#ifndef PTWRAP_BYTES_H
#define PTWRAP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
	const char *data; /* not NUL-terminated; may be NULL when len is 0 */
	size_t len;
};

static inline struct bytes bytes_of(const char *data, size_t len)
{
	return (struct bytes){ .data = data, .len = len };
}

/* The bytes of a NUL-terminated string; of no bytes for NULL. */
static inline struct bytes bytes_of_string(const char *string)
{
	return bytes_of(string, string ? strlen(string) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Order of memcmp, the shorter first where one begins with the other. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* A "string vector": consecutive NUL-terminated strings in one slice, as /proc/PID/cmdline
 * has them. Takes the first string off *vector; false when there is none left. A last
 * string without its NUL is still given. */
static inline bool bytes_next_string(struct bytes *vector, struct bytes *string)
{
	if (vector->len == 0)
		return false;
	const char *end = memchr(vector->data, '\0', vector->len);
	size_t len = end ? (size_t)(end - vector->data) : vector->len;
	*string = bytes_of(vector->data, len);
	size_t taken = len + (end != NULL);
	*vector = bytes_of(vector->data + taken, vector->len - taken);
	return true;
}

#endif
