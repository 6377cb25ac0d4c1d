/* Asking and deciding: see judge.h. */
#include "judge.h"

#include "actions.h"
#include "enforce.h"
#include "guard.h"
#include "judged.h"
#include "learner.h"
#include "model/sockaddr.h"
#include "narrow.h"
#include "rewrite.h"
#include "supervisor.h"
#include "trace.h"
#include "transitions.h"
#include "violation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static struct {
	const struct policy *policy;
	bool dry_run;
	bool unpinned;    /* --best-effort where no memory is safe from the program: calls are made as they are */
	bool names_unix;  /* rules on net name sockets in the file system */
	bool tells_links; /* that a file with other names was written to, once */
	bool has_domains; /* some process has run a program that a `for` rule names */
	uint8_t subjects; /* a bit each, FILTER_GUARD included */
} judge;

/* ---- what is judged ---- */

void judge_init(const struct policy *policy, bool dry_run)
{
	judge.policy = policy;
	judge.dry_run = dry_run;
	judge.subjects = policy ? enforce_subjects(policy, learner_is_on()) : 0;
	judge.tells_links = policy && policy_concerns(policy, POLICY_WRITE);
	judge.names_unix = policy && (learner_is_on() || enforce_names_unix(policy));
	if (policy)
		guard_init();
}

void judge_trust_memory(void)
{
	judge.unpinned = true;
}

bool judge_is_on(void)
{
	return judge.policy != NULL;
}

bool judge_pins_early(void)
{
	enum { LEADING = 1 << POLICY_WRITE | 1 << POLICY_NET | 1 << FILTER_NAMES | 1 << FILTER_OURS };
	return judge.policy && !judge.dry_run && !judge.unpinned && (judge.subjects & LEADING) &&
	       !(judge.subjects & 1 << POLICY_READ);
}

/* i386 has calls that stand for others by their first argument: the number of that one; else its own. */
static uint32_t number_meant(const struct event_syscall *made)
{
	static const char *const ipc[] = { "", "semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "",
		"msgsnd", "msgrcv", "msgget", "msgctl", "", "", "", "", "", "", "shmat", "shmdt", "shmget", "shmctl" };
	enum { SOCKETCALL = 102, IPC = 117 };
	size_t which = (uint32_t)made->args[0];
	unsigned count;
	const char *name = NULL;
	if (made->abi == ABI_I386 && made->number == SOCKETCALL)
		name = narrow_socketcall((uint32_t)which, &count);
	if (made->abi == ABI_I386 && made->number == IPC && (which & 0xffff) < sizeof ipc / sizeof *ipc)
		name = ipc[which & 0xffff];
	int number = name && *name ? syscall_number(ABI_I386, name) : -1;
	return number >= 0 ? (uint32_t)number : made->number;
}

static bool concerns_number(const struct event_syscall *made)
{
	enum event_abi abi = (enum event_abi)made->abi;
	uint32_t meant = number_meant(made);
	return enforce_judges_number(abi, made->number) &&
	       (enforce_concerns_number(judge.policy, learner_is_on(), abi, made->number) ||
		(meant != made->number && enforce_concerns_number(judge.policy, learner_is_on(), abi, meant)));
}

/* May somebody else change its memory, or its descriptors, while it makes a call? A listener may give it others (SECCOMP_ADDFD). */
static bool may_be_raced(const struct process *process)
{
	return !process_is_alone(process) || process->shares_files || process->has_listener;
}

bool judge_take(struct tracee *tracee, struct call *call)
{
	const struct event_syscall *made = &call->event.syscall;
	if (!judge.policy)
		return false;
	call->is_judged = made->abi == ABI_UNKNOWN;
	if (call->is_judged)
		return true;
	const struct judged_call *row = filter_find_judged(judge.subjects, (enum event_abi)made->abi, made->number,
							   made->args);
	if (!row && !concerns_number(made))
		return false;
	const struct process *process = tracee->process;
	call->is_judged = true;
	call->judged = judged_create(row, judge.policy, process->domain, supervisor_get()->shim);
	if (row && row->object == JUDGED_IDENTITY)
		credentials_forget(tracee);
	else if (call->judged && row && (row->object == JUDGED_PATHS || row->subject == POLICY_NET || row->subject == FILTER_NAMES))
		call->judged->as = credentials_share(credentials_of(tracee));
	if (call->judged) {
		call->judged->subjects = judge.subjects;
		call->judged->leads_unix = judge.names_unix;
	}
	call->is_raced = row && (row->object == JUDGED_MAPPING || row->object == JUDGED_MAPPED) && may_be_raced(process);
	return true;
}

bool judge_is_slow(const struct call *call, const struct image *image)
{
	bool runs = image || (call && call->judged && call->judged->row && call->judged->row->object == JUDGED_PROGRAM);
	return runs && judge.policy && policy_has_digests(judge.policy);
}

/* ---- asking ---- */

/* What is being decided over, and what came of it so far. */
struct hearing {
	struct tracee *tracee;
	const struct judged *judged;
	uint8_t abi;
	uint32_t number;
	bool forbidden, kills;
	int error;
};

/* --learn: what rules let pass, the run needs. */
static void learn(const struct hearing *hearing, struct policy_answer answer, enum policy_subject subject, struct bytes object)
{
	if (answer.verdict == POLICY_ALLOW || answer.verdict == POLICY_LOG)
		learner_add(hearing->tracee, (enum need_kind)subject, object);
}

/* Takes an answer: what it says other than allow is recorded. The first that forbids decides. */
static void hear(struct hearing *hearing, struct policy_answer answer, enum policy_subject subject, struct bytes object)
{
	learn(hearing, answer, subject, object);
	if (answer.verdict == POLICY_ALLOW || hearing->forbidden)
		return;
	violation_record(hearing->tracee, &(struct violation_of){
		.answer = answer, .subject = subject, .object = object, .abi = hearing->abi,
		.number = hearing->number, .policy = judge.policy, .dry_run = judge.dry_run });
	if (answer.verdict == POLICY_LOG || judge.dry_run)
		return;
	hearing->forbidden = true;
	hearing->kills = answer.verdict == POLICY_KILL;
	hearing->error = answer.error ? answer.error : EPERM;
}

static void ask_number(struct hearing *hearing, const struct event_syscall *made)
{
	enum event_abi abi = (enum event_abi)made->abi;
	uint32_t numbers[] = { made->number, number_meant(made) };
	for (int i = 0; i < 2 && enforce_judges_number(abi, made->number) && (i == 0 || numbers[1] != numbers[0]); i++) {
		const struct syscall_desc *desc = syscall_lookup(abi, numbers[i]);
		char scratch[24];
		snprintf(scratch, sizeof scratch, "%#x", numbers[i]);
		hear(hearing, policy_ask_syscall(judge.policy, hearing->judged->domain, abi, numbers[i]), POLICY_SYSCALL,
		     bytes_of_string(desc ? desc->name : scratch));
	}
}

/* As --ask takes it: "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name", "netlink". */
static void describe(const struct policy_endpoint *endpoint, struct strbuf *out)
{
	char text[INET6_ADDRSTRLEN], scratch[24];
	if (endpoint->family == AF_UNIX) {
		strbuf_add_string(out, endpoint->abstract ? "unix:@" : "unix:");
		strbuf_add(out, endpoint->path.data, endpoint->path.len);
	} else if (endpoint->address.len) {
		inet_ntop(endpoint->family, endpoint->address.data, text, sizeof text);
		strbuf_addf(out, endpoint->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, endpoint->port);
	} else {
		strbuf_add_string(out, sockaddr_family_name(endpoint->family, scratch, sizeof scratch));
	}
}

static void ask_endpoint(struct hearing *hearing, const struct policy_endpoint *endpoint)
{
	struct strbuf text = { 0 };
	struct policy_answer answer = policy_ask_net(judge.policy, hearing->judged->domain, endpoint);
	if (answer.verdict != POLICY_ALLOW || learner_is_on())
		describe(endpoint, &text);
	hear(hearing, answer, POLICY_NET, strbuf_bytes(&text));
	strbuf_free(&text);
}

static bool is_zero(const void *data, size_t len)
{
	static const char zeros[16];
	return memcmp(data, zeros, len) == 0;
}

/* A destination of zeros is the machine itself. */
static void ask_inet(struct hearing *hearing, bool destination)
{
	static const unsigned char loopback[4] = { 127, 0, 0, 1 };
	struct sockaddr_in in;
	memcpy(&in, hearing->judged->address, sizeof in);
	const void *address = destination && in.sin_addr.s_addr == 0 ? (const void *)loopback : &in.sin_addr;
	ask_endpoint(hearing, &(struct policy_endpoint){ .family = AF_INET, .port = ntohs(in.sin_port),
							 .address = bytes_of(address, 4) });
}

static void ask_inet6(struct hearing *hearing, bool destination)
{
	static const unsigned char mapped[16] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in6 in;
	unsigned char address[16];
	memcpy(&in, hearing->judged->address, sizeof in);
	memcpy(address, &in.sin6_addr, sizeof address);
	if (destination && is_zero(address, sizeof address))
		address[15] = 1;
	if (destination && memcmp(address, mapped, sizeof mapped) == 0)
		memcpy(address + 12, (const unsigned char[]){ 127, 0, 0, 1 }, 4);
	ask_endpoint(hearing, &(struct policy_endpoint){ .family = AF_INET6, .port = ntohs(in.sin6_port),
							 .address = bytes_of((const char *)address, 16) });
}

/* Only what the shim itself uses of them is exempt: where its file and the rings lie. The file is not to be written. */
static bool is_shims(const struct judged *judged, struct bytes name, bool writes)
{
	if (!judged->shim)
		return false;
	struct bytes shim = bytes_of_string(judged->shim->path);
	const char *slash = strrchr(judged->shim->path, '/');
	size_t directory = slash ? (size_t)(slash - judged->shim->path) + 1 : 0;
	return directory > 1 && name.len > directory && memcmp(name.data, shim.data, directory) == 0 &&
	       !(writes && bytes_equal(name, shim));
}

static void ask_path(struct hearing *hearing, enum policy_subject subject, struct bytes name)
{
	if (!is_shims(hearing->judged, name, subject == POLICY_WRITE))
		hear(hearing, policy_ask_path(judge.policy, hearing->judged->domain, subject, name), subject, name);
}

/* To bind one in the file system is to make a file. */
static void ask_unix(struct hearing *hearing)
{
	const struct judged *judged = hearing->judged;
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	struct policy_endpoint endpoint = { .family = AF_UNIX, .path = strbuf_bytes(&judged->path) };
	if (judged->address_len <= offset)
		return; /* no name */
	endpoint.abstract = !judged->address[offset];
	if (endpoint.abstract)
		endpoint.path = bytes_of((const char *)judged->address + offset + 1, judged->address_len - offset - 1);
	ask_endpoint(hearing, &endpoint);
	if (judged->has_socket && judged->row->object == JUDGED_NAME) {
		ask_path(hearing, POLICY_WRITE, endpoint.path);
		if (judged->socket.object_fd < 0)
			learner_add(hearing->tracee, NEED_MADE, endpoint.path);
	}
}

/* AF_UNSPEC ends a connection; in what is sent or bound some protocols take it for their own family, if it is long enough. */
static void ask_address(struct hearing *hearing)
{
	enum { INET6_LEAST_BYTES = 24 };
	const struct judged *judged = hearing->judged;
	sa_family_t family;
	bool connects = judged->row->object == JUDGED_PEER, destination = judged->row->object != JUDGED_NAME;
	memcpy(&family, judged->address, sizeof family);
	if (judged->address_len < sizeof family || (family == AF_UNSPEC && connects))
		return;
	if (family == AF_INET || family == AF_UNSPEC)
		ask_inet(hearing, destination);
	if (family == AF_INET6 || (family == AF_UNSPEC && judged->address_len >= INET6_LEAST_BYTES))
		ask_inet6(hearing, destination);
	if (family == AF_UNIX)
		ask_unix(hearing);
	if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_UNSPEC)
		ask_endpoint(hearing, &(struct policy_endpoint){ .family = family });
}

/* A unix socket without a name cannot listen, and one with was judged when it got it. */
static void ask_listener(struct hearing *hearing)
{
	sa_family_t family;
	memcpy(&family, hearing->judged->address, sizeof family);
	if (family == AF_INET)
		ask_inet(hearing, false);
	if (family == AF_INET6)
		ask_inet6(hearing, false);
}

/* Families without addresses that rules could name, and sockets of inet whose owner writes the packets' addresses itself. */
static void ask_family(struct hearing *hearing)
{
	int family = (int)hearing->judged->args[0], type = (int)hearing->judged->args[1] & 0xf;
	if (family == AF_UNIX || ((family == AF_INET || family == AF_INET6) && type != SOCK_RAW && type != SOCK_PACKET))
		return;
	if (family == AF_INET || family == AF_INET6)
		family = AF_PACKET;
	ask_endpoint(hearing, &(struct policy_endpoint){ .family = family });
}

static void ask_files(struct hearing *hearing)
{
	const struct judged *judged = hearing->judged;
	for (unsigned i = 0; i < judged->file_count; i++)
		hear(hearing, judged_ask_file(judged, &judged->files[i]), POLICY_EXEC,
		     strbuf_bytes(&judged->files[i].path));
}

/* ---- paths ---- */

/* What is moved takes along what is beneath it, out of its rules. to: its other name; no bytes: it is not known. */
static void ask_moved(struct hearing *hearing, const struct reroute_path *path, struct bytes name, struct bytes to)
{
	ask_path(hearing, POLICY_READ, name);
	ask_path(hearing, POLICY_WRITE, name);
	if (!path->walk.is_directory)
		return;
	hear(hearing, policy_ask_move(judge.policy, hearing->judged->domain, name, to), POLICY_WRITE, name);
	learner_add(hearing->tracee, NEED_MOVED, name);
	if (to.len)
		learner_add(hearing->tracee, NEED_MOVED_TO, to);
}

/* --learn: names that come and go tell which of them are made up (policy/spelling.h). */
static void learn_change(struct hearing *hearing, const struct reroute_path *path, struct bytes name)
{
	bool names = path->row->manner == PATH_NAME, goes = path->row->access == PATH_REMOVE || path->row->access == PATH_MOVE;
	if (goes)
		learner_add(hearing->tracee, NEED_GONE, name);
	else if (path->walk.object_fd < 0 && (names || path->creates))
		learner_add(hearing->tracee, NEED_MADE, name);
}

static bool exchanges(const struct tracee *tracee)
{
	const struct call *call = tracee->call;
	return call->desc && strcmp(call->desc->name, "renameat2") == 0 &&
	       (call->event.syscall.args[4] & RENAME_EXCHANGE);
}

static void ask_by_access(struct hearing *hearing, const struct reroute_path *path, struct bytes name, struct bytes other)
{
	switch ((enum path_access)path->row->access) {
	case PATH_READ:
		ask_path(hearing, POLICY_READ, name);
		break;
	case PATH_OPEN:
		if (reroute_reads(path))
			ask_path(hearing, POLICY_READ, name);
		if (reroute_writes(path))
			ask_path(hearing, POLICY_WRITE, name);
		break;
	case PATH_MOVE:
		ask_moved(hearing, path, name, other);
		break;
	case PATH_MOVE_TO:
		if (exchanges(hearing->tracee))
			ask_moved(hearing, path, name, other);
		else
			ask_path(hearing, POLICY_WRITE, name);
		break;
	case PATH_WRITE:
	case PATH_REMOVE:
		ask_path(hearing, POLICY_WRITE, name);
		break;
	}
}

/* Rules know it by the name that it is written to by. */
static void tell_links(const struct hearing *hearing, const struct reroute_path *path, struct bytes name)
{
	char text[PATH_MAX + 80];
	bool writes = path->row->access == PATH_WRITE || (path->row->access == PATH_OPEN && reroute_writes(path));
	if (!judge.tells_links || !writes || !path->walk.has_more_names || hearing->forbidden)
		return;
	judge.tells_links = false;
	snprintf(text, sizeof text, "%.*s was written to, and rules were asked about this name alone", (int)name.len, name.data);
	note_about(hearing->tracee, "policy-second-name", text);
}

/* What is not there for the walk is not there for the call; the kernel says why. */
static void ask_paths(struct hearing *hearing)
{
	const struct judged *judged = hearing->judged;
	struct place place = process_place(hearing->tracee->process, hearing->tracee->tid);
	struct strbuf names[PATHCALL_MAX] = { 0 };
	for (unsigned i = 0; i < judged->path_count; i++)
		if (!judged->paths[i].error)
			judged_walk_name(&place, &judged->paths[i].walk, &names[i]);
	for (unsigned i = 0; i < judged->path_count; i++) {
		struct bytes other = strbuf_bytes(&names[i ? 0 : 1]);
		if (judged->paths[i].error)
			continue;
		ask_by_access(hearing, &judged->paths[i], strbuf_bytes(&names[i]), other);
		learn_change(hearing, &judged->paths[i], strbuf_bytes(&names[i]));
		tell_links(hearing, &judged->paths[i], strbuf_bytes(&names[i]));
	}
	for (unsigned i = 0; i < PATHCALL_MAX; i++)
		strbuf_free(&names[i]);
}

/* Why a path is not to be gone, whatever rules say; NULL: it may be. */
static const char *leads_astray(const struct judged *judged)
{
	bool ours = judged->has_socket && judged->socket.is_ours, elsewhere = judged->has_socket && judged->socket.is_elsewhere;
	bool has_rules = judged->subjects & (1 << POLICY_READ | 1 << POLICY_WRITE);
	for (unsigned i = 0; i < judged->path_count; i++) {
		ours |= judged->paths[i].walk.is_ours;
		elsewhere |= has_rules && judged->paths[i].walk.is_elsewhere;
	}
	if (ours)
		return "its path leads into ptwrap's own processes";
	return elsewhere && !judge.dry_run ? "its path leads into the memory of a process outside the tree, or to a mount of such a one's, where rules know no names" : NULL;
}

/* Of a program's names only what forbids counts at the call: what runs in the end is asked about again. */
static void ask_program(struct hearing *hearing)
{
	const struct judged *judged = hearing->judged;
	for (unsigned i = 0; i < judged->file_count; i++) {
		struct policy_answer answer = judged_ask_file(judged, &judged->files[i]);
		learn(hearing, answer, POLICY_EXEC, strbuf_bytes(&judged->files[i].path));
		if (!judge.dry_run && answer.verdict != POLICY_LOG)
			hear(hearing, answer, POLICY_EXEC, strbuf_bytes(&judged->files[i].path));
	}
}

static void ask_object(struct hearing *hearing)
{
	switch ((enum judged_object)hearing->judged->row->object) {
	case JUDGED_PEER:
	case JUDGED_NAME:
	case JUDGED_RECEIVER:
	case JUDGED_MESSAGE:
	case JUDGED_MESSAGES:
		ask_address(hearing);
		break;
	case JUDGED_LISTENER:
		ask_listener(hearing);
		break;
	case JUDGED_FAMILY:
		ask_family(hearing);
		break;
	case JUDGED_PROGRAM:
		ask_program(hearing);
		break;
	case JUDGED_MAPPING:
	case JUDGED_MAPPED:
		ask_files(hearing);
		break;
	case JUDGED_PATHS:
		ask_paths(hearing);
		break;
	default:
		break;
	}
}

/* ---- what no rule is asked about ---- */

static void note_refused(const struct tracee *tracee, const char *what, const char *why)
{
	char text[160];
	snprintf(text, sizeof text, "%s was refused: %s", what, why);
	note_about(tracee, "policy-guard", text);
}

/* A filter with a listener that all threads get at once: those that run would have it before they are stopped at each of
 * their calls, and its listener may let calls pass that the policy's filter would stop. */
static bool hides_calls(const struct tracee *tracee, const struct event_syscall *made)
{
	bool all = made->args[1] & SECCOMP_FILTER_FLAG_TSYNC, listens = made->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return made->args[0] == SECCOMP_SET_MODE_FILTER && all && (listens || tracee->process->has_listener) &&
	       tracee->process->task_count > 1;
}

static bool is_refused(const struct tracee *tracee, const struct judged_call *row)
{
	const char *why;
	const struct event_syscall *made = &tracee->call->event.syscall;
	switch ((enum judged_object)row->object) {
	case JUDGED_TARGET:
	case JUDGED_TARGET_FD:
		why = guard_refuses(tracee, row) ? "it was aimed at ptwrap's own processes" :
		      judge.dry_run ? NULL :
		      guard_leaves_tree(tracee, row) ? "it was aimed at a process outside the tree" :
		      guard_takes(row) && may_be_raced(tracee->process) ? "whom the pidfd stands for others could change meanwhile" : NULL;
		if (why)
			note_refused(tracee, row->name, why);
		return why != NULL;
	case JUDGED_PEER:
	case JUDGED_NAME:
	case JUDGED_RECEIVER:
	case JUDGED_MESSAGE:
	case JUDGED_MESSAGES:
	case JUDGED_PATHS:
		why = leads_astray(tracee->call->judged);
		if (why)
			note_refused(tracee, row->name, why);
		return why != NULL;
	case JUDGED_ROOT:
		if (judge.dry_run || (tracee->process->task_count == 1 && !guard_shares_root(tracee)))
			return false;
		note_refused(tracee, row->name, "others may be under way to what was judged, through the same root directory");
		return true;
	case JUDGED_FILTER:
		if (!hides_calls(tracee, made))
			return false;
		note_refused(tracee, row->name, "a listener that other threads get meanwhile could hide their calls");
		return true;
	case JUDGED_REFUSED:
	case JUDGED_PERSONALITY:
		if (judge.dry_run)
			return false;
		note_refused(tracee, row->name, "it would lead around the policy's rules");
		return true;
	default:
		return false;
	}
}

/* ---- deciding ---- */

static enum judgement answer(const struct tracee *tracee, int error)
{
	trace_answer(tracee->tid, -error);
	if (tracee->call)
		tracee->call->event.syscall.flags |= SYSCALL_ANSWERED;
	return JUDGE_REFUSED;
}

bool judge_refuse_unknown(pid_t tid)
{
	if (judge.policy)
		trace_answer(tid, -ENOMEM);
	return judge.policy != NULL;
}

/* Whatever another thread does to the memory that it points to, the call is made with what is judged now. Also a program
 * that is about to have a filter of its own is given the memory: later that filter might not let it be mapped. */
static enum judgement prepare(struct tracee *tracee)
{
	const struct judged *judged = tracee->call->judged;
	bool filters = judged->row && judged->row->object == JUDGED_FILTER && judge.subjects != 1 << FILTER_GUARD;
	if (judge.unpinned || (!filters && !rewrite_is_needed(judged)))
		return JUDGE_GO_ON;
	switch (rewrite_prepare(tracee, false)) {
	case REWRITE_READY:
		return JUDGE_GO_ON;
	case REWRITE_LATER:
		return JUDGE_LATER;
	default:
		return filters ? JUDGE_GO_ON : JUDGE_REFUSED;
	}
}

bool judge_makes_ready(struct tracee *tracee)
{
	const struct judged *judged = tracee->call->judged;
	bool follows_paths = judged && judged->row && judged->row->object == JUDGED_PATHS;
	return follows_paths && !judge.dry_run && !judge.unpinned && rewrite_prepare(tracee, true) == REWRITE_LATER;
}

/* It is not forbidden: how it is made. */
static enum judgement make(struct tracee *tracee)
{
	const struct judged *judged = tracee->call->judged;
	if (judged->row && is_refused(tracee, judged->row))
		return answer(tracee, EPERM);
	if (judged->row && judged->row->object == JUDGED_ABSENT && !judge.dry_run)
		return answer(tracee, ENOSYS); /* libc makes do with clone */
	if (judged->error && !judge.dry_run)
		return answer(tracee, -judged->error);
	tracee->call->hidden |= judged->is_own;
	int error = judge.dry_run || judge.unpinned ? 0 : rewrite_begin(tracee);
	if (!error)
		return JUDGE_GO_ON;
	if (error == -ENOLCK)
		note_about(tracee, "policy-unpinned", "calls were refused, for want of memory that the program cannot change");
	return answer(tracee, error == -ENOLCK ? EPERM : -error);
}

enum judgement judge_decide(struct tracee *tracee)
{
	struct call *call = tracee->call;
	struct judged *judged = call->judged;
	const struct event_syscall *made = &call->event.syscall;
	if (!judged) {
		note_about(tracee, "policy-unread", "calls were refused that could not be judged in time");
		return answer(tracee, made->abi == ABI_UNKNOWN ? ENOSYS : EPERM);
	}
	if (!judge.dry_run && prepare(tracee) == JUDGE_LATER)
		return JUDGE_LATER;
	struct hearing hearing = { .tracee = tracee, .judged = judged, .abi = made->abi, .number = made->number };
	ask_number(&hearing, made);
	if (judged->row && !judged->error)
		ask_object(&hearing);
	if (!hearing.forbidden)
		return make(tracee);
	if (hearing.kills)
		transitions_kill_all();
	return answer(tracee, hearing.error);
}

/* ---- when it is over ---- */

bool judge_awaits(const struct tracee *tracee)
{
	const struct call *call = tracee->call;
	const struct judged_call *row = call && call->judged ? call->judged->row : NULL;
	return tracee->reroute || (call && call->is_raced) || (row && row->object == JUDGED_ANSWER);
}

/* Something else was mapped than what was judged, by a race: nothing of it may run. */
static void ask_again(struct tracee *tracee)
{
	const struct event_syscall *made = &tracee->call->event.syscall;
	struct hearing hearing = { .tracee = tracee, .judged = tracee->call->judged, .abi = made->abi,
				   .number = made->number };
	if (hearing.judged)
		ask_files(&hearing);
	if (hearing.forbidden || ((!hearing.judged || hearing.judged->error) && !judge.dry_run))
		kill(tracee->process->pid, SIGKILL);
	if (hearing.kills)
		transitions_kill_all();
}

void judge_left(struct tracee *tracee)
{
	struct call *call = tracee->call;
	struct event_syscall *made = &call->event.syscall;
	if (call->is_raced && made->ret >= 0)
		ask_again(tracee);
	bool listens = made->abi != ABI_UNKNOWN && call->desc && strcmp(call->desc->name, "seccomp") == 0 &&
		       made->args[0] == SECCOMP_SET_MODE_FILTER && (made->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER);
	tracee->process->has_listener |= judge.policy && listens && made->ret >= 0;
}

/* ---- programs ---- */

struct judged *judge_take_image(const struct tracee *tracee)
{
	static const struct judged_call exec = { "execve", POLICY_EXEC, JUDGED_PROGRAM, 0 };
	struct judged *judged = judge.policy ? judged_create(&exec, judge.policy, tracee->process->domain,
							    supervisor_get()->shim) : NULL;
	if (judged)
		judged->names_only = !(judge.subjects >> POLICY_EXEC & 1);
	return judged;
}

static void enter(struct process *process, const struct judged *judged)
{
	/* The script first, then its interpreter: the file that runs is the first of the list. */
	for (unsigned i = judged->file_count; i-- > 0;)
		process->domain = policy_enter(judge.policy, process->domain, strbuf_bytes(&judged->files[i].path));
	if (judged->file_count)
		learner_enter(process, strbuf_bytes(&judged->files[0].path));
	judge.has_domains |= process->domain != 0;
}

void judge_adopted(const struct tracee *tracee)
{
	if (!judge.has_domains || judge.dry_run)
		return;
	note_about(tracee, "policy-guard", "a process was ended of which it is not known who started it, and so which rules hold");
	kill(tracee->process->pid, SIGKILL);
}

bool judge_image(struct tracee *tracee, struct image *image)
{
	const struct judged *judged = image->judged;
	struct hearing hearing = { .tracee = tracee, .judged = judged, .abi = ABI_X86_64, .number = SYS_execve };
	if (!judge.policy)
		return true;
	bool concerned = judge.subjects >> POLICY_EXEC & 1;
	if (judged && concerned)
		ask_files(&hearing);
	bool unknown = !judged || (judged->error && concerned);
	if (unknown)
		note_about(tracee, "policy-unread", "a program was ended that could not be judged in time");
	if (hearing.forbidden || (unknown && !judge.dry_run)) {
		kill(tracee->process->pid, SIGKILL);
		if (hearing.kills)
			transitions_kill_all();
		return false;
	}
	if (judged)
		enter(tracee->process, judged);
	return true;
}
