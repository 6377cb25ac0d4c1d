/* What calls are judged by, and files among it: see judged.h. */
#include "judged.h"

#include "call.h"
#include "mountspace.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)SHA256_BYTES == (int)POLICY_DIGEST_BYTES, "rules name SHA-256 digests");

struct judged *judged_create(const struct judged_call *row, const struct policy *policy, uint32_t domain,
			     const struct shimfile *shim)
{
	struct judged *judged = calloc(1, sizeof *judged);
	if (!judged)
		return NULL;
	judged->row = row;
	judged->policy = policy;
	judged->domain = domain;
	judged->shim = shim;
	judged->address_arg = judged->header_arg = JUDGED_NO_ARG;
	return judged;
}

void judged_free(struct judged *judged)
{
	if (!judged)
		return;
	strbuf_free(&judged->path);
	if (judged->has_socket)
		walk_end(&judged->socket);
	for (unsigned i = 0; i < judged->file_count; i++)
		strbuf_free(&judged->files[i].path);
	for (unsigned i = 0; i < judged->path_count; i++)
		reroute_forget(&judged->paths[i]);
	credentials_release(judged->as);
	free(judged);
}

void judged_gather(const struct place *place, struct call *call)
{
	struct judged *judged = call->judged;
	if (!judged || !judged->row)
		return;
	if (judged->row->object == JUDGED_PATHS)
		judged_gather_paths(place, call, judged);
	else if (judged->row->subject == POLICY_NET || judged->row->subject == FILTER_NAMES)
		judged_gather_net(place, call, judged);
	else if (judged->row->subject == POLICY_EXEC)
		judged_gather_exec(place, call, judged);
}

/* Of a regular file only: nothing else could be executed, and a FIFO would block. */
static int hash(struct judged_file *file, const char *open_path)
{
	struct stat status;
	int fd = open(open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int error = fstat(fd, &status) ? -errno : S_ISREG(status.st_mode) ? sha256_of_fd(fd, file->digest) : -EACCES;
	close(fd);
	file->hashed = !error;
	return error;
}

struct policy_answer judged_ask_file(const struct judged *judged, const struct judged_file *file)
{
	struct bytes path = strbuf_bytes(&file->path);
	if (file->hashed)
		return policy_ask_digest(judged->policy, judged->domain, path, file->digest);
	return policy_ask_path(judged->policy, judged->domain, POLICY_EXEC, path);
}

static struct bytes without_mark(struct bytes name)
{
	static const char mark[] = " (deleted)";
	size_t len = sizeof mark - 1;
	bool marked = name.len > len && memcmp(name.data + name.len - len, mark, len) == 0;
	return bytes_of(name.data, marked ? name.len - len : name.len);
}

static bool is_elsewhere(pid_t tid, const char *open_path)
{
	if (mountspace_has_met(open_path, NULL))
		return false;
	int fd = open(open_path, O_PATH | O_CLOEXEC);
	bool elsewhere = fd >= 0 && !mountspace_knows(tid, fd);
	if (fd >= 0)
		close(fd);
	return elsewhere;
}

int judged_add_file(struct judged *judged, pid_t tid, struct bytes path, const char *open_path, bool met)
{
	path = without_mark(path);
	if (judged->file_count == JUDGED_FILES)
		return -ELOOP;
	if (!judged->names_only && !met && is_elsewhere(tid, open_path))
		return -EPERM;
	struct judged_file *file = &judged->files[judged->file_count++];
	*file = (struct judged_file){ 0 };
	strbuf_add(&file->path, path.data, path.len);
	if (file->path.failed)
		return -ENOMEM;
	struct policy_answer answer = judged_ask_file(judged, file);
	return policy_digest_may_overrule(judged->policy, judged->domain, answer) ? hash(file, open_path) : 0;
}
