/* Counters by errno: see errnos.h. */
#include "model/errnos.h"

#include "syscall.h"

#include <stdio.h>

static const char *make_name(struct store *store, int number)
{
	const char *known = syscall_errno_name(number);
	if (known)
		return known;
	char text[24];
	int len = snprintf(text, sizeof text, "errno %d", number);
	const struct name *name = store_name(store, bytes_of(text, (size_t)len));
	return name ? name->data : "errno";
}

void errnos_add(struct store *store, struct errno_count **list, int number, uint64_t count)
{
	struct errno_count **at = list;
	while (*at && (*at)->number != number)
		at = &(*at)->next;
	if (!*at) {
		*at = store_alloc(store, sizeof **at);
		if (!*at)
			return;
		(*at)->number = number;
		(*at)->name = make_name(store, number);
	}
	(*at)->count += count;
}

void errnos_sort(struct errno_count **list)
{
	struct errno_count *sorted = NULL, *next;
	for (struct errno_count *item = *list; item; item = next) {
		next = item->next;
		struct errno_count **at = &sorted;
		while (*at && strcmp((*at)->name, item->name) < 0)
			at = &(*at)->next;
		item->next = *at;
		*at = item;
	}
	*list = sorted;
}
