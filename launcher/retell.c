/* Calls told by the shim: see retell.h. */
#include "retell.h"

#include "capture.h"
#include "decode/formats.h"
#include "follow.h"
#include "filter.h"
#include "lookup.h"
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NUMBERS = 512, CLOSE_UNSHARE = 2, CLOSE_CLOEXEC = 4, COMM_BYTES = 15 };

/* What a call does to descriptors, or to the working directory. */
enum move {
	MOVE_NOTHING,     /* a descriptor that it returns is a new one without a name */
	MOVE_OPEN,
	MOVE_DUPLICATE,   /* returns one that is what argument 0 is */
	MOVE_FCNTL,
	MOVE_CLOSE,
	MOVE_CLOSE_RANGE,
	MOVE_CHDIR,
	MOVE_FCHDIR,
	MOVE_SOCKET,
	MOVE_ANONYMOUS,   /* returns one with a name that is always the same */
	MOVE_RECEIVE,
	MOVE_IOCTL,
	MOVE_UNSHARE,
	MOVE_ELSEWHERE,   /* the working directory is none that is known */
};

static const struct mover {
	const char *name;
	enum move move;
	const char *made; /* MOVE_ANONYMOUS */
} movers[] = {
	{ "open", MOVE_OPEN, NULL },
	{ "openat", MOVE_OPEN, NULL },
	{ "openat2", MOVE_OPEN, NULL },
	{ "creat", MOVE_OPEN, NULL },
	{ "dup", MOVE_DUPLICATE, NULL },
	{ "dup2", MOVE_DUPLICATE, NULL },
	{ "dup3", MOVE_DUPLICATE, NULL },
	{ "fcntl", MOVE_FCNTL, NULL },
	{ "close", MOVE_CLOSE, NULL },
	{ "close_range", MOVE_CLOSE_RANGE, NULL },
	{ "chdir", MOVE_CHDIR, NULL },
	{ "fchdir", MOVE_FCHDIR, NULL },
	{ "socket", MOVE_SOCKET, NULL },
	{ "epoll_create", MOVE_ANONYMOUS, "anon_inode:[eventpoll]" },
	{ "epoll_create1", MOVE_ANONYMOUS, "anon_inode:[eventpoll]" },
	{ "eventfd", MOVE_ANONYMOUS, "anon_inode:[eventfd]" },
	{ "eventfd2", MOVE_ANONYMOUS, "anon_inode:[eventfd]" },
	{ "timerfd_create", MOVE_ANONYMOUS, "anon_inode:[timerfd]" },
	{ "signalfd", MOVE_ANONYMOUS, "anon_inode:[signalfd]" },
	{ "signalfd4", MOVE_ANONYMOUS, "anon_inode:[signalfd]" },
	{ "inotify_init", MOVE_ANONYMOUS, "anon_inode:inotify" },
	{ "inotify_init1", MOVE_ANONYMOUS, "anon_inode:inotify" },
	{ "recvmsg", MOVE_RECEIVE, NULL },
	{ "recvmmsg", MOVE_RECEIVE, NULL },
	{ "ioctl", MOVE_IOCTL, NULL },
	{ "unshare", MOVE_UNSHARE, NULL },
	{ "setns", MOVE_ELSEWHERE, NULL },
	{ "pivot_root", MOVE_ELSEWHERE, NULL },
};

static const struct mover *by_number[NUMBERS]; /* x86_64's */

void retell_init(void)
{
	for (size_t i = 0; i < sizeof movers / sizeof *movers; i++) {
		int number = syscall_number(ABI_X86_64, movers[i].name);
		if (number >= 0 && number < NUMBERS)
			by_number[number] = &movers[i];
	}
}

static const struct mover *mover_of(const struct event_syscall *syscall, const struct syscall_desc *desc)
{
	static const struct mover none = { NULL, MOVE_NOTHING, NULL };
	const struct mover *mover = NULL;
	if (syscall->abi == ABI_X86_64)
		mover = syscall->number < NUMBERS ? by_number[syscall->number] : NULL;
	for (size_t i = 0; syscall->abi != ABI_X86_64 && !mover && i < sizeof movers / sizeof *movers; i++)
		if (strcmp(movers[i].name, desc->name) == 0 ||
		    (movers[i].move == MOVE_FCNTL && strcmp(desc->name, "fcntl64") == 0))
			mover = &movers[i];
	return mover ? mover : &none;
}

static int path_arg_of(const struct syscall_desc *desc)
{
	for (int i = 0; i < desc->arg_count; i++)
		if (desc->args[i].capture == CAPTURE_PATH)
			return i;
	return -1;
}

/* ---- what moves ---- */

static bool duplicates(const struct event_syscall *syscall)
{
	return syscall->args[1] == F_DUPFD || syscall->args[1] == F_DUPFD_CLOEXEC;
}

static void close_range_of(struct writer *writer, const struct event_syscall *syscall)
{
	const uint64_t *args = syscall->args;
	if (args[2] & CLOSE_UNSHARE)
		writers_unshare(writer, WRITER_FILES);
	if (!(args[2] & CLOSE_CLOEXEC))
		descriptors_forget(writer->files, (unsigned)args[0], (unsigned)args[1]);
}

static void unshare_of(struct writer *writer, uint64_t flags)
{
	unsigned shares = (flags & CLONE_FILES ? WRITER_FILES : 0) |
			  (flags & (CLONE_FS | CLONE_NEWNS | CLONE_NEWUSER) ? WRITER_FS : 0);
	writers_unshare(writer, shares);
}

/* Who changes to the directory of a descriptor goes where its name says. */
static void change_to_descriptor(struct writer *writer, int fd)
{
	struct place place = writers_place(writer);
	struct bytes name;
	bool known = descriptors_name(writer->files, fd, &name) && name.data[0] == '/';
	workdir_set(writer->workdir, known ? resolve_inside(&place, name) : bytes_of(NULL, 0));
}

/* name: of the descriptor that was returned, or of the new working directory, as the kernel would say;
 * no bytes: not known. */
static void move(struct writer *writer, const struct event_syscall *syscall, const struct syscall_desc *desc,
		 struct bytes name)
{
	struct place place = writers_place(writer);
	const struct mover *mover = mover_of(syscall, desc);
	int ret = (int)syscall->ret;
	if (mover->move == MOVE_CLOSE) {
		descriptors_forget(writer->files, (unsigned)syscall->args[0], (unsigned)syscall->args[0]);
		return;
	}
	if (syscall->ret < 0 || (syscall->flags & SYSCALL_NO_RETURN))
		return;
	if (mover->move == MOVE_CLOSE_RANGE)
		close_range_of(writer, syscall);
	else if (mover->move == MOVE_UNSHARE)
		unshare_of(writer, syscall->args[0]);
	else if (mover->move == MOVE_FCHDIR)
		change_to_descriptor(writer, (int)syscall->args[0]);
	else if (mover->move == MOVE_CHDIR)
		workdir_set(writer->workdir, name.len ? resolve_inside(&place, name) : name);
	else if (mover->move == MOVE_ELSEWHERE)
		workdir_set(writer->workdir, bytes_of(NULL, 0));
	else if (mover->move == MOVE_FCNTL && duplicates(syscall))
		descriptors_duplicate(writer->files, (int)syscall->args[0], ret);
	else if (mover->move == MOVE_DUPLICATE && !name.len)
		descriptors_duplicate(writer->files, (int)syscall->args[0], ret);
	else if (desc->returns_fd)
		descriptors_set(writer->files, ret, name);
}

/* ---- what the kernel view showed ---- */

static bool find(const struct event_syscall *syscall, enum attach_kind kind, unsigned arg, unsigned index,
		 struct bytes *bytes)
{
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		if (attach->kind != kind || attach->arg != arg || attach->index != index)
			continue;
		*bytes = attach->bytes;
		return true;
	}
	return false;
}

/* A pair of new descriptors: pipe, socketpair. */
static void learn_pair(struct writer *writer, const struct event_syscall *syscall, unsigned arg)
{
	struct bytes pair, name;
	int fds[2];
	if (syscall->ret < 0 || !find(syscall, ATTACH_DATA_OUT, arg, 0, &pair) || pair.len != sizeof fds)
		return;
	memcpy(fds, pair.data, sizeof fds);
	for (unsigned i = 0; i < 2; i++)
		descriptors_set(writer->files, fds[i],
				find(syscall, ATTACH_FD, arg, i, &name) ? name : bytes_of(NULL, 0));
}

static void learn_argument(struct writer *writer, const struct event_syscall *syscall,
			   const struct syscall_arg *arg, unsigned index)
{
	struct place place = writers_place(writer);
	struct bytes name;
	if (arg->format == FORMAT_FD_PAIR)
		learn_pair(writer, syscall, index);
	if ((arg->capture != CAPTURE_FD && arg->capture != CAPTURE_DIRFD) ||
	    !find(syscall, ATTACH_FD, index, 0, &name))
		return;
	if ((int)syscall->args[index] == AT_FDCWD)
		workdir_set(writer->workdir, resolve_inside(&place, name));
	else
		descriptors_set(writer->files, (int)syscall->args[index], name);
}

/* Where chdir led, as the kernel would say. */
static void learn_directory(struct writer *writer, const struct event_syscall *syscall,
			    const struct syscall_desc *desc)
{
	struct place place = writers_place(writer);
	struct strbuf outside = { 0 };
	struct bytes name = { 0 };
	if (find(syscall, ATTACH_TARGET, 0, 0, &name) || find(syscall, ATTACH_ABS, 0, 0, &name))
		resolve_outside(&place, name, &outside);
	move(writer, syscall, desc, strbuf_bytes(&outside));
	strbuf_free(&outside);
}

void retell_learn(struct writer *writer, const struct event_syscall *syscall, uint64_t end_ns)
{
	const struct syscall_desc *desc = syscall_lookup((enum event_abi)syscall->abi, syscall->number);
	struct bytes name = { 0 };
	if (!desc)
		return;
	descriptors_at(UINT64_MAX, end_ns);
	for (unsigned i = 0; i < desc->arg_count; i++)
		learn_argument(writer, syscall, &desc->args[i], i);
	if (mover_of(syscall, desc)->move == MOVE_CHDIR) {
		learn_directory(writer, syscall, desc);
		return;
	}
	find(syscall, ATTACH_FD, ATTACH_RETURN, 0, &name);
	move(writer, syscall, desc, name);
}

/* ---- files that move ---- */

/* As the kernel names what a path of ptwrap's own root leads to, its last component not followed: its directory
 * is still there. */
static bool kernel_name(struct bytes absolute, struct strbuf *out)
{
	static const struct place own = { 0 };
	size_t slash = absolute.len;
	while (slash > 0 && absolute.data[slash - 1] != '/')
		slash--;
	if (!slash)
		return false;
	struct bytes folder = bytes_of(absolute.data, slash > 1 ? slash - 1 : 1);
	if (!resolve_links(&own, folder, out))
		strbuf_add(out, folder.data, folder.len);
	if (out->len > 1)
		strbuf_add_char(out, '/');
	strbuf_add(out, absolute.data + slash, absolute.len - slash);
	return true;
}

static void rename_all(const struct event_syscall *syscall, struct bytes from, struct bytes to)
{
	static const struct bytes aside = { "\1", 1 };
	bool exchange = syscall->abi == ABI_X86_64 && syscall->number == SYS_renameat2 &&
			(syscall->args[4] & RENAME_EXCHANGE);
	struct strbuf gone = { 0 };
	strbuf_add(&gone, to.data, to.len);
	strbuf_add(&gone, " (deleted)", sizeof " (deleted)" - 1);
	writers_moved(to, exchange ? aside : strbuf_bytes(&gone));
	writers_moved(from, to);
	if (exchange)
		writers_moved(aside, from);
	strbuf_free(&gone);
}

static void delete_all(struct bytes name)
{
	struct strbuf gone = { 0 };
	strbuf_add(&gone, name.data, name.len);
	strbuf_add(&gone, " (deleted)", sizeof " (deleted)" - 1);
	writers_moved(name, strbuf_bytes(&gone));
	strbuf_free(&gone);
}

void retell_moves(const struct event_syscall *syscall, void (*settle_before)(uint64_t until_ns), uint64_t until_ns)
{
	const struct syscall_desc *desc = syscall_lookup((enum event_abi)syscall->abi, syscall->number);
	struct bytes path[2];
	size_t count = 0;
	bool renames = desc && strncmp(desc->name, "rename", 6) == 0;
	bool deletes = desc && (strncmp(desc->name, "unlink", 6) == 0 || strcmp(desc->name, "rmdir") == 0);
	if (syscall->ret != 0 || (syscall->flags & (SYSCALL_NO_RETURN | SYSCALL_OTHER_ROOT)) || !(renames || deletes))
		return;
	for (unsigned i = 0; i < desc->arg_count && count < 2; i++)
		count += find(syscall, ATTACH_ABS, i, 0, &path[count]);
	struct strbuf from = { 0 }, to = { 0 };
	if (count == 2 && renames && kernel_name(path[0], &from) && kernel_name(path[1], &to)) {
		settle_before(until_ns);
		rename_all(syscall, strbuf_bytes(&from), strbuf_bytes(&to));
	} else if (count == 1 && deletes && kernel_name(path[0], &from)) {
		delete_all(strbuf_bytes(&from));
	}
	strbuf_free(&from);
	strbuf_free(&to);
}

/* ---- what the shim told: its arguments ---- */

static bool name_of_argument(const struct writer *writer, const struct syscall_arg *arg, int fd, struct strbuf *out)
{
	struct place place = writers_place(writer);
	struct bytes name;
	if (fd == AT_FDCWD && arg->capture == CAPTURE_DIRFD && workdir_name(writer->workdir, &name)) {
		resolve_outside(&place, name, out);
		return true;
	}
	if (fd < 0 || !descriptors_name(writer->files, fd, &name))
		return false;
	strbuf_add(out, name.data, name.len);
	return true;
}

static void tell_descriptor(const struct writer *writer, struct call *call, unsigned index)
{
	struct strbuf name = { 0 };
	int fd = (int)call->event.syscall.args[index];
	if (name_of_argument(writer, &call->desc->args[index], fd, &name))
		call_attach(call, ATTACH_FD, index, 0, strbuf_bytes(&name), false);
	else
		call->names_are_untold |= fd == AT_FDCWD || descriptors_is_untold(writer->files, fd);
	strbuf_free(&name);
}

/* The directory a relative path starts from, seen from the task's root. */
static bool base_of(const struct writer *writer, const struct call *call, const struct syscall_arg *arg,
		    struct strbuf *base)
{
	struct place place = writers_place(writer);
	struct bytes name;
	if (arg->other < 6 && (int)call->event.syscall.args[arg->other] != AT_FDCWD) {
		if (!descriptors_name(writer->files, (int)call->event.syscall.args[arg->other], &name) ||
		    name.data[0] != '/')
			return false;
		name = resolve_inside(&place, name);
	} else if (!workdir_name(writer->workdir, &name)) {
		return false;
	}
	strbuf_add(base, name.data, name.len);
	return true;
}

/* An empty path means the descriptor beside it, or nothing. */
static bool has_place(const struct call *call, const struct syscall_arg *arg, struct bytes path)
{
	static const char *const of_descriptor[] = { "newfstatat", "statx", "readlinkat", "faccessat2" };
	for (size_t i = 0; path.len == 0 && i < sizeof of_descriptor / sizeof *of_descriptor; i++)
		if (strcmp(call->desc->name, of_descriptor[i]) == 0)
			return false;
	return path.len > 0 || arg->other < 6;
}

/* False: where it starts from is not known. */
static bool tell_absolute(const struct writer *writer, struct call *call, unsigned index, struct bytes path)
{
	struct place place = writers_place(writer);
	const struct syscall_arg *arg = &call->desc->args[index];
	struct strbuf base = { 0 }, absolute = { 0 };
	if (!has_place(call, arg, path))
		return true;
	bool known = (path.len && path.data[0] == '/') || base_of(writer, call, arg, &base);
	call->names_are_untold |= !known && arg->other >= 6; /* relative to a working directory that is not known */
	if (known && lookup_absolute(&place, strbuf_bytes(&base), path, &absolute))
		call_attach(call, ATTACH_ABS, index, 0, strbuf_bytes(&absolute), false);
	strbuf_free(&base);
	strbuf_free(&absolute);
	return known;
}

/* A path that could be read was told, if only as none. */
static bool tell_path(const struct writer *writer, const struct ring_message *message, struct call *call,
		      unsigned index)
{
	struct bytes data = message->syscall.data;
	if (message->syscall.data_arg != index)
		return true;
	call_attach(call, ATTACH_PATH, index, 0, data, message->cut);
	return message->cut || tell_absolute(writer, call, index, data);
}

void retell_place(const struct writer *writer, struct call *call, unsigned index)
{
	struct bytes path;
	if (call_find_whole(call, ATTACH_PATH, index, &path))
		tell_absolute(writer, call, index, path);
}

static bool tell_arguments(const struct writer *writer, const struct ring_message *message, struct call *call)
{
	bool known = true;
	for (unsigned i = 0; i < call->desc->arg_count; i++) {
		uint8_t capture = call->desc->args[i].capture;
		if (capture == CAPTURE_FD || capture == CAPTURE_DIRFD)
			tell_descriptor(writer, call, i);
		else if (capture == CAPTURE_PATH)
			known &= tell_path(writer, message, call, i);
		else if (capture == CAPTURE_STRING && message->syscall.data.len && message->syscall.data_arg == i)
			call_attach(call, ATTACH_DATA, i, 0, message->syscall.data, message->cut);
	}
	return known;
}

/* ---- what the shim told: where it led ---- */

static bool opens_link_itself(uint64_t flags)
{
	return (flags & (O_PATH | O_NOFOLLOW)) == (O_PATH | O_NOFOLLOW);
}

static uint64_t open_flags_of(const struct call *call)
{
	const uint64_t *args = call->event.syscall.args;
	return strcmp(call->desc->name, "openat") == 0 ? args[2] :
	       strcmp(call->desc->name, "open") == 0   ? args[1] :
							 0;
}

static void attach_target(struct call *call, unsigned arg, struct bytes absolute, struct bytes target)
{
	if (target.len && target.data[0] == '/' && !bytes_equal(absolute, target))
		call_attach(call, ATTACH_TARGET, arg, 0, target, false);
}

/* The new descriptor's name, and with it where the links of the path led. */
static void tell_opened(const struct writer *writer, struct call *call, struct strbuf *name)
{
	struct place place = writers_place(writer);
	int arg = path_arg_of(call->desc);
	uint64_t flags = open_flags_of(call);
	struct bytes found;
	struct strbuf absolute = { 0 }, target = { 0 };
	bool directory = false;
	enum followed followed = FOLLOWED_UNTOLD;
	if (arg >= 0 && call_find(call, ATTACH_ABS, (unsigned)arg, &found))
		strbuf_add(&absolute, found.data, found.len); /* the call's bytes move as it grows */
	if (absolute.len && opens_link_itself(flags)) {
		strbuf_add(&target, absolute.data, absolute.len);
		followed = FOLLOWED;
	} else if (absolute.len) {
		followed = follow_opened(writer, strbuf_bytes(&absolute), &target, &directory);
	}
	if (!target.len)
		followed = FOLLOWED_UNTOLD; /* for want of memory */
	call->target_is_unknown = followed != FOLLOWED;
	call->names_are_untold |= followed == FOLLOWED_UNTOLD;
	if (followed == FOLLOWED_UNTOLD) {
		strbuf_add_string(name, DESCRIPTORS_UNTOLD);
	} else {
		if (target.len && target.data[0] == '/')
			resolve_outside(&place, strbuf_bytes(&target), name);
		else
			strbuf_add(name, target.data, target.len);
		call_attach(call, ATTACH_FD, ATTACH_RETURN, 0, strbuf_bytes(name), false);
		attach_target(call, (unsigned)arg, strbuf_bytes(&absolute), strbuf_bytes(&target));
	}
	if ((flags & O_DIRECTORY) || directory)
		call->event.syscall.flags |= SYSCALL_DIRECTORY;
	strbuf_free(&absolute);
	strbuf_free(&target);
}

static void tell_followed(const struct writer *writer, struct call *call)
{
	int arg = path_arg_of(call->desc);
	struct bytes found;
	struct strbuf absolute = { 0 }, target = { 0 };
	bool directory;
	if (arg < 0 || !call_find(call, ATTACH_ABS, (unsigned)arg, &found))
		return;
	strbuf_add(&absolute, found.data, found.len);
	call->target_is_unknown = follow_path(writer, strbuf_bytes(&absolute), &target, &directory) != FOLLOWED;
	attach_target(call, (unsigned)arg, strbuf_bytes(&absolute), strbuf_bytes(&target));
	strbuf_free(&absolute);
	strbuf_free(&target);
}

/* The working directory after chdir, as the kernel would say. */
static void name_directory(const struct writer *writer, const struct call *call, struct strbuf *name)
{
	struct place place = writers_place(writer);
	struct bytes absolute;
	struct strbuf target = { 0 };
	bool directory;
	if (call_find(call, ATTACH_TARGET, 0, &absolute)) {
		resolve_outside(&place, absolute, name);
	} else if (call_find(call, ATTACH_ABS, 0, &absolute) &&
		   follow_opened(writer, absolute, &target, &directory) != FOLLOWED_UNTOLD && target.len &&
		   target.data[0] == '/') {
		resolve_outside(&place, strbuf_bytes(&target), name);
	}
	strbuf_free(&target);
}

static void name_socket(const struct ring_message *message, struct strbuf *name)
{
	uint64_t inode;
	if (message->syscall.data_arg != RING_DATA_RETURN || message->syscall.data.len != sizeof inode)
		return;
	memcpy(&inode, message->syscall.data.data, sizeof inode);
	strbuf_addf(name, "socket:[%llu]", (unsigned long long)inode);
}

/* The pair that pipe or socketpair made, as the kernel's view shows it, and under the names that /proc gives. */
static void tell_pair(const struct writer *writer, const struct ring_message *message, struct call *call, unsigned arg)
{
	struct ring_pair pair;
	if (message->syscall.data_arg != RING_DATA_RETURN || message->syscall.data.len != sizeof pair)
		return;
	memcpy(&pair, message->syscall.data.data, sizeof pair);
	call_attach(call, ATTACH_DATA_OUT, arg, 0, bytes_of((const char *)pair.fds, sizeof pair.fds), false);
	for (unsigned i = 0; i < 2; i++) {
		struct strbuf name = { 0 };
		if (pair.inodes[i])
			strbuf_addf(&name, "%s:[%llu]", strcmp(call->desc->name, "socketpair") == 0 ? "socket" : "pipe",
				    (unsigned long long)pair.inodes[i]);
		descriptors_set(writer->files, pair.fds[i], strbuf_bytes(&name));
		if (name.len)
			call_attach(call, ATTACH_FD, arg, i, strbuf_bytes(&name), false);
		strbuf_free(&name);
	}
}

static bool returns_descriptor(const struct event_syscall *ioctl)
{
	return ioctl->args[1] == TIOCGPTPEER || ioctl->args[1] == NS_GET_USERNS || ioctl->args[1] == NS_GET_PARENT;
}

/* Descriptors that came by a message: of what, nobody has told. */
static void forget_received(const struct writer *writer, const struct ring_message *message)
{
	int32_t fd;
	struct bytes data = message->syscall.data;
	for (size_t at = 0; message->syscall.data_arg == RING_DATA_RETURN && at + sizeof fd <= data.len; at += sizeof fd) {
		memcpy(&fd, data.data + at, sizeof fd);
		descriptors_set(writer->files, fd, bytes_of_string(DESCRIPTORS_UNTOLD));
	}
}

static void name_duplicate(const struct writer *writer, const struct call *call, struct strbuf *name)
{
	struct bytes known;
	if (descriptors_name(writer->files, (int)call->event.syscall.args[0], &known))
		strbuf_add(name, known.data, known.len);
}

/* What the call returned, or led to: into the call, and as what move() is to know. */
static void tell_result(const struct writer *writer, const struct ring_message *message, struct call *call,
			struct strbuf *name)
{
	const struct mover *mover = mover_of(&call->event.syscall, call->desc);
	if (call->event.syscall.ret < 0)
		return;
	if (mover->move == MOVE_OPEN) {
		tell_opened(writer, call, name);
		return;
	}
	if (mover->move == MOVE_RECEIVE)
		forget_received(writer, message);
	else if (mover->move == MOVE_IOCTL && returns_descriptor(&call->event.syscall))
		descriptors_set(writer->files, (int)call->event.syscall.ret, bytes_of_string(DESCRIPTORS_UNTOLD));
	if (!call->desc->returns_fd) {
		for (unsigned i = 0; i < call->desc->arg_count; i++)
			if (call->desc->args[i].format == FORMAT_FD_PAIR)
				tell_pair(writer, message, call, i);
		if (capture_follows(call))
			tell_followed(writer, call);
		if (mover->move == MOVE_CHDIR)
			name_directory(writer, call, name);
		return;
	}
	if (mover->move == MOVE_SOCKET)
		name_socket(message, name);
	else if (mover->move == MOVE_DUPLICATE)
		name_duplicate(writer, call, name);
	else if (mover->move == MOVE_ANONYMOUS)
		strbuf_add_string(name, mover->made);
	if (name->len)
		call_attach(call, ATTACH_FD, ATTACH_RETURN, 0, strbuf_bytes(name), false);
}

/* ---- the whole ---- */

/* What stands in registers that the call does not read is nobody's business. */
static bool begin(const struct writer *writer, uint32_t number, const uint64_t args[6], struct call *call)
{
	call_reset(call);
	struct event_syscall *syscall = &call->event.syscall;
	call->event.kind = EVENT_SYSCALL;
	call->event.process = writer->process->id;
	call->event.pid = writer->process->pid;
	call->event.tid = writer->tid;
	syscall->abi = ABI_X86_64;
	syscall->flags = SYSCALL_FROM_SHIM;
	call->made_otherwise = false;
	call->target_is_unknown = call->names_are_untold = call->path_is_unread = false;
	syscall->number = number;
	syscall->ret = 0;
	call->desc = syscall_lookup(ABI_X86_64, number);
	for (int i = 0; i < 6; i++)
		syscall->args[i] = call->desc && i < call->desc->arg_count ? args[i] : 0;
	return call->desc != NULL && filter_class_of(ABI_X86_64, number, args) != CLASS_K;
}

static void finish(const struct writer *writer, struct call *call)
{
	if (writer->process->root)
		call_set_root(call, bytes_of_string(writer->process->root));
}

bool retell_call(struct writer *writer, const struct told *told, struct call *call, bool *unknown_base)
{
	const struct ring_message *message = &told->message;
	struct strbuf name = { 0 };
	*unknown_base = false;
	descriptors_at(told->begin_ns, told->key_ns);
	if (!begin(writer, message->syscall.number, message->syscall.args, call))
		return false;
	call->event.t_ns = told->begin_ns;
	call->event.syscall.dur_ns = told->end_ns - told->begin_ns;
	call->event.syscall.ret = message->syscall.ret;
	call->made_otherwise = message->otherwise;
	*unknown_base = !tell_arguments(writer, message, call);
	tell_result(writer, message, call, &name);
	move(writer, &call->event.syscall, call->desc, strbuf_bytes(&name));
	strbuf_free(&name);
	finish(writer, call);
	return true;
}

bool retell_flight(const struct writer *writer, const struct ring_flight *flight, struct bytes path, struct call *call,
		   bool *is_whole)
{
	*is_whole = true;
	descriptors_at(UINT64_MAX, UINT64_MAX);
	if (!begin(writer, flight->number, flight->args, call))
		return false;
	for (unsigned i = 0; i < call->desc->arg_count; i++) {
		uint8_t capture = call->desc->args[i].capture;
		if (capture == CAPTURE_FD || capture == CAPTURE_DIRFD) {
			tell_descriptor(writer, call, i);
		} else if (capture == CAPTURE_PATH && path.len) {
			call_attach(call, ATTACH_PATH, i, 0, path, false);
			*is_whole &= tell_absolute(writer, call, i, path);
		} else if (capture == CAPTURE_PATH && flight->args[i]) {
			call->path_is_unread = true;
			*is_whole = false;
		}
	}
	finish(writer, call);
	return true;
}

/* The kernel cuts a thread's name after 15 bytes. */
static struct bytes without_begun_secret(const struct redactor *redactor, struct bytes name)
{
	return redactor && name.len >= COMM_BYTES ? redactor_drop_begun(redactor, name) : name;
}

bool retell_meta(const struct writer *writer, const struct told *told, const struct redactor *redactor,
		 const struct shimfile *shim, struct event *event)
{
	const struct ring_message *message = &told->message;
	event->kind = EVENT_META;
	event->t_ns = told->begin_ns;
	event->process = writer->process->id;
	event->pid = writer->process->pid;
	event->tid = writer->tid;
	event->meta = (struct event_meta){ 0 };
	if (message->kind == RING_LIBRARY && message->library.path.len > 0) {
		event->meta.meta_kind = META_LIBRARY;
		event->meta.text = message->library.path;
		event->meta.build_id = message->library.build_id;
	} else if (message->kind == RING_THREAD_NAME) {
		event->meta.meta_kind = META_THREAD_NAME;
		event->meta.text = without_begun_secret(redactor, message->thread_name);
	} else {
		return false;
	}
	return !shim || !bytes_equal(event->meta.text, bytes_of_string(shim->path));
}
