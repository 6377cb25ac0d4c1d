/* Second names of files: see secondnames.h. */
#include "secondnames.h"

#include "strbuf.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOUNTS_MAX = 4096 };

struct mount {
	unsigned id, parent, major, minor;
	char *root, *at; /* of its file system; in the tree of files */
	bool hidden;
};

struct mounts {
	struct mount *list;
	size_t count;
};

/* "\040" is a space. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; to++) {
		unsigned byte;
		bool escaped = *from == '\\' && sscanf(from + 1, "%3o", &byte) == 1;
		*to = escaped ? (char)byte : *from;
		from += escaped ? 4 : 1;
	}
	*to = '\0';
}

static bool read_mount(const char *line, struct mount *mount)
{
	*mount = (struct mount){ 0 };
	if (sscanf(line, "%u %u %u:%u %ms %ms", &mount->id, &mount->parent, &mount->major, &mount->minor, &mount->root,
		   &mount->at) != 6 || mount->root[0] != '/') {
		free(mount->root);
		free(mount->at);
		return false;
	}
	unescape(mount->root);
	unescape(mount->at);
	return true;
}

static void read_mounts(struct mounts *mounts)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen("/proc/self/mountinfo", "re");
	mounts->list = calloc(MOUNTS_MAX, sizeof *mounts->list);
	while (file && mounts->list && mounts->count < MOUNTS_MAX && getline(&line, &size, file) > 0)
		mounts->count += read_mount(line, &mounts->list[mounts->count]);
	free(line);
	if (file)
		fclose(file);
}

static void free_mounts(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		free(mounts->list[i].root);
		free(mounts->list[i].at);
	}
	free(mounts->list);
}

/* What of path lies beneath folder: "" or "/..."; NULL: it does not. */
static const char *rest_beneath(const char *path, const char *folder)
{
	size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
	if (strncmp(path, folder, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return strcmp(path + len, "/") == 0 ? "" : path + len;
}

/* Does another stand on its root, or on the way to it? */
static bool is_covered(const struct mounts *mounts, const struct mount *mount)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *other = &mounts->list[i];
		const char *rest = rest_beneath(mount->at, other->at);
		if (other != mount && rest && ((other->parent == mount->id && !*rest) || (other->parent == mount->parent && *rest)))
			return true;
	}
	return false;
}

/* The one that the path leads into. */
static const struct mount *mount_of(const struct mounts *mounts, const char *path)
{
	const struct mount *found = NULL;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *mount = &mounts->list[i];
		if (!mount->hidden && rest_beneath(path, mount->at) && (!found || strlen(mount->at) >= strlen(found->at)))
			found = mount;
	}
	return found;
}

/* A rule that would be evaded by using the second name for what it says of the first. */
static uint32_t rule_evaded(const struct policy *policy, const char *first, const char *second)
{
	struct bytes from = bytes_of_string(first), to = bytes_of_string(second);
	struct policy_answer beneath = policy_ask_move(policy, 0, from, to);
	if (beneath.verdict > POLICY_LOG)
		return beneath.rule;
	for (unsigned subject = POLICY_READ; subject <= POLICY_EXEC; subject++) {
		struct policy_answer one = policy_ask_path(policy, 0, (enum policy_subject)subject, from);
		struct policy_answer other = policy_ask_path(policy, 0, (enum policy_subject)subject, to);
		if (one.verdict > POLICY_LOG && other.verdict <= POLICY_LOG)
			return one.rule;
	}
	return POLICY_NO_RULE;
}

static void tell(const struct policy *policy, const char *first, const char *second, void (*each)(const char *line))
{
	struct strbuf line = { 0 };
	uint32_t rule = rule_evaded(policy, first, second);
	if (rule == POLICY_NO_RULE)
		return;
	strbuf_addf(&line, "%s is also %s, and %s does not hold there", first, second, policy_rule_name(policy, rule).data);
	if (line.len)
		each(line.data);
	strbuf_free(&line);
}

/* Does the second mount show what the first shows, too? */
static void compare(const struct policy *policy, const struct mounts *mounts, const struct mount *wide,
		    const struct mount *narrow, void (*each)(const char *line))
{
	const char *rest = wide->major == narrow->major && wide->minor == narrow->minor ?
				   rest_beneath(narrow->root, wide->root) : NULL;
	if (wide == narrow || !rest || (!*rest && wide > narrow))
		return;
	struct strbuf name = { 0 };
	strbuf_addf(&name, "%s%s", strcmp(wide->at, "/") == 0 && *rest ? "" : wide->at, rest);
	if (name.len && mount_of(mounts, name.data) == wide && strcmp(name.data, narrow->at) != 0) {
		tell(policy, name.data, narrow->at, each);
		tell(policy, narrow->at, name.data, each);
	}
	strbuf_free(&name);
}

void secondnames_list(const struct policy *policy, void (*each)(const char *line))
{
	struct mounts mounts = { 0 };
	if (!policy_concerns(policy, POLICY_READ) && !policy_concerns(policy, POLICY_WRITE) && !policy_concerns(policy, POLICY_EXEC))
		return;
	read_mounts(&mounts);
	for (size_t i = 0; i < mounts.count; i++)
		mounts.list[i].hidden = is_covered(&mounts, &mounts.list[i]);
	for (size_t i = 0; i < mounts.count; i++)
		for (size_t j = 0; j < mounts.count && !mounts.list[i].hidden; j++)
			if (!mounts.list[j].hidden)
				compare(policy, &mounts, &mounts.list[i], &mounts.list[j], each);
	free_mounts(&mounts);
}
