/* Calls made otherwise: see rewrite.h. */
#include "rewrite.h"

#include "actions.h"
#include "call.h"
#include "credentials.h"
#include "judged.h"
#include "model/sockaddr.h"
#include "procfs.h"
#include "reroute.h"
#include "socknames.h"
#include "trace.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { HEADER_BYTES_64 = 56, HEADER_BYTES_32 = 28 };

enum rewrite_answer rewrite_prepare(struct tracee *tracee, bool tries)
{
	const struct credentials *as = credentials_of(tracee);
	const struct process *process = tracee->process;
	struct judged *judged = tracee->call->judged;
	if (!process->space || !as)
		return REWRITE_FAILED;
	if (judged->has_memory)
		return REWRITE_READY;
	unsigned how = (tries ? PINNED_TRIES : 0U) | (process->trace_all ? PINNED_FILTERED : 0U) |
		       (process_is_alone(process) ? PINNED_ALONE : 0U);
	enum pinned_answer answer = pinned_begin(process->space, tracee->tid, &as->identity, how, &tracee->pinning);
	judged->has_memory = answer == PINNED_READY;
	if (judged->has_memory)
		return REWRITE_READY;
	if (answer != PINNED_RUNNING)
		return REWRITE_FAILED;
	call_release(tracee->call);
	tracee->call = NULL;
	tracee->state = TRACEE_PINNING;
	resume_tracee(tracee, RESUME_SYSCALL, 0);
	return REWRITE_LATER;
}

static struct reroute *begin(struct tracee *tracee)
{
	const struct process *process = tracee->process;
	const struct credentials *as = credentials_of(tracee);
	if (!process->space || !as)
		return NULL;
	struct reroute_task task = { .tid = tracee->tid, .abi = (enum event_abi)tracee->call->event.syscall.abi,
				     .as = &as->identity, .own_root = !process->root && !process->other_mounts };
	return reroute_begin(&task, process->space);
}

/* The name of a header leads to the copy of the address, or nowhere. */
static void lead_header(struct judged *judged, uint64_t address)
{
	int32_t name_len;
	memcpy(&name_len, judged->header + judged->word_bytes, sizeof name_len);
	if (name_len >= 0)
		memcpy(judged->header, &address, judged->word_bytes);
}

/* A unix socket's name becomes that of the very socket, or of the place in the directory, which was judged. */
static bool lead_socket(struct reroute *reroute, struct judged *judged)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct walk_result *found = &judged->socket;
	struct bytes own;
	bool by_name = judged->row->object == JUDGED_NAME;
	int *fd = by_name ? &found->parent_fd : &found->object_fd, given = *fd;
	if (!judged->has_socket || !judged->leads_unix || given < 0)
		return true;
	*fd = -1;
	if (reroute_name(reroute, given, by_name ? found->name : "", name.sun_path, sizeof name.sun_path - 1))
		return false;
	if (by_name && found->trailing_slash)
		strcat(name.sun_path, "/");
	else if (by_name && sockaddr_unix_path(bytes_of((const char *)judged->address, judged->address_len), &own))
		socknames_add(name.sun_path, strlen(name.sun_path) - strlen(found->name) - 1, own);
	memcpy(judged->address, &name, sizeof name);
	judged->address_len = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name.sun_path) + 1);
	return true;
}

/* The length goes with the address: the argument behind it, or the header's second word. */
static void set_length(struct judged *judged)
{
	int32_t name_len;
	if (judged->address_arg < 6)
		judged->args[judged->address_arg + 1] = judged->address_len;
	if (judged->header_arg >= 6 || !judged->address_len)
		return;
	memcpy(&name_len, judged->header + judged->word_bytes, sizeof name_len);
	if (name_len >= 0)
		memcpy(judged->header + judged->word_bytes, &judged->address_len, sizeof judged->address_len);
}

/* The copies go into pinned memory, and the arguments lead there. */
static bool pin(struct reroute *reroute, struct judged *judged)
{
	if (!lead_socket(reroute, judged))
		return false;
	set_length(judged);
	uint64_t address = judged->address_len ? reroute_put(reroute, judged->address, judged->address_len) : 0;
	if (judged->address_len && !address)
		return false;
	if (judged->address_arg < 6)
		judged->args[judged->address_arg] = address;
	if (judged->header_arg >= 6)
		return true;
	lead_header(judged, address);
	judged->args[judged->header_arg] = reroute_put(reroute, judged->header, judged->header_len);
	return judged->args[judged->header_arg] != 0;
}

bool rewrite_is_needed(const struct judged *judged)
{
	bool reaches = false;
	for (unsigned i = 0; i < judged->path_count; i++)
		reaches |= !judged->paths[i].error;
	return !judged->error && (judged->is_made_otherwise || reaches);
}

static int lead_paths(struct reroute *reroute, struct judged *judged)
{
	int error = 0;
	for (unsigned i = 0; i < judged->path_count && !error; i++)
		error = reroute_add_path(reroute, &judged->paths[i]);
	return error;
}

static int lead_copies(struct reroute *reroute, struct judged *judged, enum event_abi abi)
{
	const struct syscall_desc *desc = syscall_lookup(abi, judged->number);
	if (!desc || !pin(reroute, judged) || !reroute_set_call(reroute, desc->name))
		return -ENOLCK;
	for (unsigned i = 0; i < desc->arg_count; i++)
		reroute_set_argument(reroute, i, judged->args[i]);
	return 0;
}

/* A path that leads nowhere is an error of the call's, whatever else would have come of it. */
static int first_error(const struct judged *judged)
{
	int error = 0;
	for (unsigned i = 0; i < judged->path_count && !error; i++)
		error = judged->paths[i].error;
	return error;
}

int rewrite_begin(struct tracee *tracee)
{
	struct judged *judged = tracee->call->judged;
	enum event_abi abi = (enum event_abi)tracee->call->event.syscall.abi;
	int error = first_error(judged);
	if (error || !rewrite_is_needed(judged))
		return error;
	struct reroute *reroute = begin(tracee);
	if (!reroute)
		return -ENOLCK;
	error = judged->path_count ? lead_paths(reroute, judged) : lead_copies(reroute, judged, abi);
	if (!error && !reroute_apply(reroute))
		error = -ESRCH;
	if (error) {
		reroute_abandon(&reroute);
		return error;
	}
	tracee->reroute = reroute;
	tracee->many = judged->many;
	tracee->word_bytes = judged->word_bytes;
	return 0;
}

/* As sendmmsg(2) that sent one message: its length where the kernel would have put it. */
static int64_t finish_many(const struct tracee *tracee, int64_t sent)
{
	struct user_regs_struct registers;
	uint32_t len = (uint32_t)sent;
	uint64_t at = tracee->many + (tracee->word_bytes == 8 ? HEADER_BYTES_64 : HEADER_BYTES_32);
	struct iovec local = { &len, sizeof len }, remote = { (void *)(uintptr_t)at, sizeof len };
	int64_t result = process_vm_writev(tracee->tid, &local, 1, &remote, 1, 0) == sizeof len ? 1 : -EFAULT;
	if (trace_get_registers(tracee->tid, &registers)) {
		registers.rax = (unsigned long long)result;
		trace_set_registers(tracee->tid, &registers);
	}
	return result;
}

bool rewrite_end(struct tracee *tracee)
{
	int64_t result;
	if (!tracee->reroute)
		return false;
	bool again = reroute_end(&tracee->reroute, &result) == REROUTE_AGAIN;
	if (tracee->many && result >= 0)
		result = finish_many(tracee, result);
	if (tracee->call)
		tracee->call->event.syscall.ret = result;
	return again;
}
