/* Growable strings: see strbuf.h. */
#include "strbuf.h"

#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

char *strbuf_reserve(struct strbuf *buf, size_t len)
{
	size_t needed = buf->len + len + 1;
	if (needed <= buf->capacity)
		return buf->data + buf->len;
	size_t capacity = buf->capacity ? buf->capacity : 64;
	while (capacity < needed)
		capacity *= 2;
	char *data = memory_checked(realloc(buf->data, capacity));
	if (!data) {
		buf->failed = true;
		return NULL;
	}
	buf->data = data;
	buf->capacity = capacity;
	return data + buf->len;
}

void strbuf_add(struct strbuf *buf, const void *data, size_t len)
{
	char *room = strbuf_reserve(buf, len);
	if (!room)
		return;
	if (len)
		memcpy(room, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void strbuf_add_string(struct strbuf *buf, const char *string)
{
	strbuf_add(buf, string, strlen(string));
}

void strbuf_add_char(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	va_list args;
	size_t room = buf->capacity - buf->len;
	va_start(args, format);
	int len = vsnprintf(room ? buf->data + buf->len : NULL, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room) {
		if (room)
			buf->data[buf->len] = '\0'; /* what was cut short is taken back */
		if (len < 0 || !strbuf_reserve(buf, (size_t)len))
			return;
		va_start(args, format);
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

void strbuf_cut(struct strbuf *buf, size_t len)
{
	buf->len = len;
	if (buf->data)
		buf->data[len] = '\0';
}

void strbuf_reset(struct strbuf *buf)
{
	strbuf_cut(buf, 0);
	buf->failed = false;
}

void strbuf_free(struct strbuf *buf)
{
	free(buf->data);
	*buf = (struct strbuf){ 0 };
}
