/* What this machine permits: see doctor.h. Owns the two probe processes; changes nothing of this
 * one.
 *
 *   this process      tracee                         tracer
 *   clone ----------> waits
 *   clone ------------------------------------------> waits
 *   tracer's pid ---> PR_SET_PTRACER (Yama), a byte -> PTRACE_SEIZE
 *                     waits <------------------- a byte
 *                     installs a filter, getppid()    sees the stop, reads the tracee's memory,
 *                     ends                            lets it go on, ends with it
 *   reaps both; what they found stands in a shared page
 */
#include "doctor.h"

#include "arch/sha256.h"
#include "enforce.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_DATA = 0x7077, PROBE_WORD = 0x6d656d79, PROBE_TIMEOUT_MS = 3000 };

/* Shared with both children, at the same address in all three. */
struct findings {
	struct doctor_facts facts;
	uint64_t word; /* to be read out of the tracee */
};

struct probe {
	struct findings *found;
	int to_tracee[2], to_tracer[2],
		ended[2]; /* pipes; ended: closed when both children are gone */
	pid_t tracee, tracer;
};

/* No exit signal: no SIGCHLD is raised or left pending, and SIG_IGN for it changes nothing. */
static pid_t clone_quietly(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

static bool send_word(int fd, pid_t word)
{
	return write(fd, &word, sizeof(word)) == sizeof(word);
}

static bool receive_word(int fd, pid_t *word)
{
	return read(fd, word, sizeof(*word)) == sizeof(*word);
}

static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | PROBE_DATA),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program) < 0
		       ? errno
		       : 0;
}

static _Noreturn void be_tracee(const struct probe *probe)
{
	struct doctor_facts *facts = &probe->found->facts;
	pid_t tracer, go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!receive_word(probe->to_tracee[0], &tracer))
		_exit(1);
	prctl(PR_SET_PTRACER, (unsigned long)tracer, 0, 0, 0);
	if (!send_word(probe->to_tracer[1], getpid()) || !receive_word(probe->to_tracee[0], &go))
		_exit(1);
	facts->seccomp_errno = install_filter();
	if (facts->seccomp_errno == EACCES) {
		facts->need_no_new_privs = true;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		facts->seccomp_errno = install_filter();
	}
	if (!facts->seccomp_errno)
		syscall(SYS_getppid);
	_exit(0);
}

static int try_vm_readv(pid_t tracee, uint64_t *shared)
{
	uint64_t word = 0;
	struct iovec local = { .iov_base = &word, .iov_len = sizeof(word) };
	struct iovec remote = { .iov_base = shared, .iov_len = sizeof(word) };
	if (process_vm_readv(tracee, &local, 1, &remote, 1, 0) < 0)
		return errno;
	return word == PROBE_WORD ? 0 : EIO;
}

static int try_proc_mem(pid_t tracee, const uint64_t *shared)
{
	char path[32];
	uint64_t word = 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)tracee);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ssize_t len = pread(fd, &word, sizeof(word), (off_t)(uintptr_t)shared);
	int error = len < 0 ? errno : word == PROBE_WORD ? 0 : EIO;
	close(fd);
	return error;
}

static void examine_stop(pid_t tracee, struct findings *found)
{
	struct doctor_facts *facts = &found->facts;
	unsigned long data = 0;
	unsigned char info[128];
	facts->seccomp = ptrace(PTRACE_GETEVENTMSG, tracee, NULL, &data) == 0 && data == PROBE_DATA;
	facts->syscall_info = ptrace(PTRACE_GET_SYSCALL_INFO, tracee, sizeof(info), info) > 0;
	facts->vm_readv_errno = try_vm_readv(tracee, &found->word);
	facts->vm_readv = !facts->vm_readv_errno;
	facts->proc_mem_errno = try_proc_mem(tracee, &found->word);
	facts->proc_mem = !facts->proc_mem_errno;
}

/* Until the tracee is gone. Without the tracer's end of a filter, the exit stop serves to look. */
static void follow(pid_t tracee, struct findings *found)
{
	bool examined = false;
	int status;
	while (waitpid(tracee, &status, __WALL) == tracee && WIFSTOPPED(status)) {
		if (!examined)
			examine_stop(tracee, found);
		examined = true;
		ptrace(PTRACE_CONT, tracee, NULL, NULL);
	}
}

static _Noreturn void be_tracer(const struct probe *probe)
{
	const unsigned long events = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
	struct doctor_facts *facts = &probe->found->facts;
	pid_t tracee;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!receive_word(probe->to_tracer[0], &tracee))
		_exit(1);
	facts->ptrace = ptrace(PTRACE_SEIZE, tracee, NULL, events) == 0;
	facts->ptrace_errno = facts->ptrace ? 0 : errno;
	if (!send_word(probe->to_tracee[1], getpid()))
		_exit(1);
	if (facts->ptrace)
		follow(tracee, probe->found);
	_exit(0);
}

static bool open_pipes(struct probe *probe)
{
	return pipe2(probe->to_tracee, O_CLOEXEC) == 0 && pipe2(probe->to_tracer, O_CLOEXEC) == 0 &&
	       pipe2(probe->ended, O_CLOEXEC) == 0;
}

static void close_pipe(int ends[2])
{
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
		ends[i] = -1;
	}
}

static void reap(pid_t pid)
{
	int status;
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
}

/* The tracer first: a traced tracee's death is the tracer's to see. */
static void end_probe(struct probe *probe, bool in_time)
{
	if (!in_time && probe->tracer > 0)
		kill(probe->tracer, SIGKILL);
	if (!in_time && probe->tracee > 0)
		kill(probe->tracee, SIGKILL);
	reap(probe->tracer);
	reap(probe->tracee);
}

static bool wait_for_end(struct probe *probe)
{
	struct pollfd ended = { .fd = probe->ended[0], .events = POLLIN };
	int ready;
	close(probe->ended[1]);
	probe->ended[1] = -1;
	while ((ready = poll(&ended, 1, PROBE_TIMEOUT_MS)) < 0 && errno == EINTR)
		;
	return ready > 0;
}

static int run_probe(struct probe *probe)
{
	if (!open_pipes(probe))
		return -errno;
	probe->tracee = clone_quietly();
	if (probe->tracee == 0)
		be_tracee(probe);
	probe->tracer = probe->tracee < 0 ? -1 : clone_quietly();
	if (probe->tracer == 0)
		be_tracer(probe);
	int error = probe->tracer < 0 ? -errno : 0;
	bool sent = !error && send_word(probe->to_tracee[1], probe->tracer);
	bool in_time = sent && wait_for_end(probe);
	end_probe(probe, in_time);
	return error ? error : in_time ? 0 : -ETIMEDOUT;
}

static int find_facts(struct doctor_facts *facts)
{
	struct probe probe = { .to_tracee = { -1, -1 },
			       .to_tracer = { -1, -1 },
			       .ended = { -1, -1 } };
	void *page = mmap(NULL, sizeof(*probe.found), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	probe.found = page;
	probe.found->word = PROBE_WORD;
	int error = run_probe(&probe);
	*facts = probe.found->facts;
	munmap(page, sizeof(*probe.found));
	close_pipe(probe.to_tracee);
	close_pipe(probe.to_tracer);
	close_pipe(probe.ended);
	return error;
}

/* The first bytes of a small file as text; "" if it cannot be read. */
static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = '\0';
}

/* -1: no Yama. */
static int yama_scope(void)
{
	char text[16];
	read_text("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text));
	return *text ? atoi(text) : -1;
}

static int own_status_field(const char *key)
{
	char text[4096];
	read_text("/proc/self/status", text, sizeof(text));
	const char *at = strstr(text, key);
	return at ? atoi(at + strlen(key)) : 0;
}

static bool selinux_denies_ptrace(void)
{
	char text[16];
	read_text("/sys/fs/selinux/booleans/deny_ptrace", text, sizeof(text));
	return *text == '1';
}

static const char *ptrace_fix(void)
{
	int scope = yama_scope();
	if (own_status_field("\nTracerPid:") != 0)
		return "it is being traced itself: run ptwrap outside of strace, gdb or another "
		       "ptwrap";
	if (scope >= 3)
		return "kernel.yama.ptrace_scope is 3: configure 1 and reboot";
	if (scope == 2)
		return "kernel.yama.ptrace_scope is 2: run as root, or sysctl "
		       "kernel.yama.ptrace_scope=1";
	if (selinux_denies_ptrace())
		return "SELinux: setsebool deny_ptrace off";
	if (own_status_field("\nSeccomp:") == 2)
		return "a sandbox's seccomp profile refuses it: in a container, docker run "
		       "--cap-add=SYS_PTRACE or --security-opt seccomp=unconfined";
	return "a sandbox or security module refuses it: in a container, docker run "
	       "--cap-add=SYS_PTRACE";
}

static const char *const seccomp_fix = "permit seccomp(2) in the container's profile, or use "
				       "ptwrap --level exec, which needs no filter";
static const char *const kernel_fix = "Linux 5.3 or later is needed";

static const char *seccomp_reason(const struct doctor_facts *facts)
{
	return facts->seccomp_errno ? strerror(facts->seccomp_errno)
				    : "its stops do not reach the tracer";
}

static const char proc_fix[] = "mount -t proc proc /proc";

/* Without it no descriptor, directory or program of the tree has a name. */
static bool proc_is_readable(void)
{
	return access("/proc/self/fd", R_OK | X_OK) == 0;
}

int doctor_check(bool with_filter, struct doctor_facts *facts, char *line, size_t size)
{
	struct doctor_facts found = { 0 };
	int error = find_facts(&found);
	if (facts)
		*facts = found;
	if (error)
		snprintf(line, size, "cannot try ptrace: %s (see ptwrap --doctor)",
			 strerror(-error));
	else if (!found.ptrace)
		snprintf(line, size, "ptrace is not permitted: %s (%s)",
			 strerror(found.ptrace_errno), ptrace_fix());
	else if (with_filter && !found.seccomp)
		snprintf(line, size, "a seccomp filter is not permitted: %s (%s)",
			 seccomp_reason(&found), seccomp_fix);
	else if (!found.syscall_info)
		snprintf(line, size, "PTRACE_GET_SYSCALL_INFO does not work: %s", kernel_fix);
	else if (!proc_is_readable())
		snprintf(line, size, "/proc is not mounted, or not readable: %s", proc_fix);
	else
		return 0;
	return -1;
}

int doctor_probe(char *line, size_t size)
{
	return doctor_check(true, NULL, line, size);
}

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct finding {
	enum verdict verdict;
	char what[160];
	const char *fix; /* not for VERDICT_OK */
};

static __attribute__((format(printf, 4, 5))) void
find(struct finding *finding, enum verdict verdict, const char *fix, const char *format, ...)
{
	va_list args;
	finding->verdict = verdict;
	finding->fix = fix;
	va_start(args, format);
	vsnprintf(finding->what, sizeof(finding->what), format, args);
	va_end(args);
}

static void examine_kernel(const struct doctor_facts *facts, struct finding *finding)
{
	struct utsname name;
	uname(&name);
	if (facts->syscall_info)
		find(finding, VERDICT_OK, NULL, "kernel %s: PTRACE_GET_SYSCALL_INFO works",
		     name.release);
	else if (!facts->ptrace)
		find(finding, VERDICT_WARN, kernel_fix,
		     "kernel %s: PTRACE_GET_SYSCALL_INFO cannot be tried", name.release);
	else
		find(finding, VERDICT_FAIL, kernel_fix,
		     "kernel %s: PTRACE_GET_SYSCALL_INFO does not work", name.release);
}

static void examine_ptrace(const struct doctor_facts *facts, struct finding *finding)
{
	if (facts->ptrace)
		find(finding, VERDICT_OK, NULL, "ptrace of a sibling process");
	else
		find(finding, VERDICT_FAIL, ptrace_fix(), "ptrace of a sibling process: %s",
		     strerror(facts->ptrace_errno));
}

static void examine_yama(const struct doctor_facts *facts, struct finding *finding)
{
	static const char fix[] = "sysctl kernel.yama.ptrace_scope=1 (after a reboot, if it is 3)";
	int scope = yama_scope();
	if (scope < 0)
		find(finding, VERDICT_OK, NULL, "Yama: not active");
	else
		find(finding, facts->ptrace || scope < 2 ? VERDICT_OK : VERDICT_FAIL, fix,
		     "Yama: kernel.yama.ptrace_scope is %d", scope);
}

static void examine_seccomp(const struct doctor_facts *facts, struct finding *finding)
{
	if (facts->seccomp)
		find(finding, VERDICT_OK, NULL, "seccomp filter that traces");
	else if (!facts->ptrace && !facts->seccomp_errno)
		find(finding, VERDICT_WARN, "first make ptrace work",
		     "seccomp filter: permitted, its stops cannot be tried");
	else
		find(finding, VERDICT_FAIL, seccomp_fix, "seccomp filter that traces: %s",
		     seccomp_reason(facts));
}

static void examine_privileges(const struct doctor_facts *facts, struct finding *finding)
{
	if (facts->need_no_new_privs)
		find(finding, VERDICT_WARN, "run as root, with --user; or --level exec",
		     "no_new_privs is needed: set-user-id programs gain no privilege");
	else
		find(finding, VERDICT_OK, NULL, "the filter needs no no_new_privs");
}

static void examine_vm_readv(const struct doctor_facts *facts, struct finding *finding)
{
	if (facts->vm_readv)
		find(finding, VERDICT_OK, NULL, "process_vm_readv");
	else
		find(finding, VERDICT_WARN, "permit it in the container's seccomp profile",
		     "process_vm_readv: %s; slower ways are used",
		     facts->vm_readv_errno ? strerror(facts->vm_readv_errno) : "cannot be tried");
}

static void examine_proc_mem(const struct doctor_facts *facts, struct finding *finding)
{
	if (facts->proc_mem)
		find(finding, VERDICT_OK, NULL, "/proc/PID/mem");
	else
		find(finding, VERDICT_WARN, "mount /proc, and permit reading /proc/PID/mem",
		     "/proc/PID/mem: %s",
		     facts->proc_mem_errno ? strerror(facts->proc_mem_errno) : "cannot be tried");
}

static void examine_proc(const struct doctor_facts *facts, struct finding *finding)
{
	struct statfs fs;
	bool mounted = statfs("/proc", &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
	(void)facts;
	if (mounted && proc_is_readable())
		find(finding, VERDICT_OK, NULL, "/proc is mounted and readable");
	else
		find(finding, VERDICT_FAIL, proc_fix, "/proc is %s",
		     mounted ? "not readable" : "not mounted");
}

/* LANDLOCK_CREATE_RULESET_VERSION: the first ABIs' headers have it, older systems none at all. */
static void examine_landlock(const struct doctor_facts *facts, struct finding *finding)
{
	enum { CREATE_RULESET = 444, RULESET_VERSION = 1 };
	long abi = syscall(CREATE_RULESET, NULL, (size_t)0, RULESET_VERSION);
	(void)facts;
	if (abi > 0)
		find(finding, VERDICT_OK, NULL, "Landlock ABI %ld", abi);
	else
		find(finding, VERDICT_WARN,
		     "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in lsm=; "
		     "an audit does not need it",
		     "Landlock: %s", strerror(errno));
}

static void examine_rules(const struct doctor_facts *facts, struct finding *finding)
{
	(void)facts;
	if (enforce_has_memory())
		find(finding, VERDICT_OK, NULL, "mseal: rules on read, write and net can be kept");
	else
		find(finding, VERDICT_WARN, "Linux 6.10 or newer, or --best-effort",
		     "mseal: rules on read, write and net cannot be kept for sure");
}

static void examine_cpu(const struct doctor_facts *facts, struct finding *finding)
{
	(void)facts;
	find(finding, VERDICT_OK, NULL, "SHA-256 by %s",
	     sha256_arch_usable() ? "the CPU's instructions"
				  : "software: the CPU has no instructions");
}

static void (*const examinations[])(const struct doctor_facts *, struct finding *) = {
	examine_kernel,	  examine_ptrace,   examine_yama, examine_seccomp,  examine_privileges,
	examine_vm_readv, examine_proc_mem, examine_proc, examine_landlock, examine_rules,
	examine_cpu,
};

static void print_finding(FILE *out, const struct finding *finding)
{
	static const char *const words[] = {
		[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "FAIL"
	};
	fprintf(out, "%-4s  %s", words[finding->verdict], finding->what);
	if (finding->verdict != VERDICT_OK)
		fprintf(out, "  -> %s", finding->fix);
	fputc('\n', out);
}

int doctor_run(FILE *out)
{
	struct doctor_facts facts = { 0 };
	int failed = 0;
	int error = find_facts(&facts);
	if (error) {
		struct finding finding;
		find(&finding, VERDICT_FAIL, "raise the limit on processes or descriptors",
		     "starting two processes to try things: %s", strerror(-error));
		print_finding(out, &finding);
		failed = 1;
	}
	for (size_t i = 0; i < sizeof(examinations) / sizeof(examinations[0]); i++) {
		struct finding finding;
		examinations[i](&facts, &finding);
		print_finding(out, &finding);
		failed |= finding.verdict == VERDICT_FAIL;
	}
	return failed;
}
