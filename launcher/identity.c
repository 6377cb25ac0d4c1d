/* See identity.h. Plain system calls: the library's setgroups and setresuid change every thread. */
#include "identity.h"

#include "procfs.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those that decide what a walk may pass: directories, and links of other processes. */
#define WALKING (1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_SYS_PTRACE)

static struct {
	struct identity identity;
	char users[64]; /* the user namespace's name */
	ssize_t users_len;
} own;

static const char *field(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	return at ? at + strlen(key) : "";
}

static int read_groups(const char *list, struct identity *identity)
{
	size_t room = 0;
	for (char *end; *list && *list != '\n'; list = end) {
		unsigned long group = strtoul(list, &end, 10);
		if (end == list)
			break;
		if (identity->group_count == room) {
			room = room ? 2 * room : 16;
			gid_t *more = realloc(identity->groups, room * sizeof *more);
			if (!more)
				return -ENOMEM;
			identity->groups = more;
		}
		identity->groups[identity->group_count++] = (gid_t)group;
	}
	return 0;
}

/* Uid and Gid have the real, effective, saved and file id. */
static void read_ids(const char *list, unsigned *real, unsigned *file)
{
	unsigned ids[4] = { 0 };
	sscanf(list, "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]);
	*real = ids[0];
	*file = ids[3];
}

static bool has_groups(const struct identity *a, const struct identity *b)
{
	return a->group_count == b->group_count &&
	       (a->group_count == 0 || memcmp(a->groups, b->groups, a->group_count * sizeof *a->groups) == 0);
}

static bool sees_the_same(const struct identity *a, const struct identity *b)
{
	return a->uid == b->uid && a->gid == b->gid && has_groups(a, b) &&
	       ((a->capabilities ^ b->capabilities) & WALKING) == 0;
}

static bool is_of_other_users(pid_t tid)
{
	char users[64];
	if (procfs_roots_are_own())
		return false;
	ssize_t len = procfs_link(tid, "ns/user", users, sizeof users);
	return own.users_len > 0 && (len != own.users_len || memcmp(users, own.users, (size_t)len) != 0);
}

int identity_read(pid_t tid, struct identity *identity)
{
	struct strbuf status = { 0 };
	*identity = (struct identity){ 0 };
	int error = procfs_status(tid, &status);
	if (!error)
		error = read_groups(field(status.data, "\nGroups:"), identity);
	if (error) {
		strbuf_free(&status);
		return error;
	}
	read_ids(field(status.data, "\nUid:"), &identity->real_uid, &identity->uid);
	read_ids(field(status.data, "\nGid:"), &identity->real_gid, &identity->gid);
	identity->capabilities = strtoull(field(status.data, "\nCapEff:"), NULL, 16);
	strbuf_free(&status);
	identity->other_users = is_of_other_users(tid);
	if (identity->other_users)
		identity->capabilities = 0;
	identity->is_own = sees_the_same(identity, &own.identity);
	return 0;
}

void identity_free(struct identity *identity)
{
	free(identity->groups);
	*identity = (struct identity){ 0 };
}

int identity_init(void)
{
	own.users_len = procfs_link(getpid(), "ns/user", own.users, sizeof own.users);
	int error = identity_read(getpid(), &own.identity);
	own.identity.is_own = true;
	return error;
}

static int set_effective(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) != 0)
		return -errno;
	data[0].effective = (uint32_t)capabilities & data[0].permitted;
	data[1].effective = (uint32_t)(capabilities >> 32) & data[1].permitted;
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

static bool set_ids(const struct identity *identity)
{
	if (!has_groups(identity, &own.identity) &&
	    syscall(SYS_setgroups, identity->group_count, identity->groups) != 0)
		return false;
	setfsgid(identity->gid);
	setfsuid(identity->uid);
	return (gid_t)setfsgid((gid_t)-1) == identity->gid && (uid_t)setfsuid((uid_t)-1) == identity->uid;
}

void identity_resume(const struct identity *assumed)
{
	if (assumed->is_own)
		return;
	setfsuid(own.identity.uid);
	set_effective(own.identity.capabilities);
	setfsgid(own.identity.gid);
	if (!has_groups(assumed, &own.identity))
		syscall(SYS_setgroups, own.identity.group_count, own.identity.groups);
}

int identity_assume(const struct identity *identity)
{
	if (identity->is_own)
		return 0;
	if (set_ids(identity) && set_effective(identity->capabilities) == 0)
		return 0;
	identity_resume(identity);
	return -EPERM;
}
