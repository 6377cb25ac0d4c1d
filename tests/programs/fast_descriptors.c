/* fast_descriptors: two threads of one table of descriptors, each with a directory of its own, which take numbers from one another
 * as fast as they can; each looks up in its directory what only that has. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 5000 };

struct place {
	const char *directory, *name;
	bool failed;
};

static void *look_up(void *argument)
{
	struct place *place = argument;
	for (int round = 0; round < ROUNDS; round++) {
		struct stat status;
		int fd = open(place->directory, O_RDONLY | O_DIRECTORY);
		place->failed |= fstatat(fd, place->name, &status, 0) || close(fd);
	}
	return NULL;
}

int main(void)
{
	struct place first = { "/etc", "passwd", false }, second = { "/usr", "bin", false };
	pthread_t other;
	if (pthread_create(&other, NULL, look_up, &first))
		return 1;
	look_up(&second);
	pthread_join(other, NULL);
	if (first.failed || second.failed)
		puts("wrong");
	return first.failed || second.failed;
}
