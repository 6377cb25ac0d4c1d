/* Structures of calls on files: stat, statx, statfs, directory entries, locks. */
#include "formatters.h"
#include "text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

void format_stat(const struct decode_arg *arg)
{
	struct stat status;
	if (!arg_read(arg, &status, sizeof status))
		return;
	strbuf_add_string(arg->out, "{st_mode=");
	text_mode(arg->out, status.st_mode);
	if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
		strbuf_add_string(arg->out, ", st_rdev=");
		text_device(arg->out, status.st_rdev);
	} else {
		strbuf_addf(arg->out, ", st_size=%" PRId64, (int64_t)status.st_size);
	}
	strbuf_add_string(arg->out, ", ...}");
}

void format_statx(const struct decode_arg *arg)
{
	struct statx status;
	if (!arg_read(arg, &status, sizeof status))
		return;
	strbuf_add_string(arg->out, "{stx_mask=");
	set_print(arg->out, &set_statx_mask, status.stx_mask);
	strbuf_add_string(arg->out, ", stx_attributes=");
	set_print(arg->out, &set_statx_attributes, status.stx_attributes);
	strbuf_add_string(arg->out, ", stx_mode=");
	text_mode(arg->out, status.stx_mode);
	strbuf_addf(arg->out, ", stx_size=%" PRIu64 ", ...}", (uint64_t)status.stx_size);
}

static void print_file_system(struct strbuf *out, uint64_t type)
{
	const char *name = set_find(&set_statfs_type, type);
	if (name)
		strbuf_add_string(out, name);
	else
		text_hex(out, type);
}

void format_statfs(const struct decode_arg *arg)
{
	struct statfs status;
	if (!arg_read(arg, &status, sizeof status))
		return;
	strbuf_add_string(arg->out, "{f_type=");
	print_file_system(arg->out, (uint64_t)status.f_type);
	strbuf_addf(arg->out, ", f_bsize=%lu, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu, f_files=%lu, f_ffree=%lu",
		    (unsigned long)status.f_bsize, (unsigned long)status.f_blocks,
		    (unsigned long)status.f_bfree, (unsigned long)status.f_bavail,
		    (unsigned long)status.f_files, (unsigned long)status.f_ffree);
	strbuf_addf(arg->out, ", f_fsid={val=[%#x, %#x]}, f_namelen=%lu, f_frsize=%lu, f_flags=",
		    (unsigned)status.f_fsid.__val[0], (unsigned)status.f_fsid.__val[1],
		    (unsigned long)status.f_namelen, (unsigned long)status.f_frsize);
	set_print(arg->out, &set_statfs_flags, (uint64_t)status.f_flags);
	strbuf_add_char(arg->out, '}');
}

/* 0x55.. / * 5 entries * /: the capture holds their number (capture.c). */
void format_dirents(const struct decode_arg *arg)
{
	const struct attach *entries = arg_after(arg);
	uint64_t count = 0;
	arg_print_address(arg);
	if (!arg_call_succeeded(arg->call) || (!entries && arg->call->ret != 0))
		return;
	if (!entries || arg_copy(entries->bytes, 0, &count, sizeof count))
		strbuf_addf(arg->out, " /* %llu entries */", (unsigned long long)count);
}

void format_open_how(const struct decode_arg *arg)
{
	struct open_how how;
	if (!arg_read(arg, &how, sizeof how))
		return;
	strbuf_add_string(arg->out, "{flags=");
	set_print(arg->out, &set_open_flags, how.flags);
	if ((how.flags & O_CREAT) || (how.flags & O_TMPFILE) == O_TMPFILE || how.mode) {
		strbuf_add_string(arg->out, ", mode=");
		text_octal(arg->out, how.mode);
	}
	strbuf_add_string(arg->out, ", resolve=");
	set_print(arg->out, &set_resolve_flags, how.resolve);
	strbuf_add_char(arg->out, '}');
}

void format_file_handle(const struct decode_arg *arg)
{
	struct {
		uint32_t bytes;
		int32_t type;
	} handle, after;
	const struct attach *out = arg_after(arg);
	if (!arg_read(arg, &handle, sizeof handle))
		return;
	strbuf_addf(arg->out, "{handle_bytes=%" PRIu32, handle.bytes);
	if (out && arg_copy(out->bytes, 0, &after, sizeof after)) {
		if (after.bytes != handle.bytes)
			strbuf_addf(arg->out, " => %" PRIu32, after.bytes);
		strbuf_addf(arg->out, ", handle_type=%#" PRIx32, (uint32_t)after.type);
	}
	strbuf_add_char(arg->out, '}');
}

void format_mount_attr(const struct decode_arg *arg)
{
	struct {
		uint64_t set, clear, propagation, userns_fd;
	} attr;
	if (!arg_read(arg, &attr, sizeof attr))
		return;
	strbuf_add_string(arg->out, "{attr_set=");
	set_print(arg->out, &set_mount_attr, attr.set);
	strbuf_add_string(arg->out, ", attr_clr=");
	set_print(arg->out, &set_mount_attr, attr.clear);
	strbuf_add_string(arg->out, ", propagation=");
	if (attr.propagation)
		set_print(arg->out, &set_mount_flags, attr.propagation);
	else
		strbuf_add_string(arg->out, "0 /* MS_??? */");
	strbuf_addf(arg->out, ", userns_fd=%" PRIu64 "}", attr.userns_fd);
}

static void print_lock(const struct decode_arg *arg, const struct flock *lock)
{
	bool queried = arg->call->args[1] == F_GETLK || arg->call->args[1] == F_OFD_GETLK;
	strbuf_add_string(arg->out, "{l_type=");
	set_print(arg->out, &set_fcntl_lock_type, (uint16_t)lock->l_type);
	strbuf_add_string(arg->out, ", l_whence=");
	set_print(arg->out, &set_whence, (uint16_t)lock->l_whence);
	strbuf_addf(arg->out, ", l_start=%" PRId64 ", l_len=%" PRId64, (int64_t)lock->l_start,
		    (int64_t)lock->l_len);
	if (queried)
		strbuf_addf(arg->out, ", l_pid=%d", lock->l_pid);
	strbuf_add_char(arg->out, '}');
}

static void fcntl_lock(const struct decode_arg *arg)
{
	struct flock lock;
	if (arg_read_latest(arg, &lock, sizeof lock))
		print_lock(arg, &lock);
}

static void fcntl_owner(const struct decode_arg *arg)
{
	struct {
		int32_t type, pid;
	} owner;
	if (!arg_read_latest(arg, &owner, sizeof owner))
		return;
	strbuf_add_string(arg->out, "{type=");
	set_print(arg->out, &set_fcntl_owner_type, (uint32_t)owner.type);
	strbuf_addf(arg->out, ", pid=%d}", owner.pid);
}

static void fcntl_hint(const struct decode_arg *arg)
{
	uint64_t hint;
	if (!arg_read_latest(arg, &hint, sizeof hint))
		return;
	strbuf_add_char(arg->out, '[');
	set_print(arg->out, &set_rw_hint, hint);
	strbuf_add_char(arg->out, ']');
}

/* What the third argument of fcntl is, by command: a set, a formatter, or nothing. */
static const struct {
	uint16_t command;
	const struct set *set;
	decode_formatter *format;
} fcntl_args[] = {
	{ F_DUPFD, NULL, format_int }, { F_DUPFD_CLOEXEC, NULL, format_int }, { 1027 /* F_DUPFD_QUERY */, NULL, format_int },
	{ F_SETFD, &set_fcntl_fd_flags, NULL }, { F_SETFL, &set_open_flags, NULL },
	{ F_GETLK, NULL, fcntl_lock }, { F_SETLK, NULL, fcntl_lock }, { F_SETLKW, NULL, fcntl_lock },
	{ F_OFD_GETLK, NULL, fcntl_lock }, { F_OFD_SETLK, NULL, fcntl_lock }, { F_OFD_SETLKW, NULL, fcntl_lock },
	{ F_SETOWN, NULL, format_int }, { F_SETSIG, NULL, format_signal },
	{ F_SETOWN_EX, NULL, fcntl_owner }, { F_GETOWN_EX, NULL, fcntl_owner },
	{ 17 /* F_GETOWNER_UIDS */, NULL, format_address },
	{ F_SETLEASE, &set_fcntl_lock_type, NULL }, { F_NOTIFY, &set_fcntl_notify, NULL },
	{ F_SETPIPE_SZ, NULL, format_int }, { F_ADD_SEALS, &set_fcntl_seals, NULL },
	{ F_GET_RW_HINT, NULL, fcntl_hint }, { F_SET_RW_HINT, NULL, fcntl_hint },
	{ F_GET_FILE_RW_HINT, NULL, fcntl_hint }, { F_SET_FILE_RW_HINT, NULL, fcntl_hint },
};

void format_fcntl_arg(const struct decode_arg *arg)
{
	for (size_t i = 0; i < sizeof fcntl_args / sizeof *fcntl_args; i++) {
		if (fcntl_args[i].command != (uint32_t)arg->call->args[1])
			continue;
		if (fcntl_args[i].set)
			set_print(arg->out, fcntl_args[i].set, (uint32_t)arg->value);
		else
			fcntl_args[i].format(arg);
		return;
	}
	text_hex(arg->out, arg->value);
}

bool format_fcntl_has_arg(uint32_t command)
{
	static const uint16_t bare[] = { F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS };
	for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
		if (bare[i] == command)
			return false;
	return true;
}

/* QCMD(Q_GETQUOTA, USRQUOTA) */
void format_quota_command(const struct decode_arg *arg)
{
	enum { TYPE_BITS = 8 };
	uint32_t command = (uint32_t)arg->value;
	strbuf_add_string(arg->out, "QCMD(");
	set_print(arg->out, &set_quota_cmd, command >> TYPE_BITS);
	strbuf_add_string(arg->out, ", ");
	set_print(arg->out, &set_quota_type, command & ((1U << TYPE_BITS) - 1));
	strbuf_add_char(arg->out, ')');
}

static void print_stamp(const struct decode_arg *arg, const struct timespec *stamp, bool micro)
{
	bool special = !micro && (stamp->tv_nsec == UTIME_NOW || stamp->tv_nsec == UTIME_OMIT);
	if (special) {
		strbuf_add_string(arg->out, stamp->tv_nsec == UTIME_NOW ? "UTIME_NOW" : "UTIME_OMIT");
		return;
	}
	text_time(arg->out, stamp->tv_sec, stamp->tv_nsec, micro ? "usec" : "nsec");
	text_stamp_comment(arg->out, stamp->tv_sec, stamp->tv_nsec, micro ? 6 : 9);
}

static void format_stamps(const struct decode_arg *arg, bool micro)
{
	struct timespec stamps[2];
	if (!arg_read(arg, stamps, sizeof stamps))
		return;
	strbuf_add_char(arg->out, '[');
	print_stamp(arg, &stamps[0], micro);
	strbuf_add_string(arg->out, ", ");
	print_stamp(arg, &stamps[1], micro);
	strbuf_add_char(arg->out, ']');
}

/* The two times of utimensat. */
void format_timespec_pair(const struct decode_arg *arg)
{
	format_stamps(arg, false);
}

void format_timeval_pair(const struct decode_arg *arg)
{
	format_stamps(arg, true);
}

void format_utimbuf(const struct decode_arg *arg)
{
	int64_t times[2];
	if (!arg_read(arg, times, sizeof times))
		return;
	strbuf_addf(arg->out, "{actime=%" PRId64, times[0]);
	text_stamp_comment(arg->out, times[0], 0, 0);
	strbuf_addf(arg->out, ", modtime=%" PRId64, times[1]);
	text_stamp_comment(arg->out, times[1], 0, 0);
	strbuf_add_char(arg->out, '}');
}
