/* What the machine says of itself, and the calls whose arguments mean what another argument
 * says: prctl, futex, ptrace, arch_prctl. */
#include "formatters.h"
#include "text.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

/* One field of struct utsname: a string, if what was captured reaches that far. */
static void print_uts_field(struct strbuf *out, const char *label, struct bytes name, size_t offset)
{
	struct utsname *layout = NULL;
	size_t size = sizeof layout->sysname, left = offset < name.len ? name.len - offset : 0;
	const char *start = left ? name.data + offset : "";
	strbuf_add_string(out, label);
	text_quoted(out, bytes_of(start, strnlen(start, left < size ? left : size)), false);
}

void format_utsname(const struct decode_arg *arg)
{
	const struct attach *name = arg_after(arg);
	if (!name) {
		arg_print_address(arg);
		return;
	}
	print_uts_field(arg->out, "{sysname=", name->bytes, offsetof(struct utsname, sysname));
	print_uts_field(arg->out, ", nodename=", name->bytes, offsetof(struct utsname, nodename));
	strbuf_add_string(arg->out, ", ...}");
}

void format_sysinfo(const struct decode_arg *arg)
{
	struct sysinfo info;
	if (!arg_read(arg, &info, sizeof info))
		return;
	strbuf_addf(arg->out, "{uptime=%lu, loads=[%lu, %lu, %lu], totalram=%lu, freeram=%lu, sharedram=%lu",
		    (unsigned long)info.uptime, (unsigned long)info.loads[0], (unsigned long)info.loads[1],
		    (unsigned long)info.loads[2], (unsigned long)info.totalram,
		    (unsigned long)info.freeram, (unsigned long)info.sharedram);
	strbuf_addf(arg->out, ", bufferram=%lu, totalswap=%lu, freeswap=%lu, procs=%u, totalhigh=%lu",
		    (unsigned long)info.bufferram, (unsigned long)info.totalswap,
		    (unsigned long)info.freeswap, info.procs, (unsigned long)info.totalhigh);
	strbuf_addf(arg->out, ", freehigh=%lu, mem_unit=%u}", (unsigned long)info.freehigh, info.mem_unit);
}

void format_landlock_ruleset(const struct decode_arg *arg)
{
	const struct attach *before = arg_before(arg);
	uint64_t fs, net, scoped;
	if (!before || !arg_copy(before->bytes, 0, &fs, sizeof fs)) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_string(arg->out, "{handled_access_fs=");
	set_print(arg->out, &set_landlock_access_fs, fs);
	if (arg_copy(before->bytes, 8, &net, sizeof net) && arg->call->args[1] >= 16) {
		strbuf_add_string(arg->out, ", handled_access_net=");
		set_print(arg->out, &set_landlock_access_net, net);
	}
	if (arg_copy(before->bytes, 16, &scoped, sizeof scoped) && arg->call->args[1] >= 24) {
		strbuf_add_string(arg->out, ", scoped=");
		set_print(arg->out, &set_landlock_scope, scoped);
	}
	strbuf_add_char(arg->out, '}');
}

void format_landlock_rule(const struct decode_arg *arg)
{
	const struct attach *before = arg_before(arg);
	uint64_t access;
	int32_t fd;
	if (arg->call->args[1] != LANDLOCK_RULE_PATH_BENEATH || !before ||
	    !arg_copy(before->bytes, 0, &access, sizeof access) || !arg_copy(before->bytes, 8, &fd, sizeof fd)) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_string(arg->out, "{allowed_access=");
	set_print(arg->out, &set_landlock_access_fs, access);
	strbuf_addf(arg->out, ", parent_fd=%d}", fd);
}

void format_perf_event_attr(const struct decode_arg *arg)
{
	struct {
		uint32_t type, size;
		uint64_t config;
	} attr;
	if (!arg_read(arg, &attr, sizeof attr))
		return;
	strbuf_add_string(arg->out, "{type=");
	set_print(arg->out, &set_perf_type, attr.type);
	strbuf_addf(arg->out, ", size=%" PRIu32 ", config=", attr.size);
	text_hex(arg->out, attr.config);
	strbuf_add_string(arg->out, ", ...}");
}

static void futex_operation(const struct decode_arg *arg)
{
	uint32_t code = (uint32_t)arg->value;
	enum { SHIFTED = 8 };
	if (code >> 28 & SHIFTED)
		strbuf_add_string(arg->out, "FUTEX_OP_OPARG_SHIFT<<28|");
	set_print(arg->out, &set_futex_wake_op, code >> 28 & 7);
	strbuf_addf(arg->out, "<<28|%#" PRIx32 "<<12|", code >> 12 & 0xfff);
	set_print(arg->out, &set_futex_wake_cmp, code >> 24 & 0xf);
	strbuf_addf(arg->out, "<<24|%#" PRIx32, code & 0xfff);
}

static void futex_bitset(const struct decode_arg *arg)
{
	if ((uint32_t)arg->value == FUTEX_BITSET_MATCH_ANY)
		strbuf_add_string(arg->out, "FUTEX_BITSET_MATCH_ANY");
	else
		text_hex(arg->out, (uint32_t)arg->value);
}

/* The arguments of an operation from the third on; NULL: it has none there. */
static const struct futex_shape {
	uint8_t op;
	decode_formatter *args[4];
} futex_shapes[] = {
	{ FUTEX_WAIT, { format_uint, format_timespec } },
	{ FUTEX_WAKE, { format_uint } },
	{ FUTEX_FD, { format_signal } },
	{ FUTEX_REQUEUE, { format_uint, format_uint, format_address } },
	{ FUTEX_CMP_REQUEUE, { format_uint, format_uint, format_address, format_uint } },
	{ FUTEX_WAKE_OP, { format_uint, format_uint, format_address, futex_operation } },
	{ FUTEX_LOCK_PI, { NULL, format_timespec } },
	{ FUTEX_LOCK_PI2, { NULL, format_timespec } },
	{ FUTEX_UNLOCK_PI, { NULL } },
	{ FUTEX_TRYLOCK_PI, { NULL } },
	{ FUTEX_WAIT_BITSET, { format_uint, format_timespec, NULL, futex_bitset } },
	{ FUTEX_WAKE_BITSET, { format_uint, NULL, NULL, futex_bitset } },
	{ FUTEX_WAIT_REQUEUE_PI, { format_uint, format_timespec, format_address } },
	{ FUTEX_CMP_REQUEUE_PI, { format_uint, format_uint, format_address, format_uint } },
};

enum { FUTEX_FIRST_ARG = 2, FUTEX_ARGS = 4 };

/* NULL for an operation that nobody knows. */
static const struct futex_shape *futex_shape_of(uint64_t op)
{
	enum { COMMAND_MASK = 0x7f };
	for (size_t i = 0; i < sizeof futex_shapes / sizeof *futex_shapes; i++)
		if (futex_shapes[i].op == (op & COMMAND_MASK))
			return &futex_shapes[i];
	return NULL;
}

void format_futex_arg(const struct decode_arg *arg)
{
	const struct futex_shape *shape = futex_shape_of(arg->call->args[1]);
	unsigned at = arg->index - FUTEX_FIRST_ARG;
	if (shape && at < FUTEX_ARGS && shape->args[at])
		shape->args[at](arg);
	else if (!shape && at == 0)
		format_uint(arg);
	else
		format_hex(arg);
}

bool format_futex_has_arg(uint64_t op, unsigned index)
{
	const struct futex_shape *shape = futex_shape_of(op);
	unsigned at = index - FUTEX_FIRST_ARG;
	return !shape || at >= FUTEX_ARGS || shape->args[at];
}

static void prctl_dumpable(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_dumpable, arg->value);
}

static void prctl_capability(const struct decode_arg *arg)
{
	set_print(arg->out, &set_capability, arg->value);
}

static void prctl_ambient(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_cap_ambient, arg->value);
}

static void prctl_seccomp(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_seccomp_mode, arg->value);
}

static void prctl_securebits(const struct decode_arg *arg)
{
	set_print(arg->out, &set_securebits, arg->value);
}

static void prctl_speculation(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_spec, arg->value);
}

static void prctl_spec_control(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_spec_result, arg->value);
}

static void prctl_dispatch(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_dispatch, arg->value);
}

static void prctl_mm(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_set_mm, arg->value);
}

static void prctl_vma(const struct decode_arg *arg)
{
	set_print(arg->out, &set_prctl_vma, arg->value);
}

static void prctl_ptracer(const struct decode_arg *arg)
{
	if ((uint32_t)arg->value == UINT32_MAX)
		strbuf_add_string(arg->out, "PR_SET_PTRACER_ANY");
	else
		format_ulong(arg);
}

enum { PRCTL_ARGS = 4, COMM_BYTES = 16 };

/* The name of a thread, of which the kernel takes 15 bytes. */
static void prctl_name(const struct decode_arg *arg)
{
	const struct attach *name = arg_data(arg);
	if (!name) {
		arg_print_address(arg);
		return;
	}
	size_t len = strnlen(name->bytes.data, name->bytes.len);
	bool longer = len >= COMM_BYTES;
	text_quoted(arg->out, bytes_of(name->bytes.data, longer ? COMM_BYTES - 1 : len), longer);
}

/* The arguments of each option from the second on; NULL ends the list. */
static const struct {
	uint32_t option;
	decode_formatter *args[PRCTL_ARGS];
} prctl_shapes[] = {
	{ PR_SET_PDEATHSIG, { format_signal } },
	{ PR_GET_PDEATHSIG, { format_address } },
	{ PR_GET_DUMPABLE, { NULL } },
	{ PR_SET_DUMPABLE, { prctl_dumpable } },
	{ PR_GET_KEEPCAPS, { NULL } },
	{ PR_SET_KEEPCAPS, { format_ulong } },
	{ PR_GET_TIMING, { NULL } },
	{ PR_SET_TIMING, { format_ulong } },
	{ PR_SET_NAME, { prctl_name } },
	{ PR_GET_NAME, { prctl_name } },
	{ PR_GET_SECCOMP, { NULL } },
	{ PR_SET_SECCOMP, { prctl_seccomp, format_address } },
	{ PR_CAPBSET_READ, { prctl_capability } },
	{ PR_CAPBSET_DROP, { prctl_capability } },
	{ PR_GET_TSC, { format_address } },
	{ PR_SET_TSC, { format_ulong } },
	{ PR_GET_SECUREBITS, { NULL } },
	{ PR_SET_SECUREBITS, { prctl_securebits } },
	{ PR_GET_TIMERSLACK, { NULL } },
	{ PR_SET_TIMERSLACK, { format_ulong } },
	{ PR_TASK_PERF_EVENTS_DISABLE, { NULL } },
	{ PR_TASK_PERF_EVENTS_ENABLE, { NULL } },
	{ PR_SET_MM, { prctl_mm, format_address, format_ulong, format_ulong } },
	{ PR_SET_PTRACER, { prctl_ptracer } },
	{ PR_SET_CHILD_SUBREAPER, { format_ulong } },
	{ PR_GET_CHILD_SUBREAPER, { format_address } },
	{ PR_SET_NO_NEW_PRIVS, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_GET_NO_NEW_PRIVS, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_GET_TID_ADDRESS, { format_address } },
	{ PR_SET_THP_DISABLE, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_GET_THP_DISABLE, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_CAP_AMBIENT, { prctl_ambient, prctl_capability, format_ulong, format_ulong } },
	{ PR_GET_SPECULATION_CTRL, { prctl_speculation } },
	{ PR_SET_SPECULATION_CTRL, { prctl_speculation, prctl_spec_control } },
	{ PR_SET_IO_FLUSHER, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_GET_IO_FLUSHER, { format_ulong, format_ulong, format_ulong, format_ulong } },
	{ PR_SET_SYSCALL_USER_DISPATCH, { prctl_dispatch, format_hex, format_hex, format_address } },
	{ PR_SET_VMA, { prctl_vma, format_address, format_ulong, format_address } },
};

static decode_formatter *const *prctl_shape_of(uint64_t option)
{
	static decode_formatter *const unknown[PRCTL_ARGS] = { format_hex, format_hex, format_hex, format_hex };
	for (size_t i = 0; i < sizeof prctl_shapes / sizeof *prctl_shapes; i++)
		if (prctl_shapes[i].option == (uint32_t)option)
			return prctl_shapes[i].args;
	return unknown;
}

void format_prctl_arg(const struct decode_arg *arg)
{
	decode_formatter *const *shape = prctl_shape_of(arg->call->args[0]);
	unsigned at = arg->index - 1;
	(at < PRCTL_ARGS && shape[at] ? shape[at] : format_hex)(arg);
}

bool format_prctl_has_arg(uint64_t option, unsigned index)
{
	unsigned at = index - 1;
	return at >= PRCTL_ARGS || prctl_shape_of(option)[at];
}

static void ptrace_options(const struct decode_arg *arg)
{
	set_print(arg->out, &set_ptrace_options, arg->value);
}

enum { PTRACE_PID = 1, PTRACE_ADDRESS = 2, PTRACE_DATA = 4, PTRACE_ALL = 7 };

/* Which arguments a ptrace request has, and what the last one is where it is no address. */
static const struct {
	uint16_t request;
	uint8_t shown;
	decode_formatter *data;
} ptrace_shapes[] = {
	{ PTRACE_TRACEME, 0, NULL },
	{ PTRACE_ATTACH, PTRACE_PID, NULL },
	{ PTRACE_KILL, PTRACE_PID, NULL },
	{ PTRACE_INTERRUPT, PTRACE_PID, NULL },
	{ PTRACE_LISTEN, PTRACE_PID, NULL },
	{ PTRACE_GETREGS, PTRACE_PID | PTRACE_DATA, NULL },
	{ PTRACE_SETREGS, PTRACE_PID | PTRACE_DATA, NULL },
	{ PTRACE_GETFPREGS, PTRACE_PID | PTRACE_DATA, NULL },
	{ PTRACE_SETFPREGS, PTRACE_PID | PTRACE_DATA, NULL },
	{ PTRACE_CONT, PTRACE_ALL, format_signal },
	{ PTRACE_SYSCALL, PTRACE_ALL, format_signal },
	{ PTRACE_SINGLESTEP, PTRACE_ALL, format_signal },
	{ PTRACE_DETACH, PTRACE_ALL, format_signal },
	{ PTRACE_SETOPTIONS, PTRACE_ALL, ptrace_options },
	{ PTRACE_SEIZE, PTRACE_ALL, ptrace_options },
};

bool format_ptrace_has_arg(uint64_t request, unsigned index)
{
	for (size_t i = 0; index && i < sizeof ptrace_shapes / sizeof *ptrace_shapes; i++)
		if (ptrace_shapes[i].request == request)
			return ptrace_shapes[i].shown >> (index - 1) & 1;
	return true;
}

static bool is_signal(uint64_t value)
{
	return value > 0 && value <= INT32_MAX && syscall_signal_name((int)value);
}

void format_ptrace_data(const struct decode_arg *arg)
{
	for (size_t i = 0; i < sizeof ptrace_shapes / sizeof *ptrace_shapes; i++) {
		decode_formatter *format = ptrace_shapes[i].data;
		if (ptrace_shapes[i].request != arg->call->args[0] || !format)
			continue;
		if (format == format_signal && arg->value && !is_signal(arg->value))
			format_hex(arg);
		else
			format(arg);
		return;
	}
	arg_print_address(arg);
}

/* What arch_prctl's second argument is: where an address is put, an address, a number. */
static const struct {
	uint16_t code;
	decode_formatter *format; /* NULL: no argument */
} arch_prctl_shapes[] = {
	{ 0x1001, format_address }, { 0x1002, format_address }, { 0x1003, format_hex_pointer },
	{ 0x1004, format_hex_pointer }, { 0x1011, NULL }, { 0x1012, format_ulong },
};

void format_arch_prctl_arg(const struct decode_arg *arg)
{
	for (size_t i = 0; i < sizeof arch_prctl_shapes / sizeof *arch_prctl_shapes; i++) {
		if (arch_prctl_shapes[i].code != arg->call->args[0] || !arch_prctl_shapes[i].format)
			continue;
		arch_prctl_shapes[i].format(arg);
		return;
	}
	text_hex(arg->out, arg->value);
}

bool format_arch_prctl_has_arg(uint64_t code)
{
	for (size_t i = 0; i < sizeof arch_prctl_shapes / sizeof *arch_prctl_shapes; i++)
		if (arch_prctl_shapes[i].code == code)
			return arch_prctl_shapes[i].format != NULL;
	return true;
}

/* seccomp's last argument, by its operation: a program, an action, or nothing that is followed. */
void format_seccomp_arg(const struct decode_arg *arg)
{
	enum { SET_FILTER = 1, ACTION_AVAILABLE = 2 };
	const struct attach *before = arg_before(arg);
	uint32_t action;
	if (arg->call->args[0] == SET_FILTER) {
		format_sock_fprog(arg);
	} else if (arg->call->args[0] == ACTION_AVAILABLE && before &&
		   arg_copy(before->bytes, 0, &action, sizeof action)) {
		strbuf_add_char(arg->out, '[');
		set_print(arg->out, &set_seccomp_action, action);
		strbuf_add_char(arg->out, ']');
	} else {
		arg_print_address(arg);
	}
}

void format_semctl_arg(const struct decode_arg *arg)
{
	enum { SETVAL_COMMAND = 16 };
	if (arg->call->args[2] == SETVAL_COMMAND)
		format_int(arg);
	else
		arg_print_address(arg);
}

/* The version bit that libraries used to set makes no difference here. */
void format_sem_command(const struct decode_arg *arg)
{
	enum { IPC_64_BIT = 0x100 };
	const struct set *set = arg_set(arg);
	if (arg->value & IPC_64_BIT)
		strbuf_add_string(arg->out, "IPC_64|");
	set_print(arg->out, set ? set : &set_semctl_cmd, (uint32_t)arg->value & ~(uint32_t)IPC_64_BIT);
}

void format_sembuf(const struct decode_arg *arg)
{
	struct {
		uint16_t number;
		int16_t operation, flags;
	} buffer;
	const struct attach *buffers = arg_before(arg);
	size_t count = 0;
	if (!buffers) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	while (count < FORMAT_ELEMENTS && arg_copy(buffers->bytes, count * sizeof buffer, &buffer, sizeof buffer)) {
		strbuf_addf(arg->out, count++ ? ", {sem_num=%u, sem_op=%d, sem_flg=" : "{sem_num=%u, sem_op=%d, sem_flg=",
			    buffer.number, buffer.operation);
		set_print(arg->out, &set_sem_flags, (uint16_t)buffer.flags);
		strbuf_add_char(arg->out, '}');
	}
	strbuf_add_string(arg->out, buffers->truncated || count * sizeof buffer < buffers->bytes.len ? ", ...]" : "]");
}

void format_mq_attr(const struct decode_arg *arg)
{
	int64_t attr[4];
	if (!arg_read(arg, attr, sizeof attr))
		return;
	strbuf_add_string(arg->out, "{mq_flags=");
	set_print(arg->out, &set_open_flags, (uint64_t)attr[0]);
	strbuf_addf(arg->out, ", mq_maxmsg=%" PRId64 ", mq_msgsize=%" PRId64 ", mq_curmsgs=%" PRId64 "}",
		    attr[1], attr[2], attr[3]);
}

/* ipc_perm, which shmid_ds and msqid_ds begin with. */
static void print_ipc_owner(struct strbuf *out, const struct ipc_perm *perm)
{
	strbuf_addf(out, "uid=%u, gid=%u, mode=%#o, key=%#x, cuid=%u, cgid=%u}", perm->uid, perm->gid, perm->mode,
		    (unsigned)perm->__key, perm->cuid, perm->cgid);
}

/* IPC_STAT fills the structure in, IPC_SET takes it; other commands have another one, or none. */
static bool read_ipc(const struct decode_arg *arg, void *out, size_t size)
{
	uint32_t command = (uint32_t)(arg->index ? arg->call->args[arg->index - 1] : 0) & 0xff;
	const struct attach *attach = command == IPC_STAT ? arg_after(arg) : command == IPC_SET ? arg_before(arg) : NULL;
	if (attach && arg_copy(attach->bytes, 0, out, size))
		return true;
	arg_print_address(arg);
	return false;
}

void format_shmid_ds(const struct decode_arg *arg)
{
	struct shmid_ds segment;
	if (!read_ipc(arg, &segment, sizeof segment))
		return;
	strbuf_add_string(arg->out, "{shm_perm={");
	print_ipc_owner(arg->out, &segment.shm_perm);
	strbuf_addf(arg->out, ", shm_segsz=%zu, shm_cpid=%d, shm_lpid=%d, shm_nattch=%lu, "
		    "shm_atime=%ld, shm_dtime=%ld, shm_ctime=%ld}",
		    segment.shm_segsz, segment.shm_cpid, segment.shm_lpid, (unsigned long)segment.shm_nattch,
		    (long)segment.shm_atime, (long)segment.shm_dtime, (long)segment.shm_ctime);
}

void format_msqid_ds(const struct decode_arg *arg)
{
	struct msqid_ds queue;
	if (!read_ipc(arg, &queue, sizeof queue))
		return;
	strbuf_add_string(arg->out, "{msg_perm={");
	print_ipc_owner(arg->out, &queue.msg_perm);
	strbuf_addf(arg->out, ", msg_stime=%ld, msg_rtime=%ld, msg_ctime=%ld, msg_qnum=%lu, msg_qbytes=%lu, "
		    "msg_lspid=%d, msg_lrpid=%d}",
		    (long)queue.msg_stime, (long)queue.msg_rtime, (long)queue.msg_ctime,
		    (unsigned long)queue.msg_qnum, (unsigned long)queue.msg_qbytes, queue.msg_lspid, queue.msg_lrpid);
}

/* struct rseq is the kernel's to write at any time: only where it is matters. */
void format_rseq(const struct decode_arg *arg)
{
	arg_print_address(arg);
}

static bool is_key(uint64_t op, unsigned index)
{
	enum { JOIN_SESSION = 1, SET_REQKEY = 14, GET_PERSISTENT = 22 };
	return index == 1 && op != JOIN_SESSION && op != SET_REQKEY && op != GET_PERSISTENT;
}

bool format_keyctl_has_arg(uint64_t op, unsigned index)
{
	/* Arguments of each operation behind the operation, by its number. */
	static const uint8_t counts[] = {
		2, 1, 3, 1, 3, 2, 3, 1, 2, 2, 4, 3, 4, 3, 1, 2, 1, 3, 0, 3, 4, 3, 2, 4, 4, 5, 5, 5, 4, 3, 4, 2, 3,
	};
	return op >= sizeof counts || index <= counts[op];
}

void format_keyctl_arg(const struct decode_arg *arg)
{
	if (is_key(arg->call->args[0], arg->index))
		format_key(arg);
	else
		text_hex(arg->out, arg->value);
}

/* The beginning of union bpf_attr for the commands that bring something into the kernel. */
void format_bpf_attr(const struct decode_arg *arg)
{
	enum { MAP_CREATE = 0, PROG_LOAD = 5 };
	struct {
		uint32_t type, count[3];
		uint64_t license;
	} attr;
	bool known = arg->call->args[0] == MAP_CREATE || arg->call->args[0] == PROG_LOAD;
	const struct attach *before = arg_before(arg);
	if (!known || !before || arg->call->args[2] < sizeof attr || !arg_copy(before->bytes, 0, &attr, sizeof attr)) {
		arg_print_address(arg);
		return;
	}
	if (arg->call->args[0] == MAP_CREATE) {
		strbuf_add_string(arg->out, "{map_type=");
		set_print(arg->out, &set_bpf_map_type, attr.type);
		strbuf_addf(arg->out, ", key_size=%" PRIu32 ", value_size=%" PRIu32 ", max_entries=%" PRIu32 ", ...}",
			    attr.count[0], attr.count[1], attr.count[2]);
	} else {
		strbuf_add_string(arg->out, "{prog_type=");
		set_print(arg->out, &set_bpf_prog_type, attr.type);
		strbuf_addf(arg->out, ", insn_cnt=%" PRIu32 ", ...}", attr.count[0]);
	}
}

/* waitid's second argument is a descriptor with P_PIDFD, else a number. */
void format_waitid_id(const struct decode_arg *arg)
{
	format_int(arg);
}

void format_priority_who(const struct decode_arg *arg)
{
	format_int(arg);
}

/* A 64-bit value in two registers, low one first, as i386 passes it. */
void format_offset_low(const struct decode_arg *arg)
{
	uint64_t high = arg->index + 1 < 6 ? arg->call->args[arg->index + 1] : 0;
	strbuf_addf(arg->out, "%" PRId64, (int64_t)((uint32_t)arg->value | high << 32));
}

/* clone's optional arguments, with what the kernel put there where that was read. */
void format_clone_tid(const struct decode_arg *arg)
{
	int32_t tid;
	const struct attach *after = arg_after(arg);
	if (after && arg_copy(after->bytes, 0, &tid, sizeof tid))
		strbuf_addf(arg->out, "[%d]", tid);
	else
		arg_print_address(arg);
}
