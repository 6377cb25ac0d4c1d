/* What the arguments of a call lead to: see capture.h.
 *
 * One function a capture kind, dispatched by the two tables at the end. Values of the tracee
 * (lengths, counts, pointers) are bounded before they are used. */
#include "capture.h"

#include "decode/formats.h"
#include "memory.h"
#include "narrow.h"
#include "peek.h"
#include "procfs.h"
#include "workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

enum {
	PATH_BYTES = 4096,
	SOCKADDR_BYTES = 128,
	CONTROL_BYTES = 256,
	IOVEC_MAX = 16,
	MMSG_MAX = 8,
	STRUCT_BYTES = 256,
	STRUCT_MAX = 512, /* struct utsname is the largest that is read whole */
	NUMBERS = 1024,
};

/* Calls that follow the last component's link, and where their AT_SYMLINK_NOFOLLOW may stand. */
static const struct {
	const char *name;
	uint8_t flags_arg;
} following[] = {
	{ "stat", NO_ARG }, { "access", NO_ARG }, { "faccessat", NO_ARG }, { "faccessat2", 3 },
	{ "newfstatat", 3 }, { "statx", 2 }, { "statfs", NO_ARG }, { "chdir", NO_ARG },
	{ "chmod", NO_ARG }, { "fchmodat", NO_ARG }, { "fchmodat2", 3 }, { "chown", NO_ARG },
	{ "fchownat", 4 }, { "truncate", NO_ARG }, { "utime", NO_ARG }, { "utimes", NO_ARG },
	{ "utimensat", 3 }, { "futimesat", NO_ARG }, { "getxattr", NO_ARG }, { "listxattr", NO_ARG },
	{ "setxattr", NO_ARG }, { "removexattr", NO_ARG }, { "chroot", NO_ARG },
};

enum number_trait {
	FOLLOWS = 1,
	RENAMES = 2,
	OPENS = 4,
	MOVES = 8,             /* a task's working directory */
	MAKES_DIRECTORIES = 16,
	MOVES_ROOTS = 32,      /* of tasks, or the mounts that they see */
};

/* Calls that change what names lead to. */
static const struct {
	const char *name;
	uint8_t more;
} renaming[] = {
	{ "symlink", 0 }, { "symlinkat", 0 }, { "unlink", 0 }, { "unlinkat", 0 }, { "rmdir", 0 }, { "link", 0 },
	{ "linkat", 0 },
	{ "rename", MAKES_DIRECTORIES }, { "renameat", MAKES_DIRECTORIES }, { "renameat2", MAKES_DIRECTORIES },
	{ "mkdir", MAKES_DIRECTORIES }, { "mkdirat", MAKES_DIRECTORIES }, { "mount", MAKES_DIRECTORIES },
	{ "umount2", MAKES_DIRECTORIES }, { "move_mount", MAKES_DIRECTORIES },
	{ "pivot_root", MAKES_DIRECTORIES | MOVES_ROOTS }, { "chroot", MAKES_DIRECTORIES | MOVES_ROOTS },
	{ "setns", MAKES_DIRECTORIES | MOVES_ROOTS }, { "unshare", MAKES_DIRECTORIES | MOVES_ROOTS },
};

/* By x86_64 number: what a call does with names, and the argument with AT_ flags. */
static struct {
	uint8_t traits;
	uint8_t flags_arg;
} numbers[NUMBERS];

static void add_trait(const char *name, unsigned trait, uint8_t flags_arg)
{
	int number = syscall_number(ABI_X86_64, name);
	if (number < 0 || number >= NUMBERS)
		return;
	numbers[number].traits |= (uint8_t)trait;
	numbers[number].flags_arg = flags_arg;
}

void capture_init(void)
{
	for (size_t i = 0; i < sizeof following / sizeof *following; i++)
		add_trait(following[i].name, FOLLOWS, following[i].flags_arg);
	for (size_t i = 0; i < sizeof renaming / sizeof *renaming; i++)
		add_trait(renaming[i].name, (unsigned)RENAMES | renaming[i].more, NO_ARG);
	add_trait("chdir", MOVES, NO_ARG);
	add_trait("fchdir", MOVES, NO_ARG);
	add_trait("open", OPENS, 1);
	add_trait("openat", OPENS, 2);
	add_trait("openat2", OPENS, NO_ARG);
	add_trait("open_by_handle_at", OPENS, 2);
}

/* x86_64's name of a call that i386 has under another. */
static const char *shared_name(const char *name)
{
	static const char *const pairs[][2] = {
		{ "stat64", "stat" },	      { "fstatat64", "newfstatat" }, { "statfs64", "statfs" },
		{ "chown32", "chown" },	      { "truncate64", "truncate" },  { "umount", "umount2" },
		{ "oldstat", "stat" },	      { "utimensat_time64", "utimensat" },
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(pairs[i][0], name) == 0)
			return pairs[i][1];
	return name;
}

/* The traits of a call of any ABI, through the name it shares with x86_64. */
static unsigned traits_of(const struct call *call, uint8_t *flags_arg)
{
	int number = (int)call->event.syscall.number;
	*flags_arg = NO_ARG;
	if (call->event.syscall.abi != ABI_X86_64)
		number = call->desc ? syscall_number(ABI_X86_64, shared_name(call->desc->name)) : -1;
	if (number < 0 || number >= NUMBERS)
		return 0;
	if (numbers[number].traits)
		*flags_arg = numbers[number].flags_arg;
	return numbers[number].traits;
}

bool capture_follows(const struct call *call)
{
	uint8_t flags_arg;
	bool follows = traits_of(call, &flags_arg) & FOLLOWS;
	return follows && !(flags_arg < 6 && (call->event.syscall.args[flags_arg] & AT_SYMLINK_NOFOLLOW));
}

static void note_failure(struct call *call, ssize_t error)
{
	if (error != -EFAULT && error != -ESRCH)
		call->event.syscall.flags |= SYSCALL_UNREADABLE;
}

static uint64_t other_value(const struct call *call, const struct syscall_arg *arg)
{
	return arg->other < 6 ? call->event.syscall.args[arg->other] : 0;
}

/* Attaches up to max of the len bytes at address. */
static void attach_memory(const struct place *place, struct call *call, enum attach_kind kind,
			  unsigned arg, unsigned index, uint64_t address, uint64_t len, size_t max)
{
	char buffer[PATH_BYTES];
	if (!address)
		return;
	if (max > sizeof buffer)
		max = sizeof buffer;
	size_t wanted = len < max ? (size_t)len : max;
	ssize_t got = peek_read(place->tid, address, buffer, wanted);
	if (got < 0)
		note_failure(call, got);
	else if ((size_t)got == wanted || wanted > STRUCT_BYTES)
		call_attach(call, kind, arg, index, bytes_of(buffer, (size_t)got), len > (uint64_t)got);
}

static void attach_fd(const struct place *place, struct call *call, unsigned arg, int fd)
{
	char link[PROCFS_LINK];
	ssize_t len = fd == AT_FDCWD ? workdir_link(place->tid, link, sizeof link) :
				       procfs_fd_link(place->tid, fd, link, sizeof link);
	if (len > 0)
		call_attach(call, ATTACH_FD, arg, 0, bytes_of(link, (size_t)len), false);
}

static int dirfd_of(const struct call *call, const struct syscall_arg *arg)
{
	return arg->other < 6 ? (int)call->event.syscall.args[arg->other] : AT_FDCWD;
}

/* The directory a relative path starts from: already attached for a dirfd argument. */
static bool base_of(const struct place *place, const struct call *call,
		    const struct syscall_arg *arg, struct strbuf *base)
{
	struct bytes known;
	if (arg->other < 6 && call_find(call, ATTACH_FD, arg->other, &known)) {
		if (known.len == 0 || known.data[0] != '/')
			return false;
		known = resolve_inside(place, known);
		strbuf_add(base, known.data, known.len);
		return true;
	}
	return resolve_base(place, dirfd_of(call, arg), base) == 0;
}

static void attach_absolute(const struct place *place, struct call *call, unsigned index,
			    const struct strbuf *path)
{
	static const char *const of_descriptor[] = { "newfstatat", "statx", "readlinkat", "fstatat64",
						      "faccessat2" };
	const struct syscall_arg *arg = &call->desc->args[index];
	for (size_t i = 0; path->len == 0 && i < sizeof of_descriptor / sizeof *of_descriptor; i++)
		if (strcmp(call->desc->name, of_descriptor[i]) == 0)
			return;
	if (path->len == 0 && arg->other >= 6)
		return;
	struct strbuf base = { 0 }, absolute = { 0 };
	if ((path->len > 0 && path->data[0] == '/') || base_of(place, call, arg, &base)) {
		resolve_absolute(place, strbuf_bytes(&base), strbuf_bytes(path), &absolute);
		call_attach(call, ATTACH_ABS, index, 0, strbuf_bytes(&absolute), false);
	}
	strbuf_free(&base);
	strbuf_free(&absolute);
}

static void enter_path(const struct place *place, struct call *call, unsigned index)
{
	uint64_t address = call->event.syscall.args[index];
	if (!address)
		return;
	struct strbuf path = { 0 };
	bool truncated;
	int error = peek_string(place->tid, address, &path, PATH_BYTES, &truncated);
	if (error) {
		note_failure(call, error);
	} else {
		call_attach(call, ATTACH_PATH, index, 0, strbuf_bytes(&path), truncated);
		if (!truncated)
			attach_absolute(place, call, index, &path);
	}
	strbuf_free(&path);
}

static void enter_string(const struct place *place, struct call *call, unsigned index)
{
	uint64_t address = call->event.syscall.args[index];
	struct strbuf string = { 0 };
	bool truncated;
	int error = address ? peek_string(place->tid, address, &string, PATH_BYTES, &truncated) : -EFAULT;
	if (error)
		note_failure(call, error);
	else
		call_attach(call, ATTACH_DATA, index, 0, strbuf_bytes(&string), truncated);
	strbuf_free(&string);
}

static void enter_fd(const struct place *place, struct call *call, unsigned index)
{
	int fd = (int)call->event.syscall.args[index];
	if (fd >= 0 || (fd == AT_FDCWD && call->desc->args[index].capture == CAPTURE_DIRFD))
		attach_fd(place, call, index, fd);
}

static void enter_buffer(const struct place *place, struct call *call, unsigned index)
{
	uint64_t len = other_value(call, &call->desc->args[index]);
	attach_memory(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index], len,
		      CALL_BUFFER_BYTES);
}

static void enter_struct(const struct place *place, struct call *call, unsigned index)
{
	size_t size = call->desc->args[index].size;
	attach_memory(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index], size,
		      STRUCT_BYTES);
}

static uint64_t array_bytes(uint64_t count, size_t size)
{
	return count > CALL_ARRAY_BYTES ? UINT32_MAX : count * size;
}

static void enter_array(const struct place *place, struct call *call, unsigned index)
{
	const struct syscall_arg *arg = &call->desc->args[index];
	attach_memory(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index],
		      array_bytes(other_value(call, arg), arg->size), CALL_ARRAY_BYTES);
}

/* The file that a bind would make, if the address is a path: the socket lies where its name leads
 * at this moment. */
static void attach_bound(const struct place *place, struct call *call, unsigned index)
{
	struct bytes address;
	size_t start = offsetof(struct sockaddr_un, sun_path);
	sa_family_t family;
	if (!call_find(call, ATTACH_DATA, index, &address) || address.len <= start || !address.data[start])
		return;
	memcpy(&family, address.data, sizeof family);
	struct bytes path = bytes_of(address.data + start, strnlen(address.data + start, address.len - start));
	struct strbuf base = { 0 }, absolute = { 0 };
	if (family == AF_UNIX && (path.data[0] == '/' || resolve_base(place, AT_FDCWD, &base) == 0)) {
		resolve_absolute(place, strbuf_bytes(&base), path, &absolute);
		call_attach(call, ATTACH_ABS, index, 0, strbuf_bytes(&absolute), false);
	}
	strbuf_free(&base);
	strbuf_free(&absolute);
}

static void enter_sockaddr(const struct place *place, struct call *call, unsigned index)
{
	attach_memory(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index],
		      other_value(call, &call->desc->args[index]), SOCKADDR_BYTES);
	if (strcmp(call->desc->name, "bind") == 0)
		attach_bound(place, call, index);
}

/* The array of count iovecs at address, and the first bytes of what they hold; total bounds the
 * contents. */
static void attach_iovecs(const struct place *place, struct call *call, enum attach_kind kind,
			  unsigned arg, unsigned index, uint64_t address, uint64_t count,
			  uint64_t total)
{
	struct iovec iov[IOVEC_MAX];
	size_t shown = count < IOVEC_MAX ? (size_t)count : IOVEC_MAX;
	if (!address || !shown || narrow_read_iovecs(place->tid, call, address, iov, shown))
		return;
	call_attach(call, kind, arg, index, bytes_of((char *)iov, shown * sizeof *iov), count > shown);
	for (size_t i = 0; i < shown; i++) {
		uint64_t len = iov[i].iov_len < total ? iov[i].iov_len : total;
		total -= len;
		attach_memory(place, call, ATTACH_ELEMENT, arg, (unsigned)i,
			      (uint64_t)(uintptr_t)iov[i].iov_base, len, CALL_BUFFER_BYTES);
	}
}

static void enter_iovec(const struct place *place, struct call *call, unsigned index)
{
	attach_iovecs(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index],
		      other_value(call, &call->desc->args[index]), UINT64_MAX);
}

static void attach_msghdr(const struct place *place, struct call *call, enum attach_kind kind,
			  unsigned arg, uint64_t address, uint64_t total)
{
	struct msghdr header;
	if (!address || narrow_read_msghdr(place->tid, call, address, &header))
		return;
	call_attach(call, kind, arg, 0, bytes_of((char *)&header, sizeof header), false);
	attach_memory(place, call, ATTACH_NAME, arg, 0, (uint64_t)(uintptr_t)header.msg_name,
		      header.msg_namelen, SOCKADDR_BYTES);
	attach_iovecs(place, call, ATTACH_IOVECS, arg, 0, (uint64_t)(uintptr_t)header.msg_iov,
		      header.msg_iovlen, total);
	if (!narrow_is(call)) /* its headers are shorter */
		attach_memory(place, call, ATTACH_CONTROL, arg, 0, (uint64_t)(uintptr_t)header.msg_control,
			      header.msg_controllen, CONTROL_BYTES);
}

static void enter_msghdr(const struct place *place, struct call *call, unsigned index)
{
	attach_msghdr(place, call, ATTACH_DATA, index, call->event.syscall.args[index], UINT64_MAX);
}

static void attach_mmsghdr(const struct place *place, struct call *call, enum attach_kind kind,
			   unsigned arg, uint64_t count)
{
	struct mmsghdr messages[MMSG_MAX];
	uint64_t address = call->event.syscall.args[arg];
	size_t shown = count < MMSG_MAX ? (size_t)count : MMSG_MAX;
	if (!address || !shown || narrow_read_mmsghdrs(place->tid, call, address, messages, shown))
		return;
	call_attach(call, kind, arg, 0, bytes_of((char *)messages, shown * sizeof *messages), count > shown);
	for (size_t i = 0; i < shown; i++) {
		const struct msghdr *header = &messages[i].msg_hdr;
		attach_memory(place, call, ATTACH_NAME, arg, (unsigned)i,
			      (uint64_t)(uintptr_t)header->msg_name, header->msg_namelen, SOCKADDR_BYTES);
		struct iovec first;
		if (header->msg_iovlen == 0 ||
		    narrow_read_iovecs(place->tid, call, (uint64_t)(uintptr_t)header->msg_iov, &first, 1))
			continue;
		attach_memory(place, call, ATTACH_ELEMENT, arg, (unsigned)i,
			      (uint64_t)(uintptr_t)first.iov_base, first.iov_len, CALL_BUFFER_BYTES);
	}
}

static void enter_mmsghdr(const struct place *place, struct call *call, unsigned index)
{
	attach_mmsghdr(place, call, ATTACH_DATA, index, other_value(call, &call->desc->args[index]));
}

static unsigned word_bytes_of(const struct call *call)
{
	return narrow_is(call) ? 4 : 8;
}

static void enter_argv(const struct place *place, struct call *call, unsigned index)
{
	uint64_t address = call->event.syscall.args[index];
	struct strbuf strings = { 0 };
	struct peek_array array = { 0 };
	int error = !address ? -EFAULT :
		peek_strings(place->tid, address, word_bytes_of(call), &strings, CALL_ARGV_BYTES, &array);
	call->argv_count = array.count;
	if (error)
		note_failure(call, error);
	else
		call_attach(call, ATTACH_STRINGS, index, 0, strbuf_bytes(&strings), array.truncated);
	for (unsigned i = 0; !error && i < array.gap_count; i++)
		call_attach(call, ATTACH_ELEMENT, index, array.gaps[i].index,
			    bytes_of((char *)&array.gaps[i].pointer, sizeof array.gaps[i].pointer), false);
	strbuf_free(&strings);
}

/* Only how many there are is ever shown: that many empty strings. */
static void enter_envp(const struct place *place, struct call *call, unsigned index)
{
	static const char empty[4096];
	uint64_t address = call->event.syscall.args[index];
	struct strbuf strings = { 0 };
	struct peek_array array;
	if (address && peek_strings(place->tid, address, word_bytes_of(call), &strings, 0, &array) == 0)
		call_attach(call, ATTACH_STRINGS, index, 0,
			    bytes_of(empty, array.count < sizeof empty ? array.count : sizeof empty),
			    array.count > sizeof empty);
	strbuf_free(&strings);
}

/* Requests from before the _IOC encoding told size and direction. */
static bool ioctl_layout(uint64_t request, size_t *size, bool *in, bool *out)
{
	static const struct {
		uint16_t request, size;
		bool in, out;
	} old[] = {
		{ 0x5401, 36, false, true }, { 0x5402, 36, true, false }, { 0x5403, 36, true, false },
		{ 0x5404, 36, true, false }, { 0x540f, 4, false, true }, { 0x5410, 4, true, false },
		{ 0x5413, 8, false, true }, { 0x5414, 8, true, false }, { 0x541b, 4, false, true },
		{ 0x5421, 4, true, false }, { 0x5429, 4, false, true }, { 0x5452, 4, true, false },
	};
	for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
		if (old[i].request != request)
			continue;
		*size = old[i].size;
		*in = old[i].in;
		*out = old[i].out;
		return true;
	}
	*size = _IOC_SIZE(request);
	*in = _IOC_DIR(request) & _IOC_WRITE;
	*out = _IOC_DIR(request) & _IOC_READ;
	return *size > 0 && *size <= STRUCT_BYTES;
}

static void enter_ioctl(const struct place *place, struct call *call, unsigned index)
{
	size_t size;
	bool in, out;
	uint64_t request = other_value(call, &call->desc->args[index]) & 0xffffffff;
	if (ioctl_layout(request, &size, &in, &out) && in)
		attach_memory(place, call, ATTACH_DATA, index, 0, call->event.syscall.args[index], size, size);
}

static void leave_buffer(const struct place *place, struct call *call, unsigned index)
{
	bool is_path = call->desc->args[index].format == FORMAT_PATH_BUFFER;
	attach_memory(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index],
		      (uint64_t)call->event.syscall.ret, is_path ? PATH_BYTES : CALL_BUFFER_BYTES);
}

/* How many directory entries the kernel wrote: their names are no news to anybody. The length of
 * an entry stands at the same place in linux_dirent and linux_dirent64 (getdents(2)). */
static void leave_dirents(const struct place *place, struct call *call, unsigned index)
{
	enum { LENGTH_AT = 16, DIRENTS_MAX = 1024 * 1024 };
	uint64_t address = call->event.syscall.args[index], count = 0;
	size_t len = (uint64_t)call->event.syscall.ret < DIRENTS_MAX ? (size_t)call->event.syscall.ret : 0;
	char *entries = memory_checked(malloc(len + 1));
	if (entries && len && peek_read_whole(place->tid, address, entries, len) == 0) {
		uint16_t entry_bytes = 1;
		for (size_t at = 0; at + LENGTH_AT + 2 <= len && entry_bytes; at += entry_bytes, count++)
			memcpy(&entry_bytes, entries + at + LENGTH_AT, sizeof entry_bytes);
		call_attach(call, ATTACH_DATA_OUT, index, 0, bytes_of((char *)&count, sizeof count), false);
	}
	free(entries);
}

static void name_fd_pair(const struct place *place, struct call *call, unsigned index)
{
	struct bytes pair;
	int fds[2];
	char link[PROCFS_LINK];
	if (!call_find(call, ATTACH_DATA_OUT, index, &pair) || pair.len != sizeof fds)
		return;
	memcpy(fds, pair.data, sizeof fds);
	for (unsigned i = 0; i < 2; i++) {
		ssize_t len = procfs_fd_link(place->tid, fds[i], link, sizeof link);
		if (len > 0)
			call_attach(call, ATTACH_FD, index, i, bytes_of(link, (size_t)len), false);
	}
}

static void leave_struct(const struct place *place, struct call *call, unsigned index)
{
	const struct syscall_arg *arg = &call->desc->args[index];
	attach_memory(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index], arg->size,
		      STRUCT_MAX);
	if (arg->format == FORMAT_FD_PAIR)
		name_fd_pair(place, call, index);
}

static void leave_array(const struct place *place, struct call *call, unsigned index)
{
	const struct syscall_arg *arg = &call->desc->args[index];
	uint64_t count = arg->capture == CAPTURE_ARRAY_OUT ? (uint64_t)call->event.syscall.ret :
							     other_value(call, arg);
	attach_memory(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index],
		      array_bytes(count, arg->size), CALL_ARRAY_BYTES);
}

static void leave_sockaddr(const struct place *place, struct call *call, unsigned index)
{
	uint32_t len;
	uint64_t len_address = other_value(call, &call->desc->args[index]);
	if (len_address && peek_read_whole(place->tid, len_address, &len, sizeof len) == 0)
		attach_memory(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index], len,
			      SOCKADDR_BYTES);
}

static void leave_iovec(const struct place *place, struct call *call, unsigned index)
{
	attach_iovecs(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index],
		      other_value(call, &call->desc->args[index]), (uint64_t)call->event.syscall.ret);
}

static void leave_msghdr(const struct place *place, struct call *call, unsigned index)
{
	attach_msghdr(place, call, ATTACH_DATA_OUT, index, call->event.syscall.args[index],
		      (uint64_t)call->event.syscall.ret);
}

static void leave_mmsghdr(const struct place *place, struct call *call, unsigned index)
{
	attach_mmsghdr(place, call, ATTACH_DATA_OUT, index, (uint64_t)call->event.syscall.ret);
}

static void leave_ioctl(const struct place *place, struct call *call, unsigned index)
{
	size_t size;
	bool in, out;
	uint64_t request = other_value(call, &call->desc->args[index]) & 0xffffffff;
	if (ioctl_layout(request, &size, &in, &out) && out)
		attach_memory(place, call, ATTACH_DATA_OUT, index, 0, call->event.syscall.args[index], size,
			      size);
}

/* The stack pointer is behind the return address, on struct ucontext (arch/x86/include/asm/sigframe.h). */
static void enter_sigframe(const struct place *place, struct call *call, unsigned index)
{
	enum { MASK_OFFSET = 296 };
	attach_memory(place, call, ATTACH_DATA, index, 0, call->sp + MASK_OFFSET, sizeof(uint64_t), sizeof(uint64_t));
}

typedef void capture_function(const struct place *place, struct call *call, unsigned index);

static capture_function *const at_entry[CAPTURE_KINDS] = {
	[CAPTURE_PATH] = enter_path,
	[CAPTURE_STRING] = enter_string,
	[CAPTURE_FD] = enter_fd,
	[CAPTURE_DIRFD] = enter_fd,
	[CAPTURE_BUFFER_IN] = enter_buffer,
	[CAPTURE_STRUCT_IN] = enter_struct,
	[CAPTURE_STRUCT_INOUT] = enter_struct,
	[CAPTURE_ARRAY_IN] = enter_array,
	[CAPTURE_ARRAY_INOUT] = enter_array,
	[CAPTURE_SOCKADDR_IN] = enter_sockaddr,
	[CAPTURE_IOVEC_IN] = enter_iovec,
	[CAPTURE_MSGHDR_IN] = enter_msghdr,
	[CAPTURE_MMSGHDR_IN] = enter_mmsghdr,
	[CAPTURE_ARGV] = enter_argv,
	[CAPTURE_ENVP] = enter_envp,
	[CAPTURE_IOCTL] = enter_ioctl,
	[CAPTURE_SIGFRAME_IN] = enter_sigframe,
};

static capture_function *const at_exit[CAPTURE_KINDS] = {
	[CAPTURE_BUFFER_OUT] = leave_buffer,
	[CAPTURE_DIRENTS] = leave_dirents,
	[CAPTURE_STRUCT_OUT] = leave_struct,
	[CAPTURE_STRUCT_INOUT] = leave_struct,
	[CAPTURE_ARRAY_INOUT] = leave_array,
	[CAPTURE_ARRAY_OUT] = leave_array,
	[CAPTURE_SOCKADDR_OUT] = leave_sockaddr,
	[CAPTURE_IOVEC_OUT] = leave_iovec,
	[CAPTURE_MSGHDR_OUT] = leave_msghdr,
	[CAPTURE_MMSGHDR_OUT] = leave_mmsghdr,
	[CAPTURE_IOCTL] = leave_ioctl,
};

/* The first path argument of a call, or -1. */
static int path_arg_of(const struct call *call)
{
	for (int i = 0; i < call->desc->arg_count; i++)
		if (call->desc->args[i].capture == CAPTURE_PATH)
			return i;
	return -1;
}

/* The flags of open, openat or openat2. */
static uint64_t open_flags_of(const struct place *place, const struct call *call, uint8_t flags_arg)
{
	const uint64_t *args = call->event.syscall.args;
	if (strcmp(call->desc->name, "creat") == 0)
		return O_CREAT;
	uint64_t flags = 0;
	if (flags_arg < 6)
		return args[flags_arg];
	return peek_read_whole(place->tid, args[2], &flags, sizeof flags) ? 0 : flags;
}

/* A non-exclusive O_CREAT creates only where nothing was before. */
static void note_existing(const struct place *place, struct call *call, uint8_t flags_arg)
{
	uint64_t flags = open_flags_of(place, call, flags_arg);
	struct bytes path;
	int arg = path_arg_of(call);
	if (!(flags & O_CREAT) || (flags & O_EXCL) || arg < 0)
		return;
	if (call_find(call, ATTACH_ABS, (unsigned)arg, &path) && resolve_exists(place, path))
		call->event.syscall.flags |= SYSCALL_EXISTED;
}

/* Will look-ups that were made before it, and are followed only later, go elsewhere? */
static void note_moving(const struct place *place, struct call *call)
{
	static const char *const of_files[] = { "rename", "renameat", "renameat2", "unlink", "unlinkat" };
	static const char *const harmless[] = { "mkdir", "mkdirat", "link", "linkat" };
	uint8_t flags_arg;
	struct bytes path;
	if (!(traits_of(call, &flags_arg) & RENAMES))
		return;
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (strcmp(call->desc->name, harmless[i]) == 0)
			return;
	call->moves_links = true;
	for (size_t i = 0; i < sizeof of_files / sizeof *of_files; i++)
		if (strcmp(call->desc->name, of_files[i]) == 0)
			call->moves_links = false;
	for (unsigned i = 0; i < call->desc->arg_count && !call->moves_links; i++)
		if (call_find(call, ATTACH_ABS, i, &path))
			call->moves_links = resolve_is_way(place, path);
}

static void begin_changes(struct call *call, unsigned traits)
{
	call->changes = traits & (RENAMES | MOVES | MAKES_DIRECTORIES);
	if (call->changes & (RENAMES | MOVES))
		workdir_change_begins();
	if (call->changes & MAKES_DIRECTORIES)
		resolve_directories_change_begins();
	if (traits & MOVES_ROOTS)
		procfs_roots_move();
}

void capture_over(struct call *call)
{
	if (call->changes & (RENAMES | MOVES))
		workdir_change_ended();
	if (call->changes & MAKES_DIRECTORIES)
		resolve_directories_change_ended();
	call->changes = 0;
}

static void enter(const struct place *place, struct call *call)
{
	uint8_t flags_arg;
	unsigned traits = traits_of(call, &flags_arg);
	begin_changes(call, traits);
	for (unsigned i = 0; i < call->desc->arg_count; i++)
		if (at_entry[call->desc->args[i].capture])
			at_entry[call->desc->args[i].capture](place, call, i);
	if ((traits & OPENS) || strcmp(call->desc->name, "creat") == 0)
		note_existing(place, call, flags_arg);
	note_moving(place, call);
}

void capture_enter(const struct place *place, struct call *call)
{
	if (!call->desc)
		return;
	int error = narrow_indirect(call) ? narrow_read_meant(place->tid, call) : 0;
	if (error) {
		note_failure(call, error);
		return;
	}
	if (call->meant.is_known)
		call->event.syscall.flags |= SYSCALL_FROM_MEMORY;
	call_exchange_meant(call);
	enter(place, call);
	call_exchange_meant(call);
}

static void attach_target(struct call *call, int arg, struct bytes target)
{
	struct bytes absolute;
	if (call_find(call, ATTACH_ABS, (unsigned)arg, &absolute) && !bytes_equal(absolute, target))
		call_attach(call, ATTACH_TARGET, (unsigned)arg, 0, target, false);
}

/* The flags of an open as it was made. */
static uint64_t flags_at_entry(const struct call *call, uint8_t flags_arg)
{
	struct bytes how; /* openat2's; the program's own may be others by now */
	uint64_t flags = 0;
	if (strcmp(call->desc->name, "creat") == 0)
		return O_CREAT | O_WRONLY | O_TRUNC;
	if (flags_arg < 6)
		return call->event.syscall.args[flags_arg];
	if (call_find(call, ATTACH_DATA, 2, &how) && how.len >= sizeof flags)
		memcpy(&flags, how.data, sizeof flags);
	return flags;
}

/* Is the descriptor that an open returned that of a directory? Mostly its flags tell: for writing no directory
 * can be opened, nothing but one with O_DIRECTORY. */
static bool opened_directory(const struct place *place, const struct call *call, struct bytes name,
			     uint8_t flags_arg)
{
	uint64_t flags = flags_at_entry(call, flags_arg);
	if (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY)
		return false;
	if (flags & O_DIRECTORY)
		return true;
	return resolve_is_directory(place, (int)call->event.syscall.ret, name);
}

/* A new descriptor's name is also where the links of the opened path led. */
static void leave_descriptor(const struct place *place, struct call *call, bool opened, uint8_t flags_arg)
{
	int fd = (int)call->event.syscall.ret;
	struct bytes link;
	attach_fd(place, call, ATTACH_RETURN, fd);
	if (!opened || !call_find(call, ATTACH_FD, ATTACH_RETURN, &link))
		return;
	bool directory = opened_directory(place, call, link, flags_arg);
	int arg = path_arg_of(call);
	if (arg >= 0 && link.len && link.data[0] == '/') {
		struct strbuf target = { 0 };
		link = resolve_inside(place, link);
		strbuf_add(&target, link.data, link.len);
		attach_target(call, arg, strbuf_bytes(&target));
		strbuf_free(&target);
	}
	if (directory)
		call->event.syscall.flags |= SYSCALL_DIRECTORY;
}

static void leave_followed(const struct place *place, struct call *call)
{
	int arg = path_arg_of(call);
	struct bytes absolute;
	if (arg < 0 || !call_find(call, ATTACH_ABS, (unsigned)arg, &absolute))
		return;
	struct strbuf target = { 0 };
	if (resolve_links(place, absolute, &target))
		attach_target(call, arg, strbuf_bytes(&target));
	strbuf_free(&target);
}

static void leave(const struct place *place, struct call *call)
{
	for (unsigned i = 0; i < call->desc->arg_count; i++)
		if (at_exit[call->desc->args[i].capture])
			at_exit[call->desc->args[i].capture](place, call, i);
	uint8_t flags_arg;
	unsigned traits = traits_of(call, &flags_arg);
	if (call->desc->returns_fd)
		leave_descriptor(place, call, (traits & OPENS) || strcmp(call->desc->name, "creat") == 0, flags_arg);
	else if (capture_follows(call))
		leave_followed(place, call);
	if (traits & RENAMES)
		resolve_names_changed();
}

void capture_leave(const struct place *place, struct call *call)
{
	if (!call->desc || call->event.syscall.ret < 0)
		return;
	call_exchange_meant(call);
	leave(place, call);
	call_exchange_meant(call);
}
