/* What calls make: see made.h. */
#include "made.h"

#include "fast.h"
#include "memory.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

_Static_assert(sizeof(struct ring_pair) <= MADE_BYTES, "a pair fits");

/* recvmmsg's, which libc's header has for GNU programs only. */
struct many {
	struct msghdr message;
	unsigned len;
};

/* 0: not known. */
static uint64_t inode_of(long fd)
{
	struct stat status;
	return exempt_call(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) == 0 ? status.st_ino : 0;
}

static void make_socket(const struct frame *frame, struct made *made)
{
	uint64_t inode = inode_of(frame->result);
	made->len = inode ? sizeof(inode) : 0;
	memcpy(made->bytes, &inode, sizeof(inode));
}

static void make_pair(const struct frame *frame, struct made *made)
{
	bool is_socketpair = frame->number == SYS_socketpair;
	const volatile int32_t *fds = (const volatile int32_t *)(uintptr_t)frame->args[is_socketpair ? 3 : 0];
	struct ring_pair pair = { .fds = { fds[0], fds[1] } };
	pair.inodes[0] = inode_of(pair.fds[0]);
	pair.inodes[1] = is_socketpair ? inode_of(pair.fds[1]) : pair.inodes[0];
	made->len = sizeof(pair);
	memcpy(made->bytes, &pair, sizeof(pair));
}

static void add_received(const struct cmsghdr *control, struct made *made)
{
	const unsigned char *fds = (const unsigned char *)(control + 1);
	size_t len = (control->cmsg_len - sizeof(*control)) & ~(sizeof(int32_t) - 1), room = MADE_BYTES - made->len;
	made->is_cut |= len > room;
	len = len < room ? len : room;
	memcpy(made->bytes + made->len, fds, len);
	made->len += len;
}

static void make_received(const struct msghdr *message, struct made *made)
{
	size_t left = message->msg_controllen;
	const unsigned char *at = message->msg_control;
	while (at && left >= sizeof(struct cmsghdr) && !made->is_cut) {
		const struct cmsghdr *control = (const struct cmsghdr *)at;
		size_t len = control->cmsg_len;
		if (len < sizeof(*control) || len > left)
			break;
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
			add_received(control, made);
		len = (len + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
		at += len;
		left = left > len ? left - len : 0;
	}
}

bool made_is_by(uint64_t number)
{
	switch (number) {
	case SYS_socket:
	case SYS_pipe:
	case SYS_pipe2:
	case SYS_socketpair:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		return true;
	default:
		return false;
	}
}

bool made_by(const struct frame *frame, struct made *made)
{
	made->len = 0;
	made->is_cut = false;
	if (frame->result < 0)
		return false;
	switch (frame->number) {
	case SYS_socket:
		make_socket(frame, made);
		break;
	case SYS_pipe:
	case SYS_pipe2:
	case SYS_socketpair:
		make_pair(frame, made);
		break;
	case SYS_recvmsg:
		make_received((const struct msghdr *)(uintptr_t)frame->args[1], made);
		break;
	case SYS_recvmmsg:
		for (int64_t i = 0; i < frame->result; i++)
			make_received(&((const struct many *)(uintptr_t)frame->args[1])[i].message, made);
		break;
	default:
		break;
	}
	return made->len > 0;
}
