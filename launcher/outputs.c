/* Report files and the recording's part file: see outputs.h. Owns which files a run writes and what
 * becomes of the recording; never writes a byte of a report itself (report/ does). */
#include "outputs.h"

#include "destination.h"
#include "message.h"
#include "options.h"
#include "report/report.h"
#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PART_TRIES = 100 };

struct output {
	struct destination destination;
	const struct report_format *format; /* NULL: the recording */
	bool written;
};

struct outputs {
	struct output *list;
	size_t count;
	int recording_fd;
	const char *recording_name; /* of --read; not owned */
	char *part_path;  /* NULL: none, or no longer ours to remove */
	bool part_beside; /* with the mode of a report; else private, in a temporary folder */
	bool digest_known;
	unsigned char digest[SHA256_BYTES];
};

static int report_errno(const char *name, int error)
{
	bool is_stdout = name && strcmp(name, "-") == 0;
	const char *why = abs(error) == ENXIO ? "nobody reads from it" : strerror(abs(error));
	message_error(is_stdout ? "standard output" : name, "%s", why);
	return -1;
}

static int open_all(struct outputs *outputs, const struct options *options)
{
	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		const char *name = options->outputs[i].path;
		int failed = destination_open(&output->destination, name);
		if (failed)
			return report_errno(name, failed);
		for (size_t j = 0; j < i; j++) {
			if (!destination_same(&output->destination, &outputs->list[j].destination))
				continue;
			message_error(name, "two reports into the same file");
			return -1;
		}
	}
	return 0;
}

static struct outputs *outputs_create(const struct options *options)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));
	if (outputs)
		outputs->list = calloc(options->output_count + 1, sizeof(*outputs->list));
	if (!outputs || !outputs->list) {
		free(outputs);
		report_errno(NULL, ENOMEM);
		return NULL;
	}
	outputs->recording_fd = -1;
	outputs->count = options->output_count;
	for (size_t i = 0; i < outputs->count; i++) {
		outputs->list[i].destination.fd = -1;
		outputs->list[i].format = report_format_by_name(options->outputs[i].format);
	}
	return outputs;
}

/* A part file that was left behind is written over, but not one that another ptwrap is writing. */
static int open_part_beside(const char *path)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
	struct stat by_fd, by_path;
	for (int i = 0; i < PART_TRIES; i++) {
		int fd = destination_open_file(path, flags, 0666), failed = 0;
		if (fd < 0)
			return fd;
		if (fstat(fd, &by_fd) < 0 || !S_ISREG(by_fd.st_mode))
			failed = -EEXIST;
		else if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			failed = -EWOULDBLOCK;
		/* The other one may have renamed or removed it between our open and our lock. */
		bool current = stat(path, &by_path) == 0 && by_path.st_ino == by_fd.st_ino;
		if (!failed && current && ftruncate(fd, 0) == 0)
			return fd;
		close(fd);
		if (failed)
			return failed;
	}
	return -EBUSY;
}

static int create_part_beside(struct outputs *outputs)
{
	const char *name = outputs->list[0].destination.name;
	size_t len = strlen(name);
	bool is_ptw = len > 4 && strcmp(name + len - 4, ".ptw") == 0;
	char *path;

	if (asprintf(&path, "%s%s", name, is_ptw ? ".part" : ".ptw.part") < 0)
		return -ENOMEM;
	int fd = open_part_beside(path);
	if (fd < 0) {
		free(path);
		return fd;
	}
	outputs->part_path = path;
	outputs->part_beside = true;
	return fd;
}

/* Never over anything that is there: others may write to that folder. */
static int create_part_in(struct outputs *outputs, const char *folder)
{
	int fd = -EEXIST;
	for (int i = 0; i < PART_TRIES && fd == -EEXIST; i++) {
		char number[16] = "", *path;
		if (i > 0)
			snprintf(number, sizeof(number), ".%d", i);
		if (asprintf(&path, "%s/ptwrap-%ld%s.ptw.part", folder, (long)getpid(), number) < 0)
			return -ENOMEM;
		fd = destination_open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd >= 0)
			outputs->part_path = path;
		else
			free(path);
	}
	return fd;
}

/* Errors of a folder that takes no new file, though the run could do without it. */
static bool is_about_the_folder(int error)
{
	return error == -EACCES || error == -EPERM || error == -EROFS || error == -ENAMETOOLONG ||
	       error == -ENOENT || error == -ENOTDIR;
}

static int create_part_elsewhere(struct outputs *outputs)
{
	const char *variable = getenv("TMPDIR");
	const char *folder = variable && *variable ? variable : "/tmp";
	int fd = create_part_in(outputs, folder);
	if (!is_about_the_folder(fd))
		return fd;
	message_error(folder, "%s: the recording is kept in memory only", strerror(-fd));
	int memory_fd = memfd_create("ptwrap-recording", MFD_CLOEXEC);
	int raised = memory_fd < 0 ? -1 : fcntl(memory_fd, F_DUPFD_CLOEXEC, 3);
	int failed = raised < 0 ? -errno : 0;
	if (memory_fd >= 0)
		close(memory_fd);
	return failed ? failed : raised;
}

static int open_part(struct outputs *outputs)
{
	int fd = -EACCES;
	if (outputs->count > 0 && !outputs->list[0].destination.in_place)
		fd = create_part_beside(outputs);
	if (fd == -EWOULDBLOCK) {
		message_error(outputs->list[0].destination.name, "another ptwrap is writing it");
		return -1;
	}
	if (is_about_the_folder(fd))
		fd = create_part_elsewhere(outputs);
	if (fd < 0)
		return report_errno("recording", fd);
	outputs->recording_fd = fd;
	return 0;
}

struct outputs *outputs_open(const struct options *options)
{
	struct outputs *outputs = outputs_create(options);
	if (outputs && (open_all(outputs, options) < 0 || open_part(outputs) < 0)) {
		outputs_free(outputs);
		return NULL;
	}
	return outputs;
}

static int open_input(const char *name)
{
	if (strcmp(name, "-") != 0)
		return destination_open_file(name, O_RDONLY, 0);
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

/* The recording is read more than once, and always from its beginning: what cannot be, or somebody
 * has read of, is copied. */
static int make_seekable(struct outputs *outputs)
{
	if (lseek(outputs->recording_fd, 0, SEEK_CUR) == 0)
		return 0;
	int copy_fd = temporary_open("the recording is kept in memory");
	if (copy_fd < 0)
		return report_errno(temporary_folder(), copy_fd);
	int failed = destination_spool(outputs->recording_fd, copy_fd);
	close(outputs->recording_fd);
	outputs->recording_fd = copy_fd;
	return failed ? report_errno(outputs->recording_name, failed) : 0;
}

static int open_recording(struct outputs *outputs, const char *name)
{
	struct stat st;
	outputs->recording_name = strcmp(name, "-") == 0 ? "standard input" : name;
	outputs->recording_fd = open_input(name);
	if (outputs->recording_fd < 0)
		return report_errno(outputs->recording_name, outputs->recording_fd);
	if (fstat(outputs->recording_fd, &st) < 0)
		return report_errno(outputs->recording_name, errno);
	if (S_ISDIR(st.st_mode))
		return report_errno(outputs->recording_name, EISDIR);
	for (size_t i = 0; i < outputs->count; i++) {
		const struct destination *destination = &outputs->list[i].destination;
		if (!destination->exists || destination->device != st.st_dev ||
		    destination->inode != st.st_ino)
			continue;
		message_error(destination->name, "is the recording that is being read");
		return -1;
	}
	return make_seekable(outputs);
}

struct outputs *outputs_open_read(const struct options *options)
{
	struct outputs *outputs = outputs_create(options);
	if (outputs &&
	    (open_all(outputs, options) < 0 || open_recording(outputs, options->read) < 0)) {
		outputs_free(outputs);
		return NULL;
	}
	return outputs;
}

int outputs_recording_fd(const struct outputs *outputs)
{
	return outputs->recording_fd;
}

const char *outputs_recording_name(const struct outputs *outputs)
{
	if (outputs->recording_name)
		return outputs->recording_name;
	return outputs->part_path ? outputs->part_path : "the recording";
}

bool outputs_want_recording(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (!outputs->list[i].format)
			return true;
	return false;
}

int outputs_digest(struct outputs *outputs, unsigned char digest[SHA256_BYTES])
{
	int failed = sha256_of_fd(outputs->recording_fd, outputs->digest);
	if (failed)
		return failed;
	outputs->digest_known = true;
	memcpy(digest, outputs->digest, SHA256_BYTES);
	return 0;
}

struct fill {
	const struct report_format *format;
	const struct model *model;
	int recording_fd;
};

static int fill_recording(void *context, int fd)
{
	const struct fill *fill = context;
	return destination_copy(fill->recording_fd, fd);
}

static int fill_report(void *context, int fd)
{
	const struct fill *fill = context;
	int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *out = own_fd < 0 ? NULL : fdopen(own_fd, "w");
	if (!out) {
		int error = errno;
		if (own_fd >= 0)
			close(own_fd);
		return -error;
	}
	int failed = report_write(fill->format, out, fill->model, fill->recording_fd);
	if (!failed && ferror(out))
		failed = -EIO;
	if (fclose(out) != 0 && !failed)
		failed = -errno;
	return failed;
}

/* The part file becomes the first .ptw that was asked for, where it can simply move. */
static bool move_part(struct outputs *outputs, struct destination *destination)
{
	if (!outputs->part_path || !outputs->part_beside ||
	    destination_take(destination, outputs->recording_fd, outputs->part_path) < 0)
		return false;
	free(outputs->part_path);
	outputs->part_path = NULL;
	return true;
}

static int write_output(struct outputs *outputs, struct output *output, const struct model *model)
{
	struct fill fill = { .format = output->format,
			     .model = model,
			     .recording_fd = outputs->recording_fd };
	if (output->format)
		return destination_write(&output->destination, fill_report, &fill);
	if (move_part(outputs, &output->destination))
		return 0;
	return destination_write(&output->destination, fill_recording, &fill);
}

static int finish_output(struct outputs *outputs, struct output *output, const struct model *model,
			 int recording_error)
{
	int failed = output->format ? 0 : recording_error;
	if (!failed)
		failed = write_output(outputs, output, model);
	output->written = !failed;
	return failed ? report_errno(output->destination.name, failed) : 0;
}

/* Recordings last: once the part file has moved, it cannot be the one that is kept. */
static int finish_all(struct outputs *outputs, const struct model *model, int recording_error)
{
	int result = 0;
	for (int recordings = 0; recordings <= 1; recordings++) {
		for (size_t i = 0; i < outputs->count; i++) {
			struct output *output = &outputs->list[i];
			if (recordings == !output->format &&
			    finish_output(outputs, output, model, recording_error) < 0)
				result = -1;
		}
	}
	return result;
}

static void name_kept_part(const struct outputs *outputs)
{
	if (outputs->part_path && access(outputs->part_path, F_OK) == 0)
		message_error(outputs->part_path, "the recording is kept here, for --read");
}

int outputs_finish(struct outputs *outputs, const struct model *model, int recording_error)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, pipe_before, size_before;

	sigaction(SIGPIPE, &ignore, &pipe_before);
	sigaction(SIGXFSZ, &ignore, &size_before);
	int result = finish_all(outputs, model, recording_error);
	sigaction(SIGPIPE, &pipe_before, NULL);
	sigaction(SIGXFSZ, &size_before, NULL);
	if (recording_error && !outputs_want_recording(outputs))
		result = report_errno(outputs->part_path ? outputs->part_path : "recording",
				      recording_error);
	if (result < 0)
		name_kept_part(outputs);
	else
		outputs_discard(outputs);
	return result;
}

void outputs_print_names(const struct outputs *outputs, FILE *out)
{
	const char *separator = "written: ";
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *output = &outputs->list[i];
		char hex[SHA256_HEX];
		if (!output->written || strcmp(output->destination.name, "-") == 0)
			continue;
		fprintf(out, "%s%s", separator, output->destination.name);
		separator = ", ";
		if (output->format || !outputs->digest_known)
			continue;
		sha256_hex(outputs->digest, hex);
		fprintf(out, " (SHA-256 %s)", hex);
	}
	if (*separator == ',')
		fputc('\n', out);
}

void outputs_discard(struct outputs *outputs)
{
	if (!outputs)
		return;
	if (outputs->part_path)
		unlink(outputs->part_path);
	free(outputs->part_path);
	outputs->part_path = NULL;
}

void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	for (size_t i = 0; i < outputs->count; i++)
		destination_close(&outputs->list[i].destination);
	if (outputs->recording_fd >= 0)
		close(outputs->recording_fd);
	free(outputs->list);
	free(outputs->part_path);
	free(outputs);
}
