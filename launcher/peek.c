/* Reading a tracee's memory: see peek.h. Owns no state but the method chosen at the start. */
#include "peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PAGE_BYTES = 4096,
	STRING_CHUNK = 256,
	STRINGS_AHEAD = 32,
	WORDS_FIRST = 64,
	WORDS_CHUNK = 512,
	STRINGS_MAX = 1 << 20, /* execve(2) takes fewer: no longer array can have a meaning */
};

static struct {
	enum peek_method method;
	int (*peekdata)(pid_t tid, uint64_t address, long *word);
} peek;

void peek_set_method(enum peek_method method, int (*peekdata)(pid_t tid, uint64_t address, long *word))
{
	peek.method = method;
	peek.peekdata = peekdata;
}

/* The kernel cuts a transfer short only between iovec elements: one element a page. */
static ssize_t read_by_vm_readv(pid_t tid, uint64_t address, void *buffer, size_t len)
{
	enum { ELEMENTS = 64 };
	size_t done = 0;
	while (done < len) {
		struct iovec remote[ELEMENTS];
		size_t asked = 0;
		int count = 0;
		while (count < ELEMENTS && done + asked < len) {
			uint64_t from = address + done + asked;
			size_t piece = PAGE_BYTES - from % PAGE_BYTES;
			if (piece > len - done - asked)
				piece = len - done - asked;
			remote[count++] = (struct iovec){ (void *)(uintptr_t)from, piece };
			asked += piece;
		}
		struct iovec local = { (char *)buffer + done, asked };
		ssize_t got = process_vm_readv(tid, &local, 1, remote, (unsigned long)count, 0);
		if (got < 0)
			return done ? (ssize_t)done : -errno;
		done += (size_t)got;
		if ((size_t)got < asked)
			break;
	}
	return (ssize_t)done;
}

static int open_mem(pid_t tid, int flags)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/mem", tid);
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static ssize_t read_by_proc_mem(pid_t tid, uint64_t address, void *buffer, size_t len)
{
	if ((off_t)address < 0)
		return -EFAULT; /* the kernel's half: pread(2) would call it EINVAL */
	int fd = open_mem(tid, O_RDONLY);
	if (fd < 0)
		return fd;
	ssize_t got = pread(fd, buffer, len, (off_t)address);
	int error = errno;
	close(fd);
	if (got < 0)
		return error == EIO ? -EFAULT : -error;
	return got ? got : -EFAULT;
}

static ssize_t read_by_ptrace(pid_t tid, uint64_t address, void *buffer, size_t len)
{
	size_t done = 0;
	while (done < len) {
		uint64_t from = address + done;
		size_t skip = from % sizeof(long);
		long word;
		int error = peek.peekdata(tid, from - skip, &word);
		if (error)
			return done ? (ssize_t)done : error == -EIO ? -EFAULT : error;
		size_t piece = sizeof word - skip;
		if (piece > len - done)
			piece = len - done;
		memcpy((char *)buffer + done, (char *)&word + skip, piece);
		done += piece;
	}
	return (ssize_t)done;
}

/* Not the memory's own fault, nor the task's: filters and kernels refuse with whatever error they like. */
static bool is_refusal(ssize_t got)
{
	return got < 0 && got != -EFAULT && got != -ESRCH && got != -ENOMEM;
}

ssize_t peek_read(pid_t tid, uint64_t address, void *buffer, size_t len)
{
	if (len == 0)
		return 0;
	ssize_t got = -EPERM;
	if (peek.method == PEEK_VM_READV)
		got = read_by_vm_readv(tid, address, buffer, len);
	if (is_refusal(got))
		got = peek.method == PEEK_PTRACE ? -EPERM : read_by_proc_mem(tid, address, buffer, len);
	if (peek.method == PEEK_PTRACE)
		got = read_by_ptrace(tid, address, buffer, len);
	return got;
}

int peek_read_whole(pid_t tid, uint64_t address, void *buffer, size_t len)
{
	ssize_t got = peek_read(tid, address, buffer, len);
	if (got < 0)
		return (int)got;
	return (size_t)got == len ? 0 : -EFAULT;
}

int peek_string(pid_t tid, uint64_t address, struct strbuf *out, size_t max, bool *truncated)
{
	size_t start = out->len;
	*truncated = false;
	for (size_t chunk_bytes = STRING_CHUNK;; chunk_bytes = PAGE_BYTES) {
		char *room = strbuf_reserve(out, chunk_bytes);
		if (!room)
			return -ENOMEM;
		ssize_t got = peek_read(tid, address, room, chunk_bytes);
		if (got <= 0) {
			strbuf_cut(out, start);
			return got ? (int)got : -EFAULT;
		}
		const char *end = memchr(room, '\0', (size_t)got);
		out->len += end ? (size_t)(end - room) : (size_t)got;
		if (out->len - start > max) {
			strbuf_cut(out, start + max);
			*truncated = true;
			return 0;
		}
		if (end)
			return 0;
		address += (size_t)got;
	}
}

/* The beginnings of some strings, read by one call: of `count` from the first on. */
struct beginnings {
	size_t count;
	struct bytes each[STRINGS_AHEAD];
	char memory[STRINGS_AHEAD * STRING_CHUNK];
};

static void read_beginnings(pid_t tid, const uint64_t *pointers, size_t count, struct beginnings *read)
{
	struct iovec remote[STRINGS_AHEAD], local = { read->memory, 0 };
	if (peek.method != PEEK_VM_READV)
		return;
	for (size_t i = 0; i < count; i++) {
		size_t piece = PAGE_BYTES - pointers[i] % PAGE_BYTES;
		remote[i] = (struct iovec){ (void *)(uintptr_t)pointers[i], piece < STRING_CHUNK ? piece : STRING_CHUNK };
		read->each[i] = bytes_of(read->memory + local.iov_len, remote[i].iov_len);
		local.iov_len += remote[i].iov_len;
	}
	ssize_t got = process_vm_readv(tid, &local, 1, remote, count, 0);
	for (size_t len = 0; read->count < count && got >= (ssize_t)(len + read->each[read->count].len); read->count++)
		len += read->each[read->count].len;
}

/* The string at that address, of which this is known to be the beginning; no bytes: nothing is. As peek_string. */
static int add_string(pid_t tid, uint64_t address, struct bytes beginning, struct strbuf *out, size_t max, bool *cut)
{
	const char *end = beginning.len ? memchr(beginning.data, '\0', beginning.len) : NULL;
	if (!end)
		return peek_string(tid, address, out, max, cut);
	size_t len = (size_t)(end - beginning.data);
	*cut = len > max;
	strbuf_add(out, beginning.data, *cut ? max : len);
	return 0;
}

/* The string behind the pointer that was counted last, or that there is none. */
static int take_string(pid_t tid, uint64_t pointer, struct bytes beginning, struct strbuf *out, size_t limit,
		       struct peek_array *array)
{
	bool cut = false, full = out->len >= limit || array->gap_count == PEEK_GAPS;
	int error = full ? 0 : add_string(tid, pointer, beginning, out, limit - out->len, &cut);
	array->truncated |= full || cut;
	if (full || (error && error != -EFAULT))
		return error;
	if (error && array->count - 1 > PEEK_GAP_LAST) {
		array->gap_count = PEEK_GAPS;
		array->truncated = true;
		return 0;
	}
	if (error)
		array->gaps[array->gap_count++] = (struct peek_gap){ (uint8_t)(array->count - 1), pointer };
	strbuf_add_char(out, '\0');
	return 0;
}

/* Some of the array's strings appended. */
static int take_strings(pid_t tid, const uint64_t *pointers, size_t count, struct strbuf *out, size_t limit,
			struct peek_array *array)
{
	int error = 0;
	for (size_t at = 0, some; !error && at < count; at += some) {
		struct beginnings read;
		read.count = 0;
		some = count - at < STRINGS_AHEAD ? count - at : STRINGS_AHEAD;
		if (out->len < limit && some > 1)
			read_beginnings(tid, pointers + at, some, &read);
		for (size_t i = 0; !error && i < some; i++) {
			++array->count;
			error = take_string(tid, pointers[at + i], i < read.count ? read.each[i] : bytes_of(NULL, 0), out, limit,
					    array);
		}
	}
	return error;
}

/* A piece of the array of pointers: how many there were, up to the NULL that ends it; -errno. */
static ssize_t read_pointers(pid_t tid, uint64_t address, unsigned word_bytes, size_t wanted, uint64_t pointers[WORDS_CHUNK])
{
	ssize_t got = peek_read(tid, address, pointers, wanted * word_bytes);
	if (got < (ssize_t)word_bytes)
		return got < 0 ? got : -EFAULT;
	size_t count = (size_t)got / word_bytes;
	for (size_t i = count; word_bytes == 4 && i-- > 0;) {
		uint32_t narrow;
		memcpy(&narrow, (const char *)pointers + 4 * i, sizeof narrow);
		pointers[i] = narrow;
	}
	return (ssize_t)count;
}

int peek_strings(pid_t tid, uint64_t address, unsigned word_bytes, struct strbuf *out, size_t max, struct peek_array *array)
{
	uint64_t pointers[WORDS_CHUNK] = { 0 };
	size_t limit = out->len + max;
	if (word_bytes != 4)
		word_bytes = 8;
	array->count = 0;
	array->truncated = false;
	array->gap_count = 0;
	for (size_t wanted = WORDS_FIRST;; wanted = WORDS_CHUNK) {
		ssize_t got = read_pointers(tid, address, word_bytes, wanted, pointers);
		if (got < 0)
			return (int)got;
		size_t count = 0;
		while (count < (size_t)got && pointers[count])
			count++;
		int error = take_strings(tid, pointers, count, out, limit, array);
		if (error || count < (size_t)got)
			return error;
		if (array->count >= STRINGS_MAX) {
			array->truncated = true;
			return 0;
		}
		address += count * word_bytes;
	}
}

static int write_at(int fd, uint64_t address, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = pwrite(fd, (const char *)data + done, len - done, (off_t)(address + done));
		if (put <= 0)
			return put < 0 ? -errno : -EFAULT;
		done += (size_t)put;
	}
	return 0;
}

/* What is mapped, and may be written. */
static bool write_by_vm_writev(pid_t tid, const struct peek_part *parts, size_t count)
{
	enum { PARTS_MAX = 4 };
	struct iovec local[PARTS_MAX], remote[PARTS_MAX];
	size_t len = 0;
	for (size_t i = 0; i < count && i < PARTS_MAX; i++) {
		local[i] = (struct iovec){ (void *)(uintptr_t)parts[i].data, parts[i].len };
		remote[i] = (struct iovec){ (void *)(uintptr_t)parts[i].address, parts[i].len };
		len += parts[i].len;
	}
	return count <= PARTS_MAX && process_vm_writev(tid, local, count, remote, count, 0) == (ssize_t)len;
}

/* It does not make a stack grow, nor writes to text: then by the file. */
int peek_write_parts(pid_t tid, const struct peek_part *parts, size_t count)
{
	if (peek.method == PEEK_VM_READV && write_by_vm_writev(tid, parts, count))
		return 0;
	int fd = open_mem(tid, O_RDWR);
	int error = fd < 0 ? fd : 0;
	for (size_t i = 0; !error && i < count; i++)
		error = write_at(fd, parts[i].address, parts[i].data, parts[i].len);
	if (fd >= 0)
		close(fd);
	return error;
}

int peek_write(pid_t tid, uint64_t address, const void *data, size_t len)
{
	return peek_write_parts(tid, &(struct peek_part){ address, data, len }, 1);
}
