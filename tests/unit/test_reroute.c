/* Promises of rerouting: a program whose every call that takes a path is led through a holder and pinned memory
 * sees what it sees without. tests/programs/pathcalls is run natively, and under a small tracer that lets every call
 * go on, rerouted: both print the same. As root, and as nobody under a tracer that is root or nobody too; dynamic,
 * static and 32-bit. And pinned memory is what pinned.h says. */
#include "holder.h"
#include "pinned.h"
#include "procfs.h"
#include "procpid.h"
#include "reroute.h"
#include "syscall.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN_USERS = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS, NOBODY = 65534, REPORT_FD = 40, UNFIT = 77 };

static long checks, failures;

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 20) {                                             \
			dprintf(REPORT_FD, "%s:%d: %s: ", __FILE__, __LINE__, #condition);         \
			dprintf(REPORT_FD, __VA_ARGS__);                                           \
			dprintf(REPORT_FD, "\n");                                                  \
		}                                                                                  \
	} while (0)

/* ---- the tracer ---- */

struct traced {
	pid_t tid;
	bool own_root;
	struct pinned_space *space;
	struct pinned_process *pinning;
	struct reroute *reroute;
	struct identity identity;
	bool is_answered;
	long rerouted, refused, again;
};

static void answer(struct traced *traced, int64_t result)
{
	trace_answer(traced->tid, result);
	traced->is_answered = true;
}

static enum event_abi abi_of(const struct stop *stop)
{
	return stop->info.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64;
}

static void lead(struct traced *traced, const struct reroute_task *task, struct reroute_path paths[], unsigned count)
{
	int error = 0;
	traced->reroute = reroute_begin(task, traced->space);
	if (!traced->reroute)
		error = -EPERM;
	for (unsigned i = 0; i < count && !error; i++)
		error = reroute_add_path(traced->reroute, &paths[i]);
	if (!error) {
		traced->rerouted++;
		reroute_apply(traced->reroute);
		return;
	}
	reroute_abandon(&traced->reroute);
	answer(traced, error);
}

static void enter(struct traced *traced, const struct stop *stop)
{
	const struct pathcall *rows;
	struct reroute_path paths[PATHCALL_MAX];
	struct reroute_task task = { .tid = traced->tid, .abi = abi_of(stop), .as = &traced->identity, .own_root = traced->own_root };
	const struct syscall_desc *desc = syscall_lookup(task.abi, (uint32_t)stop->info.entry.nr);
	unsigned count = desc ? pathcall_find(desc->name, &rows) : 0;
	uint64_t args[6];
	for (unsigned i = 0; i < 6; i++)
		args[i] = stop->info.entry.args[i];
	if (!count || identity_read(traced->tid, &traced->identity))
		return;
	enum pinned_answer pinned = pinned_begin(traced->space, traced->tid, &traced->identity, 0, &traced->pinning);
	if (pinned == PINNED_FAILED) {
		traced->refused++;
		answer(traced, -EPERM);
	} else if (pinned == PINNED_READY) {
		for (unsigned i = 0; i < count; i++)
			reroute_look(&task, args, &rows[i], bytes_of(NULL, 0), &paths[i]);
		lead(traced, &task, paths, count);
		for (unsigned i = 0; i < count; i++)
			reroute_forget(&paths[i]);
	}
	identity_free(&traced->identity);
}

static void serve(struct traced *traced, const struct stop *stop)
{
	if (traced->pinning) {
		enum pinned_answer pinned = pinned_step(&traced->pinning, stop);
		CHECK(pinned == PINNED_RUNNING || pinned == PINNED_AGAIN, "pinned: %d", pinned);
	} else if (stop->kind == STOP_ENTER) {
		enter(traced, stop);
	} else if (stop->kind == STOP_LEAVE && traced->reroute) {
		int64_t result;
		traced->again += reroute_end(&traced->reroute, &result) == REROUTE_AGAIN;
		CHECK(result == stop->info.exit.rval, "%ld, not %lld", (long)result, (long long)stop->info.exit.rval);
		if (traced->again > 0)
			kill(traced->tid, SIGKILL); /* nobody changes names meanwhile */
	}
}

/* Follows one task to its end; its wait status. */
static int follow(struct traced *traced)
{
	for (;;) {
		int status;
		struct stop stop = { 0 };
		pid_t pid = waitpid(-1, &status, __WALL);
		if (holder_has_ended(pid)) /* its pid namespace ends, and waits for it to be reaped */
			continue;
		if (pid != traced->tid)
			return -1;
		stop.kind = stop_classify(status, &stop.event);
		if (stop.kind == STOP_ENDED)
			return status;
		if (stop.kind == STOP_LEAVE) {
			ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, traced->tid, sizeof stop.info, &stop.info);
			if (stop.info.op == PTRACE_SYSCALL_INFO_ENTRY)
				stop.kind = STOP_ENTER;
		}
		if (stop.kind == STOP_EXEC) {
			pinned_space_release(traced->space);
			traced->space = pinned_space_new();
			traced->rerouted = 0;
		}
		serve(traced, &stop);
		trace_resume(traced->tid, RESUME_SYSCALL, stop.kind == STOP_SIGNAL ? WSTOPSIG(status) : 0);
	}
}

/* ---- runs ---- */

static char folder[] = "/tmp/ptwrap-reroute-XXXXXX";
static char output[2][64];

struct run {
	const char *program;
	bool as_nobody, tracer_is_nobody;
	bool other_root;    /* with name_spaces CLONE_NEWNS */
	int name_spaces;    /* of its own: CLONE_NEW* */
	bool is_refused;    /* every such call is: it can see no holder */
};

static void become_nobody(void)
{
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(1);
}

static void write_map(const char *path, const char *map)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		_exit(1);
	close(fd);
}

/* The first process of the namespaces, as unshare -Urpf --mount-proc makes it. */
static void settle(const struct run *run)
{
	char map[64];
	if (run->name_spaces & CLONE_NEWUSER) {
		write_map("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", run->as_nobody ? NOBODY : 0);
		write_map("/proc/self/uid_map", map);
		write_map("/proc/self/gid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		_exit(1);
	if ((run->name_spaces & CLONE_NEWPID) && mount("proc", "/proc", "proc", 0, NULL) != 0)
		_exit(1);
}

static void bind(const char *what, const char *to)
{
	if (mount(what, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		_exit(1);
}

/* A small root, in a mount namespace of its own; goes there. */
static void change_root(const struct run *run)
{
	if (mount("none", folder, "tmpfs", 0, NULL) != 0 || chdir(folder) != 0 || mkdir("proc", 0755) != 0 ||
	    mkdir("dev", 0755) != 0 || mkdir("world", 0777) != 0 || mknod("program", S_IFREG | 0755, 0) != 0)
		_exit(1);
	if (!run->is_refused)
		bind("/proc", "proc");
	bind("/dev", "dev");
	bind(run->program, "program");
	if (chroot(".") != 0 || chdir("/world") != 0)
		_exit(1);
}

static _Noreturn void run_program(const struct run *run, int which, int go)
{
	char byte;
	int null = open("/dev/null", O_RDONLY), out = open(output[which], O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(1);
	if (go >= 0 && read(go, &byte, 1) != 1)
		_exit(1);
	closefrom(3);
	if (run->name_spaces)
		settle(run);
	if (run->other_root)
		change_root(run);
	else if (chdir(folder) != 0)
		_exit(1);
	if (run->as_nobody && !run->tracer_is_nobody && !(run->name_spaces & CLONE_NEWUSER))
		become_nobody();
	execl(run->other_root ? "/program" : run->program, "pathcalls", (char *)NULL);
	_exit(1);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	return at->level ? remove(path) : 0;
}

/* An empty folder of the user's, as both runs find it. */
static void clear_world(const struct run *run)
{
	for (const char *const *closed = (const char *const[]){ "closed", "search_only", "empty", NULL }; *closed; closed++) {
		char path[192];
		snprintf(path, sizeof path, "%s/%s", folder, *closed);
		chmod(path, 0755);
	}
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (geteuid() == 0 && (run->as_nobody ? chown(folder, NOBODY, NOBODY) : chown(folder, 0, 0)) != 0)
		CHECK(false, "%s", folder);
}

static pid_t start(const struct run *run, int which, int go)
{
	if (run->name_spaces || run->other_root)
		procfs_roots_move();
	pid_t child = (pid_t)syscall(SYS_clone, run->name_spaces | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0)
		run_program(run, which, go);
	return child;
}

static int run_natively(const struct run *run)
{
	int status;
	waitpid(start(run, 0, -1), &status, 0);
	return status;
}

static int run_traced(const struct run *run, struct traced *traced)
{
	int go[2];
	CHECK(pipe(go) == 0, "pipe");
	traced->tid = start(run, 1, go[0]);
	CHECK(trace_seize(traced->tid) == 0, "seize");
	traced->own_root = !run->name_spaces;
	traced->space = pinned_space_new();
	kill(traced->tid, SIGCONT);
	trace_interrupt(traced->tid);
	CHECK(write(go[1], "g", 1) == 1, "go");
	int status = follow(traced);
	pinned_space_release(traced->space);
	close(go[0]);
	close(go[1]);
	return status;
}

static bool same_output(void)
{
	char a[4096], b[4096];
	FILE *left = fopen(output[0], "r"), *right = fopen(output[1], "r");
	long line = 0, different = 0;
	while (left && right && fgets(a, sizeof a, left)) {
		line++;
		if (!fgets(b, sizeof b, right))
			b[0] = '\0';
		if (strcmp(a, b) != 0 && ++different <= 12)
			dprintf(REPORT_FD, "line %ld natively: %sline %ld rerouted: %s", line, a, line, b);
	}
	bool same = left && right && line > 0 && !different && !fgets(b, sizeof b, right);
	if (left)
		fclose(left);
	if (right)
		fclose(right);
	return same;
}

static void compare(const struct run *run)
{
	struct traced traced = { 0 };
	umask(0);
	clear_world(run);
	int natively = run_natively(run);
	clear_world(run);
	int rerouted = run_traced(run, &traced);
	CHECK(natively == 0 && rerouted == 0, "%s: %x, %x", run->program, natively, rerouted);
	CHECK(!traced.again, "made again");
	clear_world(run);
	if (run->is_refused) {
		CHECK(traced.rerouted < 20, "%ld rerouted", traced.rerouted); /* names of the root itself: they fail */
		return;
	}
	CHECK(same_output(), "%s%s%s, namespaces %x", run->program, run->as_nobody ? " as nobody" : "",
	      run->other_root ? " in another root" : "", run->name_spaces);
	CHECK(traced.rerouted > 3000, "%ld rerouted", traced.rerouted);
	CHECK(!traced.refused, "%ld refused", traced.refused);
}

/* ---- the memory ---- */

static void check_slots(void)
{
	struct pinned_space *space = pinned_space_new();
	struct pinned_slot *slot = pinned_take(space), *other = pinned_take(space);
	char data[PINNED_SLOT_BYTES] = "x";
	CHECK(slot && other && slot != other, "slots");
	uint64_t first = pinned_put(slot, data, 10), second = pinned_put(slot, data, 10);
	CHECK(second >= first + 10, "one behind the other");
	CHECK(pinned_put(slot, data, sizeof data) == 0, "no room");
	CHECK(pinned_put(other, data, sizeof data) != 0, "all of it");
	pinned_give_back(slot);
	pinned_give_back(other);
	pinned_space_release(space);
}

/* Each line names calls that there are, and lines of one call stand together, no two for one argument. */
static void check_table(void)
{
	unsigned count;
	const struct pathcall *rows = pathcall_table(&count), *first;
	for (unsigned i = 0; i < count; i++) {
		const char *call = rows[i].call;
		int native = syscall_number(ABI_X86_64, call), i386 = syscall_number(ABI_I386, call);
		CHECK(native >= 0 || i386 >= 0, "%s", call);
		CHECK(native < 0 || syscall_number(ABI_X86_64, pathcall_made(&rows[i])) >= 0, "%s", call);
		CHECK(i386 < 0 || syscall_number(ABI_I386, pathcall_made(&rows[i])) >= 0, "%s", call);
		unsigned lines = pathcall_find(call, &first);
		CHECK(lines >= 1 && lines <= PATHCALL_MAX && first <= &rows[i] && &rows[i] < first + lines, "%s", call);
		CHECK(lines < 2 || first[0].path != first[1].path, "%s", call);
	}
	CHECK(pathcall_find("read", &first) == 0, "read");
}

static void begin(void)
{
	const int keep[] = { REPORT_FD };
	CHECK(identity_init() == 0, "identity");
	CHECK(holder_begin(keep, 1) == 0, "holder");
	procpid_add_own(getpid());
	int error = pinned_init();
	if (error)
		_exit(UNFIT);
}

/* In a process of its own: it gives its descriptors up. */
static void in_process(const struct run *run)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		failures = 0;
		if (run && run->tracer_is_nobody)
			become_nobody();
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* or its child could not be traced */
		begin();
		if (run)
			compare(run);
		else
			check_slots();
		if (!run)
			check_table();
		holder_end();
		_exit(failures != 0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == UNFIT) {
		printf("this kernel has no mseal\n");
		exit(0);
	}
	CHECK(status == 0, "%s: %x", run ? run->program : "slots", status);
}

static void make_outputs(void)
{
	for (int i = 0; i < 2; i++) {
		snprintf(output[i], sizeof output[i], "%s.%d", folder, i);
		int fd = open(output[i], O_CREAT | O_WRONLY, 0666);
		CHECK(fd >= 0 && fchmod(fd, 0666) == 0, "%s", output[i]);
		close(fd);
	}
	CHECK(chmod(folder, 0777) == 0, "%s", folder);
}

int main(void)
{
	static const char *const names[] = { "pathcalls", "pathcalls_static", "pathcalls_nolibc32" };
	const char *programs = getenv("PROGRAMS");
	char path[512];
	dup2(2, REPORT_FD);
	if (!programs || !mkdtemp(folder))
		return 1;
	make_outputs();
	in_process(NULL);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", programs, names[i]);
		in_process(&(struct run){ .program = path });
		if (geteuid() != 0)
			continue;
		in_process(&(struct run){ .program = path, .as_nobody = true });
		in_process(&(struct run){ .program = path, .as_nobody = true, .tracer_is_nobody = true });
		if (i != 1)
			continue;
		in_process(&(struct run){ .program = path, .other_root = true, .name_spaces = CLONE_NEWNS });
		in_process(&(struct run){ .program = path, .as_nobody = true, .other_root = true, .name_spaces = CLONE_NEWNS });
		in_process(&(struct run){ .program = path, .other_root = true, .name_spaces = CLONE_NEWNS, .is_refused = true });
		in_process(&(struct run){ .program = path, .as_nobody = true, .tracer_is_nobody = true, .name_spaces = IN_USERS });
	}
	unlink(output[0]);
	unlink(output[1]);
	rmdir(folder);
	if (!failures)
		printf("ok %ld\n", checks);
	return failures != 0;
}
