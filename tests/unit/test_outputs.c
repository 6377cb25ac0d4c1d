/* Files of a run: tried before, whole or untouched afterwards, the recording never lost. Only
 * format ptw is used: it needs no model. */
#include "outputs.h"

#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stdout, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static struct option_output wanted[4];

/* Up to three outputs of format ptw; NULL ends them. */
static struct options options_for(const char *a, const char *b, const char *c)
{
	const char *names[] = { a, b, c };
	struct options options = { .outputs = wanted };
	for (; options.output_count < 3 && names[options.output_count]; options.output_count++)
		wanted[options.output_count] = (struct option_output){
			.format = "ptw", .path = (char *)(uintptr_t)names[options.output_count]
		};
	return options;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool holds(const char *path, const char *text)
{
	char found[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);
	close(fd);
	return len == (ssize_t)strlen(text) && memcmp(found, text, strlen(text)) == 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

static void record(struct outputs *outputs)
{
	CHECK(write(outputs_recording_fd(outputs), "record", 6) == 6);
}

static int run(struct options options)
{
	struct outputs *outputs = outputs_open(&options);
	if (!outputs)
		return -2;
	record(outputs);
	int result = outputs_finish(outputs, NULL, 0);
	outputs_free(outputs);
	return result;
}

static void test_part_file_lies_beside_and_becomes_the_recording(void)
{
	struct options options = options_for("run.ptw", NULL, NULL);
	struct outputs *outputs = outputs_open(&options);
	CHECK(exists("run.ptw.part") && !exists("run.ptw"));
	CHECK(outputs_recording_fd(outputs) >= 3 && outputs_want_recording(outputs));
	CHECK(fcntl(outputs_recording_fd(outputs), F_GETFD) & FD_CLOEXEC);
	record(outputs);
	CHECK(outputs_finish(outputs, NULL, 0) == 0);
	CHECK(holds("run.ptw", "record") && !exists("run.ptw.part"));
	outputs_free(outputs);
}

static void test_part_file_of_other_names(void)
{
	struct options options = options_for("run.json", NULL, NULL);
	struct outputs *outputs = outputs_open(&options);
	CHECK(exists("run.json.ptw.part"));
	outputs_discard(outputs);
	CHECK(!exists("run.json.ptw.part") && !exists("run.json"));
	outputs_free(outputs);
}

static void test_part_file_without_a_regular_file_is_in_tmpdir(void)
{
	char path[64];
	struct options options = options_for(NULL, NULL, NULL);
	snprintf(path, sizeof(path), "tmp/ptwrap-%ld.ptw.part", (long)getpid());
	CHECK(mkdir("tmp", 0700) == 0 && setenv("TMPDIR", "tmp", 1) == 0);
	struct outputs *outputs = outputs_open(&options);
	CHECK(exists(path) && !outputs_want_recording(outputs));
	CHECK(outputs_finish(outputs, NULL, 0) == 0 && !exists(path));
	outputs_free(outputs);
	options = options_for("/dev/null", NULL, NULL);
	outputs = outputs_open(&options);
	CHECK(exists(path));
	CHECK(outputs_finish(outputs, NULL, 0) == 0 && !exists(path));
	outputs_free(outputs);
}

static void test_without_a_tmpdir_the_recording_is_in_memory(void)
{
	struct options options = options_for(NULL, NULL, NULL);
	setenv("TMPDIR", "/nonexistent", 1);
	struct outputs *outputs = outputs_open(&options);
	CHECK(outputs && outputs_recording_fd(outputs) >= 3);
	record(outputs);
	CHECK(outputs_finish(outputs, NULL, 0) == 0);
	outputs_free(outputs);
	setenv("TMPDIR", "tmp", 1);
}

static void test_replaced_files_keep_their_mode(void)
{
	struct stat st;
	put("old.ptw", "old contents, longer", 0640);
	CHECK(run(options_for("old.ptw", NULL, NULL)) == 0);
	CHECK(holds("old.ptw", "record") && stat("old.ptw", &st) == 0 &&
	      (st.st_mode & 0777) == 0640);
	put("second", "old", 0600);
	CHECK(run(options_for("old.ptw", "second", NULL)) == 0);
	CHECK(holds("second", "record") && stat("second", &st) == 0 && (st.st_mode & 0777) == 0600);
}

static void test_symlinks_are_written_through(void)
{
	struct stat st;
	CHECK(mkdir("sub", 0700) == 0 && symlink("sub/target", "link") == 0);
	CHECK(run(options_for("link", NULL, NULL)) == 0);
	CHECK(lstat("link", &st) == 0 && S_ISLNK(st.st_mode) && holds("sub/target", "record"));
	CHECK(run(options_for("link", NULL, NULL)) == 0 && holds("sub/target", "record"));
	CHECK(symlink("loop", "loop") == 0 && run(options_for("loop", NULL, NULL)) == -2);
}

static void test_nothing_is_touched_before_the_end(void)
{
	struct options options = options_for("kept", "new", NULL);
	put("kept", "old", 0644);
	struct outputs *outputs = outputs_open(&options);
	CHECK(holds("kept", "old") && !exists("new"));
	outputs_discard(outputs);
	outputs_free(outputs);
	CHECK(holds("kept", "old") && !exists("new"));
}

static void test_a_failed_report_keeps_the_recording_and_spares_the_others(void)
{
	CHECK(run(options_for("a", "/dev/full", NULL)) == -1);
	CHECK(holds("a", "record"));
	struct options options = options_for("b", NULL, NULL);
	struct outputs *outputs = outputs_open(&options);
	record(outputs);
	CHECK(outputs_finish(outputs, NULL, -ENOSPC) == -1);
	CHECK(!exists("b") && holds("b.ptw.part", "record"));
	outputs_free(outputs);
	CHECK(run(options_for("b", NULL, NULL)) == 0 && holds("b", "record") &&
	      !exists("b.ptw.part"));
}

static void test_what_cannot_be_written_is_refused_at_once(void)
{
	CHECK(run(options_for("nowhere/x", NULL, NULL)) == -2);
	CHECK(run(options_for("sub", NULL, NULL)) == -2);
	CHECK(run(options_for("x/", NULL, NULL)) == -2);
	CHECK(run(options_for("twice", "./twice", NULL)) == -2);
	CHECK(run(options_for("a", "other", "a")) == -2);
	CHECK(run(options_for("/dev/null", "/dev/null", NULL)) == 0);
}

static void test_two_runs_do_not_share_a_part_file(void)
{
	struct options options = options_for("shared", NULL, NULL);
	struct outputs *first = outputs_open(&options);
	CHECK(first && !outputs_open(&options));
	outputs_discard(first);
	outputs_free(first);
	CHECK(run(options) == 0);
}

static void test_the_recording_survives_the_removal_of_its_folder(void)
{
	struct options options = options_for("gone/x.ptw", NULL, NULL);
	CHECK(mkdir("gone", 0700) == 0);
	struct outputs *outputs = outputs_open(&options);
	record(outputs);
	CHECK(unlink("gone/x.ptw.part") == 0 && rmdir("gone") == 0 && mkdir("gone", 0700) == 0);
	CHECK(outputs_finish(outputs, NULL, 0) == 0 && holds("gone/x.ptw", "record"));
	outputs_free(outputs);
}

static void test_a_fifo_is_written_in_place(void)
{
	CHECK(mkfifo("fifo", 0600) == 0);
	for (int reader_first = 0; reader_first <= 1; reader_first++) {
		struct options options = options_for("fifo", NULL, NULL);
		int early = reader_first ? open("fifo", O_RDONLY | O_NONBLOCK) : -1;
		struct outputs *outputs = outputs_open(&options);
		CHECK(outputs != NULL);
		int fd = reader_first ? early : open("fifo", O_RDONLY | O_NONBLOCK);
		char text[16];
		record(outputs);
		CHECK(outputs_finish(outputs, NULL, 0) == 0);
		CHECK(read(fd, text, sizeof(text)) == 6 && memcmp(text, "record", 6) == 0);
		CHECK(read(fd, text, sizeof(text)) == 0);
		close(fd);
		outputs_free(outputs);
	}
}

static void test_a_reader_that_left_is_an_error_not_a_signal(void)
{
	struct options options = options_for("fifo", NULL, NULL);
	int fd = open("fifo", O_RDONLY | O_NONBLOCK);
	struct outputs *outputs = outputs_open(&options);
	close(fd);
	record(outputs);
	CHECK(outputs_finish(outputs, NULL, 0) == -1);
	outputs_discard(outputs);
	outputs_free(outputs);
}

static void test_standard_output_is_written_where_it_stands(void)
{
	int saved = dup(STDOUT_FILENO);
	int fd = open("stdout", O_RDWR | O_CREAT, 0600);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	CHECK(write(STDOUT_FILENO, "before ", 7) == 7);
	int result = run(options_for("-", NULL, NULL));
	int both = run(options_for("-", "/dev/stdout", NULL));
	dup2(saved, STDOUT_FILENO);
	close(saved);
	CHECK(result == 0 && both == -2 && holds("stdout", "before record"));
}

static void test_closed_standard_descriptors_are_not_taken(void)
{
	struct options options = options_for("low.ptw", "/dev/null", NULL);
	pid_t child = fork();
	if (child == 0) {
		close(STDIN_FILENO);
		struct outputs *outputs = outputs_open(&options);
		_exit(outputs && fcntl(STDIN_FILENO, F_GETFD) < 0 ? 0 : 1);
	}
	int status = 1;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void test_read_copies_the_recording(void)
{
	unsigned char digest[SHA256_BYTES];
	struct options options = options_for("copy.ptw", NULL, NULL);
	options.read = "run.ptw";
	struct outputs *outputs = outputs_open_read(&options);
	CHECK(outputs && outputs_digest(outputs, digest) == 0 && digest[0] == 0x70);
	CHECK(outputs_finish(outputs, NULL, 0) == 0);
	CHECK(holds("copy.ptw", "record") && holds("run.ptw", "record") && !exists("run.ptw.part"));
	outputs_free(outputs);
	options = options_for("./run.ptw", NULL, NULL);
	options.read = "run.ptw";
	CHECK(!outputs_open_read(&options));
	options.read = "missing.ptw";
	CHECK(!outputs_open_read(&options));
}

static void test_names_are_printed_with_the_digest(void)
{
	unsigned char digest[SHA256_BYTES];
	char *text = NULL;
	size_t len;
	struct options options = options_for("named.ptw", NULL, NULL);
	struct outputs *outputs = outputs_open(&options);
	FILE *out = open_memstream(&text, &len);
	CHECK(outputs_digest(outputs, digest) == 0 && outputs_finish(outputs, NULL, 0) == 0);
	outputs_print_names(outputs, out);
	fclose(out);
	CHECK(strcmp(text, "written: named.ptw (SHA-256 e3b0c44298fc1c149afbf4c8996fb924"
			   "27ae41e4649b934ca495991b7852b855)\n") == 0);
	free(text);
	outputs_free(outputs);
}

int main(void)
{
	char folder[] = "/tmp/ptwrap-outputs-XXXXXX", command[64];
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return 1;
	umask(022);
	int saved = dup(STDERR_FILENO);
	int quiet = open("messages", O_WRONLY | O_CREAT | O_APPEND, 0600); /* expected refusals */
	dup2(quiet, STDERR_FILENO);
	close(quiet);
	test_part_file_lies_beside_and_becomes_the_recording();
	test_part_file_of_other_names();
	test_part_file_without_a_regular_file_is_in_tmpdir();
	test_without_a_tmpdir_the_recording_is_in_memory();
	test_replaced_files_keep_their_mode();
	test_symlinks_are_written_through();
	test_nothing_is_touched_before_the_end();
	test_a_failed_report_keeps_the_recording_and_spares_the_others();
	test_what_cannot_be_written_is_refused_at_once();
	test_two_runs_do_not_share_a_part_file();
	test_the_recording_survives_the_removal_of_its_folder();
	test_a_fifo_is_written_in_place();
	test_a_reader_that_left_is_an_error_not_a_signal();
	test_standard_output_is_written_where_it_stands();
	test_closed_standard_descriptors_are_not_taken();
	test_read_copies_the_recording();
	test_names_are_printed_with_the_digest();
	dup2(saved, STDERR_FILENO);
	close(saved);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) != 0 || failures != 0;
}
