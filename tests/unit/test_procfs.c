/* Promises of procfs_fds: each open descriptor, by number, with the name that /proc gives it, whatever was listed
 * before. Compared with a readlink(2) of each. */
#include "procfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long checks, failures;

#define CHECK(condition, what)                                                               \
	do {                                                                                 \
		checks++;                                                                    \
		if (!(condition) && failures++ < 20)                                         \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, what, #condition); \
	} while (0)

/* What procfs_fds must say: the descriptor that reading itself needs is there in neither. */
static void expect(struct strbuf *out)
{
	int mine = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int fd = 0; fd < 1024; fd++) {
		char link[PROCFS_LINK], number[16];
		ssize_t len = fd == mine ? -1 : procfs_fd_link(getpid(), fd, link, sizeof link);
		if (len < 0)
			continue;
		snprintf(number, sizeof number, "%d=", fd);
		strbuf_add_string(out, number);
		strbuf_add(out, link, (size_t)len);
		strbuf_add_char(out, '\0');
	}
	close(mine);
}

/* Asked about itself procfs_fds would list the descriptor that it needs for asking: so a child is asked about, which
 * has the same ones open, and waits with its end of a pair put out of the way. */
static void compare(const char *what)
{
	enum { AWAY = 1000 };
	struct strbuf wanted = { 0 }, got = { 0 };
	int ends[2];
	char byte = 0;
	expect(&wanted);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a pair");
	pid_t child = fork();
	if (child == 0) {
		bool moved = dup2(ends[0], AWAY) == AWAY && close(ends[0]) == 0 && close(ends[1]) == 0;
		_exit(!moved || write(AWAY, &byte, 1) != 1 || read(AWAY, &byte, 1) != 0);
	}
	close(ends[0]);
	CHECK(read(ends[1], &byte, 1) == 1, "the child waits");
	CHECK(procfs_fds(child, &got) == 0, "the child is there");
	CHECK(got.len > wanted.len && memcmp(got.data, wanted.data, wanted.len) == 0 &&
		      memcmp(got.data + wanted.len, "1000=", 5) == 0, what);
	close(ends[1]);
	strbuf_free(&wanted);
	strbuf_free(&got);
}

int main(void)
{
	compare("as it was begun");
	compare("the same again");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	compare("one more");
	CHECK(dup2(fd, 200) == 200 && close(fd) == 0, "another number");
	compare("as many, under another number");
	for (int more = 300; more < 330; more++)
		dup2(200, more);
	compare("more than are remembered");
	for (int more = 300; more < 330; more++)
		close(more);
	close(200);
	compare("few again");
	printf("%ld checks, %ld failures\n", checks, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
