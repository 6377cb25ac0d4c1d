/* A growable string of bytes. Running out of memory is remembered (failed), not reported at
 * each call: add freely, look once. Not thread-safe; the owner frees. */
#ifndef PTWRAP_STRBUF_H
#define PTWRAP_STRBUF_H

#include "bytes.h"

struct strbuf {
	char *data; /* NUL-terminated once anything was added; NULL before */
	size_t len, capacity;
	bool failed;
};

void strbuf_add(struct strbuf *buf, const void *data, size_t len);
void strbuf_add_string(struct strbuf *buf, const char *string);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes at data + len, which the caller fills and accounts for; NULL without
 * memory. */
char *strbuf_reserve(struct strbuf *buf, size_t len);

/* Forgets all but the first len bytes. */
void strbuf_cut(struct strbuf *buf, size_t len);

/* Forgets the contents, keeps the memory. */
void strbuf_reset(struct strbuf *buf);
void strbuf_free(struct strbuf *buf);

/* As strbuf_add, for the few bytes of which many are added. */
static inline void strbuf_append(struct strbuf *buf, const char *data, size_t len)
{
	if (buf->capacity - buf->len <= len) {
		strbuf_add(buf, data, len);
		return;
	}
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

static inline struct bytes strbuf_bytes(const struct strbuf *buf)
{
	return bytes_of(buf->data, buf->len);
}

#endif
