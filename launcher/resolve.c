/* Absolute names and symbolic links: see resolve.h. Owns the cache of where links lead. */
#include "resolve.h"

#include "epoch.h"
#include "memory.h"
#include "procfs.h"
#include "workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CACHE_SLOTS = 2048, FILE_SLOTS = 512 };

/* A remembered answer of resolve_links, for ptwrap's own root only. */
struct cached {
	uint64_t hash;
	unsigned generation;
	bool found, directory;
	size_t key_len, value_len;
	char *text; /* key, then value */
};

static struct {
	pthread_mutex_t lock;
	atomic_uint generation;
	struct cached slots[CACHE_SLOTS];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The last names that were no directories', for ptwrap's own root only. */
static struct {
	pthread_mutex_t lock;
	struct epoch epoch;
	struct {
		unsigned epoch;
		size_t len;
		char *name;
	} slots[FILE_SLOTS];
} files = { .lock = PTHREAD_MUTEX_INITIALIZER };

void resolve_names_changed(void)
{
	atomic_fetch_add(&cache.generation, 1);
}

static uint64_t hash_of(struct bytes key)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 0x100000001b3ULL;
	return hash;
}

static bool is_known_file(struct bytes name, uint64_t hash)
{
	pthread_mutex_lock(&files.lock);
	unsigned slot = hash % FILE_SLOTS;
	bool known = files.slots[slot].name && epoch_holds(&files.epoch, files.slots[slot].epoch) &&
		     bytes_equal(bytes_of(files.slots[slot].name, files.slots[slot].len), name);
	pthread_mutex_unlock(&files.lock);
	return known;
}

static void remember_file(struct bytes name, uint64_t hash, unsigned epoch)
{
	char *copy = memory_checked(strndup(name.data, name.len));
	if (!copy)
		return;
	pthread_mutex_lock(&files.lock);
	unsigned slot = hash % FILE_SLOTS;
	free(files.slots[slot].name);
	files.slots[slot].name = copy;
	files.slots[slot].len = name.len;
	files.slots[slot].epoch = epoch;
	pthread_mutex_unlock(&files.lock);
}

void resolve_directories_change_begins(void)
{
	epoch_change_begins(&files.epoch);
}

void resolve_directories_change_ended(void)
{
	epoch_change_ended(&files.epoch);
}

/* 1 found (value appended), 0 known not to exist, -1 not in the cache. */
static int cache_find(struct bytes key, uint64_t hash, struct strbuf *out, bool *directory)
{
	int answer = -1;
	pthread_mutex_lock(&cache.lock);
	const struct cached *slot = &cache.slots[hash % CACHE_SLOTS];
	if (slot->text && slot->hash == hash && slot->generation == atomic_load(&cache.generation) &&
	    bytes_equal(bytes_of(slot->text, slot->key_len), key)) {
		if (slot->found)
			strbuf_add(out, slot->text + slot->key_len, slot->value_len);
		*directory = slot->directory;
		answer = slot->found;
	}
	pthread_mutex_unlock(&cache.lock);
	return answer;
}

static void cache_keep(struct bytes key, uint64_t hash, unsigned generation, bool found, bool directory,
		       struct bytes value)
{
	char *text = memory_checked(malloc(key.len + value.len + 1));
	if (!text)
		return;
	memcpy(text, key.data, key.len);
	if (value.data && value.len)
		memcpy(text + key.len, value.data, value.len);
	pthread_mutex_lock(&cache.lock);
	struct cached *slot = &cache.slots[hash % CACHE_SLOTS];
	free(slot->text);
	*slot = (struct cached){ .hash = hash, .generation = generation, .found = found,
				 .directory = directory, .key_len = key.len, .value_len = value.len, .text = text };
	pthread_mutex_unlock(&cache.lock);
}

static bool lies_below(struct bytes path, const char *folder)
{
	size_t len = strlen(folder);
	return path.len >= len && memcmp(path.data, folder, len) == 0 && (path.len == len || path.data[len] == '/');
}

/* Is there a file of this very name, whatever it ends in? */
static bool is_there(struct bytes name)
{
	char path[PROCFS_LINK];
	struct stat status;
	if (name.len >= sizeof path)
		return false;
	memcpy(path, name.data, name.len);
	path[name.len] = '\0';
	return lstat(path, &status) == 0;
}

/* The root directory as the kernel names it; in front of it may stand the mount namespace. */
static const char *root_prefix(const struct place *place)
{
	const char *namespace_end = place->root && place->other_mounts ? strchr(place->root, ']') : NULL;
	if (namespace_end)
		return namespace_end + 1;
	return place->root ? place->root : "";
}

/* With a file's name behind which there is no file any more, or several that only a root or namespace tells
 * apart, nothing can be remembered. */
static bool names_one_file(const struct place *place, struct bytes name)
{
	return !place->root && !place->other_mounts && name.len > 0 && name.data[0] == '/' &&
	       name.data[name.len - 1] != ')';
}

bool resolve_is_directory(const struct place *place, int fd, struct bytes name)
{
	char path[PROCFS_PATH];
	struct stat status;
	bool may_remember = names_one_file(place, name);
	uint64_t hash = may_remember ? hash_of(name) : 0;
	if (may_remember && is_known_file(name, hash))
		return false;
	unsigned epoch = epoch_now(&files.epoch);
	procfs_fd_path(path, place->tid, fd);
	if (stat(path, &status))
		return false;
	if (may_remember && !S_ISDIR(status.st_mode))
		remember_file(name, hash, epoch);
	return S_ISDIR(status.st_mode);
}

struct bytes resolve_inside(const struct place *place, struct bytes name)
{
	static const char deleted[] = " (deleted)";
	size_t tail = sizeof deleted - 1;
	if (name.len > tail && memcmp(name.data + name.len - tail, deleted, tail) == 0 && !is_there(name))
		name.len -= tail;
	const char *prefix = root_prefix(place);
	size_t root = strlen(prefix);
	if (root <= 1 || name.len < root || memcmp(name.data, prefix, root) != 0)
		return name;
	if (name.len == root)
		return bytes_of("/", 1);
	return name.data[root] == '/' ? bytes_of(name.data + root, name.len - root) : name;
}

void resolve_outside(const struct place *place, struct bytes name, struct strbuf *out)
{
	const char *prefix = root_prefix(place);
	bool only_root = name.len == 1 && name.data[0] == '/';
	if (prefix[0] && strcmp(prefix, "/") != 0)
		strbuf_add_string(out, prefix);
	if (!only_root || out->len == 0)
		strbuf_add(out, name.data, name.len);
}

int resolve_base(const struct place *place, int dirfd, struct strbuf *out)
{
	char link[PROCFS_LINK];
	ssize_t len = dirfd == AT_FDCWD ? workdir_link(place->tid, link, sizeof link) :
					  procfs_fd_link(place->tid, dirfd, link, sizeof link);
	if (len <= 0)
		return len ? (int)len : -ENOENT;
	if (link[0] != '/')
		return -EBADF;
	struct bytes inside = resolve_inside(place, bytes_of(link, (size_t)len));
	strbuf_add(out, inside.data, inside.len);
	return 0;
}

/* An O_PATH descriptor of what the path leads to, looked up from the place's root. What links of /proc lead to
 * (fd/N, exe, cwd) is another's there, ptwrap's own: such a path is ELOOP, unless it names the tracee's. */
static int open_at_place(const struct place *place, const char *path, bool is_its_own)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	if (!place->root && is_its_own)
		return open(path, O_PATH | O_CLOEXEC | O_NOCTTY);
	how.resolve = place->root ? RESOLVE_IN_ROOT : RESOLVE_NO_MAGICLINKS;
	if (!place->root)
		return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	char root[PROCFS_PATH];
	procfs_path(root, place->tid, "root");
	int root_fd = open(root, O_PATH | O_CLOEXEC);
	if (root_fd < 0) {
		errno = ESRCH;
		return -1;
	}
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
	int error = errno;
	close(root_fd);
	errno = error;
	return fd;
}

/* /proc/self led ptwrap to itself: the tracee came to its own. */
static bool name_as_tracee(const struct place *place, struct bytes name, struct strbuf *out)
{
	char own[sizeof "/proc/" + 3 * sizeof(pid_t)], task[] = "/task/";
	if (!lies_below(name, "/proc"))
		return false;
	int len = snprintf(own, sizeof own, "/proc/%d", (int)getpid());
	if (!lies_below(name, own))
		return false;
	struct bytes rest = bytes_of(name.data + len, name.len - (size_t)len);
	strbuf_addf(out, "/proc/%d", (int)(place->pid ? place->pid : place->tid));
	if (rest.len > sizeof task - 1 && memcmp(rest.data, task, sizeof task - 1) == 0) {
		const char *after = memchr(rest.data + sizeof task - 1, '/', rest.len - (sizeof task - 1));
		strbuf_addf(out, "%s%d", task, (int)place->tid);
		rest = after ? bytes_of(after, rest.len - (size_t)(after - rest.data)) : bytes_of(NULL, 0);
	}
	strbuf_add(out, rest.data, rest.len);
	return true;
}

/* *is_anyones: it leads all processes to the same. */
static enum resolved look_up(const struct place *place, const char *path, bool is_its_own, struct strbuf *out,
			     bool *directory, bool *is_anyones)
{
	struct stat status;
	*is_anyones = true;
	int fd = open_at_place(place, path, is_its_own);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? RESOLVED_ABSENT : RESOLVED_UNKNOWN;
	char link[PROCFS_LINK];
	ssize_t len = procfs_fd_link(gettid(), fd, link, sizeof link);
	*directory = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
	close(fd);
	if (len <= 0 || link[0] != '/')
		return RESOLVED_UNKNOWN;
	struct bytes inside = resolve_inside(place, bytes_of(link, (size_t)len));
	*is_anyones = !name_as_tracee(place, inside, out);
	if (*is_anyones)
		strbuf_add(out, inside.data, inside.len);
	return RESOLVED_FOUND;
}

bool resolve_name_of_own(const struct place *place, struct bytes absolute, struct strbuf *out)
{
	static const struct {
		const char *name, *leads_to;
	} magic[] = {
		{ "/proc/self", "" },       { "/proc/mounts", "/mounts" }, { "/proc/net", "/net" }, { "/dev/fd", "/fd" },
		{ "/dev/stdin", "/fd/0" },  { "/dev/stdout", "/fd/1" },    { "/dev/stderr", "/fd/2" },
		{ "/proc/thread-self", NULL },
	};
	for (size_t i = 0; i < sizeof magic / sizeof *magic; i++) {
		size_t len = strlen(magic[i].name);
		if (!lies_below(absolute, magic[i].name))
			continue;
		strbuf_addf(out, "/proc/%d", (int)(place->pid ? place->pid : place->tid));
		if (magic[i].leads_to)
			strbuf_add_string(out, magic[i].leads_to);
		else
			strbuf_addf(out, "/task/%d", (int)place->tid);
		strbuf_add(out, absolute.data + len, absolute.len - len);
		return true;
	}
	return false;
}

static enum resolved look_up_own(const struct place *place, struct bytes absolute, struct strbuf *out, bool *directory)
{
	bool unused;
	struct strbuf path = { 0 };
	enum resolved resolved = RESOLVED_ABSENT;
	if (resolve_name_of_own(place, absolute, &path)) {
		strbuf_add_char(&path, '\0');
		resolved = look_up(place, path.data, true, out, directory, &unused);
	}
	strbuf_free(&path);
	return resolved;
}

static enum resolved look_up_cached(const struct place *place, const char *path, struct strbuf *out, bool *directory)
{
	struct bytes key = bytes_of_string(path);
	uint64_t hash = hash_of(key);
	bool is_anyones;
	int known = cache_find(key, hash, out, directory);
	if (known >= 0)
		return known > 0 ? RESOLVED_FOUND : RESOLVED_ABSENT;
	unsigned generation = atomic_load(&cache.generation);
	size_t start = out->len;
	enum resolved resolved = look_up(place, path, false, out, directory, &is_anyones);
	if (resolved != RESOLVED_UNKNOWN && is_anyones)
		cache_keep(key, hash, generation, resolved == RESOLVED_FOUND, *directory,
			   bytes_of(out->data ? out->data + start : NULL, out->len - start));
	return resolved;
}

enum resolved resolve_opened(const struct place *place, struct bytes absolute, struct strbuf *out, bool *directory)
{
	char path[PROCFS_LINK];
	bool is_anyones;
	*directory = false;
	if (lies_below(absolute, "/proc") || lies_below(absolute, "/dev/fd") || lies_below(absolute, "/dev/stdin") ||
	    lies_below(absolute, "/dev/stdout") || lies_below(absolute, "/dev/stderr"))
		return look_up_own(place, absolute, out, directory);
	if (absolute.len >= sizeof path)
		return RESOLVED_UNKNOWN;
	memcpy(path, absolute.data, absolute.len);
	path[absolute.len] = '\0';
	return place->root ? look_up(place, path, false, out, directory, &is_anyones) :
			     look_up_cached(place, path, out, directory);
}

bool resolve_links(const struct place *place, struct bytes absolute, struct strbuf *out)
{
	bool directory;
	return resolve_opened(place, absolute, out, &directory) == RESOLVED_FOUND;
}

bool resolve_exists(const struct place *place, struct bytes absolute)
{
	char path[PROCFS_LINK];
	if (absolute.len >= sizeof path)
		return false;
	memcpy(path, absolute.data, absolute.len);
	path[absolute.len] = '\0';
	struct stat status;
	if (!place->root)
		return stat(path, &status) == 0 || errno == EACCES;
	int fd = open_at_place(place, path, true);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool resolve_is_way(const struct place *place, struct bytes absolute)
{
	char path[PROCFS_LINK + PROCFS_PATH] = "";
	struct stat status;
	if (absolute.len >= PROCFS_LINK)
		return true;
	if (place->root)
		procfs_path(path, place->tid, "root");
	strncat(path, absolute.data, absolute.len);
	if (lstat(path, &status))
		return errno != ENOENT && errno != ENOTDIR;
	return S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode);
}

/* Takes the last component off out, which begins at start with a slash or is empty. */
static void drop_component(struct strbuf *out, size_t start)
{
	size_t len = out->len;
	while (len > start && out->data[len - 1] != '/')
		len--;
	strbuf_cut(out, len > start ? len - 1 : start);
}

/* Follows the links of as much of out as exists: behind that there are none. */
static void follow_links(const struct place *place, struct strbuf *out, size_t start)
{
	struct strbuf whole = { 0 }, real = { 0 };
	strbuf_add(&whole, out->data + start, out->len - start);
	size_t there = whole.len;
	while (there > 0 && !resolve_links(place, bytes_of(whole.data, there), &real))
		while (there > 0 && whole.data[--there] != '/')
			;
	if (there > 0) {
		strbuf_cut(out, start);
		if (real.len > 1)
			strbuf_add(out, real.data, real.len);
		strbuf_add(out, whole.data + there, whole.len - there);
	}
	strbuf_free(&whole);
	strbuf_free(&real);
}

/* `..`: what was gathered so far is a directory whose links must be followed first. */
static void go_up(const struct place *place, struct strbuf *out, size_t start, bool *real)
{
	if (!*real && out->len > start)
		follow_links(place, out, start);
	*real = true;
	drop_component(out, start);
}

static void add_components(const struct place *place, struct bytes path, struct strbuf *out,
			   size_t start, bool *real)
{
	for (size_t at = 0; at < path.len;) {
		while (at < path.len && path.data[at] == '/')
			at++;
		size_t end = at;
		while (end < path.len && path.data[end] != '/')
			end++;
		size_t len = end - at;
		if (len == 2 && memcmp(path.data + at, "..", 2) == 0) {
			go_up(place, out, start, real);
		} else if (len > 0 && !(len == 1 && path.data[at] == '.')) {
			strbuf_add_char(out, '/');
			strbuf_add(out, path.data + at, len);
			*real = false;
		}
		at = end;
	}
}

void resolve_absolute(const struct place *place, struct bytes base, struct bytes path,
		      struct strbuf *out)
{
	size_t start = out->len;
	bool real = true;
	if (path.len == 0 || path.data[0] != '/') {
		add_components(place, base, out, start, &real);
		real = true; /* the kernel's own names hold no links */
	}
	add_components(place, path, out, start, &real);
	if (out->len == start)
		strbuf_add_char(out, '/');
}
