/* Addresses of calls, as they are judged and then used.
 *
 * A call whose address lies in memory is made with the copy that was judged. Where the kernel reads the pointer from
 * memory too (msghdr), or writes beside it (mmsghdr), the call is made in a form in which it does not: sendmmsg
 * sends its first message only, as it may; i386's socketcall becomes the call that it stands for. */
#include "judged.h"

#include "call.h"
#include "model/sockaddr.h"
#include "peek.h"
#include "procfs.h"
#include "socknames.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIDFD_OF_THREAD = O_EXCL /* PIDFD_THREAD, Linux 6.9 */, SENDMSG_X32 = 518, X32_BIT = 0x40000000, SOCKETCALLS = 21, HEADER_BYTES_32 = 28 };

/* A name that it was told otherwise than by what is corrected here (recvfrom, recvmsg) the program hands on as it is. */
static bool restore_name(struct judged *judged)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t offset = offsetof(struct sockaddr_un, sun_path), len;
	struct bytes made;
	if (!sockaddr_unix_path(bytes_of((const char *)judged->address, judged->address_len), &made) ||
	    !(len = socknames_find(made, name.sun_path)))
		return false;
	memcpy(judged->address, &name, sizeof name);
	judged->address_len = (uint32_t)(offset + len + (len < sizeof name.sun_path));
	return true;
}

/* The path that a socket's name leads to: the socket, or the name that it is to have. */
static void name_socket(const struct place *place, struct judged *judged)
{
	struct sockaddr_un name;
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	memcpy(&name, judged->address, sizeof name);
	if (name.sun_family != AF_UNIX || judged->address_len <= offset || judged->address_len > sizeof name || !name.sun_path[0])
		return;
	bool binds = judged->row->object == JUDGED_NAME;
	size_t given = judged->address_len - offset, room = given < sizeof name.sun_path ? given : sizeof name.sun_path;
	struct bytes path = bytes_of(name.sun_path, strnlen(name.sun_path, room));
	if (!judged->leads_unix) {
		strbuf_add(&judged->path, path.data, path.len);
		return;
	}
	struct walk_request request = {
		.tid = place->tid, .as = judged->as ? &judged->as->identity : NULL,
		.own_root = !place->root && !place->other_mounts, .dirfd = AT_FDCWD,
		.path = path, .follow_last = !binds, .by_name = binds,
	};
	int error = walk(&request, &judged->socket);
	judged->error = error;
	if (error)
		return;
	judged->has_socket = true;
	if (!binds && judged->socket.object_fd < 0)
		judged->error = -ENOENT;
	judged_walk_name(place, &judged->socket, &judged->path);
}

/* More than an address may have the kernel refuses, without a look at it. */
static void take_address(const struct place *place, struct judged *judged, uint64_t pointer, uint64_t len)
{
	if (!pointer || !len || len > JUDGED_ADDRESS_BYTES)
		return;
	int error = peek_read_whole(place->tid, pointer, judged->address, (size_t)len);
	if (error) {
		judged->error = error == -EFAULT ? -EFAULT : -EACCES;
		return;
	}
	judged->address_len = (uint32_t)len;
	judged->is_restored = restore_name(judged);
	name_socket(place, judged);
}

/* Does the call matter for the names that it may hand on, and for nothing else? */
static bool is_about_names(const struct judged *judged)
{
	return judged->row->subject == FILTER_NAMES && judged->row->object != JUDGED_NAME;
}

static uint64_t word_at(const struct judged *judged, unsigned index)
{
	uint64_t word = 0;
	memcpy(&word, judged->header + (size_t)index * judged->word_bytes, judged->word_bytes);
	return word;
}

/* A struct msghdr: name, its length (an int), and five words more. */
static void take_header(const struct place *place, struct judged *judged, unsigned arg)
{
	uint32_t name_len;
	judged->header_len = judged->word_bytes == 8 ? JUDGED_HEADER_BYTES : HEADER_BYTES_32;
	int error = peek_read_whole(place->tid, judged->args[arg], judged->header, judged->header_len);
	if (error) {
		judged->error = error == -EFAULT ? -EFAULT : -EACCES;
		return;
	}
	judged->header_arg = (uint8_t)arg;
	judged->is_made_otherwise = true;
	memcpy(&name_len, judged->header + judged->word_bytes, sizeof name_len);
	if ((int32_t)name_len < 0)
		return; /* EINVAL */
	if (name_len > JUDGED_ADDRESS_BYTES)
		name_len = JUDGED_ADDRESS_BYTES;
	memcpy(judged->header + judged->word_bytes, &name_len, sizeof name_len);
	take_address(place, judged, word_at(judged, 0), name_len);
}

static uint32_t sendmsg_number(const struct call *call)
{
	switch ((enum event_abi)call->event.syscall.abi) {
	case ABI_I386:
		return (uint32_t)syscall_number(ABI_I386, "sendmsg");
	case ABI_X32:
		return X32_BIT | SENDMSG_X32;
	default:
		return (uint32_t)syscall_number(ABI_X86_64, "sendmsg");
	}
}

/* The first of them, by sendmsg(2). */
static void take_first(const struct place *place, const struct call *call, struct judged *judged)
{
	uint64_t flags = judged->args[3];
	if (!(uint32_t)judged->args[2])
		return;
	judged->many = judged->args[1];
	judged->number = sendmsg_number(call);
	judged->args[2] = flags;
	judged->args[3] = 0;
	take_header(place, judged, 1);
}

static void take_plain(const struct place *place, struct judged *judged, unsigned arg)
{
	take_address(place, judged, judged->args[arg], (uint32_t)judged->args[arg + 1]);
	if (!judged->address_len)
		return;
	judged->address_arg = (uint8_t)arg;
	judged->is_made_otherwise = true;
}

/* The socket itself is asked. One that cannot be fetched fails closed; what is no socket the kernel refuses. */
static void take_own_address(const struct place *place, struct judged *judged)
{
	socklen_t len = sizeof judged->address;
	int pidfd = (int)syscall(SYS_pidfd_open, place->tid, PIDFD_OF_THREAD);
	int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, (int)judged->args[0], 0);
	bool closed = pidfd >= 0 && fd < 0 && errno == EBADF;
	if (fd >= 0 && getsockname(fd, (struct sockaddr *)judged->address, &len) == 0)
		judged->address_len = len < sizeof judged->address ? len : sizeof judged->address;
	if (fd < 0 && !closed)
		judged->error = -EPERM;
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
}

/* For the name that will be given. */
static void take_room(const struct place *place, struct judged *judged)
{
	if (peek_read_whole(place->tid, judged->args[judged->row->arg + 1], &judged->address_len, sizeof judged->address_len))
		judged->address_len = 0;
}

static void take(const struct place *place, const struct call *call, struct judged *judged)
{
	switch ((enum judged_object)judged->row->object) {
	case JUDGED_PEER:
	case JUDGED_NAME:
	case JUDGED_RECEIVER:
		take_plain(place, judged, judged->row->arg);
		break;
	case JUDGED_MESSAGE:
		take_header(place, judged, judged->row->arg);
		break;
	case JUDGED_MESSAGES:
		take_first(place, call, judged);
		break;
	case JUDGED_LISTENER:
		take_own_address(place, judged);
		break;
	case JUDGED_ANSWER:
		take_room(place, judged);
		break;
	default:
		break;
	}
	if (!is_about_names(judged) || judged->is_restored)
		return;
	judged->is_made_otherwise = false;
	judged->error = 0; /* the kernel will say so itself */
}

/* What socketcall(2)'s first argument stands for (linux/net.h), and how many arguments that has; those that have
 * no address are left alone. */
static const struct {
	const char *name;
	uint8_t args;
} socketcalls[SOCKETCALLS] = {
	[1] = { "socket", 3 },      [2] = { "bind", 3 },         [3] = { "connect", 3 },     [4] = { "listen", 2 },
	[5] = { "accept4", 3 },     [6] = { "getsockname", 3 },  [7] = { "getpeername", 3 }, [11] = { "sendto", 6 },
	[14] = { "setsockopt", 5 }, [16] = { "sendmsg", 3 },    [18] = { "accept4", 4 },
	[20] = { "sendmmsg", 4 },
};

static bool become_direct(const struct place *place, struct judged *judged)
{
	uint32_t words[6] = { 0 }, which = (uint32_t)judged->args[0];
	if (which >= SOCKETCALLS || !socketcalls[which].name)
		return false;
	int error = peek_read_whole(place->tid, judged->args[1], words, socketcalls[which].args * sizeof *words);
	if (error) {
		judged->error = error == -EFAULT ? -EFAULT : -EACCES;
		return false;
	}
	for (int i = 0; i < 6; i++)
		judged->args[i] = words[i];
	judged->number = (uint32_t)syscall_number(ABI_I386, socketcalls[which].name);
	judged->row = filter_find_judged(judged->subjects, ABI_I386, judged->number, judged->args);
	judged->is_made_otherwise = judged->row && judged->row->object != JUDGED_ANSWER;
	return judged->row != NULL;
}

void judged_gather_net(const struct place *place, const struct call *call, struct judged *judged)
{
	const struct event_syscall *made = &call->event.syscall;
	judged->word_bytes = made->abi == ABI_X86_64 ? 8 : 4;
	judged->number = made->number;
	memcpy(judged->args, made->args, sizeof judged->args);
	if (judged->row->object == JUDGED_SOCKETCALL && !become_direct(place, judged))
		return;
	judged->leads_unix |= judged->row->object == JUDGED_NAME && judged->subjects >> POLICY_WRITE & 1;
	take(place, call, judged);
}

/* What the kernel has put at the address of that argument, whose length it put at the next's. True: all of it. */
static bool read_answer(pid_t tid, const struct judged *judged, struct sockaddr_un *name, uint32_t *len)
{
	unsigned arg = judged->row->arg;
	*name = (struct sockaddr_un){ 0 };
	return !peek_read_whole(tid, judged->args[arg + 1], len, sizeof *len) && *len <= judged->address_len &&
	       *len <= sizeof *name && !peek_read_whole(tid, judged->args[arg], name, *len);
}

/* Nothing rests on it: the memory is the program's own. */
void judged_correct_names(const struct place *place, const struct call *call)
{
	struct judged *judged = call->judged;
	struct sockaddr_un name;
	uint32_t len;
	if (!judged || !judged->row || judged->row->object != JUDGED_ANSWER || call->event.syscall.ret < 0 ||
	    !read_answer(place->tid, judged, &name, &len))
		return;
	uint32_t room = judged->address_len;
	memcpy(judged->address, &name, sizeof name);
	judged->address_len = len;
	if (!restore_name(judged))
		return;
	uint32_t given = judged->address_len < room ? judged->address_len : room;
	uint64_t address = judged->args[judged->row->arg], length = judged->args[judged->row->arg + 1];
	struct iovec local[] = { { judged->address, given }, { &judged->address_len, sizeof judged->address_len } };
	struct iovec remote[] = { { (void *)(uintptr_t)address, given }, { (void *)(uintptr_t)length, sizeof len } };
	process_vm_writev(place->tid, local, 2, remote, 2, 0);
}
