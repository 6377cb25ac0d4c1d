/* See holder.h.
 *
 * A holder is made by a child of the tracer's, forked with the table shared (clone(CLONE_FILES)), so that what
 * that child opens or closes the tracer does. It joins the namespaces; a pid namespace takes in only
 * children, so then it makes the holder as its sibling (CLONE_PARENT) and ends. Between fork and sleep only
 * plain system calls are made: other threads of ptwrap may have held any lock at the fork.
 *
 * The list is small: sandboxes come and go, and a holder keeps its namespaces alive. The one longest not
 * used makes room. */
#include "holder.h"

#include "arch/x86_64_sleeper.h"
#include "procfs.h"
#include "procpid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
#include <sys/rseq.h>
#define HAS_RSEQ 1
#else
#define HAS_RSEQ 0
#endif

enum { HOLDERS_MAX = 32, NAMESPACE_BYTES = 48, SIGNAL_SET_BYTES = 8 };

struct holder {
	char users[NAMESPACE_BYTES], pids[NAMESPACE_BYTES];
	uid_t uid;
	gid_t gid;
	pid_t pid, inner_pid;
	unsigned uses;
	uint64_t used; /* a clock of takes: the least was longest not used */
};

static struct {
	struct holder *list[HOLDERS_MAX];
	unsigned count;
	uint64_t takes;
	char users[NAMESPACE_BYTES], pids[NAMESPACE_BYTES]; /* ptwrap's own */
	uint64_t kernel, kernel_end; /* the kernel's own mappings (vdso), which may be sealed */
} holders;

/* ---- the tracer's table ---- */

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int close_range_of(unsigned first, unsigned last)
{
	return first > last || syscall(SYS_close_range, first, last, 0U) == 0 ? 0 : -errno;
}

/* All but those listed in order. */
static int close_others(const int *keep, size_t count)
{
	unsigned first = 3;
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)first)
			continue;
		int error = close_range_of(first, (unsigned)keep[i] - 1);
		if (error)
			return error;
		first = (unsigned)keep[i] + 1;
	}
	return close_range_of(first, ~0U);
}

/* They lie above all text, side by side. */
static int find_kernel_mappings(void)
{
	char line[512];
	FILE *maps = fopen("/proc/thread-self/maps", "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof line, maps)) {
		uint64_t start, end;
		bool is_kernels = strstr(line, " [vdso]") || strstr(line, " [vvar");
		if (!is_kernels || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (!holders.kernel)
			holders.kernel = start;
		holders.kernel_end = end;
	}
	fclose(maps);
	return holders.kernel ? 0 : -ENOENT;
}

/* Each judged call that blocks holds some. */
static void allow_many_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int holder_begin(const int *keep, size_t count)
{
	int sorted[16] = { 0 };
	if (count > sizeof sorted / sizeof *sorted)
		return -EINVAL;
	if (count)
		memcpy(sorted, keep, count * sizeof *keep);
	qsort(sorted, count, sizeof *sorted, compare_fds);
	int error = find_kernel_mappings();
	if (error || unshare(CLONE_FILES) != 0)
		return error ? error : -errno;
	allow_many_descriptors();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	procfs_link(getpid(), "ns/user", holders.users, sizeof holders.users - 1);
	procfs_link(getpid(), "ns/pid", holders.pids, sizeof holders.pids - 1);
	return close_others(sorted, count);
}

/* ---- making one ---- */

struct plan {
	int users_fd, pids_fd; /* namespaces to join, -1: ptwrap's own */
	bool changes_ids;
	uid_t uid;
	gid_t gid;
	int ready_fd;
	atomic_int *made; /* by a child that is not the holder itself: shared memory */
};

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	return syscall(SYS_capset, &header, none) == 0;
}

/* Its memory goes, the kernel must not write to it any more. */
static bool leave_rseq(void)
{
#if HAS_RSEQ
	enum { REGISTERED_BYTES = 32, UNREGISTER = 1 };
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	if (__rseq_size == 0)
		return true;
	return syscall(SYS_rseq, area, REGISTERED_BYTES, UNREGISTER, RSEQ_SIG) == 0 ||
	       syscall(SYS_rseq, area, __rseq_size, UNREGISTER, RSEQ_SIG) == 0;
#else
	return true;
#endif
}

static bool become_user(const struct plan *plan)
{
	if (!plan->changes_ids)
		return true;
	syscall(SYS_setgroups, 0, NULL); /* may be forbidden in a user namespace: they give no right here */
	return syscall(SYS_setresgid, plan->gid, plan->gid, plan->gid) == 0 &&
	       syscall(SYS_setresuid, plan->uid, plan->uid, plan->uid) == 0;
}

/* Whoever may go through its descriptors could also write to its memory: from here on it can make no call but those that
 * lead it to sleep, so that to change what it runs is of no use. */
static bool shut_itself_in(void)
{
	static const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 12),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pause, 9, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 8, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 7, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 4, 5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PTRACER, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, (struct sock_filter *)(uintptr_t)code };
	return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* A sanitizer would make calls of its own before what does not return. */
__attribute__((no_sanitize("address"))) static _Noreturn void be_holder(const struct plan *plan)
{
	uint64_t all = ~0ULL;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, SIGNAL_SET_BYTES);
	if (!become_user(plan) || !drop_capabilities() || !leave_rseq())
		syscall(SYS_exit_group, 1);
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!shut_itself_in())
		syscall(SYS_exit_group, 1);
	x86_64_sleep(plan->ready_fd, holders.kernel, holders.kernel_end);
}

static pid_t fork_sharing(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | CLONE_FILES, NULL, NULL, NULL, NULL);
}

/* In the child. It ends, with 1 as its status, or is the holder. */
static _Noreturn void be_maker(const struct plan *plan)
{
	bool joined = (plan->users_fd < 0 || syscall(SYS_setns, plan->users_fd, CLONE_NEWUSER) == 0) &&
		      (plan->pids_fd < 0 || syscall(SYS_setns, plan->pids_fd, CLONE_NEWPID) == 0);
	if (!joined)
		syscall(SYS_exit_group, 1);
	if (plan->pids_fd < 0)
		be_holder(plan);
	pid_t holder = fork_sharing(CLONE_PARENT | SIGCHLD);
	if (holder == 0)
		be_holder(plan);
	atomic_store(plan->made, holder); /* as the tracer numbers it: this process's own namespace is the tracer's */
	syscall(SYS_exit_group, holder < 0);
	__builtin_unreachable();
}

static int open_namespace(pid_t tid, const char *which, const char *its, const char *own)
{
	char path[PROCFS_PATH];
	if (strcmp(its, own) == 0)
		return -1;
	procfs_path(path, tid, which);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}


/* Its byte, or its end: the pipe has none, for the tracer's table, which is the holder's, has both ends. */
static bool await_ready(pid_t pid, int ready_fd)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd sources[] = { { ready_fd, POLLIN, 0 }, { pid_fd, POLLIN, 0 } };
	int found;
	do
		found = pid_fd < 0 ? -1 : poll(sources, 2, -1);
	while (found < 0 && pid_fd >= 0 && errno == EINTR);
	close_if_open(pid_fd);
	return found > 0 && (sources[0].revents & POLLIN);
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}

/* A holder that sleeps; 0: there can be none. */
static pid_t make_process(struct plan *plan)
{
	int ready[2], status = 0;
	bool is_sibling = plan->pids_fd >= 0;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return 0;
	plan->ready_fd = ready[1];
	pid_t pid = fork_sharing(SIGCHLD);
	if (pid == 0)
		be_maker(plan);
	if (pid > 0 && is_sibling) {
		waitpid(pid, &status, __WALL);
		pid = atomic_load(plan->made);
	}
	if (pid > 0 && !await_ready(pid, ready[0])) {
		reap(pid);
		pid = 0;
	}
	close(ready[0]);
	close(ready[1]);
	return pid > 0 ? pid : 0;
}

static pid_t make_in_namespaces(pid_t tid, const struct holder *wanted, bool changes_ids)
{
	struct plan plan = { .uid = wanted->uid, .gid = wanted->gid, .changes_ids = changes_ids };
	plan.users_fd = open_namespace(tid, "ns/user", wanted->users, holders.users);
	plan.pids_fd = open_namespace(tid, "ns/pid", wanted->pids, holders.pids);
	plan.made = mmap(NULL, sizeof *plan.made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = plan.made == MAP_FAILED ? 0 : make_process(&plan);
	if (plan.made != MAP_FAILED)
		munmap(plan.made, sizeof *plan.made);
	close_if_open(plan.users_fd);
	close_if_open(plan.pids_fd);
	return pid;
}

/* ---- the list ---- */

static void forget(unsigned index)
{
	procpid_remove_own(holders.list[index]->pid);
	free(holders.list[index]);
	holders.list[index] = holders.list[--holders.count];
}

/* Its death will be told to holder_has_ended. */
static bool make_room(void)
{
	unsigned oldest = HOLDERS_MAX;
	if (holders.count < HOLDERS_MAX)
		return true;
	for (unsigned i = 0; i < holders.count; i++)
		if (!holders.list[i]->uses && (oldest == HOLDERS_MAX || holders.list[i]->used < holders.list[oldest]->used))
			oldest = i;
	if (oldest == HOLDERS_MAX)
		return false;
	pid_t pid = holders.list[oldest]->pid;
	forget(oldest);
	reap(pid);
	return true;
}

static struct holder *find(const struct holder *wanted)
{
	for (unsigned i = 0; i < holders.count; i++) {
		struct holder *holder = holders.list[i];
		if (holder->pid && holder->uid == wanted->uid && holder->gid == wanted->gid &&
		    strcmp(holder->users, wanted->users) == 0 && strcmp(holder->pids, wanted->pids) == 0)
			return holder;
	}
	return NULL;
}

static struct holder *make(pid_t tid, const struct holder *wanted)
{
	struct holder *holder = make_room() ? malloc(sizeof *holder) : NULL;
	if (!holder)
		return NULL;
	*holder = *wanted;
	bool changes_ids = wanted->uid != getuid() || wanted->gid != getgid() || wanted->uid != geteuid() ||
			   wanted->gid != getegid();
	holder->pid = make_in_namespaces(tid, wanted, changes_ids);
	if (!holder->pid) {
		free(holder);
		return NULL;
	}
	holder->inner_pid = procfs_inner_tid(holder->pid);
	procpid_add_own(holder->pid);
	holders.list[holders.count++] = holder;
	return holder;
}

static bool read_namespace(pid_t tid, const char *which, char name[NAMESPACE_BYTES])
{
	ssize_t len = procfs_link(tid, which, name, NAMESPACE_BYTES - 1);
	name[len > 0 ? len : 0] = '\0';
	return len > 0;
}

struct holder *holder_take(pid_t tid, const struct identity *as, bool for_attach)
{
	struct holder wanted = { .uid = for_attach ? as->real_uid : as->uid, .gid = for_attach ? as->real_gid : as->gid };
	if (procfs_roots_are_own()) {
		memcpy(wanted.users, holders.users, sizeof wanted.users);
		memcpy(wanted.pids, holders.pids, sizeof wanted.pids);
	} else if (!read_namespace(tid, "ns/user", wanted.users) || !read_namespace(tid, "ns/pid", wanted.pids)) {
		return NULL;
	}
	struct holder *holder = find(&wanted);
	if (!holder)
		holder = make(tid, &wanted);
	if (!holder)
		return NULL;
	holder->uses++;
	holder->used = ++holders.takes;
	return holder;
}

void holder_guess(uid_t uid, gid_t gid, int fd, char *out, size_t size)
{
	struct holder wanted = { .uid = uid, .gid = gid };
	memcpy(wanted.users, holders.users, sizeof wanted.users);
	memcpy(wanted.pids, holders.pids, sizeof wanted.pids);
	const struct holder *holder = procfs_roots_are_own() ? find(&wanted) : NULL;
	out[0] = '\0';
	if (holder)
		snprintf(out, size, "/proc/%d/fd/%d", holder->pid, fd);
}

void holder_release(struct holder *holder)
{
	if (holder && --holder->uses == 0 && !holder->pid)
		free(holder);
}

/* Who has it under way keeps it, though it is of no more use. */
bool holder_has_ended(pid_t pid)
{
	for (unsigned i = 0; i < holders.count; i++) {
		struct holder *holder = holders.list[i];
		if (holder->pid != pid)
			continue;
		if (holder->uses) {
			procpid_remove_own(pid);
			holder->pid = 0;
			holders.list[i] = holders.list[--holders.count];
		} else {
			forget(i);
		}
		return true;
	}
	return false;
}

void holder_end(void)
{
	while (holders.count) {
		pid_t pid = holders.list[0]->pid;
		holder_has_ended(pid);
		reap(pid);
	}
}

/* ---- names ---- */

static int open_proc(pid_t tid)
{
	char path[PROCFS_PATH];
	procfs_path(path, tid, "root/proc");
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

/* Does that name, below a /proc, lead to what fd stands for? */
static bool leads_to(int proc_fd, const char *name, int fd)
{
	struct statx its, own;
	unsigned mask = STATX_INO | STATX_MNT_ID;
	return statx(proc_fd, name, AT_STATX_DONT_SYNC, mask, &its) == 0 &&
	       statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, &own) == 0 && its.stx_ino == own.stx_ino &&
	       its.stx_dev_major == own.stx_dev_major && its.stx_dev_minor == own.stx_dev_minor &&
	       its.stx_mnt_id == own.stx_mnt_id;
}

/* The number under which the task's /proc shows the holder; made sure of with the descriptor. */
static int number_in_proc(const struct holder *holder, pid_t tid, int fd)
{
	char name[PROCFS_PATH];
	int proc_fd = open_proc(tid);
	if (proc_fd < 0)
		return proc_fd;
	int number = procpid_is_root(proc_fd) ? procpid_number(proc_fd, holder->pid) : -ENOENT;
	snprintf(name, sizeof name, "%d/fd/%d", number, fd);
	if (number > 0 && !leads_to(proc_fd, name, fd))
		number = -ENOENT;
	close(proc_fd);
	return number;
}

int holder_name(const struct holder *holder, pid_t tid, bool own_root, int fd, const char *name,
		char out[HOLDER_NAME_BYTES])
{
	int number = own_root ? holder->pid : number_in_proc(holder, tid, fd);
	if (number <= 0)
		return number ? number : -ESRCH;
	snprintf(out, HOLDER_NAME_BYTES, "/proc/%d/fd/%d%s%s", number, fd, name[0] ? "/" : "", name);
	return 0;
}

pid_t holder_inner_pid(const struct holder *holder)
{
	return holder->inner_pid;
}
