/* Where links led: see follow.h. */
#include "follow.h"

#include "lookup.h"

#include <stdio.h>

static bool begins_with(struct bytes path, const char *start, struct bytes *rest)
{
	size_t len = strlen(start);
	if (path.len < len || memcmp(path.data, start, len) != 0)
		return false;
	*rest = bytes_of(path.data + len, path.len - len);
	return true;
}

/* The digits in front of `rest`, which is left behind them; -1: none, or too many. */
static int take_number(struct bytes *rest)
{
	int number = -1;
	size_t at = 0;
	for (; at < rest->len && rest->data[at] >= '0' && rest->data[at] <= '9'; at++) {
		if (at == 9)
			return -1;
		number = (at ? number * 10 : 0) + (rest->data[at] - '0');
	}
	*rest = bytes_of(rest->data + at, rest->len - at);
	return number;
}

/* Is it a link in /proc/PID that leads out of /proc, or a path through one? rest: behind /proc/PID. */
static bool is_way_out(struct bytes rest)
{
	static const char *const links[] = { "/exe", "/cwd", "/root" }, *const folders[] = { "/fd/", "/ns/", "/map_files/" };
	struct bytes behind;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (begins_with(rest, links[i], &behind) && (!behind.len || behind.data[0] == '/'))
			return true;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (begins_with(rest, folders[i], &behind) && behind.len)
			return true;
	return false;
}

/* Splits a path of /proc/PID or /proc/PID/task/TID; false: it is none. */
static bool take_task(struct bytes *path)
{
	struct bytes rest, task;
	if (!begins_with(*path, "/proc/", &rest) || take_number(&rest) < 0 || (rest.len && rest.data[0] != '/'))
		return false;
	if (begins_with(rest, "/task/", &task) && take_number(&task) >= 0 && (!task.len || task.data[0] == '/'))
		rest = task;
	*path = rest;
	return true;
}

static enum followed ask(const struct writer *writer, struct bytes absolute, struct strbuf *out, bool *directory)
{
	struct place place = writers_place(writer);
	switch (lookup_opened(&place, absolute, out, directory)) {
	case RESOLVED_FOUND:
		return FOLLOWED;
	case RESOLVED_ABSENT:
		return FOLLOWED_GONE;
	case RESOLVED_UNKNOWN:
		break;
	}
	return FOLLOWED_UNTOLD;
}

/* What lies behind one of its own descriptors. */
static enum followed follow_descriptor(const struct writer *writer, struct bytes rest, struct strbuf *out, bool *directory)
{
	struct place place = writers_place(writer);
	struct bytes name;
	int fd = take_number(&rest);
	if (fd < 0 || (rest.len && rest.data[0] != '/') || !descriptors_name(writer->files, fd, &name))
		return FOLLOWED_UNTOLD;
	if (name.data[0] == '/')
		name = resolve_inside(&place, name);
	if (!rest.len) {
		strbuf_add(out, name.data, name.len);
		return FOLLOWED;
	}
	struct strbuf whole = { 0 };
	strbuf_add(&whole, name.data, name.len);
	strbuf_add(&whole, rest.data, rest.len);
	enum followed followed = ask(writer, strbuf_bytes(&whole), out, directory);
	strbuf_free(&whole);
	return followed;
}

/* own: the name of something of the task's in /proc. In another pid namespace with a /proc of its own it has another. */
static enum followed follow_own(const struct writer *writer, struct bytes own, struct strbuf *out, bool *directory)
{
	struct bytes rest = own, fd;
	if (writer->process->root && writer->thread != (uint32_t)writer->tid)
		return FOLLOWED_UNTOLD;
	if (take_task(&rest) && begins_with(rest, "/fd/", &fd) && fd.len)
		return follow_descriptor(writer, fd, out, directory);
	if (is_way_out(rest))
		return FOLLOWED_UNTOLD;
	*directory = !rest.len || bytes_equal(rest, bytes_of_string("/fd")) || bytes_equal(rest, bytes_of_string("/task"));
	strbuf_add(out, own.data, own.len);
	return FOLLOWED;
}

enum followed follow_path(const struct writer *writer, struct bytes absolute, struct strbuf *out, bool *directory)
{
	struct place place = writers_place(writer);
	struct strbuf own = { 0 };
	struct bytes rest = absolute;
	*directory = false;
	if (resolve_name_of_own(&place, absolute, &own)) {
		enum followed followed = follow_own(writer, strbuf_bytes(&own), out, directory);
		strbuf_free(&own);
		return followed;
	}
	if (take_task(&rest) && is_way_out(rest))
		return FOLLOWED_UNTOLD;
	if (begins_with(absolute, "/proc/", &rest)) {
		strbuf_add(out, absolute.data, absolute.len);
		return FOLLOWED;
	}
	return ask(writer, absolute, out, directory);
}

enum followed follow_opened(const struct writer *writer, struct bytes absolute, struct strbuf *out, bool *directory)
{
	bool ignored;
	enum followed followed = follow_path(writer, absolute, out, directory);
	if (followed != FOLLOWED_GONE)
		return followed;
	const char *slash = absolute.len ? memrchr(absolute.data, '/', absolute.len) : NULL;
	size_t parent = slash ? (size_t)(slash - absolute.data) : 0;
	if (parent > 0 && follow_path(writer, bytes_of(absolute.data, parent), out, &ignored) == FOLLOWED)
		strbuf_add(out, absolute.data + parent, absolute.len - parent);
	else
		strbuf_add(out, absolute.data, absolute.len);
	return FOLLOWED_GONE;
}
