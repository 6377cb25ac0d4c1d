/* Names of bound unix sockets: see socknames.h. */
#include "socknames.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 1024, SERIALS = 4096 };

struct sockname {
	uint8_t made_len, own_len;
	char made[SOCKNAMES_BYTES], own[SOCKNAMES_BYTES];
};

static struct {
	pthread_mutex_t lock;
	unsigned count, oldest, serial;
	struct sockname list[NAMES];
} names = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct sockname *find(struct bytes made)
{
	for (unsigned i = 0; i < names.count; i++)
		if (bytes_equal(bytes_of(names.list[i].made, names.list[i].made_len), made))
			return &names.list[i];
	return NULL;
}

static bool is_free(const char *made, struct bytes own)
{
	const struct sockname *known = find(bytes_of_string(made));
	return !known || bytes_equal(bytes_of(known->own, known->own_len), own);
}

/* Slashes and dots between the directory and the name, which mean nothing, are the serial number's digits. */
static void spell(char made[SOCKNAMES_BYTES], size_t directory, unsigned serial)
{
	char spelled[SOCKNAMES_BYTES + 32];
	int len = snprintf(spelled, sizeof spelled, "%.*s/", (int)directory, made);
	for (; serial; serial >>= 1)
		len += snprintf(spelled + len, sizeof spelled - (size_t)len, serial & 1 ? "./" : "/");
	size_t name_len = strlen(made + directory + 1);
	if ((size_t)len + name_len >= SOCKNAMES_BYTES)
		return;
	memmove(made + len, made + directory + 1, name_len + 1);
	memcpy(made, spelled, (size_t)len);
}

static struct sockname *make_room(const char *made)
{
	struct sockname *known = find(bytes_of_string(made));
	if (known)
		return known;
	if (names.count < NAMES)
		return &names.list[names.count++];
	known = &names.list[names.oldest];
	names.oldest = (names.oldest + 1) % NAMES;
	return known;
}

void socknames_add(char made[SOCKNAMES_BYTES], size_t directory, struct bytes own)
{
	pthread_mutex_lock(&names.lock);
	if (!is_free(made, own)) {
		names.serial = names.serial % (SERIALS - 1) + 1;
		spell(made, directory, names.serial);
	}
	struct sockname *name = make_room(made);
	name->made_len = (uint8_t)strlen(made);
	name->own_len = (uint8_t)own.len;
	memcpy(name->made, made, name->made_len);
	memcpy(name->own, own.data, own.len);
	pthread_mutex_unlock(&names.lock);
}

size_t socknames_find(struct bytes made, char own[SOCKNAMES_BYTES])
{
	static const char start[] = "/proc/";
	size_t len = 0;
	if (made.len < sizeof start || memcmp(made.data, start, sizeof start - 1) != 0)
		return 0;
	pthread_mutex_lock(&names.lock);
	const struct sockname *name = find(made);
	if (name) {
		len = name->own_len;
		memcpy(own, name->own, len);
	}
	pthread_mutex_unlock(&names.lock);
	return len;
}
