/* 32-bit layouts and indirect calls: see narrow.h. */
#include "narrow.h"

#include "peek.h"

#include <errno.h>

enum {
	X32_BIT = 0x40000000, X32_FIRST = 512,
	OLD_MMAP = 90, OLD_MMAP_WORDS = 6, WORDS_MAX = 6,
	VECTORS_MAX = 16,
};

struct narrow_iovec {
	uint32_t base, len;
};

struct narrow_msghdr {
	uint32_t name;
	int32_t name_len;
	uint32_t iov, iov_len, control, control_len, flags;
};

struct narrow_mmsghdr {
	struct narrow_msghdr header;
	uint32_t len;
};

bool narrow_is(const struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	return made->abi == ABI_I386 || (made->abi == ABI_X32 && (made->number & ~(uint32_t)X32_BIT) >= X32_FIRST);
}

static void *pointer(uint32_t address)
{
	return (void *)(uintptr_t)address;
}

int narrow_read_iovecs(pid_t tid, const struct call *call, uint64_t address, struct iovec *out, size_t count)
{
	struct narrow_iovec narrow[VECTORS_MAX];
	if (!narrow_is(call))
		return peek_read_whole(tid, address, out, count * sizeof *out);
	if (count > VECTORS_MAX)
		return -EINVAL;
	int error = peek_read_whole(tid, address, narrow, count * sizeof *narrow);
	for (size_t i = 0; !error && i < count; i++)
		out[i] = (struct iovec){ pointer(narrow[i].base), narrow[i].len };
	return error;
}

/* It is recorded with what lies between its members. */
static void widen(const struct narrow_msghdr *narrow, struct msghdr *out)
{
	memset(out, 0, sizeof *out);
	out->msg_name = pointer(narrow->name);
	out->msg_namelen = (socklen_t)narrow->name_len;
	out->msg_iov = pointer(narrow->iov);
	out->msg_iovlen = narrow->iov_len;
	out->msg_control = pointer(narrow->control);
	out->msg_controllen = narrow->control_len;
	out->msg_flags = (int)narrow->flags;
}

int narrow_read_msghdr(pid_t tid, const struct call *call, uint64_t address, struct msghdr *out)
{
	struct narrow_msghdr narrow;
	if (!narrow_is(call))
		return peek_read_whole(tid, address, out, sizeof *out);
	int error = peek_read_whole(tid, address, &narrow, sizeof narrow);
	if (!error)
		widen(&narrow, out);
	return error;
}

int narrow_read_mmsghdrs(pid_t tid, const struct call *call, uint64_t address, struct mmsghdr *out, size_t count)
{
	struct narrow_mmsghdr narrow[VECTORS_MAX];
	if (!narrow_is(call))
		return peek_read_whole(tid, address, out, count * sizeof *out);
	if (count > VECTORS_MAX)
		return -EINVAL;
	int error = peek_read_whole(tid, address, narrow, count * sizeof *narrow);
	memset(out, 0, count * sizeof *out);
	for (size_t i = 0; !error && i < count; i++) {
		widen(&narrow[i].header, &out[i].msg_hdr);
		out[i].msg_len = narrow[i].len;
	}
	return error;
}

const char *narrow_socketcall(uint32_t which, unsigned *count)
{
	static const struct {
		const char *name;
		uint8_t count;
	} calls[] = {
		[1] = { "socket", 3 },      [2] = { "bind", 3 },         [3] = { "connect", 3 },    [4] = { "listen", 2 },
		[5] = { "accept4", 3 },     [6] = { "getsockname", 3 },  [7] = { "getpeername", 3 }, [8] = { "socketpair", 4 },
		[9] = { "sendto", 4 },      [10] = { "recvfrom", 4 },    [11] = { "sendto", 6 },    [12] = { "recvfrom", 6 },
		[13] = { "shutdown", 2 },   [14] = { "setsockopt", 5 },  [15] = { "getsockopt", 5 }, [16] = { "sendmsg", 3 },
		[17] = { "recvmsg", 3 },    [18] = { "accept4", 4 },     [19] = { "recvmmsg", 5 },  [20] = { "sendmmsg", 4 },
	};
	if (which >= sizeof calls / sizeof *calls)
		return NULL;
	*count = calls[which].count;
	return calls[which].name;
}

unsigned narrow_indirect(const struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	if (made->abi != ABI_I386)
		return 0;
	return made->number == OLD_MMAP ? 1 : made->number == I386_SOCKETCALL ? 2 : 0;
}

int narrow_read_meant(pid_t tid, struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	uint32_t words[WORDS_MAX];
	unsigned count = OLD_MMAP_WORDS;
	uint64_t address = made->args[0];
	int number = OLD_MMAP;
	if (made->number == I386_SOCKETCALL) {
		const char *name = narrow_socketcall((uint32_t)made->args[0], &count);
		number = name ? syscall_number(ABI_I386, name) : -1;
		address = made->args[1];
	}
	if (number < 0)
		return 0;
	int error = peek_read_whole(tid, address, words, count * sizeof *words);
	if (error)
		return error;
	call->meant = (struct meant){ .is_known = true, .number = (uint32_t)number,
				      .desc = syscall_lookup(ABI_I386, (uint32_t)number) };
	for (unsigned i = 0; i < count; i++)
		call->meant.args[i] = words[i];
	return 0;
}
