/* Promises of rings that are files: nobody but their user can open them, none is used twice, they go when
 * they should; and what lies in them when the supervisor dies is recorded by the launcher. */
#include "capture.h"
#include "check.h"
#include "retell.h"
#include "ringfile.h"
#include "salvage.h"
#include "stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The shim's emit.c is freestanding; here libc's memcpy serves it. */
#include "../../shim/emit.c"

static struct shimfile shim; /* only its path counts */
static char directory[64];

static int count_rings(void)
{
	int count = 0;
	DIR *dir = opendir(directory);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		count += strncmp(entry->d_name, RINGFILE_PREFIX, strlen(RINGFILE_PREFIX)) == 0;
	if (dir)
		closedir(dir);
	return count;
}

static struct ring *memory_of(const struct ringfile *file)
{
	struct ring *ring;
	memcpy(&ring, file->ring, sizeof ring); /* its first member */
	return ring;
}

static void test_a_ring_is_its_users_alone(void)
{
	struct stat status;
	ringfile_init(shim.path);
	struct ringfile *file = ringfile_take(7, geteuid());
	CHECK(file && stat(file->path, &status) == 0, "taken");
	CHECK((status.st_mode & 07777) == 0600 && status.st_size == RING_BYTES, "%o", status.st_mode);
	CHECK(ringread_generation(file->ring) == 7 && memory_of(file)->header.magic == RING_MAGIC, "header");
	CHECK(strlen(strrchr(file->path, '/')) >= 32, "a name that cannot be guessed");
	if (geteuid() == 0) {
		struct ringfile *other = ringfile_take(8, 1);
		CHECK(other && stat(other->path, &status) == 0 && status.st_uid == 1, "another user's");
		ringfile_remove(other);
	}
	ringfile_remove(file);
	CHECK(count_rings() == 0, "%d", count_rings());
	ringfile_drop_stock();
	CHECK(!ringfile_take(9, geteuid()), "after the end");
}

static void test_the_stock_is_ready_and_none_comes_twice(void)
{
	struct ringfile *taken[RINGFILE_STOCK + 3];
	ringfile_init(shim.path);
	ringfile_refill();
	CHECK(count_rings() == RINGFILE_STOCK, "%d", count_rings());
	for (size_t i = 0; i < RINGFILE_STOCK + 3; i++) {
		taken[i] = ringfile_take(i, geteuid());
		CHECK(taken[i] != NULL, "%zu", i);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(taken[i]->path, taken[j]->path) != 0, "%zu", i);
	}
	ringfile_refill();
	CHECK(count_rings() == 2 * RINGFILE_STOCK + 3, "%d", count_rings());
	for (size_t i = 0; i < RINGFILE_STOCK + 3; i++)
		ringfile_remove(taken[i]);
	CHECK(count_rings() == RINGFILE_STOCK, "%d", count_rings());
	ringfile_drop_stock();
	CHECK(count_rings() == 0, "%d", count_rings());
}

static void test_a_stream_takes_its_file_along(void)
{
	ringfile_init(shim.path);
	struct ringfile *file = ringfile_take(1, geteuid());
	struct stream *stream = stream_of_file(file, 1, 100);
	struct stream *more = stream_share(stream);
	stream_release(stream);
	CHECK(count_rings() == 1, "still named");
	stream_release(more);
	CHECK(count_rings() == 0, "gone");
	ringfile_drop_stock();
	ringfile_init(NULL);
	CHECK(!ringfile_take(1, geteuid()), "without a place");
}

/* ---- salvage ---- */

static void tell(struct ring *ring, uint32_t thread, uint32_t number, const char *path)
{
	struct ring_syscall call = { .kind = RING_SYSCALL, .number = (uint16_t)number, .arg_count = 3, .data_arg = 1,
				     .data_len = (uint16_t)strlen(path), .t_ticks = ticks_now(), .ret = -2,
				     .args = { (uint64_t)AT_FDCWD, 1 } };
	emit(ring, &(struct emit_message){ .thread = thread, .part = { { &call, sizeof call }, { path, strlen(path) } } });
}

/* The calls of the recording, as "PROCESS/TID path absolute\n". */
static void read_calls(int fd, struct strbuf *out)
{
	static struct event event;
	struct recording_reader *reader = recording_reader_open(fd);
	while (reader && recording_reader_next(reader, &event) == RECORDING_EVENT) {
		if (event.kind != EVENT_SYSCALL)
			continue;
		strbuf_addf(out, "%u/%d", event.process, event.tid);
		for (unsigned i = 0; i < event.syscall.attach_count; i++)
			strbuf_addf(out, " %.*s", (int)event.syscall.attach[i].bytes.len,
				    event.syscall.attach[i].bytes.data);
		strbuf_add_char(out, '\n');
	}
	recording_reader_close(reader);
	strbuf_add_char(out, '\0');
}

static void salvage(bool withhold, struct strbuf *found)
{
	char error[64];
	struct selection selection;
	struct ticks ticks;
	FILE *file = tmpfile();
	selection_init(&selection, LEVEL_ALL, NULL, false, error, sizeof error);
	ticks_init(&ticks, 0);
	struct recording *recording = recording_create(fileno(file), 0);
	struct event event = { .kind = EVENT_FORK, .process = 3, .pid = 4000001, .tid = 4000001 };
	recording_append(recording, &event, NULL);
	event = (struct event){ .kind = EVENT_THREAD, .process = 3, .pid = 4000001, .tid = 4000002 };
	recording_append(recording, &event, NULL);
	ringfile_init(shim.path);
	struct ringfile *ring = ringfile_take(9, geteuid());
	tell(memory_of(ring), 4000002, SYS_openat, "/one");
	tell(memory_of(ring), 4000001, SYS_openat, "two");
	tell(memory_of(ring), 4000009, SYS_openat, "/three");
	salvage_rings(&(struct salvage){ .recording = recording, .recording_fd = fileno(file), .selection = &selection,
					 .shim = &shim, .ticks = &ticks, .withhold = withhold });
	recording_flush_orphaned(recording);
	read_calls(fileno(file), found);
	recording_destroy(recording);
	fclose(file);
	ringfile_remove(ring);
	ringfile_drop_stock();
}

static void test_what_a_dead_supervisor_had_not_read_is_recorded(void)
{
	struct strbuf found = { 0 };
	salvage(false, &found);
	CHECK(strcmp(found.data, "3/4000002 /one /one\n3/4000001 two\n9/4000009 /three /three\n") == 0, "%s", found.data);
	strbuf_free(&found);
}

static void test_secrets_that_nobody_knows_any_more_are_not_told(void)
{
	struct strbuf found = { 0 };
	salvage(true, &found);
	CHECK(strcmp(found.data, "3/4000002 ***\n3/4000001 ***\n9/4000009 ***\n") == 0, "%s", found.data);
	strbuf_free(&found);
}

static void test_a_sweep_leaves_no_ring(void)
{
	ringfile_init(shim.path);
	ringfile_refill();
	ringfile_sweep(shim.path);
	CHECK(count_rings() == 0, "%d", count_rings());
	ringfile_drop_stock();
}

int main(void)
{
	snprintf(directory, sizeof directory, "/tmp/test-ringfile-XXXXXX");
	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	snprintf(shim.path, sizeof shim.path, "%s/shim.so", directory);
	test_a_ring_is_its_users_alone();
	test_the_stock_is_ready_and_none_comes_twice();
	test_a_stream_takes_its_file_along();
	test_what_a_dead_supervisor_had_not_read_is_recorded();
	test_secrets_that_nobody_knows_any_more_are_not_told();
	test_a_sweep_leaves_no_ring();
	CHECK(rmdir(directory) == 0, "empty");
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
