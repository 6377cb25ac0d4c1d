/* Descriptors from outside: see inherited.h. */
#include "inherited.h"

#include "mountspace.h"
#include "procfs.h"
#include "strbuf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_socket(int fd, int *family)
{
	socklen_t len = sizeof *family;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, family, &len) == 0;
}

/* The rule that would not have let it be opened so; NULL: none. */
static const char *rule_against(const struct policy *policy, struct bytes path, int flags)
{
	int mode = flags & O_ACCMODE;
	struct policy_answer read = policy_ask_path(policy, 0, POLICY_READ, path);
	struct policy_answer write = policy_ask_path(policy, 0, POLICY_WRITE, path);
	if (flags & O_PATH)
		return NULL;
	if (mode != O_WRONLY && read.verdict > POLICY_LOG)
		return policy_rule_name(policy, read.rule).data;
	if (mode != O_RDONLY && write.verdict > POLICY_LOG)
		return policy_rule_name(policy, write.rule).data;
	return NULL;
}

static void look_at(const struct policy *policy, int fd, struct bytes name, void (*each)(const char *line))
{
	int flags = fcntl(fd, F_GETFL), closes = fcntl(fd, F_GETFD), family;
	struct strbuf line = { 0 };
	if (flags < 0 || (closes & FD_CLOEXEC))
		return;
	mountspace_trust(fd);
	const char *rule = name.len && name.data[0] == '/' ? rule_against(policy, name, flags) : NULL;
	if (rule)
		strbuf_addf(&line, "descriptor %d: %.*s, against %s", fd, (int)name.len, name.data, rule);
	else if (policy_concerns(policy, POLICY_NET) && is_socket(fd, &family) && family != AF_UNIX)
		strbuf_addf(&line, "descriptor %d: a socket, of which no rule was asked", fd);
	if (line.len)
		each(line.data);
	strbuf_free(&line);
}

void inherited_list(const struct policy *policy, void (*each)(const char *line))
{
	struct strbuf list = { 0 };
	int here = open(".", O_PATH | O_CLOEXEC);
	if (here >= 0) {
		mountspace_trust(here);
		close(here);
	}
	procfs_fds(getpid(), &list);
	struct bytes rest = strbuf_bytes(&list), entry;
	while (bytes_next_string(&rest, &entry)) {
		const char *equals = memchr(entry.data, '=', entry.len);
		if (equals)
			look_at(policy, atoi(entry.data), bytes_of(equals + 1, entry.len - (size_t)(equals + 1 - entry.data)),
				each);
	}
	strbuf_free(&list);
}
