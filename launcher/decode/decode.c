/* Owns the table from formats to formatters, and which arguments of a call are shown: see
 * decode.h. Text is made elsewhere. */
#include "decode.h"

#include "formats.h"
#include "formatters.h"
#include "text.h"

#include <inttypes.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { ARGS = 6 };

static decode_formatter *const formatters[FORMATS] = {
	[FORMAT_INT] = format_int,
	[FORMAT_UINT] = format_uint,
	[FORMAT_LONG] = format_long,
	[FORMAT_ULONG] = format_ulong,
	[FORMAT_HEX] = format_hex,
	[FORMAT_HEX32] = format_hex32,
	[FORMAT_OCTAL] = format_octal,
	[FORMAT_ADDRESS] = format_address,
	[FORMAT_OFFSET_LOW] = format_offset_low,
	[FORMAT_OFFSET_HIGH] = format_hex,
	[FORMAT_FD] = format_fd,
	[FORMAT_DIRFD] = format_dirfd,
	[FORMAT_PATH] = format_path,
	[FORMAT_STRING] = format_string,
	[FORMAT_BUFFER] = format_buffer,
	[FORMAT_RANDOM] = format_random,
	[FORMAT_PATH_BUFFER] = format_path_buffer,
	[FORMAT_SET] = format_set,
	[FORMAT_MODE] = format_mode,
	[FORMAT_MODE_TYPE] = format_mode_type,
	[FORMAT_DEVICE] = format_device,
	[FORMAT_PID] = format_pid,
	[FORMAT_ID] = format_id,
	[FORMAT_SIGNAL] = format_signal,
	[FORMAT_CLOCK] = format_clock,
	[FORMAT_KEY] = format_key,
	[FORMAT_IOPRIO] = format_ioprio,
	[FORMAT_PERSONALITY] = format_personality,
	[FORMAT_CLONE_FLAGS] = format_clone_flags,
	[FORMAT_QUOTA_COMMAND] = format_quota_command,
	[FORMAT_INT_POINTER] = format_int_pointer,
	[FORMAT_UINT_POINTER] = format_uint_pointer,
	[FORMAT_HEX_POINTER] = format_hex_pointer,
	[FORMAT_OFFSET_POINTER] = format_offset_pointer,
	[FORMAT_LENGTH_POINTER] = format_length_pointer,
	[FORMAT_TIME_POINTER] = format_time_pointer,
	[FORMAT_FD_PAIR] = format_fd_pair,
	[FORMAT_ARGV] = format_argv,
	[FORMAT_ENVP] = format_envp,
	[FORMAT_IOVEC] = format_iovec,
	[FORMAT_MSGHDR] = format_msghdr,
	[FORMAT_MMSGHDR] = format_mmsghdr,
	[FORMAT_POLLFDS] = format_pollfds,
	[FORMAT_FD_SET] = format_fd_set,
	[FORMAT_EPOLL_EVENT] = format_epoll_event,
	[FORMAT_EPOLL_EVENTS] = format_epoll_events,
	[FORMAT_GID_ARRAY] = format_gid_array,
	[FORMAT_CPU_SET] = format_cpu_set,
	[FORMAT_DIRENTS] = format_dirents,
	[FORMAT_SEMBUF] = format_sembuf,
	[FORMAT_CAP_DATA] = format_cap_data,
	[FORMAT_STAT] = format_stat,
	[FORMAT_STATX] = format_statx,
	[FORMAT_STATFS] = format_statfs,
	[FORMAT_TIMESPEC] = format_timespec,
	[FORMAT_TIMESPEC_LEFT] = format_timespec_left,
	[FORMAT_TIMESPEC_PAIR] = format_timespec_pair,
	[FORMAT_TIMEVAL] = format_timeval,
	[FORMAT_TIMEVAL_PAIR] = format_timeval_pair,
	[FORMAT_UTIMBUF] = format_utimbuf,
	[FORMAT_TIMEZONE] = format_timezone,
	[FORMAT_ITIMERVAL] = format_itimerval,
	[FORMAT_ITIMERSPEC] = format_itimerspec,
	[FORMAT_TMS] = format_tms,
	[FORMAT_TIMEX] = format_timex,
	[FORMAT_SIGEVENT] = format_sigevent,
	[FORMAT_SIGSET] = format_sigset,
	[FORMAT_SIGSET_ARG] = format_sigset_arg,
	[FORMAT_SIGACTION] = format_sigaction,
	[FORMAT_SIGFRAME] = format_sigframe,
	[FORMAT_SIGALTSTACK] = format_sigaltstack,
	[FORMAT_SIGINFO] = format_siginfo,
	[FORMAT_SOCKADDR] = format_sockaddr,
	[FORMAT_SOCKOPT] = format_sockopt,
	[FORMAT_RLIMIT] = format_rlimit,
	[FORMAT_RUSAGE] = format_rusage,
	[FORMAT_WAIT_STATUS] = format_wait_status,
	[FORMAT_SYSINFO] = format_sysinfo,
	[FORMAT_UTSNAME] = format_utsname,
	[FORMAT_OPEN_HOW] = format_open_how,
	[FORMAT_FILE_HANDLE] = format_file_handle,
	[FORMAT_MOUNT_ATTR] = format_mount_attr,
	[FORMAT_CLONE_ARGS] = format_clone_args,
	[FORMAT_SCHED_PARAM] = format_sched_param,
	[FORMAT_SCHED_ATTR] = format_sched_attr,
	[FORMAT_CAP_HEADER] = format_cap_header,
	[FORMAT_SOCK_FPROG] = format_sock_fprog,
	[FORMAT_RSEQ] = format_rseq,
	[FORMAT_MQ_ATTR] = format_mq_attr,
	[FORMAT_SHMID_DS] = format_shmid_ds,
	[FORMAT_MSQID_DS] = format_msqid_ds,
	[FORMAT_IO_URING_PARAMS] = format_io_uring_params,
	[FORMAT_IOCTL_COMMAND] = format_ioctl_command,
	[FORMAT_IOCTL_ARG] = format_ioctl_arg,
	[FORMAT_FCNTL_ARG] = format_fcntl_arg,
	[FORMAT_FUTEX_VAL] = format_futex_arg,
	[FORMAT_FUTEX_TIMEOUT] = format_futex_arg,
	[FORMAT_FUTEX_UADDR2] = format_futex_arg,
	[FORMAT_FUTEX_VAL3] = format_futex_arg,
	[FORMAT_PRCTL_ARG] = format_prctl_arg,
	[FORMAT_ARCH_PRCTL_ARG] = format_arch_prctl_arg,
	[FORMAT_PTRACE_ADDRESS] = format_address,
	[FORMAT_PTRACE_DATA] = format_ptrace_data,
	[FORMAT_SECCOMP_ARG] = format_seccomp_arg,
	[FORMAT_SEMCTL_ARG] = format_semctl_arg,
	[FORMAT_SEM_COMMAND] = format_sem_command,
	[FORMAT_KEYCTL_ARG] = format_keyctl_arg,
	[FORMAT_BPF_ATTR] = format_bpf_attr,
	[FORMAT_SOCKET_PROTOCOL] = format_socket_protocol,
	[FORMAT_SOCKOPT_NAME] = format_sockopt_name,
	[FORMAT_WAITID_ID] = format_waitid_id,
	[FORMAT_PRIORITY_WHO] = format_priority_who,
	[FORMAT_SIGMASK_SIZE] = format_ulong,
	[FORMAT_CLONE_PARENT_TID] = format_clone_tid,
	[FORMAT_CLONE_CHILD_TID] = format_address,
	[FORMAT_CLONE_TLS] = format_address,
	[FORMAT_LANDLOCK_RULESET] = format_landlock_ruleset,
	[FORMAT_LANDLOCK_RULE] = format_landlock_rule,
	[FORMAT_PERF_EVENT_ATTR] = format_perf_event_attr,
};

static const struct set *const sets[SETS] = {
#define FLAGS(set_name, unknown_name) [SET_##set_name] = &set_##set_name,
#define ENUM(set_name, unknown_name) [SET_##set_name] = &set_##set_name,
#define V(value_name, number)
#define M(value_name, bits, number)
#define END
#include "sets.def"
};

const struct set *arg_set(const struct decode_arg *arg)
{
	return sets[arg_meta(arg)->set];
}

static const struct syscall_desc *desc_of(const struct event *event)
{
	return syscall_lookup((enum event_abi)event->syscall.abi, event->syscall.number);
}

typedef bool usage_test(const struct decode_arg *arg);

/* The mode behind the flags of open and its kin. */
static bool mode_used(const struct decode_arg *arg)
{
	const struct syscall_desc *desc = arg->desc;
	if (arg->index == 0 || desc->args[arg->index - 1].set != SET_open_flags)
		return true;
	enum { CREATE = 0x40, TMPFILE = 0x400000 };
	return arg->call->args[arg->index - 1] & (CREATE | TMPFILE);
}

/* mknod's device: for device files alone. */
static bool device_used(const struct decode_arg *arg)
{
	if (arg->index == 0 || arg->desc->args[arg->index - 1].format != FORMAT_MODE_TYPE)
		return true;
	uint64_t mode = arg->call->args[arg->index - 1];
	return S_ISCHR(mode) || S_ISBLK(mode);
}

static bool futex_used(const struct decode_arg *arg)
{
	return format_futex_has_arg(arg->call->args[1], arg->index);
}

static bool ioctl_used(const struct decode_arg *arg)
{
	return format_ioctl_has_arg(arg->call->args[1]);
}

static bool fcntl_used(const struct decode_arg *arg)
{
	return format_fcntl_has_arg((uint32_t)arg->call->args[1]);
}

static bool keyctl_used(const struct decode_arg *arg)
{
	return format_keyctl_has_arg(arg->call->args[0], arg->index);
}

static bool prctl_used(const struct decode_arg *arg)
{
	return format_prctl_has_arg(arg->call->args[0], arg->index);
}

static bool arch_prctl_used(const struct decode_arg *arg)
{
	return format_arch_prctl_has_arg(arg->call->args[0]);
}

static bool never_used(const struct decode_arg *arg)
{
	(void)arg;
	return false;
}

static bool parent_tid_used(const struct decode_arg *arg)
{
	return arg->call->args[0] & (CLONE_PARENT_SETTID | CLONE_PIDFD);
}

static bool child_tid_used(const struct decode_arg *arg)
{
	return arg->call->args[0] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID);
}

static bool tls_used(const struct decode_arg *arg)
{
	return arg->call->args[0] & CLONE_SETTLS;
}

/* The frame is where the stack pointer is: no argument tells. */
static bool sigframe_used(const struct decode_arg *arg)
{
	return arg_before(arg) != NULL;
}

/* Formats of arguments that a call may lack. */
static usage_test *const usage_tests[FORMATS] = {
	[FORMAT_MODE] = mode_used,
	[FORMAT_DEVICE] = device_used,
	[FORMAT_OFFSET_HIGH] = never_used,
	[FORMAT_FUTEX_VAL] = futex_used,
	[FORMAT_FUTEX_TIMEOUT] = futex_used,
	[FORMAT_FUTEX_UADDR2] = futex_used,
	[FORMAT_FUTEX_VAL3] = futex_used,
	[FORMAT_IOCTL_ARG] = ioctl_used,
	[FORMAT_FCNTL_ARG] = fcntl_used,
	[FORMAT_KEYCTL_ARG] = keyctl_used,
	[FORMAT_PRCTL_ARG] = prctl_used,
	[FORMAT_ARCH_PRCTL_ARG] = arch_prctl_used,
	[FORMAT_CLONE_PARENT_TID] = parent_tid_used,
	[FORMAT_CLONE_CHILD_TID] = child_tid_used,
	[FORMAT_CLONE_TLS] = tls_used,
	[FORMAT_SIGFRAME] = sigframe_used,
};

/* Calls of which one argument depends on flags in another. */
static const struct {
	const char *call;
	uint8_t index, flags_index;
	uint32_t flags;
} conditional[] = {
	{ "mremap", 4, 3, MREMAP_FIXED },
	{ "membarrier", 2, 1, 1 /* MEMBARRIER_CMD_FLAG_CPU */ },
};

static bool is_used(const struct decode_arg *arg)
{
	enum { RESTART2 = 0xa1b2c3d4U, OLD_MMAP = 90 };
	const uint64_t *args = arg->call->args;
	for (size_t i = 0; i < sizeof conditional / sizeof *conditional; i++)
		if (conditional[i].index == arg->index && arg_call_is(arg, conditional[i].call))
			return args[conditional[i].flags_index] & conditional[i].flags;
	if (arg->index > 0 && arg->call->abi == ABI_I386 && arg->call->number == OLD_MMAP && !(arg->call->flags & SYSCALL_FROM_MEMORY))
		return false; /* they stood in memory, which could not be read */
	if (arg_call_is(arg, "ptrace"))
		return format_ptrace_has_arg(args[0], arg->index);
	if (arg->index == 3 && arg_call_is(arg, "reboot"))
		return (uint32_t)args[2] == RESTART2;
	usage_test *test = usage_tests[arg_meta(arg)->format];
	return !test || test(arg);
}

bool decode_arg_is_used(const struct event *event, unsigned index)
{
	const struct syscall_desc *desc = desc_of(event);
	if (!desc || index >= ARGS)
		return index < ARGS;
	struct decode_arg arg = arg_of(NULL, &event->syscall, desc, index);
	return index < desc->arg_count && is_used(&arg);
}

static void print_arg(const struct decode_arg *arg)
{
	decode_formatter *format = formatters[arg_meta(arg)->format];
	(format ? format : format_hex)(arg);
}

void decode_arg(struct strbuf *out, const struct event *event, unsigned index)
{
	const struct syscall_desc *desc = desc_of(event);
	if (index >= ARGS || (desc && index >= desc->arg_count))
		return;
	struct decode_arg arg = arg_of(out, &event->syscall, desc, index);
	if (desc)
		print_arg(&arg);
	else
		text_hex(out, arg.value);
}

/* Calls whose arguments are shown with names, and in an order of their own. */
static const struct {
	const char *call;
	struct {
		uint8_t index;
		const char *label;
	} args[ARGS];
} labelled[] = {
	{ "clone", { { 1, "child_stack=" }, { 0, "flags=" }, { 2, "parent_tid=" }, { 4, "tls=" }, { 3, "child_tidptr=" } } },
};

static bool print_labelled(struct strbuf *out, const struct event *event, const struct syscall_desc *desc)
{
	if (event->syscall.abi == ABI_I386 || strcmp(desc->name, labelled[0].call) != 0)
		return false;
	const char *separator = "";
	for (unsigned i = 0; i < ARGS && labelled[0].args[i].label; i++) {
		struct decode_arg arg = arg_of(out, &event->syscall, desc, labelled[0].args[i].index);
		if (!is_used(&arg))
			continue;
		strbuf_addf(out, "%s%s", separator, labelled[0].args[i].label);
		print_arg(&arg);
		separator = ", ";
	}
	return true;
}

static void print_unknown(struct strbuf *out, const struct event *event)
{
	for (unsigned i = 0; i < ARGS; i++) {
		if (i)
			strbuf_add_string(out, ", ");
		text_hex(out, arg_of(out, &event->syscall, NULL, i).value);
	}
}

void decode_args(struct strbuf *out, const struct event *event)
{
	const struct syscall_desc *desc = desc_of(event);
	const char *separator = "";
	if (!desc) {
		print_unknown(out, event);
		return;
	}
	if (print_labelled(out, event, desc))
		return;
	for (unsigned i = 0; i < desc->arg_count && i < ARGS; i++) {
		struct decode_arg arg = arg_of(out, &event->syscall, desc, i);
		if (!is_used(&arg))
			continue;
		strbuf_add_string(out, separator);
		print_arg(&arg);
		separator = ", ";
	}
}

void decode_name(struct strbuf *out, const struct event *event)
{
	const struct syscall_desc *desc = desc_of(event);
	if (desc)
		strbuf_add_string(out, desc->name);
	else
		strbuf_addf(out, "syscall_%#" PRIx32, event->syscall.number);
}

void decode_signal(struct strbuf *out, const struct event *event)
{
	const struct event_signal *signal = &event->signal;
	text_signal(out, signal->number);
	strbuf_add_string(out, " {si_signo=");
	text_signal(out, signal->number);
	strbuf_add_string(out, ", si_code=");
	format_signal_code(out, signal->number, signal->code);
	if (format_signal_is_fault(signal->number, signal->code)) {
		strbuf_add_string(out, ", si_addr=");
		text_address(out, signal->address);
	} else if (signal->has_details) {
		format_signal_sender(out, signal);
	} else if (signal->from_pid) {
		strbuf_addf(out, ", si_pid=%d", signal->from_pid);
	}
	strbuf_add_char(out, '}');
}
