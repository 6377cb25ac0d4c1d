/* Gives the program the environment it would have had. Must run before anybody else looks, and must
 * leave alone every entry that ptwrap did not make. */
#include "environment.h"

#include "memory.h"
#include "ptwrap/abi.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define NAME "LD_PRELOAD="

enum {
	NAME_LEN = sizeof(NAME) - 1,
	FILE_LEN = sizeof(PTWRAP_SHIM_FILE) - 1,
	SEPARATOR_LEN = sizeof(PTWRAP_SHIM_SEPARATOR) - 1,
	VALUE_MAX = 1 << 20, /* the kernel takes no longer string than 32 pages */
};

static bool is_preload(const char *entry)
{
	return memory_string_len(entry, NAME_LEN) == NAME_LEN && memcmp(entry, NAME, NAME_LEN) == 0;
}

static bool names_shim(const char *value, size_t len)
{
	return len > FILE_LEN && memcmp(value + len - FILE_LEN, PTWRAP_SHIM_FILE, FILE_LEN) == 0;
}

/* Where the separator before a last file that is the shim begins; NULL if that is not so. */
static char *find_addition(char *value)
{
	size_t len = memory_string_len(value, VALUE_MAX);
	if (!names_shim(value, len))
		return NULL;
	size_t at = len;
	while (at > 0 && value[at - 1] != ':')
		at--;
	if (at < SEPARATOR_LEN)
		return NULL;
	char *separator = value + at - SEPARATOR_LEN;
	return memcmp(separator, PTWRAP_SHIM_SEPARATOR, SEPARATOR_LEN) == 0 ? separator : NULL;
}

static bool is_pair(char **entry)
{
	const char *value = entry[0] + NAME_LEN;
	return entry[1] == entry[0] && names_shim(value, memory_string_len(value, VALUE_MAX));
}

/* Where somebody has moved the entries since, there is no auxiliary vector behind them. */
static void remove_pair(char **entry)
{
	if (!entry[2]) {
		entry[0] = NULL;
		entry[1] = (char *)(uintptr_t)AT_IGNORE;
		return;
	}
	do
		entry[0] = entry[2];
	while (*entry++);
}

bool environment_restore(char **environment)
{
	for (char **entry = environment; *entry; entry++) {
		if (!is_preload(*entry))
			continue;
		if (is_pair(entry)) {
			remove_pair(entry);
			return true;
		}
		char *addition = find_addition(*entry + NAME_LEN);
		if (addition) {
			*addition = '\0';
			return true;
		}
	}
	return false;
}
