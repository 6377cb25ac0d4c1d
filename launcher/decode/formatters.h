/* Every formatter (arg.h: decode_formatter), one for each enum arg_format of an argument, and the
 * few questions that formats.h leaves to the rest of the call. What a formatter makes is what
 * strace prints for such an argument. */
#ifndef PTWRAP_DECODE_FORMATTERS_H
#define PTWRAP_DECODE_FORMATTERS_H

#include "arg.h"

enum { FORMAT_ELEMENTS = 32 /* of an array that are shown */ };

/* format_basic.c */
decode_formatter format_int;
decode_formatter format_uint;
decode_formatter format_long;
decode_formatter format_ulong;
decode_formatter format_hex;
decode_formatter format_hex32;
decode_formatter format_address;
decode_formatter format_octal;
decode_formatter format_fd;
decode_formatter format_dirfd;
decode_formatter format_path;
decode_formatter format_string;
decode_formatter format_buffer;
decode_formatter format_random;
decode_formatter format_path_buffer;
decode_formatter format_set;
decode_formatter format_mode;
decode_formatter format_mode_type;
decode_formatter format_device;
decode_formatter format_pid;
decode_formatter format_id;
decode_formatter format_signal;
decode_formatter format_int_pointer;
decode_formatter format_uint_pointer;
decode_formatter format_hex_pointer;
decode_formatter format_offset_pointer;
decode_formatter format_fd_pair;
decode_formatter format_argv;
decode_formatter format_envp;

/* format_file.c */
decode_formatter format_stat;
decode_formatter format_statx;
decode_formatter format_statfs;
decode_formatter format_dirents;
decode_formatter format_open_how;
decode_formatter format_file_handle;
decode_formatter format_mount_attr;
decode_formatter format_fcntl_arg;
decode_formatter format_quota_command;
decode_formatter format_timespec_pair;
decode_formatter format_timeval_pair;
decode_formatter format_utimbuf;

/* format_io.c */
decode_formatter format_pollfds;
decode_formatter format_epoll_event;
decode_formatter format_epoll_events;
decode_formatter format_fd_set;
decode_formatter format_sigset_arg;
decode_formatter format_io_uring_params;

/* format_ioctl.c */
decode_formatter format_ioctl_arg;
decode_formatter format_ioctl_command;

/* format_net.c */
decode_formatter format_sockaddr;
decode_formatter format_length_pointer;
decode_formatter format_socket_protocol;
decode_formatter format_sockopt_name;
decode_formatter format_sockopt;
decode_formatter format_iovec;
decode_formatter format_msghdr;
decode_formatter format_mmsghdr;

/* format_process.c */
decode_formatter format_clone_flags;
decode_formatter format_clone_args;
decode_formatter format_wait_status;
decode_formatter format_rlimit;
decode_formatter format_ioprio;
decode_formatter format_sched_param;
decode_formatter format_sched_attr;
decode_formatter format_cpu_set;
decode_formatter format_cap_header;
decode_formatter format_cap_data;
decode_formatter format_gid_array;
decode_formatter format_key;
decode_formatter format_sock_fprog;
decode_formatter format_personality;

/* format_signal.c */
decode_formatter format_sigset;
decode_formatter format_sigaction;
decode_formatter format_sigframe;
decode_formatter format_sigaltstack;
decode_formatter format_siginfo;

/* format_system.c */
decode_formatter format_utsname;
decode_formatter format_sysinfo;
decode_formatter format_landlock_ruleset;
decode_formatter format_landlock_rule;
decode_formatter format_perf_event_attr;
decode_formatter format_futex_arg;
decode_formatter format_prctl_arg;
decode_formatter format_ptrace_data;
decode_formatter format_arch_prctl_arg;
decode_formatter format_seccomp_arg;
decode_formatter format_semctl_arg;
decode_formatter format_sem_command;
decode_formatter format_sembuf;
decode_formatter format_mq_attr;
decode_formatter format_shmid_ds;
decode_formatter format_msqid_ds;
decode_formatter format_rseq;
decode_formatter format_keyctl_arg;
decode_formatter format_bpf_attr;
decode_formatter format_waitid_id;
decode_formatter format_priority_who;
decode_formatter format_offset_low;
decode_formatter format_clone_tid;

/* format_time.c */
decode_formatter format_timespec;
decode_formatter format_timeval;
decode_formatter format_timespec_left;
decode_formatter format_timezone;
decode_formatter format_itimerval;
decode_formatter format_itimerspec;
decode_formatter format_time_pointer;
decode_formatter format_tms;
decode_formatter format_rusage;
decode_formatter format_clock;
decode_formatter format_sigevent;
decode_formatter format_timex;

/* Whether the call has the argument at all, by what stands before it. */
bool format_fcntl_has_arg(uint32_t command);
bool format_futex_has_arg(uint64_t op, unsigned index);
bool format_ioctl_has_arg(uint64_t request);
bool format_keyctl_has_arg(uint64_t op, unsigned index);
bool format_prctl_has_arg(uint64_t option, unsigned index);
bool format_arch_prctl_has_arg(uint64_t code);
bool format_ptrace_has_arg(uint64_t request, unsigned index);

/* Pieces that results and signal lines need too. */
void format_ioprio_value(struct strbuf *out, uint32_t value);
void format_signal_code(struct strbuf *out, int signal, int code);
bool format_signal_is_fault(int signal, int code);

/* ", si_pid=7, si_uid=0" and what else is known of who sent it. */
void format_signal_sender(struct strbuf *out, const struct event_signal *signal);
bool format_ready_pollfds(struct strbuf *out, const struct attach *entries);
void format_fd_set_members(struct strbuf *out, struct bytes set, uint64_t limit);

#endif
