/* A file without a name: see temporary.h. Never leaves one behind that has one. */
#include "temporary.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOWEST_FD = 3 };

const char *temporary_folder(void)
{
	const char *variable = getenv("TMPDIR");
	return variable && *variable ? variable : "/tmp";
}

static int open_unlinked(const char *folder)
{
	char *path;
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || asprintf(&path, "%s/ptwrap-XXXXXX", folder) < 0)
		return fd;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

/* Never 0, 1 or 2, which others may take for theirs. */
static int raise_fd(int fd)
{
	if (fd < 0 || fd >= LOWEST_FD)
		return fd;
	int raised = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
	close(fd);
	return raised;
}

int temporary_open(const char *instead)
{
	const char *folder = temporary_folder();
	int fd = raise_fd(open_unlinked(folder));
	if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOENT || errno == ENOTDIR)) {
		message_error(folder, "%s: %s", strerror(errno), instead);
		fd = raise_fd(memfd_create("ptwrap-temporary", MFD_CLOEXEC));
	}
	return fd < 0 ? -errno : fd;
}
