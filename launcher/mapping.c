/* See mapping.h. */
#include "mapping.h"

#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* PROCMAP_QUERY of linux/fs.h, Linux 6.11 */
struct mapping_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define MAPPING_QUERY _IOWR('f', 17, struct mapping_query)

static unsigned flags_of(const char text[4])
{
	return (text[0] == 'r' ? MAPPING_READABLE : 0U) | (text[1] == 'w' ? MAPPING_WRITABLE : 0U) |
	       (text[2] == 'x' ? MAPPING_EXECUTABLE : 0U) | (text[3] == 's' ? MAPPING_SHARED : 0U);
}

enum { QUERY_EXECUTABLE = 4, QUERY_OR_NEXT = 16, QUERY_OF_FILE = 32 };

/* 0; -ENOTTY: this kernel does not know the question; another -errno: no answer. */
static int ask(int fd, uint64_t address, unsigned query_flags, bool with_path, struct mapping *mapping)
{
	struct mapping_query query = { .size = sizeof query, .query_flags = query_flags, .query_addr = address };
	if (with_path) {
		query.vma_name_addr = (uintptr_t)mapping->path;
		query.vma_name_size = sizeof mapping->path;
	}
	if (ioctl(fd, MAPPING_QUERY, &query) != 0)
		return -errno;
	mapping->start = query.vma_start;
	mapping->end = query.vma_end;
	mapping->offset = query.vma_offset;
	mapping->flags = (unsigned)query.vma_flags & (MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_EXECUTABLE | MAPPING_SHARED);
	mapping->device = makedev(query.dev_major, query.dev_minor);
	mapping->inode = query.inode;
	return 0;
}

bool mapping_parse(const char *line, struct mapping *mapping)
{
	char flags[5];
	unsigned major, minor;
	int path_at = -1;
	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &mapping->start, &mapping->end, flags, &mapping->offset, &major, &minor,
		   &mapping->inode, &path_at) != 7 || path_at < 0)
		return false;
	mapping->flags = flags_of(flags);
	mapping->device = makedev(major, minor);
	size_t len = strcspn(line + path_at, "\n");
	if (len >= sizeof mapping->path)
		return false;
	memcpy(mapping->path, line + path_at, len);
	mapping->path[len] = '\0';
	return true;
}

/* Line by line, for kernels without the query. Closes fd. */
static bool find_in_text(int fd, uint64_t address, struct mapping *mapping)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *text = fdopen(fd, "r");
	while (text && !found && getline(&line, &size, text) > 0)
		found = mapping_parse(line, mapping) && mapping->start <= address && address < mapping->end;
	free(line);
	if (text)
		fclose(text);
	else
		close(fd);
	return found;
}

bool mapping_find(pid_t tid, uint64_t address, bool with_path, struct mapping *mapping)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "maps");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	mapping->path[0] = '\0';
	int error = ask(fd, address, 0, with_path, mapping);
	if (error == -ENOTTY)
		return find_in_text(fd, address, mapping);
	close(fd);
	return !error;
}

int mapping_each_code(pid_t tid, void (*visit)(void *context, const struct mapping *mapping), void *context)
{
	char path[PROCFS_PATH];
	struct mapping mapping = { .end = 0 };
	int error;
	procfs_path(path, tid, "maps");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (!(error = ask(fd, mapping.end, QUERY_EXECUTABLE | QUERY_OR_NEXT | QUERY_OF_FILE, true, &mapping)))
		visit(context, &mapping);
	close(fd);
	return error == -ENOENT ? 0 : error;
}

static bool has_flag(const char *line, const char *flag)
{
	static const char key[] = "VmFlags:";
	const char *at = strncmp(line, key, sizeof key - 1) == 0 ? line + sizeof key - 1 : "";
	size_t len = strlen(flag);
	while (*(at += strspn(at, " "))) {
		size_t word = strcspn(at, " \n");
		if (word == len && memcmp(at, flag, len) == 0)
			return true;
		at += word ? word : 1;
	}
	return false;
}

/* The kernel makes this text as it is read, mapping by mapping, and walks page tables for each: no more is asked for than is
 * likely to be needed. */
enum { TEXT_PIECE = 1024 };

struct text {
	int fd;
	size_t at, len; /* what is still to be taken of bytes[0..len) */
	size_t asks;    /* for how much, next */
	size_t taken;   /* in all */
	char bytes[PATH_MAX + TEXT_PIECE];
};

/* The next line, ended by NUL in the place of its newline; NULL: there is none. */
static char *next_line(struct text *text)
{
	char *end;
	while (!(end = memchr(text->bytes + text->at, '\n', text->len - text->at))) {
		memmove(text->bytes, text->bytes + text->at, text->len - text->at);
		text->len -= text->at;
		text->at = 0;
		size_t room = sizeof text->bytes - text->len;
		ssize_t got = read(text->fd, text->bytes + text->len, text->asks < room ? text->asks : room);
		if (got <= 0)
			return NULL;
		text->len += (size_t)got;
		text->asks = TEXT_PIECE;
	}
	char *line = text->bytes + text->at;
	*end = '\0';
	text->at = (size_t)(end + 1 - text->bytes);
	text->taken += (size_t)(end + 1 - line);
	return line;
}

/* Other lines of smaps begin with a word: Size, VmFlags. */
static bool is_heading(const char *line)
{
	return strspn(line, "0123456789abcdef") > 0;
}

static bool find_sealed(struct text *text, uint64_t address, struct mapping *mapping, bool *sealed)
{
	bool found = false;
	for (char *line; (line = next_line(text));) {
		struct mapping next;
		if (found && strncmp(line, "VmFlags:", 8) == 0) {
			*sealed = has_flag(line, "sl");
			break;
		}
		if (!is_heading(line))
			continue;
		if (found || !mapping_parse(line, &next) || next.start > address)
			break;
		found = next.start == address;
		if (found)
			*mapping = next;
	}
	return found;
}

bool mapping_find_sealed(pid_t tid, uint64_t address, struct mapping *mapping, bool *sealed)
{
	static _Atomic size_t usual; /* how far the text had to be read the last time: mostly one mapping, and the same */
	char path[PROCFS_PATH];
	procfs_path(path, tid, "smaps");
	*sealed = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	struct text text;
	text.fd = fd;
	text.at = text.len = text.taken = 0;
	text.asks = usual ? usual : TEXT_PIECE;
	bool found = find_sealed(&text, address, mapping, sealed);
	close(fd);
	if (found)
		usual = text.taken < TEXT_PIECE ? text.taken : TEXT_PIECE;
	return found;
}
