/* The learned policy's file: see learnfile.h. */
#include "learnfile.h"

#include "message.h"
#include "policy/learn.h"
#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_BYTES = 256 << 20, LEAST_LOG_BYTES = 1 << 20, CHUNK = 64 << 10 };

/* Where not so much memory can be had (ulimit -v), a smaller one. */
static struct needs_log *create_log(void)
{
	struct needs_log *log = NULL;
	for (size_t bytes = LOG_BYTES; !log && bytes >= LEAST_LOG_BYTES; bytes /= 4)
		log = needs_log_create(bytes);
	return log;
}

/* Of a regular file; anything else is written only. 0 or -errno. */
static int read_text(const char *name, struct strbuf *text)
{
	struct stat status;
	if (stat(name, &status) != 0 || !S_ISREG(status.st_mode))
		return 0;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : 1;
	while (got > 0) {
		char *room = strbuf_reserve(text, CHUNK);
		got = room ? read(fd, room, CHUNK) : -1;
		text->len += got > 0 ? (size_t)got : 0;
	}
	int error = got < 0 ? (text->failed ? -ENOMEM : -errno) : 0;
	if (fd >= 0)
		close(fd);
	return error;
}

static int fail(struct learnfile *file, int error)
{
	message_error("--learn", "%s: %s", file->name, strerror(-error));
	return -1;
}

int learnfile_open(struct learnfile *file, const char *name)
{
	char why[1024];
	*file = (struct learnfile){ .name = name };
	int error = read_text(name, &file->text);
	if (error)
		return fail(file, error);
	if (file->text.len)
		file->present = policy_load(&name, 1, NULL, 0, why, sizeof why);
	if (file->text.len && !file->present) {
		message_error("--learn", "%s", why);
		return -1;
	}
	file->log = create_log();
	error = file->log ? destination_open(&file->destination, name) : -ENOMEM;
	return error ? fail(file, error) : 0;
}

static int put(void *context, int fd)
{
	const struct strbuf *text = context;
	for (size_t at = 0; at < text->len;) {
		ssize_t written = write(fd, text->data + at, text->len - at);
		if (written < 0 && errno != EINTR)
			return -errno;
		at += written > 0 ? (size_t)written : 0;
	}
	return 0;
}

int learnfile_write(struct learnfile *file, const struct redactor *redactor)
{
	struct strbuf text = { 0 };
	struct needs *needs = needs_read(file->log);
	struct learn learn = { .needs = needs, .redactor = redactor, .file = file->name, .present = file->present,
			       .text = strbuf_bytes(&file->text) };
	bool whole = needs && needs_are_whole(needs) && !redactor_is_blind(redactor);
	int error = whole ? learn_policy(&learn, &text) : -ENOMEM;
	if (!error)
		error = destination_write(&file->destination, put, &text);
	if (!error && learn.withheld)
		message_error("--learn", "%s: not learned, since rules in it deny it: see the %u comments", file->name,
			      learn.withheld);
	needs_free(needs);
	strbuf_free(&text);
	return error ? fail(file, error) : 0;
}

void learnfile_close(struct learnfile *file)
{
	destination_close(&file->destination);
	policy_free(file->present);
	strbuf_free(&file->text);
	needs_log_free(file->log);
}
