/* self: prints whatever a process can see of itself that does not depend on where things lie in memory, or on time: one
 * fact a line. What ptwrap's README lists as different when wrapped (parent, tracer, seccomp, no_new_privs) is left
 * out. An argument is printed as one more fact, so that a chain of programs may end in this one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

extern char **environ;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The file's lines (separated by `end`), but for those that begin with one of the words left out. */
static void print_file(const char *path, char end, const char *const *left_out)
{
	char *line = NULL;
	size_t room = 0;
	FILE *in = fopen(path, "re");
	if (!in) {
		printf("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	for (ssize_t len; (len = getdelim(&line, &room, end, in)) > 0;) {
		int hidden = 0;
		for (size_t i = 0; left_out && left_out[i]; i++)
			hidden |= strncmp(line, left_out[i], strlen(left_out[i])) == 0;
		line[len - 1] = line[len - 1] == end ? '\0' : line[len - 1];
		if (!hidden)
			printf("%s: %s\n", path, line);
	}
	free(line);
	fclose(in);
}

static void print_environment(char **argv)
{
	for (char **at = argv; *at; at++)
		printf("argv: %s\n", *at);
	for (char **at = environ; *at; at++)
		printf("environ: %s\n", *at);
	printf("name: %s %s\n", program_invocation_name, getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "no preload");
}

static void print_links(const char *directory)
{
	char *names[512], link[4096], path[4400];
	size_t count = 0;
	DIR *dir = opendir(directory);
	for (struct dirent *entry; dir && count < 512 && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			names[count++] = strdup(entry->d_name);
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		ssize_t len = readlink(path, link, sizeof link - 1);
		link[len > 0 ? len : 0] = '\0';
		int fd = atoi(names[i]), known = stat(path, &status) == 0;
		printf("%s -> %s", path, link);
		if (strstr(directory, "/fd"))
			printf(" flags %#x %#x inode %d", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL), known && status.st_ino != 0);
		putchar('\n');
		free(names[i]);
	}
	if (dir)
		closedir(dir);
}

static void print_limits(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;
		if (getrlimit((enum __rlimit_resource)i, &limit) == 0)
			printf("limit %d: %llx %llx\n", i, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	}
}

static void print_signals(void)
{
	sigset_t mask, pending;
	stack_t stack;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	for (int number = 1; number <= 64; number++) {
		struct sigaction action = { 0 };
		int known = sigaction(number, NULL, &action) == 0;
		printf("signal %d: %s%s%s flags %x\n", number, !known ? "reserved" : action.sa_handler == SIG_DFL ? "default" :
		       action.sa_handler == SIG_IGN ? "ignored" : "handled", sigismember(&mask, number) > 0 ? " blocked" : "",
		       sigismember(&pending, number) > 0 ? " pending" : "", (unsigned)action.sa_flags);
	}
	sigaltstack(NULL, &stack);
	printf("alternate stack: %x\n", (unsigned)stack.ss_flags);
	for (int which = 0; which < 3; which++) {
		struct itimerval timer;
		getitimer((enum __itimer_which)which, &timer);
		printf("timer %d: %d\n", which, timer.it_value.tv_sec || timer.it_value.tv_usec);
	}
}

static void print_ids(void)
{
	pid_t pid = getpid();
	printf("group: %d session: %d terminal's: %d\n", getpgrp() == getppid(), getsid(0) == getpgrp(),
	       tcgetpgrp(STDIN_FILENO) == getpgrp());
	printf("leads: %d %d thread %d\n", getpgrp() == pid, getsid(0) == pid, gettid() == pid);
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
	printf("terminal: %s\n", terminal < 0 ? strerrorname_np(errno) : ttyname(terminal));
	if (terminal >= 0)
		close(terminal);
}

static void print_scheduling(void)
{
	cpu_set_t set;
	struct sched_param parameters;
	sched_getaffinity(0, sizeof set, &set);
	sched_getparam(0, &parameters);
	printf("nice: %d cpus: %d policy: %d %d io: %ld\n", getpriority(PRIO_PROCESS, 0), CPU_COUNT(&set), sched_getscheduler(0),
	       parameters.sched_priority, syscall(SYS_ioprio_get, 1, 0));
}

static void print_process_controls(void)
{
	static const struct {
		const char *name;
		int option;
	} controls[] = { { "dumpable", PR_GET_DUMPABLE },   { "keep capabilities", PR_GET_KEEPCAPS },
			 { "timing", PR_GET_TIMING },       { "secure bits", PR_GET_SECUREBITS },
			 { "timer slack", PR_GET_TIMERSLACK }, { "huge pages off", PR_GET_THP_DISABLE },
			 { "io flusher", PR_GET_IO_FLUSHER }, { "machine checks", PR_MCE_KILL_GET } };
	static const int written[] = { PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER, PR_GET_TSC };
	for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
		printf("%s: %d\n", controls[i].name, prctl(controls[i].option, 0, 0, 0, 0));
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		int value = -1;
		prctl(written[i], &value, 0, 0, 0);
		printf("control %d: %d\n", written[i], value);
	}
	for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
		printf("capability %lu: %d %d\n", capability, prctl(PR_CAPBSET_READ, capability, 0, 0, 0),
		       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0));
	for (unsigned long what = 0; what < 3; what++)
		printf("speculation %lu: %d\n", what, prctl(PR_GET_SPECULATION_CTRL, what, 0, 0, 0));
	printf("personality: %x umask: %o\n", (unsigned)personality(0xffffffff), umask(0));
}

/* Entries that hold addresses are told by their presence. */
static void print_auxiliary(void)
{
	static const unsigned long addresses[] = { AT_PHDR, AT_BASE, AT_ENTRY, AT_RANDOM, AT_EXECFN, AT_PLATFORM, AT_SYSINFO_EHDR };
	unsigned long pair[2];
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, pair, sizeof pair) == sizeof pair) {
		int address = 0;
		for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
			address |= pair[0] == addresses[i];
		printf("auxiliary %lu: %lx, to the program %s\n", pair[0], address ? pair[1] != 0 : pair[1],
		       getauxval(pair[0]) == pair[1] ? "the same" : "another");
	}
	if (fd >= 0)
		close(fd);
	const char *platform = (const char *)getauxval(AT_PLATFORM), *file = (const char *)getauxval(AT_EXECFN);
	printf("platform: %s file: %s\n", platform ? platform : "none", file ? file : "none");
}

static void print_directories(void)
{
	char path[4096];
	printf("cwd: %s\n", getcwd(path, sizeof path) ? path : strerrorname_np(errno));
	static const char *const links[] = { "/proc/self/cwd", "/proc/self/root", "/proc/self/exe" };
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		ssize_t len = readlink(links[i], path, sizeof path - 1);
		path[len > 0 ? len : 0] = '\0';
		printf("%s: %s\n", links[i], path);
	}
	print_links("/proc/self/ns");
}

int main(int argc, char **argv)
{
	static const char *const listed[] = { "Pid:", "Tgid:", "Ngid:", "PPid:", "TracerPid:", "Vm", "Rss", "Seccomp", "NoNewPrivs:",
					      "NSpid:", "NStgid:", "NSpgid:", "NSsid:", "voluntary", "nonvoluntary", "HugetlbPages",
					      "Cpus_allowed_list", "SigQ", NULL };
	(void)argc;
	print_environment(argv);
	print_file("/proc/self/environ", '\0', NULL);
	print_file("/proc/self/cmdline", '\0', NULL);
	print_file("/proc/self/comm", '\n', NULL);
	print_file("/proc/self/status", '\n', listed);
	print_file("/proc/self/limits", '\n', NULL);
	print_file("/proc/self/cgroup", '\n', NULL);
	print_file("/proc/self/oom_score_adj", '\n', NULL);
	print_file("/proc/self/coredump_filter", '\n', NULL);
	print_file("/proc/self/timerslack_ns", '\n', NULL);
	print_file("/proc/self/uid_map", '\n', NULL);
	print_file("/proc/self/loginuid", '\n', NULL);
	print_file("/proc/self/mountinfo", '\n', NULL);
	print_links("/proc/self/fd");
	print_limits();
	print_signals();
	print_ids();
	print_scheduling();
	print_process_controls();
	print_auxiliary();
	print_directories();
	return 0;
}
