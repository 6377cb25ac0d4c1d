/* Rings that are files: see ringfile.h. */
#include "ringfile.h"

#include "memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { NAME_BYTES = 16 };

static const uint64_t PLENTY_BYTES = UINT64_C(256) << 20;

static struct {
	pthread_mutex_t lock;
	char directory[RINGFILE_PATH / 2]; /* "": none are made */
	struct ringfile *first;
	unsigned count;
	unsigned out; /* taken, and not removed yet */
} stock = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool directory_of(const char *shim_path, char *directory, size_t size)
{
	const char *end = shim_path ? strrchr(shim_path, '/') : NULL;
	size_t len = end ? (size_t)(end - shim_path) : 0;
	if (!len || len >= size)
		return false;
	memcpy(directory, shim_path, len);
	directory[len] = '\0';
	return true;
}

void ringfile_init(const char *shim_path)
{
	if (!directory_of(shim_path, stock.directory, sizeof stock.directory))
		stock.directory[0] = '\0';
}

static bool choose_path(char path[RINGFILE_PATH])
{
	unsigned char random[NAME_BYTES];
	char hex[2 * NAME_BYTES + 1];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		sprintf(hex + 2 * i, "%02x", random[i]);
	snprintf(path, RINGFILE_PATH, "%s/" RINGFILE_PREFIX "%s", stock.directory, hex);
	return true;
}

/* A page that the file system has no room for when it is first written kills the writer (SIGBUS): where little is
 * left, the file has all its pages before anybody maps it. */
static bool is_given_room(int fd)
{
	struct statvfs system;
	if (ftruncate(fd, RING_BYTES) || fstatvfs(fd, &system))
		return false;
	return (uint64_t)system.f_bavail * system.f_frsize >= PLENTY_BYTES || fallocate(fd, 0, 0, RING_BYTES) == 0;
}

static struct ringread *make_ring(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	struct ringread *ring = is_given_room(fd) ? ringread_make(fd) : NULL;
	close(fd);
	if (!ring)
		unlink(path);
	return ring;
}

static struct ringfile *make_file(void)
{
	struct ringfile *file = memory_checked(calloc(1, sizeof *file));
	if (!file)
		return NULL;
	if (choose_path(file->path))
		file->ring = make_ring(file->path);
	if (file->ring)
		return file;
	free(file);
	return NULL;
}

/* Would there be room if every ring that is out were used to its last page? */
static bool has_room(unsigned rings)
{
	struct statvfs system;
	return statvfs(stock.directory, &system) == 0 &&
	       (uint64_t)system.f_bavail * system.f_frsize >= (uint64_t)rings * RING_BYTES;
}

static void put(struct ringfile *file)
{
	pthread_mutex_lock(&stock.lock);
	file->next = stock.first;
	stock.first = file;
	stock.count++;
	pthread_mutex_unlock(&stock.lock);
}

void ringfile_refill(void)
{
	pthread_mutex_lock(&stock.lock);
	unsigned missing = RINGFILE_STOCK - stock.count, out = stock.out;
	pthread_mutex_unlock(&stock.lock);
	if (!stock.directory[0] || missing < RINGFILE_STOCK / 4 || !has_room(out + RINGFILE_STOCK))
		return;
	while (missing-- > 0) {
		struct ringfile *file = make_file();
		if (!file)
			return;
		put(file);
	}
}

static struct ringfile *take_ready(void)
{
	pthread_mutex_lock(&stock.lock);
	struct ringfile *file = stock.first;
	if (file) {
		stock.first = file->next;
		stock.count--;
	}
	stock.out++;
	pthread_mutex_unlock(&stock.lock);
	return file;
}

static void count_back(void)
{
	pthread_mutex_lock(&stock.lock);
	stock.out--;
	pthread_mutex_unlock(&stock.lock);
}

struct ringfile *ringfile_take(uint64_t generation, uid_t uid)
{
	if (!stock.directory[0])
		return NULL;
	struct ringfile *file = take_ready();
	if (!file && has_room(stock.out))
		file = make_file();
	if (!file) {
		count_back();
		return NULL;
	}
	file->next = NULL;
	ringread_set_generation(file->ring, generation);
	if (uid == geteuid() || chown(file->path, uid, (gid_t)-1) == 0)
		return file;
	ringfile_remove(file);
	return NULL;
}

static void destroy(struct ringfile *file)
{
	unlink(file->path);
	ringread_close(file->ring);
	free(file);
}

void ringfile_remove(struct ringfile *file)
{
	if (!file)
		return;
	destroy(file);
	count_back();
}

void ringfile_drop_stock(void)
{
	for (struct ringfile *file; (file = take_ready());) {
		destroy(file);
		count_back();
	}
	count_back();
	stock.directory[0] = '\0';
}

void ringfile_sweep(const char *shim_path)
{
	char directory[RINGFILE_PATH / 2];
	DIR *dir = directory_of(shim_path, directory, sizeof directory) ? opendir(directory) : NULL;
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strncmp(entry->d_name, RINGFILE_PREFIX, sizeof RINGFILE_PREFIX - 1) == 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}
